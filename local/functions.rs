//! The functions, called as Lambda calls them: an event in, an answer out. In this process, or each in its own.

use crate::processes::Processes;
use crate::template::Function;
use lambda_http::Context;
use latchkey_platform::{Platform, StartError};
use latchkey_web::lambda;
use serde_json::Value;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// Why a function gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The function ended, panicked or reported an error.
    Crashed(String),
    /// It took longer than the template allows.
    TimedOut,
}

type Answering = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;
type Linked = Arc<dyn Fn(String, Context) -> Answering + Send + Sync>;

/// All functions of a stack.
pub struct Functions {
    timeouts: HashMap<String, Duration>,
    /// Behind a lock: a new configuration replaces the functions while calls of the old ones still run.
    how: RwLock<Arc<How>>,
}

enum How {
    /// Linked into this program.
    Linked(HashMap<String, Linked>),
    /// Binaries behind the Runtime API.
    Processes(Processes),
}

impl Functions {
    /// Starts every function in this process. All share one clock; each has this environment and its own variables of the template.
    ///
    /// # Errors
    /// When one cannot start with its environment, as it could not on AWS.
    pub async fn linked(functions: &[Function], platform: &Platform) -> Result<Self, StartError> {
        let mut linked = HashMap::new();
        for function in functions {
            let own = function.env.iter().fold(platform.env.clone(), |env, (name, value)| env.with(name, value));
            let own = Platform { env: own, ..platform.clone() };
            linked.insert(function.resource.clone(), link(&function.binary, own).await?);
        }
        Ok(Self::new(functions, How::Linked(linked)))
    }

    /// Takes every function as a binary of its own, started when it is first called.
    pub fn processes(functions: &[Function], processes: Processes) -> Self {
        Self::new(functions, How::Processes(processes))
    }

    fn new(functions: &[Function], how: How) -> Self {
        Self { timeouts: timeouts(functions), how: RwLock::new(Arc::new(how)) }
    }

    /// Replaces the functions for later calls. Running calls finish on the old ones, whose processes end with the last of them.
    pub fn replace(&self, with: Self) {
        let with = with.how.into_inner().expect("no panic while locked");
        *self.how.write().expect("no panic while locked") = with;
    }

    /// Calls a function by its resource in the template.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn call(&self, function: &str, event: String, request_id: &str) -> Result<Value, Failure> {
        let timeout = self.timeouts.get(function).copied().unwrap_or_default();
        let how = Arc::clone(&self.how.read().expect("no panic while locked"));
        // The wait for a free process does not count towards the timeout.
        let _place = match &*how {
            How::Processes(processes) => processes.place(function).await,
            How::Linked(_) => None,
        };
        let called = async {
            match &*how {
                How::Linked(linked) => {
                    let function = linked
                        .get(function)
                        .ok_or_else(|| Failure::Crashed(format!("there is no function {function}")))?;
                    let mut context = Context::default();
                    request_id.clone_into(&mut context.request_id);
                    // A task of its own, so that a panic ends it and nothing else.
                    let answer = tokio::spawn(function(event, context)).await;
                    answer.unwrap_or_else(|e| Err(Failure::Crashed(e.to_string())))
                }
                How::Processes(processes) => processes.call(function, event, request_id, timeout).await,
            }
        };
        tokio::time::timeout(timeout, called).await.unwrap_or(Err(Failure::TimedOut))
    }
}

fn timeouts(functions: &[Function]) -> HashMap<String, Duration> {
    functions.iter().map(|function| (function.resource.clone(), Duration::from_secs(function.timeout))).collect()
}

async fn link(binary: &str, platform: Platform) -> Result<Linked, StartError> {
    // Functions whose events come from the gateway or from AWS instead of an HTTP request.
    macro_rules! link_events {
        ($($name:literal => $function:ident),* $(,)?) => {
            match binary {
                $($name => {
                    let app = Arc::new($function::App::start(&platform).await?);
                    return Ok(Arc::new(move |event: String, context| -> Answering {
                        let app = Arc::clone(&app);
                        Box::pin(async move {
                            let answer = $function::answer(&app, &event, context);
                            answer.await.map_err(|e| Failure::Crashed(e.to_string()))
                        })
                    }));
                })*
                _ => {}
            }
        };
    }
    link_events!(
        "authorizer" => authorizer,
        "courier" => courier,
        "courier-feedback" => courier_feedback,
        "courier-key" => courier_key,
    );
    macro_rules! link {
        ($($name:literal => $function:ident),* $(,)?) => {
            match binary {
                $($name => {
                    let app = Arc::new($function::App::start(&platform).await.map_err(|e| StartError(e.to_string()))?);
                    Ok(Arc::new(move |event: String, context| -> Answering {
                        let app = Arc::clone(&app);
                        Box::pin(async move {
                            let answer =
                                lambda::invoke(&*app, |app, request| Box::pin($function::handle(app, request)), &event, context);
                            answer.await.map_err(|e| Failure::Crashed(e.to_string()))
                        })
                    }))
                })*
                _ => Err(StartError(format!("template.yaml names a binary {binary:?} that is not part of this program"))),
            }
        };
    }
    link!(
        "init-browser" => init_browser,
        "init-api" => init_api,
        "get-flow" => get_flow,
        "login-submit" => login_submit,
        "whoami" => whoami,
        "sessions" => sessions,
        "logout" => logout,
        "errors" => errors,
        "service" => service,
        "unmatched" => unmatched,
        "ui" => ui,
        "admin-identities" => admin_identities,
        "admin-sessions" => admin_sessions,
        "admin-courier" => admin_courier,
        "admin-unmatched" => admin_unmatched,
        "sample" => sample,
    )
}
