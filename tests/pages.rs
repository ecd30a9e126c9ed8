//! The login pages at the wire: against this stack's API, and against an API whose answers a test chooses.

use crate::code::{reader, readers};
use crate::support::{Answer, Bench, Browser, PASSWORD, action, eventually, unique};
use axum::Router;
use axum::response::IntoResponse as _;
use flate2::{Compression, write::GzEncoder};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::io::Write as _;

/// A deployment with its own pages, and an application elsewhere.
const CONFIG: &str = r#"
serve: {public: {base_url: "https://login.example.org/"}, admin: {base_url: "https://admin.example.org/"}}
selfservice:
  allowed_return_urls: ["https://app.example.org/x", "https://*.apps.example.org", "exp://example.org/Callback"]
  flows: {login: {lifespan: 10m}}
secrets: {cookie: [test-key-test-key-test-key]}
hashers: {algorithm: argon2, argon2: {memory: 64KB, iterations: 1}}
identity:
  default_schema_id: user
  schemas: [{id: user, url: "file://user.json"}, {id: contacts, url: "file://contacts.json", selfservice_selectable: true}]
pages: {base_url: "https://login.example.org", name: "Acme & Sons", terms_url: "https://acme.example/terms?a=1&b=2", privacy_url: "https://acme.example/privacy"}
"#;

const FLOW: &str = "11111111-1111-4111-8111-111111111111";
/// Markup that must come out as text.
const MARKUP: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;";

/// An API that answers every request with the result of `answer` for its path and query.
async fn api(answer: impl Fn(&str) -> (u16, Value) + Clone + Send + Sync + 'static) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = Router::new().fallback(move |request: http::Request<axum::body::Body>| {
        let (status, body) = answer(request.uri().path_and_query().map_or("/", |p| p.as_str()));
        async move { (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response() }
    });
    tokio::spawn(async move { axum::serve(listener, service).await });
    format!("http://{address}")
}

/// A flow with these nodes and messages.
fn flow(nodes: Value, messages: Value) -> Value {
    json!({
        "id": FLOW, "type": "browser", "state": "choose_method", "refresh": false, "requested_aal": "aal1",
        "request_url": "https://login.example.org/self-service/login/browser",
        "ui": {"action": format!("https://login.example.org/self-service/login?flow={FLOW}"), "method": "POST", "nodes": nodes, "messages": messages},
    })
}

fn input(name: &str, kind: &str, more: Value) -> Value {
    let mut attributes = json!({"name": name, "type": kind, "disabled": false, "node_type": "input"});
    for (key, value) in more.as_object().into_iter().flatten() {
        attributes[key] = value.clone();
    }
    json!({"type": "input", "group": "default", "attributes": attributes, "messages": [], "meta": {"label": {"id": 0, "text": format!("Label of {name}"), "type": "info"}}})
}

fn in_group(mut node: Value, group: &str) -> Value {
    node["group"] = json!(group);
    node
}

/// The login page of a generated flow.
async fn drawn(flow: Value) -> Answer {
    drawn_in(flow, "en").await
}

async fn drawn_in(flow: Value, language: &str) -> Answer {
    let url = api(move |_| (200, flow.clone())).await;
    let bench = Bench::with_api(CONFIG, &url).await;
    let mut browser = bench.browser().html();
    let page = browser.visit_with(&format!("/login?flow={FLOW}"), &[("accept-language", language)]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    page
}

/// The first tag of the page that contains this.
fn tag<'p>(page: &'p str, part: &str) -> &'p str {
    let at = page.find(part).unwrap_or_else(|| panic!("{part} is not in {page}"));
    let start = page[..at + part.len()].rfind('<').expect("a tag");
    &page[start..=start + page[start..].find('>').expect("its end")]
}

/// Opens the login page of a new flow.
async fn open(browser: &mut Browser<'_>, query: &str) -> Answer {
    let begun = browser.with_html(&format!("/self-service/login/browser{query}")).await;
    assert_eq!(begun.status, 303, "{}", begun.body);
    browser.visit(begun.location()).await
}

