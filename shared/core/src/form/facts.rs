//! What a flow stores of its form. The form itself is rendered from these facts on each read, so a release that draws it
//! differently needs no migration.

use crate::bounds::LONGEST_IDENTIFIER;
use crate::message::Message;
use crate::method::MethodId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which of its screens a flow shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    /// The first one.
    #[default]
    Start,
    /// The user has given the identifier; these methods are offered.
    Offers(Vec<MethodId>),
    /// The form asks for a code.
    Code {
        /// Whether the form has a new hidden input for the identifier, as it has once a code was refused. Before that, the
        /// identifier's input of the first screen is hidden.
        bare: bool,
    },
}

/// How a form came about. Clients rely on the order of nodes that follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// The flow has begun: nodes are sorted.
    #[default]
    #[serde(rename = "begun")]
    Initial,
    /// A step went well: nodes stand where the step put them.
    #[serde(rename = "stepped")]
    Step,
    /// A submission was refused: nodes are sorted, and flows of native apps have the anti-CSRF input too.
    #[serde(rename = "refused")]
    Refusal,
}

/// A message for one input of the form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldMessage {
    /// The input's name.
    pub field: String,
    /// The message.
    pub message: Message,
}

impl FieldMessage {
    /// A message for an input.
    pub fn new(field: &str, message: Message) -> Self {
        Self { field: field.to_owned(), message }
    }
}

/// A method that a flow offers, with the facts that its form needs. Only the method knows what they mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The method.
    pub method: MethodId,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    facts: Value,
}

impl Offer {
    /// An offer that needs no facts.
    pub fn plain(method: MethodId) -> Self {
        Self { method, facts: Value::Null }
    }

    /// An offer with facts.
    pub fn new(method: MethodId, facts: &impl Serialize) -> Self {
        // Facts are plain structs of texts, which JSON can always hold.
        Self { method, facts: serde_json::to_value(facts).unwrap_or_default() }
    }

    /// The facts as the method wrote them; their defaults when another release wrote them differently.
    pub fn facts<T: DeserializeOwned + Default>(&self) -> T {
        serde_json::from_value(self.facts.clone()).unwrap_or_default()
    }
}

/// What the form shows beyond what the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FormFacts {
    /// What the user typed as identifier, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identifier: Option<String>,
    /// Messages on top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// Messages under inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldMessage>,
    /// The screen.
    #[serde(default, skip_serializing_if = "is_default")]
    pub screen: Screen,
    /// How the form came about.
    #[serde(default, rename = "made", skip_serializing_if = "is_default")]
    pub layout: Layout,
    /// Whether a native app's form holds a token. It does where the request came with a browser's cookie; no submission of a
    /// native app is checked against it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub token_in_api_flow: bool,
}

impl FormFacts {
    /// What the form's identifier holds.
    pub fn identifier(&self) -> Option<&str> {
        self.identifier.as_deref()
    }

    /// Keeps what the user typed as identifier, verbatim. A text longer than every identifier is dropped.
    pub fn keep_identifier(&mut self, typed: &str) {
        let is_too_long = typed.chars().nth(LONGEST_IDENTIFIER).is_some();
        self.identifier = Some(if is_too_long { String::new() } else { typed.to_owned() });
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
