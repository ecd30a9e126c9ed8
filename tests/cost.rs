//! The store calls of each endpoint: how many round trips, and whether reads are consistent.

use crate::support::{Answer, Bench, Call, PASSWORD, action, csrf, password, unique};
use http::Method;
use serde_json::json;

/// Sequential round trips, as the log line of the request has them, and the calls that the store saw.
fn cost(bench: &Bench, answer: &Answer) -> (i64, Vec<Call>) {
    (bench.logged(answer)["round_trips"].as_i64().expect("a number"), bench.proxy.calls())
}

#[tokio::test]
async fn every_endpoint_stays_within_its_budget() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let mut browser = bench.browser();
    let trips = |answer: &Answer, most: i64, what: &str| {
        let (trips, _) = cost(&bench, answer);
        assert_eq!(trips, most, "{what}: {}", answer.body);
    };

    let flow = app.get("/self-service/login/api").await;
    trips(&flow, 1, "init of a native app");
    let id = flow.json()["id"].as_str().unwrap().to_owned();
    trips(&app.get(&format!("/self-service/login/flows?id={id}")).await, 1, "get flow");
    let done = app.post(&action(&flow.json()), &password(&email, PASSWORD)).await;
    trips(&done, 2, "submit");
    let token = done.json()["session_token"].as_str().unwrap().to_owned();
    trips(&app.token(&token).get("/sessions/whoami").await, 1, "whoami by token");
    trips(&app.token(&token).get("/self-service/login/api?refresh=true").await, 2, "init with a session");

    let flow = browser.get("/self-service/login/browser").await;
    trips(&flow, 1, "init of a browser");
    let mut body = password(&email, PASSWORD);
    body["csrf_token"] = csrf(&flow.json());
    trips(&browser.post(&action(&flow.json()), &body).await, 2, "submit of a browser");
    trips(&browser.get("/sessions/whoami").await, 1, "whoami by cookie");
    trips(&app.get("/sessions/whoami").await, 0, "whoami without a session");
    trips(&browser.get("/sessions").await, 1, "list of sessions");
    trips(&browser.get("/self-service/logout/browser").await, 1, "start of a logout");
    trips(&app.get("/schemas").await, 0, "schemas");
    trips(&app.get("/health/alive").await, 0, "health");
}

#[tokio::test]
async fn unknown_identifier_costs_what_wrong_password_costs() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let mut seen = Vec::new();
    let long = "x".repeat(1025);
    for (identifier, secret) in [
        (email.as_str(), "wrong"),
        ("unknown@example.org", "wrong"),
        (email.as_str(), long.as_str()),
        ("unknown@example.org", long.as_str()),
    ] {
        let path = app.begin("").await;
        let id = path.rsplit('=').next().unwrap().to_owned();
        bench.proxy.calls();
        let answer = app.post(&path, &password(identifier, secret)).await;
        assert_eq!(answer.message_ids(), [4_000_006]);
        let (trips, calls) = cost(&bench, &answer);
        let calls: Vec<_> = calls.iter().map(|call| (call.operation.clone(), keys(call))).collect();
        // Equal byte for byte, except for the client's own values and the times.
        let body = answer.body.replace(&id, "ID").replace(identifier, "WHO");
        let body = regex_lite::Regex::new(r#""(created|expires|issued|updated)_at":"[^"]*""#)
            .unwrap()
            .replace_all(&body, "T")
            .into_owned();
        let mut headers: Vec<_> = answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
        headers.sort();
        let hashes = bench.logged(&answer)["hashes"].clone();
        seen.push((answer.status, trips, hashes, calls, headers, body));
    }
    for other in &seen[1..] {
        assert_eq!(&seen[0], other);
    }
    assert_eq!((seen[0].1, &seen[0].2), (2, &json!(1)));
}

/// The number of keys of each call.
fn keys(call: &Call) -> usize {
    let batches = call.request["RequestItems"].as_object().into_iter().flatten();
    let transaction = call.request["TransactItems"].as_array().map_or(0, Vec::len);
    batches.map(|(_, batch)| batch["Keys"].as_array().map_or(0, Vec::len)).sum::<usize>() + transaction
}

/// Reads that decide about access are strongly consistent.
#[tokio::test]
async fn reads_that_decide_are_consistent() {
    let bench = Bench::new().await;
    let email = format!("{}@example.org", unique("c"));
    let identity = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
    let id = identity["id"].as_str().unwrap();
    bench.proxy.calls();
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    browser.get("/sessions/whoami").await;
    let flow = browser.begin("?refresh=true").await;
    browser.get(&format!("/self-service/login/flows?id={}", flow["id"].as_str().unwrap())).await;
    browser.get("/sessions").await;
    browser.delete("/sessions").await;
    let patch = json!([{"op": "replace", "path": "/state", "value": "active"}]);
    bench.admin().json(Method::PATCH, &format!("/admin/identities/{id}"), &patch).await;
    bench.admin().get(&format!("/admin/identities/{id}")).await;
    bench.admin().get(&format!("/admin/identities/{id}/sessions")).await;
    let mut reads = 0;
    for call in bench.proxy.calls() {
        // A read that only opens the connection decides nothing, and may be late.
        if call.request["Key"]["pk"]["S"] == "warm" {
            continue;
        }
        match call.operation.as_str() {
            "GetItem" | "Query" => {
                // An index cannot be read consistently, so no decision may read one.
                assert!(call.request.get("IndexName").is_none(), "{call:?}");
                assert_eq!(call.request["ConsistentRead"], true, "{call:?}");
                reads += 1;
            }
            "BatchGetItem" => {
                for (table, batch) in call.request["RequestItems"].as_object().unwrap() {
                    assert_eq!(batch["ConsistentRead"], true, "{table}: {call:?}");
                    reads += 1;
                }
            }
            _ => {}
        }
    }
    assert!(reads >= 8, "{reads}");
}
