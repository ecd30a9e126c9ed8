//! The form of a flow: nodes, their attributes and their order (contract `login-flow.md` 4).

use crate::message::Message;
use serde::Serialize;
use serde_json::Value;

/// What a client renders.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Container {
    /// Where the form is submitted.
    pub action: String,
    /// Always `POST` for login.
    pub method: &'static str,
    /// The inputs, in the order they are shown.
    pub nodes: Vec<Node>,
    /// Messages on top of the form; absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
}

/// One element of the form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// `input`; other kinds come with the methods that show them.
    #[serde(rename = "type")]
    pub kind: NodeType,
    /// The method it belongs to, or `default`.
    pub group: Group,
    /// The attributes of the element.
    pub attributes: Input,
    /// Messages under the element.
    pub messages: Vec<Message>,
    /// The label, if any.
    pub meta: Meta,
}

/// Type of a node, also repeated inside its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeType {
    /// A form input.
    Input,
}

/// Which part of a form a node belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// What several methods share.
    Default,
    /// The password method.
    Password,
    /// The code method.
    Code,
    /// The first step of the identifier-first form.
    IdentifierFirst,
}

impl Group {
    /// Place of the group in a form: those that the order does not name, then oidc, default, webauthn, passkey, code, password,
    /// totp, lookup_secret.
    fn order(self) -> u8 {
        match self {
            Self::IdentifierFirst => 0,
            Self::Default => 2,
            Self::Code => 5,
            Self::Password => 6,
        }
    }
}

/// Type of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputType {
    /// One line of text.
    Text,
    /// Text that is not shown.
    Password,
    /// Sent, not shown.
    Hidden,
    /// A button that sends the form.
    Submit,
}

/// Attributes of an input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Input {
    /// Field name in the payload.
    pub name: String,
    /// Kind of input.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// Current value; an empty text is a value, an unset one is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Whether the form needs it; left out when not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// What a password manager may fill in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autocomplete: Option<&'static str>,
    /// Whether it can be edited.
    pub disabled: bool,
    /// Repeats the node's type.
    pub node_type: NodeType,
}

/// What stands beside a node's attributes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Meta {
    /// The label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Message>,
}

impl Node {
    /// An input without value, label or demands.
    pub fn input(group: Group, name: &str, kind: InputType) -> Self {
        Self {
            kind: NodeType::Input,
            group,
            attributes: Input {
                name: name.to_owned(),
                kind,
                value: None,
                required: false,
                autocomplete: None,
                disabled: false,
                node_type: NodeType::Input,
            },
            messages: Vec::new(),
            meta: Meta::default(),
        }
    }

    /// The anti-CSRF input of a form; empty in flows of native apps.
    pub fn csrf_token(value: &str) -> Self {
        Self::input(Group::Default, "csrf_token", InputType::Hidden).value(value).required()
    }

    /// Sets the value.
    pub fn value(mut self, value: impl Into<Value>) -> Self {
        self.attributes.value = Some(value.into());
        self
    }

    /// Demands a value.
    pub fn required(mut self) -> Self {
        self.attributes.required = true;
        self
    }

    /// Tells password managers what belongs here.
    pub fn autocomplete(mut self, what: &'static str) -> Self {
        self.attributes.autocomplete = Some(what);
        self
    }

    /// Sets the label.
    pub fn label(mut self, label: Message) -> Self {
        self.meta.label = Some(label);
        self
    }

    fn rank(&self) -> u8 {
        let name = &self.attributes.name;
        ["csrf_token", "identifier", "password"].iter().position(|prefix| name.starts_with(prefix)).map_or_else(
            || if name.starts_with("method") { 4 } else { 3 },
            // At most two.
            |place| place as u8,
        )
    }

    fn value_text(&self) -> String {
        match &self.attributes.value {
            None => "<nil>".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }
}

/// Sets a node, in the place of one with the same name and group if there is one. Submit buttons of a group may share a
/// name, so they count as the same only with the same value.
pub fn upsert(nodes: &mut Vec<Node>, node: Node) {
    let same = |n: &Node| {
        n.attributes.name == node.attributes.name
            && n.group == node.group
            && (node.attributes.kind != InputType::Submit || n.attributes.value == node.attributes.value)
    };
    match nodes.iter_mut().find(|n| same(n)) {
        Some(place) => *place = node,
        None => nodes.push(node),
    }
}

/// Puts a message under the input it is about; a field that the form does not show gets an input of its own.
pub fn attach(nodes: &mut Vec<Node>, field: &str, message: Message) {
    match nodes.iter_mut().find(|n| n.attributes.name == field) {
        Some(node) => node.messages.push(message),
        None => {
            let mut node = Node::input(Group::Default, field, InputType::Text);
            node.messages.push(message);
            nodes.push(node);
        }
    }
}

/// Sorts a form (contract 4.4): first by group, then within a group (and between `default` and `password`) by what the
/// input is for.
///
/// The second relation is not transitive, so the algorithm is part of the rule: a stable insertion sort. Forms of at most
/// 20 nodes come out exactly as clients know them.
pub fn sort(nodes: &mut [Node]) {
    nodes.sort_by_key(|n| n.group.order());
    for i in 1..nodes.len() {
        let mut j = i;
        while j > 0 && comes_before(&nodes[j], &nodes[j - 1]) {
            nodes.swap(j, j - 1);
            j -= 1;
        }
    }
}

fn comes_before(a: &Node, b: &Node) -> bool {
    let shared = |x: Group, y: Group| x == Group::Default && y == Group::Password;
    if a.group != b.group && !shared(a.group, b.group) && !shared(b.group, a.group) {
        return false;
    }
    (a.rank(), a.value_text()) < (b.rank(), b.value_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(nodes: &[Node]) -> Vec<&str> {
        nodes.iter().map(|n| n.attributes.name.as_str()).collect()
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
    fn the_password_form_in_order() {
        let mut nodes = form();
        sort(&mut nodes);
        assert_eq!(names(&nodes), ["csrf_token", "identifier", "password", "method"]);
    }

    #[test]
    fn an_input_made_for_a_message_stands_before_the_button() {
        let mut nodes = form();
        attach(&mut nodes, "transient_payload", Message::wrong_type("object", "number"));
        attach(&mut nodes, "password", Message::missing("password"));
        sort(&mut nodes);
        assert_eq!(names(&nodes), ["csrf_token", "identifier", "password", "transient_payload", "method"]);
        assert_eq!(nodes[2].messages.len(), 1);
    }

    #[test]
    fn a_later_method_replaces_a_shared_input_in_place() {
        let mut nodes = form();
        upsert(&mut nodes, Node::input(Group::Default, "identifier", InputType::Hidden).value("a"));
        assert_eq!(names(&nodes)[0], "identifier");
        assert_eq!(nodes[0].attributes.kind, InputType::Hidden);
        upsert(&mut nodes, Node::input(Group::Password, "method", InputType::Submit).value("other"));
        assert_eq!(nodes.len(), 5);
    }

    #[test]
    fn an_input_without_demands_is_short() {
        let node = serde_json::to_value(Node::input(Group::Password, "password", InputType::Password)).unwrap();
        let want = serde_json::json!({"type": "input", "group": "password", "messages": [], "meta": {},
            "attributes": {"name": "password", "type": "password", "disabled": false, "node_type": "input"}});
        assert_eq!(node, want);
    }
}
