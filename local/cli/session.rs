//! `latchkey session`: lists and revokes the sessions of an identity.

use crate::cli::api::{Admin, Target};
use crate::cli::table::rows;
use crate::cli::{EXIT_CODES, Failure, print};
use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use hyper::body::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

/// `latchkey session …`
#[derive(Debug, Args)]
pub struct Session {
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
    /// List the sessions of an identity, newest first
    #[command(after_help = EXIT_CODES)]
    List {
        /// Its id, or an identifier that it signs in with
        #[arg(value_name = "ID|IDENTIFIER")]
        who: String,
        /// Only active sessions
        #[arg(long)]
        active: bool,
    },
    /// Revoke a session, or all sessions of an identity
    #[command(after_help = EXIT_CODES)]
    Revoke {
        /// Id of the session
        #[arg(required_unless_present = "all_of")]
        session_id: Option<Uuid>,
        /// Revoke every session of this identity
        #[arg(long, value_name = "ID|IDENTIFIER", conflicts_with = "session_id")]
        all_of: Option<String>,
    },
}

/// Runs the command.
///
/// # Errors
/// The API's error, or an error of the command line.
pub async fn run(session: Session) -> Result<(), Failure> {
    let admin = Admin::open(&session.target)?;
    match (session.command, session.json) {
        (Command::List { who, active }, json) => list(&admin, &who, active, json).await,
        (Command::Revoke { session_id: Some(id), .. }, json) => revoke(&admin, id, json).await,
        (Command::Revoke { all_of: Some(who), .. }, json) => revoke_all(&admin, &who, json).await,
        (Command::Revoke { .. }, _) => Err(Failure::usage("give the id of a session, or --all-of")),
    }
}

async fn list(admin: &Admin, who: &str, active: bool, json: bool) -> Result<(), Failure> {
    let id = admin.find(who).await?;
    let query = format!("page_size=250{}", if active { "&active=true" } else { "" });
    let mut seen = 0;
    let shown = |sessions: Vec<Value>| {
        if json {
            sessions.iter().try_for_each(|session| print(&session.to_string()))?;
        } else {
            let head = ["ID", "ACTIVE", "AAL", "METHODS", "SIGNED IN", "EXPIRES", "FROM", "DEVICE"];
            let head = (seen == 0 && !sessions.is_empty()).then_some(head);
            rows(head, &sessions.iter().map(row).collect::<Vec<_>>())?;
        }
        seen += sessions.len();
        Ok(true)
    };
    admin.pages(&format!("/admin/identities/{id}/sessions"), query, shown).await?;
    if !json && seen == 0 {
        eprintln!("{id} has no sessions.");
    }
    Ok(())
}

fn row(session: &Value) -> [String; 8] {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    // A terminal shows seconds and no fractions.
    let moment =
        |key: &str| session[key].as_str().unwrap_or("-").chars().take(19).collect::<String>().replace('T', " ");
    let methods = session["authentication_methods"].as_array().into_iter().flatten();
    let methods: Vec<&str> = methods.filter_map(|method| method["method"].as_str()).collect();
    let device = session["devices"].as_array().and_then(|devices| devices.last()).unwrap_or(&Value::Null);
    [
        text(&session["id"]),
        if session["active"] == true { "yes" } else { "no" }.to_owned(),
        text(&session["authenticator_assurance_level"]),
        methods.join("+"),
        moment("authenticated_at"),
        moment("expires_at"),
        text(&device["ip_address"]),
        text(&device["user_agent"]).chars().take(60).collect(),
    ]
}

async fn revoke(admin: &Admin, id: Uuid, json: bool) -> Result<(), Failure> {
    admin.call(Method::DELETE, &format!("/admin/sessions/{id}"), None, None).await?;
    if json { print(&json!({"revoked": id}).to_string()) } else { print(&format!("Revoked session {id}.")) }
}

async fn revoke_all(admin: &Admin, who: &str, json: bool) -> Result<(), Failure> {
    let id = admin.find(who).await?;
    let path = format!("/admin/identities/{id}/sessions");
    let answer = admin.send(Method::DELETE, &path, None, http::HeaderMap::new(), Bytes::new()).await?;
    // An identity without sessions: nothing is left to revoke. A gateway's own 404 comes from a URL that is no admin API.
    let had = answer.status.is_success();
    let had_none = answer.status == StatusCode::NOT_FOUND && answer.json()["error"]["code"] == 404;
    if !had && !had_none {
        return Err(admin.refusal(&answer));
    }
    if json {
        return print(&json!({"identity": id, "had_sessions": had}).to_string());
    }
    print(&if had { format!("Revoked every session of {id}.") } else { format!("{id} has no sessions.") })
}
