//! The inbox of a local stack: takes every message by plain HTTP.

use crate::http_channel::deliver;
use crate::send_error::SendError;
use crate::templates::Rendered;
use latchkey_core::courier::QueuedMessage;
use latchkey_egress::{Client, Endpoint, Reach, Request, Roots};
use latchkey_platform::StartError;
use serde_json::json;
use std::time::Duration;
use time::OffsetDateTime;

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) struct Inbox {
    endpoint: Endpoint,
}

impl Inbox {
    pub(crate) fn new(url: &str) -> Result<Self, StartError> {
        let invalid =
            || StartError("LATCHKEY_INBOX_URL: must be a URL such as http://127.0.0.1:4436/api/messages".into());
        if !url.starts_with("http://") {
            return Err(invalid());
        }
        let request = Request {
            url: url.to_owned(),
            method: "POST".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            ..Request::default()
        };
        let client = Client::new(Reach::Anywhere, Roots::None).map_err(StartError)?;
        Ok(Self { endpoint: Endpoint::new(client, &request, TIMEOUT).map_err(|_| invalid())? })
    }

    pub(crate) async fn send(
        &self,
        queued: &QueuedMessage,
        rendered: &Rendered,
        now: OffsetDateTime,
    ) -> Result<(), SendError> {
        let message = json!({
            "to": queued.recipient,
            "channel": queued.via.as_str(),
            "template_type": queued.template.as_str(),
            "subject": rendered.subject,
            "text": rendered.text,
            "html": rendered.html,
        });
        deliver(&self.endpoint, message.to_string(), "the inbox", now).await
    }
}
