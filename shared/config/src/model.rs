//! What Latchkey reads out of a configuration.

use crate::courier::Courier;
use crate::pages::Pages;
use std::collections::BTreeMap;
use std::time::Duration;

/// The values that decide what Latchkey does. Documented key by key in `docs/configuration.md`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether this is a laptop: cookies without `Secure`, secrets that everybody knows, errors that say which key to change.
    pub dev: bool,
    /// `revision`, shown by the health check of the admin API.
    pub revision: String,
    /// The public API.
    pub public: Listener,
    /// The admin API.
    pub admin: Listener,
    /// Cross-origin requests, when they are on.
    pub cors: Option<Cors>,
    /// Networks of the hops that are believed when they name the client's address.
    pub trusted_proxies: Vec<String>,
    /// The header in which they name it.
    pub client_address: ClientAddress,
    /// Cookies.
    pub cookies: Cookies,
    /// Sessions.
    pub session: SessionPolicy,
    /// Flows and where they lead.
    pub selfservice: SelfService,
    /// The login pages.
    pub pages: Pages,
    /// Ways to sign in.
    pub methods: Methods,
    /// How passwords are hashed.
    pub hasher: Hasher,
    /// Identity schemas.
    pub identity: IdentityConfig,
    /// Whether answers hide who has an account.
    pub mitigate_enumeration: bool,
    /// Headers of a request that may be handed on.
    pub header_allowlist: Vec<String>,
    /// How often may be tried; `None` when nothing is counted.
    pub rate_limits: Option<RateLimits>,
    /// Messages to people.
    pub courier: Courier,
    /// Switches.
    pub features: Features,
}

/// One API.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its address as clients see it; ends with a slash.
    pub base_url: String,
}

/// Which header of a trusted hop names the client's address. Only one counts: a proxy sets the one that it knows, and hands the
/// others on as the client wrote them.
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

/// What the name of a cookie begins with that only the host itself can set: browsers take it from no other subdomain.
pub const HOST_PREFIX: &str = "__Host-";

/// Cookies.
#[derive(Clone, Debug)]
pub struct Cookies {
    /// Attributes of the anti-CSRF cookie.
    pub csrf: CookieAttributes,
    /// Whether its name begins with [`HOST_PREFIX`].
    pub csrf_host_prefix: bool,
    /// Attributes of the session cookie.
    pub session: CookieAttributes,
    /// Name of the session cookie, with [`HOST_PREFIX`] where it is configured.
    pub session_name: String,
    /// Whether the session cookie outlives the browser.
    pub session_persistent: bool,
}

