//! The suppression list: e-mail addresses that the courier does not write to, because mail to them bounced for good or their owner
//! complained. Its entries are stored in the `counters` table.
//!
//! Mail to such addresses costs the sender its reputation, and so the delivery of all its mail. Mailboxes come back, so an entry
//! ends after 90 days.

use crate::db::{Db, StoreError, send};
use crate::item::{FORMAT, Item, broken, doc, key, n, read_doc, s, string, ttl};
use aws_sdk_dynamodb::types::ReturnValue;
use latchkey_platform::{Environment, StartError};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use time::{Duration, OffsetDateTime};

/// How long an address stays on the list.
const LIFESPAN: Duration = Duration::days(90);
/// The index that finds entries among counters, and the one value of its key: entries are few, and written one at a time.
const INDEX: &str = "by-suppressed";
const LISTED: &str = "1";
/// The longest e-mail address in bytes (RFC 5321 4.5.3.1): 64, the `@`, and 255.
const LONGEST: usize = 320;
/// What keys of entries begin with.
const PREFIX: &str = "suppressed#";

/// A handle for the entries in the `counters` table.
#[derive(Clone, Debug)]
pub struct SuppressionList {
    db: Db,
    table: String,
}

/// Why an address is on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Mail to it bounces for good.
    Bounce,
    /// Its owner reported a message as spam.
    Complaint,
}

impl Reason {
    /// The name of the reason in the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
        }
    }
}

/// An entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Why the address is on the list.
    pub reason: Reason,
    /// When the address was added.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

impl Entry {
    /// When the entry ends.
    pub fn ends_at(&self) -> OffsetDateTime {
        self.at + LIFESPAN
    }

    fn is_active(&self, now: OffsetDateTime) -> bool {
        now < self.ends_at()
    }
}

impl SuppressionList {
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

    /// Adds an address. The entry replaces an earlier one of the same address.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn add(&self, address: &str, entry: &Entry) -> Result<(), StoreError> {
        let mut item = key(key_of(address), None);
        item.extend([
            ("v".to_owned(), n(FORMAT)),
            ("doc".to_owned(), doc(entry)?),
            ("suppressed".to_owned(), s(LISTED)),
            ("ttl".to_owned(), ttl(entry.ends_at())),
        ]);
        let call = self.db.client().await.put_item().table_name(&self.table).set_item(Some(item)).send();
        send("PutItem suppression", call).await.map(|_| ())
    }

    /// Removes an address; gives the entry that was active, if there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remove(&self, address: &str, now: OffsetDateTime) -> Result<Option<Entry>, StoreError> {
        if address.len() > LONGEST {
            return Ok(None);
        }
        let call = self
            .db
            .client()
            .await
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(key_of(address), None)))
            .return_values(ReturnValue::AllOld)
            .send();
        let removed = send("DeleteItem suppression", call).await?.attributes;
        let entry: Option<Entry> = removed.as_ref().map(read_doc).transpose()?;
        Ok(entry.filter(|entry| entry.is_active(now)))
    }

    /// Entries after an address, in the order of addresses, at most `most` (to 500); and the address where the next page begins, if
    /// there is one. Entries of the release before are not listed; [`get`](Self::get) and [`remove`](Self::remove) find them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        after: &str,
        most: usize,
        now: OffsetDateTime,
    ) -> Result<(Vec<(String, Entry)>, Option<String>), StoreError> {
        let call = self
            .db
            .client()
            .await
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("suppressed = :listed AND pk > :after")
            .expression_attribute_values(":listed", s(LISTED))
            .expression_attribute_values(":after", s(key_of(after)))
            // The caller bounds it.
            .limit(most as i32)
            .send();
        let found = send("Query suppressions", call).await?;
        let keys = found.items.unwrap_or_default();
        let addresses: Vec<String> = keys.iter().map(address_of).collect::<Result<_, _>>()?;
        let next = found.last_evaluated_key.and_then(|_| addresses.last().cloned());
        // An index may be behind its table, so each entry is read again by its key.
        let found: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let mut entries = self.get_many(&found, now).await?;
        Ok((addresses.into_iter().filter_map(|address| entries.remove_entry(&address)).collect(), next))
    }

    /// The active entry of an address, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get(&self, address: &str, now: OffsetDateTime) -> Result<Option<Entry>, StoreError> {
        if address.len() > LONGEST {
            return Ok(None);
        }
        let item = self.db.get("GetItem suppression", &self.table, key(key_of(address), None)).await?;
        let entry: Option<Entry> = item.as_ref().map(read_doc).transpose()?;
        Ok(entry.filter(|entry| entry.is_active(now)))
    }

    /// The active entries of these addresses, by address in lower case. Without addresses, the store is not called.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get_many(
        &self,
        addresses: &[&str],
        now: OffsetDateTime,
    ) -> Result<HashMap<String, Entry>, StoreError> {
        let mut keys: Vec<String> = addresses.iter().map(|address| key_of(address)).collect();
        keys.sort();
        keys.dedup();
        let keys: Vec<Item> = keys.into_iter().map(|pk| key(pk, None)).collect();
        let found = self.db.get_many(&self.table, &keys).await?;
        let read = |item: &Item| Ok((address_of(item)?, read_doc(item)?));
        let entries = found.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
        Ok(entries.into_iter().filter(|(_, entry): &(_, Entry)| entry.is_active(now)).collect())
    }
}

fn address_of(item: &Item) -> Result<String, StoreError> {
    string(item, "pk")?.strip_prefix(PREFIX).map(str::to_owned).ok_or_else(|| broken("pk"))
}

fn key_of(address: &str) -> String {
    format!("{PREFIX}{}", address.trim().to_lowercase())
}
