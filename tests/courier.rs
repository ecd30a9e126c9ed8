//! Messages: each is sent at least once, and once where its channel confirmed it and that was recorded; none waits for another; and
//! administrators are told the truth.

use crate::events::binaries;
use crate::support::{Bench, CONFIG, Draft, Fault, Reaction, TestChannel, eventually, outbox, record, unique, written};
use latchkey::functions::Functions;
use latchkey::processes::Processes;
use latchkey::store::Store;
use latchkey::template::Template;
use latchkey::{Options, Stack};
use latchkey_core::courier::QueuedMessage;
use latchkey_platform::{Clock, Environment, ManualClock, Platform, Rng};
use latchkey_sealing::PrivateKey;
use latchkey_store::claim::CLAIM;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn address() -> String {
    format!("{}@example.org", unique("m"))
}

/// How the attempts ended: `None` for success.
fn errors(message: &Value) -> Vec<Option<String>> {
    let dispatches = message["dispatches"].as_array().cloned().unwrap_or_default();
    for dispatch in &dispatches {
        assert_eq!(dispatch["message_id"], message["id"], "{dispatch}");
        let failed = dispatch["status"] == "failed";
        assert_eq!(failed, dispatch["error"].is_string(), "{dispatch}");
    }
    dispatches.iter().map(|dispatch| dispatch["error"].as_str().map(str::to_owned)).collect()
}

async fn bench() -> (Bench, TestChannel) {
    let channel = TestChannel::start().await;
    (Bench::with_channel(CONFIG, &channel.url, false).await, channel)
}

#[tokio::test]
async fn message_is_sent_and_its_payload_erased() {
    let (bench, channel) = bench().await;
    let draft = bench.post(&address()).await;
    let seen = bench.until(draft.id(), "sent").await;
    assert_eq!((seen["send_count"].as_u64(), errors(&seen)), (Some(1), vec![None]));
    let taken = channel.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0]["to"], draft.message.recipient.as_str());
    assert!(taken[0]["text"].as_str().unwrap().contains(&draft.code), "{}", taken[0]);
    let stored = bench.proxy.message(draft.id()).await;
    for gone in ["sealed", "claim", "claim_ends", "unsent", "wording"] {
        assert!(stored.get(gone).is_none(), "{gone} is still there: {stored}");
    }
    assert!(!stored.to_string().contains(&draft.code));
}

/// The slowest of ten, measured from the answer of the transaction; the stack asks every 50 ms.
#[tokio::test]
async fn message_arrives_without_a_schedule() {
    let (bench, channel) = bench().await;
    bench.post(&address()).await;
    channel.next().await;
    let mut waits = Vec::new();
    for _ in 0..10 {
        let draft = bench.draft(&address());
        bench.proxy.store("TransactWriteItems", draft.write()).await;
        let began = Instant::now();
        channel.next().await;
        waits.push(began.elapsed());
    }
    waits.sort();
    println!("from the commit to the channel: median {:?}, slowest {:?}", waits[5], waits[9]);
    // The time depends on the machine and is only printed. The bound asserts that no message waits for a schedule.
    assert!(waits[5] < Duration::from_secs(2), "{waits:?}");
}

