//! Envelopes that one function closes and another opens: hybrid public-key encryption (RFC 9180), X25519, HKDF-SHA256 and
//! ChaCha20-Poly1305.
//!
//! A login writes what a message says into the outbox; until it is sent, nobody who reads that table, a backup or a stream may
//! learn the code in it, and the login function itself has no need to. It holds the public half of a key; the private half is
//! derived from a secret that the courier alone may read.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// Both sides must name it; it keeps envelopes of this project apart from those of any other that had the same key, and those of
/// one release from those of another that bound them to something else.
const INFO: &[u8] = b"latchkey outbox 2";
/// The same in the release before.
const INFO_BEFORE: &[u8] = b"latchkey outbox 1";
/// Bytes of an encapsulated key, at the beginning of an envelope.
const ENCAPSULATED: usize = 32;
/// Shortest secret that a key may be derived from, in bytes.
const SHORTEST_SECRET: usize = 16;

/// Why an envelope cannot be closed or opened. Says nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// Not a public key: 43 characters of base64url.
    #[error("this is not a public key of the courier: 43 characters of base64url are expected")]
    PublicKey,
    /// The secret is too short to derive a key from.
    #[error("the courier's secret is shorter than {SHORTEST_SECRET} bytes")]
    Secret,
    /// Altered, cut off, or closed for another key or message.
    #[error("an envelope that this key does not open")]
    Envelope,
}

/// The half that closes envelopes. Nothing about it is secret.
#[derive(Clone)]
pub struct PublicKey(<X25519HkdfSha256 as Kem>::PublicKey);

/// The half that opens them.
#[derive(Clone)]
pub struct PrivateKey(<X25519HkdfSha256 as Kem>::PrivateKey);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}

impl PublicKey {
    /// Reads a key as [`PublicKey::to_text`] writes it.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| SealError::PublicKey)?;
        <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&bytes).map(Self).map_err(|_| SealError::PublicKey)
    }

    /// 43 characters of base64url.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.to_bytes())
    }

    /// Closes an envelope that opens only for the same `about`, which is authenticated and not hidden.
    ///
    /// # Errors
    /// When the key is one that nobody can have the private half of.
    pub fn seal(&self, plain: &[u8], about: &[u8]) -> Result<Vec<u8>, SealError> {
        let (encapsulated, mut context) =
            hpke::setup_sender::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(&OpModeS::Base, &self.0, INFO)
                .map_err(|_| SealError::PublicKey)?;
        let mut envelope = encapsulated.to_bytes().to_vec();
        envelope.extend(context.seal(plain, about).map_err(|_| SealError::PublicKey)?);
        Ok(envelope)
    }
}

impl PrivateKey {
    /// The key that belongs to a secret; the same for the same secret.
    ///
    /// # Errors
    /// When the secret is too short.
    pub fn derive(secret: &[u8]) -> Result<Self, SealError> {
        if secret.len() < SHORTEST_SECRET {
            return Err(SealError::Secret);
        }
        Ok(Self(X25519HkdfSha256::derive_keypair(secret).0))
    }

    /// The keys that belong to a text of secrets, one a line, newest first: what was sealed under an old one can be opened for as
    /// long as it stands there.
    ///
    /// # Errors
    /// When one is too short, or there is none.
    pub fn all(secrets: &str) -> Result<Vec<Self>, SealError> {
        let lines = secrets.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys: Vec<Self> = lines.map(|line| Self::derive(line.as_bytes())).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(SealError::Secret) } else { Ok(keys) }
    }

    /// The other half.
    pub fn public(&self) -> PublicKey {
        PublicKey(X25519HkdfSha256::sk_to_pk(&self.0))
    }

    /// Opens an envelope.
    ///
    /// # Errors
    /// When it was altered, or closed for another key or another `about`.
    pub fn open(&self, envelope: &[u8], about: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.open_as(INFO, envelope, about)
    }

    /// Opens an envelope of the release before. None of this release opens so.
    ///
    /// # Errors
    /// When it was altered, or closed for another key, another `about` or by another release.
    pub fn open_of_release_before(&self, envelope: &[u8], about: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.open_as(INFO_BEFORE, envelope, about)
    }

    fn open_as(&self, info: &[u8], envelope: &[u8], about: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (encapsulated, sealed) = envelope.split_at_checked(ENCAPSULATED).ok_or(SealError::Envelope)?;
        let encapsulated =
            <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| SealError::Envelope)?;
        let mut context = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &encapsulated,
            info,
        )
        .map_err(|_| SealError::Envelope)?;
        context.open(sealed, about).map(Zeroizing::new).map_err(|_| SealError::Envelope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = b"123456";

    fn key() -> PrivateKey {
        PrivateKey::derive(b"a secret that is long enough").unwrap()
    }

    #[test]
    fn an_envelope_opens_for_its_key_and_its_message_alone() {
        let public = PublicKey::parse(&key().public().to_text()).unwrap();
        let envelope = public.seal(PLAIN, b"message 1").unwrap();
        assert_eq!(*key().open(&envelope, b"message 1").unwrap(), PLAIN);
        assert_eq!(key().open(&envelope, b"message 2"), Err(SealError::Envelope));
        let other = PrivateKey::derive(b"another secret, long enough too").unwrap();
        assert_eq!(other.open(&envelope, b"message 1"), Err(SealError::Envelope));
        assert_ne!(public.seal(PLAIN, b"message 1").unwrap(), envelope, "no two envelopes are alike");
        assert_eq!(key().open_of_release_before(&envelope, b"message 1"), Err(SealError::Envelope));
    }

    #[test]
    fn what_was_altered_or_cut_off_does_not_open() {
        let envelope = key().public().seal(PLAIN, b"").unwrap();
        for place in 0..envelope.len() {
            let mut altered = envelope.clone();
            altered[place] ^= 1;
            assert_eq!(key().open(&altered, b""), Err(SealError::Envelope), "byte {place}");
            assert_eq!(key().open(&envelope[..place], b""), Err(SealError::Envelope), "first {place} bytes");
        }
    }

    #[test]
    fn secrets_stand_one_a_line_newest_first() {
        let keys = PrivateKey::all("the newest secret of all\n\n a secret that is long enough \n").unwrap();
        assert_eq!(keys.len(), 2);
        let envelope = key().public().seal(PLAIN, b"").unwrap();
        assert!(keys[0].open(&envelope, b"").is_err() && keys[1].open(&envelope, b"").is_ok());
        for none in ["", "\n \n", "long enough, but then\nshort"] {
            assert_eq!(PrivateKey::all(none).err(), Some(SealError::Secret), "{none:?}");
        }
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        for text in ["", "x", "AAAA", &"A".repeat(44), "ä"] {
            assert_eq!(PublicKey::parse(text).unwrap_err(), SealError::PublicKey, "{text:?}");
        }
        assert_eq!(PrivateKey::derive(b"short").unwrap_err(), SealError::Secret);
        // Points of small order would make a secret that everybody knows.
        let low = PublicKey::parse(&"A".repeat(43)).and_then(|key| key.seal(PLAIN, b""));
        assert_eq!(low, Err(SealError::PublicKey));
    }
}
