//! The code method's turn: a code is sent to whoever is named, then checked.

use crate::finish::{Basis, Proof};
use crate::{Own, Owners, Submission};
use lambda_http::http::HeaderName;
use latchkey_config::{Config, Secrets};
use latchkey_core::aal::{Aal, AuthenticationMethod};
use latchkey_core::bounds::LONGEST_HEADER;
use latchkey_core::code::{Length, SentCode, Verdict, after_another_send, check, from_random};
use latchkey_core::courier::{Code, CodeRequest, Content, MessagePayload, QueuedMessage};
use latchkey_core::flow::{CodeAddress, FlowState, Screen};
use latchkey_core::identity::{Identity, State, Via};
use latchkey_core::message::Message;
use latchkey_core::method::MethodId;
use latchkey_core::recipient;
use latchkey_egress::allowed_headers;
use latchkey_methods::code::{self, Fault as Faulty, Step};
use latchkey_platform::secret::DeploymentSecrets;
use latchkey_platform::{Platform, StartError};
use latchkey_schema::normalize_identifier;
use latchkey_sealing::PublicKey;
use latchkey_store::accounts::Collection;
use latchkey_store::credentials::Guard;
use latchkey_store::flows::Codes;
use latchkey_store::login::{self, Enqueue, SealedMessage};
use latchkey_store::{Db, Outbox};
use latchkey_web::payload::Payload;
use latchkey_web::{Fault, Reply, device, edge};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What sending and checking codes needs.
pub(crate) struct Post {
    outbox: Outbox,
    courier: PublicKey,
    vault: DeploymentSecrets,
}

impl Post {
    /// Nothing where codes are off.
    pub(crate) fn open(
        platform: &Platform,
        db: &Db,
        config: &Config,
        secrets: Secrets,
    ) -> Result<Option<Self>, StartError> {
        if !config.selfservice.methods.code.first_factor {
            return Ok(None);
        }
        let env = &platform.env;
        let courier = env.require("LATCHKEY_COURIER_KEY", "the public key that messages are sealed to")?;
        let courier = PublicKey::parse(courier).map_err(|e| StartError(format!("LATCHKEY_COURIER_KEY: {e}")))?;
        Ok(Some(Self {
            outbox: Outbox::open(db, env)?,
            courier,
            vault: DeploymentSecrets::open(platform, secrets, config.dev)?,
        }))
    }

    async fn secrets(&self) -> Result<Arc<Secrets>, Fault> {
        self.vault.get().await.map_err(|e| Fault::internal(e.to_string()))
    }

    /// What a code is; one that does not fit may have been made with secrets that this copy of the function has not read yet.
    async fn judge<'a>(&self, verdict: impl Fn(&[&[u8]]) -> Verdict<'a>) -> Result<Verdict<'a>, Fault> {
        let secrets = self.secrets().await?;
        match verdict(&keys(&secrets)) {
            Verdict::Wrong => {
                let newer = self.vault.newer_than(&secrets).await.map_err(|e| Fault::internal(e.to_string()))?;
                Ok(newer.map_or(Verdict::Wrong, |newer| verdict(&keys(&newer))))
            }
            other => Ok(other),
        }
    }
}

/// Keys of the codes' digests: the first writes, all read.
fn keys(secrets: &Secrets) -> Vec<&[u8]> {
    secrets.cookie.iter().map(|secret| secret.expose_secret().as_bytes()).collect()
}

/// The method's fields of a payload.
pub(crate) fn fields(payload: &Payload) -> code::Payload<'_> {
    code::Payload {
        identifier: payload.text("identifier"),
        address: payload.text("address"),
        code: payload.text("code"),
        resend: payload.text("resend"),
        transient_fault: payload.transient_fault(),
    }
}

