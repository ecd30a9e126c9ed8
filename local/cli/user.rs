//! `latchkey user`: single identities, and the list of them.

use crate::cli::api::{Admin, Target, encoded};
use crate::cli::table::{clean, rows};
use crate::cli::{EXIT_CODES, Failure, import, print};
use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use std::io::{IsTerminal as _, Read as _, Write as _};

/// Identities on one page of a list.
const PAGE: usize = 250;
/// Longest password that is taken from standard input, in bytes; no login accepts a longer one.
const LONGEST_PASSWORD: u64 = 4096;

/// `latchkey user …`
#[derive(Debug, Args)]
pub struct User {
    #[command(flatten)]
    target: Target,
    /// Write JSON to standard output, one object per line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create an identity
    #[command(after_help = EXIT_CODES)]
    Create(Create),
    /// List identities, or find the one with an identifier
    #[command(after_help = EXIT_CODES)]
    List(List),
    /// Show an identity
    #[command(after_help = EXIT_CODES)]
    Show {
        /// Its id, or an identifier that it signs in with
        #[arg(value_name = "ID|IDENTIFIER")]
        who: String,
        /// Include the password hash
        #[arg(long)]
        with_hashes: bool,
    },
    /// Delete an identity with its sessions; asks for confirmation on a terminal
    #[command(after_help = EXIT_CODES)]
    Delete {
        /// Its id, or an identifier that it signs in with
        #[arg(value_name = "ID|IDENTIFIER")]
        who: String,
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
    },
    /// Import identities from a file with one JSON object per line
    #[command(after_help = EXIT_CODES, long_about = import::ABOUT)]
    Import(import::Import),
}

#[derive(Debug, Args)]
struct Create {
    /// The e-mail address: the trait `email`
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// A trait; dots separate nested keys, and a value that is JSON is read as JSON: name.first=Ada, tags='["a"]', code='"007"'
    #[arg(long = "trait", value_name = "KEY=VALUE")]
    one_trait: Vec<String>,
    /// All traits as a JSON object; --email and --trait override its values
    #[arg(long, value_name = "JSON")]
    traits: Option<String>,
    /// Identity schema [default: that of the configuration]
    #[arg(long, value_name = "ID")]
    schema: Option<String>,
    /// Read the password from standard input instead of asking for it (an empty one creates an identity without a password)
    #[arg(long)]
    password_stdin: bool,
    /// Whether the identity may sign in
    #[arg(long, value_enum)]
    state: Option<State>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Active,
    Inactive,
}

#[derive(Debug, Args)]
struct List {
    /// Only the identity with this identifier
    #[arg(long)]
    identifier: Option<String>,
    /// At most this many
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// Include password hashes, in the form that `user import` reads (with --json)
    #[arg(long)]
    with_hashes: bool,
}

/// Runs the command.
///
/// # Errors
/// The API's error, or an error of the command line.
pub async fn run(user: User) -> Result<(), Failure> {
    let User { target, json, command } = user;
    match command {
        Command::Import(what) => import::run(&target, &what, json).await,
        Command::Create(what) => create(&Admin::open(&target)?, &what, json).await,
        Command::List(what) => list(&Admin::open(&target)?, &what, json).await,
        Command::Show { who, with_hashes } => show(&Admin::open(&target)?, &who, with_hashes, json).await,
        Command::Delete { who, yes } => delete(&Admin::open(&target)?, &who, yes, json).await,
    }
}

async fn create(admin: &Admin, what: &Create, json: bool) -> Result<(), Failure> {
    let mut body = json!({"traits": traits(what)?});
    if let Some(schema) = &what.schema {
        body["schema_id"] = json!(schema);
    }
    if let Some(state) = what.state {
        body["state"] = json!(match state {
            State::Active => "active",
            State::Inactive => "inactive",
        });
    }
    let password = password(what.password_stdin)?;
    if let Some(password) = &password {
        body["credentials"] = json!({"password": {"config": {"password": password.expose_secret()}}});
    }
    let made = admin.call(Method::POST, "/admin/identities", None, Some(&body)).await?.json();
    if password.is_none() {
        eprintln!("The identity has no password.");
    }
    if json { print(&made.to_string()) } else { describe(&made) }
}

