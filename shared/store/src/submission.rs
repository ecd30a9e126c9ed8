//! What a submission reads: everything that it has to know, in one call.

use crate::accounts::devices::{self, DEVICE, read_device};
use crate::accounts::profile::{profile_key, read_profile};
use crate::accounts::{Accounts, Profile};
use crate::counters::{Counters, Counts};
use crate::credentials::Credentials;
use crate::db::StoreError;
use crate::flows::Flows;
use crate::flows::flow::{flow_key, read_flow};
use crate::item::{Item, key, string};
use latchkey_core::flow::{Flow, FlowSpec};
use latchkey_core::identity::{Guard, Unique};
use latchkey_core::known_device::KnownDevice;
use latchkey_core::rate_limit::Failures;
use latchkey_core::session::Session;
use latchkey_core::token::Presented;
use time::OffsetDateTime;
use uuid::Uuid;

/// What a submission names.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    /// The flow.
    pub flow: Uuid,
    /// Identifiers whose identities the submission needs.
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
pub struct Found<S: FlowSpec> {
    /// The flow it names.
    pub flow: Option<Flow<S>>,
    /// Those identifiers that belong to an identity, in the order asked for.
    pub guards: Vec<(Unique, Guard)>,
    /// The session its client presents; whether the secret fits is still to be decided.
    pub session: Option<(Session, Profile)>,
    /// Keys of those devices of the wanted ones that are on record and have not ended.
    pub devices: Vec<String>,
    /// The counters.
    pub counts: Counts,
}

/// Flow, guards, session, devices and counters, strongly consistent, in one call over four tables.
///
/// # Errors
/// When the store fails.
pub async fn find<S: FlowSpec>(
    flows: &Flows,
    accounts: &Accounts,
    credentials: &Credentials,
    wanted: &Wanted<'_>,
    now: OffsetDateTime,
) -> Result<Found<S>, StoreError> {
    let identifiers = wanted.identifiers;
    let mut below_identities = match wanted.presented {
        Some(presented) => Accounts::session_keys(presented.identity(), presented.session()),
        None => Vec::new(),
    };
    below_identities.extend(wanted.devices.iter().map(devices::key_of));
    let mut keys = vec![
        (flows.table(), vec![key(flow_key(S::NAME, wanted.flow), None)]),
        (credentials.table(), identifiers.iter().map(Credentials::guard_key).collect()),
        (accounts.table(), below_identities),
    ];
    if let Some((counters, names)) = &wanted.counters {
        keys.push((counters.table(), names.iter().map(|name| Counters::item_key(name)).collect()));
    }
    let found = accounts.db().batch_get(keys).await?;
    let of = |table: &str| found.get(table).map_or(&[][..], Vec::as_slice);
    let is_device = |item: &&Item| string(item, "sk").is_ok_and(|name| name.starts_with(DEVICE));
    // A device whose record cannot be read counts as unknown.
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

/// Reads an identity, and the failures that a limit counts, in one call.
///
/// # Errors
/// When the store fails.
pub async fn receiver(
    accounts: &Accounts,
    id: Uuid,
    failures: Option<(&Counters, &str)>,
    now: OffsetDateTime,
) -> Result<(Option<Profile>, Failures), StoreError> {
    let mut keys = vec![(accounts.table(), vec![profile_key(id)])];
    if let Some((counters, name)) = failures {
        keys.push((counters.table(), vec![Counters::item_key(name)]));
    }
    let found = accounts.db().batch_get(keys).await?;
    let of = |table: &str| found.get(table).map_or(&[][..], Vec::as_slice);
    let profile = of(accounts.table()).first().map(read_profile).transpose()?;
    let failures = match failures {
        Some((counters, name)) => Counts::of(of(counters.table()))?.failures(name, now),
        None => Failures::default(),
    };
    Ok((profile, failures))
}
