//! Messages of the API in the user's language: a translation by id, with placeholders filled from the message's context. A message
//! without a translation, or whose context lacks a value, keeps the API's own text.

use crate::language::Language;
use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A message or a label.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message {
    /// Stable id.
    pub(crate) id: u64,
    /// The API's own text.
    pub(crate) text: String,
    /// `info`, `success` or `error`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The values in the text.
    pub(crate) context: Map<String, Value>,
}

impl Message {
    /// Whether it is an error.
    pub(crate) fn is_error(&self) -> bool {
        self.kind == "error"
    }

    /// Whether it says that the flow had expired when its form was submitted.
    pub(crate) fn is_timed_out(&self) -> bool {
        self.id == FLOW_EXPIRED
    }
}

/// The key of the label of an identifier that may be of several kinds.
pub(crate) const IDENTIFIER: &str = "1070004";
const FLOW_EXPIRED: u64 = 4_010_001;
const LABEL_FROM_SCHEMA: u64 = 1_070_002;
const PROPERTY_MISSING: u64 = 4_000_002;
const DUPLICATE_WITH_HINTS: u64 = 4_000_028;

/// A message in a language. `field` is the label of the input that it belongs to.
pub(crate) fn text(language: &Language, message: &Message, field: Option<&str>, now: OffsetDateTime) -> String {
    let found = match message.id {
        LABEL_FROM_SCHEMA => title(language, &message.text),
        PROPERTY_MISSING => missing(language, message, field),
        DUPLICATE_WITH_HINTS => duplicate(language, message),
        id => {
            language.find(&id.to_string()).and_then(|template| fill(language, template, &message.context, message, now))
        }
    };
    found.unwrap_or_else(|| message.text.clone())
}

/// A title of an identity schema. The words of most schemas are translated, all others stay as their author wrote them.
pub(crate) fn title(language: &Language, title: &str) -> Option<String> {
    language.find(&format!("title.{}", title.trim().to_lowercase())).map(str::to_owned)
}

/// What is missing: the name of a usual property, or the label of its input.
fn missing(language: &Language, message: &Message, field: Option<&str>) -> Option<String> {
    let property = message.context.get("property").and_then(Value::as_str)?;
    let usual = language.find(&format!("missing.{property}")).map(str::to_owned);
    usual.or_else(|| Some(language.find("missing")?.replace("{field}", field.unwrap_or(property))))
}

/// The message about a duplicate, which has up to three sentences.
fn duplicate(language: &Language, message: &Message) -> Option<String> {
    let texts = |key: &str| -> Vec<&str> {
        message.context.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let hint =
        message.context.get("credential_identifier_hint").and_then(Value::as_str).filter(|hint| !hint.is_empty());
    let hint = hint.or_else(|| language.find("duplicate.unnamed"))?;
    let mut out = language.find("duplicate.taken")?.replace("{identifier}", hint);
    let mut ways: Vec<&str> = texts("available_credential_types")
        .into_iter()
        .filter_map(|kind| language.find(&format!("duplicate.{kind}")))
        .collect();
    ways.dedup();
    if !ways.is_empty() {
        out += &language.find("duplicate.ways")?.replace("{ways}", &any_of(language, &ways));
    }
    let providers = texts("available_oidc_providers");
    if !providers.is_empty() {
        out += &language.find("duplicate.providers")?.replace("{providers}", &providers.join(language.comma));
    }
    Some(out)
}

fn any_of(language: &Language, items: &[&str]) -> String {
    let or = language.find("or_between").unwrap_or(" / ");
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{}{or}{last}", rest.join(language.comma)),
        _ => items.join(language.comma),
    }
}

/// A template with its placeholders filled; `None` when the context lacks one.
fn fill(
    language: &Language,
    template: &str,
    context: &Map<String, Value>,
    message: &Message,
    now: OffsetDateTime,
) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (place, after) = after.split_once('}')?;
        out.push_str(before);
        let (name, format) = place.split_once('|').unwrap_or((place, ""));
        let value = match name {
            // These depend on the time of reading, so they are not in the context.
            "minutes_since" => minutes(now - moment(context.get("expired_at")?)?),
            "minutes_left" => minutes(moment(context.get("privileged_session_expires_at")?)? - now),
            "reason" if !context.contains_key("reason") => Value::from(message.text.as_str()),
            name => context.get(name)?.clone(),
        };
        out.push_str(&shown(language, &value, format, now)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

fn moment(value: &Value) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok()
}

fn minutes(duration: time::Duration) -> Value {
    Value::from(duration.as_seconds_f64().max(0.0) / 60.0)
}

