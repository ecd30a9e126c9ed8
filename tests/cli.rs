//! The commands, as programs against a stack that listens.

use crate::events::binaries;
use crate::support::{Bend, Bent, Forward, Served, eventually, get, text};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::HeaderMap;
use hyper::body::Bytes;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

const CONFIG: &str = r#"
selfservice:
  default_browser_return_url: https://app.example.org/
  flows: {login: {ui_url: "https://app.example.org/login"}, error: {ui_url: "https://app.example.org/error"}}
secrets: {cookie: [test-key-test-key-test-key]}
hashers: {algorithm: argon2, argon2: {memory: 64KB, iterations: 1}}
identity:
  default_schema_id: user
  schemas: [{id: user, url: "file://user.json"}, {id: contacts, url: "file://contacts.json"}]
"#;
const SECRET: &str = "a-password-that-is-nowhere-else";

struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(binaries().join("latchkey"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.env_remove("LATCHKEY_ADMIN_ENDPOINT").args(args).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn ended(mut command: Command, stdin: Option<&str>) -> Done {
    if stdin.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().unwrap();
    if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
        // A command that does not read its input reports that itself.
        let _ = pipe.write_all(text.as_bytes()).await;
    }
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

async fn latchkey(served: &Served, args: &[&str]) -> Done {
    with_stdin(served, args, None).await
}

async fn with_stdin(served: &Served, args: &[&str], stdin: Option<&str>) -> Done {
    let mut command = command(args);
    command.env("LATCHKEY_ADMIN_ENDPOINT", &served.admin);
    let done = ended(command, stdin).await;
    assert!(!done.out.contains(SECRET) && !done.err.contains(SECRET), "{args:?} shows a password");
    done
}

async fn identities(served: &Served) -> Vec<Value> {
    latchkey(served, &["user", "list", "--json"]).await.json()
}

/// Signs in as a native app. Returns the status and the answer.
async fn sign_in(served: &Served, identifier: &str, password: &str) -> (u16, Value) {
    let flow = get(&format!("{}/self-service/login/api", served.public)).await.json();
    let url = url::Url::parse(flow["ui"]["action"].as_str().unwrap()).unwrap();
    let body = json!({"method": "password", "identifier": identifier, "password": password}).to_string();
    let headers = [("content-type", "application/json"), ("user-agent", "test \u{7f}agent")];
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
    let http = latchkey::cli::api::Http::for_url(&url).unwrap();
    let answer = http.send(http::Method::POST, &url, headers.collect(), Bytes::from(body)).await.unwrap();
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn user_commands_create_show_list_and_delete() {
    let served = Served::start(CONFIG, None).await;
    let create = ["user", "create", "--email", "ada@example.org", "--trait", "name.first=Ada", "--password-stdin"];
    let made = with_stdin(&served, &create, Some(&format!("{SECRET}\n"))).await;
    assert_eq!((made.code, made.err.as_str()), (0, ""), "{}", made.out);
    assert!(
        made.out.contains("traits.name.first") && made.out.contains("ada@example.org (not verified)"),
        "{}",
        made.out
    );
    assert_eq!(sign_in(&served, "ada@example.org", SECRET).await.0, 200, "the line end is no part of the password");

    let shown = latchkey(&served, &["user", "show", "ADA@example.org", "--json"]).await.json();
    let id = shown[0]["id"].as_str().unwrap().to_owned();
    assert!(!shown[0].to_string().contains("argon2"));
    let hashes = latchkey(&served, &["user", "show", &id, "--with-hashes"]).await;
    assert!(hashes.out.contains("hashed_password") && hashes.out.contains("$argon2id$"), "{}", hashes.out);

    let taken = latchkey(&served, &["user", "create", "--email", "ada@example.org"]).await;
    assert_eq!(taken.code, 1);
    assert!(
        taken.err.contains("409") && taken.err.contains("conflicts") && taken.err.contains("user list --identifier"),
        "{}",
        taken.err
    );
    let wrong = latchkey(&served, &["user", "create", "--trait", "email=none", "--schema", "user"]).await;
    assert!(wrong.code == 1 && wrong.err.contains("\n  email: \"none\" is not an e-mail address\n"), "{}", wrong.err);
    let more = latchkey(
        &served,
        &[
            "user",
            "create",
            "--schema",
            "contacts",
            "--traits",
            r#"{"username":"grace"}"#,
            "--state",
            "inactive",
            "--json",
        ],
    )
    .await;
    assert_eq!(
        (&more.json()[0]["state"], &more.json()[0]["traits"]["username"]),
        (&json!("inactive"), &json!("grace"))
    );
    assert!(more.err.contains("no password"));

    assert_eq!(identities(&served).await.len(), 2);
    assert_eq!(latchkey(&served, &["user", "list", "--limit", "1", "--json"]).await.json().len(), 1);
    let found = latchkey(&served, &["user", "list", "--identifier", "grace"]).await;
    assert!(
        found.out.starts_with("ID ") && found.out.contains("username=grace") && !found.out.contains("ada@"),
        "{}",
        found.out
    );

    let asks = latchkey(&served, &["user", "delete", &id]).await;
    assert!(asks.code == 2 && asks.err.contains("--yes"), "{}", asks.err);
    assert_eq!(latchkey(&served, &["user", "delete", "ada@example.org", "--yes"]).await.code, 0);
    let gone = latchkey(&served, &["user", "show", "ada@example.org"]).await;
    assert!(gone.code == 1 && gone.err.contains("no identity has the identifier"), "{}", gone.err);
    let gone = latchkey(&served, &["user", "delete", &id, "--yes"]).await;
    assert!(gone.code == 1 && gone.err.contains("404"), "{}", gone.err);
}

#[tokio::test]
async fn session_commands_list_and_revoke() {
    let served = Served::start(CONFIG, None).await;
    with_stdin(&served, &["user", "create", "--email", "s@example.org", "--password-stdin"], Some(SECRET)).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (_, answer) = sign_in(&served, "s@example.org", SECRET).await;
        ids.push(answer["session"]["id"].as_str().unwrap().to_owned());
    }
    let listed = latchkey(&served, &["session", "list", "s@example.org"]).await;
    assert!(ids.iter().all(|id| listed.out.contains(id)) && listed.out.contains("password"), "{}", listed.out);
    assert_eq!(latchkey(&served, &["session", "revoke", &ids[0]]).await.code, 0);
    let active = latchkey(&served, &["session", "list", "s@example.org", "--active", "--json"]).await.json();
    assert_eq!(active.len(), 2);
    assert!(active.iter().all(|session| session["id"] != ids[0].as_str()));
    assert_eq!(latchkey(&served, &["session", "revoke", "--all-of", "s@example.org"]).await.code, 0);
    let none = latchkey(&served, &["session", "list", "s@example.org"]).await;
    assert!(none.out.is_empty() && none.err.contains("no sessions"), "{}", none.err);
    let again = latchkey(&served, &["session", "revoke", "--all-of", "s@example.org", "--json"]).await;
    assert_eq!((again.code, &again.json()[0]["had_sessions"]), (0, &json!(false)));
    let unknown = latchkey(&served, &["session", "revoke", "5f6c1a2e-0000-4000-8000-000000000000"]).await;
    assert!(unknown.code == 1 && unknown.err.contains("404"), "{}", unknown.err);
    assert_eq!(latchkey(&served, &["session", "revoke", "no-id"]).await.code, 2);
}

#[tokio::test]
async fn exit_codes_tell_the_kind_of_failure() {
    let unreachable = ended(command(&["user", "list", "--admin-url", "http://127.0.0.1:9"]), None).await;
    assert!(unreachable.code == 3 && unreachable.err.contains("does not answer"), "{}", unreachable.err);
    let served = Served::start(CONFIG, None).await;
    // A stack's public API is not an admin API.
    let public = ended(command(&["user", "list", "--admin-url", &served.public]), None).await;
    assert_eq!(public.code, 1, "{}", public.err);
    for usage in [
        &["user", "list", "--admin-url", "4434"] as &[&str],
        &["user", "list", "--sign", "--region", "eu-west-1", "--admin-url", "http://192.0.2.1"],
        &["user", "list", "--sign", "--admin-url", "https://admin.example.org"],
        &["admin-proxy"],
        &["smoke", "https://login.example.org"],
        &["user", "create", "--trait", "x"],
        &["user", "create", "--email", "a@b.c", "--password", "x"],
        &["user", "import", "/nowhere/at/all.jsonl"],
    ] {
        let done = ended(command(usage), None).await;
        assert_eq!(done.code, 2, "{usage:?}: {}", done.err);
    }
    for shell in ["bash", "zsh", "fish"] {
        let done = ended(command(&["completion", shell]), None).await;
        assert!(done.code == 0 && done.out.contains("admin-proxy") && done.out.contains("revoke"), "{shell}");
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn import_keeps_ids_and_reports_refused_lines() {
    let served = Served::start(CONFIG, None).await;
    let kept = "0192f9f0-1111-7222-8333-444455556666";
    // The hash of `foobar` by bcrypt, from another system.
    let hash = "$2a$10$ZsCsoVQ3xfBG/K2z2XpBf.tm90GZmtOqtqWcB5.pYd5Eq8y7RlDyq";
    let lines = [
        json!({"id": kept, "traits": {"email": "kept@example.org"}, "external_id": "e-1", "metadata_admin": {"a": 1},
            "verifiable_addresses": [{"value": "kept@example.org", "via": "email", "verified": true, "status": "completed"}],
            "credentials": {"password": {"config": {"hashed_password": hash}}}}).to_string(),
        json!({"traits": {"email": "clear@example.org"}, "credentials": {"password": {"config": {"password": SECRET}}}}).to_string(),
        String::new(),
        format!("{{\"traits\": {{}}, \"password\": \"{SECRET}\"}}"),
        json!({"traits": {"email": "no address"}}).to_string(),
        json!({"traits": {"email": "KEPT@example.org"}}).to_string(),
        json!({"id": kept, "traits": {"email": "other@example.org"}}).to_string(),
        json!({"traits": {"email": "hash@example.org"}, "credentials": {"password": {"config": {"hashed_password": "no hash"}}}}).to_string(),
        json!({"schema_id": "contacts", "traits": {"username": "last"}}).to_string(),
    ];
    let file = served.write("identities.jsonl", &lines.join("\n"));
    let (state, refused) =
        (served.path("identities.jsonl.latchkey-import"), served.path("identities.jsonl.refused.jsonl"));

    let dry = latchkey(&served, &["user", "import", "--dry-run", &file.to_string_lossy()]).await;
    assert!(dry.code == 1 && dry.out.starts_with("line 4: unknown key \"password\""), "{} {}", dry.out, dry.err);
    assert!(identities(&served).await.is_empty() && !state.exists() && !refused.exists());

    let done = latchkey(&served, &["user", "import", "--json", &file.to_string_lossy()]).await;
    assert_eq!(done.code, 1, "{}", done.err);
    let count = &done.json()[0];
    assert_eq!((&count["lines"], &count["created"], &count["refused"]), (&json!(9), &json!(3), &json!(5)), "{count}");
    let report: Vec<Value> = text(&refused).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reported: Vec<u64> = report.iter().map(|line| line["line"].as_u64().unwrap()).collect();
    assert_eq!(reported, [4, 5, 6, 7, 8]);
    for line in &report {
        let number = usize::try_from(line["line"].as_u64().unwrap()).unwrap();
        assert_eq!(line["input"], lines[number - 1], "the line is there as it was");
        assert!(!line["reason"].as_str().unwrap().contains(SECRET), "{line}");
    }
    assert!(
        report[1]["reason"].as_str().unwrap().ends_with("\n  email: \"no address\" is not an e-mail address"),
        "{}",
        report[1]
    );
    assert!(report[2]["reason"].as_str().unwrap().contains("already"), "{}", report[2]);
    assert_eq!((mode(&refused), mode(&state)), (0o600, 0o600));
    assert!(!text(&state).contains(SECRET) && !text(&state).contains("example.org"), "{}", text(&state));

    let identity = latchkey(&served, &["user", "show", kept, "--with-hashes", "--json"]).await.json().remove(0);
    assert_eq!(identity["credentials"]["password"]["config"]["hashed_password"], hash);
    assert_eq!(
        (&identity["external_id"], &identity["verifiable_addresses"][0]["verified"]),
        (&json!("e-1"), &json!(true))
    );
    assert_eq!(sign_in(&served, "clear@example.org", SECRET).await.0, 200);

    // A second run has nothing to do and still reports the refused lines.
    let again = latchkey(&served, &["user", "import", "--json", &file.to_string_lossy()]).await;
    assert_eq!((again.code, &again.json()[0]), (1, count));
    assert_eq!(identities(&served).await.len(), 3);
    // A changed file is not the imported file. A restart finds all identities in place.
    served.write("identities.jsonl", &lines.join("\n").replace("e-1", "e-2"));
    let changed = latchkey(&served, &["user", "import", &file.to_string_lossy()]).await;
    assert!(changed.code == 1 && changed.err.contains("not the ones that were imported"), "{}", changed.err);
    let anew = latchkey(&served, &["user", "import", "--restart", "--json", &file.to_string_lossy()]).await;
    assert_eq!((&anew.json()[0]["created"], &anew.json()[0]["refused"]), (&json!(0), &json!(8)));
    assert_eq!(identities(&served).await.len(), 3);
}

#[tokio::test]
async fn import_accepts_the_output_of_list() {
    let (from, to) = (Served::start(CONFIG, None).await, Served::start(CONFIG, None).await);
    let lines: Vec<String> =
        (0..260).map(|n| json!({"traits": {"email": format!("p{n}@example.org")}}).to_string()).collect();
    let piped = with_stdin(
        &from,
        &["user", "import", "-", "--refused", &from.path("r").to_string_lossy()],
        Some(&lines.join("\n")),
    )
    .await;
    assert_eq!(piped.code, 0, "{}", piped.err);
    assert!(!from.path("r").exists(), "no report of nothing");
    with_stdin(&from, &["user", "create", "--email", "pw@example.org", "--password-stdin"], Some(SECRET)).await;
    let all = latchkey(&from, &["user", "list", "--with-hashes", "--json"]).await;
    assert_eq!(all.json().len(), 261, "a list goes on over its pages");
    let file = to.write("all.jsonl", &all.out);
    let done = latchkey(&to, &["user", "import", &file.to_string_lossy()]).await;
    assert_eq!(done.code, 0, "{}", done.err);
    let ids = |identities: &[Value]| identities.iter().map(|identity| identity["id"].to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&identities(&to).await), ids(&all.json()));
    assert_eq!(sign_in(&to, "pw@example.org", SECRET).await.0, 200);
}

fn with_passwords(count: usize) -> String {
    let line = |n| json!({"traits": {"email": format!("k{n}@example.org")}, "credentials": {"password": {"config": {"password": SECRET}}}});
    (0..count).map(|n| format!("{}\n", line(n))).collect()
}

#[tokio::test]
async fn killed_import_resumes() {
    let served = Served::start(CONFIG, None).await;
    let file = served.write("identities.jsonl", &with_passwords(700));
    let state = served.path("identities.jsonl.latchkey-import");
    let args = ["user", "import", "--parallel", "2", "--admin-url", &served.admin, &file.to_string_lossy()];
    let mut child = command(&args).spawn().unwrap();
    // In the middle: one batch is done, others are in flight.
    eventually("a batch is done", async || {
        let state: Value = serde_json::from_str(&text(&state)).unwrap_or_default();
        (state["done"]["lines"].as_u64()? > 0).then_some(())
    })
    .await;
    child.start_kill().unwrap();
    child.wait().await.unwrap();
    let left: Value = serde_json::from_str(&text(&state)).unwrap();
    assert!(left["done"]["lines"].as_u64().unwrap() < 700, "it was in the middle: {left}");
    let done = latchkey(&served, &["user", "import", "--json", &file.to_string_lossy()]).await;
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("Going on after line"), "{}", done.err);
    assert_eq!(done.json()[0], json!({"lines": 700, "created": 700, "refused": 0, "refused_file": null}));
    assert_eq!(identities(&served).await.len(), 700);
}

#[tokio::test]
async fn stopped_import_says_how_to_resume() {
    let served = Served::start(CONFIG, None).await;
    // The first batch is answered; the next one never is.
    let batches = AtomicUsize::new(0);
    let bend: Bend = Arc::new(move |parts, _| {
        let is_second = parts.method == http::Method::PATCH && batches.fetch_add(1, Ordering::Relaxed) > 0;
        if is_second { Bent::Stuck } else { Bent::Straight }
    });
    let forward = Forward::start(&served.admin, bend).await;
    let file = served.write("identities.jsonl", &with_passwords(700));
    let args = ["user", "import", "--parallel", "1", "--admin-url", &forward.url, &file.to_string_lossy()];
    let child = command(&args).spawn().unwrap();
    let state = served.path("identities.jsonl.latchkey-import");
    let lines = eventually("a batch is done", async || {
        let state: Value = serde_json::from_str(&text(&state)).unwrap_or_default();
        state["done"]["lines"].as_u64().filter(|lines| *lines > 0)
    })
    .await;
    let interrupt = Command::new("kill").args(["-INT", &child.id().unwrap().to_string()]).status().await.unwrap();
    assert!(interrupt.success());
    let output = child.wait_with_output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains(&format!("Stopped after line {lines}. Run the same command to go on.")), "{said}");
}

#[tokio::test]
async fn suppression_is_removed() {
    let served = Served::start(CONFIG, None).await;
    let list = ["courier", "suppressions", "list"];
    let empty = latchkey(&served, &list).await;
    assert_eq!((empty.code, empty.out.as_str()), (0, ""), "{}", empty.err);
    assert!(empty.err.contains("No address is on the suppression list."), "{}", empty.err);
    let said =
        json!({"eventType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": "ada@example.org"}]}});
    let event = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": said.to_string()}}]});
    served.functions.call("CourierFeedbackFunction", event.to_string(), "a-request").await.unwrap();
    let listed = latchkey(&served, &list).await.out;
    assert!(listed.contains("ada@example.org") && listed.contains("complaint"), "{listed}");
    let removed = latchkey(&served, &["courier", "suppressions", "remove", "ada@example.org"]).await;
    assert_eq!((removed.code, removed.out.as_str()), (0, "Mail goes to ada@example.org again.\n"), "{}", removed.err);
    assert!(latchkey(&served, &list).await.out.is_empty());
    assert_eq!(latchkey(&served, &["courier", "suppressions", "remove", "ada@example.org"]).await.code, 1);
}

