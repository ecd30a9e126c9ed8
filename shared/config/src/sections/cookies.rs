//! `cookies` and `session.cookie`: the attributes of the cookies that Latchkey sets.

use crate::findings::Findings;
use crate::key::DefaultValue::{Bool as Switch, OffInDevelopment, Text as Word, Unset};
use crate::key::{Key, Kind, Section, described, keys};
use crate::reader::Reader;
use serde_json::Value;

const SAME_SITE_VALUES: &[&str] = &["Strict", "Lax", "None"];

pub(crate) static COOKIES: Section = Section::new("cookies", KEYS);
pub(crate) static SESSION_COOKIE: Section = Section::new("session.cookie", SESSION_KEYS);

keys! { KEYS:
    DOMAIN = Key::used("domain", Kind::CookieDomain, Unset, "`Domain` of cookies");
    PATH = Key::used("path", Kind::Path, Word("/"), "`Path` of cookies");
    SAME_SITE = Key::used("same_site", Kind::OneOf(SAME_SITE_VALUES), Word("Lax"),
        "`SameSite` of cookies; the anti-CSRF cookie is `Lax` when it is not `Secure`");
    SECURE = Key::used("secure", Kind::Bool, OffInDevelopment, "`Secure` of every cookie but the session's");
    CSRF_HOST_PREFIX = Key::used("host_prefix", Kind::Bool,
        described("true by https, with `cookies.secure`, without `cookies.domain`, for the path `/`; otherwise false"),
        "begin the anti-CSRF cookie's name with `__Host-`, so that no other subdomain can set it; a key of Latchkey's own");
}

keys! { SESSION_KEYS:
    SESSION_NAME = Key::used("name", Kind::CookieName, Word("ory_kratos_session"), "name of the session cookie");
    SESSION_PERSISTENT = Key::used("persistent", Kind::Bool, Switch(true), "keep the session cookie when the browser closes");
    SESSION_DOMAIN = Key::used("domain", Kind::CookieDomain, described("`cookies.domain`"), "`Domain` of the session cookie");
    SESSION_PATH = Key::used("path", Kind::Path, described("`cookies.path`"), "`Path` of the session cookie");
    SESSION_SAME_SITE = Key::used("same_site", Kind::OneOf(SAME_SITE_VALUES), described("`cookies.same_site`"),
        "`SameSite` of the session cookie");
    SESSION_SECURE = Key::used("secure", Kind::Bool, OffInDevelopment, "`Secure` of the session cookie");
    SESSION_HOST_PREFIX = Key::used("host_prefix", Kind::Bool, Switch(false),
        "the same for the session cookie; a proxy that looks for that cookie must know the new name; a key of Latchkey's own");
}

/// The beginning of a cookie's name that only the host itself can set: browsers refuse it from every other subdomain.
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
    /// A browser never sends it from another site.
    Strict,
    /// A browser sends it when a user follows a link.
    Lax,
    /// A browser always sends it.
    None,
}

/// Reads the attributes of both cookies. The session's own keys win over the general ones, but its `Secure` is a decision of its own.
/// A browser refuses `SameSite=None` without `Secure`, so the anti-CSRF cookie falls back to `Lax` (contract `login-flow.md` 8 and 9).
pub(crate) fn cookies(from: Reader<'_>, base_url: &str, findings: &mut Findings) -> Cookies {
    let (general, of_session) = (from.section(&COOKIES), from.section(&SESSION_COOKIE));
    let csrf = CookieAttributes {
        domain: general.text(&DOMAIN),
        path: general.text_or_default(&PATH),
        same_site: same_site(general, &SAME_SITE).unwrap_or(SameSite::Lax),
        secure: general.flag(&SECURE),
    };
    let session = CookieAttributes {
        domain: of_session.text(&SESSION_DOMAIN).or_else(|| csrf.domain.clone()),
        path: of_session.text(&SESSION_PATH).unwrap_or_else(|| csrf.path.clone()),
        same_site: same_site(of_session, &SESSION_SAME_SITE).unwrap_or(csrf.same_site),
        secure: of_session.flag(&SESSION_SECURE),
    };
    // Proxies and middlewares find the session cookie by its name, so only its own key changes the name.
    let prefixed = of_session.flag(&SESSION_HOST_PREFIX);
    if prefixed && !may_have_host_prefix(&session, base_url) {
        findings.error(refused_prefix("session.cookie.host_prefix"));
    }
    let mut session_name = of_session.text_or_default(&SESSION_NAME);
    if prefixed && !session_name.starts_with(HOST_PREFIX) {
        session_name.insert_str(0, HOST_PREFIX);
    }
    let may_have = may_have_host_prefix(&csrf, base_url);
    let csrf_host_prefix = general.value(&CSRF_HOST_PREFIX).and_then(Value::as_bool).unwrap_or(may_have);
    if csrf_host_prefix && !may_have {
        findings.error(refused_prefix("cookies.host_prefix"));
    }
    Cookies {
        csrf_host_prefix,
        csrf: CookieAttributes { same_site: if csrf.secure { csrf.same_site } else { SameSite::Lax }, ..csrf },
        session,
        session_name,
        session_persistent: of_session.flag(&SESSION_PERSISTENT),
    }
}

fn same_site(from: Reader<'_>, key: &Key) -> Option<SameSite> {
    Some(match from.text(key)?.as_str() {
        "Strict" => SameSite::Strict,
        "None" => SameSite::None,
        _ => SameSite::Lax,
    })
}

fn may_have_host_prefix(cookie: &CookieAttributes, base_url: &str) -> bool {
    cookie.secure && cookie.domain.is_none() && cookie.path == "/" && base_url.starts_with("https://")
}

fn refused_prefix(key: &str) -> String {
    format!("{key}: true: browsers take such a cookie only by https, with Secure, for the path /, and without a domain")
}
