//! Password hashes: the two that Latchkey writes, and all that it can read.
//!
//! [`Hasher`] makes today's hashes. [`StoredHash`] reads stored ones, which may come from another system (`docs/hashes.md`): such a hash
//! is used until its owner signs in, and then replaced by today's. [`Password`] says which texts are the same password, and [`Pace`] how
//! long today's hash takes on this machine.
//! Everything here is computation; randomness is handed in.

mod cost;
mod hasher;
mod import;
pub mod leak;
mod pace;
mod password;
mod stored;

pub use hasher::{HashError, Hasher};
pub use import::{ImportError, Refusal};
pub use pace::Pace;
pub use password::{Password, Unfit};
pub use stored::StoredHash;
