//! `/admin/sessions…` and `/admin/identities/{id}/sessions`: sessions, as administrators see and end them (contract
//! `beyond-login.md` 1.10).

use lambda_http::http::{HeaderName, Method, header};
use latchkey_core::bounds::escaped_length;
use latchkey_core::error::ApiError;
use latchkey_core::identity::{State, without_addresses};
use latchkey_core::paging::Page;
use latchkey_core::session::{Session, for_administrators};
use latchkey_core::url::join;
use latchkey_platform::{Platform, StartError};
use latchkey_store::accounts::Profile;
use latchkey_store::{Accounts, Db};
use latchkey_web::audit::{Action, changes};
use latchkey_web::call::parse_id;
use latchkey_web::routes::Listener;
use latchkey_web::{Call, Edge, Fault, Reply, Request, Response, edge};
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
    accounts: Accounts,
}

impl App {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let edge = Edge::start(platform, "admin-sessions", Listener::Admin)?;
        let accounts = Accounts::open(&Db::start(env)?, env)?;
        accounts.warm();
        Ok(Self { edge, accounts })
    }
}

/// Answers one request. Paths without the `/admin` prefix are the same paths.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| {
        let segments = call.path.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (&call.method, segments.as_slice()) {
            (&Method::DELETE, ["identities", id, "sessions"]) => delete_all_of(app, id).await,
            (_, ["identities", id, "sessions"]) => list_of(app, call, id).await,
            (_, ["sessions"]) => list(call),
            // Only the public API has a session of the caller.
            (&Method::GET | &Method::HEAD, ["sessions", "whoami"]) => Ok(to_public(call)),
            (&Method::PATCH, ["sessions", id, "extend"]) => extend(app, call, id).await,
            (&Method::DELETE, ["sessions", id]) => disable(app, id).await,
            (_, ["sessions", id]) => show(app, call, id).await,
            _ => Err(ApiError::new(404).into()),
        }
    })
    .await
}

fn to_public(call: &Call<'_>) -> Reply {
    let mut to = join(call.edge.base_url(), "/sessions/whoami");
    if !call.raw_query.is_empty() {
        to = format!("{to}?{}", call.raw_query);
    }
    Reply::redirect(307, &to, true, "to the public api")
}

/// The `active` filter.
///
/// # Errors
/// 400 for a value that is not a boolean.
fn active_filter(call: &Call<'_>) -> Result<Option<bool>, ApiError> {
    match call.query_filled("active") {
        None => Ok(None),
        Some("true" | "1" | "t" | "T" | "TRUE" | "True") => Ok(Some(true)),
        Some("false" | "0" | "f" | "F" | "FALSE" | "False") => Ok(Some(false)),
        Some(_) => Err(ApiError::new(400).saying("could not parse parameter active")),
    }
}

/// The requested parts of a session: (identity, devices).
///
/// # Errors
/// 400 that names the value.
fn expansions(call: &Call<'_>) -> Result<(bool, bool), ApiError> {
    let (mut identity, mut devices) = (false, false);
    for value in call.query_all("expand") {
        match value.to_lowercase().as_str() {
            "identity" => identity = true,
            "devices" => devices = true,
            _ => return Err(ApiError::bad_request(format!("Could not parse expand option: {value}"))),
        }
    }
    Ok((identity, devices))
}

fn is_active(session: &Session, profile: &Profile, call: &Call<'_>) -> bool {
    session.is_live(&profile.index, call.now) && profile.identity.state == State::Active
}

/// Reads a session by its id alone.
async fn find(app: &App, id: Uuid) -> Result<(Session, Profile), Fault> {
    let owner = app.accounts.owner_of_session(id).await?.ok_or_else(ApiError::not_located)?;
    Ok(app.accounts.session_of(owner, id).await?.ok_or_else(ApiError::not_located)?)
}

async fn show(app: &App, call: &Call<'_>, id: &str) -> Result<Reply, Fault> {
    let id = parse_id(id)?;
    let (with_identity, with_devices) = expansions(call)?;
    let (session, profile) = find(app, id).await?;
    let identity = &profile.identity;
    let shown = if with_identity { identity.admin(app.edge.base_url(), None) } else { Value::Null };
    let devices = if with_devices { json!(session.facts.devices) } else { json!([]) };
    let body = for_administrators(&session, session.render(is_active(&session, &profile, call), shown, devices));
    Ok(Reply::json(200, &Value::Object(body), "shown"))
}

