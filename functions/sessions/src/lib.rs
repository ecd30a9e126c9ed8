//! The caller's own sessions (contract `login-flow.md` 1.9, 1.10): the list of the others, revoking one or all others, and the token
//! exchange by which a native app fetches the session that a browser made.

use lambda_http::http::{HeaderName, Method, header};
use latchkey_core::aal::RequiredAal;
use latchkey_core::bounds::escaped_length;
use latchkey_core::error::ApiError;
use latchkey_core::flow::login::Login;
use latchkey_core::paging::Page;
use latchkey_core::session::Session;
use latchkey_core::token::same_text;
use latchkey_core::url::join;
use latchkey_methods::forms::Forms;
use latchkey_platform::{Platform, StartError};
use latchkey_store::accounts::Profile;
use latchkey_store::{Accounts, Db, Flows};
use latchkey_web::routes::Listener;
use latchkey_web::{Call, Edge, Fault, Reply, Request, Response, browser, call, caller, edge};
use serde_json::{Value, json};
use uuid::Uuid;

const TOTAL: HeaderName = HeaderName::from_static("x-total-count");
/// The size of a session without its identity in an answer, in bytes, with a long user agent.
const OWN: usize = 8 * 1024;
/// Most sessions on one page.
const LARGEST_PAGE: usize = 1000;

/// The function with its configuration and tables.
pub struct App {
    edge: Edge,
    forms: Forms<Login>,
    flows: Flows,
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
        let edge = Edge::start(platform, "sessions", Listener::Public)?;
        let db = Db::start(env)?;
        let flows = Flows::open(&db, env)?;
        flows.warm();
        Ok(Self {
            forms: Forms::login(&edge.config),
            required: edge.required_aal(),
            edge,
            flows,
            accounts: Accounts::open(&db, env)?,
        })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| match (call.path.as_str(), &call.method) {
        ("/sessions/token-exchange", &Method::GET | &Method::HEAD) => exchange(app, call).await,
        ("/sessions", &Method::DELETE) => end_others(app, call).await,
        ("/sessions", _) => list(app, call).await,
        _ => end_one(app, call).await,
    })
    .await
}

/// The caller's session with every other session of its identity.
struct Own {
    /// The caller's session, as far as its secret proves it.
    current: Session,
    profile: Profile,
    sessions: Vec<Session>,
}

impl Own {
    /// One query: the token names the identity, and the current session is among its sessions.
    async fn read(app: &App, call: &Call<'_>) -> Result<Self, Fault> {
        let refused = || ApiError::new(401).because("No valid session cookie found.");
        let presented = caller::credential(call).presented.ok_or_else(refused)?;
        let (profile, sessions) = app.accounts.everything_of(presented.identity()).await?;
        let current = sessions.iter().find(|s| s.id == presented.session()).cloned();
        let found = current.zip(profile);
        let signed_in = caller::settle(Some(presented), found, &app.accounts, call.now).await.ok_or_else(refused)?;
        Ok(Self { current: signed_in.session, profile: signed_in.profile, sessions })
    }

    fn others(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().filter(|s| s.id != self.current.id)
    }
}

async fn list(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let own = Own::read(app, call).await?;
    let identity = &own.profile.identity;
    if !app.required.is_met(own.current.aal(), identity.available_aal()) {
        let to = join(app.edge.base_url(), "/self-service/login/browser?aal=aal2");
        return Err(ApiError::session_aal2_required(&to).into());
    }
    let mut live: Vec<&Session> = own.others().filter(|s| s.is_live(&own.profile.index, call.now)).collect();
    live.sort_by_key(|s| std::cmp::Reverse((s.facts.issued_at, s.id)));
    let shown = identity.public_without_addresses(app.edge.base_url());
    let page = Page::parse(|key| call.query(key), LARGEST_PAGE).with_room(escaped_length(&shown.to_string()) + OWN);
    let items: Vec<Value> =
        page.slice(&live).iter().map(|s| Value::Object(s.render_with_devices(true, shown.clone()))).collect();
    Ok(Reply::json(200, &Value::Array(items), "listed")
        .header(TOTAL, &live.len().to_string())
        .header(header::LINK, &page.links("/sessions", call.query_pairs(), live.len())))
}

async fn end_others(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let own = Own::read(app, call).await?;
    // Ended ones count too, as in Kratos; only those still marked active need a write.
    let count = own.others().count();
    let active: Vec<Uuid> = own.others().filter(|s| s.active).map(|s| s.id).collect();
    app.accounts.revoke_all(own.profile.identity.id, &active, app.edge.rng.id()).await?;
    Ok(Reply::json(200, &json!({"count": count}), "others ended"))
}

async fn end_one(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let own = Own::read(app, call).await?;
    let id = call::parse_id(&call.segment(1))?;
    if id == own.current.id {
        return Err(ApiError::new(400).saying("cannot revoke current session").into());
    }
    // Sessions of other identities and unknown ones are answered alike, and stay as they are.
    if own.others().any(|s| s.id == id && s.active) {
        app.accounts.revoke(own.profile.identity.id, id).await?;
    }
    Ok(Reply::new(204, "ended").header(header::CONTENT_TYPE, "application/json; charset=utf-8"))
}

/// The browser that completes the flow brings the second code; until then the flow is looked at.
async fn exchange(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let (Some(init), Some(back)) = (call.query_filled("init_code"), call.query_filled("return_to_code")) else {
        let reason = "\"init_code\" and \"return_to_code\" query params must be set";
        return Err(ApiError::bad_request(reason).into());
    };
    let none = || ApiError::new(404).because("no session yet for this \"code\"");
    let exchange = app.flows.get_exchange(init).await?.ok_or_else(none)?;
    if !same_text(&exchange.return_to_code, back) || call.now >= exchange.expires_at {
        return Err(none().into());
    }
    let flow = app.flows.get::<Login>(exchange.flow).await?.ok_or_else(none)?;
    let form = app.forms.render(&flow, &browser::form_token(call, &flow));
    Ok(Reply::json(422, &flow.render(&form, None), "pending").of_flow(flow.id))
}
