//! Messages about rate limits: 4029xxx, ids of our own that Kratos has not.

use super::{Kind, Message};
use serde_json::json;
use time::Duration;

impl Message {
    /// 4029001, of our own: tried too often. `wait` is how long not to try again.
    pub fn too_often(wait: Duration) -> Self {
        let minutes = (wait.whole_seconds().max(1) as u64).div_ceil(60);
        let plural = if minutes == 1 { "" } else { "s" };
        Self::with(
            4029001,
            Kind::Error,
            format!("Too many attempts. Please try again in {minutes} minute{plural}."),
            json!({"minutes": minutes}),
        )
    }

    /// 4029002, of our own: no further code is sent for now, and the last one is still good. `wait` is how long until another can
    /// be requested.
    pub fn use_the_last_code(wait: Duration) -> Self {
        let minutes = (wait.whole_seconds().max(1) as u64).div_ceil(60);
        let plural = if minutes == 1 { "" } else { "s" };
        Self::with(
            4029002,
            Kind::Error,
            format!(
                "No further code was sent. The last code you received is still valid. You can request another one in {minutes} \
                 minute{plural}."
            ),
            json!({"minutes": minutes}),
        )
    }
}
