//! What is left of a deleted identity: nothing that tells its name, its addresses or its devices.

use crate::support::{Bench, CONFIG, Fault, PASSWORD, TestChannel, eventually, password, unique};
use serde_json::{Value, json};

const AGENT: &str = "Telltale/1.0 (of the deleted identity)";

/// Identities sign in by code, and rate limits are off.
async fn bench() -> (Bench, TestChannel) {
    let codes = "  methods: {code: {passwordless_enabled: true, config: {missing_credential_fallback_enabled: true}}}\n  flows:\n";
    let config = CONFIG.replace("  flows:\n", codes) + "rate_limits: {enabled: false}\n";
    let channel = TestChannel::start().await;
    (Bench::with_channel(&config, &channel.url, false).await, channel)
}

struct Victim {
    id: String,
    email: String,
    token: String,
}

/// An identity that has signed in and has been sent a code.
async fn victim(bench: &Bench) -> Victim {
    let email = format!("{}@example.org", unique("erased"));
    let identity = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
    let app = bench.app().with("user-agent", AGENT).at("203.0.113.201");
    let token = app.sign_in(&email).await;
    let sent = app.post(&app.begin("").await, &json!({"method": "code", "identifier": email})).await;
    assert_eq!(sent.message_ids(), [1_010_014], "{}", sent.body);
    // What became of the message is recorded by now, or is about to be.
    eventually("a message that is sent", async || {
        let items = bench.proxy.items("outbox").await;
        items.iter().any(|item| item["recipient"]["S"] == email.as_str() && item["status"]["S"] == "sent").then_some(())
    })
    .await;
    Victim { id: identity["id"].as_str().unwrap().to_owned(), email, token }
}

async fn delete(bench: &Bench, victim: &Victim) -> u16 {
    bench.admin().delete(&format!("/admin/identities/{}", victim.id)).await.status
}

/// The personal data in a table.
async fn told_by(bench: &Bench, table: &str, victim: &Victim) -> Vec<Value> {
    let telltale = [victim.id.as_str(), &victim.email, AGENT, "203.0.113.201"];
    let mut items = bench.proxy.items(table).await;
    items.retain(|item| telltale.iter().any(|text| item.to_string().contains(text)));
    items
}

/// Sessions, devices and credentials are gone at once, messages by and by.
async fn nothing_is_left(bench: &Bench, victim: &Victim) {
    for table in ["accounts", "credentials"] {
        assert_eq!(told_by(bench, table, victim).await, Vec::<Value>::new());
    }
    bench.turn_until("no message", async || told_by(bench, "outbox", victim).await.is_empty().then_some(())).await;
}

/// Writes 130 more sessions of an identity, one of which cannot be read.
async fn add_sessions(bench: &Bench, victim: &Victim) {
    let items = told_by(bench, "accounts", victim).await;
    let session = items.into_iter().find(|item| item["session_id"].is_object()).expect("a session");
    for n in 0..130 {
        let mut other = session.clone();
        let id = format!("00000000-0000-4000-8000-{n:012}");
        other["sk"]["S"] = json!(format!("session#{id}"));
        other["session_id"]["S"] = json!(id);
        if n == 0 {
            other["doc"]["S"] = json!("?");
        }
        bench.proxy.store("PutItem", json!({"TableName": "accounts", "Item": other})).await;
    }
}

#[tokio::test]
async fn deleted_identity_leaves_no_session_and_no_message() {
    let (bench, _channel) = bench().await;
    let victim = victim(&bench).await;
    assert!(told_by(&bench, "accounts", &victim).await.len() > 1, "there is something to erase");
    assert_eq!(delete(&bench, &victim).await, 204);
    nothing_is_left(&bench, &victim).await;
    assert_eq!(bench.app().token(&victim.token).get("/sessions/whoami").await.status, 401);
}

#[tokio::test]
async fn more_sessions_than_one_transaction_holds_are_erased() {
    let (bench, _channel) = bench().await;
    let victim = victim(&bench).await;
    add_sessions(&bench, &victim).await;
    assert_eq!(delete(&bench, &victim).await, 204);
    nothing_is_left(&bench, &victim).await;
}

#[tokio::test]
async fn deleted_unreadable_identity_leaves_no_session() {
    let (bench, _channel) = bench().await;
    let victim = victim(&bench).await;
    add_sessions(&bench, &victim).await;
    let items = told_by(&bench, "accounts", &victim).await;
    let mut profile = items.into_iter().find(|item| item["sk"]["S"] == "profile").expect("a profile");
    profile["doc"]["S"] = json!("?");
    bench.proxy.store("PutItem", json!({"TableName": "accounts", "Item": profile})).await;
    assert_eq!(delete(&bench, &victim).await, 204);
    assert_eq!(told_by(&bench, "accounts", &victim).await, Vec::<Value>::new());
}

#[tokio::test]
async fn interrupted_deletion_is_finished_by_repeating_it() {
    let (bench, _channel) = bench().await;
    let victim = victim(&bench).await;
    add_sessions(&bench, &victim).await;
    for (operation, fault) in [("Query", Fault::Throttled), ("TransactWriteItems", Fault::Unreachable)] {
        bench.proxy.fail(operation, fault, usize::MAX);
        assert_eq!(delete(&bench, &victim).await, 503, "{operation}");
        bench.proxy.heal();
        let there = bench.admin().get(&format!("/admin/identities/{}", victim.id)).await;
        assert_eq!(there.status, 200, "{operation}: as long as anything is left, so is the identity");
    }
    assert_eq!(delete(&bench, &victim).await, 204);
    nothing_is_left(&bench, &victim).await;
}

/// A login that is under way when its identity is deleted either comes to nothing or is deleted with them.
#[tokio::test]
async fn logins_during_a_deletion_leave_nothing_behind() {
    let (bench, _channel) = bench().await;
    let victim = victim(&bench).await;
    let app = bench.app().with("user-agent", AGENT);
    let mut paths = Vec::new();
    for _ in 0..12 {
        paths.push(app.begin("").await);
    }
    let body = password(&victim.email, PASSWORD);
    let logins = futures_util::future::join_all(paths.iter().map(|path| app.post(path, &body)));
    let (answers, deleted) = tokio::join!(logins, delete(&bench, &victim));
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 400)), "{answers:?}");
    assert_eq!(deleted, 204, "logins do not keep an identity from being deleted");
    nothing_is_left(&bench, &victim).await;
}
