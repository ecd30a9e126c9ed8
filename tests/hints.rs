//! Hints for developers in development mode, and that there are none elsewhere.

use crate::events::binaries;
use crate::support::{Answer, Bench, CONFIG, Client, Served, get_with, password};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;

/// A stack on a developer's machine, with the developer's page on another port.
const LAPTOP: &str = r#"
serve: {public: {base_url: "http://127.0.0.1:4433/"}, admin: {base_url: "http://127.0.0.1:4434/"}}
selfservice:
  default_browser_return_url: http://127.0.0.1:3000/
  allowed_return_urls: ["http://127.0.0.1:3000"]
  flows: {login: {ui_url: "http://127.0.0.1:3000/login"}, error: {ui_url: "http://127.0.0.1:3000/error"}}
secrets: {cookie: [test-key-test-key-test-key]}
hashers: {algorithm: argon2, argon2: {memory: 64KB, iterations: 1}}
identity: {default_schema_id: user, schemas: [{id: user, url: "file://user.json"}]}
"#;
const CORS: &str = "{public: {cors: {enabled: true, allowed_origins: [\"http://127.0.0.1:3000\"]}, ";
const API: &str = "127.0.0.1:4433";

/// A script of a page, with the headers of its browser.
fn script<'b>(bench: &'b Bench, page: &str, host: &str) -> Client<'b> {
    let client = bench.app().with("host", host).with("sec-fetch-mode", "cors").with("sec-fetch-site", "cross-site");
    client.with("origin", page).with("referer", &format!("{page}/"))
}

/// The hint of an error.
fn hint(answer: &Answer) -> String {
    answer.json()["error"]["debug"].as_str().unwrap_or_default().to_owned()
}

/// Gets a flow of another browser, without that browser's cookie.
async fn without_cookie(bench: &Bench, client: &Client<'_>) -> Answer {
    let flow = bench.browser().begin("").await;
    let answer = client.get(&format!("/self-service/login/flows?id={}", flow["id"].as_str().unwrap())).await;
    assert_eq!((answer.status, answer.json()["error"]["id"].as_str()), (403, Some("security_csrf_violation")));
    answer
}

fn says(hint: &str, parts: &[&str]) {
    for part in parts {
        assert!(hint.contains(part), "{part:?} is not in {hint:?}");
    }
}

#[tokio::test]
async fn localhost_is_not_127_0_0_1() {
    let bench = Bench::dev(&LAPTOP.replace("{public: {", CORS)).await;
    // The API called by its other name; a page opened by its other name, reading or sending a form; and a page's own server.
    let asked = without_cookie(&bench, &bench.app().with("host", "localhost:4433")).await;
    says(
        &hint(&asked),
        &[
            "sent to localhost:4433",
            "serve.public.base_url is http://127.0.0.1:4433/",
            "Ask http://127.0.0.1:4433/ instead",
        ],
    );
    let page = without_cookie(&bench, &script(&bench, "http://localhost:3000", API)).await;
    says(
        &hint(&page),
        &[
            "The page is at http://localhost:3000",
            "two sites",
            "Open the page by the host name 127.0.0.1",
            "serve.public.base_url",
        ],
    );
    let flow = bench.browser().begin("").await;
    let form = bench.app().with("host", API).with("sec-fetch-mode", "navigate").with("origin", "http://localhost:3000");
    let sent = form.post(&crate::support::action(&flow), &password("a", "b")).await;
    assert_eq!(sent.status, 403, "{}", sent.body);
    says(&hint(&sent), &["The page is at http://localhost:3000"]);
    let other = Bench::dev(&LAPTOP.replace("127.0.0.1:3000", "localhost:3000")).await;
    let server = without_cookie(&other, &other.app().with("host", API)).await;
    says(
        &hint(&server),
        &["selfservice.flows.login.ui_url is http://localhost:3000/login", "Name both by the same one"],
    );
    // A browser that does not send its session cookie looks signed out.
    let signed_out = script(&bench, "http://localhost:3000", API).get("/sessions/whoami").await;
    assert_eq!(signed_out.status, 401);
    says(&hint(&signed_out), &["The page is at http://localhost:3000"]);
    // No hint where all names agree, where a native app has no session, or where the cookie was sent and does not fit.
    assert_eq!(hint(&without_cookie(&bench, &script(&bench, "http://127.0.0.1:3000", API)).await), "");
    assert_eq!(hint(&bench.app().with("host", "localhost:4433").get("/sessions/whoami").await), "");
    let mut browser = bench.browser();
    browser.begin("").await;
    let foreign = bench.browser().begin("").await;
    let foreign = browser.get(&format!("/self-service/login/flows?id={}", foreign["id"].as_str().unwrap())).await;
    assert_eq!((foreign.status, hint(&foreign)), (403, String::new()));
}

