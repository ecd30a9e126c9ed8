//! Addresses that a message may go to. A text that a server could read as another address, as two, or as a header, is refused.

use crate::courier::QueuedMessage;
use crate::identity::Via;

/// Whether a message may go to its recipient.
///
/// # Errors
/// Why not; never with the address itself.
pub fn check(queued: &QueuedMessage) -> Result<(), &'static str> {
    match queued.via {
        Via::Email => email(&queued.recipient),
        Via::Sms => telephone(&queued.recipient),
    }
}

/// An address as it stands in SMTP's `RCPT TO`, without what only a header may hold.
///
/// # Errors
/// Why not; never with the address itself.
pub fn email(address: &str) -> Result<(), &'static str> {
    if address.chars().any(char::is_control) {
        return Err("the e-mail address holds a line break or another control character");
    }
    if !address.is_ascii() {
        return Err(
            "the e-mail address has letters beyond ASCII, which can look like others; write its domain as xn--…",
        );
    }
    let (local, domain) = address.rsplit_once('@').ok_or("the e-mail address has no @")?;
    // RFC 5322's atext and the dot; addresses in quotation marks exist on paper only.
    let atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    if !local.bytes().all(atext) {
        return Err("the e-mail address has a name, a comment, a quotation or a second address in it");
    }
    if local.is_empty() || local.len() > 64 || local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err("the e-mail address is malformed before the @");
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if domain.len() > 253 || !domain.split('.').all(label) {
        return Err("the e-mail address is malformed behind the @");
    }
    Ok(())
}

/// A number in E.164.
fn telephone(number: &str) -> Result<(), &'static str> {
    let digits = number.strip_prefix('+').ok_or("the telephone number is not international: it must begin with +")?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !(6..=15).contains(&digits.len()) || digits.starts_with('0') {
        return Err("the telephone number is not in E.164: + and 6 to 15 digits");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_email_addresses_pass() {
        for good in [
            "a@example.org",
            "first.last+tag@mail.example.org",
            "o'hara@example.org",
            "x@localhost",
            "1@xn--bcher-kva.example",
        ] {
            assert_eq!(email(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a",
            "@example.org",
            "a@",
            "Ann <a@example.org>",
            "<a@example.org>",
            "a@example.org, b@example.org",
            "a@example.org\r\nBcc: b@example.org",
            "a@example.org\n",
            "a\u{0}@example.org",
            "\"a b\"@example.org",
            "a(comment)@example.org",
            "a@b@example.org",
            "a@example.org;b@example.org",
            "a@ex ample.org",
            "a@[127.0.0.1]",
            "a@example..org",
            "a@-example.org",
            ".a@example.org",
            "а@example.org",
            "a@exаmple.org",
            "a@example.org\u{202e}",
            "a@example\u{3002}org",
        ] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_e164_numbers_pass() {
        assert_eq!(telephone("+493012345678"), Ok(()));
        for bad in [
            "",
            "+",
            "030123456",
            "+0301234567",
            "+49 30 123456",
            "+49301234567890123",
            "+4930\n123456",
            "+４９３０１２３４",
        ] {
            assert!(telephone(bad).is_err(), "{bad:?}");
        }
    }
}