#[tokio::test]
async fn channel_back_after_ten_minutes_gets_every_message() {
    let (bench, channel) = bench().await;
    let unlucky: Vec<String> = (0..5).map(|_| address()).collect();
    for to in &unlucky {
        channel.plan(Some(to), Reaction::Answers(503), usize::MAX);
    }
    let mut waiting = Vec::new();
    for to in &unlucky {
        // A code for ten minutes would be of no use afterwards.
        let message = QueuedMessage { expires_at: None, ..bench.draft(to).message };
        let draft = Draft::of(&bench.stack.courier_key, &unique("code"), message);
        bench.proxy.store("TransactWriteItems", draft.write()).await;
        waiting.push(draft);
    }
    // Meanwhile others get theirs.
    let lucky = address();
    let goes = bench.post(&lucky).await;
    bench.until(goes.id(), "sent").await;
    for draft in &waiting {
        bench.tried(draft.id()).await;
    }
    bench.pass(time::Duration::minutes(10)).await;
    for draft in &waiting {
        let seen = bench.admin_sees(draft.id()).await;
        assert!(["queued", "processing"].contains(&seen["status"].as_str().unwrap()), "{seen}");
    }
    channel.heal();
    for draft in &waiting {
        let seen = bench.until(draft.id(), "sent").await;
        let said = errors(&seen);
        assert_eq!(seen["send_count"].as_u64(), Some(said.len() as u64));
        assert!(said.len() > 1 && said.last() == Some(&None), "{said:?}");
        // A channel may quote what it was given; administrators see whom a message goes to, and nothing of what it says.
        for error in said.iter().flatten() {
            let quoted = error.contains(&draft.code) || error.contains(&draft.message.recipient);
            assert!(error.contains("503") && !quoted, "{error}");
        }
        assert_eq!(channel.count(&draft.message.recipient), 1);
    }
    assert_eq!(channel.count(&lucky), 1);
}

#[tokio::test]
async fn thousand_messages_at_once_are_sent_once_each() {
    let (bench, channel) = bench().await;
    let drafts: Vec<Draft> = (0..1000).map(|_| bench.draft(&address())).collect();
    let began = Instant::now();
    for hundred in drafts.chunks(100) {
        let items: Vec<Value> = hundred.iter().map(|draft| draft.write()["TransactItems"][0].clone()).collect();
        bench.proxy.store("TransactWriteItems", json!({ "TransactItems": items })).await;
    }
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    while channel.taken().len() < 1000 && began.elapsed() < Duration::from_secs(240) {
        beat.tick().await;
    }
    println!("a thousand messages in {:?}", began.elapsed());
    for draft in &drafts {
        bench.until(draft.id(), "sent").await;
    }
    let mut to: Vec<String> = channel.taken().iter().map(|message| message["to"].to_string()).collect();
    to.sort();
    to.dedup();
    assert_eq!((to.len(), channel.taken().len()), (1000, 1000));
}

#[tokio::test]
async fn throttling_channel_gets_each_message_once() {
    let (bench, channel) = bench().await;
    channel.plan(None, Reaction::Answers(429), 25);
    let mut drafts = Vec::new();
    for _ in 0..20 {
        drafts.push(bench.post(&address()).await);
    }
    for draft in &drafts {
        bench.until(draft.id(), "sent").await;
        assert_eq!(channel.count(&draft.message.recipient), 1);
    }
}

#[tokio::test]
async fn message_is_abandoned_after_configured_retries() {
    let (bench, channel) = bench().await;
    let to = address();
    channel.plan(Some(&to), Reaction::Answers(500), 100);
    let draft = bench.post(&to).await;
    let seen = bench.until(draft.id(), "abandoned").await;
    // One attempt and five retries.
    assert_eq!((seen["send_count"].as_u64(), errors(&seen).len()), (Some(6), 6));
    assert!(errors(&seen).iter().all(Option::is_some));
    assert!(bench.proxy.message(draft.id()).await.get("sealed").is_none(), "its code is no longer of use");
    let dead = eventually("a dead letter", async || bench.stack.queues.kept("CourierDeadLetters").pop()).await;
    assert!(dead.contains(&draft.id().to_string()) && !dead.contains(&to), "{dead}");
    channel.heal();
    bench.bring(&[draft.record()]).await.unwrap();
    assert_eq!(channel.count(&to), 0, "what was given up stays so");
}

