//! Which texts are the same password.
//!
//! One keyboard writes `é` where another writes `e` and an accent, and spaces beyond ASCII look like any other. RFC 8265
//! (`OpaqueString`) makes one text of them: spaces become the space of ASCII, then NFC composes characters. New hashes are made of that
//! text. Hashes of other systems may be of another text, so a comparison tries one more.

use std::fmt;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// A text that can be a password.
#[derive(Clone)]
pub struct Password {
    prepared: Zeroizing<String>,
    /// Another text that a stored hash may be of.
    other: Option<Zeroizing<String>>,
}

/// Why a text cannot be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is too long.
    #[error("The password is longer than {} characters, which no login takes.", Password::LONGEST)]
    TooLong,
    /// bcrypt and HMAC, on which PBKDF2 and scrypt rest, cannot tell a text with a NUL from others.
    #[error("The password contains a NUL character, which no login takes.")]
    Nul,
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Password {
    /// Longest password, in characters as typed.
    pub const LONGEST: usize = latchkey_core::bounds::LONGEST_PASSWORD;

    /// Reads a typed password.
    ///
    /// # Errors
    /// See [`Unfit`]: such a text never matches, and never becomes a password.
    pub fn read(typed: &str) -> Result<Self, Unfit> {
        if typed.chars().nth(Self::LONGEST).is_some() {
            return Err(Unfit::TooLong);
        }
        if typed.contains('\0') {
            return Err(Unfit::Nul);
        }
        let typed = Zeroizing::new(typed.to_owned());
        if typed.is_ascii() {
            return Ok(Self { prepared: typed, other: None });
        }
        let prepared: Zeroizing<String> =
            Zeroizing::new(typed.chars().map(|c| if is_space(c) { ' ' } else { c }).nfc().collect());
        // What was typed comes first among the others; a keyboard that composes may face a hash from one that does not.
        let decomposed = || Zeroizing::new(typed.nfd().collect::<String>());
        let other = if *typed == *prepared { decomposed() } else { typed.clone() };
        let other = (*other != *prepared).then_some(other);
        Ok(Self { prepared, other })
    }

    /// The normalised text, of which new hashes are made.
    pub fn prepared(&self) -> &[u8] {
        self.prepared.as_bytes()
    }

    /// The texts that stored hashes may be of: the normalised one first, and at most one more.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(self.prepared()).chain(self.other.as_ref().map(|text| text.as_bytes()))
    }
}

/// The spaces of Unicode (general category Zs) beyond ASCII's.
fn is_space(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(typed: &str) -> Vec<String> {
        let password = Password::read(typed).unwrap();
        password.texts().map(|text| String::from_utf8(text.to_vec()).unwrap()).collect()
    }

    #[test]
    fn ascii_is_one_text() {
        assert_eq!(texts("three keys\ton a ring "), ["three keys\ton a ring "]);
    }

    #[test]
    fn composed_and_decomposed_are_one_password() {
        assert_eq!(texts("e\u{301}te\u{301}"), ["été", "e\u{301}te\u{301}"]);
        assert_eq!(texts("été"), ["été", "e\u{301}te\u{301}"]);
        assert_eq!(texts("\u{212b}ngström"), ["Ångström", "\u{212b}ngström"]);
    }

    #[test]
    fn every_space_is_the_space() {
        let mut tried = 0;
        for space in ('\0'..=char::MAX).filter(|&c| c.is_whitespace() && !c.is_control() && c != ' ') {
            // Line and paragraph separators are no spaces (Zl, Zp).
            if !matches!(space, '\u{2028}' | '\u{2029}') {
                assert_eq!(texts(&format!("a{space}b"))[0], "a b", "{space:?}");
                tried += 1;
            }
        }
        assert_eq!(tried, 16);
    }

    #[test]
    fn case_width_and_compatibility_forms_stay_apart() {
        for (typed, prepared) in [("Ä", "Ä"), ("ﬁn", "ﬁn"), ("ａｂ", "ａｂ"), ("x²", "x²")] {
            assert_eq!(texts(typed)[0], prepared);
        }
    }

    #[test]
    fn unfit_texts_are_no_password() {
        assert_eq!(Password::read("pw\0").unwrap_err(), Unfit::Nul);
        assert_eq!(Password::read("pw\0pw").unwrap_err(), Unfit::Nul);
        assert_eq!(Password::read(&"ä".repeat(1025)).unwrap_err(), Unfit::TooLong);
        assert!(Password::read(&"ä".repeat(1024)).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn normalisation_is_idempotent(typed in "\\PC{1,40}") {
            let once = texts(&typed)[0].clone();
            proptest::prop_assert_eq!(&texts(&once)[0], &once);
        }
    }
}
