//! The client: where it may connect, whom it trusts, and how long and how large an answer may be.

use crate::guard::{Forbidden, Resolver, host_is_public, is_forbidden};
use http::header::LOCATION;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Limits of connections to what configurations name. A function that was frozen has connections that its peers closed, so few
/// seconds of idleness make one too old.
const TIMES: Times = Times { connecting: Duration::from_secs(5), idle: Duration::from_secs(15) };

/// Limits of a client's connections.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How long making one may take.
    pub connecting: Duration,
    /// How long one may be idle before it is not used again.
    pub idle: Duration,
}

/// Where calls may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere: on this machine, or where an operator allowed it.
    Anywhere,
    /// To public addresses alone.
    Public,
}

/// The certificate authorities that a client trusts.
#[derive(Clone, Copy, Debug)]
pub enum Roots<'a> {
    /// Those of the system, as they are when the client is made.
    System,
    /// Only these, in PEM.
    Only(&'a str),
    /// None, for calls without TLS.
    None,
}

/// A client without bounds, for bodies of another type.
pub type Raw<B> = legacy::Client<HttpsConnector<HttpConnector<Resolver>>, B>;

/// Makes a client whose connections have these limits.
///
/// # Errors
/// When there are no certificates, or they cannot be read.
pub fn raw<B>(reach: Reach, roots: Roots<'_>, times: Times) -> Result<Raw<B>, String>
where
    B: Body<Data: Send> + Send,
{
    let mut connector = HttpConnector::new_with_resolver(Resolver::new(reach == Reach::Public));
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(times.connecting));
    let failed = |e: &dyn std::fmt::Display| format!("TLS cannot be set up: {e}");
    let provider = rustls::crypto::ring::default_provider();
    let builder = HttpsConnectorBuilder::new();
    let builder = match roots {
        Roots::System => builder.with_provider_and_native_roots(provider).map_err(|e| failed(&e))?,
        Roots::Only(_) | Roots::None => {
            let mut store = RootCertStore::empty();
            if let Roots::Only(pem) = roots {
                for root in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                    store.add(root.map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
                }
            }
            let tls = ClientConfig::builder_with_provider(Arc::new(provider))
                .with_safe_default_protocol_versions()
                .map_err(|e| failed(&e))?
                .with_root_certificates(store)
                .with_no_client_auth();
            builder.with_tls_config(tls)
        }
    };
    let connector = builder.https_or_http().enable_http1().wrap_connector(connector);
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(times.idle)
        .build(connector))
}

/// A client for addresses that a configuration names.
#[derive(Clone, Debug)]
pub struct Client {
    raw: Raw<Full<Bytes>>,
    reach: Reach,
}

/// Why there is no answer. It holds nothing of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The address must not be called.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It took too long.
    #[error("its server takes too long")]
    TooSlow,
    /// There is no connection, or its certificate is not trusted.
    #[error("its server cannot be reached")]
    Unreachable,
    /// The answer is too large, or broke off.
    #[error("its answer is too large, or breaks off")]
    Broken,
    /// A redirect leads to another scheme, or to no URL.
    #[error("its server redirects to what is not called")]
    Astray,
    /// There are too many redirects.
    #[error("its server redirects again and again")]
    Endless,
}

/// An answer whose body was not read yet.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    until: Instant,
}

impl Answer {
    /// The body, if it has at most `most` bytes and arrives in the time of the call.
    ///
    /// # Errors
    /// When it has more, breaks off or takes too long.
    pub async fn body(self, most: usize) -> Result<Bytes, Failure> {
        let whole = tokio::time::timeout_at(self.until, Limited::new(self.body, most).collect()).await;
        let whole = whole.map_err(|_| Failure::TooSlow)?.map_err(|_| Failure::Broken)?;
        Ok(whole.to_bytes())
    }
}

impl Client {
    /// Makes a client.
    ///
    /// # Errors
    /// When there are no certificates, or they cannot be read.
    pub fn new(reach: Reach, roots: Roots) -> Result<Self, String> {
        Ok(Self { raw: raw(reach, roots, TIMES)?, reach })
    }

