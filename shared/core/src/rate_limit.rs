//! Rate limits: what is counted by which key, and what a count means. `docs/rate-limits.md` draws the whole model.
//!
//! There are two kinds of counters. A [`RateLimit`] is visible: over it the answer says how long to wait. Its key holds the typed
//! identifier, a network or a device, never an identity, so it does not tell who has an account. A
//! [`FailureLimit`] counts failures by identity and day and is hidden: over it an attempt is answered like a wrong one, at the same
//! cost.

use crate::token;
use std::net::IpAddr;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// A span of time that slides in parts.
///
/// One item holds the parts of a counter under names that come round after twice as many, so counting is one write, whatever the
/// span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its length.
    pub length: Duration,
    /// Parts that it is divided into.
    pub parts: i64,
}

/// The span of a [`FailureLimit`]: thirty days, day by day (UTC).
pub const MONTH: Span = Span { length: Duration::days(30), parts: 30 };

impl Span {
    /// A span of twelve parts.
    pub const fn of(length: Duration) -> Self {
        Self { length, parts: 12 }
    }

    /// Seconds of a part.
    fn seconds(self) -> i64 {
        (self.length.whole_seconds() / self.parts).max(1)
    }

    /// Which part of time this is.
    pub fn part(self, now: OffsetDateTime) -> i64 {
        now.unix_timestamp().div_euclid(self.seconds())
    }

    /// The name of a part in its counter.
    pub fn name(self, part: i64) -> String {
        format!("p{}", part.rem_euclid(2 * self.parts))
    }

    /// The parts that count.
    pub fn live(self, now: OffsetDateTime) -> std::ops::RangeInclusive<i64> {
        let last = self.part(now);
        last - self.parts + 1..=last
    }

    /// The parts before them, whose names are cleared before they come round.
    pub fn stale(self, now: OffsetDateTime) -> std::ops::RangeInclusive<i64> {
        let last = self.part(now);
        last - 2 * self.parts + 1..=last - self.parts
    }

    /// What was counted within the span.
    pub fn sum(self, counted: impl Fn(i64) -> u64, now: OffsetDateTime) -> u64 {
        self.live(now).map(counted).fold(0, u64::saturating_add)
    }

    /// How long until there is room for one more; `None` when there is room now.
    pub fn wait(self, counted: impl Fn(i64) -> u64, most: u32, now: OffsetDateTime) -> Option<Duration> {
        let mut sum = self.sum(&counted, now);
        if sum < u64::from(most) {
            return None;
        }
        let enough = self.live(now).find(|&part| {
            sum = sum.saturating_sub(counted(part));
            sum < u64::from(most)
        });
        // There is room once this part has left the span.
        let until = (enough.unwrap_or_else(|| self.part(now)) + self.parts) * self.seconds();
        Some(Duration::seconds((until - now.unix_timestamp()).max(1)))
    }
}

/// A limit that shows itself: one thing that is counted, and how often it may happen within a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Names the counter. Holds networks, devices and digests of what was typed, never an identity.
    pub key: String,
    /// How often within the window.
    pub most: u32,
    /// The window.
    pub window: Duration,
}

impl RateLimit {
    fn new(key: String, most: u32, window: Duration) -> Self {
        Self { key, most, window }
    }

    /// The window in its parts.
    pub fn span(&self) -> Span {
        Span::of(self.window)
    }
}

/// The digest under which what was typed is counted. It must be normalised, so that every spelling counts as one.
pub fn digest(normalised: &str) -> String {
    token::digest(normalised)
}

/// How often an identity may fail, over days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureLimit {
    /// Failures in a row; a success ends the row. NIST SP 800-63B allows 100.
    pub in_a_row: u32,
    /// Failures within [`MONTH`], whatever succeeds between them.
    pub month: u32,
    /// Passwords that are still checked each day once either is reached, so that no user stays locked out.
    pub beyond: u32,
}

/// What a [`FailureLimit`]'s counter holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Failures since the last success.
    pub in_a_row: u64,
    /// Failures within [`MONTH`].
    pub month: u64,
    /// Failures of today (UTC).
    pub today: u64,
}

