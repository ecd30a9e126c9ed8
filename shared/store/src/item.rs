//! Attribute values, written and read the same way everywhere.

use crate::error::StoreError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use time::OffsetDateTime;

/// An item.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The format this release writes; the one before is read too (there is none yet).
pub(crate) const FORMAT: u8 = 1;

/// The first hex digits of ids, by which indexes are split.
pub(crate) const SHARDS: &str = "0123456789abcdef";

pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn n(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn bytes(value: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// An instant as nanoseconds since 1970.
pub(crate) fn instant(at: OffsetDateTime) -> AttributeValue {
    n(at.unix_timestamp_nanos())
}

/// When DynamoDB may remove an item, in whole seconds.
pub(crate) fn ttl(at: OffsetDateTime) -> AttributeValue {
    n(at.unix_timestamp())
}

/// A key of one or two parts.
pub(crate) fn key(pk: impl Into<String>, sk: Option<&str>) -> Item {
    let mut key = Item::from([("pk".to_owned(), s(pk))]);
    if let Some(sk) = sk {
        key.insert("sk".to_owned(), s(sk));
    }
    key
}

/// A value as JSON text in `doc`. A value that is nested too deeply to be read again is refused, so no caller can make the record of
/// an identity unreadable.
pub(crate) fn doc(value: &impl Serialize) -> Result<AttributeValue, StoreError> {
    let text = serde_json::to_string(value).map_err(|e| StoreError::Corrupt(format!("cannot write an item: {e}")))?;
    if nesting(&text) > DEEPEST_READ {
        return Err(StoreError::Corrupt("cannot write an item: it is nested deeper than it could be read".to_owned()));
    }
    Ok(s(text))
}

/// How deep serde_json reads.
const DEEPEST_READ: usize = 127;

/// How deep a JSON text is nested.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

pub(crate) fn read_doc<T: DeserializeOwned>(item: &Item) -> Result<T, StoreError> {
    let version = text(item, "v", AttributeValue::as_n)?;
    if version != FORMAT.to_string() {
        return Err(StoreError::Corrupt(format!("an item of format {version}: this release reads format {FORMAT}")));
    }
    read_json(item, "doc")
}

/// A value that stands as JSON text in an attribute.
pub(crate) fn read_json<T: DeserializeOwned>(item: &Item, name: &str) -> Result<T, StoreError> {
    serde_json::from_str(text(item, name, AttributeValue::as_s)?)
        // The text of the error could quote the item, so only the place of the fault is logged.
        .map_err(|e| StoreError::Corrupt(format!("an item's {name}, at column {}: {:?}", e.column(), e.classify())))
}

pub(crate) fn string<'a>(item: &'a Item, name: &str) -> Result<&'a str, StoreError> {
    text(item, name, AttributeValue::as_s)
}

pub(crate) fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Result<T, StoreError> {
    text(item, name, AttributeValue::as_n)?.parse().map_err(|_| broken(name))
}

/// A counter, which is not there before something was counted.
pub(crate) fn count<T: std::str::FromStr + Default>(item: &Item, name: &str) -> Result<T, StoreError> {
    if item.contains_key(name) { number(item, name) } else { Ok(T::default()) }
}

pub(crate) fn flag(item: &Item, name: &str) -> bool {
    item.get(name).and_then(|v| v.as_bool().ok()).copied().unwrap_or(false)
}

pub(crate) fn read_bytes<'a>(item: &'a Item, name: &str) -> Option<&'a [u8]> {
    Some(item.get(name)?.as_b().ok()?.as_ref())
}

pub(crate) fn read_instant(item: &Item, name: &str) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp_nanos(number(item, name)?).map_err(|_| broken(name))
}

/// A request that the SDK could not build.
pub(crate) fn incomplete(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("a request could not be built: {error}"))
}

pub(crate) fn broken(name: &str) -> StoreError {
    StoreError::Corrupt(format!("an item's attribute {name} is missing or not of its type"))
}

fn text<'a>(
    item: &'a Item,
    name: &str,
    read: fn(&AttributeValue) -> Result<&String, &AttributeValue>,
) -> Result<&'a str, StoreError> {
    item.get(name).and_then(|v| read(v).ok()).map(String::as_str).ok_or_else(|| broken(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn value_too_deep_to_read_is_not_written() {
        let nested = |levels: usize| (1..levels).fold(json!([]), |value, _| json!({"a[": value, "b\\\"{": 1}));
        for (levels, fits) in [(1, true), (DEEPEST_READ, true), (DEEPEST_READ + 1, false), (300, false)] {
            let value = nested(levels);
            assert_eq!(doc(&value).is_ok(), fits, "{levels}");
            assert_eq!(serde_json::from_str::<Value>(&value.to_string()).is_ok(), fits, "{levels}");
        }
    }
}
