//! Rate limits on guessing passwords: a client over a limit waits, an attempt over a limit costs nothing, and a limit over days stays
//! hidden. `tests/known_devices.rs` tests that attackers do not lock known devices out.

use crate::support::{Answer, Bench, CONFIG, Client, PASSWORD, action, csrf, password, unique};
use serde_json::json;
use time::Duration;

pub const TOO_OFTEN: i64 = 4_029_001;
pub const WRONG: i64 = 4_000_006;

/// A stack with low limits.
pub async fn bench(limits: &str) -> Bench {
    Bench::with(&format!("{CONFIG}rate_limits: {{{limits}}}\n")).await
}

pub async fn attempt(client: &Client<'_>, identifier: &str, secret: &str) -> Answer {
    client.post(&client.begin("").await, &password(identifier, secret)).await
}

pub async fn fail(client: &Client<'_>, identifier: &str, times: usize) {
    for _ in 0..times {
        assert_wrong(&attempt(client, identifier, "wrong").await);
    }
}

pub fn assert_wrong(answer: &Answer) {
    assert_eq!((answer.status, answer.message_ids()), (400, vec![WRONG]), "{}", answer.body);
}

pub fn assert_waits(answer: &Answer) {
    assert_eq!((answer.status, answer.message_ids()), (429, vec![TOO_OFTEN]), "{}", answer.body);
    let wait: u32 = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!((1..=15 * 60).contains(&wait), "{wait}");
}

#[tokio::test]
async fn limit_answers_right_and_wrong_passwords_alike() {
    let bench = bench("attempts: {identifier_and_network: 3}").await;
    let email = bench.identity().await;
    let app = bench.app();
    fail(&app, &email, 3).await;
    let (wrong, right) = (attempt(&app, &email, "wrong").await, attempt(&app, &email, PASSWORD).await);
    assert_waits(&wrong);
    assert_waits(&right);
    // The owner is in another network.
    assert_eq!(attempt(&app.at("198.51.100.7"), &email, PASSWORD).await.status, 200);
    // A client in the next network is not limited.
    assert_waits(&attempt(&app.at("203.0.113.200"), &email, PASSWORD).await);
}

#[tokio::test]
async fn every_spelling_of_an_identifier_counts_together() {
    let bench = bench("attempts: {identifier_and_network: 3}").await;
    let email = bench.identity().await;
    let app = bench.app();
    fail(&app, &email, 1).await;
    fail(&app, &email.to_uppercase(), 1).await;
    fail(&app, &format!(" {email}"), 1).await;
    assert_waits(&attempt(&app, &email, PASSWORD).await);
    // The same for an unknown identifier.
    fail(&app, "Unknown@example.org", 2).await;
    fail(&app, "unknown@EXAMPLE.org ", 1).await;
    assert_waits(&attempt(&app, "unknown@example.org", PASSWORD).await);
}

#[tokio::test]
async fn network_limit_covers_all_identifiers() {
    let bench = bench("attempts: {network: 6}").await;
    let app = bench.app();
    for other in 0..6 {
        fail(&app, &format!("other{other}@example.org"), 1).await;
    }
    assert_waits(&attempt(&app, &bench.identity().await, PASSWORD).await);
}

#[tokio::test]
async fn attempts_on_one_identifier_do_not_show_elsewhere() {
    let bench = bench("attempts: {identifier_and_network: 4, identity: 6, identity_per_day: 1}").await;
    let (public, private) = (unique("public"), format!("{}@example.org", unique("private")));
    bench.create_as("contacts", json!({"username": public, "email": private}), json!({"password": PASSWORD})).await;
    let app = bench.app();
    fail(&app, &public, 4).await;
    assert_waits(&attempt(&app, &public, "wrong").await);
    // Another identifier of the same identity, and an unknown one, are answered alike: within the hidden limit, beyond it, and at a visible limit.
    for identifier in [private.as_str(), "unknown@example.org"] {
        fail(&app, identifier, 4).await;
        assert_waits(&attempt(&app, identifier, "wrong").await);
    }
}

