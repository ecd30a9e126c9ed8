//! bcrypt, with all of its prefixes.

use super::text::{number, parts, within};
use super::{Family, same};
use crate::hasher::{BCRYPT_LONGEST, Hasher};
use crate::{cost, import::ImportError};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::{Engine as _, alphabet};
use zeroize::Zeroizing;

/// Bytes of salt.
const SALT: usize = 16;
/// Bytes of the written hash; the cipher makes one more.
const HASH: usize = 23;

/// bcrypt's base64. Some programs wrote salts with non-zero remaining bits, which are accepted.
const LOOSE: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));
const STRICT: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD);

/// The prefix tells which program wrote a hash; all of them compute the same for a valid password.
pub(super) struct Bcrypt {
    cost: u32,
    salt: [u8; SALT],
    hash: [u8; HASH],
}

impl Bcrypt {
    pub(super) fn parse(fields: &[&str]) -> Result<Self, ImportError> {
        let shape = "$2b$<cost, two digits>$<22 characters of salt><31 of hash>";
        let [cost, rest] = parts(fields, shape)?;
        let wrong = || ImportError::malformed(format!("The shape is {shape}, in bcrypt's own base64."));
        if cost.len() != 2 || rest.len() != 53 || !rest.is_ascii() {
            return Err(wrong());
        }
        let cost = number("the cost", cost)?;
        if cost < 4 {
            return Err(ImportError::malformed(format!("The cost is {cost}, the algorithm needs 4.")));
        }
        within("The cost", cost, &(4..=15))?;
        let (mut salt, mut hash) = ([0; SALT], [0; HASH]);
        let (written_salt, written_hash) = rest.split_at(22);
        let decoded = LOOSE.decode_slice(written_salt, &mut salt).is_ok_and(|length| length == SALT)
            && STRICT.decode_slice(written_hash, &mut hash).is_ok_and(|length| length == HASH);
        if decoded { Ok(Self { cost, salt, hash }) } else { Err(wrong()) }
    }
}

impl Family for Bcrypt {
    /// The key is the password and a NUL, over and over, 72 bytes of it.
    fn takes(&self, password: &[u8]) -> bool {
        password.len() <= BCRYPT_LONGEST
    }

    fn fits(&self, password: &[u8]) -> bool {
        let mut key = Zeroizing::new([0; BCRYPT_LONGEST]);
        let Some(beginning) = key.get_mut(..password.len()) else { return false };
        beginning.copy_from_slice(password);
        let length = (password.len() + 1).min(BCRYPT_LONGEST);
        same(&bcrypt::bcrypt(self.cost, self.salt, &key[..length])[..HASH], &self.hash)
    }

    fn nanoseconds(&self, _: usize) -> u64 {
        cost::bcrypt(self.cost)
    }

    fn made_by(&self) -> Option<Hasher> {
        Some(Hasher::Bcrypt { cost: self.cost })
    }
}