#[tokio::test]
async fn unlisted_origin_is_named() {
    let origin = "http://127.0.0.1:5173";
    for (config, told, logged) in [
        (LAPTOP.to_owned(), &["serve.public.cors.enabled is false"][..], "serve.public.cors.enabled is false"),
        (
            LAPTOP.replace("{public: {", CORS),
            &["serve.public.cors.allowed_origins has http://127.0.0.1:3000", "Add http://127.0.0.1:5173"][..],
            "not on serve.public.cors.allowed_origins",
        ),
        (
            LAPTOP.replace("{public: {", &CORS.replace("http://127.0.0.1:3000", "*")),
            &["serve.public.cors.allowed_origins is *", "Name http://127.0.0.1:5173"][..],
            "serve.public.cors.allowed_origins is *",
        ),
    ] {
        let bench = Bench::dev(&config).await;
        let client = script(&bench, origin, API);
        for answer in [without_cookie(&bench, &client).await, client.get("/sessions/whoami").await] {
            says(&hint(&answer), told);
        }
        // An answer without an error has its hint in the stack's log, which does not quote the request either.
        let begun = client.get("/self-service/login/browser").await;
        assert_eq!(begun.status, 200);
        let asked = client.with("access-control-request-method", "POST");
        let asked = asked.send(Method::OPTIONS, "/self-service/login", None, Vec::new()).await;
        for answer in [begun, asked] {
            let line = bench.logged(&answer).to_string();
            assert!(line.contains(logged) && !line.contains(origin), "{line}");
        }
        // Listed pages, forms, links and apps cause no hint.
        let fine = [
            script(&bench, "http://127.0.0.1:3000", API),
            client.with("sec-fetch-mode", "navigate"),
            script(&bench, "http://127.0.0.1:4433", API),
            script(&bench, "http://localhost:4433", "localhost:4433"),
            bench.app(),
        ];
        let listed = usize::from(!config.contains("[\"http://127.0.0.1:3000\"]}, base_url"));
        for client in &fine[listed..] {
            let answer = client.get("/self-service/login/browser").await;
            assert!(!bench.logged(&answer).to_string().contains("cors"), "{}", bench.logged(&answer));
        }
    }
}

#[tokio::test]
async fn unlisted_return_to_is_named_with_list() {
    let bench = Bench::dev(LAPTOP).await;
    let path = "/self-service/login/browser?return_to=http://localhost:3000/welcome";
    let parts = [
        "return_to is \"http://localhost:3000/welcome\"",
        "selfservice.allowed_return_urls has http://127.0.0.1:3000",
        "http://127.0.0.1:4433/self-service",
    ];
    let answer = bench.app().with("host", API).get(path).await;
    assert_eq!(
        (answer.status, answer.json()["error"]["id"].as_str()),
        (400, Some("self_service_flow_return_to_forbidden"))
    );
    says(&hint(&answer), &parts);
    // A browser is redirected to a page, which finds the hint with the error.
    let sent = bench.app().with("accept", "text/html").with("host", API).get(path).await;
    let id = sent.location().split("id=").nth(1).unwrap().to_owned();
    let stored = bench.app().get(&format!("/self-service/errors?id={id}")).await;
    assert!(!sent.body.contains("localhost"), "{}", sent.body);
    says(&hint(&stored), &parts);
    let none =
        Bench::dev(&LAPTOP.replace("allowed_return_urls: [\"http://127.0.0.1:3000\"]", "allowed_return_urls: []"))
            .await;
    let answer =
        none.app().get(&format!("/self-service/login/browser?return_to=https://{}.example", "x".repeat(900))).await;
    says(&hint(&answer), &["xxx…", "selfservice.allowed_return_urls"]);
    assert!(hint(&answer).len() < 900, "{}", hint(&answer));
}

