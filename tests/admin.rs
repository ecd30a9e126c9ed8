//! Identities through the admin API.

use crate::support::{Bench, PASSWORD, password, unique};
use http::Method;
use serde_json::{Value, json};

/// The gateway decodes paths once; functions must not decode them again.
#[tokio::test]
async fn path_segments_are_decoded_once() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let mark = unique("x");
    for (external, asked) in [
        ("a b", "a%20b"),
        ("a%20b", "a%2520b"),
        ("a%2520b", "a%252520b"),
        ("100%", "100%25"),
        ("what?", "what%3F"),
        ("a#b", "a%23b"),
        ("a+b", "a+b"),
        ("ä", "%C3%A4"),
    ] {
        let external = format!("{mark}{external}");
        let email = format!("{}@example.org", unique("segment"));
        let body = json!({"schema_id": "user", "traits": {"email": email}, "external_id": external});
        assert_eq!(admin.post("/admin/identities", &body).await.status, 201);
        let found = admin.get(&format!("/admin/identities/by/external/{mark}{asked}")).await;
        assert_eq!(found.status, 200, "{asked}: {}", found.body);
        assert_eq!(found.json()["external_id"], external.as_str(), "{asked}");
    }
    let begun = bench.app().get("/self-service/login%3Fflow=x/api").await;
    assert_eq!(begun.status, 404, "a mark in a path begins no query");
}

#[tokio::test]
async fn identity_is_created_read_changed_and_deleted() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let email = format!("{}@example.org", unique("crud"));
    let made = bench.create(json!({"email": email, "name": {"first": "Ada"}}), json!({"password": PASSWORD})).await;
    let path = format!("/admin/identities/{}", made["id"].as_str().unwrap());
    let read = admin.get(&path).await.json();
    assert_eq!(read["traits"], json!({"email": email, "name": {"first": "Ada"}}));
    assert_eq!(read["credentials"]["password"]["identifiers"], json!([email]));
    assert!(!read.to_string().contains("argon2"), "a hash is never shown");
    let body = json!({"schema_id": "user", "state": "active", "traits": {"email": email, "name": {"last": "L"}}, "metadata_admin": {"a": 1}});
    let put = admin.json(Method::PUT, &path, &body).await;
    assert_eq!((put.status, &put.json()["traits"]["name"]), (200, &json!({"last": "L"})));
    bench.app().sign_in(&email).await;
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(admin.get(&path).await.status, 404);
    assert_eq!(admin.delete(&path).await.status, 404);
}

#[tokio::test]
async fn identifier_belongs_to_one_identity() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    for spelled in [email.clone(), email.to_uppercase()] {
        let body = json!({"schema_id": "user", "traits": {"email": spelled}});
        let taken = bench.admin().post("/admin/identities", &body).await;
        assert_eq!(taken.status, 409, "{spelled}: {}", taken.body);
    }
}

