//! The log of the whole test run.

use serde_json::Value;
use std::sync::{Mutex, Once};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Collects log lines from now on.
pub fn collect() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        latchkey_platform::log::redirect(|line| LINES.lock().expect("no panic while locked").push(line.to_owned()));
    });
}

/// The line of a request.
pub fn of_request(id: &str) -> Value {
    let mut found = lines_of(id);
    found.retain(|line| line.get("verb").is_some());
    assert_eq!(found.len(), 1, "a request has one line: {found:?}");
    found.remove(0)
}

/// The changes of a request, one line each.
pub fn changes_of(id: &str) -> Vec<Value> {
    let mut found = lines_of(id);
    found.retain(|line| line["event"] == "admin_change");
    found
}

fn lines_of(id: &str) -> Vec<Value> {
    let lines = LINES.lock().expect("no panic while locked");
    let found = lines.iter().filter(|line| line.contains(id));
    found.map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// All lines.
pub fn all() -> String {
    LINES.lock().expect("no panic while locked").join("\n")
}
