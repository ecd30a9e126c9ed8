//! The half of a method that takes submissions. A method returns what happened as data; the engine commits and answers.

use crate::engine::{Engine, Pending};
use latchkey_core::aal::AuthenticationMethod;
use latchkey_core::code::SentCode;
use latchkey_core::courier::QueuedMessage;
use latchkey_core::flow::{Flow, FlowSpec};
use latchkey_core::form::FieldMessage;
use latchkey_core::identity::{CredentialType, Unique};
use latchkey_core::message::Message;
use latchkey_core::method::MethodId;
use latchkey_core::payload::Payload;
use latchkey_core::rate_limit::Limits;
use serde_json::Value;
use time::Duration;
use uuid::Uuid;

/// Whether a method takes a submission (contract `login-flow.md` 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It does.
    Takes,
    /// The submission is for this method, which is turned off.
    Disabled,
    /// The submission is for this method, which does not serve the flow as it is. No other method takes it.
    Refuses,
    /// It is for another method.
    Passes,
}

/// How a method takes submissions of a flow. The engine asks the methods in turn.
pub trait SubmitMethod<S: FlowSpec>: Send + Sync {
    /// Which method it is.
    fn id(&self) -> MethodId;

    /// Whether a payload looks like this method's own, before the flow is known.
    fn recognises(&self, payload: &Payload) -> bool;

    /// The identifiers in the payload, as the user typed them. They count against rate limits.
    fn identifiers<'a>(&self, payload: &'a Payload) -> Vec<&'a str>;

    /// What to look up for the payload, in the call that reads the flow. An exact spelling comes last.
    fn lookups(&self, payload: &Payload) -> Vec<Unique>;

    /// Whether a submission to this method may have a code sent.
    fn may_send_codes(&self) -> bool {
        false
    }

    /// Whether the method takes the submission, once the flow is known.
    fn claim(&self, payload: &Payload, flow: &Flow<S>) -> Claim;

    /// Reads the payload. The method may put into `flow` what it keeps of the payload whatever follows.
    ///
    /// # Errors
    /// What is missing or malformed.
    fn parse(&self, payload: &Payload, flow: &mut Flow<S>) -> Result<Box<dyn Attempt<S>>, Rejection<S>>;
}

/// A payload that cannot be verified.
#[derive(Clone, Debug)]
pub struct Rejection<S: FlowSpec> {
    /// The flow, with its form as it says so.
    pub flow: Box<Flow<S>>,
    /// Whether the payload is malformed for every client. The answer then says so before the anti-CSRF token is checked.
    pub is_malformed: bool,
}

/// A payload that can be verified.
pub trait Attempt<S: FlowSpec>: Send {
    /// Verifies it. `turn` holds the flow.
    fn verify<'a>(self: Box<Self>, turn: Turn<S>, engine: &'a dyn Engine<S>) -> Pending<'a, Outcome<S>>;
}

/// The flow in a method's turn.
#[derive(Clone, Debug)]
pub struct Turn<S: FlowSpec> {
    /// The flow as it is when the submission is refused.
    pub flow: Flow<S>,
    /// The flow as it was before the submission.
    pub before: Flow<S>,
}

impl<S: FlowSpec> Turn<S> {
    /// The submission is refused with one message on top of the form. `log` says why, for the log.
    pub fn refuse(mut self, message: Message, engine: &dyn Engine<S>, log: &'static str) -> Outcome<S> {
        self.flow.refuse(vec![message], Vec::new(), engine.now());
        Outcome::Invalid { flow: self.flow, log }
    }

    /// The submission is refused with messages under inputs.
    pub fn refuse_fields(mut self, fields: Vec<FieldMessage>, engine: &dyn Engine<S>, log: &'static str) -> Outcome<S> {
        self.flow.refuse(Vec::new(), fields, engine.now());
        Outcome::Invalid { flow: self.flow, log }
    }

    /// The client has tried too often; the form says so.
    pub fn throttle(mut self, message: Message, wait: Duration, engine: &dyn Engine<S>) -> Outcome<S> {
        self.flow.refuse(vec![message], Vec::new(), engine.now());
        Outcome::Throttled { flow: self.flow, wait }
    }
}

