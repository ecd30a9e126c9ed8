//! The deployment itself: identity schemas, health, version (contract `beyond-login.md` 1.13).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lambda_http::http::{HeaderName, header};
use latchkey_core::bounds::quoted;
use latchkey_core::error::ApiError;
use latchkey_core::paging::Page;
use latchkey_platform::{Platform, StartError, log};
use latchkey_store::{Db, Flows};
use latchkey_web::routes::Listener;
use latchkey_web::{Call, Edge, Fault, Reply, Request, Response, edge};
use serde_json::{Value, json};

const TOTAL: HeaderName = HeaderName::from_static("x-total-count");
/// Most schemas on one page.
const LARGEST_PAGE: usize = 1000;

/// The function with its configuration and tables.
pub struct App {
    public: Edge,
    admin: Edge,
    flows: Flows,
}

impl App {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let config = edge::load_config(env)?.config;
        let flows = Flows::open(&Db::start(env)?, env)?;
        flows.warm();
        let admin = Edge::new(config.clone(), platform, "service", Listener::Admin);
        Ok(Self { public: Edge::new(config, platform, "service", Listener::Public), admin, flows })
    }
}

/// Answers one request. The function serves both APIs; only requests of the admin API are signed.
pub async fn handle(app: &App, request: Request) -> Response {
    let edge = if latchkey_web::edge::is_signed(&request) { &app.admin } else { &app.public };
    edge::answer(edge, request, async |call| match call.path.without_admin() {
        "/health/alive" => Ok(healthy()),
        "/health/ready" => ready(app).await,
        "/health/config" => Ok(Reply::text(200, &edge.config.revision, "revision")),
        "/version" => Ok(Reply::json(200, &json!({"version": env!("CARGO_PKG_VERSION")}), "version")),
        "/schemas" => Ok(schemas(call)),
        _ => schema(call),
    })
    .await
}

fn healthy() -> Reply {
    Reply::json(200, &json!({"status": "ok"}), "healthy")
}

async fn ready(app: &App) -> Result<Reply, Fault> {
    Ok(match app.flows.ping().await {
        Ok(()) => healthy(),
        Err(error) => {
            log::note(error.to_string());
            Reply::json(503, &json!({"errors": {"store": "the store does not answer"}}), "not ready")
        }
    })
}

fn schemas(call: &Call<'_>) -> Reply {
    let all = &call.edge.config.identity.schemas;
    let page = Page::parse(|key| call.query(key), LARGEST_PAGE);
    let items: Vec<Value> = page.slice(all).iter().map(|s| json!({"id": s.id, "schema": s.document})).collect();
    Reply::json(200, &Value::Array(items), "listed")
        .header(TOTAL, &all.len().to_string())
        .header(header::LINK, &page.links("/schemas", call.query_pairs(), all.len()))
}

/// By plain id, or by its base64url form, as `schema_url` has it.
fn schema(call: &Call<'_>) -> Result<Reply, Fault> {
    let wanted = call.segment(1);
    let decoded = URL_SAFE_NO_PAD.decode(&wanted).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let all = &call.edge.config.identity.schemas;
    let found = all.iter().find(|s| s.id == wanted).or_else(|| all.iter().find(|s| Some(&s.id) == decoded.as_ref()));
    match found {
        Some(schema) => Ok(Reply::json(200, &schema.document, "shown")),
        None => {
            Err(ApiError::new(404).because(format!("Identity schema `{}` could not be found.", quoted(&wanted))).into())
        }
    }
}
