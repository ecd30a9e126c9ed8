//! The inbox keeps the messages that a deployment would send, shows them on a page and returns them as JSON.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use latchkey_platform::{Clock, Rng};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::OffsetDateTime;

/// Messages that are kept. A newer one replaces the oldest.
const MOST: usize = 2000;
/// The page shows untrusted content, so it runs and loads only its own files. HTML parts stand in a frame that can only open
/// links in new tabs; these have no reference to the page.
/// A frame by `srcdoc` inherits this policy, and messages contain their styles inline.
const POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; frame-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// A message that was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// An e-mail address or a telephone number.
    pub to: String,
    /// `email` or `sms`.
    pub channel: String,
    /// What it is for, such as `login_code_valid`.
    pub template_type: String,
    /// The subject of an e-mail.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part, if it has one.
    pub html: Option<String>,
    /// When it was sent.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A message as a delivery channel hands it over.
#[derive(Debug, Default, Deserialize)]
pub struct Handed {
    /// An e-mail address or a telephone number.
    pub to: String,
    /// `email` or `sms`.
    pub channel: String,
    /// What it is for, such as `login_code_valid`.
    pub template_type: String,
    /// The subject of an e-mail.
    #[serde(default)]
    pub subject: String,
    /// The text part.
    #[serde(default)]
    pub text: String,
    /// The HTML part, if it has one.
    pub html: Option<String>,
}

/// The messages of a stack, newest first. Clones share them.
#[derive(Clone, Debug)]
pub struct Inbox {
    messages: Arc<Mutex<VecDeque<Message>>>,
    clock: Clock,
}

impl Inbox {
    /// An empty inbox, whose messages get the time of this clock.
    pub fn new(clock: Clock) -> Self {
        Self { messages: Arc::default(), clock }
    }

    /// Puts a message on top.
    pub fn put(&self, handed: Handed) {
        let Handed { to, channel, template_type, subject, text, html } = handed;
        let (id, created_at) = (Rng::system().id().to_string(), self.clock.now());
        let mut messages = self.lock();
        messages.push_front(Message { id, to, channel, template_type, subject, text, html, created_at });
        messages.truncate(MOST);
    }

    /// All messages, newest first.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().iter().cloned().collect()
    }

    /// The newest message to an address.
    pub fn newest_to(&self, to: &str) -> Option<Message> {
        self.lock().iter().find(|message| message.to == to).cloned()
    }

    /// Forgets all messages.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The inbox as a service; its guard refuses pages of other sites.
pub fn router(inbox: Inbox) -> Router {
    let list = |State(inbox): State<Inbox>| async move { guarded(axum::Json(inbox.messages()).into_response()) };
    let clear = |State(inbox): State<Inbox>| async move {
        inbox.clear();
        guarded(StatusCode::NO_CONTENT.into_response())
    };
    // Its own page reads and empties it. No browser may add messages.
    let put = |State(inbox): State<Inbox>, headers: HeaderMap, body: Result<axum::Json<Handed>, _>| async move {
        let by_a_browser = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
        let status = match body {
            _ if by_a_browser => StatusCode::FORBIDDEN,
            Ok(axum::Json(handed)) => {
                inbox.put(handed);
                StatusCode::NO_CONTENT
            }
            Err(rejection) => axum::extract::rejection::JsonRejection::status(&rejection),
        };
        guarded(status.into_response())
    };
    let file = |kind, text: &'static str| get(move || async move { text_file(kind, text) });
    Router::new()
        .route("/", file("text/html", include_str!("inbox/inbox.html")))
        .route("/inbox.css", file("text/css", include_str!("inbox/inbox.css")))
        .route("/inbox.js", file("text/javascript", include_str!("inbox/inbox.js")))
        .route("/api/messages", get(list).delete(clear).post(put))
        .fallback(|| async { guarded((StatusCode::NOT_FOUND, "404 page not found\n").into_response()) })
        .with_state(inbox)
}

fn text_file(kind: &str, text: &'static str) -> Response {
    guarded(([(header::CONTENT_TYPE, format!("{kind}; charset=utf-8"))], text).into_response())
}

fn guarded(mut response: Response) -> Response {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
