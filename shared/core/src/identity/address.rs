//! Addresses of an identity.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// How an address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// Electronic mail.
    Email,
    /// Text message.
    Sms,
}

impl Via {
    /// `email` or `sms`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// The channel of an address of a code credential, which holds e-mail addresses and telephone numbers alone.
    pub fn of(address: &str) -> Self {
        if address.contains('@') { Self::Email } else { Self::Sms }
    }
}

/// How far the verification of an address has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressStatus {
    /// Nothing was sent yet.
    Pending,
    /// A message is on its way.
    Sent,
    /// Done.
    Completed,
}

/// An address that can be verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifiableAddress {
    /// Stable id.
    pub id: Uuid,
    /// The address, normalised.
    pub value: String,
    /// Whether a user has proven it.
    pub verified: bool,
    /// Channel.
    pub via: Via,
    /// Progress.
    pub status: AddressStatus,
    /// When it was proven.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<OffsetDateTime>,
    /// When the address appeared.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When anything of it changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// An address at which an account can be recovered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryAddress {
    /// Stable id.
    pub id: Uuid,
    /// The address, normalised.
    pub value: String,
    /// Channel.
    pub via: Via,
    /// When the address appeared.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When anything of it changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// An address to which a code can be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeAddress {
    /// Channel.
    pub via: Via,
    /// The address, normalised.
    pub value: String,
}

impl CodeAddress {
    /// The address of a code credential.
    pub fn of_credential(value: &str) -> Self {
        Self { via: Via::of(value), value: value.to_owned() }
    }
}

impl From<&VerifiableAddress> for CodeAddress {
    fn from(address: &VerifiableAddress) -> Self {
        Self { via: address.via, value: address.value.clone() }
    }
}
