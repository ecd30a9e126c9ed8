//! The `outbox` table: messages that wait to be sent, and what became of them.
//!
//! A message is written in the transaction that moves its flow, so there is never a flow that says "sent" without one. The table's
//! stream starts the courier, which claims a message before it sends it: a claim is a conditional write that expires, so that one
//! courier sends at a time and a message whose courier died is sent by another.
//!
//! Three indexes hold keys only, and none has a key that all messages share: `by-shard` (first hex digit of the id), `by-recipient`,
//! and `by-unsent`, which a message leaves when it is sent, so that those that failed are found among millions that did not. Their
//! sort key `written` is the time and the id, so that places in a list are unique. What an index finds is read again by key, so lists
//! show nothing of the erasures that stand in `by-unsent` too.

use crate::db::{Db, StoreError, unavailable};
use crate::flows::incomplete;
use crate::item::{
    FORMAT, Item, broken, bytes, count, doc, instant, key, n, number, read_bytes, read_doc, read_instant, s, string,
    ttl,
};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use latchkey_core::courier::{Dispatch, MessageStatus, QueuedMessage};
use latchkey_platform::{Environment, StartError, meter};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub use crate::listing::{Filter, Place};

/// How long a message can be looked up.
const KEPT: Duration = Duration::days(30);
/// How long a message to nobody stays.
const FORGOTTEN: Duration = Duration::hours(1);
/// How long a claim holds: longer than the courier's function may run, so that who lost a claim is dead.
pub const CLAIM: Duration = Duration::seconds(45);
/// As many rounds in which there was no room for a message are kept as dispatches.
const KEPT_ROUNDS: u32 = 5;

/// A handle for the `outbox` table.
#[derive(Clone, Debug)]
pub struct Outbox {
    db: Db,
    table: String,
}

/// What a message said. Kept in development mode alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wording {
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: String,
}

impl std::fmt::Debug for Wording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wording")
    }
}

/// A message as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What is known of it from its beginning.
    pub message: QueuedMessage,
    /// How far it has come.
    pub status: MessageStatus,
    /// How often it was tried.
    pub send_count: u32,
    /// The attempts that ended, oldest first.
    pub dispatches: Vec<Dispatch>,
    /// When any of this last changed.
    pub updated_at: OffsetDateTime,
    /// What it said, in development mode.
    pub wording: Option<Wording>,
}

/// A message that is this courier's to send.
#[derive(Debug)]
pub struct Claimed {
    /// The message.
    pub message: QueuedMessage,
    /// What it says, sealed.
    pub sealed: Vec<u8>,
    /// How often it has been tried, this time included.
    pub send_count: u32,
    /// How often there was no room for it.
    pub rounds: u32,
    token: Uuid,
}

/// What came of a claim.
#[derive(Debug)]
pub enum Claim {
    /// The message is ours.
    Ours(Box<Claimed>),
    /// Another courier has it, or had it and died; its claim ends then.
    Held(OffsetDateTime),
    /// It failed, and is to be tried again then and not before, however often somebody comes for it.
    NotDue(OffsetDateTime),
    /// It was sent or given up.
    Over(MessageStatus),
    /// It was tried as often as it may be, and nobody recorded how that ended.
    Exhausted,
    /// There is no such message.
    Gone,
}

/// How an attempt ended.
#[derive(Clone, Copy)]
enum Outcome {
    Sent,
    Abandoned,
    Waits(OffsetDateTime),
    /// The same, and it was no attempt.
    HadNoRoom(OffsetDateTime),
}

/// Whether an outcome was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was.
    Kept,
    /// The claim was no longer ours, so somebody else's outcome counts.
    ClaimLost,
}

impl Outbox {
    /// The table named by `LATCHKEY_TABLE_OUTBOX`.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn open(db: &Db, env: &Environment) -> Result<Self, StartError> {
        let table = env.require("LATCHKEY_TABLE_OUTBOX", "the name of the table of messages")?.to_owned();
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

