//! `clients`: calls to services that the configuration names, and what of a request they get.

use crate::key::DefaultValue::{OffInDevelopment, Texts as List};
use crate::key::{Key, Kind, Section, keys};
use crate::reader::Reader;

pub(crate) static HTTP: Section = Section::new("clients.http", HTTP_KEYS);
pub(crate) static CLIENTS: Section = Section::new("clients", KEYS);

keys! { HTTP_KEYS:
    DISALLOW_PRIVATE_IP_RANGES = Key::used("disallow_private_ip_ranges", Kind::Bool, OffInDevelopment,
        "refuse to call services at private, local and metadata addresses; Kratos' default is false");
    PRIVATE_IP_EXCEPTION_URLS = Key::used("private_ip_exception_urls", Kind::Texts, List(&[]),
        "URLs that may be called there all the same");
}

keys! { KEYS:
    HEADER_ALLOWLIST = Key::used("web_hook.header_allowlist", Kind::Texts, List(HARMLESS_HEADERS),
        "headers of a request that an HTTP channel gets, as `ctx.request_headers`");
    _ = Key::not_built("smtp", Kind::Map, "a guard against mail servers at private addresses");
}

/// Headers that browsers send, without cookies and credentials (contract `beyond-login.md`, configuration).
const HARMLESS_HEADERS: &[&str] = &[
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Content-Length",
    "Content-Type",
    "Origin",
    "Priority",
    "Referer",
    "Sec-Ch-Ua",
    "Sec-Ch-Ua-Mobile",
    "Sec-Ch-Ua-Platform",
    "Sec-Fetch-Dest",
    "Sec-Fetch-Mode",
    "Sec-Fetch-Site",
    "Sec-Fetch-User",
    "True-Client-Ip",
    "User-Agent",
];

/// Headers of a request that services get.
pub(crate) fn header_allowlist(from: Reader<'_>) -> Vec<String> {
    from.section(&CLIENTS).texts(&HEADER_ALLOWLIST)
}
