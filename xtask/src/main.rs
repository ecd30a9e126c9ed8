//! `cargo xtask`: checks and measurements that are too slow, or need too much, for `cargo test`.

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
    /// Replay recorded exchanges that lie beside the project, in one process and with one process per function (needs python)
    Wire {
        /// Scenarios or files of scenarios [default: those of built features]
        names: Vec<String>,
    },
    /// Run all tests with the machine's clock a year ahead and a year back (installs Debian's faketime where it may)
    Clock {
        /// Where faketime is missing and cannot be installed, say so in one line and succeed
        #[arg(long)]
        where_possible: bool,
        /// Passed on to `cargo test`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Send messages through servers of SES and of SMTP (needs node)
    Courier,
    /// Check licences, bans and sources of all dependencies (installs cargo-deny below target/)
    Deny {
        /// Check published advisories too; fetches their database
        #[arg(long)]
        advisories: bool,
    },
    /// Measure what is deployed: cold starts, CPU, memory, sizes, with ratios from the same run
    Bench {
        /// Store at most 10,000 identities
        #[arg(long)]
        quick: bool,
        /// Measure only this part; may be given more than once
        #[arg(long, value_name = "PART")]
        only: Vec<bench::Part>,
    },
    /// Lint the template with `sam validate --lint` (needs python; installs sam below target/)
    Sam {
        /// Also build every function as a deployment does
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
        /// Also take the picture of the README, docs/login.png
        #[arg(long)]
        picture: bool,
        /// Where Chromium is missing and cannot be installed, say so in one line and succeed
        #[arg(long)]
        where_possible: bool,
    },
    /// Deploy the template with SAM onto an emulator of AWS that enforces permissions, and test the stack (needs python)
    Deployed {
        /// Remove each permission in turn: a step has to fail without it
        #[arg(long)]
        bite: bool,
        /// Run only the steps whose title contains this
        #[arg(long)]
        only: Option<String>,
        /// Where the system offers no namespaces, say so in one line and succeed
        #[arg(long)]
        where_possible: bool,
    },
    /// Run the tests at the edge against two other implementations of DynamoDB, ministack and dynalite (needs python and node)
    Emulators {
        /// Only the tests whose names contain this
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
