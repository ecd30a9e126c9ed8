//! Rate limits on sending and trying codes: the counters use what was typed, known devices still get codes, and many guesses make
//! codes longer.

use crate::code::{NO_CODE_SIGN_IN, SENT, WRONG_CODE, ask, config, enter, other_than, reader, says, sent};
use crate::password_limits::assert_wrong;
use crate::support::{Answer, Bench, Browser, Client, PASSWORD, action, csrf, eventually, password, unique};
use serde_json::{Value, json};

const TOO_OFTEN: i64 = 4_029_001;
const LAST_COUNTS: i64 = 4_029_002;
const MITIGATE: &str = "security: {account_enumeration: {mitigate: true}}\n";

async fn bench(limits: &str) -> Bench {
    Bench::with(&config("", &format!("rate_limits: {{{limits}}}\n"))).await
}

async fn request(client: &Client<'_>, to: &str) -> Answer {
    client.post(&client.begin("").await, &ask(to)).await
}

fn resend(to: &str) -> Value {
    json!({"method": "code", "identifier": to, "resend": "code"})
}

/// Submits a form of a browser's flow.
async fn post(browser: &mut Browser<'_>, flow: &Value, mut body: Value) -> Answer {
    body["csrf_token"] = csrf(flow);
    browser.post(&action(flow), &body).await
}

/// The code of the newest message to an address, with this many digits.
async fn code_of(bench: &Bench, to: &str, after: usize, digits: usize) -> String {
    let text = eventually("a code", async || {
        let mail = bench.mail_to(to);
        (mail.len() > after).then(|| mail[0].text.clone())
    });
    let pattern = regex_lite::Regex::new(&format!(r"\b\d{{{digits}}}\b")).unwrap();
    let text = text.await;
    pattern.find(&text).unwrap_or_else(|| panic!("no code of {digits} digits in {text:?}")).as_str().to_owned()
}

#[tokio::test]
async fn requests_elsewhere_do_not_limit_known_device() {
    let bench = bench("window: 15m").await;
    let email = format!("{}@example.org", unique("owner"));
    bench.create_as("reader", json!({"email": email}), json!({})).await;
    let mut own = bench.browser().at("192.0.2.1");
    let flow = own.begin("").await;
    says(&post(&mut own, &flow, ask(&email)).await, 400, &[SENT]);
    let code = code_of(&bench, &email, 0, 6).await;
    assert_eq!(post(&mut own, &flow, enter(&email, &code)).await.status, 200);
    // One network reaches its limit before it has used up that of the address.
    let elsewhere = bench.app();
    for _ in 0..5 {
        says(&request(&elsewhere, &email).await, 400, &[SENT]);
    }
    says(&request(&elsewhere, &email).await, 429, &[TOO_OFTEN]);
    says(&request(&elsewhere.at("198.51.100.7"), &email).await, 400, &[SENT]);
    // Several networks reach the limit of the address together.
    for network in 0..3 {
        says(&request(&elsewhere.at(&format!("198.51.{network}.1")), &email).await, 400, &[SENT]);
    }
    says(&request(&elsewhere.at("198.51.9.1"), &email).await, 429, &[TOO_OFTEN]);
    // The owner's known device still gets a code: signed in, and after signing out.
    let refresh = own.begin("?refresh=true").await;
    says(&post(&mut own, &refresh, ask(&email)).await, 400, &[1_010_025]);
    let link = own.get("/self-service/logout/browser").await.json();
    own.get(&format!("/self-service/logout?token={}", link["logout_token"].as_str().unwrap())).await;
    // The code of the refresh must not be mistaken for the next one.
    eventually("everything sent", async || {
        let queued = bench.proxy.items("outbox").await.into_iter().any(|item| item.get("unsent").is_some());
        (!queued).then_some(())
    })
    .await;
    let before = bench.mail_to(&email).len();
    let flow = own.begin("").await;
    says(&post(&mut own, &flow, ask(&email)).await, 400, &[SENT]);
    let code = code_of(&bench, &email, before, 6).await;
    assert_eq!(post(&mut own, &flow, enter(&email, &code)).await.status, 200);
}

#[tokio::test]
async fn last_code_signs_in_at_a_limit() {
    for limits in ["sends: {flow: 1}", "sends: {address_and_network: 1}", "sends: {address: 1}", "sends: {network: 1}"]
    {
        let bench = bench(limits).await;
        let email = reader(&bench).await;
        let app = bench.app();
        let (path, code) = sent(&bench, &app, &email).await;
        let answer = app.post(&path, &resend(&email)).await;
        says(&answer, 429, &[LAST_COUNTS]);
        assert!(answer.header("retry-after").is_some());
        assert_eq!((&answer.json()["state"], bench.mail_to(&email).len()), (&json!("sent_email"), 1), "{limits}");
        assert_eq!(app.post(&path, &enter(&email, &code)).await.status, 200, "{limits}");
    }
}

#[tokio::test]
async fn known_device_has_a_limit_too() {
    let bench = bench("sends: {device: 1}").await;
    let email = reader(&bench).await;
    let mut own = bench.browser();
    own.sign_in(&email).await;
    let flow = own.begin("?refresh=true").await;
    says(&post(&mut own, &flow, ask(&email)).await, 400, &[1_010_025]);
    let code = code_of(&bench, &email, 0, 6).await;
    says(&post(&mut own, &flow, resend(&email)).await, 429, &[LAST_COUNTS]);
    assert_eq!(bench.mail_to(&email).len(), 1);
    assert_eq!(post(&mut own, &flow, enter(&email, &code)).await.status, 200);
}

