//! Forged form submissions, and native flows in a victim's browser.

use crate::support::{Bench, CONFIG, PASSWORD, action, csrf, password};
use serde_json::{Value, json};

/// A login as a single-page app sends it, with this anti-CSRF token.
fn with_token(email: &str, token: Value) -> Value {
    let mut body = password(email, PASSWORD);
    body["csrf_token"] = token;
    body
}

#[tokio::test]
async fn only_the_browsers_own_token_is_accepted() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let mut victim = bench.browser();
    let mut attacker = bench.browser();
    let foreign = csrf(&attacker.begin("").await);
    let flow = victim.begin("").await;
    let own = csrf(&flow);
    let mut truncated = own.as_str().unwrap().to_owned();
    truncated.pop();
    for token in [json!(null), json!(""), json!("nonsense"), foreign, json!(truncated), json!("A".repeat(5000))] {
        let refused = victim.post(&action(&flow), &with_token(&email, token.clone())).await;
        assert_eq!(refused.status, 403, "{token}: {}", refused.body);
        assert_eq!(refused.json()["error"]["id"], "security_csrf_violation");
        assert!(refused.set_cookie("ory_kratos_session").is_none());
    }
    assert_eq!(victim.post(&action(&flow), &with_token(&email, own)).await.status, 200);
}

#[tokio::test]
async fn token_without_its_cookie_is_refused() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let mut browser = bench.browser();
    let flow = browser.begin("").await;
    browser.cookies.clear();
    let refused = browser.post(&action(&flow), &with_token(&email, csrf(&flow))).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
}

#[tokio::test]
async fn tokens_are_masked_differently_and_stay_valid() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let mut browser = bench.browser();
    let flow = browser.begin("").await;
    let first = csrf(&flow);
    let id = flow["id"].as_str().unwrap();
    let again = browser.get(&format!("/self-service/login/flows?id={id}")).await;
    assert_ne!(again.node("csrf_token"), first, "a token that repeats can be guessed bit by bit through compression");
    assert_eq!(browser.post(&action(&flow), &with_token(&email, first)).await.status, 200);
}

#[tokio::test]
async fn flow_belongs_to_the_browser_that_began_it() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let mut victim = bench.browser();
    let mut attacker = bench.browser();
    let planted = attacker.begin("").await;
    victim.begin("").await;
    let read = victim.get(&format!("/self-service/login/flows?id={}", planted["id"].as_str().unwrap())).await;
    assert_eq!(read.status, 403, "{}", read.body);
    // A planted form with the attacker's token does not sign the victim's browser in either.
    let refused = victim.post(&action(&planted), &with_token(&email, csrf(&planted))).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert!(refused.set_cookie("ory_kratos_session").is_none());
}

#[tokio::test]
async fn one_of_two_equal_cookies_may_fit() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let mut browser = bench.browser();
    let flow = browser.begin("").await;
    let (name, value) = browser.cookies.iter().find(|(name, _)| name.starts_with("__Host-csrf_token_")).unwrap();
    let cookies = format!("{name}=rubbish; {name}={value}; __cflb=x; __cfruid=y");
    let client = bench.app().with("cookie", &cookies);
    let done = client.post(&action(&flow), &with_token(&email, csrf(&flow))).await;
    assert_eq!(done.status, 200, "{}", done.body);
}

/// A sibling subdomain may set cookies of the whole domain, but none whose name begins with `__Host-`.
#[tokio::test]
async fn cookie_of_sibling_subdomain_is_ignored() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let mut attacker = bench.browser();
    let planted = attacker.begin("").await;
    let (name, value) = attacker.cookies.iter().find(|(name, _)| name.contains("csrf_token_")).unwrap();
    let tossed = format!("{}={value}", name.strip_prefix("__Host-").expect("a name of this host alone"));
    let mut victim = bench.browser();
    victim.begin("").await;
    let own = format!("{name}={}", victim.cookies[name]);
    for cookies in [tossed.clone(), format!("{tossed}; {own}"), format!("{own}; {tossed}")] {
        let client = bench.app().with("cookie", &cookies);
        let refused = client.post(&action(&planted), &with_token(&email, csrf(&planted))).await;
        assert_eq!(refused.status, 403, "{cookies}: {}", refused.body);
        assert!(refused.set_cookie("ory_kratos_session").is_none());
        let read = client.get(&format!("/self-service/login/flows?id={}", planted["id"].as_str().unwrap())).await;
        assert_eq!(read.status, 403, "{cookies}: {}", read.body);
    }
}

