//! scrypt, and Firebase's use of it.

use super::text::{Base64, numbers, parts};
use super::{Family, hmac_keyed, same};
use crate::{cost, import::ImportError};
use aes::cipher::{KeyIvInit as _, StreamCipher as _};

/// Most memory of a comparison, in bytes: that of N = 2^17 and r = 8, the maximum of Kratos.
const MOST_MEMORY: u64 = 128 << 20;
/// Most work, as N × r × p: ten times that, again the maximum of Kratos.
const MOST_WORK: u64 = 10 << 20;
/// Most lanes.
const MOST_LANES: u32 = 16;
/// Bytes of the digest below, SHA-256.
const DIGEST: usize = 32;
/// Fewest bytes of Firebase's hash, which is as long as its signer key: a shorter one matches too many passwords.
const SHORTEST_SIGNER_KEY: usize = 8;

#[derive(Clone, Copy)]
struct Parameters {
    log_n: u32,
    r: u32,
    p: u32,
}

impl Parameters {
    /// The limit is on memory and work, not on a single number: few wide blocks cost no more than many narrow ones.
    fn check(n: u64, [r, p]: [u32; 2]) -> Result<Self, ImportError> {
        let (block, lanes) = (128 * u64::from(r), u64::from(p));
        let memory = block.saturating_mul(n.max(lanes));
        let work = n.saturating_mul(u64::from(r)).saturating_mul(lanes);
        if r == 0 || p == 0 || p > MOST_LANES || memory > MOST_MEMORY || work > MOST_WORK {
            return Err(ImportError::costly(format!(
                "N = {n}, r = {r}, p = {p}: r and p are 1 or more, p is at most {MOST_LANES}, 128 × N × r at most {MOST_MEMORY}, \
                 N × r × p at most {MOST_WORK}."
            )));
        }
        if n < 2 || !n.is_power_of_two() {
            return Err(ImportError::malformed(format!("N = {n}: the algorithm needs a power of two, 2 or more.")));
        }
        Ok(Self { log_n: n.ilog2(), r, p })
    }

    fn derive(self, password: &[u8], salt: &[u8], length: usize) -> Option<Vec<u8>> {
        let params = scrypt::Params::new(u8::try_from(self.log_n).ok()?, self.r, self.p).ok()?;
        let mut key = vec![0; length];
        scrypt::scrypt(password, salt, &params, &mut key).ok()?;
        Some(key)
    }

    fn nanoseconds(self) -> u64 {
        cost::scrypt(1 << self.log_n, self.r.into(), self.p.into())
    }
}

pub(super) struct Scrypt {
    parameters: Parameters,
    salt: Vec<u8>,
    key: Vec<u8>,
}

impl Scrypt {
    pub(super) fn parse(fields: &[&str]) -> Result<Self, ImportError> {
        let [parameters, salt, key] = parts(fields, "$scrypt$ln=<N>,r=<r>,p=<p>$<salt>$<hash>")?;
        // The parameter has the name of a logarithm, but its value is N itself.
        let [n, r, p] = numbers(parameters, ["ln", "r", "p"])?;
        if (1..=20).contains(&n) && !n.is_power_of_two() {
            return Err(ImportError::malformed(format!("ln = {n}: here ln is N itself, {} for 2^{n}.", 1_u64 << n)));
        }
        let parameters = Parameters::check(n.into(), [r, p])?;
        Ok(Self { parameters, salt: Base64::Padded.decode("salt", salt)?, key: Base64::Padded.decode_key(key)? })
    }
}

impl Family for Scrypt {
    fn takes(&self, password: &[u8]) -> bool {
        hmac_keyed::takes(password, DIGEST)
    }

    fn fits(&self, password: &[u8]) -> bool {
        let derived = self.parameters.derive(password, &self.salt, self.key.len());
        derived.is_some_and(|derived| same(&derived, &self.key))
    }

    fn is_sure_of(&self, password: &[u8]) -> bool {
        hmac_keyed::is_sure_of(password, DIGEST)
    }

    fn nanoseconds(&self, _: usize) -> u64 {
        self.parameters.nanoseconds()
    }
}

/// Firebase's hash is its signer key, encrypted under the key that scrypt makes of the password.
pub(super) struct Firebase {
    parameters: Parameters,
    /// The identity's salt, followed by the project's separator.
    salt: Vec<u8>,
    signer_key: Vec<u8>,
    hash: Vec<u8>,
}

impl Firebase {
    pub(super) fn parse(fields: &[&str]) -> Result<Self, ImportError> {
        let [parameters, salt, hash, separator, signer_key] =
            parts(fields, "$firescrypt$ln=<memory cost>,r=<rounds>,p=<p>$<salt>$<hash>$<salt separator>$<signer key>")?;
        let [log_n, r, p] = numbers(parameters, ["ln", "r", "p"])?;
        let parameters = Parameters::check(1_u64.checked_shl(log_n).unwrap_or(u64::MAX), [r, p])?;
        let mut salt = Base64::Padded.decode("salt", salt)?;
        salt.extend(Base64::Padded.decode("salt separator", separator)?);
        let hash = Base64::Padded.decode("hash", hash)?;
        let signer_key = Base64::Padded.decode("signer key", signer_key)?;
        if hash.len() < SHORTEST_SIGNER_KEY || hash.len() != signer_key.len() {
            return Err(ImportError::malformed(format!(
                "The hash has {} bytes, the signer key {}: they are equally long, {SHORTEST_SIGNER_KEY} or more.",
                hash.len(),
                signer_key.len()
            )));
        }
        Ok(Self { parameters, salt, signer_key, hash })
    }
}

impl Family for Firebase {
    fn takes(&self, password: &[u8]) -> bool {
        hmac_keyed::takes(password, DIGEST)
    }

    fn fits(&self, password: &[u8]) -> bool {
        let Some(key) = self.parameters.derive(password, &self.salt, 32) else { return false };
        let key: &[u8; 32] = key.as_slice().try_into().expect("derived with this length");
        let mut text = self.signer_key.clone();
        ctr::Ctr128BE::<aes::Aes256>::new(key.into(), &[0; 16].into()).apply_keystream(&mut text);
        same(&text, &self.hash)
    }

    fn is_sure_of(&self, password: &[u8]) -> bool {
        hmac_keyed::is_sure_of(password, DIGEST)
    }

    fn nanoseconds(&self, _: usize) -> u64 {
        self.parameters.nanoseconds()
    }
}
