//! Every section of a configuration, in the order of `docs/configuration.md`.
//!
//! A section is declared below `sections/`. Adding the flow `registration` begins with its line here: the shape of a flow, mounted at
//! its path.

use crate::key::{Place, Section};
use crate::sections::{
    clients, cookies, courier, features, flows, hashers, identity, methods, others, pages, rate_limits, return_urls,
    secrets, serve, session,
};

/// Every section.
pub static SECTIONS: &[&Section] = &[
    &serve::SERVE,
    &serve::CORS,
    &cookies::COOKIES,
    &session::SESSION,
    &cookies::SESSION_COOKIE,
    &return_urls::SELFSERVICE,
    &flows::LOGIN,
    &flows::LOGIN_OPTIONS,
    &flows::ERROR,
    &flows::LOGOUT,
    &flows::OTHER_FLOWS,
    &flows::REGISTRATION,
    &flows::ADDRESS_FLOWS,
    &flows::SETTINGS,
    &pages::PAGES,
    &methods::PASSWORD,
    &methods::PASSWORD_CONFIG,
    &methods::PASSWORDS,
    &methods::CODE,
    &methods::CODE_CONFIG,
    &methods::LINK,
    &methods::PROFILE,
    &methods::TOTP,
    &methods::LOOKUP_SECRET,
    &methods::WEBAUTHN,
    &methods::PASSKEY,
    &methods::OIDC,
    &methods::OTHER_METHODS,
    &secrets::SECRETS,
    &others::CIPHERS,
    &hashers::HASHERS,
    &identity::IDENTITY,
    &identity::SCHEMA,
    &rate_limits::RATE_LIMITS,
    &features::FEATURE_FLAGS,
    &features::SECURITY,
    &clients::HTTP,
    &clients::CLIENTS,
    &others::OAUTH2_PROVIDER,
    &courier::channels::DELIVERY,
    &courier::secrets::SMTP_SECRETS,
    &courier::SMTP,
    &courier::COURIER,
    &courier::channels::HTTP_REQUEST,
    &courier::channels::CHANNEL,
    &courier::channels::CHANNEL_REQUEST,
    &courier::templates::VALID,
    &courier::templates::INVALID,
    &courier::templates::OVERRIDES,
    &others::TOP,
];

/// Every key in its place.
pub fn places() -> impl Iterator<Item = Place> {
    SECTIONS.iter().copied().flat_map(|section| section.keys.iter().map(move |key| Place { section, key }))
}
