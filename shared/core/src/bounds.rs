//! The bounds of all input that is stored: depth, length and number, in one place.
//!
//! A stored value must be readable again. Its readers are recursive, so a value that is nested deeper than a parser goes is lost, and
//! with it the record that holds it. The public API, the admin API and the import therefore read JSON, times and texts through this
//! module. Hashes, schemas and the configuration take their sizes from it. Code that makes a value from parts (a JSON Patch) checks
//! the result with it.

use serde_json::Value;
use std::borrow::Cow;
use thiserror::Error;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Deepest nesting of a JSON value that is kept: traits, metadata, payloads. The parser stops at 127, and what is kept is shown
/// and stored within other values, so there is room for those.
pub const DEEPEST: usize = 64;
/// Deepest nesting of a request's body, which holds what is kept within a few levels of its own.
pub const DEEPEST_BODY: usize = DEEPEST + 8;
/// Largest identity as it is stored, in bytes of JSON. An item of DynamoDB holds 400 KB; the rest is for what is added later, such
/// as the time at which an address was verified.
pub const LARGEST_IDENTITY: usize = 350 * 1024;
/// Largest secret part of a credential as it is stored, in bytes of JSON.
pub const LARGEST_CREDENTIAL: usize = 350 * 1024;
/// How many identifiers, addresses and ids that must be unique one identity may hold, so that every change of it fits one
/// transaction of 100 items: those given up and those taken, three credentials, the profile and what has messages forgotten.
pub const MOST_UNIQUE: usize = 47;
/// Longest hash of a password, in bytes. The longest real ones have fewer than 400. Each password identifier's guard repeats it, and
/// all guards share a transaction of 4 MB.
pub const LONGEST_HASH: usize = 4 * 1024;
/// Longest password, in characters.
pub const LONGEST_PASSWORD: usize = 1024;
/// Largest body of a request to the public API, in bytes.
pub const LARGEST_PUBLIC_BODY: usize = 64 * 1024;
/// Largest body of a request to the admin API, in bytes, and longest line of an import.
pub const LARGEST_ADMIN_BODY: usize = 5 * 1024 * 1024;
/// Longest path and query of an event, in bytes; the gateway takes 10 KB of request line and headers.
pub const LONGEST_EVENT_TARGET: usize = 16 * 1024;
/// Largest identity schema, in bytes of JSON.
pub const LARGEST_SCHEMA: usize = 1024 * 1024;
/// Largest traits, in bytes of JSON.
pub const LARGEST_TRAITS: usize = 64 * 1024;
/// Largest template of a message, in bytes.
pub const LARGEST_TEMPLATE: usize = 64 * 1024;
/// Largest logo of the pages, in bytes: a page weighs less than 30 KB, and its pictures are part of that.
pub const LARGEST_LOGO: usize = 16 * 1024;
/// Largest style sheet that a configuration adds to the pages, in bytes.
pub const LARGEST_CSS: usize = 64 * 1024;
/// Longest identifier, in characters. No identity has a longer one. The store looks it up like any other, and the flow neither
/// keeps it nor sends it back.
pub const LONGEST_IDENTIFIER: usize = 1024;
/// Longest path and query of a request to the public API, in bytes. A flow keeps the URL that began it and every answer shows it.
pub const LONGEST_TARGET: usize = 4 * 1024;
/// Longest text that a refusal quotes of a request, in bytes.
pub const LONGEST_QUOTE: usize = 256;
/// Longest value of a request's header that is kept or sent back, in bytes.
pub const LONGEST_HEADER: usize = 512;
/// Longest external id, in characters: it becomes part of a key.
pub const LONGEST_EXTERNAL_ID: usize = 256;
/// Longest name of a schema, a region or the like, in characters.
pub const LONGEST_NAME: usize = 256;
/// Longest explanation of a refusal, in bytes. A schema can find fault with every trait, and an answer carries up to 6 MB.
pub const LONGEST_REASON: usize = 8 * 1024;
/// Most that an answer of a list may take within the event that carries it, in bytes; AWS Lambda's bound is 6 MB.
pub const LARGEST_LIST: usize = 5 * 1024 * 1024;

/// Why bytes are not taken as JSON.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// They are not JSON, or nested deeper than the parser goes.
    #[error("invalid JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// They are JSON that is nested deeper than the bound.
    #[error("the JSON is nested deeper than {DEEPEST_BODY} levels")]
    TooDeep,
}

impl Unreadable {
    /// Whether the bytes end before the value does.
    pub fn is_eof(&self) -> bool {
        matches!(self, Self::NotJson(error) if error.is_eof())
    }
}

/// Reads a body that is one JSON value.
///
/// # Errors
/// When the body is not JSON, or is nested too deep.
pub fn json(bytes: &[u8]) -> Result<Value, Unreadable> {
    shallow(serde_json::from_slice(bytes)?)
}

