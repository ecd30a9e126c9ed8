//! The one clock and the one source of randomness. Everything else takes `now` and random bytes as arguments.

use time::OffsetDateTime;
use uuid::Uuid;

/// The time, in UTC.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is handed")]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Random bytes from the operating system.
///
/// # Panics
/// When the operating system has none, which on Linux cannot happen after boot; going on without would make tokens that can
/// be guessed.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    #[expect(clippy::expect_used, reason = "there is no safe way on without randomness")]
    getrandom::fill(&mut out).expect("the operating system gives random bytes");
    out
}

/// A random id, UUID version 4.
pub fn id() -> Uuid {
    uuid::Builder::from_random_bytes(bytes()).into_uuid()
}
