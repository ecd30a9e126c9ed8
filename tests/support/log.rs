//! The log of the whole test run.

use serde_json::Value;
use std::sync::{Mutex, Once};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Collects what is logged from now on.
pub fn collect() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        latchkey_web::redirect_log(|line| LINES.lock().expect("no panic while locked").push(line.to_owned()));
    });
}

/// The line of a request.
pub fn of_request(id: &str) -> Value {
    let lines = LINES.lock().expect("no panic while locked");
    let found: Vec<&String> = lines.iter().filter(|line| line.contains(id)).collect();
    assert_eq!(found.len(), 1, "a request has one line: {found:?}");
    serde_json::from_str(found[0]).expect("a line is JSON")
}

/// Everything.
pub fn all() -> String {
    LINES.lock().expect("no panic while locked").join("\n")
}
