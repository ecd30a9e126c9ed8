//! The first step of the identifier-first form: who is it, and what may they go on with.

use crate::{Own, Owners, Submission};
use latchkey_core::flow::{FieldMessage, FlowState, Screen};
use latchkey_core::message::Message;
use latchkey_core::method::MethodId;
use latchkey_methods::code;
use latchkey_methods::identifier_first::{Next, next};
use latchkey_store::login;
use latchkey_web::payload::Payload;
use latchkey_web::{Fault, Reply};

impl Own<'_> {
    pub(crate) async fn identifier_first(mut self, payload: &Payload, owners: &Owners) -> Result<Reply, Fault> {
        if let Some(actual) = payload.transient_fault() {
            let message = Message::wrong_type("object", actual);
            let field = FieldMessage { field: "transient_payload".to_owned(), message };
            self.say(Vec::new(), vec![field]);
            return self.form_error("incomplete").await;
        }
        match self.admitted(payload).await? {
            Ok(submission) => Box::pin(submission.offer_methods(payload, owners)).await,
            Err(reply) => Ok(reply),
        }
    }
}

impl Submission<'_> {
    async fn offer_methods(mut self, payload: &Payload, owners: &Owners) -> Result<Reply, Fault> {
        let now = self.call.now;
        let Some(typed) = payload.text("identifier") else { return self.unknown("").await };
        // Nobody's account is read as well, so that the store does the same for everybody.
        let owner = owners.by_any(typed).map(|guard| guard.identity);
        let whose = owner.unwrap_or_else(|| self.app.edge.rng.id());
        let question = self.question();
        if let Some(wait) = self.spent(&question) {
            return self.slow_down(wait).await;
        }
        // Whether a code is sent is known with the person. It is counted beside reading them, and taken back where another
        // method is offered instead.
        let request = code::serves(&self.app.forms, &self.flow).then(|| self.request(owner, typed));
        let request = request.unwrap_or_default();
        let bound = self.bound_to_read(&request);
        let ((profile, standing), (asked_too_often, _), requested_too_often) = tokio::try_join!(
            login::receiver(&self.app.accounts, whose, bound, now),
            self.count(&question),
            self.count_request(&request)
        )?;
        if let Some(wait) = asked_too_often {
            self.flow.form.keep_identifier(typed);
            return self.slow_down(wait).await;
        }
        let person = profile.map(|profile| profile.identity);
        match next(&self.app.forms, &self.flow, person.as_ref()) {
            Next::Unknown => self.unknown(typed).await,
            Next::SendCode => {
                self.flow.form.screen = Screen::Start;
                if request.unserved {
                    return self.unserved(typed).await;
                }
                match requested_too_often {
                    Some(wait) => {
                        self.flow.form.keep_identifier(typed);
                        self.no_more_codes(wait).await
                    }
                    None => self.send_code(typed, person, self.code_length(&standing), payload.transient()).await,
                }
            }
            Next::Offer(methods) => {
                self.flow.form.keep_identifier(typed);
                self.flow.state = FlowState::ChooseMethod;
                self.flow.step(MethodId::IdentifierFirst, Screen::Offers(methods), Vec::new(), now);
                let own = &self;
                let (saved, ()) = tokio::join!(own.app.flows.save(&own.flow, own.sends), own.forgive(&request.limits));
                Ok(self.after(saved?, Some(payload.transient()), "identifier taken"))
            }
        }
    }

    async fn unknown(&mut self, typed: &str) -> Result<Reply, Fault> {
        self.flow.form.keep_identifier(typed);
        self.flow.form.screen = Screen::Start;
        self.flow.state = FlowState::ChooseMethod;
        let field = FieldMessage { field: "identifier".to_owned(), message: Message::no_such_account() };
        self.say(Vec::new(), vec![field]);
        self.form_error("unknown identifier").await
    }
}
