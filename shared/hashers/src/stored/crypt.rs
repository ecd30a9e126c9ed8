//! The hashes of crypt(3): md5-crypt, sha256-crypt, sha512-crypt.
//!
//! Each round hashes the password up to three times, so a long one makes a comparison many times costlier. Passwords longer than usual
//! ones are not compared.

use super::md5_crypt::md5_crypt;
use super::text::{crypt_digits, is_crypt, number, parts, within};
use super::{Family, same};
use crate::{cost, import::ImportError};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// Longest password that is compared, in bytes: 64 characters of any script.
const LONGEST: usize = 256;
/// Longest salt of md5-crypt, in bytes, of which crypt(3) itself uses eight.
const LONGEST_SALT: usize = 64;
/// The part of a longer salt that crypt(3) uses, in bytes.
const MD5_SALT: usize = 8;
/// Longest salt of sha-crypt, in bytes; crypt(3) writes no longer one.
const SHA_SALT: usize = 16;
/// The default number of rounds.
const DEFAULT_ROUNDS: u32 = 5_000;
/// The contract has no maximum, and a comparison with that of the scheme would take a minute.
const ROUNDS: RangeInclusive<u32> = 1_000..=10_000_000;

/// `$1$`.
pub(super) struct Md5Crypt {
    salt: String,
    hash: String,
}

impl Md5Crypt {
    pub(super) fn parse(fields: &[&str]) -> Result<Self, ImportError> {
        let [salt, hash] = parts(fields, "$md5-crypt$<salt>$<22 characters of hash>")?;
        if !is_crypt(hash, 128) {
            return Err(ImportError::malformed("The hash is not 22 characters in crypt's base64."));
        }
        if salt.len() > LONGEST_SALT {
            return Err(ImportError::malformed(format!("The salt is longer than {LONGEST_SALT} bytes.")));
        }
        Ok(Self { salt: salt.to_owned(), hash: hash.to_owned() })
    }

    fn is_by(&self, password: &[u8], salt: &[u8]) -> bool {
        same(md5_crypt(password, salt).as_bytes(), self.hash.as_bytes())
    }
}

impl Family for Md5Crypt {
    fn takes(&self, password: &[u8]) -> bool {
        password.len() <= LONGEST
    }

    /// crypt(3) uses eight bytes of a longer salt, Kratos all of it.
    fn fits(&self, password: &[u8]) -> bool {
        let salt = self.salt.as_bytes();
        let by_all = self.is_by(password, salt);
        let by_eight = salt.get(..MD5_SALT).filter(|_| salt.len() > MD5_SALT);
        by_eight.is_some_and(|salt| self.is_by(password, salt)) | by_all
    }

    fn nanoseconds(&self, length: usize) -> u64 {
        cost::blocks(1_000 * blocks(length, self.salt.len(), 16, 64))
    }
}

/// Which of the two schemes.
#[derive(Clone, Copy)]
enum Sha {
    Sha256,
    Sha512,
}

/// `$5$` and `$6$`.
pub(super) struct ShaCrypt {
    digest: Sha,
    rounds: u32,
    salt: String,
    hash: String,
}

impl ShaCrypt {
    pub(super) fn sha256(fields: &[&str]) -> Result<Self, ImportError> {
        Self::parse(Sha::Sha256, 256, fields)
    }

    pub(super) fn sha512(fields: &[&str]) -> Result<Self, ImportError> {
        Self::parse(Sha::Sha512, 512, fields)
    }

    fn parse(digest: Sha, bits: usize, fields: &[&str]) -> Result<Self, ImportError> {
        let fields: Cow<'_, [&str]> = match fields {
            [salt, hash] if !salt.starts_with("rounds=") => Cow::Owned(vec!["", *salt, *hash]),
            _ => Cow::Borrowed(fields),
        };
        let shape = "$sha512-crypt$rounds=<rounds>$<salt>$<hash>, or without rounds for 5,000, and the same with $sha256-crypt$";
        let [rounds, salt, hash] = parts(&fields, shape)?;
        let rounds = match rounds.strip_prefix("rounds=") {
            Some(rounds) => number("rounds", rounds)?,
            None if rounds.is_empty() && matches!(fields, Cow::Owned(_)) => DEFAULT_ROUNDS,
            None => return Err(ImportError::malformed(format!("The shape is {shape}."))),
        };
        if rounds < *ROUNDS.start() {
            return Err(ImportError::malformed(format!("{rounds} rounds, the scheme needs {}.", ROUNDS.start())));
        }
        within("rounds", rounds, &ROUNDS)?;
        if salt.len() > SHA_SALT {
            return Err(ImportError::malformed(format!("The salt is longer than {SHA_SALT} bytes.")));
        }
        if !is_crypt(hash, bits) {
            let length = bits.div_ceil(6);
            return Err(ImportError::malformed(format!("The hash is not {length} characters in crypt's base64.")));
        }
        Ok(Self { digest, rounds, salt: salt.to_owned(), hash: hash.to_owned() })
    }
}

impl Family for ShaCrypt {
    fn takes(&self, password: &[u8]) -> bool {
        password.len() <= LONGEST
    }

    fn fits(&self, password: &[u8]) -> bool {
        let Ok(params) = sha_crypt::Params::new(self.rounds) else { return false };
        let salt = self.salt.as_bytes();
        let computed = match self.digest {
            Sha::Sha256 => written(&sha_crypt::sha256_crypt(password, salt, params)),
            Sha::Sha512 => written(&sha_crypt::sha512_crypt(password, salt, params)),
        };
        same(computed.as_bytes(), self.hash.as_bytes())
    }

    fn nanoseconds(&self, length: usize) -> u64 {
        let (digest, block) = match self.digest {
            Sha::Sha256 => (32, 64),
            Sha::Sha512 => (64, 128),
        };
        cost::blocks(u64::from(self.rounds) * blocks(length, self.salt.len(), digest, block))
    }
}

/// Blocks per round: the previous digest, the password nearly twice, two thirds of a salt, and the padding.
fn blocks(password: usize, salt: usize, digest: usize, block: usize) -> u64 {
    (digest + 2 * password + salt + block / 8 + 1).div_ceil(block) as u64
}

/// A digest as sha-crypt writes it. Groups of three bytes come from its thirds, and which third leads changes with each group;
/// what three does not divide stands at the end, its last byte first.
fn written(digest: &[u8]) -> String {
    let third = digest.len() / 3;
    // SHA-256 begins with the first third and moves back, SHA-512 moves on.
    let step = if digest.len() == 32 { 2 } else { 1 };
    let groups = (0..third).map(|at| {
        let from = |which: usize| digest[(step * at + which) % 3 * third + at];
        vec![from(0), from(1), from(2)]
    });
    let rest: Vec<u8> = digest[3 * third..].iter().rev().copied().collect();
    let groups: Vec<Vec<u8>> = groups.chain([rest]).collect();
    crypt_digits(groups.iter().map(Vec::as_slice))
}