/// Attributes of a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieAttributes {
    /// `Domain`.
    pub domain: Option<String>,
    /// `Path`.
    pub path: String,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Secure`.
    pub secure: bool,
}

/// `SameSite` of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never sent from another site.
    Strict,
    /// Sent when a person follows a link.
    Lax,
    /// Always sent.
    None,
}

/// Sessions.
#[derive(Clone, Copy, Debug)]
pub struct SessionPolicy {
    /// How long one lives.
    pub lifespan: Duration,
    /// How long before its end it can be extended; at any time when `None`.
    pub earliest_possible_extend: Option<Duration>,
    /// What whoami asks for.
    pub required_aal: RequiredAal,
}

/// The assurance level that a session needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredAal {
    /// One factor.
    Aal1,
    /// As many as the person has set up.
    HighestAvailable,
}

/// Flows and where they lead.
#[derive(Clone, Debug)]
pub struct SelfService {
    /// Where a browser goes when nothing else is said.
    pub default_browser_return_url: String,
    /// Where `return_to` may lead.
    pub allowed_return_urls: Vec<String>,
    /// Login.
    pub login: LoginFlowPolicy,
    /// The page that shows errors; gets `?id=`.
    pub error_ui_url: String,
    /// Logout.
    pub logout: Logout,
}

/// Login flows.
#[derive(Clone, Debug)]
pub struct LoginFlowPolicy {
    /// The login page; gets `?flow=`.
    pub ui_url: String,
    /// How long a flow lives.
    pub lifespan: Duration,
    /// How its form is laid out.
    pub style: LoginStyle,
    /// Whether an e-mail tells its reader that there is no account to which a code could be sent. Only where answers do not tell.
    pub notify_unknown_recipients: bool,
    /// Where a browser goes after login.
    pub after_return_url: Option<String>,
    /// The same by method.
    pub after_method_return_urls: BTreeMap<String, String>,
}

/// Logout.
#[derive(Clone, Debug)]
pub struct Logout {
    /// Where a browser goes afterwards.
    pub after_return_url: Option<String>,
    /// Whether the browser is told to forget what it stored for the site.
    pub clear_browser_data: bool,
}

/// Ways to sign in.
#[derive(Clone, Debug)]
pub struct Methods {
    /// By password.
    pub password: Method,
    /// By one-time code.
    pub code: CodeMethod,
    /// Whether passwords that sign somebody in are looked for among those that leaked.
    pub leak_check: Option<LeakCheck>,
}

/// A way to sign in.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Whether it is offered and accepted.
    pub enabled: bool,
}

/// Asking whether a password has leaked, when somebody signs in by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeakCheck {
    /// Who is asked, by HTTPS.
    pub host: String,
    /// How often a password may have been seen.
    pub max_breaches: u64,
    /// How long an answer is waited for.
    pub patience: Duration,
}

/// Signing in by a code that is sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeMethod {
    /// Whether a code is a first factor.
    pub first_factor: bool,
    /// How long a code is good.
    pub lifespan: Duration,
    /// How many codes may be tried in one flow.
    pub max_submissions: u32,
    /// Whether people without a code credential may sign in by a code to a verifiable address of theirs.
    pub missing_credential_fallback: bool,
}

/// How the login form is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginStyle {
    /// Everything on one screen.
    Unified,
    /// The identifier first, then what its owner can sign in with.
    IdentifierFirst,
}

/// How passwords are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hasher {
    /// argon2id.
    Argon2id {
        /// Memory, in KiB.
        memory_kib: u32,
        /// Passes.
        iterations: u32,
        /// Lanes.
        parallelism: u32,
        /// Salt, in bytes.
        salt_length: usize,
        /// Hash, in bytes.
        key_length: usize,
    },
    /// bcrypt.
    Bcrypt {
        /// Base-2 logarithm of the rounds.
        cost: u32,
    },
}

/// Identity schemas.
#[derive(Clone, Debug)]
pub struct IdentityConfig {
    /// The one that is used when none is named.
    pub default_schema_id: String,
    /// All of them, in the order of the file.
    pub schemas: Vec<SchemaRef>,
}

/// One identity schema.
#[derive(Clone, Debug)]
pub struct SchemaRef {
    /// Its name.
    pub id: String,
    /// Whether a client may ask for it.
    pub selfservice_selectable: bool,
    /// The JSON Schema.
    pub document: serde_json::Value,
}

/// How often something may be tried (`docs/rate-limits.md`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// The window of every number that names no other time.
    pub window: Duration,
    /// Attempts to sign in with one identifier from one network.
    pub attempts_identifier_and_network: u32,
    /// Failed attempts in a row as one identity from devices that it has not signed in on, over days.
    pub attempts_identity: u32,
    /// The same within 30 days, whatever succeeds between them.
    pub attempts_identity_per_month: u32,
    /// Passwords that are looked at each day once one of those is reached.
    pub attempts_identity_per_day: u32,
    /// Attempts to sign in as anybody from one network.
    pub attempts_network: u32,
    /// Attempts to sign in from one device, as an identity that has signed in on it before.
    pub attempts_device: u32,
    /// Codes that are sent to one address at the request of one network.
    pub sends_address_and_network: u32,
    /// Codes that are sent to one address.
    pub sends_address: u32,
    /// Codes that are sent at the request of one network.
    pub sends_network: u32,
    /// Codes that are sent at the request of one device, to an identity that has signed in on it before.
    pub sends_device: u32,
    /// Codes that are sent in one flow, whenever.
    pub sends_flow: u32,
    /// Beginnings of telephone numbers that text messages may be sent to; everywhere when empty.
    pub sms_countries: Vec<String>,
    /// Text messages within 24 hours to each of those countries, or to everywhere when none are named.
    pub sms_per_day: u32,
    /// Text messages within 24 hours at the request of one network.
    pub sms_network_per_day: u32,
}

/// Switches.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// Whether whoami's answer may be cached by those who ask with a token.
    pub cacheable_sessions: bool,
    /// For how long at most.
    pub cacheable_sessions_max_age: Option<Duration>,
    /// Whether extending a session answers without its body.
    pub faster_session_extend: bool,
    /// Whether somebody who confirms themselves chooses among their addresses instead of typing one.
    pub refresh_login_choose_address: bool,
}
