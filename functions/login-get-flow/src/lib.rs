//! `GET /self-service/login/flows?id=`: shows a flow to the client that began it (contract `login-flow.md` 1.6).

use latchkey_core::error::ApiError;
use latchkey_core::flow::FlowType;
use latchkey_methods::form::Forms;
use latchkey_platform::{Platform, StartError};
use latchkey_store::{Db, Flows};
use latchkey_web::browser::form_token;
use latchkey_web::routes::Listener;
use latchkey_web::{Call, Edge, Fault, Reply, Request, Response, call, edge};

/// What the function is started with.
pub struct App {
    edge: Edge,
    forms: Forms,
    flows: Flows,
}

impl App {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let edge = Edge::start(platform, "login-get-flow", Listener::Public)?;
        let flows = Flows::open(&Db::start(env)?, env)?;
        flows.warm();
        Ok(Self { forms: Forms::new(&edge.config), edge, flows })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| show(app, call).await).await
}

/// The order is part of the contract: does it exist, whose is it, is it over.
async fn show(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let id = call.query("id").and_then(|id| call::parse_id(id).ok()).ok_or_else(ApiError::not_located)?;
    let flow = app.flows.get(id).await?.ok_or_else(ApiError::not_located)?.flow;
    let own = |secret| flow.csrf.is_some_and(|binding| binding.fits(secret));
    if flow.kind == FlowType::Browser && !call.csrf_cookies().iter().any(own) {
        return Err(call.csrf_cookie_violation());
    }
    if flow.is_expired(call.now) {
        return Err(flow.expired_on_read(app.edge.base_url()).into());
    }
    let form = app.forms.render(&flow, &form_token(call, &flow));
    Ok(Reply::json(200, &flow.render(&form, None), "shown").of_flow(flow.id))
}
