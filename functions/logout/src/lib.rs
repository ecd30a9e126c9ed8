//! Signing out (contract `login-flow.md` 1.8): a browser requests a link and follows it, an app sends its token.

use lambda_http::http::HeaderName;
use latchkey_config::{Loaded, Secrets};
use latchkey_core::error::ApiError;
use latchkey_core::return_to::return_to_error;
use latchkey_core::token::{Presented, is_logout_token, logout_token};
use latchkey_core::url::join;
use latchkey_platform::secret::DeploymentSecrets;
use latchkey_platform::{Platform, StartError};
use latchkey_store::{Accounts, Db, Flows};
use latchkey_web::browser::{expired_session_cookie, forward};
use latchkey_web::caller::{self, SignedIn};
use latchkey_web::payload::NO_BODY;
use latchkey_web::routes::Listener;
use latchkey_web::{Call, Edge, Fault, Reply, Request, Response, edge};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// The function with its configuration, secrets and tables.
pub struct App {
    edge: Edge,
    flows: Flows,
    accounts: Accounts,
    vault: DeploymentSecrets,
}

impl App {
    /// Reads configuration, secrets and tables, and opens the first connections.
    ///
    /// # Errors
    /// When the environment, the configuration or the secrets are not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let Loaded { config, secrets, .. } = edge::load_config(env)?;
        let vault = DeploymentSecrets::open(platform, secrets, config.dev)?;
        let edge = Edge::new(config, platform, "logout", Listener::Public);
        let db = Db::start(env)?;
        let accounts = Accounts::open(&db, env)?;
        accounts.warm();
        Ok(Self { edge, flows: Flows::open(&db, env)?, accounts, vault })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| {
        let answered = match call.path.as_str() {
            "/self-service/logout/api" => return end_by_token(app, call).await,
            "/self-service/logout/browser" => make_link(app, call).await,
            _ => follow_link(app, call).await,
        };
        match answered {
            Ok(reply) => Ok(reply),
            Err(fault) => forward(call, &app.flows, fault).await,
        }
    })
    .await
}

async fn signed_in(app: &App, call: &Call<'_>) -> Result<SignedIn, Fault> {
    Ok(caller::signed_in(call, &app.accounts).await?.ok_or_else(ApiError::session_inactive)?)
}

async fn make_link(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let signed_in = signed_in(app, call).await?;
    let return_to = match call.query_filled("return_to").map(|asked| app.edge.return_to().check(asked)).transpose() {
        Ok(url) => url,
        Err(error) => return Err(return_to_error(&error).into()),
    };
    let secrets = app.vault.get().await.map_err(|e| Fault::internal(e.to_string()))?;
    let newest = secrets.cookie.first().ok_or_else(|| Fault::internal("there is no secret to sign with"))?;
    let token = logout_token(newest.expose_secret().as_bytes(), signed_in.session.id);
    let mut url = join(app.edge.base_url(), "/self-service/logout");
    if let Some(return_to) = return_to {
        url = latchkey_core::url::with_query(&url, "return_to", return_to.as_str());
    }
    let url = latchkey_core::url::with_query(&url, "token", &token);
    Ok(Reply::json(200, &json!({"logout_url": url, "logout_token": token}), "link made"))
}

async fn follow_link(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let Some(token) = call.query_filled("token") else {
        return Err(ApiError::bad_request("Please include a token in the URL query.").into());
    };
    let signed_in = signed_in(app, call).await?;
    let secrets = app.vault.get().await.map_err(|e| Fault::internal(e.to_string()))?;
    let fits = |secrets: &Secrets| {
        let keys: Vec<&[u8]> = secrets.cookie.iter().map(|key| key.expose_secret().as_bytes()).collect();
        is_logout_token(token, &keys, signed_in.session.id)
    };
    // Another copy of this function may have a newer secret already.
    let newer = async || app.vault.newer_than(&secrets).await.map_err(|e| Fault::internal(e.to_string()));
    if !fits(&secrets) && !newer().await?.is_some_and(|newer| fits(&newer)) {
        let error = ApiError::new(403)
            .because("Unable to log out because the logout token in the URL query does not match the session cookie.");
        return Err(error.into());
    }
    app.accounts.revoke(signed_in.session.identity, signed_in.session.id).await?;
    let policy = &app.edge.config.selfservice;
    let home = policy.flows.logout.return_url.as_ref().unwrap_or(&policy.default_browser_return_url);
    // The session is already gone: the user is signed out and sees the error.
    let reply = match call.query_filled("return_to").map(|asked| app.edge.return_to().check(asked)).transpose() {
        Err(error) => forward(call, &app.flows, return_to_error(&error).into())
            .await
            .unwrap_or_else(|fault| Reply::error(&fault, call.request_id())),
        Ok(_) if call.is_json_request() => Reply::new(204, "signed out"),
        Ok(Some(url)) => Reply::redirect(303, url.as_str(), call.is_get(), "signed out"),
        Ok(None) => Reply::redirect(303, home, call.is_get(), "signed out"),
    };
    let reply = if policy.flows.logout.clear_browser_data && app.edge.base_url().starts_with("https://") {
        reply.header(CLEAR_SITE_DATA, r#""cookies", "storage", "cache""#)
    } else {
        reply
    };
    Ok(reply.cookie(expired_session_cookie(call)).with_new_csrf(true))
}

async fn end_by_token(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    if call.body().is_empty() {
        return Err(ApiError::bad_request(NO_BODY).into());
    }
    let body: Value = serde_json::from_slice(call.body())
        .map_err(|_| ApiError::bad_request("Unable to decode the request body as JSON."))?;
    let unknown = || {
        ApiError::new(403)
            .because("The provided Ory Session Token could not be found, is invalid, or otherwise malformed.")
    };
    let token = body.get("session_token").and_then(Value::as_str).unwrap_or("");
    let presented = Presented::from_token(token).ok_or_else(unknown)?;
    let (session, _) = app.accounts.session(&presented).await?.ok_or_else(unknown)?;
    // A session that has ended may be ended again, so only the secrets count here.
    if !session.is_held_by(&presented, call.now) {
        return Err(unknown().into());
    }
    app.accounts.revoke(session.identity, session.id).await?;
    Ok(Reply::new(204, "signed out"))
}
