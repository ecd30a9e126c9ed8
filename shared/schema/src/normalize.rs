//! One spelling per identifier and address (contract `methods-password-code-2fa.md` 8.5).
//!
//! Two spellings that a person would take for the same must be the same key, and a key must stay what it is when it is
//! normalised again: uniqueness and look-ups rest on both.

use crate::extract::Via;
use crate::format;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// Longest identifier that is looked at, in characters. Longer ones are nobody's; they stay as they are, trimmed.
const LONGEST: usize = 1024;

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// No `@` at all.
    #[error("mail: missing '@' or angle-addr")]
    NoAt,
    /// Something else that keeps it from being an address.
    #[error("mail: the text is not an address")]
    NotAnAddress,
    /// Not a valid number in international form.
    #[error("the phone number supplied is not a number")]
    NotANumber,
}

/// The spelling under which an identifier is kept and looked up. Never fails.
pub fn normalize_identifier(raw: &str) -> String {
    let trimmed = raw.trim();
    if trimmed.chars().nth(LONGEST).is_some() {
        return trimmed.to_owned();
    }
    let folded = fold(trimmed);
    if folded.starts_with('+') { e164(&folded).unwrap_or(folded) } else { folded }
}

/// The spelling of an address, by channel.
///
/// # Errors
/// When it is none.
pub fn normalize_address(via: Via, raw: &str) -> Result<String, AddressError> {
    match via {
        Via::Email => {
            let folded = fold(raw.trim());
            if !folded.contains('@') {
                Err(AddressError::NoAt)
            } else if !format::is_email(&folded) || raw.trim().chars().any(is_forbidden) {
                Err(AddressError::NotAnAddress)
            } else {
                Ok(folded)
            }
        }
        Via::Sms => {
            let folded = fold(raw.trim());
            Some(folded)
                .filter(|text| text.starts_with('+'))
                .and_then(|text| e164(&text))
                .ok_or(AddressError::NotANumber)
        }
    }
}

/// Whether a text is a valid number in international form.
pub(crate) fn is_phone(text: &str) -> bool {
    normalize_address(Via::Sms, text).is_ok()
}

/// Compatibility forms, width and case folded; what cannot be seen is dropped.
///
/// Lowering the case can leave a text that folds once more, so this goes on until nothing changes; a few rounds always do.
fn fold(text: &str) -> String {
    let mut now = text.to_owned();
    for _ in 0..8 {
        let next: String = now.nfkc().filter(|&c| !is_forbidden(c)).flat_map(char::to_lowercase).nfkc().collect();
        let next = next.trim().to_owned();
        if next == now {
            break;
        }
        now = next;
    }
    now
}

/// Invisible, control, bidirectional, unassigned and private characters.
fn is_forbidden(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Other
        // Ignored when shown, although their category says otherwise.
        || matches!(c, '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}' | '\u{E0100}'..='\u{E01EF}')
}

fn e164(text: &str) -> Option<String> {
    // Longer than any number with all its punctuation: not worth a look at the numbering plans.
    if text.len() > 64 {
        return None;
    }
    let number = phonenumber::parse(None, text).ok()?;
    phonenumber::is_valid(&number).then(|| number.format().mode(phonenumber::Mode::E164).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_spelling_for_what_looks_the_same() {
        for (raw, want) in [
            ("  EXAMPLE@DOMAIN.COM  ", "example@domain.com"),
            (" UsErNaMe ", "username"),
            ("+49 176 671 11 638", "+4917667111638"),
            ("+1 (650) 253-0000", "+16502530000"),
            ("+600136866982", "+60136866982"),
            ("al\u{200B}ice", "alice"),
            ("ａｌｉｃｅ", "alice"),
            ("o\u{FB03}ce@example.com", "office@example.com"),
            ("alice🎉", "alice🎉"),
            ("\u{0430}dmin", "\u{0430}dmin"),
            ("017667111638", "017667111638"),
            ("+1", "+1"),
            ("", ""),
        ] {
            assert_eq!(normalize_identifier(raw), want, "{raw:?}");
        }
        assert_ne!(normalize_identifier("\u{0430}dmin"), "admin", "another script is another name");
    }

    #[test]
    fn addresses_are_checked_by_channel() {
        assert_eq!(normalize_address(Via::Email, " A@B.example "), Ok("a@b.example".into()));
        assert_eq!(normalize_address(Via::Email, "x"), Err(AddressError::NoAt));
        assert_eq!(normalize_address(Via::Email, "a@"), Err(AddressError::NotAnAddress));
        assert_eq!(normalize_address(Via::Email, "a\u{200B}@b.example"), Err(AddressError::NotAnAddress));
        assert_eq!(normalize_address(Via::Sms, "+49 (176) 6711-1638"), Ok("+4917667111638".into()));
        for bad in ["017667111638", "+49", "+49 12", "x", ""] {
            assert_eq!(normalize_address(Via::Sms, bad), Err(AddressError::NotANumber), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn normalising_again_changes_nothing(text in "\\PC{0,40}") {
            let once = normalize_identifier(&text);
            prop_assert_eq!(normalize_identifier(&once), once);
        }

        #[test]
        fn any_characters_at_all(chars in proptest::collection::vec(any::<char>(), 0..30)) {
            let text: String = chars.into_iter().collect();
            let once = normalize_identifier(&text);
            prop_assert!(!once.chars().any(is_forbidden));
            prop_assert_eq!(normalize_identifier(&once), once);
        }

        #[test]
        fn numbers_in_any_spelling(digits in "\\+[0-9 ().-]{0,25}") {
            let once = normalize_identifier(&digits);
            prop_assert_eq!(normalize_identifier(&once), once);
        }
    }
}