#[tokio::test]
async fn lost_answer_duplicates_and_refuses_no_identity() {
    let served = Served::start(CONFIG, None).await;
    let batches = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&batches);
    let bend: Bend = Arc::new(move |parts, body| {
        if parts.method != http::Method::PATCH {
            return Bent::Straight;
        }
        let identities: Value = serde_json::from_slice(body).unwrap();
        assert!(identities["identities"].as_array().unwrap().len() <= 1000 && body.len() <= 5 << 20);
        match seen.fetch_add(1, Ordering::Relaxed) {
            0 => Bent::AnswerLost(504),
            1 => Bent::Refused(503),
            _ => Bent::Straight,
        }
    });
    let forward = Forward::start(&served.admin, bend).await;
    // One identity exists beforehand, so its line is refused although every line is doubtful.
    latchkey(&served, &["user", "create", "--email", "k7@example.org"]).await;
    let file = served.write("identities.jsonl", &with_passwords(20));
    let done =
        ended(command(&["user", "import", "--json", "--admin-url", &forward.url, &file.to_string_lossy()]), None).await;
    assert_eq!(done.json()[0]["created"], 19, "{} {}", done.out, done.err);
    let report: Value = serde_json::from_str(&text(&served.path("identities.jsonl.refused.jsonl"))).unwrap();
    assert_eq!(report["line"], 8);
    assert_eq!(identities(&served).await.len(), 20);
    assert!(batches.load(Ordering::Relaxed) >= 4, "too much at once becomes halves");
}

