//! The `outbox` table: messages that wait to be sent, and what became of them.
//!
//! A message is written in the transaction that moves its flow, so there is never a flow that says "sent" without one. The table's
//! stream starts the courier.

use crate::db::{Db, StoreError};
use crate::env::{Environment, StartError};
use crate::flows::incomplete;
use crate::item::{FORMAT, bytes, doc, key, n, s, ttl};
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use latchkey_core::courier::{MessageStatus, Outgoing};
use time::Duration;

/// How long a message can be looked up.
const KEPT: Duration = Duration::days(30);

/// A handle for the `outbox` table.
#[derive(Clone, Debug)]
pub struct Outbox {
    table: String,
}

impl Outbox {
    /// The table named by `LATCHKEY_TABLE_OUTBOX`.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn open(_db: &Db, env: &Environment) -> Result<Self, StartError> {
        let table = env.require("LATCHKEY_TABLE_OUTBOX", "the name of the table of messages")?.to_owned();
        Ok(Self { table })
    }

    /// The part of a transaction that hands a message over. `sealed` is a letter that the courier alone can open.
    ///
    /// # Errors
    /// When the message cannot be written as JSON.
    pub fn put(&self, message: &Outgoing, sealed: &[u8]) -> Result<TransactWriteItem, StoreError> {
        let mut item = key(message.id.to_string(), None);
        item.extend([
            ("v".to_owned(), n(FORMAT)),
            ("doc".to_owned(), doc(message)?),
            ("status".to_owned(), s(MessageStatus::Queued.as_str())),
            ("sealed".to_owned(), bytes(sealed)),
            ("ttl".to_owned(), ttl(message.created_at + KEPT)),
        ]);
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(pk)").build().map_err(incomplete)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}
