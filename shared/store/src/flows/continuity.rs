//! What a flow goes on with after a round trip: to an OpenID provider and back, or from settings to a fresh login.
//!
//! A continuity belongs to one flow and to one browser, and one request consumes it. What it carries is for its writer to seal.

use super::{Flows, body};
use crate::db::StoreError;
use crate::item::{incomplete, key, read_doc};
use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use latchkey_core::csrf::{CsrfBinding, CsrfSecret};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// What a flow goes on with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Continuity {
    /// Its id, which the client brings back.
    pub id: Uuid,
    /// The flow that goes on.
    pub flow: Uuid,
    /// The browser that it belongs to.
    pub browser: CsrfBinding,
    /// What it carries, sealed.
    pub sealed: Vec<u8>,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

impl Continuity {
    /// Whether a browser with this secret may go on with it at `now`.
    pub fn is_for(&self, browser: &CsrfSecret, now: OffsetDateTime) -> bool {
        now < self.expires_at && self.browser.fits(browser)
    }
}

impl Flows {
    /// Stores a continuity.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_continuity(&self, continuity: &Continuity) -> Result<(), StoreError> {
        let mut item = key(continuity_key(continuity.id), None);
        item.extend(body(continuity, continuity.expires_at)?);
        self.put("PutItem continuity", item).await
    }

    /// Reads a continuity, which stays until a [`Commit`](crate::Commit) spends it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get_continuity(&self, id: Uuid) -> Result<Option<Continuity>, StoreError> {
        self.read("GetItem continuity", continuity_key(id)).await?.as_ref().map(read_doc).transpose()
    }

    /// The part of a transaction that consumes a continuity, once.
    pub(crate) fn delete_continuity(&self, id: Uuid) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key(continuity_key(id), None)))
            .condition_expression("attribute_exists(pk)")
            .build();
        Ok(TransactWriteItem::builder().delete(delete.map_err(incomplete)?).build())
    }
}

fn continuity_key(id: Uuid) -> String {
    format!("continuity#{id}")
}
