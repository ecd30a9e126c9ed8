//! What submissions read and write: everything they have to know in one read, everything they change in one transaction.

use crate::accounts::{Accounts, Profile};
use crate::counters::{Counters, Counts};
use crate::credentials::{Credentials, Guard, Unique};
use crate::db::StoreError;
use crate::devices::{self, DEVICE, DeviceChange, read_device};
use crate::flows::{Codes, Flows, StoredFlow, flow_key, read_flow};
use crate::item::{Item, key, string};
use crate::outbox::Outbox;
use crate::profile::{Enrolment, profile_key, read_profile};
use latchkey_core::courier::QueuedMessage;
use latchkey_core::flow::LoginFlow;
use latchkey_core::identity::{CredentialType, Identity};
use latchkey_core::known_device::KnownDevice;
use latchkey_core::rate_limit::Failures;
use latchkey_core::session::{Session, Surplus};
use latchkey_core::token::{Presented, SecretHash};
use time::OffsetDateTime;
use uuid::Uuid;

/// What a submission names, to be read in trip 1.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    /// The flow.
    pub flow: Uuid,
    /// Identifiers whose owners are asked for.
    pub identifiers: &'a [Unique],
    /// The session that the client presents.
    pub presented: Option<&'a Presented>,
    /// Identities that its device remembers.
    pub devices: &'a [KnownDevice],
    /// Rate limits that the submission may come up against.
    pub counters: Option<(&'a Counters, Vec<String>)>,
}

/// What a submission found.
#[derive(Debug)]
pub struct Found {
    /// The flow it names.
    pub flow: Option<StoredFlow>,
    /// Those identifiers that belong to somebody, in the order asked for.
    pub guards: Vec<(Unique, Guard)>,
    /// The session its client presents; whether the secret fits is still to be decided.
    pub session: Option<(Session, Profile)>,
    /// Keys of those devices of the wanted ones that are on record and have not ended.
    pub devices: Vec<String>,
    /// The counters.
    pub counts: Counts,
}

/// Trip 1: flow, guards, session, devices and counters, strongly consistent, in one call over four tables.
///
/// # Errors
/// When the store fails.
pub async fn find(
    flows: &Flows,
    accounts: &Accounts,
    credentials: &Credentials,
    wanted: &Wanted<'_>,
    now: OffsetDateTime,
) -> Result<Found, StoreError> {
    let identifiers = wanted.identifiers;
    let mut below_identities = match wanted.presented {
        Some(presented) => Accounts::session_keys(presented.identity(), presented.session()),
        None => Vec::new(),
    };
    below_identities.extend(wanted.devices.iter().map(devices::key_of));
    let mut keys = vec![
        (flows.table(), vec![key(flow_key(wanted.flow), None)]),
        (credentials.table(), identifiers.iter().map(Credentials::guard_key).collect()),
        (accounts.table(), below_identities),
    ];
    if let Some((counters, names)) = &wanted.counters {
        keys.push((counters.table(), names.iter().map(|name| Counters::item_key(name)).collect()));
    }
    let found = accounts.db().batch_get(keys).await?;
    let of = |table: &str| found.get(table).map_or(&[][..], Vec::as_slice);
    let is_device = |item: &&Item| string(item, "sk").is_ok_and(|name| name.starts_with(DEVICE));
    // One that cannot be read is a device that nobody knows.
    let devices = of(accounts.table()).iter().filter(is_device).filter_map(|item| read_device(item).ok());
    let counts = wanted.counters.as_ref().map(|(counters, _)| Counts::of(of(counters.table())));
    Ok(Found {
        flow: of(flows.table()).first().map(read_flow).transpose()?,
        guards: identifiers
            .iter()
            .filter_map(|unique| {
                let found = Credentials::pick(of(credentials.table()), unique).transpose()?;
                Some(found.map(|guard| (unique.clone(), guard)))
            })
            .collect::<Result<_, _>>()?,
        session: Accounts::pick_session(of(accounts.table()))?,
        devices: devices.filter(|record| record.is_live(now)).map(|record| record.key).collect(),
        counts: counts.transpose()?.unwrap_or_default(),
    })
}

