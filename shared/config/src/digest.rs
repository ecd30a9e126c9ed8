//! A short name for what a text holds, the same in every release and on every machine.

use sha2::{Digest as _, Sha256};

/// The first 64 bits of the SHA-256 of these texts, each with its length before it.
pub(crate) fn digest<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut sha = Sha256::new();
    for text in texts {
        sha.update((text.len() as u64).to_be_bytes());
        sha.update(text);
    }
    sha.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_stays_what_it_was() {
        assert_eq!(digest(["a", "b"]), "3c9d591045bc8876");
        assert_ne!(digest(["ab"]), digest(["a", "b"]));
    }
}