#[tokio::test]
async fn sending_is_limited_by_typed_address() {
    let bench = bench("sends: {network: 4}").await;
    let app = bench.app();
    for at in 0..4 {
        says(&request(&app, &format!("n{at}@example.org")).await, 400, &[NO_CODE_SIGN_IN]);
    }
    says(&request(&app, "n5@example.org").await, 429, &[TOO_OFTEN]);
    says(&request(&app.at("198.51.100.7"), &reader(&bench).await).await, 400, &[SENT]);
}

#[tokio::test]
async fn text_message_limits_treat_unknown_numbers_alike() {
    for mitigation in ["", MITIGATE] {
        let limits = "rate_limits: {sms: {countries: [\"+49\"], per_day: 2, network_per_day: 1}}\n";
        let bench = Bench::with(&config("", &format!("{limits}{mitigation}"))).await;
        let email = format!("{}@example.org", unique("sms"));
        bench.create_as("reader", json!({"email": email, "phone": "+4917667111638"}), json!({})).await;
        let abroad = format!("{}@example.org", unique("abroad"));
        bench.create_as("reader", json!({"email": abroad, "phone": "+16502530000"}), json!({})).await;
        let (known, unknown) = ("+4917667111638", "+4917667111639");
        let (here, there) = (bench.app(), bench.app().at("198.51.100.7"));
        let first = request(&here, unknown).await;
        says(&first, 400, &[if mitigation.is_empty() { NO_CODE_SIGN_IN } else { SENT }]);
        for number in [known, unknown] {
            says(&request(&here, number).await, 429, &[TOO_OFTEN]);
        }
        says(&request(&there, known).await, 400, &[SENT]);
        for number in [known, unknown] {
            says(&request(&bench.app().at("198.51.101.1"), number).await, 429, &[TOO_OFTEN]);
        }
        // A country without text messages gets none, whether the number is known or not.
        for number in ["+16502530000", "+16502530001"] {
            says(&request(&bench.app().at("198.51.102.1"), number).await, 400, &[NO_CODE_SIGN_IN]);
        }
        assert!(bench.mail_to("+16502530000").is_empty());
    }
}

#[tokio::test]
async fn beyond_hidden_limit_only_longer_codes_work() {
    let bench = bench("attempts: {identity: 6, identity_per_day: 1}").await;
    let email = reader(&bench).await;
    let app = bench.app();
    let (path, short) = sent(&bench, &app, &email).await;
    for network in 0..7 {
        let guesser = app.at(&format!("198.51.{network}.1"));
        assert_wrong(&guesser.post(&guesser.begin("").await, &password(&email, "wrong")).await);
    }
    assert_wrong(&app.post(&app.begin("").await, &password(&email, PASSWORD)).await);
    says(&app.post(&path, &enter(&email, &short)).await, 400, &[WRONG_CODE]);
    says(&app.post(&path, &resend(&email)).await, 400, &[SENT]);
    let long = code_of(&bench, &email, 1, 10).await;
    says(&app.post(&path, &enter(&email, other_than(&long))).await, 400, &[WRONG_CODE]);
    assert_eq!(app.post(&path, &enter(&email, &long)).await.status, 200);
    // The success reset the count of failures.
    assert_eq!(app.post(&app.begin("").await, &password(&email, PASSWORD)).await.status, 200);
    let (path, short) = sent(&bench, &app, &email).await;
    assert_eq!(app.post(&path, &enter(&email, &short)).await.status, 200);
}

#[tokio::test]
async fn over_a_limit_no_code_is_compared() {
    let bench = bench("attempts: {identifier_and_network: 2}").await;
    let email = reader(&bench).await;
    let app = bench.app();
    let (path, code) = sent(&bench, &app, &email).await;
    for _ in 0..2 {
        says(&app.post(&path, &enter(&email, other_than(&code))).await, 400, &[WRONG_CODE]);
    }
    for code in [code.as_str(), other_than(&code)] {
        let answer = app.post(&path, &enter(&email, code)).await;
        says(&answer, 429, &[TOO_OFTEN]);
        assert_eq!(bench.logged(&answer)["round_trips"], 2);
    }
    assert_eq!(app.at("198.51.100.7").post(&path, &enter(&email, &code)).await.status, 200);
}

#[tokio::test]
async fn account_lookups_beside_a_code_are_limited() {
    let bench = bench("attempts: {network: 2}").await;
    let email = reader(&bench).await;
    let app = bench.app();
    let (path, code) = sent(&bench, &app, &email).await;
    for at in 0..2 {
        says(&app.post(&path, &enter(&format!("n{at}@example.org"), "123456")).await, 400, &[NO_CODE_SIGN_IN]);
    }
    says(&app.post(&path, &enter("n3@example.org", "123456")).await, 429, &[TOO_OFTEN]);
    assert_eq!(app.at("198.51.100.7").post(&path, &enter(&email, &code)).await.status, 200);
}
