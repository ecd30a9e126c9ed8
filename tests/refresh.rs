//! The two secrets of a refreshed session: what the previous one still does, and what ends it.

use crate::authorizer::second_factor;
use crate::support::{Answer, Bench, CONFIG, Client, PASSWORD, action, csrf, password};
use http::Method;
use serde_json::{Value, json};

/// A session that was refreshed a moment ago.
struct Refreshed {
    id: Value,
    old: String,
    new: String,
}

async fn refreshed(app: &Client<'_>, email: &str) -> Refreshed {
    let old = app.sign_in(email).await;
    let done = refresh(&app.token(&old), email).await.json();
    Refreshed { id: done["session"]["id"].clone(), old, new: done["session_token"].as_str().unwrap().to_owned() }
}

async fn refresh(signed_in: &Client<'_>, email: &str) -> Answer {
    let done = signed_in.post(&signed_in.begin("?refresh=true").await, &password(email, PASSWORD)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    done
}

async fn whoami(app: &Client<'_>, token: &str) -> u16 {
    app.token(token).get("/sessions/whoami").await.status
}

async fn sign_out(app: &Client<'_>, token: &str) -> u16 {
    app.json(Method::DELETE, "/self-service/logout/api", &json!({"session_token": token})).await.status
}

#[tokio::test]
async fn previous_token_signs_out_within_its_grace() {
    let bench = Bench::new().await;
    let app = bench.app();
    let session = refreshed(&app, &bench.identity().await).await;
    assert_eq!(sign_out(&app, &session.old).await, 204);
    assert_eq!((whoami(&app, &session.old).await, whoami(&app, &session.new).await), (401, 401));
    assert_eq!(sign_out(&app, &session.old).await, 204, "a session that has ended may be ended again");
}

#[tokio::test]
async fn previous_secret_ends_with_its_grace() {
    let bench = Bench::new().await;
    let app = bench.app();
    let session = refreshed(&app, &bench.identity().await).await;
    bench.turn(time::Duration::MINUTE);
    assert_eq!((whoami(&app, &session.old).await, sign_out(&app, &session.old).await), (401, 403));
    assert_eq!(whoami(&app, &session.new).await, 200);
}

#[tokio::test]
async fn any_use_of_new_secret_ends_previous() {
    let bench = Bench::with_pages(CONFIG).await;
    let (email, app) = (bench.identity().await, bench.app());
    for reader in [
        "GET /sessions/whoami",
        "GET /sessions",
        "DELETE /sessions",
        "DELETE /sessions/00000000-0000-4000-8000-000000000000",
        "GET /self-service/logout/browser",
        "GET /self-service/login/api",
        "GET /self-service/login/browser?refresh=true",
        "POST /self-service/login",
        "GET /sample",
    ] {
        let session = refreshed(&app, &email).await;
        assert_eq!(whoami(&app, &session.old).await, 200, "{reader}: using the old one ends nothing");
        let client = app.token(&session.new);
        match reader {
            "POST /self-service/login" => {
                let begun = app.token(&session.old).begin("?refresh=true").await;
                client.post(&begun, &password(&email, "wrong")).await;
            }
            _ => {
                let (verb, path) = reader.split_once(' ').unwrap();
                client.send(verb.parse().unwrap(), path, None, Vec::new()).await;
            }
        }
        assert_eq!(whoami(&app, &session.old).await, 401, "{reader}");
        assert_eq!(sign_out(&app, &session.old).await, 403, "{reader}");
        assert_eq!(whoami(&app, &session.new).await, 200, "{reader}");
    }
    // The pages call the API for their user's browser.
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    let old = browser.session();
    refresh_as_page(&mut browser, &email).await;
    assert_eq!(browser.visit("/session").await.status, 200);
    let old = app.with("cookie", &format!("ory_kratos_session={old}"));
    assert_eq!(old.get("/sessions/whoami").await.status, 401);
}

async fn refresh_as_page(browser: &mut crate::support::Browser<'_>, email: &str) {
    let flow = browser.begin("?refresh=true").await;
    let mut body = password(email, PASSWORD);
    body["csrf_token"] = csrf(&flow);
    let done = browser.post(&action(&flow), &body).await;
    assert_eq!(done.status, 200, "{}", done.body);
}

#[tokio::test]
async fn whoami_renews_only_the_current_cookie() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let mut browser = bench.browser();
    let id = browser.sign_in(&email).await["session"]["id"].clone();
    let old = browser.session();
    refresh_as_page(&mut browser, &email).await;
    let current = browser.session();
    // Both cookies name an earlier end than the session has now.
    bench.turn(time::Duration::seconds(30));
    let extend = format!("/admin/sessions/{}/extend", id.as_str().unwrap());
    assert_eq!(bench.admin().json(http::Method::PATCH, &extend, &json!({})).await.status, 200);
    let ask = async |cookie: &str| {
        let client = bench.app().with("cookie", &format!("ory_kratos_session={cookie}"));
        client.get("/sessions/whoami").await
    };
    let by_old = ask(&old).await;
    assert_eq!((by_old.status, by_old.set_cookie("ory_kratos_session")), (200, None));
    let by_current = ask(&current).await;
    assert_eq!(by_current.status, 200);
    let renewed = by_current.set_cookie("ory_kratos_session").expect("a longer cookie");
    let renewed = renewed.split(['=', ';']).nth(1).unwrap();
    assert_eq!(ask(renewed).await.status, 200);
    assert_eq!(ask(&old).await.status, 401);
}

