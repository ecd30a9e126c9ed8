//! A failing store: no half-written change, no user signed out by our failure, and retries work.

use crate::support::{Bench, Fault, PASSWORD, password, unique};
use http::Method;
use latchkey_platform::Environment;
use latchkey_store::{Accounts, Db};
use serde_json::{Value, json};
use uuid::Uuid;

/// More attempts than the client makes.
const FOR_GOOD: usize = 100;
const ALL: [Fault; 5] = [Fault::Unreachable, Fault::AnswerLost, Fault::Throttled, Fault::Conflict, Fault::Unprocessed];

#[tokio::test]
async fn one_store_failure_is_retried() {
    for (operation, fault) in [
        ("TransactWriteItems", Fault::Throttled),
        ("TransactWriteItems", Fault::Conflict),
        ("TransactWriteItems", Fault::AnswerLost),
        ("TransactWriteItems", Fault::Unreachable),
        ("BatchGetItem", Fault::Unprocessed),
        ("BatchGetItem", Fault::Throttled),
        ("BatchGetItem", Fault::AnswerLost),
    ] {
        let bench = Bench::new().await;
        let email = bench.identity().await;
        let app = bench.app();
        let action = app.begin("").await;
        bench.proxy.fail(operation, fault, 1);
        let done = app.post(&action, &password(&email, PASSWORD)).await;
        assert_eq!(done.status, 200, "{operation} {fault:?}: {} {}", done.body, bench.logged(&done));
        let token = done.json()["session_token"].as_str().unwrap().to_owned();
        assert_eq!(app.token(&token).get("/sessions/whoami").await.status, 200);
        assert_eq!(sessions(&bench).await, 1, "{operation} {fault:?}");
    }
}

#[tokio::test]
async fn unreachable_store_is_503_and_retry_works() {
    for operation in ["BatchGetItem", "TransactWriteItems"] {
        for fault in ALL {
            if (operation == "TransactWriteItems") == (fault == Fault::Unprocessed) {
                continue;
            }
            // A transaction with only lost answers was written all the same; the next test covers that.
            if (operation, fault) == ("TransactWriteItems", Fault::AnswerLost) {
                continue;
            }
            let bench = Bench::new().await;
            let email = bench.identity().await;
            let app = bench.app();
            let action = app.begin("").await;
            bench.proxy.fail(operation, fault, FOR_GOOD);
            let failed = app.post(&action, &password(&email, PASSWORD)).await;
            assert_eq!(failed.status, 503, "{operation} {fault:?}: {}", failed.body);
            assert_eq!(failed.json()["error"]["code"], 503);
            assert_eq!(sessions(&bench).await, 0, "{operation} {fault:?}");
            bench.proxy.heal();
            let done = app.post(&action, &password(&email, PASSWORD)).await;
            assert_eq!(done.status, 200, "{operation} {fault:?}: {}", done.body);
            assert_eq!(sessions(&bench).await, 1);
        }
    }
}

#[tokio::test]
async fn login_with_lost_answers_happens_once() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let action = app.begin("").await;
    bench.proxy.fail("TransactWriteItems", Fault::AnswerLost, FOR_GOOD);
    assert_eq!(app.post(&action, &password(&email, PASSWORD)).await.status, 503);
    bench.proxy.heal();
    let again = app.post(&action, &password(&email, PASSWORD)).await;
    assert_eq!((again.status, again.message_ids()), (400, vec![4_010_002]), "the flow is completed: {}", again.body);
    assert_eq!(sessions(&bench).await, 1);
    app.sign_in(&email).await;
}

#[tokio::test]
async fn whoami_with_failing_store_is_503() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let token = app.sign_in(&email).await;
    for fault in Fault::OF_A_READ {
        bench.proxy.fail("BatchGetItem", fault, FOR_GOOD);
        let answer = app.token(&token).get("/sessions/whoami").await;
        assert_eq!(answer.status, 503, "{fault:?}: {}", answer.body);
        bench.proxy.heal();
    }
    assert_eq!(app.token(&token).get("/sessions/whoami").await.status, 200);
}

