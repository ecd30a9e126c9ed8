//! Password hashes: the two that Latchkey writes, and all that it can read.
//!
//! [`Hasher`] makes today's hashes. [`StoredHash`] understands what is stored, which may have come from another system
//! (`docs/hashes.md`): such a hash is read until its owner signs in, then today's replaces it. [`Password`] says which texts
//! are one and the same password, [`Pace`] how long today's hash takes on this machine.
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
