//! The headers of a client's request that may be handed on to a service (`clients.web_hook.header_allowlist`).

use http::{HeaderName, HeaderValue};
use std::collections::BTreeMap;

/// The headers that a list of names lets through, each in its usual spelling (`X-Request-Id`). `values` gives the values of a header;
/// each is cut to `longest` bytes.
pub fn allowed_headers(
    list: &[String],
    longest: usize,
    values: impl Fn(&HeaderName) -> Vec<HeaderValue>,
) -> BTreeMap<String, Vec<String>> {
    let header = |name: &String| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let cut = |value: &HeaderValue| {
            let text = value.to_str().ok()?;
            // A readable value is ASCII, so every byte is a character.
            Some(text.get(..longest).unwrap_or(text).to_owned())
        };
        let values: Vec<String> = values(&name).iter().filter_map(cut).collect();
        (!values.is_empty()).then(|| (usual_spelling(&name), values))
    };
    list.iter().filter_map(header).collect()
}

fn usual_spelling(name: &HeaderName) -> String {
    let part = |part: &str| part.get(..1).unwrap_or("").to_ascii_uppercase() + part.get(1..).unwrap_or("");
    name.as_str().split('-').map(part).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    #[test]
    fn only_listed_headers_pass_in_their_usual_spelling() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("x-request-id", "abcdef"), ("x-request-id", "g"), ("cookie", "secret"), ("user-agent", "é")]
        {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let list = ["X-REQUEST-ID", "user-agent", "accept", "no header"].map(str::to_owned);
        let passed = allowed_headers(&list, 4, |name| headers.get_all(name).iter().cloned().collect());
        assert_eq!(passed, BTreeMap::from([("X-Request-Id".to_owned(), vec!["abcd".to_owned(), "g".to_owned()])]));
    }
}
