//! Known devices: browsers in which an identity has signed in. A cookie of its own remembers them. It survives signing out and the
//! end of a session.
//!
//! The cookie is no factor. It only gives the device a rate limit of its own, so that attempts of unknown clients do not keep a user
//! from signing in on a device that the user has signed in on before.
//!
//! The cookie names identities, each with a secret. The store keeps a hash of both under the identity and deletes it with the
//! identity. A login replaces a secret that the store does not know, so an attacker cannot plant a known one.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use zeroize::ZeroizeOnDrop;

/// How long a device is remembered after a sign-in: as long as browsers keep a cookie at most.
pub const KEPT: Duration = Duration::days(400);
/// A record is written anew when it is older than this, so that most sign-ins write none.
const RENEWED_AFTER: Duration = Duration::days(10);
/// Identities that one device remembers; the one that signed in longest ago is forgotten first.
const MOST_IDENTITIES: usize = 5;
/// Devices that are remembered of one identity; the one that would end first is forgotten first.
pub const MOST_DEVICES: usize = 30;
/// Records that one sign-in forgets at most.
const MOST_AT_ONCE: usize = 5;

/// Keeps the hashes apart from everything else that is made the same way.
const PURPOSE: &[u8] = b"latchkey known device 1";
/// Format of the cookie's value.
const COOKIE_FORMAT: u8 = 1;
const SECRET: usize = 16;
const ENTRY: usize = 16 + SECRET;
const LONGEST: usize = 1 + MOST_IDENTITIES * ENTRY;

/// An identity that has signed in on a device, as the device's cookie says.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct KnownDevice {
    #[zeroize(skip)]
    identity: Uuid,
    secret: [u8; SECRET],
}

impl std::fmt::Debug for KnownDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KnownDevice {{ identity: {}, secret: … }}", self.identity)
    }
}

impl KnownDevice {
    /// Remembers an identity by a secret of random bytes.
    pub fn new(identity: Uuid, secret: [u8; SECRET]) -> Self {
        Self { identity, secret }
    }

    /// The identity.
    pub fn identity(&self) -> Uuid {
        self.identity
    }

    /// What the store knows the device by, for this identity: a hash, 43 characters.
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(PURPOSE);
        hash.update(self.identity.as_bytes());
        hash.update(self.secret);
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }
}

/// The cookie's content: the identities that have signed in on a device, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceCookie(Vec<KnownDevice>);

impl DeviceCookie {
    /// Reads a cookie's value. A malformed value gives a cookie without identities.
    pub fn read(value: &str) -> Self {
        let mut bytes = zeroize::Zeroizing::new([0; LONGEST + 2]);
        let Ok(length) = URL_SAFE_NO_PAD.decode_slice(value, bytes.as_mut_slice()) else { return Self::default() };
        let Some((&COOKIE_FORMAT, entries)) = bytes[..length].split_first() else { return Self::default() };
        if entries.len() % ENTRY != 0 {
            return Self::default();
        }
        let mut all = Self::default();
        for entry in entries.chunks_exact(ENTRY).take(MOST_IDENTITIES) {
            let (id, secret) = entry.split_at(16);
            let (Ok(identity), Ok(secret)) = (Uuid::from_slice(id), secret.try_into()) else { continue };
            if all.of(identity).is_none() {
                all.0.push(KnownDevice { identity, secret });
            }
        }
        all
    }

    /// The cookie's value.
    pub fn value(&self) -> String {
        let mut bytes = zeroize::Zeroizing::new(vec![COOKIE_FORMAT]);
        for known in &self.0 {
            bytes.extend_from_slice(known.identity.as_bytes());
            bytes.extend_from_slice(&known.secret);
        }
        URL_SAFE_NO_PAD.encode(bytes.as_slice())
    }

    /// All identities that it remembers.
    pub fn all(&self) -> &[KnownDevice] {
        &self.0
    }

    /// How it remembers an identity.
    pub fn of(&self, identity: Uuid) -> Option<&KnownDevice> {
        self.0.iter().find(|known| known.identity == identity)
    }

    /// The cookie after an identity has signed in.
    pub fn with(&self, known: KnownDevice) -> Self {
        let others = self.0.iter().filter(|other| other.identity != known.identity).cloned();
        Self(std::iter::once(known.clone()).chain(others).take(MOST_IDENTITIES).collect())
    }
}

