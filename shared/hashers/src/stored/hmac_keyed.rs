//! Hashes in which the password is the key of an HMAC: PBKDF2, and scrypt and Firebase's scrypt on top of it.
//!
//! An HMAC fills a short key up with NULs and replaces one longer than its block by its digest. So three texts are one key: the
//! password, the password with NULs behind it, and, for a long password, its digest.

/// Whether somebody can have had this password, by a digest of `length` bytes. Among the texts of that length are digests
/// of longer passwords; bytes that no keyboard writes give nearly all of them away.
pub(super) fn takes(password: &[u8], length: usize) -> bool {
    password.len() != length || !std::str::from_utf8(password).is_ok_and(|text| text.contains(char::is_control))
}

/// Whether a password that fits is the owner's and not the digest of theirs. Text in ASCII is: hardly one digest in a hundred
/// million consists of it.
pub(super) fn is_sure_of(password: &[u8], length: usize) -> bool {
    password.len() != length || password.is_ascii()
}
