//! Sessions: whoami, lists, and how sessions end.

use crate::support::{Bench, CONFIG, PASSWORD, password, unique};
use http::Method;
use proptest::prelude::*;
use serde_json::json;

#[tokio::test]
async fn whoami_accepts_cookie_and_both_token_headers() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let token = bench.app().sign_in(&email).await;
    let app = bench.app();
    for client in app.token_each_way(&token) {
        let me = client.get("/sessions/whoami").await;
        assert_eq!((me.status, me.json()["active"].as_bool()), (200, Some(true)));
        assert_eq!(me.header("x-kratos-authenticated-identity-id"), me.json()["identity"]["id"].as_str());
    }
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    assert_eq!(browser.get("/sessions/whoami").await.status, 200);
    assert_eq!(app.get("/sessions/whoami").await.status, 401);
    assert_eq!(app.token("ory_st_nonsense").get("/sessions/whoami").await.status, 401);
}

#[tokio::test]
async fn sessions_are_listed_and_revoked() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let (here, there, elsewhere) = (app.sign_in(&email).await, app.sign_in(&email).await, app.sign_in(&email).await);
    let others = app.token(&here).get("/sessions").await.json();
    assert_eq!(others.as_array().map(Vec::len), Some(2), "the session that asks is not among them");
    let id = app.token(&there).get("/sessions/whoami").await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(app.token(&here).delete(&format!("/sessions/{id}")).await.status, 204);
    assert_eq!(app.token(&there).get("/sessions/whoami").await.status, 401, "revoking is effective at once");
    let count = app.token(&here).delete("/sessions").await;
    // Sessions that had ended before are listed too.
    assert_eq!((count.status, &count.json()["count"]), (200, &json!(2)));
    assert_eq!(app.token(&elsewhere).get("/sessions/whoami").await.status, 401);
    assert_eq!(app.token(&here).get("/sessions/whoami").await.status, 200);
}

#[tokio::test]
async fn session_of_another_identity_cannot_be_revoked() {
    let bench = Bench::new().await;
    let (one, other) = (bench.identity().await, bench.identity().await);
    let app = bench.app();
    let (mine, theirs) = (app.sign_in(&one).await, app.sign_in(&other).await);
    let id = app.token(&theirs).get("/sessions/whoami").await.json()["id"].as_str().unwrap().to_owned();
    let answer = app.token(&mine).delete(&format!("/sessions/{id}")).await;
    assert_ne!(answer.status, 200, "{}", answer.body);
    assert_eq!(app.token(&theirs).get("/sessions/whoami").await.status, 200);
}

#[tokio::test]
async fn native_app_signs_out() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let token = app.sign_in(&email).await;
    let body = json!({"session_token": token});
    assert_eq!(app.json(Method::DELETE, "/self-service/logout/api", &body).await.status, 204);
    assert_eq!(app.token(&token).get("/sessions/whoami").await.status, 401);
    // Signing out twice has the same result as once.
    assert_eq!(app.json(Method::DELETE, "/self-service/logout/api", &body).await.status, 204);
    let unknown = json!({"session_token": "ory_st_unknown"});
    assert_eq!(app.json(Method::DELETE, "/self-service/logout/api", &unknown).await.status, 403);
}

#[tokio::test]
async fn every_login_makes_another_session() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let mut browser = bench.browser();
    browser.cookies.insert("ory_kratos_session".into(), "planted-by-another-site".into());
    browser.sign_in(&email).await;
    let first = browser.session();
    assert!(!first.contains("planted"));
    let refresh = browser.begin("?refresh=true").await;
    let mut body = password(&email, PASSWORD);
    body["csrf_token"] = crate::support::csrf(&refresh);
    assert_eq!(browser.post(&crate::support::action(&refresh), &body).await.status, 200);
    let second = browser.session();
    assert_ne!(first, second);
    assert_eq!(browser.get("/sessions/whoami").await.status, 200);
    let old = bench.app().with("cookie", &format!("ory_kratos_session={first}")).get("/sessions/whoami").await;
    assert_eq!(old.status, 401, "the cookie from before is good no more");
}

