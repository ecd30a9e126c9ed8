//! The tests on other dates: no test may depend on the date on which it runs.

use crate::tools::{cargo, debian, run as run_command};
use std::path::Path;
use std::time::Instant;

/// Debian's package of the program that gives other programs another date.
const PACKAGE: &str = "faketime";
/// Where that package puts it.
const PROGRAM: &str = "/usr/bin/faketime";
/// How far the clock is moved. A year is longer than anything that the project keeps.
const DAYS: [&str; 2] = ["+365d", "-365d"];

/// Runs every test with the machine's clock a year ahead, then a year back. Arguments go to `cargo test`. Where there is no
/// `faketime`, that is an error, or with `where_possible` one line.
///
/// # Errors
/// When a test fails, or the clock cannot be moved.
pub(crate) fn run(arguments: &[String], where_possible: bool) -> Result<(), String> {
    if !Path::new(PROGRAM).is_file()
        && let Err(why) = debian(&[PACKAGE], PROGRAM)
    {
        if where_possible {
            println!("the tests were not run on another day: {why}");
            return Ok(());
        }
        return Err(why);
    }
    // Everything is built by the machine's own clock beforehand.
    run_command(cargo().args(["build", "--workspace", "--bins", "--locked", "--quiet"]))?;
    run_command(cargo().args(["test", "--workspace", "--locked", "--quiet", "--no-run"]))?;
    for days in DAYS {
        println!("\n-- the clock {days}");
        let began = Instant::now();
        let runner = format!("target.\"cfg(unix)\".runner=[\"{PROGRAM}\", \"-f\", \"{days}\"]");
        let mut test = cargo();
        test.args(["test", "--workspace", "--locked", "--quiet", "--config", &runner]).args(arguments);
        // Only the date moves: files keep their times, and waiting takes as long as ever.
        test.env("NO_FAKE_STAT", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        // Hostile requests are the same on any day; a few show that they are answered.
        test.env("LATCHKEY_FUZZ_REQUESTS", "800");
        run_command(&mut test)?;
        println!("{days}: {:.0} s", began.elapsed().as_secs_f64());
    }
    Ok(())
}