#[tokio::test]
async fn only_session_cookie_with_host_prefix_counts() {
    let bench = Bench::with(&format!("{CONFIG}session: {{cookie: {{host_prefix: true}}}}\n")).await;
    let (victim, attacker) = (bench.identity().await, bench.identity().await);
    let signed_in = async |email: &str| {
        let mut browser = bench.browser();
        browser.sign_in(email).await;
        browser.cookies["__Host-ory_kratos_session"].clone()
    };
    let (own, tossed) = (signed_in(&victim).await, signed_in(&attacker).await);
    let own = format!("__Host-ory_kratos_session={own}");
    let tossed = format!("ory_kratos_session={tossed}");
    let ask = async |cookies: &str| bench.app().with("cookie", cookies).get("/sessions/whoami").await;
    assert_eq!(ask(&tossed).await.status, 401);
    for both in [format!("{tossed}; {own}"), format!("{own}; {tossed}"), own.clone()] {
        assert_eq!(ask(&both).await.json()["identity"]["traits"]["email"], victim.as_str(), "{both}");
    }
}

/// Servers between a browser and the API rewrite its cookies in their own way.
#[tokio::test]
async fn rewritten_cookies_are_accepted() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let percent =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    type Writes<'w> = &'w dyn Fn(&str) -> String;
    let ways: [(&str, Writes<'_>); 8] = [
        ("quoted", &|value| format!("\"{value}\"")),
        ("encoded", &|value| percent(value)),
        ("encoded twice", &|value| percent(&percent(value))),
        ("only = encoded", &|value| value.replace('=', "%3D")),
        ("in lower case", &|value| value.replace('=', "%3d").replace('+', "%2b").replace('/', "%2f")),
        ("quoted and encoded", &|value| percent(&format!("\"{value}\""))),
        ("plus signs decoded", &|value| value.replace('+', " ")),
        ("without padding", &|value| value.trim_end_matches('=').to_owned()),
    ];
    for (way, written) in ways {
        let mut browser = bench.browser();
        let flow = browser.begin("").await;
        browser.cookies.values_mut().for_each(|value| *value = written(value));
        let read = browser.get(&format!("/self-service/login/flows?id={}", flow["id"].as_str().unwrap())).await;
        assert_eq!(read.status, 200, "{way}: {}", read.body);
        let done = browser.post(&action(&flow), &with_token(&email, csrf(&flow))).await;
        assert_eq!(done.status, 200, "{way}: {}", done.body);
        browser.cookies.values_mut().for_each(|value| *value = written(value));
        assert_eq!(browser.get("/sessions/whoami").await.status, 200, "{way}");
        assert_eq!(browser.get("/sample").await.status, 200, "{way}: the authorizer");
    }
    let token = bench.app().sign_in(&email).await;
    for client in bench.app().token_each_way(&format!("\"{token}\"")) {
        assert_eq!(client.get("/sessions/whoami").await.status, 200, "a token in quotation marks");
    }
}

