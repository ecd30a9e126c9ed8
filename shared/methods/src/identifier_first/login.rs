//! The identifier first, in login.

use crate::code;
use crate::code::send::CodeSender;
use crate::engine::{Engine, Pending, Receiver, SendRequest, Throttled};
use crate::form::FormMethod;
use crate::settings::Settings;
use crate::submit::{Attempt, Claim, Outcome, Rejection, Step, SubmitMethod, Turn, transient_fault};
use latchkey_core::error::Fault;
use latchkey_core::flow::login::Login;
use latchkey_core::flow::{Flow, Progress};
use latchkey_core::form::{FieldMessage, Group, InputType, Node, Offer, Screen};
use latchkey_core::identity::{CredentialType, Identity, Unique};
use latchkey_core::message::Message;
use latchkey_core::method::MethodId;
use latchkey_core::payload::Payload;
use latchkey_core::rate_limit::Limits;
use serde_json::Value;
use std::sync::Arc;

/// Fills forms.
pub struct Form {
    settings: Arc<Settings>,
}

impl Form {
    /// With what the configuration says.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self { settings }
    }
}

impl FormMethod<Login> for Form {
    fn id(&self) -> MethodId {
        MethodId::IdentifierFirst
    }

    fn offer(&self, flow: &Flow<Login>, _subject: Option<&Identity>) -> Option<Offer> {
        self.settings.identifier_first_serves(flow).then(|| Offer::plain(MethodId::IdentifierFirst))
    }

    fn nodes(&self, flow: &Flow<Login>, _offer: &Offer) -> Vec<Node> {
        if !self.settings.identifier_first_serves(flow) {
            return Vec::new();
        }
        let identifier = Node::input(Group::IdentifierFirst, "identifier", InputType::Text).value("").required();
        let button = Node::input(Group::IdentifierFirst, "method", InputType::Submit).value("identifier_first");
        vec![
            identifier.autocomplete("username webauthn").label(self.settings.identifier_label(flow)),
            button.label(Message::go_on()),
        ]
    }
}

/// Takes the submissions that no other method takes.
pub struct Submit {
    settings: Arc<Settings>,
    code: Arc<CodeSender>,
}

impl Submit {
    /// With what sends a code when that is all there is to choose.
    pub fn new(settings: Arc<Settings>, code: Arc<CodeSender>) -> Self {
        Self { settings, code }
    }
}

impl SubmitMethod<Login> for Submit {
    fn id(&self) -> MethodId {
        MethodId::IdentifierFirst
    }

    fn recognises(&self, _payload: &Payload) -> bool {
        self.settings.identifier_first
    }

    fn identifiers<'a>(&self, payload: &'a Payload) -> Vec<&'a str> {
        payload.text("identifier").into_iter().collect()
    }

    fn lookups(&self, payload: &Payload) -> Vec<Unique> {
        let spellings = payload.text("identifier").map(code::spellings).unwrap_or_default();
        code::of_types(&code::CREDENTIALS, spellings)
    }

    fn may_send_codes(&self) -> bool {
        true
    }

    fn claim(&self, _payload: &Payload, flow: &Flow<Login>) -> Claim {
        if self.settings.identifier_first_serves(flow) { Claim::Takes } else { Claim::Passes }
    }

    fn parse(&self, payload: &Payload, flow: &mut Flow<Login>) -> Result<Box<dyn Attempt<Login>>, Rejection<Login>> {
        if let Some(fault) = transient_fault(payload) {
            let mut flow = flow.clone();
            flow.refuse(Vec::new(), vec![fault], flow.updated_at);
            return Err(Rejection { flow: Box::new(flow), is_malformed: true });
        }
        Ok(Box::new(IdentifierAttempt {
            identifier: payload.text("identifier").map(str::to_owned),
            transient_payload: payload.transient(),
            settings: Arc::clone(&self.settings),
            code: Arc::clone(&self.code),
        }))
    }
}

struct IdentifierAttempt {
    identifier: Option<String>,
    transient_payload: Value,
    settings: Arc<Settings>,
    code: Arc<CodeSender>,
}

