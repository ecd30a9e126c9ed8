//! Arrays.

use super::place::Place;
use super::scalar::plain;
use super::{Faults, Object, Validator, sizes};
use serde_json::Value;
use std::collections::HashMap;

impl<'a> Validator<'a> {
    pub(super) fn array(&mut self, schema: &'a Object, items: &[Value], place: &Place, faults: &mut Faults) {
        sizes(
            schema,
            items.len(),
            place,
            faults,
            [
                ("minItems", |least, found| format!("minimum {least} items allowed, but found {found} items")),
                ("maxItems", |greatest, found| format!("maximum {greatest} items allowed, but found {found} items")),
            ],
        );
        unique_items(schema, items, place, faults);
        match schema.get("items") {
            Some(Value::Array(parts)) => self.tuple(schema, parts, items, place, faults),
            Some(part) => {
                for (n, item) in items.iter().enumerate() {
                    faults.extend(self.node(part, item, &place.keyword("items").member(n)));
                }
            }
            None => {}
        }
        self.contains(schema, items, place, faults);
    }

    /// A schema for each of the first items, and an optional one for the rest.
    fn tuple(&mut self, schema: &'a Object, parts: &'a [Value], items: &[Value], place: &Place, faults: &mut Faults) {
        let additional = schema.get("additionalItems");
        if additional == Some(&Value::Bool(false)) && items.len() > parts.len() {
            let text = format!("only {} items are allowed, but found {} items", parts.len(), items.len());
            faults.push(place.fault("additionalItems", &text, Value::Bool(false)));
        }
        for (n, item) in items.iter().enumerate() {
            if let Some(part) = parts.get(n) {
                faults.extend(self.node(part, item, &place.keyword("items").keyword(n).member(n)));
            } else if let Some(part @ Value::Object(_)) = additional {
                faults.extend(self.node(part, item, &place.keyword("additionalItems").member(n)));
            }
        }
    }

    fn contains(&mut self, schema: &'a Object, items: &[Value], place: &Place, faults: &mut Faults) {
        let Some(part) = schema.get("contains") else { return };
        let here = place.keyword("contains");
        let mut causes = Faults::new();
        for (n, item) in items.iter().enumerate() {
            match self.probe(part, item, &here.member(n)) {
                Some(cause) => causes.push(cause),
                None => return,
            }
        }
        faults.push(here.several("contains failed", causes));
    }
}

fn unique_items(schema: &Object, items: &[Value], place: &Place, faults: &mut Faults) {
    if schema.get("uniqueItems") != Some(&Value::Bool(true)) {
        return;
    }
    if let Some((a, b)) = twins(items) {
        let text = format!("items at index {a} and {b} are equal");
        faults.push(place.fault("uniqueItems", &text, Value::Bool(true)));
    }
}

/// The first duplicate item, and the earlier item that it equals.
fn twins(items: &[Value]) -> Option<(usize, usize)> {
    let mut seen = HashMap::with_capacity(items.len());
    items.iter().enumerate().find_map(|(b, item)| seen.insert(plain(item), b).map(|a| (a, b)))
}
