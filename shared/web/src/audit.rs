//! Audit events: one in the log for each change that an administrator makes.
//!
//! AWS CloudTrail records how an API is deployed, not the calls of a deployed one, and the access log of a gateway has no field for what
//! a call changed. So the functions of the admin API log it: the IAM principal whose signature the gateway has checked, the action, and
//! the ids of what was changed. No part of a body is ever in it.

use crate::edge::gateways_word;
use crate::log::Ids;
use lambda_http::Request;
use serde_json::{Map, Value, json};
use std::cell::RefCell;

/// A change that an administrator can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An identity was created.
    CreateIdentity,
    /// An identity was replaced or patched.
    UpdateIdentity,
    /// An identity was deleted.
    DeleteIdentity,
    /// A credential of an identity was deleted.
    DeleteCredential,
    /// A session was disabled.
    DisableSession,
    /// Every session of an identity was deleted.
    DeleteSessions,
    /// A session was extended.
    ExtendSession,
    /// An address was removed from the suppression list.
    RemoveSuppression,
}

impl Action {
    /// Its name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateIdentity => "identity.create",
            Self::UpdateIdentity => "identity.update",
            Self::DeleteIdentity => "identity.delete",
            Self::DeleteCredential => "credential.delete",
            Self::DisableSession => "session.disable",
            Self::DeleteSessions => "sessions.delete",
            Self::ExtendSession => "session.extend",
            Self::RemoveSuppression => "suppression.remove",
        }
    }
}

/// A change, recorded before it is written, so that it is logged even if its result is unknown.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    action: Action,
    subjects: Vec<(&'static str, String)>,
    outcome: Option<u16>,
}

tokio::task_local! {
    static CHANGES: RefCell<Vec<Change>>;
}

/// Runs a request and collects its changes.
pub(crate) async fn collected<T>(request: impl Future<Output = T>) -> (T, Vec<Change>) {
    CHANGES.scope(RefCell::default(), async { (request.await, CHANGES.with(RefCell::take)) }).await
}

/// Records that a change is about to be made, and to what: pairs of a kind (`identity`, `session` …) and an id or fixed name. The status
/// of the request is its result.
pub fn changes(action: Action, subjects: &[(&'static str, &dyn ToString)]) {
    record(action, subjects, None);
}

/// Records the result of one of several changes of a request.
pub fn changed(action: Action, subjects: &[(&'static str, &dyn ToString)], status: u16) {
    record(action, subjects, Some(status));
}

fn record(action: Action, subjects: &[(&'static str, &dyn ToString)], outcome: Option<u16>) {
    let subjects: Vec<_> = subjects.iter().map(|(name, id)| (*name, id.to_string())).collect();
    // Changes happen only within a request.
    let _ = CHANGES.try_with(|changes| {
        let mut changes = changes.borrow_mut();
        // A retried change is one change.
        if changes.last().is_none_or(|last| last.action != action || last.subjects != subjects) {
            changes.push(Change { action, subjects, outcome });
        }
    });
}

/// The IAM principal of a request, as the gateway has checked it.
pub(crate) fn principal(request: &Request) -> Value {
    let authorizer = gateways_word(request).and_then(|context| context.authorizer.as_ref());
    let Some(iam) = authorizer.and_then(|authorizer| authorizer.iam.as_ref()) else { return Value::Null };
    let parts = [
        ("arn", &iam.user_arn),
        ("user", &iam.user_id),
        ("caller", &iam.caller_id),
        ("account", &iam.account_id),
        ("access_key", &iam.access_key),
    ];
    let named = parts.into_iter().filter_map(|(name, part)| Some((name.to_owned(), json!(part.as_deref()?))));
    Value::Object(named.collect::<Map<_, _>>())
}

/// The lines of a request's changes.
pub(crate) fn lines(ids: &Ids, principal: &Value, status: u16, changes: &[Change]) -> Vec<Value> {
    let line = |change: &Change| {
        let status = change.outcome.unwrap_or(status);
        let outcome = match status {
            ..400 => "done",
            400..500 => "refused",
            _ => "unknown",
        };
        let mut line = json!({
            "level": "info",
            "event": "admin_change",
            "function": ids.function,
            "request_id": ids.request,
            "trace_id": ids.trace,
            "principal": principal,
            "action": change.action.as_str(),
            "status": status,
            "outcome": outcome,
        });
        for (name, id) in &change.subjects {
            line[*name] = json!(id);
        }
        line
    };
    changes.iter().map(line).collect()
}
