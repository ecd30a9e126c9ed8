//! Codes in login.

use super::send::CodeSender;
use super::{CREDENTIALS, form, of_types, read, spellings};
use crate::engine::{Account, CodeAttempted, Engine, Pending, Receiver, Throttled};
use crate::form::FormMethod;
use crate::settings::Settings;
use crate::submit::{Attempt, Basis, Claim, Outcome, Rejection, SubmitMethod, Success, Turn, transient_fault};
use latchkey_core::aal::{Aal, AuthenticationMethod};
use latchkey_core::code::{SentCode, Verdict, check};
use latchkey_core::error::Fault;
use latchkey_core::flow::login::Login;
use latchkey_core::flow::{Flow, Progress};
use latchkey_core::form::{FieldMessage, Group, InputType, Node, Offer, Screen};
use latchkey_core::identity::{CodeAddress, CredentialType, Guard, Identity, State, Unique};
use latchkey_core::message::Message;
use latchkey_core::method::MethodId;
use latchkey_core::payload::Payload;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// The facts of an offer.
#[derive(Default, Serialize, Deserialize)]
struct Facts {
    /// Addresses to choose from, on a refresh.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<CodeAddress>,
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
        self.settings.code_serves(flow) && !self.settings.identifier_first_serves(flow)
    }
}

impl FormMethod<Login> for Form {
    fn id(&self) -> MethodId {
        MethodId::Code
    }

    fn offer(&self, flow: &Flow<Login>, subject: Option<&Identity>) -> Option<Offer> {
        if !self.is_on_first_screen(flow) {
            return None;
        }
        let fallback = self.settings.code.missing_credential_fallback;
        let known = subject.filter(|_| self.settings.offers_addresses(flow));
        let addresses = known.map(|identity| identity.code_addresses(fallback)).unwrap_or_default();
        Some(Offer::new(MethodId::Code, &Facts { addresses }))
    }

    fn nodes(&self, flow: &Flow<Login>, offer: &Offer) -> Vec<Node> {
        if !self.is_on_first_screen(flow) {
            return Vec::new();
        }
        if self.settings.offers_addresses(flow) {
            let button = |address: &CodeAddress| {
                let label = Message::send_code_to(&address.value, address.via.as_str());
                Node::input(Group::Code, "address", InputType::Submit).value(address.value.as_str()).label(label)
            };
            return offer.facts::<Facts>().addresses.iter().map(button).collect();
        }
        let identifier = Node::input(Group::Default, "identifier", InputType::Text).value("").required();
        vec![identifier.label(self.settings.identifier_label(flow)), form::ask_button()]
    }

    fn nodes_after_identifier(&self) -> Vec<Node> {
        vec![form::ask_button()]
    }

    fn has_token_in_api_flows(&self) -> bool {
        false
    }
}

/// Takes submissions.
pub struct Submit {
    settings: Arc<Settings>,
    sender: Arc<CodeSender>,
}

impl Submit {
    /// With what sends codes.
    pub fn new(settings: Arc<Settings>, sender: Arc<CodeSender>) -> Self {
        Self { settings, sender }
    }
}

impl SubmitMethod<Login> for Submit {
    fn id(&self) -> MethodId {
        MethodId::Code
    }

    fn recognises(&self, payload: &Payload) -> bool {
        let is_named = payload.text("method") == Some("code");
        self.settings.code.first_factor && (is_named || payload.text("address").is_some())
    }

    fn identifiers<'a>(&self, payload: &'a Payload) -> Vec<&'a str> {
        ["identifier", "address"].into_iter().filter_map(|field| payload.text(field)).collect()
    }

    fn lookups(&self, payload: &Payload) -> Vec<Unique> {
        let mut values = Vec::new();
        for spelling in self.identifiers(payload).into_iter().flat_map(spellings) {
            if !values.contains(&spelling) {
                values.push(spelling);
            }
        }
        let only_codes = !self.settings.code.missing_credential_fallback && !self.settings.identifier_first;
        of_types(if only_codes { &[CredentialType::Code] } else { &CREDENTIALS }, values)
    }

    fn may_send_codes(&self) -> bool {
        true
    }

    fn claim(&self, payload: &Payload, flow: &Flow<Login>) -> Claim {
        if flow.state.requested_aal != Aal::Aal1 {
            return Claim::Passes;
        }
        let is_named = payload.text("method") == Some("code");
        let has_passed = flow.state.progress == Progress::PassedChallenge;
        // A client that a code has proven begins another flow.
        if is_named && has_passed {
            return Claim::Refuses;
        }
        let by_address = !has_passed && payload.text("address").is_some() && self.settings.offers_addresses(flow);
        if (is_named && self.settings.code_serves(flow)) || by_address { Claim::Takes } else { Claim::Passes }
    }

    fn parse(&self, payload: &Payload, flow: &mut Flow<Login>) -> Result<Box<dyn Attempt<Login>>, Rejection<Login>> {
        let step = parse(payload, flow)?;
        Ok(Box::new(CodeAttempt {
            step,
            transient_payload: payload.transient(),
            settings: Arc::clone(&self.settings),
            sender: Arc::clone(&self.sender),
        }))
    }
}

