//! Malformed requests: the error format and the right status, no write, no loss, and no panic.

use crate::support::{Answer, Bench, PASSWORD, password, unique};
use http::Method;
use proptest::prelude::*;
use serde_json::json;

/// One of our errors: a status and a body that names it, or a form with a message.
fn in_the_envelope(answer: &Answer, what: &str) {
    assert_ne!(answer.status, 500, "{what}: {}", answer.body);
    if (200..400).contains(&answer.status) {
        return;
    }
    let body = answer.json();
    let code = body["error"]["code"].as_u64();
    assert!(
        code == Some(u64::from(answer.status)) || body["ui"]["action"].is_string(),
        "{what}: {} {}",
        answer.status,
        answer.body
    );
}

#[tokio::test]
async fn malformed_bodies_are_400() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    let path = app.begin("").await;
    let huge = format!("{{\"method\":\"password\",\"identifier\":\"{}\"}}", "x".repeat(70_000));
    bench.proxy.calls();
    for (content_type, body, status) in [
        (Some("application/json"), "{", 400),
        (Some("application/json"), "[]", 400),
        (Some("application/json"), "\"text\"", 400),
        (Some("application/json"), "{\"method\": 1}", 400),
        (Some("application/json"), "{\"method\":\"password\",\"identifier\":[\"a\"],\"password\":{}}", 400),
        (Some("application/json"), "\u{0}", 400),
        (Some("text/plain"), "method=password", 400),
        (Some("application/xml"), "<method/>", 400),
        (None, "method=password", 400),
        (Some("application/json"), huge.as_str(), 413),
        (Some("application/x-www-form-urlencoded"), huge.as_str(), 413),
    ] {
        let answer = app.send(Method::POST, &path, content_type, body.as_bytes().to_vec()).await;
        let shown = &body[..body.len().min(60)];
        assert_eq!(answer.status, status, "{content_type:?} {shown}: {}", answer.body);
        in_the_envelope(&answer, shown);
    }
    let invalid = app.send(Method::POST, &path, Some("application/json"), vec![0xff, 0xfe, b'{']).await;
    in_the_envelope(&invalid, "not UTF-8");
    let admin = bench
        .admin()
        .send(Method::POST, "/admin/identities", Some("application/json"), vec![b' '; 6 * 1024 * 1024])
        .await;
    assert_eq!(admin.status, 413, "{}", admin.body);
    // The flow is still usable afterwards.
    assert_eq!(app.post(&path, &password(&email, PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn head_has_the_headers_of_get() {
    let served = crate::support::Served::start(crate::support::CONFIG, None).await;
    for (base, path) in [
        (&served.public, "/health/alive"),
        (&served.public, "/sessions/whoami"),
        (&served.public, "/schemas"),
        (&served.public, "/self-service/login/flows?id=none"),
        (&served.public, "/self-service/login/browser?return_to=https://elsewhere.example"),
        (&served.public, "/nothing"),
        (&served.admin, "/admin/identities"),
    ] {
        let url = url::Url::parse(&format!("{base}{path}")).expect("a URL");
        let http = latchkey::cli::api::Http::for_url(&url).expect("a client");
        let ask = async |method| {
            http.send(method, &url, http::HeaderMap::new(), Default::default()).await.expect("an answer")
        };
        let (got, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
        assert_eq!((head.status, head.body.len()), (got.status, 0), "{path}");
        assert_eq!(head.header("content-length"), got.header("content-length"), "{path}");
        assert_eq!(got.header("content-length"), got.body.len().to_string(), "{path}");
    }
}

#[tokio::test]
async fn very_long_password_is_a_wrong_password() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    for length in [1025, 60_000] {
        let answer = app.post(&app.begin("").await, &password(&email, &"p".repeat(length))).await;
        assert_eq!((answer.status, answer.message_ids()), (400, vec![4_000_006]), "{length}");
    }
    // Refused even where it is the right one, by an imported hash.
    let email = format!("{}@example.org", unique("longer"));
    bench.create(json!({"email": email}), json!({"hashed_password": "$md5$jZSZVZ01ujk2l0PoBgQ08A=="})).await;
    let answer = app.post(&app.begin("").await, &password(&email, &"p".repeat(1025))).await;
    assert_eq!((answer.status, answer.message_ids()), (400, vec![4_000_006]));
    // The longest password that is compared.
    let long = "ä".repeat(1024);
    let email = format!("{}@example.org", unique("long"));
    bench.create(json!({"email": email}), json!({"password": long})).await;
    assert_eq!(app.post(&app.begin("").await, &password(&email, &long)).await.status, 200);
    assert_eq!(app.post(&app.begin("").await, &password(&email, &format!("{long}a"))).await.status, 400);
}

/// A key of the store holds 2,048 bytes, a body more than that.
#[tokio::test]
async fn very_long_identifier_is_an_unknown_identifier() {
    let bench = Bench::new().await;
    let app = bench.app();
    for identifier in ["a".repeat(2100), "é".repeat(1500), "a".repeat(60_000)] {
        let answer = app.post(&app.begin("").await, &password(&identifier, "x")).await;
        assert_eq!((answer.status, answer.message_ids()), (400, vec![4_000_006]), "{}", identifier.len());
    }
    // As many characters as are normalised, and more bytes than fit into a key.
    let name = format!("{}{}", unique("Long"), "É".repeat(900));
    let body = json!({"schema_id": "contacts", "traits": {"username": name}, "credentials": {"password": {"config": {"password": PASSWORD}}}});
    let admin = bench.admin();
    assert_eq!(admin.post("/admin/identities", &body).await.status, 201);
    assert_eq!(admin.post("/admin/identities", &body).await.status, 409, "it is unique like any other");
    app.sign_in(&name.to_uppercase()).await;
    let body = json!({"schema_id": "contacts", "traits": {"username": "big"}, "metadata_public": "x".repeat(400_000)});
    let big = admin.post("/admin/identities", &body).await;
    assert_eq!(big.status, 400, "{}", big.body);
}

/// Values that no identity can have are neither stored nor sent back, and cause no 5xx.
#[tokio::test]
async fn too_long_values_are_not_stored() {
    let bench = Bench::new().await;
    let app = bench.app();
    let long = format!("{}@example.org", "long".repeat(15_000));
    for body in [
        password(&long, "x"),
        json!({"method": "password", "identifier": long}),
        json!({"method": "password", "password_identifier": long, "password": "x"}),
        json!({"method": "nothing", "identifier": long}),
    ] {
        let answer = app.post(&app.begin("").await, &body).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(!answer.body.contains("longlong"), "{} bytes", answer.body.len());
        let refused = app.with("origin", "https://evil.example").post(&app.begin("").await, &body).await;
        assert!(refused.status == 400 && !refused.body.contains("longlong"), "{} bytes", refused.body.len());
    }
    let query = "long".repeat(2000);
    for path in [
        "/self-service/login/api?x=",
        "/self-service/login/browser?return_to=https://app.example.org/",
        "/self-service/login/browser?x=",
        "/self-service/logout?return_to=",
        "/sessions/whoami?x=",
        "/nothing?x=",
        "/schemas/",
    ] {
        for accept in ["application/json", "text/html"] {
            let answer = app.with("accept", accept).get(&format!("{path}{query}")).await;
            assert_eq!(answer.status, 414, "{path}: {}", answer.body);
            in_the_envelope(&answer, path);
            assert!(!format!("{} {:?}", answer.body, answer.headers).contains("longlong"), "{path}");
        }
    }
    // A value that fits is quoted in part.
    let query = "long".repeat(900);
    for path in [
        format!("/self-service/login/api?return_to=https://evil.example/{query}"),
        format!("/self-service/login/api?return_to=http://[{query}"),
        format!("/self-service/login/api?aal={query}"),
        format!("/self-service/login/api?identity_schema={query}"),
        format!("/schemas/{query}"),
    ] {
        let answer = app.with("x-request-id", &query).get(&path).await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.body);
        assert!(answer.body.len() < 1500, "{path}: {} bytes", answer.body.len());
    }
    let odd = format!("text/{query}");
    let typed = app.send(Method::POST, &app.begin("").await, Some(&odd), b"x".to_vec()).await;
    assert!(typed.status == 400 && typed.body.len() < 4000, "{} bytes", typed.body.len());
    let kept = serde_json::to_string(&bench.proxy.items("flows").await).unwrap();
    assert!(!kept.contains(&"long".repeat(100)), "what is kept is bounded");
    for challenge in ["?login_challenge=x", "?login_challenge="] {
        let refused = app.get(&format!("/self-service/login/api{challenge}")).await;
        assert_eq!((refused.status, &refused.json()["error"]["id"]), (400, &json!("invalid_configuration")));
        let page = app.with("accept", "text/html").get(&format!("/self-service/login/browser{challenge}")).await;
        assert_eq!(page.status, 303);
        assert_eq!(bench.logged(&page)["errors"], 0, "no alarm is raised");
    }
}

/// Redirects keep the query and the verb, and lead to no other host.
#[tokio::test]
async fn unclean_path_redirects_to_clean_path() {
    let bench = Bench::new().await;
    let (app, admin) = (bench.app(), bench.admin());
    let flow = app.begin("").await;
    for (client, method, path, clean) in [
        (&app, Method::GET, "//sessions/whoami", "/sessions/whoami"),
        (&app, Method::GET, "/sessions//whoami", "/sessions/whoami"),
        (&app, Method::GET, "/./sessions/x/../whoami", "/sessions/whoami"),
        (
            &app,
            Method::GET,
            "//self-service/login/api?refresh=true&a=%2F",
            "/self-service/login/api?refresh=true&a=%2F",
        ),
        (&app, Method::HEAD, "//health/alive", "/health/alive"),
        (&app, Method::POST, &format!("/{flow}"), flow.as_str()),
        (&app, Method::DELETE, "//self-service/logout/api", "/self-service/logout/api"),
        (&app, Method::GET, "//evil.example/%2e%2e//a%20b", "/a%20b"),
        (&app, Method::GET, "//%5Cevil.example", "/%5Cevil.example"),
        (&app, Method::GET, "//admin/identities", "/admin/identities"),
        (&admin, Method::GET, "//admin/identities?page_size=1", "/admin/identities?page_size=1"),
        (&admin, Method::DELETE, "/admin//identities/x", "/admin/identities/x"),
        (&admin, Method::GET, "/schemas/..", "/"),
    ] {
        let answer = client.send(method.clone(), path, None, Vec::new()).await;
        assert_eq!((answer.status, answer.location()), (307, clean), "{method} {path}: {}", answer.body);
        assert!(answer.set_cookie("").is_none(), "{path}: an app would bring the cookie along");
    }
    // A client that follows the redirect gets the resource.
    let email = bench.identity().await;
    let led = app.post(&format!("/{flow}"), &password(&email, PASSWORD)).await;
    assert_eq!(app.post(led.location(), &password(&email, PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn unknown_flow_is_404() {
    let bench = Bench::new().await;
    let app = bench.app();
    for id in
        ["", "nope", "00000000-0000-0000-0000-000000000000", "%00", "%F0%9F%92%A9", "../../etc", "1%27%20OR%201=1"]
    {
        for answer in [
            app.get(&format!("/self-service/login/flows?id={id}")).await,
            app.post(&format!("/self-service/login?flow={id}"), &password("a", "b")).await,
        ] {
            assert!((400..500).contains(&answer.status), "{id}: {} {}", answer.status, answer.body);
            in_the_envelope(&answer, id);
        }
    }
    assert!(bench.proxy.items("accounts").await.is_empty());
}

#[tokio::test]
async fn forwarding_headers_change_no_url() {
    let bench = Bench::new().await;
    let mut plain = bench.app();
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-port", "1"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("host", "evil.example"),
        ("x-http-method-override", "DELETE"),
    ] {
        plain = plain.with(name, value);
    }
    for path in ["/self-service/login/api", "/self-service/login/browser", "/schemas", "/sessions/whoami"] {
        let answer = plain.get(path).await;
        assert!(!answer.body.contains("evil.example") && !answer.body.contains("gopher"), "{path}: {}", answer.body);
        assert!(!answer.headers.iter().any(|(_, value)| value.to_str().is_ok_and(|v| v.contains("evil"))), "{path}");
    }
    let html = plain.with("accept", "text/html").get("/self-service/login/browser").await;
    assert!(html.location().starts_with("https://app.example.org/login?flow="), "{}", html.location());
}

/// Targets that `return_to` must refuse: spellings of another host that have worked somewhere.
const ELSEWHERE: &[&str] = &[
    "https://evil.example",
    "https://evil.example/https://app.example.org",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:\\\\evil.example",
    "https:/evil.example",
    "%2f//evil.example",
    "%2f%2fevil.example",
    "https:evil.example",
    "https://app.example.org@evil.example",
    "https://app.example.org:pw@evil.example/",
    "https://user@app.example.org",
    "https://app.example.org.evil.example",
    "https://app.example.orgevil.example",
    "https://evil.example#app.example.org",
    "https://evil.example?app.example.org",
    "https://evil.example\\@app.example.org",
    "https://app.example.org\\.evil.example",
    "https://app.example.org%00.evil.example",
    "https://app.example.org%2eevil.example",
    "https://аpp.example.org",
    "https://app。example。org.evil.example",
    "https://APP.EXAMPLE.ORG.evil.example",
    "https://app.example.org:444",
    "http://app.example.org",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "javascript://app.example.org/%0aalert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "ftp://app.example.org",
    "https://app.example.org/\r\nset-cookie:x=1",
    "https://app.example.org/%0d%0aset-cookie:x=1\n",
    "\thttps://evil.example",
    " https://evil.example",
    "ht\ttps://evil.example",
    "https://www.example.org/other",
    "https://www.example.org/path/../other",
    "https://www.example.org/path/%2e%2e/other",
    "exp://example.org/Other",
];

#[tokio::test]
async fn return_to_outside_the_list_is_refused() {
    let bench = Bench::new().await;
    for target in ELSEWHERE {
        let encoded = percent_encoding::utf8_percent_encode(target, percent_encoding::NON_ALPHANUMERIC);
        let page = bench
            .app()
            .with("accept", "text/html")
            .get(&format!("/self-service/login/browser?return_to={encoded}"))
            .await;
        assert_eq!(page.status, 303, "{target}");
        assert!(
            page.location().starts_with("https://app.example.org/error?id="),
            "{target} leads to {}",
            page.location()
        );
        let spa = bench.app().get(&format!("/self-service/login/browser?return_to={encoded}")).await;
        assert_eq!(spa.status, 400, "{target}: {}", spa.body);
    }
}

/// Characters of generated URLs.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[/\\\\.:@?#%a-z0-9]{0,40}",
        prop::sample::select(ELSEWHERE).prop_map(str::to_owned),
        (prop::sample::select(ELSEWHERE), "\\PC{0,6}").prop_map(|(at, more)| format!("{at}{more}")),
        (prop::sample::select(ELSEWHERE), "[\\\\/@.:%?#]{0,3}").prop_map(|(at, more)| format!("{more}{at}")),
    ]
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_return_to_stays_on_the_list(targets in prop::collection::vec(text(), 60)) {
        run(async {
            let bench = Bench::new().await;
            for target in targets {
                let encoded = percent_encoding::utf8_percent_encode(&target, percent_encoding::NON_ALPHANUMERIC);
                let path = format!("/self-service/login/browser?return_to={encoded}");
                let page = bench.app().with("accept", "text/html").get(&path).await;
                let leads = url_host(page.location());
                assert!(leads == "app.example.org", "{target:?} leads to {}", page.location());
                let flow = bench.app().get(&path).await;
                if flow.status == 200 {
                    let accepted = flow.json()["return_to"].as_str().unwrap_or("/").to_owned();
                    let host = url_host(&accepted);
                    assert!(["app.example.org", "www.example.org", "login.example.org", "example.org"].contains(&host.as_str()), "{target:?} was taken as {accepted:?}");
                }
            }
        });
    }

    #[test]
    fn any_request_is_answered(
        requests in prop::collection::vec(("[A-Z]{1,7}", "(/[a-z{}.%0-9-]{0,12}){0,5}", "[ -~]{0,30}", "\\PC{0,60}", 0..6_usize), 60)
    ) {
        run(async {
            let bench = Bench::new().await;
            let paths = ["/self-service/login", "/self-service/login/flows", "/sessions/whoami", "/self-service/logout", "/self-service/errors"];
            for (method, path, header, body, which) in requests {
                let path = paths.get(which).map_or(path.as_str(), |path| path);
                let path = if path.is_empty() { "/" } else { path };
                let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
                let query = percent_encoding::utf8_percent_encode(&body, percent_encoding::NON_ALPHANUMERIC);
                let client = bench.app().with("cookie", &header).with("authorization", &header).with("x-session-token", &header).with("accept", &header).with("origin", &header);
                for admin in [false, true] {
                    let client = if admin { bench.admin().with("cookie", &header) } else { client.clone() };
                    let Ok(uri) = format!("{path}?flow={query}&id={query}&{query}").parse::<http::Uri>() else { continue };
                    for content_type in ["application/json", "application/x-www-form-urlencoded", &header] {
                        let answer = client.send(method.clone(), &uri.to_string(), Some(content_type), body.clone().into_bytes()).await;
                        assert!(answer.status != 500 || answer.body.contains("\"error\""), "{method} {uri}: {}", answer.body);
                        assert!(answer.status < 500, "{method} {uri}: {} {}", answer.status, answer.body);
                    }
                }
            }
        });
    }
}

/// The host to which a browser on the app's page would go.
fn url_host(target: &str) -> String {
    let base = url::Url::parse("https://app.example.org/welcome").expect("a URL");
    let leads = base.join(target).unwrap_or_else(|e| panic!("{target:?}: {e}"));
    leads.host_str().unwrap_or_default().to_owned()
}
