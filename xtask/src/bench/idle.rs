//! What the stack on a developer's machine costs without requests.

use super::{in_ms, verdict};
use crate::tools::{cargo, command, free_port, root, run as run_command, start, target};
use std::process::Stdio;
use std::time::Duration;

/// How long it is watched.
const WATCHED: Duration = Duration::from_secs(60);
/// How long it has to settle first.
const SETTLING: Duration = Duration::from_secs(5);
/// CPU that it may take in a minute: a thousandth of a core.
const MOST: Duration = Duration::from_millis(60);

/// Prints a table; how many figures are over budget.
pub(super) fn measure() -> Result<u32, String> {
    // As developers run it: not optimised, and linked in seconds.
    run_command(cargo().args(["build", "--locked", "--package", "latchkey"]))?;
    let (port, folder) = (free_port()?, tempfile::tempdir().map_err(|e| e.to_string())?);
    let mut latchkey = command(target().join("debug/latchkey"));
    latchkey
        .args(["--dev", "--port-base", &port.to_string(), "--data"])
        .arg(folder.path())
        .arg("--config")
        .arg(root().join("config/kratos.yml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let running = start(&mut latchkey, port)?;
    rest(SETTLING);
    let before = running.cpu();
    rest(WATCHED);
    let spent = running.cpu().saturating_sub(before);
    let (said, missed) = verdict(in_ms(spent), in_ms(MOST));
    println!(
        "\nThe stack on this machine without requests, debug build, a configuration file that it follows, state on disk.\n"
    );
    println!("| | CPU in {} s | of a core | budget |", WATCHED.as_secs());
    println!("|---|---|---|---|");
    println!(
        "| idle stack | {:.0} ms | {:.3} % | {said} |",
        in_ms(spent),
        spent.as_secs_f64() / WATCHED.as_secs_f64() * 100.0
    );
    Ok(missed)
}

#[expect(clippy::disallowed_methods, reason = "what is measured is that nothing happens meanwhile")]
fn rest(duration: Duration) {
    std::thread::sleep(duration);
}
