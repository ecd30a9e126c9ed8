//! Where a function learns which tables are its own and how to reach AWS: environment variables, read once.

use std::collections::BTreeMap;
use thiserror::Error;

/// A function's environment variables.
///
/// A value of its own rather than `std::env`, so that the local stack can start every function in one process with the
/// variables that the template gives to each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

/// A function cannot start; the text names the variable, file or key and what is wanted.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl Environment {
    /// The process' own variables; those that are not Unicode are passed over.
    pub fn from_process() -> Self {
        Self(std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect())
    }

    /// These variables.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// A variable; an empty one counts as unset.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable that must be there.
    ///
    /// # Errors
    /// Names the variable and what it is for.
    pub fn require(&self, key: &str, purpose: &str) -> Result<&str, StartError> {
        self.get(key)
            .ok_or_else(|| StartError(format!("environment variable {key} is not set: it must hold {purpose}")))
    }

    /// All variables.
    pub fn pairs(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// These variables and one more.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.0.insert(key.to_owned(), value.to_owned());
        self
    }
}
