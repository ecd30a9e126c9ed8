//! The inbox: what was sent, newest first, on a page and as JSON.

use crate::support::Answer;
use axum::body::{Body, to_bytes};
use http::{Method, Request};
use hyper_util::service::TowerToHyperService;
use latchkey::guard::{Audience, Guard};
use latchkey::inbox::{Handed, Inbox, router};
use latchkey_platform::Clock;

async fn ask(inbox: &Inbox, method: Method, path: &str) -> Answer {
    answer(inbox, Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
}

async fn answer(inbox: &Inbox, request: Request<Body>) -> Answer {
    let service = TowerToHyperService::new(Guard::new(Audience::OwnPages).around(router(inbox.clone())));
    let response = hyper::service::Service::call(&service, request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

fn message(to: &str, channel: &str, (subject, text): (&str, &str), html: Option<&str>) -> Handed {
    let owned = str::to_owned;
    let (to, channel, template_type) = (owned(to), owned(channel), owned("login_code_valid"));
    Handed { to, channel, template_type, subject: owned(subject), text: owned(text), html: html.map(owned) }
}

#[tokio::test]
async fn inbox_lists_newest_first_and_empties() {
    let inbox = Inbox::new(Clock::system());
    assert_eq!(ask(&inbox, Method::GET, "/api/messages").await.body, "[]");
    let html = "<p>Your code is <b>123456</b></p>";
    inbox.put(message("a@example.org", "email", ("Sign in", "Your code is 123456"), Some(html)));
    inbox.put(message("+4915100000000", "sms", ("", "654321"), None));
    let listed = ask(&inbox, Method::GET, "/api/messages").await;
    assert_eq!((listed.status, listed.header("content-type")), (200, Some("application/json")));
    let listed = listed.json();
    let keys: Vec<&str> = listed[0].as_object().unwrap().keys().map(String::as_str).collect();
    for key in ["id", "to", "channel", "template_type", "subject", "text", "html", "created_at"] {
        assert!(keys.contains(&key), "{key}");
    }
    assert_eq!((listed[0]["to"].as_str(), listed[0]["html"].is_null()), (Some("+4915100000000"), true));
    assert_eq!((listed[1]["html"].as_str(), listed[1]["channel"].as_str()), (Some(html), Some("email")));
    assert!(listed[0]["created_at"].as_str().unwrap().ends_with('Z'), "{listed}");
    assert_eq!(ask(&inbox, Method::DELETE, "/api/messages").await.status, 204);
    assert_eq!(ask(&inbox, Method::GET, "/api/messages").await.body, "[]");
    assert!(inbox.messages().is_empty());
}

/// What a channel posts, with these headers.
async fn post(inbox: &Inbox, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::post("/api/messages");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(inbox, request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn other_sites_neither_read_nor_write_inbox() {
    let inbox = Inbox::new(Clock::system());
    let message = r#"{"to":"a@example.org","channel":"email","template_type":"login_code_valid","subject":"s","text":"123456","html":null}"#;
    let json = ("content-type", "application/json");
    for (headers, status) in [
        (vec![("content-type", "text/plain")], 415),
        (vec![("content-type", "application/x-www-form-urlencoded")], 415),
        (vec![], 415),
        (vec![json, ("origin", "https://evil.example")], 403),
        (vec![json, ("origin", "null")], 403),
        (vec![json, ("origin", "http://127.0.0.1:4436")], 403),
        (vec![json, ("sec-fetch-site", "cross-site")], 403),
        // A foreign host name that resolves to this address.
        (vec![json, ("host", "evil.example:4436")], 403),
        (vec![json, ("host", "localhost.evil.example")], 403),
    ] {
        assert_eq!(post(&inbox, &headers, message).await.status, status, "{headers:?}");
    }
    assert_eq!(inbox.messages().len(), 0);
    // Before it sends JSON, a browser asks; what it is told allows nothing.
    let preflight = ask(&inbox, Method::OPTIONS, "/api/messages").await;
    assert!(preflight.status >= 400 && preflight.header("access-control-allow-origin").is_none());
    for host in ["127.0.0.1:4436", "localhost:4436", "inbox.localhost", "[::1]:4436"] {
        assert_eq!(post(&inbox, &[json, ("host", host)], message).await.status, 204, "{host}");
    }
    assert_eq!((inbox.messages().len(), inbox.messages()[0].text.as_str()), (4, "123456"));
    for rubbish in ["", "{", "[]", r#"{"to":1}"#] {
        let status = post(&inbox, &[json], rubbish).await.status;
        assert!((400..500).contains(&status), "{rubbish}: {status}");
    }
    let read = Request::get("/api/messages").header("host", "evil.example").body(Body::empty()).unwrap();
    let read = answer(&inbox, read).await;
    assert!(read.status == 403 && !read.body.contains("123456"), "{}", read.body);
}

#[tokio::test]
async fn full_inbox_drops_oldest_messages() {
    let inbox = Inbox::new(Clock::system());
    for number in 0..2100 {
        inbox.put(message("a@example.org", "email", (&number.to_string(), ""), None));
    }
    let messages = inbox.messages();
    assert_eq!((messages.len(), messages[0].subject.as_str()), (2000, "2099"));
}

/// Everything the page needs is its own, and what messages say cannot become part of it: the page sets texts and fills frames that
/// may do nothing.
#[tokio::test]
async fn inbox_page_runs_only_its_own_code() {
    let inbox = Inbox::new(Clock::system());
    for (path, kind) in [("/", "text/html"), ("/inbox.css", "text/css"), ("/inbox.js", "text/javascript")] {
        let answer = ask(&inbox, Method::GET, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some(format!("{kind}; charset=utf-8").as_str()));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    let page = ask(&inbox, Method::GET, "/").await.body;
    let sandbox = page.split("<iframe sandbox=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(sandbox, "allow-popups allow-popups-to-escape-sandbox", "a frame may open links, and do nothing else");
    let script = ask(&inbox, Method::GET, "/inbox.js").await.body;
    for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!script.contains(way), "{way}");
    }
    assert_eq!(ask(&inbox, Method::GET, "/nothing").await.status, 404);
}
