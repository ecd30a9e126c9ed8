//! One-time codes: six digits, or ten for identities with many failed attempts. The flow keeps an HMAC of a code, never the code.

use crate::identity::CodeAddress;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};
use time::OffsetDateTime;
use uuid::Uuid;

/// Keeps the digests of codes apart from everything else that is made with the same key.
const PURPOSE: &[u8] = b"latchkey login code 1";

/// How many digits a code has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Length {
    /// Six: quick to type, and guessed once in a million tries.
    #[default]
    Short,
    /// Ten: too many for a client to guess within any rate limit.
    Long,
}

impl Length {
    /// The number of digits.
    pub const fn digits(self) -> usize {
        match self {
            Self::Short => 6,
            Self::Long => 10,
        }
    }
}

/// A code from 16 random bytes, each as likely as any other to within 2⁻⁹⁰.
pub fn from_random(bytes: [u8; 16], length: Length) -> String {
    let digits = length.digits();
    format!("{:0digits$}", u128::from_be_bytes(bytes) % 10u128.pow(digits as u32))
}

/// A code that was sent, as the flow keeps it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentCode {
    /// The identity that it was sent to.
    pub identity: Uuid,
    /// Where it was sent.
    pub address: CodeAddress,
    /// HMAC over flow, address and code.
    digest: [u8; 32],
    /// When it expires.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// Whether a client has entered it and the login was refused, because the identity may not sign in.
    #[serde(default)]
    pub spent: bool,
    /// Whether it has so many digits that it counts whatever the rate limits say.
    #[serde(default)]
    pub long: bool,
    /// Which of the flow's sends it belongs to.
    #[serde(default)]
    round: u32,
}

impl std::fmt::Debug for SentCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SentCode {{ identity: {}, … }}", self.identity)
    }
}

impl SentCode {
    /// The code once it has been used.
    pub fn spent(self) -> Self {
        Self { spent: true, ..self }
    }

    /// The record of a code that the courier sends to an address of an identity in a flow. `key` is the deployment's first key.
    pub fn new(
        code: &str,
        (flow, identity): (Uuid, Uuid),
        address: CodeAddress,
        expires_at: OffsetDateTime,
        key: &[u8],
    ) -> Self {
        let long = code.len() >= Length::Long.digits();
        let digest = digest(key, flow, &address.value, code);
        Self { identity, digest, address, expires_at, spent: false, long, round: 0 }
    }
}

/// The codes of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeFacts {
    /// The codes that count.
    pub sent: Vec<SentCode>,
    /// How often codes were sent.
    pub sends: u64,
    /// How many codes clients have tried since the attempts were last reset.
    pub attempts: u64,
}

/// A flow's codes after another send. Messages may arrive out of order, so the codes of the send before stay valid beside the
/// `new` ones until they expire. Older codes do not.
pub fn after_another_send(before: &[SentCode], new: Vec<SentCode>, now: OffsetDateTime) -> Vec<SentCode> {
    let last = before.iter().map(|code| code.round).max();
    let is_good = |code: &&SentCode| Some(code.round) == last && !code.spent && now < code.expires_at;
    let round = last.map_or(0, |last| last.saturating_add(1));
    let new = new.into_iter().map(|code| SentCode { round, ..code });
    before.iter().filter(is_good).cloned().chain(new).collect()
}

/// The result of checking a submitted code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// The code of this address.
    Right(&'a SentCode),
    /// It was right, and has been used.
    Spent,
    /// Wrong, expired, replaced, or sent to another identity.
    Wrong,
}

/// Checks a code against those that were sent to an identity in a flow, with every key. The check takes the same time whichever
/// code matches, and when none does.
pub fn check<'a>(
    code: &str,
    flow: Uuid,
    identity: Uuid,
    sent: &'a [SentCode],
    keys: &[&[u8]],
    now: OffsetDateTime,
) -> Verdict<'a> {
    let mut found = None;
    for candidate in sent {
        let mut right = Choice::from(0);
        for key in keys {
            right |= candidate.digest.ct_eq(&digest(key, flow, &candidate.address.value, code));
        }
        if bool::from(right) && candidate.identity == identity && now < candidate.expires_at {
            found = Some(candidate);
        }
    }
    match found {
        Some(code) if code.spent => Verdict::Spent,
        Some(code) => Verdict::Right(code),
        None => Verdict::Wrong,
    }
}

