//! The methods.

use serde::{Deserialize, Serialize};

/// A login method by its wire name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodId {
    /// Identifier and password.
    Password,
    /// One-time code by email or text message.
    Code,
    /// Social sign-in.
    Oidc,
    /// Passkey.
    Passkey,
    /// Security key.
    Webauthn,
    /// Authenticator app.
    Totp,
    /// Backup codes.
    LookupSecret,
    /// First step of the identifier-first form.
    IdentifierFirst,
}

impl MethodId {
    /// The name in payloads, configuration and `authentication_methods`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Code => "code",
            Self::Oidc => "oidc",
            Self::Passkey => "passkey",
            Self::Webauthn => "webauthn",
            Self::Totp => "totp",
            Self::LookupSecret => "lookup_secret",
            Self::IdentifierFirst => "identifier_first",
        }
    }
}
