//! Asks whether a password has leaked, beside the hash. Whatever comes of it, nobody is kept from signing in by it.

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambda_http::http::Request;
use latchkey_config::LeakCheck;
use latchkey_hashers::leak::Fingerprint;
use latchkey_web::{Environment, StartError};
use std::time::Duration;

/// Another address than the host's, for tests; a peer on this machine has no certificate.
const URL: &str = "LATCHKEY_LEAKS_URL";
/// More than any answer has: a thousand lines.
const LARGEST_ANSWER: usize = 256 * 1024;

/// Who is asked.
pub(crate) struct Leaks {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    url: String,
    max_breaches: u64,
    patience: Duration,
}

impl Leaks {
    /// Nobody where passwords are not looked for.
    pub(crate) fn open(env: &Environment, check: Option<&LeakCheck>) -> Result<Option<Self>, StartError> {
        let Some(check) = check else { return Ok(None) };
        // Another certificate authority than AWS' vouches for that host, so the system's are read; only where they are needed.
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|e| StartError(format!("the system's certificates cannot be read: {e}")))?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(15)).build(connector);
        let url = env.get(URL).map_or_else(|| format!("https://{}", check.host), str::to_owned);
        Ok(Some(Self { client, url, max_breaches: check.max_breaches, patience: check.patience }))
    }

    /// Whether a password was seen more often than it may have been; `None` when nobody says.
    pub(crate) async fn has(&self, print: &Fingerprint) -> Option<bool> {
        let answer = tokio::time::timeout(self.patience, self.ask(print)).await.ok()??;
        Some(print.seen(&answer) > self.max_breaches)
    }

    async fn ask(&self, print: &Fingerprint) -> Option<String> {
        // Padding hides from the network how many lines the answer has, and so which prefix it is for.
        let request = Request::get(format!("{}/range/{}", self.url, print.prefix()))
            .header("add-padding", "true")
            .header("user-agent", "latchkey")
            .body(Empty::new())
            .ok()?;
        let response = self.client.request(request).await.ok()?;
        if response.status() != 200 {
            return None;
        }
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await.ok()?;
        String::from_utf8(body.to_bytes().to_vec()).ok()
    }
}
