//! Values in a tree of them, by dotted path.

use serde_json::{Map, Value};

/// The value at a dotted path.
pub(crate) fn get<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(document, |value, part| value.get(part))
}

/// Sets the value at a dotted path; does nothing below what is no map.
pub(crate) fn set(document: &mut Value, path: &str, value: Value) {
    let mut at = document;
    for part in path.split('.') {
        let Value::Object(map) = at else { return };
        at = map.entry(part).or_insert_with(|| Value::Object(Map::new()));
    }
    *at = value;
}

/// Takes the value at a dotted path out of a document.
pub(crate) fn take(document: &mut Value, path: &str) -> Option<Value> {
    let (above, last) = path.rsplit_once('.').map_or(("", path), |(above, last)| (above, last));
    let above = if above.is_empty() {
        document
    } else {
        above.split('.').try_fold(document, |value, part| value.get_mut(part))?
    };
    above.as_object_mut()?.remove(last)
}

/// A list of texts, or one.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => {
            items.iter().filter_map(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
