//! The methods by which a user proves who they are: the only list of them. The admin API, the configuration, the engine, pages and
//! documents read it.

use crate::form::node::Group;
use crate::identity::credential::CredentialType;
use serde::{Deserialize, Serialize};

/// A method by its wire name: in payloads, in the configuration, in `authentication_methods` and in a flow's `active`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodId {
    /// Identifier and password.
    Password,
    /// Social sign-in.
    Oidc,
    /// One-time code by e-mail or text message.
    Code,
    /// Authenticator app.
    Totp,
    /// Passkey.
    Passkey,
    /// Security key.
    Webauthn,
    /// Backup codes.
    LookupSecret,
    /// First step of the identifier-first form; proves nothing.
    IdentifierFirst,
}

/// What a method can prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// A first factor.
    First,
    /// A second factor alone.
    Second,
    /// Either, as the configuration says.
    Either,
    /// Nothing.
    None,
}

/// What is true of a method in every flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodInfo {
    /// The method.
    pub id: MethodId,
    /// The group of its nodes.
    pub group: Group,
    /// What it can prove.
    pub factor: Factor,
    /// The type of credential that it checks, where this release stores it.
    pub credential: Option<CredentialType>,
}

/// Every method, in the order in which a form is filled (contract `login-flow.md` 4.5).
pub const METHODS: [MethodInfo; 8] = {
    use MethodId as M;
    const fn method(id: M, group: Group, factor: Factor, credential: Option<CredentialType>) -> MethodInfo {
        MethodInfo { id, group, factor, credential }
    }
    [
        method(M::Password, Group::Password, Factor::First, Some(CredentialType::Password)),
        method(M::Oidc, Group::Oidc, Factor::First, None),
        method(M::Code, Group::Code, Factor::Either, Some(CredentialType::Code)),
        method(M::Totp, Group::Totp, Factor::Second, None),
        method(M::Passkey, Group::Passkey, Factor::First, None),
        method(M::Webauthn, Group::Webauthn, Factor::Either, Some(CredentialType::Webauthn)),
        method(M::LookupSecret, Group::LookupSecret, Factor::Second, None),
        method(M::IdentifierFirst, Group::IdentifierFirst, Factor::None, None),
    ]
};

impl MethodId {
    /// The wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Oidc => "oidc",
            Self::Code => "code",
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::Webauthn => "webauthn",
            Self::LookupSecret => "lookup_secret",
            Self::IdentifierFirst => "identifier_first",
        }
    }

    /// What is true of it in every flow.
    pub fn info(self) -> &'static MethodInfo {
        // The list has every method, as a test says.
        METHODS.iter().find(|info| info.id == self).unwrap_or(&METHODS[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_has_each_method_once_in_order() {
        for info in &METHODS {
            assert_eq!(info.id.info(), info);
            assert_eq!(serde_json::json!(info.id), info.id.as_str());
        }
        assert!(METHODS.windows(2).all(|pair| pair[0].id < pair[1].id));
    }
}
