//! The configured hasher.

use crate::stored::StoredHash;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use zeroize::Zeroizing;

/// Longest password that bcrypt takes, in bytes; it would ignore the rest.
pub(crate) const BCRYPT_LONGEST: usize = 72;

/// How new hashes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hasher {
    /// `$argon2id$v=19$…`.
    Argon2id {
        /// Memory, in KiB.
        memory_kib: u32,
        /// Passes over the memory.
        iterations: u32,
        /// Lanes.
        parallelism: u32,
        /// Salt, in bytes; at most 64.
        salt_length: usize,
        /// Hash, in bytes.
        key_length: usize,
    },
    /// `$2a$…`.
    Bcrypt {
        /// Base-2 logarithm of the rounds.
        cost: u32,
    },
}

/// Why a password cannot be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// bcrypt reads 72 bytes; a longer password would be truncated, and any other with the same beginning would match.
    #[error("The password must be at most {BCRYPT_LONGEST} characters long, but got {0}.")]
    TooLong(usize),
    /// A text with a NUL, which bcrypt reads as its end.
    #[error("The password contains a NUL character.")]
    Nul,
    /// The parameters are outside the limits of the algorithm; a checked configuration has valid ones.
    #[error("the configured hasher does not work with its parameters")]
    Parameters,
}

impl Default for Hasher {
    fn default() -> Self {
        Self::owasp()
    }
}

impl Hasher {
    /// argon2id with the parameters that the OWASP password storage sheet recommends: 19 MiB, two passes, one lane.
    pub fn owasp() -> Self {
        Self::Argon2id { memory_kib: 19 * 1024, iterations: 2, parallelism: 1, salt_length: 16, key_length: 32 }
    }

    /// Hashes a password with as much of the random `salt` as the algorithm wants.
    ///
    /// # Errors
    /// [`HashError::TooLong`] for bcrypt and more than 72 bytes; [`HashError::Nul`]; [`HashError::Parameters`] for parameters
    /// that are none.
    pub fn hash(&self, password: &[u8], salt: &[u8; 64]) -> Result<String, HashError> {
        if password.contains(&0) {
            return Err(HashError::Nul);
        }
        match *self {
            Self::Argon2id { memory_kib, iterations, parallelism, salt_length, key_length } => {
                let salt = salt.get(..salt_length).ok_or(HashError::Parameters)?;
                let mut key = Zeroizing::new(vec![0; key_length]);
                argon2(Algorithm::Argon2id, [memory_kib, iterations, parallelism], password, salt, &mut key)
                    .ok_or(HashError::Parameters)?;
                let (salt, key) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(&*key));
                Ok(format!("$argon2id$v=19$m={memory_kib},t={iterations},p={parallelism}${salt}${key}"))
            }
            Self::Bcrypt { .. } if password.len() > BCRYPT_LONGEST => Err(HashError::TooLong(password.len())),
            Self::Bcrypt { cost } => {
                let [salt @ .., _, _, _, _, _, _, _, _] = salt.first_chunk::<24>().expect("64 bytes hold 24");
                bcrypt::hash_with_salt(password, cost, *salt)
                    .map(|hash| hash.format_for_version(bcrypt::Version::TwoA))
                    .map_err(|_| HashError::Parameters)
            }
        }
    }

    /// Whether a stored hash has another algorithm or other parameters than this hasher.
    pub fn needs_rehash(&self, stored: &StoredHash) -> bool {
        stored.made_by().as_ref() != Some(self)
    }

    /// A hasher that takes a fraction of this one's time, and how many of it take the full time.
    pub fn part(&self) -> (Self, u32) {
        match *self {
            Self::Argon2id { memory_kib, iterations, parallelism, salt_length, key_length }
                if memory_kib / 4 >= 8 * parallelism =>
            {
                (Self::Argon2id { memory_kib: memory_kib / 4, iterations, parallelism, salt_length, key_length }, 4)
            }
            Self::Bcrypt { cost } if cost >= 6 => (Self::Bcrypt { cost: cost - 2 }, 4),
            whole => (whole, 1),
        }
    }
}