/// A value as a placeholder's format wants it: `q` in quotes, `.2f` with two decimals, `or` and `list` joined, `time` as a moment.
fn shown(language: &Language, value: &Value, format: &str, now: OffsetDateTime) -> Option<String> {
    let items = |items: &[Value]| -> Vec<String> {
        let one = |item: &Value| match serde_json::from_value::<Message>(item.clone()) {
            Ok(message) if !message.text.is_empty() => Some(text(language, &message, None, now)),
            _ => shown(language, item, "", now),
        };
        items.iter().filter_map(one).collect()
    };
    match (format, value) {
        ("q", value) => {
            let (open, close) = language.quotes;
            Some(format!("{open}{}{close}", shown(language, value, "", now)?))
        }
        (".2f", value) => Some(language.number(value.as_f64()?, 2)),
        ("time", value) => Some(language.moment(moment(value)?)),
        ("or", Value::Array(all)) => {
            let all = items(all);
            Some(any_of(language, &all.iter().map(String::as_str).collect::<Vec<_>>()))
        }
        (_, Value::Array(all)) => Some(items(all).join(language.comma)),
        (_, Value::String(text)) => Some(text.clone()),
        (_, Value::Number(number)) => Some(number.to_string().replace('.', &language.decimal.to_string())),
        (_, Value::Bool(flag)) => Some(language.say(if *flag { "yes" } else { "no" }).to_owned()),
        (_, Value::Object(_)) => Some(value.to_string()),
        (_, Value::Null) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::by_tag;
    use serde_json::json;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-07-29 10:02:30 UTC);

    fn said(tag: &str, message: Value) -> String {
        let message: Message = serde_json::from_value(message).unwrap();
        text(by_tag(tag).unwrap(), &message, Some("E-Mail"), NOW)
    }

    #[test]
    fn placeholders_are_filled_from_the_context() {
        let expired = json!({"id": 4050001, "text": "The recovery flow expired 1.00 minutes ago, please try again.",
            "type": "error", "context": {"expired_at": "2026-07-29T10:00:00Z", "expired_at_unix": 1}});
        assert!(said("de", expired.clone()).contains("2,50 Minuten"), "{}", said("de", expired.clone()));
        assert!(said("ja", expired).contains("2.50"), "minutes");
        let provider =
            json!({"id": 1010002, "text": "Sign in with X", "context": {"provider": "X", "provider_id": "x"}});
        assert_eq!(said("de", provider), "Mit X anmelden");
        let types = json!({"id": 4000026, "text": "expected a or b, but got c", "context": {"allowed_types": ["a", "b"], "actual_type": "c"}});
        assert!(said("de", types.clone()).contains("a oder b"), "{}", said("de", types));
        let used = json!({"id": 1050014, "text": "x", "context": {"used_at": "2026-03-01T07:05:00Z"}});
        assert!(said("de", used.clone()).contains("1. März 2026, 07:05 UTC"), "{}", said("de", used));
        let list = json!({"id": 1050015, "text": "a, b", "context": {"secrets": [{"id": 1050009, "text": "a", "context": {"secret": "a"}}, {"id": 1050009, "text": "b", "context": {"secret": "b"}}]}});
        assert_eq!(said("ja", list), "a、b");
        let quoted = json!({"id": 4000004, "text": "x", "context": {"pattern": "^a$"}});
        assert!(said("de", quoted).contains("„^a$“"));
    }

    #[test]
    fn message_without_translation_keeps_its_text() {
        for message in [
            json!({"id": 4050001, "text": "as sent", "context": {}}),
            json!({"id": 4050001, "text": "as sent", "context": {"expired_at": "yesterday"}}),
            json!({"id": 1010002, "text": "as sent"}),
            json!({"id": 99, "text": "as sent"}),
            json!({"id": 4000002, "text": "as sent"}),
            json!({"text": "as sent"}),
        ] {
            assert_eq!(said("de", message.clone()), "as sent", "{message}");
        }
        assert_eq!(said("en", json!({"id": 1010001, "text": "Sign in, then"})), "Sign in, then");
    }

    #[test]
    fn missing_field_is_named() {
        let missing = |property: &str| json!({"id": 4000002, "text": "Property x is missing.", "context": {"property": property}});
        assert_eq!(said("en", missing("password")), "Please enter your password.");
        assert_eq!(said("de", missing("password")), "Bitte geben Sie Ihr Passwort ein.");
        assert_eq!(said("en", missing("identifier")), "Please fill in “E-Mail”.");
        assert_eq!(said("ja", missing("traits.x")), "「E-Mail」を入力してください。");
    }

    #[test]
    fn duplicate_names_the_methods_of_the_account() {
        let message = json!({"id": 4000028, "text": "composed", "context": {
            "available_credential_types": ["password", "oidc", "new"], "available_oidc_providers": ["X", "Y"],
            "credential_identifier_hint": "a@b.example"}});
        let said = said("de", message);
        assert!(said.contains("a@b.example") && said.contains("X, Y") && said.contains(" oder "), "{said}");
    }
}
