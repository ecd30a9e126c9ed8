//! Signing in by code: which address gets it, what it opens, how often it may be tried, and what other clients learn of it.

use crate::support::{Answer, Bench, Browser, CONFIG, Client, PASSWORD, action, csrf, eventually, password, unique};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub const SENT: i64 = 1_010_014;
pub const WRONG_CODE: i64 = 4_010_008;
pub const NO_STRATEGY: i64 = 4_010_002;
pub const NO_CODE_SIGN_IN: i64 = 4_000_035;
pub const GENERIC: i64 = 4_000_001;

/// Identities whose address receives codes.
const READER: &str = r#"{
  "$id": "reader", "type": "object",
  "properties": {"traits": {
    "type": "object",
    "properties": {
      "email": {"type": "string", "format": "email", "title": "E-Mail", "ory.sh/kratos": {
        "credentials": {"password": {"identifier": true}, "code": {"identifier": true, "via": "email"}},
        "verification": {"via": "email"}}},
      "phone": {"type": "string", "format": "tel", "ory.sh/kratos": {
        "credentials": {"code": {"identifier": true, "via": "sms"}}, "verification": {"via": "sms"}}},
      "lang": {"type": "string"}
    },
    "required": ["email"], "additionalProperties": false
  }}
}"#;

/// A configuration with the schema of such identities.
pub fn readers(config: &str) -> String {
    use base64::Engine as _;
    let schema = base64::engine::general_purpose::STANDARD.encode(READER);
    let schemas = format!("schemas: [{{id: reader, url: \"base64://{schema}\", selfservice_selectable: true}}, ");
    config.replace("schemas: [", &schemas).replace("default_schema_id: user", "default_schema_id: reader")
}

pub fn config(methods: &str, rest: &str) -> String {
    readers(CONFIG)
        .replace("  flows:\n", &format!("  methods: {{code: {{passwordless_enabled: true, {methods}}}}}\n  flows:\n"))
        + rest
}

pub async fn bench() -> Bench {
    Bench::with(&config("", "")).await
}

pub async fn reader(bench: &Bench) -> String {
    let email = format!("{}@example.org", unique("reader"));
    bench.create_as("reader", json!({"email": email}), json!({"password": PASSWORD})).await;
    email
}

pub fn ask(identifier: &str) -> Value {
    json!({"method": "code", "identifier": identifier})
}

pub fn enter(identifier: &str, code: &str) -> Value {
    json!({"method": "code", "identifier": identifier, "code": code})
}

/// A wrong code.
pub fn other_than(code: &str) -> &'static str {
    if code == "000000" { "111111" } else { "000000" }
}

/// Requests a code as a native app. Returns where its form posts to, and the code that came.
pub async fn sent(bench: &Bench, client: &Client<'_>, to: &str) -> (String, String) {
    let path = client.begin("").await;
    let before = bench.mail_to(to).len();
    let answer = client.post(&path, &ask(to)).await;
    assert_eq!((answer.status, answer.message_ids()), (400, vec![SENT]), "{}", answer.body);
    (path, bench.next_code(to, before).await)
}

pub fn says(answer: &Answer, status: u16, ids: &[i64]) {
    assert_eq!((answer.status, answer.message_ids()), (status, ids.to_vec()), "{}", answer.body);
}

