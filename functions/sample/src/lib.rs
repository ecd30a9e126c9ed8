//! `GET /sample`: a sample of a protected route. The authorizer has admitted the request; the answer is the authorizer's context. The
//! route is off in a deployment unless `SampleProtectedRoute` is set.

use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use latchkey_core::error::ApiError;
use latchkey_platform::{Platform, StartError};
use latchkey_web::routes::Listener;
use latchkey_web::{Edge, Reply, Request, Response, edge};
use serde_json::{Value, json};

/// The function with its configuration.
pub struct App {
    edge: Edge,
}

impl App {
    /// Reads the configuration. The function has no table, because the authorizer has read the session.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        Ok(Self { edge: Edge::start(platform, "sample", Listener::Public)? })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    let caller = caller(&request);
    edge::answer(&app.edge, request, async |_| match caller {
        Some(caller) => Ok(Reply::json(200, &caller, "told")),
        // A route without its authorizer is an error of the template, and must not look like a session.
        None => Err(ApiError::new(401).because("No authorizer has vouched for this request.").into()),
    })
    .await
}

/// The authorizer's context, with the traits as JSON again.
fn caller(request: &Request) -> Option<Value> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { return None };
    let told = &context.authorizer.as_ref()?.fields;
    let text = |key: &str| told.get(key).and_then(Value::as_str);
    let traits: Value = serde_json::from_str(text("traits")?).ok()?;
    Some(json!({
        "identity_id": text("identity_id")?,
        "session_id": text("session_id")?,
        "aal": text("aal")?,
        "traits": traits,
        "expires_at": text("expires_at")?,
    }))
}
