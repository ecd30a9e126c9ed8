//! Where a browser may be sent (contract `login-flow.md` 2.3).
//!
//! Two parsers that disagree about a URL are an open redirect, so there is one here, small and strict, and what it parsed is
//! what is sent: scheme, host, path and the rest are put together again from the checked parts. Text that browsers read
//! in ways of their own (backslashes, control characters, credentials before the host) is refused, not interpreted.

use crate::bounds::quoted;
use crate::error::ApiError;
use thiserror::Error;

/// A URL taken apart; every part is as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Parts {
    scheme: String,
    /// Host with port, as written.
    host: String,
    path: String,
    /// Query and fragment with their marks.
    tail: String,
    /// `mailto:x`, `javascript:x`: a scheme without host or path.
    opaque: Option<String>,
}

/// Why a `return_to` is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReturnToError {
    /// Not a URL.
    #[error("Unable to parse the return_to query parameter as an URL: {}", quoted(.0))]
    Malformed(String),
    /// A URL that is not on the list; the text is the completed URL.
    #[error("Requested return_to URL \"{}\" is not allowed.", quoted(.0))]
    Forbidden(String),
}

/// A checked URL: the only kind of return address that reaches a `Location` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The targets that the configuration allows.
#[derive(Clone, Debug)]
pub struct AllowList {
    entries: Vec<Parts>,
    selfservice: Parts,
    default: Parts,
}

impl AllowList {
    /// `base_url` is the public base URL (its `/self-service` is always allowed), `allowed` the configured list, `default` the
    /// URL that completes a relative target. Entries that are not absolute URLs allow nothing.
    pub fn new(base_url: &str, allowed: &[String], default: &str) -> Self {
        let mut selfservice = parse(base_url).unwrap_or_default();
        selfservice.path = format!("{}/self-service", selfservice.path.trim_end_matches('/'));
        let entries = allowed.iter().filter_map(|url| parse(url).ok());
        Self {
            entries: entries.filter(|p| !p.scheme.is_empty() && !p.host.is_empty()).collect(),
            selfservice,
            default: parse(default).unwrap_or_default(),
        }
    }

    /// Checks what a client asked for.
    ///
    /// # Errors
    /// [`ReturnToError::Malformed`] when it is no URL, [`ReturnToError::Forbidden`] when it is not on the list.
    pub fn check(&self, asked: &str) -> Result<ReturnTo, ReturnToError> {
        let mut url =
            parse(asked).map_err(|detail| ReturnToError::Malformed(format!("parse {:?}: {detail}", quoted(asked))))?;
        if url.scheme.is_empty() {
            url.scheme.clone_from(&self.default.scheme);
        }
        if url.host.is_empty() && url.opaque.is_none() {
            url.host.clone_from(&self.default.host);
        }
        let shown = url.to_string();
        // A path must begin with a slash as it is written: an encoded one would become part of the host.
        let rooted = url.path.is_empty() || url.path.starts_with('/');
        if url.opaque.is_none() && rooted && !is_ambiguous(asked) && self.admits(&url) {
            Ok(ReturnTo(shown))
        } else {
            Err(ReturnToError::Forbidden(shown))
        }
    }

