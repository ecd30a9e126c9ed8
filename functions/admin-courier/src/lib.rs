//! `/admin/courier/messages…`: what was sent to whom, as administrators see it (contract `beyond-login.md` 1.12). Never what a
//! message said, outside development mode. `/admin/courier/suppressed…`: to whom nothing is sent.

mod suppressions;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lambda_http::http::{Method, header};
use latchkey_core::courier::{Dispatch, MessageStatus};
use latchkey_core::error::ApiError;
use latchkey_core::wire::timestamp;
use latchkey_platform::{Platform, StartError};
use latchkey_store::listing::Filter;
use latchkey_store::outbox::Stored;
use latchkey_store::place::Place;
use latchkey_store::{Db, Outbox, SuppressionList};
use latchkey_web::call::{encode_query, parse_id};
use latchkey_web::routes::Listener;
use latchkey_web::{Call, Edge, Fault, Reply, Request, Response, edge};
use serde_json::{Value, json};

/// Items on a page when nothing is asked for.
const DEFAULT_SIZE: usize = 10;
/// Most items on a page.
const LARGEST: usize = 500;
/// What stands in the place of what a message said.
const REDACTED: &str = "<redacted-unless-dev-mode>";

/// What the function is started with.
pub struct App {
    edge: Edge,
    outbox: Outbox,
    suppressions: SuppressionList,
    ses: Option<suppressions::Ses>,
}

impl App {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let edge = Edge::start(platform, "admin-courier", Listener::Admin)?;
        let db = Db::start(env)?;
        let outbox = Outbox::open(&db, env)?;
        outbox.warm();
        Ok(Self { edge, outbox, suppressions: SuppressionList::open(&db, env)?, ses: suppressions::Ses::open(env)? })
    }
}

/// Answers one request. Paths without the `/admin` prefix are the same paths.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| {
        let segments = call.path.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["courier", "messages"] => list(app, call).await,
            ["courier", "messages", id] => show(app, id).await,
            ["courier", "suppressed"] => suppressions::list(app, call).await,
            ["courier", "suppressed", address] if call.method == Method::DELETE => {
                suppressions::remove(app, call, address).await
            }
            ["courier", "suppressed", address] => suppressions::show(app, call, address).await,
            _ => Err(ApiError::new(404).into()),
        }
    })
    .await
}

async fn show(app: &App, id: &str) -> Result<Reply, Fault> {
    let stored = app.outbox.get(parse_id(id)?).await?.ok_or_else(ApiError::not_located)?;
    let mut shown = shown(app, &stored);
    shown["dispatches"] = stored.dispatches.iter().map(|dispatch| dispatched(&stored, dispatch)).collect();
    Ok(Reply::json(200, &shown, "shown"))
}

async fn list(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let status = match call.query_filled("status") {
        None => None,
        Some(text) => {
            Some(MessageStatus::parse(text).ok_or_else(|| ApiError::bad_request("Message status is not valid"))?)
        }
    };
    let filter = Filter { status, recipient: call.query_filled("recipient").map(str::to_owned) };
    let size = size(call)?;
    let after = match call.query_filled("page_token") {
        None => Place::top(),
        Some(token) => place(token)
            .ok_or_else(|| ApiError::bad_request("The page token is invalid, do not craft your own page tokens"))?,
    };
    let (found, next) = app.outbox.list(&filter, &after, size).await?;
    let items = found.iter().map(|stored| shown(app, stored)).collect();
    let mut links = vec![link(call, &Place::top(), "first", size)];
    links.extend(next.map(|next| link(call, &next, "next", size)));
    Ok(Reply::json(200, &Value::Array(items), "listed").header(header::LINK, &links.join(",")))
}

/// Items on a page. The parameter is read as the list of identities reads it.
fn size(call: &Call<'_>) -> Result<usize, ApiError> {
    let Some(text) = call.query_filled("page_size") else { return Ok(DEFAULT_SIZE) };
    match text.parse::<i64>() {
        Ok(size) if size <= 0 => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(usize::try_from(size).unwrap_or(LARGEST).min(LARGEST)),
        Err(error) => {
            use std::num::IntErrorKind::{NegOverflow, PosOverflow};
            let beyond = matches!(error.kind(), PosOverflow | NegOverflow);
            let fault = if beyond { "value out of range" } else { "invalid syntax" };
            Err(ApiError::new(400).saying(format!("strconv.Atoi: parsing \"{text}\": {fault}")))
        }
    }
}

/// A token holds a time and an id, and is checked as such.
fn place(token: &str) -> Option<Place> {
    Place::parse(std::str::from_utf8(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?)
}

/// A link to a part of the list; filters stay, sorted.
fn link(call: &Call<'_>, place: &Place, rel: &str, size: usize) -> String {
    let kept = call.query_pairs().iter().filter(|(key, _)| matches!(key.as_str(), "status" | "recipient"));
    let mut pairs: Vec<(String, String)> = kept.cloned().collect();
    pairs.push(("page_size".into(), size.to_string()));
    pairs.push(("page_token".into(), URL_SAFE_NO_PAD.encode(place.as_str())));
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    let query: Vec<String> = pairs.iter().map(|(k, v)| format!("{}={}", encode_query(k), encode_query(v))).collect();
    format!("</admin/courier/messages?{}>; rel=\"{rel}\"", query.join("&"))
}

fn shown(app: &App, stored: &Stored) -> Value {
    let message = &stored.message;
    let said = stored.wording.as_ref().filter(|_| app.edge.config.dev);
    json!({
        "id": message.id,
        "status": stored.status.as_str(),
        "type": message.via.as_str(),
        "recipient": message.recipient,
        "body": said.map_or(REDACTED, |wording| &wording.body),
        "subject": said.map_or(REDACTED, |wording| &wording.subject),
        "template_type": message.template.as_str(),
        "channel": message.via.as_str(),
        "send_count": stored.send_count,
        "created_at": timestamp(message.created_at),
        "updated_at": timestamp(stored.updated_at),
    })
}

fn dispatched(stored: &Stored, dispatch: &Dispatch) -> Value {
    json!({
        "id": dispatch.id,
        "message_id": stored.message.id,
        "status": if dispatch.error.is_some() { "failed" } else { "success" },
        "error": dispatch.error,
        "created_at": timestamp(dispatch.at),
        "updated_at": timestamp(dispatch.at),
    })
}