/// A step that a client can take.
#[derive(Clone, Debug, PartialEq, Eq)]
enum CodeStep {
    /// Send a code to the identity that has the identifier, as the user typed it.
    Send { identifier: String },
    /// Check a code.
    Verify { identifier: String, code: String },
}

/// Reads a payload by the state of its flow.
fn parse(payload: &Payload, flow: &Flow<Login>) -> Result<CodeStep, Rejection<Login>> {
    let resend = payload.text("resend");
    let resending = resend == Some("code");
    let verifying = flow.state.progress == Progress::SentEmail && !resending;
    let (identifier, address) = (payload.text("identifier"), payload.text("address"));
    let identifier = if verifying { address.or(identifier) } else { identifier.or(address) };
    let code = payload.text("code").and_then(read);
    let mut fields: Vec<FieldMessage> = transient_fault(payload).into_iter().collect();
    let mut say = |field: &str, message: Message| fields.push(FieldMessage::new(field, message));
    let bad_resend = resend.is_some() && !resending;
    if bad_resend {
        say("resend", Message::generic("value must be \"code\""));
    } else if verifying {
        match (identifier, &code) {
            (_, None) => say("code", Message::missing("code")),
            (None, Some(_)) => say("identifier", Message::missing("identifier")),
            (Some(_), Some(_)) => {}
        }
    } else if identifier.is_none() {
        say("identifier", Message::missing("identifier"));
    }
    match (identifier.map(str::to_owned), code) {
        (Some(identifier), Some(code)) if verifying && fields.is_empty() => Ok(CodeStep::Verify { identifier, code }),
        (Some(identifier), _) if !verifying && fields.is_empty() => Ok(CodeStep::Send { identifier }),
        (identifier, _) => {
            let mut flow = flow.clone();
            // A resend that fails falls back to where the form asks for a code.
            if !verifying {
                flow.state.progress = Progress::ChooseMethod;
            }
            flow.form.keep_identifier(&identifier.unwrap_or_default());
            if let Screen::Code { bare } = &mut flow.form.screen {
                *bare |= verifying && !bad_resend;
            }
            flow.refuse(Vec::new(), fields, flow.updated_at);
            Err(Rejection { flow: Box::new(flow), is_malformed: bad_resend || payload.transient_fault().is_some() })
        }
    }
}

struct CodeAttempt {
    step: CodeStep,
    transient_payload: Value,
    settings: Arc<Settings>,
    sender: Arc<CodeSender>,
}

impl Attempt<Login> for CodeAttempt {
    fn verify<'a>(self: Box<Self>, turn: Turn<Login>, engine: &'a dyn Engine<Login>) -> Pending<'a, Outcome<Login>> {
        Box::pin(async move {
            match &self.step {
                CodeStep::Send { identifier } => self.request(turn, identifier, engine).await,
                CodeStep::Verify { identifier, code } => self.check(turn, identifier, code, engine).await,
            }
        })
    }
}

