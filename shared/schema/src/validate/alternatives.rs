//! Schemas within a schema for the same value.

use super::place::Place;
use super::{Faults, Object, Validator, list};
use crate::extract::Extracted;
use crate::report::ValidationError;
use serde_json::Value;

impl<'a> Validator<'a> {
    pub(super) fn alternatives(&mut self, schema: &'a Object, value: &Value, place: &Place, faults: &mut Faults) {
        if let Some(part) = schema.get("not")
            && self.probe(part, value, &place.keyword("not")).is_none()
        {
            faults.push(place.fault("not", "not failed", part.clone()));
        }
        self.all_of(schema, value, place, faults);
        self.any_of(schema, value, place, faults);
        self.one_of(schema, value, place, faults);
        self.condition(schema, value, place, faults);
    }

    fn all_of(&mut self, schema: &'a Object, value: &Value, place: &Place, faults: &mut Faults) {
        for (n, part) in list(schema, "allOf").iter().enumerate() {
            let here = place.keyword("allOf").keyword(n);
            faults.extend(self.node(part, value, &here).map(|cause| here.several("allOf failed", vec![cause])));
        }
    }

    fn any_of(&mut self, schema: &'a Object, value: &Value, place: &Place, faults: &mut Faults) {
        let (here, mut causes) = (place.keyword("anyOf"), Faults::new());
        for (n, part) in list(schema, "anyOf").iter().enumerate() {
            match self.attempt(part, value, &here.keyword(n)) {
                Some(cause) => causes.push(cause),
                None => return,
            }
        }
        if !causes.is_empty() {
            faults.push(here.several("anyOf failed", causes));
        }
    }

    fn one_of(&mut self, schema: &'a Object, value: &Value, place: &Place, faults: &mut Faults) {
        let (here, mut causes, mut fitting) = (place.keyword("oneOf"), Faults::new(), None);
        for (n, part) in list(schema, "oneOf").iter().enumerate() {
            match (self.attempt(part, value, &here.keyword(n)), fitting) {
                (Some(cause), _) => causes.push(cause),
                (None, None) => fitting = Some(n),
                (None, Some(first)) => {
                    let text = format!("valid against schemas at indexes {first} and {n}");
                    faults.push(place.fault("oneOf", &text, Value::Null));
                    return;
                }
            }
        }
        if fitting.is_none() && !causes.is_empty() {
            faults.push(here.several("oneOf failed", causes));
        }
    }

    fn condition(&mut self, schema: &'a Object, value: &Value, place: &Place, faults: &mut Faults) {
        let Some(condition) = schema.get("if") else { return };
        let (branch, text) = match self.probe(condition, value, &place.keyword("if")) {
            None => ("then", "if-then failed"),
            Some(_) => ("else", "if-else failed"),
        };
        let Some(part) = schema.get(branch) else { return };
        let here = place.keyword(branch);
        faults.extend(self.node(part, value, &here).map(|cause| here.several(text, vec![cause])));
    }

    /// Whether a value fits a schema, without collecting anything.
    pub(super) fn probe(&mut self, schema: &'a Value, value: &Value, place: &Place) -> Option<ValidationError> {
        let found = self.found.take();
        let fault = self.node(schema, value, place);
        self.found = found;
        fault
    }

    /// Tries an alternative. What it collects counts only if the value fits.
    fn attempt(&mut self, schema: &'a Value, value: &Value, place: &Place) -> Option<ValidationError> {
        let (found, rewritten) = (self.found.take(), self.rewritten.len());
        self.found = found.is_some().then(Extracted::default);
        let fault = self.node(schema, value, place);
        let yielded = std::mem::replace(&mut self.found, found);
        match (&fault, &mut self.found, yielded) {
            (None, Some(found), Some(yielded)) => found.absorb(yielded),
            _ => self.rewritten.truncate(rewritten),
        }
        fault
    }
}
