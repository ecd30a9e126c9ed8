//! Known devices: attempts elsewhere do not lock their owners out, and they have no other effect.

use crate::password_limits::{assert_waits, assert_wrong, attempt, bench, fail};
use crate::support::{Answer, Bench, Browser, PASSWORD, action, csrf, password};
use serde_json::json;
use time::Duration;

const COOKIE: &str = "__Host-ory_kratos_session_device";

async fn sign_out(browser: &mut Browser<'_>) {
    let link = browser.get("/self-service/logout/browser").await.json();
    let answer = browser.get(&format!("/self-service/logout?token={}", link["logout_token"].as_str().unwrap())).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert!(browser.session().is_empty());
}

async fn submit(browser: &mut Browser<'_>, identifier: &str, secret: &str) -> Answer {
    let flow = browser.begin("").await;
    let mut body = password(identifier, secret);
    body["csrf_token"] = csrf(&flow);
    browser.post(&action(&flow), &body).await
}

/// 110 wrong attempts from eleven networks.
async fn besiege(bench: &Bench, identifier: &str) {
    for network in 0..11 {
        fail(&bench.app().at(&format!("198.51.{network}.1")), identifier, 10).await;
    }
}

async fn records(bench: &Bench) -> usize {
    let items = bench.proxy.items("accounts").await;
    items.iter().filter(|item| item["sk"]["S"].as_str().unwrap().starts_with("device#")).count()
}

#[tokio::test]
async fn attack_does_not_limit_known_device() {
    let bench = bench("attempts: {identity_per_day: 1}").await;
    let email = bench.identity().await;
    let (mut signed_out, mut expired) = (bench.browser(), bench.browser().at("192.0.2.1"));
    signed_out.sign_in(&email).await;
    expired.sign_in(&email).await;
    sign_out(&mut signed_out).await;
    let token = bench.app().at("192.0.2.2").sign_in(&email).await;
    let native = bench.app().at("192.0.2.2").token(&token);
    assert_eq!(
        native.json(http::Method::DELETE, "/self-service/logout/api", &json!({"session_token": token})).await.status,
        204
    );

    bench.turn(Duration::days(2));
    besiege(&bench, &email).await;
    // On a new device in another network even the right password is refused now.
    assert_wrong(&attempt(&bench.app().at("192.0.2.3"), &email, PASSWORD).await);
    assert_eq!(expired.get("/sessions/whoami").await.status, 401);
    signed_out.sign_in(&email).await;
    expired.sign_in(&email).await;
    assert_eq!(attempt(&native, &email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn device_cookie_is_bound_and_lasts() {
    let bench = bench("window: 15m").await;
    let email = bench.identity().await;
    let mut browser = bench.browser();
    let answer = submit(&mut browser, &email, PASSWORD).await;
    let line = answer.set_cookie(COOKIE).unwrap();
    let value = browser.cookies[COOKIE].clone();
    assert_eq!(line, format!("{COOKIE}={value}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=34560000"));
    let last = answer.headers.get_all("set-cookie").iter().next_back().unwrap();
    assert!(
        last.to_str().unwrap().starts_with("ory_kratos_session="),
        "clients may keep the last line alone: {last:?}"
    );
    let kept = serde_json::to_string(&bench.proxy.items("accounts").await).unwrap();
    assert!(!kept.contains(&value) && !Bench::everything_logged().contains(&value));
    // Another login keeps the cookie and writes nothing; days later it is renewed.
    sign_out(&mut browser).await;
    let answer = submit(&mut browser, &email, PASSWORD).await;
    assert!(answer.set_cookie(COOKIE).is_some() && browser.cookies[COOKIE] == value);
    assert_eq!(records(&bench).await, 1);
    // Native apps keep no cookies.
    let app = attempt(&bench.app(), &email, PASSWORD).await;
    assert!(app.headers.get("set-cookie").is_none());
    assert_eq!(records(&bench).await, 1);
}

#[tokio::test]
async fn known_device_has_counters_of_its_own() {
    let bench = bench("attempts: {identifier_and_network: 3, device: 2}").await;
    let (ada, bob) = (bench.identity().await, bench.identity().await);
    let mut at_home = bench.browser().at("198.51.100.1");
    at_home.sign_in(&bob).await;
    sign_out(&mut at_home).await;
    for _ in 0..2 {
        assert_wrong(&submit(&mut at_home, &bob, "wrong").await);
    }
    assert_waits(&submit(&mut at_home, &bob, PASSWORD).await);
    // For any other identity it is an unknown device.
    for _ in 0..3 {
        assert_wrong(&submit(&mut at_home, &ada, "wrong").await);
    }
    assert_waits(&submit(&mut at_home, &ada, PASSWORD).await);
    // A shared device remembers each of its identities.
    let mut family = bench.browser().at("198.51.101.1");
    for who in [&ada, &bob] {
        family.sign_in(who).await;
        sign_out(&mut family).await;
    }
    for who in [&ada, &bob] {
        fail(&bench.app().at("198.51.101.2"), who, 3).await;
        assert_waits(&attempt(&bench.app().at("198.51.101.2"), who, PASSWORD).await);
        family.sign_in(who).await;
        sign_out(&mut family).await;
    }
}

#[tokio::test]
async fn failing_known_device_becomes_unknown() {
    let bench = bench("attempts: {identity: 4, identity_per_day: 1, device: 100, identifier_and_network: 2}").await;
    let email = bench.identity().await;
    let mut browser = bench.browser();
    browser.sign_in(&email).await;
    sign_out(&mut browser).await;
    for _ in 0..6 {
        assert_wrong(&submit(&mut browser, &email, "wrong").await);
    }
    assert_waits(&submit(&mut browser, &email, "wrong").await);
}

#[tokio::test]
async fn planted_device_cookie_is_replaced_at_login() {
    let bench = bench("attempts: {identifier_and_network: 1}").await;
    let email = bench.identity().await;
    let mut victim = bench.browser();
    victim.sign_in(&email).await;
    let id = victim.get("/sessions/whoami").await.json()["identity"]["id"].as_str().unwrap().parse().unwrap();
    let known = latchkey_core::known_device::KnownDevice::new(id, [7; 16]);
    let planted = latchkey_core::known_device::DeviceCookie::default().with(known).value();
    // The secret that an attacker has planted and knows.
    let (mut thief, mut fresh) = (bench.browser().at("192.0.2.7"), bench.browser().at("192.0.2.8"));
    for browser in [&mut thief, &mut fresh] {
        browser.cookies.insert(COOKIE.to_owned(), planted.clone());
    }
    fresh.sign_in(&email).await;
    assert_ne!(fresh.cookies[COOKIE], planted);
    assert_wrong(&submit(&mut thief, &email, "wrong").await);
    assert_waits(&submit(&mut thief, &email, PASSWORD).await);
}

#[tokio::test]
async fn device_is_forgotten_with_identity_and_time() {
    let bench = bench("attempts: {identifier_and_network: 1}").await;
    let email = bench.identity().await;
    let mut browser = bench.browser();
    let done = browser.sign_in(&email).await;
    sign_out(&mut browser).await;
    bench.turn(Duration::days(401));
    assert_wrong(&submit(&mut browser, &email, "wrong").await);
    assert_waits(&submit(&mut browser, &email, PASSWORD).await);
    assert_eq!(records(&bench).await, 1);
    let id = done["session"]["identity"]["id"].as_str().unwrap();
    assert_eq!(bench.admin().delete(&format!("/admin/identities/{id}")).await.status, 204);
    assert_eq!(records(&bench).await, 0);
}
