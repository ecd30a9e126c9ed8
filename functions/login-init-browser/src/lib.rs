//! `GET /self-service/login/browser`: begins a login in a browser (contract `login-flow.md` 1.4, 2).

use latchkey_core::error::ApiError;
use latchkey_core::flow::FlowType;
use latchkey_core::init::{Asking, Begun};
use latchkey_core::url::with_query;
use latchkey_methods::form::Forms;
use latchkey_platform::{Platform, StartError};
use latchkey_store::{Accounts, Db, Flows};
use latchkey_web::browser::{form_token, forward, init_parameters, request_url};
use latchkey_web::routes::Listener;
use latchkey_web::{Call, Edge, Fault, Reply, Request, Response, caller, edge};

/// What the function is started with.
pub struct App {
    edge: Edge,
    forms: Forms,
    flows: Flows,
    accounts: Accounts,
}

impl App {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let edge = Edge::start(platform, "login-init-browser", Listener::Public)?;
        let db = Db::start(env)?;
        let accounts = Accounts::open(&db, env)?;
        accounts.warm();
        Ok(Self { forms: Forms::new(&edge.config), edge, flows: Flows::open(&db, env)?, accounts })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| match begin(app, call).await {
        Ok(reply) => Ok(reply),
        Err(fault) => forward(call, &app.flows, fault).await,
    })
    .await
}

async fn begin(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let draft = init_parameters(call, FlowType::Browser).check(&app.forms.policy(app.edge.return_to()))?;
    let selfservice = &app.edge.config.selfservice;
    let home = draft.checked_return_to.clone().unwrap_or_else(|| selfservice.default_browser_return_url.clone());
    let signed_in = caller::signed_in(call, &app.accounts).await?;
    let asking = signed_in.as_ref().map(|s| Asking { aal: s.session.aal(), identity: &s.profile.identity });
    let binding = call.csrf_secret().map(latchkey_core::csrf::CsrfSecret::binding);
    let terms = (app.edge.rng.id(), app.edge.flow_lifespan(), call.now);
    let flow = match draft.begin(asking, request_url(call), binding, terms)? {
        Begun::Flow(flow) => flow,
        Begun::AlreadySignedIn if call.is_json_request() => return Err(ApiError::session_already_available().into()),
        Begun::AlreadySignedIn => return Ok(Reply::redirect(303, &home, true, "already signed in")),
    };
    app.flows.begin(&flow).await?;
    let reply = if call.accepts_json() {
        let form = app.forms.render(&flow, &form_token(call, &flow));
        Reply::json(200, &flow.render(&form, None), "begun")
    } else {
        Reply::redirect(303, &with_query(&selfservice.flows.login.ui_url, "flow", &flow.id.to_string()), true, "begun")
    };
    Ok(reply.of_flow(flow.id))
}
