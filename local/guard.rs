//! The one guard of every listener on this machine: which requests it accepts.
//!
//! Binding to 127.0.0.1 does not keep web pages out. Any page that is open in a browser of this machine can send requests here. A page
//! whose host name resolves to 127.0.0.1 even has the same origin as this listener (DNS rebinding). So every listener has an audience,
//! and refuses
//!
//! - a `Host` that is neither a name of this machine nor, for browsers, a host of the configuration;
//! - requests that a page made a browser send, unless pages are part of the audience. The browser says so by `Origin` and
//!   `Sec-Fetch-Site`, which a page can neither change nor leave out;
//! - bodies that are not JSON, if only programs send bodies: a page can send other types without a preflight request;
//! - for the store and the queues, requests that are not signed with their access key.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, TRANSFER_ENCODING, USER_AGENT};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use latchkey_config::Config;
use latchkey_platform::Rng;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use url::Url;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// How containers call the machine that they run on. The domain is reserved, so these names cannot be registered.
const OF_CONTAINERS: [&str; 2] = ["host.docker.internal", "host.containers.internal"];

/// The clients of a listener.
#[derive(Clone, Debug)]
pub enum Audience {
    /// Browsers, with any page: the function behind the listener has its own rules for them.
    Browsers,
    /// Programs, and the pages that the listener itself serves.
    OwnPages,
    /// Programs, which send JSON.
    Programs,
    /// Programs that sign with this key, which a stack generates for its functions when it starts.
    Holders(AccessKey),
    /// The runtime of a function, which polls for events and sends answers without a content type.
    Runtime,
}

/// The access key of a store or a queue on this machine: random, known to the stack and its functions alone.
#[derive(Clone)]
pub struct AccessKey(Arc<str>);

impl AccessKey {
    /// A random key.
    pub fn random() -> Self {
        let random = Rng::system().bytes::<20>().map(|byte| format!("{byte:02X}")).concat();
        Self(format!("LOCAL{random}").into())
    }

    /// The key in clear, to sign with.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a request names this key in its signature. Naming the key is proof enough, because it never leaves the machine.
    fn signs(&self, headers: &HeaderMap) -> bool {
        let signature = text(headers, &AUTHORIZATION);
        let named = signature.split("Credential=").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        named.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessKey(…)")
    }
}

/// Host names by which browsers reach a stack, besides those of this machine: the hosts of its configured URLs. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<RwLock<Vec<String>>>);

impl Names {
    /// Replaces the names by those of a configuration.
    pub fn take(&self, config: &Config) {
        let urls = [&config.public.base_url, &config.pages.base_url];
        let hosts = urls.iter().filter_map(|url| Some(Url::parse(url).ok()?.host_str()?.to_owned()));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = hosts.collect();
    }

    fn contains(&self, host: &str) -> bool {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// The guard of one listener.
#[derive(Clone, Debug)]
pub struct Guard {
    audience: Audience,
    names: Names,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The reason, for the client.
    pub reason: String,
}

impl Guard {
    /// A guard that accepts only the names of this machine.
    pub fn new(audience: Audience) -> Self {
        Self { audience, names: Names::default() }
    }

    /// A guard that accepts these names too.
    pub fn with_names(audience: Audience, names: Names) -> Self {
        Self { audience, names }
    }

    /// Puts the guard in front of a service.
    pub fn around(self, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::new(self), stand))
    }

    /// Checks the head of a request.
    ///
    /// # Errors
    /// The refusal.
    pub fn judge(&self, request: &Parts) -> Result<(), Refusal> {
        self.by_a_known_name(request)?;
        let headers = &request.headers;
        match &self.audience {
            Audience::Browsers => Ok(()),
            Audience::OwnPages if is_own_page(request) => Ok(()),
            Audience::OwnPages => by_no_page(request),
            Audience::Runtime if text(headers, &USER_AGENT).starts_with("Mozilla/") => Err(of_a_page()),
            Audience::Runtime => by_no_page(request),
            Audience::Programs => by_no_page(request).and_then(|()| in_json(request)),
            Audience::Holders(key) => {
                by_no_page(request).and_then(|()| in_json(request))?;
                let refusal = || forbidden("The request is not signed with the access key of this stack.");
                if key.signs(headers) { Ok(()) } else { Err(refusal()) }
            }
        }
    }

