//! One spelling per identifier and address (contract `methods-password-code-2fa.md` 8.5).
//!
//! Two spellings that look equal to a user must be the same key, and a normalised key must not change when it is normalised again:
//! uniqueness and look-ups depend on both.

use crate::extract::Via;
use crate::{format, phone};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use latchkey_core::recipient;
use std::borrow::Cow;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// Longest identifier that is normalised, in characters. A longer one is only trimmed, and belongs to no identity.
const LONGEST: usize = latchkey_core::bounds::LONGEST_IDENTIFIER;

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// It has no `@`.
    #[error("mail: missing '@' or angle-addr")]
    NoAt,
    /// It is no address for another reason.
    #[error("mail: the text is not an address")]
    NotAnAddress,
    /// Mail may not reach it.
    #[error("mail: no message can be sent to this address: {0}")]
    Undeliverable(&'static str),
    /// Not a valid number in international form.
    #[error("the phone number supplied is not a number")]
    NotANumber,
}

/// Why a text cannot be an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdentifierError {
    /// It has no visible character.
    #[error("an identifier must have at least one visible character")]
    Invisible,
    /// It is longer than a login accepts.
    #[error("an identifier may have at most {LONGEST} characters")]
    TooLong,
}

/// The spelling under which an identifier is stored and looked up. Never fails.
///
/// A domain behind an `@` is in its ASCII form (UTS #46): `bücher.example` and `xn--bcher-kva.example` are one domain, and mail
/// goes to the latter.
pub fn normalize_identifier(raw: &str) -> String {
    let trimmed = raw.trim();
    if trimmed.chars().nth(LONGEST).is_some() {
        return trimmed.to_owned();
    }
    let folded = fold(trimmed);
    phone::e164(&folded).unwrap_or_else(|| with_ascii_domain(trimmed, folded))
}

/// The normalised spelling of a new identifier.
///
/// # Errors
/// When nothing is left of it, or when it is too long.
pub fn identifier_to_keep(raw: &str) -> Result<String, IdentifierError> {
    if raw.trim().chars().nth(LONGEST).is_some() {
        return Err(IdentifierError::TooLong);
    }
    Some(normalize_identifier(raw)).filter(|kept| !kept.is_empty()).ok_or(IdentifierError::Invisible)
}

/// The spelling of an address, by channel.
///
/// # Errors
/// When it is not an address, or messages may not reach it.
pub fn normalize_address(via: Via, raw: &str) -> Result<String, AddressError> {
    let trimmed = raw.trim();
    if via == Via::Sms {
        return phone::e164(&fold(trimmed)).ok_or(AddressError::NotANumber);
    }
    let address = with_ascii_domain(trimmed, fold(trimmed));
    if !address.contains('@') {
        Err(AddressError::NoAt)
    } else if !format::is_email(&address) || trimmed.chars().any(is_forbidden) {
        Err(AddressError::NotAnAddress)
    } else if !address.is_ascii() {
        Err(AddressError::Undeliverable(
            "it has characters beyond ASCII before the @, which not every mail server takes",
        ))
    } else {
        recipient::email(&address).map(|()| address).map_err(AddressError::Undeliverable)
    }
}

/// Whether a text is a valid number in international form.
pub(crate) fn is_phone(text: &str) -> bool {
    normalize_address(Via::Sms, text).is_ok()
}

/// A folded text, with the domain behind its `@` in ASCII if it is one.
fn with_ascii_domain(raw: &str, folded: String) -> String {
    let Some((local, domain)) = folded.rsplit_once('@').filter(|(_, domain)| !domain.is_ascii()) else {
        return folded;
    };
    // The original spelling: in some scripts folding drops a joiner that makes another name.
    let written: String = raw.nfkc().collect();
    let written = written.rsplit_once('@').and_then(|(_, domain)| ascii_domain(domain).map(Cow::into_owned));
    match written.or_else(|| ascii_domain(domain).map(Cow::into_owned)) {
        Some(domain) => format!("{local}@{domain}"),
        None => folded,
    }
}

/// A domain in ASCII (UTS #46, nontransitional, with the rules of host names); `None` if it is not a domain.
pub(crate) fn ascii_domain(domain: &str) -> Option<Cow<'_, str>> {
    Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::VerifyAllowRootDot)
        .ok()
}

/// Folds compatibility forms, width and case, and drops invisible characters.
///
/// Lower case may enable another fold, so this repeats until nothing changes; a few rounds are always enough.
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
        // Invisible, although their category says otherwise.
        || matches!(c, '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}' | '\u{E0100}'..='\u{E01EF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_looking_spellings_are_equal() {
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
            ("(+49) 176 671 11 638", "+4917667111638"),
            ("tel:+4917667111638", "+4917667111638"),
            ("ada+news@example.org", "ada+news@example.org"),
            ("info@b\u{fc}cher.example", "info@xn--bcher-kva.example"),
            ("INFO@BU\u{308}CHER.EXAMPLE", "info@xn--bcher-kva.example"),
            ("info@xn--BCHER-kva.example", "info@xn--bcher-kva.example"),
            ("info\u{ff20}b\u{fc}cher\u{3002}example", "info@xn--bcher-kva.example"),
            ("a@stra\u{df}e.example", "a@xn--strae-oqa.example"),
            ("a@\u{646}\u{627}\u{645}\u{647}\u{200c}\u{627}\u{6cc}.example", "a@xn--mgba3gch31f060k.example"),
            ("a@exam\u{200b}ple.org", "a@example.org"),
            ("a@not a d\u{f6}main", "a@not a d\u{f6}main"),
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
        assert_eq!(normalize_address(Via::Email, "A@B\u{fc}cher.example"), Ok("a@xn--bcher-kva.example".into()));
        for nowhere in ["j\u{fc}rgen@example.org", "\"a b\"@example.org", "\u{430}@example.org"] {
            let refused = normalize_address(Via::Email, nowhere);
            assert!(matches!(refused, Err(AddressError::Undeliverable(_))), "{nowhere}: {refused:?}");
        }
        for good in ["+49 (176) 6711-1638", "tel:+4917667111638", "+\u{664}\u{669}17667111638"] {
            assert_eq!(normalize_address(Via::Sms, good), Ok("+4917667111638".into()), "{good}");
        }
        for bad in ["017667111638", "+49", "+49 12", "x", ""] {
            assert_eq!(normalize_address(Via::Sms, bad), Err(AddressError::NotANumber), "{bad}");
        }
    }

    #[test]
    fn invisible_text_is_no_identifier() {
        for nothing in ["", " ", "\u{200b}", "\u{feff} \u{202e}", "\u{3164}", "\u{fe0f}"] {
            assert_eq!(identifier_to_keep(nothing), Err(IdentifierError::Invisible), "{nothing:?}");
        }
        assert_eq!(identifier_to_keep(&"a".repeat(1025)), Err(IdentifierError::TooLong));
        assert_eq!(identifier_to_keep(" A"), Ok("a".into()));
    }

    proptest! {
        #[test]
        fn addresses_in_any_script(local in "[a-zà-ÿА-я\u{0600}-\u{0670}.+]{1,12}", domain in "[a-zà-ÿß\u{0400}-\u{0450}\u{0620}-\u{064a}\u{200c}\u{4e00}-\u{4e20}。.-]{1,20}") {
            let once = normalize_identifier(&format!("{local}@{domain}"));
            prop_assert_eq!(normalize_identifier(&once), once.clone());
            if let Ok(address) = normalize_address(Via::Email, &once) {
                prop_assert_eq!(address, once);
            }
        }

        #[test]
        fn normalisation_is_idempotent(text in "\\PC{0,40}") {
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
