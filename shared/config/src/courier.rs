//! How messages to people are worded and sent: the key `courier`, and what it shares with other keys.
//!
//! What is secret of it is in [`CourierSecrets`]: a configuration that travels with a deployment does not hold it.

use crate::assemble::Reader;
use crate::check::Findings;
use crate::document::get;
use secrecy::SecretString;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Messages to people.
#[derive(Clone, Debug)]
pub struct Courier {
    /// What the place is called that people sign in to.
    pub name: String,
    /// Who sends e-mail: an address.
    pub from_address: Option<String>,
    /// Who sends e-mail, as people read it.
    pub from_name: Option<String>,
    /// Further headers of each e-mail.
    pub headers: BTreeMap<String, String>,
    /// How this machine calls itself to a mail server.
    pub local_name: String,
    /// Where e-mail is handed over by HTTP, if it is.
    pub email: Option<HttpChannel>,
    /// Where text messages are handed over by HTTP, if they are.
    pub sms: Option<HttpChannel>,
    /// SES' configuration set, by which bounces and complaints are told.
    pub ses_configuration_set: Option<String>,
    /// Who sends text messages by SNS, where countries allow a name.
    pub sns_sender_id: Option<String>,
    /// How often a message is tried again after the first time.
    pub message_retries: u32,
    /// Whether HTTP channels may not lead to addresses of private networks.
    pub disallow_private_ip_ranges: bool,
    /// Wordings in the place of the built-in ones.
    pub templates: Templates,
}

/// A service that takes messages by HTTP.
#[derive(Clone, Debug)]
pub struct HttpChannel {
    /// The path of its keys, to name them by: `courier.http` or `courier.channels.sms`.
    pub key: String,
    /// Where to.
    pub url: String,
    /// The method.
    pub method: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// The Jsonnet that makes the body; the built-in one when `None`.
    pub body: Option<TemplateText>,
    /// How we prove who we are.
    pub auth: Option<HttpAuth>,
}

/// How we prove who we are to a service; what we prove it with is in [`CourierSecrets`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAuth {
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
    },
    /// A key in a header of this name.
    Header {
        /// The header.
        name: String,
    },
    /// A key in a cookie of this name.
    Cookie {
        /// The cookie.
        name: String,
    },
}

/// Wordings of all messages.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    /// The code of a login.
    pub login_code: Wording,
}

/// The wording of a message; parts that are `None` are the built-in ones.
#[derive(Clone, Debug, Default)]
pub struct Wording {
    /// The subject of an e-mail.
    pub subject: Option<TemplateText>,
    /// Its HTML part.
    pub html: Option<TemplateText>,
    /// Its text part.
    pub text: Option<TemplateText>,
    /// A text message.
    pub sms: Option<TemplateText>,
}

/// A template of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateText {
    /// What to call it in an error: its file, or its key.
    pub source: String,
    /// The template.
    pub text: String,
}

/// What is secret of [`Courier`].
#[derive(Clone, Debug, Default)]
pub struct CourierSecrets {
    /// `courier.smtp.connection_uri`.
    pub connection_uri: Option<SecretString>,
    /// Secrets of HTTP channels by [`HttpChannel::key`].
    pub channels: BTreeMap<String, ChannelSecrets>,
}

/// What is secret of an [`HttpChannel`].
#[derive(Clone, Debug, Default)]
pub struct ChannelSecrets {
    /// The password or the key of its [`HttpAuth`].
    pub auth: Option<SecretString>,
    /// Headers beside those of the channel.
    pub headers: BTreeMap<String, SecretString>,
}

/// Reads the keys.
pub(crate) fn courier(
    from: &Reader<'_>,
    name: &str,
    _folder: Option<&Path>,
    dev: bool,
    _findings: &mut Findings,
) -> Courier {
    Courier {
        name: name.to_owned(),
        from_address: from.text("courier.smtp.from_address"),
        from_name: from.text("courier.smtp.from_name"),
        headers: BTreeMap::new(),
        local_name: from.text("courier.smtp.local_name").unwrap_or_else(|| "localhost".to_owned()),
        email: None,
        sms: None,
        ses_configuration_set: from.text("courier.ses.configuration_set"),
        sns_sender_id: from.text("courier.sns.sender_id"),
        message_retries: from.number("courier.message_retries", 5),
        disallow_private_ip_ranges: from.flag("clients.http.disallow_private_ip_ranges", !dev),
        templates: Templates::default(),
    }
}

/// The secrets of a document: a configuration, or what a secret store keeps.
pub(crate) fn secrets(document: &Value) -> CourierSecrets {
    let text = |path: &str| get(document, path)?.as_str().filter(|text| !text.is_empty()).map(SecretString::from);
    CourierSecrets { connection_uri: text("courier.smtp.connection_uri"), channels: BTreeMap::new() }
}
