//! Operations that must happen once happen once under parallel requests.

use crate::support::{Bench, CONFIG, PASSWORD, password, unique};
use serde_json::json;

/// Parallel requests.
const MANY: usize = 32;

#[tokio::test]
async fn parallel_submits_complete_a_flow_once() {
    // Rate limits are off: they have tests of their own.
    let bench = Bench::with(&format!("{CONFIG}rate_limits: {{enabled: false}}\n")).await;
    let email = bench.identity().await;
    let app = bench.app();
    let action = app.begin("").await;
    let body = password(&email, PASSWORD);
    let answers = futures_util::future::join_all((0..MANY).map(|_| app.post(&action, &body))).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1);
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((lost.status, lost.message_ids()), (400, vec![4_010_002]), "{}", lost.body);
    }
    let sessions: Vec<_> = bench.proxy.items("accounts").await;
    let sessions = sessions.iter().filter(|item| item["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("session#")));
    assert_eq!(sessions.count(), 1);
}

#[tokio::test]
async fn parallel_creates_of_an_identifier_make_one_identity() {
    let bench = Bench::new().await;
    let email = format!("{}@example.org", unique("race"));
    let admin = bench.admin();
    let bodies: Vec<_> = (0..MANY)
        .map(|at| {
            // In every spelling.
            let spelled = if at % 2 == 0 { email.clone() } else { email.to_uppercase() };
            json!({"schema_id": "user", "traits": {"email": spelled}, "credentials": {"password": {"config": {"password": PASSWORD}}}})
        })
        .collect();
    let answers = futures_util::future::join_all(bodies.iter().map(|body| admin.post("/admin/identities", body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(
        answers.iter().all(|answer| matches!(answer.status, 201 | 409)),
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert_eq!(admin.get("/admin/identities").await.json().as_array().map(Vec::len), Some(1));
    bench.app().sign_in(&email).await;
}

#[tokio::test]
async fn parallel_claims_of_an_identifier_succeed_once() {
    let bench = Bench::new().await;
    let wanted = format!("{}@example.org", unique("wanted"));
    let admin = bench.admin();
    let mut paths = Vec::new();
    for _ in 0..8 {
        let email = format!("{}@example.org", unique("mover"));
        let identity = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
        paths.push(format!("/admin/identities/{}", identity["id"].as_str().unwrap()));
    }
    let body = json!({"schema_id": "user", "state": "active", "traits": {"email": wanted}});
    let answers =
        futures_util::future::join_all(paths.iter().map(|path| admin.json(http::Method::PUT, path, &body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 409)));
    bench.app().sign_in(&wanted).await;
}

/// A hash that is replaced at the first login while others by the same password are in flight.
#[tokio::test]
async fn parallel_logins_by_imported_hash_all_succeed() {
    let bench = Bench::new().await;
    let email = format!("{}@example.org", unique("import"));
    bench.create(json!({"email": email}), json!({"hashed_password": "$md5$CY9rzUYh03PK3k6DJie09g=="})).await;
    let app = bench.app();
    let mut paths = Vec::new();
    for _ in 0..8 {
        paths.push(app.begin("").await);
    }
    let body = password(&email, "test");
    let answers = futures_util::future::join_all(paths.iter().map(|path| app.post(path, &body))).await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{} {}", answer.body, bench.logged(answer));
    }
    let stored = bench.proxy.items("credentials").await;
    assert!(stored.iter().all(|item| !item.to_string().contains("$md5$")), "{stored:?}");
}

#[tokio::test]
async fn oldest_sessions_are_evicted_beyond_the_cap() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let first = app.sign_in(&email).await;
    let mut last = String::new();
    for _ in 0..90 {
        last = app.sign_in(&email).await;
    }
    assert_eq!(app.token(&first).get("/sessions/whoami").await.status, 401, "the oldest session ended");
    assert_eq!(app.token(&last).get("/sessions/whoami").await.status, 200);
    let list = app.token(&last).get("/sessions?per_page=500").await;
    assert_eq!(list.header("x-total-count"), Some("89"), "{}", list.body.len());
    // Ended sessions are kept too, but not for ever, or each login would read more than the one before.
    assert_eq!(app.token(&last).delete("/sessions").await.status, 200);
    app.sign_in(&email).await;
    let items = bench.proxy.items("accounts").await;
    let sessions = items.iter().filter(|item| item["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("session#")));
    assert_eq!(sessions.count(), 60 + 2);
}

/// The logins do not know of each other, and still no more sessions are live than one identity may have.
#[tokio::test]
async fn parallel_logins_do_not_exceed_session_cap() {
    let bench = Bench::with(&format!("{CONFIG}rate_limits: {{enabled: false}}\n")).await;
    let email = format!("{}@example.org", unique("crowd"));
    let identity = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
    let app = bench.app();
    let mut paths = Vec::new();
    for _ in 0..120 {
        paths.push(app.begin("").await);
    }
    let body = password(&email, PASSWORD);
    let answers = futures_util::future::join_all(paths.iter().map(|path| app.post(path, &body))).await;
    let mut live = Vec::new();
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let token = answer.json()["session_token"].as_str().unwrap().to_owned();
        match app.token(&token).get("/sessions/whoami").await.status {
            200 => live.push(token),
            status => assert_eq!(status, 401),
        }
    }
    assert_eq!(live.len(), 90);
    let list = app.token(&live[0]).get("/sessions").await;
    assert_eq!(list.header("x-total-count"), Some("89"));
    let path = format!("/admin/identities/{}/sessions?active=true", identity["id"].as_str().unwrap());
    assert_eq!(bench.admin().get(&path).await.header("x-total-count"), Some("90"));
    // Revoking some of the newer ones revives none of the older ones, neither now nor with the next login.
    for token in &live[..20] {
        let ended = app.json(http::Method::DELETE, "/self-service/logout/api", &json!({"session_token": token})).await;
        assert_eq!(ended.status, 204);
    }
    app.sign_in(&email).await;
    let mut still = 0;
    for answer in &answers {
        let token = answer.json()["session_token"].as_str().unwrap().to_owned();
        still += usize::from(app.token(&token).get("/sessions/whoami").await.status == 200);
    }
    assert_eq!(still, 70);
}

/// Each refresh is answered with a token, so each token must be valid.
#[tokio::test]
async fn parallel_refreshes_leave_every_client_signed_in() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let signed_in = app.token(&app.sign_in(&email).await);
    let mut paths = Vec::new();
    for _ in 0..4 {
        paths.push(signed_in.begin("?refresh=true").await);
    }
    let body = password(&email, PASSWORD);
    let answers = futures_util::future::join_all(paths.iter().map(|path| signed_in.post(path, &body))).await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    for answer in &answers {
        let token = answer.json()["session_token"].as_str().unwrap().to_owned();
        assert_eq!(app.token(&token).get("/sessions/whoami").await.status, 200);
    }
}
