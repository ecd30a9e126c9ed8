//! Signing in by password, as each kind of client.

use crate::support::{Bench, CONFIG, PASSWORD, action, csrf, password, unique};
use serde_json::{Value, json};

#[tokio::test]
async fn native_app_signs_in() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let flow = app.get("/self-service/login/api").await;
    assert_eq!(flow.status, 200);
    assert!(flow.headers.get("set-cookie").is_none(), "an app has no cookies");
    let done = app.post(&action(&flow.json()), &password(&email, PASSWORD)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let body = done.json();
    assert!(body["session_token"].as_str().is_some_and(|token| token.starts_with("ory_st_")));
    assert_eq!(body["session"]["identity"]["traits"]["email"], email.as_str());
    assert_eq!(body["session"]["authenticator_assurance_level"], "aal1");
    assert_eq!(body["session"]["authentication_methods"][0]["method"], "password");
    assert_eq!(body["session"]["active"], true);
    assert!(body["session"].get("token").is_none());
    let me = app.token(body["session_token"].as_str().unwrap()).get("/sessions/whoami").await;
    assert_eq!((me.status, &me.json()["id"]), (200, &body["session"]["id"]));
}

#[tokio::test]
async fn single_page_app_signs_in() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let mut spa = bench.browser();
    let flow = spa.begin("").await;
    assert_eq!(flow["type"], "browser");
    let body = json!({"method": "password", "identifier": email, "password": PASSWORD, "csrf_token": csrf(&flow)});
    let done = spa.post(&action(&flow), &body).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(done.json().get("session_token").is_none(), "a script must not read the session");
    let cookie = done.set_cookie("ory_kratos_session").unwrap();
    for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(spa.get("/sessions/whoami").await.json()["identity"]["traits"]["email"], email.as_str());
}

#[tokio::test]
async fn browser_signs_in() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let mut browser = bench.browser().html();
    let begun = browser.get("/self-service/login/browser").await;
    assert_eq!(begun.status, 303);
    let id = begun.location().strip_prefix("https://app.example.org/login?flow=").unwrap().to_owned();
    assert!(
        begun.set_cookie("__Host-csrf_token_").is_some_and(|line| line.contains("HttpOnly") && line.contains("Secure"))
    );
    let flow = browser.get(&format!("/self-service/login/flows?id={id}")).await;
    let token = flow.node("csrf_token");
    let fields = [
        ("method", "password"),
        ("identifier", &email),
        ("password", PASSWORD),
        ("csrf_token", token.as_str().unwrap()),
    ];
    let done = browser.form(&format!("/self-service/login?flow={id}"), &fields).await;
    assert_eq!((done.status, done.location()), (303, "https://app.example.org/welcome"));
    assert_eq!(browser.get("/sessions/whoami").await.status, 200);
}

#[tokio::test]
async fn wrong_password_is_one_message_for_each_client() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let wrong = app.post(&app.begin("").await, &password(&email, "wrong")).await;
    assert_eq!((wrong.status, wrong.message_ids()), (400, vec![4_000_006]));
    assert_eq!(wrong.node("identifier"), email.as_str());
    assert_eq!(wrong.node("password"), Value::Null, "a password is never sent back");

    let mut spa = bench.browser();
    let flow = spa.begin("").await;
    let body = json!({"method": "password", "identifier": email, "password": "wrong", "csrf_token": csrf(&flow)});
    let wrong = spa.post(&action(&flow), &body).await;
    assert_eq!((wrong.status, wrong.message_ids()), (400, vec![4_000_006]));

    let mut browser = bench.browser().html();
    let flow = browser.begin("").await;
    let id = flow["id"].as_str().unwrap().to_owned();
    let token = csrf(&flow);
    let fields = [
        ("method", "password"),
        ("identifier", email.as_str()),
        ("password", "x"),
        ("csrf_token", token.as_str().unwrap()),
    ];
    let wrong = browser.form(&action(&flow), &fields).await;
    assert_eq!((wrong.status, wrong.location()), (303, format!("https://app.example.org/login?flow={id}").as_str()));
    let shown = browser.get(&format!("/self-service/login/flows?id={id}")).await;
    assert_eq!(shown.message_ids(), [4_000_006]);
}

#[tokio::test]
async fn missing_fields_are_named() {
    let bench = Bench::new().await;
    let app = bench.app();
    for (body, messages) in [
        (json!({"method": "password"}), vec![4_000_002, 4_000_002]),
        (json!({"method": "password", "identifier": "a"}), vec![4_000_002]),
        (json!({"method": "password", "identifier": "", "password": ""}), vec![4_000_002, 4_000_002]),
    ] {
        let answer = app.post(&app.begin("").await, &body).await;
        assert_eq!((answer.status, answer.message_ids()), (400, messages), "{body}: {}", answer.body);
    }
}

