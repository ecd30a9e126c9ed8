//! The test bench: a whole stack in this process, clients that call it through API Gateway's events, a store that can be inspected and
//! made to fail, and the log.

mod channel;
mod client;
mod emulator;
mod faults;
mod log;
pub mod page;
mod served;

pub use channel::{Draft, Reaction, TestChannel, outbox, record};
pub use client::{Answer, Browser, Client, Door, action, csrf, password};
use emulator::Emulator;
use faults::Behind;
pub use faults::{Call, Fault, Proxy};
use latchkey_platform::Environment;
pub use served::{Bend, Bent, Forward, Served, eventually, get, get_with, text};

use latchkey::gateway::Api;
use latchkey::template::Template;
use latchkey::{Options, Stack, store::Store};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

/// The configuration of most tests: one schema, cheap hashes.
pub const CONFIG: &str = r#"
serve:
  public:
    base_url: https://login.example.org/
    cors: {enabled: true, allowed_origins: ["https://app.example.org", "https://*.apps.example.org"]}
  admin: {base_url: "https://admin.example.org/"}
selfservice:
  default_browser_return_url: https://app.example.org/welcome
  allowed_return_urls: ["https://app.example.org", "https://www.example.org/path", "exp://example.org/Callback"]
  flows:
    login: {ui_url: "https://app.example.org/login", lifespan: 10m}
    error: {ui_url: "https://app.example.org/error"}
    logout: {after: {default_browser_return_url: "https://app.example.org/bye"}}
secrets: {cookie: [test-key-test-key-test-key]}
hashers: {algorithm: argon2, argon2: {memory: 64KB, iterations: 1}}
identity:
  default_schema_id: user
  schemas: [{id: user, url: "file://user.json", selfservice_selectable: true}, {id: contacts, url: "file://contacts.json", selfservice_selectable: true}]
"#;

/// Identities with an e-mail address and an optional name.
const USER: &str = r#"{
  "$id": "user", "type": "object",
  "properties": {"traits": {
    "type": "object",
    "properties": {
      "email": {"type": "string", "format": "email", "title": "E-Mail", "minLength": 3, "ory.sh/kratos": {
        "credentials": {"password": {"identifier": true}}, "verification": {"via": "email"}, "recovery": {"via": "email"}}},
      "name": {"type": "object", "properties": {"first": {"type": "string"}, "last": {"type": "string"}}, "additionalProperties": false}
    },
    "required": ["email"], "additionalProperties": false
  }}
}"#;

/// Identities that sign in by any of three identifiers.
const CONTACTS: &str = r#"{
  "$id": "contacts", "type": "object",
  "properties": {"traits": {
    "type": "object",
    "properties": {
      "username": {"type": "string", "title": "User name", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}},
      "email": {"type": "string", "format": "email", "ory.sh/kratos": {
        "credentials": {"password": {"identifier": true}}, "verification": {"via": "email"}}},
      "phone": {"type": "string", "format": "tel", "ory.sh/kratos": {
        "credentials": {"password": {"identifier": true}}, "verification": {"via": "sms"}}}
    }
  }}
}"#;

/// The password of identities in tests, unless a test sets another one.
pub const PASSWORD: &str = "kepler-22b-is-far-away";

/// A running stack.
pub struct Bench {
    pub stack: Stack,
    /// The proxy between the functions and the store.
    pub proxy: Proxy,
    _folder: TempDir,
}

/// A value that no other test of this run has.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A configuration in a folder of its own, with its schemas beside it.
pub fn written(config: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in [("kratos.yml", config), ("user.json", USER), ("contacts.json", CONTACTS)] {
        std::fs::write(folder.path().join(name), text).expect("a temporary file");
    }
    let file = folder.path().join("kratos.yml");
    (folder, file)
}

impl Bench {
    /// A stack with the usual configuration.
    pub async fn new() -> Self {
        Self::with(CONFIG).await
    }

    /// A stack with its own configuration; schemas `user.json` and `contacts.json` lie beside it.
    pub async fn with(config: &str) -> Self {
        Self::start(config, Environment::default(), false).await
    }

    /// The same, with login pages that call the API at this address.
    pub async fn with_api(config: &str, api: &str) -> Self {
        Self::start(config, Environment::default().with("LATCHKEY_API_URL", api), false).await
    }

    /// A stack with an environment variable.
    pub async fn with_env(config: &str, name: &str, value: &str) -> Self {
        Self::start(config, Environment::default().with(name, value), false).await
    }

    /// The same with several.
    pub async fn with_envs(config: &str, more: &[(&str, &str)]) -> Self {
        let env = more.iter().fold(Environment::default(), |env, (name, value)| env.with(name, value));
        Self::start(config, env, false).await
    }

    /// The same in development mode.
    pub async fn dev(config: &str) -> Self {
        Self::start(config, Environment::default(), true).await
    }

    /// The same, with login pages that call the API at this address.
    pub async fn with_dev(config: &str, api: &str) -> Self {
        Self::start(config, Environment::default().with("LATCHKEY_API_URL", api), true).await
    }

    /// The same, with login pages that call this stack's own API by HTTP.
    pub async fn with_pages(config: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let bench = Self::with_api(config, &format!("http://{address}/")).await;
        let service = bench.stack.public.clone().router().into_make_service_with_connect_info::<std::net::SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        bench
    }

    /// The same with a delivery channel at this address.
    pub async fn with_channel(config: &str, channel: &str, dev: bool) -> Self {
        let env = Environment::default().with("LATCHKEY_INBOX_URL", channel);
        Self::start(config, env, dev).await
    }

