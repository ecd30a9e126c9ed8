//! Brakes on guessing: whoever tries too often waits, whoever is right is not made to wait for it, and nobody is locked out by
//! what others try.

use crate::support::{Answer, Bench, CONFIG, Client, PASSWORD, action, csrf, password};
use serde_json::json;

const TOO_OFTEN: i64 = 4_029_001;
const WRONG: i64 = 4_000_006;

/// A stack on which little is enough.
async fn bench(limits: &str) -> Bench {
    Bench::with(&format!("{CONFIG}brakes: {{{limits}}}\n")).await
}

async fn attempt(client: &Client<'_>, identifier: &str, secret: &str) -> Answer {
    client.post(&client.begin("").await, &password(identifier, secret)).await
}

async fn fail(client: &Client<'_>, identifier: &str, times: usize) {
    for _ in 0..times {
        let answer = attempt(client, identifier, "wrong").await;
        assert_eq!((answer.status, answer.message_ids()), (400, vec![WRONG]), "{}", answer.body);
    }
}

fn assert_waits(answer: &Answer) {
    assert_eq!((answer.status, answer.message_ids()), (429, vec![TOO_OFTEN]), "{}", answer.body);
    let wait: u32 = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!((1..=15 * 60).contains(&wait), "{wait}");
}

#[tokio::test]
async fn whoever_guesses_waits_and_is_not_told_whether_they_were_right() {
    let bench = bench("attempts: {person_and_network: 3}").await;
    let email = bench.person().await;
    let app = bench.app();
    fail(&app, &email, 3).await;
    let (wrong, right) = (attempt(&app, &email, "wrong").await, attempt(&app, &email, PASSWORD).await);
    assert_waits(&wrong);
    assert_waits(&right);
    // The owner is elsewhere.
    assert_eq!(attempt(&app.at("198.51.100.7"), &email, PASSWORD).await.status, 200);
    // A neighbour is not.
    assert_waits(&attempt(&app.at("203.0.113.200"), &email, PASSWORD).await);
}

#[tokio::test]
async fn every_spelling_counts_as_one() {
    let bench = bench("attempts: {person_and_network: 3}").await;
    let email = bench.person().await;
    let app = bench.app();
    fail(&app, &email, 1).await;
    fail(&app, &email.to_uppercase(), 1).await;
    fail(&app, &format!(" {email}"), 1).await;
    assert_waits(&attempt(&app, &email, PASSWORD).await);
    // For somebody who does not exist as well.
    fail(&app, "Nobody@example.org", 2).await;
    fail(&app, "nobody@EXAMPLE.org ", 1).await;
    assert_waits(&attempt(&app, "nobody@example.org", PASSWORD).await);
}

#[tokio::test]
async fn slow_guessing_is_braked_by_person_and_by_network() {
    let bench = bench("attempts: {person: 4, network: 6}").await;
    let (ada, app) = (bench.person().await, bench.app());
    for network in 0..4 {
        fail(&app.at(&format!("198.51.{network}.1")), &ada, 1).await;
    }
    assert_waits(&attempt(&app.at("198.51.9.1"), &ada, PASSWORD).await);
    for other in 0..6 {
        fail(&app, &format!("other{other}@example.org"), 1).await;
    }
    assert_waits(&attempt(&app, &bench.person().await, PASSWORD).await);
}

#[tokio::test]
async fn being_right_counts_for_nothing() {
    let bench = bench("attempts: {person_and_network: 2, person: 2, network: 2, device: 2}").await;
    let email = bench.person().await;
    let app = bench.app();
    for _ in 0..4 {
        app.sign_in(&email).await;
    }
    fail(&app, &email, 2).await;
    assert_waits(&attempt(&app, &email, PASSWORD).await);
}

