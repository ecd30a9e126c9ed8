//! URLs that a configuration gives: paths are joined to them, query parameters added.

/// Joins a path to the configured base URL: exactly one slash between them.
pub fn join(base_url: &str, path: &str) -> String {
    format!("{}{path}", base_url.trim_end_matches('/'))
}

/// Adds a query parameter to a configured URL: what is there stays, keys come out sorted, a fragment stays last.
pub fn with_query(url: &str, key: &str, value: &str) -> String {
    let (rest, fragment) = match url.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (url, None),
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    pairs.retain(|(k, _)| k != key);
    pairs.push((key.to_owned(), value.to_owned()));
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    match fragment {
        Some(fragment) => format!("{path}?{query}#{fragment}"),
        None => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_joined_and_extended() {
        assert_eq!(join("https://a.example/x/", "/self-service/login"), "https://a.example/x/self-service/login");
        assert_eq!(with_query("https://a.example/login", "flow", "1"), "https://a.example/login?flow=1");
        assert_eq!(with_query("/login?z=1&b=%20#top", "flow", "1"), "/login?b=+&flow=1&z=1#top");
    }
}
