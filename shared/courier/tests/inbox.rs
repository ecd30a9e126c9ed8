//! The inbox of a local stack as a channel.

use latchkey_config::{Loaded, read};
use latchkey_core::courier::TemplateType;
use latchkey_courier::{DeliveryChannels, Rendered, SendError, Templates, example};
use latchkey_platform::Environment;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const CONFIG: &str = r#"{
    "serve": {"public": {"base_url": "https://login.example.org/"}},
    "identity": {"schemas": [{"id": "default", "url": "base64://e30="}]}
}"#;

fn channels(url: &str) -> DeliveryChannels {
    let Loaded { config, secrets, .. } = read(CONFIG, None, &[], true).expect("an example");
    let env = Environment::from_pairs([("LATCHKEY_INBOX_URL".to_owned(), url.to_owned())]);
    DeliveryChannels::new(&config, &secrets, &env).expect("an example")
}

fn rendered() -> Rendered {
    let (queued, payload) = example(TemplateType::LoginCodeValid);
    let config = read(CONFIG, None, &[], true).expect("an example").config;
    Templates::new(&config.courier)
        .expect("an example")
        .render(&queued, &payload, queued.created_at)
        .expect("an example")
}

/// Takes one request, gives one answer, returns the request.
async fn once(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("an example");
    let url = format!("http://{}/api/messages", listener.local_addr().expect("an example"));
    let served = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.expect("an example");
        let mut text = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let n = peer.read(&mut chunk).await.expect("an example");
            text.extend_from_slice(&chunk[..n]);
            let seen = String::from_utf8_lossy(&text);
            let length = seen.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let body = seen.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
            if n == 0 || length.is_some_and(|length| body >= length) {
                break;
            }
        }
        peer.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes())
            .await
            .expect("an example");
        String::from_utf8(text).expect("an example")
    });
    (url, served)
}

#[tokio::test]
async fn inbox_gets_the_whole_message() {
    let (url, served) = once("201 Created").await;
    let (queued, payload) = example(TemplateType::LoginCodeValid);
    channels(&url).send(&queued, &payload, &rendered(), queued.created_at).await.unwrap();
    let request = served.await.unwrap();
    assert!(request.starts_with("POST /api/messages HTTP/1.1\r\n"), "{request}");
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let keys: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["channel", "html", "subject", "template_type", "text", "to"]);
    assert_eq!((&body["to"], &body["channel"]), (&"ann@example.org".into(), &"email".into()));
}

#[tokio::test]
async fn failing_inbox_is_retried_and_refusing_one_not() {
    let (queued, payload) = example(TemplateType::LoginCodeValid);
    for (answer, again) in [("500 Oh", true), ("400 No", false)] {
        let (url, _served) = once(answer).await;
        let error = channels(&url).send(&queued, &payload, &rendered(), queued.created_at).await.unwrap_err();
        assert_eq!(matches!(error, SendError::Retry(_)), again, "{error}");
    }
    let error =
        channels("http://127.0.0.1:1/").send(&queued, &payload, &rendered(), queued.created_at).await.unwrap_err();
    assert_eq!(error, SendError::Retry("the inbox cannot be reached".to_owned()));
}

#[tokio::test]
async fn several_addresses_in_one_are_refused() {
    let (mut queued, payload) = example(TemplateType::LoginCodeValid);
    queued.recipient = "ann@example.org\r\nBcc: bob@example.org".to_owned();
    let error =
        channels("http://127.0.0.1:1/").send(&queued, &payload, &rendered(), queued.created_at).await.unwrap_err();
    assert!(matches!(&error, SendError::Refused(why) if !why.contains("ann")), "{error}");
}

#[test]
fn inbox_without_plain_url_stops_the_start() {
    let Loaded { config, secrets, .. } = read(CONFIG, None, &[], true).unwrap();
    for url in ["https://example.org/", "inbox", "/api"] {
        let env = Environment::from_pairs([("LATCHKEY_INBOX_URL".to_owned(), url.to_owned())]);
        assert!(DeliveryChannels::new(&config, &secrets, &env).is_err(), "{url}");
    }
}
