//! The identifier first, then what its owner may go on with (contract `methods-password-code-2fa.md` 4). Authenticates nobody.

use crate::form::Forms;
use crate::{code, password};
use latchkey_core::aal::Aal;
use latchkey_core::flow::LoginFlow;
use latchkey_core::form::{self, Group, InputType, Node};
use latchkey_core::identity::{CredentialType, Identity};
use latchkey_core::message::Message;
use latchkey_core::method::MethodId;

const METHOD: &str = "identifier_first";

/// Whether a flow asks for the identifier first. Somebody who confirms themselves is known already.
pub fn serves(forms: &Forms, flow: &LoginFlow) -> bool {
    forms.identifier_first && flow.requested_aal == Aal::Aal1 && !flow.refresh && flow.organization_id.is_none()
}

/// Adds the method's inputs to the first screen.
pub fn populate(forms: &Forms, flow: &LoginFlow, nodes: &mut Vec<Node>) {
    let identifier = Node::input(Group::IdentifierFirst, "identifier", InputType::Text).value("").required();
    let identifier = identifier.autocomplete("username webauthn").label(forms.identifier_label(flow));
    form::upsert(nodes, identifier);
    let button = Node::input(Group::IdentifierFirst, "method", InputType::Submit).value(METHOD);
    form::upsert(nodes, button.label(Message::go_on()));
}

/// The second screen, made of the first one's inputs in their order.
pub(crate) fn offers(mut nodes: Vec<Node>, offered: &[MethodId]) -> Vec<Node> {
    nodes.retain(|node| node.attributes.name != "method");
    for node in nodes.iter_mut().filter(|node| node.attributes.name == "identifier") {
        node.attributes.kind = InputType::Hidden;
    }
    for method in offered {
        match method {
            MethodId::Password => nodes.extend(password::inputs(Message::sign_in_with_password())),
            MethodId::Code => nodes.push(code::ask_button()),
            _ => {}
        }
    }
    nodes
}

/// What comes of an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nobody has it, or they have nothing to sign in with.
    Unknown,
    /// These methods are offered.
    Offer(Vec<MethodId>),
    /// A code is all there is to choose, so it is sent.
    SendCode,
}

/// Decides what somebody may go on with. With mitigation the person's credentials are not looked at, so that nobody learns
/// whether they exist.
pub fn next(forms: &Forms, flow: &LoginFlow, person: Option<&Identity>) -> Next {
    let code = code::serves(forms, flow);
    let (with_password, only_code) = if forms.mitigate {
        (forms.password, !forms.password)
    } else {
        let Some(person) = person else { return Next::Unknown };
        let usable = person.credentials.get(&CredentialType::Password).is_some_and(|c| c.usable);
        (forms.password && usable, !(forms.password && usable))
    };
    if code && only_code {
        return Next::SendCode;
    }
    let mut offered = Vec::new();
    if with_password {
        offered.push(MethodId::Password);
    }
    if code {
        offered.push(MethodId::Code);
    }
    if offered.is_empty() && !forms.mitigate { Next::Unknown } else { Next::Offer(offered) }
}
