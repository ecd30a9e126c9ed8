//! The DynamoDB client, and what every call to it has in common: counting, telling failures apart, trying again.
//!
//! The client is built from the variables that Lambda provides, without the general credential chain: that chain costs
//! milliseconds of every cold start and would find nothing else on Lambda. Trusted are only the roots that AWS endpoints
//! chain to, so no system bundle is read.

pub use crate::error::StoreError;

use crate::item::Item;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, StalledStreamProtectionConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{CancellationReason, KeysAndAttributes, TransactWriteItem};
use aws_sdk_dynamodb::{Client, Config};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, try_unfold};
use latchkey_platform::aws::{credentials, https, region};
use latchkey_platform::{Environment, StartError, meter};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SetOnce;
use uuid::Uuid;

/// How often a cancelled or unfinished request is made again before the caller gets an error.
const TRIES: u32 = 6;
/// Most keys that one call reads.
const MOST_KEYS: usize = 100;
/// Most items of a transaction.
pub(crate) const MOST_IN_TRANSACTION: usize = 100;

/// Why a transaction did not happen: for each of its parts whether its condition failed, and the item as it then was where the part
/// asks for it.
#[derive(Debug)]
pub(crate) struct Cancelled {
    parts: Vec<(bool, Option<Item>)>,
}

impl Cancelled {
    /// Whether the condition of the part at this place failed.
    pub(crate) fn failed(&self, place: usize) -> bool {
        self.parts.get(place).is_some_and(|(failed, _)| *failed)
    }

    /// The item of the part at this place; `None` when there is none, or when the part did not ask for it.
    pub(crate) fn item(&self, place: usize) -> Option<&Item> {
        self.parts.get(place)?.1.as_ref()
    }
}

/// A connection to DynamoDB.
///
/// Making the client, its TLS above all, takes as long as everything else that a function does before it asks for its first
/// event. So it is made beside that, and awaited by the first call.
#[derive(Clone, Debug)]
pub struct Db {
    client: Arc<SetOnce<Client>>,
}

impl Db {
    /// Connects as the environment says: `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, and
    /// `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL` for another store than AWS' own.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn start(env: &Environment) -> Result<Self, StartError> {
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region(env)?)
            .credentials_provider(credentials(env)?)
            .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50)))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(2))
                    .operation_attempt_timeout(Duration::from_secs(4))
                    .operation_timeout(Duration::from_secs(10))
                    .build(),
            )
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let endpoint = endpoint(env).map(str::to_owned);
        if let Some(url) = &endpoint {
            config = config.endpoint_url(url);
        }
        let db = Self { client: Arc::default() };
        let client = Arc::clone(&db.client);
        std::thread::spawn(move || {
            let http = https::client(endpoint.as_deref());
            // This thread alone sets it.
            let _ = client.set(Client::from_conf(config.http_client(http).build()));
            https::prepare(endpoint.as_deref());
        });
        Ok(db)
    }

    /// The client, once it is made.
    pub(crate) async fn client(&self) -> &Client {
        self.client.wait().await
    }

    /// Opens the first connection in the background, so that the handshake is done when the first request comes. What the
    /// read finds does not matter. A function is granted what its requests need, so the read is one that they make too.
    pub(crate) fn warm(&self, table: &str, key: Item) {
        let (db, table) = (self.clone(), table.to_owned());
        tokio::spawn(async move {
            let client = db.client().await;
            https::after_the_first_poll().await;
            let _ = client.get_item().table_name(table).set_key(Some(key)).send().await;
        });
    }

    /// The same for functions that read the table by batches.
    pub(crate) fn warm_by_batch(&self, table: &str, key: Item) {
        let (db, table) = (self.clone(), table.to_owned());
        tokio::spawn(async move {
            https::after_the_first_poll().await;
            let _ = db.batch_get(vec![(&table, vec![key])]).await;
        });
    }

    /// Reads one item by key, strongly consistent. `name` is the call's in the meter.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn get(&self, name: &'static str, table: &str, key: Item) -> Result<Option<Item>, StoreError> {
        let call = self.client().await.get_item().table_name(table).set_key(Some(key)).consistent_read(true).send();
        Ok(send(name, call).await?.item)
    }

    /// Reads items of one table by key, in no order, with as many calls as they take; none for no keys.
    ///
    /// # Errors
    /// As [`batch_get`](Self::batch_get).
    pub(crate) async fn get_many(&self, table: &str, keys: &[Item]) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(MOST_KEYS) {
            // On the heap, or functions that wrap many futures reach the compiler's limit of depth.
            let mut found = Box::pin(self.batch_get(vec![(table, chunk.to_vec())])).await?;
            items.extend(found.remove(table).unwrap_or_default());
        }
        Ok(items)
    }

    /// Reads many items by key, strongly consistent, in one call; asks again for keys that DynamoDB left unprocessed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when keys stay unprocessed: an answer made of half of what was asked for would be wrong.
    pub(crate) async fn batch_get(
        &self,
        keys: Vec<(&str, Vec<Item>)>,
    ) -> Result<HashMap<String, Vec<Item>>, StoreError> {
        let mut wanted = HashMap::new();
        for (table, keys) in keys.into_iter().filter(|(_, keys)| !keys.is_empty()) {
            let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            wanted.insert(table.to_owned(), keys.map_err(|e| StoreError::Unavailable(e.to_string()))?);
        }
        let mut found: HashMap<String, Vec<Item>> = HashMap::new();
        for attempt in 0..TRIES {
            if wanted.is_empty() {
                return Ok(found);
            }
            pause(attempt, 0).await;
            let call = self.client().await.batch_get_item().set_request_items(Some(wanted)).send();
            let answer = meter::call("BatchGetItem", call).await.map_err(unavailable)?;
            for (table, items) in answer.responses.unwrap_or_default() {
                found.entry(table).or_default().extend(items);
            }
            wanted = answer.unprocessed_keys.unwrap_or_default();
        }
        if wanted.is_empty() { Ok(found) } else { Err(StoreError::Unavailable("keys stayed unprocessed".into())) }
    }

    /// Writes all items or none.
    ///
    /// All attempts share one token, so an attempt whose answer was lost counts as done. Conflicts with other transactions
    /// and throttling are tried again; a failed condition is final.
    ///
    /// # Errors
    /// `Ok(Err(_))` when a condition failed, [`StoreError`] when it is not known whether the transaction happened.
    pub(crate) async fn transact(
        &self,
        items: Vec<TransactWriteItem>,
        token: Uuid,
    ) -> Result<Result<(), Cancelled>, StoreError> {
        let mut last = String::new();
        for attempt in 0..TRIES {
            // Requests that collided have different tokens, so they wait differently long and do not collide again.
            pause(attempt, token.as_u128() % 16).await;
            let call = self
                .client()
                .await
                .transact_write_items()
                .set_transact_items(Some(items.clone()))
                .client_request_token(token.to_string())
                .send();
            let error = match meter::call("TransactWriteItems", call).await {
                Ok(_) => return Ok(Ok(())),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let reasons = cancelled.cancellation_reasons();
                    let failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
                    if reasons.iter().any(failed) {
                        let parts = reasons.iter().map(|reason| (failed(reason), reason.item().cloned()));
                        return Ok(Err(Cancelled { parts: parts.collect() }));
                    }
                    last = format!("{reasons:?}");
                }
                Some(TransactWriteItemsError::TransactionInProgressException(_)) => last = "in progress".into(),
                _ => return Err(unavailable(error)),
            }
        }
        Err(StoreError::Unavailable(format!("a transaction kept colliding with others: {last}")))
    }
}

