//! Delivery channels by HTTP: a service that `courier.http` or `courier.channels` names, and the inbox of a local stack.

use crate::send_error::SendError;
use crate::templates::Rendered;
use latchkey_config::{Courier, HttpAuth, HttpRequest, RequestSecrets};
use latchkey_core::courier::{MessagePayload, QueuedMessage};
use latchkey_egress::{Auth, Client, Endpoint, Failure, Reach, Request, Roots};
use latchkey_jsonnet::{Budget, Jsonnet};
use latchkey_platform::StartError;
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;

/// How long a call may take. The courier tries a message again whose call takes longer.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct HttpChannel {
    endpoint: Endpoint,
    body: Option<Jsonnet>,
    as_form: bool,
}

impl HttpChannel {
    /// Sets up a channel.
    ///
    /// # Errors
    /// Names the key that is not usable; never the secret.
    pub(crate) fn new(
        config: &HttpRequest,
        secrets: Option<&RequestSecrets>,
        courier: &Courier,
    ) -> Result<Self, StartError> {
        let invalid = |name: &str, why: &str| StartError(format!("{}.request_config.{name}: {why}", config.key));
        let secret = secrets.and_then(|secrets| secrets.auth.clone());
        let missing = || {
            invalid("auth.config", "its password or value is not set; in a deployment it stands in the stack's secret")
        };
        let auth = match &config.auth {
            None => None,
            Some(auth) => {
                let secret = secret.ok_or_else(missing)?;
                Some(match auth.clone() {
                    HttpAuth::Basic { user } => Auth::Basic { user, password: secret },
                    HttpAuth::Header { name } => Auth::Header { name, value: secret },
                    HttpAuth::Cookie { name } => Auth::Cookie { name, value: secret },
                })
            }
        };
        let request = Request {
            url: config.url.clone(),
            method: config.method.clone(),
            headers: config.headers.clone().into_iter().collect(),
            secret_headers: secrets.into_iter().flat_map(|secrets| secrets.headers.clone()).collect(),
            auth,
        };
        let reach = if courier.may_call(&config.url) { Reach::Anywhere } else { Reach::Public };
        let client = Client::new(reach, Roots::System).map_err(StartError)?;
        let mut endpoint = Endpoint::new(client, &request, TIMEOUT).map_err(|e| invalid(e.key, e.why))?;
        let as_form = match endpoint.content_type("application/json") {
            "application/json" => false,
            "application/x-www-form-urlencoded" => true,
            _ => {
                let why = "Content-Type must be application/json or application/x-www-form-urlencoded";
                return Err(invalid("headers", why));
            }
        };
        let body = config.body.as_ref().map(|body| Jsonnet::parse(&body.source, &body.text, Budget::default()));
        Ok(Self { endpoint, body: body.transpose().map_err(|e| StartError(e.to_string()))?, as_form })
    }

    pub(crate) async fn send(
        &self,
        queued: &QueuedMessage,
        payload: &MessagePayload,
        rendered: &Rendered,
        now: OffsetDateTime,
    ) -> Result<(), SendError> {
        let body = self.body(queued, payload, rendered).await.map_err(SendError::Refused)?;
        deliver(&self.endpoint, body, "the channel", now).await
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
            Some(body) => body.evaluate(&context(queued, payload, rendered)).await.map_err(|e| e.to_string())?,
        };
        if self.as_form { form(&made) } else { Ok(made) }
    }
}

/// Hands a message to a service, and reads from its status whether it took it.
pub(crate) async fn deliver(
    endpoint: &Endpoint,
    body: String,
    service: &str,
    now: OffsetDateTime,
) -> Result<(), SendError> {
    let answer = endpoint.send(body).await.map_err(|failure| match failure {
        Failure::Forbidden(why) => SendError::Refused(format!("{service}'s URL is not called: {why}")),
        Failure::TooSlow => SendError::Retry(format!("{service} takes too long")),
        Failure::Unreachable | Failure::Broken | Failure::Astray | Failure::Endless => {
            SendError::Retry(format!("{service} cannot be reached"))
        }
    })?;
    let status = answer.status;
    if let Some(busy) = SendError::if_busy(status, &answer.headers, service, now) {
        return Err(busy);
    }
    match status.as_u16() {
        200..300 => Ok(()),
        300..=399 => Err(SendError::Refused(format!("{service} answered {status}; redirects are not followed"))),
        // It does not accept our credentials, which says nothing about the message.
        401 | 403 | 407 => Err(SendError::NotAllowed(format!("{service} answered {status}"))),
        408 | 425 | 500.. => Err(SendError::Retry(format!("{service} answered {status}"))),
        _ => Err(SendError::Refused(format!("{service} answered {status}"))),
    }
}

/// A JSON object of simple values as a form.
fn form(json: &str) -> Result<String, String> {
    let flat = "the channel's body must be keys and texts: its Content-Type is a form";
    let Ok(Value::Object(map)) = serde_json::from_str(json) else { return Err(flat.to_owned()) };
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &map {
        match value {
            Value::String(text) => form.append_pair(name, text),
            Value::Number(_) | Value::Bool(_) => form.append_pair(name, &value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => return Err(flat.to_owned()),
        };
    }
    Ok(form.finish())
}

/// The context of Jsonnet, under the names that Kratos has for it.
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
        channel.endpoint = channel.endpoint.within(Duration::from_millis(100));
        let (queued, payload) = example(TemplateType::LoginCodeValid);
        let rendered = Templates::new(&courier).unwrap().render(&queued, &payload, queued.created_at).unwrap();
        let error = channel.send(&queued, &payload, &rendered, queued.created_at).await.unwrap_err();
        assert_eq!(error, SendError::Retry("the channel takes too long".to_owned()));
        drop(listener);
    }
}