#[tokio::test]
async fn user_signs_in_and_out_on_pages() {
    let bench = Bench::with_pages(CONFIG).await;
    let email = bench.identity().await;
    let mut browser = bench.browser().html();
    // Without a session, the session page redirects to the login and names itself as the way back.
    let asked = browser.visit("/session").await;
    assert_eq!(asked.status, 303);
    assert!(
        asked.location().ends_with("browser?return_to=https%3A%2F%2Flogin.example.org%2Fsession"),
        "{}",
        asked.location()
    );
    let begun = browser.follow(&asked).await;
    assert!(begun.location().starts_with("https://login.example.org/login?flow="), "{}", begun.location());
    let page = browser.visit(begun.location()).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<title>Sign in · Acme &amp; Sons</title>"), "{}", page.body);
    let form = form(&page.body);
    let wrong = [("identifier", email.as_str()), ("password", "wrong")];
    let refused = browser.form(&form.action, &[&form.fields()[..], &wrong].concat()).await;
    assert_eq!(refused.status, 303);
    let page = browser.visit(refused.location()).await.body;
    assert!(page.contains("These details are incorrect.") && page.contains(r#"role="alert""#), "{page}");
    assert!(tag(&page, "name=\"password\"").contains("autofocus"), "the field to mend has the focus");
    assert!(tag(&page, "name=\"identifier\"").contains("inputmode=\"email\""), "{page}");
    assert!(page.contains(&format!("value=\"{email}\"")), "{page}");
    let form = self::form(&page);
    let right = [("identifier", email.as_str()), ("password", PASSWORD)];
    let done = browser.form(&form.action, &[&form.fields()[..], &right].concat()).await;
    assert_eq!((done.status, done.location()), (303, "https://login.example.org/session"));
    let page = browser.visit(done.location()).await;
    assert_eq!(page.status, 200);
    for text in [email.as_str(), "You are signed in", "Password", "One factor (AAL1)", "No other active sessions."] {
        assert!(page.body.contains(text), "{text} is not in {}", page.body);
    }
    // Details for support are folded away.
    let (plain, details) = page.body.split_once("<details>").unwrap();
    assert!(details.contains("One factor (AAL1)") && details.contains("Account ID"), "{details}");
    assert!(!plain.contains("AAL") && !plain.contains("Account ID"), "{plain}");
    assert!(
        page.body.contains("refresh=true&amp;return_to=https%3A%2F%2Flogin.example.org%2Fsession"),
        "{}",
        page.body
    );
    // The page of a refresh shows its identity.
    let refresh = open(&mut browser, "?refresh=true").await;
    assert!(refresh.body.contains("<h1>Confirm it’s you</h1>"), "{}", refresh.body);
    assert!(tag(&refresh.body, "name=\"identifier\"").contains("readonly"));
    let link = tag(&page.body, "/self-service/logout?")
        .split('"')
        .find(|part| part.contains("logout?"))
        .unwrap()
        .replace("&amp;", "&");
    let out = browser.with_html(link.strip_prefix("https://login.example.org").unwrap()).await;
    assert_eq!((out.status, out.location()), (303, "https://login.example.org/login?notice=signed_out"));
    let again = browser.visit(out.location()).await;
    let begun = browser.follow(&again).await;
    let page = browser.visit(begun.location()).await.body;
    assert!(page.contains("You have signed out.") && page.contains(r#"role="status""#), "{page}");
    assert_eq!(browser.visit("/session").await.status, 303);
}

/// Where codes are on, the API leaves the identifier of a refresh to the page.
#[tokio::test]
async fn refresh_page_names_its_identity() {
    let config = CONFIG.replace("selfservice:\n", "selfservice:\n  methods: {code: {passwordless_enabled: true}}\n");
    let bench = Bench::with_pages(&config).await;
    let email = bench.identity().await;
    let mut browser = bench.browser().html();
    let page = open(&mut browser, "").await.body;
    let form = form(&page);
    let right = [("identifier", email.as_str()), ("password", PASSWORD)];
    assert_eq!(browser.form(&form.action, &[&form.fields()[..], &right].concat()).await.status, 303);
    let page = open(&mut browser, "?refresh=true").await.body;
    assert!(tag(&page, "name=\"identifier\"").contains(&format!("value=\"{email}\"")), "{page}");
}

/// The labels and buttons that a user sees, from top to bottom.
fn controls(page: &str) -> Vec<String> {
    let part = r#"<label[^>]*>([^<]*)</label>|<button type="submit" class="primary"[^>]*>([^<]+)</button>|<button type="submit" name[^>]*>([^<]+)</button>"#;
    let part = regex_lite::Regex::new(part).unwrap();
    let found = part.captures_iter(page).filter_map(|found| (1..=3).find_map(|group| found.get(group)));
    found.map(|part| part.as_str().to_owned()).collect()
}

/// Submits the form of a page. Returns the next page.
async fn sent(browser: &mut Browser<'_>, page: &str, fields: &[(&str, &str)]) -> String {
    let form = form(page);
    let hidden = form.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let answer = browser.form(&form.action, &hidden.chain(fields.iter().copied()).collect::<Vec<_>>()).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    browser.visit(answer.location()).await.body
}

#[tokio::test]
async fn error_moves_and_renames_no_field() {
    let config = readers(CONFIG)
        .replace("selfservice:\n", "selfservice:\n  methods: {code: {passwordless_enabled: true}}\n")
        .replace("lifespan: 10m", "lifespan: 10m, style: identifier_first");
    let bench = Bench::with_pages(&config).await;
    let (email, mut browser) = (reader(&bench).await, bench.browser().html());
    let page = open(&mut browser, "").await.body;
    assert_eq!(controls(&page), ["ID", "Continue"]);
    let page = sent(&mut browser, &page, &[("method", "identifier_first"), ("identifier", &email)]).await;
    let choice = ["ID", "Password", "Sign in with password", "Send me a sign-in code"];
    assert_eq!(controls(&page), choice);
    let wrong = [("method", "password"), ("identifier", email.as_str()), ("password", "wrong")];
    let page = sent(&mut browser, &page, &wrong).await;
    assert!(page.contains("These details are incorrect."), "{page}");
    assert_eq!(controls(&page), choice);
    let page = sent(&mut browser, &page, &[("method", "code"), ("identifier", &email)]).await;
    assert!(page.contains("<h1>Enter your code</h1>") && page.contains("Sign in another way"), "{page}");
    let entry = ["ID", "Sign-in code", "Continue", "Resend code"];
    assert_eq!(controls(&page), entry);
    for code in ["000000", ""] {
        let page = sent(&mut browser, &page, &[("method", "code"), ("identifier", &email), ("code", code)]).await;
        assert!(page.contains("Error: "), "{page}");
        assert_eq!(controls(&page), entry, "{code:?}");
        assert!(page.contains(&email), "it says where the code went: {page}");
    }
}

struct Form {
    action: String,
    hidden: Vec<(String, String)>,
}

impl Form {
    fn fields(&self) -> Vec<(&str, &str)> {
        let hidden = self.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        hidden.chain([("method", "password")]).collect()
    }
}

/// The form of a page, as a browser submits it.
fn form(page: &str) -> Form {
    let value = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("{name} in {tag}"));
        rest.split('"').next().unwrap().replace("&amp;", "&")
    };
    let hidden = page.split('<').filter(|part| part.starts_with("input type=\"hidden\""));
    let url = value(tag(page, "<form"), "action");
    Form {
        action: action(&json!({"ui": {"action": url}})),
        hidden: hidden.map(|part| (value(part, "name"), value(part, "value"))).collect(),
    }
}

/// The page calls whoami for the browser, and whoami renews the cookie of a session that has been extended.
#[tokio::test]
async fn renewed_session_cookie_reaches_the_browser() {
    let bench = Bench::with_pages(CONFIG).await;
    let email = bench.identity().await;
    let mut browser = bench.browser();
    let signed_in = browser.sign_in(&email).await;
    let first = browser.session();
    let mut browser = browser.html();
    assert!(browser.visit("/session").await.set_cookie("ory_kratos_session").is_none(), "nothing to renew");
    let extend = format!("/admin/sessions/{}/extend", signed_in["session"]["id"].as_str().unwrap());
    // A cookie counts in whole seconds, so the new end must differ by a second.
    let page = eventually("a renewed cookie", async || {
        let extended = bench.admin().json(Method::PATCH, &extend, &json!({})).await;
        assert_eq!(extended.status, 200, "{}", extended.body);
        let page = browser.visit("/session").await;
        assert_eq!(page.status, 200);
        page.set_cookie("ory_kratos_session").is_some().then_some(page)
    })
    .await;
    let renewed = page.set_cookie("ory_kratos_session").unwrap();
    for attribute in ["Path=/", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age="] {
        assert!(renewed.contains(attribute), "{attribute} is not in {renewed}");
    }
    // The page forwards no other header of the API.
    assert_eq!(page.headers.get_all("set-cookie").iter().count(), 1, "{:?}", page.headers);
    assert_ne!(browser.session(), first);
    assert_eq!(browser.visit("/session").await.status, 200);
}

#[tokio::test]
async fn other_sessions_end_only_with_their_token() {
    let bench = Bench::with_pages(CONFIG).await;
    let email = bench.identity().await;
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    let other = bench.app().sign_in(&email).await;
    let alive = || async { bench.app().token(&other).get("/sessions/whoami").await.status };
    let mut browser = browser.html();
    let page = browser.visit("/session").await.body;
    assert!(page.contains("Sign out everywhere else"), "{page}");
    let token = form_token(&page);
    let here = [("sec-fetch-site", "same-origin")];
    // The token of another identity, none, a wrong one, another site, a body that is too large.
    let mut other_browser = bench.browser();
    other_browser.sign_in(&bench.identity().await).await;
    let foreign =
        other_browser.get("/self-service/logout/browser").await.json()["logout_token"].as_str().unwrap().to_owned();
    let long = "x".repeat(70_000);
    for (headers, value, status) in [
        (&here[..], foreign.as_str(), 403),
        (&here[..], "", 403),
        (&here[..], "ory_lo_x", 403),
        (&[("sec-fetch-site", "cross-site")][..], token.as_str(), 403),
        (&[("sec-fetch-site", "same-site")][..], token.as_str(), 403),
        (&here[..], long.as_str(), 413),
    ] {
        let refused = browser.send("/session/others", headers, &[("token", value)]).await;
        assert_eq!(refused.status, status, "{value:.20} {headers:?}");
        assert!(refused.body.contains("Nothing was changed") && !refused.body.contains("ory_lo_"), "{}", refused.body);
        assert_eq!(alive().await, 200);
    }
    let done = browser.send("/session/others", &here, &[("token", &token)]).await;
    assert_eq!((done.status, done.location()), (303, "https://login.example.org/session?notice=ended"));
    assert_eq!(alive().await, 401);
    let page = browser.visit(done.location()).await.body;
    assert!(
        page.contains("You have signed out of all other sessions.") && page.contains("No other active sessions."),
        "{page}"
    );
    // Older browsers do not send the origin of a request; then the token is enough. A signed-out client is redirected to the login.
    assert_eq!(browser.send("/session/others", &[], &[("token", &token)]).await.status, 303);
    let signed_out = bench.browser().html().send("/session/others", &here, &[("token", &token)]).await;
    assert!(signed_out.location().contains("/self-service/login/browser"), "{}", signed_out.location());
}

fn form_token(page: &str) -> String {
    let tag = tag(page, "name=\"token\"");
    tag.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn unusable_flow_is_replaced_with_a_reason() {
    let bench = Bench::with_pages(CONFIG).await;
    let mut browser = bench.browser().html();
    let begin = "https://login.example.org/self-service/login/browser";
    let location = |answer: Answer| {
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.location().to_owned()
    };
    // No flow at all, and the parameters that a link may set.
    assert_eq!(location(browser.visit("/login").await), begin);
    let parameters = "/login?return_to=https%3A%2F%2Fapp.example.org%2Fx&refresh=true&lang=de&evil=1&notice=evil";
    assert_eq!(
        location(browser.visit(parameters).await),
        format!("{begin}?lang=de&refresh=true&return_to=https%3A%2F%2Fapp.example.org%2Fx")
    );
    // No id, an unknown one, one of a native app, and one that a browser cannot send.
    for id in ["abc", FLOW, "..%2F..%2Fsessions", "%00", "%3Cscript%3E"] {
        assert_eq!(
            location(browser.visit(&format!("/login?flow={id}")).await),
            format!("{begin}?notice=expired"),
            "{id}"
        );
    }
    let native = bench.app().get("/self-service/login/api").await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(location(browser.visit(&format!("/login?flow={native}")).await), format!("{begin}?notice=foreign"));
    // An expired flow: the way back is kept.
    let page = open(&mut browser, "?return_to=https://app.example.org/x/y%3Fa%3Db").await;
    let id = form(&page.body).action.split("flow=").nth(1).unwrap().to_owned();
    bench.expire_flows();
    let expired = browser.visit(&format!("/login?flow={id}")).await;
    let begun = browser.follow(&expired).await;
    let page = browser.visit(begun.location()).await.body;
    assert!(page.contains("Your sign-in timed out."), "{page}");
    let flow =
        browser.get(&format!("/self-service/login/flows?id={}", begun.location().split("flow=").nth(1).unwrap())).await;
    assert_eq!(flow.json()["return_to"], "https://app.example.org/x/y?a=b");
    // The first notice is not repeated once the form has an error.
    let sent = form(&page);
    let wrong = browser
        .form(&sent.action, &[&sent.fields()[..], &[("identifier", "x@example.org"), ("password", "x")]].concat())
        .await;
    let page = browser.visit(wrong.location()).await.body;
    assert!(!page.contains("Your sign-in timed out.") && page.contains("These details are incorrect."), "{page}");
}

#[tokio::test]
async fn flow_of_another_browser_is_replaced_once() {
    let bench = Bench::with_pages(CONFIG).await;
    let mut owner = bench.browser().html();
    let page = open(&mut owner, "").await;
    let path = format!("/login?flow={}", form(&page.body).action.split("flow=").nth(1).unwrap());
    // Without any cookie: a page, not a redirect.
    let mut bare = bench.browser().html();
    let answer = bare.visit(&path).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("Please allow cookies") && answer.body.contains("Start over"), "{}", answer.body);
    assert!(!answer.body.contains("selfservice.flows"), "configuration is for developers");
    // With a cookie of its own: another flow; if that does not fit either, a page.
    let mut other = bench.browser().html();
    open(&mut other, "").await;
    let answer = other.visit(&path).await;
    assert_eq!(
        (answer.status, answer.location()),
        (303, "https://login.example.org/self-service/login/browser?notice=foreign")
    );
    let begun = other.follow(&answer).await;
    let page = other.visit(begun.location()).await.body;
    assert!(page.contains("belongs to another browser"), "{page}");
    assert_eq!(other.visit(&path).await.status, 403);
}

#[tokio::test]
async fn wrong_host_in_development_is_explained() {
    let url = api(|_| (403, json!({"error": {"id": "security_csrf_violation", "code": 403, "debug": MARKUP}}))).await;
    let bench = Bench::with_dev(CONFIG, &url).await;
    let visit = |host: &'static str| {
        let client = bench.app().pages().with("host", host).with("x-latchkey-host", "evil.example");
        async move { client.get(&format!("/login?flow={FLOW}")).await.body }
    };
    let page = visit("localhost:4455").await;
    assert!(page.contains("localhost:4455") && page.contains("the configuration names login.example.org"), "{page}");
    assert!(page.contains("selfservice.flows.login.ui_url") && !page.contains("evil.example"), "{page}");
    is_text("what the API tells a developer", &page);
    assert!(!visit("login.example.org").await.contains("selfservice.flows.login.ui_url"));
}

#[tokio::test]
async fn every_node_type_and_attribute_is_drawn() {
    let trigger =
        json!({"value": "{\"a\":1}", "onclickTrigger": "oryWebAuthnLogin", "onclick": "window.oryWebAuthnLogin({})"});
    let nodes = json!([
        input("csrf_token", "hidden", json!({"value": "secret+/=", "required": true})),
        in_group(input("provider", "submit", json!({"value": "acme"})), "oidc"),
        input("identifier", "text", json!({"value": "", "required": true, "autocomplete": "username webauthn", "pattern": "^.+$", "maxlength": 320})),
        input("mail", "email", json!({"value": "a@b.example", "disabled": true})),
        input("phone", "tel", json!({})),
        input("count", "number", json!({"value": 3})),
        input("born", "date", json!({"value": "2000-01-01"})),
        input("at", "datetime-local", json!({})),
        input("site", "url", json!({})),
        input("agree", "checkbox", json!({"value": true, "required": true})),
        input("plan", "text", json!({"value": "b", "options": [{"value": "a"}, {"value": "b"}]})),
        input("future", "hologram", json!({"value": "x"})),
        in_group(input("password", "password", json!({"required": true, "value": "must not be shown"})), "password"),
        in_group(input("method", "submit", json!({"value": "password"})), "password"),
        in_group(input("webauthn_login_trigger", "button", trigger), "webauthn"),
        in_group(input("passkey_login", "hidden", json!({"onloadTrigger": "oryPasskeyLoginAutocompleteInit"})), "passkey"),
        in_group(input("bad_trigger", "button", json!({"value": "", "onclickTrigger": "alert"})), "passkey"),
        {"type": "img", "group": "totp", "attributes": {"src": "data:image/png;base64,AAAA", "id": "totp_qr", "width": 256, "height": 256, "node_type": "img"}, "messages": [], "meta": {"label": {"id": 1050005, "text": "Authenticator app QR code", "type": "info"}}},
        {"type": "text", "group": "totp", "attributes": {"text": {"id": 1050006, "text": "SECRET", "type": "info", "context": {"secret": "SECRET"}}, "id": "totp_key", "node_type": "text"}, "messages": [], "meta": {"label": {"id": 0, "text": "Your secret", "type": "info"}}},
        {"type": "a", "group": "link", "attributes": {"href": "https://help.example/x", "title": {"id": 0, "text": "Help", "type": "info"}, "id": "help", "node_type": "a"}, "messages": [], "meta": {}},
        {"type": "div", "group": "captcha", "attributes": {"id": "captcha", "class": "box", "data": {"sitekey": "k\"1", "onload": "oryPasskeyLogin"}, "node_type": "div"}, "messages": [], "meta": {}},
        {"type": "script", "group": "webauthn", "attributes": {"src": "https://login.example.org/.well-known/ory/webauthn.js", "async": true, "referrerpolicy": "no-referrer", "crossorigin": "anonymous", "integrity": "sha512-x", "type": "text/javascript", "id": "webauthn_script", "nonce": "n", "node_type": "script"}, "messages": [], "meta": {}},
        {"type": "gadget", "group": "of the future", "attributes": {"id": "gadget"}, "messages": [], "meta": {"label": {"id": 0, "text": "A gadget", "type": "info"}}},
    ]);
    let page = drawn(flow(nodes, Value::Null)).await.body;
    for (part, holds) in [
        ("name=\"csrf_token\"", &["type=\"hidden\"", "value=\"secret+/=\""][..]),
        ("name=\"provider\"", &["<button", "type=\"submit\"", "value=\"acme\"", "formnovalidate"]),
        (
            "name=\"identifier\"",
            &[
                "type=\"text\"",
                "required",
                "autocomplete=\"username webauthn\"",
                "pattern=\"^.+$\"",
                "maxlength=\"320\"",
                "autofocus",
            ],
        ),
        ("name=\"mail\"", &["type=\"email\"", "value=\"a@b.example\"", "disabled"]),
        ("name=\"phone\"", &["type=\"tel\""]),
        ("name=\"count\"", &["type=\"number\"", "value=\"3\""]),
        ("name=\"born\"", &["type=\"date\"", "value=\"2000-01-01\""]),
        ("name=\"at\"", &["type=\"datetime-local\""]),
        ("name=\"site\"", &["type=\"url\""]),
        ("name=\"agree\"", &["type=\"checkbox\"", " checked", "required"]),
        ("name=\"plan\"", &["<select"]),
        ("<option value=\"b\"", &["selected"]),
        ("name=\"future\"", &["type=\"text\"", "value=\"x\""]),
        ("name=\"password\"", &["type=\"password\"", "autocomplete=\"current-password\"", "required"]),
        ("class=\"primary\"", &["name=\"method\"", "value=\"password\""]),
        (
            "name=\"webauthn_login_trigger\"",
            &["type=\"button\"", "value=\"{&quot;a&quot;:1}\"", "data-onclick=\"oryWebAuthnLogin\""],
        ),
        ("name=\"passkey_login\"", &["type=\"hidden\"", "data-onload=\"oryPasskeyLoginAutocompleteInit\""]),
        (
            "id=\"totp_qr\"",
            &["src=\"data:image/png;base64,AAAA\"", "alt=\"Authenticator app QR code\"", "width=\"256\""],
        ),
        ("id=\"help\"", &["<a", "href=\"https://help.example/x\""]),
        ("id=\"captcha\"", &["class=\"box\"", "data-sitekey=\"k&quot;1\""]),
        (
            "id=\"webauthn_script\"",
            &[
                "<script",
                " async",
                "integrity=\"sha512-x\"",
                "crossorigin=\"anonymous\"",
                "referrerpolicy=\"no-referrer\"",
            ],
        ),
    ] {
        for holds in holds {
            assert!(tag(&page, part).contains(holds), "{holds} is not in {}", tag(&page, part));
        }
    }
    for text in ["Label of provider", "SECRET", "Your secret", "A gadget", ">Help</a>"] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    for never in ["must not be shown", "onclick=\"window", "alert", "data-onload=\"oryPasskeyLogin\""] {
        assert!(!page.contains(never), "{never} is in {page}");
    }
    // Every input has a label of its own.
    for part in page
        .split('<')
        .filter(|part| (part.starts_with("input") && !part.contains("\"hidden\"")) || part.starts_with("select"))
    {
        let id = part.split("id=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(page.contains(&format!("for=\"{id}\"")), "{part}");
    }
    // The provider's button comes first, so Enter needs an earlier one for the password.
    let first = page.split("<button").nth(1).unwrap();
    assert!(first.contains("value=\"password\"") && first.contains("aria-hidden=\"true\""), "{first}");
    assert_eq!(page.matches("class=\"or\"").count(), 3, "{page}");
}