    /// The part of a transaction that hands a message over. `sealed` is a letter that the courier alone can open.
    ///
    /// # Errors
    /// When the message cannot be written as JSON.
    pub fn put(&self, message: &QueuedMessage, sealed: &[u8]) -> Result<TransactWriteItem, StoreError> {
        let id = message.id.to_string();
        let mut item = key(&id, None);
        item.extend([
            ("v".to_owned(), n(FORMAT)),
            ("doc".to_owned(), doc(message)?),
            ("status".to_owned(), s(MessageStatus::Queued.as_str())),
            ("send_count".to_owned(), n(0)),
            ("updated".to_owned(), instant(message.created_at)),
            ("sealed".to_owned(), bytes(sealed)),
            ("shard".to_owned(), s(&id[..1])),
            ("recipient".to_owned(), s(&message.recipient)),
            ("ttl".to_owned(), ttl(message.created_at + KEPT)),
        ]);
        item.extend(unsent(message.created_at, message.id));
        self.put_new(item)
    }

    /// The same for a message to nobody, where an answer must not tell that there is nobody: as much is written and nothing is sent
    /// or listed.
    ///
    /// # Errors
    /// When the message cannot be written as JSON.
    pub(crate) fn put_decoy(&self, message: &QueuedMessage, sealed: &[u8]) -> Result<TransactWriteItem, StoreError> {
        let mut item = key(message.id.to_string(), None);
        item.extend([
            ("v".to_owned(), n(FORMAT)),
            ("doc".to_owned(), doc(message)?),
            ("status".to_owned(), s(MessageStatus::Abandoned.as_str())),
            ("send_count".to_owned(), n(0)),
            ("sealed".to_owned(), bytes(sealed)),
            ("ttl".to_owned(), ttl(message.created_at + FORGOTTEN)),
        ]);
        self.put_new(item)
    }

    fn put_new(&self, item: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(pk)").build().map_err(incomplete)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Takes a message to send it, unless it is over, somebody else has it, or it was tried `most` times. One call, which also
    /// reads it.
    ///
    /// # Errors
    /// When the store fails, or holds what cannot be read.
    pub async fn claim(&self, id: Uuid, token: Uuid, most: u32, now: OffsetDateTime) -> Result<Claim, StoreError> {
        let call = self
            .update(id)
            .await?
            .update_expression("SET #status = :processing, claim = :claim, claim_ends = :ends, updated = :now ADD send_count :one")
            .condition_expression(
                "attribute_exists(pk) AND send_count < :most AND \
                 ((#status = :queued AND (attribute_not_exists(due) OR due <= :now)) OR (#status = :processing AND claim_ends < :now))",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":queued", s(MessageStatus::Queued.as_str()))
            .expression_attribute_values(":processing", s(MessageStatus::Processing.as_str()))
            .expression_attribute_values(":claim", s(token.to_string()))
            .expression_attribute_values(":ends", instant(now + CLAIM))
            .expression_attribute_values(":now", instant(now))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":most", n(most))
            .return_values(ReturnValue::AllNew)
            .send();
        match meter::call("UpdateItem claim", call).await {
            Ok(done) => read_claimed(&done.attributes.unwrap_or_default(), token),
            Err(error) => match refused(error)? {
                None => Ok(Claim::Gone),
                Some(item) => {
                    // The client tries again when an answer is lost, and then finds its own claim.
                    if string(&item, "claim").is_ok_and(|claim| claim == token.to_string()) {
                        return read_claimed(&item, token);
                    }
                    let status = read_status(&item)?;
                    let due = item.get("due").map(|_| read_instant(&item, "due")).transpose()?;
                    Ok(match (status, due) {
                        (MessageStatus::Sent | MessageStatus::Abandoned, _) => Claim::Over(status),
                        (MessageStatus::Processing, _) if read_instant(&item, "claim_ends")? >= now => {
                            Claim::Held(read_instant(&item, "claim_ends")?)
                        }
                        (MessageStatus::Queued, Some(due)) if due > now => Claim::NotDue(due),
                        (MessageStatus::Queued | MessageStatus::Processing, _) => Claim::Exhausted,
                    })
                }
            },
        }
    }