fn traits(what: &Create) -> Result<Value, Failure> {
    let mut traits = match &what.traits {
        None => json!({}),
        Some(text) => serde_json::from_str(text).map_err(|e| Failure::usage(format!("--traits is not JSON: {e}")))?,
    };
    if !traits.is_object() {
        return Err(Failure::usage("--traits must be a JSON object, such as '{\"email\":\"ada@example.org\"}'"));
    }
    if let Some(email) = &what.email {
        traits["email"] = json!(email);
    }
    for pair in &what.one_trait {
        let (path, value) = pair
            .split_once('=')
            .filter(|(path, _)| path.split('.').all(|part| !part.is_empty()))
            .ok_or_else(|| Failure::usage(format!("--trait {pair:?}: must be KEY=VALUE, such as name.first=Ada")))?;
        set(&mut traits, path, serde_json::from_str(value).unwrap_or_else(|_| json!(value))).map_err(|part| {
            Failure::usage(format!("--trait {pair:?}: {part:?} already has a value that is no object"))
        })?;
    }
    Ok(traits)
}

/// Sets the value at a dotted path. The error is the part of the path whose value is not an object.
fn set<'p>(traits: &mut Value, path: &'p str, value: Value) -> Result<(), &'p str> {
    let mut at = traits;
    let mut before = path;
    for part in path.split('.') {
        let map = at.as_object_mut().ok_or(before)?;
        at = map.entry(part).or_insert_with(|| Value::Object(Map::new()));
        before = part;
    }
    *at = value;
    Ok(())
}

fn password(from_stdin: bool) -> Result<Option<SecretString>, Failure> {
    let unreadable = |e: std::io::Error| Failure::refused(format!("the password cannot be read: {e}"));
    if from_stdin {
        let mut bytes = Vec::new();
        std::io::stdin().take(2 * LONGEST_PASSWORD + 8).read_to_end(&mut bytes).map_err(unreadable)?;
        let decoded = latchkey_core::text::decode(&bytes);
        let mut text = decoded.map_err(|e| Failure::usage(format!("--password-stdin: {e}")))?.into_owned();
        let length = text.trim_end_matches(['\r', '\n']).len();
        text.truncate(length);
        return match length as u64 {
            0 => Err(Failure::usage("--password-stdin: standard input is empty")),
            1..=LONGEST_PASSWORD => Ok(Some(text.into())),
            _ => Err(Failure::usage(format!("--password-stdin: longer than {LONGEST_PASSWORD} bytes"))),
        };
    }
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let ask = |what: &str| rpassword::prompt_password(what).map(SecretString::from).map_err(unreadable);
    let first = ask("Password (empty for none): ")?;
    if first.expose_secret().is_empty() {
        return Ok(None);
    }
    let again = ask("Repeat the password: ")?;
    if first.expose_secret() == again.expose_secret() {
        Ok(Some(first))
    } else {
        Err(Failure::usage("the passwords do not match; no identity was created"))
    }
}

async fn list(admin: &Admin, what: &List, json: bool) -> Result<(), Failure> {
    let limit = what.limit.unwrap_or(usize::MAX);
    let size = limit.clamp(1, PAGE).to_string();
    let mut query = vec![("page_size", size.as_str())];
    query.extend(what.identifier.as_deref().map(|identifier| ("credentials_identifier", identifier)));
    query.extend(what.with_hashes.then_some(("include_credential", "password")));
    let mut seen = 0;
    let shown = |identities: Vec<Value>| {
        let identities = &identities[..identities.len().min(limit - seen)];
        if json {
            identities.iter().try_for_each(|identity| print(&identity.to_string()))?;
        } else {
            let head = (seen == 0 && !identities.is_empty()).then_some(["ID", "STATE", "SCHEMA", "CREATED", "TRAITS"]);
            rows(head, &identities.iter().map(row).collect::<Vec<_>>())?;
        }
        seen += identities.len();
        Ok(seen < limit)
    };
    admin.pages("/admin/identities", encoded(&query), shown).await?;
    if !json && seen == 0 {
        eprintln!("No identities found.");
    }
    Ok(())
}

fn row(identity: &Value) -> [String; 5] {
    let text = |key: &str| identity[key].as_str().unwrap_or("-").to_owned();
    let traits: Vec<String> =
        leaves("", &identity["traits"]).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    [text("id"), text("state"), text("schema_id"), text("created_at").chars().take(10).collect(), traits.join(" ")]
}

