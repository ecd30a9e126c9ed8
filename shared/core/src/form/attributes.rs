//! The attributes of a form's elements, by their kind (contract `login-flow.md` 4.2).

use crate::message::Message;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

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
    pub(super) node_type: NodeType,
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
    pub(super) node_type: NodeType,
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
    pub(super) node_type: NodeType,
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
    pub(super) node_type: NodeType,
}

/// The attributes of a script to load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Script {
    /// Its URL.
    pub src: String,
    pub(super) r#async: bool,
    pub(super) referrerpolicy: &'static str,
    pub(super) crossorigin: &'static str,
    /// Its hash, as browsers check it: `sha512-` and base64.
    pub integrity: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// The element's id.
    pub id: String,
    /// A random text, another one in each answer.
    pub nonce: String,
    pub(super) node_type: NodeType,
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
    pub(super) node_type: NodeType,
}

impl Attributes {
    pub(super) fn node_type(&self) -> NodeType {
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
