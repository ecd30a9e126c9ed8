//! What a key is: where it stands, what it may hold, and what counts when it is not set.
//!
//! Keys are declared section by section, below `sections/`, and as shapes that several sections share, below `shapes/`. Reading takes
//! a default from the declaration, and `docs/configuration.md` shows it from there.

/// A key of a [`Section`].
#[derive(Debug)]
pub struct Key {
    /// Where it stands below its section. `[]` is any item of a list; a name in braces is any of [`Section::names`].
    pub path: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What counts when it is not set.
    pub default: DefaultValue,
    /// What Latchkey does with it.
    pub role: Role,
    /// What it is for. Functions show no documentation, so there it is empty.
    pub meaning: &'static str,
}

/// What counts when a key is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// Nothing.
    Unset,
    /// Nothing: the key must be set.
    Required,
    /// A switch that is on or off.
    Bool(bool),
    /// A switch that is on, and off with `--dev`.
    OffInDevelopment,
    /// A number.
    Int(i64),
    /// A text, or what is written as one: a duration, or an amount of memory.
    Text(&'static str),
    /// A list of texts.
    Texts(&'static [&'static str]),
    /// What depends on something else; the text describes it. Functions show no documentation, so there it is empty.
    Described(&'static str),
}

/// What Latchkey does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Latchkey reads it.
    Used,
    /// Latchkey reads it together with the deployment's other secrets.
    Secret,
    /// Latchkey ignores it: there is nothing here that it could change. The text says why; it is empty in functions.
    NoEffect(&'static str),
    /// Latchkey ignores it, because this feature is not built.
    NotBuilt(&'static str),
}

/// What a key may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number in this range.
    Int(i64, i64),
    /// Text.
    Text,
    /// A name that may be a cookie's.
    CookieName,
    /// The name of a host.
    Domain,
    /// A name that may be a cookie's domain, or nothing.
    CookieDomain,
    /// Origins, each with at most one `*`, or one text.
    Origins,
    /// An absolute path.
    Path,
    /// An `http` or `https` URL with a host.
    Url,
    /// The same, without query and fragment: paths are joined to it.
    BaseUrl,
    /// The same, or a path on the public address.
    UrlOrPath,
    /// A URL of any scheme.
    AnyUrl,
    /// A colour as `#rrggbb`.
    Color,
    /// A duration above zero.
    Duration,
    /// A duration, or this word.
    DurationOr(&'static str),
    /// An amount of memory between these, in KiB.
    Memory(u64, u64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of texts, or one text.
    Texts,
    /// A list of these words.
    Words(&'static [&'static str]),
    /// A list of networks in CIDR notation.
    Networks,
    /// Texts of this many characters that are never shown.
    Secrets(usize, usize),
    /// Text that is never shown.
    SecretText,
    /// A list of hooks.
    Hooks,
    /// A list whose items have keys of their own.
    List,
    /// Keys and values that are not checked.
    Map,
}

/// The JSON type of a kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonType {
    Boolean,
    Number,
    Text,
    List,
    Map,
}

impl Kind {
    pub(crate) fn json_type(self) -> JsonType {
        match self {
            Self::Bool => JsonType::Boolean,
            Self::Int(..) => JsonType::Number,
            Self::Texts
            | Self::Origins
            | Self::Words(_)
            | Self::Networks
            | Self::Secrets(..)
            | Self::Hooks
            | Self::List => JsonType::List,
            Self::Map => JsonType::Map,
            _ => JsonType::Text,
        }
    }

    /// Whether a value must not be shown.
    pub(crate) fn is_secret(self) -> bool {
        matches!(self, Self::Secrets(..) | Self::SecretText | Self::Map)
    }
}

/// A text of the documentation, which functions do without.
const fn documented(text: &'static str) -> &'static str {
    if cfg!(feature = "files") { text } else { "" }
}

/// A default that depends on something else, as documentation describes it.
pub(crate) const fn described(text: &'static str) -> DefaultValue {
    DefaultValue::Described(documented(text))
}

impl Key {
    /// A key that is read.
    pub(crate) const fn used(path: &'static str, kind: Kind, default: DefaultValue, meaning: &'static str) -> Self {
        Self { path, kind, default, role: Role::Used, meaning: documented(meaning) }
    }

    /// A key that is read with the deployment's secrets.
    pub(crate) const fn secret(path: &'static str, kind: Kind, default: DefaultValue, meaning: &'static str) -> Self {
        Self { path, kind, default, role: Role::Secret, meaning: documented(meaning) }
    }

    /// A key of a feature that is not built.
    pub(crate) const fn not_built(path: &'static str, kind: Kind, feature: &'static str) -> Self {
        Self { path, kind, default: DefaultValue::Unset, role: Role::NotBuilt(feature), meaning: "" }
    }

    /// A key that cannot have an effect here.
    pub(crate) const fn no_effect(path: &'static str, kind: Kind, why: &'static str) -> Self {
        Self { path, kind, default: DefaultValue::Unset, role: Role::NoEffect(documented(why)), meaning: "" }
    }
}

/// Declares keys, each under the name by which it is read, or under `_` where no code reads it, and makes one list of all.
macro_rules! keys {
    (
        $(#[$doc:meta])* $list:ident:
        $($name:ident = $key:expr;)*
        $(_ = $other:expr;)*
    ) => {
        $(pub(crate) static $name: crate::key::Key = $key;)*
        $(#[$doc])*
        pub(crate) static $list: &[&crate::key::Key] = &[$(&$name,)* $(&$other,)*];
    };
}
pub(crate) use keys;

/// Keys that stand below one path. A shape is a list of keys that stands in several sections.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Where the keys stand; empty for those at the top of a file.
    pub at: &'static str,
    /// The keys.
    pub keys: &'static [&'static Key],
    /// The feature that all of the section belongs to, if it is not built.
    feature: Option<&'static str>,
    /// The methods of its flow.
    methods: &'static [&'static str],
}

