//! Whose an identifier is. A submission may name several in several fields, and all were looked up before it was known which one
//! counts; so who asks here must say which.

use latchkey_core::identity::CredentialType;
use latchkey_methods::code::spellings;
use latchkey_schema::normalize_identifier;
use latchkey_store::credentials::{Guard, Unique};

/// The guards that were found, in the order in which they were asked for.
pub(crate) struct Owners(Vec<(Unique, Guard)>);

impl Owners {
    pub(crate) fn new(found: Vec<(Unique, Guard)>) -> Self {
        Self(found)
    }

    /// By a password credential.
    pub(crate) fn by_password(&self, typed: &str) -> Option<&Guard> {
        self.of(&[normalize_identifier(typed), typed.to_owned()], |kind| kind == CredentialType::Password)
    }

    /// By a code credential, else, where the configuration lets them, by any other.
    pub(crate) fn by_code(&self, typed: &str, fallback: bool) -> Option<&Guard> {
        let own = self.of(&spellings(typed), |kind| kind == CredentialType::Code);
        own.or_else(|| self.by_any(typed).filter(|_| fallback))
    }

    /// By any credential.
    pub(crate) fn by_any(&self, typed: &str) -> Option<&Guard> {
        self.of(&spellings(typed), |_| true)
    }

    /// An exact hit comes last and counts more.
    fn of(&self, spellings: &[String], is_asked_for: impl Fn(CredentialType) -> bool) -> Option<&Guard> {
        let fits = |(unique, _): &&(Unique, Guard)| match unique {
            Unique::Identifier(kind, value) => is_asked_for(*kind) && spellings.contains(value),
            _ => false,
        };
        self.0.iter().rfind(fits).map(|(_, guard)| guard)
    }
}
