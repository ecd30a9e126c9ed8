//! Rate limits of submissions (`docs/rate-limits.md`): which counters a request comes up against, what was read of them, and counting.

use latchkey_config::Config;
use latchkey_core::code::Length;
use latchkey_core::known_device::{DeviceCookie, DeviceRecord, KnownDevice, beyond_the_cap};
use latchkey_core::rate_limit::{self, AttemptLimits, FailureLimit, Failures, Limits, RateLimit, SendLimits, network};
use latchkey_core::token::Presented;
use latchkey_methods::engine::{SendRequest, Throttled};
use latchkey_platform::{Environment, Rng, StartError};
use latchkey_schema::normalize_identifier;
use latchkey_store::accounts::devices::DeviceChange;
use latchkey_store::counters::Counts;
use latchkey_store::{Counters, Db, StoreError};
use latchkey_web::{Call, browser, device, edge};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// The rate limits of a deployment.
pub(super) struct RateLimiter {
    pub(super) counters: Counters,
    attempts: AttemptLimits,
    sends: SendLimits,
    sends_of_flow: u64,
}

/// A configuration's limits as the domain counts them.
pub fn limits_of(limits: &latchkey_config::RateLimits) -> (AttemptLimits, SendLimits) {
    let window = edge::signed(limits.window);
    let attempts = AttemptLimits {
        window,
        identifier_and_network: limits.attempts_identifier_and_network,
        network: limits.attempts_network,
        device: limits.attempts_device,
        failures: FailureLimit {
            in_a_row: limits.attempts_identity,
            month: limits.attempts_identity_per_month,
            beyond: limits.attempts_identity_per_day,
        },
    };
    let sends = SendLimits {
        window,
        address_and_network: limits.sends_address_and_network,
        address: limits.sends_address,
        network: limits.sends_network,
        device: limits.sends_device,
        sms_countries: limits.sms_countries.clone(),
        sms_per_day: limits.sms_per_day,
        sms_network_per_day: limits.sms_network_per_day,
    };
    (attempts, sends)
}

/// Where a request comes from, before anything is read.
#[derive(Debug)]
pub(super) struct Source {
    network: String,
    /// The device's cookie; empty for native apps, which have none.
    pub(super) cookie: DeviceCookie,
}

impl Source {
    pub(super) fn of(call: &Call<'_>) -> Self {
        Self { network: network(device::address(call).as_deref()), cookie: browser::device_cookie(call) }
    }
}

/// What was read of a request's device and of the counters that it comes up against.
#[derive(Debug)]
pub(super) struct Counted {
    source: Source,
    counts: Counts,
    /// Devices that have a record, and their identities; sessions among them.
    known: Vec<(Uuid, String)>,
}

impl Counted {
    pub(super) fn new(source: Source, counts: Counts, on_record: &[String], session: Option<(Uuid, Uuid)>) -> Self {
        let by_cookie = source.cookie.all().iter().map(|known| (known.identity(), known.key()));
        let by_session = session.map(|(identity, session)| (identity, session.to_string()));
        let known = by_cookie.filter(|(_, key)| on_record.contains(key)).chain(by_session).collect();
        Self { source, counts, known }
    }

    /// How long to wait, as far as the counters that were read say so.
    fn wait(&self, limits: &Limits, now: OffsetDateTime) -> Option<Duration> {
        limits.visible.iter().filter_map(|limit| self.counts.wait(limit, now)).max()
    }

    /// The device after an identity has signed in on it: the cookie, and what changes on record. A secret that is not on record is
    /// replaced, so no attacker can plant one. Native apps keep their session token instead.
    pub(super) fn remember(
        &self,
        identity: Uuid,
        records: &[DeviceRecord],
        rng: &Rng,
        now: OffsetDateTime,
    ) -> (DeviceCookie, DeviceChange) {
        let cookie = &self.source.cookie;
        let on_record = |known: &&KnownDevice| {
            let key = known.key();
            records.iter().any(|record| record.key == key && record.is_live(now))
        };
        let known = cookie.of(identity).filter(on_record).cloned();
        let known = known.unwrap_or_else(|| KnownDevice::new(identity, rng.bytes()));
        let record = DeviceRecord::new(&known, now);
        let is_fresh = records.iter().any(|old| old.key == record.key && !old.is_due(now));
        let change = if is_fresh {
            DeviceChange::default()
        } else {
            DeviceChange { forget: beyond_the_cap(records, &record), put: Some(record) }
        };
        (cookie.with(known), change)
    }
}

impl RateLimiter {
    /// `None` where rate limits are off.
    pub(super) fn open(env: &Environment, db: &Db, config: &Config) -> Result<Option<Self>, StartError> {
        let Some(limits) = &config.rate_limits else { return Ok(None) };
        let (attempts, sends) = limits_of(limits);
        let counters = Counters::open(db, env)?;
        Ok(Some(Self { counters, attempts, sends, sends_of_flow: u64::from(limits.sends_flow) }))
    }

