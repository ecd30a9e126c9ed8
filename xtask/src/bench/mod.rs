//! Figures of the functions as they are deployed, each beside something measured in the same run.

mod runtime;
mod world;

use crate::tools::{cargo, run as run_command, target};
use latchkey::template::Template;
use runtime::Process;
use std::path::{Path, PathBuf};
use std::time::Duration;
use world::World;

/// Cold starts of each function; the median counts.
const STARTS: usize = 21;
/// Events per figure of CPU time.
const EVENTS: u32 = 1000;
/// People stored beside the one who signs in.
const CROWDS: [usize; 3] = [100, 10_000, 100_000];

/// Builds what is deployed and measures it.
pub(crate) fn run(quick: bool) -> Result<(), String> {
    run_command(cargo().args(["build", "--release", "--locked", "--workspace", "--bins"]))?;
    let folder = target().join("release");
    let template = Template::load()?;
    let world = World::new()?;
    starts(&folder, &template, &world)?;
    work(&folder, &world, quick)
}

fn starts(folder: &Path, template: &Template, world: &World) -> Result<(), String> {
    let env = world.environment();
    let bare = Cold::of(&folder.join("bare"), &env, &world.event("init-api", 0))?;
    println!("\nCold start, medians of {STARTS}; the bare function does nothing. Zipped is what is deployed.\n");
    println!("| function | first poll | × bare | first answer | peak memory | zipped |");
    println!("|---|---|---|---|---|---|");
    println!(
        "| bare | {} | 1.00 | {} | {} | {} |",
        ms(bare.poll),
        ms(bare.answer),
        mib(bare.peak_kib * 1024),
        mib(bare.zipped)
    );
    let mut names: Vec<&str> = template.functions.iter().map(|function| function.binary.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let cold = Cold::of(&folder.join(name), &env, &world.first_event(name))?;
        let ratio = cold.poll.as_secs_f64() / bare.poll.as_secs_f64();
        println!(
            "| {name} | {} | {ratio:.2} | {} | {} | {} |",
            ms(cold.poll),
            ms(cold.answer),
            mib(cold.peak_kib * 1024),
            mib(cold.zipped)
        );
    }
    Ok(())
}

/// A cold start.
struct Cold {
    poll: Duration,
    answer: Duration,
    peak_kib: u64,
    zipped: u64,
}

impl Cold {
    fn of(binary: &Path, env: &[(String, String)], event: &str) -> Result<Self, String> {
        let (mut polls, mut answers, mut peak_kib) = (Vec::new(), Vec::new(), 0);
        for _ in 0..STARTS {
            let mut process = Process::start(binary, env)?;
            polls.push(process.first_poll);
            process.call(event)?;
            answers.push(process.age());
            peak_kib = peak_kib.max(process.peak_kib());
        }
        Ok(Self { poll: median(polls), answer: median(answers), peak_kib, zipped: zipped(binary)? })
    }
}

fn work(folder: &Path, world: &World, quick: bool) -> Result<(), String> {
    println!(
        "\nCPU per event, user and system, {EVENTS} events; the hash is made negligible. Ratios are to the first row of each endpoint.\n"
    );
    println!("| endpoint | people stored | CPU | × | round trips |");
    println!("|---|---|---|---|---|");
    let mut first = std::collections::BTreeMap::new();
    for crowd in CROWDS.into_iter().filter(|crowd| !quick || *crowd <= 10_000) {
        world.fill(crowd)?;
        for (endpoint, binary) in [
            ("whoami", "whoami"),
            ("init-api", "login-init-api"),
            ("get-flow", "login-get-flow"),
            ("submit", "login-submit"),
        ] {
            let events = world.events(endpoint, EVENTS)?;
            let mut process = Process::start(&folder.join(binary), &world.environment())?;
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
            let base = *first.entry(endpoint).or_insert(each);
            println!(
                "| {endpoint} | {crowd} | {} | {:.2} | {} |",
                ms(each),
                each.as_secs_f64() / base.as_secs_f64(),
                world.trips(endpoint)
            );
        }
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Size of a binary as a deployment package, in bytes.
fn zipped(binary: &Path) -> Result<u64, String> {
    let archive: PathBuf = target().join("bench.zip");
    let zip =
        "import sys,zipfile; zipfile.ZipFile(sys.argv[2],'w',zipfile.ZIP_DEFLATED).write(sys.argv[1],'bootstrap')";
    run_command(crate::tools::command("python3").args(["-c", zip]).arg(binary).arg(&archive))?;
    std::fs::metadata(&archive).map(|meta| meta.len()).map_err(|e| e.to_string())
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}
