//! `selfservice.methods`: the ways to sign in. `passwords`, a namespace of Latchkey's own, says what else passwords are checked for.

use crate::key::DefaultValue::{Bool as Switch, Int as Number, Text as Word};
use crate::key::{Key, Kind, Section, keys};
use crate::reader::Reader;
use crate::sections::flows::NOT_BUILT as FLOWS;
use crate::shapes::method::{self, MethodConfig};
use std::time::Duration;

pub(crate) const SECOND_FACTORS: &str = "second factors";
pub(crate) const SOCIAL: &str = "social sign-in";
pub(crate) const ORGANIZATIONS: &str = "organizations";
const PASSKEYS: &str = "passkeys and security keys";

pub(crate) static PASSWORD: Section = Section::new("selfservice.methods.password", method::ON);
pub(crate) static PASSWORD_CONFIG: Section = Section::new("selfservice.methods.password.config", PASSWORD_KEYS);
pub(crate) static PASSWORDS: Section = Section::new("passwords", LEAK_KEYS);
pub(crate) static CODE: Section = Section::new("selfservice.methods.code", method::ON);
pub(crate) static CODE_CONFIG: Section = Section::new("selfservice.methods.code", CODE_KEYS);
pub(crate) static LINK: Section = Section::not_built("selfservice.methods.link", method::ON, FLOWS);
pub(crate) static PROFILE: Section = Section::not_built("selfservice.methods.profile", method::ON, FLOWS);
pub(crate) static TOTP: Section = Section::not_built("selfservice.methods.totp", method::OFF, SECOND_FACTORS);
pub(crate) static LOOKUP_SECRET: Section =
    Section::not_built("selfservice.methods.lookup_secret", method::OFF, SECOND_FACTORS);
pub(crate) static WEBAUTHN: Section = Section::not_built("selfservice.methods.webauthn", method::OFF, PASSKEYS);
pub(crate) static PASSKEY: Section = Section::not_built("selfservice.methods.passkey", method::OFF, PASSKEYS);
pub(crate) static OIDC: Section = Section::not_built("selfservice.methods.oidc", method::OFF, SOCIAL);
pub(crate) static OTHER_METHODS: Section = Section::new("selfservice.methods", OTHER_KEYS);

keys! { PASSWORD_KEYS:
    MAX_BREACHES = Key::used("max_breaches", Kind::Int(0, 100), Number(0),
        "how often a password may have leaked; for `passwords.check_leaks_at_login`, because new passwords are not chosen here yet");
    HAVEIBEENPWNED_HOST = Key::used("haveibeenpwned_host", Kind::Domain, Word("api.pwnedpasswords.com"),
        "the service that knows leaked passwords, called by HTTPS; for the same");
    _ = Key::not_built("min_password_length", Kind::Int(6, i64::MAX), FLOWS);
    _ = Key::not_built("haveibeenpwned_enabled", Kind::Bool, FLOWS);
    _ = Key::not_built("ignore_network_errors", Kind::Bool, FLOWS);
    _ = Key::not_built("identifier_similarity_check_enabled", Kind::Bool, FLOWS);
    _ = Key::not_built("migrate_hook", Kind::Map, "the password migration hook");
}

keys! { LEAK_KEYS:
    CHECK_LEAKS_AT_LOGIN = Key::used("check_leaks_at_login", Kind::Bool, Switch(false),
        "look for the right password of each login among those that leaked, by the first five digits of its SHA-1; the user still signs in, and the session says so to administrators and the log");
    PATIENCE = Key::used("patience", Kind::Duration, Word("500ms"),
        "how long to wait for that answer; without it nothing is said");
}

