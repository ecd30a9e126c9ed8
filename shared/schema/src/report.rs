//! What is wrong with traits, as a tree that mirrors the schema.

use serde_json::Value;
use std::fmt;

/// Most lines of a report; what does not fit is hinted at by the last one.
const LONGEST: usize = 1000;

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

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize, lines_left: &mut usize) -> fmt::Result {
        if *lines_left == 0 {
            return Ok(());
        }
        *lines_left -= 1;
        if depth > 0 {
            write!(f, "\n{:1$}", "", 2 * depth)?;
        }
        if *lines_left == 0 {
            return f.write_str("...");
        }
        write!(f, "I[{}] S[{}] {}", self.instance, self.schema, self.message)?;
        self.causes.iter().try_for_each(|cause| cause.write(f, depth + 1, lines_left))
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines_left = LONGEST;
        self.write(f, 0, &mut lines_left)
    }
}

impl std::error::Error for ValidationError {}
