//! A schema, checked and prepared once.

use crate::EXTENSION;
use crate::extract::Extracted;
use crate::pointer;
use crate::report::{Fault, ValidationError};
use crate::validate::Validator;
use latchkey_core::bounds::{DEEPEST, LARGEST_SCHEMA, LARGEST_TRAITS};
use percent_encoding::percent_decode_str;
use regex::{Regex, RegexBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use thiserror::Error;

/// Most memory that one pattern may take.
const LARGEST_PATTERN: usize = 1024 * 1024;

/// Why a schema cannot be used: the place, and what is allowed there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{pointer}: {fault}")]
pub struct SchemaError {
    /// Where in the schema.
    pub pointer: String,
    /// What is wrong.
    pub fault: String,
}

/// An identity schema, ready for use.
#[derive(Clone, Debug)]
pub struct IdentitySchema {
    id: String,
    document: Value,
    patterns: BTreeMap<String, Regex>,
}

impl IdentitySchema {
    /// Checks a document and prepares it.
    ///
    /// # Errors
    /// Names the first place that is wrong, and what is allowed there.
    pub fn parse(id: &str, document: Value) -> Result<Self, SchemaError> {
        let fail =
            |pointer: &str, fault: &str| Err(SchemaError { pointer: pointer.to_owned(), fault: fault.to_owned() });
        if document.to_string().len() > LARGEST_SCHEMA {
            return fail("#", "the schema is larger than 1 MB");
        }
        let traits = document.pointer("/properties/traits");
        if traits.and_then(|t| t.get("type")) != Some(&json!("object")) {
            return fail("#/properties/traits/type", "must be \"object\": an identity schema describes traits");
        }
        if traits.and_then(|t| t.get("properties")).and_then(Value::as_object).is_none_or(|p| p.is_empty()) {
            return fail("#/properties/traits/properties", "must hold at least one trait");
        }
        let mut check = Check { root: &document, patterns: BTreeMap::new() };
        check.node(&document, "#", 0)?;
        Ok(Self { id: id.to_owned(), patterns: check.patterns, document })
    }

    /// The schema's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The document as it was given.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The label of the identifier's input, see [`crate::label`].
    pub fn identifier_label(&self) -> Option<(String, String)> {
        crate::label::identifier_label(&self.document)
    }

    /// Validates traits and takes identifiers and addresses from them.
    ///
    /// # Errors
    /// Everything that is wrong, in the validator's order.
    pub fn extract(&self, traits: &Value) -> Result<Extracted, Box<ValidationError>> {
        let size = traits.to_string().len();
        if size > LARGEST_TRAITS {
            return Err(Box::new(ValidationError {
                instance: "#/traits".to_owned(),
                schema: "#/properties/traits".to_owned(),
                message: format!("the traits take {size} bytes, at most {LARGEST_TRAITS} are kept"),
                fault: Fault::Keyword("size", LARGEST_TRAITS.into()),
                causes: Vec::new(),
            }));
        }
        let mut whole = json!({"traits": traits});
        let (mut found, rewritten) = Validator::new(&self.document, &self.patterns).run(&whole)?;
        for (pointer, value) in rewritten {
            if let Some(place) = whole.pointer_mut(&pointer) {
                *place = value;
            }
        }
        found.traits = whole["traits"].take();
        Ok(found)
    }
}

/// Keywords that map names to schemas. Such a name is not a keyword, even if it is spelt like one.
const BY_NAME: [&str; 4] = ["properties", "patternProperties", "definitions", "dependencies"];

/// A walk over a document: patterns are compiled, marks and references checked.
struct Check<'a> {
    root: &'a Value,
    patterns: BTreeMap<String, Regex>,
}

