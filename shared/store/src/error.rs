//! How the store fails.

use latchkey_core::error::{ApiError, Fault};
use thiserror::Error;

/// A failure of the store. None of them says anything about who the caller is: the edge answers 503 or 500, never 401.
#[derive(Debug, Error)]
pub enum StoreError {
    /// DynamoDB did not answer, refused for load, or left keys unprocessed.
    #[error("the store did not answer: {0}")]
    Unavailable(String),
    /// An item that this release cannot read.
    #[error("the store holds what cannot be read: {0}")]
    Corrupt(String),
}

impl From<StoreError> for Fault {
    /// The store failing is never the client's fault and never "not signed in".
    fn from(error: StoreError) -> Self {
        let status = match error {
            StoreError::Unavailable(_) => 503,
            StoreError::Corrupt(_) => 500,
        };
        Self { public: Box::new(ApiError::new(status)), cause: Some(error.to_string()), debug: None }
    }
}
