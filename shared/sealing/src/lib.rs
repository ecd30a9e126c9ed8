//! Sealed messages: hybrid public-key encryption (RFC 9180) with X25519, HKDF-SHA256 and ChaCha20-Poly1305. One function seals, another
//! opens.
//!
//! A login writes a sealed message into the outbox. Until it is sent, a reader of that table, of a backup or of a stream cannot learn the
//! code in it, and neither does the login function need to. That function has the public key. The private key is derived from a secret
//! that only the courier may read.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// The `info` of RFC 9180, which both sides must use. It keeps messages of this project apart from those of another one with the same
/// key, and those of one release from those of another that bound them to other fields.
const INFO: &[u8] = b"latchkey outbox 2";
/// The same in the previous release.
const INFO_BEFORE: &[u8] = b"latchkey outbox 1";
/// Bytes of an encapsulated key, at the beginning of a sealed message.
const ENCAPSULATED: usize = 32;
/// Shortest secret that a key may be derived from, in bytes.
const SHORTEST_SECRET: usize = 16;

/// Why a message cannot be sealed or opened. It says nothing of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// Not a public key: 43 characters of base64url.
    #[error("this is not a public key of the courier: 43 characters of base64url are expected")]
    PublicKey,
    /// The secret is too short to derive a key from.
    #[error("the courier's secret is shorter than {SHORTEST_SECRET} bytes")]
    Secret,
    /// Altered, truncated, or sealed for another key or message.
    #[error("an envelope that this key does not open")]
    Envelope,
}

/// The key that seals. It is not secret.
#[derive(Clone)]
pub struct PublicKey(<X25519HkdfSha256 as Kem>::PublicKey);

/// The key that opens.
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
    /// When it is not a key.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| SealError::PublicKey)?;
        <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&bytes).map(Self).map_err(|_| SealError::PublicKey)
    }

    /// 43 characters of base64url.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.to_bytes())
    }

    /// Seals a text. It opens only with the same `about`, which is authenticated and not encrypted.
    ///
    /// # Errors
    /// When the key is one without a private key.
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
    /// The key of a secret; equal secrets give equal keys.
    ///
    /// # Errors
    /// When the secret is too short.
    pub fn derive(secret: &[u8]) -> Result<Self, SealError> {
        if secret.len() < SHORTEST_SECRET {
            return Err(SealError::Secret);
        }
        Ok(Self(X25519HkdfSha256::derive_keypair(secret).0))
    }

    /// The keys of a list of secrets, one per line, newest first: a message that was sealed for an old key can be opened as long as its
    /// secret is listed.
    ///
    /// # Errors
    /// When a secret is too short, or there is none.
    pub fn all(secrets: &str) -> Result<Vec<Self>, SealError> {
        let lines = secrets.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys: Vec<Self> = lines.map(|line| Self::derive(line.as_bytes())).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(SealError::Secret) } else { Ok(keys) }
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(X25519HkdfSha256::sk_to_pk(&self.0))
    }

    /// Opens a sealed message.
    ///
    /// # Errors
    /// When it was altered, or sealed for another key or another `about`.
    pub fn open(&self, envelope: &[u8], about: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.open_as(INFO, envelope, about)
    }

    /// Opens a sealed message of the previous release. Messages of this release do not open this way.
    ///
    /// # Errors
    /// When it was altered, or sealed for another key, another `about` or by another release.
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
    fn message_opens_for_its_key_and_context_only() {
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
    fn altered_or_truncated_message_does_not_open() {
        let envelope = key().public().seal(PLAIN, b"").unwrap();
        for place in 0..envelope.len() {
            let mut altered = envelope.clone();
            altered[place] ^= 1;
            assert_eq!(key().open(&altered, b""), Err(SealError::Envelope), "byte {place}");
            assert_eq!(key().open(&envelope[..place], b""), Err(SealError::Envelope), "first {place} bytes");
        }
    }

    #[test]
    fn secrets_are_listed_newest_first() {
        let keys = PrivateKey::all("the newest secret of all\n\n a secret that is long enough \n").unwrap();
        assert_eq!(keys.len(), 2);
        let envelope = key().public().seal(PLAIN, b"").unwrap();
        assert!(keys[0].open(&envelope, b"").is_err() && keys[1].open(&envelope, b"").is_ok());
        for none in ["", "\n \n", "long enough, but then\nshort"] {
            assert_eq!(PrivateKey::all(none).err(), Some(SealError::Secret), "{none:?}");
        }
    }

    #[test]
    fn invalid_keys_are_refused() {
        for text in ["", "x", "AAAA", &"A".repeat(44), "ä"] {
            assert_eq!(PublicKey::parse(text).unwrap_err(), SealError::PublicKey, "{text:?}");
        }
        assert_eq!(PrivateKey::derive(b"short").unwrap_err(), SealError::Secret);
        // Points of small order would make a shared secret that any client could compute.
        let low = PublicKey::parse(&"A".repeat(43)).and_then(|key| key.seal(PLAIN, b""));
        assert_eq!(low, Err(SealError::PublicKey));
    }
}
