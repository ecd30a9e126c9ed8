//! `GET /self-service/login/api`: begins a login in a native app (contract `login-flow.md` 1.5, 2).

use latchkey_core::error::ApiError;
use latchkey_core::flow::FlowType;
use latchkey_core::init::{Asking, Begun};
use latchkey_core::token::exchange_code;
use latchkey_methods::form::Forms;
use latchkey_platform::{Platform, StartError};
use latchkey_store::{Accounts, Db, Flows};
use latchkey_web::browser::{form_token, init_parameters, request_url};
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
        let edge = Edge::start(platform, "login-init-api", Listener::Public)?;
        let db = Db::start(env)?;
        let accounts = Accounts::open(&db, env)?;
        accounts.warm();
        Ok(Self { forms: Forms::new(&edge.config), edge, flows: Flows::open(&db, env)?, accounts })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| begin(app, call).await).await
}

async fn begin(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let draft = init_parameters(call, FlowType::Api).check(&app.forms.policy(app.edge.return_to()))?;
    let signed_in = caller::signed_in(call, &app.accounts).await?;
    let asking = signed_in.as_ref().map(|s| Asking { aal: s.session.aal(), identity: &s.profile.identity });
    let binding = call.csrf_secret().map(latchkey_core::csrf::CsrfSecret::binding);
    let terms = (app.edge.rng.id(), app.edge.flow_lifespan(), call.now);
    let Begun::Flow(mut flow) = draft.begin(asking, request_url(call), binding, terms)? else {
        return Err(ApiError::session_already_available().into());
    };
    // Somebody who is signed in already has the token that an exchange would bring.
    let wanted = call.flag("return_session_token_exchange_code") && signed_in.is_none();
    let init_code = if wanted {
        let code = || exchange_code(&app.edge.rng.bytes::<192>()).ok_or_else(|| Fault::internal("no exchange code"));
        flow.return_to_code = Some(code()?);
        let init_code = code()?;
        app.flows.begin_with_exchange(&flow, &init_code, app.edge.rng.id()).await?;
        Some(init_code)
    } else {
        app.flows.begin(&flow).await?;
        None
    };
    let form = app.forms.render(&flow, &form_token(call, &flow));
    Ok(Reply::json(200, &flow.render(&form, init_code.as_deref()), "begun").of_flow(flow.id))
}
