//! Messages and labels: the texts a client shows, each with a stable id (contract `messages.tsv`).
//!
//! | ids | module |
//! |---|---|
//! | 1010xxx, 4010xxx | [`login`] |
//! | 1070xxx | [`label`] |
//! | 4000xxx | [`validation`] |
//! | 4029xxx | [`rate_limit`] |

pub mod label;
pub mod login;
pub mod rate_limit;
pub mod validation;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A text with its id; `context` holds what was filled in, so that a client can translate it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Stable id; clients choose translations by it.
    pub id: u64,
    /// The English text.
    pub text: String,
    /// How to show it.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The values in the text; absent when there are none.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub context: Map<String, Value>,
}

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something to know.
    Info,
    /// Something went wrong.
    Error,
    /// Something went well.
    Success,
}

impl Message {
    fn plain(id: u64, kind: Kind, text: &str) -> Self {
        Self { id, text: text.to_owned(), kind, context: Map::new() }
    }

    fn with(id: u64, kind: Kind, text: String, context: Value) -> Self {
        let context = match context {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Self { id, text, kind, context }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn an_empty_context_is_absent() {
        let text = serde_json::to_string(&Message::label_id()).unwrap();
        assert_eq!(text, r#"{"id":1070004,"text":"ID","type":"info"}"#);
    }

    #[test]
    fn expiry_is_told_in_minutes_with_two_decimals() {
        let m = Message::login_flow_expired(datetime!(2026-07-29 10:00 UTC), datetime!(2026-07-29 10:01:30 UTC));
        assert_eq!(m.text, "The login flow expired 1.50 minutes ago, please try again.");
        assert_eq!(m.context["expired_at"], "2026-07-29T10:00:00Z");
        assert_eq!(m.context["expired_at_unix"], 1_785_319_200);
    }
}
