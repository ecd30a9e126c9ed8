//! The official clients, unmodified, against a running stack.

use crate::tools::{self, build, command, free_port, python, root, start, target};
use std::path::PathBuf;
use std::process::Stdio;

/// Where the programs of the clients are.
fn folder() -> PathBuf {
    root().join("xtask/sdk")
}

/// Installs the clients; the Python that has those of Python.
pub(crate) fn install() -> Result<PathBuf, String> {
    tools::run(command("npm").current_dir(folder()).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    python("sdk", &folder().join("requirements.txt"))
}

/// Runs the blocks of docs/clients.md in a shell.
fn pasted(port: u16) -> Result<(), String> {
    if command("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("docs/clients.md was not tried: there is no curl");
        return Ok(());
    }
    let text = std::fs::read_to_string(root().join("docs/clients.md")).map_err(|e| format!("docs/clients.md: {e}"))?;
    let blocks: Vec<&str> = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    for block in &blocks {
        let block = block.replace("127.0.0.1:4433", &format!("127.0.0.1:{port}"));
        let done = command("sh").args(["-c", &block]).output().map_err(|e| format!("sh: {e}"))?;
        let said = String::from_utf8_lossy(&done.stdout);
        if !said.contains(r#""email":"demo@latchkey.example""#) {
            return Err(format!("docs/clients.md: this ends without a session:\n{block}\n{said}"));
        }
    }
    println!("ok  docs/clients.md: {} blocks, pasted", blocks.len());
    if blocks.is_empty() { Err("docs/clients.md has no block to paste".to_owned()) } else { Ok(()) }
}

/// Installs the clients and signs in with them, in one process and with one process per function.
pub(crate) fn run() -> Result<(), String> {
    let folder = folder();
    build()?;
    let interpreter = install()?;
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
        pasted(port)?;
    }
    Ok(())
}
