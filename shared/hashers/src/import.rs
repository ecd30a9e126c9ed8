//! Why a hash of another system is refused.

use std::fmt;

/// The three answers of the contract (`beyond-login.md` 1.5), word for word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No known format begins like this.
    UnknownFormat,
    /// The format is known, but the rest is invalid, or no password could match.
    Malformed,
    /// A comparison would take too long or too much memory.
    TooCostly,
}

/// A refused hash.
///
/// Its text is the contract's. The exact error is in `hint`, which names formats, parameters and lengths, and nothing of the salt, the
/// key or the digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}")]
pub struct ImportError {
    /// Which of the answers it is.
    pub refusal: Refusal,
    /// The exact error, for the administrator who imports.
    pub hint: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownFormat => "The imported password does not match any known hash format.",
            Self::Malformed => "The imported password hash could not be parsed.",
            Self::TooCostly => {
                "The imported password hash declares cost parameters that exceed the bounds enforced by Ory. Re-hash the \
                 password with a more conservative configuration before importing."
            }
        })
    }
}

impl ImportError {
    pub(crate) fn unknown(hint: impl Into<String>) -> Self {
        Self { refusal: Refusal::UnknownFormat, hint: hint.into() }
    }

    pub(crate) fn malformed(hint: impl Into<String>) -> Self {
        Self { refusal: Refusal::Malformed, hint: hint.into() }
    }

    pub(crate) fn costly(hint: impl Into<String>) -> Self {
        Self { refusal: Refusal::TooCostly, hint: hint.into() }
    }
}