#[tokio::test]
async fn messages_stand_beside_their_fields() {
    let mut password = in_group(input("password", "password", json!({"required": true})), "password");
    password["messages"] = json!([{"id": 4000002, "text": "Property password is missing.", "type": "error", "context": {"property": "password"}}]);
    let mut hidden = input("csrf_token", "hidden", json!({"value": "x"}));
    hidden["messages"] = json!([{"id": 0, "text": "About something unseen.", "type": "error"}]);
    let nodes = json!([hidden.clone(), input("identifier", "text", json!({"value": "a"})), password.clone()]);
    let page = drawn(flow(nodes, json!([{"id": 1010003, "text": "Please confirm.", "type": "info"}]))).await.body;
    let field = tag(&page, "name=\"password\"");
    assert!(field.contains("aria-invalid=\"true\"") && field.contains("aria-describedby=\"about-2\""), "{field}");
    assert!(page.contains("id=\"about-2\"") && page.contains("Please enter your password."), "{page}");
    let alert = page.find("role=\"alert\"").unwrap();
    assert!(page.find("About something unseen.").unwrap() > alert, "{page}");
    assert!(page.find("Please confirm.").unwrap() > page.find("role=\"status\"").unwrap(), "{page}");
    assert_eq!(page.matches("autofocus").count(), 1, "{page}");
    // Messages of nodes that are no input stand below them.
    let shown = |kind: &str, attributes: Value| json!({"type": kind, "group": "totp", "attributes": attributes, "meta": {}, "messages": [{"id": 0, "text": format!("About the {kind}."), "type": "info"}]});
    let others = json!([
        shown("img", json!({"id": "code", "src": "data:image/png;base64,AAAA"})),
        shown("a", json!({"id": "link", "href": "https://help.example/x", "title": {"text": "Help"}})),
        shown("text", json!({"id": "text", "text": {"text": "A text"}})),
        shown("div", json!({"id": "box"})),
    ]);
    let page = drawn(flow(others, Value::Null)).await.body;
    for (kind, id) in [("img", "code"), ("a", "link"), ("text", "text"), ("div", "box")] {
        let at = page.find(&format!("id=\"{id}\"")).unwrap();
        assert!(page[at..].contains(&format!("About the {kind}.")), "{kind}: {page}");
        assert_eq!(page.matches(&format!("About the {kind}.")).count(), 1, "{kind}: {page}");
    }
    // The wrong field has the focus, before one that is empty.
    let page =
        drawn(flow(json!([input("identifier", "text", json!({"value": ""})), password]), Value::Null)).await.body;
    assert!(tag(&page, "name=\"password\"").contains("autofocus"), "{page}");
    assert!(!page.contains("role=\"alert\""));
}

