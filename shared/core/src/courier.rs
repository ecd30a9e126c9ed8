//! Messages to people: what is to be said to whom, before anybody decided how it looks and before anything was sent.
//!
//! A flow writes an [`QueuedMessage`] and a sealed [`MessagePayload`] in the transaction that moves it; the courier opens, renders and sends it.

use crate::agent;
use crate::identity::Via;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};
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

/// A one-time code as its reader types it. Never empty: what has no code has a [`Content`] of its own.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code(String);

impl Code {
    /// `None` for an empty text.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        Some(text.into()).filter(|text| !text.is_empty()).map(Self)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Code {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text).ok_or("a code is not empty")
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.0
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code")
    }
}

/// What a message tells its reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The code of a login.
    LoginCode(Code),
    /// That there is no account for this address.
    NoAccount,
}

impl Content {
    /// The template that words it.
    pub fn template(&self) -> TemplateType {
        match self {
            Self::LoginCode(_) => TemplateType::LoginCodeValid,
            Self::NoAccount => TemplateType::LoginCodeInvalid,
        }
    }

    /// The code, where there is one.
    pub fn code(&self) -> Option<&Code> {
        match self {
            Self::LoginCode(code) => Some(code),
            Self::NoAccount => None,
        }
    }
}

/// A message as everybody may know it: nothing of what it says.
///
/// All of it decides whether, when and to whom the message is delivered, so all of it is [authenticated](Self::authenticated).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedMessage {
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
    /// When what it says stops being true; from then on it is not sent. `None` in messages of the release before.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<OffsetDateTime>,
    /// The request that it answers; it is not sent once that was overtaken. `None` in messages of the release before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<CodeRequest>,
}

/// A request for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRequest {
    /// The login flow that it was made in.
    pub flow: Uuid,
    /// Which of the flow's requests for a code it is, counted from 1.
    pub number: u64,
}

impl QueuedMessage {
    /// What a sealed payload is bound to: every field, each with its length before it, so that no two messages give the same bytes.
    pub fn authenticated(&self) -> Vec<u8> {
        // Taken apart by name, so that a field cannot be added without deciding about it here.
        let Self { id, via, recipient, template, created_at, expires_at, request } = self;
        let instant = |at: &OffsetDateTime| at.unix_timestamp_nanos().to_be_bytes();
        let mut out = Vec::with_capacity(256);
        let mut add = |part: &[u8]| {
            out.extend((part.len() as u64).to_be_bytes());
            out.extend(part);
        };
        add(id.as_bytes());
        add(via.as_str().as_bytes());
        add(recipient.as_bytes());
        add(template.as_str().as_bytes());
        add(&instant(created_at));
        add(expires_at.as_ref().map(instant).as_ref().map_or(&[], <[u8; 16]>::as_slice));
        match request {
            Some(CodeRequest { flow, number }) => {
                add(flow.as_bytes());
                add(&number.to_be_bytes());
            }
            None => add(&[]),
        }
        out
    }

    /// Whole minutes for which what the message says stays true, rounded down. The seconds that it is on its way do not count:
    /// of ten minutes, ten are left when it is sent at once.
    pub fn minutes_left(&self, now: OffsetDateTime) -> u64 {
        let left = self.expires_at.map_or(Duration::ZERO, |end| end - now + ON_ITS_WAY);
        u64::try_from(left.whole_minutes()).unwrap_or(0)
    }
}

/// How long a message may be on its way before its reader is told of a minute less.
const ON_ITS_WAY: Duration = Duration::seconds(10);

/// What a message says; sealed until the courier opens it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct MessagePayload {
    /// What it tells.
    pub content: Content,
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
    /// Where the request came from.
    #[serde(default)]
    pub requester: Requester,
}

/// The client that asked for a message, as its reader may recognise it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requester {
    /// The browser that its user agent names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
    /// The system that its user agent names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// City and country as a trusted edge says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl Requester {
    /// What a user agent names, at a place; an empty place is none.
    pub fn new(user_agent: &str, place: Option<String>) -> Self {
        Self {
            browser: agent::browser(user_agent).map(str::to_owned),
            system: agent::system(user_agent).map(str::to_owned),
            place: place.filter(|place| !place.is_empty()),
        }
    }
}

impl std::fmt::Debug for MessagePayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessagePayload")
    }
}

