//! Hashes as they are stored: which formats there are, what they may cost, whether a password fits.

use crate::hasher::{self, BCRYPT_LONGEST, Hasher, cost};
use crate::{md5_crypt::md5_crypt, template};
use aes::cipher::{KeyIvInit as _, StreamCipher as _};
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use base64::{Engine as _, engine::GeneralPurpose};
use hmac::{Hmac, KeyInit as _, Mac as _, SimpleHmac};
use md5::{Digest as _, Md5};
use sha_crypt::PasswordVerifier as _;
use std::{ops::RangeInclusive, str::FromStr};
use subtle::ConstantTimeEq as _;

/// Longest text that is taken for a hash, in bytes. The longest real ones are under 400.
const LONGEST: usize = 4096;
/// Longest key that is derived, in bytes; each 32 of them cost the full number of iterations.
const LONGEST_KEY: usize = 128;
/// Shortest key that is compared with, in bytes: a shorter one fits too many passwords.
const SHORTEST_KEY: usize = 8;

/// What importing a hash costs at most: comparing with it must not take longer than a caller waits.
mod limit {
    use std::ops::RangeInclusive;

    pub(super) const BCRYPT_COST: RangeInclusive<u32> = 4..=15;
    pub(super) const ARGON2_KIB: RangeInclusive<u32> = 1..=1024 * 1024;
    pub(super) const ARGON2_PASSES: RangeInclusive<u32> = 1..=10;
    pub(super) const ARGON2_LANES: RangeInclusive<u32> = 1..=16;
    pub(super) const PBKDF2_ITERATIONS: RangeInclusive<u32> = 1..=10_000_000;
    pub(super) const SCRYPT_LOG_N: RangeInclusive<u32> = 1..=17;
    pub(super) const SCRYPT_R: RangeInclusive<u32> = 1..=8;
    pub(super) const SCRYPT_P: RangeInclusive<u32> = 1..=10;
    /// The contract names none; the scheme's own upper end would take a minute.
    pub(super) const SHA_CRYPT_ROUNDS: RangeInclusive<u32> = 1_000..=10_000_000;
}

/// Why a hash is refused (texts: contract `beyond-login.md` 1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// No known format begins like this.
    #[error("The imported password does not match any known hash format.")]
    UnknownFormat,
    /// The format is known, the rest of the text is not of it.
    #[error("The imported password hash could not be parsed.")]
    Malformed,
    /// Comparing would take too long or too much memory.
    #[error(
        "The imported password hash has cost parameters that exceed the allowed bounds; the password must be re-hashed."
    )]
    TooCostly,
}

/// A hash that can be compared with.
#[derive(Clone, Debug)]
pub struct StoredHash(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Md5Crypt { salt: String, hash: String },
    Bcrypt { text: String, cost: u32 },
    ShaCrypt { text: String, rounds: u32 },
    Argon2 { algorithm: argon2::Algorithm, parameters: [u32; 3], salt: Vec<u8>, key: Vec<u8> },
    Pbkdf2 { digest: Pbkdf2Digest, iterations: u32, salt: Vec<u8>, key: Vec<u8> },
    Scrypt { parameters: Scrypt, salt: Vec<u8>, key: Vec<u8> },
    Firebase { parameters: Scrypt, salt: Vec<u8>, separator: Vec<u8>, signer_key: Vec<u8>, hash: Vec<u8> },
    Digest { digest: Digest, template: Vec<u8>, salt: Vec<u8>, hash: Vec<u8> },
    Hmac { digest: HmacDigest, key: Vec<u8>, tag: Vec<u8> },
}

#[derive(Clone, Copy, Debug)]
struct Scrypt {
    log_n: u32,
    r: u32,
    p: u32,
}

#[derive(Clone, Copy, Debug)]
enum Pbkdf2Digest {
    Sha1,
    Sha256,
    Sha512,
    // The names `sha224` and `sha384` have always meant SHA-3 here.
    Sha3_224,
    Sha3_384,
}

