//! A proxy between the functions and the store: it sees every call, and can make one fail the ways DynamoDB does.

use super::{Emulator, dynamodb};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use latchkey::store::Client;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// A call that was made.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function that made it, by its resource in the template.
    pub function: String,
    pub operation: String,
    pub request: Value,
}

/// A way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call never arrives, and its connection ends.
    Unreachable,
    /// The call is done, and the answer is lost.
    AnswerLost,
    /// The table is over its throughput.
    Throttled,
    /// Another transaction touches the same item.
    Conflict,
    /// No part of a batch is done.
    Unprocessed,
}

impl Fault {
    /// All faults that a read of several items can have.
    pub const OF_A_READ: [Self; 4] = [Self::Unreachable, Self::Throttled, Self::Unprocessed, Self::AnswerLost];
}

/// A store that can be watched and made to fail.
pub struct Proxy {
    pub endpoint: String,
    state: Arc<Inner>,
}

/// The store behind the proxy.
pub enum Behind {
    /// The embedded store of this test.
    Embedded(Box<Client>),
    /// One that all tests share.
    Emulator(Box<Emulator>),
}

impl Behind {
    async fn call(&self, target: &str, request: &Value) -> (u16, Value) {
        match self {
            Self::Embedded(client) => dynamodb(client, target, request).await,
            Self::Emulator(emulator) => emulator.call(target, request).await,
        }
    }
}

struct Inner {
    store: Behind,
    calls: Mutex<Vec<Call>>,
    /// Operation, fault, and how often from now on.
    plan: Mutex<Vec<(String, Fault, usize)>>,
}

impl Proxy {
    pub async fn start(store: Behind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Inner { store, calls: Mutex::default(), plan: Mutex::default() });
        let router = Router::new()
            .fallback(pass)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, state }
    }

    /// Makes the next `times` calls of an operation fail.
    pub fn fail(&self, operation: &str, fault: Fault, times: usize) {
        self.state.plan.lock().expect("unlocked").push((operation.to_owned(), fault, times));
    }

    /// Removes all planned faults.
    pub fn heal(&self) {
        self.state.plan.lock().expect("unlocked").clear();
    }

    /// The calls since the previous call of this function.
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.state.calls.lock().expect("unlocked"))
    }

    /// Calls the store itself.
    pub async fn store(&self, operation: &str, request: Value) -> Value {
        let (status, answer) = self.state.store.call(&format!("DynamoDB_20120810.{operation}"), &request).await;
        assert_eq!(status, 200, "{operation} {request}: {answer}");
        answer
    }

    /// Every item of a table.
    pub async fn items(&self, table: &str) -> Vec<Value> {
        let answer = self.store("Scan", json!({"TableName": table, "ConsistentRead": true})).await;
        answer["Items"].as_array().cloned().unwrap_or_default()
    }
}

async fn pass(State(state): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let signed = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let function = signed.split("Credential=").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    // The stack's own calls, which read streams for functions, do not count as calls of functions.
    if function == "local" {
        return answered(state.store.call(target, &request).await);
    }
    state.calls.lock().expect("unlocked").push(Call {
        function: function.to_owned(),
        operation: operation.clone(),
        request: request.clone(),
    });
    let fault = {
        let mut plan = state.plan.lock().expect("unlocked");
        let planned = plan.iter_mut().find(|(name, _, times)| *name == operation && *times > 0);
        planned.map(|(_, fault, times)| {
            *times -= 1;
            *fault
        })
    };
    match fault {
        Some(Fault::Unreachable) => broken(),
        Some(Fault::Throttled) => error("ProvisionedThroughputExceededException", json!({})),
        Some(Fault::Conflict) if operation == "TransactWriteItems" => {
            let count = request["TransactItems"].as_array().map_or(1, Vec::len);
            let reasons: Vec<Value> = (0..count).map(|_| json!({"Code": "TransactionConflict"})).collect();
            error("TransactionCanceledException", json!({"CancellationReasons": reasons}))
        }
        Some(Fault::Conflict) => error("TransactionConflictException", json!({})),
        Some(Fault::Unprocessed) => {
            let answer = json!({"Responses": {}, "UnprocessedKeys": request["RequestItems"]});
            (StatusCode::OK, [("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response()
        }
        fault => {
            // A caller that disconnects does not cancel the store's operation.
            let (asked, target) = (Arc::clone(&state), target.to_owned());
            let answer = tokio::spawn(async move { asked.store.call(&target, &request).await }).await;
            let answer = answer.expect("the store answers");
            if fault == Some(Fault::AnswerLost) { broken() } else { answered(answer) }
        }
    }
}

fn answered((status, answer): (u16, Value)) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response()
}

fn error(kind: &str, more: Value) -> Response {
    let mut body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"), "message": kind});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response()
}

/// An answer that ends too early.
fn broken() -> Response {
    let mut response = Response::new(axum::body::Body::from("{"));
    response.headers_mut().insert("content-length", http::HeaderValue::from_static("4096"));
    response
}
