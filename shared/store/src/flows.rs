//! The `flows` table: login flows, stored errors, and pending session token exchanges, each under a key of its kind and id.

use crate::db::{Db, StoreError, send};
use crate::item::{FORMAT, Item, count, doc, flag, key, n, read_doc, read_json, string, ttl};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use latchkey_core::code::SentCode;
use latchkey_core::flow::LoginFlow;
use latchkey_core::token;
use latchkey_platform::{Environment, StartError, meter};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long an item outlives its end: an expired flow is still answered with what to do next.
const KEPT_AFTER_EXPIRY: Duration = Duration::days(1);
/// How long a stored error can be fetched.
const ERROR_LIFESPAN: Duration = Duration::days(1);
/// The condition under which anything of a flow may still be written.
const NOT_DONE: &str = "attribute_exists(pk) AND attribute_not_exists(done)";

/// A handle for the `flows` table.
#[derive(Clone, Debug)]
pub struct Flows {
    db: Db,
    table: String,
}

/// A login flow as read.
#[derive(Clone, Debug)]
pub struct StoredFlow {
    /// The facts.
    pub flow: LoginFlow,
    /// Whether a login was completed with it; it can be read, but not used again.
    pub done: bool,
    /// Codes that were sent last.
    pub codes: Vec<SentCode>,
    /// How often codes were sent; what is decided before a send is overtaken by it.
    pub sends: u64,
    /// How many codes were tried.
    pub attempts: u64,
}

/// How far a flow has come, for whoever must know that and nothing else of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Whether a login was completed with it.
    pub done: bool,
    /// How often codes were sent.
    pub sends: u64,
    /// How many codes were tried.
    pub attempts: u64,
}

/// Codes that take the place of those that were sent before.
#[derive(Clone, Copy, Debug)]
pub struct Codes<'a> {
    /// The codes.
    pub codes: &'a [SentCode],
    /// How many had been sent when the flow was read.
    pub sends: u64,
    /// Whether attempts at them are counted from the beginning, because those before were used up.
    pub fresh_attempts: bool,
}

/// An error that a browser is sent to look at.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoredError {
    /// The inner error object.
    pub error: Value,
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A native app waiting for a browser to finish its login.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The flow that is to be finished.
    pub flow: Uuid,
    /// The half of the code pair that the browser will bring back.
    pub return_to_code: String,
    /// End of the wait.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// What became of writing to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// Written.
    Stored,
    /// Somebody completed the flow in the meantime; nothing was written.
    AlreadyDone,
    /// A code was sent in the meantime, and the flow shows that; nothing was written.
    Overtaken,
}

impl Flows {
    /// The table named by `LATCHKEY_TABLE_FLOWS`.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn open(db: &Db, env: &Environment) -> Result<Self, StartError> {
        let table = env.require("LATCHKEY_TABLE_FLOWS", "the name of the table of flows")?.to_owned();
        Ok(Self { db: db.clone(), table })
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// Opens the first connection before the first request comes.
    pub fn warm(&self) {
        self.db.warm(&self.table, key("warm", None));
    }