#[tokio::test]
async fn refused_address_is_tried_once() {
    let (bench, channel) = bench().await;
    let to = address();
    channel.plan(Some(&to), Reaction::Answers(422), 100);
    let draft = bench.post(&to).await;
    let seen = bench.until(draft.id(), "abandoned").await;
    assert_eq!((seen["send_count"].as_u64(), errors(&seen).len()), (Some(1), 1));
    assert_eq!(bench.stack.queues.kept("CourierDeadLetters").len(), 0, "a mistyped address is no alarm");
}

#[tokio::test]
async fn slow_channel_delays_no_other_message() {
    let (bench, channel) = bench().await;
    let slow = bench.draft(&address());
    channel.plan(Some(&slow.message.recipient), Reaction::NeverAnswers, 1);
    let others: Vec<Draft> = (0..9).map(|_| bench.draft(&address())).collect();
    let mut items = Vec::new();
    for draft in std::iter::once(&slow).chain(&others) {
        items.push(draft.write()["TransactItems"][0].clone());
    }
    let began = Instant::now();
    bench.proxy.store("TransactWriteItems", json!({ "TransactItems": items })).await;
    for draft in &others {
        bench.until(draft.id(), "sent").await;
    }
    assert!(began.elapsed() < Duration::from_secs(8), "they waited for the slow one: {:?}", began.elapsed());
    assert_eq!(bench.admin_sees(slow.id()).await["status"], "processing");
    // It may have arrived and may not, so it is sent again.
    let seen = bench.until(slow.id(), "sent").await;
    let said = errors(&seen);
    assert!(said.len() == 2 && said[0].is_some() && said[1].is_none(), "{said:?}");
    assert_eq!(channel.count(&slow.message.recipient), 2);
}

#[tokio::test]
async fn record_delivered_three_times_is_sent_once() {
    let (bench, channel) = bench().await;
    let draft = bench.draft(&address());
    bench.proxy.store("TransactWriteItems", draft.write()).await;
    let (record, same) = (draft.record(), [draft.record()]);
    let events = [[record.clone()], [record.clone()], [record]];
    let (a, b, c) = tokio::join!(bench.bring(&events[0]), bench.bring(&events[1]), bench.bring(&events[2]));
    for answer in [a, b, c] {
        assert_eq!(answer.unwrap()["batchItemFailures"], json!([]));
    }
    let seen = bench.until(draft.id(), "sent").await;
    for _ in 0..3 {
        bench.bring(&same).await.unwrap();
    }
    assert_eq!((channel.count(&draft.message.recipient), seen["send_count"].as_u64()), (1, Some(1)));
}

#[tokio::test]
async fn unreadable_record_among_ninety_nine_delays_none() {
    let (bench, channel) = bench().await;
    let drafts: Vec<Draft> = (0..99).map(|_| bench.draft(&address())).collect();
    let mut records: Vec<Value> = drafts.iter().map(Draft::record).collect();
    records.insert(50, record("no id at all"));
    // Another kind: a message that is there and cannot be read.
    let mut broken = bench.draft(&address());
    broken.item["doc"] = json!({"S": "{"});
    records.insert(7, broken.record());
    for draft in drafts.iter().chain([&broken]) {
        bench.proxy.store("TransactWriteItems", draft.write()).await;
    }
    let answer = bench.bring(&records).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]), "nothing has to come again");
    for draft in &drafts {
        let seen = bench.until(draft.id(), "sent").await;
        assert_eq!(seen["send_count"], 1);
        assert_eq!(channel.count(&draft.message.recipient), 1);
    }
    let dead = bench.stack.queues.kept("CourierDeadLetters");
    assert!(dead.iter().any(|entry| entry.contains("a record that cannot be read")), "{dead:?}");
    assert!(dead.iter().any(|entry| entry.contains(&broken.id().to_string())), "{dead:?}");
    let listed = bench.admin().get("/admin/courier/messages?page_size=500").await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(99), "one that cannot be read hides no other");
}

