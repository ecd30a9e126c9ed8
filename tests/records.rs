//! Whatever administrators write can be read back, and an unreadable record hides no other.

use crate::support::{Answer, Bench, PASSWORD, unique};
use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

fn address(name: &str) -> String {
    format!("{}@example.org", unique(name))
}

fn path_of(identity: &Value) -> String {
    format!("/admin/identities/{}", identity["id"].as_str().expect("an id"))
}

fn nested(levels: usize) -> Value {
    (1..levels).fold(json!([]), |value, _| json!({"a": value}))
}

/// One of our errors, with only a bounded quotation.
fn is_refusal(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {:.300}", answer.body);
    assert!(answer.json()["error"]["code"] == 400 && answer.body.len() < 20_000, "{what}: {:.300}", answer.body);
}

#[tokio::test]
async fn deep_patches_are_refused() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let email = address("deep");
    let path = path_of(&bench.create(json!({"email": email}), json!({"password": PASSWORD})).await);
    let before = admin.get(&path).await.json();
    for steps in [65, 130, 10_000, 200_000] {
        for op in ["add", "replace", "remove"] {
            let pointer = format!("/metadata_public{}", "/a".repeat(steps));
            let patch = json!([{"op": op, "path": pointer, "value": 1}]);
            is_refusal(&admin.json(Method::PATCH, &path, &patch).await, &format!("{op} {steps}"));
        }
    }
    // Several patches make it no deeper either.
    let mut pointer = "/metadata_admin".to_owned();
    let mut refused = 0;
    for _ in 0..3 {
        pointer.push_str(&"/a".repeat(30));
        let answer = admin.json(Method::PATCH, &path, &json!([{"op": "add", "path": pointer, "value": {}}])).await;
        refused += usize::from(answer.status == 400);
        assert!(matches!(answer.status, 200 | 400), "{}", answer.body);
    }
    assert_eq!(refused, 1);
    let after = admin.get(&path).await.json();
    assert_eq!((&after["traits"], &after["metadata_public"]), (&before["traits"], &before["metadata_public"]));
    bench.app().sign_in(&email).await;
    assert_eq!(admin.get("/admin/identities").await.status, 200);
}

#[tokio::test]
async fn deep_bodies_are_refused_or_read_back() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    for key in ["metadata_public", "metadata_admin"] {
        for (levels, status) in [(64, 201), (65, 400), (126, 400), (5000, 400)] {
            let body = format!(
                r#"{{"schema_id": "user", "traits": {{"email": "{}"}}, "{key}": {}{}}}"#,
                address("body"),
                "[".repeat(levels),
                "]".repeat(levels)
            );
            let made = admin.send(Method::POST, "/admin/identities", Some("application/json"), body.into_bytes()).await;
            assert_eq!(made.status, status, "{key} {levels}: {:.300}", made.body);
            if status == 201 {
                let path = path_of(&made.json());
                let mut shown = admin.get(&path).await.json();
                assert_eq!(shown[key], made.json()[key]);
                shown.as_object_mut().unwrap().remove("credentials");
                assert_eq!(admin.json(Method::PUT, &path, &shown).await.status, 200);
                assert_eq!(admin.json(Method::PATCH, &path, &json!([])).await.status, 200);
            }
        }
    }
    let deep = json!({"schema_id": "contacts", "traits": {"username": unique("deep"), "more": nested(65)}});
    is_refusal(&admin.post("/admin/identities", &deep).await, "traits");
    assert_eq!(admin.get("/admin/identities").await.json().as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn times_beyond_the_calendar_are_refused() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let email = address("time");
    let path = path_of(&bench.create(json!({"email": email}), json!({})).await);
    for at in [
        "0000-01-01T00:00:00+01:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-01:00",
        "9999-12-31T23:59:59Z",
        "2020-13-01T00:00:00Z",
        "yesterday",
    ] {
        let verified = json!([{"value": email, "via": "email", "verified": true, "verified_at": at}]);
        let body = json!({"schema_id": "user", "traits": {"email": address("time")}, "verifiable_addresses": verified});
        let mut body = body;
        body["verifiable_addresses"][0]["value"] = body["traits"]["email"].clone();
        is_refusal(&admin.post("/admin/identities", &body).await, at);
        let patch = json!([
            {"op": "replace", "path": "/verifiable_addresses/0/verified", "value": true},
            {"op": "add", "path": "/verifiable_addresses/0/verified_at", "value": at},
        ]);
        is_refusal(&admin.json(Method::PATCH, &path, &patch).await, at);
    }
    let patch = json!([
        {"op": "replace", "path": "/verifiable_addresses/0/verified", "value": true},
        {"op": "add", "path": "/verifiable_addresses/0/verified_at", "value": "0001-01-01T00:00:00Z"},
    ]);
    assert_eq!(
        admin.json(Method::PATCH, &path, &patch).await.status,
        200,
        "as programs in Go write a time that is none"
    );
    assert_eq!(admin.get(&path).await.json()["verifiable_addresses"][0]["verified_at"], "0001-01-01T00:00:00Z");
}