/// The leaves of a tree with their dotted paths.
fn leaves(path: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| {
                leaves(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, value)
            })
            .collect(),
        Value::String(text) => vec![(path.to_owned(), text.clone())],
        other => vec![(path.to_owned(), other.to_string())],
    }
}

async fn show(admin: &Admin, who: &str, with_hashes: bool, json: bool) -> Result<(), Failure> {
    let id = admin.find(who).await?;
    let query = with_hashes.then_some("include_credential=password");
    let identity = admin.call(Method::GET, &format!("/admin/identities/{id}"), query, None).await?.json();
    if json { print(&identity.to_string()) } else { describe(&identity) }
}

fn describe(identity: &Value) -> Result<(), Failure> {
    let mut shown = Vec::new();
    for key in ["id", "external_id", "state", "schema_id", "created_at", "updated_at"] {
        shown.extend(identity[key].as_str().map(|value| [key.to_owned(), value.to_owned()]));
    }
    shown.extend(leaves("traits", &identity["traits"]).into_iter().map(|(key, value)| [key, value]));
    for key in ["metadata_public", "metadata_admin"] {
        shown.extend(
            Some(&identity[key]).filter(|value| !value.is_null()).map(|value| [key.to_owned(), value.to_string()]),
        );
    }
    for (kind, credential) in identity["credentials"].as_object().into_iter().flatten() {
        let identifiers: Vec<&str> =
            credential["identifiers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        shown.push([format!("credentials.{kind}"), identifiers.join(", ")]);
        shown.extend(
            leaves(&format!("credentials.{kind}"), &credential["config"])
                .into_iter()
                .filter(|(_, value)| value != "null")
                .map(|(key, value)| [key, value]),
        );
    }
    for address in identity["verifiable_addresses"].as_array().into_iter().flatten() {
        let verified = if address["verified"] == true { "verified" } else { "not verified" };
        shown.push(["address".to_owned(), format!("{} ({verified})", address["value"].as_str().unwrap_or_default())]);
    }
    rows(None, &shown)
}

async fn delete(admin: &Admin, who: &str, yes: bool, json: bool) -> Result<(), Failure> {
    let id = admin.find(who).await?;
    if !yes {
        match admin.call(Method::GET, &format!("/admin/identities/{id}"), None, None).await {
            Ok(identity) => {
                let [_, _, _, _, traits] = row(&identity.json());
                confirm(&format!("Delete {id} ({})?", clean(&traits)))?;
            }
            // An unreadable record can be deleted too.
            Err(why) => confirm(&format!("{why}\nDelete {id}?"))?,
        }
    }
    admin.call(Method::DELETE, &format!("/admin/identities/{id}"), None, None).await?;
    if json { print(&json!({"deleted": id}).to_string()) } else { print(&format!("Deleted {id}.")) }
}

/// Asks for confirmation on a terminal.
///
/// # Errors
/// Without a yes, or without a terminal.
pub fn confirm(question: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "confirmation is needed before anything is deleted, and standard input is not a terminal: use --yes",
        ));
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    let read = std::io::stderr().flush().and_then(|()| std::io::stdin().read_line(&mut answer));
    match read {
        Ok(_) if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") => Ok(()),
        _ => Err(Failure::refused("nothing was deleted")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(traits: Option<&str>, pairs: &[&str]) -> Result<Value, Failure> {
        let create = Create {
            email: Some("ada@example.org".into()),
            one_trait: pairs.iter().map(|pair| (*pair).to_owned()).collect(),
            traits: traits.map(str::to_owned),
            schema: None,
            password_stdin: false,
            state: None,
        };
        super::traits(&create)
    }

    #[test]
    fn traits_are_merged() {
        let all = made(
            Some(r#"{"a":1,"name":{"last":"L"}}"#),
            &["name.first=Ada", "tags=[\"x\"]", "n=2", "code=\"007\"", "e=a=b"],
        );
        assert_eq!(
            all.unwrap(),
            json!({"a": 1, "email": "ada@example.org", "name": {"last": "L", "first": "Ada"}, "tags": ["x"], "n": 2, "code": "007", "e": "a=b"})
        );
        for (traits, pair) in [
            (None, "novalue"),
            (None, "a..b=1"),
            (None, "=1"),
            (Some("[]"), "a=1"),
            (Some("{"), "a=1"),
            (None, "email.x=1"),
        ] {
            assert_eq!(made(traits, &[pair]).unwrap_err().code, 2, "{traits:?} {pair}");
        }
    }
}
