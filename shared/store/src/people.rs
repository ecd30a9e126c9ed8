//! What administrators change: a person, their credentials and the guards of everything unique, in one transaction.

use crate::accounts::{Accounts, Profile};
use crate::credentials::{Credential, Credentials, Guard, Unique};
use crate::db::{Cancelled, MOST_IN_TRANSACTION, StoreError};
use crate::item::string;
use crate::outbox::Outbox;
use crate::remains;
use aws_sdk_dynamodb::types::TransactWriteItem;
use latchkey_core::identity::{CredentialType, Identity, State};
use std::collections::BTreeSet;
use time::OffsetDateTime;
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

/// Where messages may have gone for whoever holds these.
fn recipients<'a>(held: impl IntoIterator<Item = &'a Unique>) -> BTreeSet<String> {
    let address = |unique: &Unique| match unique {
        Unique::Verifiable(_, value) | Unique::Recovery(_, value) | Unique::Identifier(CredentialType::Code, value) => {
            Some(value.clone())
        }
        Unique::Identifier(..) | Unique::ExternalId(_) => None,
    };
    held.into_iter().filter_map(address).collect()
}

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
    let mut items = vec![accounts.put_new_profile(identity)?];
    for credential in secrets {
        items.push(credentials.put_credential(identity.id, credential, None)?);
    }
    let guards = unique_of(identity).into_iter().map(|unique| {
        let guard = guard(identity.id, &unique, secrets);
        (unique, guard)
    });
    let change = Change { identity: identity.id, items, taking: guards.collect(), freeing: Vec::new() };
    Ok(change.write(accounts, credentials, request).await?.map_err(|_| Refused::Taken))
}

/// Changes a person from what was read to what was decided; `before` and `after` hold all credentials.
///
/// # Errors
/// `Ok(Err(_))` when something unique is taken or the person was changed meanwhile, [`StoreError`] when it is not known what
/// happened.
pub async fn update(
    accounts: &Accounts,
    credentials: &Credentials,
    outbox: &Outbox,
    before: (&Profile, &[Credential]),
    after: (&Identity, &[Credential]),
    request: Uuid,
) -> Result<Result<(), Refused>, StoreError> {
    let (profile, old_secrets) = before;
    let (identity, secrets) = after;
    let mut items = vec![accounts.change_profile(profile, identity)?];
    for credential in secrets {
        let old = old_secrets.iter().find(|c| c.kind == credential.kind);
        if old != Some(credential) {
            items.push(credentials.put_credential(identity.id, credential, old.map(|c| c.version))?);
        }
    }
    for old in old_secrets.iter().filter(|old| !secrets.iter().any(|c| c.kind == old.kind)) {
        items.push(credentials.delete_credential(identity.id, old.kind)?);
    }
    let (had, has) = (unique_of(&profile.identity), unique_of(identity));
    let mut taking = Vec::new();
    for unique in &has {
        let now = guard(identity.id, unique, secrets);
        if !had.contains(unique) || now != guard(identity.id, unique, old_secrets) {
            taking.push((unique.clone(), now));
        }
    }
    // What is known of an address ends with it.
    let given_up = recipients(&had).difference(&recipients(&has)).cloned().collect();
    items.extend(outbox.put_erasure(request, given_up, identity.updated_at)?);
    let freeing = had.difference(&has).cloned().collect();
    Change { identity: identity.id, items, taking, freeing }.write(accounts, credentials, request).await
}

/// Disables a person, unless they were changed since they were read; true when it was done.
///
/// # Errors
/// When it is not known what happened.
pub async fn disable(accounts: &Accounts, profile: &Profile, request: Uuid) -> Result<bool, StoreError> {
    let identity = Identity { state: State::Inactive, ..profile.identity.clone() };
    Ok(accounts.db().transact(vec![accounts.change_profile(profile, &identity)?], request).await?.is_ok())
}

/// Deletes a person with credentials, guards, sessions and known devices, and has messages to them forgotten.
///
/// Sessions and devices that do not fit into the transaction go before it, so nothing is left of any once the person is gone,
/// however the deletion is interrupted. `profile` must have been read before this: a login since then refuses the transaction.
///
/// # Errors
/// `Ok(Err(_))` when the person was changed meanwhile, [`StoreError`] when it is not known what happened.
pub async fn delete(
    accounts: &Accounts,
    credentials: &Credentials,
    outbox: &Outbox,
    profile: &Profile,
    now: OffsetDateTime,
    request: Uuid,
) -> Result<Result<(), Refused>, StoreError> {
    let identity = &profile.identity;
    let mut items = vec![accounts.delete_profile(profile)?];
    for &kind in identity.credentials.keys() {
        items.push(credentials.delete_credential(identity.id, kind)?);
    }
    let freeing = unique_of(identity).into_iter().collect();
    let change = Change { identity: identity.id, items, taking: Vec::new(), freeing };
    change.write_deletion(accounts, credentials, outbox, now, request).await
}