/// The inputs after a code was sent: the page asks for the code, and Enter does not send another one.
#[tokio::test]
async fn unknown_method_is_drawn() {
    let code = |node| in_group(node, "code");
    let nodes = json!([
        input("identifier", "hidden", json!({"value": "ada@example.org"})),
        code(input("method", "hidden", json!({"value": "code"}))),
        code(input("code", "text", json!({"required": true, "autocomplete": "one-time-code"}))),
        code(input("resend", "submit", json!({"value": "code"}))),
        code(input("method", "submit", json!({"value": "code"}))),
    ]);
    let sent = json!([{"id": 1010014, "text": "A code was sent.", "type": "info"}]);
    let page = drawn_in(flow(nodes, sent), "de").await.body;
    assert!(page.contains("Wir haben Ihnen einen Code gesendet."), "{page}");
    let field = tag(&page, "name=\"code\"");
    assert!(
        field.contains("one-time-code") && field.contains("inputmode=\"numeric\"") && field.contains("autofocus"),
        "{field}"
    );
    assert!(tag(&page, "name=\"resend\"").contains("formnovalidate"));
    assert!(page.split("<button").nth(1).unwrap().contains("name=\"method\""), "{page}");
    let shown = |name: &str| page.rfind(&format!("name=\"{name}\"")).unwrap();
    assert!(shown("method") < shown("resend"), "what goes on stands before what sends again: {page}");
    let page = drawn(flow(json!([input("csrf_token", "hidden", json!({"value": "x"}))]), Value::Null)).await.body;
    assert!(page.contains("No sign-in method is available at the moment."), "{page}");
}

