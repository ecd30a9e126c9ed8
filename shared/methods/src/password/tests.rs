//! What checking a password costs, and which hash it leaves behind.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SALT: [u8; 64] = [7; 64];
const SMALL: Hasher =
    Hasher::Argon2id { memory_kib: 64, iterations: 1, parallelism: 1, salt_length: 16, key_length: 32 };
const OWN: &str = "correct horse";
/// A hash of `test` that costs next to nothing.
const CHEAP: &str = "$md5$CY9rzUYh03PK3k6DJie09g==";
/// `é` as one character, and as two.
const COMPOSED: &str = "caf\u{e9} au lait";
const DECOMPOSED: &str = "cafe\u{301} au lait";

fn secret(password: &str) -> SecretString {
    password.into()
}

fn verify(password: &str, stored: Option<&str>) -> Verdict {
    Checker::new(SMALL).verify(&secret(password), stored, &SALT)
}

/// The hash that replaces the stored one.
fn better(password: &str, stored: Option<&str>) -> Option<String> {
    let checker = Checker::new(SMALL);
    let outdated = checker.verify(&secret(password), stored, &SALT).outdated;
    outdated.then(|| checker.better_hash(&secret(password), &SALT)).flatten()
}

fn of(hasher: Hasher, password: &str) -> String {
    hasher.hash(password.as_bytes(), &SALT).unwrap()
}

/// Counts the hashes without an identity, with today's hash, and with a hash of another system.
#[test]
fn work_is_equal_with_and_without_identity() {
    let own = of(SMALL, OWN);
    let long = "x".repeat(Password::LONGEST + 1);
    for password in ["wrong", long.as_str(), "correct horse\0", "test\0"] {
        assert_eq!(verify(password, None).hashes, 1);
        assert_eq!(verify(password, Some(&own)).hashes, 1);
    }
    assert_eq!(verify("wrong", Some(CHEAP)).hashes, 2, "the cheap one, and work in the place of today's");
    assert_eq!(verify(&long, Some(CHEAP)).hashes, 1);
    for password in ["wr\u{f6}ng", "wro\u{308}ng", "wrong\u{a0}"] {
        assert_eq!(verify(password, None).hashes, 2, "two texts");
        assert_eq!(verify(password, Some(&own)).hashes, 2, "two texts");
    }
    assert_eq!(verify(OWN, Some(&own)), Verdict { right: true, outdated: false, hashes: 1 });
    assert_eq!(verify("test", Some(CHEAP)), Verdict { right: true, outdated: true, hashes: 2 });
    assert_eq!(better("test", Some(CHEAP)), Some(of(SMALL, "test")));
}

/// A password that is two texts costs the same whichever of them fits.
#[test]
fn right_password_costs_what_wrong_costs() {
    for stored in [COMPOSED, DECOMPOSED] {
        for (stored, hashes) in [(of(SMALL, stored), 2), (of(Hasher::Bcrypt { cost: 4 }, stored), 3)] {
            for typed in [COMPOSED, DECOMPOSED, "wr\u{f6}ng"] {
                assert_eq!(verify(typed, Some(&stored)).hashes, hashes, "{typed:?} for {stored}");
            }
        }
    }
}

/// bcrypt, which takes 72 bytes, computes something for a longer password too.
#[test]
fn password_refused_by_hasher_costs_a_hash() {
    let hasher = Hasher::Bcrypt { cost: 4 };
    let own = of(hasher, OWN);
    let long = "x".repeat(73);
    for stored in [None, Some(own.as_str())] {
        let looks = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&looks);
        let pace = Pace::by(move || Duration::from_nanos(seen.fetch_add(1, Ordering::Relaxed)));
        let checker = Checker { hasher, pace };
        assert_eq!(checker.verify(&secret(&long), stored, &SALT).hashes, 1);
        assert_eq!(looks.load(Ordering::Relaxed), 2, "one hash was timed");
        assert!(checker.compute(long.as_bytes(), &SALT).is_ok(), "and it was one");
    }
}

