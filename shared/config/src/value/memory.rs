//! Amounts of memory as Kratos writes them: `19MB`, `65536KB`.

use serde_json::Value;

/// An amount of memory in KiB. The units are powers of 1024, whatever their names say.
pub(crate) fn parse(value: &Value) -> Option<u64> {
    // Kratos 0.5 counted in KiB.
    if let Some(kib) = value.as_u64() {
        return Some(kib);
    }
    parse_text(value.as_str()?)
}

/// The same of a text.
pub(crate) fn parse_text(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_uppercase();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u64 = number.parse().ok()?;
    match unit.trim() {
        "B" => Some(number / 1024),
        "KB" | "KIB" | "K" => Some(number),
        "MB" | "MIB" | "M" => number.checked_mul(1024),
        "GB" | "GIB" | "G" => number.checked_mul(1024 * 1024),
        _ => None,
    }
}
