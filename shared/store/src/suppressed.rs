//! Addresses that no mail goes to any more: one that bounced for good, or whose owner complained. Kept in the `counters` table.
//!
//! Writing to such addresses costs a sender its reputation, and with it everybody's mail. A mark ends by itself, because mailboxes
//! come back.

use crate::db::{Db, StoreError, send};
use crate::env::{Environment, StartError};
use crate::item::{FORMAT, Item, broken, doc, key, n, read_doc, s, string, ttl};
use aws_sdk_dynamodb::types::ReturnValue;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use time::{Duration, OffsetDateTime};

/// How long an address is spared.
const SPARED: Duration = Duration::days(90);
/// The index that finds marks among counters, and the one value of its key: marks are few, and written one at a time.
const INDEX: &str = "by-suppressed";
const LISTED: &str = "1";
/// Longest e-mail address (RFC 5321 4.5.3.1): 64 bytes, @, 255 bytes.
const LONGEST: usize = 320;

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
    /// When it ends by itself.
    pub fn ends_at(&self) -> OffsetDateTime {
        self.at + SPARED
    }

    fn holds(&self, now: OffsetDateTime) -> bool {
        now < self.ends_at()
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
            ("suppressed".to_owned(), s(LISTED)),
            ("ttl".to_owned(), ttl(mark.ends_at())),
        ]);
        let call = self.db.client().await.put_item().table_name(&self.table).set_item(Some(item)).send();
        send("PutItem mark", call).await.map(|_| ())
    }

    /// Takes the mark off an address; what it was, if there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lift(&self, address: &str, now: OffsetDateTime) -> Result<Option<Mark>, StoreError> {
        if address.len() > LONGEST {
            return Ok(None);
        }
        let call = self
            .db
            .client()
            .await
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(mark_key(address), None)))
            .return_values(ReturnValue::AllOld)
            .send();
        let mark: Option<Mark> = send("DeleteItem mark", call).await?.attributes.as_ref().map(read_doc).transpose()?;
        Ok(mark.filter(|mark| mark.holds(now)))
    }

    /// Marks after an address, in the order of addresses, at most `most` (to 500); and the address where the next page begins, if
    /// there is one. Marks of the release before are in no list; they are found by their address.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        after: &str,
        most: usize,
        now: OffsetDateTime,
    ) -> Result<(Vec<(String, Mark)>, Option<String>), StoreError> {
        let call = self
            .db
            .client()
            .await
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("suppressed = :listed AND pk > :after")
            .expression_attribute_values(":listed", s(LISTED))
            .expression_attribute_values(":after", s(mark_key(after)))
            // Bounded by the caller.
            .limit(most as i32)
            .send();
        let found = send("Query marks", call).await?;
        let keys = found.items.unwrap_or_default();
        let addresses: Vec<String> = keys.iter().map(address_of).collect::<Result<_, _>>()?;
        let next = found.last_evaluated_key.and_then(|_| addresses.last().cloned());
        // What an index finds is read again by key.
        let found: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let mut marks = self.of_many(&found, now).await?;
        Ok((addresses.into_iter().filter_map(|address| marks.remove_entry(&address)).collect(), next))
    }

    /// The mark on an address, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of(&self, address: &str, now: OffsetDateTime) -> Result<Option<Mark>, StoreError> {
        if address.len() > LONGEST {
            return Ok(None);
        }
        let item = self.db.get("GetItem mark", &self.table, key(mark_key(address), None)).await?;
        let mark: Option<Mark> = item.as_ref().map(read_doc).transpose()?;
        Ok(mark.filter(|mark| mark.holds(now)))
    }

    /// The marks on these addresses, by address in lower case. Not asked for none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_many(&self, addresses: &[&str], now: OffsetDateTime) -> Result<HashMap<String, Mark>, StoreError> {
        let mut keys: Vec<String> = addresses.iter().map(|address| mark_key(address)).collect();
        keys.sort();
        keys.dedup();
        let keys: Vec<Item> = keys.into_iter().map(|pk| key(pk, None)).collect();
        let found = self.db.get_many(&self.table, &keys).await?;
        let read = |item: &Item| Ok((address_of(item)?, read_doc(item)?));
        let marks = found.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
        Ok(marks.into_iter().filter(|(_, mark): &(_, Mark)| mark.holds(now)).collect())
    }
}

const PREFIX: &str = "suppressed#";

fn address_of(item: &Item) -> Result<String, StoreError> {
    string(item, "pk")?.strip_prefix(PREFIX).map(str::to_owned).ok_or_else(|| broken("pk"))
}

fn mark_key(address: &str) -> String {
    format!("{PREFIX}{}", address.trim().to_lowercase())
}
