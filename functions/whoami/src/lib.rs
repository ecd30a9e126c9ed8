//! `/sessions/whoami`, every verb: the session of a request (contract `login-flow.md` 6).

use lambda_http::http::HeaderName;
use latchkey_core::aal::RequiredAal;
use latchkey_core::error::ApiError;
use latchkey_core::url::join;
use latchkey_platform::{Platform, StartError};
use latchkey_store::{Accounts, Db};
use latchkey_web::caller::{self, SignedIn};
use latchkey_web::routes::Listener;
use latchkey_web::{Call, Edge, Fault, Reply, Request, Response, browser, edge};
use serde_json::Value;

const IDENTITY: HeaderName = HeaderName::from_static("x-kratos-authenticated-identity-id");
const CACHE_FOR: HeaderName = HeaderName::from_static("ory-session-cache-for");
/// How long a client may cache that it has no session, in seconds.
const NO_SESSION_FOR: &str = "60";

/// The function with its configuration and tables.
pub struct App {
    edge: Edge,
    accounts: Accounts,
    required: RequiredAal,
}

impl App {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let edge = Edge::start(platform, "whoami", Listener::Public)?;
        let accounts = Accounts::open(&Db::start(env)?, env)?;
        accounts.warm();
        Ok(Self { required: edge.required_aal(), edge, accounts })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| tell(app, call).await).await
}

async fn tell(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let credential = caller::credential(call);
    let Some(signed_in) = caller::look_up(credential.presented, &app.accounts, call.now).await? else {
        let error = ApiError::new(401).because("No valid session credentials found in the request.");
        let reply = Reply::error(&call.explained(error.into()), call.request_id());
        let cacheable = app.edge.config.features.cacheable_sessions && !credential.any;
        return Ok(if cacheable { reply.header(CACHE_FOR, NO_SESSION_FOR) } else { reply });
    };
    let identity = &signed_in.profile.identity;
    if !app.required.is_met(signed_in.session.aal(), identity.available_aal()) {
        let to = join(app.edge.base_url(), "/self-service/login/browser?aal=aal2");
        return Err(ApiError::session_aal2_required(&to).into());
    }
    let template = call.query_filled("tokenize_as");
    if let Some(name) = template {
        return Err(ApiError::bad_request(format!("Unable to find tokenizer template \"{name}\".")).into());
    }
    let body = signed_in.session.render_with_devices(true, identity.public(app.edge.base_url()));
    let mut reply = Reply::json(200, &Value::Object(body), "known").header(IDENTITY, &identity.id.to_string());
    if let Some(seconds) = cache_for(app, call, &signed_in) {
        reply = reply.header(CACHE_FOR, &seconds.to_string());
    }
    // The session outlives the cookie: it was extended. A cookie with the secret before a refresh is not renewed, because that
    // secret is about to end.
    let whole_seconds = signed_in.session.expires_at.unix_timestamp();
    let outlived = credential.cookie_expires.is_some_and(|at| at.unix_timestamp() < whole_seconds);
    if let Some(presented) = signed_in.current().filter(|_| outlived) {
        reply = reply.cookie(browser::session_cookie(call, presented, &signed_in.session));
    }
    Ok(reply)
}

/// Whole seconds for which the answer may be cached.
fn cache_for(app: &App, call: &Call<'_>, signed_in: &SignedIn) -> Option<i64> {
    let features = &app.edge.config.features;
    let left = (signed_in.session.expires_at - call.now).whole_seconds();
    let most = features.cacheable_sessions_max_age.map(|age| edge::signed(age).whole_seconds()).filter(|&s| s > 0);
    features.cacheable_sessions.then(|| most.map_or(left, |most| left.min(most)))
}
