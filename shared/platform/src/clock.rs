//! The time, as a value that is handed in.
//!
//! A request is decided at one time, which the edge takes from its event. A [`Clock`] serves what has no event with a time, and what
//! measures how long something took. In a deployment it is the system's clock. The local stack and tests hand out the clock of a
//! [`ManualClock`], which they can turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;

/// Tells the time. Clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<Turned>),
}

/// The state that a manual clock and its clones share.
#[derive(Debug)]
struct Turned {
    /// The time before any turn; the system's time for a clock that runs.
    stands_at: Option<OffsetDateTime>,
    /// The sum of all turns, in nanoseconds.
    by: AtomicI64,
    bell: Notify,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The time, in UTC.
    pub fn now(&self) -> OffsetDateTime {
        match &self.0 {
            Source::System => system_time(),
            Source::Manual(turned) => turned.now(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is handed")]
fn system_time() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

impl Turned {
    fn now(&self) -> OffsetDateTime {
        let by = Duration::nanoseconds(self.by.load(Ordering::Acquire));
        self.stands_at.unwrap_or_else(system_time).saturating_add(by)
    }
}

/// A clock that is turned by hand. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Turned>);

impl ManualClock {
    /// A clock that stands still at this time until it is turned.
    pub fn standing_at(time: OffsetDateTime) -> Self {
        Self::new(Some(time))
    }

    /// A clock that runs with the system's, ahead of it by as much as it was turned.
    pub fn running() -> Self {
        Self::new(None)
    }

    fn new(stands_at: Option<OffsetDateTime>) -> Self {
        Self(Arc::new(Turned { stands_at, by: AtomicI64::new(0), bell: Notify::new() }))
    }

    /// The clock to hand out.
    pub fn clock(&self) -> Clock {
        Clock(Source::Manual(Arc::clone(&self.0)))
    }

    /// The time, in UTC.
    pub fn now(&self) -> OffsetDateTime {
        self.0.now()
    }

    /// Turns the clock forward, or back where `by` is negative, as the system's clock is put right at times. All turns together stay
    /// below 292 years.
    pub fn turn(&self, by: Duration) {
        let nanoseconds = i64::try_from(by.whole_nanoseconds()).unwrap_or(i64::MAX);
        self.0.by.fetch_add(nanoseconds, Ordering::AcqRel);
        self.0.bell.notify_waiters();
    }

    /// Waits until the clock shows this time, because it ran or because it was turned.
    #[expect(clippy::disallowed_methods, reason = "the local stack waits here for what is due later")]
    pub async fn reaches(&self, time: OffsetDateTime) {
        loop {
            // Before the clock is read, so that no turn in between is missed.
            let turned = self.0.bell.notified();
            tokio::pin!(turned);
            turned.as_mut().enable();
            let left = time - self.now();
            if left <= Duration::ZERO {
                return;
            }
            match self.0.stands_at {
                Some(_) => turned.await,
                None => tokio::select! {
                    () = turned => {}
                    () = tokio::time::sleep(left.unsigned_abs()) => {}
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOON: OffsetDateTime = datetime!(2026-11-27 12:00 UTC);

    #[test]
    fn turn_moves_every_clone() {
        let manual = ManualClock::standing_at(NOON);
        let (one, other) = (manual.clock(), manual.clock().clone());
        manual.turn(Duration::HOUR);
        assert_eq!((one.now(), other.now()), (NOON + Duration::HOUR, NOON + Duration::HOUR));
        manual.turn(-Duration::MINUTE);
        assert_eq!(one.now(), NOON + Duration::minutes(59));
    }

    #[test]
    fn running_clock_keeps_its_distance_to_the_system() {
        let (manual, system) = (ManualClock::running(), Clock::system());
        manual.turn(Duration::days(365));
        let ahead = manual.now() - system.now();
        assert!((ahead - Duration::days(365)).abs() < Duration::MINUTE, "{ahead}");
    }

    #[tokio::test]
    async fn waiting_ends_when_the_time_is_reached() {
        let manual = ManualClock::standing_at(NOON);
        manual.reaches(NOON).await;
        let later = manual.clone();
        let waiting = tokio::spawn(async move { later.reaches(NOON + Duration::HOUR).await });
        tokio::task::yield_now().await;
        manual.turn(Duration::minutes(59));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        manual.turn(Duration::MINUTE);
        waiting.await.unwrap();
        let running = ManualClock::running();
        running.reaches(running.now() + Duration::milliseconds(5)).await;
    }
}
