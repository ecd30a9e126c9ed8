//! Rate limits of submissions: which counters one comes up against, and what is said when it is one too many
//! (`docs/rate-limits.md`).

use crate::Submission;
use latchkey_config::Config;
use latchkey_core::code::Length;
use latchkey_core::known_device::{DeviceCookie, DeviceRecord, KnownDevice, beyond_the_cap};
use latchkey_core::message::Message;
use latchkey_core::rate_limit::{self, AttemptLimits, FailureLimit, Failures, RateLimit, SendLimits, network};
use latchkey_core::token::Presented;
use latchkey_platform::{Environment, StartError};
use latchkey_schema::normalize_identifier;
use latchkey_store::counters::Counts;
use latchkey_store::devices::DeviceChange;
use latchkey_store::flows::Saved;
use latchkey_store::{Counters, Db, StoreError};
use latchkey_web::{Call, Fault, Reply, browser, device, edge};
use time::Duration;
use uuid::Uuid;

/// The rate limits of a deployment.
pub(crate) struct Brakes {
    counters: Counters,
    attempts: AttemptLimits,
    sends: SendLimits,
    sends_of_flow: u64,
}

impl Brakes {
    /// None where they are off.
    pub(crate) fn open(env: &Environment, db: &Db, config: &Config) -> Result<Option<Self>, StartError> {
        let Some(limits) = &config.rate_limits else { return Ok(None) };
        let (attempts, sends) = limits_of(limits);
        let counters = Counters::open(db, env)?;
        Ok(Some(Self { counters, attempts, sends, sends_of_flow: u64::from(limits.sends_flow) }))
    }
}

