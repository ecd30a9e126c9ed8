//! Compares every value with what its key may hold.

pub(crate) mod logins;
pub(crate) mod values;

use crate::environment::{Override, Overrides};
use crate::findings::Findings;
use crate::key::{Kind, Place, Role, variable};
use crate::lookup::{self, Fit};
use crate::tree::get;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use values::fits;

/// Checks a document whose environment overrides are laid over it; these alone when it was `checked` before they were. `former` has
/// the former names under which the file sets keys.
pub(crate) fn check(
    document: &Value,
    overrides: &Overrides,
    former: &BTreeMap<String, String>,
    checked: bool,
) -> Findings {
    let mut walk = Walk { overrides, former, findings: Findings::default() };
    if checked {
        walk.overridden(document);
    } else {
        walk.below(document, &mut Vec::new(), &lookup::all());
    }
    logins::check(document, &mut walk.findings);
    unfilled(&mut walk.findings);
    walk.findings
}

/// One error for all placeholders: they are one mistake.
fn unfilled(findings: &mut Findings) {
    let Some((first, _)) = findings.placeholders.first() else { return };
    let shown: Vec<String> = findings.placeholders.iter().map(|(path, name)| format!("{name} ({path})")).collect();
    let variable = variable(first);
    let line = format!(
        "{first}: the file holds placeholders that are not filled in: {}. Neither Kratos nor Latchkey fills them in: run the file \
         through envsubst first, or set each key by its environment variable, such as {variable}",
        shown.join(", ")
    );
    findings.errors.insert(0, line);
}

/// The first placeholder in a value, such as `${SITE}`.
fn placeholder(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => {
            let begin = text.find("${")?;
            let end = begin + text[begin..].find('}')? + 1;
            let name = text[begin + 2..end - 1].split(':').next()?;
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            is_name.then_some(&text[begin..end])
        }
        Value::Array(items) => items.iter().find_map(placeholder),
        Value::Object(map) => map.values().find_map(placeholder),
        _ => None,
    }
}

struct Walk<'a> {
    overrides: &'a Overrides,
    former: &'a BTreeMap<String, String>,
    findings: Findings,
}

impl Walk<'_> {
    /// Checks what the environment sets.
    fn overridden(&mut self, document: &Value) {
        for (path, set) in self.overrides {
            let mut parts: Vec<&str> = path.split('.').collect();
            let above = match (set.place.key.kind, parts.split_last()) {
                (Kind::List, Some((_, above))) => {
                    above.iter().fold(lookup::all(), |fits, part| Fit::narrow(&fits, part))
                }
                _ => Vec::new(),
            };
            if let Some(value) = get(document, path) {
                self.known(set.place, value, &mut parts, &above);
            }
        }
    }

    /// Checks what is below a path; `above` are the keys that fit it.
    fn below<'d>(&mut self, value: &'d Value, path: &mut Vec<&'d str>, above: &[Fit]) {
        let Value::Object(map) = value else { return };
        for (name, value) in map {
            path.push(name);
            self.at(value, path, above, Fit::narrow(above, name));
            path.pop();
        }
    }

    /// Checks a value; `above` are the keys that fit the path to it, `here` those that fit its own.
    fn at<'d>(&mut self, value: &'d Value, path: &mut Vec<&'d str>, above: &[Fit], here: Vec<Fit>) {
        match Fit::best(&here) {
            Some(place) => self.known(place, value, path, above),
            None if here.is_empty() => self.unknown(path, above),
            None if value.is_object() => self.below(value, path, &here),
            None => {
                let name = self.name(path);
                self.findings.error(format!("{name}: must hold keys and values, not {value}"));
            }
        }
    }

    /// What to call a path: first as it is written, so that its line can be found in the file.
    fn name(&self, path: &[&str]) -> String {
        let name = path.join(".");
        match (self.overrides.get(&name), self.former.get(&name)) {
            (Some(Override { variable, .. }), _) => format!("{name} (environment variable {variable})"),
            (None, Some(former)) => format!("{former} (read as {name})"),
            (None, None) => name,
        }
    }

    fn known<'d>(&mut self, place: Place, value: &'d Value, path: &mut Vec<&'d str>, above: &[Fit]) {
        let (kind, role) = (place.key.kind, place.role());
        let counts = matches!(role, Role::Used | Role::Secret);
        if let (true, false, Some(found)) = (counts, matches!(kind, Kind::List), placeholder(value)) {
            self.findings.placeholders.push((path.join("."), found.to_owned()));
            return;
        }
        if let Err(allowed) = fits(kind, value) {
            let shown = if kind.is_secret() { "the value (not shown)".to_owned() } else { value.to_string() };
            let line = format!("{}: {shown} is not allowed: {allowed}", self.name(path));
            // A value without effect need not be right; but an unknown hook of a login may be one that refuses it.
            if counts || path.starts_with(&["selfservice", "flows", "login"]) {
                self.findings.error(line);
                return;
            }
            if !is_nothing(value) {
                self.findings.warn(line);
            }
        }
        if !is_nothing(value) {
            self.tell_of_no_effect(role, path);
        }
        if let (Kind::List, Value::Array(items)) = (kind, value) {
            let last = path.pop().unwrap_or_default();
            let item = format!("{last}[]");
            let here = Fit::narrow(above, &item);
            for value in items {
                let mut inner: Vec<&str> = path.clone();
                inner.push(&item);
                self.item(value, &mut inner, &here);
            }
            path.push(last);
        }
    }

    fn tell_of_no_effect(&mut self, role: Role, path: &[&str]) {
        match role {
            Role::Used | Role::Secret => {}
            Role::NoEffect(why) => self.findings.notices.no_effect.push((self.name(path), why)),
            Role::NotBuilt(feature) => {
                let name = self.name(path);
                let keys = self.findings.notices.not_built.entry(feature).or_default();
                if !keys.contains(&name) {
                    keys.push(name);
                }
            }
        }
    }

    fn item<'d>(&mut self, value: &'d Value, path: &mut Vec<&'d str>, above: &[Fit]) {
        let Value::Object(map) = value else {
            if !above.is_empty() {
                self.findings.error(format!("{}: must hold keys and values, not {value}", path.join(".")));
            }
            return;
        };
        let all_known = above.iter().filter_map(Fit::place).any(|place| place.role() == Role::Used);
        for (name, value) in map {
            let here = Fit::narrow(above, name);
            // An unknown key is a typo only where all keys of such items are known.
            if all_known || Fit::best(&here).is_some() {
                path.push(name);
                self.at(value, path, above, here);
                path.pop();
            }
        }
    }

    fn unknown(&mut self, path: &[&str], above: &[Fit]) {
        let name = self.name(path);
        let (last, parents) = path.split_last().expect("a path has parts");
        let siblings: BTreeSet<&str> = above.iter().filter_map(Fit::next).collect();
        let closest = siblings.into_iter().map(|sibling| (distance(last, sibling), sibling)).min();
        let hint = match closest {
            Some((distance, sibling)) if distance <= 3 => format!("; did you mean {sibling:?}?"),
            _ => String::new(),
        };
        if parents.is_empty() {
            self.findings.error(format!("{name}: there is no such key{hint}"));
        } else {
            self.findings.warn(format!("{name} has no effect: there is no such key{hint}"));
        }
    }
}

/// A value that asks for nothing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty() || map.get("enabled") == Some(&Value::Bool(false)),
        _ => false,
    }
}

/// How many characters must be changed to make one word of another.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != *y)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}
