//! A submission as flat fields. The edge decodes it; methods read it.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A decoded submission.
pub struct Payload {
    /// The fields by name.
    pub fields: HashMap<String, SecretString>,
    /// The `transient_payload`, or the JSON type that it is instead of an object.
    pub transient: Result<Option<Value>, &'static str>,
    /// Whether the body was JSON: such a body never counts as lacking a token.
    pub is_json: bool,
}

impl Default for Payload {
    fn default() -> Self {
        Self { fields: HashMap::new(), transient: Ok(None), is_json: false }
    }
}

impl Payload {
    /// A field's text; an empty one is not there.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|text| text.expose_secret()).filter(|text| !text.is_empty())
    }

    /// A field whose value must not be shown; an empty one is not there.
    pub fn secret(&self, name: &str) -> Option<&SecretString> {
        self.text(name).and_then(|_| self.fields.get(name))
    }

    /// The JSON type of a `transient_payload` that is not the object it must be.
    pub fn transient_fault(&self) -> Option<&'static str> {
        self.transient.as_ref().err().copied()
    }

    /// The `transient_payload`; an empty object when there is none.
    pub fn transient(&self) -> Value {
        self.transient.clone().ok().flatten().unwrap_or_else(|| Value::Object(Map::new()))
    }
}
