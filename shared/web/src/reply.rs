//! One answer, and the errors.

use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use lambda_http::Body;
use latchkey_core::error::Fault;
use latchkey_core::method::MethodId;
use serde_json::Value;
use uuid::Uuid;

/// An answer before the edge adds common headers.
#[derive(Debug)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) cookies: Vec<String>,
    pub(crate) body: Body,
    /// The outcome, for the log.
    pub(crate) outcome: Word,
    /// The kind of answer, for the edge.
    pub(crate) kind: Kind,
    pub(crate) flow: Option<Uuid>,
    /// The login method, for the log.
    pub(crate) method: Option<MethodId>,
    /// The failure behind a redirect to the error page, for the log.
    pub(crate) fault: Option<Fault>,
    /// Whether the browser gets another anti-CSRF cookie.
    pub(crate) new_csrf: bool,
}

/// The kind of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The answer of the handler.
    Answer,
    /// The answer to a preflight request.
    Preflight,
}

/// A fixed word for the log, never a value of the request. It cannot be compared, so no code decides by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word(&'static str);

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl Reply {
    /// An empty answer.
    pub fn new(status: u16, outcome: &'static str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            cookies: Vec::new(),
            body: Body::Empty,
            outcome: Word(outcome),
            kind: Kind::Answer,
            flow: None,
            method: None,
            fault: None,
            new_csrf: false,
        }
    }

    /// The empty answer to a preflight request.
    pub(crate) fn preflight() -> Self {
        Self { kind: Kind::Preflight, ..Self::new(204, "preflight") }
    }

    /// JSON of a success; a form with errors counts as one.
    pub fn json(status: u16, value: &Value, outcome: &'static str) -> Self {
        Self::new(status, outcome).with_body("application/json; charset=utf-8", format!("{value}\n"))
    }

    /// Plain text.
    pub fn text(status: u16, text: &str, outcome: &'static str) -> Self {
        Self::new(status, outcome).with_body("text/plain; charset=utf-8", text.to_owned())
    }

    /// Any other body, such as a page or a picture.
    pub fn content(status: u16, kind: &'static str, body: impl Into<Body>, outcome: &'static str) -> Self {
        Self::new(status, outcome).with_body(kind, body)
    }

    /// The 405 of a known path, with the verbs it knows.
    pub fn method_not_allowed(allow: &str) -> Self {
        Self::text(405, "Method Not Allowed\n", "method not allowed").header(ALLOW, allow)
    }

    /// A redirect. Answers to GET have a short page with the link, answers to other verbs no body.
    pub fn redirect(status: u16, to: &str, get: bool, outcome: &'static str) -> Self {
        let reply = Self::new(status, outcome).header(LOCATION, to);
        if !get {
            return reply;
        }
        let escaped: String = to
            .chars()
            .map(|c| match c {
                '&' => "&amp;".to_owned(),
                '<' => "&lt;".to_owned(),
                '>' => "&gt;".to_owned(),
                '"' => "&#34;".to_owned(),
                '\'' => "&#39;".to_owned(),
                c => c.to_string(),
            })
            .collect();
        reply.with_body("text/html; charset=utf-8", format!("<a href=\"{escaped}\">{}</a>.\n\n", redirect_name(status)))
    }

    /// An error in its envelope. `request_id` is the client's `X-Request-ID`.
    pub fn error(fault: &Fault, request_id: Option<&str>) -> Self {
        let error = &fault.public;
        let outcome = if error.id.is_empty() { "refused" } else { error.id };
        let mut body = error.body(request_id);
        fault.explain(&mut body["error"]);
        Self::new(error.status, outcome)
            .with_body("application/json", format!("{body}\n"))
            .header(HeaderName::from_static("ory-error-id"), error.id)
    }

    /// Adds a header; an invalid value is left out.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Makes it a 429 with `Retry-After` in seconds.
    pub fn too_often(mut self, seconds: i64) -> Self {
        self.status = 429;
        self.header(RETRY_AFTER, &seconds.to_string())
    }

    /// Adds a cookie.
    pub fn cookie(mut self, cookie: String) -> Self {
        self.cookies.push(cookie);
        self
    }

    /// Adds a cookie before all others: clients that keep only a header's last value must find the session there.
    pub fn cookie_first(mut self, cookie: String) -> Self {
        self.cookies.insert(0, cookie);
        self
    }

    /// Gives the browser another anti-CSRF cookie, because another identity has signed in.
    pub fn with_new_csrf(mut self, wanted: bool) -> Self {
        self.new_csrf = wanted;
        self
    }

    /// Names the flow for the log.
    pub fn of_flow(mut self, id: Uuid) -> Self {
        self.flow = Some(id);
        self
    }

    /// Names the login method for the log.
    pub fn by_method(mut self, method: MethodId) -> Self {
        self.method = Some(method);
        self
    }

    /// Logs the reason of a redirect to the error page.
    pub(crate) fn because_of(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// The value of a header, as far as the reply sets it itself.
    pub fn header_text(&self, name: &HeaderName) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).and_then(|(_, value)| value.to_str().ok())
    }

    /// The body as text; empty for none.
    pub fn body_text(&self) -> &str {
        match &self.body {
            Body::Text(text) => text,
            _ => "",
        }
    }

    /// The cookies that it sets, in their order.
    pub fn cookies(&self) -> &[String] {
        &self.cookies
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    fn with_body(mut self, kind: &'static str, body: impl Into<Body>) -> Self {
        self.headers.push((CONTENT_TYPE, HeaderValue::from_static(kind)));
        self.body = body.into();
        self
    }
}

/// The English name of a redirect's status.
fn redirect_name(status: u16) -> &'static str {
    match status {
        307 => "Temporary Redirect",
        _ => "See Other",
    }
}
