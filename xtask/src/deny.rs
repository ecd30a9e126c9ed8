//! Dependencies: licences, bans, sources, and on demand advisories.

use crate::tools::{cargo, command, run as run_command, target};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Runs cargo-deny, installing it below the build folder where it is not there yet.
pub(crate) fn run(advisories: bool) -> Result<(), String> {
    let folder = target().join("tools");
    let program = folder.join("bin/cargo-deny");
    if !program.is_file() {
        println!("installing cargo-deny {VERSION}; this takes some minutes, once");
        let mut install = cargo();
        // Without optimisation it compiles in half the time, and checks in seconds.
        install
            .args(["install", "cargo-deny", "--version", VERSION, "--locked", "--quiet", "--debug", "--root"])
            .arg(&folder);
        // A build folder inside the other one, so that nothing of ours is rebuilt for it.
        run_command(install.env("CARGO_TARGET_DIR", folder.join("build")))?;
    }
    let mut check = command(program);
    check.args(["--locked", "--log-level", "error", "check", "bans", "licenses", "sources"]);
    if advisories {
        check.arg("advisories");
    }
    run_command(&mut check)
}
