//! A person's session: made by a login, strengthened by a refresh or a second factor, ended by revoking.

use crate::aal::{Aal, AuthenticationMethod, level_of};
use crate::roll::Roll;
use crate::token::{Presented, SecretHash};
use crate::wire::timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long the secret before a refresh stays good, so that a lost answer signs nobody out.
pub const GRACE: Duration = Duration::seconds(60);

/// Live sessions one person may have; beyond it the oldest end.
pub const MOST_LIVE_SESSIONS: usize = 90;

/// Ended sessions that are kept of one person; beyond it the oldest are forgotten. With the live ones they bound what a login
/// reads, however often somebody signs in.
pub const MOST_ENDED_SESSIONS: usize = 60;

/// Sessions that one login ends and forgets at most, so that they fit into its transaction.
const MOST_AT_ONCE: usize = 90;

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

/// The secrets that prove a session: the current one and, for a while after a refresh, the one before.
///
/// Nothing else compares what a client presents, so no reader can know one of the two alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Secrets {
    current: SecretHash,
    /// The hash of the one before, and until when it is good.
    previous: Option<(SecretHash, OffsetDateTime)>,
}

impl Secrets {
    /// One secret without a predecessor.
    pub fn new(current: SecretHash) -> Self {
        Self { current, previous: None }
    }

    /// The secrets as they were stored.
    pub fn stored(current: SecretHash, previous: Option<(SecretHash, OffsetDateTime)>) -> Self {
        Self { current, previous }
    }

    /// The hash of the current one, to be stored.
    pub fn current(&self) -> &SecretHash {
        &self.current
    }

    /// The hash of the one before and until when it is good, to be stored.
    pub fn previous(&self) -> Option<&(SecretHash, OffsetDateTime)> {
        self.previous.as_ref()
    }

    /// The secrets after a refresh: `next` is the current one, and the one it replaces is good for [`GRACE`].
    fn rotated(&self, next: SecretHash, now: OffsetDateTime) -> Self {
        Self { current: next, previous: Some((self.current, now + GRACE)) }
    }

    /// Which of them `presented` holds at `now`, if either.
    fn matching(&self, presented: &Presented, now: OffsetDateTime) -> Option<SecretMatch> {
        let hash = presented.hash();
        // Both are compared, so that the time taken does not tell which of them there is.
        let is_current = self.current.fits(&hash);
        let is_previous = self.previous.as_ref().is_some_and(|(old, until)| old.fits(&hash) && now < *until);
        match (is_current, is_previous) {
            (true, _) => Some(SecretMatch::Current),
            (false, true) => Some(SecretMatch::Previous),
            (false, false) => None,
        }
    }
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
    /// What does not change hands in conditions.
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
    /// The password that opened or strengthened it is known to have leaked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub password_leaked: bool,
}

/// Which of a session's secrets a client presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretMatch {
    /// The current one.
    Current,
    /// The one before, within its grace. It proves the session, but is neither handed out again nor changed for another:
    /// that is for the holder of the current one.
    Previous,
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
    pub fn strengthened(
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

    /// Whether `presented` proves this session at `now`. Sessions that are over are proven by nothing.
    pub fn proven_by(&self, presented: &Presented, roll: &Roll, now: OffsetDateTime) -> Option<SecretMatch> {
        self.secrets.matching(presented, now).filter(|_| self.is_live(roll, now))
    }

    /// The session as the secret before the last refresh proves it: the factor proven since then does not raise its level, because
    /// whoever holds that secret has not proven it.
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
        matched == SecretMatch::Current && self.secrets.previous.as_ref().is_some_and(|(_, until)| now < *until)
    }

    /// Not revoked, not expired, and not beyond the cap by its person's roll. The identity's state counts too, but lives with the
    /// identity.
    pub fn is_live(&self, roll: &Roll, now: OffsetDateTime) -> bool {
        self.lasts(now) && !roll.is_beyond(self)
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

/// What administrators see of a session beyond what everybody does.
pub fn for_administrators(session: &Session, mut shown: Map<String, Value>) -> Map<String, Value> {
    if session.facts.password_leaked {
        shown.insert("password_leaked".into(), json!(true));
    }
    shown
}

/// Sessions of a person that are too many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surplus {
    /// Live ones to end, as they are then.
    pub ending: Vec<Session>,
    /// Ended ones to forget.
    pub forgetting: Vec<Uuid>,
    /// Entries to strike off the person's roll.
    pub striking: Vec<Uuid>,
}

