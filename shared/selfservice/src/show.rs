//! How a flow is shown to the client that began it (contract `login-flow.md` 1.6).

use crate::policy::FlowPolicy;
use latchkey_core::csrf::CsrfSecret;
use latchkey_core::error::{ApiError, Fault};
use latchkey_core::flow::{Flow, FlowType};
use latchkey_methods::forms::Forms;
use latchkey_platform::{Platform, StartError};
use latchkey_store::{Db, Flows};
use latchkey_web::browser::form_token;
use latchkey_web::routes::Listener;
use latchkey_web::{Call, Edge, Reply, call};

/// What a function that shows flows is started with.
pub struct Viewer {
    /// The edge.
    pub edge: Edge,
    flows: Flows,
}

impl Viewer {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub fn start(platform: &Platform, function: &'static str) -> Result<Self, StartError> {
        let edge = Edge::start(platform, function, Listener::Public)?;
        let flows = Flows::open(&Db::start(&platform.env)?, &platform.env)?;
        flows.warm();
        Ok(Self { edge, flows })
    }
}

/// Shows a flow. The order is part of the contract: does it exist, does it belong to the client, is it over.
///
/// # Errors
/// As the contract has them.
pub async fn show<S: FlowPolicy>(viewer: &Viewer, forms: &Forms<S>, call: &Call<'_>) -> Result<Reply, Fault> {
    let id = call.query("id").and_then(|id| call::parse_id(id).ok()).ok_or_else(ApiError::not_located)?;
    let flow: Flow<S> = viewer.flows.get(id).await?.ok_or_else(ApiError::not_located)?;
    let own = |secret: &CsrfSecret| flow.csrf.is_some_and(|binding| binding.fits(secret));
    if flow.flow_type == FlowType::Browser && !call.csrf_cookies().iter().any(own) {
        return Err(call.csrf_cookie_violation());
    }
    if flow.is_expired(call.now) {
        return Err(flow.expired_on_read(viewer.edge.base_url()).into());
    }
    let form = forms.render(&flow, &form_token(call, &flow));
    Ok(Reply::json(200, &flow.render(&form, None), "shown").of_flow(flow.id))
}
