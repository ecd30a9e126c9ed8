//! A flow's form: the nodes of every method that serves the flow, sorted, with what there is to say.

use crate::password;
use latchkey_config::Config;
use latchkey_core::flow::{FlowKind, LoginFlow};
use latchkey_core::message::Message;
use latchkey_core::ui::{self, Container, Node};
use serde_json::Value;
use std::collections::BTreeMap;

/// What forms need of the configuration, worked out once.
#[derive(Clone, Debug)]
pub struct Forms {
    base_url: String,
    default_schema: String,
    labels: BTreeMap<String, Message>,
    /// Whether the password method is on.
    pub password: bool,
    /// Id of each identity schema, and whether clients may choose it.
    pub schemas: Vec<(String, bool)>,
}

impl Forms {
    /// Works out the labels of all schemas.
    pub fn new(config: &Config) -> Self {
        let label = |document: &Value| match latchkey_schema::label::identifier_label(document) {
            Some((name, title)) => Message::label_from_schema(&name, &title),
            None => Message::label_id(),
        };
        let identity = &config.identity;
        Self {
            base_url: config.public.base_url.clone(),
            default_schema: identity.default_schema_id.clone(),
            labels: identity.schemas.iter().map(|s| (s.id.clone(), label(&s.document))).collect(),
            password: config.methods.password.enabled,
            schemas: identity.schemas.iter().map(|s| (s.id.clone(), s.selfservice_selectable)).collect(),
        }
    }

    /// The schema that counts without a choice.
    pub fn default_schema(&self) -> &str {
        &self.default_schema
    }

    /// The label of a flow's identifier: of the schema the flow names, else of the default one.
    pub(crate) fn identifier_label(&self, flow: &LoginFlow) -> Message {
        let id = flow.identity_schema.as_deref().unwrap_or(&self.default_schema);
        self.labels.get(id).cloned().unwrap_or_else(Message::label_id)
    }

    /// Renders a flow's form. `token` is the anti-CSRF token of this answer, empty for native apps.
    pub fn render(&self, flow: &LoginFlow, token: &str) -> Container {
        let mut nodes = Vec::new();
        password::populate(self, flow, &mut nodes);
        if flow.kind == FlowKind::Browser || !nodes.is_empty() {
            ui::upsert(&mut nodes, Node::csrf_token(token));
        }
        if let Some(typed) = &flow.form.identifier
            && let Some(node) = nodes.iter_mut().find(|n| n.attributes.name == "identifier")
        {
            node.attributes.value = Some(Value::String(typed.clone()));
        }
        for said in &flow.form.fields {
            ui::attach(&mut nodes, &said.field, said.message.clone());
        }
        ui::sort(&mut nodes);
        Container { action: flow.action(&self.base_url), method: "POST", nodes, messages: flow.form.messages.clone() }
    }
}
