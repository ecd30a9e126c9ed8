//! CPU per request, with few and with many identities stored.

use super::runtime::Process;
use super::world::World;
use super::{in_ms, ms, verdict};
use std::collections::BTreeMap;
use std::path::Path;

/// Events per figure.
const EVENTS: u32 = 1000;
/// Identities stored besides those that sign in.
const CROWDS: [usize; 3] = [100, 10_000, 100_000];
/// How much more a request may cost with the most identities than with the fewest.
const MOST_GROWTH: f64 = 1.3;
/// Budgets in milliseconds of CPU; a login is an init and a submit together.
const WHOAMI: f64 = 0.22;
const INIT: f64 = 0.4;
const LOGIN: f64 = 1.2;

/// Prints the table; how many figures are over budget.
pub(super) fn measure(folder: &Path, world: &World, quick: bool) -> Result<u32, String> {
    println!(
        "\nCPU per event, user and system, over {EVENTS} events; the hash is made negligible. Growth is to the first crowd. Budgets: whoami \
         {WHOAMI} ms, init {INIT} ms, a login (init and submit) {LOGIN} ms, growth {MOST_GROWTH}.\n"
    );
    println!("| endpoint | identities stored | CPU | growth | round trips | budgets |");
    println!("|---|---|---|---|---|---|");
    let (mut first, mut missed) = (BTreeMap::new(), 0);
    for crowd in CROWDS.into_iter().filter(|crowd| !quick || *crowd <= 10_000) {
        world.fill(crowd)?;
        world.sign_in()?;
        let mut init = 0.0;
        for (endpoint, binary) in
            [("whoami", "whoami"), ("init-api", "init-api"), ("get-flow", "get-flow"), ("submit", "login-submit")]
        {
            let (each, trips) = cpu(&folder.join(binary), world, endpoint)?;
            let base = *first.entry(endpoint).or_insert(each);
            let growth = each.as_secs_f64() / base.as_secs_f64();
            let cost = match endpoint {
                "whoami" => Some((in_ms(each), WHOAMI)),
                "init-api" => {
                    init = in_ms(each);
                    Some((init, INIT))
                }
                "submit" => Some((init + in_ms(each), LOGIN)),
                _ => None,
            };
            let (cost, over) = cost.map_or(("–".to_owned(), 0), |(is, most)| verdict(is, most));
            let (grown, more) = verdict(growth, MOST_GROWTH);
            missed += over + more;
            println!("| {endpoint} | {crowd} | {} | {growth:.2} | {trips} | CPU {cost}, growth {grown} |", ms(each));
        }
    }
    Ok(missed)
}

/// CPU per event, and the round trips that the function says it made.
fn cpu(binary: &Path, world: &World, endpoint: &str) -> Result<(std::time::Duration, String), String> {
    let events = world.events(endpoint, EVENTS)?;
    let mut process = Process::start(binary, &world.environment())?;
    // The first event pays for what is made once.
    process.call(&world.events(endpoint, 1)?[0])?;
    let before = process.cpu();
    for event in &events {
        let answer = process.call(event)?;
        if !answer.contains("\"statusCode\":200") {
            return Err(format!("{endpoint} answers {answer}"));
        }
    }
    let each = (process.cpu() - before) / EVENTS;
    Ok((each, process.last_logged("round_trips").unwrap_or_else(|| "?".to_owned())))
}
