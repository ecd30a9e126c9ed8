//! Submitted forms and JSON, as flat fields (contract `login-flow.md` 5.1, `methods-password-code-2fa.md` 1.2).
//!
//! JSON is read like a form: top-level keys, each value as text. Of a repeated key the last value counts in JSON and the first in a
//! form, as clients rely on. An empty text counts as absent.

use crate::call::Call;
use http::Method;
use latchkey_core::bounds::{self, quoted};
use latchkey_core::payload::Payload;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Decodes a request's body.
///
/// # Errors
/// The text of the form's message 4000001.
pub fn decode(call: &Call<'_>) -> Result<Payload, String> {
    if !matches!(call.method, Method::POST | Method::PUT | Method::PATCH) {
        return Err(format!(
            "Unable to decode body because HTTP Request Method was \"{}\" but only [POST PUT PATCH] are supported.",
            quoted(call.method.as_str())
        ));
    }
    if call.body.is_empty() {
        return Err(NO_BODY.to_owned());
    }
    let typed = call.header("content-type").unwrap_or("");
    match typed.split(';').next().unwrap_or("").trim().to_ascii_lowercase().as_str() {
        "application/json" => from_json(&call.body),
        "application/x-www-form-urlencoded" => {
            from_form(&call.body).map_err(|fault| format!("Unable to decode HTTP POST form body: {fault}"))
        }
        // Accepted and never read, as in Kratos: no field is seen.
        "multipart/form-data" => Ok(Payload::default()),
        _ => Err(format!(
            "HTTP {} Request used unknown HTTP Header \"Content-Type: {}\", only [multipart/form-data \
             application/x-www-form-urlencoded application/json] are supported.",
            call.method,
            quoted(typed)
        )),
    }
}

/// The error of an empty body.
pub const NO_BODY: &str = "Unable to decode HTTP Request Body because its HTTP Header \"Content-Length\" is zero.";

fn from_json(body: &[u8]) -> Result<Payload, String> {
    // Bytes after the first value are ignored.
    let Some(Ok(value)) = bounds::first_json(body) else { return Err("Unable to decode form as JSON.".to_owned()) };
    let kind = match &value {
        Value::Object(map) => {
            let has_numbers = map.values().any(Value::is_number);
            return Ok(from_map(map, &if has_numbers { numbers(body) } else { HashMap::new() }));
        }
        Value::Array(_) => "JSON",
        Value::String(_) => "String",
        Value::Number(_) => "Number",
        Value::Bool(true) => "True",
        Value::Bool(false) => "False",
        Value::Null => "Null",
    };
    Err(format!("Expected JSON sent in request body to be an object but got: {kind}"))
}

/// The numbers of an object as they were written: a password may be a number, and longer than a number type can hold.
fn numbers(body: &[u8]) -> HashMap<String, String> {
    let first = serde_json::Deserializer::from_slice(body).into_iter::<HashMap<String, &RawValue>>().next();
    let written = first.and_then(Result::ok).unwrap_or_default();
    let whole = |text: &str| text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit());
    written.into_iter().map(|(key, raw)| (key, raw.get().to_owned())).filter(|(_, text)| whole(text)).collect()
}

fn from_map(map: &Map<String, Value>, numbers: &HashMap<String, String>) -> Payload {
    let mut payload = Payload { is_json: true, ..Payload::default() };
    for (key, value) in map {
        let text = match value {
            _ if key == "transient_payload" => {
                payload.transient = transient(value);
                continue;
            }
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Number(number) => numbers
                .get(key)
                .cloned()
                .or_else(|| number.as_f64().map(|number| number.to_string()))
                .unwrap_or_else(|| number.to_string()),
            other => other.to_string(),
        };
        payload.fields.insert(key.clone(), SecretString::from(text));
    }
    payload
}

fn from_form(body: &[u8]) -> Result<Payload, String> {
    let mut payload = Payload::default();
    for pair in body.split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
        if pair.contains(&b';') {
            return Err("invalid semicolon separator in query".to_owned());
        }
        let at = pair.iter().position(|&b| b == b'=');
        let (key, value) = at.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
        let (key, value) = (unescape(key)?, unescape(value)?);
        payload.fields.entry(key).or_insert_with(|| SecretString::from(value));
    }
    if let Some(text) = payload.fields.remove("transient_payload") {
        payload.transient = transient(&Value::from(text.expose_secret()));
    }
    Ok(payload)
}

