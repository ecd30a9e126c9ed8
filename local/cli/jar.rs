//! A browser's cookies, as far as one host needs them.

use cookie::Cookie;
use http::{HeaderMap, HeaderValue, header};
use latchkey_platform::Clock;
use std::collections::BTreeMap;
use url::Url;

/// The cookies that a host has set.
#[derive(Clone, Debug, Default)]
pub struct Jar(BTreeMap<String, String>);

impl Jar {
    /// Keeps what an answer sets, as a browser would.
    ///
    /// # Errors
    /// Names a cookie that a browser would not keep, and why.
    pub fn keep(&mut self, from: &Url, headers: &HeaderMap) -> Result<(), String> {
        for line in headers.get_all(header::SET_COOKIE) {
            let text = line.to_str().map_err(|_| "a cookie is not text".to_owned())?;
            let cookie = Cookie::parse(text).map_err(|e| format!("a cookie cannot be read: {e}"))?;
            let name = cookie.name();
            let host = from.host_str().unwrap_or_default();
            if cookie.secure() == Some(true) && from.scheme() == "http" && !crate::cli::api::is_loopback(from) {
                return Err(format!("the cookie {name} is Secure, so no browser keeps it from {from}: use https"));
            }
            if let Some(domain) = cookie.domain().filter(|domain| !covers(domain, host)) {
                return Err(format!(
                    "the cookie {name} is for {domain}, so no browser keeps it from {host}: see cookies.domain and session.cookie.domain"
                ));
            }
            let ended = cookie.max_age().is_some_and(|age| !age.is_positive())
                || cookie.expires_datetime().is_some_and(|end| end <= Clock::system().now());
            if ended {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), cookie.value().to_owned());
            }
        }
        Ok(())
    }

    /// The `Cookie` header.
    pub fn header(&self) -> Option<HeaderValue> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut value = (!pairs.is_empty()).then(|| HeaderValue::from_str(&pairs.join("; ")).ok())??;
        value.set_sensitive(true);
        Some(value)
    }
}

fn covers(domain: &str, host: &str) -> bool {
    let domain = domain.trim_start_matches('.');
    host.eq_ignore_ascii_case(domain)
        || host.to_ascii_lowercase().ends_with(&format!(".{}", domain.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(url: &str, lines: &[&str]) -> Result<String, String> {
        let mut jar = Jar::default();
        for line in lines {
            let headers = HeaderMap::from_iter([(header::SET_COOKIE, HeaderValue::from_str(line).unwrap())]);
            jar.keep(&Url::parse(url).unwrap(), &headers)?;
        }
        Ok(jar.header().map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default())
    }

    #[test]
    fn cookies_are_kept_as_a_browser_keeps_them() {
        let secure = "https://login.example.org/";
        assert_eq!(kept(secure, &["a=1; Secure", "b=2; Domain=example.org", "a=3"]).unwrap(), "a=3; b=2");
        assert_eq!(kept(secure, &["a=1", "a=; Max-Age=0"]).unwrap(), "");
        assert_eq!(kept(secure, &["a=1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]).unwrap(), "");
        assert_eq!(kept("http://127.0.0.1:4433/", &["a=1; Secure"]).unwrap(), "a=1");
        assert!(kept("http://login.example.org/", &["a=1; Secure"]).unwrap_err().contains("Secure"));
        assert!(kept(secure, &["a=1; Domain=example.com"]).unwrap_err().contains("example.com"));
        assert!(kept(secure, &["a=1; Domain=in.example.org"]).is_err());
    }
}
