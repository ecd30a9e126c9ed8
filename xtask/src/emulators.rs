//! The tests at the edge against other implementations of DynamoDB, which enforce rules that the embedded store does not.

use crate::tools::{cargo, command, free_port, python, root, run as run_command, start, target};
use std::process::{Command, Stdio};

/// Features that an emulator lacks, and the tests that need them. Transactions, which dynalite lacks, are implemented in
/// `tests/support/emulator.rs`.
const LACKING: [(&str, &[&str], &str); 0] = [];

/// Installs each emulator below the build folder, starts it, and runs all tests against it, or those whose names contain a text.
pub(crate) fn run(only: Option<&str>) -> Result<(), String> {
    against("ministack", &mut ministack()?, only)?;
    against("dynalite", &mut dynalite()?, only)
}

/// `ministack` (MIT), in Python: transactions, streams and indexes.
fn ministack() -> Result<Command, String> {
    let interpreter = python("emulators", &root().join("xtask/emulators/requirements.txt"))?;
    let mut server = command(interpreter);
    server.args(["-m", "ministack"]).env("LOG_LEVEL", "ERROR").env("BIND_HOST", "127.0.0.1");
    Ok(server)
}

/// `dynalite` (Apache-2.0), in JavaScript: expressions and validation, checked by its authors against DynamoDB itself.
fn dynalite() -> Result<Command, String> {
    let folder = target().join("emulators");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for file in ["package.json", "package-lock.json"] {
        let from = root().join("xtask/emulators").join(file);
        std::fs::copy(&from, folder.join(file)).map_err(|e| format!("{}: {e}", from.display()))?;
    }
    let mut install = command("npm");
    run_command(install.current_dir(&folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]))?;
    let mut server = command("node");
    server.arg(folder.join("node_modules/dynalite/cli.js")).args(["--host", "127.0.0.1", "--createTableMs", "0"]);
    Ok(server)
}

fn against(name: &str, server: &mut Command, only: Option<&str>) -> Result<(), String> {
    let port = free_port()?;
    // One takes its port from its environment, the other from its arguments.
    match name {
        "dynalite" => server.args(["--port", &port.to_string()]),
        _ => server.env("GATEWAY_PORT", port.to_string()),
    };
    let _running = start(server.stdout(Stdio::null()).stderr(Stdio::null()), port)?;
    println!("\n-- tests at the edge against {name}");
    let mut test = cargo();
    test.args(["test", "--locked", "--package", "latchkey", "--test", "edge"]).args(only).arg("--");
    for (_, tests, reason) in LACKING.iter().filter(|(lacking, _, _)| *lacking == name) {
        for test_name in *tests {
            println!("without {test_name}: {reason}");
            test.args(["--skip", test_name]);
        }
    }
    run_command(test.env("LATCHKEY_TEST_DYNAMODB", format!("http://127.0.0.1:{port}")))
}
