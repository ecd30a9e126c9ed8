//! URIs and URI references (RFC 3986), as leniently as Kratos splits them: nothing is repaired, and only ambiguous ones are refused.
//! Characters beyond ASCII are allowed everywhere except in the scheme, so IRIs fit too.

#[derive(PartialEq, Eq)]
enum Kind {
    /// A URI with a scheme.
    Absolute,
    /// A URI reference.
    Relative,
}

/// A URI with its scheme.
pub(super) fn is_absolute(text: &str) -> bool {
    kind(text) == Some(Kind::Absolute)
}

/// A URI, or one that is relative to another.
pub(super) fn is_reference(text: &str) -> bool {
    kind(text).is_some()
}

/// A URI template: it may have `{expressions}` (RFC 6570), which are not nested and not checked.
pub(super) fn is_template(text: &str) -> bool {
    let braces: String = text.chars().filter(|c| matches!(c, '{' | '}')).collect();
    braces.replace("{}", "").is_empty() && is_reference(text)
}

fn kind(text: &str) -> Option<Kind> {
    if text.chars().any(|c| c.is_ascii_control()) {
        return None;
    }
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (kind, rest) = split_scheme(text)?;
    let (rest, _query) = rest.split_once('?').unwrap_or((rest, ""));
    let absolute = kind == Kind::Absolute;
    let path = match rest.strip_prefix("//") {
        Some(after) if absolute || !after.starts_with('/') => split_authority(after)?,
        _ if absolute && !rest.starts_with('/') => "",
        _ => rest,
    };
    // The part before a colon would be read as a scheme.
    let ambiguous = !absolute && path.split('/').next().is_some_and(|first| first.contains(':'));
    (!ambiguous && escapes_are_whole(path) && escapes_are_whole(fragment)).then_some(kind)
}

fn split_scheme(text: &str) -> Option<(Kind, &str)> {
    let is_scheme = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    match text.split_once(':') {
        Some(("", _)) => None,
        Some((scheme, rest)) if is_scheme(scheme) => Some((Kind::Absolute, rest)),
        _ => Some((Kind::Relative, text)),
    }
}

/// The path after a valid authority.
fn split_authority(text: &str) -> Option<&str> {
    let (authority, path) = text.split_at(text.find('/').unwrap_or(text.len()));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    (is_user(user) && is_host(host)).then_some(path)
}

fn is_user(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:!$&'()*+,;=%@".contains(c)) && escapes_are_whole(text)
}

/// A host with an optional port.
fn is_host(text: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    if text.starts_with('[') {
        let Some((inside, after)) = text.rsplit_once(']') else { return false };
        return is_name(inside) && after.strip_prefix(':').map_or(after.is_empty(), is_port);
    }
    let (name, port) = text.rsplit_once(':').unwrap_or((text, ""));
    is_name(name) && is_port(port)
}

/// Only characters beyond ASCII may be escaped in a host name, and `%` before a zone.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:[]<>\"%".contains(c);
    let needed = |rest: &str| {
        rest.starts_with("25") || rest.starts_with(|c: char| matches!(c, '8' | '9' | 'a'..='f' | 'A'..='F'))
    };
    text.chars().all(allowed) && escapes_are_whole(text) && text.split('%').skip(1).all(needed)
}

fn escapes_are_whole(text: &str) -> bool {
    let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    text.split('%').skip(1).map(str::as_bytes).all(|rest| is_hex(rest.first()) && is_hex(rest.get(1)))
}
