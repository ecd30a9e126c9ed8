//! A client of the public API, by its URL, with the cookies of the browser, for JSON.
//!
//! It trusts the certificate authorities of AWS' own endpoints, like the client of the store, and reads no system bundle at a cold
//! start. The template sets the API's own address, whatever stands in front of the public one. A custom domain with an imported
//! certificate needs a file of roots.

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use lambda_http::http::header::{ACCEPT, COOKIE, SET_COOKIE, USER_AGENT};
use lambda_http::http::{HeaderName, Method, Request};
use latchkey_core::url::join;
use latchkey_platform::Environment;
use latchkey_platform::https::Https;
use latchkey_web::Call;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// The variable with the API's own address, in a deployment and on a developer's machine.
const API_URL: &str = "LATCHKEY_API_URL";
/// A file of PEM certificates to trust besides Amazon's roots.
const TRUSTED_ROOTS: &str = "LATCHKEY_TRUSTED_ROOTS";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an idle connection is used again: after a function was frozen, its connections are closed.
const IDLE: Duration = Duration::from_secs(15);
/// More than any answer has: the longest is a list of sessions.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// The public API.
pub(crate) struct Api {
    client: Https<Empty<Bytes>>,
    base_url: String,
}

/// An answer of the API.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body; null when it is not JSON.
    pub(crate) body: Value,
    /// The cookies that it sets.
    pub(crate) cookies: Vec<String>,
}

/// Why there is no answer; the cause is logged.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The API is unreachable, too slow, or throttles.
    Unreachable(String),
    /// The answer is unusable.
    Broken(String),
}

impl Api {
    /// Prepares calls of the API at the address that the environment or the configuration names.
    pub(crate) fn start(env: &Environment, base_url: &str) -> Self {
        let roots = env.get(TRUSTED_ROOTS).map(PathBuf::from);
        Self { client: Https::trusting(IDLE, roots), base_url: env.get(API_URL).unwrap_or(base_url).to_owned() }
    }

    /// Reads from the API with the cookies of the browser.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn get(&self, call: &Call<'_>, path: &str) -> Result<Answer, Failure> {
        match self.ask(call, Method::GET, path).await {
            // A connection may have been closed while it was idle. Reading twice does no harm.
            Err((failure, true)) => self.ask(call, Method::GET, path).await.map_err(|(_, _)| failure),
            answer => answer.map_err(|(failure, _)| failure),
        }
    }

    /// Deletes through the API with the cookies of the browser.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn delete(&self, call: &Call<'_>, path: &str) -> Result<Answer, Failure> {
        self.ask(call, Method::DELETE, path).await.map_err(|(failure, _)| failure)
    }

    /// One call. The failure says whether a retry may help.
    async fn ask(&self, call: &Call<'_>, method: Method, path: &str) -> Result<Answer, (Failure, bool)> {
        let mut request =
            Request::builder().method(method).uri(join(&self.base_url, path)).header(ACCEPT, "application/json");
        for name in [COOKIE, USER_AGENT, HeaderName::from_static("x-request-id")] {
            for value in call.headers(&name) {
                request = request.header(&name, value);
            }
        }
        let request = request.body(Empty::new()).map_err(|e| (Failure::Broken(e.to_string()), false))?;
        let client = self.client.get().await.map_err(|e| (Failure::Broken(e.to_string()), false))?;
        let exchange = async {
            let response = client.request(request).await.map_err(|e| {
                let again = !e.is_connect();
                (Failure::Unreachable(format!("the API cannot be reached: {e}")), again)
            })?;
            let status = response.status().as_u16();
            let set = response.headers().get_all(SET_COOKIE).iter();
            let cookies: Vec<String> = set.filter_map(|line| line.to_str().ok()).map(str::to_owned).collect();
            let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
            let body = body.map_err(|e| (Failure::Unreachable(format!("the API's answer broke off: {e}")), true))?;
            Ok((status, body.to_bytes(), cookies))
        };
        let (status, body, cookies) = tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| (Failure::Unreachable("the API did not answer in time".to_owned()), false))??;
        let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
        match (status, body) {
            (429 | 503 | 504, _) => Err((Failure::Unreachable(format!("the API answered {status}")), false)),
            (500.., _) => Err((Failure::Broken(format!("the API answered {status}")), false)),
            (_, Ok(body)) => Ok(Answer { status, body, cookies }),
            (_, Err(e)) => {
                Err((Failure::Broken(format!("the API answered {status} with what is no JSON: {e}")), false))
            }
        }
    }
}
