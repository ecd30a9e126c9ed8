//! Labels that forms of all flows share: 1070xxx.

use super::{Kind, Message};
use serde_json::json;

impl Message {
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
}
