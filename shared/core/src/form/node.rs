//! The elements of a form: inputs and everything else that a client may show (contract `login-flow.md` 4.1, 4.2).

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

/// The kind of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeType {
    /// A form input.
    Input,
    /// Text to read.
    Text,
    /// An image.
    Img,
    /// A link.
    A,
    /// A script to load.
    Script,
    /// A container that scripts fill.
    Div,
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

/// The attributes of an element, by its kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Attributes {
    /// A form input.
    Input(Input),
    /// Text to read.
    Text(Text),
    /// An image.
    Image(Image),
    /// A link.
    Anchor(Anchor),
    /// A script to load.
    Script(Script),
    /// A container that scripts fill.
    Division(Division),
}

/// The type of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputType {
    /// One line of text.
    Text,
    /// Text that a client does not show.
    Password,
    /// A number.
    Number,
    /// Yes or no.
    Checkbox,
    /// A client sends it and does not show it.
    Hidden,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Tel,
    /// A button that sends the form.
    Submit,
    /// A button that starts a script.
    Button,
    /// A date and a time of day.
    DatetimeLocal,
    /// A date.
    Date,
    /// A URL.
    Url,
}

/// The attributes of an input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Input {
    /// The field's name in the payload.
    pub name: String,
    /// The kind of input.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// The current value. An empty text is a value; an input without one leaves the key out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Whether the form needs it; left out when not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// What a password manager may fill in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autocomplete: Option<&'static str>,
    /// The regular expression that the value must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Whether it can be edited.
    pub disabled: bool,
    /// Which function of `webauthn.js` a click calls.
    #[serde(flatten)]
    pub on_click: Option<OnClick>,
    /// Which function of `webauthn.js` a client calls once it shows the form.
    #[serde(flatten)]
    pub on_load: Option<OnLoad>,
    /// Most characters of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maxlength: Option<u32>,
    /// The values to choose from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
    node_type: NodeType,
}

/// A function of `webauthn.js`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Trigger {
    /// Register a security key.
    #[serde(rename = "oryWebAuthnRegistration")]
    WebAuthnRegistration,
    /// Sign in by a security key.
    #[serde(rename = "oryWebAuthnLogin")]
    WebAuthnLogin,
    /// Sign in by a passkey.
    #[serde(rename = "oryPasskeyLogin")]
    PasskeyLogin,
    /// Offer passkeys while a user fills in the identifier.
    #[serde(rename = "oryPasskeyLoginAutocompleteInit")]
    PasskeyLoginAutocompleteInit,
    /// Register a passkey for a new identity.
    #[serde(rename = "oryPasskeyRegistration")]
    PasskeyRegistration,
    /// Register a passkey for the identity of the session.
    #[serde(rename = "oryPasskeySettingsRegistration")]
    PasskeySettingsRegistration,
}

/// What a click does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OnClick {
    /// JavaScript for clients that run it; browser flows alone have it.
    #[serde(rename = "onclick", skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// The function for all other clients.
    #[serde(rename = "onclickTrigger")]
    pub trigger: Trigger,
}

/// What a client does once it shows the form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OnLoad {
    /// JavaScript for clients that run it; browser flows alone have it.
    #[serde(rename = "onload", skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// The function for all other clients.
    #[serde(rename = "onloadTrigger")]
    pub trigger: Trigger,
}

/// A value to choose.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// The value.
    pub value: Value,
}

/// The attributes of text to read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Text {
    /// The text.
    pub text: Message,
    /// The element's id.
    pub id: String,
    node_type: NodeType,
}

/// The attributes of an image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Image {
    /// Its URL; a QR code is a `data:` URL.
    pub src: String,
    /// The element's id.
    pub id: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    node_type: NodeType,
}

/// The attributes of a link.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Anchor {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub title: Message,
    /// The element's id.
    pub id: String,
    node_type: NodeType,
}

/// The attributes of a script to load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Script {
    /// Its URL.
    pub src: String,
    r#async: bool,
    referrerpolicy: &'static str,
    crossorigin: &'static str,
    /// Its hash, as browsers check it: `sha512-` and base64.
    pub integrity: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// The element's id.
    pub id: String,
    /// A random text, another one in each answer.
    pub nonce: String,
    node_type: NodeType,
}

/// The attributes of a container that scripts fill.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Division {
    /// The element's id.
    pub id: String,
    /// Its style class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Its data attributes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
    node_type: NodeType,
}

/// What stands beside a node's attributes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Meta {
    /// The label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Message>,
}

impl Attributes {
    fn node_type(&self) -> NodeType {
        match self {
            Self::Input(_) => NodeType::Input,
            Self::Text(_) => NodeType::Text,
            Self::Image(_) => NodeType::Img,
            Self::Anchor(_) => NodeType::A,
            Self::Script(_) => NodeType::Script,
            Self::Division(_) => NodeType::Div,
        }
    }
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