/// Asserts that a page has the markup as text and nowhere as markup.
fn is_text(place: &str, page: &str) {
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"), "{place}: it is not shown in {page}");
    assert!(
        !page.contains("<script>alert") && !page.contains("<img src=x") && !page.contains("\"'>"),
        "{place}: {page}"
    );
}

#[tokio::test]
async fn markup_in_a_flow_is_shown_as_text() {
    let message = json!({"id": 0, "text": MARKUP, "type": "error"});
    let with_label = |mut node: Value| {
        node["meta"]["label"] = message.clone();
        node
    };
    let with_message = |mut node: Value| {
        node["messages"] = json!([message]);
        node
    };
    let plain = || input("identifier", "text", json!({"value": ""}));
    let node = |kind: &str, attributes: Value| json!({"type": kind, "group": "x", "attributes": attributes, "messages": [], "meta": {}});
    for (place, nodes, messages) in [
        ("message", json!([plain()]), json!([message])),
        (
            "context",
            json!([plain()]),
            json!([{"id": 4000004, "text": MARKUP, "type": "error", "context": {"pattern": MARKUP}}]),
        ),
        ("label", json!([with_label(plain())]), Value::Null),
        ("label of a checkbox", json!([with_label(input("c", "checkbox", json!({})))]), Value::Null),
        ("label of a button", json!([with_label(input("c", "submit", json!({"value": "x"})))]), Value::Null),
        (
            "provider",
            json!([{"type": "input", "group": "oidc", "attributes": {"name": "provider", "type": "submit", "value": "x"}, "messages": [], "meta": {"label": {"id": 1010002, "text": MARKUP, "context": {"provider": MARKUP}}}}]),
            Value::Null,
        ),
        ("node message", json!([with_message(plain())]), Value::Null),
        ("message of a hidden node", json!([with_message(input("h", "hidden", json!({}))), plain()]), Value::Null),
        ("value", json!([input("identifier", "text", json!({"value": MARKUP}))]), Value::Null),
        ("hidden value", json!([input("csrf_token", "hidden", json!({"value": MARKUP})), plain()]), Value::Null),
        ("name", json!([input(MARKUP, "text", json!({}))]), Value::Null),
        ("pattern", json!([input("i", "text", json!({"pattern": MARKUP}))]), Value::Null),
        ("autocomplete", json!([input("i", "text", json!({"autocomplete": MARKUP}))]), Value::Null),
        ("option", json!([input("i", "text", json!({"options": [{"value": MARKUP}]}))]), Value::Null),
        ("text", json!([node("text", json!({"text": message}))]), Value::Null),
        ("alternative text", json!([with_label(node("img", json!({"src": "data:image/png;base64,A"})))]), Value::Null),
        ("picture", json!([node("img", json!({"src": format!("data:image/png;base64,{MARKUP}")}))]), Value::Null),
        (
            "link",
            json!([node("a", json!({"href": format!("https://x.example/{MARKUP}"), "title": {"text": "x"}}))]),
            Value::Null,
        ),
        ("title of a link", json!([node("a", json!({"href": "https://x.example", "title": message}))]), Value::Null),
        ("id", json!([node("text", json!({"id": MARKUP, "text": {"text": "x"}}))]), Value::Null),
        ("division", json!([node("div", json!({"id": MARKUP, "class": "x"}))]), Value::Null),
        ("class of a division", json!([node("div", json!({"id": "d", "class": MARKUP}))]), Value::Null),
        ("data of a division", json!([node("div", json!({"id": "d", "data": {"x": MARKUP}}))]), Value::Null),
        (
            "script",
            json!([plain(), node("script", json!({"src": format!("https://x.example/{MARKUP}"), "id": "s"}))]),
            Value::Null,
        ),
    ] {
        for language in ["en", "de"] {
            is_text(place, &drawn_in(flow(nodes.clone(), messages.clone()), language).await.body);
        }
    }
    let mut own = flow(json!([plain()]), Value::Null);
    own["ui"]["action"] = json!(format!("https://login.example.org/{MARKUP}"));
    is_text("action", &drawn(own).await.body);
    // URLs that do not lead to a page are not shown.
    for (kind, key, value) in [
        ("a", "href", "javascript:alert(1)"),
        ("a", "href", "//evil.example"),
        ("img", "src", "javascript:alert(1)"),
        ("img", "src", "data:text/html,x"),
        ("script", "src", "data:text/javascript,alert(1)"),
        ("div", "data", "x"),
    ] {
        let page = drawn(flow(json!([plain(), node(kind, json!({key: value, "id": "n"}))]), Value::Null)).await.body;
        assert!(!page.contains(value) || kind == "div", "{kind} {key} {value}: {page}");
    }
    let mut own = flow(json!([plain()]), Value::Null);
    own["ui"]["action"] = json!("javascript:alert(1)");
    assert!(!drawn(own).await.body.contains("javascript:"));
}

