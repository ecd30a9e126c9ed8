//! What a client holds to prove a session, and the short-lived codes beside it.
//!
//! Tokens are not stored: one carries the identity's id, the session's id and a 256-bit secret, the table keeps only the
//! secret's SHA-256. The ids make the lookup a single read by key; the secret makes a stolen table useless for logging in.

use crate::base62;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;
use uuid::Uuid;
use zeroize::ZeroizeOnDrop;

const TOKEN_PREFIX: &str = "ory_st_";
const LOGOUT_PREFIX: &str = "ory_lo_";
const LOGOUT_CHARACTERS: usize = 32;
/// Format of cookie values; a later format gets another number and both are read for one release.
const COOKIE_FORMAT: u8 = 1;
/// format, identity, session, secret, issued at, expires at, nonce, tag
const COOKIE_LENGTH: usize = 1 + 16 + 16 + 32 + 8 + 8 + 8 + 16;

/// A session as its client presents it.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Presented {
    #[zeroize(skip)]
    identity: Uuid,
    #[zeroize(skip)]
    session: Uuid,
    secret: [u8; 32],
}

impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Presented {{ session: {}, secret: … }}", self.session)
    }
}

/// The SHA-256 of a session's secret: what the store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads stored bytes; `None` unless there are 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }

    /// Compares in constant time. Only a session compares a presented secret, because it knows its current and its previous one.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Presented {
    /// A new proof for this session of this identity, from 32 random bytes.
    pub fn new(identity: Uuid, session: Uuid, secret: [u8; 32]) -> Self {
        Self { identity, session, secret }
    }

    /// The identity the session belongs to.
    pub fn identity(&self) -> Uuid {
        self.identity
    }

    /// The session's id.
    pub fn session(&self) -> Uuid {
        self.session
    }

    /// The hash under which the store knows the secret.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.secret).into())
    }

    /// The session token of native apps: `ory_st_` and 86 characters of base 62.
    pub fn to_token(&self) -> String {
        let mut bytes = [0; 64];
        bytes[..16].copy_from_slice(self.identity.as_bytes());
        bytes[16..32].copy_from_slice(self.session.as_bytes());
        bytes[32..].copy_from_slice(&self.secret);
        format!("{TOKEN_PREFIX}{}", base62::encode(&bytes))
    }

    /// Reads a session token; `None` for anything else, a session cookie's value among it.
    pub fn from_token(token: &str) -> Option<Self> {
        let bytes = base62::decode(token.strip_prefix(TOKEN_PREFIX)?)?;
        Some(Self {
            identity: Uuid::from_slice(&bytes[..16]).ok()?,
            session: Uuid::from_slice(&bytes[16..32]).ok()?,
            secret: bytes[32..].try_into().ok()?,
        })
    }

    /// The value of a browser's session cookie: 140 characters, another one at each issue.
    pub fn to_cookie(&self, issued_at: OffsetDateTime, expires_at: OffsetDateTime, nonce: [u8; 8]) -> String {
        let mut bytes = Vec::with_capacity(COOKIE_LENGTH);
        bytes.push(COOKIE_FORMAT);
        bytes.extend_from_slice(self.identity.as_bytes());
        bytes.extend_from_slice(self.session.as_bytes());
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&issued_at.unix_timestamp().to_be_bytes());
        bytes.extend_from_slice(&expires_at.unix_timestamp().to_be_bytes());
        bytes.extend_from_slice(&nonce);
        let tag = self.cookie_tag(&bytes);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a session cookie's value.
    ///
    /// The tag is keyed with the secret inside the value, so no server key is needed to see that every byte is as it was
    /// issued; whether the secret is the right one only the store can say.
    pub fn from_cookie(value: &str) -> Option<Cookie> {
        let mut bytes = [0; COOKIE_LENGTH + 3];
        if URL_SAFE_NO_PAD.decode_slice(value, &mut bytes).ok()? != COOKIE_LENGTH || bytes[0] != COOKIE_FORMAT {
            return None;
        }
        let presented = Self {
            identity: Uuid::from_slice(&bytes[1..17]).ok()?,
            session: Uuid::from_slice(&bytes[17..33]).ok()?,
            secret: bytes[33..65].try_into().ok()?,
        };
        let (body, tag) = bytes[..COOKIE_LENGTH].split_at(COOKIE_LENGTH - 16);
        let seconds = |at: usize| -> Option<OffsetDateTime> {
            OffsetDateTime::from_unix_timestamp(i64::from_be_bytes(bytes[at..at + 8].try_into().ok()?)).ok()
        };
        let intact: bool = presented.cookie_tag(body).ct_eq(tag).into();
        let (issued_at, expires_at) = (seconds(65)?, seconds(73)?);
        intact.then_some(Cookie { presented, issued_at, expires_at })
    }

    fn cookie_tag(&self, body: &[u8]) -> [u8; 16] {
        let mut tag = [0; 16];
        tag.copy_from_slice(&hmac(&self.secret, &[b"session cookie", body])[..16]);
        tag
    }
}

/// A session cookie's content.
#[derive(Clone, Debug)]
pub struct Cookie {
    /// The session it proves.
    pub presented: Presented,
    /// When the cookie was issued, whole seconds.
    pub issued_at: OffsetDateTime,
    /// The session's expiry when the cookie was issued, whole seconds.
    pub expires_at: OffsetDateTime,
}