#[tokio::test]
async fn a_known_device_is_not_locked_out_by_what_others_try() {
    let bench = bench("attempts: {person_and_network: 3, network: 4, device: 2}").await;
    let email = bench.person().await;
    let mut own = bench.browser();
    own.sign_in(&email).await;
    // Signed out since: the cookie is of a session that has ended.
    let cookie = own.session();
    let link = own.get("/self-service/logout/browser").await.json();
    own.get(&format!("/self-service/logout?token={}", link["logout_token"].as_str().unwrap())).await;
    own.cookies.insert("ory_kratos_session".into(), cookie);
    fail(&bench.app(), &email, 3).await;
    assert_waits(&attempt(&bench.app(), &email, PASSWORD).await);
    own.sign_in(&email).await;

    // A cookie of somebody else's does not help, and one's own device is counted for itself.
    let mut other = bench.browser();
    let bob = bench.person().await;
    let mut at_home = bench.browser().at("198.51.100.1");
    at_home.sign_in(&bob).await;
    other.cookies = at_home.cookies.clone();
    let flow = other.begin("?refresh=true").await;
    let mut body = password(&email, PASSWORD);
    body["csrf_token"] = csrf(&flow);
    assert_waits(&other.post(&action(&flow), &body).await);
    let flow = at_home.begin("?refresh=true").await;
    let mut body = password(&bob, "wrong");
    body["csrf_token"] = csrf(&flow);
    for _ in 0..2 {
        assert_eq!(at_home.post(&action(&flow), &body).await.message_ids(), [WRONG]);
    }
    body["password"] = json!(PASSWORD);
    assert_waits(&at_home.post(&action(&flow), &body).await);
}

#[tokio::test]
async fn a_browser_is_shown_the_form_with_the_reason() {
    let bench = bench("attempts: {person_and_network: 1}").await;
    let email = bench.person().await;
    let mut browser = bench.browser().html();
    let flow = browser.begin("").await;
    let fields = [("method", "password"), ("identifier", email.as_str()), ("password", "wrong")];
    let token = csrf(&flow);
    let fields: Vec<_> = fields.into_iter().chain([("csrf_token", token.as_str().unwrap())]).collect();
    for id in [WRONG, TOO_OFTEN] {
        let answer = browser.form(&action(&flow), &fields).await;
        assert_eq!(answer.status, 303);
        assert!(answer.location().starts_with("https://app.example.org/login?flow="), "{}", answer.location());
        let shown = browser.get(&format!("/self-service/login/flows?id={}", flow["id"].as_str().unwrap())).await;
        assert_eq!(shown.message_ids(), [id]);
    }
}

#[tokio::test]
async fn no_more_get_through_at_once_than_one_after_the_other() {
    let bench = bench("attempts: {person_and_network: 5}").await;
    let email = bench.person().await;
    let app = bench.app();
    let answers = futures_util::future::join_all((0..32).map(|_| attempt(&app, &email, "wrong"))).await;
    let tried = answers.iter().filter(|answer| answer.message_ids() == [WRONG]).count();
    assert_eq!(tried, 5);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 27);
}

#[tokio::test]
async fn the_window_slides_on_and_a_counter_that_has_slept_begins_anew() {
    let bench = bench("window: 15m, attempts: {person_and_network: 1}").await;
    let email = bench.person().await;
    let app = bench.app();
    fail(&app, &email, 1).await;
    assert_waits(&attempt(&app, &email, PASSWORD).await);
    // Half an hour later.
    for mut item in bench.proxy.items("counters").await {
        item["until"]["N"] = json!("1");
        bench.proxy.store("PutItem", json!({"TableName": "counters", "Item": item})).await;
    }
    app.sign_in(&email).await;
    fail(&app, &email, 1).await;
    assert_waits(&attempt(&app, &email, PASSWORD).await);
}

#[tokio::test]
async fn counting_waits_for_nothing() {
    let bench = bench("attempts: {person_and_network: 1}").await;
    let email = bench.person().await;
    let app = bench.app();
    for (secret, status, trips) in [("wrong", 400, 2), (PASSWORD, 429, 2)] {
        let answer = attempt(&app, &email, secret).await;
        assert_eq!(answer.status, status);
        assert_eq!(bench.logged(&answer)["round_trips"], trips, "{secret}");
    }
    bench.proxy.calls();
    let answer = attempt(&app.at("198.51.100.7"), &email, PASSWORD).await;
    assert_eq!((answer.status, &bench.logged(&answer)["round_trips"]), (200, &json!(2)));
    let counted = bench.proxy.calls().iter().filter(|call| call.request["TableName"] == "counters").count();
    assert_eq!(counted, 6, "three raised, three taken back");
}

#[tokio::test]
async fn where_brakes_are_off_nothing_is_counted() {
    let bench = bench("enabled: false").await;
    let email = bench.person().await;
    fail(&bench.app(), &email, 12).await;
    bench.app().sign_in(&email).await;
    assert!(bench.proxy.items("counters").await.is_empty());
}

#[tokio::test]
async fn counters_hold_nothing_that_was_typed() {
    let bench = bench("attempts: {person: 50}").await;
    fail(&bench.app(), "somebody-private@example.org", 2).await;
    let items = serde_json::to_string(&bench.proxy.items("counters").await).unwrap();
    assert!(!items.contains("private") && items.contains("attempt#person#"), "{items}");
}
