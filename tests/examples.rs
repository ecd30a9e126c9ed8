//! The examples of the users' documentation: today's answers contain what they show.
//!
//! The samples are of different years. Where a detail differs from today's wire (an id, a label), today's counts.

use crate::support::{Bench, CONFIG, PASSWORD, action, csrf, password, unique};
use serde_json::{Value, json};

/// The configuration of the examples: a login page under its own path.
fn config() -> String {
    CONFIG.replace("https://app.example.org/login", "http://127.0.0.1:4455/auth/login")
}

/// Asserts that every key of a sample is in an answer, with the same value where the sample gives one that is not `null`.
#[track_caller]
fn holds(answer: &Value, sample: &Value) {
    match sample {
        Value::Object(keys) => {
            for (key, value) in keys {
                let found = answer.get(key).unwrap_or_else(|| panic!("no {key:?} in {answer}"));
                holds(found, value);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                holds(&answer[at], item);
            }
        }
        Value::Null => {}
        value => assert_eq!(answer, value),
    }
}

#[tokio::test]
async fn browser_is_redirected_to_the_login_page() {
    let bench = Bench::with(&config()).await;
    let page = bench.app().with("accept", "text/html").get("/self-service/login/browser").await;
    assert_eq!(page.status, 303);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("private, no-cache, no-store, must-revalidate"));
    assert!(page.location().starts_with("http://127.0.0.1:4455/auth/login?flow="), "{}", page.location());
    assert_eq!(page.body, format!("<a href=\"{}\">See Other</a>.\n\n", page.location()));
    let cookie = page.set_cookie("__Host-csrf_token_").unwrap();
    assert!(
        cookie.contains("Max-Age=31536000") && cookie.contains("HttpOnly") && cookie.contains("Secure"),
        "{cookie}"
    );
}

#[tokio::test]
async fn script_gets_the_flow() {
    let bench = Bench::with(&config()).await;
    let flow = bench.app().get("/self-service/login/browser").await;
    assert_eq!((flow.status, flow.header("content-type")), (200, Some("application/json; charset=utf-8")));
    let body = flow.json();
    let id = body["id"].as_str().unwrap();
    holds(
        &body,
        &json!({
            "id": null, "type": "browser", "expires_at": null, "issued_at": null,
            "request_url": "https://login.example.org/self-service/login/browser",
            "ui": {"action": format!("https://login.example.org/self-service/login?flow={id}"), "method": "POST", "nodes": []},
            "created_at": null, "updated_at": null, "forced": false,
        }),
    );
}

#[tokio::test]
async fn native_app_gets_the_flow_again() {
    let bench = Bench::with(&config()).await;
    let begun = bench.app().get("/self-service/login/api").await.json();
    let id = begun["id"].as_str().unwrap();
    let sample = json!({
        "id": id, "type": "api", "expires_at": null, "issued_at": null,
        "request_url": "https://login.example.org/self-service/login/api",
        "ui": {"action": format!("https://login.example.org/self-service/login?flow={id}"), "method": "POST", "nodes": []},
    });
    holds(&begun, &sample);
    holds(&bench.app().get(&format!("/self-service/login/flows?id={id}")).await.json(), &sample);
}