/// A list of all sessions would read the whole table, so it is not supported.
fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    active_filter(call)?;
    expansions(call)?;
    let reason = "The list of all sessions is not part of this release: list the sessions of one identity.";
    Err(ApiError::new(404).saying("this route is not built yet").because(reason).into())
}

async fn list_of(app: &App, call: &Call<'_>, id: &str) -> Result<Reply, Fault> {
    let id = parse_id(id)?;
    let wanted = active_filter(call)?;
    let (profile, mut sessions) = app.accounts.everything_of(id).await?;
    let Some(profile) = profile else {
        return Ok(page(call, id, &[], &Value::Null));
    };
    sessions.sort_by_key(|s| std::cmp::Reverse((s.facts.issued_at, s.id)));
    let listed: Vec<(Session, bool)> = sessions
        .into_iter()
        .map(|s| {
            let active = is_active(&s, &profile, call);
            (s, active)
        })
        .filter(|(_, active)| wanted.is_none_or(|wanted| wanted == *active))
        .collect();
    let shown = without_addresses(profile.identity.admin(app.edge.base_url(), None));
    Ok(page(call, id, &listed, &shown))
}

fn page(call: &Call<'_>, id: Uuid, listed: &[(Session, bool)], identity: &Value) -> Reply {
    let page = Page::parse(|key| call.query(key), LARGEST_PAGE).with_room(escaped_length(&identity.to_string()) + OWN);
    let items = page
        .slice(listed)
        .iter()
        .map(|(session, active)| {
            let shown = session.render_with_devices(*active, identity.clone());
            Value::Object(for_administrators(session, shown))
        })
        .collect();
    Reply::json(200, &Value::Array(items), "listed").header(TOTAL, &listed.len().to_string()).header(
        header::LINK,
        &page.links(&format!("/admin/identities/{id}/sessions"), call.query_pairs(), listed.len()),
    )
}

async fn delete_all_of(app: &App, id: &str) -> Result<Reply, Fault> {
    let id = parse_id(id)?;
    let sessions: Vec<Uuid> = app.accounts.sessions_of(id).await?.iter().map(|s| s.id).collect();
    if sessions.is_empty() {
        return Err(ApiError::not_located().into());
    }
    changes(Action::DeleteSessions, &[("identity", &id)]);
    app.accounts.delete_sessions(id, &sessions, app.edge.rng.id()).await?;
    Ok(Reply::new(204, "deleted"))
}

async fn disable(app: &App, id: &str) -> Result<Reply, Fault> {
    let (session, _) = find(app, parse_id(id)?).await?;
    changes(Action::DisableSession, &[("session", &session.id), ("identity", &session.identity)]);
    if !app.accounts.revoke(session.identity, session.id).await? {
        return Err(ApiError::not_located().into());
    }
    Ok(Reply::new(204, "disabled").header(header::CONTENT_TYPE, "application/json; charset=utf-8"))
}

/// Extends a session, if its end is near enough. Outside that window, and for a revoked session, nothing changes and the answer is the
/// same.
async fn extend(app: &App, call: &Call<'_>, id: &str) -> Result<Reply, Fault> {
    let (mut session, profile) = find(app, parse_id(id)?).await?;
    let policy = &app.edge.config.session;
    let window = policy.earliest_possible_extend.map_or_else(|| app.edge.session_lifespan(), edge::signed);
    if session.expires_at - call.now <= window {
        let until = call.now.saturating_add(app.edge.session_lifespan());
        changes(Action::ExtendSession, &[("session", &session.id), ("identity", &session.identity)]);
        if app.accounts.extend(session.identity, session.id, until).await? {
            session.expires_at = until;
        }
    }
    if app.edge.config.features.faster_session_extend {
        return Ok(Reply::new(204, "extended"));
    }
    let identity = &profile.identity;
    let shown = identity.public(app.edge.base_url());
    let body = session.render(is_active(&session, &profile, call), shown, json!([]));
    Ok(Reply::json(200, &Value::Object(body), "extended"))
}
