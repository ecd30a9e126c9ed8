//! A stack that listens, for tests of programs, and a proxy in front of it that can answer differently.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use hyper::body::Bytes;
use latchkey::cli::api::{Answer, Http};
use latchkey::functions::Functions;
use latchkey::{Options, Stack};
use latchkey_platform::Environment;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

/// A running stack. Ends when it is dropped.
pub struct Served {
    pub public: String,
    pub admin: String,
    pub folder: TempDir,
    pub functions: Arc<Functions>,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Served {
    /// A stack with this configuration; schemas lie beside it.
    pub async fn start(config: &str, processes: Option<PathBuf>) -> Self {
        Self::start_in(config, processes, false).await
    }

    /// The same, perhaps in development mode.
    pub async fn start_in(config: &str, processes: Option<PathBuf>, dev: bool) -> Self {
        super::log::collect();
        let (folder, file) = super::written(config);
        let options = Options { processes, dev, ..Options::of(file) };
        let stack = Stack::start(&options, Environment::default(), Arc::new(|_| ())).await.expect("the stack starts");
        let (at, functions) = (stack.addresses, Arc::clone(&stack.functions));
        let task = tokio::spawn(async move { stack.serve(std::future::pending()).await.expect("it serves") });
        Self { public: format!("http://{}", at.public), admin: format!("http://{}", at.admin), folder, functions, task }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).expect("a temporary file");
        self.path(name)
    }

    /// Gets a path of the admin API.
    pub async fn admin(&self, path: &str) -> Answer {
        get(&format!("{}{path}", self.admin)).await
    }
}

/// Gets a URL.
pub async fn get(url: &str) -> Answer {
    get_with(url, HeaderMap::new()).await
}

/// The same with headers.
pub async fn get_with(url: &str, headers: HeaderMap) -> Answer {
    let url = Url::parse(url).expect("a URL");
    let http = Http::for_url(&url).expect("a client");
    http.send(http::Method::GET, &url, headers, Bytes::new()).await.expect("an answer")
}

/// Waits until a condition holds.
pub async fn eventually<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let mut beat = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..6000 {
        beat.tick().await;
        if let Some(found) = found().await {
            return found;
        }
    }
    panic!("never: {what}")
}

/// Whether a request reaches the stack, and what is answered instead of its answer.
pub type Bend = Arc<dyn Fn(&http::request::Parts, &Bytes) -> Bent + Send + Sync>;

/// See [`Bend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bent {
    /// Unchanged.
    Straight,
    /// The request is done, and the answer has this status.
    AnswerLost(u16),
    /// The request is not done, and the answer has this status.
    Refused(u16),
    /// The request never ends.
    Stuck,
}

/// A proxy between a client and a stack.
pub struct Forward {
    pub url: String,
    task: JoinHandle<()>,
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Forward {
    pub async fn start(to: &str, bend: Bend) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let to = to.to_owned();
        let pass = move |request: Request| {
            let (to, bend) = (to.clone(), Arc::clone(&bend));
            async move {
                let (mut parts, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.expect("a body");
                let bent = bend(&parts, &body);
                let target = Url::parse(&format!("{to}{}", parts.uri)).expect("a URL");
                match bent {
                    Bent::Stuck => std::future::pending().await,
                    Bent::Refused(status) => status_only(status),
                    Bent::Straight | Bent::AnswerLost(_) => {
                        parts.headers.remove("host");
                        let http = Http::for_url(&target).expect("a client");
                        let answer = http.send(parts.method, &target, parts.headers, body).await.expect("an answer");
                        if let Bent::AnswerLost(status) = bent { status_only(status) } else { whole(answer) }
                    }
                }
            }
        };
        let router = Router::new().fallback(pass);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, task }
    }
}

fn status_only(status: u16) -> Response {
    let mut response = Response::new(Body::from("{\"message\":\"bent\"}"));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}

fn whole(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response.headers_mut().remove("transfer-encoding");
    response
}

/// The text of a file; empty while there is none.
pub fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