#[derive(Clone, Copy, Debug)]
enum Digest {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Clone, Copy, Debug)]
enum HmacDigest {
    Md4,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl StoredHash {
    /// Reads a hash of any format of the contract (`methods-password-code-2fa.md` 2.7) and checks what it would cost.
    ///
    /// # Errors
    /// See [`ImportError`].
    pub fn parse(text: &str) -> Result<Self, ImportError> {
        if text.len() > LONGEST {
            return Err(ImportError::Malformed);
        }
        if let Some(rest) = text.strip_prefix('{') {
            return salted(rest).map(Self);
        }
        let (name, rest) =
            text.strip_prefix('$').and_then(|rest| rest.split_once('$')).ok_or(ImportError::UnknownFormat)?;
        let fields: Vec<&str> = rest.split('$').collect();
        match name {
            "md5-crypt" => in_md5_crypt(&fields),
            "2" | "2a" | "2b" | "2y" | "2z" => in_bcrypt(&fields),
            "sha256-crypt" => in_sha_crypt("5", 43, &fields),
            "sha512-crypt" => in_sha_crypt("6", 86, &fields),
            "argon2id" => in_argon2(argon2::Algorithm::Argon2id, &fields),
            "argon2i" => in_argon2(argon2::Algorithm::Argon2i, &fields),
            "scrypt" => in_scrypt(&fields),
            "firescrypt" => in_firebase(&fields),
            "sha1" => in_template(Digest::Sha1, &fields),
            "sha256" => in_template(Digest::Sha256, &fields),
            "sha512" => in_template(Digest::Sha512, &fields),
            "md5" => in_md5(&fields),
            _ => match name.split_once('-') {
                Some(("pbkdf2", digest)) => in_pbkdf2(digest, &fields),
                Some(("hmac", digest)) => in_hmac(digest, &fields),
                _ => Err(ImportError::UnknownFormat),
            },
        }
        .map(Self)
    }

    /// Whether `password` is the one that this was made from.
    pub fn verify(&self, password: &[u8]) -> bool {
        match &self.0 {
            Kind::Md5Crypt { salt, hash } => same(md5_crypt(password, salt.as_bytes()).as_bytes(), hash.as_bytes()),
            Kind::Bcrypt { text, .. } => {
                password.len() <= BCRYPT_LONGEST && bcrypt::verify(password, text).unwrap_or(false)
            }
            Kind::ShaCrypt { text, .. } => {
                sha_crypt::ShaCrypt::default().verify_password(password, text.as_str()).is_ok()
            }
            Kind::Argon2 { algorithm, parameters, salt, key } => {
                let mut derived = vec![0; key.len()];
                hasher::argon2(*algorithm, *parameters, password, salt, &mut derived).is_some() && same(&derived, key)
            }
            Kind::Pbkdf2 { digest, iterations, salt, key } => {
                same(&digest.derive(password, salt, *iterations, key.len()), key)
            }
            Kind::Scrypt { parameters, salt, key } => {
                parameters.derive(password, salt, key.len()).is_some_and(|derived| same(&derived, key))
            }
            Kind::Firebase { parameters, salt, separator, signer_key, hash } => {
                let salt = [salt.as_slice(), separator].concat();
                parameters.derive(password, &salt, 32).is_some_and(|key| same(&firebase(&key, signer_key), hash))
            }
            Kind::Digest { digest, template, salt, hash } => {
                same(&digest.of(&template::fill(template, salt, password)), hash)
            }
            Kind::Hmac { digest, key, tag } => digest.tag(key, password).is_some_and(|computed| same(&computed, tag)),
        }
    }

    /// The hasher that would make such a hash today, if there is one.
    pub(crate) fn made_by(&self) -> Option<Hasher> {
        match &self.0 {
            Kind::Argon2 { algorithm: argon2::Algorithm::Argon2id, parameters, salt, key } => Some(Hasher::Argon2id {
                memory_kib: parameters[0],
                iterations: parameters[1],
                parallelism: parameters[2],
                salt_length: salt.len(),
                key_length: key.len(),
            }),
            Kind::Bcrypt { cost, .. } => Some(Hasher::Bcrypt { cost: *cost }),
            _ => None,
        }
    }

    /// About how long comparing takes.
    pub(crate) fn nanoseconds(&self, password: &[u8]) -> u64 {
        match &self.0 {
            Kind::Md5Crypt { .. } => 500_000,
            Kind::Bcrypt { .. } if password.len() > BCRYPT_LONGEST => 0,
            Kind::Bcrypt { cost, .. } => cost::bcrypt(*cost),
            Kind::ShaCrypt { rounds, .. } => 500 * u64::from(*rounds),
            Kind::Argon2 { parameters: [memory, passes, _], .. } => cost::argon2(*memory, *passes),
            Kind::Pbkdf2 { digest, iterations, key, .. } => {
                400 * u64::from(*iterations) * key.len().div_ceil(digest.length()) as u64
            }
            Kind::Scrypt { parameters, .. } | Kind::Firebase { parameters, .. } => {
                (400 * u64::from(parameters.r * parameters.p)) << parameters.log_n
            }
            Kind::Digest { .. } | Kind::Hmac { .. } => 1_000,
        }
    }
}

/// Equal, in a time that depends on the lengths alone.
fn same(computed: &[u8], stored: &[u8]) -> bool {
    computed.ct_eq(stored).into()
}

/// Strict base64, by whether it is padded.
fn decode(engine: &GeneralPurpose, text: &str) -> Result<Vec<u8>, ImportError> {
    engine.decode(text).map_err(|_| ImportError::Malformed)
}

/// A key whose length is part of the hash.
fn decode_key(engine: &GeneralPurpose, text: &str) -> Result<Vec<u8>, ImportError> {
    let key = decode(engine, text)?;
    if (SHORTEST_KEY..=LONGEST_KEY).contains(&key.len()) { Ok(key) } else { Err(ImportError::Malformed) }
}

/// `a=1,b=2` with just these names in this order.
fn numbers<const N: usize>(text: &str, names: [&str; N]) -> Result<[u32; N], ImportError> {
    let parts: Vec<&str> = text.split(',').collect();
    if parts.len() != N {
        return Err(ImportError::Malformed);
    }
    let mut values = [0; N];
    for ((value, part), name) in values.iter_mut().zip(parts).zip(names) {
        let digits = part.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).ok_or(ImportError::Malformed)?;
        *value = number(digits)?;
    }
    Ok(values)
}

