//! `preset: strict`, and what is weaker than it.
//!
//! The preset decides what a file leaves open, and refuses what a file says against it. Without it, one line names each setting that
//! is weaker, so that an administrator knows what is open because the file does not say.

use crate::findings::Findings;
use crate::key::{DefaultValue, Place};
use crate::sections::clients::{DISALLOW_PRIVATE_IP_RANGES, HTTP};
use crate::sections::features::{MITIGATE_ENUMERATION, SECURITY};
use crate::sections::methods::{CODE_CONFIG, CODE_LIFESPAN};
use crate::sections::session::{REQUIRED_AAL, SESSION};
use crate::tree::{get, set};
use crate::value::duration;
use serde_json::{Value, json};
use std::time::Duration;

const PRESET: &str = "preset";
/// The longest lifespan of a code.
const LONGEST: Duration = Duration::from_secs(600);

/// A setting that the preset decides.
struct Rule {
    key: Place,
    /// What it is under the preset when the file says nothing.
    strict: fn() -> Value,
    is_strict: fn(&Value) -> bool,
    /// What the preset asks for, in words.
    asks: &'static str,
    /// Whether it matters for this file.
    matters: fn(&Value) -> bool,
}

static RULES: [Rule; 4] = [
    Rule {
        key: Place { section: &CODE_CONFIG, key: &CODE_LIFESPAN },
        strict: || json!("10m"),
        is_strict: |value| value.as_str().and_then(duration::parse).is_none_or(|lifespan| lifespan <= LONGEST),
        asks: "10m at most",
        matters: |document| get(document, "selfservice.methods.code.passwordless_enabled") == Some(&json!(true)),
    },
    Rule {
        key: Place { section: &SECURITY, key: &MITIGATE_ENUMERATION },
        strict: || json!(true),
        is_strict: |value| value != &json!(false),
        asks: "true",
        matters: |_| true,
    },
    Rule {
        key: Place { section: &SESSION, key: &REQUIRED_AAL },
        strict: || json!("highest_available"),
        is_strict: |value| value != &json!("aal1"),
        asks: "highest_available",
        matters: |_| true,
    },
    Rule {
        key: Place { section: &HTTP, key: &DISALLOW_PRIVATE_IP_RANGES },
        strict: || json!(true),
        is_strict: |value| value != &json!(false),
        asks: "true",
        matters: |_| true,
    },
];

/// Lays the preset over a document, or says what is weaker than it.
pub(crate) fn apply(document: &mut Value, findings: &mut Findings) -> Vec<String> {
    let strict = get(document, PRESET) == Some(&json!("strict"));
    let mut weaker = Vec::new();
    for Rule { key, strict: by_preset, is_strict, asks, matters } in &RULES {
        let path = key.path();
        let set_to = get(document, &path).cloned();
        let is_set = set_to.is_some();
        let is = set_to.unwrap_or_else(|| if strict { by_preset() } else { default_of(key) });
        if is_strict(&is) {
            if strict && !is_set {
                set(document, &path, is);
            }
        } else if strict {
            findings.error(format!("{path}: {is} is not allowed: preset strict asks for {asks}"));
        } else if cfg!(feature = "files") && matters(document) {
            // Functions tell nothing of this.
            let by_default = if is_set { "" } else { ", as it is when not set" };
            weaker.push(format!("{path} is {is}{by_default}: preset strict asks for {asks}"));
        }
    }
    weaker
}

/// The default of a deployment.
fn default_of(place: &Place) -> Value {
    match place.key.default {
        DefaultValue::Bool(on) => json!(on),
        DefaultValue::OffInDevelopment => json!(true),
        DefaultValue::Text(text) => json!(text),
        _ => Value::Null,
    }
}
