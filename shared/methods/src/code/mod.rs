//! One-time codes that are sent to an address (contract `methods-password-code-2fa.md` 3): what is the same in every flow, and one
//! file per flow.

pub mod form;
pub mod login;
pub mod send;

use latchkey_core::identity::{CodeAddress, CredentialType, Identity, Unique};
use latchkey_schema::normalize_identifier;
use latchkey_schema::phone::digit;
use serde_json::Value;

/// The traits that name a language, in the order in which they count.
const LANGUAGE_TRAITS: [&str; 4] = ["lang", "language", "locale", "preferred_language"];
/// How many characters of a typed code count; no code has as many.
const MOST_READ: usize = 64;
/// How many languages a message names.
const MOST_LANGUAGES: usize = 8;

/// A code as the user meant it: its digits, in any script. The characters that come along when a user pastes a code (blanks, hyphens,
/// dots, direction marks) are dropped. Any other character stays, and makes the code a wrong one. `None` when nothing is left.
pub fn read(typed: &str) -> Option<String> {
    let meant = |c: char| match digit(c) {
        Some(value) => char::from_digit(value, 10),
        None => Some(c).filter(|c| c.is_alphanumeric()),
    };
    let read: String = typed.chars().filter_map(meant).take(MOST_READ).collect();
    (!read.is_empty()).then_some(read)
}

/// An identifier normalised, and as typed if that differs.
pub fn spellings(typed: &str) -> Vec<String> {
    let typed = shown(typed);
    let normalised = normalize_identifier(&typed);
    if normalised == typed { vec![normalised] } else { vec![normalised, typed] }
}

/// An identifier as the form shows it after a code was asked for.
pub fn shown(typed: &str) -> String {
    if typed.contains('@') { typed.to_lowercase() } else { typed.to_owned() }
}

/// Which addresses of an identity receive a code: the one that the user typed, else all of the credential. With `fallback`, which is
/// for identities without a code credential, a verifiable address that the user typed counts as well.
pub fn receivers(identity: &Identity, typed: &str, fallback: bool) -> Vec<CodeAddress> {
    let wanted = spellings(typed);
    let asked = |address: &&CodeAddress| wanted.contains(&address.value);
    let own = identity.code_addresses(false);
    if let Some(one) = own.iter().find(asked) {
        return vec![one.clone()];
    }
    let verifiable = identity.verifiable_addresses.iter().filter(|_| fallback);
    let verifiable: Vec<_> = verifiable.map(CodeAddress::from).collect();
    match verifiable.iter().find(asked) {
        Some(one) => vec![one.clone()],
        None => own,
    }
}

/// The types of credentials that have identifiers, in the order of the lookups.
pub(crate) const CREDENTIALS: [CredentialType; 3] =
    [CredentialType::Password, CredentialType::Webauthn, CredentialType::Code];

/// Lookups of these values as identifiers of each type.
pub(crate) fn of_types(types: &[CredentialType], values: Vec<String>) -> Vec<Unique> {
    let of = |value: String| types.iter().map(move |&kind| Unique::Identifier(kind, value.clone()));
    values.into_iter().flat_map(of).collect()
}