/// A number in plain digits; one too large for 32 bits is beyond every limit.
fn number(digits: &str) -> Result<u32, ImportError> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ImportError::Malformed);
    }
    u32::from_str(digits).map_err(|_| ImportError::TooCostly)
}

fn within(limits: &RangeInclusive<u32>, value: u32) -> Result<(), ImportError> {
    if limits.contains(&value) { Ok(()) } else { Err(ImportError::TooCostly) }
}

/// Characters of crypt's own base64.
fn crypt_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/'))
}

fn in_md5_crypt(fields: &[&str]) -> Result<Kind, ImportError> {
    match *fields {
        [salt, hash] if hash.len() == 22 && crypt_digits(hash) => {
            Ok(Kind::Md5Crypt { salt: salt.to_owned(), hash: hash.to_owned() })
        }
        _ => Err(ImportError::Malformed),
    }
}

fn in_bcrypt(fields: &[&str]) -> Result<Kind, ImportError> {
    let [cost, rest] = *fields else { return Err(ImportError::Malformed) };
    if cost.len() != 2 || rest.len() != 53 || !crypt_digits(rest) {
        return Err(ImportError::Malformed);
    }
    let cost = number(cost)?;
    within(&limit::BCRYPT_COST, cost)?;
    // The letter tells which program wrote it; what they compute for a valid password is one and the same.
    let text = format!("$2b${cost:02}${rest}");
    text.parse::<bcrypt::HashParts>().map_err(|_| ImportError::Malformed)?;
    Ok(Kind::Bcrypt { text, cost })
}

