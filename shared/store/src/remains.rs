//! What can still be told of a record that cannot be read: everything unique that it may have held.

use latchkey_core::identity::{CredentialType, Unique, Via};
use std::collections::BTreeSet;

/// Most texts that are looked at, from either end of a record.
const MOST_TEXTS: usize = 200;
/// Longest text that is looked at, in bytes, as it stands in the record.
const LONGEST_TEXT: usize = 8 * 1024;

/// Everything unique that the JSON texts of a record may name, whole or in pieces: each text in quotation marks may be an identifier,
/// an address or an external id. The guard of such a value names the identity that holds it.
pub(crate) fn unique(documents: &[String]) -> Vec<Unique> {
    let mut texts = BTreeSet::new();
    for found in documents.iter().map(|text| quoted(text)) {
        // Identifiers stand at the end of a record, external id and traits at its beginning.
        texts.extend(found.iter().rev().take(MOST_TEXTS).chain(found.iter().take(MOST_TEXTS)).cloned());
    }
    let each = |text: &String| {
        let mut all: Vec<Unique> =
            CredentialType::ALL.iter().map(|&kind| Unique::Identifier(kind, text.clone())).collect();
        for via in [Via::Email, Via::Sms] {
            all.extend([Unique::verifiable(via, text), Unique::recovery(via, text)]);
        }
        all.push(Unique::ExternalId(text.clone()));
        all
    };
    texts.iter().flat_map(each).collect()
}

/// The values among the texts in quotation marks. Names of members are none.
fn quoted(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = document;
    while let Some(start) = rest.find('"') {
        let inside = &rest[start + 1..];
        let mut escaped = false;
        let end = inside.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let Some(end) = end else { break };
        rest = &inside[end + 1..];
        if rest.starts_with(':') || end == 0 || end > LONGEST_TEXT {
            continue;
        }
        found.extend(serde_json::from_str::<String>(&format!("\"{}\"", &inside[..end])).ok());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_valid_and_broken_records() {
        for document in [
            r#"{"external_id":"x1","traits":{"email":"A@b.c","q":"a \"b\""},"credentials":{"password":{"identifiers":["a@b.c"]}}}"#,
            r#"{"external_id":"x1","traits":{"email":"A@b.c","q":"a \"b\""},"credentials":{"password":{"identifiers":["a@b.c""#,
        ] {
            assert_eq!(quoted(document), ["x1", "A@b.c", "a \"b\"", "a@b.c"], "{document}");
        }
        for document in ["", "\"", "x", "\"\\", "\"\\\"", "{\"\":\"\"}"] {
            assert!(quoted(document).is_empty(), "{document}");
        }
        let unique = unique(&["[\"a@b.c\"]".to_owned()]);
        assert!(unique.contains(&Unique::Identifier(CredentialType::Code, "a@b.c".into())));
        assert!(unique.contains(&Unique::recovery(Via::Email, "a@b.c")) && unique.len() == 8);
    }

    #[test]
    fn values_are_found_at_any_depth() {
        let deep = format!("{}\"a\"{}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(quoted(&deep), ["a"]);
    }
}
