//! Identifiers: in every spelling and script, and for no longer than the trait that they come from.

use crate::support::{Bench, CONFIG, PASSWORD, eventually, password, unique};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};

/// A stack with codes, and a schema whose traits are all optional.
async fn bench() -> Bench {
    let schema = json!({"$id": "any", "type": "object", "properties": {"traits": {"type": "object", "properties": {
        "username": {"type": "string", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}},
        "email": {"type": "string", "format": "email", "ory.sh/kratos": {
            "credentials": {"password": {"identifier": true}, "code": {"identifier": true, "via": "email"}},
            "verification": {"via": "email"}, "recovery": {"via": "email"}}},
        "phone": {"type": "string", "format": "tel", "ory.sh/kratos": {
            "credentials": {"password": {"identifier": true}, "code": {"identifier": true, "via": "sms"}}, "verification": {"via": "sms"}}},
        "key": {"type": "string", "ory.sh/kratos": {"credentials": {"webauthn": {"identifier": true}}}},
        "anything": {"type": "string", "format": "no-validate", "ory.sh/kratos": {
            "credentials": {"code": {"identifier": true, "via": "email"}}, "verification": {"via": "email"}, "recovery": {"via": "email"}}},
    }}}});
    let schemas = format!("schemas: [{{id: any, url: \"base64://{}\"}}, ", STANDARD.encode(schema.to_string()));
    let config = CONFIG.replace("schemas: [", &schemas).replace("default_schema_id: user", "default_schema_id: any");
    let config = config.replace("  flows:\n", "  methods: {code: {passwordless_enabled: true}}\n  flows:\n");
    Bench::with(&(config + "rate_limits: {enabled: false}\n")).await
}

async fn create(bench: &Bench, traits: Value) -> Value {
    bench.create_as("any", traits, json!({"password": PASSWORD})).await
}

async fn signs_in(bench: &Bench, identifier: &str) -> bool {
    let app = bench.app();
    app.post(&app.begin("").await, &password(identifier, PASSWORD)).await.status == 200
}

/// Requests a code. Returns where its form posts to, and whether a code was sent.
async fn asks_for_a_code(bench: &Bench, identifier: &str) -> (String, bool) {
    let app = bench.app();
    let path = app.begin("").await;
    let asked = app.post(&path, &json!({"method": "code", "identifier": identifier})).await;
    let state = asked.json()["state"] == "sent_email";
    (path, state)
}

