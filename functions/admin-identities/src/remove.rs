//! Deleting an identity, or one of its credentials (contract `beyond-login.md` 1.9).

use crate::App;
use crate::change;
use crate::show::{identity_id_of, located};
use latchkey_core::error::ApiError;
use latchkey_core::identity::CredentialType;
use latchkey_store::{StoreError, identities};
use latchkey_web::audit::{Action, changes};
use latchkey_web::{Call, Fault, Reply};

/// How often a deletion is tried again because the identity was changed, or signed in, meanwhile.
const TRIES: usize = 8;
/// After this many tries the identity is disabled first, so that logins cannot prevent its deletion for ever.
const PATIENCE: usize = 3;

pub(crate) async fn identity(app: &App, call: &Call<'_>, id: &str) -> Result<Reply, Fault> {
    let id = identity_id_of(id)?;
    for attempt in 0..TRIES {
        let gone = match app.accounts.profile(id).await {
            Ok(profile) => {
                let profile = profile.ok_or_else(ApiError::not_located)?;
                changes(Action::DeleteIdentity, &[("identity", &id)]);
                if attempt == PATIENCE {
                    identities::disable(&app.accounts, &profile, app.edge.rng.id()).await?;
                    continue;
                }
                identities::delete(&app.accounts, &app.credentials, &app.outbox, &profile, call.now, app.edge.rng.id())
                    .await?
            }
            // Deletion is the only operation on an unreadable record.
            Err(StoreError::Corrupt(_)) => {
                changes(Action::DeleteIdentity, &[("identity", &id)]);
                let gone = identities::delete_unreadable(
                    &app.accounts,
                    &app.credentials,
                    &app.outbox,
                    (id, call.now),
                    app.edge.rng.id(),
                );
                let gone = gone.await?;
                gone.ok_or_else(ApiError::not_located)?
            }
            Err(error) => return Err(error.into()),
        };
        if gone.is_ok() {
            return Ok(Reply::new(204, "deleted"));
        }
    }
    Err(ApiError::new(503).because("This identity is being changed by many requests at once.").into())
}

pub(crate) async fn credential(app: &App, call: &Call<'_>, id: &str, kind: &str) -> Result<Reply, Fault> {
    let profile = located(app, identity_id_of(id)?).await?;
    let held = profile.identity.credentials.keys().find(|held| held.as_str() == kind);
    match held {
        None => {
            let reason = format!("You tried to remove a {kind} but this user have no {kind} set up.");
            Err(ApiError::new(404).because(reason).into())
        }
        Some(CredentialType::Code) => {
            Err(ApiError::bad_request(format!("Credentials type {kind} cannot be deleted.")).into())
        }
        // A code counts as a first factor of every identity where codes are on, and no other first factor exists yet.
        Some(CredentialType::Password) if app.edge.config.selfservice.methods.code.first_factor => {
            change::forget_password(app, call, id).await
        }
        Some(CredentialType::Password) => {
            Err(ApiError::bad_request("You cannot remove the last first factor credential.").into())
        }
        // Keys cannot be registered yet.
        Some(CredentialType::Webauthn) => Ok(Reply::new(204, "deleted")),
    }
}
