//! Identifier and password in login (contract `login-flow.md` 4.5, 5.3).

use super::Checker;
use super::leak::Leaks;
use crate::engine::{Account, Engine, Pending, Throttled};
use crate::form::FormMethod;
use crate::settings::Settings;
use crate::submit::{Attempt, Basis, Claim, Outcome, Rehash, Rejection, SubmitMethod, Success, Turn, transient_fault};
use latchkey_core::aal::{Aal, AuthenticationMethod};
use latchkey_core::error::Fault;
use latchkey_core::flow::Flow;
use latchkey_core::flow::login::Login;
use latchkey_core::form::{FieldMessage, Group, InputType, Node, Offer};
use latchkey_core::identity::{CredentialType, Identity, State, Unique};
use latchkey_core::message::Message;
use latchkey_core::method::MethodId;
use latchkey_core::payload::Payload;
use latchkey_hashers::leak::Fingerprint;
use latchkey_platform::{log, meter};
use latchkey_schema::normalize_identifier;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The facts of an offer.
#[derive(Default, Serialize, Deserialize)]
struct Facts {
    /// On a refresh: the identifier of the identity; none when it has no password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identifier: Option<String>,
}

/// Fills forms.
pub struct Form {
    settings: Arc<Settings>,
}

impl Form {
    /// With what the configuration says.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self { settings }
    }

    fn is_on_first_screen(&self, flow: &Flow<Login>) -> bool {
        self.settings.password_serves(flow) && !self.settings.identifier_first_serves(flow)
    }
}

impl FormMethod<Login> for Form {
    fn id(&self) -> MethodId {
        MethodId::Password
    }

    fn offer(&self, flow: &Flow<Login>, subject: Option<&Identity>) -> Option<Offer> {
        if !self.is_on_first_screen(flow) {
            return None;
        }
        let known = subject.filter(|_| flow.state.refresh).and_then(Identity::refresh_identifier);
        // An identity without a password cannot be confirmed by one.
        let is_usable = known.is_some() || !flow.state.refresh;
        is_usable.then(|| Offer::new(MethodId::Password, &Facts { identifier: known.map(str::to_owned) }))
    }

    fn nodes(&self, flow: &Flow<Login>, offer: &Offer) -> Vec<Node> {
        if !self.is_on_first_screen(flow) {
            return Vec::new();
        }
        let (identifier, label) = match (offer.facts::<Facts>().identifier, flow.state.refresh) {
            (None, true) => return Vec::new(),
            (Some(known), true) => {
                (Node::input(Group::Default, "identifier", InputType::Hidden).value(known), Message::sign_in())
            }
            (_, false) => {
                let identifier = Node::input(Group::Default, "identifier", InputType::Text).value("").required();
                (identifier.label(self.settings.identifier_label(flow)), Message::sign_in_with_password())
            }
        };
        std::iter::once(identifier).chain(inputs(label)).collect()
    }

    fn nodes_after_identifier(&self) -> Vec<Node> {
        inputs(Message::sign_in_with_password()).into()
    }
}

/// The password and its button.
fn inputs(label: Message) -> [Node; 2] {
    let password = Node::input(Group::Password, "password", InputType::Password);
    [
        password.required().autocomplete("current-password").label(Message::label_password()),
        Node::input(Group::Password, "method", InputType::Submit).value("password").label(label),
    ]
}

/// Takes submissions.
pub struct Submit {
    settings: Arc<Settings>,
    checker: Arc<Checker>,
    leaks: Option<Arc<Leaks>>,
}

impl Submit {
    /// With the checker of passwords, and the service that knows leaked ones where the configuration asks for it.
    pub fn new(settings: Arc<Settings>, checker: Checker, leaks: Option<Leaks>) -> Self {
        Self { settings, checker: Arc::new(checker), leaks: leaks.map(Arc::new) }
    }
}

/// `identifier`, or `password_identifier`, its older name.
fn identifier(payload: &Payload) -> Option<&str> {
    payload.text("identifier").or(payload.text("password_identifier"))
}

/// What to look up: the normalised identifier, and the raw one if it differs.
fn spellings(identifier: &str) -> Vec<String> {
    let normalised = normalize_identifier(identifier);
    if normalised == identifier { vec![normalised] } else { vec![normalised, identifier.to_owned()] }
}

fn faults(payload: &Payload) -> Vec<FieldMessage> {
    let missing = |field: &str| FieldMessage::new(field, Message::missing(field));
    let mut faults = Vec::new();
    if identifier(payload).is_none() {
        faults.push(missing("identifier"));
    }
    if payload.secret("password").is_none() {
        faults.push(missing("password"));
    }
    faults.extend(transient_fault(payload));
    faults
}

impl SubmitMethod<Login> for Submit {
    fn id(&self) -> MethodId {
        MethodId::Password
    }

    fn recognises(&self, payload: &Payload) -> bool {
        payload.text("method") == Some("password")
    }

