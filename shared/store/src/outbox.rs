//! The `outbox` table: messages that wait to be sent, and what became of them.
//!
//! A message is written in the transaction that moves its flow, so there is never a flow that says "sent" without one. The table's
//! stream starts the courier, which [claims](crate::claim) a message before it sends it.
//!
//! Three indexes hold keys only, and none has a key that all messages share: `by-shard` (first hex digit of the id), `by-recipient`,
//! and `by-unsent`, which a message leaves when it is sent, so that those that failed are found among millions that did not. Their
//! sort key `written` is the time and the id, so that places in a list are unique. What an index finds is read again by key, so lists
//! show nothing of the erasures that stand in `by-unsent` too.

use crate::db::{Db, StoreError};
use crate::item::{
    FORMAT, Item, broken, bytes, doc, incomplete, instant, key, n, number, read_doc, read_instant, s, string, ttl,
};
use crate::place::unsent;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use latchkey_core::courier::{Dispatch, MessageStatus, QueuedMessage};
use latchkey_platform::{Environment, StartError};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long a message can be looked up.
const KEPT: Duration = Duration::days(30);
/// How long a decoy stays.
const DECOY_KEPT: Duration = Duration::hours(1);

/// A handle for the `outbox` table.
#[derive(Clone, Debug)]
pub struct Outbox {
    db: Db,
    table: String,
}

/// What a message said. It is stored in development mode alone.
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
    /// The message.
    pub message: QueuedMessage,
    /// How far it has come.
    pub status: MessageStatus,
    /// How many attempts it had.
    pub send_count: u32,
    /// The attempts that ended, oldest first.
    pub dispatches: Vec<Dispatch>,
    /// When any of this last changed.
    pub updated_at: OffsetDateTime,
    /// What it said, in development mode.
    pub wording: Option<Wording>,
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

    /// The part of a transaction that queues a message. `sealed` is its payload, which the courier alone can open.
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

    /// The part of a transaction that writes a decoy, where the answer must not reveal that no identity has the address. It costs the
    /// same, and is neither sent nor listed.
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
            ("ttl".to_owned(), ttl(message.created_at + DECOY_KEPT)),
        ]);
        self.put_new(item)
    }

    fn put_new(&self, item: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(pk)").build().map_err(incomplete)?;
        Ok(TransactWriteItem::builder().put(put).build())
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

pub(crate) fn read_status(item: &Item) -> Result<MessageStatus, StoreError> {
    MessageStatus::parse(string(item, "status")?).ok_or_else(|| broken("status"))
}

pub(crate) fn read_dispatches(item: &Item) -> Result<Vec<Dispatch>, StoreError> {
    let list = item.get("dispatches").and_then(|v| v.as_l().ok()).map_or(&[][..], Vec::as_slice);
    let read = |value: &AttributeValue| value.as_s().ok().and_then(|text| serde_json::from_str(text).ok());
    list.iter().map(|value| read(value).ok_or_else(|| broken("dispatches"))).collect()
}
