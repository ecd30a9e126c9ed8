//! Sending codes: the code, what the flow keeps of it, and the message that brings it.

use super::{languages, receivers, shown};
use crate::engine::Engine;
use crate::settings::Settings;
use crate::submit::{EncryptedMessage, Messages, Outcome, Sending, Step, Turn};
use latchkey_config::Secrets;
use latchkey_core::code::{Length, SentCode, Verdict, after_another_send, from_random};
use latchkey_core::courier::{Code, CodeRequest, Content, MessagePayload, QueuedMessage};
use latchkey_core::error::Fault;
use latchkey_core::flow::login::Login;
use latchkey_core::flow::{Flow, Progress};
use latchkey_core::form::Screen;
use latchkey_core::identity::{CodeAddress, Identity, Via};
use latchkey_core::message::Message;
use latchkey_core::method::MethodId;
use latchkey_core::recipient;
use latchkey_platform::secret::DeploymentSecrets;
use latchkey_schema::normalize_identifier;
use latchkey_sealing::PublicKey;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use std::sync::Arc;
use time::Duration;

/// What making and sealing messages needs.
pub struct Keys {
    /// The courier's public key.
    pub courier: PublicKey,
    /// Their first `cookie` secret is the key of the codes' digests.
    pub secrets: DeploymentSecrets,
}

/// Sends codes.
pub struct CodeSender {
    settings: Arc<Settings>,
    /// `None` where codes are off.
    keys: Option<Keys>,
}

impl CodeSender {
    /// With the keys, where codes are on.
    pub fn new(settings: Arc<Settings>, keys: Option<Keys>) -> Self {
        Self { settings, keys }
    }

    fn keys(&self) -> Result<&Keys, Fault> {
        self.keys.as_ref().ok_or_else(|| Fault::internal("codes are off"))
    }

    /// The verdict on a code. A code that does not fit may have been made with secrets that this copy of the function has not read
    /// yet.
    pub(super) async fn judge<'a>(&self, verdict: impl Fn(&[&[u8]]) -> Verdict<'a>) -> Result<Verdict<'a>, Fault> {
        let deployment = &self.keys()?.secrets;
        let secrets = deployment.get().await.map_err(|e| Fault::internal(e.to_string()))?;
        match verdict(&digest_keys(&secrets)) {
            Verdict::Wrong => {
                let newer = deployment.newer_than(&secrets).await.map_err(|e| Fault::internal(e.to_string()))?;
                Ok(newer.map_or(Verdict::Wrong, |newer| verdict(&digest_keys(&newer))))
            }
            other => Ok(other),
        }
    }
}

/// Keys of the codes' digests: the first writes, all read.
fn digest_keys(secrets: &Secrets) -> Vec<&[u8]> {
    secrets.cookie.iter().map(|secret| secret.expose_secret().as_bytes()).collect()
}

/// The request that a code is made for.
struct Purpose<'a> {
    /// `None` for an identifier without an identity.
    identity: Option<&'a Identity>,
    address: &'a CodeAddress,
    /// The address to tell that there is no account; it gets no code.
    told: Option<&'a str>,
    length: Length,
    transient_payload: &'a Value,
    key: &'a [u8],
}

impl CodeSender {
    /// Codes do not go to such a number, whichever identity has it.
    pub(crate) fn unserved(&self, mut turn: Turn<Login>, typed: &str, engine: &dyn Engine<Login>) -> Outcome<Login> {
        turn.flow.form.keep_identifier(typed);
        turn.flow.state.progress = Progress::ChooseMethod;
        turn.refuse(Message::no_code_sign_in(), engine, "no codes to this country")
    }

    /// A request for a code beyond the limit. If a code was sent before, the form goes on asking for that code.
    pub(crate) fn throttle(&self, turn: Turn<Login>, wait: Duration, engine: &dyn Engine<Login>) -> Outcome<Login> {
        let is_good = |code: &SentCode| !code.spent && engine.now() < code.expires_at;
        let last_code_counts = turn.flow.state.progress == Progress::SentEmail
            && !self.attempts_are_used_up(&turn.flow)
            && turn.flow.codes.sent.iter().any(is_good);
        let message = if last_code_counts { Message::use_the_last_code(wait) } else { Message::too_often(wait) };
        turn.throttle(message, wait, engine)
    }

    fn attempts_are_used_up(&self, flow: &Flow<Login>) -> bool {
        flow.codes.attempts >= u64::from(self.settings.code.max_submissions)
    }

