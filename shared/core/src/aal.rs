//! Authenticator assurance levels and the authentication methods that reach them.

use crate::method::MethodId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// How strongly a session was authenticated, or how strong a proof a flow requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Aal {
    /// Nothing was proven.
    #[default]
    Aal0,
    /// One factor.
    Aal1,
    /// Two factors, or one that the upstream provider vouched for as two.
    Aal2,
}

impl Aal {
    /// `aal0`, `aal1` or `aal2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aal0 => "aal0",
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
        }
    }

    /// The level a client may ask a login flow for: `aal1` or `aal2` in any case; everything else is refused with the
    /// reason of contract `login-flow.md` 1.4.
    pub fn parse_requested(text: &str) -> Result<Self, String> {
        match text.to_lowercase().as_str() {
            "aal1" => Ok(Self::Aal1),
            "aal2" => Ok(Self::Aal2),
            other => Err(format!(
                "Unable to parse AuthenticationMethod Assurance Level (AAL): expected one of [aal1, aal2] but got {}",
                crate::bounds::quoted(other)
            )),
        }
    }
}

/// One entry of a session's `authentication_methods`: which method was completed, at which level, when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuthenticationMethod {
    /// The method.
    pub method: MethodId,
    /// The level it counts for.
    pub aal: Aal,
    /// When it was completed.
    #[serde(with = "time::serde::rfc3339")]
    pub completed_at: OffsetDateTime,
}

/// The level a list of completed methods adds up to (contract `login-flow.md` 5.11).
///
/// Two second factors alone stay at `aal1`: without a first factor the client has not named an identity.
pub fn level_of(methods: &[AuthenticationMethod]) -> Aal {
    let has = |level| methods.iter().any(|m| m.aal == level);
    let vouched = methods.iter().any(|m| m.method == MethodId::Oidc && m.aal == Aal::Aal2);
    match (has(Aal::Aal1), has(Aal::Aal2)) {
        (true, true) => Aal::Aal2,
        _ if vouched => Aal::Aal2,
        (false, false) => Aal::Aal0,
        _ => Aal::Aal1,
    }
}

/// The level that the deployment requires of a session before a client may see it (`session.whoami.required_aal`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredAal {
    /// One factor is enough.
    Aal1,
    /// As many factors as the identity has set up.
    HighestAvailable,
}

impl RequiredAal {
    /// Whether a session at `session` is enough for an identity that can reach `available` (`login-flow.md` 6.4).
    pub fn is_met(self, session: Aal, available: Aal) -> bool {
        match self {
            Self::Aal1 => session >= Aal::Aal1,
            Self::HighestAvailable => available < Aal::Aal2 || session >= available,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(method: MethodId, aal: Aal) -> AuthenticationMethod {
        AuthenticationMethod { method, aal, completed_at: OffsetDateTime::UNIX_EPOCH }
    }

    /// Every combination of up to three entries out of the kinds that exist, against the rule written the other way round.
    #[test]
    fn level_follows_the_rule_for_every_combination() {
        let kinds = [
            entry(MethodId::Password, Aal::Aal1),
            entry(MethodId::Code, Aal::Aal1),
            entry(MethodId::Code, Aal::Aal2),
            entry(MethodId::Totp, Aal::Aal2),
            entry(MethodId::LookupSecret, Aal::Aal2),
            entry(MethodId::Oidc, Aal::Aal1),
            entry(MethodId::Oidc, Aal::Aal2),
        ];
        for mask in 0u32..1 << kinds.len() {
            let list: Vec<_> =
                kinds.iter().enumerate().filter(|(i, _)| mask & (1 << i) != 0).map(|(_, k)| k.clone()).collect();
            let first = list.iter().any(|m| m.aal == Aal::Aal1);
            let second = list.iter().any(|m| m.aal == Aal::Aal2);
            let upstream = list.iter().any(|m| m.method == MethodId::Oidc && m.aal == Aal::Aal2);
            let want = if list.is_empty() {
                Aal::Aal0
            } else if upstream || (first && second) {
                Aal::Aal2
            } else {
                Aal::Aal1
            };
            assert_eq!(level_of(&list), want, "{list:?}");
        }
    }

    #[test]
    fn required_level_decides_for_every_pair() {
        use Aal::{Aal0, Aal1, Aal2};
        for available in [Aal0, Aal1, Aal2] {
            for (session, one_is_enough) in [(Aal0, false), (Aal1, true), (Aal2, true)] {
                assert_eq!(RequiredAal::Aal1.is_met(session, available), one_is_enough);
                let highest = available != Aal2 || session == Aal2;
                assert_eq!(RequiredAal::HighestAvailable.is_met(session, available), highest);
            }
        }
    }

    #[test]
    fn requested_level_is_read_or_refused() {
        assert_eq!(Aal::parse_requested("AAL2"), Ok(Aal::Aal2));
        for bad in ["aal0", "aal3", "", "2"] {
            assert!(Aal::parse_requested(bad).unwrap_err().ends_with(&format!("but got {bad}")));
        }
        assert!(Aal::parse_requested("AAL9").unwrap_err().ends_with("but got aal9"));
    }
}