#[tokio::test]
async fn imported_id_revives_no_session() {
    let served = Served::start(CONFIG, None).await;
    let id = "0192f9f0-1111-4222-8333-444455556666";
    let line = json!({"id": id, "traits": {"email": "re@example.org"}, "credentials": {"password": {"config": {"password": SECRET}}}});
    let file = served.write("one.jsonl", &line.to_string());
    let import = ["user", "import", "--restart", &file.to_string_lossy()];
    assert_eq!(latchkey(&served, &import).await.code, 0);
    let (_, answer) = sign_in(&served, "re@example.org", SECRET).await;
    let token = answer["session_token"].as_str().unwrap();
    let whoami = async || {
        let url = url::Url::parse(&format!("{}/sessions/whoami", served.public)).unwrap();
        let headers =
            HeaderMap::from_iter([(http::HeaderName::from_static("x-session-token"), token.parse().unwrap())]);
        let http = latchkey::cli::api::Http::for_url(&url).unwrap();
        http.send(http::Method::GET, &url, headers, Bytes::new()).await.unwrap().status.as_u16()
    };
    assert_eq!(whoami().await, 200);
    assert_eq!(latchkey(&served, &import).await.code, 1, "the id is taken");
    assert_eq!(whoami().await, 200, "and is left alone");
    assert_eq!(latchkey(&served, &["user", "delete", id, "--yes"]).await.code, 0);
    assert_eq!(latchkey(&served, &import).await.code, 0);
    assert_eq!(whoami().await, 401);
}