    /// Stores a new flow.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin(&self, flow: &LoginFlow) -> Result<(), StoreError> {
        self.put("PutItem flow", flow_item(flow)?).await
    }

    /// Stores a new flow together with the exchange that a native app will ask for with `init_code`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin_with_exchange(
        &self,
        flow: &LoginFlow,
        init_code: &str,
        request: Uuid,
    ) -> Result<(), StoreError> {
        let exchange = Exchange {
            flow: flow.id,
            return_to_code: flow.return_to_code.clone().unwrap_or_default(),
            expires_at: flow.expires_at,
        };
        let mut item = key(exchange_key(init_code), None);
        item.extend(body(&exchange, flow.expires_at + KEPT_AFTER_EXPIRY)?);
        let items = vec![self.put_action(flow_item(flow)?)?, self.put_action(item)?];
        match self.db.transact(items, request).await? {
            Ok(()) => Ok(()),
            Err(_) => Err(StoreError::Unavailable("an unconditional write was refused".into())),
        }
    }

    /// Reads a flow.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get(&self, id: Uuid) -> Result<Option<StoredFlow>, StoreError> {
        self.read("GetItem flow", flow_key(id)).await?.as_ref().map(read_flow).transpose()
    }

    /// Reads how far a flow has come.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn progress(&self, id: Uuid) -> Result<Option<Progress>, StoreError> {
        let call = self
            .db
            .client()
            .await
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(flow_key(id), None)))
            .projection_expression("pk, done, sends, attempts")
            .consistent_read(true)
            .send();
        let item = send("GetItem progress", call).await?.item;
        item.as_ref()
            .map(|item| {
                Ok(Progress {
                    done: flag(item, "done"),
                    sends: count(item, "sends")?,
                    attempts: count(item, "attempts")?,
                })
            })
            .transpose()
    }

    /// Stores what a flow says after a submission, unless it was completed or a code was sent in the meantime. `sends` is how
    /// many had been sent when the flow was read.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn save(&self, flow: &LoginFlow, sends: u64) -> Result<Saved, StoreError> {
        self.write(flow, None, sends).await
    }

    /// The same, with codes of which one has served.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn spend(&self, flow: &LoginFlow, codes: &[SentCode], sends: u64) -> Result<Saved, StoreError> {
        self.write(flow, Some(codes), sends).await
    }

    async fn write(&self, flow: &LoginFlow, codes: Option<&[SentCode]>, sends: u64) -> Result<Saved, StoreError> {
        let with_codes = codes.map_or("", |_| ", codes = :codes");
        let call = self
            .db
            .client()
            .await
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(flow_key(flow.id), None)))
            .update_expression(format!("SET doc = :doc{with_codes}"))
            .condition_expression(format!("{NOT_DONE} AND {}", same_sends(sends)))
            .expression_attribute_values(":doc", doc(flow)?)
            .expression_attribute_values(":sends", n(sends))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let call = match codes {
            Some(codes) => call.expression_attribute_values(":codes", doc(&codes)?),
            None => call,
        };
        match meter::call("UpdateItem flow", call.send()).await {
            Ok(_) => Ok(Saved::Stored),
            Err(SdkError::ServiceError(e)) => match e.err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => {
                    // A flow that is gone is as good as done.
                    let done = failed.item().is_none_or(|item| flag(item, "done"));
                    Ok(if done { Saved::AlreadyDone } else { Saved::Overtaken })
                }
                _ => Err(crate::db::unavailable(SdkError::ServiceError(e))),
            },
            Err(e) => Err(crate::db::unavailable(e)),
        }
    }

    /// Counts an attempt at a code and reads the flow as it then is; `None` when it was completed in the meantime.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count_attempt(&self, id: Uuid) -> Result<Option<StoredFlow>, StoreError> {
        let call = self
            .db
            .client()
            .await
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(flow_key(id), None)))
            .update_expression("ADD attempts :one")
            .condition_expression(NOT_DONE)
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::AllNew)
            .send();
        match meter::call("UpdateItem attempts", call).await {
            Ok(answer) => answer.attributes.as_ref().map(read_flow).transpose(),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(None),
            Err(e) => Err(crate::db::unavailable(e)),
        }
    }

    /// The part of a transaction that replaces the codes of a flow; only one of those that read it at the same time succeeds.
    pub(crate) fn send(&self, flow: &LoginFlow, codes: &Codes<'_>) -> Result<TransactWriteItem, StoreError> {
        let Codes { codes, sends, fresh_attempts } = *codes;
        let afresh = if fresh_attempts { " REMOVE attempts" } else { "" };
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(flow_key(flow.id), None)))
            .update_expression(format!("SET doc = :doc, codes = :codes, sends = :next{afresh}"))
            .condition_expression(format!("{NOT_DONE} AND {}", same_sends(sends)))
            .expression_attribute_values(":doc", doc(flow)?)
            .expression_attribute_values(":codes", doc(&codes)?)
            .expression_attribute_values(":sends", n(sends))
            .expression_attribute_values(":next", n(sends + 1))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(incomplete)?).build())
    }

    /// The part of a transaction that completes a flow once.
    pub(crate) fn complete(&self, flow: &LoginFlow) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(flow_key(flow.id), None)))
            .update_expression("SET doc = :doc, done = :done")
            .condition_expression(NOT_DONE)
            .expression_attribute_values(":doc", doc(flow)?)
            .expression_attribute_values(":done", AttributeValue::Bool(true))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(incomplete)?).build())
    }

    /// Stores an error for the page that the browser is sent to.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_error(&self, id: Uuid, error: Value, now: OffsetDateTime) -> Result<(), StoreError> {
        let mut item = key(error_key(id), None);
        item.extend(body(&StoredError { error, created_at: now }, now + ERROR_LIFESPAN)?);
        self.put("PutItem error", item).await
    }

    /// Reads a stored error; one past its life is not there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get_error(&self, id: Uuid, now: OffsetDateTime) -> Result<Option<StoredError>, StoreError> {
        let Some(item) = self.read("GetItem error", error_key(id)).await? else { return Ok(None) };
        let error: StoredError = read_doc(&item)?;
        Ok((now < error.created_at + ERROR_LIFESPAN).then_some(error))
    }

    /// Reads the exchange that a native app began with `init_code`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get_exchange(&self, init_code: &str) -> Result<Option<Exchange>, StoreError> {
        self.read("GetItem exchange", exchange_key(init_code)).await?.as_ref().map(read_doc).transpose()
    }

    /// Whether the table answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read("GetItem ping", "ping".to_owned()).await.map(|_| ())
    }

    async fn read(&self, name: &'static str, pk: String) -> Result<Option<Item>, StoreError> {
        self.db.get(name, &self.table, key(pk, None)).await
    }

    async fn put(&self, name: &'static str, item: Item) -> Result<(), StoreError> {
        let call = self.db.client().await.put_item().table_name(&self.table).set_item(Some(item)).send();
        send::<_, PutItemError>(name, call).await.map(|_| ())
    }

    fn put_action(&self, item: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(item)).build().map_err(incomplete)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

