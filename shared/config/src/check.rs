//! Every value against the table of facts.

use crate::document::{self, Override, Overrides};
use crate::duration;
use crate::keys::{self, Fit, HOOKS, Key, Kind, Role};
use crate::notices::Notices;
use crate::pages::Color;
use http::Uri;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The JSON shape of a kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Boolean,
    Number,
    Text,
    List,
    Map,
}

/// What there is to say about a configuration.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What keeps it from being used.
    pub(crate) errors: Vec<String>,
    /// What else there is to tell.
    pub(crate) notices: Notices,
    /// Placeholders that nobody filled in, and the keys whose values hold them.
    pub(crate) placeholders: Vec<(String, String)>,
}

impl Findings {
    pub(crate) fn error(&mut self, line: impl Into<String>) {
        self.errors.push(line.into());
    }

    pub(crate) fn warn(&mut self, line: impl Into<String>) {
        self.notices.warnings.push(line.into());
    }
}

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
        walk.below(document, &mut Vec::new(), &keys::all());
    }
    refused_logins(document, &mut walk.findings);
    unfilled(&mut walk.findings);
    walk.findings
}

/// One error for all placeholders: they are one mistake.
fn unfilled(findings: &mut Findings) {
    let Some((first, _)) = findings.placeholders.first() else { return };
    let shown: Vec<String> = findings.placeholders.iter().map(|(path, name)| format!("{name} ({path})")).collect();
    let variable = document::variable(first);
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
            let above = match (set.key.kind, parts.split_last()) {
                (Kind::List, Some((_, above))) => above.iter().fold(keys::all(), |fits, part| Fit::narrow(&fits, part)),
                _ => Vec::new(),
            };
            if let Some(value) = document::get(document, path) {
                self.known(set.key, value, &mut parts, &above);
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
            Some(key) => self.known(key, value, path, above),
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

    fn known<'d>(&mut self, key: &'static Key, value: &'d Value, path: &mut Vec<&'d str>, above: &[Fit]) {
        let counts = matches!(key.role, Role::Used | Role::Secret);
        if let (true, false, Some(found)) = (counts, matches!(key.kind, Kind::List), placeholder(value)) {
            self.findings.placeholders.push((path.join("."), found.to_owned()));
            return;
        }
        if let Err(allowed) = fits(key.kind, value) {
            let shown = if key.kind.is_secret() { "the value (not shown)".to_owned() } else { value.to_string() };
            let line = format!("{}: {shown} is not allowed: {allowed}", self.name(path));
            // What counts for nothing need not be right; but an unknown hook of a login may be one that refuses it.
            if counts || path.starts_with(&["selfservice", "flows", "login"]) {
                self.findings.error(line);
                return;
            }
            if !is_nothing(value) {
                self.findings.warn(line);
            }
        }
        match key.role {
            Role::Used | Role::Secret => {}
            Role::NoEffect | Role::NotBuilt(_) if is_nothing(value) => {}
            Role::NoEffect => self.findings.notices.no_effect.push((self.name(path), key.meaning)),
            Role::NotBuilt(_) if value.as_str().is_some_and(|v| key.default == format!("`{v}`")) => {}
            Role::NotBuilt(what) => {
                let name = self.name(path);
                let keys = self.findings.notices.not_built.entry(what).or_default();
                if !keys.contains(&name) {
                    keys.push(name);
                }
            }
        }
        if let (Kind::List, Value::Array(items)) = (key.kind, value) {
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

    fn item<'d>(&mut self, value: &'d Value, path: &mut Vec<&'d str>, above: &[Fit]) {
        let Value::Object(map) = value else {
            if !above.is_empty() {
                self.findings.error(format!("{}: must hold keys and values, not {value}", path.join(".")));
            }
            return;
        };
        let all_known = above.iter().any(|fit| fit.key.role == Role::Used);
        for (name, value) in map {
            let here = Fit::narrow(above, name);
            // Items of lists whose keys are not all known here have more to them than a typo.
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

/// Keys that let fewer people in than would come in without them: passing over one would open a door.
fn refused_logins(document: &Value, findings: &mut Findings) {
    let login = &document["selfservice"]["flows"]["login"];
    let after = login["after"].as_object().into_iter().flatten().map(|(method, value)| {
        if method == "hooks" {
            ("after.hooks".to_owned(), value)
        } else {
            (format!("after.{method}.hooks"), &value["hooks"])
        }
    });
    let before = [("before.hooks".to_owned(), &login["before"]["hooks"])];
    let mut told = BTreeSet::new();
    for (place, hooks) in before.into_iter().chain(after) {
        for hook in hooks.as_array().into_iter().flatten() {
            let config = &hook["config"];
            // Whatever its target answers is passed over only where the hook says so.
            let ignored = config["response"]["ignore"] == true && config["can_interrupt"] != true;
            let why = match hook["hook"].as_str() {
                Some("require_verified_address") => "people without a verified address would be let in",
                Some("web_hook") if !ignored => "people whom its target refuses by a 4xx or 5xx would be let in",
                _ => continue,
            };
            let name = hook["hook"].as_str().unwrap_or_default();
            if !told.insert((place.clone(), name)) {
                continue;
            }
            let way = match name {
                "web_hook" => "Remove it, or set response.ignore: true where nobody needs its answer",
                _ => "Remove it, and check the address in your application until then",
            };
            findings.error(format!(
                "selfservice.flows.login.{place}: the hook {name:?} is not built yet, and without it {why}. {way}"
            ));
        }
    }
    let code = &document["selfservice"]["methods"]["code"];
    let second_by_code = code["mfa_enabled"] == true && code["enabled"] != false;
    if second_by_code && document["session"]["whoami"]["required_aal"] != "aal1" {
        findings.error(
            "selfservice.methods.code.mfa_enabled: true is not allowed: a code as second factor is not built yet, and sessions would \
             count without it. Set it to false, or session.whoami.required_aal to aal1",
        );
    }
    if code["mfa_enabled"] == true && code["passwordless_enabled"] == true {
        findings.error("selfservice.methods.code.mfa_enabled: true is not allowed while passwordless_enabled is true");
    }
}

/// Whether a value is of a kind; if not, what is.
fn fits(kind: Kind, value: &Value) -> Result<(), String> {
    let text = value.as_str();
    let allowed: String = match kind {
        Kind::Bool if value.is_boolean() => return Ok(()),
        Kind::Bool => "it must be true or false".into(),
        Kind::Int(least, most) if value.as_i64().is_some_and(|n| (least..=most).contains(&n)) => return Ok(()),
        Kind::Int(least, i64::MAX) => format!("it must be a whole number of at least {least}"),
        Kind::Int(least, most) => format!("it must be a whole number from {least} to {most}"),
        Kind::Text | Kind::SecretText if text.is_some() => return Ok(()),
        Kind::Text | Kind::SecretText => "it must be text".into(),
        Kind::CookieName if text.is_some_and(is_token) => return Ok(()),
        Kind::CookieName => "it must be letters, digits, -, _ and .".into(),
        // Kratos' way to say "none"; it counts as unset.
        Kind::CookieDomain | Kind::Path | Kind::Url | Kind::BaseUrl | Kind::UrlOrPath | Kind::AnyUrl
            if text.is_some_and(str::is_empty) =>
        {
            return Ok(());
        }
        Kind::Domain | Kind::CookieDomain if text.is_some_and(|t| is_domain(t.strip_prefix('.').unwrap_or(t))) => {
            return Ok(());
        }
        Kind::Domain => "it must be a name such as example.org".into(),
        Kind::CookieDomain => "it must be a name such as example.org, without scheme, port and path".into(),
        Kind::Path
            if text.is_some_and(|t| t.starts_with('/') && t.bytes().all(|b| b.is_ascii_graphic() && b != b';')) =>
        {
            return Ok(());
        }
        Kind::Path => "it must be a path that begins with a slash".into(),
        Kind::Url if text.is_some_and(is_url) => return Ok(()),
        Kind::Url => "it must be a URL such as https://login.example.org/".into(),
        Kind::BaseUrl if text.is_some_and(|t| is_url(t) && !t.contains(['?', '#'])) => return Ok(()),
        Kind::BaseUrl => "it must be a URL such as https://login.example.org/, without query and fragment".into(),
        Kind::UrlOrPath if text.is_some_and(|t| is_url(t) || is_path(t)) => return Ok(()),
        Kind::UrlOrPath => "it must be a URL such as https://app.example.org/login, or a path such as /login".into(),
        Kind::AnyUrl if text.is_some_and(|t| has_scheme(t) || is_path(t)) => return Ok(()),
        Kind::AnyUrl => "it must be a URL such as https://app.example.org/".into(),
        Kind::Color if text.and_then(Color::parse).is_some() => return Ok(()),
        Kind::Color => "it must be a colour such as #3b4fc4".into(),
        Kind::DurationOr(word) if text == Some(word) => return Ok(()),
        Kind::DurationOr(_) if text.and_then(duration::parse).is_some() => return Ok(()),
        Kind::Duration if text.and_then(duration::parse).is_some_and(|d| !d.is_zero()) => {
            return Ok(());
        }
        Kind::Duration if value.is_number() => {
            format!("it must be a duration with its unit, such as {value}s, {value}m or {value}h")
        }
        Kind::Duration => "it must be a duration such as 1h, 10m30s or 500ms".into(),
        Kind::DurationOr(word) => format!("it must be a duration such as 1h or 10m30s, or {word:?}"),
        Kind::Memory(least, most) if memory(value).is_some_and(|kib| (least..=most).contains(&kib)) => return Ok(()),
        Kind::Memory(least, most) => {
            format!("it must be an amount such as 19MB or 65536KB, from {least}KB to {}MB", most / 1024)
        }
        Kind::OneOf(words) if text.is_some_and(|text| words.contains(&text)) => return Ok(()),
        Kind::OneOf(words) => format!("it must be {}", one_of(words)),
        Kind::Texts if all(value, |_| true) => return Ok(()),
        Kind::Texts => "it must be a list of texts".into(),
        Kind::Origins if all(value, |text| !text.is_empty() && text.matches('*').count() <= 1) => return Ok(()),
        Kind::Origins => "it must be a list of origins, each with at most one *".into(),
        Kind::Words(words) if all(value, |text| words.contains(&text)) => return Ok(()),
        Kind::Words(words) => format!("it must be a list of {}", one_of(words)),
        Kind::Networks if all(value, is_network) => return Ok(()),
        Kind::Networks => "it must be a list of networks such as 10.0.0.0/8 or 2001:db8::/32".into(),
        Kind::Secrets(least, most) => {
            if all(value, |text| (least..=most).contains(&text.chars().count())) {
                return Ok(());
            }
            if least == most {
                format!("each must be text of exactly {least} characters")
            } else {
                format!("each must be text of at least {least} characters")
            }
        }
        Kind::Hooks => return hooks(value),
        Kind::List if value.is_array() => return Ok(()),
        Kind::List => "it must be a list".into(),
        Kind::Map if value.is_object() => return Ok(()),
        Kind::Map => "it must hold keys and values".into(),
    };
    Err(allowed)
}

fn hooks(value: &Value) -> Result<(), String> {
    let list = value.as_array().ok_or("it must be a list of hooks")?;
    for hook in list {
        let name = hook["hook"].as_str().ok_or("each item must have a key \"hook\"")?;
        if !HOOKS.contains(&name) {
            return Err(format!("{name:?} is no hook; there are {}", one_of(HOOKS)));
        }
    }
    Ok(())
}

fn one_of(words: &[&str]) -> String {
    words.join(", ")
}

/// Whether a value is a text, or a list of texts, that all pass.
fn all(value: &Value, pass: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => pass(text),
        Value::Array(items) => items.iter().all(|item| item.as_str().is_some_and(&pass)),
        _ => false,
    }
}

fn is_domain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_url(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some_and(|a| !a.as_str().contains('@'))
    })
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//") && text.parse::<Uri>().is_ok()
}

/// An absolute URL of any scheme, such as an app's own.
pub(crate) fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
            && !rest.is_empty()
            && !text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\')
    })
}

fn is_network(text: &str) -> bool {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    address.parse::<IpAddr>().is_ok_and(|address| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
    })
}

/// An amount of memory in KiB. The units are powers of 1024, whatever their names say.
pub(crate) fn memory(value: &Value) -> Option<u64> {
    // Kratos 0.5 counted in KiB.
    if let Some(kib) = value.as_u64() {
        return Some(kib);
    }
    let text = value.as_str()?.trim().to_ascii_uppercase();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u64 = number.parse().ok()?;
    match unit.trim() {
        "B" => Some(number / 1024),
        "KB" | "KIB" | "K" => Some(number),
        "MB" | "MIB" | "M" => number.checked_mul(1024),
        "GB" | "GIB" | "G" => number.checked_mul(1024 * 1024),
        _ => None,
    }
}

/// How many letters must be changed to make one word of another.
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