fn endpoint(env: &Environment) -> Option<&str> {
    env.get("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| env.get("AWS_ENDPOINT_URL"))
}

/// The pages of a query, each asked for after the one before was used. `name` is each call's in the meter.
pub(crate) fn pages(
    name: &'static str,
    query: QueryFluentBuilder,
) -> BoxStream<'static, Result<QueryOutput, StoreError>> {
    try_unfold(Some(query), move |next| async move {
        let Some(query) = next else { return Ok(None) };
        let page = send(name, query.clone().send()).await?;
        let next = page.last_evaluated_key.clone().map(|last| query.set_exclusive_start_key(Some(last)));
        Ok(Some((page, next)))
    })
    .boxed()
}

/// Updates an item under the condition of the call; `None` when the condition failed. `name` is the call's in the meter.
pub(crate) fn update_if(
    name: &'static str,
    call: UpdateItemFluentBuilder,
) -> BoxFuture<'static, Result<Option<UpdateItemOutput>, StoreError>> {
    // On the heap, or functions that wrap many futures reach the compiler's limit of depth.
    Box::pin(async move {
        match meter::call(name, call.send()).await {
            Ok(done) => Ok(Some(done)),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(None),
            Err(e) => Err(unavailable(e)),
        }
    })
}

/// Counts a call and makes every failure of it the same kind.
pub(crate) async fn send<T, E>(
    name: &'static str,
    call: impl Future<Output = Result<T, SdkError<E>>>,
) -> Result<T, StoreError>
where
    E: ProvideErrorMetadata,
{
    meter::call(name, call).await.map_err(unavailable)
}

/// What the log may say of a failure: its kind. The request and the answer hold the data of users, so they are never logged.
#[expect(clippy::needless_pass_by_value, reason = "the error ends here")]
pub(crate) fn unavailable<E: ProvideErrorMetadata>(error: SdkError<E>) -> StoreError {
    StoreError::Unavailable(match &error {
        SdkError::ServiceError(_) => {
            format!("{}: {}", error.code().unwrap_or("refused"), error.message().unwrap_or("no message"))
        }
        SdkError::TimeoutError(_) => "timed out".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "timed out while connecting".to_owned(),
        SdkError::DispatchFailure(_) => "no connection".to_owned(),
        SdkError::ResponseError(_) => "an answer that cannot be read".to_owned(),
        _ => "a request that cannot be made".to_owned(),
    })
}

/// Waits a little longer before each further attempt, by up to `spread` milliseconds more; not at all before the first.
#[expect(clippy::disallowed_methods, reason = "backing off between attempts, not waiting for a race to settle")]
async fn pause(attempt: u32, spread: u128) {
    if attempt > 0 {
        // `spread` is below 16.
        tokio::time::sleep(Duration::from_millis((10 << attempt) + spread as u64)).await;
    }
}