const KEY: &str = "AKIDEXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// Checks a signature as AWS does, by computing it again from the request. Returns what is wrong with it.
fn unsigned(parts: &http::request::Parts, body: &[u8], token: Option<&str>) -> Option<String> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let at = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let Ok(at) = time::PrimitiveDateTime::parse(header("x-amz-date"), &at) else { return Some("no date".to_owned()) };
    if header("x-amz-security-token") != token.unwrap_or_default() {
        return Some("another session token".to_owned());
    }
    let credentials = aws_credential_types::Credentials::new(KEY, SECRET_KEY, token.map(str::to_owned), None, "test");
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name("execute-api")
        .time(at.assume_utc().into())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let signed = header("authorization").split("SignedHeaders=").nth(1).unwrap_or_default();
    let signed = signed.split(',').next().unwrap_or_default().to_owned();
    let given = signed.split(';').filter(|name| !name.starts_with("x-amz") && *name != "host");
    let given: Vec<(&str, &str)> = given.map(|name| (name, header(name))).collect();
    let url = format!("http://{}{}", header("host"), parts.uri);
    let request =
        SignableRequest::new(parts.method.as_str(), url, given.into_iter(), SignableBody::Bytes(body)).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    let wanted = instructions.headers().find(|(name, _)| *name == "authorization").unwrap().1.to_owned();
    (wanted != header("authorization")).then(|| format!("{wanted}\n{}", header("authorization")))
}