/// A record of a device, as the store keeps it below its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRecord {
    /// See [`KnownDevice::key`].
    pub key: String,
    /// Until when it counts.
    pub until: OffsetDateTime,
}

impl DeviceRecord {
    /// A record that begins now.
    pub fn new(known: &KnownDevice, now: OffsetDateTime) -> Self {
        Self { key: known.key(), until: now.saturating_add(KEPT) }
    }

    /// Whether it still counts.
    pub fn is_live(&self, now: OffsetDateTime) -> bool {
        now < self.until
    }

    /// Whether a sign-in writes it anew.
    pub fn is_due(&self, now: OffsetDateTime) -> bool {
        self.until - now < KEPT - RENEWED_AFTER
    }
}

/// Which records must go so that, with `next`, at most [`MOST_DEVICES`] stay; a few at a time.
pub fn beyond_the_cap(records: &[DeviceRecord], next: &DeviceRecord) -> Vec<String> {
    let mut others: Vec<_> = records.iter().filter(|record| record.key != next.key).collect();
    others.sort_by_key(|record| record.until);
    others.truncate((others.len() + 1).saturating_sub(MOST_DEVICES).min(MOST_AT_ONCE));
    others.into_iter().map(|record| record.key.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);

    fn known(identity: u128, secret: u8) -> KnownDevice {
        KnownDevice::new(Uuid::from_u128(identity), [secret; SECRET])
    }

    #[test]
    fn a_cookie_reads_back_latest_identity_first() {
        let mut cookie = DeviceCookie::default();
        assert_eq!(DeviceCookie::read(&cookie.value()), cookie);
        for identity in 1..=7 {
            cookie = cookie.with(known(identity, identity as u8));
        }
        cookie = cookie.with(known(5, 50));
        let read = DeviceCookie::read(&cookie.value());
        let ids: Vec<u128> = read.all().iter().map(|known| known.identity().as_u128()).collect();
        assert_eq!(ids, [5, 7, 6, 4, 3]);
        assert_eq!(read.of(Uuid::from_u128(5)), Some(&known(5, 50)));
        assert_eq!(read.of(Uuid::from_u128(1)), None);
    }

    #[test]
    fn an_identity_named_twice_counts_once() {
        let twice = DeviceCookie(vec![known(1, 1), known(1, 2)]);
        assert_eq!(DeviceCookie::read(&twice.value()).all(), [known(1, 1)]);
    }

    #[test]
    fn keys_differ_by_identity_and_secret() {
        let keys: std::collections::BTreeSet<_> = [(1, 1), (1, 2), (2, 1)].map(|(id, s)| known(id, s).key()).into();
        assert_eq!(keys.len(), 3);
        let (key, value) = (known(1, 7).key(), DeviceCookie::default().with(known(1, 7)).value());
        assert!(!value.contains(&key) && !format!("{:?}", known(1, 7)).contains('7'));
    }

    #[test]
    fn records_are_renewed_after_days_and_end() {
        let record = DeviceRecord::new(&known(1, 1), NOW);
        assert!(record.is_live(NOW + Duration::days(399)) && !record.is_live(NOW + Duration::days(400)));
        assert!(!record.is_due(NOW + Duration::days(9)) && record.is_due(NOW + Duration::days(11)));
    }

    #[test]
    fn beyond_the_cap_the_first_to_end_go() {
        let record = |n: u8| DeviceRecord::new(&known(1, n), NOW + Duration::days(i64::from(n)));
        let records: Vec<_> = (0..31).rev().map(record).collect();
        let keys = |list: &[u8]| list.iter().map(|&n| record(n).key).collect::<Vec<_>>();
        assert_eq!(beyond_the_cap(&records, &record(200)), keys(&[0, 1]));
        assert_eq!(beyond_the_cap(&records, &record(0)), keys(&[1]), "one that is renewed stays");
        assert!(beyond_the_cap(&records[..29], &record(200)).is_empty());
        let many: Vec<_> = (0..60).map(record).collect();
        assert_eq!(beyond_the_cap(&many, &record(200)).len(), MOST_AT_ONCE);
    }

    proptest! {
        #[test]
        fn hostile_cookie_stays_within_identity_limit(text in ".{0,400}") {
            prop_assert!(DeviceCookie::read(&text).all().len() <= MOST_IDENTITIES);
        }
    }
}
