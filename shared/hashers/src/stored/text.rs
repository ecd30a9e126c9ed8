//! The encodings of hashes: base64, numbers, crypt's digits.

use crate::import::ImportError;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, STANDARD_NO_PAD};
use base64::{Engine as _, alphabet};
use std::{ops::RangeInclusive, str::FromStr};

/// Longest derived key, in bytes; each block of it costs the full number of iterations.
const LONGEST_KEY: usize = 128;
/// Shortest key that is compared, in bytes: a shorter one matches too many passwords.
const SHORTEST_KEY: usize = 8;
/// The digits of crypt, least significant first.
const CRYPT_DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The standard alphabet, padded, with any value in the bits before the padding.
const LOOSE: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// How a format writes bytes. The alphabet is the standard one everywhere.
#[derive(Clone, Copy)]
pub(super) enum Base64 {
    Padded,
    Unpadded,
    /// Padded, with any value in the bits before the padding, as LDAP servers accept it.
    Loose,
}

impl Base64 {
    /// The bytes of a part of this name.
    pub(super) fn decode(self, part: &str, text: &str) -> Result<Vec<u8>, ImportError> {
        let (engine, padding) = match self {
            Self::Padded => (&STANDARD, "with"),
            Self::Unpadded => (&STANDARD_NO_PAD, "without"),
            Self::Loose => (&LOOSE, "with"),
        };
        engine.decode(text).map_err(|_| {
            let also = if text.contains(['-', '_']) { "; it looks like base64url" } else { "" };
            ImportError::malformed(format!("The {part} is not base64 (standard alphabet, {padding} padding){also}."))
        })
    }

    /// A key whose length is part of the hash.
    pub(super) fn decode_key(self, text: &str) -> Result<Vec<u8>, ImportError> {
        let key = self.decode("hash", text)?;
        if (SHORTEST_KEY..=LONGEST_KEY).contains(&key.len()) {
            return Ok(key);
        }
        let length = key.len();
        Err(ImportError::malformed(format!("The hash has {length} bytes, not {SHORTEST_KEY} to {LONGEST_KEY}.")))
    }
}

/// The parts between the dollar signs, as many as the format has.
pub(super) fn parts<'a, const N: usize>(fields: &[&'a str], shape: &str) -> Result<[&'a str; N], ImportError> {
    fields.try_into().map_err(|_| ImportError::malformed(format!("The shape is {shape}.")))
}

/// `a=1,b=2` with just these names in this order.
pub(super) fn numbers<const N: usize>(text: &str, names: [&str; N]) -> Result<[u32; N], ImportError> {
    let wrong = || {
        let shape: Vec<String> = names.iter().map(|name| format!("{name}=<number>")).collect();
        ImportError::malformed(format!("The parameters are written {}.", shape.join(",")))
    };
    let parts: Vec<&str> = text.split(',').collect();
    if parts.len() != N {
        return Err(wrong());
    }
    let mut values = [0; N];
    for ((value, part), name) in values.iter_mut().zip(parts).zip(names) {
        let digits = part.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).ok_or_else(wrong)?;
        *value = number(name, digits)?;
    }
    Ok(values)
}

/// A number in plain digits; one too large for 32 bits is beyond every limit.
pub(super) fn number(name: &str, digits: &str) -> Result<u32, ImportError> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ImportError::malformed(format!("The value of {name} is not a number.")));
    }
    u32::from_str(digits).map_err(|_| ImportError::costly(format!("The value of {name} is beyond every limit.")))
}

/// A parameter within what a comparison may cost.
pub(super) fn within(name: &str, value: u32, limits: &RangeInclusive<u32>) -> Result<(), ImportError> {
    if limits.contains(&value) {
        return Ok(());
    }
    let (least, most) = (limits.start(), limits.end());
    Err(ImportError::costly(format!("{name} is {value}, the limits are {least} to {most}.")))
}

/// A digest of this length.
pub(super) fn exactly(length: usize, digest: &[u8]) -> Result<(), ImportError> {
    if digest.len() == length {
        return Ok(());
    }
    Err(ImportError::malformed(format!("The hash has {} bytes, its digest makes {length}.", digest.len())))
}

/// A name from the input, short and harmless enough to be quoted.
pub(super) fn quoted(name: &str) -> String {
    format!("{:?}", name.chars().take(32).collect::<String>())
}

/// Whether a text is in crypt's digits and ends like `bits` of data: with zeros in the remaining bits.
pub(super) fn is_crypt(text: &str, bits: usize) -> bool {
    let value = |digit: u8| CRYPT_DIGITS.iter().position(|&known| known == digit);
    let used = bits % 6;
    text.len() == bits.div_ceil(6)
        && text.bytes().all(|digit| value(digit).is_some())
        && text.bytes().next_back().and_then(value).is_none_or(|last| used == 0 || last < 1 << used)
}

/// Bytes in crypt's digits: groups of up to three, the first byte of a group most significant, the digits least significant first.
pub(super) fn crypt_digits<'a>(groups: impl Iterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    for group in groups {
        let mut number = group.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
        for _ in 0..(group.len() * 8).div_ceil(6) {
            text.push(char::from(CRYPT_DIGITS[(number & 0x3f) as usize]));
            number >>= 6;
        }
    }
    text
}
