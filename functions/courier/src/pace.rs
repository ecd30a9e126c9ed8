//! How messages share a delivery channel that takes only so many at once.
//!
//! Many couriers run side by side, and none knows of the others, so no courier hands out places. A message that the channel had no
//! room for comes again at a random time within a window. The window doubles each time, so all couriers together soon ask about as
//! often as the channel has room. Within one courier no message asks before the time that the channel named. Such a round is not one
//! of the attempts that the configuration allows: rounds end when the message expires, not by a count.

use latchkey_core::identity::Via;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;

/// How long a channel is left alone that did not say for how long.
const USUAL: Duration = Duration::from_secs(1);
/// The window after the first time that there was no room.
const FIRST: Duration = Duration::from_secs(2);
/// The widest window: what waits for room must not sleep through it.
const WIDEST: Duration = Duration::from_secs(16);

/// Until when this courier leaves which channel alone.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    email: Mutex<Option<OffsetDateTime>>,
    sms: Mutex<Option<OffsetDateTime>>,
}

impl Pace {
    fn of(&self, via: Via) -> &Mutex<Option<OffsetDateTime>> {
        match via {
            Via::Email => &self.email,
            Via::Sms => &self.sms,
        }
    }

    /// How long a channel is still to be left alone.
    pub(crate) fn rest(&self, via: Via, now: OffsetDateTime) -> Option<Duration> {
        let until = *self.of(via).lock().unwrap_or_else(PoisonError::into_inner);
        until.and_then(|until| Duration::try_from(until - now).ok()).filter(|rest| !rest.is_zero())
    }

    /// Leaves a channel alone that had no room; gives for how long.
    pub(crate) fn leave(&self, via: Via, wait: Option<Duration>, now: OffsetDateTime) -> Duration {
        let wait = wait.unwrap_or(USUAL);
        *self.of(via).lock().unwrap_or_else(PoisonError::into_inner) = Some(now + wait);
        wait
    }
}

/// When a message comes again for which there was no room so often: after what the channel asked for, and somewhere in its window.
pub(crate) fn again_in(rounds: u32, wait: Duration, chance: [u8; 2]) -> Duration {
    let window = FIRST.saturating_mul(2_u32.saturating_pow(rounds)).min(WIDEST);
    wait.saturating_add(window * u32::from(u16::from_be_bytes(chance)) / u32::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BinaryHeap};
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-27 14:00 UTC);

    #[test]
    fn channel_rests_for_the_wait_it_named() {
        let pace = Pace::default();
        let at = |seconds: i64| pace.rest(Via::Email, NOW + time::Duration::seconds(seconds));
        assert_eq!(at(0), None);
        assert_eq!(pace.leave(Via::Email, Some(Duration::from_secs(7)), NOW), Duration::from_secs(7));
        assert_eq!((at(0), at(6)), (Some(Duration::from_secs(7)), Some(Duration::from_secs(1))));
        assert_eq!((at(7), at(8)), (None, None));
        assert_eq!(pace.rest(Via::Sms, NOW), None, "the other channel has room");
        assert_eq!(pace.leave(Via::Sms, None, NOW), USUAL);
    }

    #[test]
    fn message_returns_after_wait_within_its_window() {
        let wait = Duration::from_secs(5);
        for (rounds, window) in [(0, 2), (1, 4), (2, 8), (3, 16), (4, 16), (u32::MAX, 16)] {
            assert_eq!(again_in(rounds, wait, [0, 0]), wait);
            assert_eq!(again_in(rounds, wait, [255, 255]), wait + Duration::from_secs(window));
        }
        assert_eq!(again_in(0, Duration::MAX, [255, 255]), Duration::MAX);
    }

    /// 700 messages at once to a channel that takes 14 a second, by this many couriers: in milliseconds, by a made-up chance.
    fn time_taken(couriers: usize) -> (u64, usize) {
        let mut seed = 7_u64;
        let mut chance = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as u16
        };
        let paces: Vec<Pace> = (0..couriers).map(|_| Pace::default()).collect();
        let (mut taken, mut calls, mut last) = (BTreeMap::<u64, u32>::new(), 0, 0);
        // The next first: time, rounds so far.
        let mut due: BinaryHeap<std::cmp::Reverse<(u64, u32)>> = (0..700).map(|n| std::cmp::Reverse((n, 0))).collect();
        while let Some(std::cmp::Reverse((at, rounds))) = due.pop() {
            let now = NOW + time::Duration::milliseconds(i64::try_from(at).unwrap());
            let pace = &paces[usize::from(chance()) % couriers];
            let rest = match pace.rest(Via::Email, now) {
                Some(rest) => rest,
                None => {
                    calls += 1;
                    let in_this_second = taken.entry(at / 1000).or_default();
                    if *in_this_second < 14 {
                        *in_this_second += 1;
                        last = at;
                        continue;
                    }
                    pace.leave(Via::Email, None, now)
                }
            };
            // The queue knows whole seconds.
            let wait = again_in(rounds, rest, chance().to_be_bytes()).as_secs_f64().ceil() as u64;
            due.push(std::cmp::Reverse((at + wait * 1000, rounds + 1)));
        }
        (last, calls)
    }

    #[test]
    fn many_couriers_use_the_whole_rate() {
        for couriers in [1, 10, 50] {
            let (last, calls) = time_taken(couriers);
            // 50 s would do.
            assert!(last < 80_000, "{couriers} couriers took {last} ms");
            assert!(calls < 700 * 3, "{couriers} couriers asked {calls} times");
        }
    }
}