/// Reads the first JSON value of a body, as Kratos' decoders do: what follows it is ignored. `None` for a blank
/// body.
///
/// # Errors
/// When the body begins with something else than JSON, or the value is nested too deep.
pub fn first_json(bytes: &[u8]) -> Option<Result<Value, Unreadable>> {
    let first = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>().next()?;
    Some(first.map_err(Unreadable::from).and_then(shallow))
}

fn shallow(value: Value) -> Result<Value, Unreadable> {
    if fits_depth(&value, DEEPEST_BODY) { Ok(value) } else { Err(Unreadable::TooDeep) }
}

/// Whether a value is nested at most so deep. A text or a number has depth 0, an empty list 1. Looks without recursion, so that
/// the value may be as deep as memory allows.
pub fn fits_depth(value: &Value, most: usize) -> bool {
    let mut open = vec![(value, 0)];
    while let Some((value, depth)) = open.pop() {
        if depth > most || (depth == most && (value.is_array() || value.is_object())) {
            return false;
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(map) => open.extend(map.values().map(|member| (member, depth + 1))),
            _ => {}
        }
    }
    true
}

/// Reads a moment in the form of RFC 3339, in UTC. Years beyond 1 and 9998 are refused: with an offset, or with a while added, they
/// leave the range in which a moment can be written.
pub fn instant(text: &str) -> Option<OffsetDateTime> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    (1..=9998).contains(&at.year()).then_some(at)
}

/// A text cut to at most so many bytes, at a character's end.
pub fn cut(text: &str, most: usize) -> &str {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= most).last();
    &text[..end.unwrap_or(0)]
}

/// The part of a request's text that a refusal quotes: all of it, or its beginning and a mark that there was more.
pub fn quoted(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_QUOTE {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{}…", cut(text, LONGEST_QUOTE)))
    }
}

/// The length of a JSON text within a JSON text, which is how an event or an answer of a function carries it.
pub fn escaped_length(text: &str) -> usize {
    text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n')).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn depth_counts_lists_and_objects() {
        for (value, depth) in [
            (json!(1), 0),
            (json!("[[["), 0),
            (json!([]), 1),
            (json!({"a": 1}), 1),
            (json!({"a": [{}], "b": 1}), 3),
            (json!([1, [2, [3]], 4]), 3),
        ] {
            assert!(fits_depth(&value, depth), "{value}");
            assert!(depth == 0 || !fits_depth(&value, depth - 1), "{value}");
        }
    }

    #[test]
    fn json_beyond_the_depth_limit_is_refused() {
        assert!(json(nested(DEEPEST_BODY).as_bytes()).is_ok());
        assert!(matches!(json(nested(DEEPEST_BODY + 1).as_bytes()), Err(Unreadable::TooDeep)));
        assert!(matches!(json(nested(100_000).as_bytes()), Err(Unreadable::NotJson(_))));
        assert!(json(b"{\"a\":1} x").is_err());
        assert_eq!(first_json(b"{\"a\":1} x").unwrap().unwrap(), json!({"a": 1}));
        assert!(first_json(b"  ").is_none());
        assert!(first_json(b"{").unwrap().unwrap_err().is_eof());
    }

    #[test]
    fn moment_is_read_only_if_writable() {
        for good in
            ["2020-01-02T03:04:05Z", "0001-01-01T00:00:00Z", "2020-01-01T00:00:00+14:00", "9998-12-31T23:59:59Z"]
        {
            let at = instant(good).unwrap_or_else(|| panic!("{good}"));
            assert!(at.format(&Rfc3339).is_ok() && at.checked_add(time::Duration::days(300)).is_some(), "{good}");
        }
        for bad in [
            "0000-01-01T00:00:00Z",
            "0000-01-01T00:00:00+23:59",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-23:59",
            "9999-01-01T00:00:00Z",
            "2020-01-01",
            "",
            "-0001-01-01T00:00:00Z",
            "2020-01-01T00:00:00+99:00",
        ] {
            assert_eq!(instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!((cut("aé🎉b", 6), cut("aé🎉b", 7), cut("aé🎉b", 99), cut("é", 1)), ("aé", "aé🎉", "aé🎉b", ""));
    }

    proptest! {
        #[test]
        fn any_moment_is_read_or_refused(
            year in 0..10_000_u32, month in 0..14_u8, day in 0..33_u8, hour in 0..25_u8, second in 0..62_u8,
            offset in "(Z|[+-][0-9]{2}:[0-9]{2})",
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:59:{second:02}{offset}");
            if let Some(at) = instant(&text) {
                prop_assert!(at.format(&Rfc3339).is_ok());
            }
        }
    }
}
