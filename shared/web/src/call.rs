//! One request, parsed once. Handlers ask it for values and never see a header map.

use crate::edge::Edge;
use crate::hint;
use crate::infrastructure;
use crate::lambda::SEEN_HOST;
use crate::negotiate;
use crate::routes::CsrfLayer;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use latchkey_core::bounds::{LONGEST_HEADER, quoted};
use latchkey_core::csrf::CsrfSecret;
use latchkey_core::error::{ApiError, CsrfFault, csrf_violation};
use time::OffsetDateTime;
use uuid::Uuid;

/// A header that marks a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignOfABrowser {
    /// `Origin`.
    Origin,
    /// `Cookie`.
    Cookie,
}

/// The path of a request. The gateway has decoded the client's path, the edge has encoded it again where necessary, and only this type
/// decodes it: each segment is decoded exactly once.
#[derive(Clone, Debug)]
pub struct Path(String);

impl Path {
    pub(crate) fn new(encoded: &str) -> Self {
        Self(encoded.to_owned())
    }

    /// The path as it is in a URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments, decoded, of the path [`without_admin`](Self::without_admin).
    pub fn segments(&self) -> Vec<String> {
        let decoded = |raw: &str| percent_encoding::percent_decode_str(raw).decode_utf8_lossy().into_owned();
        self.without_admin().split('/').skip(1).map(decoded).collect()
    }

    /// The path without its optional prefix `/admin`.
    pub fn without_admin(&self) -> &str {
        self.0.strip_prefix("/admin").filter(|rest| rest.starts_with('/')).unwrap_or(&self.0)
    }
}

impl std::ops::Deref for Path {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A request.
pub struct Call<'a> {
    /// The function's edge.
    pub edge: &'a Edge,
    /// The verb.
    pub method: Method,
    /// The path.
    pub path: Path,
    /// The redirect target, when the path is not clean.
    pub(crate) clean: Option<String>,
    /// How the anti-CSRF layer treats this request.
    pub(crate) layer: CsrfLayer,
    /// The query as sent, without its question mark.
    pub raw_query: String,
    /// When the request came.
    pub now: OffsetDateTime,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) cookies: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body was too large; it is empty then.
    pub is_oversize: bool,
    pub(crate) source_ip: Option<String>,
    /// The secrets of all readable anti-CSRF cookies of the request.
    pub(crate) csrf: Vec<CsrfSecret>,
    /// The secret of the cookie that the answer will set.
    pub(crate) csrf_new: Option<CsrfSecret>,
}

