//! Figures of the functions as they are deployed, each beside something measured in the same run, and the budgets they are held
//! against (`docs/performance.md`).

mod client;
mod cold;
mod hash;
mod idle;
mod load;
mod runtime;
mod work;
mod world;

use crate::sam::release;
use crate::tools::{cargo, run as run_command};
use clap::ValueEnum;
use latchkey::template::Template;
use std::time::Duration;
use world::World;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Cold starts, memory and packages
    Cold,
    /// CPU per event
    Work,
    /// The password hash
    Hash,
    /// Many users who sign in by code at the same time
    Load,
    /// The stack on a developer's machine without requests
    Idle,
}

/// Builds what is deployed and measures these parts of it, or all.
pub(crate) fn run(quick: bool, only: &[Part]) -> Result<(), String> {
    if only == [Part::Idle] {
        return quiet(idle::measure()?);
    }
    let template = Template::load()?;
    let functions = template.functions.iter().flat_map(|function| ["--package", function.binary.as_str()]);
    // The local stack is not deployed, and linking it for size takes minutes.
    let (words, folder) = release();
    run_command(cargo().arg("build").args(words).args(["--package", "bare"]).args(functions))?;
    let wanted = |part| only.is_empty() || only.contains(&part);
    let mut missed = 0;
    if wanted(Part::Cold) || wanted(Part::Work) {
        let world = World::new(world::Hash::Negligible)?;
        if wanted(Part::Cold) {
            missed += cold::measure(&folder, &world)?;
        }
        if wanted(Part::Work) {
            missed += work::measure(&folder, &world, quick)?;
        }
    }
    if wanted(Part::Hash) {
        missed += hash::measure(&folder, quick)?;
    }
    if wanted(Part::Load) {
        missed += load::measure(&folder)?;
    }
    let restless = if wanted(Part::Idle) { idle::measure()? } else { 0 };
    conclude(missed);
    quiet(restless)
}

/// An idle stack that uses the processor is an error on any machine; the other budgets are of one machine.
fn quiet(missed: u32) -> Result<(), String> {
    if missed == 0 { Ok(()) } else { Err("the idle stack is over its budget".to_owned()) }
}

fn conclude(missed: u32) {
    println!(
        "\n{}",
        if missed == 0 {
            "Every figure is within its budget.".to_owned()
        } else {
            format!("{missed} figures are over budget.")
        }
    );
}

/// A figure against its budget: what to print, and 1 when it is over.
fn verdict(is: f64, most: f64) -> (String, u32) {
    if is <= most { ("within".to_owned(), 0) } else { (format!("over by {:.0} %", (is / most - 1.0) * 100.0), 1) }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn in_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", in_ms(time))
}
