//! `session`: how long sessions live, and what they need. `session.cookie` is in `cookies.rs`.

use crate::key::DefaultValue::Text as Word;
use crate::key::{Key, Kind, Section, described, keys};
use crate::reader::Reader;
use std::time::Duration;

pub(crate) static SESSION: Section = Section::new("session", KEYS);

keys! { KEYS:
    LIFESPAN = Key::used("lifespan", Kind::Duration, Word("24h"), "how long a session lives");
    EARLIEST_POSSIBLE_EXTEND = Key::used("earliest_possible_extend", Kind::DurationOr("lifespan"),
        described("the lifespan"), "how long before its end a session can be extended");
    REQUIRED_AAL = Key::used("whoami.required_aal", Kind::OneOf(&["aal1", "highest_available"]),
        Word("highest_available"), "the assurance level that whoami asks for");
    _ = Key::not_built("whoami.tokenizer", Kind::Map, "sessions as JSON Web Tokens");
}

/// Sessions.
#[derive(Clone, Copy, Debug)]
pub struct SessionPolicy {
    /// How long a session lives.
    pub lifespan: Duration,
    /// How long before its end it can be extended; at any time when `None`.
    pub earliest_possible_extend: Option<Duration>,
    /// What whoami asks for.
    pub required_aal: RequiredAal,
}

/// The assurance level that a session needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredAal {
    /// One factor.
    Aal1,
    /// As many factors as the identity has set up.
    HighestAvailable,
}

pub(crate) fn session(from: Reader<'_>) -> SessionPolicy {
    let from = from.section(&SESSION);
    SessionPolicy {
        lifespan: from.duration_or_default(&LIFESPAN),
        earliest_possible_extend: from.duration(&EARLIEST_POSSIBLE_EXTEND),
        required_aal: match from.text(&REQUIRED_AAL).as_deref() {
            Some("aal1") => RequiredAal::Aal1,
            _ => RequiredAal::HighestAvailable,
        },
    }
}