    /// Records that a message was sent, and erases what it said. In development mode its wording is kept.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sent(
        &self,
        claimed: &Claimed,
        dispatch: &Dispatch,
        wording: Option<&Wording>,
    ) -> Result<Recorded, StoreError> {
        self.finish((claimed.message.id, claimed.token), Outcome::Sent, dispatch, wording).await
    }

    /// The same, for somebody who has only the id and the claim left.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sent_under(&self, id: Uuid, claim: Uuid, dispatch: &Dispatch) -> Result<Recorded, StoreError> {
        self.finish((id, claim), Outcome::Sent, dispatch, None).await
    }

    /// Records an attempt that failed: the message waits for another one, which is due then.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn failed(
        &self,
        claimed: &Claimed,
        dispatch: &Dispatch,
        due: OffsetDateTime,
        wording: Option<&Wording>,
    ) -> Result<Recorded, StoreError> {
        self.finish((claimed.message.id, claimed.token), Outcome::Waits(due), dispatch, wording).await
    }

    /// Records that there was no room for a message, which is no attempt: it waits for another round, which is due then. Only the
    /// first few rounds are kept as dispatches; there may be many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn had_no_room(
        &self,
        claimed: &Claimed,
        dispatch: &Dispatch,
        due: OffsetDateTime,
    ) -> Result<Recorded, StoreError> {
        let kept = (claimed.rounds < KEPT_ROUNDS).then_some(dispatch);
        self.record((claimed.message.id, claimed.token), Outcome::HadNoRoom(due), dispatch.at, kept, None).await
    }

    /// Records the attempt after which a message is given up, and erases what it said.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn abandoned(
        &self,
        claimed: &Claimed,
        dispatch: &Dispatch,
        wording: Option<&Wording>,
    ) -> Result<Recorded, StoreError> {
        self.finish((claimed.message.id, claimed.token), Outcome::Abandoned, dispatch, wording).await
    }

    async fn finish(
        &self,
        (id, claim): (Uuid, Uuid),
        outcome: Outcome,
        dispatch: &Dispatch,
        wording: Option<&Wording>,
    ) -> Result<Recorded, StoreError> {
        self.record((id, claim), outcome, dispatch.at, Some(dispatch), wording).await
    }

    async fn record(
        &self,
        (id, claim): (Uuid, Uuid),
        outcome: Outcome,
        at: OffsetDateTime,
        dispatch: Option<&Dispatch>,
        wording: Option<&Wording>,
    ) -> Result<Recorded, StoreError> {
        let keep = if wording.is_some() { ", wording = :wording" } else { "" };
        // What a message says is there for as long as it may still be sent.
        let (status, when, erase) = match outcome {
            Outcome::Sent => (MessageStatus::Sent, None, ", due, sealed, unsent"),
            Outcome::Abandoned => (MessageStatus::Abandoned, None, ", due, sealed"),
            Outcome::Waits(due) | Outcome::HadNoRoom(due) => (MessageStatus::Queued, Some(due), ""),
        };
        let dispatched = match dispatch {
            Some(_) => ", dispatches = list_append(if_not_exists(dispatches, :none), :dispatch)",
            None => "",
        };
        let no_attempt = matches!(outcome, Outcome::HadNoRoom(_));
        let count = if no_attempt { " ADD send_count :less, rounds :one" } else { "" };
        let wait = if when.is_some() { ", due = :due" } else { "" };
        let mut call = self
            .update(id)
            .await?
            .update_expression(format!(
                "SET #status = :status, updated = :now{dispatched}{keep}{wait} REMOVE claim, claim_ends{erase}{count}"
            ))
            .condition_expression("claim = :claim")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", s(status.as_str()))
            .expression_attribute_values(":now", instant(at))
            .expression_attribute_values(":claim", s(claim.to_string()));
        if let Some(dispatch) = dispatch {
            call = call
                .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
                .expression_attribute_values(":dispatch", AttributeValue::L(vec![doc(dispatch)?]));
        }
        if no_attempt {
            call = call.expression_attribute_values(":less", n(-1)).expression_attribute_values(":one", n(1));
        }
        if let Some(due) = when {
            call = call.expression_attribute_values(":due", instant(due));
        }
        if let Some(wording) = wording {
            call = call.expression_attribute_values(":wording", doc(wording)?);
        }
        match meter::call("UpdateItem outcome", call.send()).await {
            Ok(_) => Ok(Recorded::Kept),
            // An answer that was lost: the second try finds what the first one did.
            Err(error) => match refused(error)? {
                Some(item)
                    if dispatch.is_some_and(|dispatch| {
                        read_dispatches(&item).is_ok_and(|kept| kept.iter().any(|kept| kept.id == dispatch.id))
                    }) =>
                {
                    Ok(Recorded::Kept)
                }
                _ => Ok(Recorded::ClaimLost),
            },
        }
    }

    /// Gives up a message that was tried as often as it may be without an outcome: its couriers died.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn give_up(&self, id: Uuid, dispatch: &Dispatch) -> Result<Recorded, StoreError> {
        let call = self
            .update(id)
            .await?
            .update_expression(
                "SET #status = :abandoned, updated = :now, dispatches = list_append(if_not_exists(dispatches, :none), :dispatch) \
                 REMOVE sealed, claim, claim_ends",
            )
            .condition_expression("#status = :queued OR (#status = :processing AND claim_ends < :now)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":abandoned", s(MessageStatus::Abandoned.as_str()))
            .expression_attribute_values(":queued", s(MessageStatus::Queued.as_str()))
            .expression_attribute_values(":processing", s(MessageStatus::Processing.as_str()))
            .expression_attribute_values(":now", instant(dispatch.at))
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":dispatch", AttributeValue::L(vec![doc(dispatch)?]))
            .send();
        match meter::call("UpdateItem outcome", call).await {
            Ok(_) => Ok(Recorded::Kept),
            Err(error) => refused(error).map(|_| Recorded::ClaimLost),
        }
    }

    async fn update(&self, id: Uuid) -> Result<UpdateItemFluentBuilder, StoreError> {
        Ok(self
            .db
            .client()
            .await
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(id.to_string(), None)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld))
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get(&self, id: Uuid) -> Result<Option<Stored>, StoreError> {
        let item = self.db.get("GetItem message", &self.table, key(id.to_string(), None)).await?;
        item.as_ref().map(read_stored).transpose()
    }
}

