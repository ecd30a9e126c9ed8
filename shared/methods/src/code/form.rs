//! The nodes of a form that asks for a code.

use latchkey_core::form::{Group, InputType, Node};
use latchkey_core::message::Message;

/// The button that asks for a code.
pub(crate) fn ask_button() -> Node {
    Node::input(Group::Code, "method", InputType::Submit).value("code").label(Message::send_code())
}

/// The screen that asks for the code, made of the first screen's nodes.
pub(crate) fn entry(start: Vec<Node>, bare: bool) -> Vec<Node> {
    let hidden = |node: Node| {
        node.with_input(|input| {
            input.kind = InputType::Hidden;
            // An address that could be chosen stays as an identifier.
            "identifier".clone_into(&mut input.name);
        })
    };
    let is_identifier = |node: &Node| matches!(node.name(), "identifier" | "address");
    let mut nodes: Vec<Node> = start.into_iter().filter(is_identifier).map(hidden).collect();
    if bare {
        let identifier = Node::input(Group::Default, "identifier", InputType::Hidden).value("");
        match nodes.first_mut() {
            Some(first) => *first = identifier,
            None => nodes.push(identifier),
        }
    }
    let input = |name, kind| Node::input(Group::Code, name, kind);
    nodes.extend([
        input("method", InputType::Hidden).value("code"),
        input("code", InputType::Text).required().autocomplete("one-time-code").label(Message::label_login_code()),
        input("method", InputType::Submit).value("code").label(Message::go_on()),
        input("resend", InputType::Submit).value("code").label(Message::resend_code()),
    ]);
    nodes
}
