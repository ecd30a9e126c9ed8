//! Messages to people: what is to be said to whom, before anybody decided how it looks and before anything was sent.
//!
//! A flow writes an [`Outgoing`] and a sealed [`Letter`] in the transaction that moves it; the courier opens, renders and sends it.

use crate::identity::Via;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// What a message is for. Clients of the admin API know it by its wire name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateType {
    /// The code of a login.
    LoginCodeValid,
    /// That nobody has an account who could sign in by a code to this address.
    LoginCodeInvalid,
}

impl TemplateType {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::LoginCodeValid, Self::LoginCodeInvalid];

    /// The wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoginCodeValid => "login_code_valid",
            Self::LoginCodeInvalid => "login_code_invalid",
        }
    }
}

/// A message as everybody may know it: nothing of what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Its id.
    pub id: Uuid,
    /// How it travels.
    pub via: Via,
    /// An e-mail address, or a telephone number in E.164.
    pub recipient: String,
    /// What it is for.
    pub template: TemplateType,
    /// When it was written.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// What a message says; sealed until the courier opens it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// The code; empty for whoever gets none.
    pub code: String,
    /// How long the code is good, in whole minutes, rounded down.
    pub expires_in_minutes: u64,
    /// The person as the public API shows them; null for whoever has no account.
    pub identity: Value,
    /// The URL that began the flow.
    pub request_url: String,
    /// What the client sent along; an empty object when nothing.
    pub transient_payload: Value,
    /// Languages the reader may have, best first, as BCP 47 tags; the courier takes the first that it speaks.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Headers of the request that the configuration lets through (`clients.web_hook.header_allowlist`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_headers: BTreeMap<String, Vec<String>>,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Letter")
    }
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageStatus {
    /// Waits to be sent.
    Queued,
    /// Is being sent.
    Processing,
    /// Was taken over by whoever delivers it.
    Sent,
    /// Was tried as often as the configuration says, or can never be sent.
    Abandoned,
}

impl MessageStatus {
    /// The wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Sent => "sent",
            Self::Abandoned => "abandoned",
        }
    }

    /// Reads a status; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Queued, Self::Processing, Self::Sent, Self::Abandoned].into_iter().find(|status| status.as_str() == text)
    }
}

/// One attempt to send a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// Its id.
    pub id: Uuid,
    /// Why it failed; `None` when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}
