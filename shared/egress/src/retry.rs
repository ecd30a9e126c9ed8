//! Attempts with a back-off between them.

use std::time::Duration;

/// How often a call is attempted, and how long it waits in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// The attempts beside the first.
    pub most: u32,
    /// The wait before the first of them. Each further wait is twice as long.
    pub first_wait: Duration,
}

impl Retries {
    /// The first attempt is the last.
    pub const NONE: Self = Self { most: 0, first_wait: Duration::ZERO };

    /// Waits until the next attempt; false when none is left.
    pub async fn next(&mut self) -> bool {
        let Some(left) = self.most.checked_sub(1) else { return false };
        pause(self.first_wait).await;
        *self = Self { most: left, first_wait: self.first_wait.saturating_mul(2) };
        true
    }
}

#[expect(clippy::disallowed_methods, reason = "a back-off between attempts, not a wait for a race to settle")]
async fn pause(wait: Duration) {
    tokio::time::sleep(wait).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn waits_double_until_no_attempt_is_left() {
        let mut retries = Retries { most: 3, first_wait: Duration::from_millis(10) };
        for wait in [10, 20, 40] {
            let began = Instant::now();
            assert!(retries.next().await);
            assert!(began.elapsed() >= Duration::from_millis(wait), "{:?}", began.elapsed());
        }
        assert!(!retries.next().await);
        assert!(!Retries { ..Retries::NONE }.next().await);
    }
}
