//! The position of a walk, and the errors there.

use crate::pointer::escape;
use crate::report::{Fault, ValidationError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Characters that a segment of a URI's path escapes; `/` is left to the pointers.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b':')
    .remove(b'=')
    .remove(b'@')
    .remove(b'/');

/// A value and the schema that it is validated against.
#[derive(Clone, Default)]
pub(super) struct Place {
    /// The JSON Pointer of the value.
    instance: String,
    /// A URI fragment without its `#`: references appear as they are written.
    schema: String,
}

impl Place {
    /// The JSON Pointer of the value.
    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    /// The schema as a URI fragment.
    pub(super) fn schema(&self) -> String {
        format!("#{}", self.schema)
    }

    /// The same value at a keyword of the schema, or at a name or an index below a keyword.
    pub(super) fn keyword(&self, keyword: impl ToString) -> Self {
        let keyword = escape(&keyword.to_string());
        let schema = format!("{}/{}", self.schema, utf8_percent_encode(&keyword, ESCAPED));
        Self { schema, ..self.clone() }
    }

    /// A member or an item of the value at the same schema.
    pub(super) fn member(&self, name: impl ToString) -> Self {
        Self { instance: format!("{}/{}", self.instance, escape(&name.to_string())), ..self.clone() }
    }

    /// The same value at the schema that a reference names.
    pub(super) fn at(&self, reference: &str) -> Self {
        let pointer = reference.strip_prefix('#').filter(|pointer| *pointer != "/").unwrap_or_default();
        Self { schema: pointer.to_owned(), ..self.clone() }
    }

    /// The error of a keyword, with its value.
    pub(super) fn fault(&self, keyword: &'static str, message: &str, demanded: Value) -> ValidationError {
        self.keyword(keyword).here(message, Fault::Keyword(keyword, demanded))
    }

    /// An error with its causes.
    pub(super) fn several(&self, message: &str, causes: Vec<ValidationError>) -> ValidationError {
        ValidationError { causes, ..self.here(message, Fault::Several) }
    }

    /// An error at this position.
    pub(super) fn here(&self, message: &str, fault: Fault) -> ValidationError {
        ValidationError {
            instance: format!("#{}", utf8_percent_encode(&self.instance, ESCAPED)),
            schema: self.schema(),
            message: message.to_owned(),
            fault,
            causes: Vec::new(),
        }
    }
}
