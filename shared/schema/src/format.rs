//! The formats of identity schemas. An unknown format accepts everything, as in JSON Schema.

mod uri;

use crate::normalize;
use regex::RegexBuilder;

/// Most memory of a regular expression in traits.
const LARGEST_PATTERN: usize = 1024 * 1024;

/// Whether `text` is of this format.
pub(crate) fn is_valid(format: &str, text: &str) -> bool {
    match format {
        "email" => is_email(text),
        "tel" => normalize::is_phone(text),
        "hostname" => is_hostname(text),
        "uri" | "iri" => uri::is_absolute(text),
        "uri-reference" | "uriref" | "iri-reference" => uri::is_reference(text),
        "uri-template" => uri::is_template(text),
        "json-pointer" => is_pointer(text),
        "relative-json-pointer" => is_relative_pointer(text),
        "uuid" => uuid::Uuid::try_parse(text).is_ok(),
        "ipv4" | "ip-address" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "regex" => RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build().is_ok(),
        "date-time" => is_date_time(text),
        "date" => is_date_time(&format!("{text}T00:00:00Z")),
        "time" => is_date_time(&format!("2000-01-01T{text}")),
        _ => true,
    }
}

fn is_date_time(text: &str) -> bool {
    time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).is_ok()
}

/// A mail address as RFC 5322 has it, without comments or display name: at most 254 bytes, a host name that may be an
/// internationalised one.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let Some(host) = (if host.is_ascii() { Some(host.into()) } else { normalize::ascii_domain(host) }) else {
        return false;
    };
    local.len() + 1 + host.len() <= 254 && local.len() <= 64 && is_local_part(local) && is_hostname(&host)
}

fn is_local_part(local: &str) -> bool {
    if let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return !quoted.is_empty() && !quoted.chars().any(|c| c == '"' || c == '\\' || c.is_control());
    }
    let atom = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| {
                c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && !c.is_control())
            })
    };
    local.split('.').all(atom)
}

fn is_hostname(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    !host.is_empty() && host.len() <= 253 && host.split('.').all(label)
}

/// A JSON Pointer (RFC 6901), not as a URI fragment.
fn is_pointer(text: &str) -> bool {
    (text.is_empty() || text.starts_with('/')) && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}

/// A Relative JSON Pointer: how many levels up, then a pointer or `#` for the name of what is there.
fn is_relative_pointer(text: &str) -> bool {
    let levels = text.bytes().take_while(u8::is_ascii_digit).count();
    let (up, rest) = text.split_at(levels);
    !up.is_empty() && (up == "0" || !up.starts_with('0')) && (rest == "#" || is_pointer(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        for (format, good, bad) in [
            (
                "email",
                &["a@b.example", "o'hara+x@b-c.example", "\"a b\"@c.example", "ä@b.example", "a@bücher.example"][..],
                &[
                    "x",
                    "@b",
                    "a@",
                    "a b@c",
                    "a..b@c",
                    "a@-b",
                    "a@b..c",
                    "a@bü cher.example",
                    "<a@b.example>",
                    "A <a@b.example>",
                ][..],
            ),
            (
                "tel",
                &["+4917667111638", "+49 176 67111638", "(+49) 176 67111638", "tel:+49-176-67111638"],
                &["017667111638", "+1", "x"],
            ),
            (
                "uri",
                &[
                    "https://a.example/x?q#f",
                    "mailto:a",
                    "urn:a:b",
                    "http://[::1]:80/",
                    "http://u:p@a.example:/%20",
                    "a:",
                ],
                &[
                    "::",
                    "",
                    "x",
                    "//a.example",
                    "/x",
                    " https://a.example",
                    "https://a b",
                    "https://a/%zz",
                    "h\u{1}:a",
                    "1a:b",
                    "http://[::1",
                    "http://[::1]x",
                    "http://a:b",
                    "http://a^b@c",
                    "http://%41/",
                    "http://a/#%",
                ],
            ),
            ("iri", &["https://ä.example/ü"], &["ä"]),
            (
                "uri-reference",
                &["", "x", "/x/y?a:b", "//a.example/x", "///x", "#f", "?q", "./a:b", "https://a.example", "a b"],
                &["::", ":a", "1:2", "/%", "#%f", "a\n", "//a b/x"],
            ),
            ("uriref", &["x"], &[":"]),
            ("iri-reference", &["ü"], &[":"]),
            (
                "uri-template",
                &["https://a.example/{id}/{?q*}", "{id}", "a/{b:1}", "{/a}{#b}", "/x", ""],
                &["https://a.example/{id", "/}", "/{{a}}", "/}{", "/x?{a", ":"],
            ),
            ("json-pointer", &["", "/", "/a//b", "/a~0b~1c", "/ ", "/%a"], &["a", "#/a", "/~", "/~2", "/~~0", "0"]),
            (
                "relative-json-pointer",
                &["0", "1", "10#", "0#", "2/a~1b"],
                &["", "/a", "#", "01", "-1", "1a", "0##", "1/~"],
            ),
            ("regex", &["^a+$"], &["(", "(a{1000}){1000}"]),
            ("date", &["2026-02-28"], &["2026-02-30", "x"]),
            ("time", &["10:00:00Z"], &["25:00:00Z"]),
            ("date-time", &["2026-07-29T10:00:00Z"], &["2026-07-29"]),
            ("uuid", &["0b2f3c44-1111-4222-8333-444455556666"], &["x"]),
            ("ipv4", &["127.0.0.1"], &["256.0.0.1"]),
            ("ip-address", &["127.0.0.1"], &["::1"]),
            ("ipv6", &["::1"], &["127.0.0.1", "::x"]),
            ("hostname", &["a.example", "a.example."], &["", "a..b", "-a", "a-.b", "a_b"]),
            ("no-validate", &["anything"], &[]),
        ] {
            for text in good {
                assert!(is_valid(format, text), "{format}: {text}");
            }
            for text in bad {
                assert!(!is_valid(format, text), "{format}: {text}");
            }
        }
    }
}
