//! Each function as its own binary behind a Lambda Runtime API, as on AWS: with real cold starts and real process boundaries.
//!
//! Every process has a Runtime API of its own on a port of its own. An idle process is used again, and one that ended is replaced. The
//! number of processes per function is limited. Where Lambda would throttle a call beyond the limit, it waits here.

use crate::functions::Failure;
use crate::guard::{self, Audience, Guard};
use crate::template::Function;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::StatusCode;
use latchkey_platform::{Clock, Environment};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::task::JoinHandle;

/// Most processes of one function, so that many clients at once cannot use up the memory of a laptop.
const MOST_AT_ONCE: usize = 32;

/// Receives the lines that a function writes.
pub type Lines = Arc<dyn Fn(&str) + Send + Sync>;

/// The binaries of a stack and the processes that run them.
pub struct Processes {
    functions: HashMap<String, Launch>,
    idle: Mutex<HashMap<String, Vec<Instance>>>,
    lines: Lines,
    /// The system's: a process has no other, and compares it with its deadline.
    clock: Clock,
}

/// How a function is started.
struct Launch {
    binary: PathBuf,
    env: Vec<(String, String)>,
    places: Semaphore,
}

/// A running process. Dropping it ends the process and its Runtime API.
struct Instance {
    child: Child,
    calls: mpsc::Sender<Invocation>,
    api: JoinHandle<()>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.api.abort();
    }
}

/// An event on its way to a process.
struct Invocation {
    id: String,
    event: String,
    deadline_ms: i128,
    answer: Answering,
}

/// The waiting caller.
type Answering = oneshot::Sender<Result<Value, Failure>>;

impl Processes {
    /// Looks for the binary of every function in a folder.
    ///
    /// # Errors
    /// When one is missing.
    pub fn new(functions: &[Function], folder: &Path, env: &Environment, lines: Lines) -> Result<Self, String> {
        let mut launches = HashMap::new();
        for function in functions {
            let binary = folder.join(&function.binary);
            if !binary.is_file() {
                let missing = binary.display();
                return Err(format!("{missing} is missing: build the functions with `cargo build --workspace`"));
            }
            let env = function.env.iter().fold(env.clone(), |env, (name, value)| env.with(name, value)).pairs();
            launches.insert(function.resource.clone(), Launch { binary, env, places: Semaphore::new(MOST_AT_ONCE) });
        }
        Ok(Self { functions: launches, idle: Mutex::default(), lines, clock: Clock::system() })
    }

    /// Waits until another call of a function is allowed. It is counted for as long as the returned permit is kept.
    pub async fn place(&self, function: &str) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.functions.get(function)?.places.acquire().await.ok()
    }

    /// Calls a function in an idle process, or in a new one.
    ///
    /// # Errors
    /// When the process cannot be started, ends, or answers with an error.
    pub async fn call(&self, function: &str, event: String, id: &str, timeout: Duration) -> Result<Value, Failure> {
        let mut instance = match self.take_idle(function) {
            Some(instance) => instance,
            None => self.start(function).await.map_err(Failure::Crashed)?,
        };
        let deadline_ms = self.clock.now().unix_timestamp_nanos() / 1_000_000 + timeout.as_millis() as i128;
        let (answer, answered) = oneshot::channel();
        let invocation = Invocation { id: id.to_owned(), event, deadline_ms, answer };
        if instance.calls.send(invocation).await.is_err() {
            return Err(Failure::Crashed("its Runtime API is gone".to_owned()));
        }
        let answer = tokio::select! {
            biased;
            answer = answered => answer.unwrap_or_else(|_| Err(Failure::Crashed("it did not answer".to_owned()))),
            ended = instance.child.wait() => {
                Err(Failure::Crashed(ended.map_or_else(|e| e.to_string(), |status| format!("the process ended with {status}"))))
            }
        };
        if answer.is_ok() {
            self.idle.lock().expect("no panic while locked").entry(function.to_owned()).or_default().push(instance);
        }
        answer
    }

    fn take_idle(&self, function: &str) -> Option<Instance> {
        let mut idle = self.idle.lock().expect("no panic while locked");
        let instances = idle.get_mut(function)?;
        while let Some(mut instance) = instances.pop() {
            if matches!(instance.child.try_wait(), Ok(None)) {
                return Some(instance);
            }
        }
        None
    }

    async fn start(&self, function: &str) -> Result<Instance, String> {
        let launch = self.functions.get(function).ok_or_else(|| format!("there is no function {function}"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| format!("no Runtime API: {e}"))?;
        let address = listener.local_addr().map_err(|e| format!("no Runtime API: {e}"))?;
        let (calls, inbox) = mpsc::channel(1);
        let api = tokio::spawn(async move {
            // The listener ends with its process, and its last error has no reader.
            let _ = guard::serve(listener, Guard::new(Audience::Runtime), runtime_api(inbox)).await;
        });
        let mut child = Command::new(&launch.binary)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(moves_the_clock)))
            .envs(launch.env.iter().cloned())
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", function)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{function}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("{}: {e}", launch.binary.display()))?;
        forward(child.stdout.take(), &self.lines);
        forward(child.stderr.take(), &self.lines);
        Ok(Instance { child, calls, api })
    }
}