fn path_of(identity: &Value) -> String {
    format!("/admin/identities/{}", identity["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn invisible_identifier_is_refused() {
    let bench = bench().await;
    for nothing in [" ", "\u{200b}", "\u{feff}\u{202e}", "\u{3164}"] {
        for key in ["username", "key", "anything", "email"] {
            let body = json!({"schema_id": "any", "traits": {key: nothing}});
            let refused = bench.admin().post("/admin/identities", &body).await;
            assert_eq!(refused.status, 400, "{key} {nothing:?}: {}", refused.body);
        }
        let body = json!({"schema_id": "any", "traits": {}, "external_id": nothing});
        assert_eq!(bench.admin().post("/admin/identities", &body).await.status, 400, "{nothing:?}");
        let asked = percent_encoding::utf8_percent_encode(nothing, percent_encoding::NON_ALPHANUMERIC);
        let found = bench.admin().get(&format!("/admin/identities?credentials_identifier={asked}")).await;
        assert_eq!((found.status, found.body.trim()), (200, "[]"), "{nothing:?}");
        assert!(!signs_in(&bench, nothing).await);
    }
    let long = json!({"schema_id": "any", "traits": {"username": "a".repeat(1025)}});
    assert_eq!(bench.admin().post("/admin/identities", &long).await.status, 400);
    // An empty text is no identifier.
    assert_eq!(create(&bench, json!({"username": ""})).await["credentials"]["password"]["identifiers"], json!([]));
}

#[tokio::test]
async fn both_forms_of_a_domain_sign_in() {
    let bench = bench().await;
    for (n, made) in ["xn--bcher-kva.example", "bücher.example"].into_iter().enumerate() {
        let name = unique("info");
        let identity = create(&bench, json!({"email": format!("{name}@{made}")})).await;
        let ascii = format!("{name}@xn--bcher-kva.example");
        assert_eq!(identity["credentials"]["code"]["identifiers"], json!([ascii]));
        assert_eq!(identity["verifiable_addresses"][0]["value"], ascii);
        for domain in [
            "xn--bcher-kva.example",
            "XN--BCHER-KVA.example",
            "bücher.example",
            "bu\u{308}cher.example",
            "BÜCHER.EXAMPLE",
            "bücher\u{3002}example",
            "ｂücher.example",
        ] {
            assert!(signs_in(&bench, &format!("{name}@{domain}")).await, "{made}: {domain}");
        }
        assert!(asks_for_a_code(&bench, &format!("{name}@bücher.example")).await.1, "{made}");
        eventually("a message", async || (!bench.mail_to(&ascii).is_empty()).then_some(())).await;
        // The other form belongs to the same identity.
        let other = ["bücher.example", "xn--bcher-kva.example"][n];
        let body = json!({"schema_id": "any", "traits": {"email": format!("{name}@{other}")}});
        assert_eq!(bench.admin().post("/admin/identities", &body).await.status, 409, "{made}");
        let asked = percent_encoding::utf8_percent_encode("@BÜCHER.example", percent_encoding::NON_ALPHANUMERIC);
        let found = bench.admin().get(&format!("/admin/identities?credentials_identifier={name}{asked}")).await.json();
        assert_eq!(found[0]["id"], identity["id"]);
    }
}

#[tokio::test]
async fn undeliverable_address_is_refused() {
    let bench = bench().await;
    for email in ["jürgen@example.org", "\"a b\"@example.org", "а@example.org", "a@exa mple.org", "a@-bücher.example"]
    {
        let body = json!({"schema_id": "any", "traits": {"email": email}});
        let refused = bench.admin().post("/admin/identities", &body).await;
        assert_eq!(refused.status, 400, "{email}: {}", refused.body);
    }
    let body = json!({"schema_id": "any", "traits": {"email": "jürgen@example.org"}});
    let reason = bench.admin().post("/admin/identities", &body).await.json()["error"]["reason"].clone();
    assert!(reason.as_str().unwrap().contains("characters beyond ASCII before the @"), "{reason}");
    // As a user name it is accepted.
    let name = format!("jürgen{}", unique("name"));
    create(&bench, json!({"username": name})).await;
    assert!(signs_in(&bench, &name.to_uppercase()).await);
}

#[tokio::test]
async fn every_spelling_of_phone_number_signs_in() {
    let bench = bench().await;
    let identity = create(&bench, json!({"phone": "tel:+49-176-67111638"})).await;
    assert_eq!(identity["traits"]["phone"], "+4917667111638");
    for written in [
        "+4917667111638",
        "(+49) 176 67111638",
        "tel:+4917667111638",
        "+٤٩١٧٦٦٧١١١٦٣٨",
        "Mobil: +49 176 67111638",
        "+49176-67111638",
    ] {
        assert!(signs_in(&bench, written).await, "{written}");
        assert!(asks_for_a_code(&bench, written).await.1, "{written}");
    }
    for other in ["017667111638", "0049 176 67111638", "4917667111638"] {
        assert!(!signs_in(&bench, other).await, "{other}");
    }
}

#[tokio::test]
async fn identifiers_are_removed_with_their_trait() {
    let bench = bench().await;
    let admin = bench.admin();
    let (name, email) = (unique("name"), format!("{}@example.org", unique("gone")));
    let traits = json!({"username": name, "email": email, "phone": "+4917667111638", "key": name, "anything": email});
    let identity = create(&bench, traits).await;
    let path = path_of(&identity);
    // A code is on its way while the address is removed.
    let (flow, _) = asks_for_a_code(&bench, &email).await;
    let code = bench.next_code(&email, 0).await;
    let (named, _) = asks_for_a_code(&bench, &email).await;
    let body = json!({"schema_id": "any", "state": "active", "traits": {"username": name}});
    let after = admin.json(Method::PUT, &path, &body).await;
    assert_eq!(after.status, 200, "{}", after.body);
    let after = admin.get(&format!("{path}?include_credential=code")).await.json();
    assert_eq!(after["credentials"]["password"]["identifiers"], json!([name]), "{after}");
    for gone in ["/credentials/code", "/credentials/webauthn", "/verifiable_addresses", "/recovery_addresses"] {
        assert_eq!(after.pointer(gone), None, "{gone}: {after}");
    }
    for gone in [email.as_str(), "+4917667111638"] {
        assert!(!signs_in(&bench, gone).await && !asks_for_a_code(&bench, gone).await.1, "{gone}");
    }
    let app = bench.app();
    for (flow, identifier) in [(&flow, &email), (&named, &name)] {
        let entered = app.post(flow, &json!({"method": "code", "identifier": identifier, "code": code})).await;
        assert_eq!(entered.status, 400, "{}", entered.body);
    }
    assert!(signs_in(&bench, &name).await, "the password stays with what is left");
    // Another identity can take it, and it comes back with its trait.
    let other = create(&bench, json!({"email": email})).await;
    assert_eq!(admin.delete(&path_of(&other)).await.status, 204);
    let patch = json!([{"op": "add", "path": "/traits/email", "value": email}]);
    assert_eq!(admin.json(Method::PATCH, &path, &patch).await.status, 200);
    assert!(signs_in(&bench, &email).await && asks_for_a_code(&bench, &email).await.1);
    // Without an identifier the identity cannot sign in, and the password waits for the next one.
    let nothing = json!([{"op": "replace", "path": "/traits", "value": {}}]);
    assert_eq!(admin.json(Method::PATCH, &path, &nothing).await.status, 200);
    assert!(!signs_in(&bench, &name).await && !signs_in(&bench, &email).await);
    let guards: Vec<_> =
        bench.proxy.items("credentials").await.into_iter().filter(|item| item["sk"]["S"] == "guard").collect();
    assert!(guards.is_empty(), "{guards:?}");
    let patch = json!([{"op": "add", "path": "/traits/username", "value": name}]);
    assert_eq!(admin.json(Method::PATCH, &path, &patch).await.status, 200);
    assert!(signs_in(&bench, &name).await);
}

#[tokio::test]
async fn identifiers_follow_a_changed_schema() {
    let bench = bench().await;
    let admin = bench.admin();
    let (name, email) = (unique("moved"), format!("{}@example.org", unique("moved")));
    let identity = create(&bench, json!({"username": name, "email": email})).await;
    let path = path_of(&identity);
    // The schema of contacts has no codes and no recovery.
    let patch = json!([{"op": "replace", "path": "/schema_id", "value": "contacts"}]);
    let after = admin.json(Method::PATCH, &path, &patch).await;
    assert_eq!(after.status, 200, "{}", after.body);
    assert!(
        after.json().pointer("/credentials/code").is_none() && after.json().get("recovery_addresses").is_none(),
        "{}",
        after.body
    );
    assert!(signs_in(&bench, &email).await && !asks_for_a_code(&bench, &email).await.1);
    // Another external id frees the previous one.
    for (id, status) in [("a", 200), ("b", 200)] {
        let id = format!("{name}-{id}");
        let patch = json!([{"op": "add", "path": "/external_id", "value": id}]);
        assert_eq!(admin.json(Method::PATCH, &path, &patch).await.status, status);
    }
    assert_eq!(admin.get(&format!("/admin/identities/by/external/{name}-a")).await.status, 404);
    assert_eq!(admin.get(&format!("/admin/identities/by/external/{name}-b")).await.status, 200);
}
