//! One transaction, put together from named parts, which loses to named conflicts.
//!
//! A part belongs to what it protects: the flow, the identity, something unique, the session. When DynamoDB refuses the
//! transaction, [`Commit::run`] says which of them was otherwise than the decision had assumed, and nothing was written. Each method
//! takes the handle of the table that it writes, so a function can commit to no table that it does not hold.

use crate::accounts::Accounts;
use crate::accounts::devices::DeviceChange;
use crate::accounts::profile::{Profile, ProfileWrite};
use crate::credentials::{Credential, Credentials};
use crate::db::{Db, StoreError};
use crate::flows::Flows;
use crate::flows::flow::Transition;
use crate::item::{Item, flag};
use crate::outbox::Outbox;

pub use crate::accounts::profile::Precondition;
use aws_sdk_dynamodb::types::TransactWriteItem;
use latchkey_core::courier::QueuedMessage;
use latchkey_core::flow::{Flow, FlowSpec};
use latchkey_core::identity::{CredentialType, Guard, Identity, Unique};
use latchkey_core::session::Session;
use latchkey_core::session::eviction::Eviction;
use latchkey_core::token::SecretHash;
use time::OffsetDateTime;
use uuid::Uuid;

/// What a transaction found otherwise than the decision had assumed. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The flow was completed by another submission, or is gone.
    FlowDone,
    /// The flow was written by another submission.
    FlowChanged,
    /// The identity was changed, disabled or deleted, or its credential was changed.
    IdentityChanged,
    /// These belong to other identities.
    IdentifierTaken(Vec<Unique>),
    /// The session was revoked, or another login stepped it up.
    SessionChanged,
    /// What can be used once was used.
    AlreadySpent,
}

/// What a part of a transaction protects.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Flow,
    Identity,
    Unique(Unique),
    Session,
    Spend,
    /// It has no condition, or one that only a bug fails.
    Nothing,
}

/// The session that a login leads to.
#[derive(Clone, Debug)]
pub enum NextSession {
    /// A new one.
    New(Session),
    /// The session of the client, stepped up; and the hash of the secret that it had.
    SteppedUp(Session, SecretHash),
}

impl NextSession {
    /// The session.
    pub fn session(&self) -> &Session {
        match self {
            Self::New(session) | Self::SteppedUp(session, _) => session,
        }
    }
}

/// A transaction in the making.
#[derive(Debug, Default)]
pub struct Commit {
    parts: Vec<(TransactWriteItem, Subject)>,
}

impl Commit {
    /// A transaction without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many items it writes or checks.
    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    fn add(&mut self, part: TransactWriteItem, subject: Subject) {
        self.parts.push((part, subject));
    }

    /// Completes a flow, once.
    ///
    /// # Errors
    /// When the flow cannot be written as JSON. The same is true of every method below that fails.
    pub fn complete_flow<S: FlowSpec>(&mut self, flows: &Flows, flow: &Flow<S>) -> Result<(), StoreError> {
        self.add(flows.write(flow, Transition::Complete)?, Subject::Flow);
        Ok(())
    }

    /// Moves a flow to where it asks for a code that this transaction sends. `fresh_attempts` says that attempts count from the
    /// beginning.
    pub fn send_codes<S: FlowSpec>(
        &mut self,
        flows: &Flows,
        flow: &Flow<S>,
        fresh_attempts: bool,
    ) -> Result<(), StoreError> {
        self.add(flows.write(flow, Transition::SendCodes { fresh_attempts })?, Subject::Flow);
        Ok(())
    }

    /// Signs an identity in: enters the session into its index and stores it, and evicts others. `precondition` is what the decision
    /// rests on.
    pub fn sign_in(
        &mut self,
        accounts: &Accounts,
        precondition: Precondition<'_>,
        next: &NextSession,
        eviction: &Eviction,
    ) -> Result<(), StoreError> {
        let session = next.session();
        let mut write = ProfileWrite::of(session.identity);
        write.list(session, &eviction.unlisting);
        self.add(accounts.write_profile(write, precondition)?, Subject::Identity);
        let part = match next {
            NextSession::New(session) => accounts.put_new_session(session)?,
            NextSession::SteppedUp(session, before) => accounts.step_up_session(session, before)?,
        };
        self.add(part, Subject::Session);
        for ended in &eviction.ending {
            self.add(accounts.put_ended_session(ended)?, Subject::Nothing);
        }
        for &id in &eviction.deleting {
            self.add(accounts.delete_session(session.identity, id)?, Subject::Nothing);
        }
        Ok(())
    }

    /// Remembers and forgets devices of an identity.
    pub fn change_devices(
        &mut self,
        accounts: &Accounts,
        identity: Uuid,
        change: &DeviceChange,
    ) -> Result<(), StoreError> {
        for part in accounts.change_devices(identity, change)? {
            self.add(part, Subject::Nothing);
        }
        Ok(())
    }

    /// Requires that a credential is the one that was checked.
    pub fn require_credential(
        &mut self,
        credentials: &Credentials,
        identity: Uuid,
        kind: CredentialType,
        version: u64,
    ) -> Result<(), StoreError> {
        self.add(credentials.check_version(identity, kind, version)?, Subject::Identity);
        Ok(())
    }

    /// Queues a message. `sealed` is what it says, which the courier alone can open.
    pub fn enqueue(&mut self, outbox: &Outbox, message: &QueuedMessage, sealed: &[u8]) -> Result<(), StoreError> {
        self.add(outbox.put(message, sealed)?, Subject::Nothing);
        Ok(())
    }

