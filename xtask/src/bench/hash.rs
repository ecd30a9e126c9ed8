//! What the password hash costs in a login, and whether its time reveals which identifiers exist.

use super::runtime::Process;
use super::world::{Hash, World};
use super::{in_ms, median, ms, verdict};
use crate::tools::command;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

/// Rounds in which the crate, a login and a login without a hash take turns, so that other load of the machine affects all.
const ROUNDS: u32 = 25;
/// Hashes of each kind in a round.
const HASHES: u32 = 4;
/// Attempts of each kind that are compared.
const ATTEMPTS: usize = 400;
/// What the hash may cost, as a multiple of the argon2 crate alone.
const MOST_OF_ALONE: f64 = 1.1;
/// Distance of two distributions in standard errors from which they can be told apart.
const TELLING: f64 = 3.0;

/// Prints two tables; how many figures are over budget.
pub(super) fn measure(folder: &Path, quick: bool) -> Result<u32, String> {
    let mut argon2 = Crate::start(folder)?;
    let (mut owasp, mut negligible) = (Logins::new(folder, Hash::Owasp)?, Logins::new(folder, Hash::Negligible)?);
    let (mut alone, mut whole, mut rest): (Duration, Duration, Duration) = Default::default();
    for _ in 0..ROUNDS {
        alone += argon2.one()? / ROUNDS;
        whole += owasp.one()? / ROUNDS;
        rest += negligible.one()? / ROUNDS;
    }
    let hash = whole.saturating_sub(rest);
    let ratio = hash.as_secs_f64() / alone.as_secs_f64();
    let (said, missed) = verdict(ratio, MOST_OF_ALONE);
    println!(
        "\nThe password hash, argon2id with 19 MiB and two passes, CPU over {}, taking turns. Budget: {MOST_OF_ALONE} × the crate alone.\n",
        ROUNDS * HASHES
    );
    println!("| | CPU | × alone | budget |");
    println!("|---|---|---|---|");
    println!("| the argon2 crate alone | {} | 1.00 | |", ms(alone));
    println!(
        "| in a submit: its CPU less that of one without a hash to speak of | {} | {ratio:.2} | {said} |",
        ms(hash)
    );
    Ok(missed + telling(folder, if quick { ATTEMPTS / 4 } else { ATTEMPTS })?)
}

/// The crate, without a function around it.
struct Crate {
    child: Child,
    asking: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for Crate {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Crate {
    fn start(folder: &Path) -> Result<Self, String> {
        let program = folder.join("argon2-alone");
        let mut child = command(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{}: {e}", program.display()))?;
        let (asking, answers) = child.stdin.take().zip(child.stdout.take()).ok_or("no pipes to the crate")?;
        let mut alone = Self { child, asking, answers: BufReader::new(answers) };
        alone.one()?;
        Ok(alone)
    }

    /// CPU of one hash.
    fn one(&mut self) -> Result<Duration, String> {
        let mut line = String::new();
        let asked = writeln!(self.asking, "{HASHES}").and_then(|()| self.answers.read_line(&mut line));
        asked.map_err(|e| format!("argon2-alone: {e}"))?;
        line.trim().parse().map(Duration::from_nanos).map_err(|_| format!("argon2-alone says {line:?}"))
    }
}

/// A function that logins are sent to.
struct Logins {
    world: World,
    process: Process,
}

impl Logins {
    fn new(folder: &Path, hash: Hash) -> Result<Self, String> {
        let world = World::new(hash)?;
        let process = Process::start(&folder.join("login-submit"), &world.environment())?;
        let mut logins = Self { world, process };
        // The first is a cold one.
        logins.one()?;
        Ok(logins)
    }

    /// CPU of one login.
    fn one(&mut self) -> Result<Duration, String> {
        let events = self.world.events("submit", HASHES)?;
        let before = self.process.cpu();
        for event in &events {
            self.process.call(event)?;
        }
        Ok((self.process.cpu() - before) / HASHES)
    }
}

/// Compares how long attempts take that must look alike. They take turns, so that other load of the machine affects all.
fn telling(folder: &Path, attempts: usize) -> Result<u32, String> {
    let world = World::new(Hash::Owasp)?;
    world.import("cheap@example.org", "{SSHA}JFZFs0oHzxbMwkSJmYVeI8MnTDy/276a")?;
    // Between nothing and today's hash, where costs that are added or modelled show best.
    world.import("bcrypt@example.org", "$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq")?;
    let kinds = [
        ("wrong password", "ada0@example.org"),
        ("unknown identifier", "unknown@example.org"),
        ("wrong password, imported cheap hash", "cheap@example.org"),
        ("wrong password, imported bcrypt of cost 7", "bcrypt@example.org"),
    ];
    let mut process = Process::start(&folder.join("login-submit"), &world.environment())?;
    let mut times: [Vec<Duration>; 4] = Default::default();
    for round in 0..attempts {
        for kind in order(round) {
            let event = world.attempt(kinds[kind].1)?;
            let began = Instant::now();
            process.call(&event)?;
            times[kind].push(began.elapsed());
        }
    }
    println!(
        "\nTime of {attempts} attempts each, taking turns. Distance: how far the mean rank is from that of a wrong password, in standard errors \
         (Mann and Whitney); below {TELLING} so many attempts cannot tell them apart.\n"
    );
    println!("| attempt | 10 % | median | 90 % | distance | |");
    println!("|---|---|---|---|---|---|");
    let mut missed = 0;
    for (at, (name, _)) in kinds.iter().enumerate() {
        let distance = distance(&times[0], &times[at]);
        let (said, over) = if at == 0 { (String::new(), 0) } else { verdict(distance.abs(), TELLING) };
        missed += over;
        let mut sorted = times[at].clone();
        sorted.sort_unstable();
        let part = |tenths: usize| format!("{:.2} ms", in_ms(sorted[sorted.len() * tenths / 10]));
        println!("| {name} | {} | {} | {} | {distance:+.1} | {said} |", part(1), ms(median(sorted.clone())), part(9));
    }
    Ok(missed)
}

/// Each order of four in turn. What an attempt leaves in caches and in the allocator is a matter of the one before it.
fn order(round: usize) -> [usize; 4] {
    let mut left = vec![0, 1, 2, 3];
    let mut take = |at: usize| left.remove(at);
    [take(round % 4), take(round / 4 % 3), take(round / 12 % 2), take(0)]
}

/// The rank-sum statistic of two samples, normalised: 0 when one is as often above the other as below.
fn distance(a: &[Duration], b: &[Duration]) -> f64 {
    let above: f64 = b
        .iter()
        .map(|y| a.iter().map(|x| f64::from(u8::from(y > x)) + 0.5 * f64::from(u8::from(y == x))).sum::<f64>())
        .sum();
    let (n, m) = (a.len() as f64, b.len() as f64);
    (above - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}
