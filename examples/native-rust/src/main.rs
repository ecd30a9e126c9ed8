//! A terminal client that signs in as native apps do: it begins a login flow, draws its form as prompts, submits it, and keeps the
//! session token in a file that only its owner can read.

mod client;
mod form;
mod keep;

use clap::{Args, Parser, Subcommand};
use client::{Answer, Client};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Sign in to Latchkey from a terminal.
#[derive(Debug, Parser)]
#[command(name = "example-native")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Place {
    /// Base URL of the public API
    #[arg(long, global = true, value_name = "URL", default_value = "http://127.0.0.1:4433")]
    url: String,
    /// Where the session token is kept; in the state folder of the user without
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sign in and keep the session token
    Login {
        /// Who signs in, such as an e-mail address; asked for without
        identifier: Option<String>,
        /// Read the password from standard input, for scripts; asked for without
        #[arg(long)]
        password_stdin: bool,
    },
    /// Show who is signed in
    Whoami,
    /// End the session and forget its token
    Logout,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("example-native: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), String> {
    let client = Client::new(&cli.place.url)?;
    let file = cli.place.token_file.map_or_else(keep::usual_place, Ok)?;
    match cli.command {
        Command::Login { identifier, password_stdin } => {
            let answers = form::Prompts::new(identifier, password_stdin);
            let (token, session) = login(&client, answers).await?;
            keep::write(&file, &token)?;
            println!("Signed in as {}.", who(&session));
            Ok(())
        }
        Command::Whoami => {
            let token = keep::read(&file)?;
            let answer = client.get("/sessions/whoami", Some(&token)).await?;
            match answer.status {
                200 => {
                    println!("Signed in as {}, until {}.", who(&answer.body), text(&answer.body["expires_at"]));
                    Ok(())
                }
                401 => Err("this session has ended; sign in again with the command login".to_owned()),
                _ => Err(unexpected(&answer)),
            }
        }
        Command::Logout => {
            let token = keep::read(&file)?;
            let answer = client.delete("/self-service/logout/api", &json!({"session_token": token})).await?;
            // 403: the session has ended already.
            if !matches!(answer.status, 204 | 403) {
                return Err(unexpected(&answer));
            }
            keep::forget(&file)?;
            println!("Signed out.");
            Ok(())
        }
    }
}

/// Submits the form until it is accepted, as long as a terminal can answer.
async fn login(client: &Client, mut prompts: form::Prompts) -> Result<(String, Value), String> {
    let begun = client.get("/self-service/login/api", None).await?;
    if begun.status != 200 {
        return Err(unexpected(&begun));
    }
    let mut flow = begun.body;
    loop {
        let filled = prompts.fill(&flow["ui"])?;
        let answer = client.post(&text(&flow["ui"]["action"]), &filled).await?;
        match answer.status {
            200 => {
                let token = answer.body["session_token"].as_str().ok_or_else(|| unexpected(&answer))?;
                return Ok((token.to_owned(), answer.body["session"].clone()));
            }
            // The same form with errors, or the id of the successor of an expired flow.
            400 if answer.body["ui"].is_object() => {
                let said = form::messages(&answer.body["ui"]);
                if !prompts.can_ask_again() {
                    return Err(said);
                }
                eprintln!("{said}");
                flow = answer.body;
            }
            410 if answer.body["use_flow_id"].is_string() => {
                eprintln!("That took too long. Once more:");
                let path = format!("/self-service/login/flows?id={}", text(&answer.body["use_flow_id"]));
                flow = client.get(&path, None).await?.body;
            }
            _ => return Err(unexpected(&answer)),
        }
    }
}

/// A name for the user: the first trait that looks like one.
fn who(session: &Value) -> String {
    let identity = &session["identity"];
    let known = ["email", "username", "phone"].iter().find_map(|name| identity["traits"][name].as_str());
    known.map_or_else(|| text(&identity["id"]), str::to_owned)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The answer, if it is none that this program knows.
fn unexpected(answer: &Answer) -> String {
    let error = &answer.body["error"];
    let said = error["reason"].as_str().or(error["message"].as_str()).unwrap_or("that is no answer of this API");
    format!("the API answered {}: {said}", answer.status)
}
