//! Identity schemas: they turn traits into a validated identity with identifiers and addresses.
//!
//! Pure functions over JSON values. A login needs only [`normalize_identifier`] and [`label`], so both stand apart from the
//! validator and link none of it.
//!
//! | module | holds |
//! |---|---|
//! | [`document`] | a schema, checked and prepared |
//! | [`extract`] | identifiers and addresses that traits yield |
//! | [`label`] | the label of the identifier's input |
//! | [`normalize`] | one spelling per identifier and address |
//! | [`phone`] | telephone numbers in the spellings of users |
//! | [`patch`] | JSON Patch as the admin API accepts it |
//! | [`report`] | the errors of traits, as a tree |

pub mod document;
pub mod extract;
pub mod label;
pub mod normalize;
pub mod patch;
pub mod phone;
pub mod report;

mod format;
mod pointer;
mod text;
mod validate;

pub use document::{IdentitySchema, SchemaError};
pub use extract::{Address, CodeAddress, Extracted, Via};
pub use normalize::{AddressError, IdentifierError, identifier_to_keep, normalize_address, normalize_identifier};
pub use report::ValidationError;

/// The schema extension of a trait, which says what the trait is for.
pub(crate) const EXTENSION: &str = "ory.sh/kratos";