#[tokio::test]
async fn second_refresh_with_one_token_makes_another_session() {
    let bench = Bench::new().await;
    let (email, app) = (bench.identity().await, bench.app());
    let first = refreshed(&app, &email).await;
    let second = refresh(&app.token(&first.old), &email).await.json();
    assert_ne!(second["session"]["id"], first.id);
    assert_eq!(second["session"]["authentication_methods"].as_array().map(Vec::len), Some(3), "what was proven counts");
    let own = second["session_token"].as_str().unwrap();
    assert_eq!((whoami(&app, &first.new).await, whoami(&app, own).await), (200, 200));
    assert_eq!(whoami(&app, &first.old).await, 401, "the first answer's token was used");
    // Each of the two sessions continues by itself.
    assert_eq!(sign_out(&app, own).await, 204);
    assert_eq!(whoami(&app, &first.new).await, 200);
}

#[tokio::test]
async fn previous_secret_reads_nothing_above_its_level() {
    let config = format!("{CONFIG}\nsession: {{whoami: {{required_aal: highest_available}}}}\n");
    let bench = Bench::with(&config).await;
    let app = bench.app();
    let session = refreshed(&app, &bench.identity().await).await;
    second_factor(&bench).await;
    change_session(&bench, &session.id, |item| {
        let mut facts: Value = serde_json::from_str(item["doc"]["S"].as_str().unwrap()).unwrap();
        facts["methods"][1]["method"] = json!("totp");
        facts["methods"][1]["aal"] = json!("aal2");
        item["doc"]["S"] = json!(facts.to_string());
    })
    .await;
    for (token, status) in [(&session.old, 403), (&session.new, 200)] {
        for path in ["/sessions/whoami", "/sessions"] {
            assert_eq!(app.token(token).get(path).await.status, status, "{path}");
        }
    }
}

/// Changes a stored session.
async fn change_session(bench: &Bench, id: &Value, change: impl FnOnce(&mut Value)) {
    let key = format!("session#{}", id.as_str().unwrap());
    let mut item =
        bench.proxy.items("accounts").await.into_iter().find(|item| item["sk"]["S"] == key).expect("a session");
    change(&mut item);
    bench.proxy.store("PutItem", json!({"TableName": "accounts", "Item": item})).await;
}
