//! The block of a method, `selfservice.methods.<method>`.

use crate::key::DefaultValue::Bool as Switch;
use crate::key::{Key, Kind, Section, keys};
use crate::reader::Reader;

keys! {
    /// The block of a method that is on unless the file says otherwise.
    ON:
    ENABLED = Key::used("enabled", Kind::Bool, Switch(true), "offer and accept the method");
}

keys! {
    /// The block of a method that is off unless the file says otherwise.
    OFF:
    _ = Key::used("enabled", Kind::Bool, Switch(false), "offer and accept the method");
}

/// What every method has.
#[derive(Clone, Copy, Debug)]
pub struct MethodConfig {
    /// Whether the method is offered and accepted.
    pub enabled: bool,
}

/// Reads the block of a method that is [`ON`] unless the file says otherwise.
pub(crate) fn method(from: Reader<'_>, section: &Section) -> MethodConfig {
    MethodConfig { enabled: from.section(section).flag(&ENABLED) }
}
