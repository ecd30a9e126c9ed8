//! From text to one tree of values: the file, and the environment laid over it.

use crate::ConfigErrors;
use crate::check::Shape;
use crate::digest::digest;
use crate::keys::{self, Fit, KEYS, Key, Kind};
use crate::legacy::{self, FORMER, Moved};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What the environment sets, by path.
pub(crate) type Overrides = BTreeMap<String, Override>;

/// A value that the environment sets.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    /// The variable.
    pub(crate) variable: String,
    /// The key.
    pub(crate) key: &'static Key,
}

/// The first key of a document that was checked when it was made.
const MARK: &str = "checked";

/// A document with a mark that it was checked, by this version and as it is: whoever reads it need not do that again. It keeps
/// nobody from anything who may change the file; it tells what was made here from what somebody edited since.
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
    type_texts(&mut document, &keys::all());
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
            (Some(key), Value::String(text)) if matches!(key.kind.shape(), Shape::Boolean | Shape::Number) => {
                *value = typed(key, text);
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

/// The value at a dotted path.
pub(crate) fn get<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(document, |value, part| value.get(part))
}

/// Sets the value at a dotted path; does nothing below what is no map.
pub(crate) fn set(document: &mut Value, path: &str, value: Value) {
    let mut at = document;
    for part in path.split('.') {
        let Value::Object(map) = at else { return };
        at = map.entry(part).or_insert_with(|| Value::Object(Map::new()));
    }
    *at = value;
}

/// Lays environment variables over the document, and tells of those under former names.
pub(crate) fn lay_over(document: &mut Value, env: &[(String, String)], moved: &mut Moved) -> Overrides {
    // Most variables are not meant for this, and need not be held against every key.
    let begins = |name: &str, part: &str| {
        name.len() >= part.len() && name.bytes().zip(part.bytes()).all(|(n, p)| n == keys::in_a_variable(p))
    };
    let meant = |name: &str| keys::FIRST_PARTS.iter().chain(&[legacy::BRAKES]).any(|part| begins(name, part));
    let env: BTreeMap<&str, &str> = env
        .iter()
        .filter(|(name, value)| !value.is_empty() && meant(name))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    if env.is_empty() {
        return Overrides::new();
    }
    let mut overrides = Overrides::new();
    let asked_for = |key: &&Key| !key.is_ignored() && env.keys().any(|name| key.may_be(name));
    for key in KEYS.iter().filter(|key| asked_for(key) || (!key.is_ignored() && matches!(key.kind, Kind::List))) {
        for path in key.paths() {
            let name = variable(&path);
            if let Some(text) = env.get(name.as_str()) {
                set(document, &path, typed(key, text));
                overrides.insert(path.clone(), Override { variable: name.clone(), key });
            }
            if matches!(key.kind, Kind::List) && lay_over_items(document, &path, &format!("{name}_"), &env) {
                overrides.insert(path, Override { variable: format!("{name}_…"), key });
            }
        }
    }
    if env.keys().any(|name| begins(name, legacy::BRAKES)) {
        lay_over_former(document, &env, &mut overrides, moved);
    }
    overrides
}

/// Lays variables of our own keys' former names over the document.
fn lay_over_former(document: &mut Value, env: &BTreeMap<&str, &str>, overrides: &mut Overrides, moved: &mut Moved) {
    for (old, new) in FORMER {
        let (former, today) = (variable(old), variable(new));
        let (Some(text), Some(key)) = (env.get(former.as_str()), keys::lookup(new)) else { continue };
        if overrides.contains_key(new) {
            moved.twice(&former, &today);
        } else {
            moved.renamed(&former, &today);
            set(document, new, typed(key, text));
            overrides.insert(new.to_owned(), Override { variable: former, key });
        }
    }
}

/// As many items of a list as variables may make.
const MOST_ITEMS: usize = 100;