keys! { CODE_KEYS:
    FIRST_FACTOR = Key::used("passwordless_enabled", Kind::Bool, Switch(false),
        "offer and accept codes as first factor, whatever `enabled` says");
    CODE_LIFESPAN = Key::used("config.lifespan", Kind::Duration, Word("1h"), "how long a code is valid");
    MAX_SUBMISSIONS = Key::used("config.max_submissions", Kind::Int(1, 255), Number(5),
        "codes that may be tried in one flow");
    MISSING_CREDENTIAL_FALLBACK = Key::used("config.missing_credential_fallback_enabled", Kind::Bool, Switch(false),
        "an identity whose schema gave it no address for codes may use a verifiable one");
    _ = Key::not_built("mfa_enabled", Kind::Bool, SECOND_FACTORS);
    _ = Key::no_effect("passwordless_login_fallback_enabled", Kind::Bool,
        "Kratos 1.3 replaced it by selfservice.methods.code.config.missing_credential_fallback_enabled");
}

keys! { OTHER_KEYS:
    _ = Key::not_built("link.config.lifespan", Kind::Duration, FLOWS);
    _ = Key::not_built("link.config.base_url", Kind::Text, FLOWS);
    _ = Key::not_built("totp.config.issuer", Kind::Text, SECOND_FACTORS);
    _ = Key::not_built("webauthn.config.passwordless", Kind::Bool, PASSKEYS);
    _ = Key::not_built("webauthn.config.rp", Kind::Map, PASSKEYS);
    _ = Key::not_built("passkey.config", Kind::Map, PASSKEYS);
    _ = Key::not_built("oidc.config", Kind::Map, SOCIAL);
    _ = Key::not_built("saml", Kind::Map, SOCIAL);
    _ = Key::not_built("captcha", Kind::Map, "CAPTCHAs");
    _ = Key::not_built("b2b", Kind::Map, ORGANIZATIONS);
}

/// Ways to sign in.
#[derive(Clone, Debug)]
pub struct Methods {
    /// By password.
    pub password: MethodConfig,
    /// By one-time code.
    pub code: CodeMethod,
    /// How the right password of a login is looked for among those that leaked, where it is.
    pub leak_check: Option<LeakCheck>,
}

/// How a password is looked for among those that leaked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeakCheck {
    /// The service that knows them, called by HTTPS.
    pub host: String,
    /// How often a password may have leaked.
    pub max_breaches: u64,
    /// How long a login waits for the answer.
    pub patience: Duration,
}

/// Signing in by a code that is sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeMethod {
    /// Whether a code is a first factor.
    pub first_factor: bool,
    /// How long a code is valid.
    pub lifespan: Duration,
    /// How many codes may be tried in one flow.
    pub max_submissions: u32,
    /// Whether an identity without a code credential may sign in by a code to one of its verifiable addresses.
    pub missing_credential_fallback: bool,
}

pub(crate) fn methods(from: Reader<'_>) -> Methods {
    Methods { password: method::method(from, &PASSWORD), code: code(from), leak_check: leak_check(from) }
}

/// `passwordless_enabled` turns the method on whatever `enabled` says (contract `methods-password-code-2fa.md` 1.1).
fn code(from: Reader<'_>) -> CodeMethod {
    let from = from.section(&CODE_CONFIG);
    CodeMethod {
        first_factor: from.flag(&FIRST_FACTOR),
        lifespan: from.duration_or_default(&CODE_LIFESPAN),
        max_submissions: from.number(&MAX_SUBMISSIONS),
        missing_credential_fallback: from.flag(&MISSING_CREDENTIAL_FALLBACK),
    }
}

/// The service and the limit are those that the password method has for new passwords.
fn leak_check(from: Reader<'_>) -> Option<LeakCheck> {
    let (config, passwords) = (from.section(&PASSWORD_CONFIG), from.section(&PASSWORDS));
    passwords.flag(&CHECK_LEAKS_AT_LOGIN).then(|| LeakCheck {
        host: config.text_or_default(&HAVEIBEENPWNED_HOST),
        max_breaches: config.number(&MAX_BREACHES),
        patience: passwords.duration_or_default(&PATIENCE),
    })
}
