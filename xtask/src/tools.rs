//! Folders, commands, and a stack to point clients at.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// The folder of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A command in the project's folder.
pub(crate) fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(root());
    command
}

/// Cargo, as it called us.
pub(crate) fn cargo() -> Command {
    let mut cargo = command(std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from));
    // Cargo sets variables about the running package. Build scripts that depend on them would run again.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name.to_string_lossy().starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!(
        "{} {}",
        command.get_program().display(),
        command.get_args().map(|a| a.to_string_lossy()).collect::<Vec<_>>().join(" ")
    );
    let status = command.status().map_err(|e| format!("{shown}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}")) }
}

/// A Python environment of its own below the build folder, with what a file asks for. Gives its interpreter.
pub(crate) fn python(name: &str, requirements: &Path) -> Result<PathBuf, String> {
    let folder = target().join("venv").join(name);
    let interpreter = folder.join("bin/python");
    if !interpreter.is_file() {
        run(command("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    run(command(&interpreter).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements))?;
    Ok(interpreter)
}

/// A program that is ended when this is dropped.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// The CPU that all its threads have taken.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.0.id())).into_iter().flatten().flatten();
        let of_thread = |task: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
        };
        tasks.filter_map(of_thread).sum()
    }
}

/// Starts a program and waits until it listens on a port of this machine.
pub(crate) fn start(command: &mut Command, port: u16) -> Result<Running, String> {
    let program = command.get_program().display().to_string();
    let child = command.stdin(Stdio::null()).spawn().map_err(|e| format!("{program}: {e}"))?;
    let mut running = Running(child);
    let began = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if let Ok(Some(status)) = running.0.try_wait() {
            return Err(format!("{program} ended before it listened: {status}"));
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("{program} does not listen on port {port}"));
        }
        #[expect(clippy::disallowed_methods, reason = "waiting for another program to start, not on a request path")]
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(running)
}

/// Ports that a stack uses beside its first.
const BESIDE: [u16; 3] = [1, 3, 22];
/// The range of its first port: below the ports that the system assigns to any program on request.
const FIRST: std::ops::Range<u16> = 25_000..32_000;

/// A free port whose neighbours, which a stack uses too, are free as well.
pub(crate) fn free_port() -> Result<u16, String> {
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    // Programs that run at the same time start at different ports.
    let begin = (std::process::id() % 200) as u16 * 30;
    let all = FIRST.len() as u16;
    (0..all)
        .step_by(30)
        .map(|at| FIRST.start + (begin + at) % all)
        .find(|&port| free(port) && BESIDE.iter().all(|offset| free(port + offset)))
        .ok_or_else(|| "there is no free port".to_owned())
}

/// Builds the stack and every function.
pub(crate) fn build() -> Result<(), String> {
    run(cargo().args(["build", "--workspace", "--locked"]))
}

/// Installs Debian packages where that is possible: on Debian, as root. `program` is the file that they install.
pub(crate) fn debian(packages: &[&str], program: &str) -> Result<(), String> {
    let all = packages.join(" ");
    let way = format!("there is no {program}: install it (on Debian: apt-get install {all})");
    let root = Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout.trim_ascii() == b"0");
    if !Path::new("/etc/debian_version").is_file() || !root {
        return Err(way);
    }
    println!("installing {all}");
    let apt = || {
        let mut apt = command("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        apt
    };
    run(apt().arg("update"))
        .and_then(|()| run(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages)))
        .map_err(|e| format!("{e}\n{way}"))
}
