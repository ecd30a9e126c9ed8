//! Values that belong to one identity alone: identifiers, addresses and external ids.

use super::address::Via;
use super::credential::CredentialType;
use uuid::Uuid;

/// A value that belongs to one identity alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unique {
    /// An identifier of a credential type, normalised.
    Identifier(CredentialType, String),
    /// A verifiable address.
    Verifiable(&'static str, String),
    /// A recovery address.
    Recovery(&'static str, String),
    /// An id of the deployment's own.
    ExternalId(String),
}

impl Unique {
    /// The guard of a verifiable address.
    pub fn verifiable(via: Via, value: &str) -> Self {
        Self::Verifiable(via.as_str(), value.to_owned())
    }

    /// The guard of a recovery address.
    pub fn recovery(via: Via, value: &str) -> Self {
        Self::Recovery(via.as_str(), value.to_owned())
    }
}

/// The identity that a unique value belongs to. The guard of a password identifier also holds what checks the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The identity.
    pub identity: Uuid,
    /// Version of the credential that the hash was copied from.
    pub version: u64,
    /// The password's hash, if the identity has a password.
    pub hash: Option<String>,
}
