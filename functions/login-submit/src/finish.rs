//! A proof that holds: one transaction makes the session, then each kind of client gets its answer.

use crate::Submission;
use crate::brakes::Limits;
use latchkey_core::aal::AuthenticationMethod;
use latchkey_core::error::ApiError;
use latchkey_core::flow::{FlowType, LoginFlow};
use latchkey_core::identity::{CredentialType, State};
use latchkey_core::init::return_to_error;
use latchkey_core::known_device::{DeviceCookie, DeviceRecord};
use latchkey_core::message::Message;
use latchkey_core::method::MethodId;
use latchkey_core::session::{Session, beyond_the_caps};
use latchkey_core::token::Presented;
use latchkey_core::url::join;
use latchkey_methods::password::Attempt;
use latchkey_platform::log;
use latchkey_platform::meter::{self, beside};
use latchkey_store::accounts::{Collection, Profile};
use latchkey_store::devices::DeviceChange;
use latchkey_store::login::{self, Grounds, NextSession, Overtaken};
use latchkey_web::{Fault, Reply, browser, device};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// What a proof rests on.
#[derive(Clone, Debug)]
pub(crate) enum Basis {
    /// A credential in this version.
    Credential(CredentialType, u64),
    /// A code to this address, which is thereby the person's.
    Address(String),
}

/// How often a proof by code is looked at again because the person changed under it.
const TRIES: u32 = 5;

/// What was proven, and what was read beside the proof.
pub(crate) struct Proof {
    pub(crate) method: AuthenticationMethod,
    pub(crate) basis: Basis,
    pub(crate) profile: Profile,
    pub(crate) sessions: Vec<Session>,
    /// The devices on which they have signed in.
    pub(crate) devices: Vec<DeviceRecord>,
    /// Whether it is a password that is known to have leaked.
    pub(crate) password_leaked: bool,
    /// What the proof was counted against, as every attempt is.
    pub(crate) counted: Limits,
    /// The flow once the proof has held. The submission's own is what it is if that fails.
    pub(crate) passed: LoginFlow,
}

/// A right password whose stored hash is to be replaced by a better one. That is made once the login is done, so that how long it
/// takes tells nothing of an attempt that was refused.
pub(crate) struct Rehash {
    pub(crate) attempt: Attempt,
    pub(crate) salt: [u8; 64],
    pub(crate) identifiers: Vec<String>,
}