/// A stack behind a gateway that demands signatures.
async fn gated(served: &Served, token: Option<&'static str>) -> (Forward, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let bend: Bend = Arc::new(move |parts, body| {
        log.lock().unwrap().push(format!("{} {} {:?}", parts.method, parts.uri, parts.headers.get("cookie")));
        match unsigned(parts, body, token) {
            None => Bent::Straight,
            Some(why) => {
                log.lock().unwrap().push(why);
                Bent::Refused(403)
            }
        }
    });
    (Forward::start(&served.admin, bend).await, seen)
}

fn signing(url: &str, args: &[&str]) -> Command {
    let mut command = command(args);
    command.args(["--admin-url", url, "--sign", "--region", "eu-west-1"]);
    command
}

#[tokio::test]
async fn requests_are_signed_with_environment_credentials() {
    let served = Served::start(CONFIG, None).await;
    let (gate, seen) = gated(&served, Some("session-token")).await;
    for (args, stdin) in [
        (&["user", "create", "--email", "sig+ned@example.org", "--password-stdin"] as &[&str], Some(SECRET)),
        (&["user", "show", "sig+ned@example.org"], None),
        (&["user", "list"], None),
    ] {
        let mut command = signing(&gate.url, args);
        command
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_SESSION_TOKEN", "session-token");
        let done = ended(command, stdin).await;
        assert_eq!(done.code, 0, "{args:?}: {} {:?}", done.err, seen.lock().unwrap());
        assert!(!format!("{}{}", done.out, done.err).contains(SECRET_KEY));
    }
    let mut other = signing(&gate.url, &["user", "list"]);
    other.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", "another-key");
    let refused = ended(other, None).await;
    assert!(refused.code == 1 && refused.err.contains("execute-api:Invoke"), "{}", refused.err);
    assert!(!refused.err.contains("another-key"));
    let unsigned = ended(command(&["user", "list", "--admin-url", &gate.url]), None).await;
    assert!(unsigned.code == 1 && unsigned.err.contains("--sign"), "{}", unsigned.err);
}