/// Languages that the user may read, best first: what the traits say, then what the browser asks for.
pub fn languages(traits: &Value, accept_language: Option<&str>) -> Vec<String> {
    let own = LANGUAGE_TRAITS.iter().find_map(|name| traits.get(name)?.as_str());
    let mut asked: Vec<(&str, f32)> = accept_language
        .unwrap_or_default()
        .split(',')
        .filter_map(|part| {
            let (tag, weight) = part.split_once(';').unwrap_or((part, "q=1"));
            let weight = weight.trim().strip_prefix("q=")?.parse().ok()?;
            Some((tag.trim(), weight))
        })
        .collect();
    asked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let is_tag = |tag: &&str| {
        (2..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let all = own.into_iter().chain(asked.into_iter().map(|(tag, _)| tag)).filter(is_tag);
    all.take(MOST_LANGUAGES).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn identifier_has_one_or_two_spellings() {
        assert_eq!(spellings(" ADA@Example.org"), ["ada@example.org", " ada@example.org"]);
        assert_eq!(spellings("ada@example.org"), ["ada@example.org"]);
        assert_eq!(spellings("+49 176 671 11 638"), ["+4917667111638", "+49 176 671 11 638"]);
    }

    #[test]
    fn typed_code_is_read_without_separators() {
        for typed in [
            "012345",
            " 012345",
            "012345\r\n",
            "012 345",
            "012\u{2009}345",
            "012-345",
            "012\u{2011}345",
            "0.1.2.3.4.5",
            "012\u{b7}345",
            "\u{200b}012345\u{feff}",
            "\u{2066}012345\u{2069}",
            "\u{202a}012345\u{202c}",
            "#012345",
            "(012345)",
            "\"012345\".",
            "０１２３４５",
            "٠١٢٣٤٥",
            "۰۱۲۳۴۵",
            "०१२३४५",
            "𝟎𝟏𝟐𝟑𝟒𝟓",
            "0\u{fe0f}\u{20e3}12345",
        ] {
            assert_eq!(read(typed).as_deref(), Some("012345"), "{typed:?}");
        }
        for nothing in ["", " ", "-", "\u{200b}", "…", "()"] {
            assert_eq!(read(nothing), None, "{nothing:?}");
        }
        assert_eq!(read("12345x").as_deref(), Some("12345x"), "other characters stay");
        assert_eq!(read(&"1".repeat(60_000)).unwrap().len(), MOST_READ);
    }

    #[test]
    fn code_goes_to_the_typed_address_of_the_identity() {
        let at = "2026-07-29T10:00:00Z";
        let verifiable = |value: &str| {
            json!({"id": "00000000-0000-4000-8000-000000000001", "value": value, "verified": false, "via": "email",
                   "status": "pending", "created_at": at, "updated_at": at})
        };
        let mut identity = json!({
            "id": "00000000-0000-4000-8000-000000000000", "schema_id": "default", "state": "active", "traits": {},
            "state_changed_at": at, "created_at": at, "updated_at": at,
            "verifiable_addresses": [verifiable("second@example.org")],
            "credentials": {"code": {"identifiers": ["+4917667111638", "first@example.org"], "created_at": at, "updated_at": at}},
        });
        let to = |identity: &Value, typed: &str, fallback: bool| -> Vec<String> {
            let identity: Identity = serde_json::from_value(identity.clone()).unwrap();
            receivers(&identity, typed, fallback).into_iter().map(|address| address.value).collect()
        };
        assert_eq!(to(&identity, "First@example.org", false), ["first@example.org"]);
        assert_eq!(to(&identity, "+49 176 671 11 638", false), ["+4917667111638"]);
        assert_eq!(to(&identity, "second@example.org", true), ["second@example.org"]);
        assert_eq!(
            to(&identity, "ada", true),
            ["+4917667111638", "first@example.org"],
            "by a user name: to all of them"
        );
        identity["credentials"] = json!({});
        assert_eq!(to(&identity, "second@example.org", true), ["second@example.org"]);
        assert!(to(&identity, "second@example.org", false).is_empty() && to(&identity, "ada", true).is_empty());
    }

    #[test]
    fn languages_of_the_traits_come_first() {
        let asked = Some("de;q=0.5, fr-CH, *;q=0.1, x, en;q=nan-sense");
        assert_eq!(languages(&json!({"lang": "ja"}), asked), ["ja", "fr-CH", "de"]);
        assert_eq!(languages(&json!({"lang": 7}), None), Vec::<String>::new());
        assert_eq!(languages(&json!({"locale": "<b>"}), Some("en")), ["en"]);
    }
}
