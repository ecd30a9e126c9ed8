//! Native apps that wait for a browser to finish their login (contract `login-flow.md` 1.9).

use super::flow::{KEPT_AFTER_EXPIRY, flow_item};
use super::{Flows, body};
use crate::db::StoreError;
use crate::item::{key, read_doc};
use latchkey_core::flow::{Flow, FlowSpec};
use latchkey_core::token;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// A native app that waits for a browser to finish its login.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The flow that is to be finished.
    pub flow: Uuid,
    /// The half of the code pair that the browser will bring back.
    pub return_to_code: String,
    /// End of the wait.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

impl Flows {
    /// Stores a new flow together with the exchange that a native app will ask for with `init_code`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin_with_exchange<S: FlowSpec>(
        &self,
        flow: &Flow<S>,
        (init_code, return_to_code): (&str, &str),
        request: Uuid,
    ) -> Result<(), StoreError> {
        let return_to_code = return_to_code.to_owned();
        let exchange = Exchange { flow: flow.id, return_to_code, expires_at: flow.expires_at };
        let mut item = key(exchange_key(init_code), None);
        item.extend(body(&exchange, flow.expires_at + KEPT_AFTER_EXPIRY)?);
        let items = vec![self.put_action(flow_item(flow)?)?, self.put_action(item)?];
        match self.db.transact(items, request).await? {
            Ok(()) => Ok(()),
            Err(_) => Err(StoreError::Unavailable("an unconditional write was refused".into())),
        }
    }

    /// Reads the exchange that a native app began with `init_code`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get_exchange(&self, init_code: &str) -> Result<Option<Exchange>, StoreError> {
        self.read("GetItem exchange", exchange_key(init_code)).await?.as_ref().map(read_doc).transpose()
    }
}

/// The app's half of the pair is a bearer secret, so the key holds its hash.
fn exchange_key(init_code: &str) -> String {
    format!("exchange#{}", token::digest(init_code))
}
