//! Whether a client wants JSON (contract `login-flow.md` 1.2). There are two decisions, which differ in the alternatives.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

/// *accepts-json*: the choice between HTML and JSON alone.
pub fn accepts_json(headers: &HeaderMap) -> bool {
    best(headers, &["text/html", "application/json"]) == "application/json"
}

/// *json-request*: JSON is preferred to everything else, or the content type is exactly `application/json`.
pub fn is_json_request(headers: &HeaderMap) -> bool {
    let typed = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes() == b"application/json");
    typed || best(headers, &["text/html", "text/*", "*/*", "application/json"]) == "application/json"
}

/// A media range of an `Accept` header with its weight in thousandths.
struct Range<'a> {
    kind: &'a str,
    weight: u32,
}

/// The candidate that the client prefers; an earlier one wins a tie.
fn best(headers: &HeaderMap, candidates: &[&'static str]) -> &'static str {
    let ranges: Vec<Range<'_>> =
        headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok()).flat_map(ranges).collect();
    let mut chosen = ("text/html", (0, 0));
    for candidate in candidates {
        let liking = ranges.iter().filter_map(|range| Some((range.weight, specificity(range.kind, candidate)?))).max();
        if let Some(liking) = liking.filter(|liking| *liking > chosen.1) {
            chosen = (candidate, liking);
        }
    }
    chosen.0
}

/// How specifically a range matches a candidate; `None` when it does not.
fn specificity(range: &str, candidate: &str) -> Option<u32> {
    // A candidate may itself be a wildcard; a range with a wildcard is not more specific for that.
    if range == "*/*" {
        Some(1)
    } else if let Some(kind) = range.strip_suffix("/*") {
        candidate.strip_prefix(kind)?.starts_with('/').then_some(2)
    } else {
        (range == candidate).then_some(3)
    }
}

/// The ranges of one header line. A parameter other than `q` ends the reading of the line; earlier ranges count.
fn ranges(line: &str) -> Vec<Range<'_>> {
    let mut out = Vec::new();
    for entry in line.split(',') {
        let mut parts = entry.split(';').map(str::trim);
        let kind = parts.next().unwrap_or("");
        let mut weight = 1000;
        for parameter in parts {
            match parameter.strip_prefix("q=").map(thousandths) {
                Some(Some(value)) => weight = value,
                _ => return out,
            }
        }
        if weight > 0 && !kind.is_empty() {
            out.push(Range { kind, weight });
        }
    }
    out
}

/// `0` to `1` with up to three decimals.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction: u32 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn headers(accept: Option<&str>, content_type: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(value) = accept {
            headers.insert(ACCEPT, HeaderValue::from_str(value).unwrap());
        }
        if let Some(value) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn every_variant_of_the_contract() {
        for (accept, json_request, json) in [
            (None, false, false),
            (Some("*/*"), false, false),
            (Some("application/json"), true, true),
            (Some("application/json, text/plain, */*"), true, true),
            (Some("text/html, application/json"), false, false),
            (Some("application/json, text/html"), false, false),
            (Some("text/html;q=0.5, application/json"), true, true),
            (Some("application/json;q=0.9, text/html;q=0.8"), true, true),
            (Some("application/json; charset=utf-8"), false, false),
            (Some("application/*"), true, true),
            (Some("application/json;q=0"), false, false),
            (Some("APPLICATION/JSON"), false, false),
            (Some("rubbish"), false, false),
        ] {
            let headers = headers(accept, None);
            assert_eq!((is_json_request(&headers), accepts_json(&headers)), (json_request, json), "{accept:?}");
        }
    }

    #[test]
    fn json_content_type_must_match_exactly() {
        assert!(is_json_request(&headers(None, Some("application/json"))));
        assert!(!is_json_request(&headers(None, Some("application/json; charset=utf-8"))));
        assert!(!accepts_json(&headers(None, Some("application/json"))));
    }

    proptest! {
        #[test]
        fn any_header_is_decided(accept in "[ -~]{0,120}") {
            let headers = headers(Some(&accept), None);
            let _ = (is_json_request(&headers), accepts_json(&headers));
        }
    }
}