#[tokio::test]
async fn native_flow_refuses_browsers() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    for (header, value) in
        [("origin", "https://evil.example"), ("cookie", "ory_kratos_session=x"), ("cookie", "anything=x")]
    {
        let action = app.begin("").await;
        let refused = app.with(header, value).post(&action, &password(&email, PASSWORD)).await;
        assert_eq!((refused.status, refused.message_ids()), (400, vec![4_000_001]), "{header}: {}", refused.body);
        assert!(refused.json().get("session_token").is_none());
    }
    // A content network's own cookies say nothing about the client.
    let action = app.begin("").await;
    let cloudflare = app.with("cookie", "__cflb=x; __cf_bm=y; _cfuvid=z; cf_clearance=w; __cfruid=v");
    assert_eq!(cloudflare.post(&action, &password(&email, PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn logout_needs_the_sessions_own_token() {
    let bench = Bench::new().await;
    let (one, other) = (bench.identity().await, bench.identity().await);
    let (mut victim, mut attacker) = (bench.browser(), bench.browser());
    victim.sign_in(&one).await;
    attacker.sign_in(&other).await;
    let foreign = attacker.get("/self-service/logout/browser").await.json();
    let foreign = foreign["logout_token"].as_str().unwrap();
    let refused = victim.get(&format!("/self-service/logout?token={foreign}")).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert_eq!(victim.get("/sessions/whoami").await.status, 200);
    let own = victim.get("/self-service/logout/browser").await.json();
    let own = own["logout_token"].as_str().unwrap().to_owned();
    let ended = victim.get(&format!("/self-service/logout?token={own}")).await;
    assert_eq!(ended.status, 204, "{}", ended.body);
    assert_eq!(victim.get("/sessions/whoami").await.status, 401);
}

/// A client that knows only the id of another user's refresh flow.
#[tokio::test]
async fn flow_id_alone_neither_reads_nor_submits() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let mut owner = bench.browser();
    owner.sign_in(&email).await;
    let flow = owner.begin("?refresh=true").await;
    let id = flow["id"].as_str().unwrap();
    assert!(flow.to_string().contains(&email), "the owner's form is filled in");
    let mut attacker = bench.browser();
    let token = csrf(&attacker.begin("").await);
    for body in [
        json!({"method": "password", "identifier": "x", "password": "x", "csrf_token": token}),
        json!({"method": "password", "password": "x", "csrf_token": token}),
        json!({"method": "nothing", "csrf_token": token}),
    ] {
        let answer = attacker.post(&action(&flow), &body).await;
        assert_eq!(answer.status, 403, "{}", answer.body);
        assert_eq!(answer.json()["error"]["id"], "security_csrf_violation");
        assert!(!answer.body.contains(&email), "{}", answer.body);
    }
    assert_eq!(attacker.get(&format!("/self-service/login/flows?id={id}")).await.status, 403);
    assert_eq!(owner.get(&format!("/self-service/login/flows?id={id}")).await.status, 200);
    assert_eq!(owner.post(&action(&flow), &with_token(&email, csrf(&flow))).await.status, 200);
}

/// The successor of an expired flow says nothing of the client that began the expired one.
#[tokio::test]
async fn successor_of_expired_flow_belongs_to_requester() {
    let bench = Bench::new().await;
    let (email, other) = (bench.identity().await, bench.identity().await);
    let app = bench.app();
    let (owner, another) = (app.token(&app.sign_in(&email).await), app.token(&app.sign_in(&other).await));
    let path = owner.begin("?refresh=true&organization=6b5b5f7e-2d6c-4d5c-9f0e-0f2f7c3f0a11").await;
    bench.expire_flows();
    for (client, shows) in [(&another, Some(&other)), (&owner, Some(&email)), (&app, None)] {
        let gone = client.post(&path, &password(&email, "x")).await;
        assert_eq!(gone.status, 410, "{}", gone.body);
        let next = gone.json()["use_flow_id"].as_str().unwrap().to_owned();
        let next = client.get(&format!("/self-service/login/flows?id={next}")).await;
        assert_eq!(next.json()["organization_id"], Value::Null);
        assert_eq!(next.json()["refresh"], shows.is_some());
        assert_eq!(next.node("identifier"), shows.map_or(json!(""), |email| json!(email)));
    }
}

/// Infrastructure in front of a deployment sets cookies of its own, and an app that keeps cookies sends them back.
#[tokio::test]
async fn infrastructure_cookies_do_not_mark_a_browser() {
    let bench = Bench::new().await;
    let email = bench.identity().await;
    let app = bench.app();
    for theirs in [
        "AWSALB=a; AWSALBCORS=b",
        "AWSALBTG=a; AWSALBTGCORS=b",
        "AWSALBAPP-0=a",
        "AWSELB=a",
        "ARRAffinity=a; ARRAffinitySameSite=b",
        "ApplicationGatewayAffinity=a; ApplicationGatewayAffinityCORS=b",
        "ASLBSA=a",
        "GCLB=a",
        "GCILB=a",
        "__cf_bm=a; cf_clearance=b; _cfuvid=c",
        "visid_incap_123=a; incap_ses_4_123=b; nlbi_123=c",
        "ak_bmsc=a; bm_sz=b; _abck=c",
        "BIGipServerpool=a; TS01ab23cd=b",
    ] {
        let action = app.begin("").await;
        let signed_in = app.with("cookie", theirs).post(&action, &password(&email, PASSWORD)).await;
        assert_eq!(signed_in.status, 200, "{theirs}: {}", signed_in.body);
        let action = app.begin("").await;
        let browser = app.with("cookie", &format!("{theirs}; theme=dark"));
        assert_eq!(browser.post(&action, &password(&email, PASSWORD)).await.message_ids(), [4_000_001], "{theirs}");
    }
}
