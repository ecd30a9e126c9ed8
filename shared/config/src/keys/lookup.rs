//! Which keys fit a path.
//!
//! Every function asks for every value of its file when it starts, so a path is walked part by part beside the document: at each step
//! only those keys are looked at that fit so far.

use super::{KEYS, Key, names};

/// A key that fits a path so far.
#[derive(Clone, Copy)]
pub(crate) struct Fit {
    pub(crate) key: &'static Key,
    /// What more there is of the key's path.
    rest: Option<&'static str>,
    /// Parts that the key names outright, not by a placeholder.
    named: usize,
}

/// Every key, before the first part of a path.
pub(crate) fn all() -> Vec<Fit> {
    KEYS.iter().map(|key| Fit { key, rest: Some(key.path), named: 0 }).collect()
}

/// The key of a whole path.
pub(crate) fn lookup(path: &str) -> Option<&'static Key> {
    Fit::best(&path.split('.').fold(all(), |fits, part| Fit::narrow(&fits, part)))
}

impl Fit {
    /// The keys that fit a path with one more part.
    pub(crate) fn narrow(fits: &[Self], part: &str) -> Vec<Self> {
        fits.iter().filter_map(|fit| fit.further(part)).collect()
    }

    fn further(self, part: &str) -> Option<Self> {
        let rest = self.rest?;
        if let Some(after) = rest.strip_prefix(part) {
            if after.is_empty() {
                return Some(Self { rest: None, named: self.named + 1, ..self });
            }
            if let Some(rest) = after.strip_prefix('.') {
                return Some(Self { rest: Some(rest), named: self.named + 1, ..self });
            }
        }
        if !rest.starts_with('{') {
            return None;
        }
        let (placeholder, rest) = rest.split_once('.').map_or((rest, None), |(first, rest)| (first, Some(rest)));
        names(placeholder).contains(&part).then_some(Self { rest, ..self })
    }

    /// Of the keys that fit so far the one that fits whole, naming most of the path outright.
    pub(crate) fn best(fits: &[Self]) -> Option<&'static Key> {
        fits.iter().filter(|fit| fit.is_whole()).max_by_key(|fit| fit.named).map(|fit| fit.key)
    }

    /// Whether the path is the key's, and not one above it.
    pub(crate) fn is_whole(&self) -> bool {
        self.rest.is_none()
    }

    /// The next part of the key's path, unless it stands for others.
    pub(crate) fn next(&self) -> Option<&'static str> {
        let part = self.rest?.split('.').next()?;
        (!part.contains(['{', '['])).then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::FIRST_PARTS;
    use std::collections::BTreeSet;

    #[test]
    fn first_parts_are_those_of_the_keys() {
        let parts: BTreeSet<&str> = KEYS.iter().filter_map(|key| key.path.split('.').next()).collect();
        assert_eq!(parts.into_iter().collect::<Vec<_>>(), FIRST_PARTS);
    }

    #[test]
    fn a_key_is_found_by_any_of_its_paths() {
        for key in KEYS {
            for path in key.paths() {
                let found = lookup(&path).unwrap_or_else(|| panic!("{path}"));
                // Another key may name the same path more closely.
                assert!(found.path == key.path || !found.path.contains('{'), "{path}: {}", found.path);
            }
        }
        assert_eq!(lookup("identity.schemas[].url").map(|key| key.path), Some("identity.schemas[].url"));
        for nothing in
            ["", "session", "session.lifespan.more", "selfservice.methods.{method}.enabled", "session.lifespa"]
        {
            assert!(lookup(nothing).is_none(), "{nothing}");
        }
    }
}
