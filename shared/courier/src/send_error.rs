//! Why a delivery channel did not take a message.

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use std::time::Duration;
use time::OffsetDateTime;

/// Why a delivery channel did not take a message. The texts are stored and shown to administrators: they hold no code, no body and no
/// address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Another attempt may succeed.
    #[error("{0}")]
    Retry(String),
    /// The channel has no room now. Nothing is wrong with the message, which comes again once there is room.
    #[error("{why}")]
    Busy {
        /// What the channel answered.
        why: String,
        /// The wait that the channel asked for.
        wait: Option<Duration>,
    },
    /// The channel does not accept our credentials. They may have changed since the courier read them.
    #[error("{0}")]
    NotAllowed(String),
    /// No attempt will succeed.
    #[error("{0}")]
    Refused(String),
}

impl SendError {
    /// The failure of an HTTP service that has no room now: 429, or 503 with a `Retry-After` (RFC 9110 10.2.3).
    pub(crate) fn if_busy(status: StatusCode, headers: &HeaderMap, service: &str, now: OffsetDateTime) -> Option<Self> {
        let wait = headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now));
        let is_busy =
            status == StatusCode::TOO_MANY_REQUESTS || (status == StatusCode::SERVICE_UNAVAILABLE && wait.is_some());
        is_busy.then(|| Self::Busy { why: format!("{service} answered {status}"), wait })
    }
}

/// A wait in seconds, or until a date.
fn retry_after(value: &str, now: OffsetDateTime) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::from(httpdate::parse_http_date(value.trim()).ok()?);
    // A date in the past asks for no wait.
    Some(Duration::try_from(date - now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = datetime!(2026-11-27 14:00 UTC);
        for (value, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Fri, 27 Nov 2026 14:00:30 GMT", Some(30)),
            ("Fri, 27 Nov 2026 13:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(retry_after(value, now).map(|wait| wait.as_secs()), seconds, "{value}");
        }
    }
}