/// The process is ended by force when the channel has the message and before it could say so.
#[tokio::test]
async fn courier_killed_before_recording_sends_again() {
    let channel = TestChannel::start().await;
    let store = Store::start(&Template::load().unwrap().tables, None).await.unwrap();
    let secret = "a secret of the courier in a test";
    let key = PrivateKey::derive(secret.as_bytes()).unwrap().public();
    let draft = Draft::new(&key, &address(), Clock::system().now());
    let look = store.client();
    look.call("TransactWriteItems", &draft.write()).await.unwrap();
    let mut functions = Template::load().unwrap().functions;
    functions.retain(|function| function.binary == "courier");
    let queue = "http://127.0.0.1:9/queue";
    let env = Environment::default()
        .with("LATCHKEY_CONFIG", concat!(env!("CARGO_MANIFEST_DIR"), "/events/kratos.yml"))
        .with("AWS_REGION", "local")
        .with("AWS_ACCESS_KEY_ID", store.key.expose())
        .with("AWS_SECRET_ACCESS_KEY", "local")
        .with("AWS_ENDPOINT_URL", &store.endpoint)
        .with("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
        .with("LATCHKEY_QUEUE", queue)
        .with("LATCHKEY_DEAD_LETTERS", queue)
        .with("LATCHKEY_COURIER_SECRET", secret)
        .with("LATCHKEY_INBOX_URL", &channel.url);
    let processes = Processes::new(&functions, &binaries(), &env, Arc::new(|_| ())).unwrap();
    let event = json!({"Records": [draft.record()]}).to_string();
    let call = || processes.call("CourierFunction", event.clone(), "a-request", Duration::from_secs(40));
    channel.plan(None, Reaction::NeverAnswers, 1);
    tokio::select! {
        answer = call() => panic!("it was to be killed: {answer:?}"),
        () = channel.next() => {}
    }
    let table = outbox(&look);
    let stored = table.get(draft.id()).await.unwrap().unwrap();
    assert_eq!((stored.status.as_str(), stored.send_count), ("processing", 1), "the result is unknown");
    // While the claim holds no other courier sends. The queue is unreachable too, so the record has to come again.
    let clock = ManualClock::running();
    let platform = Platform { env, clock: clock.clock(), rng: Rng::system() };
    let other = Functions::linked(&functions, &platform).await.unwrap();
    let call = || other.call("CourierFunction", event.clone(), "a-request");
    let answer = call().await.unwrap();
    assert_eq!(answer["batchItemFailures"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(channel.count(&draft.message.recipient), 1);
    clock.turn(CLAIM);
    assert_eq!(call().await.unwrap()["batchItemFailures"], json!([]));
    let stored = table.get(draft.id()).await.unwrap().unwrap();
    assert_eq!((stored.status.as_str(), stored.send_count, stored.dispatches.len()), ("sent", 2, 1));
    assert_eq!(channel.count(&draft.message.recipient), 2, "at least once, and no channel could have told");
}

#[tokio::test]
async fn message_without_recorded_outcome_is_abandoned() {
    let (bench, channel) = bench().await;
    let mut draft = bench.draft(&address());
    draft.item["send_count"] = json!({"N": "6"});
    draft.item["status"] = json!({"S": "processing"});
    draft.item.insert("claim_ends".to_owned(), json!({"N": "1"}));
    bench.proxy.store("TransactWriteItems", draft.write()).await;
    let seen = bench.until(draft.id(), "abandoned").await;
    assert_eq!(errors(&seen).len(), 1);
    assert_eq!(channel.count(&draft.message.recipient), 0);
}

/// The store is away for the one write that says that a message was sent. It is not sent again for that.
#[tokio::test]
async fn unrecorded_delivery_is_recorded_later() {
    let (bench, channel) = bench().await;
    channel.plan(None, Reaction::AnswersOnRelease, 1);
    let draft = bench.post(&address()).await;
    channel.next().await;
    // The client itself tries three times.
    bench.proxy.fail("UpdateItem", Fault::Unreachable, 4);
    channel.release();
    let seen = bench.until(draft.id(), "sent").await;
    assert_eq!((seen["send_count"].as_u64(), channel.count(&draft.message.recipient)), (Some(1), 1));
    assert_eq!(errors(&seen), [None]);
    assert!(bench.proxy.message(draft.id()).await.get("sealed").is_none());
}

#[tokio::test]
async fn claim_with_lost_answer_belongs_to_the_claimant() {
    let (bench, channel) = bench().await;
    bench.proxy.fail("UpdateItem", Fault::AnswerLost, 1);
    let draft = bench.post(&address()).await;
    let seen = bench.until(draft.id(), "sent").await;
    assert_eq!((seen["send_count"].as_u64(), channel.count(&draft.message.recipient)), (Some(1), 1));
}

#[tokio::test]
async fn unreachable_store_loses_no_message() {
    let (bench, channel) = bench().await;
    for fault in [Fault::Unreachable, Fault::Throttled] {
        bench.proxy.fail("UpdateItem", fault, 8);
        let draft = bench.post(&address()).await;
        bench.until(draft.id(), "sent").await;
        assert_eq!(channel.count(&draft.message.recipient), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn bounced_and_complaining_addresses_get_no_mail() {
    let (bench, channel) = bench().await;
    let (bounced, complained, full) = (address(), address(), address());
    let said = |said: Value| json!({"EventSource": "aws:sns", "Sns": {"Message": said.to_string()}});
    let of = |address: &str| json!([{"emailAddress": address}]);
    let event = json!({"Records": [
        said(json!({"eventType": "Bounce", "bounce": {"bounceType": "Permanent", "bouncedRecipients": of(&bounced.to_uppercase())}})),
        said(json!({"eventType": "Bounce", "bounce": {"bounceType": "Transient", "bouncedRecipients": of(&full)}})),
        said(json!({"eventType": "Complaint", "complaint": {"complainedRecipients": of(&complained)}})),
        said(json!("rubbish")),
    ]});
    let heard = bench.stack.functions.call("CourierFeedbackFunction", event.to_string(), "a-request").await.unwrap();
    assert_eq!(heard, json!({"added": 2}));
    for (address, reason) in [(&bounced, "bounce"), (&complained, "complaint")] {
        let draft = bench.post(address).await;
        let seen = bench.until(draft.id(), "abandoned").await;
        let why = format!("not sent: the address is on the suppression list because of a {reason}");
        assert_eq!(errors(&seen), [Some(why)]);
        assert_eq!(channel.count(address), 0);
    }
    let identity = bench.create(json!({ "email": bounced }), json!({})).await;
    let shown = bench.admin().get(&format!("/admin/identities/{}", identity["id"].as_str().unwrap())).await.json();
    for list in ["verifiable_addresses", "recovery_addresses"] {
        assert_eq!(shown[list][0]["suppressed"]["reason"], "bounce", "{shown}");
    }
    let draft = bench.post(&full).await;
    bench.until(draft.id(), "sent").await;
    assert_eq!(bench.stack.queues.kept("CourierDeadLetters").len(), 0);
}

#[tokio::test]
async fn administrators_page_messages_without_their_contents() {
    let (bench, channel) = bench().await;
    let (reader, other) = (address(), address());
    channel.plan(Some(&other), Reaction::Answers(422), 100);
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(bench.post(&reader).await.id());
    }
    let refused = bench.post(&other).await;
    for id in &ids {
        bench.until(*id, "sent").await;
    }
    bench.until(refused.id(), "abandoned").await;
    let list = async |query: &str| {
        let answer = bench.admin().get(&format!("/admin/courier/messages{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        answer
    };
    let of = |answer: &Value| -> Vec<String> {
        answer.as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
    };
    let newest_first: Vec<String> =
        std::iter::once(refused.id()).chain(ids.iter().rev().copied()).map(|id| id.to_string()).collect();
    assert_eq!(of(&list("").await.json()), newest_first);
    // Page by page, following the links.
    let (mut seen, mut query, mut pages) = (Vec::new(), format!("?page_size=2&recipient={reader}"), 0);
    loop {
        let answer = list(&query).await;
        seen.extend(of(&answer.json()));
        pages += 1;
        let links = answer.header("link").unwrap().to_owned();
        assert!(links.contains("rel=\"first\"") && links.contains("page_size=2"), "{links}");
        let Some(next) = links.split(',').find(|link| link.contains("rel=\"next\"")) else { break };
        query = next.split(['<', '>']).nth(1).unwrap().trim_start_matches("/admin/courier/messages").to_owned();
    }
    assert_eq!((seen, pages), (newest_first[1..].to_vec(), 3));
    assert_eq!(of(&list("?status=abandoned").await.json()), newest_first[..1]);
    assert_eq!(of(&list("?status=sent&page_size=3").await.json()), newest_first[1..4]);
    assert_eq!(of(&list(&format!("?status=queued&recipient={reader}")).await.json()), Vec::<String>::new());
    assert_eq!(list("?recipient=unknown@example.net").await.json(), json!([]));
    let shown = bench.admin_sees(ids[0]).await;
    for hidden in ["body", "subject"] {
        assert_eq!(shown[hidden], "<redacted-unless-dev-mode>");
    }
    let mut keys: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let all = "body channel created_at dispatches id recipient send_count status subject template_type type updated_at";
    assert_eq!(keys.join(" "), all);
    assert_eq!((shown["type"].as_str(), shown["template_type"].as_str()), (Some("email"), Some("login_code_valid")));
    assert!(list("").await.json()[0].get("dispatches").is_none(), "a list has none");
    // Without the prefix it is the same, and from the public side one is sent there.
    assert_eq!(of(&bench.admin().get("/courier/messages").await.json()), newest_first);
    assert_eq!(bench.app().get("/courier/messages").await.status, 307);
}

#[tokio::test]
async fn malformed_message_queries_are_answered_400() {
    let (bench, _) = bench().await;
    let ask = async |path: &str| {
        let answer = bench.admin().get(&format!("/admin/courier/messages{path}")).await;
        let error = answer.json()["error"].clone();
        (answer.status, error["reason"].as_str().or(error["message"].as_str()).unwrap_or_default().to_owned())
    };
    assert_eq!(ask("?status=lost").await, (400, "Message status is not valid".to_owned()));
    assert_eq!(ask("/abc").await, (400, "uuid: incorrect UUID length 3 in string \"abc\"".to_owned()));
    assert_eq!(ask("/0b2f3c44-1111-4222-8333-444455556666").await, (404, "Unable to locate the resource".to_owned()));
    assert_eq!(ask("?page_size=x").await.0, 400);
    for token in ["rubbish", "OTk5", "%00", "ä"] {
        assert_eq!(ask(&format!("?page_token={token}")).await.0, 400, "{token}");
    }
    assert_eq!(bench.admin().get("/admin/courier/messages?page_size=100000").await.status, 200);
}

#[tokio::test]
async fn development_mode_shows_contents_to_administrators() {
    let channel = TestChannel::start().await;
    let bench = Bench::with_channel(CONFIG, &channel.url, true).await;
    let draft = bench.post(&address()).await;
    let seen = bench.until(draft.id(), "sent").await;
    assert!(seen["body"].as_str().unwrap().contains(&draft.code), "{seen}");
    assert!(!seen["subject"].as_str().unwrap().is_empty());
    assert!(bench.proxy.message(draft.id()).await.get("sealed").is_none());
}

/// Messages that were waiting when a stack ended are sent by the next one over the same folder.
#[tokio::test]
async fn waiting_messages_survive_a_restart() {
    let (folder, config) = written(CONFIG);
    let options = Options { data: Some(folder.path().join("state")), ..Options::of(config) };
    let start = async |env: Environment| Stack::start(&options, env, Arc::new(|_| ())).await.expect("the stack starts");
    let stack = start(Environment::default().with("LATCHKEY_INBOX_URL", "http://127.0.0.1:9/no-listener")).await;
    let draft = Draft::new(&stack.courier_key, &address(), Clock::system().now());
    let look = stack.store.clone();
    look.call("TransactWriteItems", &draft.write()).await.unwrap();
    let table = outbox(&look);
    eventually("a first attempt", async || {
        table.get(draft.id()).await.unwrap().filter(|stored| stored.dispatches.len() == 1)
    })
    .await;
    drop(stack);
    let secret = std::fs::metadata(folder.path().join("state/courier.secret")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&secret.permissions()) & 0o777, 0o600);
    let stack = start(Environment::default()).await;
    let arrived = eventually("the message", async || {
        stack.turn_to_next_due(&draft.id().to_string(), None);
        stack.inbox.messages().pop()
    })
    .await;
    assert!(arrived.text.contains(&draft.code), "{arrived:?}");
}

/// As on AWS: each function a process, with what the template gives it.
#[tokio::test]
async fn messages_arrive_with_functions_in_processes() {
    let (_folder, config) = written(CONFIG);
    let options = Options { processes: Some(binaries()), ..Options::of(config) };
    let stack = Stack::start(&options, Environment::default(), Arc::new(|_| ())).await.unwrap();
    let look = stack.store.clone();
    let mut waits = Vec::new();
    for count in 1..=10 {
        let draft = Draft::new(&stack.courier_key, &address(), Clock::system().now());
        look.call("TransactWriteItems", &draft.write()).await.unwrap();
        let began = Instant::now();
        eventually("the message", async || (stack.inbox.messages().len() == count).then_some(())).await;
        waits.push(began.elapsed());
        assert!(stack.inbox.messages()[0].text.contains(&draft.code));
    }
    // The first one starts the process.
    waits.sort();
    println!("processes: from the commit to the inbox: median {:?}, slowest {:?}", waits[5], waits[9]);
    // The time depends on the machine and is only printed. The bound asserts that no message waits for a schedule.
    assert!(waits[5] < Duration::from_secs(2), "{waits:?}");
}

#[tokio::test]
async fn log_holds_no_code_and_no_recipient() {
    let (bench, channel) = bench().await;
    let (well, refused) = (bench.draft(&address()), bench.draft(&address()));
    channel.plan(Some(&refused.message.recipient), Reaction::Answers(422), 1);
    channel.plan(Some(&well.message.recipient), Reaction::Answers(500), 1);
    for draft in [&well, &refused] {
        bench.proxy.store("TransactWriteItems", draft.write()).await;
    }
    bench.until(well.id(), "sent").await;
    bench.until(refused.id(), "abandoned").await;
    let all = Bench::everything_logged();
    for draft in [&well, &refused] {
        assert!(!all.contains(&draft.code), "a code");
        assert!(!all.contains(&draft.message.recipient), "a recipient");
        let lines: Vec<Value> = all
            .lines()
            .filter(|line| line.contains(&draft.id().to_string()))
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert!(lines.iter().all(|line| line["function"] == "courier" && line["errors"] == 0), "{lines:?}");
        assert!(lines.iter().any(|line| line["template"] == "login_code_valid" && line["channel"] == "email"));
    }
    let outcomes = |draft: &Draft| -> Vec<String> {
        let id = draft.id().to_string();
        let lines = all.lines().filter(|line| line.contains(&id)).map(|l| serde_json::from_str::<Value>(l).unwrap());
        lines.map(|line| line["outcome"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (outcomes(&well), outcomes(&refused)),
        (vec!["failed".into(), "sent".into()], vec!["refused".to_owned()])
    );
}
