//! The roll of a person's sessions: which there are, by when each was last proven.
//!
//! It is kept with the person, so whoever reads a session with its person also knows how many are newer, and the cap on live
//! sessions holds at every moment: a session with [`MOST_LIVE_SESSIONS`] newer ones beside it is over, whether or not a login has
//! come round to ending it. Each login adds its own entry and asks nothing about those of others, so logins at the same time do
//! not fail each other.

use crate::session::{MOST_LIVE_SESSIONS, Session};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Entries that one login strikes off at most, so that they fit into its write.
const MOST_STRUCK: usize = 100;

/// How old an entry without a session must be before it is struck off: a read may see the entry of a login that is being written
/// before it sees the session.
const SETTLED: Duration = Duration::minutes(1);

/// The sessions of a person, by when each was last proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roll(Vec<(OffsetDateTime, Uuid)>);

impl Roll {
    /// The roll with these entries.
    pub fn new(entries: impl IntoIterator<Item = (OffsetDateTime, Uuid)>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// Whether a session is over because enough others are newer.
    pub fn is_beyond(&self, session: &Session) -> bool {
        let own = (session.facts.authenticated_at, session.id);
        self.0.len() >= MOST_LIVE_SESSIONS
            && self.0.iter().filter(|other| other.1 != own.1 && **other > own).count() >= MOST_LIVE_SESSIONS
    }

    /// Entries that say nothing any more, of sessions that `are_over` or are gone; `known` are all the sessions that there are.
    pub(crate) fn stale(
        &self,
        known: &[Session],
        are_over: impl Fn(&Session) -> bool,
        now: OffsetDateTime,
    ) -> Vec<Uuid> {
        let stale = self.0.iter().filter(|(at, id)| match known.iter().find(|session| session.id == *id) {
            Some(session) => are_over(session),
            None => *at + SETTLED < now,
        });
        stale.map(|(_, id)| *id).take(MOST_STRUCK).collect()
    }
}