    /// Sends a code to an identity, or says that there is none. With mitigation both are answered alike.
    pub(crate) async fn send(
        &self,
        mut turn: Turn<Login>,
        typed: &str,
        identity: Option<Identity>,
        length: Length,
        transient_payload: Value,
        engine: &dyn Engine<Login>,
    ) -> Result<Outcome<Login>, Fault> {
        let keys = self.keys()?;
        // On a refresh no code goes to another identity than the one of the session.
        let confirmed = engine.session_identity().filter(|_| turn.flow.state.refresh);
        let identity = identity.filter(|identity| confirmed.is_none_or(|id| id == identity.id));
        let fallback = self.settings.code.missing_credential_fallback;
        let to = identity.as_ref().map(|identity| receivers(identity, typed, fallback)).unwrap_or_default();
        if to.is_empty() && (confirmed.is_some() || !self.settings.mitigate) {
            turn.flow.form.keep_identifier(typed);
            turn.flow.state.progress = Progress::ChooseMethod;
            return Ok(turn.refuse(Message::no_code_sign_in(), engine, "no address for a code"));
        }
        let secrets = keys.secrets.get().await.map_err(|e| Fault::internal(e.to_string()))?;
        let key = *digest_keys(&secrets).first().ok_or_else(|| Fault::internal("there is no secret for codes"))?;
        let transient = &transient_payload;
        let (codes, messages) = match (&identity, to.is_empty()) {
            (Some(identity), false) => {
                let (mut codes, mut messages) = (Vec::new(), Vec::new());
                for address in &to {
                    let identity = Some(identity);
                    let purpose = Purpose { identity, address, told: None, length, transient_payload: transient, key };
                    let (sent, message) = self.make(keys, &turn.flow, &purpose, engine)?;
                    codes.push(sent);
                    messages.push(message);
                }
                (codes, Messages::Queued(messages))
            }
            _ => {
                // Without an identity the work is the same, and the code matches no identity. The code's record holds no address. The
                // message has one only if it tells its recipient that there is no account.
                let address = CodeAddress { via: Via::of(typed), value: String::new() };
                let told = self.unknown_recipient(typed);
                let purpose = Purpose {
                    identity: None,
                    address: &address,
                    told: told.as_deref(),
                    length,
                    transient_payload: transient,
                    key,
                };
                let (sent, message) = self.make(keys, &turn.flow, &purpose, engine)?;
                let is_told = told.is_some();
                let messages =
                    if is_told { Messages::Queued(vec![message]) } else { Messages::Decoy(Box::new(message)) };
                (vec![sent], messages)
            }
        };
        Ok(self.step(turn.flow, typed, codes, messages, transient_payload, engine))
    }

    /// The flow's next screen, which asks for the code.
    fn step(
        &self,
        mut flow: Flow<Login>,
        typed: &str,
        codes: Vec<SentCode>,
        messages: Messages,
        transient_payload: Value,
        engine: &dyn Engine<Login>,
    ) -> Outcome<Login> {
        let bare = matches!(flow.form.screen, Screen::Code { bare: true });
        let message = if flow.state.refresh { Message::code_sent_to_you() } else { Message::code_sent() };
        flow.form.keep_identifier(&shown(typed));
        flow.advance(MethodId::Code, Screen::Code { bare }, vec![message], engine.now());
        flow.state.progress = Progress::SentEmail;
        // When the attempts are reset, earlier codes become invalid.
        let fresh_attempts = self.attempts_are_used_up(&flow);
        let before = if fresh_attempts { &[] } else { flow.codes.sent.as_slice() };
        flow.codes.sent = after_another_send(before, codes, engine.now());
        Outcome::Step(Step {
            flow,
            sending: Some(Sending { messages, fresh_attempts }),
            refund: Default::default(),
            transient_payload,
            log: "code sent",
        })
    }

    /// The e-mail address to tell that there is no account for it.
    fn unknown_recipient(&self, typed: &str) -> Option<String> {
        let is_told = self.settings.notify_unknown_recipients && Via::of(typed) == Via::Email;
        let address = is_told.then(|| normalize_identifier(typed))?;
        recipient::email(&address).is_ok().then_some(address)
    }

    /// A code and the message that brings it to an address.
    fn make(
        &self,
        keys: &Keys,
        flow: &Flow<Login>,
        purpose: &Purpose<'_>,
        engine: &dyn Engine<Login>,
    ) -> Result<(SentCode, EncryptedMessage), Fault> {
        let Purpose { identity, address, told, length, transient_payload, key } = *purpose;
        let (now, rng) = (engine.now(), engine.rng());
        let code = from_random(rng.bytes(), length);
        let lifespan = Duration::try_from(self.settings.code.lifespan).unwrap_or(Duration::MAX);
        let of = (flow.id, identity.map_or_else(|| rng.id(), |identity| identity.id));
        let sent = SentCode::new(&code, of, address.clone(), now.saturating_add(lifespan), key);
        let (recipient, content) = match told {
            Some(told) => (told, Content::LoginUnknownAddress),
            None => (address.value.as_str(), Code::new(code).map_or(Content::LoginUnknownAddress, Content::LoginCode)),
        };
        let message = QueuedMessage {
            id: rng.id(),
            via: address.via,
            recipient: recipient.to_owned(),
            template: content.template(),
            created_at: now,
            // A code is of no use in a flow that has ended.
            expires_at: Some(sent.expires_at.min(flow.expires_at)),
            request: Some(CodeRequest { flow: flow.id, number: flow.codes.sends + 1 }),
        };
        let facts = engine.request();
        let traits = identity.map_or(&Value::Null, |identity| &identity.traits);
        let payload = MessagePayload {
            content,
            identity: identity.map(|identity| identity.public(&self.settings.base_url)).unwrap_or_default(),
            request_url: flow.request_url.clone(),
            transient_payload: transient_payload.clone(),
            languages: languages(traits, facts.accept_language.as_deref()),
            request_headers: facts.headers,
            requester: facts.requester,
        };
        let plain = serde_json::to_vec(&payload).map_err(|e| Fault::internal(format!("a message: {e}")))?;
        let payload = keys.courier.seal(&plain, &message.authenticated());
        let payload = payload.map_err(|e| Fault::internal(format!("a message: {e}")))?;
        Ok((sent, EncryptedMessage { message, payload }))
    }
}
