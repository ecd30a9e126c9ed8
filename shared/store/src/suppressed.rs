//! Addresses that no mail goes to any more: one that bounced for good, or whose owner complained. Kept in the `counters` table.
//!
//! Writing to such addresses costs a sender its reputation, and with it everybody's mail. A mark ends by itself, because mailboxes
//! come back.

use crate::db::{Db, StoreError, send};
use crate::env::{Environment, StartError};
use crate::item::{FORMAT, Item, doc, key, n, read_doc, string, ttl};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use time::{Duration, OffsetDateTime};

/// How long an address is spared.
const SPARED: Duration = Duration::days(90);

/// A handle for the marks in the `counters` table.
#[derive(Clone, Debug)]
pub struct Suppressed {
    db: Db,
    table: String,
}

/// What an address did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Mail to it comes back for good.
    Bounce,
    /// Its owner called our mail unwanted.
    Complaint,
}

impl Reason {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
        }
    }
}

/// A mark on an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Why.
    pub reason: Reason,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

impl Mark {
    fn holds(&self, now: OffsetDateTime) -> bool {
        now < self.at + SPARED
    }
}

impl Suppressed {
    /// The table named by `LATCHKEY_TABLE_COUNTERS`.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn open(db: &Db, env: &Environment) -> Result<Self, StartError> {
        let table = env.require("LATCHKEY_TABLE_COUNTERS", "the name of the table of counters")?.to_owned();
        Ok(Self { db: db.clone(), table })
    }

    /// Opens the first connection before the first request comes.
    pub fn warm(&self) {
        self.db.warm(&self.table, key("warm", None));
    }

    /// Marks an address; a later mark takes the place of an earlier one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn mark(&self, address: &str, mark: &Mark) -> Result<(), StoreError> {
        let mut item = key(mark_key(address), None);
        item.extend([
            ("v".to_owned(), n(FORMAT)),
            ("doc".to_owned(), doc(mark)?),
            ("ttl".to_owned(), ttl(mark.at + SPARED)),
        ]);
        let call = self.db.client().await.put_item().table_name(&self.table).set_item(Some(item)).send();
        send("PutItem mark", call).await.map(|_| ())
    }

    /// The mark on an address, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of(&self, address: &str, now: OffsetDateTime) -> Result<Option<Mark>, StoreError> {
        let call = self
            .db
            .client()
            .await
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(mark_key(address), None)))
            .consistent_read(true)
            .send();
        let mark: Option<Mark> = send("GetItem mark", call).await?.item.as_ref().map(read_doc).transpose()?;
        Ok(mark.filter(|mark| mark.holds(now)))
    }

    /// The marks on these addresses, by address in lower case. Asks in one call, and not at all for none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_many(&self, addresses: &[&str], now: OffsetDateTime) -> Result<HashMap<String, Mark>, StoreError> {
        let mut keys: Vec<String> = addresses.iter().map(|address| mark_key(address)).collect();
        keys.sort();
        keys.dedup();
        let keys = keys.into_iter().map(|pk| key(pk, None)).collect();
        let found = self.db.batch_get(vec![(&self.table, keys)]).await?;
        let read = |item: &Item| Ok((string(item, "pk")?.trim_start_matches(PREFIX).to_owned(), read_doc(item)?));
        let marks = found.get(&self.table).into_iter().flatten().map(read).collect::<Result<Vec<_>, StoreError>>()?;
        Ok(marks.into_iter().filter(|(_, mark): &(_, Mark)| mark.holds(now)).collect())
    }
}

const PREFIX: &str = "suppressed#";

fn mark_key(address: &str) -> String {
    format!("{PREFIX}{}", address.trim().to_lowercase())
}
