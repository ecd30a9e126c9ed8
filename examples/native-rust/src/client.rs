//! HTTP and JSON. A native app sends no cookies: its session is in headers and bodies.

use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::error::Error;

type Bytes = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<std::io::Cursor<Vec<u8>>>>;

/// Largest answer that is read.
const MOST: usize = 1024 * 1024;

/// The public API.
pub(crate) struct Client {
    base: String,
    http: Bytes,
}

/// What it answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The body, `null` if there is none.
    pub(crate) body: Value,
}

impl Client {
    pub(crate) fn new(base: &str) -> Result<Self, String> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|e| format!("the certificates of this system cannot be read: {e}"))?
            .https_or_http()
            .enable_http1()
            .build();
        let http = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { base: base.trim_end_matches('/').to_owned(), http })
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Result<Answer, String> {
        self.send(Method::GET, path, token, None).await
    }

    /// Posts to the form's `ui.action`.
    pub(crate) async fn post(&self, action: &str, body: &Value) -> Result<Answer, String> {
        self.send(Method::POST, action, None, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, body: &Value) -> Result<Answer, String> {
        self.send(Method::DELETE, path, None, Some(body)).await
    }

    async fn send(
        &self,
        method: Method,
        place: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        let url = if place.starts_with('/') { format!("{}{place}", self.base) } else { place.to_owned() };
        let uri: Uri = url.parse().map_err(|e| format!("--url: {url:?} is no address: {e}"))?;
        let mut request = Request::builder().method(method).uri(uri).header("accept", "application/json");
        if let Some(token) = token {
            request = request.header("x-session-token", token);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let sent = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = request.body(Full::new(std::io::Cursor::new(sent))).map_err(|e| format!("{url}: {e}"))?;
        let response = self.http.request(request).await.map_err(|e| format!("{url}: {}", why(&e)))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MOST).collect().await;
        let body = body.map_err(|e| format!("{url}: the answer broke off: {e}"))?.to_bytes();
        Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() })
    }
}

/// The innermost cause: "connection refused" says more than "client error".
fn why(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
