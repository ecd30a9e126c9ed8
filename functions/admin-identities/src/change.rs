//! Changing an identity: PUT replaces it, PATCH edits it.
//!
//! The order is read, decide, write. The write names the revision that was read, so a parallel change is never overwritten: the
//! identity is read again and the decision made again.

use crate::App;
use crate::body::{self, text};
use crate::draft::{Draft, Unchanged, check_hash};
use crate::show::{self, Versions, identity_id_of, located};
use latchkey_core::error::ApiError;
use latchkey_core::identity::{CredentialType, State};
use latchkey_store::{Conflict, identities};
use latchkey_web::audit::{Action, changes};
use latchkey_web::{Call, Fault, Reply};
use serde_json::{Map, Value, json};

/// How often a change is decided again after a parallel change.
const TRIES: usize = 8;

/// The requested change.
enum Asked<'a> {
    /// Replace by this body.
    Replace(&'a Map<String, Value>),
    /// Edit by this JSON Patch.
    Edit(&'a [u8]),
    /// Remove the password.
    ForgetPassword,
}

async fn change(app: &App, call: &Call<'_>, id: &str, asked: Asked<'_>) -> Result<Draft, Fault> {
    let id = identity_id_of(id)?;
    let mut unchanged = Unchanged::DeriveAnew;
    for _ in 0..TRIES {
        let (profile, secrets) =
            tokio::try_join!(located(app, id), async { Ok(app.credentials.of(id, &CredentialType::ALL).await?) })?;
        let before = Draft { identity: profile.identity.clone(), secrets: secrets.clone() };
        let mut after = match asked {
            Asked::Replace(body) => replaced(app, call, before.clone(), body, unchanged).await?,
            Asked::Edit(patch) => edited(app, call, before.clone(), patch, unchanged)?,
            Asked::ForgetPassword => {
                let mut after = before.clone();
                after.forget_password(call.now);
                after.identity.updated_at = call.now;
                after
            }
        };
        after.settle(Some(&before))?;
        match asked {
            Asked::ForgetPassword => {
                changes(Action::DeleteCredential, &[("identity", &id), ("credential", &"password")])
            }
            _ => changes(Action::UpdateIdentity, &[("identity", &id)]),
        }
        let written = identities::update(
            &app.accounts,
            &app.credentials,
            &app.outbox,
            (&profile, &secrets),
            (&after.identity, &after.secrets),
            app.edge.rng.id(),
        );
        match written.await? {
            Ok(()) => return Ok(after),
            // The schema of today may derive an identifier that belongs to another identity. That must not prevent disabling this one.
            Err(Conflict::IdentifierTaken(_))
                if unchanged == Unchanged::DeriveAnew && after.identity.traits == before.identity.traits =>
            {
                unchanged = Unchanged::Keep;
            }
            Err(Conflict::IdentifierTaken(_)) => return Err(ApiError::storage_conflict().into()),
            Err(_) => {}
        }
    }
    Err(ApiError::new(503).because("This identity is being changed by many requests at once.").into())
}

pub(crate) async fn update(app: &App, call: &Call<'_>, id: &str) -> Result<Reply, Fault> {
    let body = body::replacement(call)?;
    let draft = change(app, call, id, Asked::Replace(&body)).await?;
    Ok(Reply::json(200, &show::after_write(app, &draft.identity, Versions::AsRead), "updated"))
}

async fn replaced(
    app: &App,
    call: &Call<'_>,
    mut draft: Draft,
    body: &Map<String, Value>,
    unchanged: Unchanged,
) -> Result<Draft, Fault> {
    if let Some(state) = text(body, "state")? {
        let state = State::parse(state).ok_or_else(|| ApiError::bad_request("identity state is not valid"))?;
        draft.set_state(state, call.now);
    }
    let empty = json!({});
    let traits = body.get("traits").filter(|traits| !traits.is_null()).unwrap_or(&empty);
    draft.change_traits(app, text(body, "schema_id")?, traits, unchanged, call.now)?;
    draft.set_ids(body)?;
    draft.identity.metadata_public = body::kept(body, "metadata_public")?;
    draft.identity.metadata_admin = body::kept(body, "metadata_admin")?;
    draft.import(app, body.get("credentials"), call.now).await?;
    draft.identity.updated_at = call.now;
    Ok(draft)
}

pub(crate) async fn forget_password(app: &App, call: &Call<'_>, id: &str) -> Result<Reply, Fault> {
    change(app, call, id, Asked::ForgetPassword).await?;
    Ok(Reply::new(204, "password removed"))
}

pub(crate) async fn patch(app: &App, call: &Call<'_>, id: &str) -> Result<Reply, Fault> {
    let draft = change(app, call, id, Asked::Edit(call.body())).await?;
    let credentials = show::credentials(&draft.identity, &[], Versions::AsRead);
    Ok(Reply::json(200, &draft.identity.admin(app.edge.base_url(), Some(credentials)), "patched"))
}

/// Applies the keys that a patch may change. Derived values (ids, times, URLs) stay as they are.
fn edited(app: &App, call: &Call<'_>, mut draft: Draft, patch: &[u8], unchanged: Unchanged) -> Result<Draft, Fault> {
    let secrets: Vec<_> = draft.secrets.iter().collect();
    let credentials = show::credentials(&draft.identity, &secrets, Versions::AsRead);
    let document = draft.identity.admin(app.edge.base_url(), Some(credentials));
    let patched = latchkey_schema::patch::apply(&document, patch)
        .map_err(|e| ApiError::new(400).saying(e.message()).because(e.reason()))?;
    let unchanged = if patched.names_traits { unchanged } else { Unchanged::Keep };
    let Value::Object(mut patched) = patched.document else {
        return Err(ApiError::bad_request("failed to apply JSON patch").into());
    };
    let state = text(&patched, "state")?.unwrap_or("");
    let state = State::parse(state).ok_or_else(|| {
        let reason = format!("The supplied state ('{state}') was not valid. Valid states are ('active', 'inactive').");
        ApiError::bad_request(reason).saying("identity state is not valid")
    })?;
    draft.set_state(state, call.now);
    let traits = patched.get("traits").unwrap_or(&Value::Null);
    draft.change_traits(app, text(&patched, "schema_id")?, traits, unchanged, call.now)?;
    let addresses = crate::draft::given_addresses(&patched)?;
    if patched.get("verifiable_addresses") != document.get("verifiable_addresses") {
        draft.overlay_addresses(addresses, call.now)?;
    }
    draft.set_ids(&patched)?;
    draft.set_organization(&patched)?;
    draft.identity.metadata_public = patched.remove("metadata_public").unwrap_or_default();
    draft.identity.metadata_admin = patched.remove("metadata_admin").unwrap_or_default();
    let none = Map::new();
    let credentials = patched.get("credentials").and_then(Value::as_object).unwrap_or(&none);
    edited_credentials(&mut draft, credentials, call)?;
    draft.identity.updated_at = call.now;
    Ok(draft)
}

fn edited_credentials(draft: &mut Draft, credentials: &Map<String, Value>, call: &Call<'_>) -> Result<(), ApiError> {
    for (key, credential) in credentials {
        let kind = credential.get("type").and_then(Value::as_str).unwrap_or("");
        if kind != key {
            return Err(ApiError::bad_request(format!("credentials.{key}.type must equal \"{key}\", got \"{kind}\"")));
        }
        if !CredentialType::ALL.iter().any(|known| known.as_str() == key) {
            return Err(ApiError::bad_request(format!("Credentials of type {key} cannot be held by this release.")));
        }
    }
    let hash = credentials.get("password").and_then(|c| c.pointer("/config/hashed_password")).and_then(Value::as_str);
    let known = draft.secrets.iter().find(|c| c.kind == CredentialType::Password).and_then(|c| c.hash());
    match hash.filter(|hash| !hash.is_empty()) {
        Some(hash) if known != Some(hash) => {
            check_hash(hash)?;
            draft.set_password_hash(hash.to_owned(), call.now);
        }
        None if known.is_some() => draft.forget_password(call.now),
        _ => {}
    }
    Ok(())
}
