//! Messages and labels: the texts a client shows, each with a stable id (contract `messages.tsv`).

use crate::error::ALREADY_LOGGED_IN;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

/// A text with its id; `context` holds what was filled in, so that a client can translate it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Stable id; clients choose translations by it.
    pub id: u64,
    /// The English text.
    pub text: String,
    /// How to show it.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The values in the text; absent when there are none.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub context: Map<String, Value>,
}

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something to know.
    Info,
    /// Something went wrong.
    Error,
    /// Something went well.
    Success,
}

impl Message {
    fn plain(id: u64, kind: Kind, text: &str) -> Self {
        Self { id, text: text.to_owned(), kind, context: Map::new() }
    }

    fn with(id: u64, kind: Kind, text: String, context: Value) -> Self {
        let context = match context {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Self { id, text, kind, context }
    }

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

    /// 1010014, a code is on its way to whatever was typed.
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

    /// 1010025, a code is on its way to somebody who is known.
    pub fn code_sent_to_you() -> Self {
        Self::plain(1010025, Kind::Info, "A code was sent to your address. If you didn't receive it, please try again.")
    }

    /// 1070001, label of the password input.
    pub fn label_password() -> Self {
        Self::plain(1070001, Kind::Info, "Password")
    }

    /// 1070002, a label made from an identity schema's title; `name` is the path, such as `traits.email`.
    pub fn label_from_schema(name: &str, title: &str) -> Self {
        Self::with(1070002, Kind::Info, title.to_owned(), json!({"name": name, "title": title}))
    }

    /// 1070004, label of an identifier that may be several things.
    pub fn label_id() -> Self {
        Self::plain(1070004, Kind::Info, "ID")
    }

    /// 1070008, the submit label that asks for another code.
    pub fn resend_code() -> Self {
        Self::plain(1070008, Kind::Info, "Resend code")
    }

    /// 1070009, the submit label of a step.
    pub fn go_on() -> Self {
        Self::plain(1070009, Kind::Info, "Continue")
    }

    /// 1070013, label of the input for a login code.
    pub fn label_login_code() -> Self {
        Self::plain(1070013, Kind::Info, "Login code")
    }

    /// 4000001, a text of its own.
    pub fn generic(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        let context = json!({"reason": reason});
        Self::with(4000001, Kind::Error, reason, context)
    }

    /// 4000001 for a submission by somebody who is signed in.
    pub fn already_logged_in() -> Self {
        Self::generic(ALREADY_LOGGED_IN)
    }

    /// 4000002, a required property that was not sent.
    pub fn missing(property: &str) -> Self {
        Self::with(4000002, Kind::Error, format!("Property {property} is missing."), json!({"property": property}))
    }

    /// 4000006, for unknown people and wrong passwords alike.
    pub fn invalid_credentials() -> Self {
        Self::plain(
            4000006,
            Kind::Error,
            "The provided credentials are invalid, check for spelling mistakes in your password or username, email \
             address, or phone number.",
        )
    }

    /// 4000026, a value of another JSON type than its schema allows.
    pub fn wrong_type(allowed: &str, actual: &str) -> Self {
        Self::with(
            4000026,
            Kind::Error,
            format!("expected {allowed}, but got {actual}"),
            json!({"actual_type": actual, "allowed_types": [allowed]}),
        )
    }

    /// 4000035, nobody signs in by code at this address.
    pub fn no_code_sign_in() -> Self {
        Self::plain(4000035, Kind::Error, "This account does not exist or has not setup sign in with code.")
    }

    /// 4000037, nobody has this identifier, or they have nothing to sign in with.
    pub fn no_such_account() -> Self {
        Self::plain(4000037, Kind::Error, "This account does not exist or has no login method configured.")
    }

    /// 4000001 for a code that was right and has served.
    pub fn code_was_used() -> Self {
        Self::generic("The code was already used. Please request another code.")
    }

    /// 4000001 for more codes than a flow may try.
    pub fn too_many_codes() -> Self {
        Self::generic("The request was submitted too often. Please request another code.")
    }

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

    /// 4010001, first message of the flow that replaces an expired one.
    pub fn flow_expired(expired_at: OffsetDateTime, now: OffsetDateTime) -> Self {
        let minutes = (now - expired_at).as_seconds_f64() / 60.0;
        let shown = expired_at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
        Self::with(
            4010001,
            Kind::Error,
            format!("The login flow expired {minutes:.2} minutes ago, please try again."),
            json!({"expired_at": shown, "expired_at_unix": expired_at.unix_timestamp()}),
        )
    }

    /// 4010002, nobody took the submission.
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

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn an_empty_context_is_absent() {
        let text = serde_json::to_string(&Message::label_id()).unwrap();
        assert_eq!(text, r#"{"id":1070004,"text":"ID","type":"info"}"#);
    }

    #[test]
    fn expiry_is_told_in_minutes_with_two_decimals() {
        let m = Message::flow_expired(datetime!(2026-07-29 10:00 UTC), datetime!(2026-07-29 10:01:30 UTC));
        assert_eq!(m.text, "The login flow expired 1.50 minutes ago, please try again.");
        assert_eq!(m.context["expired_at"], "2026-07-29T10:00:00Z");
        assert_eq!(m.context["expired_at_unix"], 1_785_319_200);
    }
}
