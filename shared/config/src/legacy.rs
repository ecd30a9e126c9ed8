//! Keys as earlier releases of Kratos called them: what still means the same is moved to where it stands today.

use crate::document::{get, set};
use serde_json::{Value, json};

/// A key that was given another name: what it was, what it is, and the release of Kratos that renamed it.
const RENAMED: [(&str, &str, &str); 7] = [
    ("selfservice.whitelisted_return_urls", "selfservice.allowed_return_urls", "0.8"),
    ("selfservice.flows.login.request_lifespan", "selfservice.flows.login.lifespan", "0.5"),
    ("selfservice.flows.registration.request_lifespan", "selfservice.flows.registration.lifespan", "0.5"),
    ("selfservice.flows.settings.request_lifespan", "selfservice.flows.settings.lifespan", "0.5"),
    ("selfservice.flows.recovery.request_lifespan", "selfservice.flows.recovery.lifespan", "0.5"),
    ("selfservice.flows.verification.request_lifespan", "selfservice.flows.verification.lifespan", "0.5"),
    ("selfservice.strategies", "selfservice.methods", "0.5"),
];
const DEFAULT_SCHEMA_URL: &str = "identity.default_schema_url";
const SCHEMAS: &str = "identity.schemas";

/// Moves keys to their names of today, and gives a line for each.
pub(crate) fn modernise(document: &mut Value) -> Vec<String> {
    let mut said = Vec::new();
    for (old, new, since) in RENAMED {
        let Some(value) = take(document, old) else { continue };
        if get(document, new).is_some() {
            said.push(format!(
                "{old} has no effect: Kratos {since} renamed it to {new}, which is set too; remove {old}"
            ));
        } else {
            set(document, new, value);
            said.push(format!("{old} is read as {new}, its name since Kratos {since}; rename it"));
        }
    }
    if let Some(url) = take(document, DEFAULT_SCHEMA_URL) {
        let schema = json!({"id": "default", "url": url});
        let mut schemas = get(document, SCHEMAS).and_then(Value::as_array).cloned().unwrap_or_default();
        if !schemas.iter().any(|schema| schema["id"] == "default") {
            schemas.push(schema);
            set(document, SCHEMAS, Value::Array(schemas));
        }
        said.push(format!(
            "{DEFAULT_SCHEMA_URL} is read as the schema \"default\" of {SCHEMAS}, where Kratos 0.8 moved it; write \
             {SCHEMAS}: [{{id: default, url: …}}]"
        ));
    }
    said
}

/// Takes the value at a dotted path out of a document.
fn take(document: &mut Value, path: &str) -> Option<Value> {
    let (above, last) = path.rsplit_once('.')?;
    let above = above.split('.').try_fold(document, |value, part| value.get_mut(part))?;
    above.as_object_mut()?.remove(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_are_read_as_those_of_today() {
        let mut document = json!({
            "selfservice": {"whitelisted_return_urls": ["https://a.example"], "flows": {"login": {"request_lifespan": "5m"}}},
            "identity": {"default_schema_url": "file://a.json"},
        });
        let said = modernise(&mut document);
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(
            document,
            json!({
                "selfservice": {"allowed_return_urls": ["https://a.example"], "flows": {"login": {"lifespan": "5m"}}},
                "identity": {"schemas": [{"id": "default", "url": "file://a.json"}]},
            })
        );
        assert_eq!(modernise(&mut document), Vec::<String>::new());
    }

    #[test]
    fn a_name_of_today_wins() {
        let mut document = json!({"selfservice": {"whitelisted_return_urls": ["a"], "allowed_return_urls": ["b"]}});
        assert!(modernise(&mut document)[0].contains("remove selfservice.whitelisted_return_urls"));
        assert_eq!(document, json!({"selfservice": {"allowed_return_urls": ["b"]}}));
    }
}