impl Failures {
    /// The state of a counter that is too busy to be read: a client that overloads it must not get past it.
    pub const FULL: Self = Self { in_a_row: u64::MAX, month: u64::MAX, today: u64::MAX };
}

impl FailureLimit {
    /// Whether an attempt that is counted in `failures` is within the bound.
    pub fn admits(&self, failures: &Failures) -> bool {
        failures.in_a_row <= u64::from(self.in_a_row) && failures.month <= u64::from(self.month)
    }

    /// Whether one more attempt than `failures` holds would be within the bound.
    pub fn has_room(&self, failures: &Failures) -> bool {
        failures.in_a_row < u64::from(self.in_a_row) && failures.month < u64::from(self.month)
    }

    /// The same without passwords beyond it: a known device that has used it up is counted like any other instead.
    pub fn without_trickle(self) -> Self {
        Self { beyond: 0, ..self }
    }

    /// Whether a password is checked in an attempt that is counted in `failures`.
    pub fn admits_password(&self, failures: &Failures) -> bool {
        self.admits(failures) || failures.today <= u64::from(self.beyond)
    }

    /// Whether a code is checked. A long one always is, because a client cannot guess it.
    pub fn admits_code(&self, failures: &Failures, long: bool) -> bool {
        long || self.admits(failures)
    }

    /// Whether the next code must be a long one. It must from half the bound on, so that it still counts if the bound is reached
    /// before the user enters it.
    pub fn wants_long_codes(&self, failures: &Failures) -> bool {
        failures.in_a_row >= u64::from(self.in_a_row) / 2 || failures.month >= u64::from(self.month) / 2
    }
}

/// The key of an identity's failures. An identifier without an identity has one too, so that the store does the same for both.
pub fn failures_of(identity: Option<Uuid>, typed: &str) -> String {
    identity.map_or_else(|| format!("bound#typed#{typed}"), |id| format!("bound#identity#{id}"))
}

/// The key of a known device's failures.
pub fn failures_of_device(device: &str) -> String {
    format!("bound#device#{device}")
}

/// How often a client may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Within this time.
    pub window: Duration,
    /// With one identifier from one network.
    pub identifier_and_network: u32,
    /// With any identifier from one network.
    pub network: u32,
    /// From one device, as an identity that has signed in on it; counts in place of the other two.
    pub device: u32,
    /// As one identity from devices that it has not signed in on, and from each device that it has.
    pub failures: FailureLimit,
}

impl AttemptLimits {
    /// The limits that an attempt from an unknown device counts against.
    pub fn unknown_device(&self, typed: &str, network: &str) -> Vec<RateLimit> {
        let key = format!("attempt#here#{typed}#{network}");
        vec![RateLimit::new(key, self.identifier_and_network, self.window), self.lookup(network)]
    }

    /// The limit that an attempt from a known device counts against: that device's alone, so that attempts of other clients lock no
    /// user out.
    pub fn known_device(&self, device: &str) -> RateLimit {
        RateLimit::new(format!("attempt#device#{device}"), self.device, self.window)
    }

    /// The limits that a lookup of an account counts against, without an attempt to sign in.
    pub fn lookup(&self, network: &str) -> RateLimit {
        RateLimit::new(format!("attempt#network#{network}"), self.network, self.window)
    }
}

/// How often codes may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendLimits {
    /// Within this time.
    pub window: Duration,
    /// To one address at the request of one network.
    pub address_and_network: u32,
    /// To one address.
    pub address: u32,
    /// At the request of one network.
    pub network: u32,
    /// At the request of a device of the identity's own; counts in place of the other three.
    pub device: u32,
    /// Beginnings of telephone numbers that text messages go to; everywhere when empty.
    pub sms_countries: Vec<String>,
    /// Text messages to each of those within a day; once more as many at the request of known devices.
    pub sms_per_day: u32,
    /// Text messages within a day at the request of one network.
    pub sms_network_per_day: u32,
}

