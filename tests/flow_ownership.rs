//! Submissions by a client that knows only a flow's id: whatever it sends, in whatever state the flow is, it reads nothing of the flow
//! and changes nothing in it.

use crate::code::{ask, config};
use crate::support::{Answer, Bench, Browser, Client, PASSWORD, action, csrf, password, unique};
use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

const PHONE: &str = "+4917667111638";
/// A part of the owners' requests that began the flows.
const MARK: &str = "mark-of-the-owner";

/// Accounts with several addresses, any of which may be chosen in a refresh.
async fn bench() -> Bench {
    Bench::with(&config("", "feature_flags: {refresh_login_choose_address: true}\nrate_limits: {enabled: false}\n"))
        .await
}

/// Flows of one owner in every state, by the paths that they are submitted to.
struct Owned<'b> {
    email: String,
    browser: Browser<'b>,
    flows: Vec<(&'static str, String)>,
}

impl<'b> Owned<'b> {
    async fn begin(bench: &'b Bench) -> Self {
        let email = format!("{}@example.org", unique("owner"));
        bench.create_as("reader", json!({"email": email, "phone": PHONE}), json!({"password": PASSWORD})).await;
        let query = format!("?return_to=https://app.example.org/{MARK}");
        let mut flows = Vec::new();
        let (mut browser, app) = (bench.browser(), bench.app());
        flows.push(("browser, expired", action(&browser.begin(&query).await)));
        browser.sign_in(&email).await;
        flows.push(("browser, refresh, expired", action(&browser.begin(&format!("{query}&refresh=true")).await)));
        let signed_in = app.token(&app.sign_in(&email).await);
        flows.push(("app, expired", signed_in.begin(&format!("{query}&refresh=true")).await));
        bench.expire_flows();
        for (name, more, body) in [
            ("browser, refresh", "&refresh=true", None),
            ("browser, refresh, code sent", "&refresh=true", Some(json!({"address": PHONE}))),
            ("browser, refresh, refused", "&refresh=true", Some(password(&email, "wrong"))),
            ("browser, refresh, completed", "&refresh=true", Some(password(&email, PASSWORD))),
        ] {
            let flow = browser.begin(&format!("{query}{more}")).await;
            if let Some(mut body) = body {
                body["csrf_token"] = csrf(&flow);
                browser.post(&action(&flow), &body).await;
            }
            flows.push((name, action(&flow)));
        }
        let token = browser.cookies.remove("ory_kratos_session").unwrap();
        for (name, body) in [
            ("browser", None),
            ("browser, refused", Some(password(&email, "wrong"))),
            ("browser, code sent", Some(ask(&email))),
        ] {
            let flow = browser.begin(&query).await;
            if let Some(mut body) = body {
                body["csrf_token"] = csrf(&flow);
                browser.post(&action(&flow), &body).await;
            }
            flows.push((name, action(&flow)));
        }
        browser.cookies.insert("ory_kratos_session".into(), token);
        for (name, client, more, body) in [
            ("app", &app, "", None),
            ("app, refresh", &signed_in, "&refresh=true", None),
            ("app, code sent", &app, "", Some(ask(&email))),
            ("app, refused", &app, "", Some(password(&email, "wrong"))),
            ("app, completed", &app, "", Some(password(&email, PASSWORD))),
        ] {
            let path = client.begin(&format!("{query}{more}")).await;
            if let Some(body) = body {
                client.post(&path, &body).await;
            }
            flows.push((name, path));
        }
        Self { email, browser, flows }
    }

