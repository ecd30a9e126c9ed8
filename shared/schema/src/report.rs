//! The errors of traits, as a tree that mirrors the schema.

use serde_json::Value;
use std::fmt;

/// Most lines of a report; the last line says that there are more.
const LONGEST: usize = 1000;

/// An error, or a group of errors.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationError {
    /// Where in the traits, as a JSON pointer fragment (`#/traits/email`).
    pub instance: String,
    /// Where in the schema (`#/properties/traits/properties/email/format`).
    pub schema: String,
    /// The text; `validation failed` for a group.
    pub message: String,
    /// The keyword with its value; [`Fault::Several`] for a group.
    pub fault: Fault,
    /// The errors of a group, in the validator's order.
    pub causes: Vec<ValidationError>,
}

/// The value of a keyword, for clients with texts of their own.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A group: see `causes`.
    Several,
    /// A keyword with its value in the schema.
    Keyword(&'static str, Value),
    /// A value that is not an address although its property says so.
    Address,
}

impl ValidationError {
    /// The leaves of the tree, in order.
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
