//! The log as a developer reads it: one plain line per log line. A deployment writes JSON with metrics.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::macros::format_description;

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One readable line per request
    Text,
    /// The line of JSON that a deployment writes, with its metrics
    Json,
}

/// Keys that a plain line shows by their values, in this order, and keys that it leaves out: ids, metrics and counts are for queries.
const SHOWN: [&str; 8] = ["status", "verb", "function", "milliseconds", "outcome", "method", "template", "channel"];
const LEFT_OUT: [&str; 10] = [
    "_aws",
    "errors",
    "level",
    "request_id",
    "trace_id",
    "flow_id",
    "round_trips",
    "store_calls",
    "hashes",
    "message_id",
];

impl LogFormat {
    /// A line as it is written.
    pub fn line(self, line: &str) -> String {
        match (self, serde_json::from_str(line)) {
            (Self::Text, Ok(Value::Object(fields))) if fields.contains_key("function") => plain(&fields),
            _ => line.to_owned(),
        }
    }
}

fn plain(fields: &Map<String, Value>) -> String {
    let text = |name: &str| match &fields.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let at = fields.get("_aws").and_then(|metrics| metrics["Timestamp"].as_i64()).unwrap_or_default();
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000).ok();
    let at = at.and_then(|at| at.format(format_description!("[hour]:[minute]:[second]")).ok()).unwrap_or_default();
    let milliseconds = fields.get("milliseconds").and_then(Value::as_f64).unwrap_or_default();
    let mut line = format!(
        "{at}  {:>3} {:<6} {:<20} {milliseconds:>5.0} ms  {}",
        text("status"),
        text("verb"),
        text("function"),
        text("outcome"),
    );
    for name in ["method", "template", "channel"] {
        let value = text(name);
        if !value.is_empty() {
            line += &format!(", {value}");
        }
    }
    // Causes and notes are what a developer looks for, so every other field gets a line of its own.
    for (name, value) in fields {
        if value.is_null() || SHOWN.contains(&name.as_str()) || LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        match value {
            Value::Array(items) => {
                for item in items {
                    line += &format!(
                        "\n          {name}: {}",
                        item.as_str().map_or_else(|| item.to_string(), str::to_owned)
                    );
                }
            }
            _ => line += &format!("\n          {name}: {}", text(name)),
        }
    }
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line() -> String {
        json!({
            "request_id": "r", "trace_id": null, "flow_id": "f", "verb": "POST", "method": "password", "status": 400,
            "outcome": "refused", "round_trips": 2, "store_calls": 4, "hashes": 1, "level": "info", "function": "login-submit",
            "milliseconds": 12.4, "errors": 0, "notes": ["an origin is not on the list"],
            "_aws": {"Timestamp": 1_000, "CloudWatchMetrics": []},
        })
        .to_string()
    }

    #[test]
    fn a_request_is_one_plain_line_with_its_notes() {
        assert_eq!(
            LogFormat::Text.line(&line()),
            "00:00:01  400 POST   login-submit            12 ms  refused, password\n          notes: an origin is not on the list"
        );
    }

    #[test]
    fn json_and_other_texts_stay_as_they_are() {
        assert_eq!(LogFormat::Json.line(&line()), line());
        for other in ["thread panicked", "{}", "[1]", "{\"a\":1}"] {
            assert_eq!(LogFormat::Text.line(other), other);
        }
    }
}
