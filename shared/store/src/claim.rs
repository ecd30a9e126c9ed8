//! Claims: one courier sends a message at a time.
//!
//! A courier claims a message before it sends it. A claim is a conditional write that expires, so another courier sends a message whose
//! courier ended. The outcome of an attempt names the claim, so the outcome of a courier that lost its claim does not count.

use crate::db::{StoreError, unavailable};
use crate::item::{Item, broken, count, doc, instant, key, n, number, read_bytes, read_doc, read_instant, s, string};
use crate::outbox::{Outbox, Wording, read_dispatches, read_status};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use latchkey_core::courier::{Dispatch, MessageStatus, QueuedMessage};
use latchkey_platform::meter;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long a claim holds: longer than the courier's function may run, so that the courier that lost a claim has ended.
pub const CLAIM: Duration = Duration::seconds(45);
/// The rounds without room that are stored as dispatches.
const KEPT_ROUNDS: u32 = 5;

/// A message that this courier may send.
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
    /// This courier may send the message.
    Ours(Box<Claimed>),
    /// Another courier claimed it, and may have ended; its claim ends then.
    Held(OffsetDateTime),
    /// Its last attempt failed, and its next one is due then.
    NotDue(OffsetDateTime),
    /// It was sent or abandoned.
    Over(MessageStatus),
    /// It had its last attempt, and no courier recorded the outcome.
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

impl Outcome {
    fn status(self) -> MessageStatus {
        match self {
            Self::Sent => MessageStatus::Sent,
            Self::Abandoned => MessageStatus::Abandoned,
            Self::Waits(_) | Self::HadNoRoom(_) => MessageStatus::Queued,
        }
    }

    /// When the next attempt is due.
    fn due(self) -> Option<OffsetDateTime> {
        match self {
            Self::Waits(due) | Self::HadNoRoom(due) => Some(due),
            Self::Sent | Self::Abandoned => None,
        }
    }

    /// The update expression that records it. The sealed payload stays for as long as the message may still be sent.
    fn expression(self, has_dispatch: bool, has_wording: bool) -> String {
        let dispatched = match has_dispatch {
            true => ", dispatches = list_append(if_not_exists(dispatches, :none), :dispatch)",
            false => "",
        };
        let keep = if has_wording { ", wording = :wording" } else { "" };
        let (wait, erase, count) = match self {
            Self::Sent => ("", ", due, sealed, unsent", ""),
            Self::Abandoned => ("", ", due, sealed", ""),
            Self::Waits(_) => (", due = :due", "", ""),
            Self::HadNoRoom(_) => (", due = :due", "", " ADD send_count :less, rounds :one"),
        };
        format!("SET #status = :status, updated = :now{dispatched}{keep}{wait} REMOVE claim, claim_ends{erase}{count}")
    }
}

/// Whether an outcome was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was.
    Kept,
    /// This courier lost its claim, so the outcome of another one counts.
    ClaimLost,
}

impl Outbox {
    /// Claims a message, unless it is over, another courier has it, or it had `most` attempts. One call, which also reads it.
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

    /// The same, by the id and the claim.
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
        let mut call = self
            .update(id)
            .await?
            .update_expression(outcome.expression(dispatch.is_some(), wording.is_some()))
            .condition_expression("claim = :claim")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", s(outcome.status().as_str()))
            .expression_attribute_values(":now", instant(at))
            .expression_attribute_values(":claim", s(claim.to_string()));
        if let Some(dispatch) = dispatch {
            call = call
                .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
                .expression_attribute_values(":dispatch", AttributeValue::L(vec![doc(dispatch)?]));
        }
        if matches!(outcome, Outcome::HadNoRoom(_)) {
            call = call.expression_attribute_values(":less", n(-1)).expression_attribute_values(":one", n(1));
        }
        if let Some(due) = outcome.due() {
            call = call.expression_attribute_values(":due", instant(due));
        }
        if let Some(wording) = wording {
            call = call.expression_attribute_values(":wording", doc(wording)?);
        }
        match meter::call("UpdateItem outcome", call.send()).await {
            Ok(_) => Ok(Recorded::Kept),
            // The answer to the first try was lost, and the second finds what the first recorded.
            Err(error) => match refused(error)? {
                Some(item) if dispatch.is_some_and(|dispatch| holds_dispatch(&item, dispatch)) => Ok(Recorded::Kept),
                _ => Ok(Recorded::ClaimLost),
            },
        }
    }

    /// Abandons a message that had its last attempt without an outcome: its couriers ended.
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
            .db()
            .client()
            .await
            .update_item()
            .table_name(self.table())
            .set_key(Some(key(id.to_string(), None)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld))
    }
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

fn holds_dispatch(item: &Item, dispatch: &Dispatch) -> bool {
    read_dispatches(item).is_ok_and(|stored| stored.iter().any(|stored| stored.id == dispatch.id))
}
