//! The events below `events/`, replayed against the deployed binaries through a Runtime API: the whole answer is compared.
//!
//! `LATCHKEY_WRITE_EVENTS=1 cargo test --test edge events` writes them anew, with the state that they need and the answers;
//! `LATCHKEY_WRITE_EVENTS=answers` writes the answers alone.

use crate::support::{Bench, Browser, Draft, PASSWORD, action, csrf};
use axum::body::Body;
use http::Request;
use latchkey::event::{self, Arrival};
use latchkey::processes::Processes;
use latchkey::store::Store;
use latchkey::template::{Function, Template, pick};
use latchkey::{Options, Stack};
use latchkey_core::courier::{Dispatch, QueuedMessage};
use latchkey_platform::{Clock, Environment};
use latchkey_sealing::PrivateKey;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// Flows and sessions that are still valid when the events are replayed years later.
const CONFIG: &str = include_str!("../events/kratos.yml");

/// The secret that messages of the events are sealed with.
const COURIER_SECRET: &str = "events-only-secret-of-the-courier";

/// The queued message of the events, and the sent one.
const WAITS: Uuid = Uuid::from_u128(0x8315a408_af2d_4b3a_a94b_bc0bf93ebfe2);
const SENT: Uuid = Uuid::from_u128(0x90f92b38_94de_4a40_b8a4_b8800d5f76e8);

/// How long flows and sessions of the events live.
const CENTURY: time::Duration = time::Duration::days(36_500);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("events")
}

#[tokio::test]
async fn every_event_gets_its_recorded_answer() {
    let anew = std::env::var("LATCHKEY_WRITE_EVENTS").unwrap_or_default();
    if anew == "1" {
        write_all().await;
    }
    let binaries = binaries();
    let state = as_of_today(read(&folder().join("state.json")));
    let mut replayed = BTreeMap::<String, usize>::new();
    let mut wrong = Vec::new();
    for file in events() {
        let binary = file.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap().to_owned();
        let answer = replay(&binaries, &binary, &read(&file), &state).await;
        if anew == "answers" {
            write(&file.with_extension("answer.json"), &scrubbed(&answer));
        }
        let expected: Value = read(&file.with_extension("answer.json"));
        if scrubbed(&answer) != expected {
            wrong.push(format!("{}:\n  is      {}\n  must be {expected}", file.display(), scrubbed(&answer)));
        }
        *replayed.entry(binary).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for function in Template::load().unwrap().functions {
        assert!(
            replayed.get(&function.binary).is_some_and(|count| *count >= 2),
            "{} has too few events",
            function.binary
        );
    }
}

/// Event files: `events/<binary>/<name>.json`.
fn events() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in std::fs::read_dir(folder()).expect("events").flatten().filter(|entry| entry.path().is_dir()) {
        let inside = std::fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.path());
        files.extend(inside.filter(|path| !path.to_string_lossy().ends_with(".answer.json")));
    }
    files.sort();
    files
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The state, moved to the date of the test. Ages stay as they were when the state was written, so that nothing is too old. Times a
/// century ahead stay as they are, because cookies contain them.
fn as_of_today(mut state: Value) -> Value {
    let state = state.as_object_mut().expect("tables");
    let written = state.remove("written_at").expect("when it was written");
    let written = OffsetDateTime::parse(written.as_str().expect("a text"), &Rfc3339).expect("a time");
    let passed = Clock::system().now() - written;
    let moved = |at: OffsetDateTime| if (at - written).abs() < CENTURY / 2 { at + passed } else { at };
    let times = regex_lite::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").expect("a pattern");
    let moved_text = |found: &regex_lite::Captures<'_>| {
        moved(OffsetDateTime::parse(&found[0], &Rfc3339).expect("a time")).format(&Rfc3339).expect("a time")
    };
    for table in ["accounts", "credentials", "flows"] {
        for item in state[table].as_array_mut().expect("items") {
            let doc = item["doc"]["S"].as_str().map(|doc| times.replace_all(doc, moved_text).into_owned());
            if let Some(doc) = doc {
                item["doc"]["S"] = json!(doc);
            }
            if let Some(ttl) = item["ttl"]["N"].as_str() {
                let ttl = OffsetDateTime::from_unix_timestamp(ttl.parse().expect("a number")).expect("a time");
                item["ttl"]["N"] = json!(moved(ttl).unix_timestamp().to_string());
            }
        }
    }
    state.insert("outbox".to_owned(), outbox());
    state.clone().into()
}

