//! Reads the values of a checked document by their keys.
//!
//! What is not set has the key's default. What is wrong was found by the check before, so here it counts as not set.

use crate::key::{DefaultValue, Key, Kind, Section};
use crate::tree::{get, texts};
use crate::value::duration;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// The values of a section, or of an item of a list.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    document: &'a Value,
    values: Option<&'a Value>,
    /// Where relative file names start.
    pub(crate) folder: Option<&'a Path>,
    /// Whether this is a developer's machine.
    pub(crate) dev: bool,
}

impl<'a> Reader<'a> {
    /// The values at the top of a document.
    pub(crate) fn new(document: &'a Value, folder: Option<&'a Path>, dev: bool) -> Self {
        Self { document, values: Some(document), folder, dev }
    }

    /// The values of a section of the same document.
    pub(crate) fn section(self, section: &Section) -> Self {
        let values = if section.at.is_empty() { Some(self.document) } else { get(self.document, section.at) };
        Self { values, ..self }
    }

    /// The keys and values below a value, such as an item of a list.
    pub(crate) fn below(self, value: &'a Value) -> Self {
        Self { values: Some(value), ..self }
    }

    /// Whether any of the values is set.
    pub(crate) fn is_set(self) -> bool {
        self.values.is_some_and(Value::is_object)
    }

    /// The value at a whole path, of whatever section.
    pub(crate) fn at(self, path: &str) -> Option<&'a Value> {
        get(self.document, path)
    }

    /// The value as it is set.
    pub(crate) fn value(self, key: &Key) -> Option<&'a Value> {
        get(self.values?, key.path)
    }

    /// The names and values below a name of the section.
    pub(crate) fn members(self, name: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let members = self.values.and_then(|values| values.get(name)?.as_object());
        members.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }

    /// The items of a list.
    pub(crate) fn items(self, key: &Key) -> impl Iterator<Item = &'a Value> {
        self.value(key).and_then(Value::as_array).into_iter().flatten()
    }

    /// A text that is set, or the default; an empty text counts as not set.
    pub(crate) fn text(self, key: &Key) -> Option<String> {
        let set = self.value(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        set.or_else(|| default_text(key)).map(str::to_owned)
    }

    /// A text whose key has a default.
    pub(crate) fn text_or_default(self, key: &Key) -> String {
        debug_assert!(default_text(key).is_some(), "{} has no default", key.path);
        self.text(key).unwrap_or_default()
    }

    /// A switch.
    pub(crate) fn flag(self, key: &Key) -> bool {
        debug_assert!(key.kind == Kind::Bool, "{} is no switch", key.path);
        self.value(key).and_then(Value::as_bool).unwrap_or(match key.default {
            DefaultValue::Bool(on) => on,
            DefaultValue::OffInDevelopment => !self.dev,
            _ => false,
        })
    }

    /// A number.
    pub(crate) fn number<N: TryFrom<i64> + Default>(self, key: &Key) -> N {
        debug_assert!(matches!(key.default, DefaultValue::Int(_)), "{} has no default", key.path);
        let set = self.value(key).and_then(Value::as_i64).and_then(|n| N::try_from(n).ok());
        let default = if let DefaultValue::Int(n) = key.default { N::try_from(n).ok() } else { None };
        set.or(default).unwrap_or_default()
    }

    /// A duration that is set, or the default.
    pub(crate) fn duration(self, key: &Key) -> Option<Duration> {
        let set = self.value(key).and_then(Value::as_str).and_then(duration::parse);
        set.or_else(|| duration::parse(default_text(key)?))
    }

    /// A duration whose key has a default.
    pub(crate) fn duration_or_default(self, key: &Key) -> Duration {
        debug_assert!(default_text(key).is_some(), "{} has no default", key.path);
        self.duration(key).unwrap_or_default()
    }

    /// A list of texts that is set.
    pub(crate) fn set_texts(self, key: &Key) -> Option<Vec<String>> {
        self.value(key).map(texts)
    }

    /// A list of texts.
    pub(crate) fn texts(self, key: &Key) -> Vec<String> {
        self.set_texts(key).unwrap_or_else(|| match key.default {
            DefaultValue::Texts(items) => items.iter().map(|&item| item.to_owned()).collect(),
            _ => Vec::new(),
        })
    }
}

fn default_text(key: &Key) -> Option<&'static str> {
    if let DefaultValue::Text(text) = key.default { Some(text) } else { None }
}
