//! Hostile requests in bulk: a million where the tests make 20,000, and different ones in each run.

use crate::tools::{cargo, run as run_command};
use std::time::Instant;

/// Requests of one process, which keeps its store and its log in memory until it ends.
const BATCH: u64 = 50_000;

/// Makes this many requests, with seeds from `seed` on.
///
/// # Errors
/// When an answer is wrong. The test prints the seed.
pub(crate) fn run(requests: u64, seed: u64) -> Result<(), String> {
    let batches = requests.div_ceil(BATCH);
    run_command(cargo().args(["test", "--package", "latchkey", "--test", "edge", "--locked", "--quiet", "--no-run"]))?;
    let began = Instant::now();
    for batch in 0..batches {
        let mut test = cargo();
        test.args(["test", "--package", "latchkey", "--test", "edge", "--locked", "--quiet", "--"]);
        test.args(["--exact", "fuzz::hostile_requests_are_answered"]);
        test.env("LATCHKEY_FUZZ_REQUESTS", BATCH.min(requests - batch * BATCH).to_string());
        test.env("LATCHKEY_FUZZ_SEED", (seed + batch).to_string());
        run_command(&mut test)?;
        let (done, seconds) = (requests.min((batch + 1) * BATCH), began.elapsed().as_secs_f64());
        let left = seconds / done as f64 * (requests - done) as f64;
        println!(
            "{done} of {requests} requests, seed {}; {:.0} a second, {:.0} min left",
            seed + batch,
            done as f64 / seconds,
            left / 60.0
        );
    }
    Ok(())
}
