//! The table of facts: every key that is known, what it may hold, and what Latchkey does with it.
//!
//! `docs/configuration.md` is written from it, and a test holds the two together.

use crate::check::Shape;

/// A key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it stands. `[]` is any item of a list; a name in braces is any of [`names`].
    pub path: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What counts when it is not set; empty for nothing.
    pub default: &'static str,
    /// What Latchkey does with it.
    pub role: Role,
    /// What it is for, or why it has no effect.
    pub meaning: &'static str,
}

/// What Latchkey does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads it.
    Used,
    /// Reads it together with the deployment's other secrets.
    Secret,
    /// Passes it over: there is nothing here that it could change.
    NoEffect,
    /// Passes it over, because what it belongs to is not built.
    NotBuilt(&'static str),
}

/// What a key may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number in this range.
    Int(i64, i64),
    /// Text.
    Text,
    /// A name that may be a cookie's.
    CookieName,
    /// A name that may be a cookie's domain.
    Domain,
    /// Origins, each with at most one `*`, or one text.
    Origins,
    /// An absolute path.
    Path,
    /// An `http` or `https` URL with a host.
    Url,
    /// The same, without query and fragment: paths are joined to it.
    BaseUrl,
    /// The same, or a path on the public address.
    UrlOrPath,
    /// A URL of any scheme.
    AnyUrl,
    /// A colour as `#rrggbb`.
    Color,
    /// A duration above zero.
    Duration,
    /// A duration above zero, or this word.
    DurationOr(&'static str),
    /// An amount of memory between these, in KiB.
    Memory(u64, u64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of texts, or one text.
    Texts,
    /// A list of these words.
    Words(&'static [&'static str]),
    /// A list of networks in CIDR notation.
    Networks,
    /// Texts of this many characters that are never shown.
    Secrets(usize, usize),
    /// Text that is never shown.
    SecretText,
    /// A list of hooks.
    Hooks,
    /// A list whose items have keys of their own.
    List,
    /// Keys and values that are not looked into.
    Map,
}

impl Kind {
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Bool => Shape::Boolean,
            Self::Int(..) => Shape::Number,
            Self::Texts
            | Self::Origins
            | Self::Words(_)
            | Self::Networks
            | Self::Secrets(..)
            | Self::Hooks
            | Self::List => Shape::List,
            Self::Map => Shape::Map,
            _ => Shape::Text,
        }
    }

    /// Whether a value must not be shown.
    pub(crate) fn is_secret(self) -> bool {
        matches!(self, Self::Secrets(..) | Self::SecretText | Self::Map)
    }
}

/// The names that a placeholder in a path stands for.
pub fn names(placeholder: &str) -> &'static [&'static str] {
    match placeholder {
        "{method}" => &["password", "oidc", "webauthn", "passkey", "code", "totp", "lookup_secret"],
        "{way}" => &["password", "oidc", "webauthn", "passkey", "code", "totp", "lookup_secret", "profile", "link"],
        "{flow}" => &["registration", "verification", "recovery", "settings"],
        "{address}" => &["verification", "recovery"],
        "{message}" => &[
            "registration_code",
            "recovery",
            "recovery_code",
            "verification",
            "verification_code",
            "verifiable_address_changed",
            "authenticator_key_added",
        ],
        "{listener}" => &["public", "admin"],
        _ => &[],
    }
}

fn stands_for(part: &str, actual: &str) -> bool {
    part.starts_with('{') && names(part).contains(&actual)
}

impl Key {
    /// The paths of this key, placeholders filled in; none for an item of a list, which has no path of its own.
    pub fn paths(&self) -> Vec<String> {
        if self.path.contains("[]") {
            return Vec::new();
        }
        let mut paths = vec![String::new()];
        for part in self.path.split('.') {
            let parts = if part.starts_with('{') { names(part) } else { &[part] };
            paths = paths
                .iter()
                .flat_map(|path| {
                    parts
                        .iter()
                        .map(move |part| if path.is_empty() { (*part).to_owned() } else { format!("{path}.{part}") })
                })
                .collect();
        }
        paths
    }

