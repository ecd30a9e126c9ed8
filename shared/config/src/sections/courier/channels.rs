//! `courier.http` and `courier.channels`: services that deliver messages, called by HTTP.

use crate::content::in_base64;
use crate::findings::Findings;
use crate::key::DefaultValue::{Required, Text as Word};
use crate::key::{Key, Kind, Section, described, keys, variable};
use crate::reader::Reader;
use crate::shapes::request::{self, HttpRequest};
use crate::tree::set;
use serde_json::Value;

const HTTP_PATH: &str = "courier.http";
const CHANNELS_PATH: &str = "courier.channels";
const REQUEST: &str = "request_config";

pub(crate) static DELIVERY: Section = Section::new("courier", DELIVERY_KEYS);
pub(crate) static HTTP_REQUEST: Section = Section::new("courier.http.request_config", request::KEYS);
pub(crate) static CHANNEL: Section = Section::new("courier.channels[]", CHANNEL_KEYS);
pub(crate) static CHANNEL_REQUEST: Section = Section::new("courier.channels[].request_config", request::KEYS);

keys! { DELIVERY_KEYS:
    DELIVERY_STRATEGY = Key::used("delivery_strategy", Kind::OneOf(&["smtp", "http"]), Word("smtp"),
        "how e-mail leaves: `smtp` to `courier.smtp.connection_uri`, or by SES without one; `http` to `courier.http`");
    CHANNELS = Key::used("channels", Kind::List, described("none"),
        "services that take messages by HTTP; text messages without one go by SNS");
}

keys! { CHANNEL_KEYS:
    ID = Key::used("id", Kind::OneOf(&["email", "sms"]), Required, "what it takes");
    TYPE = Key::used("type", Kind::OneOf(&["http", "smtp"]), Word("http"), "how; `smtp` is `courier.smtp`");
}

/// The delivery channels that are called by HTTP.
#[derive(Default)]
pub(crate) struct Channels {
    pub(crate) email: Option<HttpRequest>,
    pub(crate) sms: Option<HttpRequest>,
}

/// Reads the delivery channels. An entry of `courier.channels` wins over `courier.http`.
pub(crate) fn channels(from: Reader<'_>, findings: &mut Findings) -> Channels {
    let delivery = from.section(&DELIVERY);
    let mut channels = Channels::default();
    if delivery.text(&DELIVERY_STRATEGY).as_deref() == Some("http") {
        channels.email = channel(from.section(&HTTP_REQUEST), HTTP_PATH, findings);
    }
    for (index, item) in delivery.items(&CHANNELS).enumerate() {
        let place = format!("{CHANNELS_PATH}[{index}]");
        let (id, by) = (item["id"].as_str().unwrap_or_default(), from.below(item).text_or_default(&TYPE));
        let http = match (id, by.as_str()) {
            ("email", "smtp") => None,
            ("email" | "sms", "http") if item[REQUEST].is_object() => {
                channel(from.below(&item[REQUEST]), &format!("{CHANNELS_PATH}.{id}"), findings)
            }
            ("email" | "sms", "http") => {
                findings.error(format!("{place}.{REQUEST}: not set: a channel by http needs its url"));
                None
            }
            _ => {
                findings.error(format!(
                    "{place}: {id:?} by {by:?} is not allowed: there are email by smtp, email by http and sms by http"
                ));
                None
            }
        };
        match id {
            "email" => channels.email = http,
            _ => channels.sms = http,
        }
    }
    channels
}

/// Reads the request of a channel. A deployment needs its address; on a developer's machine there is the inbox.
fn channel(from: Reader<'_>, key: &str, findings: &mut Findings) -> Option<HttpRequest> {
    if from.text(&request::URL).is_some() {
        return request::request(from, key, REQUEST, findings);
    }
    let url = format!("{key}.{REQUEST}.url");
    let line = format!(
        "{url}: not set: it must be a URL such as https://api.example.org/messages, here or in the environment variable {}",
        variable(&url)
    );
    if from.dev {
        findings.warn(format!("{line}; with --dev messages end in the inbox"))
    } else {
        findings.error(line)
    }
    None
}

/// Puts the body that was read in the place of the file that it was read from.
pub(crate) fn make_whole(document: &mut Value, channel: &HttpRequest) {
    let Some(body) = &channel.body else { return };
    let body = Value::from(in_base64(body.text.as_bytes()));
    match channel.key.strip_prefix("courier.channels.") {
        None => set(document, "courier.http.request_config.body", body),
        Some(id) => {
            let items = document["courier"]["channels"].as_array_mut().into_iter().flatten();
            for item in items.filter(|item| item["id"] == id) {
                set(item, "request_config.body", body.clone());
            }
        }
    }
}