/// A configuration's limits as the domain counts them.
pub fn limits_of(limits: &latchkey_config::RateLimits) -> (AttemptLimits, SendLimits) {
    let window = edge::signed(limits.window);
    let attempts = AttemptLimits {
        window,
        identifier_and_network: limits.attempts_identifier_and_network,
        network: limits.attempts_network,
        device: limits.attempts_device,
        bound: FailureLimit {
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

/// What a request says of where it comes from, before anything is read.
#[derive(Debug)]
pub(crate) struct Origin {
    network: String,
    /// The device's cookie; empty for native apps, which have none.
    pub(crate) cookie: DeviceCookie,
}

impl Origin {
    pub(crate) fn of(call: &Call<'_>) -> Self {
        let network = network(device::address(call).as_deref());
        Self { network, cookie: browser::device_cookie(call) }
    }
}

/// What is known of a request's device and of the counters it comes up against, once they were read.
#[derive(Debug)]
pub(crate) struct Footing {
    pub(crate) origin: Origin,
    counts: Counts,
    /// Devices that have a record of their own, and whose they are; sessions among them.
    known: Vec<(Uuid, String)>,
}

/// What a submission counts against: limits that show themselves, and a bound that does not.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    visible: Vec<RateLimit>,
    /// The bound, by the key of its counter.
    bound: Option<(String, FailureLimit)>,
}

/// How long to wait when what was counted was one too many, and how the bound then stands.
pub(crate) type Count = (Option<Duration>, Failures);

impl Limits {
    /// Whether a password is looked at.
    pub(crate) fn admits_password(&self, standing: &Failures) -> bool {
        self.bound.as_ref().is_none_or(|(_, bound)| bound.admits_password(standing))
    }

    /// Whether a code is looked at.
    pub(crate) fn admits_code(&self, standing: &Failures, long: bool) -> bool {
        self.bound.as_ref().is_none_or(|(_, bound)| bound.admits_code(standing, long))
    }

    fn key_of_bound(&self) -> Option<&str> {
        self.bound.as_ref().map(|(key, _)| key.as_str())
    }
}

/// What a request for a code counts against.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// None where it is one too many already: then nothing is counted.
    pub(crate) limits: Limits,
    /// How long to wait, as far as the first trip knows.
    wait: Option<Duration>,
    /// The key of the bound that says how long the code must be; none for a known device.
    bound: Option<String>,
    /// Whether no message goes to such a number.
    pub(crate) unserved: bool,
}

impl Brakes {
    /// Keys of the counters that a submission with these identifiers may come up against; `codes` says whether it may ask for a
    /// code. They depend on what was sent alone.
    pub(crate) fn names(
        &self,
        origin: &Origin,
        presented: Option<&Presented>,
        typed: &[&str],
        codes: bool,
    ) -> Vec<String> {
        let sessions = presented.map(|presented| presented.session().to_string());
        let devices: Vec<String> = origin.cookie.all().iter().map(KnownDevice::key).chain(sessions).collect();
        let mut brakes = vec![self.attempts.question(&origin.network)];
        for normalised in typed.iter().map(|typed| normalize_identifier(typed)) {
            brakes.extend(self.attempts.unknown_device(&rate_limit::digest(&normalised), &origin.network));
            let of = std::iter::once(None).chain(devices.iter().map(|device| Some(device.as_str())));
            let sends = of.filter(|_| codes).filter_map(|device| self.sends.of(&normalised, &origin.network, device));
            brakes.extend(sends.flatten());
        }
        brakes.extend(devices.iter().map(|device| self.attempts.known_device(device)));
        let bounds = devices.iter().map(|device| rate_limit::failures_of_device(device));
        let mut names: Vec<String> = brakes.into_iter().map(|brake| brake.key).chain(bounds).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The counters, for what is read in the first trip.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
}

impl Footing {
    pub(crate) fn new(origin: Origin, counts: Counts, on_record: &[String], session: Option<(Uuid, Uuid)>) -> Self {
        let by_cookie = origin.cookie.all().iter().map(|known| (known.identity(), known.key()));
        let by_session = session.map(|(identity, session)| (identity, session.to_string()));
        let known = by_cookie.filter(|(_, key)| on_record.contains(key)).chain(by_session).collect();
        Self { origin, counts, known }
    }

    /// The device as one of an identity's own.
    fn known_to(&self, identity: Option<Uuid>) -> impl Iterator<Item = &str> {
        self.known.iter().filter(move |(owner, _)| Some(*owner) == identity).map(|(_, key)| key.as_str())
    }
}

impl Submission<'_> {
    /// What an attempt to sign in counts against. `identity` is the one that has the identifier `typed`. A known device that has
    /// failed too often by itself is one like any other.
    pub(crate) fn attempt(&self, identity: Option<Uuid>, typed: &str) -> Limits {
        let Some(brakes) = &self.app.brakes else { return Limits::default() };
        let limits = &brakes.attempts;
        match self.known_device(brakes, identity) {
            Some(device) => Limits {
                visible: vec![limits.known_device(device)],
                bound: Some((rate_limit::failures_of_device(device), limits.bound.without_trickle())),
            },
            None => {
                let typed = rate_limit::digest(&normalize_identifier(typed));
                Limits {
                    visible: limits.unknown_device(&typed, &self.footing.origin.network),
                    bound: Some((rate_limit::failures_of(identity, &typed), limits.bound)),
                }
            }
        }
    }

    fn known_device(&self, brakes: &Brakes, identity: Option<Uuid>) -> Option<&str> {
        let within = |device: &&str| {
            let standing = self.footing.counts.standing(&rate_limit::failures_of_device(device), self.call.now);
            brakes.attempts.bound.has_room(&standing)
        };
        self.footing.known_to(identity).find(within)
    }

    /// What a question after an account counts against: a client that asks after many is after none in particular.
    pub(crate) fn question(&self) -> Limits {
        let brakes = self.app.brakes.as_ref().map(|brakes| brakes.attempts.question(&self.footing.origin.network));
        Limits { visible: brakes.into_iter().collect(), bound: None }
    }

    /// What a request for a code counts against.
    pub(crate) fn request(&self, identity: Option<Uuid>, typed: &str) -> Request {
        let Some(brakes) = &self.app.brakes else { return Request::default() };
        let device = self.known_device(brakes, identity);
        let normalised = normalize_identifier(typed);
        let visible = brakes.sends.of(&normalised, &self.footing.origin.network, device);
        let unserved = visible.is_none();
        let limits = Limits { visible: visible.unwrap_or_default(), bound: None };
        let flow_is_spent = self.sends >= brakes.sends_of_flow;
        let wait = if flow_is_spent { Some(self.flow.expires_at - self.call.now) } else { self.spent(&limits) };
        let bound = device.is_none().then(|| rate_limit::failures_of(identity, &rate_limit::digest(&normalised)));
        Request { limits: if wait.is_none() { limits } else { Limits::default() }, wait, bound, unserved }
    }

    /// How long to wait, as far as the counters that were read in the first trip say so; then nothing costly happens.
    pub(crate) fn spent(&self, limits: &Limits) -> Option<Duration> {
        limits.visible.iter().filter_map(|brake| self.footing.counts.wait(brake, self.call.now)).max()
    }

    /// Counts an attempt, before it is known whether it is right.
    pub(crate) async fn count(&self, limits: &Limits) -> Result<Count, StoreError> {
        let Some(brakes) = &self.app.brakes else { return Ok(Count::default()) };
        brakes.counters.raise(&limits.visible, limits.key_of_bound(), self.call.now).await
    }

    /// Counts a request for a code; how long to wait when it is one too many.
    pub(crate) async fn count_request(&self, request: &Request) -> Result<Option<Duration>, StoreError> {
        let (wait, _) = self.count(&request.limits).await?;
        Ok(request.wait.or(wait))
    }

    /// Takes back what should not have been counted: a client that proves an identity has not guessed.
    pub(crate) async fn forgive(&self, counted: &Limits) {
        if let Some(brakes) = &self.app.brakes {
            brakes.counters.lower(&counted.visible, counted.key_of_bound(), self.call.now).await;
        }
    }

    /// The counter that says how long the next code must be; the same read for every identifier.
    pub(crate) fn bound_to_read<'b>(&'b self, request: &'b Request) -> Option<(&'b Counters, &'b str)> {
        let brakes = self.app.brakes.as_ref()?;
        Some((&brakes.counters, request.bound.as_deref()?))
    }

    /// How long the next code must be, by how its receiver's bound stands.
    pub(crate) fn code_length(&self, standing: &Failures) -> Length {
        let wants_long = |brakes: &Brakes| brakes.attempts.bound.wants_long_codes(standing);
        if self.app.brakes.as_ref().is_some_and(wants_long) { Length::Long } else { Length::Short }
    }

    /// The form, with a word about waiting; nothing in it tells whether the attempt was right.
    pub(crate) async fn slow_down(&mut self, wait: Duration) -> Result<Reply, Fault> {
        self.say_wait(Message::too_often(wait), wait).await
    }

    /// The form of a request for a code that is one too many. Where a code was sent before, it goes on asking for that one.
    pub(crate) async fn no_more_codes(&mut self, wait: Duration) -> Result<Reply, Fault> {
        let message = if self.last_code_counts { Message::use_the_last_code(wait) } else { Message::too_often(wait) };
        self.say_wait(message, wait).await
    }

    async fn say_wait(&mut self, message: Message, wait: Duration) -> Result<Reply, Fault> {
        self.say(vec![message], Vec::new());
        if self.app.flows.save(&self.flow, self.sends).await? == Saved::AlreadyDone {
            return Ok(self.used_up());
        }
        let reply = self.show("tried too often");
        Ok(if self.wants_json() { reply.too_often(wait.whole_seconds().max(1)) } else { reply })
    }

    /// The device as it is remembered after an identity has signed in: the cookie, and what changes on record. A secret that is
    /// not on record is not kept, so nobody can plant one; native apps keep their session token instead.
    pub(crate) fn remember(&self, identity: Uuid, records: &[DeviceRecord]) -> (DeviceCookie, DeviceChange) {
        let cookie = &self.footing.origin.cookie;
        let now = self.call.now;
        let on_record = |known: &&KnownDevice| {
            let key = known.key();
            records.iter().any(|record| record.key == key && record.is_live(now))
        };
        let known = cookie.of(identity).filter(on_record).cloned();
        let known = known.unwrap_or_else(|| KnownDevice::new(identity, self.app.edge.rng.bytes()));
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
