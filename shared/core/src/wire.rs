//! Values as the wire has them.

use serde_json::Value;
use time::OffsetDateTime;

/// A timestamp as the wire has it: RFC 3339, UTC, without trailing zeros in the fraction.
pub fn timestamp(at: OffsetDateTime) -> Value {
    // Formatting fails for years beyond 9999 alone; no clock gives them.
    Value::String(at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default())
}
