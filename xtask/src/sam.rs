//! The template as `sam` sees it: linted, and built into the packages that a deployment uploads.

use crate::tools::{command, python, root, run as run_command, target};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Lints the template; with `build`, compiles every function for this architecture and looks at what comes out.
pub(crate) fn run(build: Option<&str>) -> Result<(), String> {
    let folder = python("sam", &root().join("xtask/sam/requirements.txt"))?;
    let tools = folder.parent().map_or_else(PathBuf::new, Path::to_owned);
    let sam = |words: &[&str]| -> Command {
        let mut sam = command(tools.join("sam"));
        // cargo-lambda and zig lie beside it.
        let path = std::env::var("PATH").unwrap_or_default();
        sam.env("PATH", format!("{}:{path}", tools.display())).env("SAM_CLI_TELEMETRY", "0").args(words);
        // Only the name of a region is needed, and only by the linter.
        sam.env("AWS_DEFAULT_REGION", "eu-central-1");
        sam
    };
    run_command(&mut sam(&["validate", "--lint"]))?;
    let Some(architecture) = build else { return Ok(()) };
    let began = Instant::now();
    let out = target().join("sam").join(architecture);
    let mut build = sam(&["build", "--parameter-overrides", &format!("Architecture={architecture}"), "--build-dir"]);
    run_command(build.arg(&out))?;
    println!("\nbuilt for {architecture} in {} s", began.elapsed().as_secs());
    packages(&out)
}

/// What `sam build` gives cargo besides the profile (`xtask/sam/release.toml`), and the folder of the binaries that come of it, for
/// this machine's processor.
pub(crate) fn release() -> (Vec<String>, PathBuf) {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let words = ["--release", "--locked", "--config", "xtask/sam/release.toml", "--target", triple.as_str()];
    (words.map(str::to_owned).into(), target().join(&triple).join("release"))
}

/// Each package must hold the one file that Lambda runs.
fn packages(out: &Path) -> Result<(), String> {
    let said = |e: std::io::Error| format!("{}: {e}", out.display());
    let mut folders: Vec<PathBuf> = std::fs::read_dir(out).map_err(said)?.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|folder| name(folder).ends_with("Function")) {
        let files: Vec<PathBuf> =
            std::fs::read_dir(folder).map_err(said)?.flatten().map(|entry| entry.path()).collect();
        if files.len() != 1 || name(&files[0]) != "bootstrap" {
            return Err(format!("{} holds {files:?}, not bootstrap alone", folder.display()));
        }
        let size = std::fs::metadata(&files[0]).map_err(said)?.len();
        println!("{:<32} {:.1} MiB", name(folder), size as f64 / (1024.0 * 1024.0));
    }
    let layer = out.join("ConfigLayer");
    println!(
        "{:<32} {:?}",
        "ConfigLayer",
        std::fs::read_dir(&layer).map_err(said)?.flatten().map(|e| e.file_name()).collect::<Vec<_>>()
    );
    Ok(())
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
