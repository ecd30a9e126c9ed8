//! Time on one core of a current server, in nanoseconds. Only the order of magnitude matters: it bounds what is compared.

/// Argon2, by memory and passes.
pub(crate) fn argon2(memory_kib: u32, passes: u32) -> u64 {
    600 * u64::from(memory_kib) * u64::from(passes)
}

/// bcrypt, whose rounds double with each step.
pub(crate) fn bcrypt(cost: u32) -> u64 {
    60_000 << cost.min(31)
}

/// scrypt, by rounds of its mixing function.
pub(crate) fn scrypt(n: u64, r: u64, p: u64) -> u64 {
    n.saturating_mul(r).saturating_mul(p).saturating_mul(400)
}

/// HMACs of a PBKDF2, each two blocks of the digest.
pub(crate) fn hmacs(count: u64) -> u64 {
    count.saturating_mul(400)
}

/// Blocks of a digest, 64 or 128 bytes each.
pub(crate) fn blocks(count: u64) -> u64 {
    count.saturating_mul(250)
}
