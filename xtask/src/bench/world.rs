//! A stack with any number of identities, some of which sign in, in a store of its own.

use super::client::{ask, request};
use http::request::Parts;
use latchkey::event::{self, Arrival};
use latchkey::template::pick;
use latchkey::{Options, Stack};
use latchkey_platform::Environment;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// How many identities sign in by turns.
const SIGN_INS: usize = 100;
/// The file that functions are started with.
const FOR_FUNCTIONS: &str = "functions.json";
const PASSWORD: &str = "kepler-22b-is-far-away";
const CLIENT_ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
/// As many items as one call writes.
const BATCH: usize = 25;

fn email(place: usize) -> String {
    format!("ada{place}@example.org")
}

/// What a hash costs in a world.
#[derive(Clone, Copy)]
pub(crate) enum Hash {
    /// Next to nothing, so that everything else can be seen.
    Negligible,
    /// What a deployment starts with.
    Owasp,
}

/// A stack whose store the measured processes use too.
pub(crate) struct World {
    runtime: Runtime,
    stack: Stack,
    token: RefCell<String>,
    identity: Value,
    next: Cell<usize>,
    filled: Cell<usize>,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new(hash: Hash) -> Result<Self, String> {
        let runtime = Runtime::new().map_err(|e| e.to_string())?;
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let events = crate::tools::root().join("events");
        let text = std::fs::read_to_string(events.join("kratos.yml")).map_err(|e| e.to_string())?;
        let text = match hash {
            Hash::Negligible => text,
            // Many attempts are made for one identity; over a limit nothing would be hashed.
            Hash::Owasp => {
                let lines = text.lines().filter(|line| !line.starts_with("hashers:"));
                lines.chain(["rate_limits: { enabled: false }"]).collect::<Vec<_>>().join("\n")
            }
        };
        std::fs::write(folder.path().join("kratos.yml"), &text).map_err(|e| e.to_string())?;
        std::fs::copy(events.join("identity.schema.json"), folder.path().join("identity.schema.json"))
            .map_err(|e| e.to_string())?;
        let options = Options::of(folder.path().join("kratos.yml"));
        latchkey_platform::log::redirect(|_| ());
        let stack = runtime.block_on(Stack::start(&options, Environment::default(), Arc::new(|_| ())))?;
        // As on AWS: JSON, schemas inlined.
        let frozen = latchkey_config::frozen(&text, &stack.loaded).map_err(|e| e.to_string())?;
        std::fs::write(folder.path().join(FOR_FUNCTIONS), frozen).map_err(|e| e.to_string())?;
        let mut world = Self {
            runtime,
            stack,
            token: RefCell::default(),
            identity: Value::Null,
            next: Cell::new(0),
            filled: 0.into(),
            folder,
        };
        for place in (0..SIGN_INS).rev() {
            let config = json!({"password": PASSWORD});
            let body = json!({"traits": {"email": email(place)}, "credentials": {"password": {"config": config}}});
            world.identity = world.ask(true, "POST", "/admin/identities", &[], &body.to_string())?;
        }
        world.sign_in()?;
        Ok(world)
    }

    /// Signs the first identity in again, because many logins evict the oldest sessions.
    pub(crate) fn sign_in(&self) -> Result<(), String> {
        let done = self.ask(false, "POST", &self.begin()?, &[], &Self::login(&email(0)))?;
        done["session_token"].as_str().ok_or("no session")?.clone_into(&mut self.token.borrow_mut());
        Ok(())
    }

    /// The identifier of the next sign-in. Identities take turns, so that none signs in a thousand times in a row.
    fn next_identifier(&self) -> String {
        self.next.set(self.next.get() + 1);
        email(self.next.get() % SIGN_INS)
    }

