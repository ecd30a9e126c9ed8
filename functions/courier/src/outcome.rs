//! What becomes of a message, by fixed words: the log has them, and administrators read why nothing was sent.

use latchkey_core::courier::QueuedMessage;
use latchkey_store::flows::flow::Status;
use time::OffsetDateTime;

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Sent,
    SentClaimLost,
    SentNotRecorded,
    Recorded,
    ClaimLost,
    WasSent,
    WasAbandoned,
    Gone,
    Held,
    NotDue,
    StoreFailed,
    Unreadable,
    /// The delivery channel did not take it; it is tried again.
    Failed,
    /// The same, and the fault is ours.
    FailedByOurFault,
    /// The delivery channel takes only so many at once; it comes again.
    HadNoRoom,
    /// No further attempt is made.
    Abandoned,
    /// The delivery channel will never take it.
    Refused,
    /// The recipient is on the suppression list.
    Suppressed,
    /// Messages were forgotten.
    Erased,
    /// It is of no use any more.
    Useless(Useless),
}

impl Outcome {
    /// Its name in the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::SentClaimLost => "sent, claim lost",
            Self::SentNotRecorded => "sent, not recorded",
            Self::Recorded => "recorded",
            Self::ClaimLost => "claim lost",
            Self::WasSent => "was sent",
            Self::WasAbandoned => "was abandoned",
            Self::Gone => "gone",
            Self::Held => "held",
            Self::NotDue => "not due",
            Self::StoreFailed => "store failed",
            Self::Unreadable => "unreadable",
            Self::Failed => "failed",
            Self::FailedByOurFault => "failed by our fault",
            Self::HadNoRoom => "had no room",
            Self::Abandoned => "abandoned",
            Self::Refused => "refused",
            Self::Suppressed => "suppressed",
            Self::Erased => "erased",
            Self::Useless(Useless::Expired) => "expired",
            Self::Useless(Useless::Replaced) => "replaced",
            Self::Useless(Useless::SignedIn) => "login completed",
            Self::Useless(Useless::Locked) => "too many codes tried",
            Self::Useless(Useless::FlowGone) => "login gone",
        }
    }

    /// Whether an administrator has to learn of it: a user waited for a message that was not sent in time.
    pub(crate) fn is_alarming(self) -> bool {
        matches!(self, Self::Abandoned | Self::Useless(Useless::Expired))
    }
}

/// Why a message is of no use to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Useless {
    /// What it says is no longer true.
    Expired,
    /// A newer code was sent in the same flow.
    Replaced,
    /// The login was completed, by this code's predecessor or in another way.
    SignedIn,
    /// As many codes were tried in its flow as may be.
    Locked,
    /// Its flow is gone.
    FlowGone,
}

impl Useless {
    /// Whether, by the clock, a message is of no use.
    pub(crate) fn by_time(message: &QueuedMessage, now: OffsetDateTime) -> Option<Self> {
        message.expires_at.is_some_and(|end| end <= now).then_some(Self::Expired)
    }

    /// Whether, by what became of its flow, a message is of no use. A code that was delivered may be good beside a newer one; one
    /// that still waits when a newer one was asked for would only arrive out of order.
    pub(crate) fn by_progress(number: u64, progress: Option<Status>, most_attempts: u64) -> Option<Self> {
        match progress {
            None => Some(Self::FlowGone),
            Some(progress) if progress.done => Some(Self::SignedIn),
            Some(progress) if progress.sends > number => Some(Self::Replaced),
            Some(progress) if progress.attempts >= most_attempts => Some(Self::Locked),
            Some(_) => None,
        }
    }

    /// What administrators read.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Expired => "not sent: what it says has expired",
            Self::Replaced => "not sent: a newer code took its place",
            Self::SignedIn => "not sent: the login was completed without it",
            Self::Locked => "not sent: too many codes were tried in its login",
            Self::FlowGone => "not sent: its login is gone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_obsolete_once_its_flow_moved_on() {
        let of = |done, sends, attempts| Useless::by_progress(2, Some(Status { done, sends, attempts }), 5);
        assert_eq!(of(false, 2, 4), None);
        assert_eq!(of(false, 1, 0), None, "a request that is not recorded yet");
        assert_eq!(of(false, 3, 0), Some(Useless::Replaced));
        assert_eq!(of(true, 2, 1), Some(Useless::SignedIn));
        assert_eq!(of(false, 2, 5), Some(Useless::Locked));
        assert_eq!(Useless::by_progress(2, None, 5), Some(Useless::FlowGone));
    }
}
