//! The error envelope (contract `login-flow.md` 10): what a client may see of a failure, and what only the log may say.

use crate::bounds::{LONGEST_REASON, cut};
use serde_json::{Map, Value, json};

/// An error as the client sees it. A [`Fault`] carries the cause that only the log may name beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// Stable machine id; empty when the error has none.
    pub id: &'static str,
    /// Short text.
    pub message: String,
    /// Text for humans.
    pub reason: Option<String>,
    /// Further facts.
    pub details: Map<String, Value>,
    /// Keys that stand beside `error` in the body (`redirect_browser_to`, `use_flow_id` …).
    pub beside: Map<String, Value>,
}

/// `message` of an error that sets none.
fn default_message(status: u16) -> &'static str {
    match status {
        400 => "The request was malformed or contained invalid parameters",
        401 => "The request could not be authorized",
        403 => "The requested action was forbidden",
        404 => "The requested resource could not be found",
        409 => "The resource could not be created due to a conflict",
        410 => "The requested resource is no longer available because it has expired or is otherwise invalid.",
        413 => "The request body is too large",
        414 => "The request URI is too long",
        422 => "The request could not be processed",
        503 => "The service is temporarily unavailable, please try again",
        _ => "An internal server error occurred, please contact the system administrator",
    }
}

/// The English name of a status.
pub fn status_name(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        413 => "Request Entity Too Large",
        414 => "Request URI Too Long",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Internal Server Error",
    }
}

fn bounded(text: String) -> String {
    if text.len() <= LONGEST_REASON { text } else { format!("{}…", cut(&text, LONGEST_REASON)) }
}

impl ApiError {
    /// An error of this status with its default message.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            id: "",
            message: default_message(status).to_owned(),
            reason: None,
            details: Map::new(),
            beside: Map::new(),
        }
    }

    /// 400 with this reason.
    pub fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(400).because(reason)
    }

    /// 404 of a record that is not there: the storage's own text, no reason.
    pub fn not_located() -> Self {
        Self::new(404).saying("Unable to locate the resource")
    }

    /// 404 of a method or endpoint that the configuration turned off.
    pub fn disabled() -> Self {
        Self::new(404).because(
            "This endpoint was disabled by system administrator. Please check your url or contact the system \
             administrator to enable it.",
        )
    }

    /// The session that a login would make exists already (400).
    pub fn session_already_available() -> Self {
        Self::new(400)
            .with_id("session_already_available")
            .saying("you are already logged in")
            .because(ALREADY_LOGGED_IN)
    }

    /// A client without a session asked for a second factor (401).
    pub fn session_aal1_required() -> Self {
        Self::new(401)
            .with_id("session_aal1_required")
            .saying("aal2 and aal3 can only be requested if a session exists already")
            .because("You can not requested a higher AAL (AAL2/AAL3) without an active session.")
    }

    /// The session is good but weaker than demanded (403); `redirect` leads to the second factor.
    pub fn session_aal2_required(redirect: &str) -> Self {
        Self::new(403)
            .with_id("session_aal2_required")
            .saying("Session does not fulfill the requested Authenticator Assurance Level")
            .because(
                "An active session was found but it does not fulfill the requested Authenticator Assurance Level. \
                 Please verify yourself with a second factor to resolve this issue.",
            )
            .detail("redirect_browser_to", redirect)
            .beside("redirect_browser_to", redirect)
    }

    /// Logout without a session (401).
    pub fn session_inactive() -> Self {
        Self::new(401)
            .with_id("session_inactive")
            .saying("request does not have a valid authentication session")
            .because("No active session was found in this request.")
    }

    /// A browser flow that a script drives must go on by navigating (422).
    pub fn browser_location_change_required(to: &str) -> Self {
        Self::new(422)
            .with_id("browser_location_change_required")
            .saying("browser location change required")
            .because(format!("In order to complete this flow please redirect the browser to: {to}"))
            .beside("redirect_browser_to", to)
    }

    /// The raw conflict of the storage (409), without a reason.
    pub fn storage_conflict() -> Self {
        Self::new(409).saying("Unable to insert or update resource because a resource with that value exists already")
    }

    /// Sets the machine id.
    pub fn with_id(mut self, id: &'static str) -> Self {
        self.id = id;
        self
    }

    /// Sets the short text. It may quote what the client sent, so it is cut.
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = bounded(message.into());
        self
    }

    /// Sets the text for humans. It may quote what the client sent, so it is cut.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(bounded(reason.into()));
        self
    }

    /// Adds a fact to `details`.
    pub fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a key beside `error`.
    pub fn beside(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.beside.insert(key.to_owned(), value.into());
        self
    }

    /// The inner object: what stands under `error`, and what an error page fetches later.
    pub fn inner(&self, request_id: Option<&str>) -> Value {
        let mut inner = Map::new();
        if !self.id.is_empty() {
            inner.insert("id".into(), json!(self.id));
        }
        inner.insert("code".into(), json!(self.status));
        inner.insert("status".into(), json!(status_name(self.status)));
        if let Some(id) = request_id {
            inner.insert("request".into(), json!(id));
        }
        if let Some(reason) = &self.reason {
            inner.insert("reason".into(), json!(reason));
        }
        if !self.details.is_empty() {
            inner.insert("details".into(), Value::Object(self.details.clone()));
        }
        inner.insert("message".into(), json!(self.message));
        Value::Object(inner)
    }

    /// The whole body. `request_id` is what the client sent as `X-Request-ID`.
    pub fn body(&self, request_id: Option<&str>) -> Value {
        let mut body = Map::new();
        body.insert("error".into(), self.inner(request_id));
        body.extend(self.beside.clone());
        Value::Object(body)
    }
}

