//! The sections of a configuration: in each file the keys of one, with their defaults, and what is read from them.

pub(crate) mod clients;
pub(crate) mod cookies;
pub(crate) mod courier;
pub(crate) mod features;
pub(crate) mod flows;
pub(crate) mod hashers;
pub(crate) mod identity;
pub(crate) mod methods;
pub(crate) mod others;
pub(crate) mod pages;
pub(crate) mod rate_limits;
pub(crate) mod return_urls;
pub(crate) mod secrets;
pub(crate) mod serve;
pub(crate) mod session;
