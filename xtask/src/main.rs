//! `cargo xtask`: what belongs to working on Latchkey and is too slow, or needs too much, for `cargo test`.

mod bench;
mod clock;
mod courier;
mod deny;
mod deployed;
mod e2e;
mod emulators;
mod fuzz;
mod sam;
mod sdk;
mod tools;
mod wire;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Work on Latchkey.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sign in with the official clients for JavaScript and Python against a running stack (needs node and python)
    Sdk,
    /// Play the recorded exchanges beside the project, in one process and with one process per function (needs python)
    Wire {
        /// Scenarios or files of scenarios; those of what is built without
        names: Vec<String>,
    },
    /// Run all tests with the machine's clock a year ahead and a year back (installs Debian's faketime where it may)
    Clock {
        /// Where there is no faketime and none can be installed, say so in one line and end well
        #[arg(long)]
        where_possible: bool,
        /// Passed on to `cargo test`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Send messages by servers of SES and of SMTP (needs node)
    Courier,
    /// Check licences, bans and sources of all dependencies (installs cargo-deny below target/)
    Deny {
        /// Check published advisories too; fetches their database
        #[arg(long)]
        advisories: bool,
    },
    /// Measure what is deployed: cold starts, CPU, memory, sizes, with ratios from the same run
    Bench {
        /// Store no more than 10,000 people
        #[arg(long)]
        quick: bool,
        /// Measure this part alone; may be given more than once
        #[arg(long, value_name = "PART")]
        only: Vec<bench::Part>,
    },
    /// Lint the template with `sam validate --lint` (needs python; installs sam below target/)
    Sam {
        /// Build every function as a deployment does, too
        #[arg(long)]
        build: bool,
        /// Processor to build for
        #[arg(long, default_value = "x86_64", value_parser = ["x86_64", "arm64"])]
        architecture: String,
    },
    /// Use the login pages and the examples in headless Chromium (needs node; installs Chromium where it may)
    E2e {
        /// Only these: examples, elements, pages, codes, listeners
        suites: Vec<String>,
        /// Take the picture of the README anew, docs/login.png
        #[arg(long)]
        picture: bool,
        /// Where there is no Chromium and none can be installed, say so in one line and end well
        #[arg(long)]
        where_possible: bool,
    },
    /// Deploy the template with SAM onto an emulator of AWS that enforces permissions, and try the stack (needs python)
    Deployed {
        /// Take each permission away in turn: a step has to fail without it
        #[arg(long)]
        bite: bool,
        /// Try only the steps whose title holds this
        #[arg(long)]
        only: Option<String>,
        /// Say so, and go on, where namespaces of one's own cannot be made
        #[arg(long)]
        where_possible: bool,
    },
    /// Run the tests at the edge against DynamoDB as others wrote it: ministack and dynalite (needs python and node)
    Emulators {
        /// Only the tests whose names hold this
        only: Option<String>,
    },
    /// Make hostile requests to every route, as the tests do with fewer
    Fuzz {
        /// How many requests
        #[arg(long, default_value_t = 1_000_000)]
        requests: u64,
        /// The first seed; each 50,000 requests take the next
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Sdk => sdk::run(),
        Command::Wire { names } => wire::run(&names),
        Command::Clock { where_possible, arguments } => clock::run(&arguments, where_possible),
        Command::Courier => courier::run(),
        Command::Deny { advisories } => deny::run(advisories),
        Command::Bench { quick, only } => bench::run(quick, &only),
        Command::Sam { build, architecture } => sam::run(build.then_some(architecture.as_str())),
        Command::E2e { suites, picture, where_possible } => e2e::run(&suites, picture, where_possible),
        Command::Deployed { bite, only, where_possible } => deployed::run(bite, only.as_deref(), where_possible),
        Command::Emulators { only } => emulators::run(only.as_deref()),
        Command::Fuzz { requests, seed } => fuzz::run(requests, seed),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