fn in_sha_crypt(id: &str, length: usize, fields: &[&str]) -> Result<Kind, ImportError> {
    let [rounds, salt, hash] = *fields else { return Err(ImportError::Malformed) };
    let rounds = number(rounds.strip_prefix("rounds=").ok_or(ImportError::Malformed)?)?;
    within(&limit::SHA_CRYPT_ROUNDS, rounds)?;
    if salt.is_empty() || salt.len() > 16 || !crypt_digits(salt) || hash.len() != length || !crypt_digits(hash) {
        return Err(ImportError::Malformed);
    }
    Ok(Kind::ShaCrypt { text: format!("${id}$rounds={rounds}${salt}${hash}"), rounds })
}

fn in_argon2(algorithm: argon2::Algorithm, fields: &[&str]) -> Result<Kind, ImportError> {
    let ["v=19", parameters, salt, key] = *fields else { return Err(ImportError::Malformed) };
    let parameters = numbers(parameters, ["m", "t", "p"])?;
    within(&limit::ARGON2_KIB, parameters[0])?;
    within(&limit::ARGON2_PASSES, parameters[1])?;
    within(&limit::ARGON2_LANES, parameters[2])?;
    let (salt, key) = (decode(&STANDARD_NO_PAD, salt)?, decode_key(&STANDARD_NO_PAD, key)?);
    // The library knows what the algorithm needs: eight bytes of salt, 8 KiB to each lane.
    let fits = argon2::Params::new(parameters[0], parameters[1], parameters[2], Some(key.len())).is_ok();
    if !fits || salt.len() < argon2::MIN_SALT_LEN {
        return Err(ImportError::Malformed);
    }
    Ok(Kind::Argon2 { algorithm, parameters, salt, key })
}

fn in_pbkdf2(digest: &str, fields: &[&str]) -> Result<Kind, ImportError> {
    let [parameters, salt, key] = *fields else { return Err(ImportError::Malformed) };
    let digest = match digest {
        "sha1" => Pbkdf2Digest::Sha1,
        "sha224" => Pbkdf2Digest::Sha3_224,
        "sha384" => Pbkdf2Digest::Sha3_384,
        "sha512" => Pbkdf2Digest::Sha512,
        _ => Pbkdf2Digest::Sha256,
    };
    // The length that is stated is not what counts; files in the wild state wrong ones.
    let [iterations, _] = numbers(parameters, ["i", "l"])?;
    let (salt, key) = (decode(&STANDARD_NO_PAD, salt)?, decode_key(&STANDARD_NO_PAD, key)?);
    // Every block of the key costs all iterations.
    let blocks = u32::try_from(key.len().div_ceil(digest.length())).unwrap_or(u32::MAX);
    within(&limit::PBKDF2_ITERATIONS, iterations.saturating_mul(blocks))?;
    Ok(Kind::Pbkdf2 { digest, iterations, salt, key })
}

fn in_scrypt(fields: &[&str]) -> Result<Kind, ImportError> {
    let [parameters, salt, key] = *fields else { return Err(ImportError::Malformed) };
    // Named like a logarithm, the value is N itself.
    let [n, r, p] = numbers(parameters, ["ln", "r", "p"])?;
    let parameters = Scrypt { log_n: n.checked_ilog2().ok_or(ImportError::TooCostly)?, r, p };
    parameters.check()?;
    if !n.is_power_of_two() {
        return Err(ImportError::Malformed);
    }
    Ok(Kind::Scrypt { parameters, salt: decode(&STANDARD, salt)?, key: decode_key(&STANDARD, key)? })
}

fn in_firebase(fields: &[&str]) -> Result<Kind, ImportError> {
    let [parameters, salt, hash, separator, signer_key] = *fields else { return Err(ImportError::Malformed) };
    let [log_n, r, p] = numbers(parameters, ["ln", "r", "p"])?;
    let parameters = Scrypt { log_n, r, p };
    parameters.check()?;
    let (salt, hash) = (decode(&STANDARD, salt)?, decode(&STANDARD, hash)?);
    let (separator, signer_key) = (decode(&STANDARD, separator)?, decode(&STANDARD, signer_key)?);
    if hash.is_empty() || hash.len() != signer_key.len() {
        return Err(ImportError::Malformed);
    }
    Ok(Kind::Firebase { parameters, salt, separator, signer_key, hash })
}