    async fn start(config: &str, env: Environment, dev: bool) -> Self {
        log::collect();
        let (folder, file) = written(config);
        let proxy = Proxy::start(store().await).await;
        let options = Options { dev, store: Some(proxy.endpoint.clone()), ..Options::of(file) };
        let stack = Stack::start(&options, env, Arc::new(|_| ())).await.expect("the stack starts");
        Self { stack, proxy, _folder: folder }
    }

    /// A native app.
    pub fn app(&self) -> Client<'_> {
        Client::new(self)
    }

    /// A browser.
    pub fn browser(&self) -> Browser<'_> {
        Browser::new(self)
    }

    /// An administrator.
    pub fn admin(&self) -> Client<'_> {
        Client::admin(self)
    }

    pub(crate) fn api(&self, door: Door) -> &Api {
        match door {
            Door::Public => &self.stack.public,
            Door::Admin => &self.stack.admin,
            Door::Pages => &self.stack.pages,
        }
    }

    /// Creates an identity with a password. Returns its e-mail address.
    pub async fn identity(&self) -> String {
        let email = format!("{}@example.org", unique("p"));
        self.create(json!({"email": email}), json!({"password": PASSWORD})).await;
        email
    }

    /// Creates an identity with traits of the user schema and a password configuration. Returns the identity.
    pub async fn create(&self, traits: Value, password: Value) -> Value {
        self.create_as("user", traits, password).await
    }

    /// The same with another schema.
    pub async fn create_as(&self, schema: &str, traits: Value, password: Value) -> Value {
        let mut body = json!({"schema_id": schema, "traits": traits});
        if password != json!({}) {
            body["credentials"] = json!({"password": {"config": password}});
        }
        let answer = self.admin().post("/admin/identities", &body).await;
        assert_eq!(answer.status, 201, "{} {}", answer.body, self.logged(&answer));
        answer.json()
    }

    /// The time of the stack, which clients share.
    pub fn now(&self) -> OffsetDateTime {
        self.stack.clock.now()
    }

    /// Turns the clock of the stack and of its clients forward.
    pub fn turn(&self, by: Duration) {
        self.stack.clock.turn(by);
    }

    /// Turns the clock past the lifespan of a login flow.
    pub fn expire_flows(&self) {
        self.turn(Duration::minutes(10));
    }

    /// Waits for what queued messages lead to. Whenever the next one is due later, the clock is turned to that time.
    pub async fn turn_until<T>(&self, what: &str, found: impl AsyncFnMut() -> Option<T>) -> T {
        self.turn_about("", what, found).await
    }

    /// The same, where only queued messages with this text in their bodies turn the clock.
    pub async fn turn_about<T>(&self, about: &str, what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
        eventually(what, async || {
            let seen = found().await;
            if seen.is_none() {
                self.stack.turn_to_next_due(about, None);
            }
            seen
        })
        .await
    }

    /// Lets this much time pass. Queued messages are brought to their function when they are due.
    pub async fn pass(&self, by: Duration) {
        let end = self.now() + by;
        eventually("the end of that time", async || {
            match self.stack.queues.is_empty() {
                true => self.turn((end - self.now()).max(Duration::ZERO)),
                false => self.stack.turn_to_next_due("", Some(end)),
            }
            (self.now() >= end).then_some(())
        })
        .await;
    }

    /// The messages that were sent to an address, newest first.
    pub fn mail_to(&self, address: &str) -> Vec<latchkey::inbox::Message> {
        self.stack.inbox.messages().into_iter().filter(|message| message.to == address).collect()
    }

    /// The code of the next message to an address, after this many.
    pub async fn next_code(&self, address: &str, after: usize) -> String {
        let address = address.replace([' ', '(', ')', '-'], "");
        let text = eventually("a code", async || {
            let mail = self.mail_to(&address);
            (mail.len() > after).then(|| mail[0].text.clone())
        });
        let text = text.await;
        let digits = regex_lite::Regex::new(r"\b\d{6}\b").expect("a pattern");
        digits.find(&text).unwrap_or_else(|| panic!("no code in {text:?}")).as_str().to_owned()
    }

    /// Everything that functions of this run have logged for a request.
    pub fn logged(&self, answer: &Answer) -> Value {
        log::of_request(answer.header("apigw-requestid").unwrap_or_default())
    }

    /// The change that a request of an administrator made, as the log has it.
    pub fn changes(&self, answer: &Answer) -> Vec<Value> {
        log::changes_of(answer.header("apigw-requestid").unwrap_or_default())
    }

    /// Every line that was logged in this run so far.
    pub fn everything_logged() -> String {
        log::all()
    }
}

/// A store with the template's tables: embedded, or in the one that `LATCHKEY_TEST_DYNAMODB` names.
async fn store() -> Behind {
    let template = Template::load().expect("a template");
    match std::env::var("LATCHKEY_TEST_DYNAMODB") {
        Ok(endpoint) => Behind::Emulator(Box::new(Emulator::start(&endpoint, &template.tables).await)),
        Err(_) => Behind::Embedded(Box::new(Store::start(&template.tables, None).await.expect("a store").client())),
    }
}

/// One call of the API of an embedded store.
pub async fn call_store(store: &Store, operation: &str, request: &Value) {
    let answer = store.client().call(operation, request).await;
    answer.unwrap_or_else(|refusal| panic!("{operation}: {refusal}"));
}

/// One call of DynamoDB's API, by the full name of the operation. Returns status and answer.
async fn dynamodb(client: &latchkey::store::Client, target: &str, body: &Value) -> (u16, Value) {
    match client.send(target, body).await {
        Ok(answer) => (200, answer),
        Err(refusal) => (400, serde_json::from_str(&refusal).unwrap_or_else(|_| panic!("{refusal}"))),
    }
}
