//! A request that a configuration describes: its address, method, headers and authentication. They are checked once; then it is sent
//! with many bodies.

use crate::client::{Answer, Client, Failure};
use crate::retry::Retries;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;

/// How a request proves who sends it, as Kratos configures it (`request_config.auth`).
#[derive(Clone, Debug)]
pub enum Auth {
    /// A user and a password (`basic_auth`; RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A key in a header (`api_key` with `in: header`).
    Header {
        /// The header.
        name: String,
        /// The key.
        value: SecretString,
    },
    /// A key in a cookie (`api_key` with `in: cookie`).
    Cookie {
        /// The cookie.
        name: String,
        /// The key.
        value: SecretString,
    },
}

/// A request as a configuration describes it (`request_config`).
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The address.
    pub url: String,
    /// The method.
    pub method: String,
    /// The headers that may be shown.
    pub headers: Vec<(String, String)>,
    /// The headers that are secret. They replace others of the same name.
    pub secret_headers: Vec<(String, SecretString)>,
    /// The authentication.
    pub auth: Option<Auth>,
}

/// A part of a request that is not usable. It holds nothing of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct InvalidEndpoint {
    /// The key below `request_config`.
    pub key: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A request that was checked.
#[derive(Clone, Debug)]
pub struct Endpoint {
    client: Client,
    url: Uri,
    method: Method,
    headers: HeaderMap,
    timeout: Duration,
    retries: Retries,
}

impl Endpoint {
    /// Checks a request. Each attempt to send it may take `timeout`.
    ///
    /// # Errors
    /// Names the part that is not usable.
    pub fn new(client: Client, request: &Request, timeout: Duration) -> Result<Self, InvalidEndpoint> {
        let invalid = |key, why| InvalidEndpoint { key, why };
        let url = request.url.parse().map_err(|_| invalid("url", "is no URL"))?;
        let method = request.method.parse().map_err(|_| invalid("method", "is no method"))?;
        let mut headers = HeaderMap::new();
        let shown = request.headers.iter().map(|(name, value)| (name, value.as_str(), false));
        let secret = request.secret_headers.iter().map(|(name, value)| (name, value.expose_secret(), true));
        for (name, value, is_secret) in shown.chain(secret) {
            let name: HeaderName = name.parse().map_err(|_| invalid("headers", "a name is no header's"))?;
            let value = header_value(value, is_secret);
            headers.insert(name, value.ok_or(invalid("headers", "a value is not allowed in a header"))?);
        }
        if let Some(auth) = &request.auth {
            let (name, value) = auth.header();
            let name: HeaderName = name.parse().map_err(|_| invalid("auth.config.name", "is no header's name"))?;
            let value = header_value(&value, true);
            headers.insert(name, value.ok_or(invalid("auth.config", "it cannot stand in a header"))?);
        }
        Ok(Self { client, url, method, headers, timeout, retries: Retries::NONE })
    }

    /// Sends it again where its service cannot be reached, is too slow, or answers 429, 502, 503 or 504.
    #[must_use]
    pub fn retrying(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Changes how long each attempt may take.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The media type of the body without its parameters; `default` becomes that of a request without one.
    pub fn content_type(&mut self, default: &'static str) -> &str {
        let value = self.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(default));
        value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim()
    }

    /// Sends it with a body. A redirect is an answer like any other.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, body: impl Into<Bytes>) -> Result<Answer, Failure> {
        let body = body.into();
        let mut retries = self.retries;
        loop {
            let mut request = http::Request::new(Full::new(body.clone()));
            *request.method_mut() = self.method.clone();
            *request.uri_mut() = self.url.clone();
            *request.headers_mut() = self.headers.clone();
            let last = self.client.call(request, self.timeout).await;
            let may_succeed = match &last {
                Ok(answer) => is_temporary(answer.status),
                Err(failure) => matches!(failure, Failure::TooSlow | Failure::Unreachable),
            };
            if !may_succeed || !retries.next().await {
                return last;
            }
        }
    }
}

