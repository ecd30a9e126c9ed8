//! The courier's delivery channels against independent servers: one for SES, one for SMTP.

use crate::tools::{cargo, command, free_port, root, run as run_command, start};
use std::process::Stdio;

/// Installs the servers, starts them, and sends messages through them.
pub(crate) fn run() -> Result<(), String> {
    let folder = root().join("xtask/courier");
    run_command(command("npm").current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    let port = free_port()?;
    let [ses, smtp, web] = [port, port + 1, port + 2];
    let mut by_ses = command("node");
    by_ses.current_dir(&folder).args(["node_modules/aws-ses-v2-local/dist/cli.js", "--host", "127.0.0.1"]);
    let _ses = start(by_ses.args(["--port", &ses.to_string()]).stdout(Stdio::null()), ses)?;
    let mut by_smtp = command("node");
    by_smtp.current_dir(&folder).args(["smtp.mjs", &smtp.to_string(), &web.to_string()]);
    let _smtp = start(&mut by_smtp, web)?;
    let mut tests = cargo();
    tests.args(["test", "--package", "latchkey-courier", "--test", "peers", "--", "--ignored"]);
    tests.env("LATCHKEY_TEST_SES", format!("127.0.0.1:{ses}"));
    tests.env("LATCHKEY_TEST_SMTP", format!("127.0.0.1:{smtp}"));
    tests.env("LATCHKEY_TEST_SMTP_STORE", format!("127.0.0.1:{web}"));
    run_command(&mut tests)
}