/// `SSHA}…`: the digest of password and salt, and behind it the salt.
fn salted(rest: &str) -> Result<Kind, ImportError> {
    let (name, encoded) = rest.split_once('}').ok_or(ImportError::UnknownFormat)?;
    let digest = match name {
        "SSHA" => Digest::Sha1,
        "SSHA256" => Digest::Sha256,
        "SSHA512" => Digest::Sha512,
        _ => return Err(ImportError::UnknownFormat),
    };
    let mut hash = decode(&STANDARD, encoded)?;
    if hash.len() <= digest.length() {
        return Err(ImportError::Malformed);
    }
    let salt = hash.split_off(digest.length());
    Ok(Kind::Digest { digest, template: b"{PASSWORD}{SALT}".to_vec(), salt, hash })
}

fn in_template(digest: Digest, fields: &[&str]) -> Result<Kind, ImportError> {
    let [template, salt, hash] = *fields else { return Err(ImportError::Malformed) };
    let template = decode(&STANDARD, template.strip_prefix("pf=").ok_or(ImportError::Malformed)?)?;
    let (salt, hash) = (decode(&STANDARD, salt)?, decode(&STANDARD, hash)?);
    // A template without the password would make a hash that every password fits.
    if hash.len() != digest.length() || !template::has_password(&template) {
        return Err(ImportError::Malformed);
    }
    Ok(Kind::Digest { digest, template, salt, hash })
}

fn in_md5(fields: &[&str]) -> Result<Kind, ImportError> {
    match *fields {
        [hash] => in_template(Digest::Md5, &["pf=e1BBU1NXT1JEfQ==", "", hash]),
        _ => in_template(Digest::Md5, fields),
    }
}

fn in_hmac(digest: &str, fields: &[&str]) -> Result<Kind, ImportError> {
    let digest = match digest {
        "md4" => HmacDigest::Md4,
        "md5" => HmacDigest::Md5,
        "sha1" => HmacDigest::Sha1,
        "sha224" => HmacDigest::Sha224,
        "sha256" => HmacDigest::Sha256,
        "sha384" => HmacDigest::Sha384,
        "sha512" => HmacDigest::Sha512,
        _ => return Err(ImportError::UnknownFormat),
    };
    let [tag, key] = *fields else { return Err(ImportError::Malformed) };
    // The digest stands in hexadecimal, and that text in base64.
    let hexadecimal = decode(&STANDARD, tag)?;
    let tag = unhex(&hexadecimal).filter(|tag| tag.len() == digest.length()).ok_or(ImportError::Malformed)?;
    Ok(Kind::Hmac { digest, key: decode(&STANDARD, key)?, tag })
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

impl Scrypt {
    fn check(self) -> Result<(), ImportError> {
        within(&limit::SCRYPT_LOG_N, self.log_n)?;
        within(&limit::SCRYPT_R, self.r)?;
        within(&limit::SCRYPT_P, self.p)
    }

    fn derive(self, password: &[u8], salt: &[u8], length: usize) -> Option<Vec<u8>> {
        let params = scrypt::Params::new(u8::try_from(self.log_n).ok()?, self.r, self.p).ok()?;
        let mut key = vec![0; length];
        scrypt::scrypt(password, salt, &params, &mut key).ok()?;
        Some(key)
    }
}

/// What Firebase stores: its signer key, encrypted under the key that the password gives.
fn firebase(key: &[u8], signer_key: &[u8]) -> Vec<u8> {
    let mut text = signer_key.to_vec();
    let key: &[u8; 32] = key.try_into().expect("derived with this length");
    ctr::Ctr128BE::<aes::Aes256>::new(key.into(), &[0; 16].into()).apply_keystream(&mut text);
    text
}

impl Pbkdf2Digest {
    /// Bytes of one block of a key.
    fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha3_224 => 28,
            Self::Sha256 => 32,
            Self::Sha3_384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn derive(self, password: &[u8], salt: &[u8], iterations: u32, length: usize) -> Vec<u8> {
        let mut key = vec![0; length];
        let derive = match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<sha1::Sha1>,
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<sha2::Sha256>,
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<sha2::Sha512>,
            Self::Sha3_224 => pbkdf2_sha3::<SimpleHmac<sha3::Sha3_224>>,
            Self::Sha3_384 => pbkdf2_sha3::<SimpleHmac<sha3::Sha3_384>>,
        };
        derive(password, salt, iterations, &mut key);
        key
    }
}

