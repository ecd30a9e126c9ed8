//! Stored hashes: their formats, their cost limits, and comparison.
//!
//! Each family of formats is a file. `docs/hashes.md` has the products and the limits.

mod argon2;
mod bcrypt;
mod crypt;
mod digest;
mod hmac;
mod hmac_keyed;
mod md5_crypt;
mod pbkdf2;
mod scrypt;
mod template;
#[cfg(test)]
mod tests;
mod text;

use crate::hasher::Hasher;
use crate::import::ImportError;
use ::argon2::Algorithm;
use latchkey_core::bounds::LONGEST_HASH;
use std::fmt;
use subtle::ConstantTimeEq as _;

/// Most that a comparison may cost, in nanoseconds of one core by the model: a caller waits for it, and any client can request it.
const MOST_NANOSECONDS: u64 = 8_000_000_000;
/// Bytes of a password that every hash must accept within that: 64 characters of ASCII.
const USUAL: usize = 64;

/// A hash to compare with.
pub struct StoredHash(Box<dyn Family + Send + Sync>);

/// The operations of a family of formats.
trait Family {
    /// Whether the text can be an owner's password, as far as the algorithm can tell.
    fn takes(&self, _password: &[u8]) -> bool {
        true
    }

    /// Whether the hash was made of this password.
    fn fits(&self, password: &[u8]) -> bool;

    /// Whether a matching password is certainly the owner's, and not another one that the algorithm cannot tell from it.
    fn is_sure_of(&self, _password: &[u8]) -> bool {
        true
    }

    /// The approximate time of a comparison with a password of `length` bytes, in nanoseconds.
    fn nanoseconds(&self, length: usize) -> u64;

    /// The hasher that would make such a hash today, if any.
    fn made_by(&self) -> Option<Hasher> {
        None
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredHash")
    }
}

impl StoredHash {
    /// Reads a hash of any format of the contract (`methods-password-code-2fa.md` 2.7), and checks its cost and that a password can match
    /// it.
    ///
    /// # Errors
    /// See [`ImportError`].
    pub fn parse(text: &str) -> Result<Self, ImportError> {
        let hash = Self::read(text)?;
        if hash.0.nanoseconds(USUAL) > MOST_NANOSECONDS {
            return Err(ImportError::costly("A comparison would take more than eight seconds."));
        }
        Ok(hash)
    }

    fn read(text: &str) -> Result<Self, ImportError> {
        if text.len() > LONGEST_HASH {
            return Err(ImportError::malformed(format!("A hash is at most {LONGEST_HASH} bytes long.")));
        }
        if let Some(rest) = text.strip_prefix('{') {
            return digest::Digest::salted(rest).map(Self::of);
        }
        let begins = || ImportError::unknown("A hash begins with $<format>$ or {SSHA}, {SSHA256}, {SSHA512}.");
        let (name, rest) = text.strip_prefix('$').and_then(|rest| rest.split_once('$')).ok_or_else(begins)?;
        let fields: Vec<&str> = rest.split('$').collect();
        match name {
            "md5-crypt" => crypt::Md5Crypt::parse(&fields).map(Self::of),
            "2" | "2a" | "2b" | "2y" | "2z" => bcrypt::Bcrypt::parse(&fields).map(Self::of),
            "sha256-crypt" => crypt::ShaCrypt::sha256(&fields).map(Self::of),
            "sha512-crypt" => crypt::ShaCrypt::sha512(&fields).map(Self::of),
            "argon2id" => argon2::Argon2::parse(Algorithm::Argon2id, &fields).map(Self::of),
            "argon2i" => argon2::Argon2::parse(Algorithm::Argon2i, &fields).map(Self::of),
            "scrypt" => scrypt::Scrypt::parse(&fields).map(Self::of),
            "firescrypt" => scrypt::Firebase::parse(&fields).map(Self::of),
            "sha1" => digest::Digest::sha1(&fields).map(Self::of),
            "sha256" => digest::Digest::sha256(&fields).map(Self::of),
            "sha512" => digest::Digest::sha512(&fields).map(Self::of),
            "md5" => digest::Digest::md5(&fields).map(Self::of),
            _ => match name.split_once('-') {
                Some(("pbkdf2", digest)) => pbkdf2::Pbkdf2::parse(digest, &fields).map(Self::of),
                Some(("hmac", digest)) => hmac::Keyed::parse(digest, &fields).map(Self::of),
                _ => Err(unknown(name)),
            },
        }
    }

    fn of(family: impl Family + Send + Sync + 'static) -> Self {
        Self(Box::new(family))
    }

    /// Whether the text can be an owner's password. Other texts are wrong without a comparison.
    pub fn takes(&self, password: &[u8]) -> bool {
        // Depending on the algorithm a NUL ends a password or pads it, so no owner has one.
        !password.contains(&0) && self.0.takes(password) && self.0.nanoseconds(password.len()) <= MOST_NANOSECONDS
    }

    /// Whether the hash was made of `password`.
    pub fn verify(&self, password: &[u8]) -> bool {
        self.takes(password) && self.0.fits(password)
    }

    /// Whether a matching password is certainly the owner's. Otherwise it must not be hashed again: that would lock the owner out.
    pub fn is_sure_of(&self, password: &[u8]) -> bool {
        self.0.is_sure_of(password)
    }

    /// The hasher that would make such a hash today, if any.
    pub(crate) fn made_by(&self) -> Option<Hasher> {
        self.0.made_by()
    }
}

/// Formats that are close to known ones, and what to write instead.
fn unknown(name: &str) -> ImportError {
    ImportError::unknown(match name {
        "1" => "crypt's $1$ is written $md5-crypt$ here.".to_owned(),
        "5" => "crypt's $5$ is written $sha256-crypt$ here.".to_owned(),
        "6" => "crypt's $6$ is written $sha512-crypt$ here.".to_owned(),
        "2x" => "$2x$ marks hashes of a faulty bcrypt, which cannot be compared with.".to_owned(),
        _ => format!("The format {} is not known.", text::quoted(name)),
    })
}

/// Equal, in a time that depends on the lengths alone.
fn same(computed: &[u8], stored: &[u8]) -> bool {
    computed.ct_eq(stored).into()
}
