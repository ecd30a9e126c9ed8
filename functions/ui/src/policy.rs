//! The headers of every page: what it may load, and where its forms may lead.

use lambda_http::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use latchkey_config::Config;
use latchkey_web::Reply;

/// The `Content-Security-Policy` of the pages.
///
/// Chromium applies `form-action` to the redirects after a form too, so all targets of a login are on its list.
pub(crate) fn of(config: &Config) -> String {
    let api = source(&config.public.base_url).unwrap_or_default();
    let selfservice = &config.selfservice;
    let flows = &selfservice.flows;
    let own = [&selfservice.default_browser_return_url, &flows.error_ui_url, &flows.login.ui_url];
    let after = flows.login.return_urls().chain(&flows.logout.return_url);
    let targets = own.into_iter().chain(after).chain(&selfservice.allowed_return_urls);
    let mut forms = vec!["'self'".to_owned(), api.clone()];
    for target in targets.filter_map(|url| source(url)) {
        if !forms.contains(&target) {
            forms.push(target);
        }
    }
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self' {api}; img-src 'self' data:; connect-src 'self' {api}; \
         form-action {}; frame-ancestors 'none'; base-uri 'none'",
        forms.join(" ")
    )
}

/// The source of a URL in the policy: its origin, with a wildcard where the list has one, or the scheme of an app.
fn source(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if !matches!(scheme, "http" | "https") {
        return Some(format!("{scheme}:"));
    }
    let wild = host.strip_prefix("*.").unwrap_or(host);
    let plain = !wild.is_empty() && wild.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    // The policy's grammar lacks some wildcards; then only the whole scheme is left.
    Some(if plain { format!("{scheme}://{}", host.to_ascii_lowercase()) } else { format!("{scheme}:") })
}

/// Gives an answer the headers of a page.
pub(crate) fn guard(reply: Reply, policy: &str) -> Reply {
    reply
        .header(CONTENT_SECURITY_POLICY, policy)
        .header(X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(REFERRER_POLICY, "strict-origin")
        .header(CACHE_CONTROL, "no-store")
        .header(VARY, "Cookie, Accept-Language")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_origins() {
        for (url, expected) in [
            ("https://App.example.org/path?x#y", Some("https://app.example.org")),
            ("http://127.0.0.1:4455", Some("http://127.0.0.1:4455")),
            ("https://*.apps.example.org/", Some("https://*.apps.example.org")),
            ("https://*example.org/", Some("https:")),
            ("https://a.*.example.org/", Some("https:")),
            ("https://a; script-src *", Some("https:")),
            ("exp://example.org/Callback", Some("exp:")),
            ("/login", None),
            ("", None),
        ] {
            assert_eq!(source(url).as_deref(), expected, "{url}");
        }
    }
}
