//! A service that takes messages by HTTP, as `courier.http` and `courier.channels` name it.

use crate::jsonnet::Jsonnet;
use crate::send_error::SendError;
use crate::templates::Rendered;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use latchkey_config::{Courier, HttpAuth, HttpRequest, RequestSecrets};
use latchkey_core::courier::{MessagePayload, QueuedMessage};
use latchkey_egress::{Client, Failure, Reach, Roots};
use latchkey_platform::StartError;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;

/// How long a call may take; a message that takes longer is tried again.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct HttpChannel {
    client: Client,
    url: Uri,
    method: Method,
    headers: HeaderMap,
    body: Option<Jsonnet>,
    as_form: bool,
    patience: Duration,
}

impl HttpChannel {
    /// Gets a channel ready.
    ///
    /// # Errors
    /// Names the key that is not usable; never the secret.
    pub(crate) fn new(
        config: &HttpRequest,
        secrets: Option<&RequestSecrets>,
        courier: &Courier,
    ) -> Result<Self, StartError> {
        let key = format!("{}.request_config", config.key);
        let wrong = |name: &str, why: &str| StartError(format!("{key}.{name}: {why}"));
        let url: Uri = config.url.parse().map_err(|_| wrong("url", "is no URL"))?;
        let method = config.method.parse().map_err(|_| wrong("method", "is no method"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            headers.insert(
                header_name(name).ok_or_else(|| wrong("headers", "a name is no header's"))?,
                plain(value).ok_or_else(|| wrong("headers", "a value is not allowed in a header"))?,
            );
        }
        for (name, value) in secrets.into_iter().flat_map(|secrets| &secrets.headers) {
            headers.insert(
                header_name(name).ok_or_else(|| wrong("headers", "a name is no header's"))?,
                hidden(value.expose_secret()).ok_or_else(|| wrong("headers", "a value is not allowed in a header"))?,
            );
        }
        if let Some(auth) = &config.auth {
            let secret = secrets.and_then(|secrets| secrets.auth.as_ref());
            let missing = || {
                wrong(
                    "auth.config",
                    "its password or value is not set; in a deployment it stands in the stack's secret",
                )
            };
            let (name, value) = proof(auth, secret.ok_or_else(missing)?);
            let name = header_name(&name).ok_or_else(|| wrong("auth.config.name", "is no header's name"))?;
            headers.insert(name, hidden(&value).ok_or_else(|| wrong("auth.config", "it cannot stand in a header"))?);
        }
        let kind = headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        let as_form = match kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim() {
            "application/json" => false,
            "application/x-www-form-urlencoded" => true,
            _ => {
                return Err(wrong(
                    "headers",
                    "Content-Type must be application/json or application/x-www-form-urlencoded",
                ));
            }
        };
        let body =
            config.body.as_ref().map(|body| Jsonnet::new(&body.source, &body.text)).transpose().map_err(StartError)?;
        let reach = if courier.may_call(&config.url) { Reach::Anywhere } else { Reach::Public };
        let client = Client::new(reach, Roots::System).map_err(StartError)?;
        Ok(Self { client, url, method, headers, body, as_form, patience: PATIENCE })
    }

    pub(crate) async fn send(
        &self,
        queued: &QueuedMessage,
        payload: &MessagePayload,
        rendered: &Rendered,
        now: OffsetDateTime,
    ) -> Result<(), SendError> {
        let body = self.body(queued, payload, rendered).await.map_err(SendError::Refused)?;
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let answer = self.client.call(request, self.patience).await.map_err(|failure| match failure {
            Failure::Forbidden(why) => SendError::Refused(format!("the channel's URL is not called: {why}")),
            Failure::TooSlow => SendError::Retry("the channel takes too long".to_owned()),
            _ => SendError::Retry("the channel cannot be reached".to_owned()),
        })?;
        let status = answer.status;
        if let Some(busy) = SendError::if_busy(status, &answer.headers, "the channel", now) {
            return Err(busy);
        }
        match status.as_u16() {
            200..300 => Ok(()),
            300..=399 => Err(SendError::Refused(format!("the channel answered {status}; redirects are not followed"))),
            // Who we are: nothing that is wrong with the message.
            401 | 403 | 407 => Err(SendError::NotAllowed(format!("the channel answered {status}"))),
            408 | 425 | 500.. => Err(SendError::Retry(format!("the channel answered {status}"))),
            _ => Err(SendError::Refused(format!("the channel answered {status}"))),
        }
    }

    async fn body(
        &self,
        queued: &QueuedMessage,
        payload: &MessagePayload,
        rendered: &Rendered,
    ) -> Result<String, String> {
        let made = match &self.body {
            None => json!({
                "recipient": queued.recipient,
                "template_type": queued.template.as_str(),
                "to": queued.recipient,
                "subject": rendered.subject,
                "body": rendered.text,
            })
            .to_string(),
            Some(body) => body.call(context(queued, payload, rendered).to_string()).await?,
        };
        if !self.as_form {
            return Ok(made);
        }
        let flat = "the channel's body must be keys and texts: its Content-Type is a form";
        let Ok(Value::Object(map)) = serde_json::from_str(&made) else { return Err(flat.to_owned()) };
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &map {
            match value {
                Value::String(text) => form.append_pair(name, text),
                Value::Number(_) | Value::Bool(_) => form.append_pair(name, &value.to_string()),
                _ => return Err(flat.to_owned()),
            };
        }
        Ok(form.finish())
    }
}

/// What Jsonnet is given, under the names that Kratos has for it.
fn context(queued: &QueuedMessage, payload: &MessagePayload, rendered: &Rendered) -> Value {
    let mut context = json!({
        "recipient": queued.recipient,
        "subject": rendered.subject,
        "body": rendered.text,
        "template_type": queued.template.as_str(),
        "template_data": rendered.data,
        "message_type": queued.via.as_str(),
        "request_headers": payload.request_headers,
    });
    if let Some(html) = &rendered.html {
        context["html_body"] = html.as_str().into();
    }
    context
}

/// The header that proves who we are.
fn proof(auth: &HttpAuth, secret: &SecretString) -> (String, String) {
    let secret = secret.expose_secret();
    match auth {
        HttpAuth::Basic { user } => {
            (AUTHORIZATION.to_string(), format!("Basic {}", STANDARD.encode(format!("{user}:{secret}"))))
        }
        HttpAuth::Header { name } => (name.clone(), secret.to_owned()),
        HttpAuth::Cookie { name } => (COOKIE.to_string(), format!("{name}={secret}")),
    }
}

fn header_name(text: &str) -> Option<HeaderName> {
    text.parse().ok()
}

fn plain(text: &str) -> Option<HeaderValue> {
    text.parse().ok()
}

fn hidden(text: &str) -> Option<HeaderValue> {
    let mut value = plain(text)?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::example;
    use crate::templates::Templates;
    use latchkey_core::courier::TemplateType;

    #[tokio::test]
    async fn silent_service_is_retried_later() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let text = format!(
            r#"{{"serve": {{"public": {{"base_url": "https://login.example.org/"}}}},
                "identity": {{"schemas": [{{"id": "default", "url": "base64://e30="}}]}},
                "courier": {{"delivery_strategy": "http", "http": {{"request_config": {{"url": "http://{}/"}}}}}}}}"#,
            listener.local_addr().unwrap()
        );
        let courier = latchkey_config::read(&text, None, &[], true).unwrap().config.courier;
        let mut channel = HttpChannel::new(courier.email.as_ref().unwrap(), None, &courier).unwrap();
        channel.patience = Duration::from_millis(100);
        let (queued, payload) = example(TemplateType::LoginCodeValid);
        let rendered = Templates::new(&courier).unwrap().render(&queued, &payload, queued.created_at).unwrap();
        let error = channel.send(&queued, &payload, &rendered, queued.created_at).await.unwrap_err();
        assert_eq!(error, SendError::Retry("the channel takes too long".to_owned()));
        drop(listener);
    }
}
