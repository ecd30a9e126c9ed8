//! What is wrong with traits, as a tree that mirrors the schema.

use serde_json::Value;

/// A fault, or several that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationError {
    /// Where in the traits, as a JSON pointer fragment (`#/traits/email`).
    pub instance: String,
    /// Where in the schema (`#/properties/traits/properties/email/format`).
    pub schema: String,
    /// The text; `validation failed` for several faults together.
    pub message: String,
    /// The keyword with what it demanded; [`Fault::Several`] for faults that belong together.
    pub fault: Fault,
    /// The faults that belong together, in the validator's order.
    pub causes: Vec<ValidationError>,
}

/// What a keyword demanded, for clients that say it in their own words.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// See `causes`.
    Several,
    /// A keyword with its value in the schema.
    Keyword(&'static str, Value),
    /// A value that is no address although its property says so.
    Address,
}

impl ValidationError {
    /// The faults at the ends of the tree, in order.
    pub fn leaves(&self) -> Vec<&Self> {
        if self.causes.is_empty() { vec![self] } else { self.causes.iter().flat_map(Self::leaves).collect() }
    }

    fn write(&self, out: &mut String, depth: usize) {
        if depth > 0 {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
        out.push_str(&format!("I[{}] S[{}] {}", self.instance, self.schema, self.message));
        for cause in &self.causes {
            cause.write(out, depth + 1);
        }
    }
}

impl std::fmt::Display for ValidationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = String::new();
        self.write(&mut out, 0);
        f.write_str(&out)
    }
}

impl std::error::Error for ValidationError {}