/// The outcome of a submission.
#[derive(Debug)]
pub enum Outcome<S: FlowSpec> {
    /// It is refused; the form of the flow says why.
    Invalid {
        /// The flow to store and show.
        flow: Flow<S>,
        /// What happened, for the log.
        log: &'static str,
    },
    /// The client has tried too often; the form says so.
    Throttled {
        /// The flow to store and show.
        flow: Flow<S>,
        /// How long to wait.
        wait: Duration,
    },
    /// It went well, and the flow shows its next screen.
    Step(Step<S>),
    /// It proves an identity.
    Success(Box<Success<S>>),
    /// The flow was completed meanwhile.
    FlowDone,
}

/// A step that went well.
#[derive(Debug)]
pub struct Step<S: FlowSpec> {
    /// The flow to store and show.
    pub flow: Flow<S>,
    /// The codes that are sent with it; the flow holds them already.
    pub sending: Option<Sending>,
    /// What was counted and does not count.
    pub refund: Limits,
    /// What the client sent along, which the answer repeats.
    pub transient_payload: Value,
    /// What happened, for the log.
    pub log: &'static str,
}

/// Codes that are sent with a step.
#[derive(Debug)]
pub struct Sending {
    /// The messages that bring them.
    pub messages: Messages,
    /// Whether attempts count from the beginning, because those before were used up.
    pub fresh_attempts: bool,
}

/// Messages that a step queues.
#[derive(Debug)]
pub enum Messages {
    /// The courier sends them.
    Queued(Vec<EncryptedMessage>),
    /// The store writes it and the courier does not send it, so that an answer takes equally long for every identifier.
    Decoy(Box<EncryptedMessage>),
}

/// A message whose payload the courier alone can open.
#[derive(Clone, Debug)]
pub struct EncryptedMessage {
    /// What is known of it in the open.
    pub message: QueuedMessage,
    /// What it says, sealed.
    pub payload: Vec<u8>,
}

/// A proof, and everything that follows from it.
pub struct Success<S: FlowSpec> {
    /// The identity that is proven.
    pub identity: Uuid,
    /// The method, the level and the time of the proof.
    pub method: AuthenticationMethod,
    /// What the proof rests on.
    pub basis: Basis,
    /// The flow once the proof holds.
    pub passed: Flow<S>,
    /// The flow if it does not hold.
    pub refused: Turn<S>,
    /// What the form says when the identity has changed meanwhile.
    pub on_conflict: Message,
    /// What was counted: a client that proves an identity has not guessed.
    pub refund: Limits,
    /// Whether the proof is a password that is known to have leaked.
    pub password_leaked: bool,
    /// A better hash to store once everything else is done.
    pub rehash: Option<Rehash>,
}

impl<S: FlowSpec> std::fmt::Debug for Success<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Success").field("identity", &self.identity).field("basis", &self.basis).finish_non_exhaustive()
    }
}

/// What a proof rests on.
#[derive(Clone, Debug)]
pub enum Basis {
    /// A credential in this version, of an identity that may sign in.
    Credential(CredentialType, u64),
    /// A code that reached an address, which is thereby verified.
    Code {
        /// The code.
        sent: SentCode,
        /// Whether verifiable addresses count where there is no code credential.
        fallback: bool,
    },
}

/// A right password whose stored hash is to be replaced by a better one. The engine makes that once the login is done, so the time that it
/// takes tells nothing about attempts that are refused.
pub struct Rehash {
    /// Computes the hash; `None` where the hasher refuses the password.
    pub make: Box<dyn FnOnce() -> Option<String> + Send + Sync>,
    /// The identifiers whose guards repeat the hash.
    pub identifiers: Vec<String>,
}

/// The message under `transient_payload` when it is not an object.
pub(crate) fn transient_fault(payload: &Payload) -> Option<FieldMessage> {
    let actual = payload.transient_fault()?;
    Some(FieldMessage::new("transient_payload", Message::wrong_type("object", actual)))
}