/// A payload as the release before wrote it. It was bound to the message's id alone, so nothing else that stands beside it is to be
/// believed: the recipient must be an address of the person in the payload.
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
    /// The message and its payload as this release has them; `None` when the code would go to somebody else than its owner.
    pub fn read(self, queued: &QueuedMessage) -> Option<(QueuedMessage, MessagePayload)> {
        let RestV0 { identity, request_url, transient_payload, languages, request_headers } = self.rest;
        let content = Code::new(self.code).map_or(Content::NoAccount, Content::LoginCode);
        let is_theirs =
            |address: &Value| address["via"] == queued.via.as_str() && address["value"] == queued.recipient.as_str();
        let addresses = identity["verifiable_addresses"].as_array();
        if content.code().is_some() && !addresses.is_some_and(|all| all.iter().any(is_theirs)) {
            return None;
        }
        // The minutes were rounded down.
        let lifespan = Duration::minutes(i64::try_from(self.expires_in_minutes).ok()?.checked_add(1)?);
        let queued = QueuedMessage {
            template: content.template(),
            expires_at: Some(queued.created_at.checked_add(lifespan)?),
            request: None,
            ..queued.clone()
        };
        Some((
            queued,
            MessagePayload {
                content,
                identity,
                request_url,
                transient_payload,
                languages,
                request_headers,
                requester: Requester::default(),
            },
        ))
    }
}

/// A text of somebody else's with what is secret taken out of it; each secret stands with what takes its place. A secret that is
/// empty hides nothing, because it stands between all letters of every text.
pub fn without<'a>(text: &str, secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let known = secrets.into_iter().filter(|(secret, _)| !secret.is_empty());
    known.fold(text.to_owned(), |text, (secret, instead)| text.replace(secret, instead))
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

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);

    fn queued() -> QueuedMessage {
        QueuedMessage {
            id: Uuid::from_u128(1),
            via: Via::Email,
            recipient: "ada@example.org".into(),
            template: TemplateType::LoginCodeValid,
            created_at: NOW,
            expires_at: Some(NOW + Duration::minutes(10)),
            request: Some(CodeRequest { flow: Uuid::from_u128(2), number: 1 }),
        }
    }

    #[test]
    fn every_field_changes_authenticated_bytes() {
        let whole = queued();
        let other: [fn(&mut QueuedMessage); 9] = [
            |m| m.id = Uuid::from_u128(9),
            |m| m.via = Via::Sms,
            |m| m.recipient.push('g'),
            |m| m.template = TemplateType::LoginCodeInvalid,
            |m| m.created_at += Duration::NANOSECOND,
            |m| m.expires_at = m.expires_at.map(|at| at + Duration::NANOSECOND),
            |m| m.expires_at = None,
            |m| m.request = Some(CodeRequest { flow: Uuid::from_u128(3), number: 1 }),
            |m| m.request = None,
        ];
        let mut seen = vec![whole.authenticated()];
        for change in other {
            let mut message = whole.clone();
            change(&mut message);
            assert!(!seen.contains(&message.authenticated()), "{message:?}");
            seen.push(message.authenticated());
        }
        let stored: QueuedMessage = serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
        assert_eq!(stored.authenticated(), whole.authenticated(), "it is the same after it was stored");
    }

    #[test]
    fn minutes_left_count_from_sending() {
        let message = queued();
        for (seconds, minutes) in [(0, 10), (9, 10), (11, 9), (309, 5), (589, 0), (900, 0), (-5, 10)] {
            assert_eq!(message.minutes_left(NOW + Duration::seconds(seconds)), minutes, "after {seconds} s");
        }
        assert_eq!(QueuedMessage { expires_at: None, ..message }.minutes_left(NOW), 0);
    }

    #[test]
    fn empty_secret_hides_nothing() {
        assert_eq!(Code::new(""), None);
        assert!(serde_json::from_str::<Content>(r#"{"login_code":""}"#).is_err());
        assert_eq!(
            without("the channel answered 422", [("", "…"), ("422", "<number>")]),
            "the channel answered <number>"
        );
        assert_eq!(without("a b a", [("a", "…")]), "… b …");
    }

    #[test]
    fn payload_v0_reaches_only_its_owners_addresses() {
        let before = |code: &str| -> MessagePayloadV0 {
            serde_json::from_value(serde_json::json!({
                "code": code, "expires_in_minutes": 15, "request_url": "https://login.example.org/", "transient_payload": {},
                "identity": {"verifiable_addresses": [{"via": "email", "value": "ada@example.org"}]},
            }))
            .unwrap()
        };
        let stored = QueuedMessage { expires_at: None, request: None, ..queued() };
        let (message, payload) = before("123456").read(&stored).unwrap();
        assert_eq!(payload.content, Content::LoginCode(Code::new("123456").unwrap()));
        assert_eq!(message.expires_at, Some(NOW + Duration::minutes(16)));
        let elsewhere = QueuedMessage { recipient: "eve@example.org".into(), ..stored.clone() };
        assert!(before("123456").read(&elsewhere).is_none());
        assert!(before("123456").read(&QueuedMessage { via: Via::Sms, ..stored }).is_none());
        // What has no code tells nobody anything, and is worded as such whatever its template says.
        assert_eq!(before("").read(&elsewhere).unwrap().0.template, TemplateType::LoginCodeInvalid);
    }
}