#[tokio::test]
async fn identity_larger_than_an_item_is_refused() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let body = |size: usize| json!({"schema_id": "user", "traits": {"email": address("big")}, "metadata_public": "x".repeat(size)});
    let most = latchkey_core::bounds::LARGEST_IDENTITY;
    let big = admin.post("/admin/identities", &body(most - 2000)).await;
    assert_eq!(big.status, 201, "{:.300}", big.body);
    is_refusal(&admin.post("/admin/identities", &body(most)).await, "too big");
    // Identifiers must not make an identity too large whose traits alone fit.
    let many: Vec<Value> = (0..49).map(|_| json!({"op": "add", "path": "/traits/x/-", "value": 1})).collect();
    assert!(admin.json(Method::PATCH, &path_of(&big.json()), &json!(many)).await.status < 500);
    let path = path_of(&big.json());
    let patch = json!([{"op": "add", "path": "/metadata_admin", "value": "x".repeat(3000)}]);
    is_refusal(&admin.json(Method::PATCH, &path, &patch).await, "grown");
    let patch = json!([{"op": "replace", "path": "/state", "value": "inactive"}]);
    assert_eq!(admin.json(Method::PATCH, &path, &patch).await.status, 200, "who is large can still be disabled");
}

/// A function's answer holds at most 6 MB.
#[tokio::test]
async fn large_identities_make_shorter_pages() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let (mut made, mut seen) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let body =
            json!({"schema_id": "user", "traits": {"email": address("big")}, "metadata_public": "\"".repeat(170_000)});
        made.push(admin.post("/admin/identities", &body).await.json()["id"].as_str().unwrap().to_owned());
    }
    made.sort();
    let mut path = Some("/admin/identities?page_size=500".to_owned());
    while let Some(asked) = path {
        let page = admin.get(&asked).await;
        let body = serde_json::to_string(&page.body).unwrap();
        assert!(page.status == 200 && body.len() < 6_000_000, "{} {}", page.status, body.len());
        seen.extend(page.json().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let link = page.header("link").unwrap_or_default().to_owned();
        path = link
            .split(',')
            .find(|part| part.contains("rel=\"next\""))
            .map(|part| part[part.find('/').unwrap()..part.find('>').unwrap()].to_owned());
    }
    assert_eq!(seen, made);
    let numbered = admin.get("/admin/identities?page=0&per_page=100").await;
    is_refusal(&numbered, "a numbered page");
    assert_eq!(admin.get("/admin/identities?page=0&per_page=5").await.status, 200);
}

/// Changes the item of an identity directly in the store.
async fn breaking(bench: &Bench, identity: &Value, change: impl Fn(&mut Value)) {
    let items = bench.proxy.items("accounts").await;
    let own = |item: &Value| item["pk"]["S"] == identity["id"] && item["sk"]["S"] == "profile";
    let mut item = items.into_iter().find(|item| own(item)).expect("a profile");
    change(&mut item);
    bench.proxy.store("PutItem", json!({"TableName": "accounts", "Item": item})).await;
}

