//! Creating identities: one, or a batch whose items succeed or fail each for itself.

use crate::App;
use crate::body::{self, known_keys, list, text};
use crate::draft::{Draft, given_addresses};
use crate::show;
use lambda_http::http::header::LOCATION;
use latchkey_core::bounds::{LARGEST_LIST, cut};
use latchkey_core::error::ApiError;
use latchkey_core::identity::State;
use latchkey_store::StoreError;
use latchkey_store::{Conflict, identities};
use latchkey_web::audit::{Action, changed, changes};
use latchkey_web::call::parse_id;
use latchkey_web::{Call, Fault, Reply};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Most identities in one batch.
pub const MOST_IDENTITIES: usize = 1000;
/// Most passwords in clear text in one batch: each costs a hash.
pub const MOST_PASSWORDS: usize = 200;

pub(crate) async fn one(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let body = body::object(call.body(), body::CREATE)?;
    let draft = draft(app, call, &body, app.edge.rng.id()).await?;
    changes(Action::CreateIdentity, &[("identity", &draft.identity.id)]);
    match store(app, &draft).await? {
        Ok(()) => {
            let location = format!("{}identities/{}", app.edge.config.admin.base_url, draft.identity.id);
            let shown = show::after_write(app, &draft.identity, show::Versions::AsCreated);
            Ok(Reply::json(201, &shown, "created").header(LOCATION, &location))
        }
        Err(_) => {
            let reason = "This identity conflicts with another identity that already exists.";
            Err(ApiError::new(409).because(reason).into())
        }
    }
}

async fn store(app: &App, draft: &Draft) -> Result<Result<(), Conflict>, Fault> {
    let request = app.edge.rng.id();
    Ok(identities::create(&app.accounts, &app.credentials, &draft.identity, &draft.secrets, request).await?)
}

async fn draft(app: &App, call: &Call<'_>, body: &Map<String, Value>, id: Uuid) -> Result<Draft, Fault> {
    let schema_id = text(body, "schema_id")?.unwrap_or(&app.edge.config.identity.default_schema_id);
    let mut draft = Draft::blank(id, schema_id.to_owned(), call.now);
    draft.identity.state = match text(body, "state")? {
        None => State::Active,
        Some(state) => State::parse(state).ok_or_else(|| ApiError::bad_request("identity state is not valid"))?,
    };
    let empty = json!({});
    let traits = body.get("traits").filter(|traits| !traits.is_null()).unwrap_or(&empty);
    draft.set_traits(app, traits, call.now)?;
    draft.overlay_addresses(given_addresses(body)?, call.now)?;
    draft.set_ids(body)?;
    draft.set_organization(body)?;
    draft.identity.metadata_public = body::kept(body, "metadata_public")?;
    draft.identity.metadata_admin = body::kept(body, "metadata_admin")?;
    draft.import(app, body.get("credentials"), call.now).await?;
    draft.settle(None)?;
    Ok(draft)
}

pub(crate) async fn batch(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let body = body::object(call.body(), &["identities"])?;
    let items = list(&body, "identities")?;
    if items.len() > MOST_IDENTITIES {
        return Err(ApiError::bad_request(format!(
            "The maximum number of identities per request that can be created or deleted at once is {MOST_IDENTITIES}."
        ))
        .into());
    }
    let in_clear =
        |item: &&Value| item.pointer("/create/credentials/password/config/password").is_some_and(|p| p != "");
    if items.iter().filter(in_clear).count() > MOST_PASSWORDS {
        return Err(ApiError::bad_request(format!(
            "The maximum number of identities per request that can be created with a plaintext password is \
             {MOST_PASSWORDS}."
        ))
        .into());
    }
    // The whole body is read before an identity is created: an error in its form fails the call.
    let items = items.iter().map(Item::read).collect::<Result<Vec<_>, _>>()?;
    let mut done = Vec::with_capacity(items.len());
    let longest = LARGEST_LIST / 4 / items.len().max(1);
    for item in items {
        done.push(batched(app, call, item, longest).await?);
    }
    Ok(Reply::json(200, &json!({"identities": done}), "batch"))
}

