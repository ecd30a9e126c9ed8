//! Rate limits of submissions: which counters one comes up against, and what is said when it is one too many
//! (`docs/rate-limits.md`).

use crate::Submission;
use latchkey_config::Config;
use latchkey_core::brakes::{self, AttemptLimits, Bound, Brake, SendLimits, Standing, network};
use latchkey_core::known_device::{DeviceCookie, DeviceRecord, KnownDevice, beyond_the_cap};
use latchkey_core::message::Message;
use latchkey_core::token::Presented;
use latchkey_schema::normalize_identifier;
use latchkey_store::counters::Counts;
use latchkey_store::devices::DeviceChange;
use latchkey_store::flows::Saved;
use latchkey_store::{Counters, Db, StoreError};
use latchkey_web::{Call, Environment, Fault, Reply, StartError, browser, chance, device, edge};
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
        let Some(limits) = &config.brakes else { return Ok(None) };
        let (attempts, sends) = limits_of(limits);
        let counters = Counters::open(db, env)?;
        Ok(Some(Self { counters, attempts, sends, sends_of_flow: u64::from(limits.sends_flow) }))
    }
}

/// A configuration's limits as the domain counts them.
pub fn limits_of(limits: &latchkey_config::Brakes) -> (AttemptLimits, SendLimits) {
    let window = edge::signed(limits.window);
    let attempts = AttemptLimits {
        window,
        identifier_and_network: limits.attempts_person_and_network,
        network: limits.attempts_network,
        device: limits.attempts_device,
        bound: Bound {
            in_a_row: limits.attempts_person,
            month: limits.attempts_person_per_month,
            beyond: limits.attempts_person_per_day,
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

/// What was counted, to be taken back if it should not have been.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    brakes: Vec<Brake>,
    bound: Option<String>,
}

/// What was counted, how long to wait when it was one too many, and how the bound stands.
pub(crate) type Count = (Counted, Option<Duration>, Standing);

/// What an attempt counts for: limits that show themselves, and a bound that does not.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    brakes: Vec<Brake>,
    /// The counter of the bound.
    key: Option<String>,
    bound: Option<Bound>,
}

impl Attempt {
    /// Whether a password is looked at.
    pub(crate) fn admits_password(&self, standing: &Standing) -> bool {
        self.bound.is_none_or(|bound| bound.admits_password(standing))
    }

    /// Whether a code is looked at.
    pub(crate) fn admits_code(&self, standing: &Standing, long: bool) -> bool {
        self.bound.is_none_or(|bound| bound.admits_code(standing, long))
    }
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
            brakes.extend(self.attempts.unknown_device(&brakes::typed(&normalised), &origin.network));
            let of = std::iter::once(None).chain(devices.iter().map(|device| Some(device.as_str())));
            let sends = of.filter(|_| codes).filter_map(|device| self.sends.of(&normalised, &origin.network, device));
            brakes.extend(sends.flatten());
        }
        brakes.extend(devices.iter().map(|device| self.attempts.known_device(device)));
        let bounds = devices.iter().map(|device| brakes::bound_of_device(device));
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
    /// What an attempt to sign in counts for. `identity` is whose what was typed is. A known device that has failed too often by
    /// itself is one like any other.
    pub(crate) fn attempt(&self, identity: Option<Uuid>, typed: &str) -> Attempt {
        let Some(brakes) = &self.app.brakes else { return Attempt::default() };
        let limits = &brakes.attempts;
        let device = self.known_device(brakes, identity);
        let typed = brakes::typed(&normalize_identifier(typed));
        let (visible, key, bound) = match device {
            Some(device) => {
                let bound = limits.bound.without_trickle();
                (vec![limits.known_device(device)], brakes::bound_of_device(device), bound)
            }
            None => {
                let visible = limits.unknown_device(&typed, &self.footing.origin.network);
                (visible, brakes::bound_of(identity, &typed), limits.bound)
            }
        };
        Attempt { brakes: visible, key: Some(key), bound: Some(bound) }
    }

    fn known_device(&self, brakes: &Brakes, identity: Option<Uuid>) -> Option<&str> {
        let within = |device: &&str| {
            let standing = self.footing.counts.standing(&brakes::bound_of_device(device), self.call.now);
            brakes.attempts.bound.has_room(&standing)
        };
        self.footing.known_to(identity).find(within)
    }

    /// How long to wait, as far as the counters that were read in the first trip say so; then nothing costly happens.
    pub(crate) fn spent(&self, attempt: &Attempt) -> Option<Duration> {
        self.wait(&attempt.brakes)
    }

    fn wait(&self, brakes: &[Brake]) -> Option<Duration> {
        brakes.iter().filter_map(|brake| self.footing.counts.wait(brake, self.call.now)).max()
    }

    /// Counts an attempt, before anybody knows whether it is right.
    pub(crate) async fn count_attempt(&self, attempt: &Attempt) -> Result<Count, StoreError> {
        self.count(attempt.brakes.clone(), attempt.key.clone()).await
    }

    /// What a question after somebody counts for: whoever asks after many is after none in particular.
    pub(crate) fn question(&self) -> Attempt {
        let brakes = self.app.brakes.as_ref().map(|brakes| brakes.attempts.question(&self.footing.origin.network));
        Attempt { brakes: brakes.into_iter().collect(), ..Attempt::default() }
    }

    /// What a request for a code counts for.
    pub(crate) fn request(&self, identity: Option<Uuid>, typed: &str) -> Request {
        let Some(brakes) = &self.app.brakes else { return Request::default() };
        let device = self.known_device(brakes, identity);
        let normalised = normalize_identifier(typed);
        let of = brakes.sends.of(&normalised, &self.footing.origin.network, device);
        let bound = brakes::bound_of(identity, &brakes::typed(&normalised));
        let flow_is_spent = self.sends >= brakes.sends_of_flow;
        let wait = if flow_is_spent {
            Some(self.flow.expires_at - self.call.now)
        } else {
            of.as_ref().and_then(|of| self.wait(of))
        };
        Request {
            unserved: of.is_none(),
            brakes: of.unwrap_or_default(),
            bound: device.is_none().then_some(bound),
            wait,
        }
    }

    /// Counts a request for a code; nothing where it is one too many already.
    pub(crate) async fn count_request(&self, request: &Request) -> Result<Count, StoreError> {
        match request.wait {
            Some(wait) => Ok((Counted::default(), Some(wait), Standing::default())),
            None => self.count(request.brakes.clone(), None).await,
        }
    }

    /// The counter that says how long the next code must be; the same read for everybody.
    pub(crate) fn bound_to_read<'b>(&'b self, request: &'b Request) -> Option<(&'b Counters, &'b str)> {
        let brakes = self.app.brakes.as_ref()?;
        Some((&brakes.counters, request.bound.as_deref()?))
    }

    /// Whether the next code must be a long one.
    pub(crate) fn wants_long_code(&self, standing: &Standing) -> bool {
        self.app.brakes.as_ref().is_some_and(|brakes| brakes.attempts.bound.wants_long_codes(standing))
    }

    async fn count(&self, brakes: Vec<Brake>, bound: Option<String>) -> Result<Count, StoreError> {
        let Some(limits) = &self.app.brakes else { return Ok(Count::default()) };
        let (wait, standing) = limits.counters.raise(&brakes, bound.as_deref(), self.call.now).await?;
        Ok((Counted { brakes, bound }, wait, standing))
    }

    /// Takes back what should not have been counted: whoever proves who they are has not guessed.
    pub(crate) async fn forgive(&self, counted: &Counted) {
        if let Some(brakes) = &self.app.brakes {
            brakes.counters.lower(&counted.brakes, counted.bound.as_deref(), self.call.now).await;
        }
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
        let known = known.unwrap_or_else(|| KnownDevice::new(identity, chance::bytes()));
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

/// What a request for a code counts for.
#[derive(Debug, Default)]
pub(crate) struct Request {
    brakes: Vec<Brake>,
    /// Unless the device is known.
    bound: Option<String>,
    /// Whether no message goes to such a number.
    pub(crate) unserved: bool,
    /// How long to wait, as far as the first trip knows.
    wait: Option<Duration>,
}