#[tokio::test]
async fn broken_record_hides_no_other_and_is_deletable() {
    type Break = fn(&mut Value);
    let breaks: [(&str, Break); 6] = [
        ("deeper than is read", |item| {
            let doc = item["doc"]["S"].as_str().unwrap().to_owned();
            let deep = format!("{}1{}", r#"{"a":"#.repeat(300), "}".repeat(300));
            item["doc"]["S"] = json!(doc.replace("\"metadata_public\":null", &format!("\"metadata_public\":{deep}")));
        }),
        ("cut off", |item| {
            let doc = item["doc"]["S"].as_str().unwrap().to_owned();
            item["doc"]["S"] = json!(doc[..doc.len() - 40]);
        }),
        ("no JSON", |item| item["doc"]["S"] = json!("gone")),
        ("no document", |item| drop(item.as_object_mut().unwrap().remove("doc"))),
        ("no revision", |item| drop(item.as_object_mut().unwrap().remove("revision"))),
        ("of another format", |item| item["v"]["N"] = json!("99")),
    ];
    let bench = Bench::new().await;
    let (app, admin) = (bench.app(), bench.admin());
    let well = address("well");
    bench.create(json!({"email": well}), json!({"password": PASSWORD})).await;
    let token = app.sign_in(&well).await;
    for (what, change) in breaks {
        let email = address("ill");
        let ill = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
        let (id, path) = (ill["id"].as_str().unwrap(), path_of(&ill));
        app.sign_in(&email).await;
        breaking(&bench, &ill, change).await;
        // Others can be listed, read and signed in.
        let ids = format!("/admin/identities?ids={id}");
        for list in [
            "/admin/identities",
            "/admin/identities?include_credential=password",
            "/admin/identities?page=0&per_page=9",
            &ids,
        ] {
            let listed = admin.get(list).await;
            assert_eq!(listed.status, 200, "{what} {list}: {}", listed.body);
            assert_eq!(listed.body.contains(&well), list != ids, "{what} {list}");
            assert!(!listed.body.contains(&email), "{what} {list}");
            assert_eq!(listed.header("latchkey-unreadable"), Some(id), "{what} {list}");
            assert_eq!(bench.logged(&listed)["unreadable"], json!([format!("accounts {id}")]), "{what} {list}");
        }
        assert_eq!(app.token(&token).get("/sessions/whoami").await.status, 200, "{what}");
        app.sign_in(&well).await;
        // It can be deleted, and nothing else.
        let shown = admin.get(&path).await;
        assert_eq!(shown.status, 500, "{what}: {}", shown.body);
        assert!(
            shown.json()["error"]["reason"].as_str().unwrap().ends_with("It can be deleted."),
            "{what}: {}",
            shown.body
        );
        assert_eq!(admin.delete(&path).await.status, 204, "{what}");
        assert_eq!(admin.delete(&path).await.status, 404, "{what}");
        assert_eq!(admin.get("/admin/identities").await.header("latchkey-unreadable"), None, "{what}");
        // Its identifiers are free.
        let again = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
        app.sign_in(&email).await;
        assert_eq!(admin.delete(&path_of(&again)).await.status, 204, "{what}");
    }
    let left = bench.proxy.items("credentials").await;
    assert!(left.iter().all(|item| item.to_string().contains(&well) || item["sk"]["S"] == "password"), "{left:?}");
}

#[tokio::test]
async fn broken_session_or_credential_hides_nothing_else() {
    let bench = Bench::new().await;
    let (app, admin) = (bench.app(), bench.admin());
    let email = address("session");
    let identity = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
    let tokens = [app.sign_in(&email).await, app.sign_in(&email).await];
    let sessions = bench.proxy.items("accounts").await;
    let mut broken =
        sessions.into_iter().find(|item| item["sk"]["S"].as_str().unwrap().starts_with("session#")).unwrap();
    broken["doc"]["S"] = json!("{");
    bench.proxy.store("PutItem", json!({"TableName": "accounts", "Item": broken})).await;
    let listed = admin.get(&format!("{}/sessions", path_of(&identity))).await;
    assert_eq!(listed.json().as_array().map(Vec::len), Some(1), "{}", listed.body);
    app.sign_in(&email).await;
    let good =
        [app.token(&tokens[0]).get("/sessions/whoami").await, app.token(&tokens[1]).get("/sessions/whoami").await];
    assert_eq!(good.iter().filter(|answer| answer.status == 200).count(), 1);

    let credentials = bench.proxy.items("credentials").await;
    let mut broken = credentials.into_iter().find(|item| item["sk"]["S"] == "password").unwrap();
    broken["doc"]["S"] = json!("{");
    bench.proxy.store("PutItem", json!({"TableName": "credentials", "Item": broken})).await;
    let listed = admin.get("/admin/identities?include_credential=password").await;
    assert_eq!((listed.status, &listed.json()[0]["id"]), (200, &identity["id"]), "{}", listed.body);
    assert_eq!(admin.delete(&path_of(&identity)).await.status, 204);
}

/// Schemas change, and identities stay.
#[tokio::test]
async fn outdated_traits_do_not_prevent_disabling() {
    let bench = Bench::new().await;
    let (app, admin) = (bench.app(), bench.admin());
    for schema in ["user", "retired"] {
        let email = address("stale");
        let identity = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
        let path = path_of(&identity);
        breaking(&bench, &identity, |item| {
            let mut doc: Value = serde_json::from_str(item["doc"]["S"].as_str().unwrap()).unwrap();
            doc["traits"]["nickname"] = json!("of an earlier schema");
            doc["schema_id"] = json!(schema);
            item["doc"]["S"] = json!(doc.to_string());
        })
        .await;
        let hash = "$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw";
        for patch in [
            json!([{"op": "add", "path": "/metadata_admin", "value": {"note": 1}}]),
            json!([{"op": "add", "path": "/external_id", "value": unique("x")}]),
            json!([{"op": "replace", "path": "/credentials/password/config/hashed_password", "value": hash}]),
            json!([{"op": "replace", "path": "/traits/nickname", "value": "of an earlier schema"}]),
            json!([{"op": "replace", "path": "/state", "value": "inactive"}]),
        ] {
            let answer = admin.json(Method::PATCH, &path, &patch).await;
            assert_eq!(answer.status, 200, "{schema} {patch}: {}", answer.body);
        }
        let refused = app.post(&app.begin("").await, &crate::support::password(&email, "test")).await;
        assert_eq!(refused.message_ids(), [4_010_011], "{schema}: {}", refused.body);
        // Everything that was read can be put back.
        let mut shown = admin.get(&path).await.json();
        shown.as_object_mut().unwrap().remove("credentials");
        shown["state"] = json!("active");
        let put = admin.json(Method::PUT, &path, &shown).await;
        assert_eq!(put.status, 200, "{schema}: {}", put.body);
        assert_eq!(app.post(&app.begin("").await, &crate::support::password(&email, "test")).await.status, 200);
        // A change of traits checks them, and so does a change of the schema.
        for patch in [
            json!([{"op": "replace", "path": "/traits/nickname", "value": "other"}]),
            json!([{"op": "replace", "path": "/schema_id", "value": "none"}]),
        ] {
            assert_eq!(admin.json(Method::PATCH, &path, &patch).await.status, 400, "{schema} {patch}");
        }
        let back = json!([{"op": "remove", "path": "/traits/nickname"}, {"op": "replace", "path": "/schema_id", "value": "user"}]);
        assert_eq!(admin.json(Method::PATCH, &path, &back).await.status, 200, "{schema}");
    }
}

/// A schema that makes a trait an identifier of which two identities have the same value.
#[tokio::test]
async fn taken_identifier_does_not_prevent_disabling() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let name = unique("name");
    let make = async |traits: Value| bench.create_as("contacts", traits, json!({"password": PASSWORD})).await;
    let (one, two) =
        (make(json!({"username": name})).await, make(json!({"username": unique("n"), "email": address("t")})).await);
    breaking(&bench, &two, |item| {
        let mut doc: Value = serde_json::from_str(item["doc"]["S"].as_str().unwrap()).unwrap();
        doc["traits"]["username"] = json!(name);
        item["doc"]["S"] = json!(doc.to_string());
    })
    .await;
    let mut shown = admin.get(&path_of(&two)).await.json();
    let identifiers = shown["credentials"]["password"]["identifiers"].clone();
    shown.as_object_mut().unwrap().remove("credentials");
    shown["state"] = json!("inactive");
    let put = admin.json(Method::PUT, &path_of(&two), &shown).await;
    assert_eq!((put.status, &put.json()["state"]), (200, &json!("inactive")), "{}", put.body);
    assert_eq!(put.json()["credentials"]["password"]["identifiers"], identifiers);
    assert_eq!(admin.delete(&path_of(&one)).await.status, 204);
    // The identifier is free now, and the traits are derived again.
    assert_eq!(admin.json(Method::PUT, &path_of(&two), &shown).await.status, 200);
    let now = admin.get(&path_of(&two)).await.json();
    assert!(now["credentials"]["password"]["identifiers"].as_array().unwrap().contains(&json!(name)), "{now}");
}

