//! Somebody who knows a flow's id and nothing else. What they are shown is made of what anybody may know, and nothing is written.

use crate::sender::{Asking, browser_in_an_api_flow};
use latchkey_core::flow::{FlowType, LoginFlow};
use latchkey_core::message::Message;
use latchkey_core::url::{join, with_query};
use latchkey_web::browser::{form_token, forward};
use latchkey_web::{Fault, Reply};
use time::OffsetDateTime;
use uuid::Uuid;

/// The request that began an app's flow. Anybody who knows the flow's id may read it by asking for the flow, as the contract has it.
pub(crate) struct Begun {
    pub(crate) request_url: String,
    pub(crate) return_to: Option<String>,
    pub(crate) identity_schema: Option<String>,
}

/// A submission by a stranger to its flow.
pub(crate) struct Stranger<'a> {
    asking: Asking<'a>,
    begun: Option<Begun>,
    id: Uuid,
    kind: FlowType,
    issued_at: OffsetDateTime,
    expires_at: OffsetDateTime,
}

impl<'a> Stranger<'a> {
    /// Everything that a stranger may know of a flow: which one, of which kind, its life, and what an app's flow shows to anybody.
    pub(crate) fn new(
        asking: Asking<'a>,
        begun: Option<Begun>,
        (id, kind, issued_at, expires_at): (Uuid, FlowType, OffsetDateTime, OffsetDateTime),
    ) -> Self {
        Self { asking, begun, id, kind, issued_at, expires_at }
    }

    /// Answers. `typed` is the identifier of this very request, which its sender gets back.
    pub(crate) async fn answer(&self, typed: Option<&str>) -> Result<Reply, Fault> {
        let Asking { app, call, signed_in, .. } = &self.asking;
        if signed_in.is_some() {
            if self.wants_json() {
                return Ok(self.show(Message::already_logged_in(), None, "already signed in"));
            }
            let home = &app.edge.config.selfservice.default_browser_return_url;
            return Ok(Reply::redirect(303, home, call.is_get(), "already signed in"));
        }
        if call.now >= self.expires_at {
            return self.begin_anew().await;
        }
        match (self.kind, call.sign_of_a_browser()) {
            (FlowType::Api, Some(sign)) => Ok(self.show(browser_in_an_api_flow(sign), typed, "browser in an api flow")),
            _ => forward(call, &app.flows, call.csrf_token_violation()).await,
        }
    }

    fn wants_json(&self) -> bool {
        self.kind == FlowType::Api || self.asking.call.is_json_request()
    }

    /// As if the flow had just been begun.
    fn plain(&self, id: Uuid, (issued_at, expires_at): (OffsetDateTime, OffsetDateTime)) -> LoginFlow {
        let Asking { app, call, .. } = &self.asking;
        let request_url = join(app.edge.base_url(), self.kind.init_path());
        LoginFlow::plain((id, self.kind), request_url, (issued_at, expires_at), call.now)
    }

    fn show(&self, message: Message, typed: Option<&str>, outcome: &'static str) -> Reply {
        let Asking { app, call, .. } = &self.asking;
        let mut flow = self.plain(self.id, (self.issued_at, self.expires_at));
        if let Some(typed) = typed {
            flow.form.keep_identifier(typed);
        }
        flow.say(vec![message], Vec::new(), call.now);
        let form = app.forms.render(&flow, &form_token(call, &flow));
        Reply::json(400, &flow.render(&form, None), outcome)
    }

    /// An expired flow is answered with a new one, which says nothing of the person who began it.
    async fn begin_anew(&self) -> Result<Reply, Fault> {
        let Asking { app, call, .. } = &self.asking;
        let expired = self.plain(self.id, (self.issued_at, self.expires_at));
        let mut next = self.plain(app.edge.rng.id(), (call.now, call.now.saturating_add(app.edge.flow_lifespan())));
        if let Some(begun) = &self.begun {
            next.request_url.clone_from(&begun.request_url);
            next.return_to.clone_from(&begun.return_to);
            next.identity_schema.clone_from(&begun.identity_schema);
        }
        next.csrf = call.csrf_secret().map(latchkey_core::csrf::CsrfSecret::binding);
        next.form.messages = vec![Message::flow_expired(self.expires_at, call.now)];
        next.form.token_in_api_flow = self.kind == FlowType::Api;
        app.flows.begin(&next).await?;
        if self.wants_json() {
            return Err(expired.expired_on_submit(next.id, call.now).into());
        }
        let to = with_query(&app.edge.config.selfservice.flows.login.ui_url, "flow", &next.id.to_string());
        Ok(Reply::redirect(303, &to, call.is_get(), "replaced"))
    }
}
