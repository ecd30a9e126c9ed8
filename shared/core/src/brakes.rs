//! Brakes on guessing: how often something was tried of late, and how long to wait when that is too often.
//!
//! A window slides in twelve parts. One item holds the parts of a counter under names that come round after twice as many, so
//! counting is one write, whatever the window.

use crate::token;
use std::net::IpAddr;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Parts of a window.
pub const PARTS: i64 = 12;

/// One thing that is counted, and how often it may happen within a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brake {
    /// Names the counter. Holds ids, networks and digests, never what somebody typed.
    pub key: String,
    /// How often within the window.
    pub most: u32,
    /// The window.
    pub window: Duration,
}

/// Who tries to sign in, for counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A person.
    Person(Uuid),
    /// Nobody that is known; the digest of the normalised identifier.
    Nobody(String),
}

impl Subject {
    /// The person, or whoever would have this identifier. It must be normalised, so that every spelling counts as one.
    pub fn of(person: Option<Uuid>, identifier: &str) -> Self {
        person.map_or_else(|| Self::Nobody(token::digest(identifier)), Self::Person)
    }

    fn key(&self) -> String {
        match self {
            Self::Person(id) => id.to_string(),
            Self::Nobody(digest) => digest.clone(),
        }
    }
}

/// How often somebody may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Within this time.
    pub window: Duration,
    /// One person from one network.
    pub person_and_network: u32,
    /// One person from everywhere.
    pub person: u32,
    /// Everybody from one network.
    pub network: u32,
    /// One person from a device on which they have signed in before; counts in place of the other three.
    pub device: u32,
}

/// What an attempt to sign in counts for. On a device of the person's own only that device counts, so that nobody is locked
/// out by what others try.
pub fn attempts(limits: &AttemptLimits, subject: &Subject, network: &str, device: Option<Uuid>) -> Vec<Brake> {
    let brake = |key, most| Brake { key, most, window: limits.window };
    if let Some(device) = device {
        return vec![brake(format!("attempt#device#{device}"), limits.device)];
    }
    let subject = subject.key();
    vec![
        brake(format!("attempt#here#{subject}#{network}"), limits.person_and_network),
        brake(format!("attempt#person#{subject}"), limits.person),
        question(limits, network),
    ]
}

/// What asking for somebody counts for, without an attempt to sign in as them.
pub fn question(limits: &AttemptLimits, network: &str) -> Brake {
    Brake { key: format!("attempt#network#{network}"), most: limits.network, window: limits.window }
}

/// How often codes may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendLimits {
    /// Within this time.
    pub window: Duration,
    /// To one address.
    pub address: u32,
    /// At the wish of one network.
    pub network: u32,
}

/// What a code counts for that is sent to `identifier`, normalised.
pub fn sends(limits: &SendLimits, identifier: &str, network: &str) -> Vec<Brake> {
    let brake = |key, most| Brake { key, most, window: limits.window };
    vec![
        brake(format!("send#to#{}", token::digest(identifier)), limits.address),
        brake(format!("send#network#{network}"), limits.network),
    ]
}

/// What a text message counts for in a day, by the country of its number; `None` when no message may go there. `countries` are
/// beginnings of numbers; without any, all count as one.
pub fn text_message(countries: &[String], most: u32, number: &str) -> Option<Brake> {
    let country = match countries.iter().filter(|country| number.starts_with(country.as_str())).max_by_key(|c| c.len())
    {
        Some(country) => country.as_str(),
        None if countries.is_empty() => "everywhere",
        None => return None,
    };
    Some(Brake { key: format!("sms#{country}"), most, window: Duration::DAY })
}

/// The network that an address counts for: the /24 of an IPv4 address, the /56 of an IPv6 one. What is no address counts as
/// one network.
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

/// Which part of time this is, for windows of this length.
pub fn part(window: Duration, now: OffsetDateTime) -> i64 {
    now.unix_timestamp().div_euclid(length(window))
}

/// The name of a part in its counter.
pub fn part_name(part: i64) -> String {
    format!("p{}", part.rem_euclid(2 * PARTS))
}