#[tokio::test]
async fn absent_values_have_no_key() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let plain = bench.create_as("contacts", json!({"username": unique("plain")}), json!({})).await;
    let path = path_of(&plain);
    let optional = ["verifiable_addresses", "recovery_addresses", "external_id", "region"];
    let shown = admin.get(&path).await.json();
    let listed = admin.get(&format!("/admin/identities?ids={}", plain["id"].as_str().unwrap())).await.json()[0].clone();
    let patched = admin.json(Method::PATCH, &path, &json!([])).await.json();
    let body = json!({"schema_id": "contacts", "state": "active", "traits": plain["traits"]});
    let put = admin.json(Method::PUT, &path, &body).await.json();
    for (what, answer) in [("create", &plain), ("get", &shown), ("list", &listed), ("patch", &patched), ("put", &put)] {
        for key in optional {
            assert_eq!(answer.get(key), None, "{what}: {answer}");
        }
        assert_eq!(
            (answer.get("metadata_public"), answer.get("organization_id")),
            (Some(&Value::Null), Some(&Value::Null)),
            "{what}"
        );
    }
    // Unset admin metadata is null where an identity is read, and absent where it is written, except in a patch.
    assert_eq!((shown.get("metadata_admin"), patched.get("metadata_admin")), (Some(&Value::Null), Some(&Value::Null)));
    assert_eq!((plain.get("metadata_admin"), put.get("metadata_admin")), (None, None));
    let email = bench.create_as("contacts", json!({"email": address("one")}), json!({})).await;
    let shown = admin.get(&path_of(&email)).await.json();
    assert!(shown["verifiable_addresses"].is_array() && shown.get("recovery_addresses").is_none(), "{shown}");
    assert_eq!(shown["verifiable_addresses"][0].get("verified_at"), None);
}