#[tokio::test]
async fn native_app_signs_in_by_code_once() {
    let bench = bench().await;
    let email = reader(&bench).await;
    let app = bench.app();
    let (path, code) = sent(&bench, &app, &email).await;
    let wrong = app.post(&path, &enter(&email, other_than(&code))).await;
    says(&wrong, 400, &[WRONG_CODE]);
    assert_eq!(wrong.json()["state"], "sent_email");
    let done = app.post(&path, &enter(&email.to_uppercase(), &code)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let session = &done.json()["session"];
    assert_eq!(session["authenticator_assurance_level"], "aal1");
    assert_eq!(session["authentication_methods"][0]["method"], "code");
    let address = &session["identity"]["verifiable_addresses"][0];
    assert_eq!((&address["verified"], &address["status"]), (&json!(true), &json!("completed")));
    assert!(address["verified_at"].is_string(), "{address}");
    let token = done.json()["session_token"].as_str().unwrap().to_owned();
    assert_eq!(
        app.token(&token).get("/sessions/whoami").await.json()["identity"]["verifiable_addresses"][0]["verified"],
        true
    );
    let again = app.post(&path, &enter(&email, &code)).await;
    says(&again, 400, &[NO_STRATEGY]);
    assert_eq!(again.json()["state"], "passed_challenge");
}

#[tokio::test]
async fn browsers_sign_in_by_code() {
    let bench = bench().await;
    let email = reader(&bench).await;
    let mut browser: Browser<'_> = bench.browser().html();
    let flow = browser.begin("?return_to=https://app.example.org/after").await;
    let token = csrf(&flow);
    let fields = |more: &[(&'static str, String)]| -> Vec<(&'static str, String)> {
        let first = [("csrf_token", token.as_str().unwrap().to_owned()), ("method", "code".to_owned())];
        first.into_iter().chain(more.iter().cloned()).chain([("identifier", email.clone())]).collect()
    };
    let post = |fields: Vec<(&'static str, String)>| fields;
    let send = post(fields(&[]));
    let pairs: Vec<_> = send.iter().map(|(k, v)| (*k, v.as_str())).collect();
    assert_eq!(browser.form(&action(&flow), &pairs).await.status, 303);
    let code = bench.next_code(&email, 0).await;
    let enter = post(fields(&[("code", code)]));
    let pairs: Vec<_> = enter.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let done = browser.form(&action(&flow), &pairs).await;
    assert_eq!((done.status, done.location()), (303, "https://app.example.org/after"));
    assert_eq!(browser.get("/sessions/whoami").await.status, 200);
    // Without the form's token nothing is sent.
    let mut attacker = bench.browser();
    let flow = attacker.begin("").await;
    let mut body = ask(&email);
    body["csrf_token"] = json!("nonsense");
    assert_eq!(attacker.post(&action(&flow), &body).await.status, 403);
    assert_eq!(bench.mail_to(&email).len(), 1);
}

#[tokio::test]
async fn five_wrong_codes_need_another_code() {
    let bench = bench().await;
    let email = reader(&bench).await;
    let app = bench.app();
    let (path, code) = sent(&bench, &app, &email).await;
    for _ in 0..4 {
        says(&app.post(&path, &enter(&email, other_than(&code))).await, 400, &[WRONG_CODE]);
    }
    // Another code before the limit shares the remaining attempts.
    let resend = json!({"method": "code", "identifier": email, "resend": "code"});
    says(&app.post(&path, &resend).await, 400, &[SENT]);
    let second = bench.next_code(&email, 1).await;
    says(&app.post(&path, &enter(&email, "12345x")).await, 400, &[WRONG_CODE]);
    let late = app.post(&path, &enter(&email, &second)).await;
    says(&late, 400, &[GENERIC]);
    assert!(late.body.contains("Please request another code"), "{}", late.body);
    // The advice of the message works.
    says(&app.post(&path, &resend).await, 400, &[SENT]);
    let third = bench.next_code(&email, 2).await;
    says(&app.post(&path, &enter(&email, other_than(&third))).await, 400, &[WRONG_CODE]);
    assert_eq!(app.post(&path, &enter(&email, &third)).await.status, 200);
}

#[tokio::test]
async fn parallel_submits_of_a_code_sign_in_once() {
    let bench = Bench::with(&config("config: {max_submissions: 255}", "rate_limits: {enabled: false}\n")).await;
    let email = reader(&bench).await;
    let app = bench.app();
    let (path, code) = sent(&bench, &app, &email).await;
    let body = enter(&email, &code);
    let answers = futures_util::future::join_all((0..32).map(|_| app.post(&path, &body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        says(lost, 400, &[NO_STRATEGY]);
    }
}

#[tokio::test]
async fn parallel_codes_do_not_exceed_five_attempts() {
    let bench = Bench::with(&config("", "rate_limits: {enabled: false}\n")).await;
    let email = reader(&bench).await;
    let app = bench.app();
    let (path, code) = sent(&bench, &app, &email).await;
    let body = enter(&email, other_than(&code));
    let answers = futures_util::future::join_all((0..32).map(|_| app.post(&path, &body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.message_ids() == [WRONG_CODE]).count(), 5);
    assert_eq!(answers.iter().filter(|answer| answer.message_ids() == [GENERIC]).count(), 27);
    says(&app.post(&path, &enter(&email, &code)).await, 400, &[GENERIC]);
}

#[tokio::test]
async fn parallel_logins_of_one_identity_all_succeed() {
    let bench = Bench::with(&config("", "rate_limits: {enabled: false}\n")).await;
    let email = reader(&bench).await;
    let app = bench.app();
    let mut flows = Vec::new();
    for _ in 0..6 {
        flows.push(sent(&bench, &app, &email).await);
    }
    // Each code verifies its address, which was not verified before.
    let logins = flows.iter().map(|(path, code)| {
        let body = enter(&email, code);
        let app = &app;
        async move { app.post(path, &body).await }
    });
    for answer in futures_util::future::join_all(logins).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

#[tokio::test]
async fn parallel_requests_for_a_code_send_one() {
    let bench = Bench::with(&config("", "rate_limits: {enabled: false}\n")).await;
    let email = reader(&bench).await;
    let app = bench.app();
    let path = app.begin("").await;
    let body = ask(&email);
    for answer in futures_util::future::join_all((0..8).map(|_| app.post(&path, &body))).await {
        says(&answer, 400, &[SENT]);
    }
    let code = bench.next_code(&email, 0).await;
    assert_eq!(bench.proxy.items("outbox").await.len(), 1);
    assert_eq!(app.post(&path, &enter(&email, &code)).await.status, 200);
}

#[tokio::test]
async fn code_ends_with_time_replacement_or_flow() {
    let bench = Bench::with(&config("config: {lifespan: 5m}", "")).await;
    let email = reader(&bench).await;
    let app = bench.app();
    let (path, code) = sent(&bench, &app, &email).await;
    bench.turn(time::Duration::minutes(5));
    says(&app.post(&path, &enter(&email, &code)).await, 400, &[WRONG_CODE]);
    let bench = self::bench().await;
    let (email, other) = (reader(&bench).await, reader(&bench).await);
    let app = bench.app();
    let (_, foreign) = sent(&bench, &app, &other).await;
    let (path, first) = sent(&bench, &app, &email).await;
    says(&app.post(&path, &enter(&email, &foreign)).await, 400, &[WRONG_CODE]);
    // A code for one identity does not open another's account in the same flow.
    says(&app.post(&path, &enter(&other, &first)).await, 400, &[WRONG_CODE]);
    let resent = app.post(&path, &json!({"method": "code", "identifier": email, "resend": "code"})).await;
    says(&resent, 400, &[SENT]);
    bench.next_code(&email, 1).await;
    let resent = app.post(&path, &json!({"method": "code", "identifier": email, "resend": "code"})).await;
    says(&resent, 400, &[SENT]);
    let third = bench.next_code(&email, 2).await;
    if first != third {
        says(&app.post(&path, &enter(&email, &first)).await, 400, &[WRONG_CODE]);
    }
    assert_eq!(app.post(&path, &enter(&email, &third)).await.status, 200);
}

#[tokio::test]
async fn disabled_identity_is_told_after_right_code() {
    let bench = bench().await;
    let email = format!("{}@example.org", unique("off"));
    let identity = bench.create_as("reader", json!({"email": email}), json!({})).await;
    let app = bench.app();
    let (path, code) = sent(&bench, &app, &email).await;
    let patch = json!([{"op": "replace", "path": "/state", "value": "inactive"}]);
    let at = format!("/admin/identities/{}", identity["id"].as_str().unwrap());
    assert_eq!(bench.admin().json(http::Method::PATCH, &at, &patch).await.status, 200);
    let before = app.get(&path.replace("login?flow", "login/flows?id")).await.json();
    let refused = app.post(&path, &enter(&email, &code)).await;
    says(&refused, 400, &[4_010_011]);
    let refused = refused.json();
    assert_eq!((&refused["state"], &refused["active"]), (&json!("passed_challenge"), &json!("code")));
    assert_eq!(refused["ui"]["nodes"], before["ui"]["nodes"], "the form is as it was");
    assert_eq!(
        app.get(&path.replace("login?flow", "login/flows?id")).await.json()["ui"]["nodes"],
        before["ui"]["nodes"]
    );
    // The code has passed the flow; neither this code nor another one opens it again.
    for body in [enter(&email, &code), ask(&email), json!({"method": "code", "identifier": email, "resend": "code"})] {
        says(&app.post(&path, &body).await, 400, &[NO_STRATEGY]);
    }
    assert_eq!(bench.mail_to(&email).len(), 1);
}

#[tokio::test]
async fn code_to_any_verifiable_address_signs_in() {
    let bench = bench().await;
    let email = format!("{}@example.org", unique("two"));
    bench.create_as("reader", json!({"email": email, "phone": "+4917667111638"}), json!({})).await;
    let app = bench.app();
    let (path, code) = sent(&bench, &app, "+49 176 671 11 638").await;
    assert!(bench.mail_to(&email).is_empty(), "only the one that was asked for");
    assert!(bench.mail_to("+4917667111638")[0].text.contains(&format!("@login.example.org #{code}")));
    // Any identifier of the same identity is accepted beside the code.
    let done = app.post(&path, &enter(&email, &code)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let verified: Vec<_> = done.json()["session"]["identity"]["verifiable_addresses"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|address| address["verified"] == true)
        .map(|address| address["value"].clone())
        .collect();
    assert_eq!(verified, ["+4917667111638"], "the address that received the code, and no other");
}

#[tokio::test]
async fn identity_without_code_credential_needs_the_fallback() {
    for (fallback, expected) in [(false, NO_CODE_SIGN_IN), (true, SENT)] {
        let methods = format!("config: {{missing_credential_fallback_enabled: {fallback}}}");
        let bench = Bench::with(&config(&methods, "")).await;
        let email = format!("{}@example.org", unique("user"));
        bench.create_as("user", json!({"email": email}), json!({"password": PASSWORD})).await;
        let app = bench.app();
        let path = app.begin("").await;
        says(&app.post(&path, &ask(&email)).await, 400, &[expected]);
        if fallback {
            let code = bench.next_code(&email, 0).await;
            assert_eq!(app.post(&path, &enter(&email, &code)).await.status, 200);
        }
    }
}

#[tokio::test]
async fn refresh_by_code_is_for_signed_in_identity() {
    let bench = bench().await;
    let (email, other) = (reader(&bench).await, reader(&bench).await);
    let mut browser = bench.browser();
    let before = browser.sign_in(&email).await;
    let flow = browser.begin("?refresh=true").await;
    for (who, id) in
        [(other.as_str(), NO_CODE_SIGN_IN), ("unknown@example.org", NO_CODE_SIGN_IN), (email.as_str(), 1_010_025)]
    {
        let mut body = ask(who);
        body["csrf_token"] = csrf(&flow);
        says(&browser.post(&action(&flow), &body).await, 400, &[id]);
    }
    assert!(bench.mail_to(&other).is_empty());
    let mut body = enter(&email, &bench.next_code(&email, 0).await);
    body["csrf_token"] = csrf(&flow);
    let done = browser.post(&action(&flow), &body).await.json();
    assert_eq!(done["session"]["id"], before["session"]["id"]);
    let methods: Vec<_> =
        done["session"]["authentication_methods"].as_array().unwrap().iter().map(|m| &m["method"]).collect();
    assert_eq!(methods, ["password", "code"]);
}

#[tokio::test]
async fn refresh_may_choose_an_address() {
    let bench = Bench::with(&config("", "feature_flags: {refresh_login_choose_address: true}\n")).await;
    let email = format!("{}@example.org", unique("pick"));
    bench.create_as("reader", json!({"email": email, "phone": "+4917667111638"}), json!({"password": PASSWORD})).await;
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    let flow = browser.begin("?refresh=true").await;
    let nodes = flow["ui"]["nodes"].as_array().unwrap();
    let offered: Vec<_> = nodes
        .iter()
        .filter(|node| node["attributes"]["name"] == "address")
        .map(|node| {
            (&node["attributes"]["value"], &node["meta"]["label"]["id"], &node["meta"]["label"]["context"]["channel"])
        })
        .collect();
    assert_eq!(
        offered,
        [
            (&json!("+4917667111638"), &json!(1_010_023), &json!("sms")),
            (&json!(email), &json!(1_010_023), &json!("email"))
        ]
    );
    // The button's name alone selects the method.
    let body = json!({"address": "+4917667111638", "csrf_token": csrf(&flow)});
    says(&browser.post(&action(&flow), &body).await, 400, &[1_010_025]);
    let code = bench.next_code("+4917667111638", 0).await;
    let body = json!({"method": "code", "address": "+4917667111638", "code": code, "csrf_token": csrf(&flow)});
    assert_eq!(browser.post(&action(&flow), &body).await.status, 200);
}

#[tokio::test]
async fn mitigation_answers_unknown_identifiers_like_known() {
    let bench = Bench::with(&config("", "security: {account_enumeration: {mitigate: true}}\n")).await;
    let email = reader(&bench).await;
    let app = bench.app();
    let mut seen = Vec::new();
    for who in [email.as_str(), "unknown@example.org"] {
        let path = app.begin("").await;
        let id = path.rsplit('=').next().unwrap().to_owned();
        let mut all = Vec::new();
        for body in [
            ask(who),
            enter(who, "12345x"),
            json!({"method": "code", "identifier": who, "resend": "code"}),
            json!({"method": "code", "identifier": who, "resend": "nope"}),
            enter(who, ""),
        ] {
            bench.proxy.calls();
            let answer = app.post(&path, &body).await;
            let times = regex_lite::Regex::new(r#""(created|expires|issued|updated)_at":"[^"]*""#).unwrap();
            let body = answer.body.replace(&id, "ID").replace(who, "WHO");
            let calls: Vec<_> = bench
                .proxy
                .calls()
                .iter()
                // The courier runs at the same time.
                .filter(|call| {
                    matches!(call.operation.as_str(), "BatchGetItem" | "TransactWriteItems" | "Query")
                        || is_of_login(call)
                })
                .map(|call| (call.operation.clone(), weight(&call.request)))
                .collect();
            let trips = bench.logged(&answer)["round_trips"].clone();
            all.push((answer.status, times.replace_all(&body, "T").into_owned(), calls, trips));
        }
        seen.push(all);
    }
    for (known, unknown) in seen[0].iter().zip(&seen[1]) {
        assert_eq!(known, unknown);
    }
    assert!(bench.mail_to("unknown@example.org").is_empty());
    assert_eq!(seen[0][0].3, 3, "round trips of a send");
    assert_eq!(seen[0][1].3, 3, "round trips of a code");
}

/// Where the answer hides that there is no account, an e-mail to the address may say so, if configured.
#[tokio::test]
async fn unknown_address_gets_mail_if_configured() {
    let told =
        |rest: &str| config("", rest).replace("login: {ui_url", "login: {notify_unknown_recipients: true, ui_url");
    let bench = Bench::with(&told("security: {account_enumeration: {mitigate: true}}\n")).await;
    let app = bench.app();
    let unknown = format!("{}@example.org", unique("Unknown"));
    let path = app.begin("").await;
    says(&app.post(&path, &ask(&unknown)).await, 400, &[SENT]);
    let address = unknown.to_lowercase();
    let mail = eventually("a message", async || bench.mail_to(&address).pop()).await;
    assert_eq!((mail.template_type.as_str(), mail.subject.contains("sign in")), ("login_code_invalid", true));
    let digits = regex_lite::Regex::new(r"\d{6}").unwrap();
    assert!(!digits.is_match(&mail.text), "{}", mail.text);
    let listed = bench.admin().get("/admin/courier/messages").await.json();
    assert_eq!((&listed[0]["template_type"], &listed[0]["recipient"]), (&json!("login_code_invalid"), &json!(address)));
    // The same rate limits hold as for known addresses. Only e-mail is used, and only for valid addresses.
    for _ in 0..8 {
        app.post(&app.begin("").await, &ask(&unknown)).await;
    }
    for odd in ["+4915200000001", "Ada <ada@example.org>", "a@b@example.org", "no address"] {
        says(&app.post(&app.begin("").await, &ask(odd)).await, 400, &[SENT]);
    }
    let known = reader(&bench).await;
    sent(&bench, &app, &known).await;
    assert_eq!(bench.mail_to(&address).len(), 5);
    let to: BTreeSet<String> = bench.stack.inbox.messages().into_iter().map(|message| message.to).collect();
    assert_eq!(to, [address, known].into());

    let open = Bench::with(&told("")).await;
    let warnings = &open.stack.loaded.notices.warnings;
    assert!(warnings.iter().any(|line| line.contains("notify_unknown_recipients has no effect")), "{warnings:?}");
    let app = open.app();
    says(&app.post(&app.begin("").await, &ask("unknown@example.org")).await, 400, &[NO_CODE_SIGN_IN]);
    assert!(open.proxy.items("outbox").await.is_empty());
}

#[tokio::test]
async fn mitigation_holds_for_every_client_and_style() {
    let mitigated = config("", "security: {account_enumeration: {mitigate: true}}\nrate_limits: {enabled: false}\n");
    let first = mitigated.replace("login: {ui_url", "login: {style: identifier_first, ui_url");
    let only_code = first.replace("methods: {code", "methods: {password: {enabled: false}, code");
    let volatile =
        regex_lite::Regex::new(r#""(created|expires|issued|updated)_at":"[^"]*"|[A-Za-z0-9+/]{80,}={0,2}"#).unwrap();
    let told = mitigated.replace("login: {ui_url", "login: {notify_unknown_recipients: true, ui_url");
    for (style, config) in [
        ("unified", mitigated),
        ("identifier first", first),
        ("only codes", only_code),
        ("unknown addresses told", told),
    ] {
        let bench = Bench::with(&config).await;
        let (known, codeless) = (reader(&bench).await, format!("{}@example.org", unique("codeless")));
        bench.create_as("reader", json!({"email": codeless}), json!({})).await;
        let steps = |who: &str| {
            [
                json!({"method": "identifier_first", "identifier": who}),
                ask(who),
                enter(who, "12345x"),
                json!({"method": "code", "identifier": who, "resend": "code"}),
                enter(who, ""),
                password(who, "wrong"),
                json!({"method": "password", "identifier": who}),
            ]
        };
        let plain = |answer: &Answer, flow: &str, who: &str| {
            let body = answer.body.replace(flow, "FLOW").replace(who, "WHO");
            (answer.status, volatile.replace_all(&body, "V").into_owned())
        };
        let mut seen = Vec::new();
        for who in [known.as_str(), codeless.as_str(), "unknown@example.org"] {
            let mut all = Vec::new();
            let app = bench.app();
            let path = app.begin("").await;
            let flow = path.rsplit('=').next().unwrap();
            for body in steps(who) {
                all.push(plain(&app.post(&path, &body).await, flow, who));
            }
            let mut browser = bench.browser();
            let form = browser.begin("").await;
            let flow = form["id"].as_str().unwrap();
            for mut body in steps(who) {
                body["csrf_token"] = csrf(&form);
                all.push(plain(&browser.post(&action(&form), &body).await, flow, who));
            }
            let mut html = bench.browser().html();
            let form = html.begin("").await;
            let (flow, token) = (form["id"].as_str().unwrap(), csrf(&form));
            for body in steps(who) {
                let fields =
                    body.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
                let fields: Vec<_> = fields.chain([("csrf_token", token.as_str().unwrap())]).collect();
                let answer = html.form(&action(&form), &fields).await;
                // A stored error has an id of its own.
                let to = answer.location().replace(flow, "FLOW");
                let end = if to.contains("/error?id=") { to.find("id=").unwrap_or(to.len()) } else { to.len() };
                all.push((answer.status, to[..end].to_owned()));
                let shown = html.get(&format!("/self-service/login/flows?id={flow}")).await;
                all.push(plain(&shown, flow, who));
            }
            seen.push(all);
        }
        for (place, known) in seen[0].iter().enumerate() {
            assert_eq!(known, &seen[1][place], "{style}, answer {place}: an identity without a password");
            assert_eq!(known, &seen[2][place], "{style}, answer {place}: an unknown identifier");
        }
    }
}

/// Whether a call on a single item belongs to a login and not to the courier, which runs at the same time.
fn is_of_login(call: &crate::support::Call) -> bool {
    !call.operation.contains("Record") && call.function != "CourierFunction"
}

/// The number of items in a call.
fn weight(request: &Value) -> usize {
    let batches = request["RequestItems"].as_object().into_iter().flatten();
    let keys = batches.map(|(_, batch)| batch["Keys"].as_array().map_or(0, Vec::len)).sum::<usize>();
    keys + request["TransactItems"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn each_step_takes_three_round_trips() {
    let bench = bench().await;
    let email = reader(&bench).await;
    let app = bench.app();
    let path = app.begin("").await;
    let trips = |answer: &Answer| bench.logged(answer)["round_trips"].clone();
    assert_eq!(trips(&app.post(&path, &ask(&email)).await), 3);
    let code = bench.next_code(&email, 0).await;
    assert_eq!(trips(&app.post(&path, &enter(&email, other_than(&code))).await), 3);
    assert_eq!(trips(&app.post(&path, &enter(&email, &code)).await), 3);
}

#[tokio::test]
async fn no_code_is_stored_or_logged() {
    let bench = bench().await;
    let email = reader(&bench).await;
    let app = bench.app();
    let (path, code) = sent(&bench, &app, &email).await;
    // As a number it could be part of another number, so the text is searched.
    let quoted = format!("\"{code}\"");
    let kept = serde_json::to_string(&bench.proxy.items("flows").await).unwrap();
    assert!(!kept.contains(&quoted) && kept.contains("codes"), "{kept}");
    assert_eq!(app.post(&path, &enter(&email, &code)).await.status, 200);
    assert!(!Bench::everything_logged().contains(&quoted));
    assert!(!Bench::everything_logged().contains(&email));
}

#[tokio::test]
async fn http_channel_gets_only_allowed_headers() {
    use base64::Engine as _;
    let (send, mut arrived) = tokio::sync::mpsc::unbounded_channel::<Value>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let sink = axum::Router::new().route(
        "/",
        axum::routing::post(move |axum::Json(body): axum::Json<Value>| async move {
            let _ = send.send(body);
        }),
    );
    tokio::spawn(async move { axum::serve(listener, sink).await });
    let body = base64::engine::general_purpose::STANDARD.encode("function(ctx) ctx.request_headers");
    let channel = format!(
        "courier: {{channels: [{{id: email, type: http, request_config: {{url: \"{url}\", method: POST, body: \"base64://{body}\"}}}}]}}\n\
         clients: {{http: {{disallow_private_ip_ranges: false}}, web_hook: {{header_allowlist: [x-tENANT, Accept-Language]}}}}\n"
    );
    let bench = Bench::with(&config("", &channel)).await;
    let email = reader(&bench).await;
    let app =
        bench.app().with("X-Tenant", "blue").with("accept-language", "fr").with("authorization", "Basic c2VjcmV0");
    says(&app.post(&app.begin("").await, &ask(&email)).await, 400, &[SENT]);
    let told =
        tokio::time::timeout(std::time::Duration::from_secs(20), arrived.recv()).await.expect("a message").unwrap();
    assert_eq!(told, json!({"X-Tenant": ["blue"], "Accept-Language": ["fr"]}));
}

#[tokio::test]
async fn message_is_in_the_users_language() {
    let bench = bench().await;
    let email = format!("{}@example.org", unique("lang"));
    bench.create_as("reader", json!({"email": email, "lang": "de"}), json!({})).await;
    let app = bench.app().with("accept-language", "fr, en;q=0.5");
    sent(&bench, &app, &email).await;
    let german = bench.mail_to(&email)[0].subject.clone();
    let other = reader(&bench).await;
    sent(&bench, &app, &other).await;
    let french = bench.mail_to(&other)[0].subject.clone();
    let digits = regex_lite::Regex::new(r"\d{6}").unwrap();
    assert_ne!(digits.replace(&german, ""), digits.replace(&french, ""));
}

#[tokio::test]
async fn identifier_first_offers_or_sends_a_code() {
    let idfirst = "login: {style: identifier_first, ui_url";
    let bench = Bench::with(&config("", "").replace("login: {ui_url", idfirst)).await;
    let both = reader(&bench).await;
    let only_code = format!("{}@example.org", unique("only"));
    bench.create_as("reader", json!({"email": only_code}), json!({})).await;
    let app = bench.app();
    let first = |who: &str| json!({"method": "identifier_first", "identifier": who});
    let path = app.begin("").await;
    let offered = app.post(&path, &first(&both)).await;
    says(&offered, 400, &[]);
    assert_eq!(offered.json()["active"], "identifier_first");
    assert!(bench.mail_to(&both).is_empty());
    says(&app.post(&path, &ask(&both)).await, 400, &[SENT]);
    let code = bench.next_code(&both, 0).await;
    assert_eq!(app.post(&path, &enter(&both, &code)).await.status, 200);
    let path = app.begin("").await;
    let answer = app.post(&path, &first(&only_code)).await;
    says(&answer, 400, &[SENT]);
    assert_eq!(bench.logged(&answer)["round_trips"], 3);
    let code = bench.next_code(&only_code, 0).await;
    assert_eq!(app.post(&path, &enter(&only_code, &code)).await.status, 200);
    says(&app.post(&app.begin("").await, &first("unknown@example.org")).await, 400, &[4_000_037]);
    // A code that was offered and not chosen is not counted as requested.
    let kept = serde_json::to_string(&bench.proxy.items("counters").await).unwrap();
    assert!(kept.contains("send#to#"), "{kept}");
}

#[tokio::test]
async fn invalid_address_gets_no_code() {
    let bench = bench().await;
    let app = bench.app();
    let long = format!("{}@example.org", "x".repeat(3000));
    for odd in [
        "not an address",
        "017667111638",
        "Ada <ada@example.org>",
        "ada@example.org\r\nBcc: eve@example.org",
        "\u{0430}da@example.org",
        "@",
        "+",
        &long,
    ] {
        let answer = app.post(&app.begin("").await, &ask(odd)).await;
        says(&answer, 400, &[NO_CODE_SIGN_IN]);
    }
    assert!(bench.proxy.items("outbox").await.is_empty());
    // A password still signs in within the same flow.
    let email = reader(&bench).await;
    let path = app.begin("").await;
    says(&app.post(&path, &ask("unknown@example.org")).await, 400, &[NO_CODE_SIGN_IN]);
    assert_eq!(app.post(&path, &password(&email, PASSWORD)).await.status, 200);
}
