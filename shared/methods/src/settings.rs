//! What the methods need of the configuration, worked out once.

use latchkey_config::{CodeMethod, Config, LoginStyle};
use latchkey_core::aal::Aal;
use latchkey_core::flow::Flow;
use latchkey_core::flow::login::Login;
use latchkey_core::message::Message;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the methods need of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The public base URL.
    pub base_url: String,
    /// The schema that counts when a client names none.
    pub default_schema: String,
    /// Id of each identity schema, and whether clients may choose it.
    pub schemas: Vec<(String, bool)>,
    /// Whether the password method is on.
    pub password: bool,
    /// The code method.
    pub code: CodeMethod,
    /// Whether the login form asks for the identifier first.
    pub identifier_first: bool,
    /// Whether answers hide which identifiers have an account.
    pub mitigate: bool,
    /// Whether the user of a session chooses among the identity's addresses on a refresh.
    pub choose_address: bool,
    /// Whether an e-mail tells its recipient that there is no account for the address.
    pub notify_unknown_recipients: bool,
    labels: BTreeMap<String, Message>,
}

impl Settings {
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
            schemas: identity.schemas.iter().map(|s| (s.id.clone(), s.selfservice_selectable)).collect(),
            password: config.selfservice.methods.password.enabled,
            code: config.selfservice.methods.code,
            identifier_first: config.selfservice.flows.login_options.style == LoginStyle::IdentifierFirst,
            mitigate: config.mitigate_enumeration,
            choose_address: config.features.refresh_login_choose_address,
            notify_unknown_recipients: config.selfservice.flows.login_options.notify_unknown_recipients,
            labels: identity.schemas.iter().map(|s| (s.id.clone(), label(&s.document))).collect(),
        }
    }

    /// The label of a flow's identifier: of the schema that the flow names, else of the default one.
    pub(crate) fn identifier_label(&self, flow: &Flow<Login>) -> Message {
        let id = flow.identity_schema.as_deref().unwrap_or(&self.default_schema);
        self.labels.get(id).cloned().unwrap_or_else(Message::label_id)
    }

    /// Whether methods that prove a first factor serve a flow. Members of an organization sign in by its own methods, of which there
    /// are none yet.
    fn is_first_factor(flow: &Flow<Login>) -> bool {
        flow.state.requested_aal == Aal::Aal1 && flow.organization_id.is_none()
    }

    /// Whether the password method serves a flow.
    pub(crate) fn password_serves(&self, flow: &Flow<Login>) -> bool {
        self.password && Self::is_first_factor(flow)
    }

    /// Whether the code method serves a flow.
    pub(crate) fn code_serves(&self, flow: &Flow<Login>) -> bool {
        self.code.first_factor && Self::is_first_factor(flow)
    }

    /// Whether a flow asks for the identifier first. On a refresh it is known already.
    pub(crate) fn identifier_first_serves(&self, flow: &Flow<Login>) -> bool {
        self.identifier_first && Self::is_first_factor(flow) && !flow.state.refresh
    }

    /// Whether the user of a session chooses an address instead of typing one.
    pub(crate) fn offers_addresses(&self, flow: &Flow<Login>) -> bool {
        self.choose_address && flow.state.refresh && self.code_serves(flow)
    }
}