#[tokio::test]
async fn session_ends_with_its_identity() {
    let bench = Bench::new().await;
    let email = format!("{}@example.org", unique("gone"));
    let identity = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
    let app = bench.app();
    let token = app.sign_in(&email).await;
    let id = identity["id"].as_str().unwrap();
    assert_eq!(bench.admin().delete(&format!("/admin/identities/{id}")).await.status, 204);
    assert_eq!(app.token(&token).get("/sessions/whoami").await.status, 401);
    let gone = app.post(&app.begin("").await, &password(&email, PASSWORD)).await;
    assert_eq!((gone.status, gone.message_ids()), (400, vec![4_000_006]));
}

#[tokio::test]
async fn administrators_list_extend_and_revoke_sessions() {
    let config = format!("{CONFIG}\nsession: {{lifespan: 1h}}\n");
    let bench = Bench::with(&config).await;
    let email = bench.identity().await;
    let app = bench.app();
    let token = app.sign_in(&email).await;
    let session = app.token(&token).get("/sessions/whoami").await.json();
    let (id, identity) = (session["id"].as_str().unwrap(), session["identity"]["id"].as_str().unwrap());
    let admin = bench.admin();
    let list = admin.get(&format!("/admin/identities/{identity}/sessions")).await.json();
    assert_eq!(list[0]["id"], id);
    let extended = admin.json(Method::PATCH, &format!("/admin/sessions/{id}/extend"), &json!({})).await;
    assert_eq!(extended.status, 200, "{}", extended.body);
    assert_eq!(admin.get(&format!("/admin/sessions/{id}")).await.status, 200);
    assert_eq!(admin.delete(&format!("/admin/sessions/{id}")).await.status, 204);
    assert_eq!(app.token(&token).get("/sessions/whoami").await.status, 401);
    let again = app.sign_in(&email).await;
    assert_eq!(admin.delete(&format!("/admin/identities/{identity}/sessions")).await.status, 204);
    assert_eq!(app.token(&again).get("/sessions/whoami").await.status, 401);
}

#[tokio::test]
async fn every_truncated_or_altered_token_is_refused() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let token = app.sign_in(&email).await;
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    let cookie = browser.session();
    let cookie_client = |value: &str| app.with("cookie", &format!("ory_kratos_session={value}"));
    for at in 0..token.len() {
        let altered = alter(&token, at);
        assert_eq!(app.token(&altered).get("/sessions/whoami").await.status, 401, "{altered} for {token}");
    }
    for at in 0..cookie.len() {
        let altered = alter(&cookie, at);
        assert_eq!(cookie_client(&altered).get("/sessions/whoami").await.status, 401, "{altered} for {cookie}");
    }
    for (whole, client) in
        [(&token, app.token(&token[..token.len() - 1])), (&cookie, cookie_client(&cookie[..cookie.len() - 1]))]
    {
        assert_eq!(client.get("/sessions/whoami").await.status, 401, "{whole}");
    }
    assert_eq!(app.token(&token).get("/sessions/whoami").await.status, 200);
    assert_eq!(cookie_client(&cookie).get("/sessions/whoami").await.status, 200);
}

/// The text with one character changed.
fn alter(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
    String::from_utf8(bytes).expect("ASCII")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn generated_token_is_refused(tokens in prop::collection::vec("[!-~]{1,120}", 30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            for token in tokens {
                assert_eq!(bench.app().token(&token).get("/sessions/whoami").await.status, 401, "{token}");
                let cookie = format!("ory_kratos_session={token}");
                assert_eq!(bench.app().with("cookie", &cookie).get("/sessions/whoami").await.status, 401, "{cookie}");
            }
        });
    }
}
