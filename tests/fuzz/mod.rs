//! Hostile requests against every route: each is answered in time, without a panic, and never by a 5xx.
//!
//! `LATCHKEY_FUZZ_REQUESTS` and `LATCHKEY_FUZZ_SEED` choose how many and which; `cargo xtask fuzz` makes a million of them.

mod hostile;
mod world;

use crate::support::{Answer, Bench, CONFIG, Door};
use hostile::Hostile;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::time::Duration;
use world::World;

/// Requests of a run of the tests.
const REQUESTS: u64 = 20_000;
/// Parallel clients.
const CLIENTS: u64 = 8;
/// After this many requests a client begins new flows and signs in again, because the old ones are used up.
const FRESH: u64 = 100;
/// Longer than any answer takes on the busiest machine.
const HANG: Duration = Duration::from_secs(60);

/// Codes and passwords, both APIs, all error texts. Rate limits are off, or most requests would end at them.
fn config() -> String {
    CONFIG.replace(
        "  default_browser_return_url",
        "  methods: {code: {enabled: true, passwordless_enabled: true}}\n  default_browser_return_url",
    ) + "rate_limits: {enabled: false}\ncourier: {smtp: {from_address: login@example.org}}\n"
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_requests_are_answered() {
    let (requests, seed) = (number("LATCHKEY_FUZZ_REQUESTS", REQUESTS), number("LATCHKEY_FUZZ_SEED", 1));
    let bench = Bench::with_pages(&config()).await;
    let clients = (0..CLIENTS).map(|client| attack(&bench, seed * CLIENTS + client, requests / CLIENTS));
    let wrong: Vec<String> = futures_util::future::join_all(clients).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} requests were answered wrongly:\n{}", wrong.len(), wrong.join("\n"));
    everything_stored_can_be_read(&bench).await;
}

/// The wrong answers, at most ten of them.
async fn attack(bench: &Bench, seed: u64, requests: u64) -> Vec<String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut hostile = Hostile::new(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let mut world = World::new(bench).await;
    let mut wrong = Vec::new();
    for count in 0..requests {
        if count % FRESH == FRESH - 1 {
            world.refresh(bench).await;
            bench.proxy.calls();
        }
        let request = hostile.request(&world);
        let client = match request.door {
            Door::Admin => bench.admin(),
            Door::Pages => bench.app().pages(),
            Door::Public => bench.app(),
        };
        let Some(built) = request.build() else { continue };
        let fault = match tokio::time::timeout(HANG, client.request(built)).await {
            Err(_) => Some("no answer".to_owned()),
            Ok(answer) => fault(request.door, request.method == "HEAD", &answer),
        };
        if let Some(fault) = fault {
            wrong.push(format!("seed {seed}, number {count}: {fault}\n  {}", request.shown()));
            if wrong.len() == 10 {
                break;
            }
        }
    }
    wrong
}

/// What is wrong with an answer, whatever the request was.
fn fault(door: Door, head: bool, answer: &Answer) -> Option<String> {
    let status = answer.status;
    let shown = || answer.body.chars().take(400).collect::<String>();
    if status >= 500 {
        return Some(format!("status {status}: {}", shown()));
    }
    if (300..400).contains(&status) {
        let host = url::Url::parse("https://login.example.org/").and_then(|base| base.join(answer.location()));
        // The pages of this stack are on this machine.
        let known = |host: &str| host.ends_with(".example.org") || host == "127.0.0.1";
        let ours = host.is_ok_and(|url| url.host_str().is_some_and(known) || url.scheme() == "exp");
        return (!ours).then(|| format!("status {status} leads to {:?}", answer.location()));
    }
    if status < 400 || head || door == Door::Pages {
        return None;
    }
    // Kratos' router answers unknown paths and verbs in plain text.
    if [404, 405].contains(&status) && answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain"))
    {
        return None;
    }
    let Ok(body) = serde_json::from_str::<serde_json::Value>(&answer.body) else {
        return Some(format!("status {status} without JSON: {}", shown()));
    };
    // A form with messages is a valid answer too, and the gateway has its own texts.
    let named = body["error"]["code"] == status || body["ui"]["action"].is_string() || body["message"].is_string();
    (!named).then(|| format!("status {status} without an envelope: {}", shown()))
}

/// What was accepted can be listed and read again.
async fn everything_stored_can_be_read(bench: &Bench) {
    let admin = bench.admin();
    let mut path = "/admin/identities?page_size=250".to_owned();
    let mut seen = 0;
    loop {
        let page = admin.get(&path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        for identity in page.json().as_array().expect("a list") {
            let id = identity["id"].as_str().expect("an id");
            let one = admin.get(&format!("/admin/identities/{id}")).await;
            assert_eq!(one.status, 200, "{id}: {}", one.body);
            seen += 1;
        }
        let next = page
            .headers
            .get_all("link")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(|line| line.split(',').find(|link| link.contains("rel=\"next\"")).map(str::to_owned));
        let Some(next) = next else { break };
        let url = next.split(['<', '>']).nth(1).expect("a link").to_owned();
        path = url[url.find("/admin").expect("a path")..].to_owned();
    }
    assert!(seen > 0, "nothing was stored");
}
