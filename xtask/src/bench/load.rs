//! Many users who sign in by code at the same time, against a stack whose functions are processes, as in a deployment.

use super::client::{ask, request};
use super::{in_ms, median, ms};
use axum::body::Body;
use http::Request;
use latchkey::gateway::Api;
use latchkey::{Options, Stack};
use latchkey_platform::Environment;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Users who sign in at the same time.
const USERS: u32 = 1000;
/// Identities per batch.
const BATCH: u32 = 100;
/// Codes that are sent one after another, to see how long one is on its way.
const ALONE: u32 = 50;
/// How long a code may be on its way before it counts as lost.
const LOST: Duration = Duration::from_secs(300);

/// Users sign in by a code to their address. Everything else, such as rate limits, has its default.
const CONFIG: &str = r#"
serve: { public: { base_url: "https://login.example.org/" }, admin: { base_url: "https://admin.example.org/" } }
selfservice:
  default_browser_return_url: https://app.example.org/
  methods: { code: { passwordless_enabled: true } }
secrets: { cookie: ["bench-only-key-of-the-crowd-here"] }
identity: { schemas: [{ id: default, url: "file://user.schema.json" }] }
"#;
const SCHEMA: &str = r#"{"$id": "user", "type": "object", "properties": {"traits": {"type": "object", "properties": {
    "email": {"type": "string", "format": "email", "ory.sh/kratos": {
        "credentials": {"code": {"identifier": true, "via": "email"}}, "verification": {"via": "email"}}}
}}}}"#;

/// Runs it and prints the results. Returns how many logins failed.
pub(super) fn measure(folder: &Path) -> Result<u32, String> {
    let runtime = Runtime::new().map_err(|e| e.to_string())?;
    runtime.block_on(crowd(folder))
}

