//! The half of a method that fills forms. Functions that begin and show flows link it; it is cheap.

use latchkey_core::flow::{Flow, FlowSpec};
use latchkey_core::form::{Node, Offer};
use latchkey_core::identity::Identity;
use latchkey_core::method::MethodId;

/// How a method fills the forms of a flow.
pub trait FormMethod<S: FlowSpec>: Send + Sync {
    /// Which method it is.
    fn id(&self) -> MethodId;

    /// What a new flow offers of the method; `None` where it does not serve the flow. `subject` is the identity of the client's
    /// session.
    fn offer(&self, flow: &Flow<S>, subject: Option<&Identity>) -> Option<Offer>;

    /// The method's nodes on the first screen of a flow that has this offer.
    fn nodes(&self, flow: &Flow<S>, offer: &Offer) -> Vec<Node>;

    /// The method's nodes once the user has given the identifier.
    fn nodes_after_identifier(&self) -> Vec<Node> {
        Vec::new()
    }

    /// Whether forms of native apps hold the anti-CSRF input when this method has nodes. Clients know it so.
    fn has_token_in_api_flows(&self) -> bool {
        true
    }
}
