//! Keys that refuse a login. Ignoring one would open a door, so a file with one that is not built stops the start.

use crate::findings::Findings;
use serde_json::Value;
use std::collections::BTreeSet;

/// Adds an error for each key that would refuse a login and is not built.
pub(crate) fn check(document: &Value, findings: &mut Findings) {
    refusing_hooks(&document["selfservice"]["flows"]["login"], findings);
    let code = &document["selfservice"]["methods"]["code"];
    let second_by_code = code["mfa_enabled"] == true && code["enabled"] != false;
    if second_by_code && document["session"]["whoami"]["required_aal"] != "aal1" {
        findings.error(
            "selfservice.methods.code.mfa_enabled: true is not allowed: a code as second factor is not built yet, and sessions would \
             count without it. Set it to false, or session.whoami.required_aal to aal1",
        );
    }
    if code["mfa_enabled"] == true && code["passwordless_enabled"] == true {
        findings.error("selfservice.methods.code.mfa_enabled: true is not allowed while passwordless_enabled is true");
    }
}

fn refusing_hooks(login: &Value, findings: &mut Findings) {
    let after = login["after"].as_object().into_iter().flatten().map(|(method, value)| {
        if method == "hooks" {
            ("after.hooks".to_owned(), value)
        } else {
            (format!("after.{method}.hooks"), &value["hooks"])
        }
    });
    let before = [("before.hooks".to_owned(), &login["before"]["hooks"])];
    let mut told = BTreeSet::new();
    for (place, hooks) in before.into_iter().chain(after) {
        for hook in hooks.as_array().into_iter().flatten() {
            let Some((name, why, fix)) = refusal(hook) else { continue };
            if told.insert((place.clone(), name)) {
                findings.error(format!(
                    "selfservice.flows.login.{place}: the hook {name:?} is not built yet, and without it {why} would be let in. {fix}"
                ));
            }
        }
    }
}

/// The name of a hook that may refuse a login, the identities that it refuses, and what to do about it.
fn refusal(hook: &Value) -> Option<(&'static str, &'static str, &'static str)> {
    match hook["hook"].as_str()? {
        "require_verified_address" => Some((
            "require_verified_address",
            "an identity without a verified address",
            "Remove it, and check the address in your application until then",
        )),
        "web_hook" if !is_answer_ignored(&hook["config"]) => Some((
            "web_hook",
            "an identity that its target refuses by a 4xx or 5xx",
            "Remove it, or set response.ignore: true where its answer is not needed",
        )),
        _ => None,
    }
}

/// Whether the answer of a web hook's target counts for nothing, as the hook itself says.
fn is_answer_ignored(config: &Value) -> bool {
    config["response"]["ignore"] == true && config["can_interrupt"] != true
}