    /// Makes one call; reading the body counts into its time. A redirect is an answer like any other.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn call(&self, request: Request<Full<Bytes>>, patience: Duration) -> Result<Answer, Failure> {
        self.call_until(request, Instant::now() + patience).await
    }

    /// Reads what is at an address, and follows at most `redirects` redirects within its scheme, all in this time.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn read(&self, url: &Url, redirects: usize, patience: Duration) -> Result<Answer, Failure> {
        let until = Instant::now() + patience;
        let (scheme, mut url) = (url.scheme().to_owned(), url.clone());
        for _ in 0..=redirects {
            let request = Request::get(url.as_str()).body(Full::default()).map_err(|_| Failure::Astray)?;
            let answer = self.call_until(request, until).await?;
            if !answer.status.is_redirection() {
                return Ok(answer);
            }
            let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            url = location.and_then(|location| url.join(location).ok()).ok_or(Failure::Astray)?;
            if url.scheme() != scheme {
                return Err(Failure::Astray);
            }
        }
        Err(Failure::Endless)
    }

    /// Reads what is at an address, with these headers, in this time.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn get(&self, url: &str, headers: &[(&str, &str)], patience: Duration) -> Result<Answer, Failure> {
        let request = headers.iter().fold(Request::get(url), |request, (name, value)| request.header(*name, *value));
        self.call(request.body(Full::default()).map_err(|_| Failure::Astray)?, patience).await
    }

    async fn call_until(&self, request: Request<Full<Bytes>>, until: Instant) -> Result<Answer, Failure> {
        // The resolver judges names. A host that is an address is never resolved.
        if self.reach == Reach::Public && !request.uri().host().is_some_and(host_is_public) {
            return Err(Forbidden.into());
        }
        match tokio::time::timeout_at(until, self.raw.request(request)).await {
            Err(_) => Err(Failure::TooSlow),
            Ok(Err(error)) if is_forbidden(&error) => Err(Forbidden.into()),
            Ok(Err(_)) => Err(Failure::Unreachable),
            Ok(Ok(answer)) => {
                let (parts, body) = answer.into_parts();
                Ok(Answer { status: parts.status, headers: parts.headers, body, until })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_server::{ok, serve};
    use tokio::net::TcpListener;

    const PATIENCE: Duration = Duration::from_secs(10);

    async fn server(answers: Vec<String>) -> Url {
        serve(answers).await.0
    }

    fn to(location: &str) -> String {
        format!("302 There\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    }

    #[tokio::test]
    async fn redirects_are_followed_within_bounds() {
        let client = Client::new(Reach::Anywhere, Roots::None).unwrap();
        let there = server(vec![to("/other"), ok("here")]).await;
        let answer = client.read(&there, 3, PATIENCE).await.unwrap();
        assert_eq!((answer.status, answer.body(4).await.unwrap().as_ref()), (StatusCode::OK, b"here".as_slice()));
        for (answers, failure) in [
            (vec![to("/a"), to("/b"), to("/c"), to("/d"), ok("")], Failure::Endless),
            (vec![to("file:///etc/passwd")], Failure::Astray),
            (vec![to("https://example.org/")], Failure::Astray),
            (vec!["302 There\r\ncontent-length: 0\r\n\r\n".to_owned()], Failure::Astray),
        ] {
            let there = server(answers).await;
            assert_eq!(client.read(&there, 3, PATIENCE).await.unwrap_err(), failure);
        }
    }

    #[tokio::test]
    async fn answers_are_bounded_in_size_and_time() {
        let client = Client::new(Reach::Anywhere, Roots::None).unwrap();
        let large = server(vec![ok("12345")]).await;
        assert_eq!(client.read(&large, 0, PATIENCE).await.unwrap().body(4).await, Err(Failure::Broken));
        let half = server(vec!["200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_owned()]).await;
        assert_eq!(client.read(&half, 0, PATIENCE).await.unwrap().body(9).await, Err(Failure::Broken));
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap()).parse().unwrap();
        assert_eq!(client.read(&url, 0, Duration::from_millis(50)).await.unwrap_err(), Failure::TooSlow);
    }

    #[tokio::test]
    async fn special_addresses_are_not_called() {
        let client = Client::new(Reach::Public, Roots::None).unwrap();
        for url in [
            "http://169.254.169.254/latest",
            "http://localhost:1/",
            "http://[::1]/",
            "http://2130706433/",
            "http://0177.0.0.1/",
        ] {
            let url = url.parse().unwrap();
            assert_eq!(client.read(&url, 3, PATIENCE).await.unwrap_err(), Failure::Forbidden(Forbidden), "{url}");
        }
    }
}
