//! A delivery channel that fails on demand, and a way to write queued messages without a flow.

use super::{Bench, Proxy, unique};
use axum::Router;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use latchkey::store::Client;
use latchkey_core::courier::{Code, Content, MessagePayload, QueuedMessage, Requester, TemplateType};
use latchkey_core::identity::Via;
use latchkey_platform::{Environment, Rng};
use latchkey_sealing::PublicKey;
use latchkey_store::{Db, Outbox};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use uuid::Uuid;

/// What a delivery channel does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Takes it.
    Takes,
    /// Refuses it with this status.
    Answers(u16),
    /// Has no room for it now, and asks for a wait of so many seconds.
    Busy(u64),
    /// Takes it, and never answers.
    NeverAnswers,
    /// Takes it, and answers when the test releases it.
    AnswersOnRelease,
}

/// A delivery channel: the courier calls it as it calls the inbox.
#[derive(Clone)]
pub struct TestChannel {
    pub url: String,
    state: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    taken: Mutex<Vec<Value>>,
    /// How often it was called, whatever it answered.
    asked: AtomicUsize,
    /// Recipient (every recipient where there is none), reaction, how many times from now on.
    plan: Mutex<Vec<(Option<String>, Reaction, usize)>>,
    took: Notify,
    release: Notify,
}

impl TestChannel {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/api/messages", listener.local_addr().expect("an address"));
        let state = Arc::<Inner>::default();
        let router = Router::new().fallback(take).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    /// The reaction to the next `times` messages, of one recipient or of all.
    pub fn plan(&self, recipient: Option<&str>, reaction: Reaction, times: usize) {
        self.state.plan.lock().expect("unlocked").push((recipient.map(str::to_owned), reaction, times));
    }

    /// Takes all messages from now on.
    pub fn heal(&self) {
        self.state.plan.lock().expect("unlocked").clear();
    }

    /// Messages that were taken, oldest first.
    pub fn taken(&self) -> Vec<Value> {
        self.state.taken.lock().expect("unlocked").clone()
    }

    /// How often it was called, whatever it answered.
    pub fn asked(&self) -> usize {
        self.state.asked.load(Ordering::Relaxed)
    }

    /// How many messages to a recipient it took.
    pub fn count(&self, recipient: &str) -> usize {
        self.taken().iter().filter(|message| message["to"] == recipient).count()
    }

    /// Lets it answer the message that it holds.
    pub fn release(&self) {
        self.state.release.notify_one();
    }

    /// Waits for the next message to be taken.
    pub async fn next(&self) {
        self.state.took.notified().await;
    }
}

async fn take(
    State(state): State<Arc<Inner>>,
    axum::Json(mut message): axum::Json<Value>,
) -> (StatusCode, HeaderMap, String) {
    state.asked.fetch_add(1, Ordering::Relaxed);
    // Large, and the same as the text.
    message["html"] = Value::Null;
    let reaction = {
        let mut plan = state.plan.lock().expect("unlocked");
        let fits = |(to, _, times): &&mut (Option<String>, Reaction, usize)| {
            *times > 0 && to.as_ref().is_none_or(|to| message["to"] == to.as_str())
        };
        plan.iter_mut().find(fits).map_or(Reaction::Takes, |(_, reaction, times)| {
            *times -= 1;
            *reaction
        })
    };
    let said = format!("about {} to {}", message["text"], message["to"]);
    let none = HeaderMap::new();
    match reaction {
        Reaction::Answers(status) => return (StatusCode::from_u16(status).expect("a status"), none, said),
        Reaction::Busy(seconds) => {
            let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, seconds.into())]);
            return (StatusCode::TOO_MANY_REQUESTS, headers, said);
        }
        Reaction::Takes | Reaction::NeverAnswers | Reaction::AnswersOnRelease => {}
    }
    state.taken.lock().expect("unlocked").push(message);
    state.took.notify_one();
    match reaction {
        Reaction::NeverAnswers => std::future::pending().await,
        Reaction::AnswersOnRelease => state.release.notified().await,
        Reaction::Takes | Reaction::Answers(_) | Reaction::Busy(_) => {}
    }
    (StatusCode::NO_CONTENT, none, String::new())
}

/// A message that is not written yet.
#[derive(Clone, Debug)]
pub struct Draft {
    pub message: QueuedMessage,
    pub code: String,
    pub item: Map<String, Value>,
}

impl Draft {
    /// A message with a code to an address.
    pub fn new(key: &PublicKey, recipient: &str, created_at: OffsetDateTime) -> Self {
        Self::with_code(key, recipient, created_at, &unique("code"))
    }

    /// A message with this code to an address.
    pub fn with_code(key: &PublicKey, recipient: &str, created_at: OffsetDateTime, code: &str) -> Self {
        Self::of(
            key,
            code,
            QueuedMessage {
                id: Rng::system().id(),
                via: Via::Email,
                recipient: recipient.to_owned(),
                template: TemplateType::LoginCodeValid,
                created_at,
                expires_at: Some(created_at + time::Duration::minutes(10)),
                request: None,
            },
        )
    }

