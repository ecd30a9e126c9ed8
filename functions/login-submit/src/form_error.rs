//! A submission that comes back to its form: what to say is stored with the flow, then shown.

use crate::Submission;
use latchkey_core::flow::with_query;
use latchkey_core::message::Message;
use latchkey_store::flows::Saved;
use latchkey_web::{Fault, Reply};

impl Submission<'_> {
    /// Stores what the flow says and shows it. A flow that was completed meanwhile says so instead.
    pub(crate) async fn form_error(&mut self, outcome: &'static str) -> Result<Reply, Fault> {
        match self.app.flows.save(&self.flow).await? {
            Saved::Stored => Ok(self.show(outcome)),
            Saved::AlreadyDone => Ok(self.used_up()),
        }
    }

    /// A completed flow is not used twice.
    pub(crate) fn used_up(&mut self) -> Reply {
        self.flow.say(vec![Message::no_strategy()], Vec::new(), self.call.now);
        self.show("used up")
    }

    /// The form: 400 with the flow for apps and scripts, the login page for browsers.
    pub(crate) fn show(&self, outcome: &'static str) -> Reply {
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
        Reply::json(400, &flow.render(&form, None), outcome)
    }
}
