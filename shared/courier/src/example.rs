//! Example messages, to try templates with.

use latchkey_core::courier::{Content, MessagePayload, QueuedMessage, Requester, TemplateType};
use latchkey_core::identity::Via;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// An example of a kind of message, as a flow writes it.
pub fn example(template: TemplateType) -> (QueuedMessage, MessagePayload) {
    let traits = json!({"email": "ann@example.org"});
    let identity = json!({"id": Uuid::nil(), "schema_id": "default", "traits": traits, "metadata_public": null});
    let queued = QueuedMessage {
        id: Uuid::nil(),
        via: Via::Email,
        recipient: "ann@example.org".to_owned(),
        template,
        created_at: OffsetDateTime::UNIX_EPOCH,
        expires_at: Some(OffsetDateTime::UNIX_EPOCH + Duration::minutes(10)),
        request: None,
    };
    let payload = MessagePayload {
        content: Content::example(template),
        identity: if template.has_identity() { identity } else { Value::Null },
        request_url: "https://login.example.org/self-service/login/browser".to_owned(),
        transient_payload: json!({}),
        languages: Vec::new(),
        request_headers: Default::default(),
        requester: Requester {
            browser: Some("Firefox".to_owned()),
            system: Some("Windows".to_owned()),
            place: Some("Lisbon, PT".to_owned()),
        },
    };
    (queued, payload)
}
