//! md5-crypt (`$1$`), which no maintained library of this digest generation has.
//!
//! It is only read, never written: such a hash was imported and is replaced at the next login.

use super::text::crypt_digits;
use md5::{Digest as _, Md5};

/// Rounds of the slow part; fixed by the scheme.
const ROUNDS: usize = 1000;
/// The order of the sixteen written bytes, three to a group; the last stands alone.
const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
const LAST: usize = 11;

/// The 22 characters that stand after the salt.
pub(super) fn md5_crypt(password: &[u8], salt: &[u8]) -> String {
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut first = Md5::new().chain_update(password).chain_update(b"$1$").chain_update(salt);
    let mut left = password.len();
    while left > 0 {
        let take = left.min(inner.len());
        first.update(&inner[..take]);
        left -= take;
    }
    // One byte for each bit of the length: a zero for a one, the password's first byte for a zero. This accident of the original has become
    // part of the format.
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 { &[0][..] } else { &password[..1] });
        bits >>= 1;
    }
    let mut digest = first.finalize();
    for round in 0..ROUNDS {
        let mut next = Md5::new();
        next.update(if round % 2 == 1 { password } else { &digest });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if round % 2 == 1 { &digest[..] } else { password });
        digest = next.finalize();
    }
    let groups = ORDER.map(|group| group.map(|at| digest[at]));
    let last = [digest[LAST]];
    crypt_digits(groups.iter().map(<[u8; 3]>::as_slice).chain([last.as_slice()]))
}

#[cfg(test)]
mod tests {
    use super::md5_crypt;

    /// Made with `openssl passwd -1`.
    #[test]
    fn equals_the_result_of_openssl() {
        assert_eq!(md5_crypt(b"test", b"TVEiiKNb"), "SN6/pUaRQS/E8Jh46As2C/");
        for (password, salt, hash) in [
            ("", "saltsalt", "5Jhcit4zN9UlGiA0txPkO0"),
            ("", "xy", "JSgu5Zv4igzK2ULm5nTM30"),
            ("a", "saltsalt", "MzDjbImyzEz2m0NTiPzNW/"),
            ("a much longer password than sixteen bytes are", "saltsalt", "zcQmXCNygF151hE7GV7IZ."),
            ("a much longer password than sixteen bytes are", "xy", "ufzmWO1i9J46UNsvJkRdb."),
        ] {
            assert_eq!(md5_crypt(password.as_bytes(), salt.as_bytes()), hash, "{password} {salt}");
        }
    }
}
