//! A JSON Schema draft-07 validator for the keywords that identity schemas use.
//!
//! Own code, because clients of the admin API know faults by text, order and schema location: a node's faults come as format
//! before length, required before properties before additional ones, and faults that belong together are nested. What marks
//! a trait as identifier or address is read in the same walk, after the node's own keywords.

use crate::EXTENSION;
use crate::extract::Extracted;
use crate::format;
use crate::report::{Fault, ValidationError};
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Deepest nesting of values and of schemas within schemas.
const DEEPEST: usize = 64;

/// One walk over a value.
pub(crate) struct Validator<'a> {
    pub(crate) root: &'a Value,
    pub(crate) patterns: &'a BTreeMap<String, Regex>,
    /// Collects what marked values yield; off inside alternatives, which may be tried and dropped.
    pub(crate) found: Option<Extracted>,
    /// Values to be stored otherwise, by JSON pointer.
    pub(crate) rewritten: Vec<(String, Value)>,
}

/// Where the walk is: pointers of instance and schema, without their `#`.
#[derive(Clone)]
struct Place {
    instance: String,
    schema: String,
    depth: usize,
}

impl Place {
    fn keyword(&self, keyword: &str) -> Self {
        Self { schema: format!("{}/{}", self.schema, escape(keyword)), ..self.clone() }
    }

    fn member(&self, name: &str) -> Self {
        Self { instance: format!("{}/{}", self.instance, escape(name)), depth: self.depth + 1, ..self.clone() }
    }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

type Faults = Vec<ValidationError>;

impl<'a> Validator<'a> {
    /// Validates a value against the whole schema.
    pub(crate) fn run(&mut self, value: &Value) -> Result<(), Box<ValidationError>> {
        let place = Place { instance: String::new(), schema: String::new(), depth: 0 };
        match self.node(self.root, value, &place) {
            Some(error) => Err(Box::new(error)),
            None => Ok(()),
        }
    }

    fn node(&mut self, schema: &'a Value, value: &Value, place: &Place) -> Option<ValidationError> {
        if place.depth > DEEPEST {
            return Some(leaf(place, "nested too deep", Fault::Keyword("depth", DEEPEST.into())));
        }
        let schema = match schema {
            Value::Bool(true) => return None,
            Value::Bool(false) => return Some(leaf(place, "not allowed", Fault::Keyword("false", Value::Null))),
            Value::Object(schema) => schema,
            _ => return None,
        };
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#')?;
            let place = Place { schema: pointer.to_owned(), depth: place.depth + 1, ..place.clone() };
            return self.node(self.root.pointer(pointer)?, value, &place);
        }
        let mut faults = Faults::new();
        any_type(schema, value, place, &mut faults);
        self.alternatives(schema, value, place, &mut faults);
        match value {
            Value::Object(map) => self.object(schema, map, place, &mut faults),
            Value::Array(items) => self.array(schema, items, place, &mut faults),
            Value::String(text) => self.string(schema, text, place, &mut faults),
            Value::Number(_) => number(schema, value, place, &mut faults),
            _ => {}
        }
        if let (Some(mark), Some(found)) = (schema.get(EXTENSION), self.found.as_mut()) {
            match found.take(mark, schema.get("format").and_then(Value::as_str), value) {
                Ok(Some(other)) => self.rewritten.push((place.instance.clone(), other)),
                Ok(None) => {}
                Err(text) => faults.push(leaf(place, &text, Fault::Address)),
            }
        }
        join(place, faults)
    }

    /// Whether a value fits a schema, without taking anything from it.
    fn fits(&mut self, schema: &'a Value, value: &Value, place: &Place) -> Option<ValidationError> {
        let (found, rewritten) = (self.found.take(), self.rewritten.len());
        let fault = self.node(schema, value, place);
        self.found = found;
        self.rewritten.truncate(rewritten);
        fault
    }

