//! A flow's form: the nodes of every method that serves the flow, sorted, with what there is to say.

use crate::{code, identifier_first, password};
use latchkey_config::{CodeMethod, Config, LoginStyle};
use latchkey_core::flow::{FlowType, LoginFlow, Made, Screen};
use latchkey_core::form::{self, Container, Node};
use latchkey_core::init::Policy;
use latchkey_core::message::Message;
use latchkey_core::return_to::AllowList;
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
    /// The code method.
    pub code: CodeMethod,
    /// Whether the identifier is asked for first.
    pub identifier_first: bool,
    /// Whether answers hide who has an account.
    pub mitigate: bool,
    /// Whether somebody known chooses among their addresses.
    pub choose_address: bool,
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
            password: config.selfservice.methods.password.enabled,
            code: config.selfservice.methods.code,
            identifier_first: config.selfservice.flows.login_options.style == LoginStyle::IdentifierFirst,
            mitigate: config.mitigate_enumeration,
            choose_address: config.features.refresh_login_choose_address,
            schemas: identity.schemas.iter().map(|s| (s.id.clone(), s.selfservice_selectable)).collect(),
        }
    }

    /// What a client that begins a flow may ask for.
    pub fn policy<'a>(&'a self, return_to: &'a AllowList) -> Policy<'a> {
        Policy {
            return_to,
            schemas: &self.schemas,
            default_schema: &self.default_schema,
            offers_addresses: self.offers_addresses(),
        }
    }

    /// Set when whoever confirms themselves may choose among their addresses; true when verifiable ones do as well.
    pub fn offers_addresses(&self) -> Option<bool> {
        (self.choose_address && self.code.first_factor).then_some(self.code.missing_credential_fallback)
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
        let facts = &flow.form;
        let mut nodes = match &facts.screen {
            Screen::Start => self.start(flow, token),
            Screen::Offers(offered) => identifier_first::offers(self.start(flow, token), offered),
            Screen::Code { bare } => {
                let mut nodes = code::entry(self.start(flow, token), *bare);
                if flow.kind == FlowType::Browser {
                    nodes.push(Node::csrf_token(token));
                }
                nodes
            }
        };
        if facts.made == Made::Refused && (flow.kind == FlowType::Browser || !nodes.is_empty()) {
            form::upsert(&mut nodes, Node::csrf_token(token));
        }
        if let Some(typed) = facts.identifier()
            && let Some(node) = nodes.iter_mut().find(|n| n.attributes.name == "identifier")
        {
            node.attributes.value = Some(Value::from(typed));
        }
        for said in &facts.fields {
            form::attach(&mut nodes, &said.field, said.message.clone());
        }
        if facts.made != Made::Stepped {
            form::sort(&mut nodes);
        }
        Container { action: flow.action(&self.base_url), method: "POST", nodes, messages: facts.messages.clone() }
    }

    /// The first screen: the inputs of every method that serves the flow, sorted.
    fn start(&self, flow: &LoginFlow, token: &str) -> Vec<Node> {
        let mut nodes = Vec::new();
        if identifier_first::serves(self, flow) {
            identifier_first::populate(self, flow, &mut nodes);
        } else {
            password::populate(self, flow, &mut nodes);
        }
        // In flows of apps the token stands for habit; codes never had the habit.
        let token_is_shown = flow.kind == FlowType::Browser || !nodes.is_empty();
        if !identifier_first::serves(self, flow) {
            code::populate(self, flow, &mut nodes);
        }
        if token_is_shown {
            form::upsert(&mut nodes, Node::csrf_token(token));
        }
        form::sort(&mut nodes);
        nodes
    }
}
