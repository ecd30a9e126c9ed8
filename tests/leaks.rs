//! Leaked passwords: they still sign in, and administrators and the log are told.

use crate::support::{Bench, CONFIG, PASSWORD, password};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use axum::routing::get;
use serde_json::Value;
use sha1::{Digest as _, Sha1};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How the service answers.
#[derive(Clone, Copy, PartialEq)]
enum Reaction {
    Knows(u32),
    KnowsNothing,
    Fails,
    Hangs,
}

/// A service that knows [`PASSWORD`] or not. Returns its URL and the requests that it got.
async fn peer(reaction: Reaction) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let range = move |Path(prefix): Path<String>, State(asked): State<Arc<Mutex<Vec<String>>>>| async move {
        asked.lock().unwrap().push(prefix);
        let digits: String = Sha1::digest(PASSWORD).iter().map(|byte| format!("{byte:02X}")).collect();
        match reaction {
            Reaction::Knows(times) => {
                format!("{}:{times}\r\n0000000000000000000000000000000000A:7", &digits[5..]).into_response()
            }
            Reaction::KnowsNothing => "0000000000000000000000000000000000A:7".into_response(),
            Reaction::Fails => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Reaction::Hangs => std::future::pending().await,
        }
    };
    let app = Router::new().route("/range/{prefix}", get(range)).with_state(Arc::clone(&asked));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, asked)
}

async fn bench(url: &str, patience: &str) -> Bench {
    Bench::with_env(
        &format!("{CONFIG}passwords: {{check_leaks_at_login: true, patience: {patience}}}\n"),
        "LATCHKEY_LEAKS_URL",
        url,
    )
    .await
}

/// Signs in. Returns the session as an administrator sees it, and the log line of the request.
async fn signed_in(bench: &Bench) -> (Value, Value) {
    let email = bench.identity().await;
    let done = bench.app().post(&bench.app().begin("").await, &password(&email, PASSWORD)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(done.json()["session"].get("password_leaked"), None, "only administrators are told");
    let id = done.json()["session"]["id"].as_str().unwrap().to_owned();
    (bench.admin().get(&format!("/admin/sessions/{id}")).await.json(), bench.logged(&done))
}

#[tokio::test]
async fn leaked_password_signs_in_and_marks_session() {
    let (url, asked) = peer(Reaction::Knows(3)).await;
    let bench = bench(&url, "20s").await;
    let (session, line) = signed_in(&bench).await;
    assert_eq!(session["password_leaked"], true, "{session}");
    assert!(line["notes"].to_string().contains("known to have leaked"), "{line}");
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].len() == 5 && asked[0].bytes().all(|b| b.is_ascii_hexdigit()), "{asked:?}");
}

#[tokio::test]
async fn unreachable_leak_service_delays_no_login() {
    for (reaction, noted) in [(Reaction::KnowsNothing, false), (Reaction::Fails, true), (Reaction::Hangs, true)] {
        let (url, _) = peer(reaction).await;
        let (session, line) = tokio::time::timeout(Duration::from_secs(60), async {
            let bench = bench(&url, if reaction == Reaction::Hangs { "300ms" } else { "20s" }).await;
            signed_in(&bench).await
        })
        .await
        .expect("an answer");
        assert_eq!(session.get("password_leaked"), None);
        assert_eq!(line["notes"].to_string().contains("could not be asked"), noted, "{line}");
    }
}

#[tokio::test]
async fn leak_lookup_is_alike_for_wrong_passwords() {
    let (url, asked) = peer(Reaction::Knows(3)).await;
    let config = CONFIG.replace("selfservice:\n", "selfservice:\n  methods: {password: {config: {max_breaches: 3}}}\n");
    let config = format!("{config}passwords: {{check_leaks_at_login: true, patience: 20s}}\n");
    let bench = Bench::with_env(&config, "LATCHKEY_LEAKS_URL", &url).await;
    let (session, _) = signed_in(&bench).await;
    assert_eq!(session.get("password_leaked"), None);
    asked.lock().unwrap().clear();
    for who in [bench.identity().await, "unknown@example.org".to_owned()] {
        bench.app().post(&bench.app().begin("").await, &password(&who, "wrong")).await;
    }
    let asked = asked.lock().unwrap().clone();
    assert!(asked.len() == 2 && asked[0] == asked[1], "{asked:?}");
}

#[tokio::test]
async fn over_a_limit_leak_service_is_not_called() {
    let (url, asked) = peer(Reaction::KnowsNothing).await;
    let config = format!(
        "{CONFIG}rate_limits: {{attempts: {{identifier_and_network: 1}}}}\npasswords: {{check_leaks_at_login: true, patience: 20s}}\n"
    );
    let bench = Bench::with_env(&config, "LATCHKEY_LEAKS_URL", &url).await;
    let (email, app) = (bench.identity().await, bench.app());
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(app.post(&app.begin("").await, &password(&email, "wrong")).await.status);
    }
    assert_eq!(statuses, [400, 429, 429, 429]);
    assert_eq!(asked.lock().unwrap().len(), 1, "only the attempt within the limit asks");
}
