//! A session: made by a login, stepped up by a refresh or a second factor, ended by revoking.

pub mod eviction;
pub mod index;
pub mod secrets;

pub use index::SessionIndex;
pub use secrets::{GRACE, SecretMatch, Secrets};

use crate::aal::{Aal, AuthenticationMethod, level_of};
use crate::token::Presented;
use crate::wire::timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long an ended session is still recognised as a known device.
pub const REMEMBERED: Duration = Duration::days(30);

/// Where a login came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Stable id.
    pub id: Uuid,
    /// Address of the client, empty when only private addresses are known.
    pub ip_address: Option<String>,
    /// What the client says it is, at most 512 bytes.
    pub user_agent: Option<String>,
    /// City and country as a trusted edge says, empty without one.
    pub location: Option<String>,
}

/// A session as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The id; a refresh keeps it.
    pub id: Uuid,
    /// Whose it is.
    pub identity: Uuid,
    /// False once revoked; nothing sets it back.
    pub active: bool,
    /// What proves it.
    pub secrets: Secrets,
    /// End of life.
    pub expires_at: OffsetDateTime,
    /// The facts that no condition of a write compares.
    pub facts: Facts,
}

/// The part of a session that no condition looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub issued_at: OffsetDateTime,
    /// When a factor was last proven.
    #[serde(with = "time::serde::rfc3339")]
    pub authenticated_at: OffsetDateTime,
    /// Every factor proven, in order.
    pub methods: Vec<AuthenticationMethod>,
    /// Where it was made.
    pub devices: Vec<Device>,
    /// Whether the password that opened the session, or was its step-up, is known to have leaked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub password_leaked: bool,
}

impl Session {
    /// A new session of `presented`'s identity, proven by one factor.
    pub fn new(
        presented: &Presented,
        method: AuthenticationMethod,
        device: Device,
        lifespan: Duration,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            id: presented.session(),
            identity: presented.identity(),
            active: true,
            secrets: Secrets::new(presented.hash()),
            expires_at: now.saturating_add(lifespan),
            facts: Facts {
                issued_at: now,
                authenticated_at: now,
                methods: vec![method],
                devices: vec![device],
                password_leaked: false,
            },
        }
    }

    /// The session after its holder proved one more factor: same id, another secret, a new life. Only for a client that
    /// presented the current secret; another one gets [`a session of its own`](Self::beside).
    pub fn stepped_up(
        &self,
        next: &Presented,
        method: AuthenticationMethod,
        lifespan: Duration,
        now: OffsetDateTime,
    ) -> Self {
        let mut session = self.clone();
        session.secrets = self.secrets.rotated(next.hash(), now);
        session.expires_at = now.saturating_add(lifespan);
        session.facts.authenticated_at = now;
        session.facts.methods.push(method);
        session
    }

    /// A session beside this one, for a client that proved one more factor after another client had changed this session's
    /// secret: what was proven counts in both, and neither client signs the other out.
    pub fn beside(
        &self,
        presented: &Presented,
        method: AuthenticationMethod,
        device: Device,
        lifespan: Duration,
        now: OffsetDateTime,
    ) -> Self {
        let mut session = Self::new(presented, method.clone(), device, lifespan, now);
        session.facts.methods = self.facts.methods.clone();
        session.facts.methods.push(method);
        session.facts.password_leaked = self.facts.password_leaked;
        session
    }

    /// Whether `presented` proves this session at `now`. No secret proves a session that is over.
    pub fn proven_by(&self, presented: &Presented, index: &SessionIndex, now: OffsetDateTime) -> Option<SecretMatch> {
        self.secrets.matching(presented, now).filter(|_| self.is_live(index, now))
    }

    /// The session as the secret before the last refresh proves it: the factor proven since then does not raise its level, because
    /// a client that holds that secret has not proven it.
    pub fn without_later_factor(mut self) -> Self {
        let level = self.aal();
        if let Some(later) = self.facts.methods.pop()
            && self.aal() == level
        {
            self.facts.methods.push(later);
        }
        self
    }

    /// Whether `presented` holds a secret of this session that is good at `now`, even if the session has ended.
    pub fn is_held_by(&self, presented: &Presented, now: OffsetDateTime) -> bool {
        self.secrets.matching(presented, now).is_some()
    }

    /// Whether `matched` is the first use of the current secret while the one before it is still good: that use ends the one
    /// before.
    pub fn supersedes(&self, matched: SecretMatch, now: OffsetDateTime) -> bool {
        matched == SecretMatch::Current && self.secrets.previous().is_some_and(|(_, until)| now < *until)
    }

    /// Not revoked, not expired, and not beyond the cap by its identity's index. The identity's state counts too, but lives with the
    /// identity.
    pub fn is_live(&self, index: &SessionIndex, now: OffsetDateTime) -> bool {
        self.lasts(now) && !index.evicts((self.facts.authenticated_at, self.id))
    }

    /// Neither revoked nor expired.
    fn lasts(&self, now: OffsetDateTime) -> bool {
        self.active && now < self.expires_at
    }

    /// The level its factors add up to.
    pub fn aal(&self) -> Aal {
        level_of(&self.facts.methods)
    }

    /// The session's JSON (contract `login-flow.md` 7.1). `active` also depends on the identity, so it is given.
    pub fn render(&self, active: bool, identity: Value, devices: Value) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("id".into(), json!(self.id));
        out.insert("active".into(), json!(active));
        out.insert("expires_at".into(), timestamp(self.expires_at));
        out.insert("authenticated_at".into(), timestamp(self.facts.authenticated_at));
        out.insert("authenticator_assurance_level".into(), json!(self.aal()));
        out.insert("authentication_methods".into(), json!(self.facts.methods));
        out.insert("issued_at".into(), timestamp(self.facts.issued_at));
        out.insert("identity".into(), identity);
        out.insert("devices".into(), devices);
        out
    }

    /// [`render`](Self::render) with the session's own devices.
    pub fn render_with_devices(&self, active: bool, identity: Value) -> Map<String, Value> {
        self.render(active, identity, json!(self.facts.devices))
    }
}

