//! A client that knows a flow's id and nothing else. Its answer is made of what any client may know, and nothing is written to the
//! flow.

use super::context::Context;
use crate::policy::FlowPolicy;
use crate::respond::{Answer, Client};
use latchkey_core::csrf::CsrfSecret;
use latchkey_core::error::Fault;
use latchkey_core::flow::{Flow, FlowType, Origin};
use latchkey_core::message::Message;
use latchkey_web::Reply;
use latchkey_web::browser::forward;
use latchkey_web::call::SignOfABrowser;

/// The request that began an app's flow. A client that knows the flow's id may read it by asking for the flow, as the contract has it.
pub(super) struct Begun {
    request_url: String,
    return_to: Option<String>,
    identity_schema: Option<String>,
}

impl Begun {
    pub(super) fn of<S: FlowPolicy>(flow: &Flow<S>) -> Self {
        Self {
            request_url: flow.request_url.clone(),
            return_to: flow.return_to.clone(),
            identity_schema: flow.identity_schema.clone(),
        }
    }
}

/// A submission by a client to which the flow does not belong.
pub(super) struct Unrelated<'a, S: FlowPolicy> {
    context: Context<'a, S>,
    begun: Option<Begun>,
    /// As if the flow had just begun: its id, its type and its life.
    plain: Flow<S>,
}

impl<'a, S: FlowPolicy> Unrelated<'a, S> {
    pub(super) fn new(context: Context<'a, S>, begun: Option<Begun>, flow: &Flow<S>) -> Self {
        let plain = context.plain(Origin {
            id: flow.id,
            flow_type: flow.flow_type,
            request_url: String::new(),
            issued_at: flow.issued_at,
            expires_at: flow.expires_at,
        });
        Self { context, begun, plain }
    }

    /// Answers. `typed` is the identifier of this very request, which its client gets back.
    pub(super) async fn answer(self, typed: Option<&str>) -> Result<Reply, Fault> {
        let call = self.context.call;
        if self.context.signed_in.is_some() {
            if self.context.client(&self.plain) == Client::Navigation {
                return self.context.lead_home();
            }
            return self.show(Message::already_logged_in(), None, "already signed in");
        }
        if self.plain.is_expired(call.now) {
            return self.replace().await;
        }
        match (self.plain.flow_type, call.sign_of_a_browser()) {
            (FlowType::Api, Some(sign)) => self.show(browser_in_an_api_flow(sign), typed, "browser in an api flow"),
            _ => forward(call, &self.context.app.flows, call.csrf_token_violation()).await,
        }
    }

    fn show(self, message: Message, typed: Option<&str>, log: &'static str) -> Result<Reply, Fault> {
        let mut flow = self.plain;
        if let Some(typed) = typed {
            flow.form.keep_identifier(typed);
        }
        flow.refuse(vec![message], Vec::new(), self.context.call.now);
        self.context.respond(&flow, Answer::Form { transient_payload: None, log })
    }

    /// An expired flow is answered with a new one, which says nothing of the identity that began it.
    async fn replace(self) -> Result<Reply, Fault> {
        let Self { context, begun, plain } = self;
        let (app, call) = (context.app, context.call);
        let origin = Origin::new(app.edge.rng.id(), plain.flow_type, String::new(), context.life());
        let mut next = context.plain(origin);
        if let Some(begun) = begun {
            next.request_url = begun.request_url;
            next.return_to = begun.return_to;
            next.identity_schema = begun.identity_schema;
        }
        next.csrf = call.csrf_secret().map(CsrfSecret::binding);
        next.form.messages = vec![S::expired(plain.expires_at, call.now)];
        next.form.token_in_api_flow = plain.flow_type == FlowType::Api;
        next.offers = Some(app.forms.offers(&next, None));
        app.flows.begin(&next).await?;
        context.respond(&next, Answer::Replaced { gone: plain.expired_on_submit(next.id, call.now) })
    }
}

/// Why an app's flow may not be submitted by what looks like a browser (contract `login-flow.md` 8.5).
pub(super) fn browser_in_an_api_flow(sign: SignOfABrowser) -> Message {
    let (key, how) = match sign {
        SignOfABrowser::Origin => ("Origin", "made as part of an AJAX request in a Browser"),
        SignOfABrowser::Cookie => ("Cookie", "made by a Browser"),
    };
    Message::generic(format!(
        "The HTTP Request Header included the \"{key}\" key, indicating that this request was {how}. The flow however \
         was initiated as an API request. To prevent potential misuse and mitigate several attack vectors including \
         CSRF, the request has been blocked. Please consult the documentation."
    ))
}