/// Deletes a person whose record cannot be read, with every credential, session and known device, and with those guards that what
/// is left of the record leads to. What it does not lead to is free for others all the same, since its owner is gone. Nothing when
/// nobody has this id.
///
/// # Errors
/// `Ok(Some(Err(_)))` when the record was changed meanwhile, [`StoreError`] when it is not known what happened.
pub async fn delete_unreadable(
    accounts: &Accounts,
    credentials: &Credentials,
    outbox: &Outbox,
    (id, now): (Uuid, OffsetDateTime),
    request: Uuid,
) -> Result<Option<Result<(), Refused>>, StoreError> {
    let Some(item) = accounts.raw_profile(id).await? else { return Ok(None) };
    let mut texts = credentials.raw_of(id, &CredentialType::ALL).await?;
    texts.extend(string(&item, "doc").ok().map(str::to_owned));
    let mut freeing = credentials.held_by(id, &remains::unique(&texts)).await?;
    // Guards beyond those that fit the transaction are as good as gone with it.
    freeing.truncate(MOST_IN_TRANSACTION - 2 - CredentialType::ALL.len());
    let mut items = vec![accounts.delete_raw_profile(id, &item)?];
    for kind in CredentialType::ALL {
        items.push(credentials.delete_credential(id, kind)?);
    }
    let change = Change { identity: id, items, taking: Vec::new(), freeing };
    Ok(Some(change.write_deletion(accounts, credentials, outbox, now, request).await?))
}

/// One transaction about a person.
struct Change {
    identity: Uuid,
    /// The profile and the credentials. When one of these fails, the person was changed meanwhile.
    items: Vec<TransactWriteItem>,
    taking: Vec<(Unique, Guard)>,
    freeing: Vec<Unique>,
}

impl Change {
    /// Writes the deletion of a person, with what lies beside the profile, and has messages to them forgotten.
    async fn write_deletion(
        mut self,
        accounts: &Accounts,
        credentials: &Credentials,
        outbox: &Outbox,
        now: OffsetDateTime,
        request: Uuid,
    ) -> Result<Result<(), Refused>, StoreError> {
        self.items.extend(outbox.put_erasure(request, recipients(&self.freeing).into_iter().collect(), now)?);
        let room = MOST_IN_TRANSACTION.saturating_sub(self.items.len() + self.freeing.len());
        self.items.extend(accounts.delete_below(self.identity, room, request).await?);
        Ok(self.write(accounts, credentials, request).await?.map_err(|_| Refused::Changed))
    }

    /// Writes it. What belongs to somebody who is not there any more counts as free.
    async fn write(
        &self,
        accounts: &Accounts,
        credentials: &Credentials,
        request: Uuid,
    ) -> Result<Result<(), Refused>, StoreError> {
        let Some(failed) = self.attempt(accounts, credentials, &[], request).await? else { return Ok(Ok(())) };
        let Some(taken) = self.taken(&failed) else { return Ok(Err(Refused::Changed)) };
        let Some(gone) = gone(accounts, credentials, &taken).await? else { return Ok(Err(Refused::Taken)) };
        if self.items.len() + self.taking.len() + self.freeing.len() + gone.len() > MOST_IN_TRANSACTION {
            return Ok(Err(Refused::Taken));
        }
        // Another request than before, because it asks for something else.
        let request = Uuid::from_u128(request.as_u128().wrapping_add(1));
        let Some(failed) = self.attempt(accounts, credentials, &gone, request).await? else { return Ok(Ok(())) };
        Ok(Err(if self.taken(&failed).is_some() { Refused::Taken } else { Refused::Changed }))
    }

    async fn attempt(
        &self,
        accounts: &Accounts,
        credentials: &Credentials,
        gone: &[Uuid],
        request: Uuid,
    ) -> Result<Option<Cancelled>, StoreError> {
        let mut items = self.items.clone();
        for (unique, guard) in &self.taking {
            items.push(credentials.put_guard(unique, guard, gone)?);
        }
        for unique in &self.freeing {
            items.push(credentials.delete_guard(unique, self.identity)?);
        }
        for &id in gone {
            items.push(accounts.check_absent(id)?);
        }
        Ok(accounts.db().transact(items, request).await?.err())
    }

    /// What others hold; nothing when the person was changed.
    fn taken(&self, failed: &Cancelled) -> Option<Vec<Unique>> {
        let settled = self.items.len();
        if (0..settled).any(|place| failed.failed(place)) {
            return None;
        }
        let taken = self.taking.iter().enumerate().filter(|(n, _)| failed.failed(settled + n));
        Some(taken.map(|(_, (unique, _))| unique.clone()).collect())
    }
}

/// Whom these belonged to, when none of them is there any more.
async fn gone(
    accounts: &Accounts,
    credentials: &Credentials,
    taken: &[Unique],
) -> Result<Option<Vec<Uuid>>, StoreError> {
    let owners = credentials.owners(taken).await?;
    let owners: BTreeSet<Uuid> = owners.into_iter().flatten().map(|guard| guard.identity).collect();
    let owners: Vec<Uuid> = owners.into_iter().collect();
    Ok(accounts.present(&owners).await?.is_empty().then_some(owners))
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
