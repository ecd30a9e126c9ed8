//! `secrets`: the deployment's own keys, which of them are missing, and which are published examples.

use crate::errors::ConfigErrors;
use crate::key::DefaultValue::Unset;
use crate::key::{Key, Kind, Section, described, keys};
use crate::reader::Reader;
use crate::sections::courier::secrets::{self as courier, CourierSecrets};
use crate::tree;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// The key of a developer's machine that has none; refused everywhere else.
const DEVELOPMENT: &str = "latchkey-development-only-not-a-secret";
/// What stands in examples, of ours and of others, in place of a key.
const KNOWN: [&str; 5] = ["please-change-me", "change-me", "insecure", "not-secure", DEVELOPMENT];
/// Fewest characters of a key.
const SHORTEST: usize = 16;

pub(crate) static SECRETS: Section = Section::new("secrets", KEYS);

keys! { KEYS:
    COOKIE = Key::secret("cookie", Kind::Secrets(SHORTEST, 4096), described("`secrets.default`"),
        "keys of what browsers hold; the first writes, all read");
    DEFAULT = Key::secret("default", Kind::Secrets(SHORTEST, 4096), Unset, "keys where no more special ones are set");
    CIPHER = Key::secret("cipher", Kind::Secrets(32, 32), Unset, "keys of tokens at rest");
    PAGINATION = Key::secret("pagination", Kind::Secrets(SHORTEST, 4096), described("`secrets.default`"),
        "keys of page tokens");
}

/// Keys of the deployment. In each list the first writes and all read.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// `secrets.default`.
    pub default: Vec<SecretString>,
    /// `secrets.cookie`, or the default ones.
    pub cookie: Vec<SecretString>,
    /// `secrets.cipher`.
    pub cipher: Vec<SecretString>,
    /// `secrets.pagination`, or the default ones.
    pub pagination: Vec<SecretString>,
    /// What is secret of `courier`.
    pub courier: CourierSecrets,
}

impl Secrets {
    /// Checks that what is needed is there and a secret.
    ///
    /// # Errors
    /// Names the key, never the value.
    pub fn require(&self, dev: bool) -> Result<(), ConfigErrors> {
        let mut errors = Vec::new();
        if self.cookie.is_empty() {
            errors.push(
                "secrets.cookie: not set: it must be a list of random texts of at least 16 characters \
                 (outside a deployment, --dev does without)"
                    .to_owned(),
            );
        }
        let lists = [
            ("default", &self.default),
            ("cookie", &self.cookie),
            ("cipher", &self.cipher),
            ("pagination", &self.pagination),
        ];
        for (name, list) in lists {
            for secret in list {
                let secret = secret.expose_secret();
                let lower = secret.to_ascii_lowercase();
                if secret.chars().count() < SHORTEST {
                    errors.push(format!(
                        "secrets.{name}: a value is not allowed: each must be text of at least {SHORTEST} characters"
                    ));
                } else if !dev && KNOWN.iter().any(|known| lower.contains(known)) {
                    errors.push(format!(
                        "secrets.{name}: a value is not allowed: it is a published example; set a random text, \
                         or start with --dev"
                    ));
                }
            }
        }
        errors.dedup();
        if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
    }
}

/// The secrets of a document.
pub(crate) fn of(document: &Value, dev: bool) -> Secrets {
    let from = Reader::new(document, None, dev).section(&SECRETS);
    let list = |key: &Key| -> Vec<SecretString> { from.texts(key).into_iter().map(SecretString::from).collect() };
    let or = |list: Vec<SecretString>, other: &[SecretString]| if list.is_empty() { other.to_vec() } else { list };
    let default = list(&DEFAULT);
    let mut cookie = or(list(&COOKIE), &default);
    if dev && cookie.is_empty() {
        cookie.push(SecretString::from(DEVELOPMENT));
    }
    Secrets {
        cookie,
        cipher: list(&CIPHER),
        pagination: or(list(&PAGINATION), &default),
        default,
        courier: courier::secrets(document),
    }
}

/// Reads the document that a secret store keeps: key paths, dotted or nested, each with a text or a list of them.
///
/// # Errors
/// When it is not such a document; nothing of it is repeated.
pub fn merge_secrets(text: &str) -> Result<Secrets, ConfigErrors> {
    let read: Value = serde_json::from_str(text)
        .map_err(|_| "the secret is not JSON: it must be like {\"secrets.cookie\": \"…\"}".to_owned())?;
    let Value::Object(map) = read else {
        return Err("the secret must hold keys and values".to_owned().into());
    };
    let mut document = Value::Object(serde_json::Map::new());
    // Nested keys first: a dotted one then adds to them.
    let (nested, dotted): (Vec<_>, Vec<_>) = map.into_iter().partition(|(_, value)| value.is_object());
    for (path, value) in nested.into_iter().chain(dotted) {
        tree::set(&mut document, &path, value);
    }
    Ok(of(&document, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(list: &[SecretString]) -> Vec<&str> {
        list.iter().map(|secret| secret.expose_secret()).collect()
    }

    #[test]
    fn secret_document_is_dotted_or_nested() {
        let generated = merge_secrets(r#"{"secrets.cookie":"0123456789abcdef"}"#).unwrap();
        assert_eq!(shown(&generated.cookie), ["0123456789abcdef"]);
        let rotated = merge_secrets(
            r#"{"secrets":{"cookie":["new-new-new-new-new","0123456789abcdef"]},"secrets.default":"dddddddddddddddd"}"#,
        )
        .unwrap();
        assert_eq!(shown(&rotated.cookie), ["new-new-new-new-new", "0123456789abcdef"]);
        assert_eq!(shown(&rotated.pagination), ["dddddddddddddddd"]);
        for text in ["", "plain", "[]", "\"x\""] {
            assert!(merge_secrets(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bad_keys_are_refused_without_being_shown() {
        assert!(Secrets::default().require(false).unwrap_err().to_string().contains("secrets.cookie: not set"));
        let with = |secret: &str| Secrets { cookie: vec![SecretString::from(secret)], ..Secrets::default() };
        for secret in ["short", "PLEASE-CHANGE-ME-I-AM-VERY-INSECURE", DEVELOPMENT] {
            let error = with(secret).require(false).unwrap_err().to_string();
            assert!(error.contains("secrets.cookie") && !error.contains(secret), "{error}");
        }
        assert!(with("PLEASE-CHANGE-ME-I-AM-VERY-INSECURE").require(true).is_ok());
        assert!(with("Vq3p9WkX0sLr8Zt1").require(false).is_ok());
    }
}
