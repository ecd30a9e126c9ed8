//! `latchkey`: the stack on this machine, and what to ask of a configuration before it is deployed.

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use latchkey::check::{deployed_addresses, folder, report};
use latchkey::cli::{Failure, courier, interrupted, print, proxy, session, smoke, template, user};
use latchkey::console::LogFormat;
use latchkey::processes::Lines;
use latchkey::stack::next_steps;
use latchkey::{Options, Ports, Stack, demo};
use latchkey_platform::Environment;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Run Latchkey, a serverless login, on this machine.
///
/// Starts the public API, the admin API, the login pages and an inbox, on the functions, tables and routes of template.yaml. Without
/// --config it runs in development mode, with a built-in configuration and a demo account.
#[derive(Debug, Parser)]
#[command(name = "latchkey", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Args)]
struct Run {
    /// Kratos configuration file (YAML or JSON)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep identities and sessions in this folder between runs [default: in memory]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Port of the public API; the admin API listens one above it, the inbox three, the login pages twenty-two
    #[arg(long, value_name = "PORT", default_value_t = 4433, value_parser = clap::value_parser!(u16).range(1..=65_000))]
    port_base: u16,
    /// Do not start the login pages; their port stays free
    #[arg(long)]
    no_pages: bool,
    /// Do not start the inbox; messages are sent by the mail server and the services that the configuration names
    #[arg(long)]
    no_inbox: bool,
    /// Development mode: cookies without Secure, well-known secrets, errors that name the key to change; always on without --config
    #[arg(long)]
    dev: bool,
    /// Run each function as a process of its own, as Lambda does (build them first: cargo build --workspace)
    #[arg(long)]
    processes: bool,
    /// How to write the log [default: text in development mode, else json]
    #[arg(long, value_name = "FORMAT", env = "LATCHKEY_LOG", value_enum, hide_possible_values = false)]
    log: Option<LogFormat>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration, or prepare it for a deployment
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Create, list, show, delete and import identities
    User(user::User),
    /// Preview e-mails and text messages
    #[command(subcommand)]
    Template(template::Template),
    /// List and shorten the suppression list of e-mail addresses
    Courier(courier::Courier),
    /// List and revoke sessions
    Session(session::Session),
    /// Make a deployed stack's admin API available on a local port, signing each request with your AWS credentials
    AdminProxy(proxy::Proxy),
    /// Test a stack: create a temporary identity, sign it in and out in three ways, and delete it
    Smoke(smoke::Smoke),
    /// Generate a completion script for a shell
    Completion {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Report every error and warning of a configuration, and whether it can be deployed
    Check {
        /// Kratos configuration file (YAML or JSON)
        file: PathBuf,
    },
    /// Write a configuration as one line of JSON for a deployment, with its schemas inlined and without keys that have no effect
    Build {
        /// Kratos configuration file (YAML or JSON)
        file: PathBuf,
        /// Where to write it [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// How long work that cannot be interrupted, such as a costly hash, may keep the program from ending.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("latchkey: the runtime cannot start: {e}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(command(cli));
    runtime.shutdown_timeout(PATIENCE);
    code
}

async fn command(cli: Cli) -> ExitCode {
    let done = match cli.command {
        None => run(&cli.run).await.map_err(Failure::from),
        Some(Command::Config(ConfigCommand::Check { file })) => check(&file).map_err(Failure::from),
        Some(Command::Config(ConfigCommand::Build { file, output })) => {
            build(&file, output.as_deref()).map_err(Failure::from)
        }
        Some(Command::User(what)) => user::run(what).await,
        Some(Command::Template(what)) => template::run(&what),
        Some(Command::Courier(what)) => courier::run(what).await,
        Some(Command::Session(what)) => session::run(what).await,
        Some(Command::AdminProxy(what)) => proxy::run(what).await,
        Some(Command::Smoke(what)) => smoke::run(what).await,
        Some(Command::Completion { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "latchkey", &mut script);
            print(String::from_utf8_lossy(&script).trim_end())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.text.is_empty() {
                eprintln!("latchkey: {failure}");
            }
            ExitCode::from(failure.code)
        }
    }
}

async fn run(run: &Run) -> Result<(), String> {
    let mut ports = Ports::from_base(run.port_base);
    ports.pages = ports.pages.filter(|_| !run.no_pages);
    ports.inbox = ports.inbox.filter(|_| !run.no_inbox);
    let options = Options {
        config: run.config.clone(),
        dev: run.dev || run.config.is_none(),
        data: run.data.clone(),
        store: None,
        store_key: None,
        ports,
        processes: run.processes.then(folder_of_this_program).transpose()?,
        delivery_channels: run.no_inbox,
    };
    // Log lines of level info are left out until the greeting is printed, so that it comes first.
    let is_told = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_told);
    let format = run.log.unwrap_or(if options.dev { LogFormat::Text } else { LogFormat::Json });
    let lines: Lines = Arc::new(move |line: &str| {
        if told.load(Ordering::Relaxed) || !line.contains("\"level\":\"info\"") {
            // A closed standard output does not end the stack.
            drop(writeln!(std::io::stdout(), "{}", format.line(line)));
        }
    });
    let own = Arc::clone(&lines);
    latchkey_platform::log::redirect(move |line| own(line));
    let end = interrupted();
    let stack = Stack::start(&options, Environment::from_process(), lines).await?;
    let notices = &stack.loaded.notices;
    notices.lines().iter().for_each(|line| eprintln!("warning: {line}"));
    // No user depends on a stack in development mode. `config check` reports these before a deployment.
    if !options.dev {
        notices.weaker.iter().for_each(|line| eprintln!("weaker than preset strict: {line}"));
    }
    let demo = if options.dev && run.config.is_none() { demo::create(&stack.admin).await? } else { false };
    greet(&stack, &options, demo);
    is_told.store(true, Ordering::Relaxed);
    stack.serve(end).await?;
    println!("\nLatchkey has stopped.");
    Ok(())
}

fn greet(stack: &Stack, options: &Options, demo: bool) {
    let at = &stack.addresses;
    let mode = if options.dev { "in development mode" } else { "as it would be deployed" };
    let state = match &options.data {
        Some(folder) => format!("state in {}", folder.display()),
        None => "state in memory".to_owned(),
    };
    let parts = if options.processes.is_some() { ", one process per function" } else { "" };
    println!("\nLatchkey is running {mode}, with {state}{parts}.\n");
    println!("  public API    http://{}/", at.public);
    println!("  admin API     http://{}/", at.admin);
    if let Some(pages) = at.pages {
        println!("  login pages   http://{pages}/");
    }
    if let Some(inbox) = at.inbox {
        println!("  inbox         http://{inbox}/");
    }
    println!();
    if demo {
        println!("  Sign in as    {} with {}", demo::EMAIL, demo::PASSWORD);
    }
    for (what, line) in next_steps(&stack.loaded.config, at) {
        println!("  {what:<13} {line}");
    }
    println!("\n  Press Ctrl-C to stop.\n");
}

fn folder_of_this_program() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|e| format!("this program cannot be found: {e}"))?;
    Ok(program.parent().unwrap_or_else(|| Path::new(".")).to_owned())
}

fn check(file: &Path) -> Result<(), String> {
    let report = report(file)?;
    print!("{}", report.text());
    println!("{}", report.verdict(file)?);
    Ok(())
}

fn build(file: &Path, output: Option<&Path>) -> Result<(), String> {
    let refused = |e: &dyn std::fmt::Display| format!("{} cannot be deployed:\n{e}", file.display());
    let text = latchkey_config::text_of(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let text = latchkey_courier::fetch::inlined(&text, true).map_err(|e| refused(&e))?;
    let env = deployed_addresses();
    let loaded = latchkey_config::check_deployment(&text, folder(file), &env).map_err(|e| refused(&e))?;
    latchkey_courier::check(&loaded.config.courier).map_err(|e| refused(&e))?;
    let compact = latchkey_config::to_compact(&text, folder(file), &env).map_err(|e| refused(&e))?;
    match output {
        Some(path) => std::fs::write(path, compact).map_err(|e| format!("{}: {e}", path.display())),
        None => {
            println!("{compact}");
            Ok(())
        }
    }
}