/// Why a request failed: what the client may see, and what only the log may say.
#[derive(Debug)]
pub struct Fault {
    /// The public half.
    pub public: Box<ApiError>,
    /// The private half.
    pub cause: Option<String>,
    /// What a developer is told of it, in development mode only (contract `beyond-login.md` 0.3).
    pub debug: Option<String>,
}

impl Fault {
    /// A failure of our own; the client learns only that there was one.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self { public: Box::new(ApiError::new(500)), cause: Some(cause.into()), debug: None }
    }

    /// The inner object of the envelope.
    pub fn inner(&self, request_id: Option<&str>) -> Value {
        let mut inner = self.public.inner(request_id);
        self.explain(&mut inner);
        inner
    }

    /// Adds what a developer is told to the inner object of an envelope.
    pub fn explain(&self, inner: &mut Value) {
        if let Some(debug) = &self.debug {
            inner["debug"] = Value::from(debug.as_str());
        }
    }
}

impl From<ApiError> for Fault {
    fn from(public: ApiError) -> Self {
        Self { public: Box::new(public), cause: None, debug: None }
    }
}

/// Why a login is refused to a client with a session: reason at init, text of the message at submit.
pub const ALREADY_LOGGED_IN: &str =
    "A valid session was detected and thus login is not possible. Did you forget to set `?refresh=true`?";

/// Where in a request an anti-CSRF check failed (`login-flow.md` 8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsrfFault {
    /// No `Cookie` header at all.
    NoCookies,
    /// Cookies, but not ours.
    NoCsrfCookie,
    /// Our cookie, but no token in form or header; never for JSON bodies.
    NoToken,
    /// A token that does not belong to the cookie.
    Mismatch,
}

/// The 403 of a failed anti-CSRF check; `ajax` when `Sec-Fetch-Mode` says that a script made the request.
pub fn csrf_violation(fault: CsrfFault, ajax: bool) -> ApiError {
    let hint = match (fault, ajax) {
        (CsrfFault::NoToken, _) => {
            "The anti-CSRF cookie was found but the CSRF token was not included in the HTTP request body (csrf_token) \
             nor in the HTTP Header (X-CSRF-Token)."
        }
        (_, true) => {
            "We detected an AJAX call, please ensure that CORS is enabled and configured correctly, and that your AJAX \
             code sends cookies and has credentials enabled. For further debugging, check your Browser's Network Tab to \
             see what cookies are included or excluded."
        }
        (_, false) => {
            "We detected a regular browser or server-side call. To debug browser calls check your Browser's Network Tab \
             to see what cookies are included or excluded. If you are calling from a server ensure that the appropriate \
             cookies are being forwarded and that the SDK method is called correctly."
        }
    };
    let reject_reason = match fault {
        CsrfFault::NoCookies => Some("The HTTP Cookie Header is empty or not set."),
        CsrfFault::NoCsrfCookie => Some("The HTTP Cookie Header was set but did not include the anti-CSRF cookie."),
        CsrfFault::NoToken => None,
        CsrfFault::Mismatch => Some(
            "The HTTP Cookie Header was set and a CSRF token was sent but they do not match. We recommend deleting all \
             cookies for this domain and retrying the flow.",
        ),
    };
    let error = ApiError::new(403)
        .with_id("security_csrf_violation")
        .saying("the request was rejected to protect you from Cross-Site-Request-Forgery")
        .because(
            "Please retry the flow and optionally clear your cookies. The request was rejected to protect you from \
             Cross-Site-Request-Forgery (CSRF) which could cause account takeover, leaking personal information, and \
             other serious security issues.",
        )
        .detail("docs", "https://www.ory.com/docs/troubleshooting/csrf")
        .detail("hint", hint);
    match reject_reason {
        Some(reason) => error.detail("reject_reason", reason),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_without_a_value_are_left_out() {
        let body = ApiError::not_located().body(None);
        assert_eq!(
            body,
            json!({"error": {"code": 404, "status": "Not Found", "message": "Unable to locate the resource"}})
        );
        let body = ApiError::session_aal2_required("https://a.example/x").body(Some("r-1"));
        assert_eq!(body["redirect_browser_to"], "https://a.example/x");
        assert_eq!(body["error"]["details"]["redirect_browser_to"], "https://a.example/x");
        assert_eq!(body["error"]["request"], "r-1");
    }

    #[test]
    fn missing_token_has_hint_and_no_reject_reason() {
        for ajax in [true, false] {
            let details = csrf_violation(CsrfFault::NoToken, ajax).details;
            assert!(details["hint"].as_str().unwrap().contains("was not included"));
            assert!(!details.contains_key("reject_reason"));
        }
        let ajax = csrf_violation(CsrfFault::NoCookies, true).details;
        assert!(ajax["hint"].as_str().unwrap().starts_with("We detected an AJAX call"));
        let server = csrf_violation(CsrfFault::Mismatch, false).details;
        assert!(server["hint"].as_str().unwrap().starts_with("We detected a regular browser"));
    }
}
