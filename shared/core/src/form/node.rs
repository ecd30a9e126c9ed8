//! The elements of a form: inputs and everything else that a client may show (contract `login-flow.md` 4.1, 4.2).

use super::attributes::{Anchor, Attributes, Division, Image, Input, InputType, NodeType, Script, Text};
use crate::message::Message;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// One element of a form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// What kind of element it is; follows from the attributes.
    #[serde(rename = "type")]
    node_type: NodeType,
    /// The method it belongs to, or `default`.
    pub group: Group,
    /// The attributes of the element.
    pub attributes: Attributes,
    /// Messages under the element.
    pub messages: Vec<Message>,
    /// The label, if any.
    pub meta: Meta,
}

/// Which part of a form a node belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// What several methods share.
    Default,
    /// Identifier and password.
    Password,
    /// Social sign-in.
    Oidc,
    /// The traits of an identity.
    Profile,
    /// Links sent to an address.
    Link,
    /// Codes sent to an address.
    Code,
    /// Codes of an authenticator app.
    Totp,
    /// Backup codes.
    LookupSecret,
    /// Security keys.
    Webauthn,
    /// Passkeys.
    Passkey,
    /// The first step of the identifier-first form.
    IdentifierFirst,
}

/// What stands beside a node's attributes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Meta {
    /// The label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Message>,
}

impl Node {
    fn new(group: Group, attributes: Attributes) -> Self {
        Self { node_type: attributes.node_type(), group, attributes, messages: Vec::new(), meta: Meta::default() }
    }

    /// An input without value and label that nothing requires.
    pub fn input(group: Group, name: &str, kind: InputType) -> Self {
        Self::new(
            group,
            Attributes::Input(Input {
                name: name.to_owned(),
                kind,
                value: None,
                required: false,
                autocomplete: None,
                pattern: None,
                disabled: false,
                on_click: None,
                on_load: None,
                maxlength: None,
                options: Vec::new(),
                node_type: NodeType::Input,
            }),
        )
    }

    /// Text to read.
    pub fn text(group: Group, id: &str, text: Message) -> Self {
        Self::new(group, Attributes::Text(Text { text, id: id.to_owned(), node_type: NodeType::Text }))
    }

    /// An image of this width and height in pixels.
    pub fn image(group: Group, id: &str, src: String, (width, height): (u32, u32)) -> Self {
        let image = Image { src, id: id.to_owned(), width, height, node_type: NodeType::Img };
        Self::new(group, Attributes::Image(image))
    }

    /// A link.
    pub fn anchor(group: Group, id: &str, href: String, title: Message) -> Self {
        Self::new(group, Attributes::Anchor(Anchor { href, title, id: id.to_owned(), node_type: NodeType::A }))
    }

    /// A script to load, with its hash and the nonce of this answer.
    pub fn script(group: Group, id: &str, src: String, integrity: String, nonce: String) -> Self {
        Self::new(
            group,
            Attributes::Script(Script {
                src,
                r#async: true,
                referrerpolicy: "no-referrer",
                crossorigin: "anonymous",
                integrity,
                kind: "text/javascript",
                id: id.to_owned(),
                nonce,
                node_type: NodeType::Script,
            }),
        )
    }

    /// A container that scripts fill.
    pub fn division(group: Group, id: &str, data: BTreeMap<String, String>) -> Self {
        let division = Division { id: id.to_owned(), class: None, data, node_type: NodeType::Div };
        Self::new(group, Attributes::Division(division))
    }

    /// The anti-CSRF input of a form; empty in flows of native apps.
    pub fn csrf_token(value: &str) -> Self {
        Self::input(Group::Default, "csrf_token", InputType::Hidden).value(value).required()
    }

    /// What a form knows the node by: the name of an input, the id of everything else.
    pub fn name(&self) -> &str {
        match &self.attributes {
            Attributes::Input(input) => &input.name,
            Attributes::Text(Text { id, .. })
            | Attributes::Image(Image { id, .. })
            | Attributes::Anchor(Anchor { id, .. })
            | Attributes::Script(Script { id, .. })
            | Attributes::Division(Division { id, .. }) => id,
        }
    }