#[tokio::test]
async fn identity_changes_are_atomic() {
    let changes: [Change; 3] = [
        (
            "create",
            Method::POST,
            |email| json!({"schema_id": "user", "traits": {"email": email}, "credentials": {"password": {"config": {"password": PASSWORD}}}}),
        ),
        ("update", Method::PUT, |email| json!({"schema_id": "user", "state": "active", "traits": {"email": email}})),
        ("delete", Method::DELETE, |_| Value::Null),
    ];
    for (what, method, body) in changes {
        for fault in [Fault::Unreachable, Fault::Throttled, Fault::Conflict] {
            let bench = Bench::new().await;
            let identity = bench
                .create(json!({"email": format!("{}@example.org", unique("f"))}), json!({"password": PASSWORD}))
                .await;
            let path = match what {
                "create" => "/admin/identities".to_owned(),
                _ => format!("/admin/identities/{}", identity["id"].as_str().unwrap()),
            };
            let body = body(&format!("{}@example.org", unique("g")));
            let before = snapshot(&bench).await;
            bench.proxy.fail("TransactWriteItems", fault, FOR_GOOD);
            let failed = bench.admin().json(method.clone(), &path, &body).await;
            assert_eq!(failed.status, 503, "{what} {fault:?}: {}", failed.body);
            assert_eq!(snapshot(&bench).await, before, "{what} {fault:?} left something behind");
            bench.proxy.heal();
            let done = bench.admin().json(method.clone(), &path, &body).await;
            assert!(done.status < 300, "{what} {fault:?}: {}", done.body);
        }
    }
}

#[tokio::test]
async fn create_with_lost_answer_is_retried() {
    let bench = Bench::new().await;
    bench.proxy.fail("TransactWriteItems", Fault::AnswerLost, 1);
    let email = bench.identity().await;
    let identities = bench.admin().get("/admin/identities").await.json();
    assert_eq!(identities.as_array().map(Vec::len), Some(1));
    bench.app().sign_in(&email).await;
}

/// A session that is gone when the others are revoked must not keep them alive.
#[tokio::test]
async fn revoking_all_skips_missing_sessions() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let (mine, other) = (app.sign_in(&email).await, app.sign_in(&email).await);
    let session = app.token(&other).get("/sessions/whoami").await.json();
    let id = |text: &serde_json::Value| text.as_str().and_then(|id| id.parse().ok()).expect("an id");
    let (identity, session) = (id(&session["identity"]["id"]), id(&session["id"]));
    let env = Environment::from_pairs(
        [
            ("AWS_REGION", "local"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_ENDPOINT_URL", bench.proxy.endpoint.as_str()),
            ("LATCHKEY_TABLE_ACCOUNTS", "accounts"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let accounts = Accounts::open(&Db::start(&env).unwrap(), &env).unwrap();
    let gone = [Uuid::from_u128(1), session, Uuid::from_u128(2)];
    accounts.revoke_all(identity, &gone, Uuid::from_u128(3)).await.unwrap();
    assert_eq!(app.token(&other).get("/sessions/whoami").await.status, 401);
    assert_eq!(app.token(&mine).get("/sessions/whoami").await.status, 200);
    assert_eq!(sessions(&bench).await, 2, "nothing was made of what was gone");
}

/// Its name, its verb, and its body for an e-mail address.
type Change = (&'static str, Method, fn(&str) -> Value);

async fn sessions(bench: &Bench) -> usize {
    let items = bench.proxy.items("accounts").await;
    items.iter().filter(|item| item["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("session#"))).count()
}

/// All stored items about identities.
async fn snapshot(bench: &Bench) -> Vec<String> {
    let mut items = bench.proxy.items("accounts").await;
    items.extend(bench.proxy.items("credentials").await);
    let mut texts: Vec<String> = items.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}
