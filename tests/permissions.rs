//! The template allows each function the calls that it makes, and no others. The embedded store checks no permissions, so a missing
//! one would show only on AWS.

use crate::support::{Bench, CONFIG, Call, PASSWORD, password, unique};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A function, an action, and the table or its indexes.
type Permission = (String, String, String);

/// What the template allows on tables.
fn allowed() -> BTreeSet<Permission> {
    let template: Value = serde_saphyr::from_str(include_str!("../template.yaml")).expect("a template");
    let mut all = BTreeSet::new();
    for (name, resource) in template["Resources"].as_object().expect("resources") {
        let policies = resource["Properties"]["Policies"].as_array().into_iter().flatten();
        for statement in policies.flat_map(|policy| policy["Statement"].as_array().into_iter().flatten()) {
            let list = |key: &str| match &statement[key] {
                Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                other => vec![other.as_str().unwrap_or_default().to_owned()],
            };
            for action in list("Action").iter().filter_map(|action| action.strip_prefix("dynamodb:")) {
                // Lambda reads streams in the function's name.
                for on in list("Resource").into_iter().filter(|on| !on.ends_with(".StreamArn")) {
                    let on = on.replace("${", "").replace(".Arn}", "").replace(".Arn", "");
                    all.insert((
                        name.clone(),
                        action.to_owned(),
                        on.split("/index/").next().map_or(on.clone(), |table| {
                            if on.contains("/index/") { format!("{table} index") } else { table.to_owned() }
                        }),
                    ));
                }
            }
        }
    }
    all
}

/// The permissions that calls needed.
fn needed(calls: &[Call]) -> BTreeSet<Permission> {
    let table = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        format!("{}{}Table", name[..1].to_uppercase(), &name[1..])
    };
    let mut all = BTreeSet::new();
    for call in calls {
        let mut need = |action: &str, on: String| {
            all.insert((call.function.clone(), action.to_owned(), on));
        };
        let request = &call.request;
        // A read that only opens the connection must be one that the function makes anyway.
        if request.to_string().contains(r#""pk":{"S":"warm"}"#) {
            continue;
        }
        match call.operation.as_str() {
            "BatchGetItem" => {
                for (name, _) in request["RequestItems"].as_object().into_iter().flatten() {
                    need("BatchGetItem", table(&json!(name)));
                }
            }
            "TransactWriteItems" => {
                let items = request["TransactItems"].as_array().into_iter().flatten();
                for (part, what) in items.filter_map(Value::as_object).flatten() {
                    let action = if part == "ConditionCheck" { "ConditionCheckItem" } else { &format!("{part}Item") };
                    need(action, table(&what["TableName"]));
                }
            }
            "Query" if request.get("IndexName").is_some() => {
                need("Query", format!("{} index", table(&request["TableName"])));
            }
            other => need(other, table(&request["TableName"])),
        }
    }
    all
}

#[tokio::test]
async fn each_function_has_exactly_its_permissions() {
    let codes = "  methods: {code: {passwordless_enabled: true, config: {missing_credential_fallback_enabled: true}}}\n  flows:\n";
    let bench = Bench::with(&CONFIG.replace("  flows:\n", codes)).await;
    everything(&bench).await;
    let (allowed, needed) = (allowed(), needed(&bench.proxy.calls()));
    let missing: Vec<_> = needed.difference(&allowed).collect();
    assert!(missing.is_empty(), "template.yaml does not allow {missing:#?}");
    let superfluous: Vec<_> = allowed.difference(&needed).collect();
    assert!(superfluous.is_empty(), "nothing needs {superfluous:#?}");
}

