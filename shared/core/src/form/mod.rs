//! The form of a flow (contract `login-flow.md` 4): the facts that are stored of it, its nodes, and their order.
//!
//! | module | holds |
//! |---|---|
//! | [`attributes`] | the attributes of nodes, by kind |
//! | [`facts`] | what a flow stores of its form |
//! | [`node`] | nodes of every kind |
//! | [`order`] | how a form is sorted |

pub mod attributes;
pub mod facts;
pub mod node;
pub mod order;

pub use attributes::InputType;
pub use facts::{FieldMessage, FormFacts, Layout, Offer, Screen};
pub use node::{Group, Node};
pub use order::sort;

use crate::message::Message;
use serde::Serialize;

/// What a client renders.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Container {
    /// Where the form is submitted.
    pub action: String,
    /// The verb of the submission.
    pub method: &'static str,
    /// The nodes, in the order in which a client shows them.
    pub nodes: Vec<Node>,
    /// Messages on top of the form; absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
}

/// Sets a node, in the place of one with the same name and group if there is one. Submit buttons of a group may share a
/// name, so they count as the same only with the same value.
pub fn upsert(nodes: &mut Vec<Node>, node: Node) {
    let value = |node: &Node| node.as_input().and_then(|input| input.value.clone());
    let is_button = node.as_input().is_some_and(|input| input.kind == InputType::Submit);
    let same = |n: &Node| n.name() == node.name() && n.group == node.group && (!is_button || value(n) == value(&node));
    match nodes.iter_mut().find(|n| same(n)) {
        Some(place) => *place = node,
        None => nodes.push(node),
    }
}

/// Puts a message under the input it is about; a field that the form does not show gets an input of its own.
pub fn attach(nodes: &mut Vec<Node>, field: &str, message: Message) {
    match nodes.iter_mut().find(|n| n.name() == field) {
        Some(node) => node.messages.push(message),
        None => {
            let mut node = Node::input(Group::Default, field, InputType::Text);
            node.messages.push(message);
            nodes.push(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(nodes: &[Node]) -> Vec<&str> {
        nodes.iter().map(Node::name).collect()
    }

    fn form() -> Vec<Node> {
        vec![
            Node::input(Group::Default, "identifier", InputType::Text).value(""),
            Node::input(Group::Password, "method", InputType::Submit).value("password"),
            Node::input(Group::Password, "password", InputType::Password),
            Node::csrf_token("x"),
        ]
    }

    #[test]
    fn password_form_is_sorted() {
        let mut nodes = form();
        sort(&mut nodes);
        assert_eq!(names(&nodes), ["csrf_token", "identifier", "password", "method"]);
    }

    #[test]
    fn input_for_a_message_stands_before_the_button() {
        let mut nodes = form();
        attach(&mut nodes, "transient_payload", Message::wrong_type("object", "number"));
        attach(&mut nodes, "password", Message::missing("password"));
        sort(&mut nodes);
        assert_eq!(names(&nodes), ["csrf_token", "identifier", "password", "transient_payload", "method"]);
        assert_eq!(nodes[2].messages.len(), 1);
    }

    #[test]
    fn groups_stand_in_the_contracts_order() {
        let groups = [
            Group::LookupSecret,
            Group::Totp,
            Group::Password,
            Group::Code,
            Group::Passkey,
            Group::Webauthn,
            Group::Oidc,
            Group::IdentifierFirst,
        ];
        let mut nodes: Vec<Node> = groups.iter().map(|&group| Node::input(group, "x", InputType::Text)).collect();
        sort(&mut nodes);
        let sorted: Vec<Group> = nodes.iter().map(|node| node.group).collect();
        assert_eq!(sorted, groups.into_iter().rev().collect::<Vec<_>>());
    }

    #[test]
    fn shared_input_is_replaced_in_place() {
        let mut nodes = form();
        upsert(&mut nodes, Node::input(Group::Default, "identifier", InputType::Hidden).value("a"));
        assert_eq!(names(&nodes)[0], "identifier");
        assert_eq!(nodes[0].as_input().unwrap().kind, InputType::Hidden);
        upsert(&mut nodes, Node::input(Group::Password, "method", InputType::Submit).value("other"));
        assert_eq!(nodes.len(), 5);
    }
}