/// The logout token of a session: `ory_lo_` and 32 characters that only a holder of `key` can make. It stays the same for
/// the session's life.
pub fn logout_token(key: &[u8], session: Uuid) -> String {
    let [one, two] = [b"1", b"2"].map(|half| hmac(key, &[b"logout token ", half, session.as_bytes()]));
    // Of 64 bytes more than 32 are usable unless something is very wrong with HMAC; then the token is too short to be accepted.
    let characters = base62::characters(&[one, two].concat(), LOGOUT_CHARACTERS).unwrap_or_default();
    format!("{LOGOUT_PREFIX}{characters}")
}

/// Whether `token` is the logout token of `session` under one of `keys` (the newest first). Constant time per key.
pub fn is_logout_token(token: &str, keys: &[&[u8]], session: Uuid) -> bool {
    // The fold has no early end, so the time does not tell which key fits. The number of keys is no secret.
    let fits = |key: &&[u8]| bool::from(logout_token(key, session).as_bytes().ct_eq(token.as_bytes()));
    keys.iter().fold(false, |found, key| found | fits(key)) && token.len() == LOGOUT_PREFIX.len() + LOGOUT_CHARACTERS
}

/// A code of a session token exchange: 64 characters of base 62, from at least 96 random bytes (`login-flow.md` 1.9).
///
/// Returns `None` when `random` holds too few usable bytes.
pub fn exchange_code(random: &[u8]) -> Option<String> {
    base62::characters(random, 64)
}

/// The SHA-256 of a text, in 43 characters: what the store keeps of a code, or uses as a key instead of a text without bounds.
pub fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

/// Compares two texts in constant time (their lengths are not hidden).
pub fn same_text(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of every length, so the error cannot occur; an all-zero tag would fit nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::datetime;

    const ISSUED: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);
    const EXPIRES: OffsetDateTime = datetime!(2026-07-30 10:00 UTC);

    fn presented() -> Presented {
        Presented::new(Uuid::from_u128(1), Uuid::from_u128(u128::MAX), [42; 32])
    }

    #[test]
    fn token_and_cookie_read_back() {
        let p = presented();
        let token = p.to_token();
        assert!(token.starts_with("ory_st_") && token.len() == 7 + 86);
        let again = Presented::from_token(&token).unwrap();
        assert_eq!((again.identity(), again.session()), (p.identity(), p.session()));
        assert!(again.hash().fits(&p.hash()));
        let cookie = Presented::from_cookie(&p.to_cookie(ISSUED, EXPIRES, [1; 8])).unwrap();
        assert_eq!((cookie.issued_at, cookie.expires_at), (ISSUED, EXPIRES));
        assert!(cookie.presented.hash().fits(&p.hash()));
    }

    #[test]
    fn token_and_cookie_are_not_interchangeable() {
        let p = presented();
        assert!(Presented::from_cookie(&p.to_token()).is_none());
        assert!(Presented::from_token(&p.to_cookie(ISSUED, EXPIRES, [1; 8])).is_none());
    }

    #[test]
    fn each_issue_of_a_cookie_differs() {
        let p = presented();
        assert_ne!(p.to_cookie(ISSUED, EXPIRES, [1; 8]), p.to_cookie(ISSUED, EXPIRES, [2; 8]));
    }

    #[test]
    fn cookie_with_altered_character_is_refused() {
        let value = presented().to_cookie(ISSUED, EXPIRES, [1; 8]);
        for at in 0..value.len() {
            let mut dropped = value.clone();
            dropped.remove(at);
            assert!(Presented::from_cookie(&dropped).is_none(), "dropped {at}");
            let old = value.as_bytes()[at];
            for new in [b'A', b'B', b'z', b'_'] {
                if new != old {
                    let mut changed = value.clone().into_bytes();
                    changed[at] = new;
                    assert!(Presented::from_cookie(std::str::from_utf8(&changed).unwrap()).is_none(), "changed {at}");
                }
            }
        }
    }

    #[test]
    fn altered_token_does_not_prove_its_session() {
        let p = presented();
        let token = p.to_token();
        for at in 0..token.len() {
            let mut dropped = token.clone();
            dropped.remove(at);
            assert!(Presented::from_token(&dropped).is_none(), "dropped {at}");
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
            if let Some(other) = Presented::from_token(std::str::from_utf8(&changed).unwrap()) {
                let same =
                    other.identity() == p.identity() && other.session() == p.session() && other.hash().fits(&p.hash());
                assert!(!same, "changed {at}");
            }
        }
    }

    #[test]
    fn logout_token_survives_key_rotation() {
        let (session, other) = (Uuid::from_u128(5), Uuid::from_u128(6));
        let token = logout_token(b"old key", session);
        assert!(token.starts_with("ory_lo_") && token.len() == 7 + 32);
        assert!(token[7..].bytes().all(|b| b.is_ascii_alphanumeric()), "{token}");
        assert!(is_logout_token(&token, &[b"new key", b"old key"], session));
        assert!(!is_logout_token(&token, &[b"new key"], session));
        assert!(!is_logout_token(&token, &[b"old key"], other));
        assert!(!is_logout_token("", &[b"old key"], session));
    }

    #[test]
    fn exchange_code_has_64_unbiased_characters() {
        let random: Vec<u8> = (0..=255).collect();
        let code = exchange_code(&random).unwrap();
        assert_eq!(code.len(), 64);
        assert!(code.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(exchange_code(&[255; 96]), None, "bytes that would bias the choice are not used");
    }

    proptest! {
        #[test]
        fn hostile_values_do_not_panic(text in ".{0,300}") {
            prop_assert!(Presented::from_cookie(&text).is_none());
            prop_assert!(Presented::from_token(&text).is_none());
            prop_assert!(!is_logout_token(&text, &[b"key"], Uuid::nil()));
        }
    }
}