#[tokio::test]
async fn legacy_field_and_repeated_method_are_accepted() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let older = json!({"method": "password", "password_identifier": email, "password": PASSWORD});
    assert_eq!(app.post(&app.begin("").await, &older).await.status, 200);
    let twice = format!(r#"{{"method":"code","method":"password","identifier":"{email}","password":"{PASSWORD}"}}"#);
    let action = app.begin("").await;
    let done = app.send(http::Method::POST, &action, Some("application/json"), twice.into_bytes()).await;
    assert_eq!(done.status, 200, "{}", done.body);
}

#[tokio::test]
async fn flow_makes_one_session() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let action = app.begin("").await;
    assert_eq!(app.post(&action, &password(&email, PASSWORD)).await.status, 200);
    let again = app.post(&action, &password(&email, PASSWORD)).await;
    assert_eq!((again.status, again.message_ids()), (400, vec![4_010_002]), "{}", again.body);
}

#[tokio::test]
async fn completed_expired_flow_has_a_successor() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let path = app.begin("").await;
    assert_eq!(app.post(&path, &password(&email, PASSWORD)).await.status, 200);
    bench.expire_flows();
    let gone = app.post(&path, &password(&email, PASSWORD)).await;
    assert_eq!(gone.status, 410, "{}", gone.body);
}

#[tokio::test]
async fn expired_flow_has_a_successor() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let action_path = app.begin("").await;
    let id = action_path.rsplit('=').next().unwrap();
    bench.expire_flows();
    let gone = app.post(&action_path, &password(&email, PASSWORD)).await;
    assert_eq!(gone.status, 410, "{}", gone.body);
    assert_eq!(gone.json()["error"]["id"], "self_service_flow_expired");
    let successor = gone.json()["use_flow_id"].as_str().unwrap().to_owned();
    assert_ne!(successor, id);
    let next = app.get(&format!("/self-service/login/flows?id={successor}")).await;
    assert_eq!((next.status, next.message_ids()), (200, vec![4_010_001]));
    assert_eq!(app.post(&action(&next.json()), &password(&email, PASSWORD)).await.status, 200);
    let read = app.get(&format!("/self-service/login/flows?id={id}")).await;
    assert_eq!(read.status, 410);
}

#[tokio::test]
async fn signed_in_client_is_told_so() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let token = app.sign_in(&email).await;
    let again = app.token(&token).get("/self-service/login/api").await;
    assert_eq!((again.status, &again.json()["error"]["id"]), (400, &json!("session_already_available")));
    let mut spa = bench.browser();
    spa.sign_in(&email).await;
    let again = spa.get("/self-service/login/browser").await;
    assert_eq!((again.status, &again.json()["error"]["id"]), (400, &json!("session_already_available")));
    let mut page = spa.html();
    let home = page.get("/self-service/login/browser?return_to=https://app.example.org/a").await;
    assert_eq!((home.status, home.location()), (303, "https://app.example.org/a"));
}

#[tokio::test]
async fn refresh_keeps_session_and_rotates_secret() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let token = app.sign_in(&email).await;
    let before = app.token(&token).get("/sessions/whoami").await.json();
    let signed_in = app.token(&token);
    let action = signed_in.begin("?refresh=true").await;
    let done = signed_in.post(&action, &password(&email, PASSWORD)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(done.json()["session"]["id"], before["id"]);
    let new = done.json()["session_token"].as_str().unwrap().to_owned();
    assert_ne!(new, token);
    // The previous secret is valid until the new one has been used, in case an answer was lost.
    assert_eq!(app.token(&token).get("/sessions/whoami").await.status, 200);
    assert_eq!(app.token(&new).get("/sessions/whoami").await.status, 200);
    assert_eq!(app.token(&token).get("/sessions/whoami").await.status, 401);
}

#[tokio::test]
async fn refresh_by_another_identity_makes_a_session() {
    let bench = Bench::new().await;
    let (one, other) = (bench.identity().await, bench.identity().await);
    let app = bench.app();
    let signed_in = app.token(&app.sign_in(&one).await);
    let before = signed_in.get("/sessions/whoami").await.json();
    let action = signed_in.begin("?refresh=true").await;
    let done = signed_in.post(&action, &password(&other, PASSWORD)).await.json();
    assert_ne!(done["session"]["id"], before["id"]);
    assert_eq!(done["session"]["identity"]["traits"]["email"], other.as_str());
    assert_eq!(signed_in.get("/sessions/whoami").await.json()["identity"]["traits"]["email"], one.as_str());
}