    fn alternatives(&mut self, schema: &'a Map<String, Value>, value: &Value, place: &Place, faults: &mut Faults) {
        let deeper = |keyword: &str| Place { depth: place.depth + 1, ..place.keyword(keyword) };
        if let Some(not) = schema.get("not")
            && self.fits(not, value, &deeper("not")).is_none()
        {
            faults.push(leaf(&place.keyword("not"), "not failed", Fault::Keyword("not", not.clone())));
        }
        for part in list(schema, "allOf") {
            faults.extend(self.node(part, value, &deeper("allOf")));
        }
        let any = list(schema, "anyOf");
        if !any.is_empty() {
            let causes: Faults = any.iter().filter_map(|part| self.fits(part, value, &deeper("anyOf"))).collect();
            if causes.len() == any.len() {
                faults.push(several(&place.keyword("anyOf"), "anyOf failed", causes));
            }
        }
        let one = list(schema, "oneOf");
        if !one.is_empty() {
            let causes: Faults = one.iter().filter_map(|part| self.fits(part, value, &deeper("oneOf"))).collect();
            match one.len() - causes.len() {
                1 => {}
                0 => faults.push(several(&place.keyword("oneOf"), "oneOf failed", causes)),
                _ => faults.push(leaf(
                    &place.keyword("oneOf"),
                    "valid against more than one schema",
                    Fault::Keyword("oneOf", Value::Null),
                )),
            }
        }
        if let Some(condition) = schema.get("if") {
            let branch = if self.fits(condition, value, &deeper("if")).is_none() { "then" } else { "else" };
            if let Some(part) = schema.get(branch) {
                faults.extend(self.node(part, value, &deeper(branch)));
            }
        }
    }

