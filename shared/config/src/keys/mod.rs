//! The table of facts: every key that is known, what it may hold, and what Latchkey does with it.
//!
//! `docs/configuration.md` is written from it, and a test holds the two together. The table itself is in [`table`]; [`lookup`] finds
//! the keys that fit a path in it.

mod lookup;
mod table;

pub(crate) use lookup::{Fit, all, lookup};
pub use table::KEYS;
pub(crate) use table::{FIRST_PARTS, HOOKS};

use crate::check::Shape;

/// A key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it stands. `[]` is any item of a list; a name in braces is any of [`names`].
    pub path: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What counts when it is not set; empty for nothing.
    pub default: &'static str,
    /// What Latchkey does with it.
    pub role: Role,
    /// What it is for, or why it has no effect.
    pub meaning: &'static str,
}

/// What Latchkey does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads it.
    Used,
    /// Reads it together with the deployment's other secrets.
    Secret,
    /// Passes it over: there is nothing here that it could change.
    NoEffect,
    /// Passes it over, because what it belongs to is not built.
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
    /// Keys and values that are not looked into.
    Map,
}

impl Kind {
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Bool => Shape::Boolean,
            Self::Int(..) => Shape::Number,
            Self::Texts
            | Self::Origins
            | Self::Words(_)
            | Self::Networks
            | Self::Secrets(..)
            | Self::Hooks
            | Self::List => Shape::List,
            Self::Map => Shape::Map,
            _ => Shape::Text,
        }
    }

    /// Whether a value must not be shown.
    pub(crate) fn is_secret(self) -> bool {
        matches!(self, Self::Secrets(..) | Self::SecretText | Self::Map)
    }
}

/// The names that a placeholder in a path stands for.
pub fn names(placeholder: &str) -> &'static [&'static str] {
    match placeholder {
        "{method}" => &["password", "oidc", "saml", "webauthn", "passkey", "code", "totp", "lookup_secret"],
        "{way}" => {
            &["password", "oidc", "saml", "webauthn", "passkey", "code", "totp", "lookup_secret", "profile", "link"]
        }
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

impl Key {
    /// The paths of this key, placeholders filled in; none for an item of a list, which has no path of its own.
    pub fn paths(&self) -> Vec<String> {
        if self.path.contains("[]") {
            return Vec::new();
        }
        let mut paths = vec![String::new()];
        for part in self.path.split('.') {
            let parts = if part.starts_with('{') { names(part) } else { &[part] };
            paths = paths
                .iter()
                .flat_map(|path| {
                    parts
                        .iter()
                        .map(move |part| if path.is_empty() { (*part).to_owned() } else { format!("{path}.{part}") })
                })
                .collect();
        }
        paths
    }

    /// Whether the key has no effect and is not going to have one.
    pub(crate) fn is_ignored(&self) -> bool {
        self.role == Role::NoEffect
    }

    /// Whether a variable of the environment may be one of this key's: its name begins as the path does, up to a placeholder.
    pub(crate) fn may_be(&self, variable: &str) -> bool {
        let mut name = variable.bytes();
        for byte in self.path.bytes() {
            match byte {
                b'{' | b'[' => return name.next().is_some(),
                byte if name.next() == Some(in_a_variable(byte)) => {}
                _ => return false,
            }
        }
        name.next().is_none()
    }
}

/// How a byte of a path stands in the name of its variable.
pub(crate) fn in_a_variable(byte: u8) -> u8 {
    if byte == b'.' { b'_' } else { byte.to_ascii_uppercase() }
}
