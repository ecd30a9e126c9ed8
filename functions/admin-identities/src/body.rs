//! Request bodies of the admin API. Creation accepts known keys only, so that a misspelt one is noticed. A replacement may contain
//! everything that was read.

use latchkey_core::bounds::{self, Unreadable};
use latchkey_core::error::ApiError;
use latchkey_web::Call;
use latchkey_web::payload::NO_BODY;
use serde_json::{Map, Value};

/// Keys of a body that creates an identity.
pub const CREATE: &[&str] = &[
    "schema_id",
    "traits",
    "state",
    "external_id",
    "organization_id",
    "region",
    "metadata_public",
    "metadata_admin",
    "verifiable_addresses",
    "recovery_addresses",
    "credentials",
];

/// Reads a body.
///
/// # Errors
/// 400 with the decoder's text as message and no reason.
pub(crate) fn object(body: &[u8], keys: &[&str]) -> Result<Map<String, Value>, ApiError> {
    known_keys(first(body)?, keys)
}

/// Reads the body of a replacement.
///
/// # Errors
/// 400 with the error of the body or its type.
pub(crate) fn replacement(call: &Call<'_>) -> Result<Map<String, Value>, ApiError> {
    let typed = call.header("content-type").unwrap_or("");
    if call.body().is_empty() {
        return Err(ApiError::bad_request(NO_BODY));
    }
    if typed.split(';').next().unwrap_or("").trim() != "application/json" {
        return Err(ApiError::bad_request(format!(
            "HTTP {} Request used unknown HTTP Header \"Content-Type: {typed}\", only [application/json] are supported.",
            call.method
        )));
    }
    match first(call.body())? {
        Value::Object(map) => Ok(map),
        other => Err(ApiError::new(400).saying(format!("json: expected an object, got {}", kind(&other)))),
    }
}

/// The first value of a body; what follows it is ignored.
fn first(body: &[u8]) -> Result<Value, ApiError> {
    match bounds::first_json(body) {
        Some(read) => read.map_err(|e| undecodable(&e)),
        None => Err(ApiError::new(400).saying("unexpected EOF")),
    }
}

/// Reads a value as an object with these keys.
///
/// # Errors
/// 400 that names the unknown key, or the type of the value.
pub(crate) fn known_keys(value: Value, keys: &[&str]) -> Result<Map<String, Value>, ApiError> {
    let Value::Object(map) = value else {
        return Err(ApiError::new(400).saying(format!("json: expected an object, got {}", kind(&value))));
    };
    match map.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(ApiError::new(400).saying(format!("json: unknown field {key:?}"))),
        None => Ok(map),
    }
}

/// A text field; missing, null and empty are the same.
///
/// # Errors
/// 400 that names the key.
pub(crate) fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, ApiError> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(other) => {
            Err(ApiError::new(400).saying(format!("json: field {key:?} must be a string, got {}", kind(other))))
        }
    }
}

/// A list; missing and null are the empty one.
///
/// # Errors
/// 400 that names the key.
pub(crate) fn list<'a>(map: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], ApiError> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(other) => {
            Err(ApiError::new(400).saying(format!("json: field {key:?} must be a list, got {}", kind(other))))
        }
    }
}

/// A value that is stored as it is: metadata. Missing is null.
///
/// # Errors
/// 400 when it is nested too deep.
pub(crate) fn kept(map: &Map<String, Value>, key: &str) -> Result<Value, ApiError> {
    let value = map.get(key).cloned().unwrap_or_default();
    shallow(&value, key)?;
    Ok(value)
}

/// Checks the depth of a value that is to be stored.
///
/// # Errors
/// 400 that names the key.
pub(crate) fn shallow(value: &Value, key: &str) -> Result<(), ApiError> {
    if bounds::fits_depth(value, bounds::DEEPEST) {
        return Ok(());
    }
    Err(ApiError::bad_request(format!("{key} is nested deeper than {} levels", bounds::DEEPEST)))
}

fn undecodable(error: &Unreadable) -> ApiError {
    let text = if error.is_eof() { "unexpected EOF".to_owned() } else { error.to_string() };
    ApiError::new(400).saying(text)
}

/// The JSON type of a value.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