    fn admits(&self, url: &Parts) -> bool {
        let (Some(path), Some(resolved)) = (decoded_path(&url.path), decoded_path(&url.path).map(|p| resolve_dots(&p)))
        else {
            return false;
        };
        let below = |prefix: &str| {
            let prefix = if prefix.is_empty() { "/" } else { prefix };
            // Dot segments are sent on as they came, so both readings must stay below the allowed path.
            path.starts_with(prefix) && resolved.starts_with(prefix)
        };
        let selfservice = &self.selfservice;
        let at_home = url.scheme.eq_ignore_ascii_case(&selfservice.scheme)
            && url.host.eq_ignore_ascii_case(&selfservice.host)
            && [&path, &resolved].iter().all(|p| {
                p.strip_prefix(selfservice.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
        at_home
            || self.entries.iter().any(|entry| {
                url.scheme.eq_ignore_ascii_case(&entry.scheme)
                    && host_fits(&entry.host, &url.host)
                    && decoded_path(&entry.path).is_some_and(|prefix| below(&prefix))
            })
    }
}

/// Equal ignoring case, or `*suffix` that the host ends with.
fn host_fits(allowed: &str, host: &str) -> bool {
    match allowed.strip_prefix('*') {
        Some(suffix) => host.to_ascii_lowercase().ends_with(&suffix.to_ascii_lowercase()),
        None => host.eq_ignore_ascii_case(allowed),
    }
}

/// Text that a browser may read otherwise than we do.
fn is_ambiguous(asked: &str) -> bool {
    // What stands in a query or fragment is for the page that gets it.
    let url = asked.split(['?', '#']).next().unwrap_or("");
    let after = url.strip_prefix("//").or_else(|| url.split_once("://").map(|(_, rest)| rest));
    let authority = after.map(|rest| rest.split('/').next().unwrap_or(""));
    // Whether `https:/x` has a host depends on the page it is read on.
    let no_slashes = url.split_once(':').is_some_and(|(scheme, rest)| !scheme.contains('/') && !rest.starts_with("//"));
    no_slashes
        || url.contains("///")
        || asked.contains('\\')
        || asked.chars().any(char::is_control)
        || authority.is_some_and(|authority| authority.is_empty() || authority.contains('@'))
}

impl std::fmt::Display for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(opaque) = &self.opaque {
            return write!(f, "{}:{}", self.scheme, escaped(opaque));
        }
        // A path such as `//evil` after an empty host would be read as a host.
        let path = if self.host.is_empty() && self.path.starts_with("//") { "/" } else { self.path.as_str() };
        let slash = if self.host.is_empty() || path.is_empty() || path.starts_with('/') { "" } else { "/" };
        write!(f, "{}://{}{slash}{}{}", self.scheme, escaped(&self.host), escaped(path), escaped(&self.tail))
    }
}

/// Percent-encodes the characters that a header may not hold. Everything else stays as written, existing escapes too.
fn escaped(text: &str) -> std::borrow::Cow<'_, str> {
    use percent_encoding::{AsciiSet, CONTROLS};
    const UNSAFE: &AsciiSet =
        &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');
    percent_encoding::utf8_percent_encode(text, UNSAFE).into()
}

fn decoded_path(path: &str) -> Option<String> {
    let path = if path.is_empty() { "/" } else { path };
    Some(percent_encoding::percent_decode_str(path).decode_utf8().ok()?.into_owned())
}

/// Removes `.` and `..` segments as a browser does.
fn resolve_dots(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            ".." => {
                out.pop();
                if last {
                    out.push("");
                }
            }
            "." => {
                if last {
                    out.push("");
                }
            }
            other => out.push(other),
        }
    }
    format!("/{}", out.join("/"))
}

/// Takes a URL or relative reference apart; the error is the detail that clients are shown.
fn parse(text: &str) -> Result<Parts, String> {
    if text.chars().any(|c| c.is_ascii_control()) {
        return Err("net/url: invalid control character in URL".into());
    }
    let (rest, fragment) = split_off(text, '#');
    let (scheme, rest) = split_scheme(rest)?;
    let (rest, query) = split_off(rest, '?');
    let tail = format!("{query}{fragment}");
    if !scheme.is_empty() && !rest.starts_with('/') {
        return Ok(Parts { scheme, tail: String::new(), opaque: Some(format!("{rest}{tail}")), ..Parts::default() });
    }
    let (host, path) = match rest.strip_prefix("//") {
        Some(after) => after.split_at(after.find('/').unwrap_or(after.len())),
        None => ("", rest),
    };
    if scheme.is_empty() && host.is_empty() && path.split('/').next().is_some_and(|first| first.contains(':')) {
        return Err("first path segment in URL cannot contain colon".into());
    }
    check_host(host.rsplit_once('@').map_or(host, |(_, host)| host))?;
    check_escapes(path)?;
    check_escapes(&fragment)?;
    Ok(Parts { scheme, host: host.to_owned(), path: path.to_owned(), tail, opaque: None })
}

fn split_off(text: &str, mark: char) -> (&str, String) {
    match text.find(mark) {
        Some(at) => (&text[..at], text[at..].to_owned()),
        None => (text, String::new()),
    }
}

fn split_scheme(text: &str) -> Result<(String, &str), String> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme".into()),
            ':' => return Ok((text[..at].to_ascii_lowercase(), &text[at + 1..])),
            _ => break,
        }
    }
    Ok((String::new(), text))
}