    /// Asserts that an answer contains nothing of the owner.
    fn hides(&self, answer: &Answer, what: &str) {
        let all = format!("{} {:?}", answer.body, answer.headers);
        for own in [self.email.as_str(), PHONE, MARK] {
            assert!(!all.contains(own), "{what} shows {own}: {} {}", answer.status, answer.body);
        }
        assert!((300..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.body);
    }
}

fn id(path: &str) -> &str {
    path.rsplit('=').next().unwrap()
}

async fn stored(bench: &Bench, path: &str) -> Value {
    let key = format!("login#{}", id(path));
    let items = bench.proxy.items("flows").await;
    items.into_iter().find(|item| item["pk"]["S"] == json!(key)).expect("the flow")
}

/// Clients of every kind that do not own a flow of an app or of a browser.
async fn other_clients<'b>(bench: &'b Bench, owned: &Owned<'_>) -> Vec<(&'static str, bool, Client<'b>, Value)> {
    let other = format!("{}@example.org", unique("other"));
    bench.create_as("reader", json!({"email": other}), json!({"password": PASSWORD})).await;
    let mut own = bench.browser();
    let own_token = csrf(&own.begin("").await);
    let jar =
        |browser: &Browser<'_>| browser.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("; ");
    let mut signed_in = bench.browser();
    signed_in.sign_in(&other).await;
    let app = bench.app();
    let mut owners_jar = bench.browser();
    owners_jar.cookies = owned.browser.cookies.clone();
    owners_jar.cookies.remove("ory_kratos_session");
    vec![
        ("no cookie", true, app.clone(), json!(null)),
        ("a cookie of their own", true, app.with("cookie", &jar(&own)), json!(null)),
        ("a cookie and a token of their own", true, app.with("cookie", &jar(&own)), own_token.clone()),
        ("a session of their own", true, app.with("cookie", &jar(&signed_in)), own_token),
        (
            "another site that drives the owner's browser",
            true,
            app.with("cookie", &jar(&owners_jar)).with("sec-fetch-site", "cross-site"),
            json!(null),
        ),
        ("a page of another site", false, app.with("origin", "https://evil.example"), json!(null)),
        ("any browser", false, app.with("cookie", "a=b"), json!(null)),
    ]
}

fn bodies(owner: &str) -> Vec<(Option<&'static str>, Vec<u8>)> {
    let json = [
        json!({}),
        json!({"method": "nothing"}),
        json!({"method": "password"}),
        json!({"method": "password", "identifier": "typed", "password": "x"}),
        json!({"method": "password", "password": "x", "transient_payload": 5}),
        json!({"method": "passkey"}),
        json!({"method": "code"}),
        json!({"method": "code", "identifier": "typed@example.org"}),
        json!({"method": "code", "identifier": "typed", "resend": "code"}),
        json!({"method": "code", "identifier": "typed", "resend": "x"}),
        json!({"method": "code", "identifier": "typed", "code": "000000"}),
        json!({"method": "identifier_first", "identifier": "typed"}),
        json!({"address": "typed"}),
        // A submission with the owner's identifier learns no more.
        json!({"method": "code", "resend": "code", "address": owner.to_uppercase()}),
    ];
    let json = json.into_iter().map(|body| (Some("application/json"), body.to_string().into_bytes()));
    let others = [
        (Some("application/json"), b"{".to_vec()),
        (Some("application/json"), b"[1]".to_vec()),
        (Some("application/x-www-form-urlencoded"), b"a=%zz".to_vec()),
        (Some("multipart/form-data; boundary=x"), b"--x--".to_vec()),
        (Some("text/plain"), b"x".to_vec()),
        (None, Vec::new()),
    ];
    json.chain(others).collect()
}

fn with_token(body: Vec<u8>, token: &Value) -> Vec<u8> {
    match serde_json::from_slice::<Value>(&body) {
        Ok(mut object) if object.is_object() && !token.is_null() => {
            object["csrf_token"] = token.clone();
            object.to_string().into_bytes()
        }
        _ => body,
    }
}

#[tokio::test]
async fn other_client_neither_changes_nor_reads_flow() {
    let bench = bench().await;
    let mut owned = Owned::begin(&bench).await;
    let others = other_clients(&bench, &owned).await;
    for (state, path) in &owned.flows {
        let before = stored(&bench, path).await;
        // Only newly queued messages count, because earlier ones may still be on their way.
        let queued = bench.proxy.items("outbox").await.len();
        for (who, in_browsers, client, token) in &others {
            // An app's flow is open to every client that knows its id and is no browser.
            if state.starts_with("app") && (*in_browsers && *who != "a cookie of their own") {
                continue;
            }
            for (accept, one_in) in [("application/json", 1), ("text/html", 5)] {
                for (kind, body) in bodies(&owned.email).into_iter().step_by(one_in) {
                    let what = format!("{state}, {who}, {accept}, {}", String::from_utf8_lossy(&body));
                    let client = client.with("accept", accept);
                    let answer = client.send(Method::POST, path, kind, with_token(body, token)).await;
                    owned.hides(&answer, &what);
                    assert!(answer.set_cookie("ory_kratos_session").is_none(), "{what}");
                }
                owned.hides(&client.with("accept", accept).get(path).await, &format!("{state}, {who}, by GET"));
            }
        }
        assert_eq!(stored(&bench, path).await, before, "{state}");
        assert_eq!(bench.proxy.items("outbox").await.len(), queued, "{state}");
    }
    // The owner can still complete it.
    let (_, path) = owned.flows.iter().find(|(state, _)| *state == "browser, refresh").unwrap();
    let shown = owned.browser.get(&format!("/self-service/login/flows?id={}", id(path))).await;
    assert_eq!((shown.status, shown.message_ids()), (200, vec![1_010_003]), "{}", shown.body);
    let mut body = password(&owned.email, PASSWORD);
    body["csrf_token"] = csrf(&shown.json());
    assert_eq!(owned.browser.post(path, &body).await.status, 200);
}