/// Forwards the output of a process, line by line.
fn forward(pipe: Option<impl AsyncRead + Unpin + Send + 'static>, lines: &Lines) {
    let (Some(pipe), take) = (pipe, Arc::clone(lines)) else { return };
    tokio::spawn(async move {
        let mut read = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = read.next_line().await {
            take(&line);
        }
    });
}

/// What the Runtime API of one process knows.
struct Runtime {
    calls: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    open: Mutex<Option<(String, Answering)>>,
}

impl Runtime {
    fn answer(&self, id: Option<&str>, answer: Result<Value, Failure>) -> StatusCode {
        let mut open = self.open.lock().expect("no panic while locked");
        match open.take_if(|(current, _)| id.is_none_or(|id| id == current)) {
            Some((_, sender)) => {
                // The caller has gone away and needs no answer.
                let _ = sender.send(answer);
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}

fn runtime_api(calls: mpsc::Receiver<Invocation>) -> Router {
    let runtime = Arc::new(Runtime { calls: tokio::sync::Mutex::new(calls), open: Mutex::default() });
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(runtime)
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Response {
    let Some(call) = runtime.calls.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", call.id.clone()),
        ("Lambda-Runtime-Deadline-Ms", call.deadline_ms.to_string()),
        ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:local:000000000000:function:local".to_owned()),
        ("Lambda-Runtime-Trace-Id", format!("Root=1-{:0>8}-{:0>24};Sampled=0", 0, 0)),
        ("Content-Type", "application/json".to_owned()),
    ];
    *runtime.open.lock().expect("no panic while locked") = Some((call.id, call.answer));
    (headers, call.event).into_response()
}

async fn response(State(runtime): State<Arc<Runtime>>, UrlPath(id): UrlPath<String>, body: Bytes) -> StatusCode {
    let answer = serde_json::from_slice(&body).map_err(|e| Failure::Crashed(format!("the answer is not JSON: {e}")));
    runtime.answer(Some(&id), answer)
}

async fn error(State(runtime): State<Arc<Runtime>>, UrlPath(id): UrlPath<String>, body: String) -> StatusCode {
    runtime.answer(Some(&id), Err(Failure::Crashed(body)))
}

async fn init_error(State(runtime): State<Arc<Runtime>>, body: String) -> StatusCode {
    runtime.answer(None, Err(Failure::Crashed(body)))
}

/// Whether a variable belongs to `faketime`: a function has the clock of the process that calls it.
fn moves_the_clock(variable: &str) -> bool {
    variable == "LD_PRELOAD" || variable == "NO_FAKE_STAT" || variable.starts_with("FAKETIME")
}
