//! The client's address: which headers of proxies are believed, and which headers of clients are not.

use crate::support::{Bench, CONFIG, Client, PASSWORD, password};
use serde_json::Value;

/// Calls of the gateway by a proxy that the configuration trusts.
const PROXY: &str = "192.0.2.10";

fn behind_a_proxy(header: &str) -> String {
    let named = if header.is_empty() { String::new() } else { format!("\n  client_address_header: {header}") };
    CONFIG.replacen("serve:", &format!("serve:\n  trusted_proxies: [192.0.2.0/24, \"2001:db8:ff::/48\"]{named}"), 1)
}

/// The address in a new session of this client.
async fn shown(client: &Client<'_>, email: &str) -> Value {
    let done = client.post(&client.begin("").await, &password(email, PASSWORD)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    done.json()["session"]["devices"][0]["ip_address"].clone()
}

#[tokio::test]
async fn forwarding_chain_counts_to_first_untrusted_hop() {
    let bench = Bench::with(&behind_a_proxy("")).await;
    let email = bench.identity().await;
    for (chain, address) in [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("\"[2001:db8::1]\"", "2001:db8::1"),
        ("\"203.0.113.7:80\"", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("198.51.100.9, 203.0.113.7", "203.0.113.7"),
        ("198.51.100.9, 203.0.113.7, 192.0.2.77", "203.0.113.7"),
        ("198.51.100.9, 203.0.113.7:1, [2001:db8:ff::9]:2", "203.0.113.7"),
        // Addresses of a company's internal network are not shown.
        ("10.1.2.7", ""),
        ("198.51.100.9, 10.1.2.7", ""),
        // An unreadable entry is replaced by the hop that wrote it.
        ("198.51.100.9, unknown", PROXY),
        ("198.51.100.9, unknown, 192.0.2.77", "192.0.2.77"),
        ("", PROXY),
        (" , ", PROXY),
        ("192.0.2.77, 192.0.2.78", "192.0.2.77"),
    ] {
        let client = bench.app().at(PROXY).with("x-forwarded-for", chain);
        assert_eq!(shown(&client, &email).await, address, "{chain}");
    }
    let direct = bench.app().at("198.51.100.1").with("x-forwarded-for", "203.0.113.7");
    assert_eq!(shown(&direct, &email).await, "198.51.100.1", "this hop is not trusted");
}

#[tokio::test]
async fn only_the_configured_address_header_is_trusted() {
    const HEADERS: [&str; 6] = [
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "cloudfront-viewer-address",
    ];
    for (named, header, value, address) in [
        ("", "x-forwarded-for", "203.0.113.7", "203.0.113.7"),
        ("X-Forwarded-For", "x-forwarded-for", "203.0.113.7", "203.0.113.7"),
        ("Forwarded", "forwarded", "for=198.51.100.9, for=\"203.0.113.7:80\";proto=https", "203.0.113.7"),
        ("X-Real-IP", "x-real-ip", "203.0.113.7:51234", "203.0.113.7"),
        ("True-Client-IP", "true-client-ip", "2001:db8::1", "2001:db8::1"),
        ("CF-Connecting-IP", "cf-connecting-ip", "203.0.113.7", "203.0.113.7"),
        ("CloudFront-Viewer-Address", "cloudfront-viewer-address", "203.0.113.7:46532", "203.0.113.7"),
        ("CloudFront-Viewer-Address", "cloudfront-viewer-address", "2001:db8::1:46532", "2001:db8::1"),
    ] {
        let bench = Bench::with(&behind_a_proxy(named)).await;
        let email = bench.identity().await;
        let forger = HEADERS.iter().fold(bench.app().at(PROXY), |client, other| {
            if *other == "forwarded" {
                client.with(other, "for=198.51.100.9")
            } else {
                client.with(other, "198.51.100.9")
            }
        });
        assert_eq!(shown(&forger.with(header, value), &email).await, address, "{named}");
        let silent = HEADERS.iter().filter(|other| **other != header);
        let silent = silent.fold(bench.app().at(PROXY), |client, other| client.with(other, "198.51.100.9"));
        assert_eq!(shown(&silent, &email).await, PROXY, "{named}: the proxy set no header");
    }
}

#[tokio::test]
async fn clients_behind_a_proxy_have_own_networks() {
    let limits = "rate_limits: {attempts: {network: 3, identifier_and_network: 1000, identity: 1000}}";
    let bench = Bench::with(&format!("{}{limits}\n", behind_a_proxy(""))).await;
    let mut identities = Vec::new();
    for _ in 0..6 {
        identities.push(bench.identity().await);
    }
    let guess = async |identity: &str, headers: &[(&str, String)]| {
        let client = headers.iter().fold(bench.app().at(PROXY), |client, (name, value)| client.with(name, value));
        client.post(&client.begin("").await, &password(identity, "wrong")).await.status
    };
    for chain in ["203.0.{i}.7:5123{i}", "[2001:db8:{i}::1]:443", "10.1.{i}.7", "\"[2001:db8:1{i}::1]\""] {
        for (i, identity) in identities.iter().enumerate() {
            let headers = [("x-forwarded-for", chain.replace("{i}", &i.to_string()))];
            assert_eq!(guess(identity, &headers).await, 400, "{chain}: {i}");
        }
    }
    // A single client that sends another address each time.
    for (n, forged) in
        ["x-forwarded-for", "x-real-ip", "true-client-ip", "cf-connecting-ip", "forwarded"].iter().enumerate()
    {
        let mut answers = Vec::new();
        for (i, identity) in identities.iter().enumerate() {
            let own = format!("203.0.11{n}.7");
            let headers = match *forged {
                "x-forwarded-for" => vec![("x-forwarded-for", format!("198.51.{i}.9, {own}"))],
                "forwarded" => vec![("forwarded", format!("for=198.51.{i}.9")), ("x-forwarded-for", own)],
                header => vec![(header, format!("198.51.{i}.9")), ("x-forwarded-for", own)],
            };
            answers.push(guess(identity, &headers).await);
        }
        assert_eq!(answers, [400, 400, 400, 429, 429, 429], "{forged}");
    }
}

/// City and country come from the network that also reports the client's address.
#[tokio::test]
async fn location_is_trusted_from_the_configured_hop() {
    for (named, header, location) in
        [("", "x-forwarded-for", ""), ("CF-Connecting-IP", "cf-connecting-ip", "Munich, Germany")]
    {
        let bench = Bench::with(&behind_a_proxy(named)).await;
        let email = bench.identity().await;
        let client =
            bench.app().with("cf-ipcity", "Munich").with("cf-ipcountry", "Germany").with(header, "203.0.113.7");
        for (at, said) in [(PROXY, location), ("198.51.100.1", "")] {
            let client = client.at(at);
            let done = client.post(&client.begin("").await, &password(&email, PASSWORD)).await.json();
            assert_eq!(done["session"]["devices"][0]["location"], said, "{named} {at}");
        }
    }
}
