//! Identifier and password.

use crate::form::Forms;
use latchkey_core::aal::Aal;
use latchkey_core::flow::{FieldMessage, LoginFlow};
use latchkey_core::message::Message;
use latchkey_core::ui::{self, Group, InputType, Node};
use latchkey_hashers::Hasher;
use latchkey_hashers::leak::Fingerprint;
use latchkey_schema::normalize_identifier;
use secrecy::{ExposeSecret as _, SecretString};

/// Longest password that is looked at, in characters; a longer one is as wrong as any other, at the same cost.
pub const LONGEST: usize = 1024;

/// The hasher that the configuration names.
pub fn hasher(config: &latchkey_config::Config) -> Hasher {
    use latchkey_config::Hasher as Configured;
    match config.hasher {
        Configured::Argon2id { memory_kib, iterations, parallelism, salt_length, key_length } => {
            Hasher::Argon2id { memory_kib, iterations, parallelism, salt_length, key_length }
        }
        Configured::Bcrypt { cost } => Hasher::Bcrypt { cost },
    }
}

/// Adds the method's inputs to a form (contract `login-flow.md` 4.5).
pub fn populate(forms: &Forms, flow: &LoginFlow, nodes: &mut Vec<Node>) {
    // Members of an organization sign in by its own methods, of which there are none yet.
    if !forms.password || flow.requested_aal != Aal::Aal1 || flow.organization_id.is_some() {
        return;
    }
    let identifier = Node::input(Group::Default, "identifier", InputType::Text);
    let (identifier, label) = match (&flow.confirming, flow.refresh) {
        // Somebody without a password cannot confirm themselves by one.
        (None, true) => return,
        (Some(known), true) => {
            let identifier = Node::input(Group::Default, "identifier", InputType::Hidden).value(known.as_str());
            (identifier, Message::sign_in())
        }
        (_, false) => {
            (identifier.value("").required().label(forms.identifier_label(flow)), Message::sign_in_with_password())
        }
    };
    ui::upsert(nodes, identifier);
    for node in inputs(label) {
        ui::upsert(nodes, node);
    }
}

/// The password and its button.
pub(crate) fn inputs(label: Message) -> [Node; 2] {
    let password = Node::input(Group::Password, "password", InputType::Password);
    [
        password.required().autocomplete("current-password").label(Message::label_password()),
        Node::input(Group::Password, "method", InputType::Submit).value("password").label(label),
    ]
}

/// What was submitted.
#[derive(Clone, Debug, Default)]
pub struct Payload<'a> {
    /// `identifier`.
    pub identifier: Option<&'a str>,
    /// `password_identifier`, the older name, used when `identifier` is empty.
    pub password_identifier: Option<&'a str>,
    /// `password`.
    pub password: Option<&'a SecretString>,
    /// JSON type of a `transient_payload` that is not an object.
    pub transient_fault: Option<&'static str>,
}

/// A submission that can be checked.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The identifier as typed.
    pub typed: String,
    password: SecretString,
}

/// Reads a submission.
///
/// # Errors
/// A message per input that is missing or of the wrong type.
pub fn parse(payload: &Payload<'_>) -> Result<Attempt, Vec<FieldMessage>> {
    let typed = payload.identifier.or(payload.password_identifier);
    let mut faults = Vec::new();
    let mut missing = |field: &str| {
        faults.push(FieldMessage { field: field.to_owned(), message: Message::missing(field) });
    };
    if typed.is_none() {
        missing("identifier");
    }
    if payload.password.is_none() {
        missing("password");
    }
    if let Some(actual) = payload.transient_fault {
        let message = Message::wrong_type("object", actual);
        faults.push(FieldMessage { field: "transient_payload".to_owned(), message });
    }
    match (typed, payload.password) {
        (Some(typed), Some(password)) if faults.is_empty() => {
            Ok(Attempt { typed: typed.to_owned(), password: password.clone() })
        }
        _ => Err(faults),
    }
}

