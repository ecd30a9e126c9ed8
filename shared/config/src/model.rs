//! What Latchkey reads out of a configuration.

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
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
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
    /// Switches.
    pub features: Features,
}

/// One API.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its address as clients see it; ends with a slash.
    pub base_url: String,
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

/// Cookies.
#[derive(Clone, Debug)]
pub struct Cookies {
    /// Attributes of the anti-CSRF cookie.
    pub csrf: CookieAttributes,
    /// Attributes of the session cookie.
    pub session: CookieAttributes,
    /// Name of the session cookie.
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
}

/// A way to sign in.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Whether it is offered and accepted.
    pub enabled: bool,
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

/// Switches.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// Whether whoami's answer may be cached by those who ask with a token.
    pub cacheable_sessions: bool,
    /// For how long at most.
    pub cacheable_sessions_max_age: Option<Duration>,
    /// Whether extending a session answers without its body.
    pub faster_session_extend: bool,
}