/// Computes argon2 into `key`, whose length is part of the hash. Parameters are KiB, passes, lanes.
pub(crate) fn argon2(
    algorithm: Algorithm,
    [memory, iterations, parallelism]: [u32; 3],
    password: &[u8],
    salt: &[u8],
    key: &mut [u8],
) -> Option<()> {
    let params = Params::new(memory, iterations, parallelism, Some(key.len())).ok()?;
    Argon2::new(algorithm, Version::V0x13, params).hash_password_into(password, salt, key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; 64] = [7; 64];

    /// Fast enough for a test, with parameters of the real kind.
    fn small() -> Hasher {
        Hasher::Argon2id { memory_kib: 64, iterations: 1, parallelism: 1, salt_length: 16, key_length: 32 }
    }

    fn fits(stored: &str, password: &[u8]) -> bool {
        StoredHash::parse(stored).unwrap().verify(password)
    }

    fn needs_rehash(hasher: &Hasher, stored: &str) -> bool {
        hasher.needs_rehash(&StoredHash::parse(stored).unwrap())
    }

    #[test]
    fn hasher_recognises_its_own_hashes() {
        for hasher in [small(), Hasher::Bcrypt { cost: 4 }] {
            let hash = hasher.hash(b"correct horse", &SALT).unwrap();
            assert!(fits(&hash, b"correct horse"), "{hash}");
            assert!(!fits(&hash, b"correct horse "), "{hash}");
            assert!(!needs_rehash(&hasher, &hash), "{hash}");
        }
    }

    #[test]
    fn formats_are_the_documented_ones() {
        assert!(small().hash(b"x", &SALT).unwrap().starts_with("$argon2id$v=19$m=64,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$"));
        assert!(Hasher::Bcrypt { cost: 4 }.hash(b"x", &SALT).unwrap().starts_with("$2a$04$"));
        assert!(Hasher::default().hash(b"x", &SALT).unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }

    #[test]
    fn every_parameter_counts_as_a_change() {
        let hash = small().hash(b"x", &SALT).unwrap();
        for other in [
            Hasher::Argon2id { memory_kib: 65, iterations: 1, parallelism: 1, salt_length: 16, key_length: 32 },
            Hasher::Argon2id { memory_kib: 64, iterations: 2, parallelism: 1, salt_length: 16, key_length: 32 },
            Hasher::Argon2id { memory_kib: 64, iterations: 1, parallelism: 2, salt_length: 16, key_length: 32 },
            Hasher::Argon2id { memory_kib: 64, iterations: 1, parallelism: 1, salt_length: 32, key_length: 32 },
            Hasher::Argon2id { memory_kib: 64, iterations: 1, parallelism: 1, salt_length: 16, key_length: 16 },
            Hasher::Bcrypt { cost: 4 },
        ] {
            assert!(needs_rehash(&other, &hash), "{other:?}");
        }
        let bcrypt = Hasher::Bcrypt { cost: 4 }.hash(b"x", &SALT).unwrap();
        assert!(needs_rehash(&Hasher::Bcrypt { cost: 5 }, &bcrypt));
        assert!(needs_rehash(&small(), "{SSHA}JFZFs0oHzxbMwkSJmYVeI8MnTDy/276a"));
    }

    #[test]
    fn parts_are_within_the_limits_of_algorithms() {
        for hasher in [small(), Hasher::owasp(), Hasher::Bcrypt { cost: 12 }, Hasher::Bcrypt { cost: 5 }] {
            let (part, count) = hasher.part();
            assert!(part.hash(b"x", &SALT).is_ok(), "{part:?}");
            assert_eq!(count == 1, part == hasher, "{part:?}");
        }
        let lanes = Hasher::Argon2id { memory_kib: 64, iterations: 1, parallelism: 8, salt_length: 16, key_length: 32 };
        assert_eq!(lanes.part(), (lanes, 1));
    }

    #[test]
    fn bcrypt_refuses_long_passwords() {
        let hasher = Hasher::Bcrypt { cost: 4 };
        assert!(hasher.hash(&[b'a'; 72], &SALT).is_ok());
        assert_eq!(hasher.hash(&[b'a'; 73], &SALT), Err(HashError::TooLong(73)));
    }

    #[test]
    fn no_hasher_accepts_a_nul() {
        for hasher in [small(), Hasher::Bcrypt { cost: 4 }] {
            assert_eq!(hasher.hash(b"pw\0pw", &SALT), Err(HashError::Nul));
        }
    }
}
