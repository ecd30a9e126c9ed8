//! `selfservice.default_browser_return_url` and `selfservice.allowed_return_urls`: where a browser may be sent.

use crate::findings::Findings;
use crate::key::DefaultValue::Texts as List;
use crate::key::{Key, Kind, Section, described, keys, variable};
use crate::reader::Reader;
use crate::sections::features;
use crate::sections::flows::LOGIN;
use crate::shapes::flow::UI_URL;
use crate::value::url::{has_scheme, host};

pub(crate) static SELFSERVICE: Section = Section::new("selfservice", KEYS);
pub(crate) const ALLOWED: &str = "selfservice.allowed_return_urls";

keys! { KEYS:
    DEFAULT_RETURN_URL = Key::used("default_browser_return_url", Kind::AnyUrl, described("`session` of the login pages"),
        "where a browser goes when nothing else is set");
    ALLOWED_RETURN_URLS = Key::used("allowed_return_urls", Kind::Texts, List(&[]),
        "where `return_to` may lead: prefixes of URLs, the host may begin with `*.`; the login pages' own where they are used");
}

/// Reads where a browser goes by default; `pages` is the address of the login pages.
pub(crate) fn default_return_url(from: Reader<'_>, pages: &str) -> String {
    from.section(&SELFSERVICE).text(&DEFAULT_RETURN_URL).unwrap_or_else(|| format!("{pages}session"))
}

/// Reads where `return_to` may lead.
pub(crate) fn allowed_return_urls(
    from: Reader<'_>,
    pages: &str,
    env: &[(String, String)],
    findings: &mut Findings,
) -> Vec<String> {
    let mut urls = listed_return_urls(from, env, findings);
    // The login pages lead back to themselves.
    if from.section(&LOGIN).text(&UI_URL).is_none() {
        urls.extend(["login", "session"].map(|page| format!("{pages}{page}")));
    }
    urls
}

/// The listed URLs without those under which an attacker could register a name, and without what is no URL (contract
/// `login-flow.md` 2.3).
pub(crate) fn listed_return_urls(from: Reader<'_>, env: &[(String, String)], findings: &mut Findings) -> Vec<String> {
    let lenient = features::allows_insecure_origins(from);
    let variable = variable(ALLOWED);
    // Without the list of public suffixes, a wildcard counts only in the file, which was checked against the list when it was made.
    let unchecked =
        cfg!(not(feature = "files")) && env.iter().any(|(name, value)| *name == variable && !value.is_empty());
    let mut urls = from.section(&SELFSERVICE).texts(&ALLOWED_RETURN_URLS);
    urls.retain(|url| {
        let why = if !has_scheme(url) {
            "it is not an absolute URL"
        } else if !lenient && unchecked && host(url).contains('*') {
            "a wildcard must stand in the file, where it is checked"
        } else if !lenient && is_too_wide(host(url)) {
            "it covers names that an attacker could register"
        } else {
            return true;
        };
        findings.warn(format!("{ALLOWED}: {url:?} is left out: {why}"));
        false
    });
    urls
}

/// Whether a host with a wildcard covers names of other owners.
fn is_too_wide(host: &str) -> bool {
    if !host.contains('*') {
        return false;
    }
    let Some(parent) = host.strip_prefix("*.") else { return true };
    parent.contains('*') || parent.is_empty() || !parent.contains('.') || is_public_suffix(parent)
}

/// Whether names can be registered below it, as below `com`, `co.uk` or `github.io`.
#[cfg(feature = "files")]
fn is_public_suffix(name: &str) -> bool {
    psl::domain(name.to_ascii_lowercase().as_bytes()).is_none()
}

/// The file was checked when it was made.
#[cfg(not(feature = "files"))]
fn is_public_suffix(_: &str) -> bool {
    false
}
