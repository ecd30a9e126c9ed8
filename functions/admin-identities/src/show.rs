//! Showing identities: by id, by external id, and after a change.

use crate::App;
use latchkey_core::error::ApiError;
use latchkey_core::identity::{CREDENTIAL_TYPE_NAMES, CredentialType, Identity, Unique};
use latchkey_core::wire::timestamp;
use latchkey_store::StoreError;
use latchkey_store::accounts::Profile;
use latchkey_store::credentials::Credential;
use latchkey_web::{Call, Fault, Reply};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Credential versions of the API: they tell formats apart, not changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    /// After creation, `password` and `webauthn` still have version 0.
    AsCreated,
    /// Everywhere else.
    AsRead,
}

/// Types whose secret part is asked for (`include_credential`, repeatable).
///
/// # Errors
/// 400 that names the value.
pub(crate) fn included(call: &Call<'_>) -> Result<Vec<CredentialType>, ApiError> {
    let mut kinds = Vec::new();
    for name in call.query_all("include_credential") {
        if !CREDENTIAL_TYPE_NAMES.contains(&name) {
            let fault = format!("Invalid value `{name}` for parameter `include_credential`.");
            return Err(ApiError::bad_request(fault));
        }
        let wanted = CredentialType::ALL.into_iter().find(|kind| kind.as_str() == name);
        kinds.extend(wanted.filter(|wanted| !kinds.contains(wanted)));
    }
    Ok(kinds)
}

/// The map of credentials; `secrets` holds those whose secret part was requested.
pub(crate) fn credentials(identity: &Identity, secrets: &[&Credential], versions: Versions) -> Value {
    let mut map = Map::new();
    for (&kind, summary) in &identity.credentials {
        let version = u8::from(kind == CredentialType::Code || versions == Versions::AsRead);
        let mut shown = json!({
            "type": kind.as_str(),
            "identifiers": summary.identifiers,
            "version": version,
            "created_at": timestamp(summary.created_at),
            "updated_at": timestamp(summary.updated_at),
        });
        if let Some(secret) = secrets.iter().find(|c| c.kind == kind) {
            shown["config"] = secret.config.clone();
        }
        map.insert(kind.as_str().to_owned(), shown);
    }
    Value::Object(map)
}

/// An identity after a change: unset admin metadata is left out.
pub(crate) fn after_write(app: &App, identity: &Identity, versions: Versions) -> Value {
    let mut shown = identity.admin(app.edge.base_url(), Some(credentials(identity, &[], versions)));
    if let Some(map) = shown.as_object_mut().filter(|_| identity.metadata_admin.is_null()) {
        map.remove("metadata_admin");
    }
    shown
}

/// The id of an identity in a path. Any other text is an unknown identity.
///
/// # Errors
/// 404.
pub(crate) fn identity_id_of(text: &str) -> Result<Uuid, ApiError> {
    Uuid::try_parse(text).map_err(|_| ApiError::not_located())
}

/// Reads an identity.
///
/// # Errors
/// 404, or 500 with what an administrator can do about an unreadable record.
pub(crate) async fn located(app: &App, id: Uuid) -> Result<Profile, Fault> {
    match app.accounts.profile(id).await {
        Ok(profile) => Ok(profile.ok_or_else(ApiError::not_located)?),
        Err(error @ StoreError::Corrupt(_)) => {
            let mut fault = Fault::from(error);
            fault.public =
                Box::new(ApiError::new(500).because("The record of this identity cannot be read. It can be deleted."));
            Err(fault)
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn by_id(app: &App, call: &Call<'_>, id: &str) -> Result<Reply, Fault> {
    let id = identity_id_of(id)?;
    let kinds = included(call)?;
    whole(app, call, id, &kinds).await
}

pub(crate) async fn by_external_id(app: &App, call: &Call<'_>, external_id: &str) -> Result<Reply, Fault> {
    let kinds = included(call)?;
    let owners = app.credentials.owners(&[Unique::ExternalId(external_id.to_owned())]).await?;
    let owner = owners.into_iter().flatten().next().ok_or_else(ApiError::not_located)?;
    whole(app, call, owner.identity, &kinds).await
}

async fn whole(app: &App, call: &Call<'_>, id: Uuid, kinds: &[CredentialType]) -> Result<Reply, Fault> {
    let secrets = async { Ok(app.credentials.of_many(&[id], kinds).await?) };
    let (profile, secrets) = tokio::try_join!(located(app, id), secrets)?;
    let secrets: Vec<Credential> = secrets.into_iter().map(|(_, credential)| credential).collect();
    let identity = &profile.identity;
    let secrets: Vec<&Credential> = secrets.iter().collect();
    let credentials = credentials(identity, &secrets, Versions::AsRead);
    let mut shown = identity.admin(app.edge.base_url(), Some(credentials));
    mark_addresses(app, call, &mut shown).await?;
    Ok(Reply::json(200, &shown, "shown"))
}

/// Adds `suppressed` to each address on the suppression list, with the reason and the time.
async fn mark_addresses(app: &App, call: &Call<'_>, shown: &mut Value) -> Result<(), Fault> {
    let address = |entry: &Value| entry["value"].as_str().filter(|_| entry["via"] == "email").map(str::to_lowercase);
    let addresses: Vec<String> = entries(shown).filter_map(|entry| address(entry)).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let suppressed = app.suppressions.get_many(&addresses, call.now).await?;
    for entry in entries(shown) {
        if let Some(found) = address(entry).and_then(|address| suppressed.get(&address)) {
            entry["suppressed"] = json!({"reason": found.reason.as_str(), "at": timestamp(found.at)});
        }
    }
    Ok(())
}

/// The addresses in an answer. Indexing by name would create a missing list.
fn entries(shown: &mut Value) -> impl Iterator<Item = &mut Value> {
    let lists = shown.as_object_mut().into_iter().flat_map(|map| {
        map.iter_mut().filter(|(name, _)| matches!(name.as_str(), "verifiable_addresses" | "recovery_addresses"))
    });
    lists.filter_map(|(_, list)| list.as_array_mut()).flatten()
}