/// Builds the binaries, once, and returns their folder. While tests run, no other process holds the build folder.
pub fn binaries() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build).clone()
}

fn build() -> PathBuf {
    let program = std::env::current_exe().expect("this program");
    let profile = program.ancestors().nth(2).expect("target/debug").to_owned();
    let target = profile.parent().expect("target");
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(env!("CARGO_MANIFEST_DIR")).env("CARGO_TARGET_DIR", target);
    // Cargo sets variables about the running package. Build scripts that depend on them would run again.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name.to_string_lossy().starts_with("CARGO_MANIFEST_") {
            build.env_remove(name);
        }
    }
    let built = build.args(["build", "--workspace", "--bins", "--locked", "--quiet"]).status().expect("cargo");
    assert!(built.success(), "the functions do not build");
    profile
}

async fn replay(binaries: &Path, binary: &str, event: &Value, state: &Value) -> Value {
    let template = Template::load().expect("a template");
    let store = Store::start(&template.tables, None).await.expect("a store");
    for (table, items) in state.as_object().expect("tables") {
        for item in items.as_array().expect("items") {
            crate::support::call_store(&store, "PutItem", &json!({"TableName": table, "Item": item})).await;
        }
    }
    let function = match event.get("routeKey") {
        Some(key) => behind(&template, key, event),
        // An event that comes through no gateway names no route, and each such function exists once.
        None => template.functions.iter().find(|known| known.binary == binary).expect("a function").resource.clone(),
    };
    let functions: Vec<Function> = template.functions.into_iter().filter(|known| known.resource == function).collect();
    assert!(functions.iter().all(|known| known.binary == binary), "{function} is not {binary}");
    let mut event = event.clone();
    let said = Said::start().await;
    if event.get("ResponseURL").is_some() {
        event["ResponseURL"] = json!(said.url);
    }
    let mut env = environment(&store);
    if binary == "ui" {
        env = env.with("LATCHKEY_API_URL", &api_over(&store).await);
    }
    env = env.with("LATCHKEY_INBOX_URL", &said.url);
    let processes = Processes::new(&functions, binaries, &env, Arc::new(|_| ())).expect("binaries");
    let answer = processes
        .call(&function, event.to_string(), "5f6c1a2e-0000-4000-8000-000000000000", Duration::from_secs(29))
        .await;
    let mut answer = answer.unwrap_or_else(|e| panic!("{binary}: {e:?}"));
    // Calls of other services are part of the result.
    let told = said.told();
    if !told.is_empty() {
        answer["told"] = json!(told);
    }
    answer
}

/// The function behind a route. An authorizer's event names the route that it protects.
fn behind(template: &Template, key: &Value, event: &Value) -> String {
    let admin = event["requestContext"]["authorizer"].get("iam").is_some();
    let routes =
        if admin { template.admin.clone() } else { [template.public.clone(), template.pages.clone()].concat() };
    let route = routes.iter().find(|route| *key == route.key.as_str()).expect("a route of the template");
    let asked = event["type"] == "REQUEST";
    if asked { route.authorizer.clone().expect("an authorizer") } else { route.function.clone() }
}

/// Receives what a function sends to others: the inbox, CloudFormation.
struct Said {
    url: String,
    told: Arc<Mutex<Vec<Value>>>,
}

impl Said {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let told = Arc::<Mutex<Vec<Value>>>::default();
        let kept = Arc::clone(&told);
        let take = async move |body: axum::body::Bytes| {
            kept.lock().expect("unlocked").push(serde_json::from_slice(&body).expect("JSON"));
        };
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(take)).await });
        Self { url, told }
    }

    fn told(&self) -> Vec<Value> {
        std::mem::take(&mut *self.told.lock().expect("unlocked"))
    }
}

