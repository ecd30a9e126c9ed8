//! Telephone numbers in the spellings of users, parsed as libphonenumber does, which Kratos uses: text before the number, brackets, spaces
//! and dots are ignored, and digits of every script are digits.
//!
//! This module brings a text to digits of ASCII. What they mean, [`plan`] knows.

mod plan;

use regex_lite::Regex;
use std::sync::LazyLock;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Longest text that is looked at, in bytes, as in libphonenumber.
const LONGEST: usize = 250;
/// Fewest digits of a text that can be a number.
const FEWEST_DIGITS: usize = 3;

/// What may stand between the digits of a number.
const PUNCTUATION: &str = "-x\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}\u{30FC}\u{FF0D}\u{FF0E}\u{FF0F} \
    \u{A0}\u{AD}\u{200B}\u{2060}\u{3000}()\u{FF08}\u{FF09}\u{FF3B}\u{FF3D}.[]/~\u{2053}\u{223C}\u{FF5E}*";

/// An extension at the end of a number.
static EXTENSION: LazyLock<Regex> = LazyLock::new(|| {
    let alternatives = [
        r";ext=[0-9]{1,20}",
        r"[ \u{A0}\t,]*(?:e?xt(?:ensi(?:o\u{301}?|\u{F3}))?n?|доб|anexo)[:.]?[ \u{A0}\t,-]*[0-9]{1,20}#?",
        r"[ \u{A0}\t,]*(?:[x#~\u{FF5E}]|int)[:.]?[ \u{A0}\t,-]*[0-9]{1,9}#?",
        r"[- ]+[0-9]{1,6}#",
        r"[ \u{A0}\t]*(?:,{2}|;)[:.]?[ \u{A0}\t,-]*[0-9]{1,15}#?",
        r"[ \u{A0}\t]*,+[:.]?[ \u{A0}\t,-]*[0-9]{1,9}#?",
    ];
    let pattern = format!("(?i)(?:{})$", alternatives.join("|"));
    #[expect(clippy::expect_used, reason = "the pattern is a constant, and a test compiles it")]
    Regex::new(&pattern).expect("a pattern")
});

/// The number in a folded text, in E.164, if the text is one valid number in international form.
pub(crate) fn e164(text: &str) -> Option<String> {
    plan::e164(&international(text)?)
}

/// The digits of a text's number, its calling code first. Whether there is such a number, the numbering plans say.
fn international(text: &str) -> Option<String> {
    if text.len() > LONGEST || !text.contains(is_plus) {
        return None;
    }
    let ascii = |c| digit(c).and_then(|digit| char::from_digit(digit, 10)).unwrap_or(c);
    let text: String = text.chars().map(ascii).collect();
    let text = possible(&in_its_context(&text)?)?.to_owned();
    // Without a region to assume, a number must say its country.
    let national = text.trim_start_matches(is_plus);
    if national.len() == text.len() {
        return None;
    }
    let number = match EXTENSION.find(national).map(|found| &national[..found.start()]) {
        Some(before) if is_viable(before) => before,
        _ if is_viable(national) => national,
        _ => return None,
    };
    Some(digits(number).collect())
}

fn is_plus(c: char) -> bool {
    matches!(c, '+' | '\u{FF0B}')
}

/// A number of RFC 3966 with its context before it, and without a subaddress.
fn in_its_context(text: &str) -> Option<String> {
    const CONTEXT: &str = ";phone-context=";
    let whole = match text.split_once(CONTEXT) {
        None => text.to_owned(),
        Some((before, after)) => {
            let context = after.split(';').next().unwrap_or("");
            let number = before.rsplit_once("tel:").map_or(before, |(_, number)| number);
            if context.is_empty() {
                return None;
            }
            // A context that is no country is a domain, which says nothing.
            format!("{}{number}", if context.starts_with('+') { context } else { "" })
        }
    };
    Some(whole.split_once(";isub=").map_or(whole.as_str(), |(before, _)| before).to_owned())
}

/// What may be a number: from the first plus or digit, without a second number and without what ends none.
fn possible(text: &str) -> Option<&str> {
    let start = text.find(|c: char| is_plus(c) || c.is_ascii_digit())?;
    let number = text[start..].trim_end_matches(|c: char| !c.is_alphanumeric() && c != '#');
    let second =
        number.match_indices(['/', '\\']).find(|(at, _)| number[at + 1..].trim_start_matches(' ').starts_with('x'));
    Some(second.map_or(number, |(at, _)| &number[..at]))
}

/// Whether a text without its plus is made as a number is: three digits, punctuation among them, then anything that a number may
/// have, alphabetic characters of a keypad included.
fn is_viable(text: &str) -> bool {
    let mut digits = 0;
    text.chars().all(|c| {
        if c.is_ascii_digit() {
            digits += 1;
            return true;
        }
        PUNCTUATION.contains(c) || is_plus(c) && digits == 0 || c.is_ascii_alphabetic() && digits >= FEWEST_DIGITS
    }) && digits >= FEWEST_DIGITS
}

