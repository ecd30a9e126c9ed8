//! How long today's hash takes on this machine, and work that takes as long.
//!
//! An attempt must always take the same time, whether the identity exists and whatever its hash is. Most attempts compute today's hash,
//! so that sets the time. A comparison with a cheaper hash leaves some of it, which [`Pace::fill`] uses up: it hashes small pieces until
//! as much time has passed as today's hash took lately. It follows a random one of the latest hashes, so that not only the mean is equal
//! but the spread too. Measuring is better than a model, which knows neither the processor nor its load.

use crate::hasher;
use argon2::Algorithm;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The number of latest hashes that are remembered.
const REMEMBERED: usize = 64;
/// A piece: KiB, passes and lanes of an argon2. Some fifty microseconds.
const PIECE: [u32; 3] = [64, 1, 1];
/// Most pieces, in case the clock stands still: minutes of work.
const MOST_PIECES: u32 = 1 << 21;

/// The measured times of one hasher in one process.
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
    /// With a clock that starts anywhere.
    pub fn by(clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), latest: Mutex::default() }
    }

    /// The clock's time.
    pub fn now(&self) -> Duration {
        (self.clock)()
    }

    /// Computes today's hash and remembers how long it took. `draw` is random and selects the entry to replace.
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

    /// Works until as much time has passed since `began` as one of the remembered hashes took for each random `draw`. With no remembered
    /// hash it times a `part` of one, of which `count` make a whole. Returns the number of pieces.
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
            // The result is not needed.
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

    /// A clock that advances a millisecond with each reading.
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
    fn filling_takes_the_time_of_todays_hash() {
        let pace = ticking();
        // Five readings in between, so six milliseconds from the first reading to the last.
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
    fn without_measurement_a_part_is_timed() {
        let pace = ticking();
        let began = pace.now();
        // Three milliseconds, so twelve in all. Four have passed when it is done, counted from the beginning.
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