#[tokio::test]
async fn other_client_gets_plain_successor_flow() {
    let bench = bench().await;
    let owned = Owned::begin(&bench).await;
    let (_, path) = owned.flows.iter().find(|(state, _)| *state == "browser, refresh, expired").unwrap();
    let mut other = bench.browser();
    other.begin("").await;
    let gone = other.post(path, &json!({"method": "password"})).await;
    assert_eq!(gone.status, 410, "{}", gone.body);
    let next = gone.json()["use_flow_id"].as_str().unwrap().to_owned();
    let next = other.get(&format!("/self-service/login/flows?id={next}")).await;
    assert_eq!((next.status, next.message_ids()), (200, vec![4_010_001]), "{}", next.body);
    owned.hides(&Answer { status: 400, ..next.clone() }, "the successor");
    assert_eq!((&next.json()["refresh"], &next.json()["return_to"]), (&json!(false), &Value::Null));
}

/// A login in another window has changed the browser's cookie; the page that was open before still has its token.
#[tokio::test]
async fn form_from_before_a_login_is_explained() {
    let bench = bench().await;
    let email = bench.identity().await;
    let mut browser = bench.browser();
    let early = browser.begin("?return_to=https://app.example.org/deep").await;
    browser.sign_in(&email).await;
    let mut body = password(&email, PASSWORD);
    body["csrf_token"] = csrf(&early);
    let before = stored(&bench, &action(&early)).await;
    let told = browser.post(&action(&early), &body).await;
    assert_eq!((told.status, told.message_ids()), (400, vec![4_000_001]), "{}", told.body);
    assert_eq!(told.json()["return_to"], "https://app.example.org/deep");
    browser.cookies.remove("ory_kratos_session");
    assert_eq!(browser.post(&action(&early), &body).await.status, 403);
    assert_eq!(stored(&bench, &action(&early)).await, before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_body_of_other_client_changes_nothing(
        requests in prop::collection::vec((
            prop::sample::select(vec!["application/json", "application/x-www-form-urlencoded", "multipart/form-data", "", "text/plain"]),
            prop::sample::select(vec!["POST", "GET", "POST"]),
            prop::collection::btree_map("(method|identifier|password|code|resend|address|csrf_token|transient_payload|[a-z]{1,3})", "(password|code|identifier_first|[0-9]{6}|\\PC{0,12})", 0..6),
            "\\PC{0,40}",
            any::<bool>(),
            (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        ), 150)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let bench = bench().await;
            let owned = Owned::begin(&bench).await;
            let others = other_clients(&bench, &owned).await;
            let mut before = Vec::new();
            for (_, path) in &owned.flows {
                before.push(stored(&bench, path).await);
            }
            for (kind, method, fields, raw, well_formed, (which, who)) in requests {
                let (state, path) = which.get(&owned.flows);
                let (name, in_browsers, client, token) = who.get(&others);
                if state.starts_with("app") && *in_browsers && *name != "a cookie of their own" {
                    continue;
                }
                let body = match (well_formed, kind) {
                    (false, _) => raw.into_bytes(),
                    (true, "application/json") => with_token(json!(fields).to_string().into_bytes(), token),
                    (true, _) => form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes(),
                };
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let answer = client.send(method, path, Some(kind), body.clone()).await;
                owned.hides(&answer, &format!("{state}, {name}, {}", String::from_utf8_lossy(&body)));
            }
            for ((state, path), before) in owned.flows.iter().zip(before) {
                assert_eq!(stored(&bench, path).await, before, "{state}");
            }
        });
    }
}