#[tokio::test]
async fn markup_in_user_input_is_text() {
    let session = json!({
        "id": FLOW, "active": true, "expires_at": MARKUP, "authenticated_at": "2026-01-01T00:00:00Z",
        "authenticator_assurance_level": MARKUP, "authentication_methods": [{"method": MARKUP, "provider": MARKUP}],
        "identity": {"id": MARKUP, "schema_id": "user", "traits": {"email": MARKUP, "name": {"first": [MARKUP, true, 3]}, "<b>key</b>": MARKUP}},
        "devices": [{"user_agent": MARKUP, "ip_address": MARKUP, "location": MARKUP}],
    });
    let error = json!({"id": FLOW, "error": {"id": MARKUP, "code": 400, "message": MARKUP, "reason": MARKUP, "details": {"<i>": MARKUP}}});
    let url = api(move |path| match path {
        path if path.starts_with("/sessions/whoami") => (200, session.clone()),
        path if path.starts_with("/sessions") => (200, json!([session])),
        path if path.starts_with("/self-service/logout") => {
            (200, json!({"logout_url": format!("https://login.example.org/{MARKUP}"), "logout_token": MARKUP}))
        }
        _ => (200, error.clone()),
    })
    .await;
    let bench = Bench::with_api(CONFIG, &url).await;
    let mut browser = bench.browser().html();
    browser.cookies.insert("ory_kratos_session".to_owned(), "x".to_owned());
    let page = browser.visit("/session").await;
    assert_eq!(page.status, 200);
    is_text("session", &page.body);
    assert!(page.body.contains("&lt;b&gt;key&lt;/b&gt;") && !page.body.contains("<b>key"), "{}", page.body);
    let page = browser.visit(&format!("/error?id={FLOW}")).await;
    assert_eq!(page.status, 200);
    is_text("error", &page.body);
    assert!(!page.body.contains("<i>"));
    let encoded: String = form_urlencoded::byte_serialize(MARKUP.as_bytes()).collect();
    for key in ["error", "error_description"] {
        let page = browser.visit(&format!("/error?error=x&{key}={encoded}")).await;
        assert_eq!(page.status, 200);
        if key == "error_description" {
            is_text(key, &page.body);
        }
    }
    // The requested URL appears at most as a part of a link.
    for path in [
        format!("/login?flow={FLOW}&lang={encoded}"),
        format!("/login?flow={FLOW}&return_to={encoded}"),
        format!("/session?lang={encoded}&notice={encoded}"),
        format!("/error?id={encoded}"),
        format!("/nothing/{encoded}?x={encoded}"),
        format!("/assets/{encoded}"),
    ] {
        let page = browser.visit(&path).await;
        assert!(!page.body.contains("<script>alert") && !page.body.contains("<img src=x"), "{path}: {}", page.body);
    }
}

