//! A submission that comes back to its form: what to say is stored with the flow, then shown.

use crate::{Own, Reader};
use latchkey_core::flow::FieldMessage;
use latchkey_core::message::Message;
use latchkey_core::url::with_query;
use latchkey_store::flows::Saved;
use latchkey_web::{Fault, Reply};
use serde_json::Value;

impl Own<'_> {
    /// Says one thing on top of the form, stores and shows it.
    pub(crate) async fn refuse(&mut self, message: Message, outcome: &'static str) -> Result<Reply, Fault> {
        self.say(vec![message], Vec::new());
        self.form_error(outcome).await
    }

    /// Stores what the flow says and shows it.
    pub(crate) async fn form_error(&mut self, outcome: &'static str) -> Result<Reply, Fault> {
        let saved = self.app.flows.save(&self.flow, self.sends).await?;
        Ok(self.after(saved, None, outcome))
    }
}

impl Reader<'_> {
    /// Replaces what the form says. It is shown, and not yet stored.
    pub(crate) fn say(&mut self, messages: Vec<Message>, fields: Vec<FieldMessage>) {
        let now = self.call.now;
        self.flow.say(messages, fields, now);
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

    /// A completed flow is not used twice.
    pub(crate) fn used_up(&mut self) -> Reply {
        self.say(vec![Message::no_strategy()], Vec::new());
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
            let ui = &self.app.edge.config.selfservice.flows.login.ui_url;
            let to = with_query(ui, "flow", &self.flow.id.to_string());
            return Reply::redirect(303, &to, self.call.is_get(), outcome);
        }
        let form = self.app.forms.render(&self.flow, &latchkey_web::browser::form_token(self.call, &self.flow));
        let mut body = self.flow.render(&form, None);
        if let Some(transient) = transient {
            body["transient_payload"] = transient;
        }
        Reply::json(400, &body, outcome)
    }
}