fn check_host(host: &str) -> Result<(), String> {
    let port = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("missing ']' in host")?.1,
        None => host.find(':').map_or("", |at| &host[at..]),
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("invalid port {port:?} after host"));
    }
    if let Some(c) = host.chars().find(|c| c.is_whitespace() || "<>\"^`{|}".contains(*c)) {
        return Err(format!("invalid character {:?} in host name", c.to_string()));
    }
    check_escapes(host)
}

fn check_escapes(text: &str) -> Result<(), String> {
    for (at, _) in text.match_indices('%') {
        let hex = text.as_bytes().get(at + 1..at + 3);
        if !hex.is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit)) {
            let shown: String = text[at..].chars().take(3).collect();
            return Err(format!("invalid URL escape {shown:?}"));
        }
    }
    Ok(())
}

/// The 400 of a `return_to` that is refused.
pub fn return_to_error(error: &ReturnToError) -> ApiError {
    let answer = ApiError::bad_request(error.to_string());
    match error {
        ReturnToError::Malformed(_) => answer,
        ReturnToError::Forbidden(_) => answer.with_id("self_service_flow_return_to_forbidden"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list() -> AllowList {
        let allowed = [
            "http://127.0.0.1:4455",
            "https://app.example.org/path",
            "exp://example.com/Callback",
            "https://*.wild.example",
            "not a url",
            "/relative",
        ];
        let allowed: Vec<String> = allowed.iter().map(|s| (*s).to_owned()).collect();
        AllowList::new("http://127.0.0.1:4433/", &allowed, "http://127.0.0.1:4455/welcome")
    }

    #[test]
    fn allowed_target_is_returned_completed() {
        for (asked, sent) in [
            ("http://127.0.0.1:4455", "http://127.0.0.1:4455"),
            ("http://127.0.0.1:4455/deep?x=1#f", "http://127.0.0.1:4455/deep?x=1#f"),
            ("/relative", "http://127.0.0.1:4455/relative"),
            ("?a=b", "http://127.0.0.1:4455?a=b"),
            ("#f", "http://127.0.0.1:4455#f"),
            ("HTTPS://APP.example.org/path", "https://APP.example.org/path"),
            ("https://app.example.org/path/more", "https://app.example.org/path/more"),
            ("https://app.example.org/pathology", "https://app.example.org/pathology"),
            ("https://app.example.org/%70ath", "https://app.example.org/%70ath"),
            ("exp://example.com/Callback", "exp://example.com/Callback"),
            ("https://a.b.wild.example/x", "https://a.b.wild.example/x"),
            ("http://127.0.0.1:4433/self-service", "http://127.0.0.1:4433/self-service"),
            ("http://127.0.0.1:4433/self-service/login/browser", "http://127.0.0.1:4433/self-service/login/browser"),
            ("http://127.0.0.1:4455/a b", "http://127.0.0.1:4455/a%20b"),
            ("/x?u=http://bob@host/", "http://127.0.0.1:4455/x?u=http://bob@host/"),
            ("/x#//bob@host", "http://127.0.0.1:4455/x#//bob@host"),
        ] {
            assert_eq!(list().check(asked).as_ref().map(ReturnTo::as_str), Ok(sent), "{asked}");
        }
    }

    #[test]
    fn target_off_the_list_is_refused() {
        for asked in [
            "https://evil.example.net",
            "//evil.example.net",
            "///evil.example.net",
            "////evil.example.net",
            "//?https:evil.example.net",
            "https://?evil.example.net",
            "\\\\evil.example.net",
            "/\\evil.example.net",
            "http:\\\\evil.example.net",
            "http://127.0.0.1:4455@evil.example.net/",
            "http://127.0.0.1:4455:x@evil.example.net/",
            "http://user@127.0.0.1:4455/",
            "http://127.0.0.1:4455\\@evil.example.net/",
            "http://127.0.0.1:44556/",
            "https://127.0.0.1:4455/",
            "http://127.0.0.1/",
            "https://app.example.org/",
            "https://app.example.org/other",
            "https://app.example.org:443/path",
            "https://app.example.org.evil.example/path",
            "https://app.example.org/path/../admin",
            "https://app.example.org/path/%2e%2e/admin",
            "exp://example.com/Other",
            "https://wild.example/",
            "https://evilwild.example/",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "mailto:a@b",
            "http://127.0.0.1:4433/",
            "http://127.0.0.1:4433/self-servicex",
            "http://127.0.0.1:4433/self-service/../sessions",
            "https://аpp.example.org/path",
            "https://xn--pp-6kc.example.org/path",
            "x/y",
        ] {
            assert!(
                matches!(list().check(asked), Err(ReturnToError::Forbidden(_))),
                "{asked}: {:?}",
                list().check(asked)
            );
        }
    }

    #[test]
    fn malformed_url_is_refused_with_its_fault() {
        for (asked, detail) in [
            ("http://[::1", "missing ']' in host"),
            ("http://127.0.0.1:4455.evil.example.net/", "invalid port \":4455.evil.example.net\" after host"),
            (":x", "missing protocol scheme"),
            ("http://a/%zz", "invalid URL escape \"%zz\""),
            ("http://a/\r\nSet-Cookie:x", "net/url: invalid control character in URL"),
            ("1a:b", "first path segment in URL cannot contain colon"),
        ] {
            let error = list().check(asked).unwrap_err().to_string();
            assert!(
                error.starts_with("Unable to parse the return_to query parameter as an URL: parse ")
                    && error.ends_with(detail),
                "{error}"
            );
        }
    }

    #[test]
    fn refusal_quotes_the_completed_url() {
        for (asked, shown) in [
            ("//evil.example", "http://evil.example"),
            ("relative/path", "http://127.0.0.1:4455/relative/path"),
            ("x?y=1#z", "http://127.0.0.1:4455/x?y=1#z"),
            ("..", "http://127.0.0.1:4455/.."),
            ("%2f%2fevil.example", "http://127.0.0.1:4455/%2f%2fevil.example"),
        ] {
            let error = list().check(asked).unwrap_err();
            assert_eq!(error.to_string(), format!("Requested return_to URL \"{shown}\" is not allowed."));
        }
        let long = list().check(&format!("//evil.example/{}", "x".repeat(4000))).unwrap_err().to_string();
        assert!(long.len() < 400, "{long}");
        let long = list().check(&format!("http://[{}", "x".repeat(4000))).unwrap_err().to_string();
        assert!(long.len() < 400, "{long}");
    }

    /// The oracle is the parser that browsers use: a browser must read every URL that we accept as one of the allowed places.
    fn a_browser_goes_to_an_allowed_place(sent: &str) -> bool {
        let Ok(base) = url::Url::parse("http://127.0.0.1:4433/self-service/login") else { return false };
        let Ok(there) = base.join(sent) else { return false };
        let host = there.host_str().unwrap_or("");
        let place = (there.scheme(), host, there.port_or_known_default());
        match place {
            ("http", "127.0.0.1", Some(4455)) => true,
            ("http", "127.0.0.1", Some(4433)) => there.path().starts_with("/self-service"),
            ("https", "app.example.org", Some(443)) => there.path().starts_with("/path"),
            ("exp", "example.com", None) => there.path().starts_with("/Callback"),
            ("https", host, Some(443)) => host.ends_with(".wild.example"),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn accepted_url_leads_to_an_allowed_place(
            scheme in "(|http:|https:|HTTP:|exp:|javascript:|data:|//|///|\\\\\\\\)",
            slashes in "(|/|//|///|\\\\|/\\\\)",
            before in "(|user@|127.0.0.1:4455@|a:b@|%40)",
            host in "(|127.0.0.1:4455|127.0.0.1|app.example.org|example.com|x.wild.example|wild.example|evil.example|[::1]|127.0.0.1:4455\\.evil\\.example)",
            after in "(|:80|:|@evil.example|\\\\@evil.example|%2f|%00|.|。)",
            path in "(|/|/path|/path/../x|/path/%2e%2e/x|/Callback|/self-service|/self-service/./../y|//evil.example|/\t/x|/..;/|/%5c)",
            tail in "(|\\?x=1|#f|\\?@evil.example|\r\n)",
        ) {
            let asked = format!("{scheme}{slashes}{before}{host}{after}{path}{tail}");
            if let Ok(url) = list().check(&asked) {
                prop_assert!(a_browser_goes_to_an_allowed_place(url.as_str()), "{} from {asked}", url.as_str());
                prop_assert!(url.as_str().chars().all(|c| !c.is_control() && !c.is_whitespace()));
            }
        }

        #[test]
        fn hostile_text_does_not_panic(asked in ".{0,200}") {
            if let Ok(url) = list().check(&asked) {
                prop_assert!(a_browser_goes_to_an_allowed_place(url.as_str()), "{} from {asked}", url.as_str());
            }
        }
    }
}
