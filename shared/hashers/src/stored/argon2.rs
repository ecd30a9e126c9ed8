//! argon2id and argon2i, version 19.

use super::text::{Base64, numbers, parts, within};
use super::{Family, same};
use crate::hasher::{self, Hasher};
use crate::{cost, import::ImportError};
use argon2::{Algorithm, MIN_SALT_LEN, Params};

pub(super) struct Argon2 {
    algorithm: Algorithm,
    /// KiB, passes, lanes.
    parameters: [u32; 3],
    salt: Vec<u8>,
    key: Vec<u8>,
}

impl Argon2 {
    pub(super) fn parse(algorithm: Algorithm, fields: &[&str]) -> Result<Self, ImportError> {
        let [version, parameters, salt, key] =
            parts(fields, "$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>, and the same with $argon2i$")?;
        if version != "v=19" {
            return Err(ImportError::malformed("Version 19 (0x13) is the one that is read: v=19."));
        }
        let parameters @ [memory, passes, lanes] = numbers(parameters, ["m", "t", "p"])?;
        within("m", memory, &(1..=1024 * 1024))?;
        within("t", passes, &(1..=10))?;
        within("p", lanes, &(1..=16))?;
        let (salt, key) = (Base64::Unpadded.decode("salt", salt)?, Base64::Unpadded.decode_key(key)?);
        // RFC 9106, 3.1; the library computes nothing else.
        if Params::new(memory, passes, lanes, Some(key.len())).is_err() {
            return Err(ImportError::malformed("The algorithm needs 8 KiB of memory for each lane."));
        }
        if salt.len() < MIN_SALT_LEN {
            return Err(ImportError::malformed(format!("The algorithm needs {MIN_SALT_LEN} bytes of salt.")));
        }
        Ok(Self { algorithm, parameters, salt, key })
    }
}

impl Family for Argon2 {
    fn fits(&self, password: &[u8]) -> bool {
        let mut derived = vec![0; self.key.len()];
        let done = hasher::argon2(self.algorithm, self.parameters, password, &self.salt, &mut derived);
        done.is_some() && same(&derived, &self.key)
    }

    fn nanoseconds(&self, _: usize) -> u64 {
        cost::argon2(self.parameters[0], self.parameters[1])
    }

    fn made_by(&self) -> Option<Hasher> {
        let [memory_kib, iterations, parallelism] = self.parameters;
        (self.algorithm == Algorithm::Argon2id).then_some(Hasher::Argon2id {
            memory_kib,
            iterations,
            parallelism,
            salt_length: self.salt.len(),
            key_length: self.key.len(),
        })
    }
}
