//! The log holds no secret and no personal data, and the store holds nothing that signs a client in.

use crate::support::{Bench, PASSWORD, action, csrf, password};
use serde_json::json;

#[tokio::test]
async fn log_line_has_ids_and_no_secret() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let mut secrets =
        vec![PASSWORD.to_owned(), "not-their-password".to_owned(), email.clone(), "test-key-test-key".to_owned()];
    let mut browser = bench.browser();
    let flow = browser.begin("").await;
    let token = csrf(&flow);
    secrets.push(token.as_str().unwrap().to_owned());
    let body =
        json!({"method": "password", "identifier": email, "password": "not-their-password", "csrf_token": token});
    browser.post(&action(&flow), &body).await;
    browser.sign_in(&email).await;
    secrets.extend(browser.cookies.values().cloned());
    let logout = browser.get("/self-service/logout/browser").await.json();
    secrets.push(logout["logout_token"].as_str().unwrap().to_owned());
    let path = app.begin("").await;
    let done = app.post(&path, &password(&email, PASSWORD)).await;
    let token = done.json()["session_token"].as_str().unwrap().to_owned();
    app.token(&token).get("/sessions/whoami").await;
    secrets.push(token);
    app.send(http::Method::POST, &path, Some("application/json"), format!("{{\"password\":\"{PASSWORD}").into_bytes())
        .await;

    let line = bench.logged(&done);
    assert_eq!(line["flow_id"], path.rsplit('=').next().unwrap());
    assert_eq!(line["method"], "password");
    for key in ["request_id", "function", "verb", "outcome"] {
        assert!(line[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {line}");
    }
    assert!(line["milliseconds"].is_number() && line["round_trips"].is_number());
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Latchkey");

    let log = Bench::everything_logged();
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "{secret} is in the log");
    }

    let mut items = bench.proxy.items("flows").await;
    items.extend(bench.proxy.items("accounts").await);
    items.extend(bench.proxy.items("credentials").await);
    let stored = items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for secret in secrets.iter().filter(|secret| **secret != email) {
        assert!(!stored.contains(secret.as_str()), "{secret} is in the store");
    }
}
