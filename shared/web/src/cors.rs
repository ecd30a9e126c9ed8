//! Cross-origin requests, as `serve.public.cors` allows them. The gateway's own setting stays off: it would override these answers and
//! supports no wildcard subdomains.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderName,
};
use latchkey_config::Cors;

/// Headers for an answer to a request from `origin`.
pub(crate) fn headers(cors: &Cors, origin: &str) -> Vec<(HeaderName, String)> {
    if !allows(cors, origin) {
        return Vec::new();
    }
    let mut out = vec![(ACCESS_CONTROL_ALLOW_ORIGIN, shown_origin(cors, origin))];
    if cors.allow_credentials {
        out.push((ACCESS_CONTROL_ALLOW_CREDENTIALS, "true".to_owned()));
    }
    if !cors.exposed_headers.is_empty() {
        out.push((ACCESS_CONTROL_EXPOSE_HEADERS, cors.exposed_headers.join(", ")));
    }
    out
}

/// Headers of the answer to a preflight request for `method` with these `headers`.
pub(crate) fn preflight(cors: &Cors, origin: &str, method: &str, headers: Option<&str>) -> Vec<(HeaderName, String)> {
    let known = cors.allowed_methods.iter().any(|m| m.eq_ignore_ascii_case(method));
    let fits =
        |name: &str| cors.allowed_headers.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(name));
    let asked: Vec<&str> = headers.unwrap_or("").split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if !allows(cors, origin) || !known || !asked.iter().all(|name| fits(name) || name.eq_ignore_ascii_case("accept")) {
        return Vec::new();
    }
    let mut out = vec![
        (ACCESS_CONTROL_ALLOW_ORIGIN, shown_origin(cors, origin)),
        (ACCESS_CONTROL_ALLOW_METHODS, method.to_owned()),
    ];
    if !asked.is_empty() {
        out.push((ACCESS_CONTROL_ALLOW_HEADERS, asked.join(", ")));
    }
    if cors.allow_credentials {
        out.push((ACCESS_CONTROL_ALLOW_CREDENTIALS, "true".to_owned()));
    }
    if cors.max_age > 0 {
        out.push((ACCESS_CONTROL_MAX_AGE, cors.max_age.to_string()));
    }
    out
}

/// `*` stays `*`, which browsers refuse together with cookies. Only a listed origin is repeated.
fn shown_origin(cors: &Cors, origin: &str) -> String {
    if cors.allowed_origins.iter().any(|allowed| allowed == "*") { "*".to_owned() } else { origin.to_owned() }
}

/// Whether the list has an origin.
pub(crate) fn allows(cors: &Cors, origin: &str) -> bool {
    let origin = origin.to_ascii_lowercase();
    cors.allowed_origins.iter().map(|allowed| allowed.to_ascii_lowercase()).any(|allowed| {
        match allowed.split_once('*') {
            None => allowed == origin,
            Some((before, after)) => {
                let middle = origin.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                allowed == "*" || middle.is_some_and(|middle| !middle.is_empty() && !middle.contains('/'))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors {
            allowed_origins: origins.iter().map(|s| (*s).to_owned()).collect(),
            allowed_methods: vec!["POST".into(), "PUT".into()],
            allowed_headers: vec!["Content-Type".into()],
            exposed_headers: vec!["Content-Type".into()],
            allow_credentials: true,
            max_age: 0,
        }
    }

    #[test]
    fn origins_by_name_and_by_one_wildcard() {
        let cors = cors(&["https://app.example", "https://*.wild.example"]);
        for good in ["https://app.example", "HTTPS://APP.example", "https://a.wild.example", "https://a.b.wild.example"]
        {
            assert!(allows(&cors, good), "{good}");
        }
        for bad in [
            "https://app.example.evil",
            "http://app.example",
            "https://wild.example",
            "https://.wild.example",
            "null",
            "https://evil/.wild.example",
        ] {
            assert!(!allows(&cors, bad), "{bad}");
            assert!(headers(&cors, bad).is_empty());
        }
    }

    #[test]
    fn refused_preflight_has_no_headers() {
        let cors = cors(&["https://app.example"]);
        assert_eq!(preflight(&cors, "https://app.example", "PUT", Some("content-type")).len(), 4);
        assert!(preflight(&cors, "https://app.example", "DELETE", None).is_empty());
        assert!(preflight(&cors, "https://app.example", "PUT", Some("x-other")).is_empty());
        assert!(preflight(&cors, "https://evil.example", "PUT", None).is_empty());
    }
}