/// Reads a person, and how a bound of theirs stands, in one call.
///
/// # Errors
/// When the store fails.
pub async fn receiver(
    accounts: &Accounts,
    id: Uuid,
    bound: Option<(&Counters, &str)>,
    now: OffsetDateTime,
) -> Result<(Option<Profile>, Failures), StoreError> {
    let mut keys = vec![(accounts.table(), vec![profile_key(id)])];
    if let Some((counters, name)) = bound {
        keys.push((counters.table(), vec![Counters::item_key(name)]));
    }
    let found = accounts.db().batch_get(keys).await?;
    let of = |table: &str| found.get(table).map_or(&[][..], Vec::as_slice);
    let profile = of(accounts.table()).first().map(read_profile).transpose()?;
    let standing = match bound {
        Some((counters, name)) => Counts::of(of(counters.table()))?.standing(name, now),
        None => Failures::default(),
    };
    Ok((profile, standing))
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

/// What the proof rests on; if it has changed, the transaction does not happen.
#[derive(Clone, Debug)]
pub enum Grounds<'a> {
    /// A credential in this version, of a person who may sign in.
    Credential(CredentialType, u64),
    /// The person as they were read.
    Person(&'a Profile),
    /// The person as they were read; the proof makes them what is on the right.
    Changed(&'a Profile, &'a Identity),
}

/// What a transaction found otherwise than the decision had assumed. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overtaken {
    /// The flow was completed by another submission.
    FlowDone,
    /// The password changed, or the person was changed, deleted or disabled.
    AccountChanged,
    /// The session that was to be strengthened was revoked, or another login strengthened it.
    SessionChanged,
}

/// The last trip: completes the flow, stores the session, ends and forgets those beyond the caps, remembers the device, provided that what the proof
/// rests on is what it was; all or nothing.
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
    devices: &DeviceChange,
    grounds: &Grounds<'_>,
    request: Uuid,
) -> Result<Result<(), Overtaken>, StoreError> {
    let session = next.session();
    let enrolment = Enrolment { session, striking: &surplus.striking };
    let mut actions = vec![flows.complete(flow)?];
    match grounds {
        Grounds::Credential(kind, version) => {
            actions.push(accounts.enrol_active(&enrolment)?);
            actions.push(credentials.check_version(session.identity, *kind, *version)?);
        }
        Grounds::Person(profile) => actions.push(accounts.enrol(profile, &enrolment)?),
        Grounds::Changed(profile, identity) => {
            actions.push(accounts.enrol_and_change((profile, identity), &enrolment)?);
        }
    }
    let settled = actions.len();
    actions.push(match next {
        NextSession::New(session) => accounts.put_new_session(session)?,
        NextSession::Strengthened(session, before) => accounts.strengthen_session(session, before)?,
    });
    for ended in &surplus.ending {
        actions.push(accounts.put_ended_session(ended)?);
    }
    for &id in &surplus.forgetting {
        actions.push(accounts.delete_session(session.identity, id)?);
    }
    actions.extend(accounts.change_devices(session.identity, devices)?);
    Ok(accounts.db().transact(actions, request).await?.map_err(|cancelled| {
        if cancelled.failed(0) {
            Overtaken::FlowDone
        } else if (1..settled).any(|place| cancelled.failed(place)) {
            Overtaken::AccountChanged
        } else {
            // A new session's id is random and ending others has no condition, so only one to strengthen can fail here.
            Overtaken::SessionChanged
        }
    }))
}

/// A message with what it says, sealed.
#[derive(Clone, Debug)]
pub struct SealedMessage {
    /// What everybody may know of it.
    pub message: QueuedMessage,
    /// What it says, sealed so that only the courier opens it.
    pub payload: Vec<u8>,
}

/// What is handed over with a flow that asks for a code.
#[derive(Clone, Debug)]
pub enum Enqueue {
    /// Messages to send.
    Messages(Vec<SealedMessage>),
    /// Nothing, at the same cost.
    Decoy(Box<SealedMessage>),
}

/// Moves a flow to where a code is asked for, and hands the codes' messages over with it; all or nothing. False when another
/// submission moved the flow first.
///
/// # Errors
/// When it is not known what happened.
pub async fn send(
    flows: &Flows,
    outbox: &Outbox,
    flow: &LoginFlow,
    codes: &Codes<'_>,
    messages: &Enqueue,
    request: Uuid,
) -> Result<bool, StoreError> {
    let mut actions = vec![flows.send(flow, codes)?];
    match messages {
        Enqueue::Messages(all) => {
            for sealed in all {
                actions.push(outbox.put(&sealed.message, &sealed.payload)?);
            }
        }
        Enqueue::Decoy(sealed) => actions.push(outbox.put_decoy(&sealed.message, &sealed.payload)?),
    }
    Ok(flows.db().transact(actions, request).await?.is_ok())
}
