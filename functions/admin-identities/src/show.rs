//! Showing people: by id, by external id, and after a change.

use crate::App;
use latchkey_core::error::ApiError;
use latchkey_core::identity::{CREDENTIAL_TYPE_NAMES, CredentialType, Identity, timestamp};
use latchkey_store::accounts::Profile;
use latchkey_store::credentials::{Credential, Unique};
use latchkey_web::{Call, Fault, Reply};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Credential versions as clients know them: they tell formats apart, not changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    /// In the answer that makes a person, `password` and `webauthn` still say 0.
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
        let all = [CredentialType::Code, CredentialType::Password, CredentialType::Webauthn];
        let wanted = all.into_iter().find(|kind| kind.as_str() == name);
        kinds.extend(wanted.filter(|wanted| !kinds.contains(wanted)));
    }
    Ok(kinds)
}

/// The map of credentials; `secrets` holds those whose secret part was asked for.
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

/// A person after a change: unset metadata of administrators is left out.
pub(crate) fn after_write(app: &App, identity: &Identity, versions: Versions) -> Value {
    let mut shown = identity.admin(app.edge.base_url(), Some(credentials(identity, &[], versions)));
    if let Some(map) = shown.as_object_mut().filter(|_| identity.metadata_admin.is_null()) {
        map.remove("metadata_admin");
    }
    shown
}

/// A person's id in a path; what is no id is nobody.
///
/// # Errors
/// 404.
pub(crate) fn person_id(text: &str) -> Result<Uuid, ApiError> {
    Uuid::try_parse(text).map_err(|_| ApiError::not_located())
}

pub(crate) async fn by_id(app: &App, call: &Call<'_>, id: &str) -> Result<Reply, Fault> {
    let id = person_id(id)?;
    let kinds = included(call)?;
    let (profile, secrets) = tokio::try_join!(app.accounts.profile(id), app.credentials.of(id, &kinds))?;
    let profile = profile.ok_or_else(ApiError::not_located)?;
    whole(app, call, &profile, &secrets).await
}

pub(crate) async fn by_external_id(app: &App, call: &Call<'_>, external_id: &str) -> Result<Reply, Fault> {
    let kinds = included(call)?;
    let owners = app.credentials.owners(&[Unique::ExternalId(external_id.to_owned())]).await?;
    let owner = owners.into_iter().flatten().next().ok_or_else(ApiError::not_located)?;
    let id = owner.identity;
    let (profile, secrets) = tokio::try_join!(app.accounts.profile(id), app.credentials.of(id, &kinds))?;
    whole(app, call, &profile.ok_or_else(ApiError::not_located)?, &secrets).await
}

async fn whole(app: &App, call: &Call<'_>, profile: &Profile, secrets: &[Credential]) -> Result<Reply, Fault> {
    let identity = &profile.identity;
    let secrets: Vec<&Credential> = secrets.iter().collect();
    let credentials = credentials(identity, &secrets, Versions::AsRead);
    let mut shown = identity.admin(app.edge.base_url(), Some(credentials));
    mark_addresses(app, call, &mut shown).await?;
    Ok(Reply::json(200, &shown, "shown"))
}

/// Says of each address that no mail goes to any more why that is, and since when.
async fn mark_addresses(app: &App, call: &Call<'_>, shown: &mut Value) -> Result<(), Fault> {
    const LISTS: [&str; 2] = ["verifiable_addresses", "recovery_addresses"];
    let address = |entry: &Value| entry["value"].as_str().filter(|_| entry["via"] == "email").map(str::to_lowercase);
    let lists = LISTS.iter().filter_map(|list| shown[*list].as_array()).flatten();
    let addresses: Vec<String> = lists.filter_map(address).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let marks = app.suppressed.of_many(&addresses, call.now).await?;
    for list in LISTS {
        for entry in shown[list].as_array_mut().into_iter().flatten() {
            if let Some(mark) = address(entry).and_then(|address| marks.get(&address)) {
                entry["suppressed"] = json!({"reason": mark.reason.as_str(), "at": timestamp(mark.at)});
            }
        }
    }
    Ok(())
}
