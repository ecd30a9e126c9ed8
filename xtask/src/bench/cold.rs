//! Cold starts, memory and package size of every function.

use super::runtime::Process;
use super::world::World;
use super::{median, ms, verdict};
use crate::tools::{command, run as run_command, target};
use latchkey::template::Template;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Cold starts of each function; the median counts.
const STARTS: usize = 41;
const MOST_MEMORY_MIB: f64 = 16.0;
/// What every visit calls, by the end of its name.
const VISITED: [&str; 6] = ["init-browser", "init-api", "get-flow", "whoami", "authorizer", "sessions"];

/// First poll, as a multiple of the bare function's, and the size of the package in MiB. Functions that hash passwords link the most.
fn most(name: &str) -> (f64, f64) {
    if name.ends_with("-submit") || name == "admin-identities" {
        (1.5, 4.5)
    } else if VISITED.iter().any(|visited| name.ends_with(visited)) && !name.starts_with("admin-") || name == "ui" {
        (1.25, 2.75)
    } else {
        (1.25, 3.0)
    }
}

/// An address without a listener: a function sets up TLS as on AWS, and its connection fails.
const NO_LISTENER: &str = "https://127.0.0.1:9";

/// Prints the table; how many figures are over budget.
pub(super) fn measure(folder: &Path, world: &World) -> Result<u32, String> {
    let template = Template::load()?;
    let mut names: Vec<&str> = template.functions.iter().map(|function| function.binary.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    // It runs once per deployment, and answers CloudFormation.
    names.retain(|name| *name != "courier-key");
    println!(
        "\nCold start, medians of {STARTS}. First poll: from the start of the process until it asks for an event, with TLS to the store set up as on \
         AWS; the bare function starts by turns with each. First answer: a native login is begun, or what is nearest, against a store beside it. Budgets: {MOST_MEMORY_MIB} MiB of memory; \
         first poll 1.25 × bare and 2.75 MiB zipped for what every visit calls, 1.5 × and 4.5 MiB for what hashes passwords, 1.25 × and \
         3 MiB for the others.\n"
    );
    println!("| function | first poll | × bare | first answer | peak memory | zipped | budgets |");
    println!("|---|---|---|---|---|---|---|");
    let bare = folder.join("bare");
    row("bare", &Cold::of(&bare, &bare, world, &world.event("init-api"))?);
    let mut missed = 0;
    for name in names {
        missed += row(name, &Cold::of(&folder.join(name), &bare, world, &world.first_event(name))?);
    }
    Ok(missed)
}

fn row(name: &str, cold: &Cold) -> u32 {
    let ratio = cold.poll.as_secs_f64() / cold.bare.as_secs_f64();
    let (memory, zipped) = (mib(cold.peak_kib * 1024), mib(cold.zipped));
    let (most_of_bare, most_zipped) = most(name);
    let verdicts = [("start", ratio, most_of_bare), ("memory", memory, MOST_MEMORY_MIB), ("size", zipped, most_zipped)];
    let over: Vec<String> = verdicts
        .into_iter()
        .map(|(what, is, most)| (what, verdict(is, most)))
        .filter(|(_, (_, over))| *over > 0)
        .map(|(what, (text, _))| format!("{what} {text}"))
        .collect();
    let said = if over.is_empty() { "within".to_owned() } else { over.join(", ") };
    println!(
        "| {name} | {} | {ratio:.2} | {} | {memory:.1} MiB | {zipped:.2} MiB | {said} |",
        ms(cold.poll),
        ms(cold.answer),
    );
    // Few enough to count.
    over.len() as u32
}

/// A cold start.
struct Cold {
    poll: Duration,
    /// The bare function's, taking turns.
    bare: Duration,
    answer: Duration,
    peak_kib: u64,
    zipped: u64,
}

impl Cold {
    fn of(binary: &Path, bare: &Path, world: &World, event: &str) -> Result<Self, String> {
        let (mut polls, mut bares, mut answers, mut peak_kib) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let mut as_on_aws = world.environment();
        for (name, value) in &mut as_on_aws {
            if name.starts_with("AWS_ENDPOINT_URL") {
                NO_LISTENER.clone_into(value);
            }
        }
        for _ in 0..STARTS {
            bares.push(Process::start(bare, &as_on_aws)?.first_poll);
            polls.push(Process::start(binary, &as_on_aws)?.first_poll);
            let mut process = Process::start(binary, &world.environment())?;
            process.call(event)?;
            answers.push(process.age());
            peak_kib = peak_kib.max(process.peak_kib());
        }
        Ok(Self {
            poll: median(polls),
            bare: median(bares),
            answer: median(answers),
            peak_kib,
            zipped: zipped(binary)?,
        })
    }
}

/// Size of a binary as a deployment package, in bytes.
fn zipped(binary: &Path) -> Result<u64, String> {
    let archive: PathBuf = target().join("bench.zip");
    let zip =
        "import sys,zipfile; zipfile.ZipFile(sys.argv[2],'w',zipfile.ZIP_DEFLATED).write(sys.argv[1],'bootstrap')";
    run_command(command("python3").args(["-c", zip]).arg(binary).arg(&archive))?;
    std::fs::metadata(&archive).map(|meta| meta.len()).map_err(|e| e.to_string())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
