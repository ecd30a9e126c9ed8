//! Delivery channels against servers that accept, refuse, fail and redirect.

mod sink;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchkey_courier::SendError::{self, Busy, NotAllowed, Refused, Retry};
use serde_json::{Value, json};
use sink::{Sender, config};

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").expect("an example").1
}

fn channel(id: &str, url: &str, more: &str) -> String {
    config(&format!("{{channels: [{{id: {id}, type: http, request_config: {{url: '{url}'{more}}}}}]}}"))
}

fn jsonnet(text: &str) -> String {
    format!(", body: 'base64://{}'", STANDARD.encode(text))
}

#[tokio::test]
async fn http_channel_sends_what_jsonnet_returns() {
    let (address, served) = sink::http("204 No Content").await;
    let more = jsonnet(
        "function(ctx) { to: ctx.recipient, text: ctx.body, code: ctx.template_data.login_code, kind: ctx.message_type, \
         at: ctx.template_data.request_url_domain, t: ctx.template_type }",
    );
    let more = format!(
        "{more}, method: PUT, headers: {{X-Unit: login}}, auth: {{type: api_key, config: {{name: X-Key, value: hidden, in: header}}}}"
    );
    let sender = Sender::new(&channel("sms", &format!("http://{address}/sms?a=1"), &more), true, &[]).unwrap();
    let sender = sender.by_text_message();
    sender.send().await.unwrap();
    let request = served.await.unwrap();
    let (head, _) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("PUT /sms?a=1 HTTP/1.1\r\n"), "{head}");
    for line in ["content-type: application/json", "x-unit: login", "x-key: hidden"] {
        assert!(head.to_lowercase().contains(line), "{head}");
    }
    let made: Value = serde_json::from_str(body(&request)).unwrap();
    assert_eq!(
        made,
        json!({
            "to": "+493012345678",
            "code": "123456",
            "kind": "sms",
            "at": "login.example.org",
            "t": "login_code_valid",
            "text": "123456 is your sign-in code for Latchkey. It expires in 10 minutes and works only once. Do not share it.\n\n@login.example.org #123456\n",
        })
    );
}

#[tokio::test]
async fn http_channel_sends_forms_and_default_body() {
    let (address, served) = sink::http("200 OK").await;
    let more = format!(
        "{}, headers: {{Content-Type: application/x-www-form-urlencoded}}, auth: {{type: basic_auth, config: {{user: me, password: hidden}}}}",
        jsonnet("function(ctx) { To: ctx.recipient, Body: 'a&b' }")
    );
    let sender = Sender::new(&channel("email", &format!("http://{address}/"), &more), true, &[]).unwrap();
    sender.send().await.unwrap();
    let request = served.await.unwrap();
    assert_eq!(body(&request), "Body=a%26b&To=ann%40example.org");
    assert!(request.contains(&format!("authorization: Basic {}", STANDARD.encode("me:hidden"))), "{request}");

    let (address, served) = sink::http("200 OK").await;
    let sender = Sender::new(
        &config(&format!("{{delivery_strategy: http, http: {{request_config: {{url: 'http://{address}/'}}}}}}")),
        true,
        &[],
    );
    sender.unwrap().send().await.unwrap();
    let made: Value = serde_json::from_str(body(&served.await.unwrap())).unwrap();
    let keys: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["body", "recipient", "subject", "template_type", "to"]);
}

#[tokio::test]
async fn status_decides_between_retry_and_refusal() {
    for (answer, again) in [
        ("500 Oh", true),
        ("503 Busy", true),
        ("408 Late", true),
        ("400 No", false),
        ("404 Where", false),
        ("302 There\nlocation: http://169.254.169.254/latest/meta-data/", false),
        ("307 There\nlocation: http://127.0.0.1:1/", false),
    ] {
        let (address, served) = sink::http(answer).await;
        let sender = Sender::new(&channel("email", &format!("http://{address}/"), ""), true, &[]).unwrap();
        let error = sender.send().await.unwrap_err();
        assert_eq!(matches!(error, Retry(_)), again, "{answer}: {error}");
        served.await.unwrap();
    }
    let sender = Sender::new(&channel("email", "http://127.0.0.1:1/", ""), true, &[]).unwrap();
    assert_eq!(sender.send().await, Err(Retry("the channel cannot be reached".to_owned())));
}