#[tokio::test]
async fn markup_in_an_identity_is_text_on_pages() {
    let bench = Bench::with_pages(CONFIG).await;
    let email = format!("{}@example.org", unique("m"));
    bench.create(json!({"email": email, "name": {"first": MARKUP}}), json!({"password": PASSWORD})).await;
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    is_text("trait", &browser.html().visit("/session").await.body);
    let mut browser = bench.browser().html();
    let encoded: String = form_urlencoded::byte_serialize(MARKUP.as_bytes()).collect();
    let failed =
        browser.with_html(&format!("/self-service/login/browser?return_to=https://evil.example/{encoded}")).await;
    assert!(failed.location().starts_with("https://login.example.org/error?id="), "{}", failed.location());
    let page = browser.visit(failed.location()).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("self_service_flow_return_to_forbidden")
            && page.body.contains("leads to a site that is not allowed"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("<script>alert") && !page.body.contains("<img src=x"), "{}", page.body);
    let page = open(&mut browser, "").await;
    let sent = form(&page.body);
    let wrong =
        browser.form(&sent.action, &[&sent.fields()[..], &[("identifier", MARKUP), ("password", "x")]].concat()).await;
    is_text("identifier", &browser.visit(wrong.location()).await.body);
}

#[tokio::test]
async fn every_page_has_its_headers() {
    let bench = Bench::with_pages(CONFIG).await;
    let mut browser = bench.browser().html();
    let login = open(&mut browser, "").await;
    let policy = "default-src 'none'; style-src 'self'; script-src 'self' https://login.example.org; img-src 'self' data:; \
                  connect-src 'self' https://login.example.org; form-action 'self' https://login.example.org https://app.example.org \
                  https://*.apps.example.org exp:; frame-ancestors 'none'; base-uri 'none'";
    let session = browser.visit("/session").await;
    let nothing = browser.visit("/nothing").await;
    let error = browser.visit("/error?error=x").await;
    for answer in [&login, &session, &nothing, &error] {
        assert_eq!(answer.header("content-security-policy"), Some(policy));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("strict-origin"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
        assert_eq!(answer.headers.get_all("cache-control").iter().count(), 1);
        assert!(answer.set_cookie("csrf_token").is_none(), "pages set no cookie of the API");
        assert!(answer.header("access-control-allow-origin").is_none());
    }
    // No inline script, style or handler; the policy would block them.
    for answer in [&login, &nothing, &error] {
        assert!(
            !answer.body.contains("style=") && !answer.body.contains("<style") && !answer.body.contains(" on"),
            "{}",
            answer.body
        );
        assert!(!answer.body.contains("<script>"), "{}", answer.body);
    }
}

#[tokio::test]
async fn page_is_in_the_users_language() {
    let flow = |url: &'static str| {
        let mut flow = flow(json!([input("password", "password", json!({}))]), Value::Null);
        flow["request_url"] = json!(url);
        flow["ui"]["nodes"][0]["meta"]["label"] = json!({"id": 1070001, "text": "Password", "type": "info"});
        flow
    };
    for (request_url, query, cookie, accept, language, says) in [
        ("https://x/", "", "", "", "en", "Password"),
        ("https://x/", "", "", "de-CH,fr;q=0.9", "de", "Passwort"),
        ("https://x/", "", "", "xx, fr;q=0.3, es;q=0.7", "es", "Contraseña"),
        ("https://x/?lang=fr", "", "", "de", "fr", "Mot de passe"),
        ("https://x/?lang=xx", "", "", "de", "de", "Passwort"),
        ("https://x/?lang=fr", "&lang=ja", "es", "de", "ja", "パスワード"),
        ("https://x/?lang=fr", "", "es", "de", "es", "Contraseña"),
        ("https://x/", "&lang=xx", "", "tlh", "en", "Password"),
    ] {
        let answer = flow(request_url);
        let url = api(move |_| (200, answer.clone())).await;
        let bench = Bench::with_api(CONFIG, &url).await;
        let mut browser = bench.browser().html();
        if !cookie.is_empty() {
            browser.cookies.insert("latchkey_lang".to_owned(), cookie.to_owned());
        }
        let page = browser.visit_with(&format!("/login?flow={FLOW}{query}"), &[("accept-language", accept)]).await;
        assert!(
            page.body.contains(&format!("<html lang=\"{language}\" dir=\"ltr\">")),
            "{request_url} {query} {}",
            page.body
        );
        assert!(page.body.contains(&format!(">{says}</label>")), "{says}: {}", page.body);
        assert!(page.body.contains(&format!("?flow={FLOW}&amp;lang=de")), "the flow is kept: {}", page.body);
        assert_eq!(page.set_cookie("latchkey_lang").is_some(), query == "&lang=ja", "{query}");
    }
}

