//! `GET /self-service/errors?id=`: the error that a browser was redirected with (contract `login-flow.md` 1.11).

use latchkey_core::error::ApiError;
use latchkey_core::wire::timestamp;
use latchkey_platform::{Platform, StartError};
use latchkey_store::{Db, Flows};
use latchkey_web::routes::Listener;
use latchkey_web::{Call, Edge, Fault, Reply, Request, Response, call, edge};
use serde_json::json;

/// The function with its configuration and tables.
pub struct App {
    edge: Edge,
    flows: Flows,
}

impl App {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let edge = Edge::start(platform, "errors", Listener::Public)?;
        let flows = Flows::open(&Db::start(env)?, env)?;
        flows.warm();
        Ok(Self { edge, flows })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| show(app, call).await).await
}

async fn show(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let wanted = call.query_filled("error").or(call.query("id")).unwrap_or("");
    let (id, error, at) = if wanted == "stub:500" {
        // A sample for developers of an error page.
        (app.edge.rng.id(), ApiError::new(500).because("This is a stub error.").inner(None), call.now)
    } else {
        let id = call::parse_id(wanted).map_err(|_| ApiError::not_located())?;
        let stored = app.flows.get_error(id, call.now).await?.ok_or_else(ApiError::not_located)?;
        (id, stored.error, stored.created_at)
    };
    let body = json!({"id": id, "error": error, "created_at": timestamp(at), "updated_at": timestamp(at)});
    Ok(Reply::json(200, &body, "shown"))
}