#[tokio::test]
async fn deletion_frees_the_identifier() {
    let bench = Bench::new().await;
    let email = format!("{}@example.org", unique("free"));
    for _ in 0..3 {
        let made = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
        bench.app().sign_in(&email).await;
        let path = format!("/admin/identities/{}", made["id"].as_str().unwrap());
        assert_eq!(bench.admin().delete(&path).await.status, 204);
    }
    assert!(bench.proxy.items("credentials").await.is_empty(), "nothing is left of a deleted identity");
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let mut all = Vec::new();
    for _ in 0..7 {
        let email = format!("{}@example.org", unique("page"));
        all.push(bench.create(json!({"email": email}), json!({})).await["id"].clone());
    }
    let mut seen = Vec::new();
    let mut path = "/admin/identities?page_size=3".to_owned();
    loop {
        let page = admin.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        seen.extend(page.json().as_array().unwrap().iter().map(|identity| identity["id"].clone()));
        let link = page.header("link").unwrap_or_default();
        let next = link.split(',').find(|part| part.contains("rel=\"next\"")).and_then(|part| {
            let from = part.find("/admin/identities")?;
            Some(part[from..part.find('>')?].to_owned())
        });
        match next {
            Some(next) => path = next,
            None => break,
        }
    }
    let sorted = |mut ids: Vec<Value>| {
        ids.sort_by_key(ToString::to_string);
        ids
    };
    assert_eq!(sorted(seen), sorted(all));
    let email = bench.identity().await;
    let found = admin.get(&format!("/admin/identities?credentials_identifier={}", email.to_uppercase())).await.json();
    assert_eq!(found[0]["traits"]["email"], email.as_str());
    assert_eq!(found.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn batch_creates_valid_items_and_reports_others() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let fresh = format!("{}@example.org", unique("batch"));
    let create = |email: &str| json!({"create": {"schema_id": "user", "traits": {"email": email}}, "patch_id": "3fa85f64-5717-4562-b3fc-2c963f66afa6"});
    let body = json!({"identities": [create(&fresh), create(&email), {}]});
    let answer = bench.admin().json(Method::PATCH, "/admin/identities", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let list = answer.json()["identities"].clone();
    assert_eq!((&list[0]["action"], &list[1]["action"]), (&json!("create"), &json!("error")));
    assert_eq!(list[1]["error"]["code"], 409);
}

/// An error in the form of a batch fails the whole call, and no identity is created.
#[tokio::test]
async fn unreadable_batch_creates_no_identity() {
    let bench = Bench::new().await;
    let good = |name: &str| json!({"schema_id": "user", "traits": {"email": format!("{}@example.org", unique(name))}});
    for bad in [
        json!({"create": good("b"), "x": 1}),
        json!({"create": {"schema_id": "user", "traits": {}, "stat": "active"}}),
        json!({"create": good("b"), "patch_id": 5}),
        json!({"create": good("b"), "patch_id": "abc"}),
        json!([]),
    ] {
        let body = json!({"identities": [{"create": good("a")}, bad]});
        let answer = bench.admin().json(Method::PATCH, "/admin/identities", &body).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.body);
        assert!(bench.proxy.items("accounts").await.is_empty(), "{bad}");
    }
}

#[tokio::test]
async fn patch_removes_and_sets_a_password() {
    let bench = Bench::new().await;
    let email = format!("{}@example.org", unique("patch"));
    let made = bench.create(json!({"email": email}), json!({"password": PASSWORD})).await;
    let path = format!("/admin/identities/{}", made["id"].as_str().unwrap());
    let app = bench.app();
    for pointer in ["/credentials/password", "/credentials/password/config/hashed_password"] {
        let patch = json!([{"op": "remove", "path": pointer}]);
        assert_eq!(bench.admin().json(Method::PATCH, &path, &patch).await.status, 200, "{pointer}");
        let refused = app.post(&app.begin("").await, &password(&email, PASSWORD)).await;
        assert_eq!((refused.status, refused.message_ids()), (400, vec![4_000_006]), "{pointer}");
        let hash = "$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw";
        let patch = json!([{"op": "add", "path": "/credentials/password/config", "value": {"hashed_password": hash}}]);
        let set = bench.admin().json(Method::PATCH, &path, &patch).await;
        assert_eq!(set.status, 200, "{}", set.body);
        assert_eq!(app.post(&app.begin("").await, &password(&email, "test")).await.status, 200, "{pointer}");
        let body = json!({"schema_id": "user", "traits": {"email": email}, "credentials": {"password": {"config": {"password": PASSWORD}}}});
        assert_eq!(bench.admin().json(Method::PUT, &path, &body).await.status, 200);
        app.sign_in(&email).await;
    }
}

#[tokio::test]
async fn put_replaces_given_keys_and_keeps_others() {
    let bench = Bench::new().await;
    let organization = "6b5b5f7e-2d6c-4d5c-9f0e-0f2f7c3f0a11";
    let email = format!("{}@example.org", unique("put"));
    let body = json!({
        "schema_id": "user", "traits": {"email": email}, "organization_id": organization,
        "verifiable_addresses": [{"value": email, "via": "email", "verified": true, "verified_at": "2020-01-02T03:04:05Z"}],
        "credentials": {"password": {"config": {"password": PASSWORD, "hashed_password": "$md5$CY9rzUYh03PK3k6DJie09g=="}}},
    });
    let made = bench.admin().post("/admin/identities", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    assert_eq!(made["verifiable_addresses"][0]["verified_at"], "2020-01-02T03:04:05Z");
    let path = format!("/admin/identities/{}", made["id"].as_str().unwrap());
    // Everything that was read may be sent back.
    let mut shown = bench.admin().get(&path).await.json();
    shown.as_object_mut().unwrap().remove("credentials");
    let put = bench.admin().json(Method::PUT, &path, &shown).await;
    assert_eq!(put.status, 200, "{}", put.body);
    assert_eq!(put.json()["organization_id"], organization);
    bench.app().sign_in(&email).await;
    for (content_type, body) in [(Some("text/plain"), "{}"), (None, "{}"), (Some("application/json"), "")] {
        let refused = bench.admin().send(Method::PUT, &path, content_type, body.as_bytes().to_vec()).await;
        assert_eq!(refused.status, 400, "{content_type:?} {body:?}");
    }
    for config in [json!({}), json!({"password": ""})] {
        let body = json!({"schema_id": "user", "traits": {"email": format!("{}@example.org", unique("none"))}, "credentials": {"password": {"config": config}}});
        let refused = bench.admin().post("/admin/identities", &body).await;
        assert_eq!(refused.json()["error"]["reason"], "The imported password does not match any known hash format.");
    }
}

#[tokio::test]
async fn filtered_lists_are_paged() {
    let bench = Bench::new().await;
    let admin = bench.admin();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let email = format!("{}@example.org", unique("filter"));
        ids.push(bench.create(json!({"email": email}), json!({})).await["id"].as_str().unwrap().to_owned());
    }
    let asked = ids.iter().map(|id| format!("ids={id}")).collect::<Vec<_>>().join("&");
    let page = admin.get(&format!("/admin/identities?{asked}&page_size=2")).await;
    assert_eq!(page.json().as_array().map(Vec::len), Some(2));
    assert!(page.header("link").is_some_and(|link| link.contains("rel=\"next\"") && link.contains("page_size=2")));
    let numbered = admin.get(&format!("/admin/identities?{asked}&page=1&per_page=2")).await;
    assert_eq!((numbered.json().as_array().map(Vec::len), numbered.header("x-total-count")), (Some(1), Some("3")));
    for bad in ["page_size=x", "page_token=rubbish", "page_size=99999999999999999999"] {
        assert_eq!(admin.get(&format!("/admin/identities?{asked}&{bad}")).await.status, 400, "{bad}");
    }
    for (path, status) in [
        ("/admin/identities/abc/sessions", 400),
        ("/admin/identities/abc", 404),
        ("/admin/sessions/abc?expand=nope", 400),
        ("/admin/sessions/whoami?x=1", 307),
    ] {
        assert_eq!(admin.get(path).await.status, status, "{path}");
    }
}

/// Password hashes of other systems, as they stored them. The hashers crate tests the formats themselves.
#[tokio::test]
async fn imported_hash_is_replaced_at_next_login() {
    let bench = Bench::new().await;
    for (hash, secret) in [
        ("{SSHA}JFZFs0oHzxbMwkSJmYVeI8MnTDy/276a", "test123"),
        ("$md5$CY9rzUYh03PK3k6DJie09g==", "test"),
        ("$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw", "test"),
        ("$pbkdf2-sha256$i=1000,l=128$e8/arsEf4cvQihdNgqj0Nw$5xQQKNTyeTHx2Ld5/JDE7A", "123456"),
        ("$sha256-crypt$x.Zk3/9q$MXZ/57QYju/hBGYmCXbPpunwde6sy1ygSBsA/CtQdc5", "three-keys-on-a-ring"),
    ] {
        let email = format!("{}@example.org", unique("import"));
        let made = bench.create(json!({"email": email}), json!({"hashed_password": hash})).await;
        let app = bench.app();
        assert_eq!(app.post(&app.begin("").await, &password(&email, "wrong")).await.status, 400);
        assert!(stored_hash(&bench, &made).await.contains(hash), "a wrong password changes nothing");
        assert_eq!(app.post(&app.begin("").await, &password(&email, secret)).await.status, 200, "{hash}");
        let stored = stored_hash(&bench, &made).await;
        assert!(stored.contains("$argon2id$v=19$m=64,t=1,p=1$"), "{hash} became {stored}");
        assert!(!stored.contains(hash));
        assert_eq!(app.post(&app.begin("").await, &password(&email, secret)).await.status, 200, "{hash}, again");
    }
}

/// All items of an identity in the credentials table, guards included.
async fn stored_hash(bench: &Bench, identity: &Value) -> String {
    let id = identity["id"].as_str().expect("an id");
    let items = bench.proxy.items("credentials").await;
    items.iter().map(ToString::to_string).filter(|item| item.contains(id)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn unusable_hashes_are_refused() {
    let bench = Bench::new().await;
    let identity = bench.create(json!({"email": format!("{}@example.org", unique("h"))}), json!({})).await;
    let identity = format!("/admin/identities/{}", identity["id"].as_str().unwrap());
    let (unknown, unparsable, costly) = (
        "The imported password does not match any known hash format.",
        "The imported password hash could not be parsed.",
        "The imported password hash declares cost parameters that exceed the bounds enforced by Ory. Re-hash the password with a more conservative configuration before importing.",
    );
    for (hash, reason, hint) in [
        ("plain text", unknown, "begins with"),
        ("$pbkdf2-md5$i=1000,l=16$YWFhYQ$YWFhYWFhYWFhYWFhYWFhYQ", unknown, "\"md5\""),
        ("$2a$12$tooshort", unparsable, "shape"),
        ("$2a$16$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6", costly, "16"),
    ] {
        let credentials = json!({"password": {"config": {"hashed_password": hash}}});
        let create = json!({"schema_id": "user", "traits": {"email": format!("{}@example.org", unique("h"))}, "credentials": credentials});
        let patch = json!([{"op": "add", "path": "/credentials/password", "value": {"type": "password", "config": {"hashed_password": hash}}}]);
        let admin = bench.admin();
        for refused in
            [admin.post("/admin/identities", &create).await, admin.json(Method::PATCH, &identity, &patch).await]
        {
            let error = &refused.json()["error"];
            assert_eq!((refused.status, &error["reason"]), (400, &json!(reason)), "{hash}: {}", refused.body);
            assert!(error["details"]["hint"].as_str().is_some_and(|said| said.contains(hint)), "{}", refused.body);
        }
        let batch = json!({"identities": [{"create": create}]});
        let item = admin.json(Method::PATCH, "/admin/identities", &batch).await.json()["identities"][0].clone();
        assert_eq!((&item["action"], &item["error"]["reason"]), (&json!("error"), &json!(reason)), "{item}");
    }
    assert_eq!(bench.proxy.items("credentials").await.iter().filter(|c| c.to_string().contains("$2a$")).count(), 0);
}

#[tokio::test]
async fn public_api_does_not_serve_admin_paths() {
    let bench = Bench::new().await;
    let app = bench.app();
    for path in [
        "/admin/identities",
        "/identities",
        "/admin/sessions",
        "/admin/version",
        "//admin/identities",
        "/./admin/identities",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT] {
            let answer = app.json(method.clone(), path, &json!({})).await;
            assert!(
                answer.status == 404 || answer.status == 405 || answer.status == 403 || answer.status == 307,
                "{method} {path}: {} {}",
                answer.status,
                answer.body
            );
            assert!(!answer.body.contains("traits"));
        }
    }
}