#[tokio::test]
async fn each_change_is_logged_with_its_principal() {
    let bench = Bench::new().await;
    let (app, admin) = (bench.app(), bench.admin());
    let email = address("audit");
    let body = json!({"schema_id": "user", "traits": {"email": email}, "credentials": {"password": {"config": {"password": PASSWORD}}}});
    let made = admin.post("/admin/identities", &body).await;
    let (id, path) = (made.json()["id"].clone(), path_of(&made.json()));
    let token = app.sign_in(&email).await;
    let session = app.token(&token).get("/sessions/whoami").await.json()["id"].as_str().unwrap().to_owned();
    let item = |email: &str| json!({"create": {"schema_id": "user", "traits": {"email": email}}});
    let batch = json!({"identities": [item(&address("audit")), item(&email), item("x")]});
    let expect = |answer: &Answer, wanted: &[(&str, &str)]| {
        let lines = bench.changes(answer);
        let seen: Vec<_> =
            lines.iter().map(|line| (line["action"].as_str().unwrap(), line["outcome"].as_str().unwrap())).collect();
        assert_eq!(seen, wanted, "{lines:?}");
        for line in &lines {
            assert_eq!(line["principal"]["arn"], "arn:aws:iam::000000000000:user/local", "{line}");
            assert!(line["principal"]["access_key"].is_string() && line["request_id"].is_string(), "{line}");
            assert!(!line.to_string().contains(&email) && !line.to_string().contains(PASSWORD), "{line}");
        }
    };
    expect(&made, &[("identity.create", "done")]);
    assert_eq!(bench.changes(&made)[0]["identity"], id);
    expect(&admin.post("/admin/identities", &body).await, &[("identity.create", "refused")]);
    let batch = admin.json(Method::PATCH, "/admin/identities", &batch).await;
    expect(&batch, &[("identity.create", "done"), ("identity.create", "refused")]);
    let patch = json!([{"op": "add", "path": "/metadata_admin", "value": 1}]);
    expect(&admin.json(Method::PATCH, &path, &patch).await, &[("identity.update", "done")]);
    let extended = admin.json(Method::PATCH, &format!("/admin/sessions/{session}/extend"), &json!({})).await;
    expect(&extended, &[("session.extend", "done")]);
    expect(&admin.delete(&format!("/admin/sessions/{session}")).await, &[("session.disable", "done")]);
    expect(&admin.delete(&format!("{path}/sessions")).await, &[("sessions.delete", "done")]);
    let deleted = admin.delete(&path).await;
    expect(&deleted, &[("identity.delete", "done")]);
    assert_eq!(bench.changes(&deleted)[0]["identity"], id);
    for answer in [admin.delete(&path).await, admin.get("/admin/identities").await, app.get("/sessions/whoami").await] {
        expect(&answer, &[]);
    }
    // A change with an unknown result is in the log as well.
    bench.proxy.fail("TransactWriteItems", crate::support::Fault::AnswerLost, 100);
    expect(&admin.post("/admin/identities", &body).await, &[("identity.create", "unknown")]);
    bench.proxy.heal();
}

