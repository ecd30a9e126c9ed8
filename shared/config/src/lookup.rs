//! Which keys fit a path.
//!
//! A path is walked part by part beside the document: at each step only those sections and keys are compared that fit so far.

use crate::key::{Key, Place, Section};
use crate::table::SECTIONS;

/// A section or a key that fits a path so far.
#[derive(Clone, Copy)]
pub(crate) struct Fit {
    section: &'static Section,
    /// The key; none while the path is still above the section.
    key: Option<&'static Key>,
    /// What more there is of the path of the section, and then of the key.
    rest: Option<&'static str>,
    /// Parts that the path names outright, not by a placeholder.
    named: usize,
}

/// Every section, before the first part of a path.
pub(crate) fn all() -> Vec<Fit> {
    let mut fits = Vec::with_capacity(SECTIONS.len() + 32);
    for section in SECTIONS {
        let rest = (!section.at.is_empty()).then_some(section.at);
        Fit { section, key: None, rest, named: 0 }.push_to(&mut fits);
    }
    fits
}

/// The key of a whole path.
pub(crate) fn lookup(path: &str) -> Option<Place> {
    Fit::best(&path.split('.').fold(all(), |fits, part| Fit::narrow(&fits, part)))
}

impl Fit {
    /// What fits a path with one more part.
    pub(crate) fn narrow(fits: &[Self], part: &str) -> Vec<Self> {
        let mut narrowed = Vec::new();
        for fit in fits.iter().filter_map(|fit| fit.further(part)) {
            fit.push_to(&mut narrowed);
        }
        narrowed
    }

    /// Adds this, or the keys of the section when its path is at its end.
    fn push_to(self, fits: &mut Vec<Self>) {
        match (self.key, self.rest) {
            (None, None) => {
                let keys = self.section.keys.iter();
                fits.extend(keys.map(|key| Self { key: Some(key), rest: Some(key.path), ..self }));
            }
            _ => fits.push(self),
        }
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
        self.section.names(placeholder).contains(&part).then_some(Self { rest, ..self })
    }

    /// Of the keys whose whole path fits, the one that names most of it outright.
    pub(crate) fn best(fits: &[Self]) -> Option<Place> {
        let whole = fits.iter().filter(|fit| fit.rest.is_none()).max_by_key(|fit| fit.named)?;
        Some(Place { section: whole.section, key: whole.key? })
    }

    /// The key, where the path has come to its section.
    pub(crate) fn place(&self) -> Option<Place> {
        Some(Place { section: self.section, key: self.key? })
    }

    /// The next part of the path, unless it stands for others.
    pub(crate) fn next(&self) -> Option<&'static str> {
        let part = self.rest?.split('.').next()?;
        (!part.contains(['{', '['])).then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::places;

    #[test]
    fn key_is_found_by_each_of_its_paths() {
        for place in places() {
            for path in place.paths() {
                let found = lookup(&path).unwrap_or_else(|| panic!("{path}"));
                // Another key may name the same path more closely.
                let is_closer = !found.path().contains('{');
                assert!(found.path() == place.path() || is_closer, "{path}: {}", found.path());
            }
        }
        assert_eq!(
            lookup("identity.schemas[].url").map(|place| place.path()).as_deref(),
            Some("identity.schemas[].url")
        );
        for nothing in
            ["", "session", "session.lifespan.more", "selfservice.methods.{method}.enabled", "session.lifespa"]
        {
            assert!(lookup(nothing).is_none(), "{nothing}");
        }
    }

    #[test]
    fn variable_is_found_by_its_whole_name() {
        for place in places() {
            for path in place.paths() {
                let name = crate::key::variable(&path);
                assert!(place.section.may_hold(&name) && place.may_be(&name), "{name}");
                assert!(!place.may_be(&format!("{name}X")) && !place.may_be(&name[1..]), "{name}");
            }
        }
    }
}
