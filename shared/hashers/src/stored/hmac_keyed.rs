//! Hashes in which the password is the key of an HMAC: PBKDF2, and scrypt and Firebase's scrypt on top of it.
//!
//! An HMAC pads a short key with NULs, and replaces one longer than its block by its digest. So three texts are the same key: the
//! password, the password with NULs behind it, and, for a long password, its digest.

/// Whether this text can be an owner's password, for a digest of `length` bytes. Texts of that length may be digests of longer
/// passwords; nearly all of those have bytes that no keyboard writes.
pub(super) fn takes(password: &[u8], length: usize) -> bool {
    password.len() != length || !std::str::from_utf8(password).is_ok_and(|text| text.contains(char::is_control))
}

/// Whether a matching password is certainly the owner's and not the digest of the owner's. ASCII text is: hardly one digest in a hundred
/// million consists of it.
pub(super) fn is_sure_of(password: &[u8], length: usize) -> bool {
    password.len() != length || password.is_ascii()
}