#[tokio::test]
async fn credentials_come_from_the_aws_command_line() {
    let served = Served::start(CONFIG, None).await;
    let (gate, seen) = gated(&served, Some("from-cli")).await;
    let program = served.write(
        "aws",
        &format!(
            "#!/bin/sh\n[ \"$*\" = 'configure export-credentials --format process --profile work' ] || {{ echo \"no profile: $*\" >&2; exit 1; }}\n\
             echo '{{\"Version\":1,\"AccessKeyId\":\"{KEY}\",\"SecretAccessKey\":\"{SECRET_KEY}\",\"SessionToken\":\"from-cli\",\"Expiration\":\"2999-01-01T00:00:00+00:00\"}}'\n"
        ),
    );
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let path = format!("{}:{}", served.folder.path().display(), std::env::var("PATH").unwrap());
    let mut good = signing(&gate.url, &["user", "list", "--profile", "work"]);
    good.env("PATH", &path);
    let done = ended(good, None).await;
    assert_eq!(done.code, 0, "{} {:?}", done.err, seen.lock().unwrap());
    let mut none = signing(&gate.url, &["user", "list"]);
    none.env("PATH", &path);
    let done = ended(none, None).await;
    assert!(
        done.code == 3 && done.err.contains("no profile") && done.err.contains("AWS_ACCESS_KEY_ID"),
        "{}",
        done.err
    );
}

