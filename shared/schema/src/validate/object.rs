//! Objects.

use super::place::Place;
use super::{Faults, Object, Validator, list, members, sizes};
use crate::report::Fault;
use crate::text::{listed, quoted};
use serde_json::Value;

impl<'a> Validator<'a> {
    /// `whole` is the value whose members are `map`: a dependency may be a schema for all of it.
    pub(super) fn object(
        &mut self,
        schema: &'a Object,
        whole: &Value,
        map: &Object,
        place: &Place,
        faults: &mut Faults,
    ) {
        sizes(
            schema,
            map.len(),
            place,
            faults,
            [
                ("minProperties", |least, found| {
                    format!("minimum {least} properties allowed, but found {found} properties")
                }),
                ("maxProperties", |greatest, found| {
                    format!("maximum {greatest} properties allowed, but found {found} properties")
                }),
            ],
        );
        required(schema, map, place, faults);
        self.properties(schema, map, place, faults);
        self.property_names(schema, map, place, faults);
        self.pattern_properties(schema, map, place, faults);
        self.additional_properties(schema, map, place, faults);
        self.dependencies(schema, whole, map, place, faults);
    }

    fn properties(&mut self, schema: &'a Object, map: &Object, place: &Place, faults: &mut Faults) {
        for (name, part) in members(schema, "properties") {
            if let Some(member) = map.get(name) {
                let here = place.keyword("properties").keyword(name).member(name);
                faults.extend(self.node(part, member, &here));
            }
        }
    }

    fn property_names(&mut self, schema: &'a Object, map: &Object, place: &Place, faults: &mut Faults) {
        let Some(part) = schema.get("propertyNames") else { return };
        for name in map.keys() {
            let here = place.keyword("propertyNames").member(name);
            faults.extend(self.probe(part, &Value::String(name.clone()), &here));
        }
    }

    fn pattern_properties(&mut self, schema: &'a Object, map: &Object, place: &Place, faults: &mut Faults) {
        for (pattern, part) in members(schema, "patternProperties") {
            for (name, member) in map {
                if self.matches(pattern, name) {
                    let here = place.keyword("patternProperties").keyword(pattern).member(name);
                    faults.extend(self.node(part, member, &here));
                }
            }
        }
    }

    fn additional_properties(&mut self, schema: &'a Object, map: &Object, place: &Place, faults: &mut Faults) {
        let Some(part) = schema.get("additionalProperties") else { return };
        let additional: Vec<(&String, &Value)> =
            map.iter().filter(|(name, _)| !self.is_described(schema, name)).collect();
        if *part != Value::Bool(false) {
            for (name, member) in additional {
                faults.extend(self.node(part, member, &place.keyword("additionalProperties").member(name)));
            }
        } else if !additional.is_empty() {
            let names = listed(additional.iter().map(|(name, _)| name.as_str()));
            let text = format!("additionalProperties {names} not allowed");
            faults.push(place.fault("additionalProperties", &text, part.clone()));
        }
    }

    /// Whether a property has a schema under its name.
    fn is_described(&self, schema: &Object, name: &str) -> bool {
        schema.get("properties").is_some_and(|properties| properties.get(name).is_some())
            || members(schema, "patternProperties").any(|(pattern, _)| self.matches(pattern, name))
    }

    fn dependencies(&mut self, schema: &'a Object, whole: &Value, map: &Object, place: &Place, faults: &mut Faults) {
        for (name, dependency) in members(schema, "dependencies").filter(|(name, _)| map.contains_key(*name)) {
            let here = place.keyword("dependencies").keyword(name);
            let Value::Array(others) = dependency else {
                faults.extend(self.node(dependency, whole, &here));
                continue;
            };
            for (n, other) in others.iter().enumerate().filter_map(|(n, other)| Some((n, other.as_str()?))) {
                if !map.contains_key(other) {
                    let text = format!("property {} is required, if {} property exists", quoted(other), quoted(name));
                    faults.push(here.keyword(n).here(&text, Fault::Keyword("dependencies", dependency.clone())));
                }
            }
        }
    }
}

fn required(schema: &Object, map: &Object, place: &Place, faults: &mut Faults) {
    let missing: Vec<&str> =
        list(schema, "required").iter().filter_map(Value::as_str).filter(|name| !map.contains_key(*name)).collect();
    if !missing.is_empty() {
        let text = format!("missing properties: {}", listed(missing.iter().copied()));
        faults.push(place.fault("required", &text, missing.into()));
    }
}
