//! Password hashes: the two that Latchkey writes, and all that it can read.
//!
//! [`Hasher`] makes today's hashes. [`StoredHash`] understands what is stored, which may have come from another system
//! (contract `methods-password-code-2fa.md` 2.7): such a hash is read until its owner signs in, then today's replaces it.
//! Everything here is pure computation; randomness is handed in.

mod hasher;
pub mod leak;
mod md5_crypt;
mod stored;
mod template;

pub use hasher::{HashError, Hasher};
pub use stored::{ImportError, StoredHash};

/// Whether `password` is the one that `stored` was made from; `false` too for a hash that cannot be read.
pub fn verify(stored: &str, password: &[u8]) -> bool {
    StoredHash::parse(stored).is_ok_and(|hash| hash.verify(password))
}