impl Check<'_> {
    fn node(&mut self, node: &Value, at: &str, depth: usize) -> Result<(), SchemaError> {
        if depth > DEEPEST {
            return Err(SchemaError { pointer: at.to_owned(), fault: format!("nested deeper than {DEEPEST}") });
        }
        match node {
            Value::Array(items) => {
                items.iter().enumerate().try_for_each(|(n, item)| self.node(item, &format!("{at}/{n}"), depth + 1))
            }
            Value::Object(map) => map.iter().try_for_each(|(name, value)| self.keyword(name, value, at, depth + 1)),
            _ => Ok(()),
        }
    }

    fn keyword(&mut self, name: &str, value: &Value, at: &str, depth: usize) -> Result<(), SchemaError> {
        let here = below(at, name);
        match (name, value) {
            (EXTENSION, mark) => check_mark(mark, &here),
            ("$ref", Value::String(reference)) => self.reference(reference, here),
            ("pattern", Value::String(pattern)) => self.compile(pattern, &here),
            ("enum" | "const" | "default" | "examples", _) => Ok(()),
            (_, Value::Object(schemas)) if BY_NAME.contains(&name) => {
                for (key, schema) in schemas {
                    if name == "patternProperties" {
                        self.compile(key, &here)?;
                    }
                    self.node(schema, &below(&here, key), depth + 1)?;
                }
                Ok(())
            }
            _ => self.node(value, &here, depth),
        }
    }

    fn reference(&self, reference: &str, at: String) -> Result<(), SchemaError> {
        let fault = if !reference.starts_with('#') {
            format!("{reference:?} points outside the schema; only references starting with # are followed")
        } else if resolve(self.root, reference).is_none_or(|part| !part.is_object() && !part.is_boolean()) {
            format!("{reference:?} points to no schema in here; a reference is # or #/ and the way from the top")
        } else {
            return Ok(());
        };
        Err(SchemaError { pointer: at, fault })
    }

    fn compile(&mut self, pattern: &str, at: &str) -> Result<(), SchemaError> {
        let regex = RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).build();
        let regex = regex.map_err(|_| SchemaError {
            pointer: at.to_owned(),
            fault: format!("{pattern:?} is no pattern that can be used (no look-around, no back-references)"),
        })?;
        self.patterns.insert(pattern.to_owned(), regex);
        Ok(())
    }
}

fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", pointer::escape(name))
}

/// The part of a document that a reference points to: all of it for `#`, else by JSON Pointer, which may be percent-encoded.
pub(crate) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    match reference.strip_prefix('#')? {
        "" | "/" => Some(root),
        pointer => root.pointer(&percent_decode_str(pointer).decode_utf8().ok()?),
    }
}

/// The allowed values of each path of a mark.
const MARKS: &[(&str, &[&str])] = &[
    ("credentials/password/identifier", &["true", "false"]),
    ("credentials/webauthn/identifier", &["true", "false"]),
    ("credentials/passkey/display_name", &["true", "false"]),
    ("credentials/totp/account_name", &["true", "false"]),
    ("credentials/code/identifier", &["true", "false"]),
    ("credentials/code/via", &["email", "sms"]),
    ("verification/via", &["email", "sms"]),
    ("recovery/via", &["email", "sms"]),
    ("organizations/matcher", &["email_domain"]),
];

fn check_mark(mark: &Value, at: &str) -> Result<(), SchemaError> {
    let mut leaves = Vec::new();
    flatten(mark, "", 0, &mut leaves);
    for (path, value) in leaves {
        let fault = match MARKS.iter().find(|(known, _)| *known == path) {
            None => {
                let known: Vec<&str> = MARKS.iter().map(|(path, _)| *path).collect();
                format!("is not a key of {EXTENSION}; known are {}", known.join(", "))
            }
            Some((_, allowed)) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if allowed.contains(&text.as_str()) {
                    continue;
                }
                format!("is {value}; allowed is {}", allowed.join(" or "))
            }
        };
        return Err(SchemaError { pointer: format!("{at}/{path}"), fault });
    }
    Ok(())
}

fn flatten<'a>(value: &'a Value, path: &str, depth: usize, out: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(map) if depth < 8 => {
            for (name, value) in map {
                let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                flatten(value, &path, depth + 1, out);
            }
        }
        leaf => out.push((path.to_owned(), leaf)),
    }
}
