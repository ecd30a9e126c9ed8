//! The forms of each flow: the list of the methods that fill them.

use crate::form::FormMethod;
use crate::settings::Settings;
use crate::{code, identifier_first, password};
use latchkey_config::Config;
use latchkey_core::flow::login::Login;
use latchkey_core::flow::{Flow, FlowSpec, FlowType};
use latchkey_core::form::{self, Container, InputType, Layout, Node, Offer, Screen};
use latchkey_core::identity::Identity;
use latchkey_core::method::MethodId;
use std::sync::Arc;

/// The forms of a flow: the methods that can fill them, in the order in which they do.
pub struct Forms<S: FlowSpec> {
    settings: Arc<Settings>,
    methods: Vec<Box<dyn FormMethod<S>>>,
}

impl Forms<Login> {
    /// The forms of the login flow.
    pub fn login(config: &Config) -> Self {
        let settings = Arc::new(Settings::new(config));
        Self {
            methods: vec![
                Box::new(password::login::Form::new(Arc::clone(&settings))),
                Box::new(code::login::Form::new(Arc::clone(&settings))),
                Box::new(identifier_first::login::Form::new(Arc::clone(&settings))),
            ],
            settings,
        }
    }
}

impl<S: FlowSpec> Forms<S> {
    /// What the methods need of the configuration.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// What a new flow offers.
    pub fn offers(&self, flow: &Flow<S>, subject: Option<&Identity>) -> Vec<Offer> {
        self.methods.iter().filter_map(|method| method.offer(flow, subject)).collect()
    }

    /// Renders the form of a flow. `token` is the anti-CSRF token of this answer, empty for native apps.
    pub fn render(&self, flow: &Flow<S>, token: &str) -> Container {
        let start = || self.start(flow, token);
        let mut nodes = match &flow.form.screen {
            Screen::Start => start(),
            Screen::Offers(offered) => self.after_identifier(start(), offered),
            Screen::Code { bare } => {
                let mut nodes = code::form::entry(start(), *bare);
                if flow.flow_type == FlowType::Browser {
                    nodes.push(Node::csrf_token(token));
                }
                nodes
            }
        };
        if flow.form.layout == Layout::Refusal && (flow.flow_type == FlowType::Browser || !nodes.is_empty()) {
            form::upsert(&mut nodes, Node::csrf_token(token));
        }
        flow.fill(&mut nodes);
        let action = flow.action(&self.settings.base_url);
        Container { action, method: "POST", nodes, messages: flow.form.messages.clone() }
    }

    /// The first screen: the nodes of every method that the flow offers, sorted.
    fn start(&self, flow: &Flow<S>, token: &str) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut has_token = flow.flow_type == FlowType::Browser;
        for method in &self.methods {
            let offered = flow.offers.iter().flatten().find(|offer| offer.method == method.id());
            let own = offered.map(|offer| method.nodes(flow, offer)).unwrap_or_default();
            has_token |= !own.is_empty() && method.has_token_in_api_flows();
            own.into_iter().for_each(|node| form::upsert(&mut nodes, node));
        }
        if has_token {
            form::upsert(&mut nodes, Node::csrf_token(token));
        }
        form::sort(&mut nodes);
        nodes
    }

    /// The second screen, made of the first one's nodes in their order.
    fn after_identifier(&self, mut nodes: Vec<Node>, offered: &[MethodId]) -> Vec<Node> {
        nodes.retain(|node| node.name() != "method");
        let hide = |node: Node| match node.name() {
            "identifier" => node.with_input(|input| input.kind = InputType::Hidden),
            _ => node,
        };
        let mut nodes: Vec<Node> = nodes.into_iter().map(hide).collect();
        for id in offered {
            nodes.extend(
                self.methods.iter().filter(|method| method.id() == *id).flat_map(|m| m.nodes_after_identifier()),
            );
        }
        nodes
    }
}
