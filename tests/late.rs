//! Messages that are useless when their turn comes, altered ones, ones without room in their delivery channel, and ones to deleted
//! identities.

use crate::support::{
    Answer, Bench, CONFIG, Draft, PASSWORD, Reaction, TestChannel, eventually, password, unique, written,
};
use latchkey::{Options, Stack};
use latchkey_core::courier::{CodeRequest, TemplateType};
use latchkey_core::identity::Via;
use latchkey_platform::Environment;
use serde_json::{Value, json};
use std::sync::Arc;
use time::Duration;
use uuid::Uuid;

/// Every identity may sign in by code; messages are tried often.
fn config() -> String {
    let codes = "  methods: {code: {passwordless_enabled: true, config: {missing_credential_fallback_enabled: true}}}\n  flows:\n";
    CONFIG.replace("  flows:\n", codes) + "courier: {message_retries: 9}\nrate_limits: {enabled: false}\n"
}

async fn bench() -> (Bench, TestChannel) {
    let channel = TestChannel::start().await;
    (Bench::with_channel(&config(), &channel.url, false).await, channel)
}

fn last_error(message: &Value) -> String {
    let last = message["dispatches"].as_array().and_then(|all| all.last().cloned()).unwrap_or_default();
    last["error"].as_str().unwrap_or_default().to_owned()
}

/// Messages to an address, newest first.
async fn messages_to(bench: &Bench, address: &str, count: usize) -> Vec<Value> {
    let path = format!("/admin/courier/messages?recipient={address}");
    eventually("messages", async || {
        let listed = bench.admin().get(&path).await.json().as_array().cloned().unwrap_or_default();
        (listed.len() == count).then_some(listed)
    })
    .await
}

fn id(message: &Value) -> Uuid {
    message["id"].as_str().unwrap().parse().unwrap()
}

/// A message to an address that is about to be given up, written as if only afterwards: the erasure's first round leaves it, however
/// long the giving up takes, and the last one does not.
async fn under_way(bench: &Bench, to: &str) -> Draft {
    let draft = Draft::new(&bench.stack.courier_key, to, bench.now() + Duration::seconds(30));
    bench.proxy.store("TransactWriteItems", draft.write()).await;
    bench.until(draft.id(), "sent").await;
    draft
}

async fn ask(bench: &Bench, path: &str, to: &str, resend: bool) -> Answer {
    let mut body = json!({"method": "code", "identifier": to});
    if resend {
        body["resend"] = json!("code");
    }
    bench.app().post(path, &body).await
}

#[tokio::test]
async fn expired_code_is_not_sent() {
    let (bench, channel) = bench().await;
    let to = format!("{}@example.org", unique("late"));
    let draft = bench.draft(&to);
    bench.turn(Duration::minutes(10));
    bench.proxy.store("TransactWriteItems", draft.write()).await;
    let seen = bench.until(draft.id(), "abandoned").await;
    assert_eq!(last_error(&seen), "not sent: what it says has expired");
    assert_eq!(channel.asked(), 0);
    assert!(bench.proxy.message(draft.id()).await.get("sealed").is_none());
    // A user waited for it, so an administrator has to look.
    let dead = eventually("a dead letter", async || bench.stack.queues.kept("CourierDeadLetters").pop()).await;
    assert!(dead.contains(&draft.id().to_string()), "{dead}");
}

#[tokio::test]
async fn code_expires_with_its_flow() {
    let (bench, channel) = bench().await;
    let email = bench.identity().await;
    channel.plan(None, Reaction::Answers(503), usize::MAX);
    let path = bench.app().begin("").await;
    ask(&bench, &path, &email, false).await;
    let message = id(&messages_to(&bench, &email, 1).await[0]);
    let stored: Value = serde_json::from_str(bench.proxy.message(message).await["doc"]["S"].as_str().unwrap()).unwrap();
    let flow = bench.app().get(&path.replace("login?flow", "login/flows?id")).await.json();
    // The flow lives for ten minutes, a code for fifteen.
    let instant = |value: &Value| {
        time::OffsetDateTime::parse(value.as_str().unwrap(), &time::format_description::well_known::Rfc3339).unwrap()
    };
    let apart = instant(&stored["expires_at"]) - instant(&flow["expires_at"]);
    assert!(apart.abs() < Duration::SECOND, "{stored} {flow}");
}