    /// Whether the key has no effect and is not going to have one.
    pub(crate) fn is_ignored(&self) -> bool {
        self.role == Role::NoEffect
    }

    /// How well the key fits a path: by how many parts it names outright. `None` when it does not fit.
    pub(crate) fn fit(&self, path: &[&str]) -> Option<usize> {
        // Every key is asked for every value whenever a function starts, so nothing is allocated here or below.
        let mut parts = self.path.split('.');
        let named = path.iter().try_fold(0, |named, actual| {
            let part = parts.next()?;
            if part == *actual { Some(named + 1) } else { stands_for(part, actual).then_some(named) }
        })?;
        parts.next().is_none().then_some(named)
    }

    /// Whether a variable of the environment may be one of this key's: its name begins as the path does, up to a placeholder.
    pub(crate) fn may_be(&self, variable: &str) -> bool {
        let (begins, whole) = match self.path.find(['{', '[']) {
            Some(end) => (&self.path[..end], false),
            None => (self.path, true),
        };
        (if whole { variable.len() == begins.len() } else { variable.len() > begins.len() })
            && begins
                .bytes()
                .zip(variable.bytes())
                .all(|(path, name)| name == if path == b'.' { b'_' } else { path.to_ascii_uppercase() })
    }

    /// Whether the key stands somewhere below a path.
    pub(crate) fn is_below(&self, path: &[&str]) -> bool {
        let mut parts = self.path.split('.');
        path.iter().all(|actual| parts.next().is_some_and(|part| part == *actual || stands_for(part, actual)))
            && parts.next().is_some()
    }
}

/// What the hooks of a flow can be called.
pub(crate) const HOOKS: &[&str] = &[
    "web_hook",
    "session",
    "revoke_active_sessions",
    "require_verified_address",
    "verification",
    "show_verification_ui",
    "verify_new_address",
    "notify_previous_addresses",
    "organization",
    "two_step_registration",
];

const AAL: &[&str] = &["aal1", "highest_available"];
const SAME_SITE: &[&str] = &["Strict", "Lax", "None"];
const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];

const COURIER: &str = "sending messages";
const TEMPLATE: &str = "a template: `base64://…`, `https://…`, `file://…` or a path; see [messages.md](messages.md)";
const FLOWS: &str = "registration, verification, recovery and settings";
const HOOKS_OF_LOGIN: &str = "hooks after login";
const SECOND: &str = "second factors";
const SOCIAL: &str = "social sign-in";
const PASSKEYS: &str = "passkeys and security keys";
const OAUTH2: &str = "the OAuth 2.0 provider's login challenge";
const TOKENIZER: &str = "sessions as JSON Web Tokens";
const MIGRATION: &str = "the password migration hook";
const ORGANIZATIONS: &str = "organizations";

const fn key(path: &'static str, kind: Kind, default: &'static str, role: Role, meaning: &'static str) -> Key {
    Key { path, kind, default, role, meaning }
}

/// A key of something that is not built.
const fn later(path: &'static str, kind: Kind, what: &'static str) -> Key {
    Key { path, kind, default: "", role: Role::NotBuilt(what), meaning: "" }
}

/// A key that cannot have an effect here.
const fn moot(path: &'static str, kind: Kind, why: &'static str) -> Key {
    Key { path, kind, default: "", role: Role::NoEffect, meaning: why }
}

use Kind::{
    AnyUrl, BaseUrl, Bool, Color, CookieName, Domain, Duration, DurationOr, Hooks, Int, List, Map, Memory, Networks,
    OneOf, Origins, Path, SecretText, Secrets, Text, Texts, Url, UrlOrPath, Words,
};
use Role::{Secret, Used};

