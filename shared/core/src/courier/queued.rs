//! A message as it is stored, and how far it has come.

use super::content::TemplateType;
use crate::identity::Via;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long a message may be on its way before it names a minute less.
const ON_ITS_WAY: Duration = Duration::seconds(10);

/// The readable part of a message. It holds nothing of what the message says.
///
/// All of it decides whether, when and to whom the message is delivered, so all of it is [authenticated](Self::authenticated).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedMessage {
    /// Its id.
    pub id: Uuid,
    /// The channel that it is sent by.
    pub via: Via,
    /// An e-mail address, or a telephone number in E.164.
    pub recipient: String,
    /// Its kind.
    pub template: TemplateType,
    /// When the flow wrote it.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When what it says expires. The courier does not send it from then on. `None` in messages of the release before.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<OffsetDateTime>,
    /// The request that it answers. The courier does not send it once a later request replaced this one. `None` in messages of the
    /// release before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<CodeRequest>,
}

/// A request for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRequest {
    /// The flow that the client made it in.
    pub flow: Uuid,
    /// Which of the flow's requests for a code it is, counted from 1.
    pub number: u64,
}

impl QueuedMessage {
    /// The bytes that the sealed payload is bound to. They hold every field with its length before it, so that no two messages have
    /// the same bytes.
    pub fn authenticated(&self) -> Vec<u8> {
        // The pattern names every field, so that a new field does not compile until it is handled here.
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

    /// The whole minutes until what the message says expires, rounded down. The seconds that it is on its way do not count: of ten
    /// minutes, ten are left when the courier sends it at once.
    pub fn minutes_left(&self, now: OffsetDateTime) -> u64 {
        let left = self.expires_at.map_or(Duration::ZERO, |end| end - now + ON_ITS_WAY);
        u64::try_from(left.whole_minutes()).unwrap_or(0)
    }
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageStatus {
    /// It waits for the courier.
    Queued,
    /// The courier is sending it.
    Processing,
    /// A delivery channel took it.
    Sent,
    /// It had its last attempt, or can never be sent.
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
    /// Why it failed; `None` when it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// A text of another service with its secrets replaced; each secret stands with its replacement. An empty secret is left out,
/// because it matches between all characters of every text.
pub fn redact<'a>(text: &str, secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let known = secrets.into_iter().filter(|(secret, _)| !secret.is_empty());
    known.fold(text.to_owned(), |text, (secret, replacement)| text.replace(secret, replacement))
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
        assert_eq!(stored.authenticated(), whole.authenticated(), "storing it changes nothing");
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
        assert_eq!(
            redact("the channel answered 422", [("", "…"), ("422", "<number>")]),
            "the channel answered <number>"
        );
        assert_eq!(redact("a b a", [("a", "…")]), "… b …");
    }
}