/// A public API over a store, for the one function that is its client. Returns its address.
async fn api_over(store: &Store) -> String {
    let (endpoint, key) = (store.endpoint.clone(), store.key.expose().to_owned());
    let config = folder().join("kratos.yml");
    let options = Options { store: Some(endpoint), store_key: Some(key), ..Options::of(config) };
    let stack = Stack::start(&options, Environment::default(), Arc::new(|_| ())).await.expect("a stack");
    let address = format!("http://{}/", stack.addresses.public);
    tokio::spawn(stack.serve(std::future::pending()));
    address
}

fn environment(store: &Store) -> Environment {
    let config = folder().join("kratos.yml");
    let courier = PrivateKey::derive(COURIER_SECRET.as_bytes()).expect("a key");
    Environment::default()
        .with("LATCHKEY_CONFIG", &config.to_string_lossy())
        .with("AWS_REGION", "local")
        .with("AWS_ACCESS_KEY_ID", store.key.expose())
        .with("AWS_SECRET_ACCESS_KEY", "local")
        .with("AWS_ENDPOINT_URL_DYNAMODB", &store.endpoint)
        .with("LATCHKEY_COURIER_KEY", &courier.public().to_text())
        .with("LATCHKEY_COURIER_SECRET", COURIER_SECRET)
        // A valid event uses no queue.
        .with("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
        .with("LATCHKEY_QUEUE", "http://127.0.0.1:9/queue")
        .with("LATCHKEY_DEAD_LETTERS", "http://127.0.0.1:9/dead-letters")
}

/// An answer without the parts that differ every time. A JSON body is shown as JSON.
fn scrubbed(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if let Some(body) = answer["body"].as_str().and_then(|body| serde_json::from_str::<Value>(body).ok()) {
        answer["body"] = body;
    }
    let mut text = answer.to_string();
    for (pattern, with) in [
        (r"csrf_token_[0-9a-f]+=[^;\x22]*", "csrf_token_<hash>=<secret>"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
        (r"\d{1,2} [A-Z][a-z]+ 20\d\d, \d\d:\d\d UTC", "<moment>"),
        (r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", "<moment>"),
        (r"ory_(st|lo|ac)_[A-Za-z0-9]+", "<token>"),
        (r"Expires=[^;\x22]*", "Expires=<time>"),
        (r"Max-Age=\d{3,}", "Max-Age=<seconds>"),
        (r"ory_kratos_session=[A-Za-z0-9_-]{40,}", "ory_kratos_session=<session>"),
        (r"ory_kratos_session_device=[A-Za-z0-9_-]{40,}", "ory_kratos_session_device=<device>"),
        (r"[A-Za-z0-9+/]{86}==", "<token>"),
        (r"[A-Za-z0-9+/]{43}=", "<secret>"),
        (r"[0-9a-f]{64}", "<hash>"),
        (r"\.[0-9a-f]{12}\.(css|js|svg)", ".<hash>.$1"),
    ] {
        text = regex_lite::Regex::new(pattern).expect("a pattern").replace_all(&text, with).into_owned();
    }
    serde_json::from_str(&text).expect("still JSON")
}

/// Name, verb, path, headers, body.
type Case<'a> = (&'a str, &'a str, String, Vec<(&'a str, &'a str)>, String);

/// Writes events, the state that they need, and the answers of today.
async fn write_all() {
    let config = CONFIG.replace("file://identity.schema.json", "file://user.json");
    let bench = Bench::with(&config).await;
    let email = "ada@example.org";
    bench.create_as("default", json!({"email": email, "name": {"first": "Ada"}}), json!({"password": PASSWORD})).await;
    let token = bench.app().sign_in(email).await;
    let ended = bench.app().sign_in(email).await;
    let mut signed_in = bench.browser();
    signed_in.sign_in(email).await;
    let logout =
        signed_in.get("/self-service/logout/browser").await.json()["logout_token"].as_str().unwrap().to_owned();
    let native = bench.app().begin("").await;
    let mut visitor = bench.browser();
    let form = visitor.begin("").await;
    let page = visitor.with_html("/self-service/login/browser?return_to=https://elsewhere.example").await;
    let error = page.location().rsplit("id=").next().unwrap().to_owned();
    let tables = ["flows", "accounts", "credentials"];
    let mut state = serde_json::Map::new();
    for table in tables {
        state.insert(table.to_owned(), bench.proxy.items(table).await.into());
    }
    state.insert("written_at".to_owned(), json!(Clock::system().now().format(&Rfc3339).expect("a time")));
    write(&folder().join("state.json"), &Value::Object(state.clone()));
    state.remove("written_at");
    state.insert("outbox".to_owned(), outbox());
    let state = Value::Object(state);
    for (name, event) in message_events() {
        write_one(name, &event, &state).await;
    }

    let known = cookies(&visitor);
    let session = cookies(&signed_in);
    let (id, own) = (form["id"].as_str().unwrap(), csrf(&form));
    let own = own.as_str().unwrap();
    let form_path = action(&form);
    let flow = form["id"].as_str().unwrap();
    let json_login = |password: &str, token: Option<&str>| {
        let mut body = json!({"method": "password", "identifier": email, "password": password});
        if let Some(token) = token {
            body["csrf_token"] = json!(token);
        }
        body.to_string()
    };
    let form_login = |password: &str| {
        let fields = [("method", "password"), ("identifier", email), ("password", password), ("csrf_token", own)];
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    };
    let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let js = ("accept", "application/json");
    let sends_json = ("content-type", "application/json");
    let sends_form = ("content-type", "application/x-www-form-urlencoded");
    let with_token = ("x-session-token", token.as_str());
    let from_app = ("origin", "https://app.example.org");
    let (visits, is_in) = (("cookie", known.as_str()), ("cookie", session.as_str()));
    let identity = |email: &str| {
        json!({"schema_id": "default", "traits": {"email": email}, "credentials": {"password": {"config": {"password": PASSWORD}}}}).to_string()
    };
    let admin = "admin ";
    let identity_path = format!("/admin/identities/{}", state["accounts"][0]["pk"]["S"].as_str().unwrap());
    let session_of = |token: &str| json!({"session_token": token}).to_string();
    let none = String::new;
    let bearer = format!("Bearer {token}");
    let with_bearer = ("authorization", bearer.as_str());
    let cases: Vec<Case<'_>> = vec![
        ("init-browser/browser", "GET", "/self-service/login/browser".into(), vec![html], none()),
        ("init-browser/spa", "GET", "/self-service/login/browser?return_to=/deep".into(), vec![js, from_app], none()),
        (
            "init-browser/spa-foreign-return-to",
            "GET",
            "/self-service/login/browser?return_to=https://elsewhere.example".into(),
            vec![js],
            none(),
        ),
        (
            "init-browser/browser-foreign-return-to",
            "GET",
            "/self-service/login/browser?return_to=https://elsewhere.example".into(),
            vec![html],
            none(),
        ),
        ("init-browser/browser-signed-in", "GET", "/self-service/login/browser".into(), vec![html, is_in], none()),
        ("init-api/native", "GET", "/self-service/login/api".into(), vec![js], none()),
        ("init-api/native-signed-in", "GET", "/self-service/login/api".into(), vec![js, with_token], none()),
        ("get-flow/spa", "GET", format!("/self-service/login/flows?id={id}"), vec![js, visits], none()),
        ("get-flow/browser-foreign", "GET", format!("/self-service/login/flows?id={id}"), vec![js], none()),
        ("get-flow/native", "GET", native.replace("login?flow", "login/flows?id"), vec![js], none()),
        (
            "get-flow/native-unknown",
            "GET",
            "/self-service/login/flows?id=00000000-0000-4000-8000-000000000000".into(),
            vec![js],
            none(),
        ),
        ("login-submit/native", "POST", native.clone(), vec![js, sends_json], json_login(PASSWORD, None)),
        ("login-submit/native-wrong-password", "POST", native.clone(), vec![js, sends_json], json_login("wrong", None)),
        (
            "login-submit/spa",
            "POST",
            form_path.clone(),
            vec![js, sends_json, visits, from_app],
            json_login(PASSWORD, Some(own)),
        ),
        (
            "login-submit/spa-without-csrf-token",
            "POST",
            form_path.clone(),
            vec![js, sends_json, visits],
            json_login(PASSWORD, None),
        ),
        ("login-submit/browser", "POST", form_path.clone(), vec![html, sends_form, visits], form_login(PASSWORD)),
        (
            "login-submit/browser-wrong-password",
            "POST",
            form_path.clone(),
            vec![html, sends_form, visits],
            form_login("wrong"),
        ),
        ("whoami/native", "GET", "/sessions/whoami".into(), vec![js, with_token], none()),
        ("whoami/spa", "GET", "/sessions/whoami".into(), vec![js, is_in, from_app], none()),
        ("whoami/no-session", "GET", "/sessions/whoami".into(), vec![js], none()),
        ("sessions/native-list", "GET", "/sessions".into(), vec![js, with_token], none()),
        ("sessions/spa-end-others", "DELETE", "/sessions".into(), vec![js, is_in], none()),
        ("sessions/no-session", "GET", "/sessions".into(), vec![js], none()),
        (
            "sessions/exchange-unknown-code",
            "GET",
            "/sessions/token-exchange?init_code=a&return_to_code=b".into(),
            vec![js],
            none(),
        ),
        ("logout/spa-begin", "GET", "/self-service/logout/browser".into(), vec![js, is_in], none()),
        ("logout/browser", "GET", format!("/self-service/logout?token={logout}"), vec![html, is_in], none()),
        (
            "logout/browser-wrong-token",
            "GET",
            "/self-service/logout?token=ory_lo_wrong".into(),
            vec![html, is_in],
            none(),
        ),
        ("logout/native", "DELETE", "/self-service/logout/api".into(), vec![js, sends_json], session_of(&ended)),
        (
            "logout/native-unknown-token",
            "DELETE",
            "/self-service/logout/api".into(),
            vec![js, sends_json],
            session_of("ory_st_unknown"),
        ),
        ("errors/spa", "GET", format!("/self-service/errors?id={error}"), vec![js], none()),
        (
            "errors/unknown",
            "GET",
            "/self-service/errors?id=00000000-0000-4000-8000-000000000000".into(),
            vec![js],
            none(),
        ),
        ("ui/login", "GET", format!("/login?flow={flow}"), vec![html, ("accept-language", "de"), visits], none()),
        ("ui/login-foreign", "GET", format!("/login?flow={flow}"), vec![html], none()),
        ("ui/login-unknown", "GET", "/login?flow=00000000-0000-4000-8000-000000000000".into(), vec![html], none()),
        ("ui/error", "GET", format!("/error?id={error}"), vec![html], none()),
        ("ui/session", "GET", "/session".into(), vec![html, is_in], none()),
        ("ui/session-signed-out", "GET", "/session".into(), vec![html], none()),
        ("ui/end-others-without-token", "POST", "/session/others".into(), vec![html, is_in, sends_form], none()),
        ("service/schemas", "GET", "/schemas".into(), vec![js], none()),
        ("service/schema-unknown", "GET", "/schemas/nope".into(), vec![js], none()),
        ("service/alive", "GET", "/health/alive".into(), vec![js], none()),
        ("service/admin-version", "GET", format!("{admin}/admin/version"), vec![js], none()),
        ("unmatched/not-found", "GET", "/nothing/here".into(), vec![js], none()),
        ("unmatched/wrong-verb", "PUT", "/self-service/login".into(), vec![js], none()),
        (
            "unmatched/preflight",
            "OPTIONS",
            "/self-service/login".into(),
            vec![
                from_app,
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "content-type"),
            ],
            none(),
        ),
        (
            "admin-identities/create",
            "POST",
            format!("{admin}/admin/identities"),
            vec![js, sends_json],
            identity("grace@example.org"),
        ),
        (
            "admin-identities/create-taken",
            "POST",
            format!("{admin}/admin/identities"),
            vec![js, sends_json],
            identity("ADA@example.org"),
        ),
        ("admin-identities/get", "GET", format!("{admin}{identity_path}"), vec![js], none()),
        ("admin-identities/list", "GET", format!("{admin}/admin/identities"), vec![js], none()),
        ("admin-identities/delete", "DELETE", format!("{admin}{identity_path}"), vec![js], none()),
        ("admin-sessions/of-a-identity", "GET", format!("{admin}{identity_path}/sessions"), vec![js], none()),
        (
            "admin-sessions/unknown",
            "GET",
            format!("{admin}/admin/sessions/00000000-0000-4000-8000-000000000000"),
            vec![js],
            none(),
        ),
        ("admin-courier/list", "GET", format!("{admin}/admin/courier/messages?recipient={email}"), vec![js], none()),
        ("admin-courier/message", "GET", format!("{admin}/admin/courier/messages/{SENT}"), vec![js], none()),
        ("admin-courier/bad-status", "GET", format!("{admin}/admin/courier/messages?status=lost"), vec![js], none()),
        ("authorizer/browser", "GET", "/sample".into(), vec![html, is_in], none()),
        ("authorizer/native", "GET", "/sample".into(), vec![js, with_token], none()),
        ("authorizer/native-bearer", "GET", "/sample".into(), vec![js, with_bearer], none()),
        ("authorizer/no-session", "GET", "/sample".into(), vec![js, visits], none()),
        ("sample/told", "GET", "/sample".into(), vec![js, from_app], none()),
        ("sample/without-authorizer", "GET", "/sample".into(), vec![js], none()),
        ("admin-unmatched/not-found", "GET", format!("{admin}/admin/nothing"), vec![js], none()),
        ("admin-unmatched/wrong-verb", "PUT", format!("{admin}/admin/identities"), vec![js], none()),
    ];
    let template = Template::load().unwrap();
    for (name, method, path, headers, body) in cases {
        let (admin, path) = path.strip_prefix(admin).map_or((false, path.as_str()), |path| (true, path));
        let host = if admin { "admin.example.org" } else { "login.example.org" };
        let mut request =
            Request::builder().method(method).uri(path).header("host", host).header("user-agent", "an example");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let (parts, _) = request.body(Body::empty()).unwrap().into_parts();
        let routes = match (admin, name.starts_with("ui/")) {
            (true, _) => &template.admin,
            (_, true) => &template.pages,
            _ => &template.public,
        };
        let route = pick(routes, method, parts.uri.path()).unwrap();
        let at = OffsetDateTime::UNIX_EPOCH;
        let arrival = Arrival { id: "JKJaXmPLvHcESHA=".into(), at, from: [192, 0, 2, 1].into() };
        let mut event = event::event(&parts, body.as_bytes(), &route.key, route.signed, &arrival);
        if name.starts_with("authorizer/") {
            event = event::question(&event);
        }
        if name == "sample/told" {
            event["requestContext"]["authorizer"] = json!({"lambda": about_ada(&state)});
        }
        write_one(name, &event, &state).await;
    }
}

/// Writes an event and the answer of today.
async fn write_one(name: &str, event: &Value, state: &Value) {
    let file = folder().join(format!("{name}.json"));
    write(&file, event);
    let binary = name.split('/').next().unwrap();
    let answer = replay(&binaries(), binary, event, state).await;
    write(&file.with_extension("answer.json"), &scrubbed(&answer));
}

/// A queued message and a sent one, as items written now: a code is shown only while it is valid, and the sealed payload is bound to
/// its times.
fn outbox() -> Value {
    let key = PrivateKey::derive(COURIER_SECRET.as_bytes()).expect("a key").public();
    let now = Clock::system().now();
    let draft = |id, created_at| {
        let message = Draft::with_code(&key, "ada@example.org", created_at, "123456").message;
        // Ten whole minutes are left when it is sent.
        let expires_at = Some(now + time::Duration::seconds(630));
        Draft::of(&key, "123456", QueuedMessage { id, expires_at, ..message })
    };
    let (waits, mut sent) = (draft(WAITS, now), draft(SENT, now - time::Duration::SECOND));
    sent.item.remove("sealed");
    sent.item.remove("unsent");
    let dispatch = Dispatch { id: SENT, error: None, at: sent.message.created_at };
    let dispatches = json!({"L": [{"S": serde_json::to_string(&dispatch).expect("JSON")}]});
    for (name, value) in
        [("status", json!({"S": "sent"})), ("send_count", json!({"N": "1"})), ("dispatches", dispatches)]
    {
        sent.item.insert(name.to_owned(), value);
    }
    json!([waits.item, sent.item])
}

/// Events about messages, which come through no gateway.
fn message_events() -> Vec<(&'static str, Value)> {
    let stream = |message: Uuid| {
        json!({"Records": [{
            "eventID": "7de3041dd709b024af6f29e4fa13d34c", "eventName": "INSERT", "eventVersion": "1.1",
            "eventSource": "aws:dynamodb", "awsRegion": "eu-central-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_790_000_000, "Keys": {"pk": {"S": message.to_string()}},
                "SequenceNumber": "4421584500000000017450439091", "SizeBytes": 38, "StreamViewType": "KEYS_ONLY",
            },
            "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/latchkey-outbox/stream/2026-01-01T00:00:00.000",
        }]})
    };
    let queue = json!({"Records": [{
        "messageId": "19dd0b57-b21e-4ac1-bd88-01bbb068cb78", "receiptHandle": "MessageReceiptHandle",
        "body": json!({"message": WAITS}).to_string(),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1790000000000"}, "messageAttributes": {},
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:latchkey-courier",
        "awsRegion": "eu-central-1",
    }]});
    let asked = |kind: &str| {
        json!({
            "RequestType": kind, "ResponseURL": "https://cloudformation-custom-resource-response.s3.amazonaws.com/signed",
            "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/latchkey/guid", "RequestId": "unique",
            "ResourceType": "Custom::CourierKey", "LogicalResourceId": "CourierKey",
            "ResourceProperties": {"Revision": "1"},
        })
    };
    let mut gone = asked("Delete");
    gone["PhysicalResourceId"] = json!("courier-key");
    let told = |message: Value| {
        json!({"Records": [{
            "EventSource": "aws:sns", "EventVersion": "1.0",
            "Sns": {"Type": "Notification", "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e", "Message": message.to_string()},
        }]})
    };
    let bounce = json!({
        "eventType": "Bounce", "mail": {"source": "login@example.org"},
        "bounce": {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [{"emailAddress": "gone@example.org"}]},
    });
    let complaint = json!({
        "eventType": "Complaint", "mail": {"source": "login@example.org"},
        "complaint": {"complaintFeedbackType": "abuse", "complainedRecipients": [{"emailAddress": "cross@example.org"}]},
    });
    vec![
        ("courier/written", stream(WAITS)),
        ("courier/written-and-sent-before", stream(SENT)),
        ("courier/due-again", queue),
        ("courier-key/create", asked("Create")),
        ("courier-key/delete", gone),
        ("courier-feedback/bounce", told(bounce)),
        ("courier-feedback/complaint", told(complaint)),
    ]
}

/// An authorizer's context for the identity of the state.
fn about_ada(state: &Value) -> Value {
    let profile = state["accounts"].as_array().unwrap().iter().find(|item| item["sk"]["S"] == "profile").unwrap();
    let doc: Value = serde_json::from_str(profile["doc"]["S"].as_str().unwrap()).unwrap();
    json!({
        "identity_id": doc["id"], "session_id": "00000000-0000-4000-8000-000000000000", "aal": "aal1",
        "traits": doc["traits"].to_string(), "expires_at": "2126-01-01T00:00:00Z",
    })
}

fn write(path: &Path, value: &Value) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, format!("{value:#}\n")).expect("a file");
}

fn cookies(browser: &Browser<'_>) -> String {
    browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}
