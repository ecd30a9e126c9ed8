//! A JSON Schema draft-07 validator for the keywords that identity schemas use.
//!
//! This is our own code, because clients of the admin API depend on the text, order and schema location of errors. A value of the
//! wrong type has only that error. Otherwise a node's errors have this order: constants and format, alternatives, then those of the type
//! (required before properties before additional properties). A single error stands alone, several are nested. The same walk collects
//! identifiers and addresses, after the keywords of their node.
//!
//! | module | holds |
//! |---|---|
//! | [`place`] | the position of the walk, and its errors |
//! | [`scalar`] | types, constants, formats, strings and numbers |
//! | [`object`], [`array`] | values with parts |
//! | [`alternatives`] | schemas within a schema for the same value |

mod alternatives;
mod array;
mod object;
mod place;
mod scalar;

use crate::EXTENSION;
use crate::document::resolve;
use crate::extract::Extracted;
use crate::report::{Fault, ValidationError};
use crate::text::quoted;
use place::Place;
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Deepest nesting of schemas within schemas, references among them.
const DEEPEST: usize = 64;
/// Most steps of one walk: nested alternatives multiply.
const STEPS: usize = 1 << 20;
/// The steps that an error costs, which bounds the memory of all errors.
const FAULT: usize = 16;

type Object = Map<String, Value>;
type Faults = Vec<ValidationError>;

/// Values to be stored differently, by JSON pointer.
type Rewritten = Vec<(String, Value)>;

/// One walk over a value.
pub(crate) struct Validator<'a> {
    root: &'a Value,
    patterns: &'a BTreeMap<String, Regex>,
    /// Collects what marked values yield. `None` where a schema only tests whether a value fits.
    found: Option<Extracted>,
    rewritten: Rewritten,
    depth: usize,
    steps_left: usize,
    /// The error of a walk that exceeded its limit. It replaces all others.
    stop: Option<Box<ValidationError>>,
}

impl<'a> Validator<'a> {
    /// A walk along a schema with its compiled patterns.
    pub(crate) fn new(root: &'a Value, patterns: &'a BTreeMap<String, Regex>) -> Self {
        Self {
            root,
            patterns,
            found: Some(Extracted::default()),
            rewritten: Rewritten::new(),
            depth: 0,
            steps_left: STEPS,
            stop: None,
        }
    }

    /// Validates a value against the whole schema. Returns what it yields, and values to be stored differently.
    pub(crate) fn run(mut self, value: &Value) -> Result<(Extracted, Rewritten), Box<ValidationError>> {
        let fault = self.node(self.root, value, &Place::default());
        match self.stop.or(fault.map(Box::new)) {
            Some(fault) => Err(fault),
            None => Ok((self.found.unwrap_or_default(), self.rewritten)),
        }
    }

    fn node(&mut self, schema: &'a Value, value: &Value, place: &Place) -> Option<ValidationError> {
        if !self.enter(place) {
            return None;
        }
        let fault = match schema {
            Value::Bool(false) => Some(place.here("always fail", Fault::Keyword("false", Value::Null))),
            Value::Object(schema) => match schema.get("$ref").and_then(Value::as_str) {
                Some(reference) => self.reference(reference, value, place),
                None => self.keywords(schema, value, place),
            },
            _ => None,
        };
        self.depth -= 1;
        if fault.is_some() {
            self.steps_left = self.steps_left.saturating_sub(FAULT);
        }
        fault
    }

    /// Whether the walk continues. Once it does not, every value fits, so that it ends soon.
    fn enter(&mut self, place: &Place) -> bool {
        if self.stop.is_none() && self.depth < DEEPEST && self.steps_left > 0 {
            self.depth += 1;
            self.steps_left -= 1;
            return true;
        }
        self.stop.get_or_insert_with(|| {
            Box::new(if self.steps_left == 0 {
                place.here("takes too many steps to check", Fault::Keyword("steps", STEPS.into()))
            } else {
                place.here("nested too deep", Fault::Keyword("depth", DEEPEST.into()))
            })
        });
        false
    }

    /// A reference replaces the keywords beside it. The document's check has found its target already.
    fn reference(&mut self, reference: &str, value: &Value, place: &Place) -> Option<ValidationError> {
        let there = place.at(reference);
        let cause = self.node(resolve(self.root, reference)?, value, &there)?;
        let text = format!("doesn't validate with {}", quoted(&there.schema()));
        Some(place.keyword("$ref").several(&text, vec![cause]))
    }

    fn keywords(&mut self, schema: &'a Object, value: &Value, place: &Place) -> Option<ValidationError> {
        if let Some(fault) = scalar::wrong_type(schema, value, place) {
            return Some(fault);
        }
        let mut faults = Faults::new();
        scalar::any_type(schema, value, place, &mut faults);
        self.alternatives(schema, value, place, &mut faults);
        match value {
            Value::Object(map) => self.object(schema, value, map, place, &mut faults),
            Value::Array(items) => self.array(schema, items, place, &mut faults),
            Value::String(text) => self.string(schema, text, place, &mut faults),
            Value::Number(found) => scalar::number(schema, found, place, &mut faults),
            _ => {}
        }
        self.take(schema, value, place, &mut faults);
        match faults.len() {
            0 => None,
            1 => faults.pop(),
            _ => Some(place.several("validation failed", faults)),
        }
    }

    /// Collects what a marked value yields.
    fn take(&mut self, schema: &Object, value: &Value, place: &Place, faults: &mut Faults) {
        let (Some(mark), Some(found)) = (schema.get(EXTENSION), self.found.as_mut()) else { return };
        match found.take(mark, schema.get("format").and_then(Value::as_str), value) {
            Ok(Some(other)) => self.rewritten.push((place.instance().to_owned(), other)),
            Ok(None) => {}
            Err(text) => faults.push(place.here(&text, Fault::Address)),
        }
    }

    fn matches(&self, pattern: &str, text: &str) -> bool {
        self.patterns.get(pattern).is_some_and(|regex| regex.is_match(text))
    }
}

fn list<'a>(schema: &'a Object, keyword: &str) -> &'a [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn members<'a>(schema: &'a Object, keyword: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    schema.get(keyword).and_then(Value::as_object).into_iter().flatten()
}

/// The error of a size: the bound, then the size.
type Says = fn(usize, usize) -> String;

/// A minimum and a maximum size, in this order.
fn sizes(schema: &Object, found: usize, place: &Place, faults: &mut Faults, bounds: [(&'static str, Says); 2]) {
    let fails = [|found, least| found < least, |found, greatest| found > greatest];
    for ((keyword, says), fails) in bounds.into_iter().zip(fails) {
        let bound = schema.get(keyword).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok());
        if let Some(bound) = bound.filter(|&bound| fails(found, bound)) {
            faults.push(place.fault(keyword, &says(bound, found), bound.into()));
        }
    }
}
