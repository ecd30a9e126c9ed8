//! Codes as users enter them: pasted with other characters, late because another one was sent, beside several identifiers.

use crate::code::{NO_CODE_SIGN_IN, SENT, WRONG_CODE, ask, bench, config, enter, other_than, reader, says, sent};
use crate::support::{Bench, PASSWORD, action, csrf, unique};
use serde_json::json;

const MISSING: i64 = 4_000_002;

fn in_script(code: &str, zero: char) -> String {
    code.chars().map(|c| char::from_u32(u32::from(zero) + c.to_digit(10).unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn pasted_code_signs_in() {
    let bench = Bench::with(&config("", "rate_limits: {enabled: false}\n")).await;
    let email = reader(&bench).await;
    let app = bench.app();
    let ways: [fn(&str) -> String; 12] = [
        |code| format!(" {code}"),
        |code| format!("{code}\r\n"),
        |code| format!("\t{code}\u{a0}"),
        |code| format!("{} {}", &code[..3], &code[3..]),
        |code| format!("{}-{}", &code[..3], &code[3..]),
        |code| format!("{}\u{2009}{}", &code[..2], &code[2..]),
        |code| code.split("").collect::<Vec<_>>().join("."),
        |code| format!("\u{feff}\u{200b}{code}\u{200d}"),
        |code| format!("\u{2066}\u{202a}{code}\u{202c}\u{2069}"),
        |code| in_script(code, '０'),
        |code| in_script(code, '٠'),
        |code| in_script(code, '०'),
    ];
    for way in ways {
        let (path, code) = sent(&bench, &app, &email).await;
        let typed = way(&code);
        let done = app.post(&path, &enter(&email, &typed)).await;
        assert_eq!(done.status, 200, "{typed:?}: {}", done.body);
    }
    // As a browser sends it, with plus signs for spaces.
    let (path, code) = sent(&bench, &app, &email).await;
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let fields = [("method", "code"), ("identifier", email.as_str()), ("code", spaced.as_str())];
    assert_eq!(app.form(&path, &fields).await.status, 200);
}

#[tokio::test]
async fn code_without_digits_is_no_attempt() {
    let bench = Bench::with(&config("config: {max_submissions: 2}", "")).await;
    let email = reader(&bench).await;
    let app = bench.app();
    let (path, code) = sent(&bench, &app, &email).await;
    for nothing in ["", " ", "-", "\u{200b}\u{2066}", "...", "\r\n"] {
        let refused = app.post(&path, &enter(&email, nothing)).await;
        says(&refused, 400, &[MISSING]);
        assert_eq!(refused.json()["state"], "sent_email");
    }
    says(&app.post(&path, &enter(&email, &format!("{code}x"))).await, 400, &[WRONG_CODE]);
    assert_eq!(app.post(&path, &enter(&email, &code)).await.status, 200);
}

#[tokio::test]
async fn last_two_codes_are_good_until_used() {
    let bench = bench().await;
    let email = reader(&bench).await;
    let app = bench.app();
    let resend = json!({"method": "code", "identifier": email, "resend": "code"});
    for use_first in [true, false] {
        let (path, first) = sent(&bench, &app, &email).await;
        let before = bench.mail_to(&email).len();
        says(&app.post(&path, &resend).await, 400, &[SENT]);
        let second = bench.next_code(&email, before).await;
        let (used, other) = if use_first { (&first, &second) } else { (&second, &first) };
        assert_eq!(app.post(&path, &enter(&email, used)).await.status, 200, "first: {use_first}");
        says(&app.post(&path, &enter(&email, other)).await, 400, &[4_010_002]);
    }
}

#[tokio::test]
async fn late_code_verifies_its_own_address() {
    let bench = bench().await;
    let email = format!("{}@example.org", unique("late"));
    let phone = "+4917667111639";
    bench.create_as("reader", json!({"email": email, "phone": phone}), json!({})).await;
    let other = reader(&bench).await;
    let app = bench.app();
    let (path, code) = sent(&bench, &app, &email).await;
    says(&app.post(&path, &json!({"method": "code", "identifier": phone, "resend": "code"})).await, 400, &[SENT]);
    // Beside the identifier of another identity it is wrong as before.
    says(&app.post(&path, &enter(&other, &code)).await, 400, &[WRONG_CODE]);
    let done = app.post(&path, &enter(phone, &code)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let addresses = done.json()["session"]["identity"]["verifiable_addresses"].clone();
    let verified = addresses.as_array().unwrap().iter().filter(|address| address["verified"] == true);
    assert_eq!(verified.map(|address| address["value"].clone()).collect::<Vec<_>>(), [json!(email)]);
}

/// Attempts count over both codes.
#[tokio::test]
async fn two_codes_share_their_attempts() {
    let bench = Bench::with(&config("config: {max_submissions: 2}", "")).await;
    let email = reader(&bench).await;
    let app = bench.app();
    let (path, first) = sent(&bench, &app, &email).await;
    says(&app.post(&path, &enter(&email, other_than(&first))).await, 400, &[WRONG_CODE]);
    says(&app.post(&path, &json!({"method": "code", "identifier": email, "resend": "code"})).await, 400, &[SENT]);
    let second = bench.next_code(&email, 1).await;
    assert_eq!(app.post(&path, &enter(&email, &second)).await.status, 200);
}

/// In the first step `identifier` counts, in the second `address` (contract `methods-password-code-2fa.md` 3.6).
#[tokio::test]
async fn one_of_two_fields_is_the_identifier() {
    let bench = bench().await;
    let (ada, bob) = (reader(&bench).await, reader(&bench).await);
    let app = bench.app();
    let path = app.begin("").await;
    let asked = app.post(&path, &json!({"method": "code", "identifier": ada, "address": bob})).await;
    says(&asked, 400, &[SENT]);
    assert_eq!(asked.node("identifier"), json!(ada));
    let code = bench.next_code(&ada, 0).await;
    assert!(bench.mail_to(&bob).is_empty());
    let with = |identifier: &str, address: &str| json!({"method": "code", "identifier": identifier, "address": address, "code": code});
    says(&app.post(&path, &with(&ada, "unknown@example.org")).await, 400, &[NO_CODE_SIGN_IN]);
    says(&app.post(&path, &with(&ada, &bob)).await, 400, &[WRONG_CODE]);
    assert_eq!(app.post(&path, &with("unknown@example.org", &ada)).await.status, 200);
    // An address does not make up for an unknown identifier.
    let path = app.begin("").await;
    let body = json!({"method": "code", "identifier": "unknown@example.org", "address": bob});
    says(&app.post(&path, &body).await, 400, &[NO_CODE_SIGN_IN]);
    assert!(bench.mail_to(&bob).is_empty());
    // Both names of the field count alike.
    let path = app.begin("").await;
    let body = json!({"method": "password", "identifier": "unknown@example.org", "password_identifier": ada, "password": PASSWORD});
    says(&app.post(&path, &body).await, 400, &[4_000_006]);
}

#[tokio::test]
async fn identifier_first_reads_only_its_identifier() {
    let idfirst = "login: {style: identifier_first, ui_url";
    let bench = Bench::with(&config("", "").replace("login: {ui_url", idfirst)).await;
    let bob = format!("{}@example.org", unique("bob"));
    bench.create_as("reader", json!({"email": bob}), json!({})).await;
    let ada = reader(&bench).await;
    let app = bench.app();
    let first = |who: &str| json!({"method": "identifier_first", "identifier": who, "address": bob});
    says(&app.post(&app.begin("").await, &first("unknown@example.org")).await, 400, &[4_000_037]);
    let offered = app.post(&app.begin("").await, &first(&ada)).await;
    says(&offered, 400, &[]);
    assert_eq!(offered.json()["active"], "identifier_first", "ada has a password");
    assert!(bench.mail_to(&bob).is_empty());
}

#[tokio::test]
async fn refusal_shows_the_identifier_as_typed() {
    let limits = "rate_limits: {sends: {address: 1, flow: 9}}\n";
    let bench = Bench::with(&config("", limits)).await;
    let app = bench.app();
    let refused = app.post(&app.begin("").await, &ask("Unknown@Example.ORG")).await;
    says(&refused, 400, &[NO_CODE_SIGN_IN]);
    assert_eq!(refused.node("identifier"), "Unknown@Example.ORG");
    let email = reader(&bench).await;
    sent(&bench, &app, &email).await;
    let typed = email.to_uppercase();
    let slowed = app.post(&app.begin("").await, &ask(&typed)).await;
    assert_eq!((slowed.status, slowed.node("identifier")), (429, json!(typed)), "{}", slowed.body);
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    let flow = browser.begin("?refresh=true").await;
    let body = json!({"method": "code", "identifier": "Other@Else.example", "csrf_token": csrf(&flow)});
    assert_eq!(browser.post(&action(&flow), &body).await.node("identifier"), "Other@Else.example");
}
