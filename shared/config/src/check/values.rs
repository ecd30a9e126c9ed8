//! Whether a value is of its key's kind, and what an error says is allowed.

use crate::key::Kind;
use crate::value::color::Color;
use crate::value::url::{has_scheme, is_domain, is_network, is_path, is_token, is_url};
use crate::value::{duration, memory};
use serde_json::Value;

/// The names that a flow's hooks may have.
const HOOKS: &[&str] = &[
    "web_hook",
    "session",
    "revoke_active_sessions",
    "require_verified_address",
    "verification",
    "show_verification_ui",
    "verify_new_address",
    "notify_previous_addresses",
    "organization",
    "b2b_sso",
    "two_step_registration",
];

/// Checks that a value is of a kind; the error is what is allowed.
pub(crate) fn fits(kind: Kind, value: &Value) -> Result<(), String> {
    if kind == Kind::Hooks {
        return hooks(value);
    }
    let fits = match value {
        Value::String(text) => is_text_of(kind, text) || is_other(kind, value),
        _ => is_other(kind, value),
    };
    if fits { Ok(()) } else { Err(allowed(kind, value)) }
}

fn is_text_of(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::Text | Kind::SecretText => true,
        Kind::CookieName => is_token(text),
        Kind::Domain => is_domain(text.strip_prefix('.').unwrap_or(text)),
        // An empty text is Kratos' way to say "none"; it counts as not set.
        Kind::CookieDomain | Kind::Path | Kind::Url | Kind::BaseUrl | Kind::UrlOrPath | Kind::AnyUrl
            if text.is_empty() =>
        {
            true
        }
        Kind::CookieDomain => is_domain(text.strip_prefix('.').unwrap_or(text)),
        Kind::Path => text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b';'),
        Kind::Url => is_url(text),
        Kind::BaseUrl => is_url(text) && !text.contains(['?', '#']),
        Kind::UrlOrPath => is_url(text) || is_path(text),
        Kind::AnyUrl => has_scheme(text) || is_path(text),
        Kind::Color => Color::parse(text).is_some(),
        Kind::Duration => duration::parse(text).is_some_and(|duration| !duration.is_zero()),
        Kind::DurationOr(word) => text == word || duration::parse(text).is_some(),
        Kind::OneOf(words) => words.contains(&text),
        _ => false,
    }
}

fn is_other(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Bool => value.is_boolean(),
        Kind::Int(least, most) => value.as_i64().is_some_and(|n| (least..=most).contains(&n)),
        Kind::Memory(least, most) => memory::parse(value).is_some_and(|kib| (least..=most).contains(&kib)),
        Kind::Texts => all(value, |_| true),
        Kind::Origins => all(value, |text| !text.is_empty() && text.matches('*').count() <= 1),
        Kind::Words(words) => all(value, |text| words.contains(&text)),
        Kind::Networks => all(value, is_network),
        Kind::Secrets(least, most) => all(value, |text| (least..=most).contains(&text.chars().count())),
        Kind::List => value.is_array(),
        Kind::Map => value.is_object(),
        _ => false,
    }
}

/// What is allowed in the place of a value.
fn allowed(kind: Kind, value: &Value) -> String {
    match kind {
        Kind::Bool => "it must be true or false".into(),
        Kind::Int(least, i64::MAX) => format!("it must be a whole number of at least {least}"),
        Kind::Int(least, most) => format!("it must be a whole number from {least} to {most}"),
        Kind::Text | Kind::SecretText => "it must be text".into(),
        Kind::CookieName => "it must consist of A to Z, a to z, digits, -, _ and .".into(),
        Kind::Domain => "it must be a name such as example.org".into(),
        Kind::CookieDomain => "it must be a name such as example.org, without scheme, port and path".into(),
        Kind::Path => "it must be a path that begins with a slash".into(),
        Kind::Url => "it must be a URL such as https://login.example.org/".into(),
        Kind::BaseUrl => "it must be a URL such as https://login.example.org/, without query and fragment".into(),
        Kind::UrlOrPath => "it must be a URL such as https://app.example.org/login, or a path such as /login".into(),
        Kind::AnyUrl => "it must be a URL such as https://app.example.org/".into(),
        Kind::Color => "it must be a colour such as #3b4fc4".into(),
        Kind::Duration if value.is_number() => {
            format!("it must be a duration with its unit, such as {value}s, {value}m or {value}h")
        }
        Kind::Duration => "it must be a duration such as 1h, 10m30s or 500ms".into(),
        Kind::DurationOr(word) => format!("it must be a duration such as 1h or 10m30s, or {word:?}"),
        Kind::Memory(least, most) => {
            format!("it must be an amount such as 19MB or 65536KB, from {least}KB to {}MB", most / 1024)
        }
        Kind::OneOf(words) => format!("it must be {}", words.join(", ")),
        Kind::Texts => "it must be a list of texts".into(),
        Kind::Origins => "it must be a list of origins, each with at most one *".into(),
        Kind::Words(words) => format!("it must be a list of {}", words.join(", ")),
        Kind::Networks => "it must be a list of networks such as 10.0.0.0/8 or 2001:db8::/32".into(),
        Kind::Secrets(least, most) if least == most => format!("each must be text of exactly {least} characters"),
        Kind::Secrets(least, _) => format!("each must be text of at least {least} characters"),
        Kind::Hooks => "it must be a list of hooks".into(),
        Kind::List => "it must be a list".into(),
        Kind::Map => "it must hold keys and values".into(),
    }
}

fn hooks(value: &Value) -> Result<(), String> {
    let list = value.as_array().ok_or_else(|| allowed(Kind::Hooks, value))?;
    for hook in list {
        let name = hook["hook"].as_str().ok_or("each item must have a key \"hook\"")?;
        if !HOOKS.contains(&name) {
            return Err(format!("{name:?} is no hook; there are {}", HOOKS.join(", ")));
        }
    }
    Ok(())
}

/// Whether a value is a text, or a list of texts, that all pass.
fn all(value: &Value, pass: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => pass(text),
        Value::Array(items) => items.iter().all(|item| item.as_str().is_some_and(&pass)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{DefaultValue, Place};
    use crate::table::places;
    use serde_json::json;

    #[test]
    fn every_default_is_an_allowed_value() {
        let mut count = 0;
        for place in places() {
            let Place { key, .. } = place;
            let value = match key.default {
                DefaultValue::Bool(on) => json!(on),
                DefaultValue::OffInDevelopment => json!(true),
                DefaultValue::Int(number) => json!(number),
                DefaultValue::Text(text) => json!(text),
                DefaultValue::Texts(texts) => json!(texts),
                DefaultValue::Unset | DefaultValue::Required | DefaultValue::Described(_) => continue,
            };
            assert_eq!(fits(key.kind, &value), Ok(()), "{}: {value}", place.path());
            count += 1;
        }
        assert!(count > 60, "{count}");
    }
}