async fn crowd(folder: &Path) -> Result<u32, String> {
    let files = tempfile::tempdir().map_err(|e| e.to_string())?;
    for (name, text) in [("kratos.yml", CONFIG), ("user.schema.json", SCHEMA)] {
        std::fs::write(files.path().join(name), text).map_err(|e| e.to_string())?;
    }
    let lines: Arc<Mutex<Vec<Value>>> = Arc::default();
    let keep = Arc::clone(&lines);
    let take = Arc::new(move |line: &str| {
        if let Ok(line) = serde_json::from_str(line) {
            keep.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
    let options = Options { processes: Some(folder.to_owned()), ..Options::of(files.path().join("kratos.yml")) };
    let stack = Stack::start(&options, Environment::default(), take).await?;
    for first in (0..USERS + ALONE).step_by(BATCH as usize) {
        let users = first..(first + BATCH).min(USERS + ALONE);
        let users: Vec<Value> =
            users.map(|who| json!({"create": {"schema_id": "default", "traits": {"email": email(who)}}})).collect();
        let batch = request("PATCH", "/admin/identities", &[], &json!({"identities": users}).to_string());
        let (status, made) = ask_as(0, &stack.admin, batch).await?;
        if status != 200 {
            return Err(format!("identities cannot be created: {status} {made}"));
        }
    }
    let mut waits = Vec::new();
    for who in USERS..USERS + ALONE {
        let (sent, _) = send(&stack, who).await?;
        waits.push(sent);
    }
    lines.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let began = Instant::now();
    let mut logins = JoinSet::new();
    let stack = Arc::new(stack);
    for who in 0..USERS {
        let stack = Arc::clone(&stack);
        logins.spawn(async move { sign_in(&stack, who).await });
    }
    let (mut sessions, mut failed, mut arrivals) = (BTreeSet::new(), Vec::new(), Vec::new());
    while let Some(done) = logins.join_next().await {
        match done.map_err(|e| e.to_string())? {
            Ok((session, wait)) => {
                sessions.insert(session);
                arrivals.push(wait);
            }
            Err(why) => failed.push(why),
        }
    }
    let took = began.elapsed();
    let mut messages: BTreeMap<String, u32> = BTreeMap::new();
    for message in stack.inbox.messages() {
        *messages.entry(message.to).or_default() += 1;
    }
    let lost = USERS.saturating_sub(sessions.len() as u32);
    let doubled = messages.values().filter(|count| **count > 1).count() as u32;
    println!(
        "\n{USERS} users sign in by code at the same time, on a stack whose functions are processes: {} signed in within {:.1} s, {:.0} a second; \
         {lost} lost, {doubled} got more than one message. From the answer until the code was there: median {} in the crowd, {} for one alone \
         ({ALONE} of them).\n",
        sessions.len(),
        took.as_secs_f64(),
        f64::from(USERS) / took.as_secs_f64(),
        ms(median(arrivals)),
        ms(median(waits)),
    );
    for why in failed.iter().take(3) {
        println!("- {why}");
    }
    println!("| step | round trips | calls to the store | median | 99 % |");
    println!("|---|---|---|---|---|");
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for (step, function, outcome) in [
        ("begin", "init-api", None),
        ("send a code", "login-submit", Some("code sent")),
        ("enter it", "login-submit", Some("signed in")),
        ("whoami", "whoami", None),
    ] {
        row(
            step,
            lines.iter().filter(|line| {
                line["function"] == function && outcome.is_none_or(|outcome| line["outcome"] == outcome)
            }),
        );
    }
    Ok(lost + doubled)
}

fn row<'l>(step: &str, lines: impl Iterator<Item = &'l Value>) {
    let (mut trips, mut calls, mut times) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for line in lines {
        trips.extend(line["round_trips"].as_u64());
        calls.extend(line["store_calls"].as_u64());
        times.extend(line["milliseconds"].as_f64().map(|ms| Duration::from_secs_f64(ms / 1000.0)));
    }
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    let list = |of: &BTreeSet<u64>| of.iter().map(u64::to_string).collect::<Vec<_>>().join(" or ");
    println!("| {step} | {} | {} | {:.1} ms | {:.1} ms |", list(&trips), list(&calls), in_ms(at(50)), in_ms(at(99)));
}

fn email(who: u32) -> String {
    format!("crowd{who}@example.org")
}

/// A native login by code, whole; the session's id, and how long the code was on its way.
async fn sign_in(stack: &Stack, who: u32) -> Result<(String, Duration), String> {
    let (wait, (path, code)) = send(stack, who).await?;
    let body = json!({"method": "code", "identifier": email(who), "code": code});
    let (status, done) = ask_as(who, &stack.public, request("POST", &path, &[], &body.to_string())).await?;
    let token =
        done["session_token"].as_str().ok_or_else(|| format!("the code of {who} is answered {status} {done}"))?;
    let whoami = request("GET", "/sessions/whoami", &[("x-session-token", token)], "");
    let (status, session) = ask_as(who, &stack.public, whoami).await?;
    if session["identity"]["traits"]["email"] != email(who) {
        return Err(format!("whoami of {who} is answered {status} {session}"));
    }
    let id = session["id"].as_str().ok_or("a session has no id")?;
    Ok((id.to_owned(), wait))
}

/// Asks for a code and waits for it; how long it was on its way, where to post it, and the code.
async fn send(stack: &Stack, who: u32) -> Result<(Duration, (String, String)), String> {
    let (_, flow) = ask_as(who, &stack.public, request("GET", "/self-service/login/api", &[], "")).await?;
    let id = flow["id"].as_str().ok_or_else(|| format!("no flow: {flow}"))?;
    let path = format!("/self-service/login?flow={id}");
    let body = json!({"method": "code", "identifier": email(who)});
    let (status, sent) = ask_as(who, &stack.public, request("POST", &path, &[], &body.to_string())).await?;
    if sent["state"] != "sent_email" {
        return Err(format!("asking for the code of {who} is answered {status} {sent}"));
    }
    let (answered, to, began) = (stack.clock.now(), email(who), Instant::now());
    loop {
        if let Some(message) = stack.inbox.newest_to(&to) {
            let wait = Duration::try_from(message.created_at - answered).unwrap_or_default();
            let code = message.text.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 6);
            return Ok((wait, (path, code.ok_or("a message without a code")?.to_owned())));
        }
        if began.elapsed() > LOST {
            return Err(format!("the code of {who} never came"));
        }
        pause().await;
    }
}

/// Sends a request as one of the users, each from its own network.
async fn ask_as(who: u32, api: &Api, request: Request<Body>) -> Result<(u16, Value), String> {
    ask(api, IpAddr::V4(Ipv4Addr::from(0x0A00_0001 + (who << 8))), request).await
}

#[expect(clippy::disallowed_methods, reason = "the inbox has to be polled")]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}
