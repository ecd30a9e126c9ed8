//! How a message looks and who carries it.

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use latchkey_config::Config;
use latchkey_core::courier::{Letter, Outgoing};
use latchkey_web::{Environment, StartError};
use serde_json::json;

pub(crate) struct Rendered {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: Option<String>,
}

pub(crate) enum SendError {
    Retry(String),
    Refused(String),
}

pub(crate) struct Post {
    client: Client<HttpConnector, Full<Bytes>>,
    inbox: String,
}

impl Post {
    pub(crate) fn open(env: &Environment, _config: &Config) -> Result<Self, StartError> {
        let inbox = env.require("LATCHKEY_INBOX_URL", "where messages go")?.to_owned();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build_http(), inbox })
    }

    pub(crate) fn render(&self, _message: &Outgoing, letter: &Letter) -> Result<Rendered, String> {
        Ok(Rendered {
            subject: format!("Your sign-in code: {}", letter.code),
            text: format!("Enter {} to sign in.", letter.code),
            html: None,
        })
    }

    pub(crate) async fn send(&self, message: &Outgoing, _: &Letter, rendered: &Rendered) -> Result<(), SendError> {
        let body = json!({"to": message.recipient, "channel": message.via.as_str(), "template_type": message.template.as_str(),
            "subject": rendered.subject, "text": rendered.text, "html": rendered.html});
        let request = http::Request::post(&self.inbox)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|e| SendError::Refused(e.to_string()))?;
        let answer = self.client.request(request).await.map_err(|e| SendError::Retry(e.to_string()))?;
        let status = answer.status();
        let said = answer.into_body().collect().await.map_err(|e| SendError::Retry(e.to_string()))?.to_bytes();
        let said = format!("{status}: {}", String::from_utf8_lossy(&said));
        match status.as_u16() {
            200..300 => Ok(()),
            400 | 404 | 422 => Err(SendError::Refused(said)),
            _ => Err(SendError::Retry(said)),
        }
    }
}
