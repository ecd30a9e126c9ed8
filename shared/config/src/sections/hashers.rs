//! `hashers`: the hash that new passwords get.

use crate::findings::Findings;
use crate::key::DefaultValue::{Int as Number, Text as Word};
use crate::key::{Key, Kind, Section, keys};
use crate::reader::Reader;
use crate::value::memory;
use serde_json::Value;

const NO_WAIT: &str = "an identifier without an identity costs a hash, not a wait";

pub(crate) static HASHERS: Section = Section::new("hashers", KEYS);

keys! { KEYS:
    ALGORITHM = Key::used("algorithm", Kind::OneOf(&["argon2", "bcrypt"]), Word("argon2"),
        "the hash that new passwords get, and old ones at their next login");
    BCRYPT_COST = Key::used("bcrypt.cost", Kind::Int(4, 15), Number(12),
        "base-2 logarithm of the rounds; at least 12 outside `--dev`");
    MEMORY = Key::used("argon2.memory", Kind::Memory(64, 1024 * 1024), Word("19MB"),
        "memory; a function needs about 20 MB beside it");
    ITERATIONS = Key::used("argon2.iterations", Kind::Int(1, 10), Number(2), "passes");
    PARALLELISM = Key::used("argon2.parallelism", Kind::Int(1, 16), Number(1),
        "lanes; they are computed one after the other");
    SALT_LENGTH = Key::used("argon2.salt_length", Kind::Int(16, 64), Number(16), "bytes of salt");
    KEY_LENGTH = Key::used("argon2.key_length", Kind::Int(16, 128), Number(32), "bytes of hash");
    _ = Key::no_effect("argon2.expected_duration", Kind::Duration, NO_WAIT);
    _ = Key::no_effect("argon2.expected_deviation", Kind::Duration, NO_WAIT);
    _ = Key::no_effect("argon2.dedicated_memory", Kind::Text, "a function hashes one password at a time");
}

/// How passwords are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hasher {
    /// argon2id.
    Argon2id {
        /// Memory, in KiB.
        memory_kib: u32,
        /// Passes.
        iterations: u32,
        /// Lanes.
        parallelism: u32,
        /// Salt, in bytes.
        salt_length: usize,
        /// Hash, in bytes.
        key_length: usize,
    },
    /// bcrypt.
    Bcrypt {
        /// Base-2 logarithm of the rounds.
        cost: u32,
    },
}

pub(crate) fn hasher(from: Reader<'_>, findings: &mut Findings) -> Hasher {
    let (from, dev) = (from.section(&HASHERS), from.dev);
    if from.text(&ALGORITHM).as_deref() == Some("bcrypt") {
        let cost = from.number(&BCRYPT_COST);
        if cost < 12 && !dev {
            findings
                .warn(format!("hashers.bcrypt.cost: {cost} is raised to 12, below which bcrypt is too quick to guess"));
        }
        return Hasher::Bcrypt { cost: if dev { cost } else { cost.max(12) } };
    }
    let (memory_kib, parallelism) = (memory_kib(from), from.number(&PARALLELISM));
    if memory_kib < 8 * parallelism {
        findings.error(format!(
            "hashers.argon2.memory: {memory_kib}KB is not allowed: {parallelism} lanes need at least {}KB",
            8 * parallelism
        ));
    }
    Hasher::Argon2id {
        memory_kib,
        iterations: from.number(&ITERATIONS),
        parallelism,
        salt_length: from.number(&SALT_LENGTH),
        key_length: from.number(&KEY_LENGTH),
    }
}

/// A number is read too, as Kratos 0.5 counted in KiB.
fn memory_kib(from: Reader<'_>) -> u32 {
    let read = |value: &Value| memory::parse(value).and_then(|kib| u32::try_from(kib).ok());
    let default = || read(&Value::from(from.text_or_default(&MEMORY)));
    from.value(&MEMORY).and_then(read).or_else(default).unwrap_or_default()
}
