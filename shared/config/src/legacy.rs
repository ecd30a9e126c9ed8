//! Keys under names of before: those that earlier releases of Kratos gave them, and those that the release before gave our own. What
//! still means the same is moved to its name of today.

use crate::tree::{get, set, take};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A key that Kratos renamed: its former name, its name of today, and the release that renamed it.
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

/// The former name of the namespace of rate limits.
const BRAKES: &str = "brakes";
/// How its variables begin.
pub(crate) const VARIABLES: &str = "BRAKES_";
/// Keys of Latchkey's own that are read under their former names for one release: the former name, and that of today.
pub(crate) const FORMER: [(&str, &str); 16] = [
    ("brakes.enabled", "rate_limits.enabled"),
    ("brakes.window", "rate_limits.window"),
    ("brakes.attempts.person_and_network", "rate_limits.attempts.identifier_and_network"),
    ("brakes.attempts.person", "rate_limits.attempts.identity"),
    ("brakes.attempts.person_per_month", "rate_limits.attempts.identity_per_month"),
    ("brakes.attempts.person_per_day", "rate_limits.attempts.identity_per_day"),
    ("brakes.attempts.network", "rate_limits.attempts.network"),
    ("brakes.attempts.device", "rate_limits.attempts.device"),
    ("brakes.sends.address_and_network", "rate_limits.sends.address_and_network"),
    ("brakes.sends.address", "rate_limits.sends.address"),
    ("brakes.sends.network", "rate_limits.sends.network"),
    ("brakes.sends.device", "rate_limits.sends.device"),
    ("brakes.sends.flow", "rate_limits.sends.flow"),
    ("brakes.sms.countries", "rate_limits.sms.countries"),
    ("brakes.sms.per_day", "rate_limits.sms.per_day"),
    ("brakes.sms.network_per_day", "rate_limits.sms.network_per_day"),
];

/// What there is to tell of keys under their former names.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// A line for each key that was moved.
    pub(crate) warnings: Vec<String>,
    /// A line for each of our own keys that is set under both names.
    pub(crate) errors: Vec<String>,
    /// The former name of each of our own keys that the file sets by it, by the name of today.
    pub(crate) names: BTreeMap<String, String>,
}

impl Moved {
    /// Tells of one of our own keys, or of its variable, that is read under its former name.
    pub(crate) fn renamed(&mut self, old: &str, new: &str) {
        self.warnings.push(format!(
            "{old} is read as {new}, its name of today; rename it, as the next release does not know {old}"
        ));
    }

    /// Tells of one of our own keys, or of its variable, that is set under both names.
    pub(crate) fn twice(&mut self, old: &str, new: &str) {
        self.errors.push(format!("{old}: not allowed beside {new}, which is its name of today: remove {old}"));
    }
}

/// Moves keys to their names of today.
pub(crate) fn modernise(document: &mut Value) -> Moved {
    let mut moved = Moved::default();
    let said = &mut moved.warnings;
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
    if let Some(value) = take(document, BRAKES) {
        move_below(document, BRAKES, "rate_limits", value, &mut moved);
    }
    moved
}

/// Moves a value and what is below it. Keys that neither name ever had move too, so that the check tells of them.
fn move_below(document: &mut Value, old: &str, new: &str, value: Value, moved: &mut Moved) {
    match (value, get(document, new)) {
        (Value::Object(map), None | Some(Value::Object(_))) => {
            if get(document, new).is_none() {
                set(document, new, Value::Object(Map::new()));
            }
            for (name, value) in map {
                let old = format!("{old}.{name}");
                let today = FORMER.iter().find(|(former, _)| *former == old).map(|(_, today)| (*today).to_owned());
                let today = today.unwrap_or_else(|| format!("{new}.{name}"));
                move_below(document, &old, &today, value, moved);
            }
        }
        (_, Some(_)) => moved.twice(old, new),
        (value, None) => {
            set(document, new, value);
            moved.renamed(old, new);
            moved.names.insert(new.to_owned(), old.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::lookup;

    #[test]
    fn kratos_former_names_are_read() {
        let mut document = json!({
            "selfservice": {"whitelisted_return_urls": ["https://a.example"], "flows": {"login": {"request_lifespan": "5m"}}},
            "identity": {"default_schema_url": "file://a.json"},
        });
        let said = modernise(&mut document).warnings;
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(
            document,
            json!({
                "selfservice": {"allowed_return_urls": ["https://a.example"], "flows": {"login": {"lifespan": "5m"}}},
                "identity": {"schemas": [{"id": "default", "url": "file://a.json"}]},
            })
        );
        assert_eq!(modernise(&mut document).warnings, Vec::<String>::new());
    }

    #[test]
    fn kratos_name_of_today_wins() {
        let mut document = json!({"selfservice": {"whitelisted_return_urls": ["a"], "allowed_return_urls": ["b"]}});
        assert!(modernise(&mut document).warnings[0].contains("remove selfservice.whitelisted_return_urls"));
        assert_eq!(document, json!({"selfservice": {"allowed_return_urls": ["b"]}}));
    }

    #[test]
    fn every_rate_limit_has_its_former_name() {
        for (old, new) in FORMER {
            assert!(lookup(old).is_none() && lookup(new).is_some(), "{old} {new}");
            let mut document = json!({});
            set(&mut document, old, json!(1));
            let moved = modernise(&mut document);
            assert_eq!(get(&document, new), Some(&json!(1)), "{document}");
            assert_eq!(moved.names[new], old);
            assert!(moved.warnings.len() == 1 && moved.errors.is_empty(), "{moved:?}");
            assert!(moved.warnings[0].starts_with(&format!("{old} is read as {new},")), "{moved:?}");
        }
    }

    #[test]
    fn both_names_of_a_rate_limit_are_an_error() {
        let mut document = json!({
            "brakes": {"attempts": {"person": 1, "network": 2}, "windw": "1m"},
            "rate_limits": {"attempts": {"identity": 3}, "enabled": true},
        });
        let moved = modernise(&mut document);
        assert_eq!(
            moved.errors,
            ["brakes.attempts.person: not allowed beside rate_limits.attempts.identity, which is its name of today: \
              remove brakes.attempts.person"]
        );
        assert_eq!(
            document,
            json!({"rate_limits": {"attempts": {"identity": 3, "network": 2}, "enabled": true, "windw": "1m"}})
        );
        let mut document = json!({"brakes": 1});
        assert_eq!(modernise(&mut document).names["rate_limits"], "brakes");
        assert_eq!(document, json!({"rate_limits": 1}));
    }
}