/// Every key.
pub const KEYS: &[Key] = &[
    // Serving
    key(
        "serve.public.base_url",
        BaseUrl,
        "the local address",
        Used,
        "where clients reach the public API; every URL in an answer begins with it",
    ),
    key("serve.admin.base_url", BaseUrl, "the local address", Used, "where operators reach the admin API"),
    key("serve.public.cors.enabled", Bool, "false", Used, "answer cross-origin requests of browsers"),
    key("serve.public.cors.allowed_origins", Origins, "`*`", Used, "origins, each with at most one `*`"),
    key("serve.public.cors.allowed_methods", Words(METHODS), "`POST` `GET` `PUT` `PATCH` `DELETE`", Used, "methods"),
    key(
        "serve.public.cors.allowed_headers",
        Texts,
        "`Authorization` `Content-Type` `Max-Age` `X-Session-Token` `X-XSRF-TOKEN` `X-CSRF-TOKEN`",
        Used,
        "request headers",
    ),
    key("serve.public.cors.exposed_headers", Texts, "`Content-Type`", Used, "response headers that scripts may read"),
    key("serve.public.cors.allow_credentials", Bool, "true", Used, "let cookies be sent"),
    key("serve.public.cors.max_age", Int(0, 86_400), "0", Used, "seconds for which a browser may remember the answer"),
    key(
        "serve.trusted_proxies",
        Networks,
        "none; loopback with `--dev`",
        Used,
        "networks whose `X-Forwarded-For` and `True-Client-IP` tell a client's address; a key of Latchkey's own",
    ),
    moot("serve.public.cors.options_passthrough", Bool, "preflight requests are always answered here"),
    moot("serve.public.cors.debug", Bool, "there is one log line per request"),
    moot("serve.{listener}.host", Text, "the gateway listens"),
    moot("serve.{listener}.port", Int(1, 65_535), "the gateway listens; locally see `--port-base`"),
    moot("serve.{listener}.tls", Map, "the gateway ends TLS"),
    moot("serve.{listener}.socket", Map, "the gateway listens"),
    moot("serve.{listener}.request_log", Map, "there is one log line per request"),
    // Cookies and sessions
    key("cookies.domain", Domain, "", Used, "`Domain` of cookies"),
    key("cookies.path", Path, "`/`", Used, "`Path` of cookies"),
    key(
        "cookies.same_site",
        OneOf(SAME_SITE),
        "`Lax`",
        Used,
        "`SameSite` of cookies; the anti-CSRF cookie is `Lax` when it is not `Secure`",
    ),
    key("cookies.secure", Bool, "true; false with `--dev`", Used, "`Secure` of every cookie but the session's"),
    key("session.lifespan", Duration, "`24h`", Used, "how long a session lives"),
    key(
        "session.earliest_possible_extend",
        DurationOr("lifespan"),
        "the lifespan",
        Used,
        "how long before its end a session can be extended",
    ),
    key("session.cookie.name", CookieName, "`ory_kratos_session`", Used, "name of the session cookie"),
    key("session.cookie.persistent", Bool, "true", Used, "keep the session cookie when the browser closes"),
    key("session.cookie.domain", Domain, "`cookies.domain`", Used, "`Domain` of the session cookie"),
    key("session.cookie.path", Path, "`cookies.path`", Used, "`Path` of the session cookie"),
    key("session.cookie.same_site", OneOf(SAME_SITE), "`cookies.same_site`", Used, "`SameSite` of the session cookie"),
    key("session.cookie.secure", Bool, "true; false with `--dev`", Used, "`Secure` of the session cookie"),
    key(
        "session.whoami.required_aal",
        OneOf(AAL),
        "`highest_available`",
        Used,
        "the assurance level that whoami asks for",
    ),
    later("session.whoami.tokenizer", Map, TOKENIZER),
    // Flows
    key(
        "selfservice.default_browser_return_url",
        AnyUrl,
        "`session` of the login pages",
        Used,
        "where a browser goes when nothing else is said",
    ),
    key(
        "selfservice.allowed_return_urls",
        Texts,
        "none",
        Used,
        "where `return_to` may lead: prefixes of URLs, the host may begin with `*.`; the login pages' own where they are used",
    ),
    key(
        "selfservice.flows.login.ui_url",
        UrlOrPath,
        "`login` of the login pages",
        Used,
        "the login page; gets `?flow=`",
    ),
    key("selfservice.flows.login.lifespan", Duration, "`1h`", Used, "how long a login flow lives"),
    key(
        "selfservice.flows.login.style",
        OneOf(&["unified", "identifier_first"]),
        "`unified`",
        Used,
        "everything on one screen, or the identifier first",
    ),
    key(
        "selfservice.flows.login.after.default_browser_return_url",
        AnyUrl,
        "",
        Used,
        "where a browser goes after login",
    ),
    key(
        "selfservice.flows.login.after.{method}.default_browser_return_url",
        AnyUrl,
        "",
        Used,
        "where a browser goes after login by this method",
    ),
    later("selfservice.flows.login.before.hooks", Hooks, "hooks before login"),
    later("selfservice.flows.login.after.hooks", Hooks, HOOKS_OF_LOGIN),
    later("selfservice.flows.login.after.{method}.hooks", Hooks, HOOKS_OF_LOGIN),
    key(
        "selfservice.flows.error.ui_url",
        UrlOrPath,
        "`error` of the login pages",
        Used,
        "the page that shows errors; gets `?id=`",
    ),
    key(
        "selfservice.flows.logout.after.default_browser_return_url",
        AnyUrl,
        "`selfservice.default_browser_return_url`",
        Used,
        "where a browser goes after logout",
    ),
    key(
        "selfservice.flows.logout.clear_browser_data",
        Bool,
        "false",
        Used,
        "tell browsers to forget what they stored for the site",
    ),
    later("selfservice.flows.{flow}.ui_url", UrlOrPath, FLOWS),
    later("selfservice.flows.{flow}.lifespan", Duration, FLOWS),
    later("selfservice.flows.{flow}.before.hooks", Hooks, FLOWS),
    later("selfservice.flows.{flow}.after.default_browser_return_url", AnyUrl, FLOWS),
    later("selfservice.flows.{flow}.after.{way}.default_browser_return_url", AnyUrl, FLOWS),
    later("selfservice.flows.{flow}.after.hooks", Hooks, FLOWS),
    later("selfservice.flows.{flow}.after.{way}.hooks", Hooks, FLOWS),
    later("selfservice.flows.registration.enabled", Bool, FLOWS),
    later("selfservice.flows.registration.style", OneOf(&["profile_first", "unified"]), FLOWS),
    later("selfservice.flows.registration.enable_legacy_one_step", Bool, FLOWS),
    later("selfservice.flows.registration.login_hints", Bool, FLOWS),
    later("selfservice.flows.{address}.enabled", Bool, FLOWS),
    later("selfservice.flows.{address}.use", OneOf(&["code", "link"]), FLOWS),
    later("selfservice.flows.{address}.notify_unknown_recipients", Bool, FLOWS),
    later("selfservice.flows.settings.privileged_session_max_age", Duration, FLOWS),
    later("selfservice.flows.settings.required_aal", OneOf(AAL), FLOWS),
    // The login pages
    key(
        "pages.base_url",
        Url,
        "`serve.public.base_url`; locally port 4455",
        Used,
        "where browsers reach the login pages; this key and those below are Latchkey's own, see [pages.md](pages.md)",
    ),
    key("pages.name", Text, "`Latchkey`", Used, "what people sign in to, in headings and titles"),
    key(
        "pages.logo",
        Text,
        "",
        Used,
        "a picture in the place of the name: a file beside the configuration, at most 16 KB of SVG, PNG, WebP, JPEG or GIF",
    ),
    key("pages.accent", Color, "`#3b4fc4`", Used, "buttons and links in light; texts must be readable in it on white"),
    key("pages.accent_dark", Color, "`#a4b1ff`; `pages.accent` lightened", Used, "the same in the dark, on `#171b24`"),
    key("pages.terms_url", Url, "", Used, "terms of use, linked below each page"),
    key("pages.privacy_url", Url, "", Used, "privacy policy, linked below each page"),
    key("pages.css", Text, "", Used, "a style sheet after ours: a file beside the configuration, at most 64 KB"),
    // Methods
    key("selfservice.methods.password.enabled", Bool, "true", Used, "offer and accept passwords"),
    later("selfservice.methods.password.config.min_password_length", Int(6, 1024), FLOWS),
    key(
        "selfservice.methods.password.config.max_breaches",
        Int(0, 100),
        "0",
        Used,
        "how often a password may have leaked; for `passwords.check_leaks_at_login`, because new passwords are not chosen here yet",
    ),
    later("selfservice.methods.password.config.haveibeenpwned_enabled", Bool, FLOWS),
    key(
        "selfservice.methods.password.config.haveibeenpwned_host",
        Domain,
        "`api.pwnedpasswords.com`",
        Used,
        "who is asked for leaked passwords, by HTTPS; for the same",
    ),
    later("selfservice.methods.password.config.ignore_network_errors", Bool, FLOWS),
    later("selfservice.methods.password.config.identifier_similarity_check_enabled", Bool, FLOWS),
    later("selfservice.methods.password.config.migrate_hook", Map, MIGRATION),
    key(
        "selfservice.methods.code.enabled",
        Bool,
        "true",
        Used,
        "the method itself; `passwordless_enabled` turns it on whatever this says",
    ),
    key("selfservice.methods.code.passwordless_enabled", Bool, "false", Used, "offer and accept codes as first factor"),
    later("selfservice.methods.code.mfa_enabled", Bool, SECOND),
    key("selfservice.methods.code.config.lifespan", Duration, "`1h`", Used, "how long a code is good"),
    key(
        "selfservice.methods.code.config.max_submissions",
        Int(1, 255),
        "5",
        Used,
        "codes that may be tried in one flow",
    ),
    key(
        "selfservice.methods.code.config.missing_credential_fallback_enabled",
        Bool,
        "false",
        Used,
        "people whose schema gave them no address for codes may use a verifiable one",
    ),
    later("selfservice.methods.link.enabled", Bool, FLOWS),
    later("selfservice.methods.link.config.lifespan", Duration, FLOWS),
    later("selfservice.methods.link.config.base_url", Url, FLOWS),
    later("selfservice.methods.profile.enabled", Bool, FLOWS),
    later("selfservice.methods.totp.enabled", Bool, SECOND),
    later("selfservice.methods.totp.config.issuer", Text, SECOND),
    later("selfservice.methods.lookup_secret.enabled", Bool, SECOND),
    later("selfservice.methods.webauthn.enabled", Bool, PASSKEYS),
    later("selfservice.methods.webauthn.config.passwordless", Bool, PASSKEYS),
    later("selfservice.methods.webauthn.config.rp", Map, PASSKEYS),
    later("selfservice.methods.passkey.enabled", Bool, PASSKEYS),
    later("selfservice.methods.passkey.config", Map, PASSKEYS),
    later("selfservice.methods.oidc.enabled", Bool, SOCIAL),
    later("selfservice.methods.oidc.config", Map, SOCIAL),
    later("selfservice.methods.saml", Map, SOCIAL),
    later("selfservice.methods.b2b", Map, ORGANIZATIONS),
    later("organizations", List, ORGANIZATIONS),
    // Secrets and hashes
    key(
        "secrets.cookie",
        Secrets(16, 4096),
        "`secrets.default`",
        Secret,
        "keys of what browsers hold; the first writes, all read",
    ),
    key("secrets.default", Secrets(16, 4096), "", Secret, "keys where no more special ones are set"),
    key("secrets.cipher", Secrets(32, 32), "", Secret, "keys of tokens at rest"),
    key("secrets.pagination", Secrets(16, 4096), "", Secret, "keys of page tokens"),
    later("ciphers.algorithm", OneOf(&["noop", "aes", "xchacha20-poly1305"]), SOCIAL),
    key(
        "hashers.algorithm",
        OneOf(&["argon2", "bcrypt"]),
        "`argon2`",
        Used,
        "the hash that new passwords get, and old ones at their next login",
    ),
    key("hashers.bcrypt.cost", Int(4, 15), "12", Used, "base-2 logarithm of the rounds; at least 12 outside `--dev`"),
    key(
        "hashers.argon2.memory",
        Memory(64, 1024 * 1024),
        "`19MB`",
        Used,
        "memory; a function needs about 20 MB beside it",
    ),
    key("hashers.argon2.iterations", Int(1, 10), "2", Used, "passes"),
    key("hashers.argon2.parallelism", Int(1, 16), "1", Used, "lanes; they are computed one after the other"),
    key("hashers.argon2.salt_length", Int(16, 64), "16", Used, "bytes of salt"),
    key("hashers.argon2.key_length", Int(16, 128), "32", Used, "bytes of hash"),
    moot("hashers.argon2.expected_duration", Duration, "a person who does not exist costs a hash, not a wait"),
    moot("hashers.argon2.expected_deviation", Duration, "a person who does not exist costs a hash, not a wait"),
    moot("hashers.argon2.dedicated_memory", Text, "a function hashes one password at a time"),
    // Identities
    key("identity.default_schema_id", Text, "`default`", Used, "the schema of those who name none"),
    key("identity.schemas", List, "required", Used, "identity schemas"),
    key("identity.schemas[].id", Text, "required", Used, "name of the schema"),
    key(
        "identity.schemas[].url",
        Text,
        "required",
        Used,
        "`base64://…`, `file://…` or a path beside the configuration file",
    ),
    key(
        "identity.schemas[].selfservice_selectable",
        Bool,
        "false",
        Used,
        "let clients ask for it by `identity_schema`",
    ),
    // Passwords; a namespace of ours
    key(
        "passwords.check_leaks_at_login",
        Bool,
        "false",
        Used,
        "look for passwords that sign somebody in among those that leaked, by the first five digits of their SHA-1; they still sign in, and the session says so to administrators and the log",
    ),
    key(
        "passwords.patience",
        Duration,
        "`500ms`",
        Used,
        "how long to wait for that answer; without it nothing is said",
    ),
    // Brakes on guessing; a namespace of ours
    key("brakes.enabled", Bool, "true", Used, "count attempts and sends, and refuse what is too often"),
    key("brakes.window", Duration, "`15m`", Used, "the time that the numbers below are for; it slides"),
    key("brakes.attempts.person_and_network", Int(1, 1_000_000), "10", Used, "attempts as one person from one network"),
    key("brakes.attempts.person", Int(1, 1_000_000), "100", Used, "attempts as one person from everywhere"),
    key("brakes.attempts.network", Int(1, 1_000_000), "300", Used, "attempts as anybody from one network"),
    key(
        "brakes.attempts.device",
        Int(1, 1_000_000),
        "10",
        Used,
        "attempts from a device on which the person has signed in before; counts in place of the three above",
    ),
    key("brakes.sends.address", Int(1, 1_000_000), "5", Used, "codes sent to one address"),
    key("brakes.sends.network", Int(1, 1_000_000), "100", Used, "codes sent at the wish of one network"),
    key("brakes.sends.flow", Int(1, 1_000_000), "5", Used, "codes sent in one flow, whatever the window"),
    key(
        "brakes.sms.countries",
        Texts,
        "everywhere",
        Used,
        "beginnings of telephone numbers that codes may be sent to, such as `+49`",
    ),
    key(
        "brakes.sms.per_day",
        Int(1, 1_000_000_000),
        "1000",
        Used,
        "text messages within 24 hours to each of those countries, or in all when none is named",
    ),
    // Everything else
    key(
        "feature_flags.cacheable_sessions",
        Bool,
        "false",
        Used,
        "let those who ask whoami with a token cache the answer",
    ),
    key("feature_flags.cacheable_sessions_max_age", Duration, "", Used, "for how long at most"),
    key(
        "feature_flags.faster_session_extend",
        Bool,
        "false",
        Used,
        "answer 204 without a body when a session is extended",
    ),
    key(
        "feature_flags.legacy_allow_insecure_origins",
        Bool,
        "false",
        Used,
        "keep entries of `allowed_return_urls` under which anybody can register a name",
    ),
    later("feature_flags.use_continue_with_transitions", Bool, FLOWS),
    later("feature_flags.choose_recovery_address", Bool, FLOWS),
    later("feature_flags.legacy_continue_with_verification_ui", Bool, FLOWS),
    later("feature_flags.legacy_require_verified_login_error", Bool, HOOKS_OF_LOGIN),
    later("feature_flags.legacy_oidc_registration_node_group", Bool, FLOWS),
    later("feature_flags.password_profile_registration_node_group", OneOf(&["default", "password"]), FLOWS),
    key(
        "feature_flags.refresh_login_choose_address",
        Bool,
        "false",
        Used,
        "whoever confirms themselves by code chooses among their addresses instead of typing one",
    ),
    key(
        "security.account_enumeration.mitigate",
        Bool,
        "false",
        Used,
        "answer alike for people who have an account and people who have none, in the identifier-first form and for codes",
    ),
    moot(
        "security.disallow_ref_in_identity_schemas",
        Bool,
        "schemas are files of yours; their references never leave the document",
    ),
    key(
        "clients.http.disallow_private_ip_ranges",
        Bool,
        "true; false with `--dev`",
        Used,
        "refuse to call services at private, local and metadata addresses; Kratos' default is false",
    ),
    key("clients.http.private_ip_exception_urls", Texts, "none", Used, "URLs that may be there all the same"),
    later("clients.smtp", Map, COURIER),
    key(
        "clients.web_hook.header_allowlist",
        Texts,
        "those that browsers send, without cookies and credentials",
        Used,
        "headers of a request that are handed to an HTTP channel, as `ctx.request_headers`",
    ),
    later("oauth2_provider.url", Url, OAUTH2),
    later("oauth2_provider.headers", Map, OAUTH2),
    later("oauth2_provider.override_return_to", Bool, OAUTH2),
    key(
        "courier.delivery_strategy",
        OneOf(&["smtp", "http"]),
        "`smtp`",
        Used,
        "how e-mail leaves: `smtp` to `courier.smtp.connection_uri`, or by SES without one; `http` to `courier.http`",
    ),
    key(
        "courier.smtp.connection_uri",
        SecretText,
        "",
        Secret,
        "the mail server: `smtp://user:password@host:587/` or `smtps://…:465/`; with `disable_starttls`, `skip_ssl_verify`, \
         `server_name` as parameters",
    ),
    key("courier.smtp.from_address", Text, "required to send e-mail", Used, "whom e-mail is from, however it leaves"),
    key("courier.smtp.from_name", Text, "", Used, "the same as people read it"),
    key("courier.smtp.headers", Map, "none", Used, "further headers of each e-mail"),
    key("courier.smtp.local_name", Text, "`localhost`", Used, "what this machine calls itself to the mail server"),
    later("courier.smtp.client_cert_path", Text, "a client certificate for the mail server"),
    later("courier.smtp.client_key_path", Text, "a client certificate for the mail server"),
    key("courier.ses.configuration_set", Text, "", Used, "SES' configuration set; a key of Latchkey's own"),
    key("courier.ses.region", Text, "the stack's", Used, "the region of SES; a key of Latchkey's own"),
    key("courier.sns.region", Text, "the stack's", Used, "the region of SNS; a key of Latchkey's own"),
    key("courier.sns.sender_id", Text, "", Used, "whom text messages by SNS are from; a key of Latchkey's own"),
    key("courier.http.request_config.url", Url, "required", Used, "where to"),
    key("courier.http.request_config.method", OneOf(METHODS), "`POST`", Used, "the method"),
    key(
        "courier.http.request_config.headers",
        Map,
        "none",
        Used,
        "headers; secret ones belong into the stack's secret",
    ),
    key(
        "courier.http.request_config.body",
        Text,
        "as Kratos has it",
        Used,
        "Jsonnet that makes the body: `base64://…`, `https://…`, `file://…` or a path; see [messages.md](messages.md)",
    ),
    key(
        "courier.http.request_config.auth.type",
        OneOf(&["basic_auth", "api_key"]),
        "none",
        Used,
        "how we prove who we are",
    ),
    key("courier.http.request_config.auth.config.user", Text, "", Used, "the user of `basic_auth`"),
    key("courier.http.request_config.auth.config.password", SecretText, "", Secret, "its password"),
    key("courier.http.request_config.auth.config.name", Text, "", Used, "the header or cookie of `api_key`"),
    key("courier.http.request_config.auth.config.value", SecretText, "", Secret, "the key"),
    key(
        "courier.http.request_config.auth.config.in",
        OneOf(&["header", "cookie"]),
        "`header`",
        Used,
        "where the key stands",
    ),
    key(
        "courier.channels",
        List,
        "none",
        Used,
        "services that take messages by HTTP; text messages without one go by SNS",
    ),
    key("courier.channels[].id", OneOf(&["email", "sms"]), "required", Used, "what it takes"),
    key("courier.channels[].type", OneOf(&["http", "smtp"]), "`http`", Used, "how; `smtp` is `courier.smtp`"),
    key("courier.channels[].request_config.url", Url, "required", Used, "where to"),
    key("courier.channels[].request_config.method", OneOf(METHODS), "`POST`", Used, "the method"),
    key(
        "courier.channels[].request_config.headers",
        Map,
        "none",
        Used,
        "headers; secret ones belong into the stack's secret",
    ),
    key(
        "courier.channels[].request_config.body",
        Text,
        "as Kratos has it",
        Used,
        "Jsonnet that makes the body: `base64://…`, `https://…`, `file://…` or a path; see [messages.md](messages.md)",
    ),
    key(
        "courier.channels[].request_config.auth.type",
        OneOf(&["basic_auth", "api_key"]),
        "none",
        Used,
        "how we prove who we are",
    ),
    key("courier.channels[].request_config.auth.config.user", Text, "", Used, "the user of `basic_auth`"),
    key("courier.channels[].request_config.auth.config.password", SecretText, "", Secret, "its password"),
    key("courier.channels[].request_config.auth.config.name", Text, "", Used, "the header or cookie of `api_key`"),
    key("courier.channels[].request_config.auth.config.value", SecretText, "", Secret, "the key"),
    key(
        "courier.channels[].request_config.auth.config.in",
        OneOf(&["header", "cookie"]),
        "`header`",
        Used,
        "where the key stands",
    ),
    key("courier.templates.login_code.valid.email.subject", Text, "ours", Used, TEMPLATE),
    key("courier.templates.login_code.valid.email.body.html", Text, "ours", Used, TEMPLATE),
    key("courier.templates.login_code.valid.email.body.plaintext", Text, "ours", Used, TEMPLATE),
    key("courier.templates.login_code.valid.sms.body.plaintext", Text, "ours", Used, TEMPLATE),
    later("courier.templates.{message}", Map, FLOWS),
    key(
        "courier.template_override_path",
        Text,
        "",
        Used,
        "a folder with `login_code/valid/email.subject.gotmpl`, `email.body.gotmpl`, `email.body.plaintext.gotmpl`, `sms.body.gotmpl`",
    ),
    key("courier.message_retries", Int(0, 1000), "5", Used, "how often a message is tried again"),
    moot("courier.worker", Map, "a function sends each message when it is stored"),
    key(
        "preset",
        OneOf(&["strict"]),
        "",
        Used,
        "codes live 10 minutes at most, nobody learns who has an account, sessions need all the factors a person has; what a file says against it stops the start",
    ),
    key("revision", Text, "a hash of the file", Used, "shown by `/admin/health/config`"),
    moot("version", Text, "every version is read alike"),
    moot("dsn", SecretText, "all state is in DynamoDB"),
    moot("dev", Bool, "`--dev` is a matter of the command line"),
    moot("log", Map, "one JSON line per request, without secrets"),
    moot("tracing", Map, "the gateway and Lambda trace"),
    moot("profiling", Text, "there is no profiler"),
    moot("preview", Map, "reads that decide are consistent"),
    moot("enterprise", Map, "there is one edition"),
    moot("sqa", Map, "no usage is reported"),
    moot("sqa_opt_out", Bool, "no usage is reported"),
    moot("sqa-opt-out", Bool, "no usage is reported"),
    moot("database", Map, "what has ended deletes itself"),
    moot("config", Texts, "there is one file"),
    moot("help", Bool, "a flag of the command line"),
    moot("watch-courier", Bool, "messages are sent when they are written"),
    moot("expose-metrics-port", Int(0, 65_535), "metrics are in CloudWatch"),
];