#[tokio::test]
async fn replaced_code_is_not_sent() {
    let (bench, channel) = bench().await;
    let email = bench.identity().await;
    channel.plan(None, Reaction::Answers(503), usize::MAX);
    let path = bench.app().begin("").await;
    ask(&bench, &path, &email, false).await;
    let first = id(&messages_to(&bench, &email, 1).await[0]);
    ask(&bench, &path, &email, true).await;
    let second = id(&messages_to(&bench, &email, 2).await[0]);
    let seen = bench.until(first, "abandoned").await;
    assert_eq!(last_error(&seen), "not sent: a newer code took its place");
    channel.heal();
    bench.until(second, "sent").await;
    assert_eq!(channel.count(&email), 1);
    let text = channel.taken()[0]["text"].as_str().unwrap().to_owned();
    let code = regex_lite::Regex::new(r"\b\d{6}\b").unwrap().find(&text).unwrap().as_str().to_owned();
    let done = bench.app().post(&path, &json!({"method": "code", "identifier": email, "code": code})).await;
    assert_eq!(done.status, 200, "the code that came is good: {}", done.body);
    let dead = bench.stack.queues.kept("CourierDeadLetters");
    assert_eq!(dead.len(), 0, "no administrator has to look: {dead:?}");
}

#[tokio::test]
async fn completed_login_sends_no_waiting_code() {
    let (bench, channel) = bench().await;
    let email = bench.identity().await;
    channel.plan(None, Reaction::Answers(503), usize::MAX);
    let path = bench.app().begin("").await;
    ask(&bench, &path, &email, false).await;
    let message = id(&messages_to(&bench, &email, 1).await[0]);
    assert_eq!(bench.app().post(&path, &password(&email, PASSWORD)).await.status, 200);
    let seen = bench.until(message, "abandoned").await;
    assert_eq!(last_error(&seen), "not sent: the login was completed without it");
    assert_eq!(channel.count(&email), 0);
}

/// A client that can write to the table can neither redirect a code nor extend its life.
#[tokio::test]
async fn altered_message_is_not_sent() {
    let (bench, channel) = bench().await;
    let request = Some(CodeRequest { flow: Uuid::from_u128(1), number: 1 });
    type Change = fn(&mut latchkey_core::courier::QueuedMessage);
    let changes: [(&str, Change); 7] = [
        ("recipient", |message| message.recipient = "eve@example.org".to_owned()),
        ("channel", |message| message.via = Via::Sms),
        ("template", |message| message.template = TemplateType::LoginCodeInvalid),
        ("time", |message| message.created_at += Duration::SECOND),
        ("end", |message| message.expires_at = message.expires_at.map(|end| end + Duration::HOUR)),
        ("no end", |message| message.expires_at = None),
        ("request", |message| message.request = None),
    ];
    for (what, change) in changes {
        let message = latchkey_core::courier::QueuedMessage { request, ..bench.draft("ada@example.org").message };
        let draft = Draft::of(&bench.stack.courier_key, "123456", message).altered(change);
        bench.proxy.store("TransactWriteItems", draft.write()).await;
        let seen = bench.until(draft.id(), "abandoned").await;
        assert!(last_error(&seen).contains("a field beside its payload was altered"), "{what}: {seen}");
    }
    assert_eq!(channel.asked(), 0);
}

#[tokio::test]
async fn busy_channel_costs_no_attempt() {
    let channel = TestChannel::start().await;
    // The first attempt is the last.
    let bench = Bench::with_channel(&format!("{CONFIG}courier: {{message_retries: 0}}\n"), &channel.url, false).await;
    channel.plan(None, Reaction::Busy(0), 25);
    let mut drafts = Vec::new();
    for _ in 0..12 {
        drafts.push(bench.post(&format!("{}@example.org", unique("room"))).await);
    }
    for draft in &drafts {
        let seen = bench.until(draft.id(), "sent").await;
        assert_eq!((seen["send_count"].as_u64(), channel.count(&draft.message.recipient)), (Some(1), 1), "{seen}");
    }
    assert_eq!(channel.asked(), 12 + 25);
}