impl SendLimits {
    /// The limits that a code counts against. `normalised` is the address or number that the user typed, by which visible counters
    /// are named. `device` is set on a known device. `None` when no message goes to such a number.
    pub fn of(&self, normalised: &str, network: &str, device: Option<&str>) -> Option<Vec<RateLimit>> {
        let digest = digest(normalised);
        let limit = |key, most| RateLimit::new(key, most, self.window);
        let mut all = match device {
            Some(device) => vec![limit(format!("send#device#{device}"), self.device)],
            None => vec![
                limit(format!("send#here#{digest}#{network}"), self.address_and_network),
                limit(format!("send#to#{digest}"), self.address),
                limit(format!("send#network#{network}"), self.network),
            ],
        };
        if normalised.starts_with('+') {
            let country = self.country(normalised)?;
            let of_whom = if device.is_some() { "known#" } else { "" };
            all.push(RateLimit::new(format!("sms#{of_whom}{country}"), self.sms_per_day, Duration::DAY));
            if device.is_none() {
                all.push(RateLimit::new(format!("sms#network#{network}"), self.sms_network_per_day, Duration::DAY));
            }
        }
        Some(all)
    }

    fn country(&self, number: &str) -> Option<&str> {
        if self.sms_countries.is_empty() {
            return Some("everywhere");
        }
        let beginnings = self.sms_countries.iter().map(String::as_str);
        beginnings.filter(|country| number.starts_with(country)).max_by_key(|country| country.len())
    }
}

/// What a request counts against: limits that show themselves, and one on failures that does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The limits that an answer may show.
    pub visible: Vec<RateLimit>,
    /// The limit on failures, with the key of its counter.
    pub failures: Option<(String, FailureLimit)>,
}

impl Limits {
    /// Limits that an answer may show, and no other.
    pub fn visible(visible: Vec<RateLimit>) -> Self {
        Self { visible, failures: None }
    }

    /// Whether a password counts, when the attempt is among `failures`.
    pub fn admits_password(&self, failures: &Failures) -> bool {
        self.failures.as_ref().is_none_or(|(_, limit)| limit.admits_password(failures))
    }

    /// Whether a code counts, when the attempt is among `failures`.
    pub fn admits_code(&self, failures: &Failures, long: bool) -> bool {
        self.failures.as_ref().is_none_or(|(_, limit)| limit.admits_code(failures, long))
    }

    /// The key of the counter of failures.
    pub fn failures_key(&self) -> Option<&str> {
        self.failures.as_ref().map(|(key, _)| key.as_str())
    }
}

