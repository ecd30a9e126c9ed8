//! What templates are filled with: what a message says, who requested it, and the built-in texts in the recipient's language.

use crate::language::{Language, first_spoken};
use http::Uri;
use latchkey_config::Courier;
use latchkey_core::courier::{MessagePayload, QueuedMessage, Requester, TemplateType};
use latchkey_core::identity::Via;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use time::{OffsetDateTime, UtcOffset};

/// What the built-in templates use beside the variables: the texts of a language.
pub(crate) const TEXTS: &str = "t";
/// The recipient; it comes first in lists of variables.
const TO: (&str, &str) = ("to", "To");
/// The variables that all messages have, and their names in templates of Kratos.
const SHARED: [(&str, &str); 12] = [
    ("identity", "Identity"),
    ("request_url", "RequestURL"),
    ("request_url_domain", "RequestURLDomain"),
    ("transient_payload", "TransientPayload"),
    ("expires_in_minutes", "ExpiresInMinutes"),
    ("language", "Language"),
    ("name", "Name"),
    ("requested_at", "RequestedAt"),
    ("device", "Device"),
    ("location", "Location"),
    ("logo_url", "LogoURL"),
    ("accent", "Accent"),
];

/// The variables that templates may use, and their names in templates of Kratos.
pub(crate) fn variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_kinds = TemplateType::ALL.iter().flat_map(|template| template.variables()).copied();
    std::iter::once(TO).chain(of_kinds).chain(SHARED)
}

/// What messages say of the deployment that sends them.
pub(crate) struct Sender {
    name: String,
    logo_url: Option<String>,
    accent: Option<String>,
}

impl Sender {
    pub(crate) fn new(config: &Courier) -> Self {
        Self {
            name: config.name.clone(),
            logo_url: config.logo_url.clone(),
            accent: config.accent.map(|accent| accent.to_string()),
        }
    }

    /// The variables of a message, its [`template_data`] and the built-in texts.
    pub(crate) fn values(&self, data: Value, queued: &QueuedMessage, payload: &MessagePayload) -> Value {
        let language = first_spoken(&payload.languages);
        let domain = domain(&payload.request_url);
        let minutes = data["expires_in_minutes"].as_u64().unwrap_or(0);
        let texts = self.texts(language, minutes, &domain, payload);
        let mut values = data;
        if let Value::Object(map) = &mut values {
            map.insert("request_url_domain".to_owned(), domain.into());
            map.insert("language".to_owned(), language.tag.into());
            map.insert("name".to_owned(), self.name.as_str().into());
            map.insert("requested_at".to_owned(), moment(queued.created_at).into());
            map.insert("device".to_owned(), device(&payload.requester, language).into());
            map.insert("location".to_owned(), payload.requester.place.clone().into());
            map.insert("logo_url".to_owned(), self.logo_url.clone().into());
            map.insert("accent".to_owned(), self.accent.clone().into());
            map.insert(TEXTS.to_owned(), json!(texts));
        }
        values
    }

    fn texts(
        &self,
        language: &'static Language,
        minutes: u64,
        domain: &str,
        payload: &MessagePayload,
    ) -> BTreeMap<&'static str, String> {
        let in_digits = minutes.to_string();
        let mut given = vec![("name", self.name.as_str()), ("minutes", &in_digits), ("domain", domain)];
        given.extend(payload.content.text_values());
        let mut texts = texts_of(language, payload.content.template(), &given);
        let expires = match minutes {
            0 => "expires.none",
            1 => "expires.one",
            _ => "expires.many",
        };
        let expires = texts.remove(expires).unwrap_or_default();
        let sms = texts.remove("sms").unwrap_or_default().replacen("{expires}", &expires, 1);
        texts.extend([("expires", expires), ("sms", sms)]);
        texts
    }
}

/// The texts of a kind of message: those that all kinds share, and those whose key begins with its wire name, which come first.
fn texts_of(
    language: &'static Language,
    template: TemplateType,
    given: &[(&str, &str)],
) -> BTreeMap<&'static str, String> {
    let kind_of = |key: &'static str| {
        let (first, rest) = key.split_once('.')?;
        let kind = TemplateType::ALL.iter().find(|kind| kind.as_str() == first)?;
        Some((*kind, rest))
    };
    let mut texts = language.filled(given);
    let own: Vec<_> = texts
        .iter()
        .filter_map(|(key, text)| Some((kind_of(key)?, text.clone())))
        .filter_map(|((kind, rest), text)| (kind == template).then_some((rest, text)))
        .collect();
    texts.retain(|key, _| kind_of(key).is_none());
    texts.extend(own);
    texts
}

/// What a message is about, under the names that Kratos gives to it (`template_data`).
pub(crate) fn template_data(queued: &QueuedMessage, payload: &MessagePayload, now: OffsetDateTime) -> Value {
    let mut data = json!({
        "to": queued.recipient,
        "identity": payload.identity,
        "request_url": payload.request_url,
        "transient_payload": payload.transient_payload,
        "expires_in_minutes": queued.minutes_left(now),
    });
    for (name, value) in payload.content.template_data() {
        data[name] = value.into();
    }
    if queued.via == Via::Sms {
        data["request_url_domain"] = domain(&payload.request_url).into();
    }
    data
}

/// A moment in a form that readers of all languages know. Their time zone is not known.
fn moment(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (date, hour, minute) = (at.date(), at.hour(), at.minute());
    format!("{date} {hour:02}:{minute:02} UTC")
}

/// The client that requested a message, in words; `None` when nothing is known of it.
fn device(requester: &Requester, language: &Language) -> Option<String> {
    match (&requester.browser, &requester.system) {
        (Some(browser), Some(system)) => {
            language.filled(&[("browser", browser), ("system", system)]).remove("device.on")
        }
        (browser, system) => browser.clone().or_else(|| system.clone()),
    }
}

/// The host of a URL without its port; empty when there is none.
fn domain(url: &str) -> String {
    url.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::LANGUAGES;

    #[test]
    fn every_kind_has_its_texts() {
        for (language, template) in LANGUAGES.iter().flat_map(|l| TemplateType::ALL.iter().map(move |t| (l, *t))) {
            let texts = texts_of(language, template, &[]);
            let mut needed = vec!["subject", "heading", "lead", "not_you"];
            needed.extend(template.channels().contains(&Via::Sms).then_some("sms"));
            for key in needed {
                assert!(texts.get(key).is_some_and(|text| !text.is_empty()), "{} {template:?} {key}", language.tag);
            }
        }
    }
}
