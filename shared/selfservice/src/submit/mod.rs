//! How a submission is taken: from the body to the session (contract `login-flow.md` 5).
//!
//! A password waits for the store twice: one read of everything the decision needs, one transaction of everything it changes. What
//! the hash leaves time for runs beside it. A code waits three times: what the first read finds decides what else must be known.

mod admission;
mod complete;
mod conclude;
pub mod context;
mod engine;
pub mod limits;
mod unrelated;

pub use context::{Parts, Submitter};

use crate::hooks;
use crate::policy::{FlowPolicy, Standing};
use crate::respond::Client;
use admission::{Owner, Reader, Relation};
use context::Context;
use latchkey_core::error::{ApiError, Fault};
use latchkey_core::hook::Stage;
use latchkey_core::message::Message;
use latchkey_core::payload::Payload;
use latchkey_core::session::Session;
use latchkey_methods::submit::{Claim, SubmitMethod, Turn};
use latchkey_store::accounts::Profile;
use latchkey_store::submission::{self, Wanted};
use latchkey_web::browser::forward;
use latchkey_web::{Call, Reply, call, caller, payload};
use limits::{Counted, RateLimiter, Source};

/// Takes a submission.
///
/// # Errors
/// As the contract has them.
pub async fn submit<S: FlowPolicy>(app: &Submitter<S>, call: &Call<'_>) -> Result<Reply, Fault> {
    let Some(id) = call.query("flow").and_then(|id| call::parse_id(id).ok()) else {
        let error = ApiError::bad_request("The flow query parameter is missing or malformed.");
        return forward(call, &app.flows, error.into()).await;
    };
    let payload = payload::decode(call);
    let own = payload.as_ref().ok();
    let recognised = own.and_then(|payload| Some((app.methods.iter().find(|m| m.recognises(payload))?, payload)));
    let lookups = recognised.map(|(method, payload)| method.lookups(payload)).unwrap_or_default();
    let presented = caller::credential(call).presented;
    let source = Source::of(call);
    let keys = |limiter: &RateLimiter| {
        let identifiers = recognised.map(|(method, payload)| method.identifiers(payload)).unwrap_or_default();
        let codes = recognised.is_some_and(|(method, _)| method.may_send_codes());
        limiter.keys(&source, presented.as_ref(), &identifiers, codes)
    };
    let wanted = Wanted {
        flow: id,
        identifiers: &lookups,
        presented: presented.as_ref(),
        devices: if app.limiter.is_some() { source.cookie.all() } else { &[] },
        counters: app.limiter.as_ref().map(|limiter| (&limiter.counters, keys(limiter))),
    };
    let found = submission::find(&app.flows, &app.accounts, &app.credentials, &wanted, call.now).await?;
    let Some(flow) = found.flow else {
        return forward(call, &app.flows, ApiError::not_located().into()).await;
    };
    let held = |(session, _): &&(Session, Profile)| presented.as_ref().is_some_and(|p| session.is_held_by(p, call.now));
    let session = found.session.as_ref().filter(held).map(|(session, _)| (session.identity, session.id));
    let counted = Counted::new(source, found.counts, &found.devices, session);
    let signed_in = caller::settle(presented, found.session, &app.accounts, call.now).await;
    let context = Context { app, call, signed_in, counted, guards: found.guards };
    let field = |name| own.and_then(|payload| payload.text(name));
    // To whom the flow belongs comes before what the payload says.
    let reply = match context.relate(flow, field("csrf_token")) {
        Relation::Unrelated(unrelated) => unrelated.answer(field("identifier")).await,
        Relation::Reader(reader) => reader.answer().await,
        // On the heap, because it is large and moved about otherwise.
        Relation::Owner(owner) => Box::pin(owner.answer(payload)).await,
    };
    Ok(reply?.of_flow(id))
}

impl<S: FlowPolicy> Reader<'_, S> {
    fn standing(&self) -> Standing {
        S::standing(&self.flow, self.context.signed_in.as_ref())
    }

    /// A browser whose cookie is not the flow's any more: it is told what became of the flow, and can do nothing with it.
    async fn answer(self) -> Result<Reply, Fault> {
        match self.standing() {
            Standing::AlreadySignedIn => self.context.tell_signed_in(self.flow),
            _ if self.flow.is_expired(self.context.call.now) => self.context.replace(&self.flow).await,
            _ => self.context.fail(&self.flow, self.context.call.csrf_token_violation()).await,
        }
    }
}

impl<'a, S: FlowPolicy> Owner<'a, S> {
    /// The order is the contract's (`login-flow.md` 5.2).
    async fn answer(self, payload: Result<Payload, String>) -> Result<Reply, Fault> {
        let Reader { context, flow } = &self.0;
        match self.0.standing() {
            Standing::AlreadySignedIn if flow.done || context.client(flow) == Client::Navigation => {
                context.tell_signed_in(flow.clone())
            }
            Standing::AlreadySignedIn => {
                context.refuse(flow.clone(), Message::already_logged_in(), "already signed in").await
            }
            Standing::LacksFirstFactor => context.fail(flow, ApiError::session_aal1_required().into()).await,
            Standing::Proceeds if flow.is_expired(context.call.now) => context.replace(flow).await,
            Standing::Proceeds if flow.done => context.used_up(flow.clone()),
            Standing::Proceeds => self.take(payload).await,
        }
    }

    async fn take(self, payload: Result<Payload, String>) -> Result<Reply, Fault> {
        let Reader { context, flow } = &self.0;
        let payload = match payload {
            Ok(payload) => payload,
            Err(reason) => return context.refuse(flow.clone(), Message::generic(reason), "undecodable").await,
        };
        for method in &context.app.methods {
            match method.claim(&payload, flow) {
                Claim::Passes => {}
                Claim::Refuses => break,
                Claim::Disabled => return context.fail(flow, ApiError::disabled().into()).await,
                Claim::Takes => {
                    let method = method.as_ref();
                    return Ok(Box::pin(self.take_by(method, &payload)).await?.by_method(method.id()));
                }
            }
        }
        context.refuse(flow.clone(), Message::no_strategy(), "no strategy").await
    }

    /// A method's turn: it reads the payload, the client must be admitted, then the method verifies.
    async fn take_by(self, method: &dyn SubmitMethod<S>, payload: &Payload) -> Result<Reply, Fault> {
        let before = self.0.flow.clone();
        let mut flow = before.clone();
        let parsed = method.parse(payload, &mut flow);
        if let Err(rejection) = &parsed
            && rejection.is_malformed
        {
            return self.0.context.reject(rejection.clone()).await;
        }
        let admitted = match self.admit(payload, &flow).await? {
            Ok(admitted) => admitted,
            Err(reply) => return Ok(reply),
        };
        match parsed {
            Err(rejection) => admitted.context.reject(rejection).await,
            Ok(attempt) => {
                hooks::run(&admitted.context.app.hooks, Stage::Before, &flow).await?;
                let outcome = attempt.verify(Turn { flow, before }, &admitted).await?;
                Box::pin(admitted.conclude(outcome)).await
            }
        }
    }
}