    fn object(&mut self, schema: &'a Map<String, Value>, map: &Map<String, Value>, place: &Place, faults: &mut Faults) {
        limit(
            schema,
            "minProperties",
            place,
            faults,
            |min| map.len() < min,
            |min| format!("minimum {min} properties allowed, but found {} properties", map.len()),
        );
        limit(
            schema,
            "maxProperties",
            place,
            faults,
            |max| map.len() > max,
            |max| format!("maximum {max} properties allowed, but found {} properties", map.len()),
        );
        let missing: Vec<&Value> = list(schema, "required")
            .iter()
            .filter(|name| name.as_str().is_some_and(|name| !map.contains_key(name)))
            .collect();
        if !missing.is_empty() {
            let names: Vec<String> = missing.iter().map(|name| name.to_string()).collect();
            let names_only = Value::Array(missing.into_iter().cloned().collect());
            let text = format!("missing properties: {}", names.join(", "));
            faults.push(leaf(&place.keyword("required"), &text, Fault::Keyword("required", names_only)));
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let by_pattern = schema.get("patternProperties").and_then(Value::as_object);
        let mut extra = Vec::new();
        for (name, part) in properties.into_iter().flatten() {
            if let Some(member) = map.get(name) {
                let here = place.keyword("properties").keyword(name).member(name);
                faults.extend(self.node(part, member, &here));
            }
        }
        for (name, member) in map {
            let mut known = properties.is_some_and(|p| p.contains_key(name));
            for (pattern, part) in by_pattern.into_iter().flatten() {
                if self.patterns.get(pattern).is_some_and(|regex| regex.is_match(name)) {
                    known = true;
                    let here = place.keyword("patternProperties").keyword(pattern).member(name);
                    faults.extend(self.node(part, member, &here));
                }
            }
            if !known {
                extra.push((name, member));
            }
            if let Some(names) = schema.get("propertyNames") {
                faults.extend(self.fits(
                    names,
                    &Value::String(name.clone()),
                    &place.keyword("propertyNames").member(name),
                ));
            }
        }
        match schema.get("additionalProperties") {
            Some(Value::Bool(false)) if !extra.is_empty() => {
                let names: Vec<String> = extra.iter().map(|(name, _)| format!("{name:?}")).collect();
                let text = format!("additionalProperties {} not allowed", names.join(", "));
                faults.push(leaf(
                    &place.keyword("additionalProperties"),
                    &text,
                    Fault::Keyword("additionalProperties", Value::Bool(false)),
                ));
            }
            Some(part @ Value::Object(_)) => {
                for (name, member) in extra {
                    faults.extend(self.node(part, member, &place.keyword("additionalProperties").member(name)));
                }
            }
            _ => {}
        }
        for (name, dependency) in schema.get("dependencies").and_then(Value::as_object).into_iter().flatten() {
            if !map.contains_key(name) {
                continue;
            }
            let here = place.keyword("dependencies").keyword(name);
            match dependency {
                Value::Array(names) => {
                    for other in names.iter().filter_map(Value::as_str).filter(|other| !map.contains_key(*other)) {
                        let text = format!("property {other:?} is required, if {name:?} property exists");
                        faults.push(leaf(&here, &text, Fault::Keyword("dependencies", dependency.clone())));
                    }
                }
                part => faults.extend(self.node(part, &Value::Object(map.clone()), &here)),
            }
        }
    }

    fn array(&mut self, schema: &'a Map<String, Value>, items: &[Value], place: &Place, faults: &mut Faults) {
        limit(
            schema,
            "minItems",
            place,
            faults,
            |min| items.len() < min,
            |min| format!("minimum {min} items allowed, but found {} items", items.len()),
        );
        limit(
            schema,
            "maxItems",
            place,
            faults,
            |max| items.len() > max,
            |max| format!("maximum {max} items allowed, but found {} items", items.len()),
        );
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            let twins = (1..items.len()).find_map(|b| (0..b).find(|&a| items[a] == items[b]).map(|a| (a, b)));
            if let Some((a, b)) = twins {
                let text = format!("items at index {a} and {b} are equal");
                faults.push(leaf(
                    &place.keyword("uniqueItems"),
                    &text,
                    Fault::Keyword("uniqueItems", Value::Bool(true)),
                ));
            }
        }
        match schema.get("items") {
            Some(Value::Array(parts)) => {
                for (n, (part, item)) in parts.iter().zip(items).enumerate() {
                    faults.extend(self.node(
                        part,
                        item,
                        &place.keyword("items").keyword(&n.to_string()).member(&n.to_string()),
                    ));
                }
            }
            Some(part) => {
                for (n, item) in items.iter().enumerate() {
                    faults.extend(self.node(part, item, &place.keyword("items").member(&n.to_string())));
                }
            }
            None => {}
        }
        if let Some(part) = schema.get("contains") {
            let none = items
                .iter()
                .enumerate()
                .all(|(n, item)| self.fits(part, item, &place.keyword("contains").member(&n.to_string())).is_some());
            if none {
                faults.push(leaf(
                    &place.keyword("contains"),
                    "contains failed",
                    Fault::Keyword("contains", Value::Null),
                ));
            }
        }
    }

    fn string(&mut self, schema: &'a Map<String, Value>, text: &str, place: &Place, faults: &mut Faults) {
        let length = text.chars().count();
        limit(
            schema,
            "minLength",
            place,
            faults,
            |min| length < min,
            |min| format!("length must be >= {min}, but got {length}"),
        );
        limit(
            schema,
            "maxLength",
            place,
            faults,
            |max| length > max,
            |max| format!("length must be <= {max}, but got {length}"),
        );
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && self.patterns.get(pattern).is_some_and(|regex| !regex.is_match(text))
        {
            let fault = format!("does not match pattern {pattern:?}");
            faults.push(leaf(&place.keyword("pattern"), &fault, Fault::Keyword("pattern", pattern.into())));
        }
    }
}

