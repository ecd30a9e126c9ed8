//! How long today's hash takes on this machine, and work that takes as long.
//!
//! An attempt must take one time, whether the person exists and whatever hash they came with. Most attempts compute today's hash,
//! so theirs is that time. Comparing with a cheaper hash leaves some of it, which [`Pace::fill`] uses up: it hashes small pieces
//! until as much time has passed as today's hash took lately. Which of the latest it follows is drawn, so that not only the
//! mean is alike but the spread too. Measuring beats any model here, because models know neither the processor nor its load.

use crate::hasher;
use argon2::Algorithm;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many of the latest hashes are remembered.
const REMEMBERED: usize = 64;
/// A piece: KiB, passes and lanes of an argon2. Some fifty microseconds.
const PIECE: [u32; 3] = [64, 1, 1];
/// Most pieces, should the clock stand still: minutes of work.
const MOST_PIECES: u32 = 1 << 21;

/// A stopwatch with a memory, one for each process and hasher.
pub struct Pace {
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    latest: Mutex<Vec<Duration>>,
}

impl Default for Pace {
    fn default() -> Self {
        let began = Instant::now();
        Self::by(move || began.elapsed())
    }
}

impl Pace {
    /// By a clock that counts from anywhere.
    pub fn by(clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), latest: Mutex::default() }
    }

    /// The clock's time.
    pub fn now(&self) -> Duration {
        (self.clock)()
    }

    /// Does today's hash and remembers how long it took. `draw` is random and says which memory gives way.
    pub fn todays<T>(&self, draw: u8, hash: impl FnOnce() -> T) -> T {
        let began = self.now();
        let hashed = hash();
        let took = self.now().saturating_sub(began);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() < REMEMBERED {
            latest.push(took);
        } else {
            latest[usize::from(draw) % REMEMBERED] = took;
        }
        hashed
    }

    /// Works until one of today's hashes for each random `draw` would be done that had begun at `began`. Without a memory of any
    /// it times a `part` of one, of which `count` make a whole. How many pieces it took.
    pub fn fill(&self, began: Duration, draws: &[u8], (part, count): (impl FnOnce(), u32)) -> u32 {
        let one = |draw: &u8| self.one_of_the_latest(*draw);
        let takes: Option<Duration> = draws.iter().map(one).sum();
        let takes = takes.unwrap_or_else(|| {
            let began = self.now();
            part();
            self.now().saturating_sub(began) * count * u32::try_from(draws.len()).unwrap_or(1)
        });
        let mut key = [0; 32];
        for piece in 0..MOST_PIECES {
            if self.now() >= began + takes {
                return piece;
            }
            // Nobody needs what comes out.
            let _ = hasher::argon2(Algorithm::Argon2id, PIECE, b"a piece", b"of the time", &mut key);
            std::hint::black_box(&key);
        }
        MOST_PIECES
    }

    fn one_of_the_latest(&self, draw: u8) -> Option<Duration> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.get(usize::from(draw) % latest.len().max(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A clock on which every look takes a millisecond.
    fn ticking() -> Pace {
        let ticks = AtomicU64::new(0);
        Pace::by(move || Duration::from_millis(ticks.fetch_add(1, Ordering::Relaxed)))
    }

    fn looks(pace: &Pace, count: u32) {
        for _ in 0..count {
            let _ = pace.now();
        }
    }

    fn no_part() {
        unreachable!("there is a memory");
    }

    #[test]
    fn filling_ends_when_todays_hash_would() {
        let pace = ticking();
        // Five looks within, so six milliseconds from the first look to the last.
        pace.todays(0, || looks(&pace, 5));
        let began = pace.now();
        assert_eq!(pace.fill(began, &[7], (no_part, 1)), 5, "the look that ended it was the sixth");
        let began = pace.now();
        assert_eq!(pace.fill(began, &[7, 9], (no_part, 1)), 11, "two of them");
        let began = pace.now();
        looks(&pace, 50);
        assert_eq!(pace.fill(began, &[7], (no_part, 1)), 0, "nothing is left of it");
    }

    #[test]
    fn without_a_memory_a_part_is_timed() {
        let pace = ticking();
        let began = pace.now();
        // Three milliseconds, so twelve in all. Four are over when it is done, counted from the beginning.
        assert_eq!(pace.fill(began, &[0], (|| looks(&pace, 2), 4)), 7);
        let began = pace.now();
        assert_eq!(pace.fill(began, &[0, 1], (|| looks(&pace, 2), 4)), 19);
    }

    #[test]
    fn a_few_latest_hashes_are_remembered() {
        let pace = ticking();
        for draw in 0..=255 {
            pace.todays(draw, || ());
        }
        assert_eq!(pace.latest.lock().unwrap().len(), REMEMBERED);
    }
}
