//! The typed values of a configuration: what each section reads, in one place.

use crate::digest::digest;
use crate::findings::Findings;
use crate::key::Role;
use crate::lookup::lookup;
use crate::reader::Reader;
use crate::sections::clients::header_allowlist;
use crate::sections::cookies::{Cookies, cookies};
use crate::sections::courier::{Courier, courier};
use crate::sections::features::{Features, features, mitigates_enumeration};
use crate::sections::flows::{Flows, flows};
use crate::sections::hashers::{Hasher, hasher};
use crate::sections::identity::{IdentityConfig, identity};
use crate::sections::methods::{Methods, methods};
use crate::sections::others::revision;
use crate::sections::pages::{Pages, pages};
use crate::sections::rate_limits::{RateLimits, rate_limits};
use crate::sections::return_urls::{allowed_return_urls, default_return_url};
use crate::sections::serve::{self, ClientAddress, Cors, Listener};
use crate::sections::session::{SessionPolicy, session};
use serde_json::Value;
use std::path::Path;

/// Variables by which a local stack says where it listens, for a configuration that does not.
const LOCAL_PUBLIC_URL: &str = "LATCHKEY_PUBLIC_URL";
const LOCAL_ADMIN_URL: &str = "LATCHKEY_ADMIN_URL";
const LOCAL_PAGES_URL: &str = "LATCHKEY_PAGES_URL";

/// The values that decide what Latchkey does. `docs/configuration.md` has them key by key.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether this is a developer's machine: cookies without `Secure`, published example secrets, errors that say which key to
    /// change.
    pub dev: bool,
    /// `revision`, shown by the health check of the admin API.
    pub revision: String,
    /// The public API.
    pub public: Listener,
    /// The admin API.
    pub admin: Listener,
    /// Cross-origin requests, when they are on.
    pub cors: Option<Cors>,
    /// Networks of the proxies whose word on the client's address is believed.
    pub trusted_proxies: Vec<String>,
    /// The header in which they name it.
    pub client_address: ClientAddress,
    /// Cookies.
    pub cookies: Cookies,
    /// Sessions.
    pub session: SessionPolicy,
    /// Flows, methods, and where they lead.
    pub selfservice: SelfService,
    /// The login pages.
    pub pages: Pages,
    /// How passwords are hashed.
    pub hasher: Hasher,
    /// Identity schemas.
    pub identity: IdentityConfig,
    /// Whether answers hide which identities exist.
    pub mitigate_enumeration: bool,
    /// Headers of a request that services get.
    pub header_allowlist: Vec<String>,
    /// How often something may be tried; `None` when nothing is counted.
    pub rate_limits: Option<RateLimits>,
    /// How messages are worded and delivered.
    pub courier: Courier,
    /// Switches.
    pub features: Features,
}

/// Flows, methods, and where they lead.
#[derive(Clone, Debug)]
pub struct SelfService {
    /// Where a browser goes when nothing else is set.
    pub default_browser_return_url: String,
    /// Where `return_to` may lead.
    pub allowed_return_urls: Vec<String>,
    /// The flows.
    pub flows: Flows,
    /// The methods.
    pub methods: Methods,
}

/// Makes the configuration of a checked document. Only meaningful when there are no errors afterwards.
pub(crate) fn config(
    document: &Value,
    folder: Option<&Path>,
    env: &[(String, String)],
    dev: bool,
    findings: &mut Findings,
) -> Config {
    let from = Reader::new(document, folder, dev);
    let local = |name: &str| env.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let public = serve::listener(from, &serve::PUBLIC_BASE_URL, local(LOCAL_PUBLIC_URL));
    if public.base_url.is_empty() {
        findings.error(
            "serve.public.base_url: not set: it must be the URL that browsers see, such as https://login.example.org/",
        );
    }
    let pages_url = local(LOCAL_PAGES_URL).unwrap_or_else(|| public.base_url.clone());
    let pages = pages(from, &pages_url, is_built, findings);
    let mitigate_enumeration = mitigates_enumeration(from);
    let flows = flows(from, &pages.base_url, mitigate_enumeration, findings);
    let identity = identity(from, findings);
    Config {
        dev,
        revision: revision(from).unwrap_or_else(|| fingerprint(document, &identity)),
        admin: serve::listener(from, &serve::ADMIN_BASE_URL, local(LOCAL_ADMIN_URL)),
        cors: serve::cors(from),
        trusted_proxies: serve::trusted_proxies(from),
        client_address: serve::client_address(from, findings),
        cookies: cookies(from, &public.base_url, findings),
        session: session(from),
        selfservice: SelfService {
            default_browser_return_url: default_return_url(from, &pages.base_url),
            allowed_return_urls: allowed_return_urls(from, &pages.base_url, env, findings),
            flows,
            methods: methods(from),
        },
        hasher: hasher(from, findings),
        identity,
        mitigate_enumeration,
        header_allowlist: header_allowlist(from),
        rate_limits: rate_limits(from),
        courier: courier(from, &pages, findings),
        features: features(from),
        public,
        pages,
    }
}

/// Whether the feature of a key is built.
fn is_built(path: &str) -> bool {
    lookup(path).is_some_and(|place| place.role() == Role::Used)
}

/// A name for a configuration that names no revision: another one when anything in it, or in a schema, is another.
fn fingerprint(document: &Value, identity: &IdentityConfig) -> String {
    let schemas: Vec<String> = identity.schemas.iter().map(|schema| schema.document.to_string()).collect();
    let document = document.to_string();
    digest(std::iter::once(document.as_str()).chain(schemas.iter().map(String::as_str)))
}