    fn identifiers<'a>(&self, payload: &'a Payload) -> Vec<&'a str> {
        ["identifier", "password_identifier"].into_iter().filter_map(|field| payload.text(field)).collect()
    }

    fn lookups(&self, payload: &Payload) -> Vec<Unique> {
        let Some(identifier) = identifier(payload).filter(|_| faults(payload).is_empty()) else { return Vec::new() };
        spellings(identifier).into_iter().map(|value| Unique::Identifier(CredentialType::Password, value)).collect()
    }

    fn claim(&self, payload: &Payload, flow: &Flow<Login>) -> Claim {
        if flow.state.requested_aal != Aal::Aal1 || !self.recognises(payload) {
            Claim::Passes
        } else if self.settings.password {
            Claim::Takes
        } else {
            Claim::Disabled
        }
    }

    fn parse(&self, payload: &Payload, flow: &mut Flow<Login>) -> Result<Box<dyn Attempt<Login>>, Rejection<Login>> {
        flow.form.keep_identifier(identifier(payload).unwrap_or_default());
        let fields = faults(payload);
        match (identifier(payload), payload.secret("password")) {
            (Some(identifier), Some(password)) if fields.is_empty() => Ok(Box::new(PasswordAttempt {
                identifier: identifier.to_owned(),
                password: password.clone(),
                checker: Arc::clone(&self.checker),
                leaks: self.leaks.clone(),
            })),
            _ => {
                let updated_at = flow.updated_at;
                let mut flow = flow.clone();
                flow.refuse(Vec::new(), fields, updated_at);
                Err(Rejection { flow: Box::new(flow), is_malformed: true })
            }
        }
    }
}

/// A submission that can be checked.
struct PasswordAttempt {
    identifier: String,
    password: SecretString,
    checker: Arc<Checker>,
    leaks: Option<Arc<Leaks>>,
}

impl Attempt<Login> for PasswordAttempt {
    fn verify<'a>(self: Box<Self>, turn: Turn<Login>, engine: &'a dyn Engine<Login>) -> Pending<'a, Outcome<Login>> {
        Box::pin(self.check(turn, engine))
    }
}

impl PasswordAttempt {
    async fn check(self, turn: Turn<Login>, engine: &dyn Engine<Login>) -> Result<Outcome<Login>, Fault> {
        let wanted = spellings(&self.identifier);
        let holder = engine.holder(&|unique| match unique {
            Unique::Identifier(CredentialType::Password, value) => wanted.contains(value),
            _ => false,
        });
        let limits = match engine.attempt(holder, &self.identifier) {
            Ok(limits) => limits,
            Err(Throttled(wait)) => return Ok(turn.throttle(Message::too_often(wait), wait, engine)),
        };
        let hash = holder.and_then(|guard| guard.hash.clone());
        let salt = engine.rng().bytes::<64>();
        // The look-up happens for every attempt, right or wrong: how long a client waits must not tell which.
        let print = self.leaks.as_ref().map(|leaks| (leaks, Fingerprint::of(self.password.expose_secret().as_bytes())));
        let leak = async {
            match &print {
                Some((leaks, print)) => leaks.has(print).await,
                None => Some(false),
            }
        };
        let (checker, password) = (Arc::clone(&self.checker), self.password.clone());
        let hashing = tokio::task::spawn_blocking(move || checker.verify(&password, hash.as_deref(), &salt));
        let (verdict, account, leaked) = tokio::join!(hashing, meter::beside(engine.account(holder, &limits)), leak);
        let verdict = verdict.map_err(|e| Fault::internal(format!("the password could not be checked: {e}")))?;
        meter::hashed(verdict.hashes);
        let Account { identity, failures } = match account? {
            Ok(account) => account,
            Err(Throttled(wait)) => return Ok(turn.throttle(Message::too_often(wait), wait, engine)),
        };

        // Beyond the limit on failures a right password is answered like a wrong one, so the answer shows neither the limit nor the
        // identity that has reached it.
        let right = verdict.right && limits.admits_password(&failures);
        let (Some(guard), Some(identity), true) = (holder, identity, right) else {
            return Ok(turn.refuse(Message::invalid_credentials(), engine, "invalid credentials"));
        };
        // From here on the method is known, and the form keeps what it showed before.
        let passed = turn.before.passed(MethodId::Password);
        if identity.state == State::Inactive {
            let turn = Turn { flow: passed, ..turn };
            return Ok(turn.refuse(Message::identity_disabled(), engine, "identity disabled"));
        }
        if leaked.is_none() {
            log::note("whether the password has leaked could not be asked");
        }
        let identifiers = identity.credentials.get(&CredentialType::Password).map(|c| c.identifiers.clone());
        let (checker, password) = (self.checker, self.password);
        let rehash = verdict.outdated.then(|| Rehash {
            make: Box::new(move || checker.better_hash(&password, &salt)),
            identifiers: identifiers.unwrap_or_default(),
        });
        Ok(Outcome::Success(Box::new(Success {
            identity: identity.id,
            method: AuthenticationMethod { method: MethodId::Password, aal: Aal::Aal1, completed_at: engine.now() },
            basis: Basis::Credential(CredentialType::Password, guard.version),
            passed,
            refused: turn,
            on_conflict: Message::invalid_credentials(),
            refund: limits,
            password_leaked: leaked.unwrap_or(false),
            rehash,
        })))
    }
}