/// Runs every access pattern of every function.
async fn everything(bench: &Bench) {
    let (app, admin) = (bench.app(), bench.admin());
    let html = app.with("accept", "text/html");
    let imported = format!("{}@example.org", unique("all"));
    let hash = json!({"hashed_password": "$md5$CY9rzUYh03PK3k6DJie09g=="});
    let identity = bench.create(json!({"email": imported}), hash).await;
    // Logins: with a rehash, wrong, expired, refused, and of an identity with many ended sessions.
    assert_eq!(app.post(&app.begin("").await, &password(&imported, "test")).await.status, 200);
    assert_eq!(app.post(&app.begin("").await, &password(&imported, "wrong")).await.status, 400);
    let path = app.begin("?return_session_token_exchange_code=true").await;
    bench.expire_flows();
    assert_eq!(app.post(&path, &password(&imported, "test")).await.status, 410);
    assert_eq!(html.get("/self-service/login/browser?return_to=https://evil.example").await.status, 303);
    assert_eq!(html.form("/self-service/login?flow=nope", &[]).await.status, 303);
    assert_eq!(html.get("/self-service/logout/browser").await.status, 303);
    let email = bench.identity().await;
    let mut token = String::new();
    for _ in 0..63 {
        token = app.sign_in(&email).await;
    }
    assert_eq!(app.token(&token).delete("/sessions").await.status, 200);
    // Logins by code: one that is sent, one that is wrong, and a right one of a disabled identity.
    let reader = bench.create(json!({"email": format!("{}@example.org", unique("code"))}), json!({})).await;
    let address = reader["traits"]["email"].as_str().unwrap();
    let path = app.begin("").await;
    app.post(&path, &json!({"method": "code", "identifier": address})).await;
    let code = bench.next_code(address, 0).await;
    let enter = |code: &str| json!({"method": "code", "identifier": address, "code": code});
    app.post(&path, &enter("none")).await;
    assert_eq!(app.post(&path, &enter(&code)).await.status, 200);
    // An idle counter starts again.
    bench.turn(time::Duration::days(31));
    token = app.sign_in(&email).await;
    // Refresh: the first use of the new secret ends the previous one, at whichever endpoint.
    let mut mine = app.token(&token);
    for reader in [
        "/self-service/login/api",
        "/self-service/login/browser",
        "/self-service/logout/browser",
        "/sessions",
        "/sample",
        "/sessions/whoami",
    ] {
        let done = mine.post(&mine.begin("?refresh=true").await, &password(&email, PASSWORD)).await;
        mine = app.token(done.json()["session_token"].as_str().unwrap());
        mine.get(reader).await;
    }
    mine.post(&mine.begin("?refresh=true").await, &password(&email, "wrong")).await;
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    let flow = browser.begin("?refresh=true").await;
    browser.get(&format!("/self-service/login/flows?id={}", flow["id"].as_str().unwrap())).await;
    // Sessions, logout, errors, health.
    let other = app.token(&app.sign_in(&email).await).get("/sessions/whoami").await.json();
    let other = other["id"].as_str().unwrap();
    assert_eq!(mine.delete(&format!("/sessions/{other}")).await.status, 204);
    mine.get("/sessions").await;
    app.get("/sessions/token-exchange?init_code=a&return_to_code=b").await;
    app.get("/self-service/errors?id=00000000-0000-4000-8000-000000000000").await;
    app.get("/health/ready").await;
    assert_eq!(mine.get("/sample").await.status, 200);
    let link = browser.get("/self-service/logout/browser").await.json();
    browser.get(&format!("/self-service/logout?token={}", link["logout_token"].as_str().unwrap())).await;
    // Identities and their sessions, as administrators change them.
    let path = format!("/admin/identities/{}", identity["id"].as_str().unwrap());
    let session = format!("/admin/sessions/{other}");
    for path in [
        path.as_str(),
        session.as_str(),
        "/admin/identities?include_credential=password",
        "/admin/identities?page=0&per_page=1",
        "/admin/identities/by/external/x",
    ] {
        admin.get(path).await;
    }
    admin.get(&format!("/admin/identities?credentials_identifier={email}")).await;
    let moved = format!("{}@example.org", unique("moved"));
    let moved = json!({"schema_id": "user", "state": "active", "traits": {"email": moved}});
    assert_eq!(admin.json(Method::PUT, &path, &moved).await.status, 200);
    admin.json(Method::PATCH, &format!("{session}/extend"), &json!({})).await;
    admin.delete(&session).await;
    admin.get(&format!("{path}/sessions")).await;
    assert_eq!(admin.delete(&format!("{path}/sessions")).await.status, 204);
    assert_eq!(admin.delete(&path).await.status, 204);
    // An identity whose record cannot be read, and another one that takes its identifier.
    let lost = bench.create(json!({"email": format!("{}@example.org", unique("lost"))}), json!({})).await;
    let items = bench.proxy.items("accounts").await;
    let mut item = items.into_iter().find(|item| item["pk"]["S"] == lost["id"]).unwrap();
    item["doc"]["S"] = json!("gone");
    bench.proxy.store("PutItem", json!({"TableName": "accounts", "Item": item})).await;
    assert_eq!(admin.delete(&format!("/admin/identities/{}", lost["id"].as_str().unwrap())).await.status, 204);
    bench.create(json!({"email": lost["traits"]["email"]}), json!({})).await;
    let reader = format!("/admin/identities/{}", reader["id"].as_str().unwrap());
    assert_eq!(admin.delete(&reader).await.status, 204);
    // Messages: one that is sent, one to a suppressed address, and the lists for administrators.
    let feedback = json!({"eventType": "Bounce", "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": email}]}});
    let feedback = json!({"Records": [{"Sns": {"Message": feedback.to_string()}}]}).to_string();
    bench.stack.functions.call("CourierFeedbackFunction", feedback, "a-request").await.unwrap();
    for to in ["other@example.org", &email] {
        let draft = bench.post(to).await;
        let status = if to == email { "abandoned" } else { "sent" };
        bench.until(draft.id(), status).await;
    }
    for path in ["suppressed".to_owned(), format!("suppressed/{email}")] {
        assert_eq!(admin.get(&format!("/admin/courier/{path}")).await.status, 200);
    }
    assert_eq!(admin.delete(&format!("/admin/courier/suppressed/{email}")).await.status, 204);
    for query in ["", "?status=queued", "?recipient=other@example.org"] {
        assert_eq!(admin.get(&format!("/admin/courier/messages{query}")).await.status, 200);
    }
    // Records of an address are deleted with its owner.
    let gone = bench.create(json!({"email": format!("{}@example.org", unique("gone"))}), json!({})).await;
    let draft = bench.post(gone["traits"]["email"].as_str().unwrap()).await;
    bench.until(draft.id(), "sent").await;
    assert_eq!(admin.delete(&format!("/admin/identities/{}", gone["id"].as_str().unwrap())).await.status, 204);
    bench.turn_until("no message", async || bench.proxy.message(draft.id()).await.is_null().then_some(())).await;
    // An identity that is imported with the id of a deleted one.
    let again = json!({"schema_id": "user", "traits": {"email": imported}});
    let batch = json!({"identities": [{"create": again, "identity_id": identity["id"]}]});
    let made = admin.json(Method::PATCH, "/admin/identities", &batch).await;
    assert_eq!(made.json()["identities"][0]["identity"], identity["id"], "{}", made.body);
}