impl CodeAttempt {
    /// The holder by a code credential, else, where the configuration lets them, by any other.
    fn holder<'a>(&self, identifier: &str, engine: &'a dyn Engine<Login>) -> Option<&'a Guard> {
        let wanted = spellings(identifier);
        let by = |is_wanted: &dyn Fn(CredentialType) -> bool| {
            engine.holder(&|unique| match unique {
                Unique::Identifier(kind, value) => is_wanted(*kind) && wanted.contains(value),
                _ => false,
            })
        };
        let fallback = self.settings.code.missing_credential_fallback;
        by(&|kind| kind == CredentialType::Code).or_else(|| by(&|_| true).filter(|_| fallback))
    }

    async fn request(
        &self,
        mut turn: Turn<Login>,
        identifier: &str,
        engine: &dyn Engine<Login>,
    ) -> Result<Outcome<Login>, Fault> {
        let holder = self.holder(identifier, engine);
        let request = engine.send(holder, identifier);
        if request.is_unserved {
            return Ok(self.sender.unserved(turn, identifier, engine));
        }
        let Receiver { identity, send, length, .. } = engine.receiver(holder, None, &request).await?;
        if let Some(Throttled(wait)) = send {
            turn.flow.form.keep_identifier(identifier);
            return Ok(self.sender.throttle(turn, wait, engine));
        }
        self.sender.send(turn, identifier, identity, length, self.transient_payload.clone(), engine).await
    }

    async fn check(
        &self,
        mut turn: Turn<Login>,
        identifier: &str,
        code: &str,
        engine: &dyn Engine<Login>,
    ) -> Result<Outcome<Login>, Fault> {
        let holder = self.holder(identifier, engine);
        // A code that is refused leaves the identifier in an input of its own; one that is right leaves the form as it was.
        show_refusal(&mut turn.flow, identifier);
        if holder.is_none() && !self.settings.mitigate {
            return unknown(turn, engine).await;
        }
        let limits = match engine.attempt(holder, identifier) {
            Ok(limits) => limits,
            Err(Throttled(wait)) => return Ok(turn.throttle(Message::too_often(wait), wait, engine)),
        };
        // The attempt counts before its verdict. The flow as it then is holds the codes that count.
        let Some(attempted) = engine.code_attempt(holder, &limits).await? else { return Ok(Outcome::FlowDone) };
        let CodeAttempted { flow, account } = attempted;
        let mut turn = Turn { before: flow.clone(), flow };
        show_refusal(&mut turn.flow, identifier);
        let Account { identity, failures } = match account {
            Ok(account) => account,
            Err(Throttled(wait)) => return Ok(turn.throttle(Message::too_often(wait), wait, engine)),
        };
        if turn.flow.codes.attempts > u64::from(self.settings.code.max_submissions) {
            return Ok(turn.refuse(Message::too_many_codes(), engine, "too many codes"));
        }
        // Beyond the limit on failures a right code is answered like a wrong one, unless it is too long to be guessed.
        let counting = turn.flow.codes.sent.iter().filter(|sent| limits.admits_code(&failures, sent.long));
        let counting: Vec<SentCode> = counting.cloned().collect();
        let (flow_id, whose) = (turn.flow.id, holder.map_or_else(|| engine.rng().id(), |guard| guard.identity));
        let verdict = |keys: &[&[u8]]| check(code, flow_id, whose, &counting, keys, engine.now());
        let right = match self.sender.judge(verdict).await? {
            Verdict::Right(right) => right,
            Verdict::Spent => return Ok(turn.refuse(Message::code_was_used(), engine, "code used")),
            Verdict::Wrong => return Ok(turn.refuse(Message::invalid_code(), engine, "invalid code")),
        };
        let Some(identity) = identity else {
            return Ok(turn.refuse(Message::invalid_code(), engine, "identity gone"));
        };
        // The identity may have lost the address since the code was sent.
        let fallback = self.settings.code.missing_credential_fallback;
        if !identity.receives_codes_at(&right.address.value, fallback) {
            return Ok(turn.refuse(Message::invalid_code(), engine, "address gone"));
        }
        let passed = turn.before.passed(MethodId::Code);
        if identity.state == State::Inactive {
            return Ok(spend(passed, right, engine));
        }
        Ok(Outcome::Success(Box::new(Success {
            identity: identity.id,
            method: AuthenticationMethod { method: MethodId::Code, aal: Aal::Aal1, completed_at: engine.now() },
            basis: Basis::Code { sent: right.clone(), fallback },
            passed,
            refused: turn,
            on_conflict: Message::invalid_code(),
            refund: limits,
            password_leaked: false,
            rehash: None,
        })))
    }
}

/// The form of a code that is refused.
fn show_refusal(flow: &mut Flow<Login>, identifier: &str) {
    flow.form.keep_identifier(identifier);
    flow.form.screen = Screen::Code { bare: true };
}

/// No identity signs in by code with this identifier, and answers may say so.
async fn unknown(turn: Turn<Login>, engine: &dyn Engine<Login>) -> Result<Outcome<Login>, Fault> {
    let counted = match engine.lookup() {
        Ok(limits) => engine.count(&limits).await?,
        spent => spent.map(drop),
    };
    Ok(match counted {
        Ok(()) => turn.refuse(Message::no_code_sign_in(), engine, "unknown identifier"),
        Err(Throttled(wait)) => turn.throttle(Message::too_often(wait), wait, engine),
    })
}

/// The user of an identity that may not sign in is told so after a right code. The code has then been used.
fn spend(mut flow: Flow<Login>, right: &SentCode, engine: &dyn Engine<Login>) -> Outcome<Login> {
    let spend = |code: SentCode| if code == *right { code.spent() } else { code };
    flow.codes.sent = std::mem::take(&mut flow.codes.sent).into_iter().map(spend).collect();
    flow.notify(Message::identity_disabled(), engine.now());
    Outcome::Invalid { flow, log: "identity disabled" }
}
