//! What belongs to one identity alone: identifiers, addresses and external ids.

use super::address::Via;
use super::credential::CredentialType;
use uuid::Uuid;

/// Something that belongs to one person alone.
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

/// Who a unique thing belongs to, and for a password identifier how to check the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The person.
    pub identity: Uuid,
    /// Version of the credential that the hash was copied from.
    pub version: u64,
    /// The password's hash, if the person has one.
    pub hash: Option<String>,
}