pub(crate) fn incomplete(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("a request could not be built: {error}"))
}

pub(crate) fn flow_key(id: Uuid) -> String {
    format!("login#{id}")
}

fn error_key(id: Uuid) -> String {
    format!("error#{id}")
}

/// The app's half of the pair is a bearer secret, so the key holds its hash.
fn exchange_key(init_code: &str) -> String {
    format!("exchange#{}", token::digest(init_code))
}

fn body(value: &impl Serialize, until: OffsetDateTime) -> Result<Item, StoreError> {
    Ok(Item::from([("v".to_owned(), n(FORMAT)), ("doc".to_owned(), doc(value)?), ("ttl".to_owned(), ttl(until))]))
}

fn flow_item(flow: &LoginFlow) -> Result<Item, StoreError> {
    let mut item = key(flow_key(flow.id), None);
    item.extend(body(flow, flow.expires_at + KEPT_AFTER_EXPIRY)?);
    Ok(item)
}

/// The condition that no code was sent since `:sends` had been.
fn same_sends(sends: u64) -> &'static str {
    if sends == 0 { "(attribute_not_exists(sends) OR sends = :sends)" } else { "sends = :sends" }
}

pub(crate) fn read_flow(item: &Item) -> Result<StoredFlow, StoreError> {
    string(item, "pk")?;
    Ok(StoredFlow {
        flow: read_doc(item)?,
        done: flag(item, "done"),
        codes: if item.contains_key("codes") { read_json(item, "codes")? } else { Vec::new() },
        sends: count(item, "sends")?,
        attempts: count(item, "attempts")?,
    })
}