#[tokio::test]
async fn beyond_hidden_limit_right_is_answered_like_wrong() {
    let bench = bench("attempts: {identity: 4, identity_per_day: 1}").await;
    let (email, app) = (bench.identity().await, bench.app());
    for network in 0..5 {
        fail(&app.at(&format!("198.51.{network}.1")), &email, 1).await;
    }
    let elsewhere = app.at("192.0.2.7");
    let mut seen = Vec::new();
    for (identifier, secret) in [(email.as_str(), PASSWORD), (&email, "wrong"), ("unknown@example.org", "wrong")] {
        let path = elsewhere.begin("").await;
        bench.proxy.calls();
        let answer = elsewhere.post(&path, &password(identifier, secret)).await;
        assert_wrong(&answer);
        let calls: Vec<_> = bench.proxy.calls().iter().map(|call| call.operation.clone()).collect();
        let logged = bench.logged(&answer);
        seen.push((
            calls,
            logged["hashes"].clone(),
            logged["round_trips"].clone(),
            answer.header("retry-after").is_some(),
        ));
    }
    assert!(seen.iter().all(|one| one == &seen[0]), "{seen:?}");
}

/// Two normalisations of a password are tried; the first one fits, for a current hash and for a cheaper imported one.
#[tokio::test]
async fn beyond_hidden_limit_right_and_wrong_cost_alike() {
    let bench = bench("attempts: {identity: 4, identity_per_day: 1}").await;
    let (right, wrong) = ("cl\u{e9} de bras", "cl\u{e8} de bras");
    let imported = json!({"hashed_password": "$md5$yXcFKUPi5NmRvrK7aNW3Qw=="});
    for (credentials, wrongs, rights) in [(json!({"password": right}), 2, [2, 2]), (imported, 3, [4, 2])] {
        let email = format!("{}@example.org", unique("bound"));
        bench.create(json!({"email": email}), credentials).await;
        let app = bench.app();
        for network in 0..5 {
            fail(&app.at(&format!("198.51.{network}.1")), &email, 1).await;
        }
        for secret in [right, wrong] {
            let answer = attempt(&app.at("192.0.2.7"), &email, secret).await;
            assert_wrong(&answer);
            assert_eq!(bench.logged(&answer)["hashes"], wrongs, "{secret}");
        }
        // The next successful login replaces the imported hash by a better one.
        bench.turn(Duration::DAY);
        for hashes in rights {
            let answer = attempt(&app.at("192.0.2.8"), &email, right).await;
            assert_eq!((answer.status, &bench.logged(&answer)["hashes"]), (200, &json!(hashes)));
        }
    }
}

