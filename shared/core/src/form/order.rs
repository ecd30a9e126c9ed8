//! The order of a form's nodes (contract `login-flow.md` 4.4): first by group, then by what an input is for within a group, and
//! between `default` and `password`.
//!
//! The second relation is not transitive, so the algorithm is part of the rule: a stable insertion sort. Forms of at most 20 nodes
//! come out exactly as clients know them.

use super::attributes::Attributes;
use super::node::{Group, Node};
use serde_json::Value;

/// Sorts a form.
pub fn sort(nodes: &mut [Node]) {
    nodes.sort_by_key(|node| place(node.group));
    for i in 1..nodes.len() {
        let mut j = i;
        while j > 0 && comes_before(&nodes[j], &nodes[j - 1]) {
            nodes.swap(j, j - 1);
            j -= 1;
        }
    }
}

/// The place of a group. Groups that the contract's order does not name come first.
fn place(group: Group) -> u8 {
    match group {
        Group::IdentifierFirst | Group::Profile | Group::Link => 0,
        Group::Oidc => 1,
        Group::Default => 2,
        Group::Webauthn => 3,
        Group::Passkey => 4,
        Group::Code => 5,
        Group::Password => 6,
        Group::Totp => 7,
        Group::LookupSecret => 8,
    }
}

fn comes_before(a: &Node, b: &Node) -> bool {
    let shared = |x: Group, y: Group| x == Group::Default && y == Group::Password;
    if a.group != b.group && !shared(a.group, b.group) && !shared(b.group, a.group) {
        return false;
    }
    (rank(a), value_text(a)) < (rank(b), value_text(b))
}

/// The rank of a node by its name.
fn rank(node: &Node) -> u8 {
    match node.name() {
        name if name.starts_with("csrf_token") => 0,
        name if name.starts_with("identifier") => 1,
        name if name.starts_with("password") => 2,
        name if name.starts_with("method") => 4,
        _ => 3,
    }
}

/// The value of a node as the order compares it.
fn value_text(node: &Node) -> String {
    match &node.attributes {
        Attributes::Input(input) => match &input.value {
            None => "<nil>".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        },
        Attributes::Text(text) => text.text.text.clone(),
        Attributes::Image(image) => image.src.clone(),
        Attributes::Anchor(anchor) => anchor.href.clone(),
        Attributes::Script(script) => script.src.clone(),
        Attributes::Division(_) => String::new(),
    }
}
