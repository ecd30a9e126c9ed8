//! `serve`: the addresses of the APIs, cross-origin requests, and the proxies before the gateway.

use crate::findings::Findings;
use crate::key::DefaultValue::{Bool as Switch, Int as Number, Texts as List};
use crate::key::{Key, Kind, Section, described, keys};
use crate::reader::Reader;
use crate::value::url::with_slash;

const VERBS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
const ADDRESS_HEADERS: &[&str] =
    &["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "CloudFront-Viewer-Address"];
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];
const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

pub(crate) static SERVE: Section = Section::new("serve", KEYS);
pub(crate) static CORS: Section = Section::new("serve.public.cors", CORS_KEYS);

keys! { KEYS:
    PUBLIC_BASE_URL = Key::used("public.base_url", Kind::BaseUrl, described("the local address"),
        "where clients reach the public API; every URL in an answer begins with it");
    ADMIN_BASE_URL = Key::used("admin.base_url", Kind::BaseUrl, described("the local address"),
        "where administrators reach the admin API");
    TRUSTED_PROXIES = Key::used("trusted_proxies", Kind::Networks,
        described("none; loopback and private networks with `--dev`"),
        "networks of the proxies before the gateway whose word on a client's address is believed; a key of Latchkey's own");
    CLIENT_ADDRESS_HEADER = Key::used("client_address_header", Kind::OneOf(ADDRESS_HEADERS),
        described("`X-Forwarded-For`; any of them with `--dev`"),
        "the one header in which they name the address; every other one is the client's own word; a key of Latchkey's own");
    _ = Key::no_effect("public.domain_aliases", Kind::List, "every URL begins with serve.public.base_url");
    _ = Key::no_effect("{listener}.host", Kind::Text, "the gateway listens");
    _ = Key::no_effect("{listener}.port", Kind::Int(1, 65_535), "the gateway listens; locally see `--port-base`");
    _ = Key::no_effect("{listener}.tls", Kind::Map, "the gateway ends TLS");
    _ = Key::no_effect("{listener}.socket", Kind::Map, "the gateway listens");
    _ = Key::no_effect("{listener}.request_log", Kind::Map, "there is one log line per request");
}

keys! { CORS_KEYS:
    ENABLED = Key::used("enabled", Kind::Bool, Switch(false), "answer cross-origin requests of browsers");
    ALLOWED_ORIGINS = Key::used("allowed_origins", Kind::Origins, List(&["*"]), "origins, each with at most one `*`");
    ALLOWED_METHODS = Key::used("allowed_methods", Kind::Words(VERBS), List(&["POST", "GET", "PUT", "PATCH", "DELETE"]),
        "methods");
    ALLOWED_HEADERS = Key::used("allowed_headers", Kind::Texts,
        List(&["Authorization", "Content-Type", "Max-Age", "X-Session-Token", "X-XSRF-TOKEN", "X-CSRF-TOKEN"]),
        "request headers");
    EXPOSED_HEADERS = Key::used("exposed_headers", Kind::Texts, List(&["Content-Type"]),
        "response headers that scripts may read");
    ALLOW_CREDENTIALS = Key::used("allow_credentials", Kind::Bool, Switch(true), "let cookies be sent");
    MAX_AGE = Key::used("max_age", Kind::Int(0, i64::MAX), Number(0),
        "seconds for which a browser may remember the answer");
    _ = Key::no_effect("options_passthrough", Kind::Bool, "preflight requests are always answered here");
    _ = Key::no_effect("debug", Kind::Bool, "there is one log line per request");
}

/// One API.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its address as clients see it; ends with a slash.
    pub base_url: String,
}

/// The header in which a trusted proxy names the client's address. Only one counts: a proxy sets the one that it knows, and forwards
/// the others as the client wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAddress {
    /// The chain of `X-Forwarded-For`.
    ForwardedFor,
    /// The chain of `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Real-IP`.
    RealIp,
    /// `True-Client-IP`.
    TrueClientIp,
    /// `CF-Connecting-IP`.
    CfConnectingIp,
    /// `CloudFront-Viewer-Address`, which ends in a port.
    CloudFrontViewerAddress,
    /// On a developer's machine: the chain of `X-Forwarded-For`, or without one the first of the single addresses.
    Any,
}

/// Cross-origin requests.
#[derive(Clone, Debug)]
pub struct Cors {
    /// Origins, each with at most one `*`.
    pub allowed_origins: Vec<String>,
    /// Methods.
    pub allowed_methods: Vec<String>,
    /// Request headers.
    pub allowed_headers: Vec<String>,
    /// Response headers that scripts may read.
    pub exposed_headers: Vec<String>,
    /// Whether cookies may be sent.
    pub allow_credentials: bool,
    /// How long a browser may remember the answer, in seconds.
    pub max_age: u64,
}

/// Reads the address of an API; `local` is that of a local stack.
pub(crate) fn listener(from: Reader<'_>, key: &Key, local: Option<String>) -> Listener {
    Listener { base_url: with_slash(from.section(&SERVE).text(key).or(local).unwrap_or_default()) }
}

pub(crate) fn cors(from: Reader<'_>) -> Option<Cors> {
    let from = from.section(&CORS);
    from.flag(&ENABLED).then(|| Cors {
        allowed_origins: from.texts(&ALLOWED_ORIGINS),
        allowed_methods: from.texts(&ALLOWED_METHODS),
        allowed_headers: from.texts(&ALLOWED_HEADERS),
        exposed_headers: from.texts(&EXPOSED_HEADERS),
        allow_credentials: from.flag(&ALLOW_CREDENTIALS),
        max_age: from.number(&MAX_AGE),
    })
}

pub(crate) fn trusted_proxies(from: Reader<'_>) -> Vec<String> {
    let set = from.section(&SERVE).set_texts(&TRUSTED_PROXIES);
    // Containers and virtual machines of a developer's machine have private addresses.
    let private = if from.dev && set.is_none() { PRIVATE.as_slice() } else { &[] };
    let loopback = if from.dev { LOOPBACK.as_slice() } else { &[] };
    let mut networks = set.unwrap_or_default();
    networks.extend(loopback.iter().chain(private).map(|&network| network.to_owned()));
    networks
}

pub(crate) fn client_address(from: Reader<'_>, findings: &mut Findings) -> ClientAddress {
    let from = from.section(&SERVE);
    let header = from.text(&CLIENT_ADDRESS_HEADER);
    if header.is_some() && !from.dev && from.texts(&TRUSTED_PROXIES).is_empty() {
        findings.warn(
            "serve.client_address_header has no effect: without serve.trusted_proxies the header of no proxy is believed",
        );
    }
    match header.as_deref() {
        Some("Forwarded") => ClientAddress::Forwarded,
        Some("X-Real-IP") => ClientAddress::RealIp,
        Some("True-Client-IP") => ClientAddress::TrueClientIp,
        Some("CF-Connecting-IP") => ClientAddress::CfConnectingIp,
        Some("CloudFront-Viewer-Address") => ClientAddress::CloudFrontViewerAddress,
        None if from.dev => ClientAddress::Any,
        _ => ClientAddress::ForwardedFor,
    }
}
