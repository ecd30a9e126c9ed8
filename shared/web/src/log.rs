//! The line of an HTTP request in the log.

use crate::reply::Reply;
use latchkey_platform::meter::Cost;
use latchkey_platform::{Clock, log};
use serde_json::json;
use time::OffsetDateTime;

/// The fields that identify a request.
pub(crate) struct Ids {
    /// The function.
    pub(crate) function: &'static str,
    pub(crate) request: String,
    pub(crate) trace: Option<String>,
}

/// Writes the line of an answered request.
pub(crate) fn request(
    clock: &Clock,
    ids: &Ids,
    verb: &str,
    reply: &Reply,
    cost: &Cost,
    began: OffsetDateTime,
    notes: &[String],
) {
    // A redirect to the error page still counts as a failure.
    let failed = reply.fault.as_ref().map_or(reply.status, |fault| fault.public.status);
    let mut line = json!({
        "request_id": ids.request,
        "trace_id": ids.trace,
        "flow_id": reply.flow,
        "verb": verb,
        "method": reply.method,
        "status": reply.status,
        "outcome": reply.outcome.to_string(),
        "round_trips": cost.trips,
        "store_calls": cost.calls.len(),
        "hashes": cost.hashes,
    });
    if let Some(cause) = reply.fault.as_ref().and_then(|fault| fault.cause.as_deref()) {
        line["cause"] = json!(cause);
    }
    if !notes.is_empty() {
        line["notes"] = json!(notes);
    }
    if !cost.unreadable.is_empty() {
        line["unreadable"] = json!(cost.unreadable);
    }
    log::event(clock, ids.function, line, began, failed >= 500);
}