/// A `transient_payload` that is an object, or the JSON type that it has instead.
fn transient(value: &Value) -> Result<Option<Value>, &'static str> {
    match value {
        Value::Object(_) => Ok(Some(value.clone())),
        Value::Null => Ok(None),
        Value::Array(_) => Err("array"),
        Value::Number(_) => Err("number"),
        Value::Bool(_) => Err("boolean"),
        // Text with an object counts as one, for clients that encode twice.
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => match bounds::json(text.as_bytes()) {
            Ok(Value::String(_)) | Err(_) => Err("string"),
            Ok(inner) => transient(&inner),
        },
    }
}

/// Percent-decoding; the error quotes at most three characters.
fn unescape(bytes: &[u8]) -> Result<String, String> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
                let value = digits
                    .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok());
                let Some(value) = value else {
                    let quoted = [b"%", &after[..after.len().min(2)]].concat();
                    return Err(format!("invalid URL escape {:?}", String::from_utf8_lossy(&quoted)));
                };
                out.push(value);
                rest = &after[2..];
            }
            other => out.push(other),
        }
    }
    Ok(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(text: &str) -> Result<Payload, String> {
        from_json(text.as_bytes())
    }

    #[test]
    fn json_is_read_like_a_flat_form() {
        let p = json(r#"{"a":1.50,"b":true,"c":null,"d":"","e":"x","e":"y","f":{"g":1}} trailing"#).ok().unwrap();
        assert_eq!((p.text("b"), p.text("c"), p.text("d")), (Some("true"), None, None));
        assert_eq!(p.text("e"), Some("y"), "of a key given twice the last counts");
        assert_eq!(p.text("f"), Some(r#"{"g":1}"#));
        assert!(p.is_json);
        for (number, text) in [
            ("7", "7"),
            ("-7", "-7"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
        ] {
            let p = json(&format!(r#"{{"password":{number}}}"#)).ok().unwrap();
            assert_eq!(p.text("password"), Some(text), "{number}");
        }
    }

    #[test]
    fn other_json_is_named() {
        for (text, kind) in [
            ("1", "Number"),
            ("\"x\"", "String"),
            ("true", "True"),
            ("false", "False"),
            ("null", "Null"),
            ("[]", "JSON"),
        ] {
            assert!(json(text).err().unwrap().ends_with(&format!("but got: {kind}")), "{text}");
        }
        for text in ["", "{", "{]", "nope"] {
            assert_eq!(json(text).err().unwrap(), "Unable to decode form as JSON.", "{text}");
        }
    }

    #[test]
    fn forms() {
        let p = from_form(b"a=1&a=2&b=x%20y+z&c=&=d&e").ok().unwrap();
        assert_eq!((p.text("a"), p.text("b"), p.text("c"), p.text("e")), (Some("1"), Some("x y z"), None, None));
        for (body, fault) in [
            (&b"a=%)$"[..], "invalid URL escape \"%)$\""),
            (b"a=%", "invalid URL escape \"%\""),
            (b"%zz=1", "invalid URL escape \"%zz\""),
            (b"a=1;b=2", "invalid semicolon separator in query"),
        ] {
            assert_eq!(from_form(body).err().unwrap(), fault);
        }
    }

    #[test]
    fn transient_payload_is_an_object() {
        for (text, fault) in [
            (r#"{"transient_payload":{"a":1}}"#, None),
            (r#"{"transient_payload":null}"#, None),
            (r#"{"transient_payload":"{\"a\":1}"}"#, None),
            (r#"{"transient_payload":5}"#, Some("number")),
            (r#"{"transient_payload":[]}"#, Some("array")),
            (r#"{"transient_payload":false}"#, Some("boolean")),
            (r#"{"transient_payload":"x"}"#, Some("string")),
            (r#"{"transient_payload":"5"}"#, Some("number")),
            // A payload that is stored with a flow must be readable there.
            (&format!(r#"{{"transient_payload":"{}{}"}}"#, "[".repeat(100), "]".repeat(100)), Some("string")),
        ] {
            assert_eq!(json(text).ok().unwrap().transient_fault(), fault, "{text}");
        }
        for (body, fault) in [
            ("transient_payload=%7B%7D", None),
            ("transient_payload=5", Some("number")),
            ("transient_payload=x", Some("string")),
            ("transient_payload=", None),
            ("transient_payload=1&transient_payload=%7B%7D", Some("number")),
        ] {
            assert_eq!(from_form(body.as_bytes()).ok().unwrap().transient_fault(), fault, "{body}");
        }
    }

    proptest! {
        #[test]
        fn hostile_bodies_do_not_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (from_json(&body), from_form(&body));
        }

        #[test]
        fn any_text_survives_a_form(text in "\\PC{0,50}") {
            let body = form_urlencoded::Serializer::new(String::new()).append_pair("k", &text).finish();
            let payload = from_form(body.as_bytes()).ok().unwrap();
            prop_assert_eq!(payload.text("k").unwrap_or(""), text);
        }
    }
}
