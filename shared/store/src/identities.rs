//! What administrators change: an identity, its credentials and the guards of everything unique, in one transaction.

use crate::accounts::{Accounts, Profile};
use crate::commit::{Commit, Conflict, Precondition};
use crate::credentials::{Credential, Credentials};
use crate::db::{MOST_IN_TRANSACTION, StoreError};
use crate::item::{Item, string};
use crate::outbox::Outbox;
use crate::remains;
use latchkey_core::identity::{CredentialType, Guard, Identity, State, Unique};
use std::collections::BTreeSet;
use time::OffsetDateTime;
use uuid::Uuid;

/// The addresses to which messages may have gone, of an identity that holds these.
fn recipients<'a>(held: impl IntoIterator<Item = &'a Unique>) -> BTreeSet<String> {
    let address = |unique: &Unique| match unique {
        Unique::Verifiable(_, value) | Unique::Recovery(_, value) | Unique::Identifier(CredentialType::Code, value) => {
            Some(value.clone())
        }
        Unique::Identifier(..) | Unique::ExternalId(_) => None,
    };
    held.into_iter().filter_map(address).collect()
}

/// Creates an identity.
///
/// # Errors
/// `Ok(Err(_))` when something unique is taken, [`StoreError`] when it is not known what happened.
pub async fn create(
    accounts: &Accounts,
    credentials: &Credentials,
    identity: &Identity,
    secrets: &[Credential],
    request: Uuid,
) -> Result<Result<(), Conflict>, StoreError> {
    let taking = identity.unique().into_iter().map(|unique| {
        let guard = guard(identity.id, &unique, secrets);
        (unique, guard)
    });
    let change = Change { identity: identity.id, taking: taking.collect(), freeing: Vec::new() };
    let parts = |commit: &mut Commit| {
        commit.create_identity(accounts, identity)?;
        secrets.iter().try_for_each(|credential| commit.put_credential(credentials, identity.id, credential, None))
    };
    change.write(accounts, credentials, &parts, request).await
}

/// Changes an identity from what was read to what was decided; `before` and `after` hold all credentials.
///
/// # Errors
/// `Ok(Err(_))` when something unique is taken or the identity was changed meanwhile, [`StoreError`] when it is not known what
/// happened.
pub async fn update(
    accounts: &Accounts,
    credentials: &Credentials,
    outbox: &Outbox,
    before: (&Profile, &[Credential]),
    after: (&Identity, &[Credential]),
    request: Uuid,
) -> Result<Result<(), Conflict>, StoreError> {
    let (profile, old_secrets) = before;
    let (identity, secrets) = after;
    let (had, has) = (profile.identity.unique(), identity.unique());
    let mut taking = Vec::new();
    for unique in &has {
        let now = guard(identity.id, unique, secrets);
        if !had.contains(unique) || now != guard(identity.id, unique, old_secrets) {
            taking.push((unique.clone(), now));
        }
    }
    // The messages to an address are erased with it.
    let given_up: Vec<String> = recipients(&had).difference(&recipients(&has)).cloned().collect();
    let freeing = had.difference(&has).cloned().collect();
    let change = Change { identity: identity.id, taking, freeing };
    let parts = |commit: &mut Commit| {
        commit.change_identity(accounts, identity.id, Precondition::Becomes(profile, identity))?;
        for credential in secrets {
            let old = old_secrets.iter().find(|c| c.kind == credential.kind);
            if old != Some(credential) {
                commit.put_credential(credentials, identity.id, credential, old.map(|c| c.version))?;
            }
        }
        for old in old_secrets.iter().filter(|old| !secrets.iter().any(|c| c.kind == old.kind)) {
            commit.delete_credential(credentials, identity.id, old.kind)?;
        }
        commit.erase(outbox, request, given_up.clone(), identity.updated_at)
    };
    change.write(accounts, credentials, &parts, request).await
}

/// Disables an identity, unless it was changed since it was read; true when it was done.
///
/// # Errors
/// When it is not known what happened.
pub async fn disable(accounts: &Accounts, profile: &Profile, request: Uuid) -> Result<bool, StoreError> {
    let identity = Identity { state: State::Inactive, ..profile.identity.clone() };
    let mut commit = Commit::new();
    commit.change_identity(accounts, identity.id, Precondition::Becomes(profile, &identity))?;
    Ok(commit.run(accounts.db(), request).await?.is_ok())
}

/// Deletes an identity with credentials, guards, sessions and known devices, and has messages to it erased.
///
/// Sessions and devices that do not fit into the transaction go before it, so nothing is left of any once the identity is gone,
/// however the deletion is interrupted. The caller must have read `profile` before this: a login since then refuses the transaction.
///
/// # Errors
/// `Ok(Err(_))` when the identity was changed meanwhile, [`StoreError`] when it is not known what happened.
pub async fn delete(
    accounts: &Accounts,
    credentials: &Credentials,
    outbox: &Outbox,
    profile: &Profile,
    now: OffsetDateTime,
    request: Uuid,
) -> Result<Result<(), Conflict>, StoreError> {
    let identity = &profile.identity;
    let parts = |commit: &mut Commit| {
        commit.delete_identity(accounts, profile)?;
        identity.credentials.keys().try_for_each(|&kind| commit.delete_credential(credentials, identity.id, kind))
    };
    let change = Change { identity: identity.id, taking: Vec::new(), freeing: identity.unique().into_iter().collect() };
    change.write_deletion((accounts, credentials, outbox), &parts, now, request).await
}

