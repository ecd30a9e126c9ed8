//! `feature_flags` and `security`: switches that change a detail of an answer.

use crate::key::DefaultValue::{Bool as Switch, Text as Word};
use crate::key::{Key, Kind, Section, keys};
use crate::reader::Reader;
use crate::sections::flows::NOT_BUILT as FLOWS;
use std::time::Duration;

pub(crate) static FEATURE_FLAGS: Section = Section::new("feature_flags", KEYS);
pub(crate) static SECURITY: Section = Section::new("security", SECURITY_KEYS);

keys! { KEYS:
    CACHEABLE_SESSIONS = Key::used("cacheable_sessions", Kind::Bool, Switch(false),
        "let clients that ask whoami with a token cache the answer");
    CACHEABLE_SESSIONS_MAX_AGE = Key::used("cacheable_sessions_max_age", Kind::DurationOr("0s"), Word("0s"),
        "for how long at most; `0s` is as long as the session");
    FASTER_SESSION_EXTEND = Key::used("faster_session_extend", Kind::Bool, Switch(false),
        "answer 204 without a body when a session is extended");
    ALLOW_INSECURE_ORIGINS = Key::used("legacy_allow_insecure_origins", Kind::Bool, Switch(false),
        "keep entries of `allowed_return_urls` that cover names that an attacker could register");
    REFRESH_LOGIN_CHOOSE_ADDRESS = Key::used("refresh_login_choose_address", Kind::Bool, Switch(false),
        "a user who signs in again by code chooses among the addresses of the identity instead of typing one");
    _ = Key::not_built("use_continue_with_transitions", Kind::Bool, FLOWS);
    _ = Key::not_built("choose_recovery_address", Kind::Bool, FLOWS);
    _ = Key::not_built("legacy_continue_with_verification_ui", Kind::Bool, FLOWS);
    _ = Key::not_built("legacy_require_verified_login_error", Kind::Bool, "hooks");
    _ = Key::not_built("legacy_oidc_registration_node_group", Kind::Bool, FLOWS);
    _ = Key::not_built("password_profile_registration_node_group", Kind::OneOf(&["default", "password"]), FLOWS);
}

keys! { SECURITY_KEYS:
    MITIGATE_ENUMERATION = Key::used("account_enumeration.mitigate", Kind::Bool, Switch(false),
        "answer alike for identifiers that have an identity and for those that have none, in the identifier-first form and for codes");
    _ = Key::no_effect("disallow_ref_in_identity_schemas", Kind::Bool,
        "schemas are files of yours; their references never leave the document");
}

/// Switches.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// Whether clients that ask whoami with a token may cache the answer.
    pub cacheable_sessions: bool,
    /// For how long at most.
    pub cacheable_sessions_max_age: Option<Duration>,
    /// Whether extending a session answers without its body.
    pub faster_session_extend: bool,
    /// Whether a user who signs in again chooses among the addresses of the identity instead of typing one.
    pub refresh_login_choose_address: bool,
}

pub(crate) fn features(from: Reader<'_>) -> Features {
    let from = from.section(&FEATURE_FLAGS);
    Features {
        cacheable_sessions: from.flag(&CACHEABLE_SESSIONS),
        cacheable_sessions_max_age: from.duration(&CACHEABLE_SESSIONS_MAX_AGE).filter(|age| !age.is_zero()),
        faster_session_extend: from.flag(&FASTER_SESSION_EXTEND),
        refresh_login_choose_address: from.flag(&REFRESH_LOGIN_CHOOSE_ADDRESS),
    }
}

pub(crate) fn allows_insecure_origins(from: Reader<'_>) -> bool {
    from.section(&FEATURE_FLAGS).flag(&ALLOW_INSECURE_ORIGINS)
}

/// Whether answers hide which identities exist.
pub(crate) fn mitigates_enumeration(from: Reader<'_>) -> bool {
    from.section(&SECURITY).flag(&MITIGATE_ENUMERATION)
}
