//! A submission that comes back to its form: what to say is stored with the flow, then shown.

use crate::Submission;
use latchkey_core::flow::{FlowKind, with_query};
use latchkey_core::message::Message;
use latchkey_store::flows::Saved;
use latchkey_web::payload::Payload;
use latchkey_web::{Fault, Reply};
use serde_json::Value;

impl Submission<'_> {
    /// Says one thing on top of the form, stores and shows it.
    pub(crate) async fn refuse(&mut self, message: Message, outcome: &'static str) -> Result<Reply, Fault> {
        self.flow.say(vec![message], Vec::new(), self.call.now);
        self.form_error(outcome).await
    }

    /// Stores what the flow says and shows it.
    pub(crate) async fn form_error(&mut self, outcome: &'static str) -> Result<Reply, Fault> {
        let saved = self.app.flows.save(&self.flow, self.sends).await?;
        Ok(self.after(saved, None, outcome))
    }

    /// What is shown once the flow was written; `transient` is what the client sent along to a step that went well. A flow that was
    /// completed meanwhile says so instead; where a code was sent meanwhile, whoever asks learns what became of it and the flow goes on
    /// from the code.
    pub(crate) fn after(&mut self, saved: Saved, transient: Option<Value>, outcome: &'static str) -> Reply {
        match saved {
            Saved::Stored | Saved::Overtaken => self.show_with(transient, outcome),
            Saved::AlreadyDone => self.used_up(),
        }
    }

    /// Whether a submission comes from where its flow belongs: an app's not from a browser, a browser's from its own form.
    /// What to answer if not.
    pub(crate) async fn foreign(&mut self, payload: &Payload) -> Result<Option<Reply>, Fault> {
        if let Some(reason) = self.api_flow_from_browser() {
            return self.refuse(Message::generic(reason), "browser in an api flow").await.map(Some);
        }
        if self.flow.kind == FlowKind::Browser {
            // Whoever passes is this form's sender, not its owner: the flow stays bound to the browser that began it.
            if let Err(fault) = self.call.check_csrf_token(payload.text("csrf_token"), payload.is_json) {
                return self.fail(fault).await.map(Some);
            }
        }
        Ok(None)
    }

    /// Why an app's flow may not be submitted by what looks like a browser (contract 8.5). `Origin` is looked at first.
    fn api_flow_from_browser(&self) -> Option<String> {
        let call = self.call;
        let (key, how) = match self.flow.kind {
            FlowKind::Browser => return None,
            FlowKind::Api if call.header("origin").is_some_and(|origin| !origin.is_empty()) => {
                ("Origin", "made as part of an AJAX request in a Browser")
            }
            FlowKind::Api if call.has_browser_cookie() => ("Cookie", "made by a Browser"),
            FlowKind::Api => return None,
        };
        Some(format!(
            "The HTTP Request Header included the \"{key}\" key, indicating that this request was {how}. The flow however \
             was initiated as an API request. To prevent potential misuse and mitigate several attack vectors including \
             CSRF, the request has been blocked. Please consult the documentation."
        ))
    }

    /// A completed flow is not used twice.
    pub(crate) fn used_up(&mut self) -> Reply {
        self.flow.say(vec![Message::no_strategy()], Vec::new(), self.call.now);
        self.show("used up")
    }

    /// The form: 400 with the flow for apps and scripts, the login page for browsers.
    pub(crate) fn show(&self, outcome: &'static str) -> Reply {
        self.show_with(None, outcome)
    }

    /// The form after a step went well; the answer carries what the client sent along.
    pub(crate) fn show_step(&self, transient: Value, outcome: &'static str) -> Reply {
        self.show_with(Some(transient), outcome)
    }

    fn show_with(&self, transient: Option<Value>, outcome: &'static str) -> Reply {
        if !self.wants_json() {
            let ui = &self.app.edge.config.selfservice.login.ui_url;
            let to = with_query(ui, "flow", &self.flow.id.to_string());
            return Reply::redirect(303, &to, self.call.is_get(), outcome);
        }
        let mut flow = self.flow.clone();
        let own = |secret| flow.csrf.is_some_and(|binding| binding.fits(secret));
        if flow.csrf.is_some() && !self.call.csrf_cookies().iter().any(own) {
            // Whoever knows a flow's id but is not its browser learns nothing of what was typed there.
            flow.form.identifier = None;
            flow.confirming = flow.confirming.map(|_| String::new());
        }
        let form = self.app.forms.render(&flow, &latchkey_web::browser::form_token(self.call, &flow));
        let mut body = flow.render(&form, None);
        if let Some(transient) = transient {
            body["transient_payload"] = transient;
        }
        Reply::json(400, &body, outcome)
    }
}
