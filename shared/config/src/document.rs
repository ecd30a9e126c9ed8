//! From the text of a file to one tree of values.

use crate::digest::digest;
use crate::errors::ConfigErrors;
use crate::key::{JsonType, Key, Kind};
use crate::legacy::{self, Moved};
use crate::lookup::{self, Fit};
use serde_json::Value;

/// The first key of a document that was checked when it was made.
const MARK: &str = "checked";

/// A document with a mark that this version checked it as it is: a reader need not do that again. The mark is no protection against
/// an owner of the file; it tells a file that was edited since.
pub(crate) fn marked(document: &Value) -> String {
    let text = document.to_string();
    let rest = text.strip_prefix('{').unwrap_or_default();
    format!("{{\"{MARK}\":\"{}\",{rest}", by_this_version(rest))
}

/// Whether a text carries the mark, and is what was marked.
pub(crate) fn is_checked(text: &str) -> bool {
    let mark =
        text.strip_prefix("{\"").and_then(|text| text.strip_prefix(MARK)?.strip_prefix("\":\"")?.split_once("\","));
    mark.is_some_and(|(mark, rest)| mark == by_this_version(rest))
}

/// Counts how often the keys of a marked document changed within a version.
const FORMAT: &str = "2";

fn by_this_version(text: &str) -> String {
    digest([env!("CARGO_PKG_VERSION"), FORMAT, text])
}

/// Reads YAML or JSON, or JSON alone without the feature `files`. Empty keys count as unset, keys of earlier releases are moved to
/// their names of today, and booleans and numbers may be written as text.
pub(crate) fn parse(text: &str) -> Result<Value, ConfigErrors> {
    Ok(parse_and_tell(text)?.0)
}

/// The same, with what there is to tell of the keys that were moved.
pub(crate) fn parse_and_tell(text: &str) -> Result<(Value, Moved), ConfigErrors> {
    let mut document = parse_as_written(text)?;
    if is_checked(text) {
        return Ok((document, Moved::default()));
    }
    let moved = legacy::modernise(&mut document);
    type_texts(&mut document, &lookup::all());
    Ok((document, moved))
}

fn parse_as_written(text: &str) -> Result<Value, ConfigErrors> {
    let mut document: Value = match text.trim_start().starts_with('{').then(|| serde_json::from_str(text)) {
        Some(Ok(document)) => document,
        // YAML's flow style begins with a brace too, and its reader knows what JSON is.
        _ => from_yaml(text)?,
    };
    match &mut document {
        Value::Object(map) => drop(map.remove(MARK)),
        Value::Null => return Err("the file is empty".to_owned().into()),
        _ => return Err("the file must hold keys and values at its top level".to_owned().into()),
    }
    forget_unset(&mut document);
    Ok(document)
}

#[cfg(feature = "files")]
fn from_yaml(text: &str) -> Result<Value, String> {
    // Without the lines around it, which may hold a secret.
    serde_saphyr::from_str_with_options(text, serde_saphyr::options! { with_snippet: false })
        .map_err(|e| format!("the file is not YAML or JSON: {e}"))
}

#[cfg(not(feature = "files"))]
fn from_yaml(_: &str) -> Result<Value, String> {
    Err("the file is not JSON: functions read what `latchkey config build` makes of a configuration".to_owned())
}

/// Turns text into the boolean or the number that its key asks for, as Kratos does with what it reads from templates and variables.
fn type_texts(value: &mut Value, above: &[Fit]) {
    let Value::Object(map) = value else { return };
    for (name, value) in map {
        let here = Fit::narrow(above, name);
        match (Fit::best(&here), &mut *value) {
            (Some(place), Value::String(text))
                if matches!(place.key.kind.json_type(), JsonType::Boolean | JsonType::Number) =>
            {
                *value = typed(place.key, text);
            }
            (Some(_), Value::Array(items)) => {
                let here = Fit::narrow(above, &format!("{name}[]"));
                items.iter_mut().for_each(|item| type_texts(item, &here));
            }
            (None, Value::Object(_)) if !here.is_empty() => type_texts(value, &here),
            _ => {}
        }
    }
}

fn forget_unset(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(forget_unset);
    }
}

/// A text as a value of the key's type; as text when it is not of that type, to be refused as such.
pub(crate) fn typed(key: &Key, text: &str) -> Value {
    let as_json = || serde_json::from_str(text).ok();
    let value = match key.kind.json_type() {
        // As Go's ParseBool has it.
        JsonType::Boolean => match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(Value::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(Value::Bool(false)),
            _ => None,
        },
        JsonType::Number => text.trim().parse::<i64>().ok().map(Value::from),
        JsonType::List if text.trim_start().starts_with('[') => as_json(),
        JsonType::List if matches!(key.kind, Kind::List) => None,
        JsonType::List => Some(text.split(',').map(|part| Value::from(part.trim())).collect()),
        JsonType::Map => as_json(),
        JsonType::Text => None,
    };
    value.unwrap_or_else(|| Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn yaml_and_json_are_read_alike() {
        let yaml = "a: &x {b: 1}\nc:\n  <<: *x\n  d: [true, 'y', ]\ne:\n";
        assert_eq!(parse(yaml).unwrap(), json!({"a": {"b": 1}, "c": {"b": 1, "d": [true, "y"]}}));
        assert_eq!(parse(r#"{"a": {"b": null, "c": "1h"}}"#).unwrap(), json!({"a": {"c": "1h"}}));
        assert_eq!(parse("{a: 1}").unwrap(), json!({"a": 1}));
    }

    #[test]
    fn booleans_and_numbers_may_be_text() {
        let text = "cookies: {secure: 'True'}\nhashers: {bcrypt: {cost: '12'}, algorithm: 'true'}\n\
                    identity: {schemas: [{id: '1', selfservice_selectable: 'false'}]}\nsession: {cookie: {persistent: 'yes'}}";
        assert_eq!(
            parse(text).unwrap(),
            json!({
                "cookies": {"secure": true},
                "hashers": {"bcrypt": {"cost": 12}, "algorithm": "true"},
                "identity": {"schemas": [{"id": "1", "selfservice_selectable": false}]},
                "session": {"cookie": {"persistent": "yes"}},
            })
        );
    }

    #[test]
    fn only_what_was_marked_counts_as_checked() {
        let document = json!({"b": {"c": 1}, "a": "x"});
        let text = marked(&document);
        assert!(is_checked(&text), "{text}");
        assert_eq!(parse(&text).unwrap(), document);
        for edited in [text.replace('1', "2"), text.replace("checked", "chequed"), document.to_string(), text + " "] {
            assert!(!is_checked(&edited), "{edited}");
        }
    }

    #[test]
    fn what_is_no_configuration_says_so() {
        for (text, says) in
            [("", "empty"), ("- a", "keys and values"), ("a: [", "not YAML"), ("a: 1\na: 2", "not YAML")]
        {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }

    #[test]
    fn references_cannot_blow_a_file_up() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..12 {
            let below = format!("*a{}, ", level - 1).repeat(10);
            text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        assert!(parse(&text).unwrap_err().to_string().contains("not YAML"));
    }
}
