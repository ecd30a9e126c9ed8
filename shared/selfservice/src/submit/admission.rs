//! What the client of a submission is to the flow that it names.
//!
//! Headers, cookies and the form's token decide it, before anything else of the submission counts, and it decides what the rest of
//! the engine can do. An [`Unrelated`] client learns nothing of the flow and has no way to write. A [`Reader`] may see the flow. An
//! [`Owner`] is the client that began it, and may be told in it what is wrong with a submission. Only an [`Admitted`] submission
//! looks at accounts, counts, sends and signs in; nothing but [`Owner::admit`] makes one.

use super::context::Context;
use super::unrelated::{Begun, Unrelated, browser_in_an_api_flow};
use crate::policy::FlowPolicy;
use latchkey_core::csrf::CsrfSecret;
use latchkey_core::error::Fault;
use latchkey_core::flow::{Flow, FlowType};
use latchkey_core::payload::Payload;
use latchkey_store::accounts::Collection;
use latchkey_web::Reply;
use std::sync::Mutex;

/// What a client is to a flow.
pub(super) enum Relation<'a, S: FlowPolicy> {
    /// The client that began it.
    Owner(Owner<'a, S>),
    /// A browser with a token of its form, whose cookie has changed since: a login in another window changes it.
    Reader(Reader<'a, S>),
    /// Any other client that knows its id.
    Unrelated(Unrelated<'a, S>),
}

/// A submission by a client that may see the flow.
pub(super) struct Reader<'a, S: FlowPolicy> {
    pub(super) context: Context<'a, S>,
    pub(super) flow: Flow<S>,
}

/// A submission by the client that began the flow.
pub(super) struct Owner<'a, S: FlowPolicy>(pub(super) Reader<'a, S>);

/// A submission that the engine acts upon.
pub(super) struct Admitted<'a, S: FlowPolicy> {
    pub(super) context: Context<'a, S>,
    /// The flow as it was read.
    pub(super) flow: Flow<S>,
    /// The account that was read last, for what follows from a success.
    pub(super) account: Mutex<Collection>,
}

impl<'a, S: FlowPolicy> Context<'a, S> {
    /// Decides. `token` is the form's anti-CSRF token.
    pub(super) fn relate(self, flow: Flow<S>, token: Option<&str>) -> Relation<'a, S> {
        let fits = |secret: &CsrfSecret| flow.csrf.is_some_and(|binding| binding.fits(secret));
        let has_cookie = self.call.csrf_cookies().iter().any(fits);
        let has_token = token.and_then(CsrfSecret::from_token).is_some_and(|secret| fits(&secret));
        let (owns, may_read) = match flow.flow_type {
            // A client that knows an app's flow and is no browser is its app.
            FlowType::Api => (has_cookie || self.call.sign_of_a_browser().is_none(), false),
            // A browser also sends a cookie where another site makes it send something.
            FlowType::Browser => (has_cookie && (has_token || !self.call.is_cross_site()), has_token),
        };
        if !owns && !may_read {
            let begun = (flow.flow_type == FlowType::Api).then(|| Begun::of(&flow));
            return Relation::Unrelated(Unrelated::new(self, begun, &flow));
        }
        let reader = Reader { context: self, flow };
        if owns { Relation::Owner(Owner(reader)) } else { Relation::Reader(reader) }
    }
}

impl<'a, S: FlowPolicy> Owner<'a, S> {
    /// Whether the submission comes from where its flow belongs: an app's not from a browser, a browser's from its own form. If not,
    /// what to answer; `flow` is the flow as the answer shows it.
    pub(super) async fn admit(
        self,
        payload: &Payload,
        flow: &Flow<S>,
    ) -> Result<Result<Admitted<'a, S>, Reply>, Fault> {
        let Reader { context, flow: read } = self.0;
        let call = context.call;
        match read.flow_type {
            FlowType::Api => {
                if let Some(sign) = call.sign_of_a_browser() {
                    let message = browser_in_an_api_flow(sign);
                    return context.refuse(flow.clone(), message, "browser in an api flow").await.map(Err);
                }
            }
            FlowType::Browser => {
                // That the cookie is the flow's is known; the token must be of the same.
                if let Err(fault) = call.check_csrf_token(payload.text("csrf_token"), payload.is_json) {
                    return context.fail(&read, fault).await.map(Err);
                }
                let of_the_flow = |secret: CsrfSecret| read.csrf.is_some_and(|binding| binding.fits(&secret));
                if !payload.text("csrf_token").and_then(CsrfSecret::from_token).is_some_and(of_the_flow) {
                    return context.fail(&read, call.csrf_token_violation()).await.map(Err);
                }
            }
        }
        Ok(Ok(Admitted { context, flow: read, account: Mutex::default() }))
    }
}