fn list<'a>(schema: &'a Map<String, Value>, keyword: &str) -> &'a [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Type, constant, choice and format: what a node of any type is asked first.
fn any_type(schema: &Map<String, Value>, value: &Value, place: &Place, faults: &mut Faults) {
    let allowed: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !allowed.is_empty() && !allowed.iter().any(|kind| is_of(kind, value)) {
        let text = format!("expected {}, but got {}", allowed.join(" or "), type_of(value));
        faults.push(leaf(&place.keyword("type"), &text, Fault::Keyword("type", allowed.into())));
        return;
    }
    if let Some(constant) = schema.get("const").filter(|constant| *constant != value) {
        let text = format!("value must be {constant}");
        faults.push(leaf(&place.keyword("const"), &text, Fault::Keyword("const", constant.clone())));
    }
    let choices = list(schema, "enum");
    if schema.contains_key("enum") && !choices.contains(value) {
        let shown: Vec<String> = choices.iter().map(Value::to_string).collect();
        let text = format!("value must be one of {}", shown.join(", "));
        faults.push(leaf(&place.keyword("enum"), &text, Fault::Keyword("enum", choices.into())));
    }
    if let (Some(format), Value::String(text)) = (schema.get("format").and_then(Value::as_str), value)
        && !format::is_valid(format, text)
    {
        let fault = format!("{text:?} is not valid {format:?}");
        faults.push(leaf(&place.keyword("format"), &fault, Fault::Keyword("format", format.into())));
    }
}

fn number(schema: &Map<String, Value>, value: &Value, place: &Place, faults: &mut Faults) {
    let Some(found) = value.as_f64() else { return };
    type Fails = fn(f64, f64) -> bool;
    let bounds: [(&'static str, Fails, &str); 4] = [
        ("minimum", |found, bound| found < bound, ">="),
        ("exclusiveMinimum", |found, bound| found <= bound, ">"),
        ("maximum", |found, bound| found > bound, "<="),
        ("exclusiveMaximum", |found, bound| found >= bound, "<"),
    ];
    for (keyword, fails, sign) in bounds {
        if let Some(bound) = schema.get(keyword).filter(|bound| bound.as_f64().is_some_and(|bound| fails(found, bound)))
        {
            let text = format!("must be {sign} {bound} but found {value}");
            faults.push(leaf(&place.keyword(keyword), &text, Fault::Keyword(keyword, bound.clone())));
        }
    }
    if let Some(base) = schema.get("multipleOf") {
        let quotient = base.as_f64().filter(|base| *base > 0.0).map_or(0.0, |base| found / base);
        if quotient.fract().abs() > 1e-9 && (1.0 - quotient.fract().abs()).abs() > 1e-9 {
            let text = format!("{value} not multipleOf {base}");
            faults.push(leaf(&place.keyword("multipleOf"), &text, Fault::Keyword("multipleOf", base.clone())));
        }
    }
}

fn limit(
    schema: &Map<String, Value>,
    keyword: &'static str,
    place: &Place,
    faults: &mut Faults,
    fails: impl Fn(usize) -> bool,
    text: impl Fn(usize) -> String,
) {
    let bound = schema.get(keyword).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok());
    if let Some(bound) = bound.filter(|&bound| fails(bound)) {
        faults.push(leaf(&place.keyword(keyword), &text(bound), Fault::Keyword(keyword, bound.into())));
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "integer" => {
            value.as_i64().is_some() || value.as_u64().is_some() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
        }
        "number" => value.is_number(),
        other => type_of(value) == other,
    }
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

fn leaf(place: &Place, message: &str, fault: Fault) -> ValidationError {
    ValidationError {
        instance: format!("#{}", place.instance),
        schema: format!("#{}", place.schema),
        message: message.to_owned(),
        fault,
        causes: Vec::new(),
    }
}

fn several(place: &Place, message: &str, causes: Faults) -> ValidationError {
    ValidationError { causes, ..leaf(place, message, Fault::Several) }
}

/// One fault stands for itself; several are nested under the node they belong to.
fn join(place: &Place, mut faults: Faults) -> Option<ValidationError> {
    match faults.len() {
        0 => None,
        1 => faults.pop(),
        _ => Some(several(place, "validation failed", faults)),
    }
}