/// Lays variables that name an item of a list by its number over the document, such as `IDENTITY_SCHEMAS_0_URL`. Whether there were
/// any.
fn lay_over_items(document: &mut Value, path: &str, prefix: &str, env: &BTreeMap<&str, &str>) -> bool {
    let mut any = false;
    for (name, text) in env {
        let Some((number, rest)) = name.strip_prefix(prefix).and_then(|rest| rest.split_once('_')) else { continue };
        let Some(index) = number.parse::<usize>().ok().filter(|index| *index < MOST_ITEMS) else { continue };
        let of_items = format!("{path}[].");
        let inner = |key: &&Key| key.path.strip_prefix(&of_items).is_some_and(|inner| variable(inner) == rest);
        let Some(key) = KEYS.iter().find(inner) else { continue };
        if get(document, path).is_none_or(|list| !list.is_array()) {
            set(document, path, Value::Array(Vec::new()));
        }
        let pointer = format!("/{}", path.replace('.', "/"));
        let Some(items) = document.pointer_mut(&pointer).and_then(Value::as_array_mut) else { continue };
        while items.len() <= index {
            items.push(Value::Object(Map::new()));
        }
        set(&mut items[index], &key.path[of_items.len()..], typed(key, text));
        any = true;
    }
    any
}

/// The environment variable of a key.
pub(crate) fn variable(path: &str) -> String {
    path.bytes().map(|byte| char::from(keys::in_a_variable(byte))).collect()
}

/// A variable's text as a value of the key's type; as text when it is not of that type, to be refused as such.
fn typed(key: &Key, text: &str) -> Value {
    let as_json = || serde_json::from_str(text).ok();
    let value = match key.kind.shape() {
        // As Go's ParseBool has it.
        Shape::Boolean => match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(Value::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(Value::Bool(false)),
            _ => None,
        },
        Shape::Number => text.trim().parse::<i64>().ok().map(Value::from),
        Shape::List if text.trim_start().starts_with('[') => as_json(),
        Shape::List if matches!(key.kind, Kind::List) => None,
        Shape::List => Some(text.split(',').map(|part| Value::from(part.trim())).collect()),
        Shape::Map => as_json(),
        Shape::Text => None,
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

    #[test]
    fn variables_take_the_type_of_their_key() {
        let mut document = json!({"session": {"lifespan": "1h"}});
        let env = [
            ("SESSION_LIFESPAN", "2h"),
            ("SESSION_COOKIE_PERSISTENT", "false"),
            ("SELFSERVICE_ALLOWED_RETURN_URLS", "https://a.example, https://b.example"),
            ("SERVE_PUBLIC_CORS_ALLOWED_ORIGINS", r#"["https://c.example"]"#),
            ("HASHERS_ARGON2_ITERATIONS", "3"),
            ("SELFSERVICE_FLOWS_LOGIN_AFTER_PASSWORD_DEFAULT_BROWSER_RETURN_URL", "https://d.example"),
            ("IDENTITY_SCHEMAS", r#"[{"id":"x","url":"base64://e30="}]"#),
            ("IDENTITY_SCHEMAS_1_ID", "y"),
            ("IDENTITY_SCHEMAS_1_SELFSERVICE_SELECTABLE", "True"),
            ("IDENTITY_SCHEMAS_99999999999_ID", "z"),
            ("IDENTITY_SCHEMAS_x_ID", "z"),
            ("COOKIES_DOMAIN", ""),
            ("PATH", "/bin"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let overrides = lay_over(&mut document, &env, &mut Moved::default());
        assert_eq!(
            document,
            json!({
                "session": {"lifespan": "2h", "cookie": {"persistent": false}},
                "selfservice": {
                    "allowed_return_urls": ["https://a.example", "https://b.example"],
                    "flows": {"login": {"after": {"password": {"default_browser_return_url": "https://d.example"}}}},
                },
                "serve": {"public": {"cors": {"allowed_origins": ["https://c.example"]}}},
                "hashers": {"argon2": {"iterations": 3}},
                "identity": {"schemas": [
                    {"id": "x", "url": "base64://e30="}, {"id": "y", "selfservice_selectable": true},
                ]},
            })
        );
        assert_eq!(overrides["session.lifespan"].variable, "SESSION_LIFESPAN");
    }
}
