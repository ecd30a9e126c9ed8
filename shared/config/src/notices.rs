//! What there is to tell about a configuration that is in order.

use std::collections::BTreeMap;

/// What there is to tell about a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// Values that do not do what they seem to, one line each.
    pub warnings: Vec<String>,
    /// Keys that belong to what is not built yet, by its name.
    pub not_built: BTreeMap<&'static str, Vec<String>>,
    /// Keys that have nothing to change here, each with the reason.
    pub no_effect: Vec<(String, &'static str)>,
    /// Settings that are weaker than `preset: strict`, one line each.
    pub weaker: Vec<String>,
}

impl Notices {
    /// A line for each warning, for each feature that is not built, and one for all keys without effect.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.warnings.clone();
        lines.extend(self.not_built());
        if !self.no_effect.is_empty() {
            let keys: Vec<&str> = self.no_effect.iter().map(|(key, _)| key.as_str()).collect();
            lines.push(format!("No effect here: {}.", grouped(&keys)));
        }
        lines
    }

    /// A line for each feature that is not built.
    pub fn not_built(&self) -> Vec<String> {
        let line = |(feature, keys): (&&str, &Vec<String>)| {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let count = if keys.len() == 1 { "1 key has".to_owned() } else { format!("{} keys have", keys.len()) };
            format!("{}: not built yet; {count} no effect: {}.", capitalised(feature), grouped(&keys))
        };
        self.not_built.iter().map(line).collect()
    }

    /// A line for each key without effect, with the reason.
    pub fn no_effect(&self) -> Vec<String> {
        self.no_effect.iter().map(|(key, why)| format!("{key}: {why}.")).collect()
    }
}

/// Keys in few words: those of one place are told by the place and their number.
fn grouped(keys: &[&str]) -> String {
    /// As deep as a place is told.
    const DEPTH: usize = 3;
    let mut places: Vec<(String, Vec<&str>)> = Vec::new();
    for key in keys {
        let place = key.split('.').take(DEPTH).collect::<Vec<_>>().join(".");
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, keys)) => keys.push(key),
            None => places.push((place, vec![key])),
        }
    }
    let shown = places.into_iter().map(|(place, keys)| match &keys[..] {
        [key] => (*key).to_owned(),
        keys => format!("{place} ({})", keys.len()),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_grouped_by_feature_and_place() {
        let keys = ["selfservice.methods.passkey.enabled", "selfservice.methods.passkey.config.rp", "a.b"];
        let notices = Notices {
            not_built: [("passkeys", keys.map(str::to_owned).to_vec()), ("x", vec!["y".to_owned()])].into(),
            no_effect: vec![("dsn".to_owned(), "remove it"), ("log".to_owned(), "one line each")],
            ..Notices::default()
        };
        assert_eq!(
            notices.lines(),
            [
                "Passkeys: not built yet; 3 keys have no effect: selfservice.methods.passkey (2), a.b.",
                "X: not built yet; 1 key has no effect: y.",
                "No effect here: dsn, log.",
            ]
        );
        assert_eq!(notices.no_effect()[0], "dsn: remove it.");
    }
}
