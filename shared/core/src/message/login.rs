//! Messages of the login flow: 1010xxx inform, 4010xxx report an error.

use super::{Kind, Message};
use serde_json::json;
use time::OffsetDateTime;

impl Message {
    /// 1010001, the submit label of a refresh.
    pub fn sign_in() -> Self {
        Self::plain(1010001, Kind::Info, "Sign in")
    }

    /// 1010003, on a refresh.
    pub fn confirm_it_is_you() -> Self {
        Self::plain(1010003, Kind::Info, "Please confirm this action by verifying that it is you.")
    }

    /// 1010004, when a second factor is asked for.
    pub fn complete_second_factor() -> Self {
        Self::plain(1010004, Kind::Info, "Please complete the second authentication challenge.")
    }

    /// 1010014, a code is on its way to the address that the user typed.
    pub fn code_sent() -> Self {
        Self::plain(
            1010014,
            Kind::Info,
            "A code was sent to the address you provided. If you didn't receive it, please check the spelling of the address \
             and try again.",
        )
    }

    /// 1010015, the submit label that asks for a code.
    pub fn send_code() -> Self {
        Self::plain(1010015, Kind::Info, "Send sign in code")
    }

    /// 1010022, the submit label of the password form.
    pub fn sign_in_with_password() -> Self {
        Self::plain(1010022, Kind::Info, "Sign in with password")
    }

    /// 1010023, the label of an address that a code can be sent to; `channel` is `email` or `sms`.
    pub fn send_code_to(address: &str, channel: &str) -> Self {
        let context = json!({"address": address, "channel": channel});
        Self::with(1010023, Kind::Info, format!("Send code to {address}"), context)
    }

    /// 1010025, a code is on its way to a known identity.
    pub fn code_sent_to_you() -> Self {
        Self::plain(1010025, Kind::Info, "A code was sent to your address. If you didn't receive it, please try again.")
    }

    /// 4010001, first message of the flow that replaces an expired one.
    pub fn login_flow_expired(expired_at: OffsetDateTime, now: OffsetDateTime) -> Self {
        let minutes = (now - expired_at).as_seconds_f64() / 60.0;
        let shown = expired_at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
        Self::with(
            4010001,
            Kind::Error,
            format!("The login flow expired {minutes:.2} minutes ago, please try again."),
            json!({"expired_at": shown, "expired_at_unix": expired_at.unix_timestamp()}),
        )
    }

    /// 4010002, no method took the submission.
    pub fn no_strategy() -> Self {
        Self::plain(
            4010002,
            Kind::Error,
            "Could not find a strategy to log you in with. Did you fill out the form correctly?",
        )
    }

    /// 4010008, a code that is wrong, has expired or was replaced.
    pub fn invalid_code() -> Self {
        Self::plain(4010008, Kind::Error, "The login code is invalid or has already been used. Please try again.")
    }

    /// 4010011, the identity's state is `inactive`.
    pub fn identity_disabled() -> Self {
        Self::plain(4010011, Kind::Error, "This account has been disabled. Please contact support for assistance.")
    }
}
