//! Double-submit anti-CSRF tokens, masked so that no two renderings look alike (contract `login-flow.md` 8).

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::ZeroizeOnDrop;

/// Reads what [`STANDARD`] writes, also without its padding, which some servers on the way cut off.
const PADDED_OR_NOT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The 32 bytes a browser keeps in its anti-CSRF cookie.
#[derive(Clone, ZeroizeOnDrop)]
pub struct CsrfSecret([u8; 32]);

impl std::fmt::Debug for CsrfSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CsrfSecret(…)")
    }
}

impl CsrfSecret {
    /// A new secret from 32 random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// Reads a cookie's value: standard base64 of exactly 32 bytes, with or without its padding.
    pub fn from_cookie(value: &str) -> Option<Self> {
        let mut bytes = [0; 33];
        // A value that fills more than 32 bytes is refused by its length, before anything is allocated for it.
        let length = PADDED_OR_NOT.decode_slice(value, &mut bytes).ok()?;
        (length == 32).then(|| {
            let mut secret = [0; 32];
            secret.copy_from_slice(&bytes[..32]);
            Self(secret)
        })
    }

    /// The cookie's value: 44 characters.
    pub fn to_cookie(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// A token for a form: 88 characters, another one for each `mask` of 32 random bytes.
    pub fn token(&self, mask: [u8; 32]) -> String {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&mask);
        for (out, (m, s)) in bytes[32..].iter_mut().zip(mask.iter().zip(self.0)) {
            *out = m ^ s;
        }
        STANDARD.encode(bytes)
    }

    /// The secret that a token was made of: masked (64 bytes) or bare (32 bytes).
    pub fn from_token(token: &str) -> Option<Self> {
        let mut bytes = [0; 66];
        let length = STANDARD.decode_slice(token, &mut bytes).ok()?;
        let mut secret = [0; 32];
        match length {
            32 => secret.copy_from_slice(&bytes[..32]),
            64 => {
                for (out, (m, s)) in secret.iter_mut().zip(bytes[..32].iter().zip(&bytes[32..64])) {
                    *out = m ^ s;
                }
            }
            _ => return None,
        }
        Some(Self(secret))
    }

    /// Whether a submitted token belongs to this secret. Constant time in the secret.
    pub fn accepts(&self, token: &str) -> bool {
        Self::from_token(token).is_some_and(|made_of| made_of.0.ct_eq(&self.0).into())
    }

    /// What a flow keeps of the browser it belongs to: enough to recognise the cookie, not enough to make one.
    pub fn binding(&self) -> CsrfBinding {
        CsrfBinding(Sha256::digest(self.0).into())
    }
}

/// The SHA-256 of the anti-CSRF cookie that a browser flow belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsrfBinding([u8; 32]);

impl CsrfBinding {
    /// Whether this is the browser whose cookie holds `secret`. Constant time.
    pub fn fits(&self, secret: &CsrfSecret) -> bool {
        secret.binding().0.ct_eq(&self.0).into()
    }
}

impl serde::Serialize for CsrfBinding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de> serde::Deserialize<'de> for CsrfBinding {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let mut bytes = [0; 33];
        match STANDARD.decode_slice(text.as_bytes(), &mut bytes) {
            Ok(32) => {
                let mut hash = [0; 32];
                hash.copy_from_slice(&bytes[..32]);
                Ok(Self(hash))
            }
            _ => Err(serde::de::Error::custom("a CSRF binding is 32 bytes in base64")),
        }
    }
}

/// The cookie's name: it carries the SHA-256 of the base URL exactly as configured, so that two deployments on one host do
/// not overwrite each other's cookie.
pub fn cookie_name(base_url: &str) -> String {
    use std::fmt::Write as _;
    let mut name = String::with_capacity(75);
    name.push_str("csrf_token_");
    for byte in Sha256::digest(base_url) {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cookie_name_hashes_base_url_as_written() {
        assert_eq!(
            cookie_name("http://foo.com/bar"),
            "csrf_token_01c86631efd1537ee34a98e75884a6e21dd8e2d9e944934bca21204106bfd32f"
        );
        assert_ne!(cookie_name("http://foo.com/bar"), cookie_name("http://foo.com/bar/"));
    }

    #[test]
    fn cookie_and_token_have_fixed_lengths() {
        let secret = CsrfSecret::new([7; 32]);
        assert_eq!(secret.to_cookie().len(), 44);
        assert_eq!(secret.token([9; 32]).len(), 88);
        assert!(secret.accepts(&secret.token([9; 32])));
        assert!(secret.accepts(&secret.to_cookie()), "the bare secret is a token too");
        assert!(!secret.accepts(&CsrfSecret::new([8; 32]).token([9; 32])));
    }

    proptest! {
        #[test]
        fn a_cookie_reads_back(bytes in proptest::array::uniform32(any::<u8>())) {
            let secret = CsrfSecret::new(bytes);
            let again = CsrfSecret::from_cookie(&secret.to_cookie()).unwrap();
            prop_assert!(secret.binding().fits(&again));
        }

        #[test]
        fn hostile_cookies_and_tokens_do_not_panic(text in ".{0,200}") {
            let secret = CsrfSecret::new([1; 32]);
            prop_assert!(!secret.accepts(&text));
            if let Some(other) = CsrfSecret::from_cookie(&text) {
                let again = other.to_cookie();
                prop_assert_eq!(again.trim_end_matches('='), text.trim_end_matches('='));
            }
        }

        #[test]
        fn one_changed_character_is_refused(at in 0usize..88, to in "[A-Za-z0-9+/=]") {
            let secret = CsrfSecret::new([3; 32]);
            let token = secret.token([200; 32]);
            let mut changed = token.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != token);
            prop_assert!(!secret.accepts(&changed));
        }
    }
}