#[tokio::test]
async fn domains_without_shared_cookie_are_named() {
    let config = |ui: &str, more: &str| {
        format!(
            "{more}\n{}",
            LAPTOP.replace("http://127.0.0.1:4433", "https://login.acme.example").replace("http://127.0.0.1:3000", ui)
        )
    };
    let host = "login.acme.example";
    for (ui, more, told) in [
        (
            "https://app.other.example",
            "",
            &["ui_url is https://app.other.example/login", "two sites", "cookies.domain"][..],
        ),
        (
            "https://app.acme.example",
            "",
            &["ui_url is https://app.acme.example/login", "Set cookies.domain to the domain that both are below"][..],
        ),
        (
            "https://app.acme.example",
            "cookies: {domain: acme.test}",
            &["cookies.domain is acme.test", "browsers refuse such a cookie"][..],
        ),
        ("https://app.acme.example", "cookies: {domain: acme.example}", &[][..]),
        ("https://login.acme.example", "", &[][..]),
    ] {
        let bench = Bench::dev(&config(ui, more)).await;
        let hint = hint(&without_cookie(&bench, &bench.app().with("host", host)).await);
        says(&hint, told);
        assert_eq!(hint.is_empty(), told.is_empty(), "{ui} {more}: {hint}");
    }
    // A script on a page of another site: its cookies would have to be SameSite=None.
    let bench = Bench::dev(&config("https://app.other.example", "")).await;
    let answer = without_cookie(&bench, &script(&bench, "https://app.other.example", host)).await;
    says(
        &hint(&answer),
        &[
            "https://app.other.example, another site",
            "SameSite=Lax",
            "set cookies.same_site to None",
            "serve.public.cors.enabled",
        ],
    );
    let secure = "cookies: {same_site: None, secure: true}\nsession: {cookie: {same_site: Strict}}";
    let bench = Bench::dev(&config("https://app.other.example", secure)).await;
    let client = script(&bench, "https://app.other.example", host);
    assert!(!hint(&without_cookie(&bench, &client).await).contains("SameSite"));
    says(
        &hint(&client.get("/sessions/whoami").await),
        &["SameSite=Strict", "session.cookie.same_site or cookies.same_site"],
    );
    let bench = Bench::dev(&format!("cookies: {{secure: true}}\n{}", LAPTOP.replace("127.0.0.1", "login.test"))).await;
    says(
        &hint(&without_cookie(&bench, &bench.app().with("host", "login.test:4433")).await),
        &["cookies.secure is true"],
    );
}

/// The same requests, with and without development mode: except for the hint every byte is equal.
#[tokio::test]
async fn deployment_gets_no_hints() {
    // A file cannot turn it on.
    let plain = Bench::with(&format!("dev: true\n{CONFIG}")).await;
    let dev = Bench::dev(CONFIG).await;
    let mut hinted = 0;
    for path in [
        "/self-service/login/browser?return_to=https://elsewhere.example",
        "/self-service/login/flows?id=nonsense",
        "/self-service/logout/browser",
        "/sessions/whoami",
        "/sessions",
        "/self-service/login/browser?aal=aal2",
    ] {
        let ask = async |bench: &Bench| script(bench, "http://localhost:3000", "localhost").get(path).await;
        let (without, mut with) = (ask(&plain).await, ask(&dev).await);
        let debug: Value = with.json()["error"]["debug"].clone();
        hinted += usize::from(debug.is_string());
        with.body = with.body.replace(&format!("\"debug\":{debug},"), "");
        assert_eq!((without.status, &without.body), (with.status, &with.body), "{path}");
        assert!(without.json()["error"].get("debug").is_none());
        assert!(plain.logged(&without).get("notes").is_none(), "{}", plain.logged(&without));
        for header in without.headers.keys().filter(|name| !["set-cookie", "apigw-requestid"].contains(&name.as_str()))
        {
            assert_eq!(without.headers.get(header), with.headers.get(header), "{path} {header}");
        }
    }
    assert!(hinted >= 5, "{hinted}");
    let answer = without_cookie(&plain, &script(&plain, "http://localhost:3000", "localhost")).await;
    assert!(answer.json()["error"].get("debug").is_none(), "{}", answer.body);
}

/// The local stack sets the variable that turns development mode on, for functions in its process and in their own. The template
/// never sets it.
#[tokio::test]
async fn development_mode_reaches_only_local_functions() {
    for processes in [None, Some(binaries())] {
        for dev in [true, false] {
            let served = Served::start_in(LAPTOP, processes.clone(), dev).await;
            let headers = HeaderMap::from_iter([
                (http::header::ACCEPT, HeaderValue::from_static("application/json")),
                (http::header::ORIGIN, HeaderValue::from_static("http://localhost:3000")),
            ]);
            for path in ["/sessions/whoami", "/self-service/login/browser?return_to=https://elsewhere.example"] {
                let answer = get_with(&format!("{}{path}", served.public), headers.clone()).await;
                let debug = answer.json()["error"]["debug"].as_str().map(str::to_owned);
                assert_eq!(debug.is_some(), dev, "{path} {debug:?}");
            }
        }
    }
    assert!(!include_str!("../template.yaml").contains("LATCHKEY_DEV"));
    assert!(!include_str!("../samconfig.toml").contains("LATCHKEY_DEV"));
}
