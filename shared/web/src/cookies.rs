//! The cookies of a request. Servers between a browser and this API rewrite values: in quotation marks, percent-encoded, or with spaces
//! for plus signs.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// How many times a value may have been encoded.
const MOST_ENCODINGS: usize = 2;

/// The cookies of a request's lines. One without `=` has a name and no value; spaces around names do not count.
///
/// Only the spaces of the protocol are trimmed. A browser lets any site set a cookie whose name begins with another kind of space;
/// trimmed, it could have the name of a cookie that only this host may set.
pub(crate) fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let pairs = lines.flat_map(|line| line.split(';')).map(trimmed).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Reads a value of ours, rewritten or not.
pub(crate) fn read<T>(value: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    let mut value = Cow::Borrowed(value);
    for _ in 0..=MOST_ENCODINGS {
        // Our values have no spaces.
        let plain = value.trim_matches('"').replace(' ', "+");
        if let Some(found) = read(&plain) {
            return Some(found);
        }
        // A value without an escape is not changed.
        let Ok(Cow::Owned(decoded)) = percent_decode_str(&value).decode_utf8() else { return None };
        value = Cow::Owned(decoded);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_core::csrf::CsrfSecret;
    use proptest::prelude::*;

    /// Bytes whose base64 has all three characters that are encoded.
    fn secret() -> CsrfSecret {
        CsrfSecret::new([0xfb; 32])
    }

    #[test]
    fn rewritten_value_is_read() {
        let value = secret().to_cookie();
        assert!(value.contains('+') && value.ends_with('='), "{value}");
        let encoded = value.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        for spelling in [
            value.clone(),
            format!("\"{value}\""),
            format!("%22{value}%22"),
            value.replace('=', "%3D"),
            value.replace('=', "%3d"),
            value.replace('+', " "),
            value.trim_end_matches('=').to_owned(),
            encoded.replace('%', "%25"),
            format!("\"{encoded}\""),
            encoded,
        ] {
            let cookies = parse(std::iter::once(format!("a={spelling}").as_str()));
            let found = read(&cookies[0].1, CsrfSecret::from_cookie);
            assert!(found.is_some_and(|found| secret().binding().fits(&found)), "{spelling}");
        }
        for wrong in [value.replace('+', "-"), value.to_uppercase(), format!("{value}x"), value[1..].to_owned()] {
            let found = read(&wrong, CsrfSecret::from_cookie);
            assert!(!found.is_some_and(|found| secret().binding().fits(&found)), "{wrong}");
        }
    }

    #[test]
    fn only_spaces_of_the_protocol_are_trimmed() {
        let names = |line: &str| parse(std::iter::once(line)).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("a=1;  b=2;\tc=3; ;d"), ["a", "b", "c", "d"]);
        assert_eq!(names("\u{2000}__Host-a=1; \u{a0}b=2; c\u{b}=3"), ["\u{2000}__Host-a", "\u{a0}b", "c\u{b}"]);
    }

    proptest! {
        #[test]
        fn hostile_values_do_not_panic(text in ".{0,200}") {
            let _ = read(&text, CsrfSecret::from_cookie);
            let _ = parse(std::iter::once(text.as_str()));
        }
    }
}
