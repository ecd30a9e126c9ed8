//! One JSON line for each request or event, which is also its metrics in CloudWatch's embedded format.
//!
//! A line holds ids, counts and fixed words. Nothing of a body, a cookie, a header or an address is ever written, so no
//! line holds a secret or the data of a user. CloudWatch charges by the month for each metric of each set of dimensions, so there are
//! two per function. Administrators can query the other fields of a line.

use crate::Clock;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::io::Write as _;
use std::sync::OnceLock;
use time::OffsetDateTime;

/// Takes a line.
type Sink = Box<dyn Fn(&str) + Send + Sync>;

static SINK: OnceLock<Sink> = OnceLock::new();

/// Sends lines elsewhere than to standard output, from now on and for the whole process. The first call decides; returns
/// whether that was this call.
pub fn redirect(sink: impl Fn(&str) + Send + Sync + 'static) -> bool {
    SINK.set(Box::new(sink)).is_ok()
}

/// Writes a line without metrics, beside that of a request.
pub fn plain(line: &Value) {
    write(&line.to_string());
}

fn write(line: &str) {
    match SINK.get() {
        Some(sink) => sink(line),
        // A closed output is no reason to stop answering.
        None => drop(writeln!(std::io::stdout(), "{line}")),
    }
}

/// Writes the line of what a function did: these fields, with the metrics that every line has. `clock` tells when it ended. The line
/// must hold ids, counts and fixed words alone.
pub fn event(clock: &Clock, function: &'static str, mut line: Value, began: OffsetDateTime, is_error: bool) {
    let ended = clock.now();
    let milliseconds = (ended - began).as_seconds_f64() * 1000.0;
    let metrics = json!({
        "level": if is_error { "error" } else { "info" },
        "function": function,
        "milliseconds": (milliseconds * 100.0).round() / 100.0,
        "errors": u8::from(is_error),
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
    for (name, value) in metrics.as_object().into_iter().flatten() {
        line[name] = value.clone();
    }
    write(&line.to_string());
}

tokio::task_local! {
    static NOTES: RefCell<Vec<String>>;
}

/// Runs a request and collects what is [noted](note) meanwhile.
pub async fn with_notes<T>(request: impl Future<Output = T>) -> (T, Vec<String>) {
    NOTES.scope(RefCell::default(), async { (request.await, NOTES.with(RefCell::take)) }).await
}

/// Notes in the line of the request that something beside the answer failed.
pub fn note(text: impl Into<String>) {
    // Outside a request there is no line, and functions note nothing there.
    let _ = NOTES.try_with(|notes| notes.borrow_mut().push(text.into()));
}
