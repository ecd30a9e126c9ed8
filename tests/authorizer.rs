//! Protected routes: who may pass, what the route learns about the caller, and that errors are no decision.

use crate::support::{Answer, Bench, CONFIG, Fault, PASSWORD, unique};
use latchkey::event;
use serde_json::{Value, json};

/// The protected route of the template.
const PROTECTED: &str = "/sample";
const FOR_GOOD: usize = usize::MAX;

#[tokio::test]
async fn protected_route_accepts_sessions_and_gets_identity() {
    let bench = Bench::new().await;
    let email = format!("{}@example.org", unique("p"));
    let traits = json!({"email": email, "name": {"first": "Zoë <b>", "last": "\"O'Hara\""}});
    let identity = bench.create(traits.clone(), json!({"password": PASSWORD})).await;
    let token = bench.app().sign_in(&email).await;
    let app = bench.app();
    for client in app.token_each_way(&token) {
        let me = client.get(PROTECTED).await;
        let session = client.get("/sessions/whoami").await.json();
        assert_eq!(me.status, 200, "{}", me.body);
        let told = json!({
            "identity_id": identity["id"], "session_id": session["id"], "aal": "aal1", "traits": traits,
            "expires_at": session["expires_at"],
        });
        assert_eq!(me.json(), told);
    }
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    assert_eq!(browser.get(PROTECTED).await.json()["identity_id"], identity["id"]);
}

#[tokio::test]
async fn request_without_session_is_403_from_gateway() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let token = bench.app().sign_in(&email).await;
    let app = bench.app();
    let mut cut = token.clone();
    cut.pop();
    for client in [
        app.clone(),
        app.token("ory_st_nonsense"),
        app.token(&cut),
        app.with("authorization", "Bearer "),
        app.with("authorization", &format!("Basic {token}")),
        app.with("cookie", "ory_kratos_session=nonsense"),
        // The first source with a value counts, whatever the next one holds.
        app.token("ory_st_nonsense").with("authorization", &format!("Bearer {token}")),
    ] {
        forbidden(&client.get(PROTECTED).await);
    }
    assert_eq!(app.token(&token).get(PROTECTED).await.status, 200);
    let body = json!({"session_token": token});
    assert_eq!(app.json(http::Method::DELETE, "/self-service/logout/api", &body).await.status, 204);
    forbidden(&app.token(&token).get(PROTECTED).await);
}

#[track_caller]
fn forbidden(answer: &Answer) {
    assert_eq!((answer.status, answer.json()), (403, json!({"message": "Forbidden"})));
}

#[tokio::test]
async fn failing_store_is_500_and_no_decision() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let token = app.sign_in(&email).await;
    for fault in Fault::OF_A_READ {
        bench.proxy.fail("BatchGetItem", fault, FOR_GOOD);
        let answer = app.token(&token).get(PROTECTED).await;
        assert_eq!(
            (answer.status, answer.json()),
            (500, json!({"message": "Internal Server Error"})),
            "{fault:?}: {}",
            answer.body
        );
        let line = bench.logged(&answer);
        assert_eq!((line["function"].as_str(), line["outcome"].as_str()), (Some("authorizer"), Some("undecided")));
        assert!(line["cause"].is_string(), "{line}");
        bench.proxy.heal();
    }
    assert_eq!(app.token(&token).get(PROTECTED).await.status, 200);
}

#[tokio::test]
async fn one_consistent_read_decides_on_a_session() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let token = app.sign_in(&email).await;
    bench.proxy.calls();
    app.token(&token).get(PROTECTED).await;
    let calls = bench.proxy.calls();
    assert_eq!(calls.iter().map(|call| call.operation.as_str()).collect::<Vec<_>>(), ["BatchGetItem"]);
    assert_eq!(calls[0].request["RequestItems"]["accounts"]["ConsistentRead"], true);
    forbidden(&app.get(PROTECTED).await);
    assert!(bench.proxy.calls().is_empty());
}

