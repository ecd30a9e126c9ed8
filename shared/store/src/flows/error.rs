//! Errors that a browser is sent to look at.

use super::{Flows, body};
use crate::db::StoreError;
use crate::item::{key, read_doc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long a stored error can be read.
const LIFESPAN: Duration = Duration::days(1);

/// An error that a browser is sent to look at.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoredError {
    /// The inner error object.
    pub error: Value,
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl Flows {
    /// Stores an error for the page that the browser is sent to.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_error(&self, id: Uuid, error: Value, now: OffsetDateTime) -> Result<(), StoreError> {
        let mut item = key(error_key(id), None);
        item.extend(body(&StoredError { error, created_at: now }, now + LIFESPAN)?);
        self.put("PutItem error", item).await
    }

    /// Reads a stored error; one past its life is not there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get_error(&self, id: Uuid, now: OffsetDateTime) -> Result<Option<StoredError>, StoreError> {
        let Some(item) = self.read("GetItem error", error_key(id)).await? else { return Ok(None) };
        let error: StoredError = read_doc(&item)?;
        Ok((now < error.created_at + LIFESPAN).then_some(error))
    }
}

fn error_key(id: Uuid) -> String {
    format!("error#{id}")
}
