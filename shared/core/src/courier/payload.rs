//! The sealed part of a message, in the formats of this release and of the one before.

use super::content::{Code, Content};
use super::queued::QueuedMessage;
use crate::agent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use time::Duration;

/// The sealed part of a message. Only the courier can open it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct MessagePayload {
    /// What the message says.
    pub content: Content,
    /// The recipient's identity as the public API shows it; null where the recipient has none.
    pub identity: Value,
    /// The URL that began the flow.
    pub request_url: String,
    /// What the client sent along; an empty object when nothing.
    pub transient_payload: Value,
    /// The languages of the recipient as BCP 47 tags, best first. The courier takes the first that it has texts in.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Headers of the request that the configuration lets through (`clients.web_hook.header_allowlist`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_headers: BTreeMap<String, Vec<String>>,
    /// The client that requested the message.
    #[serde(default)]
    pub requester: Requester,
}

impl std::fmt::Debug for MessagePayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessagePayload")
    }
}

/// The client that requested a message, as the recipient may recognise it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requester {
    /// The browser that its user agent names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
    /// The system that its user agent names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// City and country, as a trusted edge names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl Requester {
    /// Reads a user agent, and adds a place unless it is empty.
    pub fn new(user_agent: &str, place: Option<String>) -> Self {
        Self {
            browser: agent::browser(user_agent).map(str::to_owned),
            system: agent::system(user_agent).map(str::to_owned),
            place: place.filter(|place| !place.is_empty()),
        }
    }
}

/// A payload in the format of the release before. It was bound to the message's id alone, so no other readable field can be trusted:
/// the recipient must be an address of the identity in the payload.
#[derive(Deserialize)]
pub struct MessagePayloadV0 {
    code: String,
    expires_in_minutes: u64,
    #[serde(flatten)]
    rest: RestV0,
}

#[derive(Deserialize)]
struct RestV0 {
    identity: Value,
    request_url: String,
    transient_payload: Value,
    #[serde(default)]
    languages: Vec<String>,
    #[serde(default)]
    request_headers: BTreeMap<String, Vec<String>>,
}

impl MessagePayloadV0 {
    /// The message and its payload in today's format; `None` when the code would go to another recipient than its owner.
    pub fn read(self, queued: &QueuedMessage) -> Option<(QueuedMessage, MessagePayload)> {
        let RestV0 { identity, request_url, transient_payload, languages, request_headers } = self.rest;
        let code = Code::new(self.code);
        let is_recipient =
            |address: &Value| address["via"] == queued.via.as_str() && address["value"] == queued.recipient.as_str();
        let addresses = identity["verifiable_addresses"].as_array();
        if code.is_some() && !addresses.is_some_and(|all| all.iter().any(is_recipient)) {
            return None;
        }
        let content = code.map_or(Content::LoginUnknownAddress, Content::LoginCode);
        // The minutes were rounded down.
        let lifespan = Duration::minutes(i64::try_from(self.expires_in_minutes).ok()?.checked_add(1)?);
        let queued = QueuedMessage {
            template: content.template(),
            expires_at: Some(queued.created_at.checked_add(lifespan)?),
            request: None,
            ..queued.clone()
        };
        let payload = MessagePayload {
            content,
            identity,
            request_url,
            transient_payload,
            languages,
            request_headers,
            requester: Requester::default(),
        };
        Some((queued, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::courier::TemplateType;
    use crate::identity::Via;
    use time::OffsetDateTime;
    use time::macros::datetime;
    use uuid::Uuid;

    const NOW: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);

    #[test]
    fn payload_v0_reaches_only_its_owners_addresses() {
        let before = |code: &str| -> MessagePayloadV0 {
            serde_json::from_value(serde_json::json!({
                "code": code, "expires_in_minutes": 15, "request_url": "https://login.example.org/", "transient_payload": {},
                "identity": {"verifiable_addresses": [{"via": "email", "value": "ada@example.org"}]},
            }))
            .unwrap()
        };
        let stored = QueuedMessage {
            id: Uuid::from_u128(1),
            via: Via::Email,
            recipient: "ada@example.org".into(),
            template: TemplateType::LoginCodeValid,
            created_at: NOW,
            expires_at: None,
            request: None,
        };
        let (message, payload) = before("123456").read(&stored).unwrap();
        assert_eq!(payload.content, Content::LoginCode(Code::new("123456").unwrap()));
        assert_eq!(message.expires_at, Some(NOW + Duration::minutes(16)));
        let elsewhere = QueuedMessage { recipient: "eve@example.org".into(), ..stored.clone() };
        assert!(before("123456").read(&elsewhere).is_none());
        assert!(before("123456").read(&QueuedMessage { via: Via::Sms, ..stored }).is_none());
        // A payload without a code holds no secret, and is worded as such whatever its template says.
        assert_eq!(before("").read(&elsewhere).unwrap().0.template, TemplateType::LoginCodeInvalid);
    }
}
