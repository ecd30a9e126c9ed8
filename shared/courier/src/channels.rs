//! The delivery channels: each hands messages to a service that delivers them. The courier chooses them once, when it starts:
//!
//! | message | delivery channel, the first that is configured |
//! |---|---|
//! | e-mail | `courier.channels` or `courier.http` by HTTP; the inbox of a local stack; `courier.smtp.connection_uri`; SES |
//! | text message | `courier.channels` by HTTP; the inbox of a local stack; SNS |

use crate::aws::{Ses, Sns};
use crate::http_channel::HttpChannel;
use crate::inbox::Inbox;
use crate::send_error::SendError;
use crate::smtp::Smtp;
use crate::templates::Rendered;
use latchkey_config::{Config, Courier, HttpRequest, Secrets};
use latchkey_core::courier::{MessagePayload, QueuedMessage};
use latchkey_core::identity::Via;
use latchkey_core::recipient;
use latchkey_platform::{Environment, StartError};
use lettre::message::Mailbox;
use time::OffsetDateTime;

/// The delivery channels of e-mail and of text messages.
pub struct DeliveryChannels {
    email: DeliveryChannel,
    sms: DeliveryChannel,
}

enum DeliveryChannel {
    Http(Box<HttpChannel>),
    Inbox(Inbox),
    Smtp(Smtp),
    Ses(Ses),
    Sns(Sns),
    /// None, and why. An administrator may set what is missing before the last attempt of a message.
    None(String),
}

impl DeliveryChannels {
    /// Sets up the channels that the configuration, its secrets and the environment name.
    ///
    /// `LATCHKEY_INBOX_URL` names where messages go that no HTTP channel takes; a local stack sets it.
    ///
    /// # Errors
    /// Names the key or variable that is not usable.
    pub fn new(config: &Config, secrets: &Secrets, env: &Environment) -> Result<Self, StartError> {
        let (courier, secrets) = (&config.courier, &secrets.courier);
        let channel = |config: &HttpRequest| HttpChannel::new(config, secrets.channels.get(&config.key), courier);
        let inbox = || env.get("LATCHKEY_INBOX_URL").map(Inbox::new).transpose();
        let email = if let Some(config) = &courier.email {
            DeliveryChannel::Http(Box::new(channel(config)?))
        } else if let Some(inbox) = inbox()? {
            DeliveryChannel::Inbox(inbox)
        } else {
            match (sender(courier)?, &secrets.connection_uri) {
                (None, _) => {
                    DeliveryChannel::None("courier.smtp.from_address is not set: e-mail needs a sender".to_owned())
                }
                (Some(from), Some(uri)) => DeliveryChannel::Smtp(Smtp::new(courier, from, uri)?),
                (Some(from), None) => DeliveryChannel::Ses(Ses::new(courier, from, env)?),
            }
        };
        let sms = if let Some(config) = &courier.sms {
            DeliveryChannel::Http(Box::new(channel(config)?))
        } else if let Some(inbox) = inbox()? {
            DeliveryChannel::Inbox(inbox)
        } else {
            // Most deployments send none, and must start where there is no AWS.
            Sns::new(courier, env).map_or_else(|e| DeliveryChannel::None(e.to_string()), DeliveryChannel::Sns)
        };
        Ok(Self { email, sms })
    }

    /// Hands a message over.
    ///
    /// # Errors
    /// Whether another try may help, and why it failed.
    pub async fn send(
        &self,
        queued: &QueuedMessage,
        payload: &MessagePayload,
        rendered: &Rendered,
        now: OffsetDateTime,
    ) -> Result<(), SendError> {
        recipient::check(queued).map_err(|why| SendError::Refused(why.to_owned()))?;
        let channel = match queued.via {
            Via::Email => &self.email,
            Via::Sms => &self.sms,
        };
        match channel {
            DeliveryChannel::Http(channel) => channel.send(queued, payload, rendered, now).await,
            DeliveryChannel::Inbox(inbox) => inbox.send(queued, rendered, now).await,
            DeliveryChannel::Smtp(smtp) => smtp.send(queued, rendered).await,
            DeliveryChannel::Ses(ses) => ses.send(queued, rendered).await,
            DeliveryChannel::Sns(sns) => sns.send(queued, rendered).await,
            DeliveryChannel::None(why) => Err(SendError::Retry(why.clone())),
        }
    }
}

/// The sender of e-mail.
fn sender(courier: &Courier) -> Result<Option<Mailbox>, StartError> {
    let Some(address) = &courier.from_address else { return Ok(None) };
    let wrong = |why: &str| StartError(format!("courier.smtp.from_address: {address:?} is not allowed: {why}"));
    recipient::email(address).map_err(wrong)?;
    let address = address.parse().map_err(|_| wrong("it is no e-mail address"))?;
    Ok(Some(Mailbox::new(courier.from_name.clone(), address)))
}
