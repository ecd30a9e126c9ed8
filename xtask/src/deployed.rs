//! The template deployed as its users do it, by SAM, onto an emulator of AWS that enforces permissions, and tried there.

use crate::tools::{build, command, python, root, run as run_command, target};

/// Builds and deploys the project in a network of its own and tries the stack; with `bite`, takes each permission away in turn.
/// Only steps whose title holds a text are tried when there is one.
pub(crate) fn run(bite: bool, only: Option<&str>) -> Result<(), String> {
    build()?;
    let sam = python("sam", &root().join("xtask/sam/requirements.txt"))?;
    let interpreter = python("deployed", &root().join("xtask/deployed/requirements.txt"))?;
    let tools = sam.parent().ok_or("the tools of SAM lie nowhere")?;
    // Nothing outside is reached from there, and every port and every name is the run's own.
    let mut apart = command("unshare");
    apart.args(["--map-root-user", "--net", "--mount"]).arg(&interpreter).args(["-W", "ignore", "-u"]);
    apart.arg(root().join("xtask/deployed/main.py")).arg("--root").arg(root()).arg("--tools").arg(tools);
    apart.arg("--work").arg(target().join("deployed")).arg("--binaries").arg(target().join("debug"));
    if bite {
        apart.arg("--bite");
    }
    if let Some(only) = only {
        apart.args(["--only", only]);
    }
    run_command(apart.env("PYTHONDONTWRITEBYTECODE", "1"))
}