    /// The variables of a function.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let mut env = vec![
            ("LATCHKEY_CONFIG".to_owned(), self.config().to_string_lossy().into_owned()),
            ("AWS_REGION".to_owned(), "local".to_owned()),
            ("AWS_ACCESS_KEY_ID".to_owned(), self.stack.store.key().to_owned()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), "local".to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), self.stack.store.endpoint().to_owned()),
        ];
        let courier = self.stack.courier_key.to_text();
        for (name, value) in [
            ("LATCHKEY_COURIER_KEY", courier.as_str()),
            ("LATCHKEY_COURIER_SECRET", "bench-only-secret-of-the-courier"),
            ("LATCHKEY_QUEUE", "https://127.0.0.1:9/queue"),
            ("LATCHKEY_DEAD_LETTERS", "https://127.0.0.1:9/dead-letters"),
            ("AWS_ENDPOINT_URL_SQS", "https://127.0.0.1:9"),
        ] {
            env.push((name.to_owned(), value.to_owned()));
        }
        for table in ["FLOWS", "ACCOUNTS", "CREDENTIALS", "OUTBOX", "COUNTERS"] {
            env.push((format!("LATCHKEY_TABLE_{table}"), table.to_ascii_lowercase()));
        }
        env
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join(FOR_FUNCTIONS)
    }

    /// Fills the store up to this many identities.
    pub(crate) fn fill(&self, identities: usize) -> Result<(), String> {
        let id = self.identity["id"].as_str().ok_or("no identity")?;
        let mut originals = Vec::new();
        for table in ["accounts", "credentials"] {
            let all = self.runtime.block_on(self.stack.store.call("Scan", &json!({"TableName": table})))?;
            let items = all["Items"].as_array().cloned().unwrap_or_default();
            let of_ada = items
                .into_iter()
                .map(|item| item.to_string())
                .filter(|item| item.contains(id) && !item.contains("session#"));
            originals.extend(of_ada.take(8).map(|item| (table, item)));
        }
        let mut waiting = Vec::new();
        for at in self.filled.get()..identities {
            // Ids must spread like random ones do.
            let other = format!("{:08x}-0000-4000-8000-{at:012x}", (at as u32).wrapping_mul(0x9E37_79B1));
            for (table, item) in &originals {
                let item = item.replace(id, &other).replace(&email(0), &format!("p{at}@example.org"));
                let item: Value = serde_json::from_str(&item).map_err(|e| e.to_string())?;
                waiting.push((*table, json!({"PutRequest": {"Item": item}})));
                if waiting.len() == BATCH {
                    self.put(std::mem::take(&mut waiting))?;
                }
            }
        }
        self.filled.set(identities);
        if waiting.is_empty() { Ok(()) } else { self.put(waiting) }
    }

    fn put(&self, batch: Vec<(&str, Value)>) -> Result<(), String> {
        let mut items = json!({});
        for (table, put) in batch {
            match items[table].as_array_mut() {
                Some(list) => list.push(put),
                None => items[table] = json!([put]),
            }
        }
        self.runtime.block_on(self.stack.store.call("BatchWriteItem", &json!({"RequestItems": items}))).map(drop)
    }

    /// An event for a function's first answer.
    pub(crate) fn first_event(&self, function: &str) -> String {
        match function {
            "whoami" => self.event("whoami"),
            "init-api" => self.event("init-api"),
            "init-browser" => self.made(false, "GET", "/self-service/login/browser", &[], ""),
            "get-flow" => {
                self.made(false, "GET", "/self-service/login/flows?id=00000000-0000-4000-8000-000000000000", &[], "")
            }
            "login-submit" => self.made(
                false,
                "POST",
                "/self-service/login?flow=00000000-0000-4000-8000-000000000000",
                &[],
                &Self::login(&email(0)),
            ),
            "sessions" => self.made(false, "GET", "/sessions", &[("x-session-token", &self.token.borrow())], ""),
            "logout" => self.made(false, "GET", "/self-service/logout/browser", &[], ""),
            "errors" => {
                self.made(false, "GET", "/self-service/errors?id=00000000-0000-4000-8000-000000000000", &[], "")
            }
            "ui" => self.made(false, "GET", "/error?error=access_denied", &[], ""),
            "admin-identities" => self.made(true, "GET", "/admin/identities?page_size=1", &[], ""),
            "admin-sessions" => self.made(true, "GET", "/admin/sessions/00000000-0000-4000-8000-000000000000", &[], ""),
            "admin-courier" => self.made(true, "GET", "/admin/courier/messages", &[], ""),
            "authorizer" => self.question(),
            "courier" => json!({"Records": [{
                "eventSource": "aws:dynamodb",
                "dynamodb": {"Keys": {"pk": {"S": "00000000-0000-4000-8000-000000000000"}}, "SequenceNumber": "1"},
            }]})
            .to_string(),
            "courier-feedback" => json!({"Records": []}).to_string(),
            "admin-unmatched" => self.made(true, "GET", "/admin/nothing", &[], ""),
            _ => self.made(false, "GET", "/health/alive", &[], ""),
        }
    }

    /// The event of an authorizer for a signed-in client.
    fn question(&self) -> String {
        let event = self.made(false, "GET", "/sample", &[("x-session-token", &self.token.borrow())], "");
        let event: Value = serde_json::from_str(&event).unwrap_or_default();
        event::question(&event).to_string()
    }

    /// An event that needs nothing made before.
    pub(crate) fn event(&self, endpoint: &str) -> String {
        match endpoint {
            "whoami" => self.made(false, "GET", "/sessions/whoami", &[("x-session-token", &self.token.borrow())], ""),
            _ => self.made(false, "GET", "/self-service/login/api", &[], ""),
        }
    }

    /// As many events of an endpoint, each with a flow of its own where it needs one.
    pub(crate) fn events(&self, endpoint: &str, count: u32) -> Result<Vec<String>, String> {
        (0..count)
            .map(|_| match endpoint {
                "get-flow" => {
                    Ok(self.made(false, "GET", &self.begin()?.replace("login?flow", "login/flows?id"), &[], ""))
                }
                "submit" => Ok(self.made(false, "POST", &self.begin()?, &[], &Self::login(&self.next_identifier()))),
                other => Ok(self.event(other)),
            })
            .collect()
    }

    /// A submission that must fail, because of the password or because the identifier is unknown.
    pub(crate) fn attempt(&self, identifier: &str) -> Result<String, String> {
        let body = json!({"method": "password", "identifier": identifier, "password": "not the password"}).to_string();
        Ok(self.made(false, "POST", &self.begin()?, &[], &body))
    }

    /// An identity with a password hash of another system.
    pub(crate) fn import(&self, email: &str, hash: &str) -> Result<(), String> {
        let config = json!({"hashed_password": hash});
        let body = json!({"traits": {"email": email}, "credentials": {"password": {"config": config}}});
        self.ask(true, "POST", "/admin/identities", &[], &body.to_string()).map(drop)
    }

    fn login(identifier: &str) -> String {
        json!({"method": "password", "identifier": identifier, "password": PASSWORD}).to_string()
    }

    /// Begins a native login; where its form posts to.
    fn begin(&self) -> Result<String, String> {
        let flow = self.ask(false, "GET", "/self-service/login/api", &[], "")?;
        let id = flow["id"].as_str().ok_or("no flow")?;
        Ok(format!("/self-service/login?flow={id}"))
    }

    fn ask(
        &self,
        admin: bool,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Value, String> {
        let api = if admin { &self.stack.admin } else { &self.stack.public };
        match self.runtime.block_on(ask(api, CLIENT_ADDRESS, request(method, path, headers, body)))? {
            (200..300, answer) => Ok(answer),
            (status, answer) => Err(format!("{path}: {status} {answer}")),
        }
    }

    fn made(&self, admin: bool, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let (parts, _): (Parts, _) = request(method, path, headers, body).into_parts();
        let api = if admin { &self.stack.admin } else { &self.stack.public };
        let key = pick(&api.routes, method, parts.uri.path()).map_or("$default", |route| route.key.as_str());
        let arrival = Arrival { id: "bench".to_owned(), at: time::OffsetDateTime::UNIX_EPOCH, from: CLIENT_ADDRESS };
        event::event(&parts, body.as_bytes(), key, admin, &arrival).to_string()
    }
}