/// The network that an address counts for: the /24 of an IPv4 address, the /56 of an IPv6 one. All texts that are not an address
/// count as one network.
pub fn network(address: Option<&str>) -> String {
    match address.and_then(|text| text.trim().parse::<IpAddr>().ok()).map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}")
        }
        Some(IpAddr::V6(address)) => format!("{:014x}", address.to_bits() >> 72),
        None => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const WINDOW: Duration = Duration::minutes(12);
    const NOW: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);

    #[test]
    fn addresses_count_by_their_network() {
        assert_eq!(network(Some("192.0.2.77")), "192.0.2");
        assert_eq!(network(Some("::ffff:192.0.2.77")), "192.0.2");
        assert_eq!(network(Some("2001:db8:0:12ff::1")), network(Some("2001:db8:0:1200:ffff::")));
        assert_ne!(network(Some("2001:db8:0:1200::")), network(Some("2001:db8:0:1300::")));
        assert_eq!(network(Some("rubbish")), network(None));
    }

    #[test]
    fn visible_keys_hold_no_identity() {
        let ada = Uuid::from_u128(1);
        assert_eq!(failures_of(Some(ada), &digest("ada")), failures_of(Some(ada), &digest("+4917667111638")));
        assert!(!failures_of(None, &digest("unknown@example.org")).contains("unknown@"));
        let limits = attempts();
        let keys = |device: Option<&str>| -> Vec<String> {
            let visible = match device {
                Some(device) => vec![limits.known_device(device)],
                None => limits.unknown_device(&digest("ada@example.org"), "192.0.2"),
            };
            visible.into_iter().map(|limit| limit.key).collect()
        };
        assert_eq!(keys(None).len(), 2);
        assert!(keys(None).iter().all(|key| !key.contains("ada") && !key.contains(&ada.to_string())));
        assert_eq!(keys(Some("d")), ["attempt#device#d"]);
    }

    fn attempts() -> AttemptLimits {
        let bound = FailureLimit { in_a_row: 100, month: 300, beyond: 10 };
        AttemptLimits { window: WINDOW, identifier_and_network: 10, network: 300, device: 10, failures: bound }
    }

    fn sends(countries: &[&str]) -> SendLimits {
        SendLimits {
            window: WINDOW,
            address_and_network: 5,
            address: 10,
            network: 100,
            device: 5,
            sms_countries: countries.iter().map(|&country| country.to_owned()).collect(),
            sms_per_day: 1000,
            sms_network_per_day: 100,
        }
    }

    #[test]
    fn text_messages_are_capped_by_country_and_network() {
        let limits = sends(&["+49", "+4", "+1"]);
        let sms = |limits: &SendLimits, number: &str, device: Option<&str>| -> Option<Vec<String>> {
            let all = limits.of(number, "192.0.2", device)?;
            Some(all.into_iter().map(|limit| limit.key).filter(|key| key.starts_with("sms#")).collect())
        };
        let of = |number| sms(&limits, number, None);
        assert_eq!(of("+4917667111638").unwrap(), ["sms#+49", "sms#network#192.0.2"]);
        assert_eq!(of("+43664000000").unwrap()[0], "sms#+4");
        assert_eq!(of("+2345"), None);
        assert_eq!(of("ada@example.org").unwrap(), [""; 0]);
        assert_eq!(sms(&sends(&[]), "+2345", None).unwrap()[0], "sms#everywhere");
        assert_eq!(sms(&limits, "+4917667111638", Some("d")).unwrap(), ["sms#known#+49"]);
    }

    #[test]
    fn window_slides() {
        let span = Span::of(WINDOW);
        let last = span.part(NOW);
        // Ten tries eleven minutes ago.
        let counted = |at: i64| if at == last - 11 { 10 } else { u64::from(at == last) };
        assert_eq!(span.wait(counted, 12, NOW), None);
        assert_eq!(span.wait(counted, 11, NOW), Some(Duration::minutes(1)), "then the ten are forgotten");
        assert_eq!(span.wait(counted, 10, NOW + Duration::minutes(1)), None);
        let all_now = |at: i64| if at == last { 20 } else { 0 };
        assert_eq!(span.wait(all_now, 10, NOW), Some(Duration::minutes(12)));
        assert!(span.wait(|_| u64::MAX, 10, NOW).is_some(), "no sum overflows");
    }

    #[test]
    fn part_names_repeat_after_two_spans() {
        for span in [Span::of(WINDOW), MONTH] {
            let twice = 2 * span.parts;
            let names: std::collections::BTreeSet<_> = (100..100 + twice).map(|part| span.name(part)).collect();
            assert_eq!((names.len() as i64, span.name(100 + twice)), (twice, span.name(100)));
            let cleared: Vec<_> = span.stale(NOW).collect();
            assert_eq!(cleared.len() as i64, span.parts);
            assert!(span.live(NOW).all(|part| cleared.iter().all(|old| span.name(*old) != span.name(part))));
        }
    }

    #[test]
    fn full_failure_limit_admits_only_long_codes() {
        let bound = FailureLimit { in_a_row: 100, month: 300, beyond: 10 };
        let at = |in_a_row, month, today| Failures { in_a_row, month, today };
        assert!(
            bound.admits(&at(100, 300, 100)) && !bound.has_room(&at(100, 1, 1)) && bound.has_room(&at(99, 299, 99))
        );
        for full in [at(101, 101, 101), at(1, 301, 20), Failures::FULL] {
            assert!(!bound.admits(&full) && !bound.admits_password(&full) && !bound.admits_code(&full, false));
            assert!(bound.admits_code(&full, true) && bound.wants_long_codes(&full));
        }
        assert!(bound.admits_password(&at(110, 110, 10)), "ten a day");
        assert!(!bound.admits_code(&at(110, 110, 1), false), "but no six digits");
        assert!(!bound.wants_long_codes(&at(49, 149, 1)) && bound.wants_long_codes(&at(50, 50, 1)));
    }
}