    /// Keys of the counters that a submission with these identifiers may come up against; `codes` says whether it may ask for a code.
    /// They depend on the request alone.
    pub(super) fn keys(
        &self,
        source: &Source,
        presented: Option<&Presented>,
        identifiers: &[&str],
        codes: bool,
    ) -> Vec<String> {
        let sessions = presented.map(|presented| presented.session().to_string());
        let devices: Vec<String> = source.cookie.all().iter().map(KnownDevice::key).chain(sessions).collect();
        let mut limits = vec![self.attempts.lookup(&source.network)];
        for normalised in identifiers.iter().map(|typed| normalize_identifier(typed)) {
            limits.extend(self.attempts.unknown_device(&rate_limit::digest(&normalised), &source.network));
            let of = std::iter::once(None).chain(devices.iter().map(|device| Some(device.as_str())));
            let sends = of.filter(|_| codes).filter_map(|device| self.sends.of(&normalised, &source.network, device));
            limits.extend(sends.flatten());
        }
        limits.extend(devices.iter().map(|device| self.attempts.known_device(device)));
        let failures = devices.iter().map(|device| rate_limit::failures_of_device(device));
        let mut keys: Vec<String> = limits.into_iter().map(|limit| limit.key).chain(failures).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// What an attempt to sign in counts against. `identity` is the one that has the identifier. A known device that has failed too
    /// often by itself counts like any other.
    pub(super) fn attempt(
        &self,
        counted: &Counted,
        identity: Option<Uuid>,
        identifier: &str,
        now: OffsetDateTime,
    ) -> Result<Limits, Throttled> {
        let limits = match self.known_device(counted, identity, now) {
            Some(device) => Limits {
                visible: vec![self.attempts.known_device(device)],
                failures: Some((rate_limit::failures_of_device(device), self.attempts.failures.without_trickle())),
            },
            None => {
                let digest = rate_limit::digest(&normalize_identifier(identifier));
                Limits {
                    visible: self.attempts.unknown_device(&digest, &counted.source.network),
                    failures: Some((rate_limit::failures_of(identity, &digest), self.attempts.failures)),
                }
            }
        };
        unspent(counted, limits, now)
    }

    fn known_device<'c>(&self, counted: &'c Counted, identity: Option<Uuid>, now: OffsetDateTime) -> Option<&'c str> {
        let has_room = |device: &&str| {
            let failures = counted.counts.failures(&rate_limit::failures_of_device(device), now);
            self.attempts.failures.has_room(&failures)
        };
        let own = counted.known.iter().filter(|(of, _)| Some(*of) == identity).map(|(_, key)| key.as_str());
        own.into_iter().find(has_room)
    }

    /// What a lookup of an account counts against.
    pub(super) fn lookup(&self, counted: &Counted, now: OffsetDateTime) -> Result<Limits, Throttled> {
        unspent(counted, Limits::visible(vec![self.attempts.lookup(&counted.source.network)]), now)
    }

    /// What a request for a code counts against. `sends` is how often codes were sent in the flow, `left` how long the flow lives.
    pub(super) fn send(
        &self,
        counted: &Counted,
        identity: Option<Uuid>,
        identifier: &str,
        (sends, left): (u64, Duration),
        now: OffsetDateTime,
    ) -> SendRequest {
        let device = self.known_device(counted, identity, now);
        let normalised = normalize_identifier(identifier);
        let visible: Option<Vec<RateLimit>> = self.sends.of(&normalised, &counted.source.network, device);
        let is_unserved = visible.is_none();
        let limits = Limits::visible(visible.unwrap_or_default());
        let wait = if sends >= self.sends_of_flow { Some(left) } else { counted.wait(&limits, now) };
        let failures_key =
            device.is_none().then(|| rate_limit::failures_of(identity, &rate_limit::digest(&normalised)));
        let limits = if wait.is_none() { limits } else { Limits::default() };
        SendRequest { limits, wait, failures_key, is_unserved }
    }

    /// Counts an attempt, before its verdict.
    pub(super) async fn count(
        &self,
        limits: &Limits,
        now: OffsetDateTime,
    ) -> Result<(Option<Duration>, Failures), StoreError> {
        self.counters.raise(&limits.visible, limits.failures_key(), now).await
    }

    /// Takes back what should not have been counted.
    pub(super) async fn refund(&self, limits: &Limits, now: OffsetDateTime) {
        self.counters.lower(&limits.visible, limits.failures_key(), now).await;
    }

    /// How long the next code must be, by the failures of its receiver.
    pub(super) fn code_length(&self, failures: &Failures) -> Length {
        if self.attempts.failures.wants_long_codes(failures) { Length::Long } else { Length::Short }
    }
}

fn unspent(counted: &Counted, limits: Limits, now: OffsetDateTime) -> Result<Limits, Throttled> {
    match counted.wait(&limits, now) {
        Some(wait) => Err(Throttled(wait)),
        None => Ok(limits),
    }
}