#[tokio::test]
async fn authorizer_demands_the_level_of_whoami() {
    for (demand, allowed) in [("aal1", true), ("highest_available", false)] {
        let bench = Bench::with(&format!("{CONFIG}\nsession: {{whoami: {{required_aal: {demand}}}}}\n")).await;
        let email = bench.identity().await;
        let app = bench.app();
        let token = app.sign_in(&email).await;
        assert_eq!(app.token(&token).get(PROTECTED).await.status, 200, "{demand}");
        second_factor(&bench).await;
        let (there, here) = (app.token(&token).get("/sessions/whoami").await, app.token(&token).get(PROTECTED).await);
        assert_eq!((there.status == 200, here.status == 200), (allowed, allowed), "{demand}: {}", here.body);
        if !allowed {
            forbidden(&here);
            assert_eq!(bench.logged(&here)["outcome"], "session_aal2_required");
        }
    }
}

/// Gives the only identity of a stack a second factor.
pub(crate) async fn second_factor(bench: &Bench) {
    let items = bench.proxy.items("accounts").await;
    let mut profile = items.into_iter().find(|item| item["sk"]["S"] == "profile").unwrap();
    let mut doc: Value = serde_json::from_str(profile["doc"]["S"].as_str().unwrap()).unwrap();
    let at = doc["created_at"].clone();
    doc["credentials"]["webauthn"] =
        json!({"identifiers": [], "created_at": at, "updated_at": at, "second_factors": 1});
    profile["doc"]["S"] = json!(doc.to_string());
    bench.proxy.store("PutItem", json!({"TableName": "accounts", "Item": profile})).await;
}

#[tokio::test]
async fn disabled_identity_is_refused() {
    let bench = Bench::new().await;
    let email = format!("{}@example.org", unique("off"));
    let identity = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
    let token = bench.app().sign_in(&email).await;
    let path = format!("/admin/identities/{}", identity["id"].as_str().unwrap());
    let off = json!({"schema_id": "user", "traits": {"email": email}, "state": "inactive"});
    assert_eq!(bench.admin().json(http::Method::PUT, &path, &off).await.status, 200);
    forbidden(&bench.app().token(&token).get(PROTECTED).await);
}

/// An event that only a differently configured gateway sends.
#[tokio::test]
async fn events_of_another_format_are_errors() {
    let bench = Bench::new().await;
    let functions = &bench.stack.public.functions;
    let event = json!({"version": "2.0", "headers": {}, "requestContext": {"http": {"method": "GET", "path": "/x"}}});
    let good = event::question(&event);
    assert_eq!(functions.call("AuthorizerFunction", good.to_string(), "1").await, Ok(json!({"isAuthorized": false})));
    for (key, value) in [("version", json!("1.0")), ("type", json!("TOKEN")), ("version", json!(null))] {
        let mut bad = good.clone();
        bad[key] = value;
        assert!(functions.call("AuthorizerFunction", bad.to_string(), "1").await.is_err(), "{bad}");
    }
}

#[tokio::test]
async fn route_trusts_only_its_authorizer() {
    let bench = Bench::new().await;
    let functions = &bench.stack.public.functions;
    let event = |authorizer: Value| {
        let mut event = json!({
            "version": "2.0", "routeKey": "GET /sample", "rawPath": "/sample", "rawQueryString": "",
            "headers": {"accept": "application/json"}, "isBase64Encoded": false,
            "requestContext": {
                "accountId": "1", "apiId": "a", "requestId": "r", "routeKey": "GET /sample", "stage": "$default", "timeEpoch": 0,
                "time": "", "http": {"method": "GET", "path": "/sample", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            },
        });
        if !authorizer.is_null() {
            event["requestContext"]["authorizer"] = authorizer;
        }
        event.to_string()
    };
    for forged in [json!(null), json!({}), json!({"lambda": {}}), json!({"lambda": {"traits": "{", "identity_id": 1}})]
    {
        let answer = functions.call("SampleFunction", event(forged.clone()), "1").await.unwrap();
        assert_eq!(answer["statusCode"], 401, "{forged}: {answer}");
    }
}