#[tokio::test]
async fn rate_limits_and_refused_credentials_are_told_apart() {
    let busy = |status: &str, seconds: Option<u64>| Busy {
        why: format!("the channel answered {status}"),
        wait: seconds.map(std::time::Duration::from_secs),
    };
    for (answer, expected) in [
        ("429 Slow", busy("429 Too Many Requests", None)),
        ("429 Slow\nretry-after: 3", busy("429 Too Many Requests", Some(3))),
        ("503 Busy\nretry-after: Thu, 01 Jan 1970 00:00:09 GMT", busy("503 Service Unavailable", Some(9))),
        ("503 Busy\nretry-after: soon", Retry("the channel answered 503 Service Unavailable".to_owned())),
        ("401 Who", NotAllowed("the channel answered 401 Unauthorized".to_owned())),
        ("403 Who", NotAllowed("the channel answered 403 Forbidden".to_owned())),
    ] {
        let (address, served) = sink::http(answer).await;
        let sender = Sender::new(&channel("email", &format!("http://{address}/"), ""), true, &[]).unwrap();
        assert_eq!(sender.send().await.unwrap_err(), expected, "{answer}");
        served.await.unwrap();
    }
}

#[tokio::test]
async fn http_channel_at_private_address_is_refused() {
    let forbidden = "the channel's URL is not called: its host is at a private, local or otherwise special address";
    for url in [
        "http://127.0.0.1:1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:1/",
        "http://[::ffff:10.0.0.1]/",
        "http://localhost:1/",
        "http://2130706433:1/",
        "http://0x7f.1:1/",
    ] {
        let sender = Sender::new(&channel("email", url, ""), false, &[]).unwrap();
        let error = sender.send().await.unwrap_err();
        // Some resolvers refuse the unusual spellings of an address. The courier calls none of them.
        assert!(
            error == Refused(forbidden.to_owned())
                || matches!(&error, Retry(why) if url.contains("0x7f") && why.contains("reached")),
            "{url}: {error}"
        );
    }
    let (address, served) = sink::http("200 OK").await;
    let url = format!("http://{address}/");
    let text = format!("{}clients: {{http: {{private_ip_exception_urls: ['{url}']}}}}\n", channel("email", &url, ""));
    Sender::new(&text, false, &[]).unwrap().send().await.unwrap();
    served.await.unwrap();
}

#[tokio::test]
async fn failing_jsonnet_is_final() {
    for text in ["function(ctx) ctx.nothing", "function(ctx) error ctx.body"] {
        let sender = Sender::new(&channel("email", "http://127.0.0.1:1/", &jsonnet(text)), true, &[]).unwrap();
        let error = sender.send().await.unwrap_err();
        assert_eq!(error, Refused("courier.channels.email.request_config.body:1: it fails on these values".to_owned()));
    }
    let error =
        Sender::new(&channel("email", "http://127.0.0.1:1/", &jsonnet("function(ctx)\n}")), true, &[]).err().unwrap();
    assert!(error.starts_with("courier.channels.email.request_config.body:2: "), "{error}");
    let error = Sender::new(
        &channel("email", "http://127.0.0.1:1/", ", auth: {type: basic_auth, config: {user: a}}"),
        true,
        &[],
    )
    .err()
    .unwrap();
    assert!(error.starts_with("courier.channels.email.request_config.auth.config: its password"), "{error}");
}

