//! A proof that holds: one transaction makes the session, then the client gets its answer.

use super::admission::Admitted;
use crate::hooks;
use crate::policy::FlowPolicy;
use crate::respond::{Answer, Destination, SignedIn};
use latchkey_core::error::{ApiError, Fault};
use latchkey_core::flow::{Flow, FlowType};
use latchkey_core::hook::Stage;
use latchkey_core::identity::{Identity, State};
use latchkey_core::known_device::{DeviceCookie, DeviceRecord};
use latchkey_core::message::Message;
use latchkey_core::method::MethodId;
use latchkey_core::return_to::return_to_error;
use latchkey_core::session::Session;
use latchkey_core::session::eviction::evict;
use latchkey_core::token::Presented;
use latchkey_core::url::{join, with_query};
use latchkey_methods::submit::{Basis, Rehash, Success};
use latchkey_platform::{log, meter};
use latchkey_store::accounts::{Collection, Profile};
use latchkey_store::commit::{NextSession, Precondition};
use latchkey_store::{Commit, Conflict, submission};
use latchkey_web::{Reply, browser, device};
use serde_json::Value;
use std::sync::PoisonError;
use uuid::Uuid;

/// How often a proof is committed again because something changed that it does not rest on.
const TRIES: u32 = 5;

/// What a login writes.
struct Login {
    presented: Presented,
    next: NextSession,
    /// The cookie of a device that remembers the identity.
    cookie: Option<DeviceCookie>,
}