/// The methods that a flow may have.
pub(crate) const METHODS: &[&str] =
    &["password", "oidc", "saml", "webauthn", "passkey", "code", "totp", "lookup_secret"];
/// The same, with those that no login has.
pub(crate) const METHODS_BESIDE_LOGIN: &[&str] =
    &["password", "oidc", "saml", "webauthn", "passkey", "code", "totp", "lookup_secret", "profile", "link"];

impl Section {
    /// These keys below a path.
    pub(crate) const fn new(at: &'static str, keys: &'static [&'static Key]) -> Self {
        Self { at, keys, feature: None, methods: METHODS }
    }

    /// These keys below a path, all of which belong to a feature that is not built.
    pub(crate) const fn not_built(at: &'static str, keys: &'static [&'static Key], feature: &'static str) -> Self {
        Self { at, keys, feature: Some(feature), methods: METHODS }
    }

    /// The same section, for a flow with these methods.
    pub(crate) const fn with_methods(self, methods: &'static [&'static str]) -> Self {
        Self { methods, ..self }
    }

    /// The names that a placeholder in a path stands for.
    pub fn names(&self, placeholder: &str) -> &'static [&'static str] {
        match placeholder {
            "{method}" => self.methods,
            "{flow}" => &["registration", "verification", "recovery", "settings"],
            "{address}" => &["verification", "recovery"],
            "{message}" => &[
                "registration_code",
                "recovery",
                "recovery_code",
                "verification",
                "verification_code",
                "verifiable_address_changed",
                "authenticator_key_added",
            ],
            "{listener}" => &["public", "admin"],
            _ => &[],
        }
    }

    /// Whether a variable of the environment may be one of the section's keys: its name begins as the path does.
    pub(crate) fn may_hold(&self, variable: &str) -> bool {
        if self.at.is_empty() {
            return self.keys.iter().any(|key| begins(self, key.path, variable, true));
        }
        begins(self, self.at, variable, false)
    }
}

/// A key as it stands in a section.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The section.
    pub section: &'static Section,
    /// The key.
    pub key: &'static Key,
}

impl Place {
    /// The whole path.
    pub fn path(&self) -> String {
        join(self.section.at, self.key.path)
    }

    /// What Latchkey does with the key here.
    pub fn role(&self) -> Role {
        self.section.feature.map_or(self.key.role, Role::NotBuilt)
    }

    /// The paths of this key, placeholders filled in. An item of a list has no path of its own, so its keys have none.
    pub fn paths(&self) -> Vec<String> {
        let whole = self.path();
        if whole.contains("[]") {
            return Vec::new();
        }
        let mut paths = vec![String::new()];
        for part in whole.split('.') {
            let parts = if part.starts_with('{') { self.section.names(part) } else { &[part] };
            paths = paths.iter().flat_map(|path| parts.iter().map(move |part| join(path, part))).collect();
        }
        paths
    }

    /// Whether the key has no effect and is not going to have one.
    pub(crate) fn is_ignored(&self) -> bool {
        matches!(self.role(), Role::NoEffect(_))
    }

    /// Whether a variable of the environment may be this key's: its name begins as the path does.
    pub(crate) fn may_be(&self, variable: &str) -> bool {
        if self.section.at.is_empty() {
            return begins(self.section, self.key.path, variable, true);
        }
        begins(self.section, &self.path(), variable, true)
    }
}

/// Joins a path and what stands below it.
fn join(above: &str, below: &str) -> String {
    if above.is_empty() { below.to_owned() } else { format!("{above}.{below}") }
}

/// Whether the name of a variable begins as a path does, and ends with it where it must be `whole`. An item of a list may be any.
fn begins(section: &Section, path: &str, variable: &str, whole: bool) -> bool {
    let (path, name) = (path.as_bytes(), variable.as_bytes());
    let mut at = 0;
    while let Some(&byte) = path.get(at) {
        match byte {
            b'[' => return name.len() > at,
            b'{' => return placeholder_fits(section, &path[at..], &name[at.min(name.len())..], whole),
            byte if name.get(at) == Some(&in_a_variable(byte)) => at += 1,
            _ => return false,
        }
    }
    if whole { name.len() == at } else { name.get(at) == Some(&b'_') }
}

/// The same for what begins with a placeholder.
fn placeholder_fits(section: &Section, path: &[u8], name: &[u8], whole: bool) -> bool {
    let (Ok(path), Ok(name)) = (std::str::from_utf8(path), std::str::from_utf8(name)) else { return false };
    let (placeholder, rest) = path.split_at(path.find('}').map_or(path.len(), |end| end + 1));
    section.names(placeholder).iter().any(|filled| {
        let fits = name.bytes().zip(filled.bytes()).all(|(n, f)| n == in_a_variable(f));
        fits && name.get(filled.len()..).is_some_and(|after| begins(section, rest, after, whole))
    })
}

/// How a byte of a path stands in the name of its variable.
fn in_a_variable(byte: u8) -> u8 {
    if byte == b'.' { b'_' } else { byte.to_ascii_uppercase() }
}

/// The environment variable of a path.
pub(crate) fn variable(path: &str) -> String {
    path.bytes().map(|byte| char::from(in_a_variable(byte))).collect()
}
