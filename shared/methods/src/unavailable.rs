//! Methods that this release recognises and does not have: a submission to one is answered as one to a method that is turned off
//! (contract `login-flow.md` 5.2).

use crate::submit::{Attempt, Claim, Rejection, SubmitMethod};
use latchkey_core::aal::Aal;
use latchkey_core::flow::login::Login;
use latchkey_core::flow::{Flow, FlowType};
use latchkey_core::identity::Unique;
use latchkey_core::method::MethodId;
use latchkey_core::payload::Payload;

/// A method that this release does not have.
pub struct Unavailable(pub MethodId);

impl SubmitMethod<Login> for Unavailable {
    fn id(&self) -> MethodId {
        self.0
    }

    fn recognises(&self, payload: &Payload) -> bool {
        payload.text("method") == Some(self.0.as_str())
    }

    fn identifiers<'a>(&self, _payload: &'a Payload) -> Vec<&'a str> {
        Vec::new()
    }

    fn lookups(&self, _payload: &Payload) -> Vec<Unique> {
        Vec::new()
    }

    fn claim(&self, payload: &Payload, flow: &Flow<Login>) -> Claim {
        // Security keys need a browser; in other flows the method does not recognise itself. Neither does a first factor in a flow that
        // asks for a second one.
        let is_recognised = flow.state.requested_aal == Aal::Aal1
            && (self.0 != MethodId::Webauthn || flow.flow_type == FlowType::Browser);
        if is_recognised && self.recognises(payload) { Claim::Disabled } else { Claim::Passes }
    }

    fn parse(&self, _payload: &Payload, flow: &mut Flow<Login>) -> Result<Box<dyn Attempt<Login>>, Rejection<Login>> {
        Err(Rejection { flow: Box::new(flow.clone()), is_malformed: false })
    }
}