/// What puts an item into the index of what the table still has to hand over.
pub(crate) fn unsent(written_at: OffsetDateTime, id: Uuid) -> [(String, AttributeValue); 2] {
    let shard = s(&id.to_string()[..1]);
    [("written".to_owned(), s(Place::new(written_at, id).as_str())), ("unsent".to_owned(), shard)]
}

/// The item as it was when a condition refused a change of it; `None` when there is none.
fn refused(error: SdkError<UpdateItemError>) -> Result<Option<Item>, StoreError> {
    match &error {
        SdkError::ServiceError(e) => match e.err() {
            UpdateItemError::ConditionalCheckFailedException(refusal) => Ok(refusal.item.clone()),
            _ => Err(unavailable(error)),
        },
        _ => Err(unavailable(error)),
    }
}

fn read_claimed(item: &Item, token: Uuid) -> Result<Claim, StoreError> {
    Ok(Claim::Ours(Box::new(Claimed {
        message: read_doc(item)?,
        sealed: read_bytes(item, "sealed").ok_or_else(|| broken("sealed"))?.to_vec(),
        send_count: number(item, "send_count")?,
        rounds: count(item, "rounds")?,
        token,
    })))
}

pub(crate) fn read_stored(item: &Item) -> Result<Stored, StoreError> {
    let wording = item.get("wording").and_then(|v| v.as_s().ok());
    Ok(Stored {
        message: read_doc(item)?,
        status: read_status(item)?,
        send_count: number(item, "send_count")?,
        dispatches: read_dispatches(item)?,
        updated_at: read_instant(item, "updated")?,
        wording: wording.map(|text| serde_json::from_str(text)).transpose().map_err(|_| broken("wording"))?,
    })
}

fn read_status(item: &Item) -> Result<MessageStatus, StoreError> {
    MessageStatus::parse(string(item, "status")?).ok_or_else(|| broken("status"))
}

fn read_dispatches(item: &Item) -> Result<Vec<Dispatch>, StoreError> {
    let list = item.get("dispatches").and_then(|v| v.as_l().ok()).map_or(&[][..], Vec::as_slice);
    let read = |value: &AttributeValue| value.as_s().ok().and_then(|text| serde_json::from_str(text).ok());
    list.iter().map(|value| read(value).ok_or_else(|| broken("dispatches"))).collect()
}