impl Own<'_> {
    pub(crate) async fn code(mut self, payload: &Payload, owners: &Owners) -> Result<Reply, Fault> {
        let fields = fields(payload);
        let step = code::parse(&self.flow, &fields);
        if let Err(fault) = &step
            && fault.malformed
        {
            return self.faulty_code(fault.clone()).await;
        }
        match self.admitted(payload).await? {
            Ok(submission) => Box::pin(submission.take_step(step, payload, owners)).await,
            Err(reply) => Ok(reply),
        }
    }

    async fn faulty_code(&mut self, fault: Faulty) -> Result<Reply, Fault> {
        self.flow.state = fault.state;
        self.flow.form.keep_identifier(&fault.identifier);
        if let Screen::Code { bare } = &mut self.flow.form.screen {
            *bare = fault.bare;
        }
        self.say(Vec::new(), fault.fields);
        self.form_error("incomplete").await
    }
}

impl Submission<'_> {
    async fn take_step(
        mut self,
        step: Result<Step<'_>, Faulty>,
        payload: &Payload,
        owners: &Owners,
    ) -> Result<Reply, Fault> {
        let owner = |typed| owners.by_code(typed, self.app.forms.code.missing_credential_fallback);
        match step {
            Err(fault) => self.faulty_code(fault).await,
            Ok(Step::Send { identifier }) => {
                let owner = owner(identifier);
                // Nobody's account is read as well, so that the store does the same for everybody.
                let whose = owner.map_or_else(|| self.app.edge.rng.id(), |guard| guard.identity);
                let request = self.request(owner.map(|guard| guard.identity), identifier);
                if request.unserved {
                    return self.unserved(identifier).await;
                }
                let bound = self.bound_to_read(&request);
                let ((profile, standing), wait) = tokio::try_join!(
                    login::receiver(&self.app.accounts, whose, bound, self.call.now),
                    self.count_request(&request)
                )?;
                if let Some(wait) = wait {
                    self.flow.form.keep_identifier(identifier);
                    return self.no_more_codes(wait).await;
                }
                let person = profile.map(|profile| profile.identity);
                self.send_code(identifier, person, self.code_length(&standing), payload.transient()).await
            }
            Ok(Step::Verify { identifier, code }) => {
                let owner = owner(identifier);
                self.verify_code(identifier, &code, owner).await
            }
        }
    }

    /// Codes do not go to such a number, whoever has it.
    pub(crate) async fn unserved(&mut self, typed: &str) -> Result<Reply, Fault> {
        self.flow.form.keep_identifier(typed);
        self.flow.state = FlowState::ChooseMethod;
        self.refuse(Message::no_code_sign_in(), "no codes to this country").await
    }

    /// Sends a code to a person, or says that there is nobody. With mitigation nobody is answered like somebody.
    pub(crate) async fn send_code(
        &mut self,
        typed: &str,
        person: Option<Identity>,
        length: Length,
        transient: Value,
    ) -> Result<Reply, Fault> {
        let now = self.call.now;
        let forms = &self.app.forms;
        let Some(post) = &self.app.post else { return Err(Fault::internal("codes are off")) };
        // Whoever confirms themselves gets no code for somebody else.
        let confirmed = self.signed_in.as_ref().filter(|_| self.flow.refresh).map(|s| s.session.identity);
        let person = person.filter(|person| confirmed.is_none_or(|id| id == person.id));
        let fallback = forms.code.missing_credential_fallback;
        let receivers = person.as_ref().map(|person| code::receivers(person, typed, fallback)).unwrap_or_default();
        if receivers.is_empty() && (confirmed.is_some() || !forms.mitigate) {
            self.flow.form.keep_identifier(typed);
            self.flow.state = FlowState::ChooseMethod;
            return self.refuse(Message::no_code_sign_in(), "nobody to send a code to").await;
        }
        let secrets = post.secrets().await?;
        let key = *keys(&secrets).first().ok_or_else(|| Fault::internal("there is no secret for codes"))?;
        let (mut codes, mut sealed_messages) = (Vec::new(), Vec::new());
        for (person, address) in receivers.iter().filter_map(|address| Some((person.as_ref()?, address))) {
            let (sent, sealed) = self.make_code(post, (Some(person), length), address, None, transient.clone(), key)?;
            codes.push(sent);
            sealed_messages.push(sealed);
        }
        let enqueue = if receivers.is_empty() {
            // The same work for nobody. The code is right for no one, and what was typed is not kept, unless its reader is told.
            let nowhere = CodeAddress { via: Via::of(typed), value: String::new() };
            let stranger = self.stranger(typed);
            let (sent, sealed) =
                self.make_code(post, (None, length), &nowhere, stranger.as_deref(), transient.clone(), key)?;
            codes.push(sent);
            if stranger.is_some() { Enqueue::Messages(vec![sealed]) } else { Enqueue::Decoy(Box::new(sealed)) }
        } else {
            Enqueue::Messages(sealed_messages)
        };
        let bare = matches!(self.flow.form.screen, Screen::Code { bare: true });
        let said = if self.flow.refresh { Message::code_sent_to_you() } else { Message::code_sent() };
        self.flow.form.keep_identifier(&code::shown(typed));
        self.flow.step(MethodId::Code, Screen::Code { bare }, vec![said], now);
        self.flow.state = FlowState::SentEmail;
        // Where the tries are counted anew, nothing that was guessed at before stays good.
        let before = if self.tries_are_spent { &[] } else { self.codes.as_slice() };
        let codes = after_another_send(before, codes, now);
        let codes = Codes { codes: &codes, sends: self.sends, fresh_attempts: self.tries_are_spent };
        let moved = login::send(&self.app.flows, &post.outbox, &self.flow, &codes, &enqueue, self.app.edge.rng.id());
        // Of those who ask at the same time one sends, and all are told that a code is on its way.
        let outcome = if moved.await? { "code sent" } else { "code sent by another request" };
        Ok(self.show_step(transient, outcome))
    }

    /// The e-mail address of somebody who has no account and is to be told.
    fn stranger(&self, typed: &str) -> Option<String> {
        let told = self.app.edge.config.selfservice.flows.login_options.notify_unknown_recipients
            && Via::of(typed) == Via::Email;
        let address = told.then(|| normalize_identifier(typed))?;
        recipient::email(&address).is_ok().then_some(address)
    }

    /// A code and the payload that brings it to an address; a `stranger` gets one without it.
    fn make_code(
        &self,
        post: &Post,
        (person, length): (Option<&Identity>, Length),
        address: &CodeAddress,
        stranger: Option<&str>,
        transient: Value,
        key: &[u8],
    ) -> Result<(SentCode, SealedMessage), Fault> {
        let now = self.call.now;
        let code = from_random(self.app.edge.rng.bytes(), length);
        let lifespan = edge::signed(self.app.forms.code.lifespan);
        let of = (self.flow.id, person.map_or_else(|| self.app.edge.rng.id(), |person| person.id));
        let sent = SentCode::new(&code, of, address.clone(), now.saturating_add(lifespan), key);
        let (recipient, content) = match stranger {
            Some(stranger) => (stranger, Content::LoginUnknownAddress),
            None => (address.value.as_str(), Code::new(code).map_or(Content::LoginUnknownAddress, Content::LoginCode)),
        };
        let message = QueuedMessage {
            id: self.app.edge.rng.id(),
            via: address.via,
            recipient: recipient.to_owned(),
            template: content.template(),
            created_at: now,
            // A code is of no use in a flow that has ended.
            expires_at: Some(sent.expires_at.min(self.flow.expires_at)),
            request: Some(CodeRequest { flow: self.flow.id, number: self.sends + 1 }),
        };
        let payload = MessagePayload {
            content,
            identity: person.map(|person| person.public(self.app.edge.base_url())).unwrap_or_default(),
            request_url: self.flow.request_url.clone(),
            transient_payload: transient,
            languages: code::languages(
                person.map_or(&Value::Null, |person| &person.traits),
                self.call.header("accept-language"),
            ),
            request_headers: self.headers_to_hand_on(),
            requester: device::requester(self.call),
        };
        let plain = serde_json::to_vec(&payload).map_err(|e| Fault::internal(format!("a payload: {e}")))?;
        let payload = post.courier.seal(&plain, &message.authenticated());
        let payload = payload.map_err(|e| Fault::internal(format!("a payload: {e}")))?;
        Ok((sent, SealedMessage { message, payload }))
    }

    /// Headers that the configuration lets through, each under its usual spelling.
    fn headers_to_hand_on(&self) -> BTreeMap<String, Vec<String>> {
        let values = |name: &HeaderName| self.call.headers(name).cloned().collect();
        allowed_headers(&self.app.edge.config.header_allowlist, LONGEST_HEADER, values)
    }

    async fn verify_code(mut self, typed: &str, code: &str, owner: Option<&Guard>) -> Result<Reply, Fault> {
        let now = self.call.now;
        let Some(post) = &self.app.post else { return Err(Fault::internal("codes are off")) };
        // A code that is refused leaves the identifier in an input of its own; one that is right leaves the form as it was.
        let passed = self.flow.passed(MethodId::Code);
        self.flow.form.keep_identifier(typed);
        self.flow.form.screen = Screen::Code { bare: true };
        if owner.is_none() && !self.app.forms.mitigate {
            let question = self.question();
            let wait = match self.spent(&question) {
                None => self.count(&question).await?.0,
                spent => spent,
            };
            return match wait {
                Some(wait) => self.slow_down(wait).await,
                None => self.refuse(Message::no_code_sign_in(), "unknown identifier").await,
            };
        }
        let whose = owner.map_or_else(|| self.app.edge.rng.id(), |guard| guard.identity);
        let limits = self.attempt(owner.map(|guard| guard.identity), typed);
        if let Some(wait) = self.spent(&limits) {
            return self.slow_down(wait).await;
        }
        // The attempt counts before anybody knows whether it is right. The flow as it then is holds the codes that count.
        let (stored, Collection { profile, sessions, devices }, (wait, standing)) = tokio::try_join!(
            self.app.flows.count_attempt(self.flow.id),
            self.app.accounts.collection_of(whose),
            self.count(&limits)
        )?;
        let Some(stored) = stored else { return Ok(self.used_up()) };
        self.sends = stored.sends;
        if let Some(wait) = wait {
            return self.slow_down(wait).await;
        }
        if stored.attempts > u64::from(self.app.forms.code.max_submissions) {
            return self.refuse(Message::too_many_codes(), "too many codes").await;
        }
        // Beyond the bound a right code is answered like a wrong one, unless it is one that nobody guesses.
        let sent = stored.codes.iter().filter(|sent| limits.admits_code(&standing, sent.long));
        let sent: Vec<SentCode> = sent.cloned().collect();
        let judged = post.judge(|keys| check(code, self.flow.id, whose, &sent, keys, now)).await?;
        let right = match judged {
            Verdict::Right(right) => right,
            Verdict::Spent => {
                return self.refuse(Message::code_was_used(), "code used").await;
            }
            Verdict::Wrong => {
                return self.refuse(Message::invalid_code(), "invalid code").await;
            }
        };
        let Some(profile) = profile else {
            return self.refuse(Message::invalid_code(), "person gone").await;
        };
        // The address may have been taken from them since the code was sent.
        if !profile.identity.receives_codes_at(&right.address.value, self.app.forms.code.missing_credential_fallback) {
            return self.refuse(Message::invalid_code(), "address gone").await;
        }
        if profile.identity.state == State::Inactive {
            self.flow = passed;
            return self.spend_code(&stored.codes, right).await;
        }
        let address = right.address.value.clone();
        let method = AuthenticationMethod { method: MethodId::Code, aal: Aal::Aal1, completed_at: now };
        let basis = Basis::Address(address);
        let proof =
            Proof { method, basis, profile, sessions, devices, counted: limits, passed, password_leaked: false };
        Box::pin(self.finish(proof, None)).await
    }

    /// Somebody who may not sign in learns it once they have proven who they are; the code has then served.
    async fn spend_code(&mut self, codes: &[SentCode], right: &SentCode) -> Result<Reply, Fault> {
        let spend = |code: &SentCode| if code == right { code.clone().spent() } else { code.clone() };
        let codes: Vec<SentCode> = codes.iter().map(spend).collect();
        let now = self.call.now;
        self.flow.tell(Message::identity_disabled(), now);
        let saved = self.app.flows.spend(&self.flow, &codes, self.sends).await?;
        Ok(self.after(saved, None, "identity disabled"))
    }
}
