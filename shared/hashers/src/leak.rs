//! Whether a password is in a list of leaked ones, without sending it: the request has only the first five digits of its SHA-1, and the
//! answer lists all hashes that begin with them.

use sha1::{Digest as _, Sha1};
use std::fmt::Write as _;

/// Digits that are sent.
const PREFIX: usize = 5;

/// A password as the leak service knows it.
#[derive(Clone)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The hash of a password.
    pub fn of(password: &[u8]) -> Self {
        let mut digits = String::with_capacity(40);
        for byte in Sha1::digest(password) {
            // Writing to a text does not fail.
            let _ = write!(digits, "{byte:02X}");
        }
        Self(digits)
    }

    /// The request: five hex digits.
    pub fn prefix(&self) -> &str {
        &self.0[..PREFIX]
    }

    /// How often the password was seen, from the answer to its prefix: lines of the other 35 digits, a colon and a count. A line
    /// without a count counts once (contract `methods-password-code-2fa.md` 9).
    pub fn seen(&self, answer: &str) -> u64 {
        let rest = &self.0[PREFIX..];
        let of = |line: &str| {
            let (digits, count) = line.trim().split_once(':').unwrap_or((line.trim(), "1"));
            digits.eq_ignore_ascii_case(rest).then(|| count.trim().replace(',', "").parse().unwrap_or(1))
        };
        answer.lines().find_map(of).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_prefix_is_sent() {
        // SHA-1 of "password" is 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8.
        let print = Fingerprint::of(b"password");
        assert_eq!(print.prefix(), "5BAA6");
        let answer = "003D68EB55068C33ACE09247EE4C639306B:3\r\n1E4C9B93F3F0682250B6CF8331B7EE68FD8:9,545,824\r\n";
        assert_eq!(print.seen(answer), 9_545_824);
        assert_eq!(print.seen("1e4c9b93f3f0682250b6cf8331b7ee68fd8"), 1);
        assert_eq!(print.seen("003D68EB55068C33ACE09247EE4C639306B:3"), 0);
        assert_eq!(print.seen(""), 0);
    }
}
