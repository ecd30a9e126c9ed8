//! Environment variables, laid over the values of a file: a key's path in capitals with `_` for each dot.

use crate::document::typed;
use crate::key::{Kind, Place, variable};
use crate::legacy::{self, FORMER, Moved};
use crate::lookup::lookup;
use crate::table::{SECTIONS, places};
use crate::tree::{get, set};
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
    pub(crate) place: Place,
}

/// Lays environment variables over the document, and tells of those under former names.
pub(crate) fn lay_over(document: &mut Value, env: &[(String, String)], moved: &mut Moved) -> Overrides {
    // Most variables are not meant for this.
    let meant = |name: &str| is_former(name) || SECTIONS.iter().any(|section| section.may_hold(name));
    let env: BTreeMap<&str, &str> = env
        .iter()
        .filter(|(name, value)| !value.is_empty() && meant(name))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    if env.is_empty() {
        return Overrides::new();
    }
    let mut overrides = Overrides::new();
    let sections = SECTIONS.iter().filter(|section| env.keys().any(|name| section.may_hold(name)));
    for place in sections.flat_map(|section| section.keys.iter().map(move |key| Place { section, key })) {
        let is_list = matches!(place.key.kind, Kind::List);
        if place.is_ignored() || !(is_list || env.keys().any(|name| place.may_be(name))) {
            continue;
        }
        for path in place.paths() {
            let name = variable(&path);
            if let Some(text) = env.get(name.as_str()) {
                set(document, &path, typed(place.key, text));
                overrides.insert(path.clone(), Override { variable: name.clone(), place });
            }
            if is_list && lay_over_items(document, &path, &format!("{name}_"), &env) {
                overrides.insert(path, Override { variable: format!("{name}_…"), place });
            }
        }
    }
    if env.keys().any(|name| is_former(name)) {
        lay_over_former(document, &env, &mut overrides, moved);
    }
    overrides
}

/// Lays variables of our own keys' former names over the document.
fn lay_over_former(document: &mut Value, env: &BTreeMap<&str, &str>, overrides: &mut Overrides, moved: &mut Moved) {
    for (old, new) in FORMER {
        let (former, today) = (variable(old), variable(new));
        let (Some(text), Some(place)) = (env.get(former.as_str()), lookup(new)) else { continue };
        if overrides.contains_key(new) {
            moved.twice(&former, &today);
        } else {
            moved.renamed(&former, &today);
            set(document, new, typed(place.key, text));
            overrides.insert(new.to_owned(), Override { variable: former, place });
        }
    }
}

/// How many items of a list variables may make.
const MOST_ITEMS: usize = 100;

/// Lays variables that name an item of a list by its number over the document, such as `IDENTITY_SCHEMAS_0_URL`; tells whether there
/// were any.
fn lay_over_items(document: &mut Value, path: &str, prefix: &str, env: &BTreeMap<&str, &str>) -> bool {
    let mut any = false;
    for (name, text) in env {
        let Some((number, rest)) = name.strip_prefix(prefix).and_then(|rest| rest.split_once('_')) else { continue };
        let Some(index) = number.parse::<usize>().ok().filter(|index| *index < MOST_ITEMS) else { continue };
        let of_items = format!("{path}[].");
        let inner = |place: Place| Some((place.path().strip_prefix(&of_items)?.to_owned(), place.key));
        let Some((inner, key)) = places().filter_map(inner).find(|(inner, _)| variable(inner) == rest) else {
            continue;
        };
        if get(document, path).is_none_or(|list| !list.is_array()) {
            set(document, path, Value::Array(Vec::new()));
        }
        let pointer = format!("/{}", path.replace('.', "/"));
        let Some(items) = document.pointer_mut(&pointer).and_then(Value::as_array_mut) else { continue };
        while items.len() <= index {
            items.push(Value::Object(Map::new()));
        }
        set(&mut items[index], &inner, typed(key, text));
        any = true;
    }
    any
}

/// Whether a variable may be one of our own keys' former names.
fn is_former(name: &str) -> bool {
    name.strip_prefix(legacy::VARIABLES).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