fn digest(key: &[u8], flow: Uuid, address: &str, code: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in [PURPOSE, flow.as_bytes(), address.as_bytes(), code.as_bytes()] {
        // With its length, so that no two lists of parts are the same bytes.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Via;
    use time::Duration;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);
    const FLOW: Uuid = Uuid::from_u128(1);
    const ADA: Uuid = Uuid::from_u128(2);
    const BOB: Uuid = Uuid::from_u128(3);

    fn sent(code: &str, to: &str) -> SentCode {
        let address = CodeAddress { via: Via::of(to), value: to.into() };
        SentCode::new(code, (FLOW, ADA), address, NOW + Duration::HOUR, b"old key")
    }

    #[test]
    fn codes_keep_leading_zeros() {
        assert_eq!(from_random([0; 16], Length::Short), "000000");
        assert_eq!(from_random(1_000_042u128.to_be_bytes(), Length::Short), "000042");
        assert_eq!(from_random(u128::MAX.to_be_bytes(), Length::Short).len(), 6);
        assert_eq!(from_random(10_000_000_042u128.to_be_bytes(), Length::Long), "0000000042");
        assert!(sent("0000000042", "ada@example.org").long && !sent("000042", "ada@example.org").long);
    }

    #[test]
    fn code_matches_its_flow_and_identity_until_expiry() {
        let all = [sent("123456", "ada@example.org"), sent("654321", "+4917667111638")];
        let keys: [&[u8]; 2] = [b"new key", b"old key"];
        let verdict = |code, flow, identity, keys: &[&[u8]], now| check(code, flow, identity, &all, keys, now);
        assert_eq!(verdict("123456", FLOW, ADA, &keys, NOW), Verdict::Right(&all[0]));
        assert_eq!(verdict("654321", FLOW, ADA, &keys, NOW), Verdict::Right(&all[1]));
        assert_eq!(verdict("123457", FLOW, ADA, &keys, NOW), Verdict::Wrong);
        assert_eq!(verdict("123456", BOB, ADA, &keys, NOW), Verdict::Wrong, "another flow");
        assert_eq!(verdict("123456", FLOW, BOB, &keys, NOW), Verdict::Wrong, "another identity");
        assert_eq!(verdict("123456", FLOW, ADA, &keys[..1], NOW), Verdict::Wrong, "the key was taken out");
        assert_eq!(verdict("123456", FLOW, ADA, &keys, NOW + Duration::HOUR), Verdict::Wrong, "it has ended");
        assert_eq!(verdict(" 123456", FLOW, ADA, &keys, NOW), Verdict::Wrong, "nothing is trimmed");
        let spent = [SentCode { spent: true, ..all[0].clone() }];
        assert_eq!(check("123456", FLOW, ADA, &spent, &keys, NOW), Verdict::Spent);
    }

    #[test]
    fn codes_of_the_last_two_sends_are_good() {
        let send =
            |before: &[SentCode], code, now| after_another_send(before, vec![sent(code, "ada@example.org")], now);
        let first = send(&[], "111111", NOW);
        let second = send(&first, "222222", NOW);
        let third = send(&second, "333333", NOW);
        let is_right = |codes: &[SentCode], code| check(code, FLOW, ADA, codes, &[b"old key"], NOW) != Verdict::Wrong;
        let good = |codes: &[SentCode]| ["111111", "222222", "333333"].map(|code| is_right(codes, code));
        assert_eq!(good(&first), [true, false, false]);
        assert_eq!(good(&second), [true, true, false]);
        assert_eq!(good(&third), [false, true, true]);
        // Each code expires at its own time. A used code is dropped.
        assert_eq!(send(&second, "333333", NOW + Duration::HOUR).len(), 1);
        let served: Vec<_> = second.iter().cloned().map(SentCode::spent).collect();
        assert_eq!(good(&send(&served, "333333", NOW)), [false, false, true]);
    }

    #[test]
    fn stored_code_does_not_show_its_digits() {
        let text = serde_json::to_string(&sent("123456", "ada@example.org")).unwrap();
        assert!(!text.contains("123456"), "{text}");
        assert!(!format!("{:?}", sent("123456", "ada@example.org")).contains("digest"));
    }
}