#[tokio::test]
async fn proxy_signs_only_for_this_machine() {
    let served = Served::start(CONFIG, None).await;
    let (gate, seen) = gated(&served, None).await;
    let mut proxy = signing(&gate.url, &["admin-proxy", "--port", "0"]);
    proxy.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    let mut proxy = proxy.spawn().unwrap();
    let mut lines = BufReader::new(proxy.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().expect("it starts");
    let url = first.split(" is available at ").nth(1).unwrap().split("/ until").next().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{first}");
    // As an admin SDK calls it: without a signature.
    let made =
        ended(command(&["user", "create", "--email", "through+it@example.org", "--admin-url", &url]), None).await;
    assert_eq!(made.code, 0, "{} {:?}", made.err, seen.lock().unwrap());
    let found =
        get(&format!("{url}/admin/identities?credentials_identifier=through%2Bit%40example.org&page_size=2")).await;
    assert_eq!(
        (found.status.as_u16(), found.json()[0]["traits"]["email"].as_str()),
        (200, Some("through+it@example.org"))
    );
    assert!(found.header("link").contains("rel=\"first\"") && !found.header("apigw-requestid").is_empty());
    assert_eq!(get(&format!("{url}/admin/identities/none")).await.status, 404);
    let send = async |name: &'static str, value: &'static str| {
        let url = url::Url::parse(&format!("{url}/admin/identities")).unwrap();
        let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
        let http = latchkey::cli::api::Http::for_url(&url).unwrap();
        http.send(http::Method::GET, &url, headers, Bytes::new()).await.unwrap()
    };
    let before = seen.lock().unwrap().len();
    for (name, value) in [
        ("host", "evil.example"),
        ("host", "127.0.0.1.evil.example:4434"),
        ("origin", "http://127.0.0.1"),
        ("origin", "null"),
    ] {
        let answer = send(name, value).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["error"]["code"].as_u64()),
            (403, Some(403)),
            "{name}: {value}"
        );
    }
    assert_eq!(seen.lock().unwrap().len(), before, "nothing of it was passed on");
    assert_eq!(send("cookie", "secret=1").await.status, 200);
    assert!(
        seen.lock().unwrap().iter().all(|line| line.ends_with("None")),
        "cookies stay here: {:?}",
        seen.lock().unwrap()
    );
    proxy.start_kill().unwrap();
}

#[tokio::test]
async fn smoke_of_a_working_stack_succeeds() {
    let served = Served::start(CONFIG, None).await;
    let done = latchkey(&served, &["smoke", &served.public]).await;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    for client in ["native app", "single-page app", "browser"] {
        for step in ["a wrong password is refused", "signs in", "is signed in", "signs out", "is signed out"] {
            let line = format!("ms  {client}: {step}");
            assert!(done.out.lines().any(|out| out.starts_with("ok") && out.ends_with(&line)), "{line}: {}", done.out);
        }
    }
    assert!(identities(&served).await.is_empty());
    let traits = r#"{"username":"{unique}"}"#;
    let other =
        latchkey(&served, &["smoke", &served.public, "--schema", "contacts", "--traits", traits, "--json"]).await;
    assert!(
        other.code == 0 && other.json().iter().all(|step| step["ok"] == true && step["ms"].is_u64()),
        "{}",
        other.out
    );
}

