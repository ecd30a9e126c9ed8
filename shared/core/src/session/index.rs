//! The index of an identity's sessions: their ids, by when each was last proven.
//!
//! It lies in the profile, so a reader of a session and its identity also knows how many sessions are newer. The cap on live sessions
//! therefore holds at every moment: a session with [`MOST_LIVE_SESSIONS`] newer ones is over, whether or not a login has ended it
//! yet. Each login adds its own entry and asks nothing about the others, so logins at the same time do not fail each other.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How many live sessions an identity may have; beyond it the oldest end.
pub const MOST_LIVE_SESSIONS: usize = 90;

/// Entries that one login removes at most, so that they fit into its write.
const MOST_REMOVED: usize = 100;

/// How old an entry without a session must be before a login removes it. A read may see the entry of a login that is being written
/// before it sees the session.
const SETTLED: Duration = Duration::minutes(1);

/// When a session was last proven, and its id.
pub type Entry = (OffsetDateTime, Uuid);

/// The sessions of an identity, by when each was last proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionIndex(Vec<Entry>);

/// What a caller knows of the session of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The session lasts.
    Lasts,
    /// The session is over.
    Over,
    /// There is no such session.
    Missing,
}

impl SessionIndex {
    /// The index with these entries.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// Whether a session is over because enough others are newer.
    pub fn evicts(&self, own: Entry) -> bool {
        self.0.len() >= MOST_LIVE_SESSIONS
            && self.0.iter().filter(|other| other.1 != own.1 && **other > own).count() >= MOST_LIVE_SESSIONS
    }

    /// Ids of entries that no longer count, because their session is over or missing.
    pub(super) fn stale(&self, known: impl Fn(Uuid) -> Known, now: OffsetDateTime) -> Vec<Uuid> {
        let stale = self.0.iter().filter(|(at, id)| match known(*id) {
            Known::Lasts => false,
            Known::Over => true,
            Known::Missing => *at + SETTLED < now,
        });
        stale.map(|(_, id)| *id).take(MOST_REMOVED).collect()
    }
}
