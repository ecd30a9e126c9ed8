//! Credentials of an identity, without their secrets.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Types of credentials that an identity may hold in this release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialType {
    /// One-time codes to an address.
    Code,
    /// A password.
    Password,
    /// Security keys.
    Webauthn,
}

impl CredentialType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::Code, Self::Password, Self::Webauthn];

    /// The wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Password => "password",
            Self::Webauthn => "webauthn",
        }
    }
}

/// Names of credential types that a query or path may contain, those of later releases among them.
pub const CREDENTIAL_TYPE_NAMES: [&str; 11] = [
    "password",
    "oidc",
    "saml",
    "totp",
    "lookup_secret",
    "webauthn",
    "code",
    "link_recovery",
    "code_recovery",
    "deviceauthn",
    "passkey",
];

/// The facts of a credential that are not secret. They lie in the profile, so every function that reads an identity can compute
/// which level it can reach. The secret part lies in a table of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CredentialSummary {
    /// Normalised identifiers, sorted as text.
    pub identifiers: Vec<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// Whether it is a first factor today. A password credential may exist without a password.
    #[serde(default)]
    pub usable: bool,
    /// How many second factors it holds, such as security keys.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub second_factors: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