    /// Refuses a name that another owner may have pointed at this machine. A missing `Host` is accepted: only old programs omit it.
    fn by_a_known_name(&self, request: &Parts) -> Result<(), Refusal> {
        let mut named = request.headers.get_all(HOST).iter();
        let (host, more) = (named.next(), named.next());
        let hosts = [host.and_then(|host| host.to_str().ok()), request.uri.authority().map(Authority::as_str)];
        let unreadable = host.is_some_and(|host| host.to_str().is_err());
        if more.is_some() || unreadable || hosts.iter().flatten().any(|host| !self.is_known(host)) {
            let host = host.map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned()).unwrap_or_default();
            let reason = match self.audience {
                Audience::Browsers => format!(
                    "The Host header is {host:?}, which is no name of this stack: it answers to localhost, 127.0.0.1 and the \
                     hosts of serve.public.base_url and pages.base_url."
                ),
                _ => {
                    format!("The Host header is {host:?}: this port answers to localhost, 127.0.0.1 and [::1] alone.")
                }
            };
            return Err(forbidden(reason));
        }
        Ok(())
    }

    fn is_known(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        // User information before an @ and a port that is not a number do not belong into a Host header.
        let port = authority.as_str().strip_prefix(authority.host()).and_then(|rest| match rest.strip_prefix(':') {
            Some(port) => port.parse::<u16>().ok(),
            None => rest.is_empty().then_some(0),
        });
        if port.is_none() {
            return false;
        }
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        host == "localhost"
            || host.ends_with(".localhost")
            || host == "[::1]"
            || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || OF_CONTAINERS.contains(&host.as_str())
            || self.names.contains(&host)
    }
}

/// Refuses requests that a page made a browser send. An address that a user opens by hand comes from no page.
fn by_no_page(request: &Parts) -> Result<(), Refusal> {
    let headers = &request.headers;
    let by_hand = request.method == Method::GET && text(headers, &SEC_FETCH_SITE) == "none";
    if headers.contains_key(ORIGIN) || (headers.contains_key(SEC_FETCH_SITE) && !by_hand) {
        return Err(of_a_page());
    }
    Ok(())
}

/// Whether the request comes from this listener's own page, or from a user who follows a link to it.
fn is_own_page(request: &Parts) -> bool {
    let headers = &request.headers;
    let own = format!("http://{}", text(headers, &HOST));
    if headers.contains_key(ORIGIN) && !text(headers, &ORIGIN).eq_ignore_ascii_case(&own) {
        return false;
    }
    let by_link = request.method == Method::GET
        && text(headers, &SEC_FETCH_MODE) == "navigate"
        && text(headers, &SEC_FETCH_DEST) == "document";
    match text(headers, &SEC_FETCH_SITE) {
        // An older browser does not send the header. Then `Origin` decides about every request that changes something.
        "" => true,
        "same-origin" | "none" => true,
        _ => by_link,
    }
}