/// Deletes an identity whose record cannot be read, with every credential, session and known device, and with those guards that what
/// is left of the record leads to. Guards that it does not lead to are free for others all the same, since their identity is gone.
/// `None` when no identity has this id.
///
/// # Errors
/// `Ok(Some(Err(_)))` when the record was changed meanwhile, [`StoreError`] when it is not known what happened.
pub async fn delete_unreadable(
    accounts: &Accounts,
    credentials: &Credentials,
    outbox: &Outbox,
    (id, now): (Uuid, OffsetDateTime),
    request: Uuid,
) -> Result<Option<Result<(), Conflict>>, StoreError> {
    let Some(item) = accounts.raw_profile(id).await? else { return Ok(None) };
    let mut texts = credentials.raw_of(id, &CredentialType::ALL).await?;
    texts.extend(string(&item, "doc").ok().map(str::to_owned));
    let mut freeing = credentials.held_by(id, &remains::unique(&texts)).await?;
    // Guards beyond those that fit the transaction are free once the identity is gone.
    freeing.truncate(MOST_IN_TRANSACTION - 2 - CredentialType::ALL.len());
    let item: &Item = &item;
    let parts = |commit: &mut Commit| {
        commit.delete_unreadable(accounts, id, item)?;
        CredentialType::ALL.into_iter().try_for_each(|kind| commit.delete_credential(credentials, id, kind))
    };
    let change = Change { identity: id, taking: Vec::new(), freeing };
    Ok(Some(change.write_deletion((accounts, credentials, outbox), &parts, now, request).await?))
}

/// The parts of a transaction about an identity beside its guards: profile, credentials, erasures.
type Parts<'a> = &'a (dyn Fn(&mut Commit) -> Result<(), StoreError> + Sync);

/// What a transaction takes for an identity and frees.
struct Change {
    identity: Uuid,
    taking: Vec<(Unique, Guard)>,
    freeing: Vec<Unique>,
}

impl Change {
    /// Writes the deletion of an identity with what lies beside the profile, and has messages to it erased.
    async fn write_deletion(
        self,
        (accounts, credentials, outbox): (&Accounts, &Credentials, &Outbox),
        parts: Parts<'_>,
        now: OffsetDateTime,
        request: Uuid,
    ) -> Result<Result<(), Conflict>, StoreError> {
        let with_erasure = |commit: &mut Commit| {
            parts(commit)?;
            commit.erase(outbox, request, recipients(&self.freeing).into_iter().collect(), now)
        };
        let mut measured = Commit::new();
        with_erasure(&mut measured)?;
        let room = MOST_IN_TRANSACTION.saturating_sub(measured.len() + self.freeing.len());
        let below = accounts.delete_below(self.identity, room, request).await?;
        let all = |commit: &mut Commit| {
            with_erasure(commit)?;
            below.iter().cloned().for_each(|part| commit.also(part));
            Ok(())
        };
        self.write(accounts, credentials, &all, request).await
    }

    /// Writes it. What an identity held that is not there any more counts as free.
    async fn write(
        &self,
        accounts: &Accounts,
        credentials: &Credentials,
        parts: Parts<'_>,
        request: Uuid,
    ) -> Result<Result<(), Conflict>, StoreError> {
        let commit = self.commit(accounts, credentials, parts, &[])?;
        let size = commit.len();
        let Err(conflict) = commit.run(accounts.db(), request).await? else { return Ok(Ok(())) };
        let Conflict::IdentifierTaken(taken) = conflict else { return Ok(Err(conflict)) };
        let Some(deleted) = deleted_holders(accounts, credentials, &taken).await? else {
            return Ok(Err(Conflict::IdentifierTaken(taken)));
        };
        if size + deleted.len() > MOST_IN_TRANSACTION {
            return Ok(Err(Conflict::IdentifierTaken(taken)));
        }
        // Another request than before, because it asks for something else.
        let request = Uuid::from_u128(request.as_u128().wrapping_add(1));
        self.commit(accounts, credentials, parts, &deleted)?.run(accounts.db(), request).await
    }

    fn commit(
        &self,
        accounts: &Accounts,
        credentials: &Credentials,
        parts: Parts<'_>,
        deleted: &[Uuid],
    ) -> Result<Commit, StoreError> {
        let mut commit = Commit::new();
        parts(&mut commit)?;
        for (unique, guard) in &self.taking {
            commit.take(credentials, unique, guard, deleted)?;
        }
        for unique in &self.freeing {
            commit.free(credentials, unique, self.identity)?;
        }
        for &id in deleted {
            commit.require_absent(accounts, id)?;
        }
        Ok(commit)
    }
}

/// The identities that held these, when none of them is there any more.
async fn deleted_holders(
    accounts: &Accounts,
    credentials: &Credentials,
    taken: &[Unique],
) -> Result<Option<Vec<Uuid>>, StoreError> {
    let holders = credentials.owners(taken).await?;
    let holders: BTreeSet<Uuid> = holders.into_iter().flatten().map(|guard| guard.identity).collect();
    let holders: Vec<Uuid> = holders.into_iter().collect();
    Ok(accounts.present(&holders).await?.is_empty().then_some(holders))
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
