//! `rate_limits`, a namespace of Latchkey's own: how often something may be tried, and how many codes are sent. `docs/rate-limits.md`
//! has the whole model.

use crate::key::DefaultValue::{Bool as Switch, Int as Number, Text as Word};
use crate::key::{Key, Kind, Section, described, keys};
use crate::reader::Reader;
use std::time::Duration;

/// As often as anything may be allowed.
const COUNT: Kind = Kind::Int(1, 1_000_000);
const MESSAGES: Kind = Kind::Int(1, 1_000_000_000);

pub(crate) static RATE_LIMITS: Section = Section::new("rate_limits", KEYS);

keys! { KEYS:
    ENABLED = Key::used("enabled", Kind::Bool, Switch(true),
        "count attempts and codes sent, and refuse what is too often; see [rate-limits.md](rate-limits.md)");
    WINDOW = Key::used("window", Kind::Duration, Word("15m"),
        "the time that the numbers below are for unless they name another; it slides");
    ATTEMPTS_IDENTIFIER_AND_NETWORK = Key::used("attempts.identifier_and_network", COUNT, Number(10),
        "attempts with one identifier from one network");
    ATTEMPTS_IDENTITY = Key::used("attempts.identity", COUNT, Number(100),
        "failed attempts in a row as one identity from devices that are not known, over days; after them passwords and six-digit codes from such devices are refused like wrong ones, and codes are sent with ten digits. Each known device has the same limit");
    ATTEMPTS_IDENTITY_PER_MONTH = Key::used("attempts.identity_per_month", COUNT, Number(300),
        "the same within 30 days, whatever succeeds between them");
    ATTEMPTS_IDENTITY_PER_DAY = Key::used("attempts.identity_per_day", COUNT, Number(10),
        "passwords that are still compared each day (UTC) once one of those limits is reached");
    ATTEMPTS_NETWORK = Key::used("attempts.network", COUNT, Number(300), "attempts with any identifier from one network");
    ATTEMPTS_DEVICE = Key::used("attempts.device", COUNT, Number(10),
        "attempts from a device on which the identity has signed in before; counts in place of those by network");
    SENDS_ADDRESS_AND_NETWORK = Key::used("sends.address_and_network", COUNT, Number(5),
        "codes sent to one address at the request of one network");
    SENDS_ADDRESS = Key::used("sends.address", COUNT, Number(10),
        "codes sent to one address at the request of unknown devices");
    SENDS_NETWORK = Key::used("sends.network", COUNT, Number(100), "codes sent at the request of one network");
    SENDS_DEVICE = Key::used("sends.device", COUNT, Number(5),
        "codes sent at the request of a device on which the identity has signed in before; counts in place of the three above");
    SENDS_FLOW = Key::used("sends.flow", COUNT, Number(5), "codes sent in one flow, whatever the window");
    SMS_COUNTRIES = Key::used("sms.countries", Kind::Texts, described("everywhere"),
        "beginnings of telephone numbers that codes may be sent to, such as `+49`");
    SMS_PER_DAY = Key::used("sms.per_day", MESSAGES, Number(1000),
        "text messages within 24 hours to each of those countries, or in all when none is named; known devices may request as many again");
    SMS_NETWORK_PER_DAY = Key::used("sms.network_per_day", MESSAGES, Number(100),
        "text messages within 24 hours at the request of one network");
}

/// How often something may be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// The window of every number that names no other time.
    pub window: Duration,
    /// Attempts to sign in with one identifier from one network.
    pub attempts_identifier_and_network: u32,
    /// Failed attempts in a row as one identity from devices that it has not signed in on, over days.
    pub attempts_identity: u32,
    /// The same within 30 days, whatever succeeds between them.
    pub attempts_identity_per_month: u32,
    /// Passwords that are compared each day once one of those is reached.
    pub attempts_identity_per_day: u32,
    /// Attempts to sign in with any identifier from one network.
    pub attempts_network: u32,
    /// Attempts to sign in from one device, as an identity that has signed in on it before.
    pub attempts_device: u32,
    /// Codes that are sent to one address at the request of one network.
    pub sends_address_and_network: u32,
    /// Codes that are sent to one address.
    pub sends_address: u32,
    /// Codes that are sent at the request of one network.
    pub sends_network: u32,
    /// Codes that are sent at the request of one device, to an identity that has signed in on it before.
    pub sends_device: u32,
    /// Codes that are sent in one flow, in any time.
    pub sends_flow: u32,
    /// Beginnings of telephone numbers that text messages may be sent to; everywhere when empty.
    pub sms_countries: Vec<String>,
    /// Text messages within 24 hours to each of those countries, or to everywhere when none are named.
    pub sms_per_day: u32,
    /// Text messages within 24 hours at the request of one network.
    pub sms_network_per_day: u32,
}

pub(crate) fn rate_limits(from: Reader<'_>) -> Option<RateLimits> {
    let from = from.section(&RATE_LIMITS);
    from.flag(&ENABLED).then(|| RateLimits {
        window: from.duration_or_default(&WINDOW),
        attempts_identifier_and_network: from.number(&ATTEMPTS_IDENTIFIER_AND_NETWORK),
        attempts_identity: from.number(&ATTEMPTS_IDENTITY),
        attempts_identity_per_month: from.number(&ATTEMPTS_IDENTITY_PER_MONTH),
        attempts_identity_per_day: from.number(&ATTEMPTS_IDENTITY_PER_DAY),
        attempts_network: from.number(&ATTEMPTS_NETWORK),
        attempts_device: from.number(&ATTEMPTS_DEVICE),
        sends_address_and_network: from.number(&SENDS_ADDRESS_AND_NETWORK),
        sends_address: from.number(&SENDS_ADDRESS),
        sends_network: from.number(&SENDS_NETWORK),
        sends_device: from.number(&SENDS_DEVICE),
        sends_flow: from.number(&SENDS_FLOW),
        sms_countries: from.texts(&SMS_COUNTRIES),
        sms_per_day: from.number(&SMS_PER_DAY),
        sms_network_per_day: from.number(&SMS_NETWORK_PER_DAY),
    })
}