#[tokio::test]
async fn password_form_has_its_nodes() {
    let bench = Bench::with(&config()).await;
    let flow = bench.browser().begin("").await;
    let input = |name: &str, kind: &str| json!({"type": "input", "attributes": {"name": name, "type": kind, "disabled": false}, "meta": {}});
    let mut nodes = vec![
        input("csrf_token", "hidden"),
        input("identifier", "text"),
        input("password", "password"),
        input("method", "submit"),
    ];
    nodes[0]["attributes"]["required"] = json!(true);
    nodes[1]["attributes"]["required"] = json!(true);
    nodes[1]["attributes"]["value"] = json!("");
    nodes[2]["attributes"]["required"] = json!(true);
    nodes[2]["meta"] = json!({"label": {"id": 1_070_001, "text": "Password", "type": "info"}});
    nodes[3]["attributes"]["value"] = json!("password");
    holds(&flow, &json!({"ui": {"nodes": nodes}, "forced": false}));
    assert_eq!(flow["ui"]["nodes"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn errors_are_on_the_form() {
    let bench = Bench::with(&config()).await;
    let app = bench.app();
    let path = app.begin("").await;
    let missing = app.post(&path, &json!({"method": "password", "password": "x"})).await.json();
    let node = missing["ui"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|node| node["attributes"]["name"] == "identifier")
        .unwrap();
    // The sample shows a length of 0; today's wire has this id and text.
    holds(node, &json!({"messages": [{"id": 4_000_002, "text": "Property identifier is missing.", "type": "error"}]}));
    let wrong = app.post(&path, &password("unknown@example.org", "x")).await.json();
    let text = "The provided credentials are invalid, check for spelling mistakes in your password or username, email address, or phone number.";
    holds(&wrong["ui"]["messages"], &json!([{"id": 4_000_006, "text": text, "type": "error"}]));
}

/// A session, as all samples show it.
fn session(email: &str) -> Value {
    json!({
        "id": null, "active": true, "expires_at": null, "authenticated_at": null, "issued_at": null,
        "identity": {
            "id": null, "schema_id": "user", "schema_url": null,
            "traits": {"email": email, "name": {"first": "foo", "last": "user"}},
            "verifiable_addresses": [{"id": null, "value": email, "verified": false, "via": "email", "status": "pending"}],
            "recovery_addresses": [{"id": null, "value": email, "via": "email"}],
        },
    })
}

#[tokio::test]
async fn each_client_kind_signs_in() {
    let bench = Bench::with(&config()).await;
    let email = format!("{}@example.org", unique("foouser"));
    let traits = json!({"email": email, "name": {"first": "foo", "last": "user"}});
    bench.create(traits, json!({"password": PASSWORD})).await;

    let mut browser = bench.browser().html();
    let flow = browser.begin("").await;
    let token = csrf(&flow);
    let fields = [
        ("method", "password"),
        ("identifier", &email),
        ("password", PASSWORD),
        ("csrf_token", token.as_str().unwrap()),
    ];
    let done = browser.form(&action(&flow), &fields).await;
    assert_eq!((done.status, done.location()), (303, "https://app.example.org/welcome"));
    let cookie = done.set_cookie("ory_kratos_session=").unwrap();
    assert!(
        cookie.contains("Path=/")
            && cookie.contains("Max-Age=86400")
            && cookie.contains("Expires=")
            && cookie.contains("SameSite=Lax")
    );
    holds(&browser.get("/sessions/whoami").await.json(), &session(&email));

    let done = bench.browser().sign_in(&email).await;
    holds(&done, &json!({"session": session(&email)}));

    let app = bench.app();
    let body = json!({"identifier": email, "password": PASSWORD, "method": "password"});
    let done = app.post(&app.begin("").await, &body).await.json();
    holds(&done, &json!({"session_token": null, "session": session(&email)}));
    let bearer = format!("Bearer {}", done["session_token"].as_str().unwrap());
    holds(&app.with("authorization", &bearer).get("/sessions/whoami").await.json(), &session(&email));
}

#[tokio::test]
async fn return_to_may_match_a_wildcard_subdomain() {
    let bench = Bench::with(&config().replace("\"https://app.example.org\",", "\"https://*.bar.com\",")).await;
    for (target, status) in [
        ("https://ory.bar.com/x", 200),
        ("https://a.b.bar.com", 200),
        ("https://not-bar.com", 400),
        ("https://bar.com", 400),
    ] {
        let flow = bench.app().get(&format!("/self-service/login/browser?return_to={target}")).await;
        assert_eq!(flow.status, status, "{target}: {}", flow.body);
    }
}