/// An item of a batch.
struct Item {
    create: Option<Map<String, Value>>,
    /// A key of our own: the id of the new identity, so that an import keeps the ids that other systems refer to.
    identity_id: Option<Uuid>,
    patch_id: Option<String>,
}

impl Item {
    fn read(item: &Value) -> Result<Self, ApiError> {
        let mut item = known_keys(item.clone(), &["create", "patch_id", "identity_id"])?;
        let patch_id = text(&item, "patch_id")?.map(str::to_owned);
        if let Some(id) = &patch_id {
            parse_id(id)?;
        }
        let create = item.remove("create").filter(|create| !create.is_null());
        Ok(Self {
            create: create.map(|create| known_keys(create, body::CREATE)).transpose()?,
            identity_id: kept_id(&item)?,
            patch_id,
        })
    }
}

fn kept_id(item: &Map<String, Value>) -> Result<Option<Uuid>, ApiError> {
    let Some(id) = text(item, "identity_id")? else { return Ok(None) };
    let parsed = Uuid::try_parse(id).ok().filter(|id| !id.is_nil());
    parsed.map(Some).ok_or_else(|| ApiError::bad_request(format!("identity_id must be a UUID, got {id:?}")))
}

/// One item of a batch, with an explanation of at most this many bytes. Only a failing store ends the batch; every other error belongs
/// to the item.
async fn batched(app: &App, call: &Call<'_>, item: Item, longest: usize) -> Result<Value, Fault> {
    let Some(body) = item.create else { return Ok(Value::Null) };
    let outcome = match create_as(app, call, &body, item.identity_id).await {
        Ok(id) => Ok(id),
        Err(fault) if fault.public.status < 500 => Err(shortened(*fault.public, longest)),
        Err(fault) => return Err(fault),
    };
    let mut out = Map::new();
    match &outcome {
        Ok(id) => {
            out.insert("action".into(), json!("create"));
            out.insert("identity".into(), json!(id));
        }
        Err(error) => {
            out.insert("action".into(), json!("error"));
            out.insert("error".into(), error.inner(None));
        }
    }
    if let Some(id) = item.patch_id {
        out.insert("patch_id".into(), json!(id));
    }
    Ok(Value::Object(out))
}

/// An error with texts that are short enough for an answer with many of them.
fn shortened(mut error: ApiError, longest: usize) -> ApiError {
    for text in [Some(&mut error.message), error.reason.as_mut()].into_iter().flatten() {
        text.truncate(cut(text, longest).len());
    }
    error
}

async fn create_as(app: &App, call: &Call<'_>, body: &Map<String, Value>, kept: Option<Uuid>) -> Result<Uuid, Fault> {
    let draft = draft(app, call, body, kept.unwrap_or_else(|| app.edge.rng.id())).await?;
    if let Some(id) = kept {
        free(app, id).await?;
    }
    let id = draft.identity.id;
    let stored = store(app, &draft).await;
    let status = match &stored {
        Ok(Ok(())) => 201,
        Ok(Err(_)) => 409,
        Err(fault) => fault.public.status,
    };
    changed(Action::CreateIdentity, &[("identity", &id)], status);
    stored?.map_err(|_| ApiError::storage_conflict())?;
    Ok(id)
}

/// Makes sure that an id is free, and that no session of a deleted identity with this id becomes valid again.
async fn free(app: &App, id: Uuid) -> Result<(), Fault> {
    let (profile, sessions) = match app.accounts.everything_of(id).await {
        // An unreadable record occupies its id too.
        Err(StoreError::Corrupt(_)) => return Err(ApiError::storage_conflict().into()),
        read => read?,
    };
    if profile.is_some() {
        return Err(ApiError::storage_conflict().into());
    }
    let sessions: Vec<Uuid> = sessions.iter().map(|session| session.id).collect();
    app.accounts.delete_sessions(id, &sessions, app.edge.rng.id()).await?;
    Ok(())
}
