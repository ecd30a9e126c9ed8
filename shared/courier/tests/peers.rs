//! Delivery channels against servers that others wrote; `cargo xtask courier` starts them and names their addresses.

#[expect(dead_code, reason = "the peers of these tests are real ones")]
mod sink;

use latchkey_courier::SendError::{NotAllowed, Refused, Retry};
use serde_json::Value;
use sink::{Sender, config};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn address(name: &str) -> String {
    std::env::var(name).expect("an address from cargo xtask courier")
}

/// What a server shows at a path.
async fn shown(address: &str, path: &str) -> Value {
    let mut peer = TcpStream::connect(address).await.expect("a server");
    let request = format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n");
    peer.write_all(request.as_bytes()).await.expect("a server");
    let mut answer = String::new();
    peer.read_to_string(&mut answer).await.expect("a server");
    serde_json::from_str(answer.split_once("\r\n\r\n").expect("an answer").1).expect("JSON")
}

#[tokio::test]
#[ignore = "needs cargo xtask courier"]
async fn ses_server_accepts_email() {
    let ses = address("LATCHKEY_TEST_SES");
    let url = format!("http://{ses}");
    let env = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL_SESV2", &url),
    ];
    let text = config("{smtp: {from_address: no-reply@example.org, from_name: Jörg}}");
    Sender::new(&text, false, &env).unwrap().send().await.unwrap();
    let store = shown(&ses, "/store").await;
    let email = &store["emails"][0];
    assert_eq!(email["subject"], "123456 is your sign-in code for Latchkey", "{store}");
    assert_eq!(email["destination"]["to"][0], "ann@example.org");
    assert!(email["body"]["text"].as_str().unwrap().contains("Enter 123456"));
    assert!(email["body"]["html"].as_str().unwrap().contains("123456</p>"));
}

#[tokio::test]
#[ignore = "needs cargo xtask courier"]
async fn mail_server_accepts_email_by_starttls_with_password() {
    let smtp = address("LATCHKEY_TEST_SMTP");
    let sender = |password: &str, more: &str| {
        let uri = format!("smtp://unit%40example.org:{password}@{smtp}/{more}");
        let text = config(&format!(
            "{{smtp: {{connection_uri: '{uri}', from_address: no-reply@example.org, from_name: Jörg}}}}"
        ));
        Sender::new(&text, false, &[]).unwrap()
    };
    let good = "p%3Ass%2Fword";
    let mut known = sender(good, "?skip_ssl_verify=true");
    known.payload.languages = vec!["ja".to_owned()];
    known.send().await.unwrap();
    let taken = shown(&address("LATCHKEY_TEST_SMTP_STORE"), "/").await;
    let message = &taken[0];
    assert_eq!((&message["secure"], &message["user"]), (&true.into(), &"unit@example.org".into()), "{taken}");
    assert_eq!(message["to"], serde_json::json!(["ann@example.org"]));
    assert!(message["raw"].as_str().unwrap().contains("Content-Type: multipart/alternative"));

    known.queued.recipient = "unknown@example.org".to_owned();
    assert_eq!(known.send().await, Err(Refused("the mail server answered 550".to_owned())));
    let error = sender("wrong", "?skip_ssl_verify=true").send().await;
    assert!(matches!(&error, Err(NotAllowed(why)) if why.contains("535")), "{error:?}");
    // The courier trusts no certificate that is not signed by a known root, and sends nothing to such a server.
    let error = sender(good, "").send().await;
    assert!(matches!(&error, Err(Retry(why)) if why.contains("TLS")), "{error:?}");
    let taken = shown(&address("LATCHKEY_TEST_SMTP_STORE"), "/").await;
    assert_eq!(taken.as_array().map(Vec::len), Some(1));
}