#[tokio::test]
async fn busy_channel_rests_for_the_wait_it_names() {
    let (bench, channel) = bench().await;
    channel.plan(None, Reaction::Busy(300), 1);
    let mut drafts = vec![bench.post("first@example.org").await];
    bench.tried(drafts[0].id()).await;
    bench.turn(Duration::seconds(200));
    for _ in 0..5 {
        let draft = bench.post(&format!("{}@example.org", unique("wait"))).await;
        bench.tried(draft.id()).await;
        drafts.push(draft);
    }
    assert_eq!(channel.asked(), 1, "the channel rests");
    for draft in &drafts {
        bench.until(draft.id(), "sent").await;
    }
    assert_eq!(channel.asked(), 7);
}

#[tokio::test]
async fn messages_are_erased_with_their_address() {
    let (bench, _channel) = bench().await;
    let (first, second) = (format!("{}@example.org", unique("old")), format!("{}@example.org", unique("new")));
    let identity = bench.create(json!({ "email": first }), json!({})).await;
    let path = format!("/admin/identities/{}", identity["id"].as_str().unwrap());
    let others = bench.post("other@example.org").await;
    let sent = bench.post(&first).await;
    bench.until(others.id(), "sent").await;
    bench.until(sent.id(), "sent").await;
    let gone = async |draft: &Draft| {
        bench.turn_until("no message", async || bench.proxy.message(draft.id()).await.is_null().then_some(())).await;
        assert_eq!(bench.admin().get(&format!("/admin/courier/messages/{}", draft.id())).await.status, 404);
        // Another one to the same address may be erased one round later.
        let listed = format!("/admin/courier/messages?recipient={}", draft.message.recipient);
        bench
            .turn_until("an empty list", async || (bench.admin().get(&listed).await.json() == json!([])).then_some(()))
            .await;
    };
    // An address that is given up.
    let moved = json!([{"op": "replace", "path": "/traits/email", "value": second}]);
    assert_eq!(bench.admin().json(http::Method::PATCH, &path, &moved).await.status, 200);
    gone(&sent).await;
    bench.turn_until("no queued message", async || bench.stack.queues.is_empty().then_some(())).await;
    // An identity that is deleted while a message to it is under way.
    let sent = bench.post(&second).await;
    bench.until(sent.id(), "sent").await;
    let under_way = under_way(&bench, &second).await;
    assert_eq!(bench.admin().delete(&path).await.status, 204);
    gone(&sent).await;
    gone(&under_way).await;
    // No trace of the address is left, and other messages are untouched.
    bench
        .turn_until("no erasure", async || {
            let items = bench.proxy.items("outbox").await;
            let left = items.iter().any(|item| item["pk"]["S"].as_str().unwrap().starts_with("erasure#"));
            (!left && items.len() == 1).then_some(())
        })
        .await;
    assert_eq!(bench.admin_sees(others.id()).await["status"], "sent");
}

/// The queues of a local stack are in memory, so the stack ends before the last round of the erasure is due.
#[tokio::test]
async fn erasure_survives_a_restart() {
    let mut bench = Bench::with(&config()).await;
    let email = format!("{}@example.org", unique("restart"));
    let identity = bench.create(json!({ "email": email }), json!({})).await;
    let sent = bench.post(&email).await;
    bench.until(sent.id(), "sent").await;
    let under_way = under_way(&bench, &email).await;
    let path = format!("/admin/identities/{}", identity["id"].as_str().unwrap());
    assert_eq!(bench.admin().delete(&path).await.status, 204);
    eventually("the first round", async || bench.proxy.message(sent.id()).await.is_null().then_some(())).await;
    assert!(bench.proxy.message(under_way.id()).await.is_object(), "it was written later");
    // Lists of messages know nothing of the erasure.
    for status in ["queued", "processing", "abandoned"] {
        let listed = bench.admin().get(&format!("/admin/courier/messages?status={status}")).await;
        assert_eq!((listed.status, listed.json()), (200, json!([])), "{status}");
    }
    let (_folder, file) = written(&config());
    let options = Options { store: Some(bench.proxy.endpoint.clone()), ..Options::of(file) };
    bench.stack = Stack::start(&options, Environment::default(), Arc::new(|_| ())).await.expect("the stack starts");
    bench.turn_until("an empty outbox", async || bench.proxy.items("outbox").await.is_empty().then_some(())).await;
}
