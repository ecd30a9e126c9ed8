//! The secrets of `courier`. A configuration that travels with a deployment does not hold them.

use crate::key::DefaultValue::Unset;
use crate::key::{Key, Kind, Section, keys};
use crate::reader::Reader;
use crate::sections::courier::channels::HTTP_REQUEST;
use crate::shapes::request::{self, RequestSecrets};
use crate::tree::get;
use secrecy::SecretString;
use serde_json::Value;
use std::collections::BTreeMap;

pub(crate) static SMTP_SECRETS: Section = Section::new("courier.smtp", KEYS);

keys! { KEYS:
    CONNECTION_URI = Key::secret("connection_uri", Kind::SecretText, Unset,
        "the mail server: `smtp://user:password@host:587/` or `smtps://…:465/`; with `disable_starttls`, `skip_ssl_verify`, \
         `server_name` as parameters");
}

/// The secrets of [`Courier`](crate::Courier).
#[derive(Clone, Debug, Default)]
pub struct CourierSecrets {
    /// `courier.smtp.connection_uri`.
    pub connection_uri: Option<SecretString>,
    /// Secrets of HTTP channels by [`HttpRequest::key`](crate::HttpRequest::key).
    pub channels: BTreeMap<String, RequestSecrets>,
}

/// The secrets of a document: a configuration, or what a secret store keeps. There the channels are keys and values by id, because an
/// item of a list has no path.
pub(crate) fn secrets(document: &Value) -> CourierSecrets {
    let from = Reader::new(document, None, false);
    let mut channels = BTreeMap::new();
    let http = from.section(&HTTP_REQUEST);
    if http.is_set() {
        channels.insert("courier.http".to_owned(), request::secrets(http));
    }
    let mut add = |id: &str, item: &Value| {
        let request = Reader::new(document, None, false).below(&item["request_config"]);
        channels.insert(format!("courier.channels.{id}"), request::secrets(request));
    };
    match get(document, "courier.channels") {
        Some(Value::Array(items)) => {
            items.iter().for_each(|item| add(item["id"].as_str().unwrap_or_default(), item));
        }
        Some(Value::Object(items)) => items.iter().for_each(|(id, item)| add(id, item)),
        _ => {}
    }
    CourierSecrets {
        connection_uri: from.section(&SMTP_SECRETS).text(&CONNECTION_URI).map(SecretString::from),
        channels,
    }
}