    /// This message with this code.
    pub fn of(key: &PublicKey, code: &str, message: QueuedMessage) -> Self {
        let payload = MessagePayload {
            content: Content::LoginCode(Code::new(code).expect("a code")),
            identity: json!({"traits": {"email": message.recipient}}),
            request_url: "https://login.example.org/self-service/login/browser".to_owned(),
            transient_payload: json!({}),
            languages: vec!["en".to_owned()],
            request_headers: BTreeMap::new(),
            requester: Requester::default(),
        };
        let plain = serde_json::to_vec(&payload).expect("JSON");
        let sealed = key.seal(&plain, &message.authenticated()).expect("sealed");
        Self { item: item(&message, &sealed), message, code: code.to_owned() }
    }

    /// The same sealed payload in an item that was altered.
    pub fn altered(mut self, change: impl FnOnce(&mut QueuedMessage)) -> Self {
        let sealed = STANDARD.decode(self.item["sealed"]["B"].as_str().expect("sealed")).expect("base64");
        change(&mut self.message);
        self.item = item(&self.message, &sealed);
        self
    }

    pub fn id(&self) -> Uuid {
        self.message.id
    }

    /// As the transaction of a flow would write it.
    pub fn write(&self) -> Value {
        json!({"TransactItems": [{"Put": {"TableName": "outbox", "Item": self.item}}]})
    }

    /// The record that the table's stream has of it.
    pub fn record(&self) -> Value {
        record(&self.id().to_string())
    }
}

/// The item of a message, as a request has it.
fn item(message: &QueuedMessage, sealed: &[u8]) -> Map<String, Value> {
    let put = outbox(&Client::new("http://127.0.0.1:9", "local")).put(message, sealed).expect("an item");
    let item = put.put().expect("a put").item();
    let wire = item.iter().map(|(name, value)| {
        let wire = match (value.as_s(), value.as_n(), value.as_b()) {
            (Ok(text), ..) => json!({ "S": text }),
            (_, Ok(number), _) => json!({ "N": number }),
            (.., Ok(bytes)) => json!({"B": STANDARD.encode(bytes)}),
            _ => panic!("an attribute of another type: {value:?}"),
        };
        (name.clone(), wire)
    });
    wire.collect()
}

/// A record of the outbox' stream.
pub fn record(pk: &str) -> Value {
    json!({
        "eventID": unique("event"), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "local",
        "dynamodb": {"Keys": {"pk": {"S": pk}}, "SequenceNumber": unique("1"), "StreamViewType": "KEYS_ONLY"},
    })
}

/// The outbox of a store.
pub fn outbox(store: &Client) -> Outbox {
    let env = [
        ("AWS_REGION", "local"),
        ("AWS_ACCESS_KEY_ID", store.key()),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_ENDPOINT_URL", store.endpoint()),
        ("LATCHKEY_TABLE_OUTBOX", "outbox"),
    ];
    let env = Environment::from_pairs(env.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Outbox::open(&Db::start(&env).expect("a client"), &env).expect("a table")
}

impl Proxy {
    /// What is stored of a message.
    pub async fn message(&self, id: Uuid) -> Value {
        let key = json!({"pk": {"S": id.to_string()}});
        self.store("GetItem", json!({"TableName": "outbox", "Key": key, "ConsistentRead": true})).await["Item"].clone()
    }
}

impl Bench {
    /// A code to an address, not written yet.
    pub fn draft(&self, recipient: &str) -> Draft {
        Draft::new(&self.stack.courier_key, recipient, self.now())
    }

    /// Writes a message, which the stream then brings to the courier.
    pub async fn post(&self, recipient: &str) -> Draft {
        let draft = self.draft(recipient);
        self.proxy.store("TransactWriteItems", draft.write()).await;
        draft
    }

    /// Waits until the courier has tried to send a message.
    pub async fn tried(&self, id: Uuid) {
        super::eventually("an attempt", async || {
            let seen = self.admin_sees(id).await;
            seen["dispatches"].as_array().is_some_and(|all| !all.is_empty()).then_some(())
        })
        .await;
    }

    /// A message as administrators see it.
    pub async fn admin_sees(&self, id: Uuid) -> Value {
        self.admin().get(&format!("/admin/courier/messages/{id}")).await.json()
    }

    /// Waits until a message has this status, and turns the clock to each attempt.
    pub async fn until(&self, id: Uuid, status: &str) -> Value {
        let about = id.to_string();
        let found = self.turn_about(&about, status, async || {
            let seen = self.admin_sees(id).await;
            (seen["status"] == status).then_some(seen)
        });
        tokio::time::timeout(Duration::from_secs(60), found).await.unwrap_or_else(|_| panic!("never {status}"))
    }

    /// Brings an event to the courier.
    pub async fn bring(&self, records: &[Value]) -> Result<Value, latchkey::functions::Failure> {
        let event = json!({ "Records": records }).to_string();
        self.stack.functions.call("CourierFunction", event, "a-request").await
    }
}