/// Values of every kind, some of them nested deeper than is stored.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number)),
        "\\PC{0,12}".prop_map(Value::from),
        prop::collection::vec(any::<char>(), 0..6).prop_map(|chars| Value::from(chars.into_iter().collect::<String>())),
        prop::sample::select(
            &[
                "active",
                "inactive",
                "user",
                "contacts",
                "email",
                "sms",
                "",
                "\u{200b}",
                "9999-12-31T23:59:59-01:00",
                "0000-01-01T00:00:00+01:00",
                "+49 176 67111638"
            ][..]
        )
        .prop_map(Value::from),
        (1..140_usize).prop_map(nested),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_key(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    let known = [
        "schema_id",
        "traits",
        "state",
        "external_id",
        "organization_id",
        "region",
        "metadata_public",
        "metadata_admin",
        "verifiable_addresses",
        "recovery_addresses",
        "credentials",
        "email",
        "name",
        "username",
        "phone",
        "value",
        "via",
        "verified",
        "verified_at",
        "status",
        "password",
        "config",
        "hashed_password",
        "code",
        "type",
        "identifiers",
        "addresses",
    ];
    prop_oneof![4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

/// A body that a parser accepts as an identity, with some of its members replaced or added.
fn any_body() -> impl Strategy<Value = Value> {
    let address = "[a-zü.]{1,6}@[a-zü.]{1,6}[.]example";
    (address, any_value(), prop::collection::vec((any_key(), any_value()), 0..4)).prop_map(|(email, name, more)| {
        let mut body =
            json!({"schema_id": "contacts", "traits": {"username": name, "email": format!("{}{email}", unique("f"))}});
        for (key, value) in more {
            body[key] = value;
        }
        body
    })
}

fn any_patch() -> impl Strategy<Value = Value> {
    let step = prop_oneof![any_key(), "[0-9]{1,2}", Just("-".to_owned()), Just("~1".to_owned())];
    let path = prop_oneof![
        9 => prop::collection::vec(step, 0..5).prop_map(|steps| steps.iter().map(|step| format!("/{step}")).collect::<String>()),
        1 => (1..20_000_usize).prop_map(|steps| format!("/metadata_public{}", "/a".repeat(steps))),
    ];
    let op = prop::sample::select(&["add", "replace", "remove", "test", "copy", ""][..]);
    let one = (op, path, any_value()).prop_map(|(op, path, value)| json!({"op": op, "path": path, "value": value}));
    prop::collection::vec(one, 0..4).prop_map(Value::from)
}

/// An answer that a client may cause: never a failure of ours.
fn no_failure(answer: &Answer, what: &str) {
    assert!(answer.status < 500, "{what:.2000}: {} {:.500}", answer.status, answer.body);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn any_accepted_identity_can_be_read_back(
        tries in prop::collection::vec((any_body(), any_body(), prop::collection::vec(any_patch(), 3)), 12)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let bench = Bench::new().await;
            let admin = bench.admin();
            for (body, other, patches) in tries {
                let made = admin.post("/admin/identities", &body).await;
                no_failure(&made, &body.to_string());
                no_failure(&admin.json(Method::PATCH, "/admin/identities", &json!({"identities": [{"create": other}, other]})).await, &other.to_string());
                let id = match made.status {
                    201 => made.json()["id"].as_str().unwrap().to_owned(),
                    _ => bench.create(json!({"email": address("f")}), json!({})).await["id"].as_str().unwrap().to_owned(),
                };
                let path = format!("/admin/identities/{id}");
                for patch in &patches {
                    no_failure(&admin.json(Method::PATCH, &path, patch).await, &patch.to_string());
                    let shown = admin.get(&path).await;
                    assert_eq!(shown.status, 200, "{patch:.2000}: {:.500}", shown.body);
                }
                no_failure(&admin.json(Method::PUT, &path, &other).await, &other.to_string());
                let mut shown = admin.get(&format!("{path}?include_credential=password")).await.json();
                shown.as_object_mut().unwrap().remove("credentials");
                let put = admin.json(Method::PUT, &path, &shown).await;
                assert_eq!(put.status, 200, "what is shown can be put back: {shown:.2000} {:.500}", put.body);
                let listed = admin.get("/admin/identities?page_size=500").await;
                assert!(listed.status == 200 && listed.body.contains(&id) && listed.header("latchkey-unreadable").is_none());
            }
            for id in admin.get("/admin/identities?page_size=500").await.json().as_array().unwrap().iter().map(path_of) {
                assert_eq!(admin.delete(&id).await.status, 204);
            }
            assert!(bench.proxy.items("credentials").await.is_empty(), "nothing outlives its identity");
        });
    }
}