    /// Writes as much as [`enqueue`](Self::enqueue), and the courier sends nothing. An answer must not tell by its time that an
    /// identifier has no identity.
    pub fn enqueue_decoy(&mut self, outbox: &Outbox, message: &QueuedMessage, sealed: &[u8]) -> Result<(), StoreError> {
        self.add(outbox.put_decoy(message, sealed)?, Subject::Nothing);
        Ok(())
    }

    /// Consumes a continuity, once; how it was read does not matter.
    pub fn spend_continuity(&mut self, flows: &Flows, id: Uuid) -> Result<(), StoreError> {
        self.add(flows.delete_continuity(id)?, Subject::Spend);
        Ok(())
    }

    /// Stores an identity that does not exist yet.
    pub(crate) fn create_identity(&mut self, accounts: &Accounts, identity: &Identity) -> Result<(), StoreError> {
        self.add(accounts.put_new_profile(identity)?, Subject::Identity);
        Ok(())
    }

    /// Changes an identity as its precondition says.
    pub(crate) fn change_identity(
        &mut self,
        accounts: &Accounts,
        id: Uuid,
        precondition: Precondition<'_>,
    ) -> Result<(), StoreError> {
        self.add(accounts.write_profile(ProfileWrite::of(id), precondition)?, Subject::Identity);
        Ok(())
    }

    /// Deletes an identity that was read, unless it was changed or signed in since.
    pub(crate) fn delete_identity(&mut self, accounts: &Accounts, profile: &Profile) -> Result<(), StoreError> {
        self.add(accounts.delete_profile(profile)?, Subject::Identity);
        Ok(())
    }

    /// Deletes an identity whose record cannot be read, as long as it is the record that was looked at.
    pub(crate) fn delete_unreadable(&mut self, accounts: &Accounts, id: Uuid, item: &Item) -> Result<(), StoreError> {
        self.add(accounts.delete_raw_profile(id, item)?, Subject::Identity);
        Ok(())
    }

    /// Requires that there is no such identity.
    pub(crate) fn require_absent(&mut self, accounts: &Accounts, id: Uuid) -> Result<(), StoreError> {
        self.add(accounts.check_absent(id)?, Subject::Identity);
        Ok(())
    }

    /// Stores a credential; `before` is the version that it replaces.
    pub(crate) fn put_credential(
        &mut self,
        credentials: &Credentials,
        identity: Uuid,
        credential: &Credential,
        before: Option<u64>,
    ) -> Result<(), StoreError> {
        self.add(credentials.put_credential(identity, credential, before)?, Subject::Identity);
        Ok(())
    }

    /// Deletes a credential, whether or not it is there.
    pub(crate) fn delete_credential(
        &mut self,
        credentials: &Credentials,
        identity: Uuid,
        kind: CredentialType,
    ) -> Result<(), StoreError> {
        self.add(credentials.delete_credential(identity, kind)?, Subject::Nothing);
        Ok(())
    }

    /// Takes something unique for an identity. What one of the `deleted` identities held is free.
    pub(crate) fn take(
        &mut self,
        credentials: &Credentials,
        unique: &Unique,
        guard: &Guard,
        deleted: &[Uuid],
    ) -> Result<(), StoreError> {
        self.add(credentials.put_guard(unique, guard, deleted)?, Subject::Unique(unique.clone()));
        Ok(())
    }

    /// Frees something unique that an identity holds.
    pub(crate) fn free(
        &mut self,
        credentials: &Credentials,
        unique: &Unique,
        identity: Uuid,
    ) -> Result<(), StoreError> {
        self.add(credentials.delete_guard(unique, identity)?, Subject::Identity);
        Ok(())
    }

    /// Has the messages to these addresses erased; nothing for none.
    pub(crate) fn erase(
        &mut self,
        outbox: &Outbox,
        id: Uuid,
        recipients: Vec<String>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        if let Some(part) = outbox.put_erasure(id, recipients, now)? {
            self.add(part, Subject::Nothing);
        }
        Ok(())
    }

    /// Adds a part that cannot lose.
    pub(crate) fn also(&mut self, part: TransactWriteItem) {
        self.add(part, Subject::Nothing);
    }

    /// Writes all of it or nothing. Attempts with the same `request` count as one.
    ///
    /// # Errors
    /// `Ok(Err(_))` with the conflict that it lost to; [`StoreError`] when it is not known whether the transaction happened.
    pub async fn run(self, db: &Db, request: Uuid) -> Result<Result<(), Conflict>, StoreError> {
        let (parts, subjects): (Vec<_>, Vec<_>) = self.parts.into_iter().unzip();
        let Err(cancelled) = db.transact(parts, request).await? else { return Ok(Ok(())) };
        let lost = |subject: &Subject| {
            subjects.iter().enumerate().find(|(place, of)| *of == subject && cancelled.failed(*place)).map(|(at, _)| at)
        };
        if let Some(place) = lost(&Subject::Flow) {
            // A flow that is gone is as good as done.
            let done = cancelled.item(place).is_none_or(|item| flag(item, "done"));
            return Ok(Err(if done { Conflict::FlowDone } else { Conflict::FlowChanged }));
        }
        for (subject, conflict) in [
            (Subject::Identity, Conflict::IdentityChanged),
            (Subject::Session, Conflict::SessionChanged),
            (Subject::Spend, Conflict::AlreadySpent),
        ] {
            if lost(&subject).is_some() {
                return Ok(Err(conflict));
            }
        }
        let taken = subjects.iter().enumerate().filter_map(|(place, subject)| match subject {
            Subject::Unique(unique) if cancelled.failed(place) => Some(unique.clone()),
            _ => None,
        });
        let taken: Vec<Unique> = taken.collect();
        if taken.is_empty() {
            return Err(StoreError::Corrupt("a write without a precondition was refused".to_owned()));
        }
        Ok(Err(Conflict::IdentifierTaken(taken)))
    }
}
