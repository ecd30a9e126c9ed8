//! Errors of a configuration.

/// Everything that is wrong with a configuration, one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigErrors(pub Vec<String>);

impl From<String> for ConfigErrors {
    fn from(line: String) -> Self {
        Self(vec![line])
    }
}
