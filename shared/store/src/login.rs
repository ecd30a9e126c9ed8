//! A submission's two trips: everything it has to know in one read, everything it changes in one transaction.

use crate::accounts::{Accounts, Profile};
use crate::credentials::{Credentials, Guard, Unique};
use crate::db::StoreError;
use crate::flows::{Flows, StoredFlow, flow_key, read_flow};
use crate::item::key;
use latchkey_core::flow::LoginFlow;
use latchkey_core::identity::CredentialType;
use latchkey_core::session::{Session, Surplus};
use latchkey_core::token::{Presented, SecretHash};
use uuid::Uuid;

/// What a submission found.
#[derive(Debug)]
pub struct Found {
    /// The flow it names.
    pub flow: Option<StoredFlow>,
    /// Who the identifiers belong to, in the order asked for.
    pub guards: Vec<Option<Guard>>,
    /// The session its client presents; whether the secret fits is still to be decided.
    pub session: Option<(Session, Profile)>,
}

/// Trip 1: flow, guards and session, strongly consistent, in one call over three tables.
///
/// # Errors
/// When the store fails.
pub async fn find(
    flows: &Flows,
    accounts: &Accounts,
    credentials: &Credentials,
    flow: Uuid,
    identifiers: &[Unique],
    presented: Option<&Presented>,
) -> Result<Found, StoreError> {
    let wanted = vec![
        (flows.table(), vec![key(flow_key(flow), None)]),
        (credentials.table(), identifiers.iter().map(Credentials::guard_key).collect()),
        (accounts.table(), presented.map(Accounts::session_keys).unwrap_or_default()),
    ];
    let found = accounts.db().batch_get(wanted).await?;
    let of = |table: &str| found.get(table).map_or(&[][..], Vec::as_slice);
    Ok(Found {
        flow: of(flows.table()).first().map(read_flow).transpose()?,
        guards: identifiers
            .iter()
            .map(|unique| Credentials::pick(of(credentials.table()), unique))
            .collect::<Result<_, _>>()?,
        session: Accounts::pick_session(of(accounts.table()))?,
    })
}

/// The session that a login ends in.
#[derive(Clone, Debug)]
pub enum NextSession {
    /// A new one.
    New(Session),
    /// The one it was, strengthened; and the hash of the secret that it had.
    Strengthened(Session, SecretHash),
}

impl NextSession {
    /// The session.
    pub fn session(&self) -> &Session {
        match self {
            Self::New(session) | Self::Strengthened(session, _) => session,
        }
    }
}

/// What a transaction found otherwise than the decision had assumed. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overtaken {
    /// The flow was completed by another submission.
    FlowDone,
    /// The password changed, or the person was deleted or disabled.
    AccountChanged,
    /// The session that was to be strengthened was revoked, or another login strengthened it.
    SessionChanged,
}

/// Trip 2: completes the flow, stores the session, ends and forgets those beyond the caps, provided that the credential and the person
/// are what they were; all or nothing.
///
/// # Errors
/// `Ok(Err(_))` when something changed in the meantime, [`StoreError`] when it is not known what happened.
#[expect(clippy::too_many_arguments, reason = "one transaction over three tables; a struct would only rename them")]
pub async fn complete(
    flows: &Flows,
    accounts: &Accounts,
    credentials: &Credentials,
    flow: &LoginFlow,
    next: &NextSession,
    surplus: &Surplus,
    credential: (CredentialType, u64),
    request: Uuid,
) -> Result<Result<(), Overtaken>, StoreError> {
    let session = next.session();
    let mut actions = vec![
        flows.complete(flow)?,
        credentials.check_version(session.identity, credential.0, credential.1)?,
        accounts.check_active(session.identity)?,
        match next {
            NextSession::New(session) => accounts.put_new_session(session)?,
            NextSession::Strengthened(session, before) => accounts.strengthen_session(session, before)?,
        },
    ];
    for ended in &surplus.ending {
        actions.push(accounts.put_ended_session(ended)?);
    }
    for &id in &surplus.forgetting {
        actions.push(accounts.delete_session(session.identity, id)?);
    }
    Ok(accounts.db().transact(actions, request).await?.map_err(|cancelled| {
        if cancelled.failed(0) {
            Overtaken::FlowDone
        } else if cancelled.failed(1) || cancelled.failed(2) {
            Overtaken::AccountChanged
        } else {
            // A new session's id is random and ending others has no condition, so only one to strengthen can fail here.
            Overtaken::SessionChanged
        }
    }))
}