impl Attempt<Login> for IdentifierAttempt {
    fn verify<'a>(self: Box<Self>, turn: Turn<Login>, engine: &'a dyn Engine<Login>) -> Pending<'a, Outcome<Login>> {
        Box::pin(self.offer_methods(turn, engine))
    }
}

/// The step that follows an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    /// No identity has it, or the identity has nothing to sign in with.
    Unknown,
    /// These methods are offered.
    Offer(Vec<MethodId>),
    /// A code is all there is to choose, so it is sent.
    SendCode,
}

impl IdentifierAttempt {
    async fn offer_methods(self, mut turn: Turn<Login>, engine: &dyn Engine<Login>) -> Result<Outcome<Login>, Fault> {
        let Some(typed) = &self.identifier else { return Ok(unknown(turn, "", engine)) };
        let wanted = code::spellings(typed);
        let holder = engine.holder(&|unique| match unique {
            Unique::Identifier(_, value) => wanted.contains(value),
            _ => false,
        });
        let lookup = match engine.lookup() {
            Ok(limits) => limits,
            Err(Throttled(wait)) => return Ok(turn.throttle(Message::too_often(wait), wait, engine)),
        };
        // Whether a code is sent is known with the identity. The engine counts it meanwhile, and refunds it where another method is
        // offered instead.
        let request = self.settings.code_serves(&turn.flow).then(|| engine.send(holder, typed));
        let request = request.unwrap_or_default();
        let Receiver { identity, lookup, send, length } = engine.receiver(holder, Some(&lookup), &request).await?;
        if let Some(Throttled(wait)) = lookup {
            turn.flow.form.keep_identifier(typed);
            return Ok(turn.throttle(Message::too_often(wait), wait, engine));
        }
        match self.next(&turn.flow, identity.as_ref()) {
            Next::Unknown => Ok(unknown(turn, typed, engine)),
            Next::SendCode => {
                turn.flow.form.screen = Screen::Start;
                if request.is_unserved {
                    return Ok(self.code.unserved(turn, typed, engine));
                }
                match send {
                    Some(Throttled(wait)) => {
                        turn.flow.form.keep_identifier(typed);
                        Ok(self.code.throttle(turn, wait, engine))
                    }
                    None => self.code.send(turn, typed, identity, length, self.transient_payload, engine).await,
                }
            }
            Next::Offer(methods) => {
                turn.flow.form.keep_identifier(typed);
                turn.flow.state.progress = Progress::ChooseMethod;
                turn.flow.advance(MethodId::IdentifierFirst, Screen::Offers(methods), Vec::new(), engine.now());
                Ok(offered(turn.flow, request, self.transient_payload))
            }
        }
    }

    /// Decides which methods are left. With mitigation the credentials of the identity do not matter, so the answer does not tell
    /// whether there is one.
    fn next(&self, flow: &Flow<Login>, identity: Option<&Identity>) -> Next {
        let settings = &self.settings;
        let code = settings.code_serves(flow);
        let with_password = if settings.mitigate {
            settings.password
        } else {
            let Some(identity) = identity else { return Next::Unknown };
            settings.password && identity.credentials.get(&CredentialType::Password).is_some_and(|c| c.usable)
        };
        if code && !with_password {
            return Next::SendCode;
        }
        let password = with_password.then_some(MethodId::Password);
        let methods: Vec<_> = password.into_iter().chain(code.then_some(MethodId::Code)).collect();
        if methods.is_empty() && !settings.mitigate { Next::Unknown } else { Next::Offer(methods) }
    }
}

fn offered(flow: Flow<Login>, request: SendRequest, transient_payload: Value) -> Outcome<Login> {
    let refund: Limits = request.limits;
    Outcome::Step(Step { flow, sending: None, refund, transient_payload, log: "identifier taken" })
}

fn unknown(mut turn: Turn<Login>, typed: &str, engine: &dyn Engine<Login>) -> Outcome<Login> {
    turn.flow.form.keep_identifier(typed);
    turn.flow.form.screen = Screen::Start;
    turn.flow.state.progress = Progress::ChooseMethod;
    let field = FieldMessage::new("identifier", Message::no_such_account());
    turn.refuse_fields(vec![field], engine, "unknown identifier")
}
