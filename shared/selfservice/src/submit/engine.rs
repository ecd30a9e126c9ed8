//! The engine's answers to a method that verifies an admitted submission.

use super::admission::Admitted;
use crate::policy::FlowPolicy;
use http::HeaderName;
use latchkey_core::bounds::LONGEST_HEADER;
use latchkey_core::identity::{Guard, Unique};
use latchkey_core::rate_limit::{Failures, Limits};
use latchkey_egress::allowed_headers;
use latchkey_methods::engine::{
    Account, CodeAttempted, Engine, Pending, Receiver, RequestFacts, SendRequest, Throttled,
};
use latchkey_platform::Rng;
use latchkey_store::StoreError;
use latchkey_store::accounts::Collection;
use latchkey_store::submission;
use latchkey_web::device;
use std::collections::BTreeMap;
use std::sync::PoisonError;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

impl<S: FlowPolicy> Engine<S> for Admitted<'_, S> {
    fn now(&self) -> OffsetDateTime {
        self.context.call.now
    }

    fn rng(&self) -> &Rng {
        &self.context.app.edge.rng
    }

    fn request(&self) -> RequestFacts {
        let call = self.context.call;
        RequestFacts {
            accept_language: call.header("accept-language").map(str::to_owned),
            headers: self.headers(),
            requester: device::requester(call),
        }
    }

    fn session_identity(&self) -> Option<Uuid> {
        self.context.signed_in.as_ref().map(|signed_in| signed_in.session.identity)
    }

    fn holder(&self, fits: &dyn Fn(&Unique) -> bool) -> Option<&Guard> {
        self.context.guards.iter().rfind(|(unique, _)| fits(unique)).map(|(_, guard)| guard)
    }

    fn attempt(&self, holder: Option<&Guard>, identifier: &str) -> Result<Limits, Throttled> {
        let Some(limiter) = &self.context.app.limiter else { return Ok(Limits::default()) };
        limiter.attempt(&self.context.counted, holder.map(|guard| guard.identity), identifier, self.now())
    }

    fn lookup(&self) -> Result<Limits, Throttled> {
        let Some(limiter) = &self.context.app.limiter else { return Ok(Limits::default()) };
        limiter.lookup(&self.context.counted, self.now())
    }

    fn send(&self, holder: Option<&Guard>, identifier: &str) -> SendRequest {
        let Some(limiter) = &self.context.app.limiter else { return SendRequest::default() };
        let flow = (self.flow.codes.sends, self.flow.expires_at - self.now());
        limiter.send(&self.context.counted, holder.map(|guard| guard.identity), identifier, flow, self.now())
    }

    fn count<'a>(&'a self, limits: &'a Limits) -> Pending<'a, Result<(), Throttled>> {
        Box::pin(async move {
            let (wait, _) = self.raise(limits).await?;
            Ok(wait.map_or(Ok(()), |wait| Err(Throttled(wait))))
        })
    }

    fn account<'a>(&'a self, holder: Option<&'a Guard>, limits: &'a Limits) -> Pending<'a, Result<Account, Throttled>> {
        Box::pin(async move {
            let whose = self.whose(holder);
            let (collection, counted) =
                tokio::try_join!(self.context.app.accounts.collection_of(whose), self.raise(limits))?;
            Ok(self.keep(collection, counted))
        })
    }

    fn code_attempt<'a>(
        &'a self,
        holder: Option<&'a Guard>,
        limits: &'a Limits,
    ) -> Pending<'a, Option<CodeAttempted<S>>> {
        Box::pin(async move {
            let (app, whose) = (self.context.app, self.whose(holder));
            let (flow, collection, counted) = tokio::try_join!(
                app.flows.count_attempt(self.flow.id),
                app.accounts.collection_of(whose),
                self.raise(limits)
            )?;
            Ok(flow.map(|flow| CodeAttempted { flow, account: self.keep(collection, counted) }))
        })
    }

    fn receiver<'a>(
        &'a self,
        holder: Option<&'a Guard>,
        lookup: Option<&'a Limits>,
        request: &'a SendRequest,
    ) -> Pending<'a, Receiver> {
        Box::pin(async move {
            let (app, limiter) = (self.context.app, self.context.app.limiter.as_ref());
            let failures = limiter.and_then(|limiter| Some((&limiter.counters, request.failures_key.as_deref()?)));
            let count_lookup = async {
                match lookup {
                    Some(limits) => Ok(self.raise(limits).await?.0),
                    None => Ok::<_, StoreError>(None),
                }
            };
            let ((profile, failures), looked_up, (sent, _)) = tokio::try_join!(
                submission::receiver(&app.accounts, self.whose(holder), failures, self.now()),
                count_lookup,
                self.raise(&request.limits)
            )?;
            Ok(Receiver {
                identity: profile.map(|profile| profile.identity),
                lookup: looked_up.map(Throttled),
                send: request.wait.or(sent).map(Throttled),
                length: limiter.map(|limiter| limiter.code_length(&failures)).unwrap_or_default(),
            })
        })
    }
}

impl<S: FlowPolicy> Admitted<'_, S> {
    /// Without a holder a random identity is read, so that the store does the same for every identifier.
    fn whose(&self, holder: Option<&Guard>) -> Uuid {
        holder.map_or_else(|| self.rng().id(), |guard| guard.identity)
    }

    async fn raise(&self, limits: &Limits) -> Result<(Option<Duration>, Failures), StoreError> {
        match &self.context.app.limiter {
            Some(limiter) => limiter.count(limits, self.now()).await,
            None => Ok(Default::default()),
        }
    }

    /// Keeps the account for what follows from a success, and says what a method may know of it.
    fn keep(
        &self,
        collection: Collection,
        (wait, failures): (Option<Duration>, Failures),
    ) -> Result<Account, Throttled> {
        let identity = collection.profile.as_ref().map(|profile| profile.identity.clone());
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = collection;
        match wait {
            Some(wait) => Err(Throttled(wait)),
            None => Ok(Account { identity, failures }),
        }
    }

    /// Headers that the configuration lets through, each under its usual spelling.
    fn headers(&self) -> BTreeMap<String, Vec<String>> {
        let values = |name: &HeaderName| self.context.call.headers(name).cloned().collect();
        allowed_headers(&self.context.app.edge.config.header_allowlist, LONGEST_HEADER, values)
    }
}
