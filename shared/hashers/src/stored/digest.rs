//! One digest over password and salt: LDAP's `{SSHA…}`, and texts that a template makes.

use super::text::{Base64, exactly, parts, quoted};
use super::{Family, same, template};
use crate::{cost, import::ImportError};
use md5::{Digest as _, Md5};

#[derive(Clone, Copy)]
enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

pub(super) struct Digest {
    algorithm: Algorithm,
    template: Vec<u8>,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Digest {
    /// `SSHA}…`: the digest of password and salt, and behind it the salt.
    pub(super) fn salted(rest: &str) -> Result<Self, ImportError> {
        let (name, encoded) = rest.split_once('}').ok_or_else(|| ImportError::unknown("A scheme ends with }."))?;
        let algorithm = match name {
            "SSHA" => Algorithm::Sha1,
            "SSHA256" => Algorithm::Sha256,
            "SSHA512" => Algorithm::Sha512,
            _ => {
                let hint = format!("The scheme {} is not known; SSHA, SSHA256 and SSHA512 are.", quoted(name));
                return Err(ImportError::unknown(hint));
            }
        };
        let mut hash = Base64::Loose.decode("hash", encoded)?;
        let length = algorithm.length();
        if hash.len() <= length {
            let hint = format!("{} bytes are no digest of {length} with a salt behind it.", hash.len());
            return Err(ImportError::malformed(hint));
        }
        let salt = hash.split_off(length);
        Ok(Self { algorithm, template: b"{PASSWORD}{SALT}".to_vec(), salt, hash })
    }

    pub(super) fn sha1(fields: &[&str]) -> Result<Self, ImportError> {
        Self::in_template(Algorithm::Sha1, fields)
    }

    pub(super) fn sha256(fields: &[&str]) -> Result<Self, ImportError> {
        Self::in_template(Algorithm::Sha256, fields)
    }

    pub(super) fn sha512(fields: &[&str]) -> Result<Self, ImportError> {
        Self::in_template(Algorithm::Sha512, fields)
    }

    pub(super) fn md5(fields: &[&str]) -> Result<Self, ImportError> {
        let [hash] = *fields else { return Self::in_template(Algorithm::Md5, fields) };
        let hash = Base64::Padded.decode("hash", hash)?;
        exactly(Algorithm::Md5.length(), &hash)?;
        Ok(Self { algorithm: Algorithm::Md5, template: template::PASSWORD.to_vec(), salt: Vec::new(), hash })
    }

    fn in_template(algorithm: Algorithm, fields: &[&str]) -> Result<Self, ImportError> {
        let [template, salt, hash] = parts(fields, "$<digest>$pf=<template>$<salt>$<hash>")?;
        let template =
            template.strip_prefix("pf=").ok_or_else(|| ImportError::malformed("The template begins with pf=."))?;
        let template = Base64::Padded.decode("template", template)?;
        let (salt, hash) = (Base64::Padded.decode("salt", salt)?, Base64::Padded.decode("hash", hash)?);
        exactly(algorithm.length(), &hash)?;
        if !template::has_password(&template) {
            return Err(ImportError::malformed("The template has no {PASSWORD}, so every password would fit."));
        }
        Ok(Self { algorithm, template, salt, hash })
    }
}

impl Family for Digest {
    fn fits(&self, password: &[u8]) -> bool {
        same(&self.algorithm.of(&template::fill(&self.template, &self.salt, password)), &self.hash)
    }

    fn nanoseconds(&self, length: usize) -> u64 {
        let filled = template::filled_length(&self.template, self.salt.len(), length);
        cost::blocks(filled as u64 / 64 + 1)
    }
}

impl Algorithm {
    fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn of(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::digest(data).to_vec(),
            Self::Sha1 => sha1::Sha1::digest(data).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(data).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(data).to_vec(),
        }
    }
}
