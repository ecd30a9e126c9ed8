//! `latchkey courier`: the suppression list of e-mail.

use crate::cli::api::{Admin, Target};
use crate::cli::table::rows;
use crate::cli::{EXIT_CODES, Failure, print};
use clap::{Args, Subcommand};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// `latchkey courier …`
#[derive(Debug, Args)]
pub struct Courier {
    #[command(flatten)]
    target: Target,
    /// Write JSON to standard output: one object a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show and shorten the suppression list: addresses that bounced or complained
    #[command(subcommand)]
    Suppressions(Suppressions),
}

#[derive(Debug, Subcommand)]
enum Suppressions {
    /// List the addresses that no mail goes to
    #[command(after_help = EXIT_CODES)]
    List,
    /// Take an address off the list, and off that of the account in SES
    #[command(after_help = EXIT_CODES)]
    Remove {
        /// The e-mail address
        address: String,
    },
}

/// Runs the command.
///
/// # Errors
/// The API's error, or an error of the command line.
pub async fn run(courier: Courier) -> Result<(), Failure> {
    let admin = Admin::open(&courier.target)?;
    match courier.command {
        Command::Suppressions(Suppressions::List) => list(&admin, courier.json).await,
        Command::Suppressions(Suppressions::Remove { address }) => remove(&admin, &address, courier.json).await,
    }
}

async fn list(admin: &Admin, json: bool) -> Result<(), Failure> {
    let mut seen = 0;
    let shown = |entries: Vec<Value>| {
        if json {
            entries.iter().try_for_each(|entry| print(&entry.to_string()))?;
        } else {
            let head = (seen == 0 && !entries.is_empty()).then_some(["ADDRESS", "REASON", "SINCE", "UNTIL"]);
            rows(head, &entries.iter().map(row).collect::<Vec<_>>())?;
        }
        seen += entries.len();
        Ok(true)
    };
    admin.pages("/admin/courier/suppressed", "page_size=250".to_owned(), shown).await?;
    if !json && seen == 0 {
        eprintln!("No address is on the suppression list.");
    }
    Ok(())
}

fn row(entry: &Value) -> [String; 4] {
    let text = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
    // A terminal shows seconds and no fractions.
    let moment = |key: &str| text(key).chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect();
    [text("address"), text("reason"), moment("at"), moment("until")]
}

async fn remove(admin: &Admin, address: &str, json: bool) -> Result<(), Failure> {
    let address = address.trim();
    if address.is_empty() {
        return Err(Failure::usage("name the address"));
    }
    let path = format!("/admin/courier/suppressed/{}", utf8_percent_encode(address, NON_ALPHANUMERIC));
    admin.call(Method::DELETE, &path, None, None).await?;
    if json {
        print(&json!({"removed": address}).to_string())
    } else {
        print(&format!("Mail goes to {address} again."))
    }
}
