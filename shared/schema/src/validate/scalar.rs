//! Types, constants, formats, strings and numbers.

use super::place::Place;
use super::{Faults, Object, Validator, list, sizes};
use crate::format;
use crate::report::ValidationError;
use crate::text::{bound, constant, quoted};
use serde_json::{Number, Value};
use std::cmp::Ordering;

/// The error of a value of the wrong type, which is its only error.
pub(super) fn wrong_type(schema: &Object, value: &Value, place: &Place) -> Option<ValidationError> {
    let allowed: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if allowed.is_empty() || allowed.iter().any(|kind| is_of(kind, value)) {
        return None;
    }
    let text = format!("expected {}, but got {}", allowed.join(" or "), type_of(value));
    Some(place.fault("type", &text, allowed.into()))
}

/// A number with a fraction in its spelling is no integer, not even `5.0`.
fn is_of(kind: &str, value: &Value) -> bool {
    type_of(value) == kind || kind == "integer" && (value.is_i64() || value.is_u64())
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Constant, choice and format: keywords for values of every type.
pub(super) fn any_type(schema: &Object, value: &Value, place: &Place, faults: &mut Faults) {
    if let Some(wanted) = schema.get("const").filter(|wanted| !same(wanted, value)) {
        let text = constant(wanted).map_or("const failed".to_owned(), |wanted| format!("value must be {wanted}"));
        faults.push(place.fault("const", &text, wanted.clone()));
    }
    let choices = list(schema, "enum");
    if !choices.is_empty() && !choices.iter().any(|choice| same(choice, value)) {
        faults.push(place.fault("enum", &one_of(choices), choices.into()));
    }
    if let (Some(Value::String(name)), Value::String(text)) = (schema.get("format"), value)
        && !format::is_valid(name, text)
    {
        let fault = format!("{} is not valid {}", quoted(text), quoted(name));
        faults.push(place.fault("format", &fault, name.as_str().into()));
    }
}

fn one_of(choices: &[Value]) -> String {
    match choices.iter().map(constant).collect::<Option<Vec<_>>>().as_deref() {
        None => "enum failed".to_owned(),
        Some([only]) => format!("value must be {only}"),
        Some(several) => format!("value must be one of {}", several.join(", ")),
    }
}

impl Validator<'_> {
    pub(super) fn string(&self, schema: &Object, text: &str, place: &Place, faults: &mut Faults) {
        sizes(
            schema,
            text.chars().count(),
            place,
            faults,
            [
                ("minLength", |least, found| format!("length must be >= {least}, but got {found}")),
                ("maxLength", |greatest, found| format!("length must be <= {greatest}, but got {found}")),
            ],
        );
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && !self.matches(pattern, text)
        {
            let fault = format!("does not match pattern {}", quoted(pattern));
            faults.push(place.fault("pattern", &fault, pattern.into()));
        }
    }
}

type Fails = fn(Ordering) -> bool;
const BOUNDS: [(&str, &str, Fails); 4] = [
    ("minimum", ">=", Ordering::is_lt),
    ("exclusiveMinimum", ">", Ordering::is_le),
    ("maximum", "<=", Ordering::is_gt),
    ("exclusiveMaximum", "<", Ordering::is_ge),
];

pub(super) fn number(schema: &Object, found: &Number, place: &Place, faults: &mut Faults) {
    for (keyword, sign, fails) in BOUNDS {
        let Some(Value::Number(limit)) = schema.get(keyword) else { continue };
        if order(found, limit).is_some_and(fails) {
            let text = format!("must be {sign} {} but found {found}", bound(limit));
            faults.push(place.fault(keyword, &text, limit.clone().into()));
        }
    }
    if let Some(Value::Number(base)) = schema.get("multipleOf")
        && !is_multiple(found, base)
    {
        let text = format!("{found} not multipleOf {}", bound(base));
        faults.push(place.fault("multipleOf", &text, base.clone().into()));
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or(number.as_u64().map(i128::from))
}

/// Integers are compared exactly, because floats cannot represent all of them.
fn order(a: &Number, b: &Number) -> Option<Ordering> {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// Whether a number is a multiple, as far as floats can tell: 0.3 is a multiple of 0.1.
fn is_multiple(found: &Number, base: &Number) -> bool {
    match (integer(found), integer(base), found.as_f64(), base.as_f64()) {
        (Some(found), Some(base), ..) if base > 0 => found % base == 0,
        (.., Some(found), Some(base)) if base > 0.0 => {
            let quotient = found / base;
            let off = (quotient - quotient.round()).abs();
            // A quotient that no float can represent is accepted.
            !quotient.is_finite() || off <= quotient.abs() * 4.0 * f64::EPSILON
        }
        _ => true,
    }
}

/// A value for comparison: 1.0 equals 1.
pub(super) fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 2_f64.powi(53)) {
            Some(whole) => Value::from(whole as i64),
            None => value.clone(),
        },
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(name, member)| (name.clone(), plain(member))).collect()),
        other => other.clone(),
    }
}

fn same(a: &Value, b: &Value) -> bool {
    plain(a) == plain(b)
}