#[tokio::test]
async fn failures_add_up_until_a_success() {
    let bench = bench("attempts: {identity: 20, identity_per_day: 2}").await;
    let (email, app) = (bench.identity().await, bench.app());
    // Five a day, each day from another network, reach no visible limit.
    for day in 0..4 {
        fail(&app.at(&format!("198.51.{day}.1")), &email, 5).await;
        bench.turn(Duration::DAY);
    }
    let fifth = app.at("192.0.2.7");
    fail(&fifth, &email, 2).await;
    assert_wrong(&attempt(&fifth, &email, PASSWORD).await);
    // A few passwords a day are compared, and a success resets the count.
    bench.turn(Duration::DAY);
    let sixth = app.at("192.0.2.8");
    assert_eq!(attempt(&sixth, &email, PASSWORD).await.status, 200);
    for network in 0..4 {
        fail(&sixth.at(&format!("198.51.{network}.1")), &email, 5).await;
    }
    let right = sixth.at("192.0.2.9");
    assert_wrong(&attempt(&right, &email, PASSWORD).await);
    // After a month without attempts all failures are forgotten.
    bench.turn(Duration::days(31));
    fail(&right, &email, 3).await;
    assert_eq!(attempt(&right, &email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn success_does_not_reset_the_monthly_limit() {
    let bench = bench("attempts: {identity: 5, identity_per_month: 9, identity_per_day: 1}").await;
    let (email, app) = (bench.identity().await, bench.app());
    for _ in 0..2 {
        fail(&app, &email, 4).await;
        assert_eq!(attempt(&app, &email, PASSWORD).await.status, 200);
        bench.turn(Duration::DAY);
    }
    fail(&app, &email, 1).await;
    assert_wrong(&attempt(&app, &email, PASSWORD).await);
}

#[tokio::test]
async fn successful_login_is_not_counted() {
    let bench = bench("attempts: {identifier_and_network: 2, identity: 2, network: 2, device: 2}").await;
    let email = bench.identity().await;
    let app = bench.app();
    for _ in 0..4 {
        app.sign_in(&email).await;
    }
    fail(&app, &email, 2).await;
    assert_waits(&attempt(&app, &email, PASSWORD).await);
}

#[tokio::test]
async fn limited_browser_gets_the_form_with_message() {
    let bench = bench("attempts: {identifier_and_network: 1}").await;
    let email = bench.identity().await;
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
async fn parallel_attempts_do_not_exceed_the_limit() {
    let bench = bench("attempts: {identifier_and_network: 5}").await;
    let email = bench.identity().await;
    let app = bench.app();
    let answers = futures_util::future::join_all((0..32).map(|_| attempt(&app, &email, "wrong"))).await;
    let tried = answers.iter().filter(|answer| answer.message_ids() == [WRONG]).count();
    assert_eq!(tried, 5);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 27);
}

#[tokio::test]
async fn parallel_attempts_do_not_exceed_hidden_limit() {
    let bench = bench("attempts: {identity: 5, identity_per_day: 1, identifier_and_network: 100}").await;
    let (email, app) = (bench.identity().await, bench.app());
    fail(&app, &email, 5).await;
    let all = (0..16).map(|network| app.at(&format!("198.51.{network}.1")));
    let all = all.map(|app| {
        let email = &email;
        async move { attempt(&app, email, PASSWORD).await }
    });
    for answer in futures_util::future::join_all(all).await {
        assert_wrong(&answer);
    }
}

#[tokio::test]
async fn window_slides_and_idle_counter_starts_again() {
    let bench = bench("window: 15m, attempts: {identifier_and_network: 1}").await;
    let email = bench.identity().await;
    let app = bench.app();
    fail(&app, &email, 1).await;
    bench.turn(Duration::minutes(13));
    assert_waits(&attempt(&app, &email, PASSWORD).await);
    bench.turn(Duration::minutes(18));
    app.sign_in(&email).await;
    fail(&app, &email, 1).await;
    assert_waits(&attempt(&app, &email, PASSWORD).await);
}

#[tokio::test]
async fn over_a_limit_nothing_is_hashed() {
    let bench = bench("attempts: {identifier_and_network: 1}").await;
    let email = bench.identity().await;
    let app = bench.app();
    for (secret, status, hashes) in [("wrong", 400, 1), ("wrong", 429, 0), (PASSWORD, 429, 0)] {
        let answer = attempt(&app, &email, secret).await;
        let logged = bench.logged(&answer);
        assert_eq!(answer.status, status);
        assert_eq!((&logged["round_trips"], &logged["hashes"]), (&json!(2), &json!(hashes)), "{secret}");
    }
    bench.proxy.calls();
    let answer = attempt(&app.at("198.51.100.7"), &email, PASSWORD).await;
    assert_eq!((answer.status, &bench.logged(&answer)["round_trips"]), (200, &json!(2)));
    let counted = bench.proxy.calls().iter().filter(|call| call.request["TableName"] == "counters").count();
    assert_eq!(counted, 6, "three raised, three taken back");
}

#[tokio::test]
async fn disabled_limits_count_nothing_and_set_no_cookie() {
    let bench = bench("enabled: false").await;
    let email = bench.identity().await;
    fail(&bench.app(), &email, 12).await;
    bench.app().sign_in(&email).await;
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    assert!(bench.proxy.items("counters").await.is_empty());
    assert!(browser.cookies.keys().all(|name| !name.contains("device")), "{:?}", browser.cookies.keys());
}

#[tokio::test]
async fn counters_hold_no_typed_text() {
    let bench = bench("attempts: {identity: 50}").await;
    fail(&bench.app(), "owner-private@example.org", 2).await;
    let items = serde_json::to_string(&bench.proxy.items("counters").await).unwrap();
    assert!(!items.contains("private") && items.contains("bound#typed#"), "{items}");
}