#[tokio::test]
async fn allowed_return_to_is_followed() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    for (asked, leads) in [
        ("https://app.example.org/deep?x=1#y", "https://app.example.org/deep?x=1#y"),
        ("/relative", "https://app.example.org/relative"),
        ("https://www.example.org/path/below", "https://www.example.org/path/below"),
        ("", "https://app.example.org/welcome"),
    ] {
        let mut browser = bench.browser().html();
        let asked = percent_encoding::utf8_percent_encode(asked, percent_encoding::NON_ALPHANUMERIC);
        let flow = browser.begin(&format!("?return_to={asked}")).await;
        let token = csrf(&flow);
        let fields = [
            ("method", "password"),
            ("identifier", email.as_str()),
            ("password", PASSWORD),
            ("csrf_token", token.as_str().unwrap()),
        ];
        let done = browser.form(&action(&flow), &fields).await;
        assert_eq!((done.status, done.location()), (303, leads), "{asked}");
    }
}

#[tokio::test]
async fn method_has_its_own_return_url() {
    let config = CONFIG.replace(
        "lifespan: 10m}",
        "lifespan: 10m, after: {default_browser_return_url: 'https://app.example.org/after', password: {default_browser_return_url: 'https://app.example.org/by-password'}}}",
    );
    let bench = Bench::with(&config).await;
    let email = bench.identity().await;
    let mut browser = bench.browser().html();
    let flow = browser.begin("").await;
    let token = csrf(&flow);
    let fields = [
        ("method", "password"),
        ("identifier", email.as_str()),
        ("password", PASSWORD),
        ("csrf_token", token.as_str().unwrap()),
    ];
    assert_eq!(browser.form(&action(&flow), &fields).await.location(), "https://app.example.org/by-password");
}

#[tokio::test]
async fn every_identifier_signs_in_in_every_spelling() {
    let bench = Bench::new().await;
    let name = unique("Ada");
    let mail = format!("{name}@Example.org");
    let body = json!({
        "schema_id": "contacts",
        "traits": {"username": name, "email": mail, "phone": "+49 176 671 11 638"},
        "credentials": {"password": {"config": {"password": PASSWORD}}},
    });
    let made = bench.admin().post("/admin/identities", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let app = bench.app();
    for identifier in [
        name.to_uppercase(),
        format!(" {} ", mail.to_lowercase()),
        "+4917667111638".into(),
        "+49 (176) 67111-638".into(),
    ] {
        let done = app.post(&app.begin("").await, &password(&identifier, PASSWORD)).await;
        assert_eq!(done.status, 200, "{identifier}: {}", done.body);
    }
}

#[tokio::test]
async fn init_query_is_accepted_or_refused() {
    let bench = Bench::new().await;
    let app = bench.app();
    for (query, status) in [
        ("?refresh=true", 200),
        ("?aal=aal1", 200),
        ("?identity_schema=contacts", 200),
        ("?identity_schema=nope", 400),
        ("?return_to=https://evil.example", 400),
        ("?login_challenge=abc", 400),
        ("?aal=aal2", 401),
        ("?aal=aal9", 400),
        ("?via=email", 200),
        ("?organization=6b5b5f7e-2d6c-4d5c-9f0e-0f2f7c3f0a11", 200),
    ] {
        let answer = app.get(&format!("/self-service/login/api{query}")).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.body);
        if status != 200 {
            assert!(
                answer.json()["error"]["reason"].is_string() || answer.json()["error"]["message"].is_string(),
                "{query}"
            );
        }
    }
}

#[tokio::test]
async fn exchange_code_waits_for_its_login() {
    let bench = Bench::new().await;
    let app = bench.app();
    let flow = app.get("/self-service/login/api?return_session_token_exchange_code=true").await.json();
    let code = flow["session_token_exchange_code"].as_str().unwrap();
    let pending = app.get(&format!("/sessions/token-exchange?init_code={code}&return_to_code=x")).await;
    assert!((400..500).contains(&pending.status), "{}", pending.body);
    let wrong = app.get("/sessions/token-exchange?init_code=nope&return_to_code=x").await;
    assert!((400..500).contains(&wrong.status), "{}", wrong.body);
}

#[tokio::test]
async fn disabled_identity_cannot_sign_in() {
    let bench = Bench::new().await;
    let email = format!("{}@example.org", unique("off"));
    let identity = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
    let path = format!("/admin/identities/{}", identity["id"].as_str().unwrap());
    let token = bench.app().sign_in(&email).await;
    let patch = json!([{"op": "replace", "path": "/state", "value": "inactive"}]);
    assert_eq!(bench.admin().json(http::Method::PATCH, &path, &patch).await.status, 200);
    assert_eq!(bench.app().token(&token).get("/sessions/whoami").await.status, 401);
    let app = bench.app();
    let refused = app.post(&app.begin("").await, &password(&email, PASSWORD)).await;
    assert_eq!((refused.status, refused.message_ids()), (400, vec![4_010_011]), "{}", refused.body);
    // A wrong password does not reveal that the account is disabled.
    let wrong = app.post(&app.begin("").await, &password(&email, "wrong")).await;
    assert_eq!(wrong.message_ids(), [4_000_006]);
}
