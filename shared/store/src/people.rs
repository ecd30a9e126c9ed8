//! What administrators change: a person, their credentials and the guards of everything unique, in one transaction.

use crate::accounts::{Accounts, Profile};
use crate::credentials::{Credential, Credentials, Guard, Unique};
use crate::db::StoreError;
use latchkey_core::identity::{CredentialType, Identity};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Why a change of a person did not happen. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// An identifier, address or external id belongs to somebody else.
    Taken,
    /// The person was changed or deleted since it was read; read again and decide anew.
    Changed,
}

/// Everything of a person that must be unique.
pub fn unique_of(identity: &Identity) -> BTreeSet<Unique> {
    let identifiers = identity.credentials.iter().flat_map(|(&kind, credential)| {
        credential.identifiers.iter().map(move |value| Unique::Identifier(kind, value.clone()))
    });
    identifiers
        .chain(identity.verifiable_addresses.iter().map(|a| Unique::verifiable(a.via, &a.value)))
        .chain(identity.recovery_addresses.iter().map(|a| Unique::recovery(a.via, &a.value)))
        .chain(identity.external_id.iter().cloned().map(Unique::ExternalId))
        .collect()
}

/// How many unique things one person may hold, so that every change of theirs fits one transaction of 100 items: those given
/// up and those taken, three credentials and the profile.
pub const MOST_UNIQUE: usize = 48;

/// Makes a person.
///
/// # Errors
/// `Ok(Err(_))` when something unique is taken, [`StoreError`] when it is not known what happened.
pub async fn create(
    accounts: &Accounts,
    credentials: &Credentials,
    identity: &Identity,
    secrets: &[Credential],
    request: Uuid,
) -> Result<Result<(), Refused>, StoreError> {
    let mut actions = vec![accounts.put_profile(&Profile { identity: identity.clone(), revision: 1 }, None)?];
    for credential in secrets {
        actions.push(credentials.put_credential(identity.id, credential, None)?);
    }
    for unique in unique_of(identity) {
        actions.push(credentials.put_guard(&unique, &guard(identity.id, &unique, secrets))?);
    }
    Ok(accounts.db().transact(actions, request).await?.map_err(|_| Refused::Taken))
}

/// Changes a person from what was read to what was decided; `before` and `after` hold all credentials.
///
/// # Errors
/// `Ok(Err(_))` when something unique is taken or the person was changed meanwhile, [`StoreError`] when it is not known what
/// happened.
pub async fn update(
    accounts: &Accounts,
    credentials: &Credentials,
    before: (&Profile, &[Credential]),
    after: (&Identity, &[Credential]),
    request: Uuid,
) -> Result<Result<(), Refused>, StoreError> {
    let (profile, old_secrets) = before;
    let (identity, secrets) = after;
    let next = Profile { identity: identity.clone(), revision: profile.revision + 1 };
    let mut actions = vec![accounts.put_profile(&next, Some(profile.revision))?];
    for credential in secrets {
        let old = old_secrets.iter().find(|c| c.kind == credential.kind);
        if old != Some(credential) {
            actions.push(credentials.put_credential(identity.id, credential, old.map(|c| c.version))?);
        }
    }
    for old in old_secrets.iter().filter(|old| !secrets.iter().any(|c| c.kind == old.kind)) {
        actions.push(credentials.delete_credential(identity.id, old.kind)?);
    }
    let settled = actions.len();
    let (had, has) = (unique_of(&profile.identity), unique_of(identity));
    for unique in &has {
        let now = guard(identity.id, unique, secrets);
        if !had.contains(unique) || now != guard(identity.id, unique, old_secrets) {
            actions.push(credentials.put_guard(unique, &now)?);
        }
    }
    for unique in had.difference(&has) {
        actions.push(credentials.delete_guard(unique, identity.id)?);
    }
    Ok(accounts.db().transact(actions, request).await?.map_err(|cancelled| {
        if (0..settled).any(|place| cancelled.failed(place)) { Refused::Changed } else { Refused::Taken }
    }))
}

/// Deletes a person with credentials and guards. Their sessions need no deleting: without the person none is good.
///
/// # Errors
/// `Ok(Err(_))` when the person was changed meanwhile, [`StoreError`] when it is not known what happened.
pub async fn delete(
    accounts: &Accounts,
    credentials: &Credentials,
    profile: &Profile,
    request: Uuid,
) -> Result<Result<(), Refused>, StoreError> {
    let identity = &profile.identity;
    let mut actions = vec![accounts.delete_profile(profile)?];
    for &kind in identity.credentials.keys() {
        actions.push(credentials.delete_credential(identity.id, kind)?);
    }
    for unique in unique_of(identity) {
        actions.push(credentials.delete_guard(&unique, identity.id)?);
    }
    Ok(accounts.db().transact(actions, request).await?.map_err(|_| Refused::Changed))
}

fn guard(identity: Uuid, unique: &Unique, secrets: &[Credential]) -> Guard {
    let password = match unique {
        Unique::Identifier(CredentialType::Password, _) => secrets.iter().find(|c| c.kind == CredentialType::Password),
        _ => None,
    };
    Guard {
        identity,
        version: password.map_or(0, |c| c.version),
        hash: password.and_then(Credential::hash).map(str::to_owned),
    }
}