impl Call<'_> {
    /// The first value of a query parameter, which may be empty.
    pub fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// The first value of a query parameter, if it is not empty.
    pub fn query_filled(&self, key: &str) -> Option<&str> {
        self.query(key).filter(|value| !value.is_empty())
    }

    /// Every value of a query parameter.
    pub fn query_all<'b>(&'b self, key: &'b str) -> impl Iterator<Item = &'b str> {
        self.query.iter().filter(move |(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// All query parameters, in the order sent.
    pub fn query_pairs(&self) -> &[(String, String)] {
        &self.query
    }

    /// A query parameter as boolean; other values count as false.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.query(key), Some("1" | "t" | "T" | "TRUE" | "true" | "True"))
    }

    /// A segment of the path, decoded, counted from 0.
    pub fn segment(&self, place: usize) -> String {
        self.path.segments().into_iter().nth(place).unwrap_or_default()
    }

    /// *json-request* of the contract.
    pub fn is_json_request(&self) -> bool {
        negotiate::is_json_request(&self.headers)
    }

    /// *accepts-json* of the contract.
    pub fn accepts_json(&self) -> bool {
        negotiate::accepts_json(&self.headers)
    }

    /// Whether the request only reads.
    pub fn is_get(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.headers.get(name)?.as_bytes()).ok()
    }

    /// Every value of a header, as sent.
    pub fn headers<'b>(&'b self, name: &'b HeaderName) -> impl Iterator<Item = &'b HeaderValue> {
        self.headers.get_all(name).iter()
    }

    /// The host that the client called, for hints to developers; no URL is made of it.
    pub fn seen_host(&self) -> Option<&str> {
        self.header(SEEN_HOST.as_str())
    }

    /// The client's id of this request.
    pub fn request_id(&self) -> Option<&str> {
        self.header("x-request-id").filter(|id| !id.is_empty() && id.len() <= LONGEST_HEADER)
    }

    /// The values of all cookies of a name.
    pub fn cookies<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        self.cookies.iter().filter(move |(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    /// The header that marks this request as a browser's, if any: `Origin`, or `Cookie` with a cookie that is not the infrastructure's own.
    pub fn sign_of_a_browser(&self) -> Option<SignOfABrowser> {
        if self.header("origin").is_some_and(|origin| !origin.is_empty()) {
            Some(SignOfABrowser::Origin)
        } else if self.cookies.iter().any(|(name, _)| !infrastructure::owns(name)) {
            Some(SignOfABrowser::Cookie)
        } else {
            None
        }
    }

    /// Whether the browser says that another site caused this request.
    pub fn is_cross_site(&self) -> bool {
        self.header("sec-fetch-site") == Some("cross-site")
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The secret that tokens of this answer fit: that of the browser's cookie, or of the cookie that it is about to get.
    pub fn csrf_secret(&self) -> Option<&CsrfSecret> {
        self.csrf_new.as_ref().or(self.csrf.first())
    }

    /// Every secret of the browser; it may send two cookies of one name when paths or domains overlap.
    pub fn csrf_cookies(&self) -> &[CsrfSecret] {
        &self.csrf
    }

    /// Checks a submitted token against the browser's cookies (contract `login-flow.md` 8.4, 8.6).
    ///
    /// # Errors
    /// The 403, with a hint for the place where it failed.
    pub fn check_csrf_token(&self, token: Option<&str>, json_body: bool) -> Result<(), crate::Fault> {
        let token = token.filter(|token| !token.is_empty());
        if token.is_some_and(|token| self.csrf.iter().any(|secret| secret.accepts(token))) {
            return Ok(());
        }
        // A header does not count everywhere, but a client that sends one has not forgotten the token.
        let sent = token.or(self.header("x-csrf-token")).is_some_and(|token| !token.is_empty());
        let fault = match self.csrf_cookie_fault() {
            Some(fault) => fault,
            None if !sent && !json_body => CsrfFault::NoToken,
            None => CsrfFault::Mismatch,
        };
        Err(csrf_violation(fault, self.is_ajax()).into())
    }

    /// The 403 of a submission whose cookie or token does not fit its flow.
    pub fn csrf_token_violation(&self) -> crate::Fault {
        csrf_violation(self.csrf_cookie_fault().unwrap_or(CsrfFault::Mismatch), self.is_ajax()).into()
    }

    /// The 403 of a request whose cookie does not fit its flow.
    pub fn csrf_cookie_violation(&self) -> crate::Fault {
        csrf_violation(self.csrf_cookie_fault().unwrap_or(CsrfFault::NoToken), self.is_ajax()).into()
    }

    fn csrf_cookie_fault(&self) -> Option<CsrfFault> {
        if self.cookies.is_empty() {
            Some(CsrfFault::NoCookies)
        } else if self.cookies(self.edge.csrf_cookie()).next().is_none() {
            Some(CsrfFault::NoCsrfCookie)
        } else {
            None
        }
    }

    /// A failure with its hint for developers, in development mode.
    pub fn explained(&self, mut fault: crate::Fault) -> crate::Fault {
        if fault.debug.is_none() {
            fault.debug = hint::of(self, &fault.public);
        }
        fault
    }

    fn is_ajax(&self) -> bool {
        matches!(self.header("sec-fetch-mode"), Some("cors" | "same-origin"))
    }
}

/// A text, encoded for a query.
pub fn encode_query(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A path segment that must be an id.
///
/// # Errors
/// 400 with the text that clients know for a segment of a wrong length; other errors have a text of ours.
pub fn parse_id(text: &str) -> Result<Uuid, ApiError> {
    Uuid::try_parse(text).map_err(|_| {
        let shown = quoted(text);
        ApiError::new(400).saying(match text.len() {
            32 | 36 | 38 | 41 | 45 => format!("uuid: incorrect UUID format in string \"{shown}\""),
            length => format!("uuid: incorrect UUID length {length} in string \"{shown}\""),
        })
    })
}
