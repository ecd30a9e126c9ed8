//! Messages about a submission, in all flows: 4000xxx.

use super::{Kind, Message};
use crate::error::ALREADY_LOGGED_IN;
use serde_json::json;

impl Message {
    /// 4000001, a text of its own.
    pub fn generic(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        let context = json!({"reason": reason});
        Self::with(4000001, Kind::Error, reason, context)
    }

    /// 4000001 for a submission by a client that has a session.
    pub fn already_logged_in() -> Self {
        Self::generic(ALREADY_LOGGED_IN)
    }

    /// 4000002, a required property that was not sent.
    pub fn missing(property: &str) -> Self {
        Self::with(4000002, Kind::Error, format!("Property {property} is missing."), json!({"property": property}))
    }

    /// 4000006, for unknown identifiers and wrong passwords alike.
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

    /// 4000035, no identity signs in by code with this address.
    pub fn no_code_sign_in() -> Self {
        Self::plain(4000035, Kind::Error, "This account does not exist or has not setup sign in with code.")
    }

    /// 4000037, no identity has this identifier, or the identity has no credential to sign in with.
    pub fn no_such_account() -> Self {
        Self::plain(4000037, Kind::Error, "This account does not exist or has no login method configured.")
    }

    /// 4000001 for a code that was right and has been used.
    pub fn code_was_used() -> Self {
        Self::generic("The code was already used. Please request another code.")
    }

    /// 4000001 for more codes than a flow may try.
    pub fn too_many_codes() -> Self {
        Self::generic("The request was submitted too often. Please request another code.")
    }
}
