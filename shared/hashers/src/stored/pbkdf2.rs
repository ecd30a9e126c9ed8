//! PBKDF2 with the digests of the SHA family.

use super::text::{Base64, numbers, parts, quoted};
use super::{Family, hmac_keyed, same};
use crate::{cost, import::ImportError};
use hmac::SimpleHmac;

/// Most HMACs of a comparison, over all blocks of the key and all digests of the name.
const MOST_HMACS: u64 = 10_000_000;

#[derive(Clone, Copy)]
enum Digest {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha3_224,
    Sha3_384,
}

pub(super) struct Pbkdf2 {
    /// The digests of a name.
    digests: &'static [Digest],
    iterations: u32,
    salt: Vec<u8>,
    key: Vec<u8>,
}

impl Pbkdf2 {
    pub(super) fn parse(name: &str, fields: &[&str]) -> Result<Self, ImportError> {
        let digests: &[Digest] = match name {
            "sha1" => &[Digest::Sha1],
            // Kratos reads these two names as SHA-3, other systems write them for SHA-2.
            "sha224" => &[Digest::Sha3_224, Digest::Sha224],
            "sha384" => &[Digest::Sha3_384, Digest::Sha384],
            "sha256" => &[Digest::Sha256],
            "sha512" => &[Digest::Sha512],
            _ => {
                return Err(ImportError::unknown(format!(
                    "PBKDF2 with {} is not known; sha1, sha224, sha256, sha384 and sha512 are.",
                    quoted(name)
                )));
            }
        };
        let [parameters, salt, key] = parts(fields, "$pbkdf2-<digest>$i=<iterations>,l=<bytes of hash>$<salt>$<hash>")?;
        // The stated length is ignored; existing files state wrong ones.
        let [iterations, _] = numbers(parameters, ["i", "l"])?;
        let (salt, key) = (Base64::Unpadded.decode("salt", salt)?, Base64::Unpadded.decode_key(key)?);
        let hash = Self { digests, iterations, salt, key };
        if iterations == 0 || hash.hmacs() > MOST_HMACS {
            return Err(ImportError::costly(format!(
                "{iterations} iterations make {} HMACs, the limits are 1 and {MOST_HMACS}: each block of the hash takes all \
                 iterations, and sha224 and sha384 are tried as SHA-2 and as SHA-3.",
                hash.hmacs()
            )));
        }
        Ok(hash)
    }

    fn hmacs(&self) -> u64 {
        let blocks: usize = self.digests.iter().map(|digest| self.key.len().div_ceil(digest.length())).sum();
        u64::from(self.iterations) * blocks as u64
    }

    fn length(&self) -> usize {
        self.digests[0].length()
    }
}

impl Family for Pbkdf2 {
    fn takes(&self, password: &[u8]) -> bool {
        hmac_keyed::takes(password, self.length())
    }

    fn fits(&self, password: &[u8]) -> bool {
        let mut key = vec![0; self.key.len()];
        // All of them, so that the time does not tell which one matches.
        self.digests.iter().fold(false, |fits, digest| {
            digest.derive(password, &self.salt, self.iterations, &mut key);
            same(&key, &self.key) | fits
        })
    }

    fn is_sure_of(&self, password: &[u8]) -> bool {
        hmac_keyed::is_sure_of(password, self.length())
    }

    fn nanoseconds(&self, _: usize) -> u64 {
        cost::hmacs(self.hmacs())
    }
}

impl Digest {
    /// Bytes of one block of a key.
    fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 | Self::Sha3_224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn derive(self, password: &[u8], salt: &[u8], iterations: u32, key: &mut [u8]) {
        let derive = match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<sha1::Sha1>,
            Self::Sha224 => pbkdf2::pbkdf2_hmac::<sha2::Sha224>,
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<sha2::Sha256>,
            Self::Sha384 => pbkdf2::pbkdf2_hmac::<sha2::Sha384>,
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<sha2::Sha512>,
            Self::Sha3_224 => sha3::<SimpleHmac<sha3::Sha3_224>>,
            Self::Sha3_384 => sha3::<SimpleHmac<sha3::Sha3_384>>,
        };
        derive(password, salt, iterations, key);
    }
}

/// PBKDF2 over a digest without the block interface that the library's own shortcut needs.
fn sha3<P>(password: &[u8], salt: &[u8], iterations: u32, key: &mut [u8])
where
    P: hmac::KeyInit + hmac::digest::Update + hmac::digest::FixedOutput + Clone + Sync,
{
    pbkdf2::pbkdf2::<P>(password, salt, iterations, key).expect("HMAC takes a key of any length");
}
