//! Identifier and password: how a password is checked, and one file per flow.

pub mod leak;
pub mod login;

use latchkey_hashers::{HashError, Hasher, Pace, Password, StoredHash};
use secrecy::{ExposeSecret as _, SecretString};

/// The text that is hashed in place of a password that no hasher takes, so that every attempt costs the same.
const DECOY: &[u8] = b"a password that no identity has";

/// The hasher that the configuration names.
pub fn hasher(config: &latchkey_config::Config) -> Hasher {
    use latchkey_config::Hasher as Configured;
    match config.hasher {
        Configured::Argon2id { memory_kib, iterations, parallelism, salt_length, key_length } => {
            Hasher::Argon2id { memory_kib, iterations, parallelism, salt_length, key_length }
        }
        Configured::Bcrypt { cost } => Hasher::Bcrypt { cost },
    }
}

/// The result of checking a password.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is the identity's.
    pub right: bool,
    /// Whether it is right and its stored hash is of another hasher or of another text than [`Checker::better_hash`] makes.
    pub outdated: bool,
    /// How many hashes were computed, today's and others; work in the place of today's counts as one.
    pub hashes: u32,
}

/// Checks passwords in a time that does not tell whether there is one to compare with.
#[derive(Default)]
pub struct Checker {
    hasher: Hasher,
    pace: Pace,
}

impl Checker {
    /// With the hasher that makes new hashes.
    pub fn new(hasher: Hasher) -> Self {
        Self { hasher, pace: Pace::default() }
    }

    /// Checks a password against a stored hash, or against nothing at equal cost.
    ///
    /// An attempt costs today's hash once, or twice where what was typed is two texts (see [`Password`]). Without a stored hash
    /// it is computed, beside one that is cheaper work fills the time until it would be done. Right passwords cost what wrong
    /// ones do: an attempt that rate limits refuse afterwards must not tell which it was. A stored hash that costs more stands
    /// out until its owner signs in and gets a better one.
    pub fn verify(&self, password: &SecretString, stored: Option<&str>, salt: &[u8; 64]) -> Verdict {
        let Ok(password) = Password::read(password.expose_secret()) else {
            let _ = self.compute(DECOY, salt);
            return Verdict { hashes: 1, ..Verdict::default() };
        };
        let Some(stored) = stored.and_then(|stored| StoredHash::parse(stored).ok()) else {
            let mut hashes = 0;
            for text in password.texts() {
                let _ = self.compute(text, salt);
                hashes += 1;
            }
            return Verdict { hashes, ..Verdict::default() };
        };
        let is_todays = !self.hasher.needs_rehash(&stored);
        let (fits, hashes) = if is_todays {
            self.compare_todays(&password, &stored, salt)
        } else {
            self.compare_other(&password, &stored, salt)
        };
        let Some((at, text)) = password.texts().enumerate().find(|(at, _)| fits[*at]) else {
            return Verdict { hashes, ..Verdict::default() };
        };
        let is_as_made_today = is_todays && at == 0;
        Verdict { right: true, outdated: !is_as_made_today && stored.is_sure_of(text), hashes }
    }

    /// The password under today's hasher, made of the prepared text, whichever text fitted: they are one password. `None` where
    /// the hasher refuses it (bcrypt beyond 72 bytes); then the stored hash stays as it is.
    pub fn better_hash(&self, password: &SecretString, salt: &[u8; 64]) -> Option<String> {
        let password = Password::read(password.expose_secret()).ok()?;
        self.hasher.hash(password.prepared(), salt).ok()
    }

    /// Which texts fit a hash of today's hasher, and how many hashes that took. All are compared, whichever fits.
    fn compare_todays(&self, password: &Password, stored: &StoredHash, salt: &[u8; 64]) -> (Vec<bool>, u32) {
        let compare = |text: &[u8]| {
            if stored.takes(text) {
                return self.pace.todays(salt[0], || stored.verify(text));
            }
            let _ = self.compute(text, salt);
            false
        };
        let fits: Vec<bool> = password.texts().map(compare).collect();
        let hashes = fits.len() as u32;
        (fits, hashes)
    }

    /// The same for a hash of another hasher. If that is cheaper, extra work takes up the rest of the time.
    fn compare_other(&self, password: &Password, stored: &StoredHash, salt: &[u8; 64]) -> (Vec<bool>, u32) {
        let began = self.pace.now();
        let mut hashes = 1;
        let compare = |text: &[u8]| {
            hashes += u32::from(stored.takes(text));
            stored.verify(text)
        };
        let fits: Vec<bool> = password.texts().map(compare).collect();
        let (part, count) = self.hasher.part();
        let hash = || drop(std::hint::black_box(part.hash(DECOY, salt)));
        self.pace.fill(began, &salt[..fits.len()], (hash, count));
        (fits, hashes)
    }

    /// Today's hash of a text, or of another one where the hasher does not take it. Only the time that it takes counts.
    fn compute(&self, text: &[u8], salt: &[u8; 64]) -> Result<String, HashError> {
        let hash = || self.hasher.hash(text, salt).or_else(|_| self.hasher.hash(DECOY, salt));
        std::hint::black_box(self.pace.todays(salt[0], hash))
    }
}

#[cfg(test)]
mod tests;