impl Submission<'_> {
    pub(crate) async fn finish(mut self, mut proof: Proof, rehash: Option<Rehash>) -> Result<Reply, Fault> {
        // Checked again, because the list may have changed since the flow was begun; nothing is written when it is refused.
        let target = match self.target(proof.passed.active) {
            Ok(target) => target,
            Err(error) => return self.fail(error.into()).await,
        };
        let identity = proof.profile.identity.id;
        let own = self.signed_in.as_ref().filter(|s| s.session.identity == identity);
        let same_person = own.is_some();
        // A client that holds the secret before another refresh does not change the secret again: the client that made that
        // refresh would be signed out.
        let mut strengthen = own.is_some_and(|s| s.current().is_some());
        let mut completed = proof.passed.clone();
        completed.say(Vec::new(), Vec::new(), self.call.now);
        let mut tries = 0;
        let (presented, session, cookie) = loop {
            let verified = match &proof.basis {
                Basis::Credential(..) => None,
                Basis::Address(address) => proof.profile.identity.with_verified(address, self.call.now),
            };
            let grounds = match (&proof.basis, &verified) {
                (Basis::Credential(kind, version), _) => Grounds::Credential(*kind, *version),
                (Basis::Address(_), None) => Grounds::Person(&proof.profile),
                (Basis::Address(_), Some(identity)) => Grounds::Changed(&proof.profile, identity),
            };
            let (presented, next) = self.next_session(&proof, strengthen);
            let surplus = {
                let keep = strengthen.then(|| next.session().id);
                beyond_the_caps(&proof.sessions, &proof.profile.roll, keep, self.call.now)
            };
            let enough = self.app.required.is_met(next.session().aal(), proof.profile.identity.available_aal);
            let (cookie, devices) = self.remembered(enough, identity, &proof.devices).unzip();
            let devices: DeviceChange = devices.unwrap_or_default();
            let app = self.app;
            let done = login::complete(
                &app.flows,
                &app.accounts,
                &app.credentials,
                &completed,
                &next,
                &surplus,
                &devices,
                &grounds,
                self.app.edge.rng.id(),
            );
            // Nobody waits longer for the attempt to be taken back.
            let counted = std::mem::take(&mut proof.counted);
            let (done, ()) = tokio::join!(done, beside(self.forgive(&counted)));
            match done? {
                Ok(()) => {
                    proof.profile.identity = verified.unwrap_or(proof.profile.identity);
                    break (presented, next.session().clone(), cookie);
                }
                Err(Overtaken::FlowDone) => return Ok(self.used_up()),
                Err(Overtaken::AccountChanged) => {
                    // The code proves an address, whatever else changed; only the person must still be there, let in, and be the
                    // one whose address it is.
                    let Basis::Address(address) = proof.basis.clone() else {
                        return self.account_changed(proof).await;
                    };
                    tries += 1;
                    let Collection { profile, sessions, devices } = app.accounts.collection_of(identity).await?;
                    let fallback = app.forms.code.missing_credential_fallback;
                    let is_theirs = |profile: &Profile| {
                        profile.identity.state == State::Active
                            && profile.identity.receives_codes_at(&address, fallback)
                    };
                    match profile.filter(is_theirs).filter(|_| tries <= TRIES) {
                        Some(profile) => (proof.profile, proof.sessions, proof.devices) = (profile, sessions, devices),
                        None => return self.account_changed(proof).await,
                    }
                }
                Err(Overtaken::SessionChanged) if strengthen => strengthen = false,
                Err(Overtaken::SessionChanged) => return Err(Fault::internal("a new session was there already")),
            }
        };
        if let (Some(rehash), Basis::Credential(_, version)) = (rehash, &proof.basis) {
            self.store_better_hash(identity, *version, rehash).await;
        }
        if proof.password_leaked {
            log::note("the password is known to have leaked");
        }
        let reply = self.welcome(&presented, &session, &proof.profile, &target, same_person);
        Ok(match cookie {
            Some(cookie) => reply.cookie_first(browser::set_device_cookie(self.call, &cookie)),
            None => reply,
        })
    }

    /// A browser is remembered once its owner has proven all that is asked of them.
    fn remembered(
        &self,
        enough: bool,
        identity: Uuid,
        records: &[DeviceRecord],
    ) -> Option<(DeviceCookie, DeviceChange)> {
        let is_wanted = enough && self.flow.kind == FlowType::Browser && self.app.brakes.is_some();
        is_wanted.then(|| self.remember(identity, records))
    }

    /// Where a browser goes afterwards, best first: what the flow asks for, the method's URL, the flow's, the general one.
    fn target(&self, method: Option<MethodId>) -> Result<String, ApiError> {
        let selfservice = &self.app.edge.config.selfservice;
        if let Some(asked) = self.flow.return_to.as_deref().filter(|_| self.flow.kind == FlowType::Browser) {
            let checked = self.app.edge.return_to().check(asked);
            return checked.map(|url| url.as_str().to_owned()).map_err(|error| return_to_error(&error));
        }
        let method = method.map_or("", MethodId::as_str);
        let url = selfservice.flows.login.return_url_after(method);
        Ok(url.unwrap_or(&selfservice.default_browser_return_url).clone())
    }

    fn next_session(&self, proof: &Proof, strengthen: bool) -> (Presented, NextSession) {
        let (now, lifespan) = (self.call.now, self.app.edge.session_lifespan());
        let own = self.signed_in.as_ref().filter(|s| s.session.identity == proof.profile.identity.id);
        if let Some(old) = own.filter(|_| strengthen) {
            let next = Presented::new(old.session.identity, old.session.id, self.app.edge.rng.bytes());
            let mut session = old.session.strengthened(&next, proof.method.clone(), lifespan, now);
            session.facts.password_leaked |= proof.password_leaked;
            return (next, NextSession::Strengthened(session, *old.session.secrets.current()));
        }
        let next = Presented::new(proof.profile.identity.id, self.app.edge.rng.id(), self.app.edge.rng.bytes());
        let device = device::of(self.call, self.app.edge.rng.id());
        let mut session = match own {
            Some(old) => old.session.beside(&next, proof.method.clone(), device, lifespan, now),
            None => Session::new(&next, proof.method.clone(), device, lifespan, now),
        };
        session.facts.password_leaked |= proof.password_leaked;
        (next, NextSession::New(session))
    }

    /// Somebody changed the password, disabled or deleted the person while the proof was being checked.
    async fn account_changed(&mut self, proof: Proof) -> Result<Reply, Fault> {
        let whose = proof.profile.identity.id;
        let (profile, _) = login::receiver(&self.app.accounts, whose, None, self.call.now).await?;
        if profile.is_some_and(|p| p.identity.state == State::Inactive) {
            // What was proven did not lead to a session.
            self.flow = proof.passed;
            let now = self.call.now;
            self.flow.tell(Message::identity_disabled(), now);
            return self.form_error("account changed").await;
        }
        let message = match proof.method.method {
            MethodId::Code => Message::invalid_code(),
            _ => Message::invalid_credentials(),
        };
        self.refuse(message, "account changed").await
    }

    /// The login is done whether or not this works; the next one tries again.
    async fn store_better_hash(&self, identity: Uuid, version: u64, rehash: Rehash) {
        let Rehash { attempt, salt, identifiers } = rehash;
        let passwords = Arc::clone(&self.app.passwords);
        let made = tokio::task::spawn_blocking(move || passwords.better_hash(&attempt, &salt)).await;
        meter::hashed(1);
        let Ok(Some(hash)) = made else { return };
        let stored = self.app.credentials.rehash(identity, &identifiers, version, &hash, self.app.edge.rng.id()).await;
        if let Err(error) = stored {
            log::note(format!("a better hash was not stored: {error}"));
        }
    }

    fn welcome(
        &self,
        presented: &Presented,
        session: &Session,
        profile: &Profile,
        target: &str,
        same_person: bool,
    ) -> Reply {
        let base_url = self.app.edge.base_url();
        let enough = self.app.required.is_met(session.aal(), profile.identity.available_aal);
        // A first factor that may have been phished shows nothing of the person until the second is there.
        let identity = if enough { profile.identity.public(base_url) } else { Value::Null };
        let shown = || session.render_with_devices(true, identity.clone());
        if self.flow.kind == FlowType::Api {
            let body = json!({"session_token": presented.to_token(), "session": shown(), "continue_with": null});
            return Reply::json(200, &body, "signed in");
        }
        let reply = if !enough {
            let to = self.second_factor(base_url);
            if self.call.is_json_request() {
                let error = ApiError::browser_location_change_required(&to);
                Reply::error(&error.into(), self.call.request_id())
            } else {
                Reply::redirect(303, &to, self.call.is_get(), "second factor")
            }
        } else if self.call.is_json_request() {
            let go_on = json!([{"action": "redirect_browser_to", "redirect_browser_to": target}]);
            Reply::json(200, &json!({"session": shown(), "continue_with": go_on}), "signed in")
        } else {
            Reply::redirect(303, target, self.call.is_get(), "signed in")
        };
        reply.cookie(browser::session_cookie(self.call, presented, session)).with_new_csrf(!same_person)
    }

    fn second_factor(&self, base_url: &str) -> String {
        let mut to = join(base_url, "/self-service/login/browser?aal=aal2");
        if let Some(return_to) = &self.flow.return_to {
            to = latchkey_core::url::with_query(&to, "return_to", return_to);
        }
        to
    }
}
