//! Secrets that are rotated while every function is warm.

use crate::support::{Bench, CONFIG, Draft, TestChannel, unique, written};
use axum::Router;
use axum::extract::State;
use latchkey::functions::Functions;
use latchkey::gateway::Api;
use latchkey::store::Store;
use latchkey::template::Template;
use latchkey_platform::{Environment, ManualClock, Platform, Rng};
use latchkey_sealing::PrivateKey;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use time::Duration;
use tokio::net::TcpListener;

const COOKIE_OLD: &str = r#"{"secrets.cookie": "the-old-secret-of-cookies"}"#;
const COOKIE_BOTH: &str = r#"{"secrets": {"cookie": ["the-new-secret-of-cookies", "the-old-secret-of-cookies"]}}"#;
const COURIER_OLD: &str = "the old secret of the courier";
const COURIER_BOTH: &str = "the new secret of the courier\nthe old secret of the courier";

/// Secrets Manager, with the content of each document.
#[derive(Clone)]
struct Manager {
    url: String,
    documents: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Manager {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let manager = Self { url, documents: Arc::default() };
        let answer = |State(manager): State<Self>, body: String| async move {
            let asked: Value = serde_json::from_str(&body).unwrap();
            let name = asked["SecretId"].as_str().unwrap().to_owned();
            let text = manager.documents.lock().unwrap()[&name].clone();
            json!({"Name": name, "SecretString": text}).to_string()
        };
        let router = Router::new().fallback(answer).with_state(manager.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        manager
    }

    fn put(&self, name: &str, text: &str) {
        self.documents.lock().unwrap().insert(name.to_owned(), text.to_owned());
    }

    fn environment(&self, store: &str, config: &str) -> Environment {
        Environment::default()
            .with("LATCHKEY_CONFIG", config)
            .with("LATCHKEY_PUBLIC_URL", "https://login.example.org/")
            .with("LATCHKEY_PAGES_URL", "https://login.example.org/")
            .with("LATCHKEY_ADMIN_URL", "https://admin.example.org/")
            .with("AWS_REGION", "local")
            .with("AWS_ACCESS_KEY_ID", "local")
            .with("AWS_SECRET_ACCESS_KEY", "local")
            .with("AWS_ENDPOINT_URL", store)
            .with("AWS_ENDPOINT_URL_SECRETS_MANAGER", &self.url)
            .with("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
            .with("LATCHKEY_QUEUE", "http://127.0.0.1:9/queue")
            .with("LATCHKEY_DEAD_LETTERS", "http://127.0.0.1:9/queue")
            .with("LATCHKEY_SECRETS_ARN", "cookies")
            .with("LATCHKEY_COURIER_SECRET_ARN", "courier")
    }
}

/// These functions, warm after their first call, with this clock.
async fn functions(env: &Environment, clock: &ManualClock, which: impl Fn(&str) -> bool) -> Arc<Functions> {
    let mut all = Template::load().unwrap().functions;
    all.retain(|function| which(&function.binary));
    let platform = Platform { env: env.clone(), clock: clock.clock(), rng: Rng::system() };
    Arc::new(Functions::linked(&all, &platform).await.unwrap())
}

/// A warm function reads a secret again at most once in this time.
const ONCE: Duration = Duration::SECOND;

#[tokio::test]
async fn warm_functions_read_rotated_cookie_secret() {
    let manager = Manager::start().await;
    manager.put("cookies", COOKIE_OLD);
    let codes = "  methods: {code: {passwordless_enabled: true, config: {missing_credential_fallback_enabled: true}}}\n  flows:\n";
    let config = CONFIG.replace("  flows:\n", codes).replace("secrets: {cookie: [test-key-test-key-test-key]}\n", "");
    let (_folder, file) = written(&config);
    let mut bench = Bench::with(&CONFIG.replace("  flows:\n", codes)).await;
    let env = manager.environment(&bench.proxy.endpoint, &file.to_string_lossy());
    let env = env.with("LATCHKEY_COURIER_KEY", &bench.stack.courier_key.to_text());
    let api = async |env: &Environment| Api {
        routes: Template::load().unwrap().public.into(),
        functions: functions(env, &bench.stack.clock, |name| {
            ["init-api", "init-browser", "login-submit", "logout", "whoami"].contains(&name)
        })
        .await,
        clock: bench.stack.clock.clock(),
    };
    let email = bench.identity().await;
    let old = api(&env).await;
    // Both functions that use the secret have read it.
    bench.stack.public = old.clone();
    let path = bench.app().begin("").await;
    bench.app().post(&path, &json!({"method": "code", "identifier": email})).await;
    let first = bench.next_code(&email, 0).await;
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    let cookies = browser.cookies.clone();
    let earlier = browser.get("/self-service/logout/browser").await.json()["logout_token"].clone();
    // The secret is rotated, and a new copy of each function starts beside the old one.
    manager.put("cookies", COOKIE_BOTH);
    bench.turn(ONCE);
    bench.stack.public = api(&env).await;
    let newer = bench.app().begin("").await;
    bench.app().post(&newer, &json!({"method": "code", "identifier": email})).await;
    let second = bench.next_code(&email, 1).await;
    let mut browser = bench.browser();
    browser.cookies = cookies.clone();
    let later = browser.get("/self-service/logout/browser").await.json()["logout_token"].clone();
    assert_ne!(earlier, later, "each was signed with another secret");
    // Each copy accepts what the other one signed.
    let enter = |code: &str| json!({"method": "code", "identifier": email, "code": code});
    assert_eq!(bench.app().post(&path, &enter(&first)).await.status, 200, "an old code in a new copy");
    bench.stack.public = old;
    let done = bench.app().post(&newer, &enter(&second)).await;
    assert_eq!(done.status, 200, "a new code in an old copy: {}", done.body);
    let mut browser = bench.browser();
    browser.cookies = cookies;
    let end = browser.get(&format!("/self-service/logout?token={}", later.as_str().unwrap())).await;
    assert_eq!(end.status, 204, "a new link in an old copy: {}", end.body);
}

/// A courier without a stream, so that the test delivers the records.
struct Courier {
    functions: Arc<Functions>,
    clock: ManualClock,
    store: Store,
    _folder: tempfile::TempDir,
}

async fn courier(manager: &Manager, config: &str, more: &[(&str, &str)]) -> Courier {
    let store = Store::start(&Template::load().unwrap().tables, None).await.unwrap();
    let (folder, file) = written(config);
    let env = manager.environment(&store.endpoint, &file.to_string_lossy());
    let mut env = env.with("AWS_ACCESS_KEY_ID", store.key.expose());
    for (name, value) in more {
        env = env.with(name, value);
    }
    let clock = ManualClock::running();
    let functions = functions(&env, &clock, |name| name == "courier").await;
    Courier { functions, clock, store, _folder: folder }
}

async fn sent(courier: &Courier, secret: &str) -> Value {
    let key = PrivateKey::derive(secret.as_bytes()).unwrap().public();
    let draft = Draft::new(&key, &format!("{}@example.org", unique("r")), courier.clock.now());
    let look = courier.store.client();
    look.call("TransactWriteItems", &draft.write()).await.unwrap();
    let event = json!({"Records": [draft.record()]}).to_string();
    courier.functions.call("CourierFunction", event, "a-request").await.unwrap();
    let key = json!({"pk": {"S": draft.id().to_string()}});
    let read = look.call("GetItem", &json!({"TableName": "outbox", "Key": key})).await.unwrap();
    json!({"status": read["Item"]["status"]["S"], "attempts": read["Item"]["send_count"]["N"], "dispatches": read["Item"]["dispatches"]})
}

#[tokio::test]
async fn warm_courier_reads_its_rotated_secret() {
    let manager = Manager::start().await;
    manager.put("cookies", COOKIE_OLD);
    manager.put("courier", COURIER_OLD);
    let inbox = TestChannel::start().await;
    let config = CONFIG.replace("secrets: {cookie: [test-key-test-key-test-key]}\n", "");
    let courier = courier(&manager, &config, &[("LATCHKEY_INBOX_URL", &inbox.url)]).await;
    assert_eq!(sent(&courier, COURIER_OLD).await["status"], "sent");
    manager.put("courier", COURIER_BOTH);
    courier.clock.turn(ONCE);
    let newest = COURIER_BOTH.lines().next().unwrap();
    let seen = sent(&courier, newest).await;
    assert_eq!((&seen["status"], &seen["attempts"]), (&json!("sent"), &json!("1")), "{seen}");
    assert_eq!(sent(&courier, COURIER_OLD).await["status"], "sent", "what was sealed before");
}

#[tokio::test]
async fn warm_courier_reads_rotated_channel_key() {
    let accepted = Arc::new(Mutex::new("old"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let take = |State(accepted): State<Arc<Mutex<&'static str>>>, headers: http::HeaderMap| async move {
        let key = *accepted.lock().unwrap();
        let known = headers.get("x-key").is_some_and(|value| value == key);
        if known { http::StatusCode::OK } else { http::StatusCode::UNAUTHORIZED }
    };
    let router = Router::new().fallback(take).with_state(Arc::clone(&accepted));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let manager = Manager::start().await;
    let secrets = |key: &str| {
        json!({"secrets.cookie": "the-old-secret-of-cookies", "courier.channels.email.request_config.auth.config.value": key}).to_string()
    };
    manager.put("cookies", &secrets("old"));
    manager.put("courier", COURIER_OLD);
    let config = CONFIG.replace("secrets: {cookie: [test-key-test-key-test-key]}\n", "");
    let channel = format!(
        "courier: {{channels: [{{id: email, type: http, request_config: {{url: '{url}', auth: {{type: api_key, config: {{name: X-Key, in: header}}}}}}}}]}}\n\
         clients: {{http: {{disallow_private_ip_ranges: false}}}}\n"
    );
    let courier = courier(&manager, &format!("{config}{channel}"), &[]).await;
    let seen = sent(&courier, COURIER_OLD).await;
    assert_eq!(seen["status"], "sent", "{seen}");
    *accepted.lock().unwrap() = "new";
    manager.put("cookies", &secrets("new"));
    courier.clock.turn(ONCE);
    let seen = sent(&courier, COURIER_OLD).await;
    assert_eq!((&seen["status"], &seen["attempts"]), (&json!("sent"), &json!("1")), "{seen}");
    // A refused key is our own error, which an operator may fix while the message waits.
    *accepted.lock().unwrap() = "yet another";
    let seen = sent(&courier, COURIER_OLD).await;
    assert_eq!((&seen["status"], &seen["attempts"]), (&json!("queued"), &json!("1")), "{seen}");
}

#[tokio::test]
async fn warm_courier_key_returns_newest_key() {
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/answer", listener.local_addr().unwrap());
    let hear = |State(told): State<Arc<Mutex<Vec<Value>>>>, body: String| async move {
        told.lock().unwrap().push(serde_json::from_str(&body).unwrap());
    };
    let router = Router::new().fallback(hear).with_state(Arc::clone(&told));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let manager = Manager::start().await;
    manager.put("courier", COURIER_OLD);
    let env = manager.environment("http://127.0.0.1:9", "/nowhere");
    let functions = functions(&env, &ManualClock::running(), |name| name == "courier-key").await;
    for (secrets, revision) in [(COURIER_OLD, "1"), (COURIER_BOTH, "2")] {
        manager.put("courier", secrets);
        let event = json!({
            "RequestType": if revision == "1" { "Create" } else { "Update" }, "ResponseURL": url, "StackId": "stack",
            "RequestId": revision, "LogicalResourceId": "CourierKey", "ResourceProperties": {"Revision": revision},
        });
        functions.call("CourierKeyFunction", event.to_string(), "a-request").await.unwrap();
        let newest = PrivateKey::all(secrets).unwrap()[0].public().to_text();
        assert_eq!(told.lock().unwrap().pop().unwrap()["Data"]["PublicKey"], newest, "revision {revision}");
    }
}