/// The digits of a number. Three alphabetic characters or more are those of a keypad, fewer are ignored.
fn digits(number: &str) -> impl Iterator<Item = char> {
    let keypad = number.chars().filter(char::is_ascii_alphabetic).count() >= 3;
    number.chars().filter_map(move |c| match c {
        '0'..='9' => Some(c),
        _ if keypad => key(c),
        _ => None,
    })
}

/// The digit of an alphabetic character on a telephone keypad.
fn key(character: char) -> Option<char> {
    Some(match character.to_ascii_lowercase() {
        'a'..='c' => '2',
        'd'..='f' => '3',
        'g'..='i' => '4',
        'j'..='l' => '5',
        'm'..='o' => '6',
        'p'..='s' => '7',
        't'..='v' => '8',
        'w'..='z' => '9',
        _ => return None,
    })
}

/// The value of a decimal digit of any script. Unicode keeps those of a script in a row from 0 to 9, and scripts' rows apart or
/// whole.
pub fn digit(c: char) -> Option<u32> {
    if c.is_ascii() {
        return c.to_digit(10);
    }
    let is_digit = |c: char| c.general_category() == GeneralCategory::DecimalNumber;
    if !is_digit(c) {
        return None;
    }
    let before = (1..).take_while(|back| (u32::from(c) - back).try_into().is_ok_and(is_digit)).count();
    u32::try_from(before % 10).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_read_however_it_is_written() {
        for text in [
            "+4917667111638",
            "+49 176 67111638",
            "+49 (0)176 67111638",
            "+49 (0) 176-671 11 638",
            "+490176 67111638",
            "+49176-67111638",
            "+49\u{a0}176\u{a0}67111638",
            "+49\u{2011}176\u{2011}67111638",
            "+49/176/67111638",
            "+49.176.67111638",
            "(+49) 176 67111638",
            "[+49] 176 67111638",
            "tel:+4917667111638",
            "tel:+49-176-67111638",
            "tel:176-67111638;phone-context=+49",
            "tel:+4917667111638;isub=12345",
            "tel:+4917667111638;ext=7",
            "mobil: +49 176 67111638",
            "whatsapp +49 176 67111638.",
            "+٤٩١٧٦٦٧١١١٦٣٨",
            "+۴۹۱۷۶۶۷۱۱۱۶۳۸",
            "+४९ १७६ ६७१११६३८",
            "\u{ff0b}４９１７６６７１１１６３８",
            "+49 176 67111638 ext. 5",
            "+49 176 67111638 x5",
            "+49 176 67111638,,5#",
            "+49 176 67111638 / x2303",
            "++49 176 67111638",
        ] {
            assert_eq!(e164(text).as_deref(), Some("+4917667111638"), "{text}");
        }
        assert_eq!(e164("+1 800 FLOWERS").as_deref(), Some("+18003569377"));
        assert_eq!(e164("+1650-253-0000").as_deref(), Some("+16502530000"));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "",
            "+",
            "+1",
            "+49 12",
            "017667111638",
            "0049 176 67111638",
            "4917667111638",
            "ada+news@example.org",
            "ada+4917667111638@example.org",
            "call 5 times +4917667111638",
            "+49 176 67111638 or +49 176 67111639",
            "+999 12345678",
            "tel:17667111638;phone-context=example.org",
            "tel:17667111638;phone-context=",
            "+dwpaa;phone-context=aa",
        ] {
            assert_eq!(e164(text), None, "{text}");
        }
    }

    #[test]
    fn digits_of_every_script_have_their_value() {
        for zero in [
            '0',
            '\u{660}',
            '\u{6f0}',
            '\u{966}',
            '\u{9e6}',
            '\u{e50}',
            '\u{ff10}',
            '\u{1d7ce}',
            '\u{1d7d8}',
            '\u{1d7f6}',
            '\u{1e950}',
        ] {
            for value in 0..10 {
                let c = char::from_u32(u32::from(zero) + value).unwrap();
                assert_eq!(digit(c), Some(value), "{c}");
            }
        }
        for c in ['a', '²', '½', '一', '\u{0}', '\u{10ffff}'] {
            assert_eq!(digit(c), None, "{c}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_none(chars in proptest::collection::vec(any::<char>(), 0..40)) {
            let _ = e164(&format!("+{}", chars.into_iter().collect::<String>()));
        }

        #[test]
        fn what_looks_like_a_number_is_read_or_none(text in "(tel:|mob )?[(]?[+]{0,2}[0-9٤۹ ().,;#xa-f/-]{0,30}(;(ext|isub|phone-context)=[+0-9a-z.]{0,6}){0,2}") {
            if let Some(number) = e164(&text) {
                prop_assert_eq!(e164(&number), Some(number.clone()));
            }
        }
    }
}