impl Auth {
    fn header(&self) -> (String, String) {
        match self {
            Self::Basic { user, password } => {
                let both = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
                (AUTHORIZATION.to_string(), format!("Basic {both}"))
            }
            Self::Header { name, value } => (name.clone(), value.expose_secret().to_owned()),
            Self::Cookie { name, value } => (COOKIE.to_string(), format!("{name}={}", value.expose_secret())),
        }
    }
}

fn header_value(text: &str, is_secret: bool) -> Option<HeaderValue> {
    let mut value: HeaderValue = text.parse().ok()?;
    value.set_sensitive(is_secret);
    Some(value)
}

fn is_temporary(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Reach, Roots};
    use crate::test_server::{ok, serve};

    fn endpoint(request: Request) -> Result<Endpoint, InvalidEndpoint> {
        let client = Client::new(Reach::Anywhere, Roots::None).unwrap();
        Endpoint::new(client, &request, Duration::from_secs(10))
    }

    fn post(url: &str) -> Request {
        Request { url: url.to_owned(), method: "POST".to_owned(), ..Request::default() }
    }

    #[tokio::test]
    async fn authentication_becomes_a_header() {
        let secret = || SecretString::from("hidden");
        for (auth, line) in [
            (Auth::Basic { user: "me".into(), password: secret() }, "authorization: Basic bWU6aGlkZGVu\r\n"),
            (Auth::Header { name: "X-Key".into(), value: secret() }, "x-key: hidden\r\n"),
            (Auth::Cookie { name: "key".into(), value: secret() }, "cookie: key=hidden\r\n"),
        ] {
            let (url, served) = serve(vec![ok("")]).await;
            let request = Request { auth: Some(auth), ..post(url.as_str()) };
            let endpoint = endpoint(request).unwrap();
            assert!(!format!("{endpoint:?}").contains("hidden") && !format!("{endpoint:?}").contains("bWU6"));
            assert_eq!(endpoint.send("body").await.unwrap().status, 200);
            let requests = served.await.unwrap();
            assert!(requests[0].starts_with("POST /there HTTP/1.1\r\n") && requests[0].contains(line), "{requests:?}");
        }
    }

    #[test]
    fn unusable_parts_are_named() {
        let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let good = post("https://example.org/");
        for (request, key) in [
            (post("no url at all"), "url"),
            (Request { method: "A B".into(), ..good.clone() }, "method"),
            (Request { headers: header("a b", "c"), ..good.clone() }, "headers"),
            (Request { headers: header("a", "b\r\nc: d"), ..good.clone() }, "headers"),
            (
                Request { auth: Some(Auth::Header { name: "a b".into(), value: "c".into() }), ..good.clone() },
                "auth.config.name",
            ),
            (Request { auth: Some(Auth::Header { name: "a".into(), value: "c\n".into() }), ..good }, "auth.config"),
        ] {
            assert_eq!(endpoint(request).unwrap_err().key, key);
        }
    }

    #[tokio::test]
    async fn temporary_failures_are_retried_where_asked_for() {
        let busy = "503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned();
        let (url, _served) = serve(vec![busy.clone(), ok("")]).await;
        assert_eq!(endpoint(post(url.as_str())).unwrap().send("").await.unwrap().status, 503);
        let retries = Retries { most: 2, first_wait: Duration::from_millis(1) };
        let (url, _served) = serve(vec![busy.clone(), busy.clone(), ok("")]).await;
        let sent = endpoint(post(url.as_str())).unwrap().retrying(retries).send("").await;
        assert_eq!(sent.unwrap().status, 200);
        let (url, _served) = serve(vec![busy.clone(), busy.clone(), busy]).await;
        let sent = endpoint(post(url.as_str())).unwrap().retrying(retries).send("").await;
        assert_eq!(sent.unwrap().status, 503, "the last answer counts");
        let nowhere = endpoint(post("http://127.0.0.1:1/")).unwrap().retrying(retries).send("").await;
        assert_eq!(nowhere.unwrap_err(), Failure::Unreachable);
    }
}
