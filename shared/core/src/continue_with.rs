//! What a client does after a flow (contract `login-flow.md` 5.9): `continue_with` of an answer.

use serde::Serialize;

/// A step that a client takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ContinueWith {
    /// It sends the browser to a URL.
    RedirectBrowserTo {
        /// The URL.
        redirect_browser_to: String,
    },
}
