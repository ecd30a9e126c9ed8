//! Values in error texts, written as Go writes them, because clients know these texts.

use serde_json::{Number, Value};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// A text in quotation marks, with invisible characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if is_visible(c) => out.push(c),
            c => out.push_str(&match u32::from(c) {
                code @ ..0x80 => format!("\\x{code:02x}"),
                code @ ..0x1_0000 => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    out.push('"');
    out
}

fn is_visible(c: char) -> bool {
    use GeneralCategoryGroup::{Letter, Mark, Number, Punctuation, Symbol};
    c == ' ' || matches!(c.general_category_group(), Letter | Mark | Number | Punctuation | Symbol)
}

/// The names in a list, each in quotation marks.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(quoted).collect::<Vec<_>>().join(", ")
}

/// An expected constant; `None` for objects and arrays, which are not shown. Numbers are in quotation marks too.
pub(crate) fn constant(value: &Value) -> Option<String> {
    match value {
        Value::Object(_) | Value::Array(_) => None,
        Value::Null => Some("<nil>".to_owned()),
        Value::String(text) => Some(quoted(text)),
        Value::Number(number) => Some(quoted(&number.to_string())),
        Value::Bool(on) => Some(on.to_string()),
    }
}

/// A bound. It has an exponent from a million on, and below a ten-thousandth.
pub(crate) fn bound(number: &Number) -> String {
    let Some(value) = number.as_f64() else { return number.to_string() };
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(-4..6) | Err(_) => value.to_string(),
        Ok(exponent) => format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quotation_marks_and_escapes() {
        for (text, want) in [
            ("", r#""""#),
            (r#"a"\b"#, r#""a\"\\b""#),
            ("\u{7}\u{8}\t\n\u{b}\u{c}\r\u{1}\u{7f}", r#""\a\b\t\n\v\f\r\x01\x7f""#),
            ("é 🎉 e\u{301} 'x'", "\"é 🎉 e\u{301} 'x'\""),
            ("\u{a0}\u{200b}\u{e000}\u{10ffff}", r#""\u00a0\u200b\ue000\U0010ffff""#),
        ] {
            assert_eq!(quoted(text), want);
        }
    }

    #[test]
    fn constants_and_bounds() {
        for (value, want) in [
            (json!("a"), Some("\"a\"")),
            (json!(5), Some("\"5\"")),
            (json!(true), Some("true")),
            (json!(null), Some("<nil>")),
            (json!({}), None),
            (json!([]), None),
        ] {
            assert_eq!(constant(&value).as_deref(), want);
        }
        for (value, want) in [
            (json!(0), "0"),
            (json!(-18), "-18"),
            (json!(2.50), "2.5"),
            (json!(5.0), "5"),
            (json!(999_999), "999999"),
            (json!(1_000_000), "1e+06"),
            (json!(20_240_101), "2.0240101e+07"),
            (json!(0.0001), "0.0001"),
            (json!(0.000_015), "1.5e-05"),
        ] {
            assert_eq!(bound(value.as_number().unwrap()), want);
        }
    }
}
