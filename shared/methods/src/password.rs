//! Identifier and password.

use crate::form::Forms;
use latchkey_core::aal::Aal;
use latchkey_core::flow::{FieldMessage, LoginFlow};
use latchkey_core::form::{self, Group, InputType, Node};
use latchkey_core::message::Message;
use latchkey_hashers::leak::Fingerprint;
use latchkey_hashers::{HashError, Hasher, Pace, Password, StoredHash};
use latchkey_schema::normalize_identifier;
use secrecy::{ExposeSecret as _, SecretString};

/// Hashed in place of what no hash takes, so that it costs what any other attempt does.
const NOBODYS: &[u8] = b"a password that nobody has";

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
    form::upsert(nodes, identifier);
    for node in inputs(label) {
        form::upsert(nodes, node);
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
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is the identity's.
    pub right: bool,
    /// Whether it is right and its stored hash is of another hasher or of another text than [`Checker::better_hash`] makes.
    pub outdated: bool,
    /// How many hashes were computed, today's and others; work in the place of today's counts as one.
    pub hashes: u32,
}

/// Checks passwords in a time that does not tell whether there is one to compare with.
#[derive(Default)]
pub struct Checker {
    hasher: Hasher,
    pace: Pace,
}

impl Checker {
    /// With the hasher that makes new hashes.
    pub fn new(hasher: Hasher) -> Self {
        Self { hasher, pace: Pace::default() }
    }

    /// Checks a password against a stored hash, or against nothing at equal cost.
    ///
    /// An attempt costs today's hash once, or twice where what was typed is two texts (see [`Password`]). Without a stored hash
    /// it is computed, beside one that is cheaper work fills the time until it would be done. Right passwords cost what wrong
    /// ones do: an attempt that rate limits refuse afterwards must not tell which it was. A stored hash that costs more stands
    /// out until its owner signs in and gets a better one.
    pub fn verify(&self, attempt: &Attempt, stored: Option<&str>, salt: &[u8; 64]) -> Verdict {
        let Ok(password) = Password::read(attempt.password.expose_secret()) else {
            let _ = self.compute(NOBODYS, salt);
            return Verdict { hashes: 1, ..Verdict::default() };
        };
        let Some(stored) = stored.and_then(|stored| StoredHash::parse(stored).ok()) else {
            let mut hashes = 0;
            for text in password.texts() {
                let _ = self.compute(text, salt);
                hashes += 1;
            }
            return Verdict { hashes, ..Verdict::default() };
        };
        let is_todays = !self.hasher.needs_rehash(&stored);
        let (fits, hashes) = if is_todays {
            self.compare_todays(&password, &stored, salt)
        } else {
            self.compare_other(&password, &stored, salt)
        };
        let Some((at, text)) = password.texts().enumerate().find(|(at, _)| fits[*at]) else {
            return Verdict { hashes, ..Verdict::default() };
        };
        let is_as_made_today = is_todays && at == 0;
        Verdict { right: true, outdated: !is_as_made_today && stored.is_sure_of(text), hashes }
    }

    /// The password under today's hasher, made of the prepared text, whichever text fitted: they are one password. `None` where
    /// the hasher refuses it (bcrypt beyond 72 bytes); then the stored hash stays as it is.
    pub fn better_hash(&self, attempt: &Attempt, salt: &[u8; 64]) -> Option<String> {
        let password = Password::read(attempt.password.expose_secret()).ok()?;
        self.hasher.hash(password.prepared(), salt).ok()
    }

    /// Which texts fit a hash of today's hasher, and how many hashes that took. All are compared, whichever fits.
    fn compare_todays(&self, password: &Password, stored: &StoredHash, salt: &[u8; 64]) -> (Vec<bool>, u32) {
        let compare = |text: &[u8]| {
            if stored.takes(text) {
                return self.pace.todays(salt[0], || stored.verify(text));
            }
            let _ = self.compute(text, salt);
            false
        };
        let fits: Vec<bool> = password.texts().map(compare).collect();
        let hashes = fits.len() as u32;
        (fits, hashes)
    }

    /// The same of another hash. Work fills what time a cheaper one leaves.
    fn compare_other(&self, password: &Password, stored: &StoredHash, salt: &[u8; 64]) -> (Vec<bool>, u32) {
        let began = self.pace.now();
        let mut hashes = 1;
        let compare = |text: &[u8]| {
            hashes += u32::from(stored.takes(text));
            stored.verify(text)
        };
        let fits: Vec<bool> = password.texts().map(compare).collect();
        let (part, count) = self.hasher.part();
        let hash = || drop(std::hint::black_box(part.hash(NOBODYS, salt)));
        self.pace.fill(began, &salt[..fits.len()], (hash, count));
        (fits, hashes)
    }

    /// Today's hash of a text, or of another one where the hasher does not take it. Only the time that it takes counts.
    fn compute(&self, text: &[u8], salt: &[u8; 64]) -> Result<String, HashError> {
        let hash = || self.hasher.hash(text, salt).or_else(|_| self.hasher.hash(NOBODYS, salt));
        std::hint::black_box(self.pace.todays(salt[0], hash))
    }
}

#[cfg(test)]
mod tests;