#[tokio::test]
async fn failing_api_is_shown_as_a_page() {
    let gone = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let broken = api(|_| (500, json!({"error": "secret cause"}))).await;
    let busy = api(|_| (429, Value::Null)).await;
    let odd = api(|_| (200, json!("what?"))).await;
    let teapot = api(|_| (418, json!({}))).await;
    for (url, status) in [(gone, 503), (broken, 502), (busy, 503), (odd, 502), (teapot, 502)] {
        let bench = Bench::with_api(CONFIG, &url).await;
        let mut browser = bench.browser().html();
        browser.cookies.insert("ory_kratos_session".to_owned(), "x".to_owned());
        for path in [format!("/login?flow={FLOW}"), "/session".to_owned(), format!("/error?id={FLOW}")] {
            let answer = browser.visit(&path).await;
            if url.is_empty() || (status == 502 && answer.status == 200) {
                // A text where an object is expected, as an error or a session may be, is not shown.
                continue;
            }
            assert_eq!(answer.status, status, "{url} {path} {}", answer.body);
            assert!(answer.body.contains("Try again") && !answer.body.contains("secret cause"), "{}", answer.body);
            assert_eq!(answer.header("retry-after").is_some(), status == 503);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

#[tokio::test]
async fn missing_pages_have_their_status() {
    let bench = Bench::with_pages(CONFIG).await;
    let mut browser = bench.browser().html();
    for path in ["/nothing", "/login/", "/Login", "/assets/", "/assets/nothing.css", "/session/others/x"] {
        let answer = browser.visit(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("Page not found") && answer.body.contains("Start over"), "{path} {}", answer.body);
        assert!(!answer.body.contains("role=\"alert\""), "{path} is no reason for alarm: {}", answer.body);
    }
    for (path, clean) in [("/assets/../login", "/login"), ("//evil", "/evil")] {
        let answer = browser.visit(path).await;
        assert_eq!((answer.status, answer.location()), (307, clean), "{path}");
    }
    // Assets are found from every page.
    let deep = browser.visit("/a/b/c").await.body;
    assert!(deep.contains("href=\"../../assets/style."), "{deep}");
    assert_eq!(browser.visit("/").await.location(), "https://login.example.org/session");
    for path in ["/error", "/error?id=", "/error?id=nonsense", &format!("/error?id={FLOW}")] {
        let answer = browser.visit(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("This error is no longer available."), "{path} {}", answer.body);
        assert!(!answer.body.contains("role=\"alert\""), "{path} is no reason for alarm: {}", answer.body);
    }
    assert_eq!(browser.visit("/error?id=stub:500").await.status, 200);
    for (path, allow) in [("/login", "GET, HEAD"), ("/session", "GET, HEAD"), ("/error", "GET, HEAD")] {
        let answer = browser.send(path, &[], &[("a", "b")]).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{path}");
        assert!(answer.body.contains("<main"), "{}", answer.body);
    }
    assert_eq!(browser.visit("/session/others").await.status, 405);
    // The API has no pages: it answers as its contract says.
    let answer = bench.browser().html().get("/login").await;
    assert_eq!((answer.status, answer.body.as_str()), (404, "404 page not found\n"));
}

#[tokio::test]
async fn missing_second_factor_redirects_to_step_up() {
    let to = "https://login.example.org/self-service/login/browser?aal=aal2";
    let answer = move |to: &'static str| {
        move |_: &str| (403, json!({"error": {"id": "session_aal2_required"}, "redirect_browser_to": to}))
    };
    let bench = Bench::with_api(CONFIG, &api(answer(to)).await).await;
    let mut browser = bench.browser().html();
    browser.cookies.insert("ory_kratos_session".to_owned(), "x".to_owned());
    let sent = browser.visit("/session").await;
    assert_eq!(sent.status, 303);
    assert_eq!(sent.location(), format!("{to}&return_to=https%3A%2F%2Flogin.example.org%2Fsession"));
    let bench = Bench::with_api(CONFIG, &api(answer("https://evil.example/")).await).await;
    let mut browser = bench.browser().html();
    browser.cookies.insert("ory_kratos_session".to_owned(), "x".to_owned());
    assert_eq!(browser.visit("/session").await.status, 502);
}

/// What a browser loads for a login, compressed.
#[tokio::test]
async fn page_is_smaller_than_thirty_kilobytes() {
    let bench = Bench::with_pages(CONFIG).await;
    let mut browser = bench.browser().html();
    let page = browser.visit("/error?id=stub:500").await;
    let login = open(&mut browser, "").await;
    let files: Vec<String> =
        login.body.split('"').filter(|part| part.starts_with("assets/")).map(|part| format!("/{part}")).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    let mut sum = compressed(&login.body).max(compressed(&page.body));
    for file in &files {
        let answer = browser.visit(file).await;
        assert_eq!(answer.status, 200, "{file}");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        sum += compressed(&answer.body);
    }
    assert!(sum < 30 * 1024, "{sum} bytes");
    // The same file under its name in another release is not cached.
    let old = browser.visit("/assets/style.000000000000.css").await;
    assert_eq!((old.status, old.header("cache-control")), (200, Some("no-store")));
    // Nothing is loaded from another host.
    for part in login.body.split(" src=\"").skip(1).chain(login.body.split("<link").skip(1)) {
        assert!(!part.split('>').next().unwrap().contains("://"), "{part}");
    }
}

fn compressed(text: &str) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap().len()
}

#[tokio::test]
async fn pages_have_configured_name_and_colours() {
    let logo = "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=";
    let css = "Ym9keSB7IGJvcmRlcjogMXB4IHNvbGlkIH0=";
    let look = format!("pages: {{accent: \"#123456\", logo: \"base64://{logo}\", css: \"base64://{css}\", ");
    let bench = Bench::with_pages(&CONFIG.replace("pages: {", &look)).await;
    let mut browser = bench.browser().html();
    let page = open(&mut browser, "").await.body;
    for part in [
        "alt=\"Acme &amp; Sons\"",
        "href=\"https://acme.example/terms?a=1&amp;b=2\"",
        "href=\"https://acme.example/privacy\"",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let name = |kind: &str| {
        let start = page.find(&format!("assets/{kind}.")).unwrap();
        format!("/{}", page[start..].split('"').next().unwrap())
    };
    let style = browser.visit(&name("style")).await.body;
    assert!(style.contains(":root{--accent:#123456}") && style.ends_with("body { border: 1px solid }"), "{style}");
    let dark = style.rsplit("--accent:").next().unwrap();
    assert_ne!(&dark[..7], "#123456", "too dark for the dark");
    let logo = browser.visit(&name("logo")).await;
    assert_eq!(logo.header("content-type"), Some("image/svg+xml"));
    assert!(logo.header("content-security-policy").unwrap().ends_with("sandbox"));
    // The page has no links to features that are not built, whatever the file says.
    assert!(!page.contains("/self-service/registration") && !page.contains("/self-service/recovery"), "{page}");
}
