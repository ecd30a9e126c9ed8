//! Randomness, as a value that is handed in.

use fastrand::Rng as Generator;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Gives random bytes. Clones draw from the same source.
#[derive(Clone, Debug)]
pub struct Rng(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Seeded(Arc<Mutex<Generator>>),
}

impl Rng {
    /// The operating system's generator.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A generator that gives the same bytes for the same seed. It is for tests alone: its output can be guessed.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(Generator::with_seed(seed)))))
    }

    /// Random bytes.
    ///
    /// # Panics
    /// When the operating system has none, which cannot happen on Linux after boot. Going on without them would make tokens that can
    /// be guessed.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// A random id, UUID version 4.
    pub fn id(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    fn fill(&self, out: &mut [u8]) {
        match &self.0 {
            #[expect(clippy::expect_used, reason = "there is no safe way on without randomness")]
            #[expect(clippy::disallowed_methods, reason = "this is the randomness that everything else is handed")]
            Source::System => getrandom::fill(out).expect("the operating system gives random bytes"),
            Source::Seeded(generator) => generator.lock().unwrap_or_else(PoisonError::into_inner).fill(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_bytes() {
        let (one, other) = (Rng::seeded(1), Rng::seeded(1));
        let first = one.bytes::<32>();
        assert_eq!(first, other.bytes::<32>());
        assert_ne!(first, one.clone().bytes::<32>(), "clones share one sequence");
        assert_ne!(first, Rng::seeded(2).bytes::<32>());
    }

    #[test]
    fn ids_are_random_uuids() {
        for rng in [Rng::system(), Rng::seeded(7)] {
            let (one, other) = (rng.id(), rng.id());
            assert_ne!(one, other);
            assert_eq!((one.get_version_num(), one.get_variant()), (4, uuid::Variant::RFC4122));
        }
    }
}
