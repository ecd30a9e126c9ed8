//! The secrets that prove a session.

use crate::token::{Presented, SecretHash};
use time::{Duration, OffsetDateTime};

/// How long the secret before a refresh stays good, so that a lost answer signs no user out.
pub const GRACE: Duration = Duration::seconds(60);

/// The secrets that prove a session: the current one and, for a while after a refresh, the one before.
///
/// No other code compares a presented secret, so no endpoint can accept one of the two and not the other.
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
    pub(super) fn rotated(&self, next: SecretHash, now: OffsetDateTime) -> Self {
        Self { current: next, previous: Some((self.current, now + GRACE)) }
    }

    /// Which of them `presented` holds at `now`, if either.
    pub(super) fn matching(&self, presented: &Presented, now: OffsetDateTime) -> Option<SecretMatch> {
        let hash = presented.hash();
        // Both are compared, so that the time does not tell which of them matches.
        let is_current = self.current.fits(&hash);
        let is_previous = self.previous.as_ref().is_some_and(|(old, until)| old.fits(&hash) && now < *until);
        match (is_current, is_previous) {
            (true, _) => Some(SecretMatch::Current),
            (false, true) => Some(SecretMatch::Previous),
            (false, false) => None,
        }
    }
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
