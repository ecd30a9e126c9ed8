//! An HMAC of the password, with its key beside it.

use super::text::{Base64, exactly, parts, quoted};
use super::{Family, same};
use crate::{cost, import::ImportError};
use ::hmac::{Hmac, KeyInit as _, Mac as _};

#[derive(Clone, Copy)]
enum Digest {
    Md4,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

pub(super) struct Keyed {
    digest: Digest,
    key: Vec<u8>,
    tag: Vec<u8>,
}

impl Keyed {
    pub(super) fn parse(name: &str, fields: &[&str]) -> Result<Self, ImportError> {
        let digest = match name {
            "md4" => Digest::Md4,
            "md5" => Digest::Md5,
            "sha1" => Digest::Sha1,
            "sha224" => Digest::Sha224,
            "sha256" => Digest::Sha256,
            "sha384" => Digest::Sha384,
            "sha512" => Digest::Sha512,
            _ => {
                return Err(ImportError::unknown(format!(
                    "HMAC with {} is not known; md4, md5, sha1, sha224, sha256, sha384 and sha512 are.",
                    quoted(name)
                )));
            }
        };
        let [tag, key] = parts(fields, "$hmac-<digest>$<hash in hexadecimal, in base64>$<key>")?;
        // The digest is in hexadecimal, and that text in base64.
        let hexadecimal = Base64::Padded.decode("hash", tag)?;
        let tag = unhex(&hexadecimal)
            .ok_or_else(|| ImportError::malformed("The hash is not the base64 of hexadecimal digits."))?;
        exactly(digest.length(), &tag)?;
        Ok(Self { digest, key: Base64::Padded.decode("key", key)?, tag })
    }
}

impl Family for Keyed {
    fn fits(&self, password: &[u8]) -> bool {
        self.digest.tag(&self.key, password).is_some_and(|computed| same(&computed, &self.tag))
    }

    fn nanoseconds(&self, length: usize) -> u64 {
        cost::blocks((self.key.len() + length) as u64 / 64 + 4)
    }
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

impl Digest {
    fn length(self) -> usize {
        match self {
            Self::Md4 | Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn tag(self, key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        macro_rules! tag {
            ($digest:ty) => {
                Hmac::<$digest>::new_from_slice(key).ok()?.chain_update(message).finalize().into_bytes().to_vec()
            };
        }
        Some(match self {
            Self::Md4 => tag!(md4::Md4),
            Self::Md5 => tag!(md5::Md5),
            Self::Sha1 => tag!(sha1::Sha1),
            Self::Sha224 => tag!(sha2::Sha224),
            Self::Sha256 => tag!(sha2::Sha256),
            Self::Sha384 => tag!(sha2::Sha384),
            Self::Sha512 => tag!(sha2::Sha512),
        })
    }
}
