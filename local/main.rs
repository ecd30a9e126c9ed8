//! `latchkey`: the stack on this machine, and what to ask of a configuration before it is deployed.

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use latchkey::cli::{Failure, interrupted, print, proxy, session, smoke, template, user};
use latchkey::locate::with_lines;
use latchkey::processes::Lines;
use latchkey::{Options, Ports, Stack, demo};
use latchkey_web::Environment;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A login for people on AWS, on this machine.
///
/// Starts the public API, the admin API, login pages and an inbox, on the functions, tables and routes of template.yaml. Without
/// --config it runs in development mode with a built-in configuration and a demo person.
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
    /// Keep people and sessions in this folder between runs; in memory without
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Port of the public API; admin is one above, inbox three, login pages twenty-two
    #[arg(long, value_name = "PORT", default_value_t = 4433, value_parser = clap::value_parser!(u16).range(1..=65_000))]
    port_base: u16,
    /// Start no login pages; their port stays free
    #[arg(long)]
    no_pages: bool,
    /// Start no inbox; its port stays free, and messages leave by the carriers that the configuration names
    #[arg(long)]
    no_inbox: bool,
    /// Development mode: cookies without Secure, secrets that everybody knows, errors that say which key to change; what runs
    /// without --config is in it anyway
    #[arg(long)]
    dev: bool,
    /// Run each function as a process of its own, as Lambda does (build them first: cargo build --workspace)
    #[arg(long)]
    processes: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look at a configuration as a deployment would
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Create, list, show, delete and import people
    User(user::User),
    /// See what messages look like
    #[command(subcommand)]
    Template(template::Template),
    /// List and end sessions
    Session(session::Session),
    /// Open a deployed stack's admin API on a port of this machine, signing each request with your AWS credentials
    AdminProxy(proxy::Proxy),
    /// Sign a throw-away person in and out against a stack, in three ways
    Smoke(smoke::Smoke),
    /// Write what a shell needs to complete these commands
    Completion {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say what a deployment would say to this file
    Check {
        /// Kratos configuration file (YAML or JSON)
        file: PathBuf,
    },
    /// Write the file as one line of JSON, schemas inlined, without what has no effect: quicker to read at a cold start
    Build {
        /// Kratos configuration file (YAML or JSON)
        file: PathBuf,
        /// Where to write; standard output without
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
            eprintln!("latchkey: no threads to run on: {e}");
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
        ports,
        processes: run.processes.then(folder_of_this_program).transpose()?,
        carriers: run.no_inbox,
        hurry: 1,
    };
    // Until there is something to read first, what goes well goes without a word.
    let is_told = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_told);
    let lines: Lines = Arc::new(move |line: &str| {
        if told.load(Ordering::Relaxed) || !line.contains("\"level\":\"info\"") {
            // Nobody reads it any more: that is no reason to end.
            drop(writeln!(std::io::stdout(), "{line}"));
        }
    });
    let own = Arc::clone(&lines);
    latchkey_web::redirect_log(move |line| own(line));
    let end = interrupted();
    let stack = Stack::start(&options, Environment::from_process(), lines).await?;
    for warning in &stack.loaded.warnings {
        eprintln!("warning: {warning}");
    }
    for weaker in &stack.loaded.weaker {
        eprintln!("weaker than it could be: {weaker}");
    }
    let demo = if options.dev && run.config.is_none() { demo::create(&stack.admin).await? } else { false };
    greet(&stack, &options, demo);
    is_told.store(true, Ordering::Relaxed);
    stack.serve(end).await?;
    println!("\nLatchkey has ended.");
    Ok(())
}

fn greet(stack: &Stack, options: &Options, demo: bool) {
    let at = &stack.addresses;
    let mode = if options.dev { "development mode" } else { "as deployed" };
    let state = match &options.data {
        Some(folder) => format!("state in {}", folder.display()),
        None => "state in memory".to_owned(),
    };
    let parts = if options.processes.is_some() { ", one process per function" } else { "" };
    println!("\nLatchkey is running: {mode}, {state}{parts}.\n");
    println!("  public API    http://{}/", at.public);
    println!("  admin API     http://{}/", at.admin);
    if let Some(pages) = at.pages {
        println!("  login pages   http://{pages}/");
    }
    if let Some(inbox) = at.inbox {
        println!("  inbox         http://{inbox}/");
    }
    let base_url = &stack.loaded.config.public.base_url;
    if *base_url != format!("http://{}/", at.public) {
        println!("  known as      {base_url} (serve.public.base_url)");
    }
    println!();
    if demo {
        println!("  sign in as    {} with {}", demo::EMAIL, demo::PASSWORD);
    }
    if let Some(pages) = at.pages {
        println!("  open          http://{pages}/");
    }
    println!("\n  Ctrl-C ends it.\n");
}

fn folder_of_this_program() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|e| format!("this program cannot be found: {e}"))?;
    Ok(program.parent().unwrap_or_else(|| Path::new(".")).to_owned())
}

fn read(file: &Path) -> Result<String, String> {
    latchkey_config::text_of(file).map_err(|e| format!("{}: {e}", file.display()))
}

fn check(file: &Path) -> Result<(), String> {
    let env = deployed_addresses();
    let text = read(file)?;
    let whole = latchkey_courier::fetch::inlined(&text, true).map_err(|e| {
        format!("{} cannot be deployed:\n{}", file.display(), with_lines(&file.display().to_string(), &text, &[e]))
    })?;
    let loaded = latchkey_config::check_deployment(&whole, file.parent(), &env).map_err(|e| {
        format!("{} cannot be deployed:\n{}", file.display(), with_lines(&file.display().to_string(), &text, &e.0))
    })?;
    for schema in &loaded.config.identity.schemas {
        latchkey_schema::IdentitySchema::parse(&schema.id, schema.document.clone())
            .map_err(|e| format!("{} cannot be deployed:\nidentity.schemas: {:?}: {e}", file.display(), schema.id))?;
    }
    latchkey_courier::check(&loaded.config.courier)
        .map_err(|e| format!("{} cannot be deployed:\n{e}", file.display()))?;
    for warning in &loaded.warnings {
        println!("warning: {warning}");
    }
    for weaker in &loaded.weaker {
        println!("weaker than it could be: {weaker}");
    }
    println!("{} can be deployed.", file.display());
    Ok(())
}

fn build(file: &Path, output: Option<&Path>) -> Result<(), String> {
    let refused = |e: &dyn std::fmt::Display| format!("{} cannot be deployed:\n{e}", file.display());
    let text = latchkey_courier::fetch::inlined(&read(file)?, true).map_err(|e| refused(&e))?;
    let env = deployed_addresses();
    let loaded = latchkey_config::check_deployment(&text, file.parent(), &env).map_err(|e| refused(&e))?;
    latchkey_courier::check(&loaded.config.courier).map_err(|e| refused(&e))?;
    let compact = latchkey_config::to_compact(&text, file.parent(), &env).map_err(|e| refused(&e))?;
    match output {
        Some(path) => std::fs::write(path, compact).map_err(|e| format!("{}: {e}", path.display())),
        None => {
            println!("{compact}");
            Ok(())
        }
    }
}

/// A deployment knows its own addresses; here they only stand for "there will be one".
fn deployed_addresses() -> Vec<(String, String)> {
    [("LATCHKEY_PUBLIC_URL", "https://public.example/"), ("LATCHKEY_ADMIN_URL", "https://admin.example/")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}