/// What must go so that, with one more, at most [`MOST_LIVE_SESSIONS`] live and [`MOST_ENDED_SESSIONS`] ended ones stay: the
/// oldest first.
///
/// `keep` is the one being renewed, if any; it neither ends nor counts twice.
pub fn beyond_the_caps(sessions: &[Session], roll: &Roll, keep: Option<Uuid>, now: OffsetDateTime) -> Surplus {
    let others = sessions.iter().filter(|s| Some(s.id) != keep);
    let (mut lasting, mut ended): (Vec<_>, Vec<_>) = others.partition(|s| s.lasts(now));
    lasting.sort_by_key(|s| (s.facts.authenticated_at, s.id));
    ended.sort_by_key(|s| s.facts.authenticated_at);
    // Those beyond the roll are the oldest of all.
    let beyond = lasting.iter().filter(|s| roll.is_beyond(s)).count();
    lasting.truncate(beyond.max((lasting.len() + 1).saturating_sub(MOST_LIVE_SESSIONS)).min(MOST_AT_ONCE));
    ended.truncate(ended.len().saturating_sub(MOST_ENDED_SESSIONS).min(MOST_AT_ONCE - lasting.len()));
    // An entry that is struck off makes room for an older session. While one that is beyond the roll is left, only entries that are
    // older still may go, or it would come back to life.
    let ends = |session: &Session| lasting.iter().any(|s| s.id == session.id);
    let is_over = |session: &Session| ends(session) || (Some(session.id) != keep && !session.lasts(now));
    let striking = if lasting.len() >= beyond {
        roll.stale(sessions, is_over, now)
    } else {
        roll.stale(sessions, ends, OffsetDateTime::UNIX_EPOCH)
    };
    Surplus {
        striking,
        ending: lasting.into_iter().map(|s| Session { active: false, ..s.clone() }).collect(),
        forgetting: ended.into_iter().map(|s| s.id).collect(),
    }
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
    fn a_session_is_proven_by_its_secret_until_it_ends() {
        let session = Session::new(&presented(1), entry(NOW), device(), DAY, NOW);
        assert_eq!(session.proven_by(&presented(1), &Roll::default(), NOW), Some(SecretMatch::Current));
        assert_eq!(session.proven_by(&presented(2), &Roll::default(), NOW), None);
        assert_eq!(session.proven_by(&presented(1), &Roll::default(), NOW + DAY), None, "the last instant is over");
        let revoked = Session { active: false, ..session };
        assert_eq!(revoked.proven_by(&presented(1), &Roll::default(), NOW), None);
    }

    #[test]
    fn a_refresh_changes_the_secret_and_keeps_the_id() {
        let old = Session::new(&presented(1), entry(NOW), device(), DAY, NOW);
        let later = NOW + Duration::hours(1);
        let new = old.strengthened(&presented(2), entry(later), DAY, later);
        assert_eq!((new.id, new.facts.issued_at), (old.id, old.facts.issued_at));
        assert_eq!(new.facts.methods.len(), 2);
        assert_eq!(new.facts.devices.len(), 1);
        assert_eq!(new.expires_at, later + DAY);
        assert_eq!(new.proven_by(&presented(2), &Roll::default(), later), Some(SecretMatch::Current));
        assert_eq!(new.proven_by(&presented(1), &Roll::default(), later), Some(SecretMatch::Previous));
        assert_eq!(new.proven_by(&presented(1), &Roll::default(), later + GRACE), None);
        assert!(new.supersedes(SecretMatch::Current, later) && !new.supersedes(SecretMatch::Previous, later));
        assert!(!new.supersedes(SecretMatch::Current, later + GRACE), "what has ended by itself needs no ending");
    }

    #[test]
    fn an_ended_session_is_held_by_the_same_secrets() {
        let old = Session::new(&presented(1), entry(NOW), device(), DAY, NOW);
        let ended = Session { active: false, ..old.strengthened(&presented(2), entry(NOW), DAY, NOW) };
        assert!(ended.is_held_by(&presented(1), NOW) && ended.is_held_by(&presented(2), NOW));
        assert!(!ended.is_held_by(&presented(1), NOW + GRACE) && !ended.is_held_by(&presented(3), NOW));
    }

    #[test]
    fn the_previous_secret_proves_no_higher_level() {
        let old = Session::new(&presented(1), entry(NOW), device(), DAY, NOW);
        let totp = AuthenticationMethod { method: MethodId::Totp, aal: Aal::Aal2, completed_at: NOW };
        let stepped_up = old.strengthened(&presented(2), totp, DAY, NOW);
        assert_eq!((stepped_up.aal(), stepped_up.without_later_factor().aal()), (Aal::Aal2, Aal::Aal1));
        let refreshed = old.strengthened(&presented(2), entry(NOW), DAY, NOW);
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
        assert_eq!(beside.proven_by(&own, &Roll::default(), later), Some(SecretMatch::Current));
    }

    /// Sessions that were proven one after the other, and their roll.
    fn enrolled(count: u32) -> (Vec<Session>, Roll) {
        let at = |n: u32| NOW + Duration::seconds(i64::from(n));
        let session = |n: u32| {
            let own = Presented::new(Uuid::from_u128(1), Uuid::from_u128(u128::from(n)), [1; 32]);
            Session::new(&own, entry(at(n)), device(), DAY, at(n))
        };
        let sessions: Vec<_> = (0..count).map(session).collect();
        let roll = Roll::new(sessions.iter().map(|s| (s.facts.authenticated_at, s.id)));
        (sessions, roll)
    }

    fn live(sessions: &[Session], roll: &Roll) -> Vec<u128> {
        let now = NOW + Duration::hours(1);
        sessions.iter().filter(|s| s.is_live(roll, now)).map(|s| s.id.as_u128()).collect()
    }

    #[test]
    fn the_roll_holds_the_cap_without_a_login() {
        let (mut sessions, roll) = enrolled(140);
        assert_eq!(live(&sessions, &roll), (50..140).collect::<Vec<_>>());
        assert_eq!(live(&sessions[..1], &Roll::default()), [0], "a session of before the roll lives on");
        assert_eq!(live(&sessions[..1], &enrolled(91).1), [0_u128; 0]);
        assert_eq!(live(&sessions[..1], &enrolled(90).1), [0]);
        // Ending newer ones brings none of the older back.
        sessions[100..].iter_mut().for_each(|s| s.active = false);
        assert_eq!(live(&sessions, &roll), (50..100).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_struck_off_brings_no_session_back() {
        let now = NOW + Duration::hours(1);
        let (mut sessions, roll) = enrolled(140);
        sessions[120..].iter_mut().for_each(|s| s.active = false);
        let surplus = beyond_the_caps(&sessions, &roll, None, now);
        assert_eq!(surplus.ending.len(), 50, "those beyond the roll end, although few enough last");
        assert_eq!(surplus.striking.len(), 50 + 20);
        // More than one login can end.
        let (mut sessions, roll) = enrolled(500);
        sessions[490..].iter_mut().for_each(|s| s.active = false);
        let surplus = beyond_the_caps(&sessions, &roll, None, now);
        assert_eq!(surplus.ending.len(), MOST_AT_ONCE);
        let struck: Vec<_> = surplus.ending.iter().map(|s| s.id).collect();
        assert_eq!(surplus.striking, struck, "entries of newer sessions stay while older ones are left");
    }

    #[test]
    fn entries_of_sessions_that_are_gone_are_struck_off() {
        let (sessions, roll) = enrolled(3);
        let strike = |now| beyond_the_caps(&sessions[..1], &roll, None, now).striking;
        assert!(strike(NOW + Duration::seconds(30)).is_empty(), "logins that are being written");
        assert_eq!(strike(NOW + Duration::hours(1)), [Uuid::from_u128(1), Uuid::from_u128(2)]);
    }

    #[test]
    fn beyond_the_caps_the_oldest_go() {
        let session = |n: u32| Session {
            id: Uuid::from_u128(u128::from(n)),
            facts: Facts {
                authenticated_at: NOW + Duration::seconds(i64::from(n)),
                ..Session::new(&presented(1), entry(NOW), device(), DAY, NOW).facts
            },
            ..Session::new(&presented(1), entry(NOW), device(), DAY, NOW)
        };
        let mut all: Vec<_> = (0..92).rev().map(session).collect();
        let ids = |list: &[u32]| list.iter().map(|&n| Uuid::from_u128(u128::from(n))).collect::<Vec<_>>();
        let ending = |surplus: Surplus| {
            assert!(surplus.forgetting.is_empty() && surplus.ending.iter().all(|s| !s.active));
            surplus.ending.iter().map(|s| s.id).collect::<Vec<_>>()
        };
        assert_eq!(ending(beyond_the_caps(&all, &Roll::default(), None, NOW)), ids(&[0, 1, 2]));
        assert_eq!(ending(beyond_the_caps(&all, &Roll::default(), Some(Uuid::from_u128(0)), NOW)), ids(&[1, 2]));
        all.iter_mut().filter(|s| s.id.as_u128() < 3).for_each(|s| s.active = false);
        assert_eq!(
            beyond_the_caps(&all, &Roll::default(), None, NOW),
            Surplus::default(),
            "ended ones count for themselves"
        );
        assert_eq!(beyond_the_caps(&all[..89], &Roll::default(), None, NOW), Surplus::default());
        all.iter_mut().filter(|s| s.id.as_u128() < 62).for_each(|s| s.active = false);
        assert_eq!(
            beyond_the_caps(&all, &Roll::default(), None, NOW),
            Surplus { forgetting: ids(&[0, 1]), ..Surplus::default() }
        );
        let many: Vec<_> = (0..500).map(|n| Session { active: n >= 300, ..session(n) }).collect();
        let surplus = beyond_the_caps(&many, &Roll::default(), None, NOW);
        assert_eq!(
            surplus.ending.len() + surplus.forgetting.len(),
            MOST_AT_ONCE,
            "no more than fit into a transaction"
        );
    }
}