    /// The attributes of an input; `None` for everything else.
    pub fn as_input(&self) -> Option<&Input> {
        match &self.attributes {
            Attributes::Input(input) => Some(input),
            _ => None,
        }
    }

    /// Changes an input; leaves everything else as it is.
    #[must_use]
    pub fn with_input(mut self, change: impl FnOnce(&mut Input)) -> Self {
        if let Attributes::Input(input) = &mut self.attributes {
            change(input);
        }
        self
    }

    /// Sets the value.
    #[must_use]
    pub fn value(self, value: impl Into<Value>) -> Self {
        self.with_input(|input| input.value = Some(value.into()))
    }

    /// Requires a value.
    #[must_use]
    pub fn required(self) -> Self {
        self.with_input(|input| input.required = true)
    }

    /// Tells password managers what belongs here.
    #[must_use]
    pub fn autocomplete(self, what: &'static str) -> Self {
        self.with_input(|input| input.autocomplete = Some(what))
    }

    /// Sets the label.
    #[must_use]
    pub fn label(mut self, label: Message) -> Self {
        self.meta.label = Some(label);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::attributes::{Choice, OnClick, Trigger};
    use serde_json::json;

    fn shown(node: Node) -> Value {
        serde_json::to_value(node).unwrap()
    }

    #[test]
    fn input_omits_unset_attributes() {
        let want = json!({"type": "input", "group": "password", "messages": [], "meta": {},
            "attributes": {"name": "password", "type": "password", "disabled": false, "node_type": "input"}});
        assert_eq!(shown(Node::input(Group::Password, "password", InputType::Password)), want);
    }

    #[test]
    fn button_names_its_trigger() {
        let button = Node::input(Group::Passkey, "passkey_login_trigger", InputType::Button).value("");
        let button = button.with_input(|input| {
            input.on_click =
                Some(OnClick { script: Some("window.oryPasskeyLogin()".into()), trigger: Trigger::PasskeyLogin });
            input.options = vec![Choice { value: json!("a") }];
        });
        let want = json!({"name": "passkey_login_trigger", "type": "button", "value": "", "disabled": false,
            "onclick": "window.oryPasskeyLogin()", "onclickTrigger": "oryPasskeyLogin", "options": [{"value": "a"}],
            "node_type": "input"});
        assert_eq!(shown(button)["attributes"], want);
    }

    #[test]
    fn other_elements_have_their_own_attributes() {
        let text = Message::label_id();
        for (node, kind, want) in [
            (
                Node::text(Group::Totp, "totp_secret_key", text.clone()),
                "text",
                json!({"id": "totp_secret_key", "text": text.clone(), "node_type": "text"}),
            ),
            (
                Node::image(Group::Totp, "totp_qr", "data:x".into(), (256, 256)),
                "img",
                json!({"src": "data:x", "id": "totp_qr", "width": 256, "height": 256, "node_type": "img"}),
            ),
            (
                Node::anchor(Group::Default, "link", "https://a.example".into(), text.clone()),
                "a",
                json!({"href": "https://a.example", "title": text, "id": "link", "node_type": "a"}),
            ),
            (
                Node::script(Group::Webauthn, "webauthn_script", "s".into(), "sha512-x".into(), "n".into()),
                "script",
                json!({"src": "s", "async": true, "referrerpolicy": "no-referrer", "crossorigin": "anonymous",
                    "integrity": "sha512-x", "type": "text/javascript", "id": "webauthn_script", "nonce": "n",
                    "node_type": "script"}),
            ),
            (Node::division(Group::Default, "box", BTreeMap::new()), "div", json!({"id": "box", "node_type": "div"})),
        ] {
            let id = want["id"].as_str().unwrap().to_owned();
            assert_eq!(node.name(), id);
            let node = shown(node);
            assert_eq!((&node["type"], &node["attributes"]), (&json!(kind), &want));
        }
    }
}