#[tokio::test]
async fn smoke_names_the_failing_step() {
    let admin_says = |config: &str, says: &'static str| {
        let config = config.to_owned();
        async move {
            let served = Served::start(&config, None).await;
            let done = latchkey(&served, &["smoke", &served.public]).await;
            assert!(done.code == 1 && done.err.contains(says), "{says}: {} {}", done.out, done.err);
            assert!(done.out.contains("FAILED") && done.out.contains("cleans up"), "{}", done.out);
            assert!(identities(&served).await.is_empty(), "no identity is left behind");
        }
    };
    // The stack has another name in its configuration.
    admin_says(
        &format!("{CONFIG}\nserve: {{public: {{base_url: \"https://login.example.org/\"}}}}"),
        "serve.public.base_url",
    )
    .await;
    // Its cookies are for another host.
    admin_says(&format!("{CONFIG}\ncookies: {{domain: example.com}}"), "example.com").await;
    // Password sign-in is off.
    admin_says(&CONFIG.replace("flows: {", "methods: {password: {enabled: false}}\n  flows: {"), "native app").await;
    // A session that outlives its end.
    let served = Served::start(CONFIG, None).await;
    let bend: Bend =
        Arc::new(
            |parts, _| if parts.uri.path() == "/self-service/logout/api" { Bent::Refused(204) } else { Bent::Straight },
        );
    let forward = Forward::start(&served.public, bend).await;
    let through = CONFIG.to_owned() + &format!("\nserve: {{public: {{base_url: \"{}/\"}}}}", forward.url);
    served.write("kratos.yml", &through);
    eventually("the new address", async || {
        let flow = get(&format!("{}/self-service/login/api", served.public)).await.json();
        flow["ui"]["action"].as_str()?.starts_with(&forward.url).then_some(())
    })
    .await;
    let done = latchkey(&served, &["smoke", &forward.url]).await;
    assert!(
        done.code == 1 && done.err.contains("native app: is signed out: answered 200 instead of 401"),
        "{}",
        done.err
    );
    assert!(identities(&served).await.is_empty());
}

#[tokio::test]
async fn interrupted_smoke_cleans_up() {
    let served = Served::start(CONFIG, None).await;
    let bend: Bend =
        Arc::new(|parts, _| if parts.uri.path().starts_with("/self-service") { Bent::Stuck } else { Bent::Straight });
    let forward = Forward::start(&served.public, bend).await;
    let child = command(&["smoke", &forward.url, "--admin-url", &served.admin]).spawn().unwrap();
    eventually("an identity", async || (identities(&served).await.len() == 1).then_some(())).await;
    let interrupt = Command::new("kill").args(["-INT", &child.id().unwrap().to_string()]).status().await.unwrap();
    assert!(interrupt.success());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("interrupted"));
    assert!(identities(&served).await.is_empty());
}

#[tokio::test]
async fn smoke_of_unreachable_stack_exits_with_3() {
    let done = ended(command(&["smoke", "http://127.0.0.1:9", "--admin-url", "http://127.0.0.1:9"]), None).await;
    assert_eq!(done.code, 3, "{} {}", done.out, done.err);
    assert!(done.err.contains("could not be tried") && !done.out.contains("cleans up"), "{} {}", done.out, done.err);
}

#[tokio::test]
async fn public_api_as_admin_url_is_reported() {
    let served = Served::start(CONFIG, None).await;
    let done = ended(command(&["user", "list", "--admin-url", &served.public]), None).await;
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.err.contains("is the public API") && done.err.contains(&served.admin), "{}", done.err);
}

#[tokio::test]
async fn refused_check_prints_everything_and_exits_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kratos.yml");
    std::fs::write(
        &file,
        "session: {lifespan: x}\nlog: {level: debug}\nidentity: {schemas: [{id: default, url: 'base64://e30='}]}",
    )
    .unwrap();
    let done = ended(command(&["config", "check", &file.to_string_lossy()]), None).await;
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.out.contains("session.lifespan") && done.out.contains("No effect here"), "{}", done.out);
    assert!(done.err.trim().ends_with("cannot be deployed: 1 error."), "{}", done.err);
}