fn by_smtp(address: &str, user: &str, more: &str) -> Sender {
    let uri = format!("smtp://{user}{address}/?disable_starttls=true");
    let text = config(&format!(
        "{{smtp: {{connection_uri: '{uri}', from_address: no-reply@example.org, from_name: 'Jörg, Example'{more}}}}}"
    ));
    Sender::new(&text, true, &[]).expect("an example")
}

#[tokio::test]
async fn smtp_gets_text_and_html() {
    let (address, served) = sink::smtp("250 ok").await;
    by_smtp(&address, "", ", headers: {X-Unit: login}, local_name: login.example.org").send().await.unwrap();
    let said = served.await.unwrap();
    for part in [
        "EHLO login.example.org\r\n",
        "MAIL FROM:<no-reply@example.org>",
        "RCPT TO:<ann@example.org>",
        "Subject: 123456 is your sign-in code for Latchkey\r\n",
        "X-Unit: login\r\n",
        "From: =?utf-8?b?SsO2cmcsIEV4YW1wbGU=?= <no-reply@example.org>\r\n",
        "Message-ID: <00000000-0000-0000-0000-000000000000@example.org>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Date: ",
        "Content-Type: multipart/alternative;",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: text/html; charset=utf-8",
        "\r\nEnter 123456 to sign in to Latchkey.\r\n",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}

#[tokio::test]
async fn smtp_status_decides_between_retry_and_refusal() {
    for (answer, expected) in [
        ("550 5.1.1 no such ann@example.org", Refused("the mail server answered 550".to_owned())),
        ("451 later, ann@example.org", Retry("the mail server answered 451".to_owned())),
        ("421 closing", Busy { why: "the mail server answered 421: too many at once".to_owned(), wait: None }),
        (
            "454 Throttling failure: Maximum sending rate exceeded.",
            Busy { why: "the mail server answered 454: too many at once".to_owned(), wait: None },
        ),
    ] {
        let (address, _served) = sink::smtp(answer).await;
        assert_eq!(by_smtp(&address, "", "").send().await, Err(expected));
    }
    let (address, _served) = sink::smtp("250 ok").await;
    let error = by_smtp(&address, "me:hidden@", "").send().await.unwrap_err();
    assert_eq!(error, NotAllowed("the mail server answered 535: it does not accept our user and password".to_owned()));
    let error = by_smtp("127.0.0.1:1", "", "").send().await.unwrap_err();
    assert_eq!(error, Retry("the mail server cannot be reached".to_owned()));
    // Without STARTTLS the courier neither authenticates nor sends a message.
    let (address, served) = sink::smtp("250 ok").await;
    let text = config(&format!(
        "{{smtp: {{connection_uri: 'smtp://me:hidden@{address}/', from_address: no-reply@example.org}}}}"
    ));
    let error = Sender::new(&text, true, &[]).unwrap().send().await.unwrap_err();
    assert!(matches!(error, Retry(_)), "{error}");
    let said = served.await.unwrap();
    assert!(!said.contains("AUTH") && !said.contains("MAIL"), "{said}");
}

fn by_aws(address: &str) -> Vec<(String, String)> {
    let url = format!("http://{address}");
    [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL", url.as_str()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

async fn to_aws(sms: bool, answer: &'static str) -> (Result<(), SendError>, String) {
    let (address, served) = sink::http(answer).await;
    let env = by_aws(&address);
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let text = config(
        "{smtp: {from_address: no-reply@example.org, from_name: 'Jörg, Example', headers: {X-Unit: login}}, \
          ses: {configuration_set: bounces}, sns: {sender_id: Example}}",
    );
    let mut sender = Sender::new(&text, false, &env).expect("an example");
    if sms {
        sender = sender.by_text_message();
    }
    (sender.send().await, served.await.expect("an example"))
}

#[tokio::test]
async fn ses_gets_text_html_and_configuration_set() {
    let (sent, request) = to_aws(false, "200 OK\ncontent-type: application/json\n\n{\"MessageId\": \"1\"}").await;
    sent.unwrap();
    assert!(request.starts_with("POST /v2/email/outbound-emails HTTP/1.1\r\n"), "{request}");
    let body: Value = serde_json::from_str(body(&request)).unwrap();
    assert_eq!(body["FromEmailAddress"], "=?utf-8?b?SsO2cmcsIEV4YW1wbGU=?= <no-reply@example.org>");
    assert_eq!(body["Destination"], json!({"ToAddresses": ["ann@example.org"]}));
    assert_eq!(body["ConfigurationSetName"], "bounces");
    let message = &body["Content"]["Simple"];
    assert_eq!(
        message["Headers"],
        json!([{"Name": "X-Unit", "Value": "login"}, {"Name": "Auto-Submitted", "Value": "auto-generated"}])
    );
    assert_eq!(message["Subject"]["Data"], "123456 is your sign-in code for Latchkey");
    assert!(message["Body"]["Html"]["Data"].is_string() && message["Body"]["Text"]["Data"].is_string());
}

#[tokio::test]
async fn ses_error_decides_between_retry_and_refusal() {
    for (answer, expected) in [
        (
            "400 Bad\nx-amzn-errortype: MessageRejected\n\n{\"message\": \"Email address is not verified: ann@example.org\"}",
            Refused("SES answered MessageRejected (in the sandbox SES sends to verified addresses only; the sender must be verified too)".to_owned()),
        ),
        (
            "429 Slow\nx-amzn-errortype: TooManyRequestsException\n\n{\"message\": \"Maximum sending rate exceeded.\"}",
            Busy { why: "SES answered TooManyRequestsException".to_owned(), wait: None },
        ),
        (
            "429 Slow\nx-amzn-errortype: TooManyRequestsException\n\n{\"message\": \"Daily message quota exceeded.\"}",
            Retry("SES answered TooManyRequestsException: the day's quota is used up".to_owned()),
        ),
        ("403 No\nx-amzn-errortype: AccessDeniedException\n\n{}", Retry("SES answered AccessDeniedException".to_owned())),
        ("503 Oh\n\n{}", Retry("SES answered 503".to_owned())),
    ] {
        assert_eq!(to_aws(false, answer).await.0, Err(expected));
    }
}

#[tokio::test]
async fn sns_gets_text_and_sender_id() {
    let (sent, request) = to_aws(true, "200 OK\ncontent-type: text/xml\n\n<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>").await;
    sent.unwrap();
    let fields: Vec<(String, String)> = form_urlencoded::parse(body(&request).as_bytes()).into_owned().collect();
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    assert_eq!((field("Action"), field("PhoneNumber")), ("Publish", "+493012345678"));
    assert!(field("Message").starts_with("123456 is") && field("Message").ends_with("\n@login.example.org #123456"));
    assert!(body(&request).contains("Transactional") && body(&request).contains("AWS.SNS.SMS.SenderID"));
    let refused = "400 Bad\n\n<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameter</Code><Message>+493012345678</Message></Error></ErrorResponse>";
    assert_eq!(to_aws(true, refused).await.0, Err(Refused("SNS answered InvalidParameter".to_owned())));
    let slow = "400 Bad\n\n<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code></Error></ErrorResponse>";
    assert_eq!(to_aws(true, slow).await.0, Err(Busy { why: "SNS answered Throttling".to_owned(), wait: None }));
}

#[tokio::test]
async fn message_without_channel_is_retried() {
    let sender = Sender::new(&config("{}"), false, &[]).unwrap();
    assert_eq!(
        sender.send().await,
        Err(Retry("courier.smtp.from_address is not set: e-mail needs a sender".to_owned()))
    );
    assert!(matches!(sender.by_text_message().send().await, Err(Retry(why)) if why.contains("AWS_REGION")));
    let wrong = config("{smtp: {from_address: 'Ann <ann@example.org>'}}");
    assert!(Sender::new(&wrong, false, &[]).err().unwrap().starts_with("courier.smtp.from_address: "));
}
