//! The login pages and the examples in a real browser: headless Chromium, driven from `xtask/e2e`.

use crate::tools::{build, command, debian, root, run as run_command, target};
use std::path::PathBuf;
use std::time::Instant;

/// The programs of `xtask/e2e`, in the order in which they run.
const SUITES: [&str; 5] = ["examples", "elements", "pages", "codes", "listeners"];
/// Where Debian's package puts it.
const CHROMIUM: &str = "/usr/bin/chromium";
/// Its package, and fonts for the languages of the pages.
const PACKAGES: [&str; 3] = ["chromium", "fonts-dejavu-core", "fonts-noto-cjk"];

/// Installs what is needed, and runs the named suites, or all of them. `picture` also takes the picture of the README.
/// A missing browser is an error, or with `where_possible` one line of output.
pub(crate) fn run(suites: &[String], picture: bool, where_possible: bool) -> Result<(), String> {
    if let Some(unknown) = suites.iter().find(|name| !SUITES.contains(&name.as_str())) {
        return Err(format!("there is no suite {unknown:?}; there are {}", SUITES.join(", ")));
    }
    let folder = root().join("xtask/e2e");
    let chromium = match chromium() {
        Ok(chromium) => chromium,
        Err(why) if where_possible => {
            println!("no page was looked at: {why}");
            return Ok(());
        }
        Err(why) => return Err(why),
    };
    let binary = match std::env::var_os("LATCHKEY_BINARY") {
        Some(given) => PathBuf::from(given),
        None => {
            build()?;
            target().join("debug/latchkey")
        }
    };
    run_command(command("npm").current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    let output = target().join("e2e");
    let mut failed = Vec::new();
    for suite in SUITES.into_iter().filter(|suite| suites.is_empty() || suites.iter().any(|name| name == suite)) {
        println!("\n-- {suite}");
        let began = Instant::now();
        let mut node = command("node");
        node.current_dir(&folder)
            .arg(format!("{suite}.mjs"))
            .args((picture && suite == "pages").then_some("--picture"))
            .env("CHROMIUM", &chromium)
            .env("E2E_OUTPUT", &output)
            .env("LATCHKEY_BINARY", &binary)
            .env("EXAMPLE_NATIVE", target().join("debug/example-native"));
        if run_command(&mut node).is_err() {
            failed.push(suite);
        }
        println!("{suite}: {:.0} s", began.elapsed().as_secs_f64());
    }
    println!("\nPictures of how each check ended are in {}.", output.display());
    if failed.is_empty() { Ok(()) } else { Err(format!("{} failed", failed.join(", "))) }
}

/// The browser: the one that `CHROMIUM` names, or Debian's, installed if it can be.
fn chromium() -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os("CHROMIUM").map(PathBuf::from) {
        let shown = given.display().to_string();
        return if given.is_file() { Ok(given) } else { Err(format!("CHROMIUM: there is no file {shown}")) };
    }
    let usual = PathBuf::from(CHROMIUM);
    if !usual.is_file() {
        debian(&PACKAGES, CHROMIUM)
            .map_err(|e| format!("{e}, or name a Chromium or Chrome by CHROMIUM=/path/to/it"))?;
    }
    Ok(usual)
}
