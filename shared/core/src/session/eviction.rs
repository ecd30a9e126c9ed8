//! Eviction: which sessions of an identity a login ends or deletes, so that their number stays bounded.

use super::Session;
use super::index::{Known, MOST_LIVE_SESSIONS, SessionIndex};
use time::OffsetDateTime;
use uuid::Uuid;

/// How many ended sessions of an identity are kept; beyond it the oldest are deleted. With the live ones they bound what a login
/// reads, however often a user signs in.
pub const MOST_ENDED_SESSIONS: usize = 60;

/// Sessions that one login ends and deletes at most, so that they fit into its transaction.
const MOST_AT_ONCE: usize = 90;

/// The sessions that a login evicts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Eviction {
    /// Live sessions to end, as they are then.
    pub ending: Vec<Session>,
    /// Ended sessions to delete.
    pub deleting: Vec<Uuid>,
    /// Entries to remove from the identity's index.
    pub unlisting: Vec<Uuid>,
}

/// Decides which sessions must go so that, with one more, at most [`MOST_LIVE_SESSIONS`] live and [`MOST_ENDED_SESSIONS`] ended
/// sessions stay. The oldest go first.
///
/// `keep` is the session that is being renewed, if any; it neither ends nor counts twice.
pub fn evict(sessions: &[Session], index: &SessionIndex, keep: Option<Uuid>, now: OffsetDateTime) -> Eviction {
    let evicted = |session: &Session| index.evicts((session.facts.authenticated_at, session.id));
    let others = sessions.iter().filter(|s| Some(s.id) != keep);
    let (mut lasting, mut ended): (Vec<_>, Vec<_>) = others.partition(|s| s.lasts(now));
    lasting.sort_by_key(|s| (s.facts.authenticated_at, s.id));
    ended.sort_by_key(|s| s.facts.authenticated_at);
    // The sessions that the index evicts are the oldest of all.
    let beyond = lasting.iter().filter(|s| evicted(s)).count();
    lasting.truncate(beyond.max((lasting.len() + 1).saturating_sub(MOST_LIVE_SESSIONS)).min(MOST_AT_ONCE));
    ended.truncate(ended.len().saturating_sub(MOST_ENDED_SESSIONS).min(MOST_AT_ONCE - lasting.len()));
    // Removing an entry makes room for an older session. While an evicted session is left, only entries that are older still may go,
    // or it would come back to life.
    let ends = |session: &Session| lasting.iter().any(|s| s.id == session.id);
    let is_over = |session: &Session| ends(session) || (Some(session.id) != keep && !session.lasts(now));
    let of = |id: Uuid, is_over: &dyn Fn(&Session) -> bool| match sessions.iter().find(|session| session.id == id) {
        Some(session) if is_over(session) => Known::Over,
        Some(_) => Known::Lasts,
        None => Known::Missing,
    };
    let unlisting = if lasting.len() >= beyond {
        index.stale(|id| of(id, &is_over), now)
    } else {
        index.stale(|id| of(id, &ends), OffsetDateTime::UNIX_EPOCH)
    };
    Eviction {
        unlisting,
        ending: lasting.into_iter().map(|s| Session { active: false, ..s.clone() }).collect(),
        deleting: ended.into_iter().map(|s| s.id).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aal::{Aal, AuthenticationMethod};
    use crate::method::MethodId;
    use crate::session::{Device, Facts};
    use crate::token::Presented;
    use time::Duration;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);
    const DAY: Duration = Duration::days(1);

    fn entry(at: OffsetDateTime) -> AuthenticationMethod {
        AuthenticationMethod { method: MethodId::Password, aal: Aal::Aal1, completed_at: at }
    }

    fn device() -> Device {
        Device { id: Uuid::from_u128(9), ip_address: None, user_agent: None, location: None }
    }

    fn presented(n: u8) -> Presented {
        Presented::new(Uuid::from_u128(1), Uuid::from_u128(2), [n; 32])
    }

    /// Sessions that were proven one after the other, and their index.
    fn enrolled(count: u32) -> (Vec<Session>, SessionIndex) {
        let at = |n: u32| NOW + Duration::seconds(i64::from(n));
        let session = |n: u32| {
            let own = Presented::new(Uuid::from_u128(1), Uuid::from_u128(u128::from(n)), [1; 32]);
            Session::new(&own, entry(at(n)), device(), DAY, at(n))
        };
        let sessions: Vec<_> = (0..count).map(session).collect();
        let index = SessionIndex::new(sessions.iter().map(|s| (s.facts.authenticated_at, s.id)));
        (sessions, index)
    }

    fn live(sessions: &[Session], index: &SessionIndex) -> Vec<u128> {
        let now = NOW + Duration::hours(1);
        sessions.iter().filter(|s| s.is_live(index, now)).map(|s| s.id.as_u128()).collect()
    }

    #[test]
    fn index_holds_the_cap_without_a_login() {
        let (mut sessions, index) = enrolled(140);
        assert_eq!(live(&sessions, &index), (50..140).collect::<Vec<_>>());
        assert_eq!(live(&sessions[..1], &SessionIndex::default()), [0], "a session of before the index lives on");
        assert_eq!(live(&sessions[..1], &enrolled(91).1), [0_u128; 0]);
        assert_eq!(live(&sessions[..1], &enrolled(90).1), [0]);
        // Ending newer ones brings none of the older back.
        sessions[100..].iter_mut().for_each(|s| s.active = false);
        assert_eq!(live(&sessions, &index), (50..100).collect::<Vec<_>>());
    }

    #[test]
    fn removed_entries_bring_no_session_back() {
        let now = NOW + Duration::hours(1);
        let (mut sessions, index) = enrolled(140);
        sessions[120..].iter_mut().for_each(|s| s.active = false);
        let evicted = evict(&sessions, &index, None, now);
        assert_eq!(evicted.ending.len(), 50, "those beyond the index end, although few enough last");
        assert_eq!(evicted.unlisting.len(), 50 + 20);
        // More than one login can end.
        let (mut sessions, index) = enrolled(500);
        sessions[490..].iter_mut().for_each(|s| s.active = false);
        let evicted = evict(&sessions, &index, None, now);
        assert_eq!(evicted.ending.len(), MOST_AT_ONCE);
        let ended: Vec<_> = evicted.ending.iter().map(|s| s.id).collect();
        assert_eq!(evicted.unlisting, ended, "entries of newer sessions stay while older ones are left");
    }

    #[test]
    fn entries_of_missing_sessions_are_removed() {
        let (sessions, index) = enrolled(3);
        let removed = |now| evict(&sessions[..1], &index, None, now).unlisting;
        assert!(removed(NOW + Duration::seconds(30)).is_empty(), "logins that are being written");
        assert_eq!(removed(NOW + Duration::hours(1)), [Uuid::from_u128(1), Uuid::from_u128(2)]);
    }

    #[test]
    fn oldest_sessions_go_first() {
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
        let ending = |evicted: Eviction| {
            assert!(evicted.deleting.is_empty() && evicted.ending.iter().all(|s| !s.active));
            evicted.ending.iter().map(|s| s.id).collect::<Vec<_>>()
        };
        assert_eq!(ending(evict(&all, &SessionIndex::default(), None, NOW)), ids(&[0, 1, 2]));
        assert_eq!(ending(evict(&all, &SessionIndex::default(), Some(Uuid::from_u128(0)), NOW)), ids(&[1, 2]));
        all.iter_mut().filter(|s| s.id.as_u128() < 3).for_each(|s| s.active = false);
        assert_eq!(
            evict(&all, &SessionIndex::default(), None, NOW),
            Eviction::default(),
            "ended ones count for themselves"
        );
        assert_eq!(evict(&all[..89], &SessionIndex::default(), None, NOW), Eviction::default());
        all.iter_mut().filter(|s| s.id.as_u128() < 62).for_each(|s| s.active = false);
        assert_eq!(
            evict(&all, &SessionIndex::default(), None, NOW),
            Eviction { deleting: ids(&[0, 1]), ..Eviction::default() }
        );
        let many: Vec<_> = (0..500).map(|n| Session { active: n >= 300, ..session(n) }).collect();
        let evicted = evict(&many, &SessionIndex::default(), None, NOW);
        assert_eq!(evicted.ending.len() + evicted.deleting.len(), MOST_AT_ONCE, "no more than fit into a transaction");
    }
}
