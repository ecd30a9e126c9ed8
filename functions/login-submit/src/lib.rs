//! `POST /self-service/login?flow=`: takes submissions of the login flow (contract `login-flow.md` 5), by these methods.

use latchkey_config::{Config, Loaded, Secrets};
use latchkey_core::flow::login::Login;
use latchkey_core::method::MethodId;
use latchkey_methods::code::send::{CodeSender, Keys};
use latchkey_methods::forms::Forms;
use latchkey_methods::password::{Checker, leak::Leaks};
use latchkey_methods::unavailable::Unavailable;
use latchkey_methods::{code, identifier_first, password};
use latchkey_platform::secret::DeploymentSecrets;
use latchkey_platform::{Platform, StartError};
use latchkey_sealing::PublicKey;
use latchkey_selfservice::submit::{self, Parts, Submitter};
use latchkey_web::routes::Listener;
use latchkey_web::{Edge, Request, Response, edge};
use std::sync::Arc;

/// What the function is started with.
pub struct App(Submitter<Login>);

impl App {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let Loaded { config, secrets, .. } = edge::load_config(&platform.env)?;
        let forms = Forms::login(&config);
        let settings = forms.settings();
        let keys = keys(platform, &config, secrets)?;
        let sends_messages = keys.is_some();
        let sender = Arc::new(CodeSender::new(Arc::clone(settings), keys));
        let checker = Checker::new(password::hasher(&config));
        let leaks = Leaks::open(&platform.env, &config)?;
        let parts = Parts {
            methods: vec![
                Box::new(password::login::Submit::new(Arc::clone(settings), checker, leaks)),
                Box::new(code::login::Submit::new(Arc::clone(settings), Arc::clone(&sender))),
                Box::new(Unavailable(MethodId::Passkey)),
                Box::new(Unavailable(MethodId::Webauthn)),
                Box::new(identifier_first::login::Submit::new(Arc::clone(settings), sender)),
            ],
            edge: Edge::new(config, platform, "login-submit", Listener::Public),
            forms,
            sends_messages,
        };
        Ok(Self(Submitter::start(platform, parts)?))
    }
}

/// What codes are made and sealed with; `None` where they are off.
fn keys(platform: &Platform, config: &Config, secrets: Secrets) -> Result<Option<Keys>, StartError> {
    if !config.selfservice.methods.code.first_factor {
        return Ok(None);
    }
    let courier = platform.env.require("LATCHKEY_COURIER_KEY", "the public key that messages are sealed to")?;
    let courier = PublicKey::parse(courier).map_err(|e| StartError(format!("LATCHKEY_COURIER_KEY: {e}")))?;
    Ok(Some(Keys { courier, secrets: DeploymentSecrets::open(platform, secrets, config.dev)? }))
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.0.edge, request, async |call| submit::submit(&app.0, call).await).await
}