/// Refuses bodies that a page could send without a preflight request.
fn in_json(request: &Parts) -> Result<(), Refusal> {
    let headers = &request.headers;
    let has_body = headers.contains_key(TRANSFER_ENCODING) || !matches!(text(headers, &CONTENT_LENGTH), "" | "0");
    let kind = text(headers, &CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = kind.strip_prefix("application/").is_some_and(|kind| {
        kind == "json" || kind.ends_with("+json") || kind.starts_with("x-amz-json-") || kind == "x-ndjson"
    });
    if (has_body || !kind.is_empty()) && !json && request.method != Method::GET {
        return Err(Refusal {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            reason: "This port takes JSON alone: send the header Content-Type: application/json.".to_owned(),
        });
    }
    Ok(())
}

fn of_a_page() -> Refusal {
    forbidden("The request comes from a web page, and this port is for programs.")
}

fn forbidden(reason: impl Into<String>) -> Refusal {
    Refusal { status: StatusCode::FORBIDDEN, reason: reason.into() }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Serves a router behind a guard. Every listener of this program is served by this function.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, guard: Guard, router: Router) -> std::io::Result<()> {
    axum::serve(listener, guard.around(router).into_make_service_with_connect_info::<SocketAddr>()).await
}

async fn stand(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = match guard.judge(&parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => refusal.into_response(),
    };
    if !matches!(guard.audience, Audience::Browsers) {
        // A page must not load it even as an image or a script, in a browser that does not send `Sec-Fetch-Site`.
        let name = HeaderName::from_static("cross-origin-resource-policy");
        response.headers_mut().insert(name, HeaderValue::from_static("same-origin"));
    }
    response
}

impl Refusal {
    /// The response, in the error format that SDKs read.
    pub fn into_response(self) -> Response {
        let Self { status, reason } = self;
        let name = status.canonical_reason().unwrap_or_default();
        let body = json!({"error": {"code": status.as_u16(), "status": name, "reason": reason, "message": "The request was refused before it was read."}});
        let mut response = Response::new(Body::from(format!("{body}\n")));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(guard: &Guard, method: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = http::Request::builder().method(method).uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        guard.judge(&parts).map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
    }

    fn all(key: &AccessKey) -> [Guard; 5] {
        [Audience::Browsers, Audience::OwnPages, Audience::Programs, Audience::Runtime, Audience::Holders(key.clone())]
            .map(Guard::new)
    }

    #[test]
    fn every_listener_refuses_foreign_hosts() {
        let key = AccessKey::random();
        let signed = format!("AWS4-HMAC-SHA256 Credential={}/20260101/local/x", key.expose());
        for guard in all(&key) {
            let at = |host: &str| judged(&guard, "GET", &[("host", host), ("authorization", &signed)]);
            for own in [
                "127.0.0.1:4434",
                "localhost",
                "LocalHost.:1",
                "a.localhost:80",
                "[::1]:9",
                "127.9.9.9",
                "host.docker.internal:4433",
            ] {
                assert_eq!(at(own), 200, "{own} {guard:?}");
            }
            for foreign in [
                "evil.example",
                "127.0.0.1.evil.example",
                "localhost.evil.example:4433",
                "notlocalhost",
                "localhost:x",
                "127.0.0.1:80:80",
                "",
                "0.0.0.0:4434",
                "[::]",
                "10.0.0.1",
                "192.168.1.2:4433",
                "x@localhost",
                "2130706433",
                "kratos:4434",
            ] {
                assert_eq!(at(foreign), 403, "{foreign} {guard:?}");
            }
            let twice = [("host", "127.0.0.1"), ("host", "evil.example"), ("authorization", signed.as_str())];
            assert_eq!(judged(&guard, "GET", &twice), 403, "{guard:?}");
            assert_eq!(judged(&guard, "GET", &[("authorization", &signed)]), 200, "no Host {guard:?}");
        }
    }

    #[test]
    fn pages_cannot_reach_listeners_for_programs() {
        let key = AccessKey::random();
        let signed = format!("AWS4-HMAC-SHA256 Credential={}/20260101/local/x", key.expose());
        let usual =
            [("host", "127.0.0.1:4434"), ("authorization", signed.as_str()), ("content-type", "application/json")];
        for guard in all(&key).into_iter().skip(1) {
            let by = |method: &str, more: &[(&str, &str)]| judged(&guard, method, &[&usual, more].concat());
            for marks in [
                vec![("origin", "https://evil.example")],
                vec![("origin", "null")],
                vec![("origin", "http://127.0.0.1:4433")],
                vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
                vec![("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")],
                vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            ] {
                for method in ["GET", "POST", "DELETE", "OPTIONS"] {
                    assert_eq!(by(method, &marks), 403, "{method} {marks:?} {guard:?}");
                }
            }
            assert_eq!(by("GET", &[("sec-fetch-site", "none")]), 200, "{guard:?}");
            assert_eq!(by("POST", &[]), 200, "{guard:?}");
        }
    }

    #[test]
    fn own_pages_and_links_are_accepted() {
        let inbox = Guard::new(Audience::OwnPages);
        let host = ("host", "127.0.0.1:4436");
        for (method, marks) in [
            ("GET", vec![("sec-fetch-site", "same-origin")]),
            ("DELETE", vec![("origin", "http://127.0.0.1:4436"), ("sec-fetch-site", "same-origin")]),
            (
                "GET",
                vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
            ),
        ] {
            assert_eq!(judged(&inbox, method, &[&[host], &marks[..]].concat()), 200, "{method} {marks:?}");
        }
        let other = [host, ("origin", "http://127.0.0.1:4455"), ("sec-fetch-site", "same-site")];
        assert_eq!(judged(&inbox, "DELETE", &other), 403);
    }

    #[test]
    fn programs_must_send_json() {
        let admin = Guard::new(Audience::Programs);
        let host = ("host", "127.0.0.1:4434");
        for (kind, status) in [
            ("application/json", 200),
            ("Application/JSON; charset=utf-8", 200),
            ("application/json-patch+json", 200),
            ("text/plain", 415),
            ("text/plain; application/json", 415),
            ("application/x-www-form-urlencoded", 415),
            ("multipart/form-data; boundary=x", 415),
            ("text/json", 415),
        ] {
            let headers = [host, ("content-type", kind), ("content-length", "2")];
            assert_eq!(judged(&admin, "POST", &headers), status, "{kind}");
        }
        assert_eq!(judged(&admin, "POST", &[host, ("content-length", "2")]), 415, "no type");
        assert_eq!(judged(&admin, "PUT", &[host, ("transfer-encoding", "chunked")]), 415, "no type, no length");
        assert_eq!(judged(&admin, "DELETE", &[host]), 200);
    }

    #[test]
    fn store_accepts_only_its_own_key() {
        let key = AccessKey::random();
        let store = Guard::new(Audience::Holders(key.clone()));
        let with = |signature: &str| {
            judged(
                &store,
                "POST",
                &[
                    ("host", "127.0.0.1:1"),
                    ("authorization", signature),
                    ("content-type", "application/x-amz-json-1.0"),
                ],
            )
        };
        let of =
            |key: &str| format!("AWS4-HMAC-SHA256 Credential={key}/20260101/local/dynamodb/aws4_request, Signature=0");
        assert_eq!(with(&of(key.expose())), 200);
        for unknown in ["local", "", AccessKey::random().expose(), &key.expose()[..10], &format!("{}0", key.expose())] {
            assert_eq!(with(&of(unknown)), 403, "{unknown}");
        }
        assert_eq!(with(key.expose()), 403);
        assert!(!format!("{store:?}").contains(key.expose()));
    }
}