/// PBKDF2 over a digest without the block interface that the library's own shortcut needs.
fn pbkdf2_sha3<P>(password: &[u8], salt: &[u8], iterations: u32, key: &mut [u8])
where
    P: hmac::KeyInit + hmac::digest::Update + hmac::digest::FixedOutput + Clone + Sync,
{
    pbkdf2::pbkdf2::<P>(password, salt, iterations, key).expect("HMAC takes a key of any length");
}

impl Digest {
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

impl HmacDigest {
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
            Self::Md5 => tag!(Md5),
            Self::Sha1 => tag!(sha1::Sha1),
            Self::Sha224 => tag!(sha2::Sha224),
            Self::Sha256 => tag!(sha2::Sha256),
            Self::Sha384 => tag!(sha2::Sha384),
            Self::Sha512 => tag!(sha2::Sha512),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The acceptance data of the contract (`methods-password-code-2fa.md` 2.7): the password and what was made of it.
    const VECTORS: [(&str, &str); 16] = [
        ("test", "$md5-crypt$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C/"),
        ("test", "$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"),
        ("test", "$sha256-crypt$rounds=535000$05R.9KB6UC2kLI3w$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78"),
        (
            "test",
            "$sha512-crypt$rounds=656000$3LVbIAVxR//cRajw$uuNasMW.RYxlGzIRFU1Was70BPSa933AjxhZIGJdJBOlqJAHlgqa0yuiuq5JHF\
             /ryNGryJkj87G9i3G2HPSXg1",
        ),
        ("test", "$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw"),
        ("test", "$argon2i$v=19$m=65536,t=3,p=4$kk51rW/vxIVCYn+EG4kTSg$NyT88uraJ6im6dyha/M5jhXvpqlEdlS/9fEm7ScMb8c"),
        (
            "test",
            "$pbkdf2-sha256$i=100000,l=32$1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc\
             $QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
        ),
        ("test", "$pbkdf2-sha224$i=100000,l=32$A2nzbFd+wwzPSb+TqkF5Pw$9M4GM2yOYw/fZvsvQbF/0Ec8JO2u9O1MYRTfrDimX6o"),
        ("123456", "$pbkdf2-sha256$i=1000,l=128$e8/arsEf4cvQihdNgqj0Nw$5xQQKNTyeTHx2Ld5/JDE7A"),
        (
            "test",
            "$scrypt$ln=16384,r=8,p=1$2npRo7P03Mt8keSoMbyD/tKFWyUzjiQf2svUaNDSrhA=\
             $MiCzNcIplSMqSBrm4HckjYqYhaVPPjTARTzwB1cVNYE=",
        ),
        ("test123", "{SSHA}JFZFs0oHzxbMwkSJmYVeI8MnTDy/276a"),
        ("test", "$sha1$pf=e1NBTFR9e1BBU1NXT1JEfQ==$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
        (
            "8x4WjoDbSxJZdR",
            "$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==\
             $xbSou7FOl6mChCyzpCPIQ7tku7nsQMTFtyOZSXXd7tjBa4NtimOx7v42Gv2SfzPQu1oxM2/k4SsbOu73wlKe1A==$Bw==\
             $YE0dO4bwD4JnJafh6lZZfkp1MtKzuKAXQcDCJNJNyeCHairWHKENOkbh3dzwaCdizzOspwr/FITUVlnOAwPKyw==",
        ),
        ("test", "$md5$CY9rzUYh03PK3k6DJie09g=="),
        ("test", "$md5$pf=e1NBTFR9e1BBU1NXT1JEfQ==$MTIz$q+RdKCgc+ipCAcm5ChQwlQ=="),
        (
            "test",
            "$hmac-sha256$ZTAzMWJhMWMyOTM4YjFkMjgzZjkxOWExZGY5YWM2NmMxOTJhN2RkNzQ0MzJkNWZkNGFkYTI5OTk0MWJhMTA5Zg==$MTIzNDU=",
        ),
    ];

    #[test]
    fn every_format_fits_its_password_and_no_other() {
        for (password, text) in VECTORS {
            let hash = StoredHash::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert!(hash.verify(password.as_bytes()), "{text}");
            assert!(!hash.verify(b"tesT"), "{text}");
        }
    }

    /// Computed with the standard library of another language.
    #[test]
    fn digests_without_a_vector_in_the_contract() {
        for text in [
            "$pbkdf2-sha1$i=50,l=40$c29tZSBzYWx0$X2RJIF5K3e+q/H+KVqyOkuEmVFoQq7vKIBohsMsgFe9N6VG/NQ8QCw",
            "$pbkdf2-sha512$i=50,l=40$c29tZSBzYWx0$m+4Nn9aHO+ilIgqMIEaGl1QTK+OKXUbFSf90rNukK87XJ1//a0Zvmw",
            "$pbkdf2-sha384$i=50,l=40$c29tZSBzYWx0$WckuSmVmr9oLLUF+LuIQ9Qbq49LXg8uRWbwTYeVB9FaKNoNi8qi22FLAAv4o/1ad",
            "{SSHA256}euFfZ0DFHNd04xTK9/oIKA5HAmT1O+tOJYXs+CvhNx1zb21lIHNhbHQ=",
            "{SSHA512}ijOJT9KmE//eNn34kHRvBV+QFS5DTXZJy6Eiclxs2cUG0BFa+AcXPR+q4BrxVUFilROboTtiJbsKe3/x5WYBEXNvbWUgc2FsdA==",
            "$sha256$pf=eHtQQVNTV09SRH15e1NBTFR9$c29tZSBzYWx0$5zOfWGukOjO4Jk5xYA6FOpFCCA6QStMvB4Ega/SJdNM=",
            "$sha512$pf=eHtQQVNTV09SRH15e1NBTFR9$c29tZSBzYWx0$/J/Gy/7yWpa3BI8/N2TM+GgqMsS9+B2kw2FMqJa4YpzYFgwdxf9Hc9iK4Zoxx2YYEMsFRge4b39cPVpHr+M2Lg==",
            "$hmac-md5$MzA1ZGFmMTdhZGU3NWRlMWNmYmVkMzU5MjI5MGFhNDg=$c29tZSBzYWx0",
            "$hmac-sha1$OTFhMGNlYzM4MTc4YzE5NzE3OTY2YzU4NTYwZTRhYmY0M2JmMWViYg==$c29tZSBzYWx0",
            "$hmac-sha224$ZmUxNDk4M2VjODViMTY3NzI2NzY3MjFiNTdkNjM5ZDljYzM5MGVhMzNmMDkzMjUyNGUwYjkyZGQ=$c29tZSBzYWx0",
            "$hmac-sha384$YzdmN2Y4N2E3MDA4YTAxMWM2NzU1YWQyNjQ1MzlmZWQ4MTU3ZmFlNGJkYjM4ZmI3OGU1MzU3ODZjMjkzNzYzNmQ0YjJkOWRmNWVhMWM3YzA3MTRhMTQyM2ViODM5ZDVl$c29tZSBzYWx0",
            "$hmac-sha512$YTMwY2M1ZWU4NTM2ODM5NjEzOTU1YjFhNjUxNTUyYmMyY2JhMzM4ODE2MGMzYTVjMmJiZjg4MmI1NTI5YTE3MGU1NWI5MDlmNDJlZjlkYWJlYjAyNzBmMzI3NGQ1NTg3ZTQ4NzU4ZTUzNWQ3MmI3ZjBiMzg3ZmQyNGZiOWRkMzY=$c29tZSBzYWx0",
        ] {
            assert!(crate::verify(text, b"secret"), "{text}");
            assert!(!crate::verify(text, b"Secret"), "{text}");
        }
    }

    #[test]
    fn all_letters_of_bcrypt_mean_the_same() {
        for letter in ["", "a", "b", "y", "z"] {
            let text = format!("$2{letter}$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6");
            assert!(crate::verify(&text, b"test"), "{text}");
        }
    }

    #[test]
    fn a_bcrypt_comparison_does_not_cut_the_password() {
        let hash = Hasher::Bcrypt { cost: 4 }.hash(&[b'a'; 72], &[1; 64]).unwrap();
        assert!(crate::verify(&hash, &[b'a'; 72]));
        assert!(!crate::verify(&hash, &[b'a'; 73]));
    }

    #[test]
    fn what_is_refused_says_why() {
        use ImportError::{Malformed, TooCostly, UnknownFormat};
        let bcrypt = "o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6";
        for (text, error) in [
            ("", UnknownFormat),
            ("plain", UnknownFormat),
            ("$", UnknownFormat),
            ("$1$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C/", UnknownFormat),
            ("$5$rounds=5000$salt$hash", UnknownFormat),
            ("$2x$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6", UnknownFormat),
            ("$hmac-sha3$YQ==$YQ==", UnknownFormat),
            ("{SMD5}YQ==", UnknownFormat),
            ("{SSHA}YQ==", Malformed),
            ("$2a$12$short", Malformed),
            (&format!("$2a$16${bcrypt}"), TooCostly),
            (&format!("$2a$99${bcrypt}"), TooCostly),
            ("$argon2id$v=18$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw", Malformed),
            ("$argon2id$v=19$m=1048577,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw", TooCostly),
            ("$argon2id$v=19$m=32,t=11,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw", TooCostly),
            ("$argon2id$v=19$m=32,t=2,p=17$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw", TooCostly),
            ("$argon2id$v=19$m=99999999999,t=2,p=1$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw", TooCostly),
            ("$argon2id$v=19$m=8,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw", Malformed),
            ("$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ==$MNzk5BtR2vUhrp6qQEjRNw", Malformed),
            ("$pbkdf2-sha256$i=10000001,l=32$YWFhYQ$YWFhYWFhYWE", TooCostly),
            ("$pbkdf2-sha256$i=0,l=32$YWFhYQ$YWFhYWFhYWE", TooCostly),
            ("$pbkdf2-sha256$i=+1,l=32$YWFhYQ$YWFhYWFhYWE", Malformed),
            ("$scrypt$ln=262144,r=8,p=1$YQ==$YWFhYWFhYWE=", TooCostly),
            ("$scrypt$ln=16384,r=9,p=1$YQ==$YWFhYWFhYWE=", TooCostly),
            ("$scrypt$ln=16384,r=8,p=11$YQ==$YWFhYWFhYWE=", TooCostly),
            ("$scrypt$ln=16383,r=8,p=1$YQ==$YWFhYWFhYWE=", Malformed),
            ("$firescrypt$ln=18,r=8,p=1$YQ==$YWFhYWFhYWE=$YQ==$YWFhYWFhYWE=", TooCostly),
            ("$sha256-crypt$rounds=999999999$salt$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78", TooCostly),
            ("$sha1$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ=", Malformed),
            ("$md5$", Malformed),
        ] {
            assert_eq!(StoredHash::parse(text).err(), Some(error), "{text}");
        }
        assert_eq!(StoredHash::parse(&format!("$md5${}", "A".repeat(5000))).err(), Some(Malformed));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            let _ = StoredHash::parse(&text);
        }

        #[test]
        fn a_changed_hash_is_read_or_refused(at in 0_usize..60, by in "\\PC{0,3}", which in 0..VECTORS.len()) {
            let mut text: Vec<char> = VECTORS[which].1.chars().collect();
            let at = at.min(text.len());
            text.splice(at..(at + 1).min(text.len()), by.chars());
            let _ = StoredHash::parse(&text.into_iter().collect::<String>());
        }
    }
}
