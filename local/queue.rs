//! SQS on this machine, as far as functions use it: `SendMessage` with a delay. A queue with a trigger in the template hands
//! its messages to that function when they are due. Messages in any other queue stay there for inspection. Queues are in memory: after a
//! restart, the reader of the stream finds the messages that are still unsent.

use crate::functions::Functions;
use crate::guard::{self, Guard};
use crate::template::{Queue, Source, Trigger};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use latchkey_platform::{ManualClock, Rng};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use uuid::Uuid;

/// The queues of a stack. Clones share them.
#[derive(Clone)]
pub struct Queues(Arc<Inner>);

struct Inner {
    endpoint: String,
    queues: HashMap<String, Queue>,
    readers: HashMap<String, Trigger>,
    clock: ManualClock,
    /// Bodies in queues without a trigger.
    kept: Mutex<HashMap<String, Vec<String>>>,
    /// Messages that a function still has to take.
    waiting: Mutex<HashMap<Uuid, Waiting>>,
    deliveries: Mutex<JoinSet<()>>,
}

/// A message that a function still has to take.
struct Waiting {
    body: Arc<str>,
    due: OffsetDateTime,
}

impl Queues {
    /// Queues at an address, with their triggers. Their delays pass by this clock.
    pub fn new(endpoint: String, queues: &[Queue], triggers: &[Trigger], clock: ManualClock) -> Self {
        let reads = |trigger: &Trigger| match &trigger.source {
            Source::Queue(queue) => Some((queue.clone(), trigger.clone())),
            Source::Stream(_) => None,
        };
        Self(Arc::new(Inner {
            endpoint,
            queues: queues.iter().map(|queue| (queue.resource.clone(), queue.clone())).collect(),
            readers: triggers.iter().filter_map(reads).collect(),
            clock,
            kept: Mutex::default(),
            waiting: Mutex::default(),
            deliveries: Mutex::default(),
        }))
    }

    /// The URL of a queue, by its resource in the template.
    pub fn url(&self, resource: &str) -> String {
        format!("{}/{resource}", self.0.endpoint)
    }

    /// The bodies in a queue without a trigger.
    pub fn kept(&self, resource: &str) -> Vec<String> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).get(resource).cloned().unwrap_or_default()
    }

    /// When the next of the messages with this text in their bodies is due. There is no such time while a function still works on one
    /// that was due, and when none waits.
    pub fn next_due(&self, about: &str) -> Option<OffsetDateTime> {
        let now = self.0.clock.now();
        let next =
            self.waiting().values().filter(|waiting| waiting.body.contains(about)).map(|waiting| waiting.due).min();
        next.filter(|due| *due > now)
    }

    /// Whether every message was taken that a function has to take.
    pub fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Uuid, Waiting>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message into a queue. Returns false when there is no queue of that name.
    pub fn put(&self, functions: &Arc<Functions>, resource: &str, body: &str, delay: Duration) -> bool {
        if !self.0.queues.contains_key(resource) {
            return false;
        }
        let Some(trigger) = self.0.readers.get(resource).cloned() else {
            eprintln!("a message came to rest in {resource}: {body}");
            let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.entry(resource.to_owned()).or_default().push(body.to_owned());
            return true;
        };
        let (queues, functions) = (self.clone(), Arc::clone(functions));
        let (id, resource, body) = (Rng::system().id(), resource.to_owned(), Arc::<str>::from(body));
        self.waiting().insert(id, Waiting { body: Arc::clone(&body), due: self.0.clock.now() + delay });
        let mut deliveries = self.0.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        while deliveries.try_join_next().is_some() {}
        deliveries.spawn(async move {
            queues.deliver(&functions, &trigger, &resource, (id, &body)).await;
            queues.waiting().remove(&id);
        });
        true
    }

    /// Waits until a message is due and hands it over, again and again until the function takes it or it ends elsewhere.
    async fn deliver(&self, functions: &Arc<Functions>, trigger: &Trigger, from: &str, (id, body): (Uuid, &str)) {
        let Some(queue) = self.0.queues.get(from) else { return };
        for receives in 1..=queue.most_receives {
            let Some(due) = self.waiting().get(&id).map(|waiting| waiting.due) else { return };
            self.0.clock.reaches(due).await;
            let record = json!({
                "messageId": id,
                "receiptHandle": id,
                "body": body,
                "attributes": {"ApproximateReceiveCount": receives.to_string()},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:local:000000000000:{from}"),
                "awsRegion": "local",
            });
            let event = json!({ "Records": [record] }).to_string();
            let answer = functions.call(&trigger.function, event, &Rng::system().id().to_string()).await;
            match answer {
                Ok(answer) if answer["batchItemFailures"].as_array().is_none_or(Vec::is_empty) => return,
                Ok(_) => {}
                Err(failure) => eprintln!("{} crashed on a message of {from}: {failure:?}", trigger.function),
            }
            if let Some(waiting) = self.waiting().get_mut(&id) {
                waiting.due = self.0.clock.now() + queue.hidden;
            }
        }
        if let Some(dead) = &queue.dead_letters {
            self.put(functions, dead, body, Duration::ZERO);
        }
    }
}

/// Serves the queues' API behind its guard.
pub async fn serve(listener: TcpListener, guard: Guard, queues: Queues, functions: Arc<Functions>) {
    let router = Router::new().fallback(answer).with_state((queues, functions));
    // The listener ends with the stack.
    let _ = guard::serve(listener, guard, router).await;
}

async fn answer(
    State((queues, functions)): State<(Queues, Arc<Functions>)>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let refuse = |kind: &str| {
        let body = json!({"__type": format!("com.amazonaws.sqs#{kind}"), "message": kind}).to_string();
        (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body).into_response()
    };
    if headers.get("x-amz-target").is_none_or(|target| target != "AmazonSQS.SendMessage") {
        return refuse("UnsupportedOperation");
    }
    let resource = request["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
    let delay = Duration::from_secs(request["DelaySeconds"].as_u64().unwrap_or(0));
    if delay > Duration::from_secs(900) {
        return refuse("InvalidParameterValue");
    }
    if !queues.put(&functions, resource, request["MessageBody"].as_str().unwrap_or_default(), delay) {
        return refuse("QueueDoesNotExist");
    }
    let answer = json!({"MessageId": Rng::system().id(), "MD5OfMessageBody": ""}).to_string();
    ([("content-type", "application/x-amz-json-1.0")], answer).into_response()
}
