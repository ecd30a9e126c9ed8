//! One JSON line per request, which is also its metrics in CloudWatch's embedded format.
//!
//! A line holds ids, counts and fixed words. Nothing of a body, a cookie, a header or an address is ever written, so nothing
//! secret or personal can be. CloudWatch charges by the month for each metric of each set of dimensions, so there are two per
//! function; what else a line tells is there to be queried.

use crate::reply::Reply;
use latchkey_store::meter::Cost;
use serde_json::json;
use std::io::Write as _;
use std::sync::OnceLock;
use time::OffsetDateTime;

/// Takes a line.
type Sink = Box<dyn Fn(&str) + Send + Sync>;

static SINK: OnceLock<Sink> = OnceLock::new();

/// Sends lines elsewhere than to standard output, from now on and for the whole process. The first to ask decides; returns
/// whether that was this call.
pub fn redirect(sink: impl Fn(&str) + Send + Sync + 'static) -> bool {
    SINK.set(Box::new(sink)).is_ok()
}

fn write(line: &str) {
    match SINK.get() {
        Some(sink) => sink(line),
        // Nobody reads it any more: that is no reason to stop answering.
        None => drop(writeln!(std::io::stdout(), "{line}")),
    }
}

/// What a request is known by.
pub(crate) struct Ids {
    pub(crate) request: String,
    pub(crate) trace: Option<String>,
}

/// Writes the line of a request that was answered.
pub(crate) fn request(
    function: &'static str,
    ids: &Ids,
    verb: &str,
    reply: &Reply,
    cost: &Cost,
    began: OffsetDateTime,
    cause: Option<&str>,
) {
    let ended = crate::chance::now();
    let milliseconds = (ended - began).as_seconds_f64() * 1000.0;
    let error = u8::from(reply.status >= 500);
    let mut line = json!({
        "level": if error == 1 { "error" } else { "info" },
        "function": function,
        "request_id": ids.request,
        "trace_id": ids.trace,
        "flow_id": reply.flow,
        "verb": verb,
        "method": reply.method,
        "status": reply.status,
        "outcome": reply.outcome,
        "round_trips": cost.trips,
        "store_calls": cost.calls.len(),
        "milliseconds": (milliseconds * 100.0).round() / 100.0,
        "errors": error,
        "_aws": {
            // Milliseconds since 1970 fit until the year 292 million.
            "Timestamp": (ended.unix_timestamp_nanos() / 1_000_000) as i64,
            "CloudWatchMetrics": [{
                "Namespace": "Latchkey",
                "Dimensions": [["function"]],
                "Metrics": [
                    {"Name": "milliseconds", "Unit": "Milliseconds"},
                    {"Name": "errors", "Unit": "Count"}
                ]
            }]
        }
    });
    if let Some(cause) = cause {
        line["cause"] = json!(cause);
    }
    write(&line.to_string());
}

/// Writes why something failed that the client was told less about.
pub fn cause(function: &'static str, cause: &str) {
    write(&json!({"level": "error", "function": function, "cause": cause}).to_string());
}
