//! A key's default is what counts when the key is not set.

use crate::support::{SMALL, config};
use latchkey_config::keys::{DefaultValue, Role, places};
use latchkey_config::read;
use serde_json::{Value, json};

/// What a deployment has by default.
fn value(default: DefaultValue) -> Option<Value> {
    match default {
        DefaultValue::Bool(on) => Some(json!(on)),
        DefaultValue::OffInDevelopment => Some(json!(true)),
        DefaultValue::Int(number) => Some(json!(number)),
        DefaultValue::Text(text) => Some(json!(text)),
        DefaultValue::Texts(texts) => Some(json!(texts)),
        DefaultValue::Unset | DefaultValue::Required | DefaultValue::Described(_) => None,
    }
}

#[test]
fn setting_a_default_changes_nothing() {
    let mut unset = config("");
    let mut count = 0;
    for place in places().filter(|place| matches!(place.role(), Role::Used | Role::Secret)) {
        let Some(value) = value(place.key.default) else { continue };
        for path in place.paths() {
            let text = if let Value::Array(_) = value { value.to_string() } else { value.to_string().replace('"', "") };
            let env = [(path.to_ascii_uppercase().replace('.', "_"), text)];
            let mut set = read(SMALL, None, &env, false).unwrap_or_else(|e| panic!("{path}: {e}")).config;
            set.revision.clone_from(&unset.revision);
            assert_eq!(format!("{set:?}"), format!("{unset:?}"), "{path}");
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
    unset.session.lifespan += std::time::Duration::from_secs(1);
    assert_ne!(format!("{unset:?}"), format!("{:?}", config("")));
}

#[test]
fn defaults_of_sections_that_are_off_are_read() {
    let on = |more: &str| config(more);
    let cors =
        read(&SMALL.replacen("serve: {public: {", "serve: {public: {cors: {enabled: true}, ", 1), None, &[], false);
    let cors = cors.unwrap().config.cors.unwrap();
    assert_eq!((cors.allowed_origins, cors.allow_credentials, cors.max_age), (vec!["*".to_owned()], true, 0));
    let leaks = on("passwords: {check_leaks_at_login: true}").selfservice.methods.leak_check.unwrap();
    assert_eq!((leaks.host.as_str(), leaks.patience.as_millis()), ("api.pwnedpasswords.com", 500));
    let limits = on("").rate_limits.unwrap();
    assert_eq!((limits.window.as_secs(), limits.attempts_identity, limits.sms_per_day), (900, 100, 1000));
}
