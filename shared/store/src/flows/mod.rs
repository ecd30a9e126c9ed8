//! The `flows` table: flows, stored errors, pending session token exchanges and continuities, each under a key of its kind and id.
//!
//! | module | holds |
//! |---|---|
//! | [`flow`] | flows, and every condition under which one is written |
//! | [`error`] | errors that a browser is sent to look at |
//! | [`exchange`] | native apps that wait for a browser to finish their login |
//! | [`continuity`] | what a flow goes on with after a round trip |

pub mod continuity;
pub mod error;
pub mod exchange;
pub mod flow;

use crate::db::{Db, StoreError, send};
use crate::item::{FORMAT, Item, doc, incomplete, key, n, ttl};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use latchkey_platform::{Environment, StartError};
use serde::Serialize;
use time::OffsetDateTime;

/// A handle for the `flows` table.
#[derive(Clone, Debug)]
pub struct Flows {
    db: Db,
    table: String,
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

    /// The connection, for transactions over several tables.
    pub fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// Opens the first connection before the first request comes.
    pub fn warm(&self) {
        self.db.warm(&self.table, key("warm", None));
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

/// The attributes that every item of the table has beside its key.
fn body(value: &impl Serialize, until: OffsetDateTime) -> Result<Item, StoreError> {
    Ok(Item::from([("v".to_owned(), n(FORMAT)), ("doc".to_owned(), doc(value)?), ("ttl".to_owned(), ttl(until))]))
}
