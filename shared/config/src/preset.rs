//! `preset: strict`, and what is weaker than it.
//!
//! The preset decides what a file leaves open, and refuses what a file says against it. Without it, one line names each setting that
//! is weaker, so that nobody is less safe than they meant to be by leaving something out.

use crate::check::Findings;
use crate::document::{get, set};
use crate::duration;
use serde_json::{Value, json};
use std::time::Duration;

const PRESET: &str = "preset";
const LIFESPAN: &str = "selfservice.methods.code.config.lifespan";
/// What a code may live at most.
const LONGEST: Duration = Duration::from_secs(600);

/// A setting that the preset decides.
struct Rule {
    path: &'static str,
    /// What it is under the preset when the file says nothing.
    strict: fn() -> Value,
    /// What it is without the preset when the file says nothing.
    usual: fn() -> Value,
    is_strict: fn(&Value) -> bool,
    wanted: &'static str,
    /// Whether it matters for this file.
    matters: fn(&Value) -> bool,
}

const RULES: [Rule; 4] = [
    Rule {
        path: LIFESPAN,
        strict: || json!("10m"),
        usual: || json!("1h"),
        is_strict: |value| value.as_str().and_then(duration::parse).is_none_or(|lifespan| lifespan <= LONGEST),
        wanted: "10m at most",
        matters: |document| get(document, "selfservice.methods.code.passwordless_enabled") == Some(&json!(true)),
    },
    Rule {
        path: "security.account_enumeration.mitigate",
        strict: || json!(true),
        usual: || json!(false),
        is_strict: |value| value != &json!(false),
        wanted: "true",
        matters: |_| true,
    },
    Rule {
        path: "session.whoami.required_aal",
        strict: || json!("highest_available"),
        usual: || json!("highest_available"),
        is_strict: |value| value != &json!("aal1"),
        wanted: "highest_available",
        matters: |_| true,
    },
    Rule {
        path: "clients.http.disallow_private_ip_ranges",
        strict: || json!(true),
        usual: || json!(true),
        is_strict: |value| value != &json!(false),
        wanted: "true",
        matters: |_| true,
    },
];

/// Lays the preset over a document, or says what is weaker than it.
pub(crate) fn apply(document: &mut Value, findings: &mut Findings) -> Vec<String> {
    let strict = get(document, PRESET) == Some(&json!("strict"));
    let mut weaker = Vec::new();
    for rule in &RULES {
        let said = get(document, rule.path).cloned();
        let is = said.clone().unwrap_or_else(if strict { rule.strict } else { rule.usual });
        if (rule.is_strict)(&is) {
            if strict && said.is_none() {
                set(document, rule.path, is);
            }
        } else if strict {
            findings.error(format!("{}: {is} is not allowed: preset strict asks for {}", rule.path, rule.wanted));
        } else if cfg!(feature = "files") && (rule.matters)(document) {
            // Functions have nobody to tell.
            let by_default = if said.is_none() { ", as it is when not set" } else { "" };
            weaker.push(format!("{} is {is}{by_default}: preset strict asks for {}", rule.path, rule.wanted));
        }
    }
    weaker
}
