//! Deploys the template with SAM onto an emulator of AWS that enforces permissions, and tests the stack there.

use crate::sdk;
use crate::tools::{build, command, python, root, run as run_command, target};
use std::ffi::OsStr;
use std::process::Command;

/// Builds and deploys the project in a network of its own and tests the stack; with `bite`, removes each permission in turn.
/// `only` selects steps by a part of their title. A system without namespaces is an error, or with
/// `where_possible` one line.
pub(crate) fn run(bite: bool, only: Option<&str>, where_possible: bool) -> Result<(), String> {
    if let Err(why) = run_command(apart("ip").args(["link", "set", "lo", "up"])) {
        if where_possible {
            println!("the template was not deployed: {why}");
            return Ok(());
        }
        return Err(why);
    }
    build()?;
    let sam = python("sam", &root().join("xtask/sam/requirements.txt"))?;
    let interpreter = python("deployed", &root().join("xtask/deployed/requirements.txt"))?;
    let clients = sdk::install()?;
    let tools = sam.parent().ok_or("the tools of SAM lie nowhere")?;
    let mut apart = apart(interpreter);
    apart
        .args(["-W", "ignore", "-u"])
        .arg(root().join("xtask/deployed/main.py"))
        .arg("--root")
        .arg(root())
        .arg("--tools")
        .arg(tools);
    apart.arg("--work").arg(target().join("deployed")).arg("--binaries").arg(target().join("debug"));
    apart.arg("--sdk-python").arg(clients);
    if bite {
        apart.arg("--bite");
    }
    if let Some(only) = only {
        apart.args(["--only", only]);
    }
    run_command(apart.env("PYTHONDONTWRITEBYTECODE", "1"))
}

/// Runs a program in namespaces of its own, where it reaches no other network and can use every port and host name.
fn apart(program: impl AsRef<OsStr>) -> Command {
    let mut apart = command("unshare");
    apart.args(["--map-root-user", "--net", "--mount"]).arg(program);
    apart
}
