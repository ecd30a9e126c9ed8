//! The official clients, unmodified, against a running stack.

use crate::tools::{self, build, command, free_port, python, root, start, target};
use std::process::Stdio;

/// Installs the clients and signs in with them, in one process and with one process per function.
pub(crate) fn run() -> Result<(), String> {
    let folder = root().join("xtask/sdk");
    build()?;
    tools::run(command("npm").current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    let interpreter = python("sdk", &folder.join("requirements.txt"))?;
    for mode in [None, Some("--processes")] {
        let port = free_port()?;
        let mut stack = command(target().join("debug/latchkey"));
        stack.args(["--no-pages", "--port-base", &port.to_string()]).args(mode).stdout(Stdio::null());
        stack.env("SELFSERVICE_METHODS_CODE_PASSWORDLESS_ENABLED", "true");
        let _running = start(&mut stack, port)?;
        let addresses = [port, port + 1, port + 3].map(|port| format!("http://127.0.0.1:{port}"));
        println!("\n-- clients against {}", mode.map_or("one process", |_| "one process per function"));
        tools::run(command("node").current_dir(&folder).arg("client.mjs").args(&addresses))?;
        tools::run(command(&interpreter).current_dir(&folder).arg("client.py").args(&addresses))?;
    }
    Ok(())
}