impl Attempt {
    /// The password as the question after leaks knows it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.password.expose_secret().as_bytes())
    }

    /// What to look up: the normalised identifier, and the raw one if it differs. An exact raw hit is preferred.
    pub fn lookups(&self) -> Vec<String> {
        let normalised = normalize_identifier(&self.typed);
        if normalised == self.typed { vec![normalised] } else { vec![normalised, self.typed.clone()] }
    }
}

/// What checking a password gave.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Whether it is the person's.
    pub right: bool,
    /// The password under today's hasher, when the stored hash is of another one and the password is right.
    pub better_hash: Option<String>,
    /// How many hashes were computed, today's and others.
    pub hashes: u32,
}

/// Checks a password against a stored hash, or against nothing at equal cost.
///
/// Whoever waits for the answer must not learn whether the person exists: without a hash one is computed all the same, and
/// beside a stored hash that is cheaper than today's hasher today's is computed too. A stored hash that costs more stands out
/// until its owner signs in and gets a better one.
pub fn verify(attempt: &Attempt, stored: Option<&str>, hasher: &Hasher, salt: &[u8; 64]) -> Verdict {
    let password = attempt.password.expose_secret();
    let too_long = password.chars().nth(LONGEST).is_some();
    // What is never accepted need not be hashed at its full length; the work is that of the hasher, not of the input.
    let password: &[u8] = if too_long { b"a password that is too long" } else { password.as_bytes() };
    let mut hashes = 0;
    let mut todays = || {
        hashes += 1;
        hasher.hash(password, salt)
    };
    let Some(stored) = stored else {
        let _ = todays();
        return Verdict { hashes, ..Verdict::default() };
    };
    let outdated = hasher.needs_rehash(stored);
    let cheaper = hasher.costs_more_than(stored, password);
    let beside = (outdated && cheaper).then(&mut todays);
    let right = latchkey_hashers::verify(stored, password) && !too_long;
    let better_hash = (right && outdated)
        // A hasher that refuses the password (bcrypt beyond 72 bytes) leaves the stored hash as it is.
        .then(|| beside.unwrap_or_else(todays).ok())
        .flatten();
    // And the stored one.
    Verdict { right, better_hash, hashes: hashes + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; 64] = [7; 64];
    const SMALL: Hasher =
        Hasher::Argon2id { memory_kib: 64, iterations: 1, parallelism: 1, salt_length: 16, key_length: 32 };
    const OWN: &str = "correct horse";
    /// Of `test`, by means that cost next to nothing.
    const CHEAP: &str = "$md5$CY9rzUYh03PK3k6DJie09g==";
    /// Of nothing that is tried here, and dearer than what is made today.
    const DEAR: &str = "$2a$04$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6";

    fn hashes(password: &str, stored: Option<&str>) -> u32 {
        let attempt = Attempt { typed: "a".into(), password: password.into() };
        verify(&attempt, stored, &SMALL, &SALT).hashes
    }

    /// Nobody, somebody, and somebody with a hash of elsewhere: today's hash is always among what is computed, unless a dearer
    /// one is.
    #[test]
    fn the_work_does_not_tell_who_exists() {
        let own = SMALL.hash(OWN.as_bytes(), &SALT).unwrap();
        let long = "x".repeat(LONGEST + 1);
        for password in ["wrong", long.as_str()] {
            assert_eq!(hashes(password, None), 1);
            assert_eq!(hashes(password, Some(&own)), 1);
            assert_eq!(hashes(password, Some(CHEAP)), 2, "the cheap one, and today's beside it");
            assert_eq!(hashes(password, Some(DEAR)), 1);
        }
        assert_eq!(hashes(OWN, Some(&own)), 1);
        assert_eq!(hashes("test", Some(CHEAP)), 2, "what was computed beside is what replaces it");
    }
}
