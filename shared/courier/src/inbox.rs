//! The inbox of a local stack: takes every message by plain HTTP.

use crate::send_error::SendError;
use crate::templates::Rendered;
use http::header::CONTENT_TYPE;
use http::{Request, Uri};
use http_body_util::Full;
use latchkey_core::courier::QueuedMessage;
use latchkey_egress::{Client, Failure, Reach, Roots};
use latchkey_platform::StartError;
use serde_json::json;
use std::time::Duration;
use time::OffsetDateTime;

/// How long the inbox may take.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) struct Inbox {
    client: Client,
    url: Uri,
}

impl Inbox {
    pub(crate) fn new(url: &str) -> Result<Self, StartError> {
        let url = url.parse::<Uri>().ok().filter(|url| url.scheme_str() == Some("http") && url.host().is_some());
        let url = url.ok_or_else(|| {
            StartError("LATCHKEY_INBOX_URL: must be a URL such as http://127.0.0.1:4436/api/messages".into())
        })?;
        Ok(Self { client: Client::new(Reach::Anywhere, Roots::None).map_err(StartError)?, url })
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
        let request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(message.to_string()))
            .map_err(|_| SendError::Refused("the inbox cannot be asked".to_owned()))?;
        let answer = self.client.call(request, PATIENCE).await.map_err(|failure| match failure {
            Failure::TooSlow => SendError::Retry("the inbox takes too long".to_owned()),
            _ => SendError::Retry("the inbox cannot be reached".to_owned()),
        })?;
        let status = answer.status;
        if let Some(busy) = SendError::if_busy(status, &answer.headers, "the inbox", now) {
            return Err(busy);
        }
        if status.is_success() {
            Ok(())
        } else if status.is_server_error() {
            Err(SendError::Retry(format!("the inbox answered {status}")))
        } else {
            Err(SendError::Refused(format!("the inbox answered {status}")))
        }
    }
}