/// What administrators see of a session beyond what its user sees.
pub fn for_administrators(session: &Session, mut shown: Map<String, Value>) -> Map<String, Value> {
    if session.facts.password_leaked {
        shown.insert("password_leaked".into(), json!(true));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::MethodId;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);
    const DAY: Duration = Duration::days(1);

    fn entry(at: OffsetDateTime) -> AuthenticationMethod {
        AuthenticationMethod { method: MethodId::Password, aal: Aal::Aal1, completed_at: at }
    }

    fn device() -> Device {
        Device {
            id: Uuid::from_u128(9),
            ip_address: Some("203.0.113.7".into()),
            user_agent: None,
            location: Some("".into()),
        }
    }

    fn presented(n: u8) -> Presented {
        Presented::new(Uuid::from_u128(1), Uuid::from_u128(2), [n; 32])
    }

    #[test]
    fn secret_proves_its_session_until_it_ends() {
        let session = Session::new(&presented(1), entry(NOW), device(), DAY, NOW);
        assert_eq!(session.proven_by(&presented(1), &SessionIndex::default(), NOW), Some(SecretMatch::Current));
        assert_eq!(session.proven_by(&presented(2), &SessionIndex::default(), NOW), None);
        assert_eq!(
            session.proven_by(&presented(1), &SessionIndex::default(), NOW + DAY),
            None,
            "the last instant is over"
        );
        let revoked = Session { active: false, ..session };
        assert_eq!(revoked.proven_by(&presented(1), &SessionIndex::default(), NOW), None);
    }

    #[test]
    fn refresh_changes_secret_and_keeps_id() {
        let old = Session::new(&presented(1), entry(NOW), device(), DAY, NOW);
        let later = NOW + Duration::hours(1);
        let new = old.stepped_up(&presented(2), entry(later), DAY, later);
        assert_eq!((new.id, new.facts.issued_at), (old.id, old.facts.issued_at));
        assert_eq!(new.facts.methods.len(), 2);
        assert_eq!(new.facts.devices.len(), 1);
        assert_eq!(new.expires_at, later + DAY);
        assert_eq!(new.proven_by(&presented(2), &SessionIndex::default(), later), Some(SecretMatch::Current));
        assert_eq!(new.proven_by(&presented(1), &SessionIndex::default(), later), Some(SecretMatch::Previous));
        assert_eq!(new.proven_by(&presented(1), &SessionIndex::default(), later + GRACE), None);
        assert!(new.supersedes(SecretMatch::Current, later) && !new.supersedes(SecretMatch::Previous, later));
        assert!(!new.supersedes(SecretMatch::Current, later + GRACE), "what has ended by itself needs no ending");
    }

    #[test]
    fn ended_session_keeps_its_secrets() {
        let old = Session::new(&presented(1), entry(NOW), device(), DAY, NOW);
        let ended = Session { active: false, ..old.stepped_up(&presented(2), entry(NOW), DAY, NOW) };
        assert!(ended.is_held_by(&presented(1), NOW) && ended.is_held_by(&presented(2), NOW));
        assert!(!ended.is_held_by(&presented(1), NOW + GRACE) && !ended.is_held_by(&presented(3), NOW));
    }

    #[test]
    fn previous_secret_proves_no_higher_level() {
        let old = Session::new(&presented(1), entry(NOW), device(), DAY, NOW);
        let totp = AuthenticationMethod { method: MethodId::Totp, aal: Aal::Aal2, completed_at: NOW };
        let stepped_up = old.stepped_up(&presented(2), totp, DAY, NOW);
        assert_eq!((stepped_up.aal(), stepped_up.without_later_factor().aal()), (Aal::Aal2, Aal::Aal1));
        let refreshed = old.stepped_up(&presented(2), entry(NOW), DAY, NOW);
        assert_eq!(refreshed.clone().without_later_factor(), refreshed);
    }

    #[test]
    fn a_session_beside_another_keeps_its_factors() {
        let old = Session::new(&presented(1), entry(NOW), device(), DAY, NOW);
        let own = Presented::new(old.identity, Uuid::from_u128(3), [3; 32]);
        let later = NOW + Duration::minutes(1);
        let beside = old.beside(&own, entry(later), device(), DAY, later);
        assert_ne!(beside.id, old.id);
        assert_eq!((beside.facts.issued_at, beside.facts.methods.len()), (later, 2));
        assert_eq!(beside.proven_by(&own, &SessionIndex::default(), later), Some(SecretMatch::Current));
    }
}
