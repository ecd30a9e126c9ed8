//! Erasures: messages to an address are deleted once its identity was deleted, or gave the address up.
//!
//! The transaction that takes an address from its identity puts an erasure into the outbox, whose stream brings it to the courier. The
//! courier deletes the messages that were written until then at once. A quarter of an hour later it deletes those that were being
//! written meanwhile, and then the erasure. So within the hour no item tells that the address got messages.

use crate::db::{StoreError, pages, send};
use crate::item::incomplete;
use crate::item::{FORMAT, doc, key, n, read_doc, s, string, ttl};
use crate::outbox::Outbox;
use crate::place::{Place, unsent};
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use futures_util::TryStreamExt as _;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long a transaction that began before an address was given up may take to write a message to it.
const UNDER_WAY: Duration = Duration::MINUTE;
/// How long an erasure is stored that keeps failing. It reaches the dead-letter queue long before.
const KEPT: Duration = Duration::days(7);
/// Messages that are deleted at the same time.
const AT_ONCE: usize = 16;
/// What keys of erasures begin with; those of messages are ids.
const PREFIX: &str = "erasure#";

/// What is to be forgotten.
#[derive(Debug, Serialize, Deserialize)]
struct Erasure {
    recipients: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    asked_at: OffsetDateTime,
}

/// Which messages an erasure takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Those that were there when it was asked for.
    First,
    /// Those that were under way then, too; and the erasure itself.
    Last,
}

/// The id of an erasure by its key in the table; `None` for any other key.
pub fn erasure_of(pk: &str) -> Option<Uuid> {
    Uuid::try_parse(pk.strip_prefix(PREFIX)?).ok()
}

impl Outbox {
    /// The part of a transaction that gives these addresses up; `None` when there are none.
    pub(crate) fn put_erasure(
        &self,
        id: Uuid,
        recipients: Vec<String>,
        now: OffsetDateTime,
    ) -> Result<Option<TransactWriteItem>, StoreError> {
        if recipients.is_empty() {
            return Ok(None);
        }
        let mut item = key(format!("{PREFIX}{id}"), None);
        item.extend([
            ("v".to_owned(), n(FORMAT)),
            ("doc".to_owned(), doc(&Erasure { recipients, asked_at: now })?),
            ("ttl".to_owned(), ttl(now + KEPT)),
        ]);
        // A local stack that ends before the last round begins with it again.
        item.extend(unsent(now, id));
        let put = Put::builder().table_name(self.table()).set_item(Some(item)).build().map_err(incomplete)?;
        Ok(Some(TransactWriteItem::builder().put(put).build()))
    }

    /// Deletes what an erasure is about; how many messages that were. Doing it twice does no harm.
    ///
    /// # Errors
    /// When the store fails; the rest is still there.
    pub async fn erase(&self, id: Uuid, round: Round) -> Result<usize, StoreError> {
        let pk = format!("{PREFIX}{id}");
        let Some(item) = self.db().get("GetItem erasure", self.table(), key(&pk, None)).await? else { return Ok(0) };
        let erasure: Erasure = read_doc(&item)?;
        let until = match round {
            Round::First => erasure.asked_at,
            Round::Last => erasure.asked_at + UNDER_WAY,
        };
        let mut count = 0;
        for recipient in &erasure.recipients {
            count += self.erase_to(recipient, until).await?;
        }
        if round == Round::Last {
            self.delete(&pk).await?;
        }
        Ok(count)
    }

    async fn erase_to(&self, recipient: &str, until: OffsetDateTime) -> Result<usize, StoreError> {
        let client = self.db().client().await;
        let query = client
            .query()
            .table_name(self.table())
            .index_name("by-recipient")
            .key_condition_expression("recipient = :recipient AND written < :until")
            .expression_attribute_values(":recipient", s(recipient))
            .expression_attribute_values(":until", s(Place::at(until).as_str()));
        let mut count = 0;
        let mut pages = pages("Query messages", query);
        while let Some(page) = pages.try_next().await? {
            let items = page.items.unwrap_or_default();
            count += items.len();
            let deleting = items.iter().map(|item| string(item, "pk"));
            stream::iter(deleting).try_for_each_concurrent(AT_ONCE, |pk| self.delete(pk)).await?;
        }
        Ok(count)
    }

    async fn delete(&self, pk: &str) -> Result<(), StoreError> {
        let client = self.db().client().await;
        let call = client.delete_item().table_name(self.table()).set_key(Some(key(pk, None))).send();
        send("DeleteItem message", call).await.map(|_| ())
    }
}