impl<S: FlowPolicy> Admitted<'_, S> {
    /// Completes the flow by a proof.
    pub(super) async fn complete(mut self, mut success: Success<S>) -> Result<Reply, Fault> {
        // Checked again, because the list may have changed since the flow was begun; nothing is written when it is refused.
        let destination = match self.destination(success.passed.active) {
            Ok(destination) => destination,
            Err(error) => return self.context.fail(&self.flow, error.into()).await,
        };
        hooks::run(&self.context.app.hooks, Stage::PrePersist, &success.passed).await?;
        let account = std::mem::take(self.account.get_mut().unwrap_or_else(PoisonError::into_inner));
        let mut flow = success.passed.clone();
        flow.refuse(Vec::new(), Vec::new(), self.context.call.now);
        let rehash = success.rehash.take();
        let (login, profile) = match self.commit(&mut flow, account, &mut success).await? {
            Ok(done) => done,
            Err(Lost::FlowDone) => return self.context.used_up(success.refused.flow),
            Err(Lost::IdentityChanged) => return self.identity_changed(success).await,
        };
        hooks::run(&self.context.app.hooks, Stage::PostPersist, &flow).await?;
        if let (Some(rehash), Basis::Credential(_, version)) = (rehash, &success.basis) {
            self.store_better_hash(success.identity, *version, rehash).await;
        }
        if success.password_leaked {
            log::note("the password is known to have leaked");
        }
        self.welcome(&login, &profile, &destination)
    }

    /// Commits until it is known whether the proof holds. What it does not rest on may change under it: another submission may write the
    /// flow, another login the session, an administrator the identity whose address a code has proven.
    async fn commit(
        &self,
        flow: &mut Flow<S>,
        account: Collection,
        success: &mut Success<S>,
    ) -> Result<Result<(Login, Profile), Lost>, Fault> {
        let Collection { profile: Some(mut profile), mut sessions, mut devices } = account else {
            return Err(Fault::internal("a proof without an account"));
        };
        let own = self.context.signed_in.as_ref().filter(|s| s.session.identity == success.identity);
        // A client that holds the secret before another refresh does not change the secret again: the client that made that refresh
        // would be signed out.
        let mut steps_up = own.is_some_and(|s| s.current().is_some());
        for _ in 0..=TRIES {
            let verified = match &success.basis {
                Basis::Credential(..) => None,
                Basis::Code { sent, .. } => profile.identity.with_verified(&sent.address.value, self.context.call.now),
            };
            let account = (&profile, sessions.as_slice(), devices.as_slice());
            let (login, done) = self.commit_once(flow, account, verified.as_ref(), success, steps_up).await?;
            match done {
                Ok(()) => {
                    profile.identity = verified.unwrap_or(profile.identity);
                    return Ok(Ok((login, profile)));
                }
                Err(Conflict::FlowDone) => return Ok(Err(Lost::FlowDone)),
                Err(Conflict::FlowChanged) => match self.still_open(flow, success).await? {
                    Some(revision) => flow.revision = revision,
                    None => return Ok(Err(Lost::FlowDone)),
                },
                Err(Conflict::SessionChanged) if steps_up => steps_up = false,
                Err(Conflict::IdentityChanged) => match self.still_proven(success).await? {
                    Some(Collection { profile: Some(now), sessions: all, devices: known }) => {
                        (profile, sessions, devices) = (now, all, known);
                    }
                    _ => return Ok(Err(Lost::IdentityChanged)),
                },
                Err(conflict) => return Err(Fault::internal(format!("a login lost to {conflict:?}"))),
            }
        }
        Ok(Err(Lost::IdentityChanged))
    }

    async fn commit_once(
        &self,
        flow: &Flow<S>,
        (profile, sessions, devices): (&Profile, &[Session], &[DeviceRecord]),
        verified: Option<&Identity>,
        success: &mut Success<S>,
        steps_up: bool,
    ) -> Result<(Login, Result<(), Conflict>), Fault> {
        let (app, call) = (self.context.app, self.context.call);
        let (presented, next) = self.next_session(success, steps_up);
        let keep = steps_up.then(|| next.session().id);
        let eviction = evict(sessions, &profile.index, keep, call.now);
        let is_enough = app.required.is_met(next.session().aal(), profile.identity.available_aal());
        // A browser is remembered once its user has proven all that the deployment asks for.
        let remembers = is_enough && self.flow.flow_type == FlowType::Browser && app.limiter.is_some();
        let remembered =
            remembers.then(|| self.context.counted.remember(success.identity, devices, &app.edge.rng, call.now));
        let (cookie, device_change) = remembered.unzip();
        let mut commit = Commit::new();
        commit.complete_flow(&app.flows, flow)?;
        let precondition = match (&success.basis, verified) {
            (Basis::Credential(..), _) => Precondition::Active,
            (Basis::Code { .. }, None) => Precondition::Unchanged(profile),
            (Basis::Code { .. }, Some(identity)) => Precondition::Becomes(profile, identity),
        };
        if let Basis::Credential(kind, version) = success.basis {
            commit.require_credential(&app.credentials, success.identity, kind, version)?;
        }
        commit.sign_in(&app.accounts, precondition, &next, &eviction)?;
        commit.change_devices(&app.accounts, success.identity, &device_change.unwrap_or_default())?;
        // The client does not wait longer for the refund.
        let refund = std::mem::take(&mut success.refund);
        let (done, ()) =
            tokio::join!(commit.run(app.flows.db(), app.edge.rng.id()), meter::beside(self.context.refund(&refund)));
        Ok((Login { presented, next, cookie }, done?))
    }

    /// The revision of the flow as it is now, if the proof still holds in it: it is not completed, and a code that is the proof has
    /// neither been spent nor replaced.
    async fn still_open(&self, flow: &Flow<S>, success: &Success<S>) -> Result<Option<u64>, Fault> {
        let Some(now) = self.context.app.flows.get::<S>(flow.id).await? else { return Ok(None) };
        let holds = match &success.basis {
            Basis::Credential(..) => true,
            Basis::Code { sent, .. } => now.codes.sent.contains(sent),
        };
        Ok((!now.done && holds).then_some(now.revision))
    }

    /// The account as it is now, if the proof still holds for it. A code proves an address, whatever else has changed: the identity must
    /// still be there, active, and receive codes at the address.
    async fn still_proven(&self, success: &Success<S>) -> Result<Option<Collection>, Fault> {
        let Basis::Code { sent, fallback } = &success.basis else { return Ok(None) };
        let account = self.context.app.accounts.collection_of(success.identity).await?;
        let holds = account.profile.as_ref().is_some_and(|profile| {
            profile.identity.state == State::Active
                && profile.identity.receives_codes_at(&sent.address.value, *fallback)
        });
        Ok(holds.then_some(account))
    }

    /// Where a browser goes afterwards, best first: where the flow asks for, the method's URL, the flow's, the general one.
    fn destination(&self, method: Option<MethodId>) -> Result<String, ApiError> {
        let edge = &self.context.app.edge;
        if let Some(asked) = self.flow.return_to.as_deref().filter(|_| self.flow.flow_type == FlowType::Browser) {
            let checked = edge.return_to().check(asked);
            return checked.map(|url| url.as_str().to_owned()).map_err(|error| return_to_error(&error));
        }
        let url = S::config(&edge.config).return_url_after(method.map_or("", MethodId::as_str));
        Ok(url.unwrap_or(&edge.config.selfservice.default_browser_return_url).clone())
    }

    fn next_session(&self, success: &Success<S>, steps_up: bool) -> (Presented, NextSession) {
        let (edge, call) = (&self.context.app.edge, self.context.call);
        let (now, lifespan, rng) = (call.now, edge.session_lifespan(), &edge.rng);
        let own = self.context.signed_in.as_ref().filter(|s| s.session.identity == success.identity);
        if let Some(old) = own.filter(|_| steps_up) {
            let next = Presented::new(old.session.identity, old.session.id, rng.bytes());
            let mut session = old.session.stepped_up(&next, success.method.clone(), lifespan, now);
            session.facts.password_leaked |= success.password_leaked;
            return (next, NextSession::SteppedUp(session, *old.session.secrets.current()));
        }
        let next = Presented::new(success.identity, rng.id(), rng.bytes());
        let device = device::of(call, rng.id());
        let mut session = match own {
            Some(old) => old.session.beside(&next, success.method.clone(), device, lifespan, now),
            None => Session::new(&next, success.method.clone(), device, lifespan, now),
        };
        session.facts.password_leaked |= success.password_leaked;
        (next, NextSession::New(session))
    }

    /// An administrator changed the credential, disabled or deleted the identity while the proof was checked.
    async fn identity_changed(&self, success: Success<S>) -> Result<Reply, Fault> {
        let now = self.context.call.now;
        let (profile, _) = submission::receiver(&self.context.app.accounts, success.identity, None, now).await?;
        let log = "identity changed";
        if profile.is_some_and(|profile| profile.identity.state == State::Inactive) {
            // The proof did not lead to a session.
            let mut flow = success.passed;
            flow.notify(Message::identity_disabled(), now);
            return self.context.save_and_show(flow, log).await;
        }
        self.context.refuse(success.refused.flow, success.on_conflict, log).await
    }

    /// The login is done whether or not this works; the next one tries again.
    async fn store_better_hash(&self, identity: Uuid, version: u64, rehash: Rehash) {
        let Rehash { make, identifiers } = rehash;
        let made = tokio::task::spawn_blocking(make).await;
        meter::hashed(1);
        let Ok(Some(hash)) = made else { return };
        let request = self.context.app.edge.rng.id();
        let stored = self.context.app.credentials.rehash(identity, &identifiers, version, &hash, request).await;
        if let Err(error) = stored {
            log::note(format!("a better hash was not stored: {error}"));
        }
    }

    fn welcome(&self, login: &Login, profile: &Profile, destination: &str) -> Result<Reply, Fault> {
        let (app, call) = (self.context.app, self.context.call);
        let base_url = app.edge.base_url();
        let session = login.next.session();
        let is_enough = app.required.is_met(session.aal(), profile.identity.available_aal());
        // A first factor that may have been phished shows nothing of the identity until the second is there.
        let identity = if is_enough { profile.identity.public(base_url) } else { Value::Null };
        let second_factor = self.second_factor(base_url);
        let own = self.context.signed_in.as_ref().is_some_and(|s| s.session.identity == session.identity);
        let device = login.cookie.as_ref().map(|cookie| browser::set_device_cookie(call, cookie));
        let signed_in = SignedIn {
            token: login.presented.to_token(),
            session: session.render_with_devices(true, identity),
            destination: if is_enough {
                Destination::Done(destination)
            } else {
                Destination::SecondFactor(&second_factor)
            },
            cookies: (device, browser::session_cookie(call, &login.presented, session)),
            new_csrf: !own,
        };
        self.context.respond(&self.flow, Answer::SignedIn(signed_in))
    }

    fn second_factor(&self, base_url: &str) -> String {
        let to = join(base_url, "/self-service/login/browser?aal=aal2");
        match &self.flow.return_to {
            Some(return_to) => with_query(&to, "return_to", return_to),
            None => to,
        }
    }
}

/// Why a proof does not lead to a session.
enum Lost {
    FlowDone,
    IdentityChanged,
}
