//! The session that a client presents (contract `login-flow.md` 1.3): the first source with a value wins, and a bad token is not
//! followed by the next source.

use crate::browser;
use crate::call::Call;
use crate::cookies;
use crate::edge::Edge;
use http::HeaderMap;
use latchkey_core::error::Fault;
use latchkey_core::identity::State;
use latchkey_core::session::{SecretMatch, Session};
use latchkey_core::token::Presented;
use latchkey_platform::log::note;
use latchkey_store::Accounts;
use latchkey_store::accounts::Profile;
use time::OffsetDateTime;

/// The session credentials of a request.
#[derive(Debug, Default)]
pub struct Credential {
    /// The token, if the winning source has a readable one.
    pub presented: Option<Presented>,
    /// Whether any source had a value.
    pub any: bool,
    /// The expiry that the session cookie was issued for, when the proof came by cookie.
    pub cookie_expires: Option<OffsetDateTime>,
}

/// The parts of a request that can prove a session, wherever the request came from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The cookies by name, in the order sent.
    pub cookies: &'a [(String, String)],
    /// When the request came.
    pub now: OffsetDateTime,
}

/// Reads the session credentials of a request.
pub fn credential(call: &Call<'_>) -> Credential {
    credential_in(call.edge, Evidence { headers: &call.headers, cookies: &call.cookies, now: call.now })
}

/// Reads the session credentials: `X-Session-Token`, else the session cookie, else `Authorization: Bearer`.
pub fn credential_in(edge: &Edge, evidence: Evidence<'_>) -> Credential {
    let header = |name: &str| evidence.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(token) = header("x-session-token").filter(|token| !token.is_empty()) {
        let presented = cookies::read(token, Presented::from_token);
        return Credential { presented, any: true, cookie_expires: None };
    }
    let mut any = false;
    for (_, value) in evidence.cookies.iter().filter(|(name, _)| *name == edge.config.cookies.session_name) {
        any = true;
        if let Some(cookie) = cookies::read(value, |value| browser::read_session_cookie(edge, value, evidence.now)) {
            return Credential {
                presented: Some(cookie.presented),
                any: true,
                cookie_expires: Some(cookie.expires_at),
            };
        }
    }
    let bearer = header("authorization").and_then(bearer);
    let presented = bearer.and_then(|token| cookies::read(token, Presented::from_token));
    Credential { presented, any: any || bearer.is_some(), cookie_expires: None }
}

/// Exactly two parts, the first `bearer` in any case.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ')).then_some(token)
}

/// A proven session, with its identity. Only [`settle`] makes one.
#[derive(Debug)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// The identity.
    pub profile: Profile,
    presented: Presented,
    matched: SecretMatch,
}

impl SignedIn {
    /// The presented token, if it has the session's current secret. A previous secret is neither sent again nor exchanged.
    pub fn current(&self) -> Option<&Presented> {
        Some(&self.presented).filter(|_| self.matched == SecretMatch::Current)
    }
}

/// Decides whether the presented token proves the session: the secret is right, the session neither revoked nor expired, the identity
/// active. The first use of a session's current secret ends the previous one, at whichever endpoint.
pub async fn settle(
    presented: Option<Presented>,
    found: Option<(Session, Profile)>,
    accounts: &Accounts,
    now: OffsetDateTime,
) -> Option<SignedIn> {
    let signed_in = prove(presented?, found?, now)?;
    if signed_in.session.supersedes(signed_in.matched, now) {
        // Without this write the previous secret only lives out its minute, so a failure does not fail the request.
        if let Err(error) = accounts.forget_previous_secret(&signed_in.session).await {
            note(error.to_string());
        }
    }
    Some(signed_in)
}

fn prove(presented: Presented, (session, profile): (Session, Profile), now: OffsetDateTime) -> Option<SignedIn> {
    let matched = session.proven_by(&presented, &profile.index, now)?;
    let ours = session.id == presented.session() && profile.identity.id == session.identity;
    let session = match matched {
        SecretMatch::Current => session,
        SecretMatch::Previous => session.without_later_factor(),
    };
    (ours && profile.identity.state == State::Active).then_some(SignedIn { session, profile, presented, matched })
}

/// The session of a call, if it is valid.
///
/// # Errors
/// When the store fails: that is not the same as signed out.
pub async fn signed_in(call: &Call<'_>, accounts: &Accounts) -> Result<Option<SignedIn>, Fault> {
    look_up(credential(call).presented, accounts, call.now).await
}

/// The session of presented credentials, if it is valid.
///
/// # Errors
/// When the store fails.
pub async fn look_up(
    presented: Option<Presented>,
    accounts: &Accounts,
    now: OffsetDateTime,
) -> Result<Option<SignedIn>, Fault> {
    let Some(presented) = presented else { return Ok(None) };
    let found = accounts.session(&presented).await?;
    Ok(settle(Some(presented), found, accounts, now).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_header_has_two_parts() {
        assert_eq!(bearer("Bearer x"), Some("x"));
        assert_eq!(bearer("bEARER x"), Some("x"));
        for bad in ["Bearer", "Bearer ", "Bearer  x", "Bearer x y", "Basic x", "token x", ""] {
            assert_eq!(bearer(bad), None, "{bad}");
        }
    }
}