/// How long to wait before the next try, by what the parts of a counter hold; `None` when it is not too often yet.
pub fn wait(counted: impl Fn(i64) -> u64, most: u32, window: Duration, now: OffsetDateTime) -> Option<Duration> {
    let last = part(window, now);
    let mut sum: u64 = (last - PARTS + 1..=last).map(&counted).sum();
    if sum <= u64::from(most) {
        return None;
    }
    let mut first = last - PARTS + 1;
    // The next try adds one, so as many parts must pass as leave room for it.
    while first <= last && sum >= u64::from(most) {
        sum -= counted(first);
        first += 1;
    }
    let until = (first - 1 + PARTS) * length(window);
    Some(Duration::seconds((until - now.unix_timestamp()).max(1)))
}

/// Seconds of a part.
fn length(window: Duration) -> i64 {
    (window.whole_seconds() / PARTS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const WINDOW: Duration = Duration::minutes(12);
    const NOW: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);

    #[test]
    fn networks_are_what_one_customer_has() {
        assert_eq!(network(Some("192.0.2.77")), "192.0.2");
        assert_eq!(network(Some("::ffff:192.0.2.77")), "192.0.2");
        assert_eq!(network(Some("2001:db8:0:12ff::1")), network(Some("2001:db8:0:1200:ffff::")));
        assert_ne!(network(Some("2001:db8:0:1200::")), network(Some("2001:db8:0:1300::")));
        assert_eq!(network(Some("rubbish")), network(None));
    }

    #[test]
    fn every_spelling_counts_for_one_person() {
        let ada = Uuid::from_u128(1);
        assert_eq!(Subject::of(Some(ada), "ada@example.org"), Subject::of(Some(ada), "+4917667111638"));
        let Subject::Nobody(digest) = Subject::of(None, "nobody@example.org") else { panic!() };
        assert!(!digest.contains("nobody"));
    }

    #[test]
    fn a_known_device_counts_for_itself() {
        let limits = AttemptLimits { window: WINDOW, person_and_network: 10, person: 100, network: 300, device: 10 };
        let ada = Subject::Person(Uuid::from_u128(1));
        assert_eq!(attempts(&limits, &ada, "192.0.2", None).len(), 3);
        let own = attempts(&limits, &ada, "192.0.2", Some(Uuid::from_u128(2)));
        let key = format!("attempt#device#{}", Uuid::from_u128(2));
        assert_eq!(own, [Brake { key, most: 10, window: WINDOW }]);
    }

    #[test]
    fn text_messages_are_capped_by_country() {
        let countries = ["+49".to_owned(), "+4".to_owned(), "+1".to_owned()];
        let key = |number| text_message(&countries, 5, number).map(|brake| brake.key);
        assert_eq!(key("+4917667111638").as_deref(), Some("sms#+49"));
        assert_eq!(key("+43664000000").as_deref(), Some("sms#+4"));
        assert_eq!(key("+2345"), None);
        assert_eq!(text_message(&[], 5, "+2345").map(|brake| brake.key).as_deref(), Some("sms#everywhere"));
    }

    #[test]
    fn a_window_slides() {
        let last = part(WINDOW, NOW);
        // Ten tries eleven minutes ago.
        let counted = |at: i64| if at == last - 11 { 10 } else { u64::from(at == last) };
        assert_eq!(wait(counted, 11, WINDOW, NOW), None);
        assert_eq!(wait(counted, 10, WINDOW, NOW), Some(Duration::minutes(1)), "then the ten are forgotten");
        assert_eq!(wait(counted, 10, WINDOW, NOW + Duration::minutes(1)), None);
        let all_now = |at: i64| if at == last { 20 } else { 0 };
        assert_eq!(wait(all_now, 10, WINDOW, NOW), Some(Duration::minutes(12)));
    }

    #[test]
    fn names_come_round_after_two_windows() {
        let names: std::collections::BTreeSet<_> = (100..124).map(part_name).collect();
        assert_eq!((names.len(), part_name(124)), (24, part_name(100)));
    }
}