/// A clock that moves by itself, a millisecond with every look, and by what a test adds.
#[test]
fn cheap_hash_takes_as_long_as_todays() {
    let looks = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&looks);
    let checker =
        Checker { hasher: SMALL, pace: Pace::by(move || Duration::from_millis(clock.fetch_add(1, Ordering::Relaxed))) };
    checker.pace.todays(0, || looks.fetch_add(44, Ordering::Relaxed));
    for (password, right, milliseconds) in [("wrong", false, 45), ("wr\u{f6}ng", false, 90), ("test", true, 45)] {
        let before = looks.load(Ordering::Relaxed);
        assert_eq!(checker.verify(&secret(password), Some(CHEAP), &SALT).right, right);
        assert_eq!(looks.load(Ordering::Relaxed) - before, milliseconds + 1, "{password}, and the look that ended it");
    }
    let before = looks.load(Ordering::Relaxed);
    checker.verify(&secret("wrong"), None, &SALT);
    assert_eq!(looks.load(Ordering::Relaxed) - before, 2, "today's own hash is not stretched");
}

#[test]
fn composed_and_decomposed_passwords_sign_in() {
    for stored in [COMPOSED, DECOMPOSED] {
        for typed in [COMPOSED, DECOMPOSED] {
            let hash = of(SMALL, stored);
            assert!(verify(typed, Some(&hash)).right, "{typed:?} for {stored:?}");
            // A hash of the text that new hashes are made of stays, another is replaced by one of that.
            let expected = (stored == DECOMPOSED).then(|| of(SMALL, COMPOSED));
            assert_eq!(better(typed, Some(&hash)), expected, "{typed:?} for {stored:?}");
        }
        assert!(!verify("cafe au lait", Some(&of(SMALL, stored))).right);
    }
    let stored = of(SMALL, "caf\u{e9}\u{a0}au lait");
    assert_eq!(better("caf\u{e9}\u{a0}au lait", Some(&stored)), Some(of(SMALL, COMPOSED)));
}

/// `pw` and a NUL is `pw` to an HMAC, `pw`, a NUL and `pw` is `pw` to bcrypt.
#[test]
fn passwords_with_a_nul_are_wrong() {
    let pbkdf2 = "$pbkdf2-sha256$i=1000,l=128$e8/arsEf4cvQihdNgqj0Nw$5xQQKNTyeTHx2Ld5/JDE7A";
    assert!(verify("123456", Some(pbkdf2)).right);
    assert_eq!(verify("123456\0", Some(pbkdf2)), Verdict { hashes: 1, ..Verdict::default() });
    let bcrypt = of(Hasher::Bcrypt { cost: 4 }, "pw");
    assert!(verify("pw", Some(&bcrypt)).right);
    assert_eq!(verify("pw\0pw", Some(&bcrypt)), Verdict { hashes: 1, ..Verdict::default() });
}

/// A long key of an HMAC is replaced by its digest, so a text that equals the digest fits. It is not the owner's password.
#[test]
fn matching_digest_replaces_no_hash() {
    // PBKDF2 with SHA-1 of 68 bytes, and the SHA-1 of those, which is text by chance.
    let long = "a long passphrase that no user would type, number 000000000011127247";
    let digest = "zsMuN\u{204}V\"CD]JYkg_]R>";
    let stored = "$pbkdf2-sha1$i=10,l=20$c29tZSBzYWx0$/XhxjUtvygx1U91Up1dRl6m3nhg";
    assert_eq!((verify(long, Some(stored)).right, better(long, Some(stored))), (true, Some(of(SMALL, long))));
    assert_eq!((verify(digest, Some(stored)).right, better(digest, Some(stored))), (true, None));
    // Most digests that are text have control characters, which no keyboard writes.
    let digest = "\u{c}X7_\u{13}\u{9}#Exc\u{22a}j\u{c}fw\u{17}IQW";
    let stored = "$pbkdf2-sha1$i=10,l=20$c29tZSBzYWx0$iHcc4KWQ+Y5I6g2Zm7dX+13wvwQ";
    assert!(verify("a long passphrase that no user would type, number 000000000000109158", Some(stored)).right);
    assert!(!verify(digest, Some(stored)).right);
}
