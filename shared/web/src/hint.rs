//! Hints for developers beside an error in development mode: what was received, what was expected, and which key to change. They are in
//! the error's `debug`, which is absent everywhere else.
//!
//! The origin of a request (`Host`, `Origin`, `Referer`) is compared and quoted here, in JSON only. It decides nothing and becomes no
//! URL.

use crate::call::Call;
use crate::cors;
use crate::routes::Listener;
use http::Method;
use latchkey_config::{CookieAttributes, SameSite};
use latchkey_core::error::ApiError;

/// Longest quoted text of a request, in bytes.
const LONGEST: usize = 200;

/// The hint of an error.
pub(crate) fn of(call: &Call<'_>, error: &ApiError) -> Option<String> {
    if !is_asked_for(call) {
        return None;
    }
    let mut hints = match error.id {
        "self_service_flow_return_to_forbidden" => vec![return_to(call)],
        "security_csrf_violation" if call.csrf.is_empty() => cookie(call, &call.edge.config.cookies.csrf),
        _ if error.status == 401 && has_lost_its_session(call) => cookie(call, &call.edge.config.cookies.session),
        _ => Vec::new(),
    };
    hints.extend(foreign_origin(call).map(|(origin, problem)| problem.told_to(call, &origin)));
    (!hints.is_empty()).then(|| hints.join(" "))
}

/// The hint for the log about a request whose answer the browser will hide from the page. The browser's own message names no key, and a
/// preflight request has no body for a hint. The text is fixed, as everywhere in the log.
pub(crate) fn for_the_log(call: &Call<'_>) -> Option<&'static str> {
    if !is_asked_for(call) {
        return None;
    }
    foreign_origin(call).map(|(_, problem)| problem.in_the_log())
}

fn is_asked_for(call: &Call<'_>) -> bool {
    call.edge.config.dev && call.edge.listener == Listener::Public
}

/// A browser that sends no session, although it may have one.
fn has_lost_its_session(call: &Call<'_>) -> bool {
    let browser = ["origin", "referer", "sec-fetch-site"].iter().any(|name| call.header(name).is_some());
    let any = crate::caller::credential(call).any;
    browser && !any
}

/// The target of a URL, as far as cookies and origins depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place<'a> {
    scheme: &'a str,
    /// Host and port.
    authority: &'a str,
    host: &'a str,
}

impl<'a> Place<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host_of(authority);
        (!host.is_empty()).then_some(Self { scheme, authority, host })
    }

    fn origin(self) -> String {
        shortened(&format!("{}://{}", self.scheme, self.authority))
    }

    fn is_loopback(self) -> bool {
        is_loopback(self.host)
    }

    /// Whether browsers count both as one site. Without the public suffix list this is a guess, which is enough for a hint.
    fn is_same_site(self, other: Self) -> bool {
        let site = |place: Self| (place.scheme.to_ascii_lowercase(), site_of(place.host));
        site(self) == site(other)
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host == "[::1]" || host.starts_with("127.")
}

fn host_of(authority: &str) -> &str {
    match authority.find(']') {
        Some(end) if authority.starts_with('[') => &authority[..=end],
        _ => authority.split(':').next().unwrap_or_default(),
    }
}

/// The last two labels of a name, or three below one such as `co.uk`; the whole of an address.
fn site_of(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let is_address =
        host.starts_with('[') || labels.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    let count = match labels.as_slice() {
        [.., second, last] if last.len() == 2 && second.len() <= 3 => 3,
        _ => 2,
    };
    if is_address || labels.len() <= count { host } else { labels[labels.len() - count..].join(".") }
}

/// Whether cookies with this `Domain` are sent to a host.
fn reaches(domain: &str, host: &str) -> bool {
    let (domain, host) = (domain.trim_start_matches('.').to_ascii_lowercase(), host.to_ascii_lowercase());
    host == domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
}

fn shortened(text: &str) -> String {
    if text.len() <= LONGEST { text.to_owned() } else { format!("{}…", &text[..text.floor_char_boundary(LONGEST)]) }
}

/// The page of a request, if its browser sends it.
fn page<'c>(call: &'c Call<'_>) -> Option<Place<'c>> {
    let origin = call.header("origin").and_then(Place::of);
    origin.or_else(|| call.header("referer").and_then(Place::of))
}

/// Why a cookie was not sent.
fn cookie(call: &Call<'_>, how: &CookieAttributes) -> Vec<String> {
    let config = &call.edge.config;
    let base_url = &config.public.base_url;
    let Some(base) = Place::of(base_url) else { return Vec::new() };
    let domain = how.domain.as_deref();
    let key = |name: &str| {
        let own = how == &config.cookies.session && how != &config.cookies.csrf;
        if own { format!("session.cookie.{name} or cookies.{name}") } else { format!("cookies.{name}") }
    };
    let both = |host: &str| domain.is_some_and(|domain| reaches(domain, host) && reaches(domain, base.host));
    let mut hints = Vec::new();
    if let Some(seen) = call.seen_host()
        && !host_of(seen).eq_ignore_ascii_case(base.host)
        && !both(host_of(seen))
    {
        hints.push(format!(
            "This request was sent to {}, but serve.public.base_url is {base_url}, and a cookie belongs to one host name only. \
             Ask {base_url} instead, or change serve.public.base_url.",
            shortened(seen)
        ));
    }
    let page = page(call).filter(|page| !page.host.eq_ignore_ascii_case(base.host));
    if let Some(page) = page {
        if page.is_loopback() && base.is_loopback() {
            hints.push(format!(
                "The page is at {}, but serve.public.base_url is {base_url}: to a browser they are two sites, and cookies of one are \
                 not sent by pages of the other. Open the page by the host name {}, or give serve.public.base_url the page's.",
                page.origin(),
                base.host
            ));
        } else if !page.is_same_site(base) && how.same_site != SameSite::None {
            hints.push(format!(
                "The page is at {}, another site than serve.public.base_url ({base_url}), and cookies with SameSite={:?} are not \
                 sent from there. Give both hosts of one domain, such as app.example.org and login.example.org, and name that by {}; or, \
                 over https, set {} to None.",
                page.origin(),
                how.same_site,
                key("domain"),
                key("same_site")
            ));
        }
    }
    // A page that another server renders calls without its own URL; the configuration has it.
    let ui_url = &config.selfservice.flows.login.ui_url;
    if let Some(ui) = Place::of(ui_url)
        && page.is_none()
        && !ui.host.eq_ignore_ascii_case(base.host)
        && !both(ui.host)
    {
        let way = if ui.is_loopback() && base.is_loopback() {
            "Name both by the same one.".to_owned()
        } else if ui.is_same_site(base) {
            format!("Set {} to the domain that both are below.", key("domain"))
        } else {
            format!("They are two sites: give both hosts of one domain, and name that by {}.", key("domain"))
        };
        hints.push(format!(
            "selfservice.flows.login.ui_url is {ui_url} and serve.public.base_url is {base_url}: a cookie of one host name is not sent \
             to the other. {way}"
        ));
    }
    if let Some(domain) = domain.filter(|domain| !reaches(domain, base.host)) {
        hints.push(format!(
            "{} is {domain}, but serve.public.base_url is {base_url}, whose host is not below it: browsers refuse such a cookie.",
            key("domain")
        ));
    }
    if how.secure && base.scheme == "http" && !base.is_loopback() {
        hints.push(format!(
            "{} is true, but serve.public.base_url is {base_url}: browsers keep such a cookie from http.",
            key("secure")
        ));
    }
    hints
}

fn return_to(call: &Call<'_>) -> String {
    let config = &call.edge.config;
    let asked = match call.query_filled("return_to") {
        Some(asked) => format!("return_to is {:?}", shortened(asked)),
        None => "return_to was allowed when the flow was begun".to_owned(),
    };
    let allowed = &config.selfservice.allowed_return_urls;
    let listed = if allowed.is_empty() {
        "selfservice.allowed_return_urls is empty".to_owned()
    } else {
        format!("selfservice.allowed_return_urls has {}", allowed.join(", "))
    };
    format!(
        "{asked}, and {listed}; what is below {}self-service is allowed too. Add an entry to selfservice.allowed_return_urls: it allows \
         what begins like it, and localhost and 127.0.0.1 are two hosts.",
        config.public.base_url
    )
}

/// Why a browser hides an answer from the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Off,
    NotListed,
    /// `*`, which counts for requests without cookies only.
    Wildcard,
}

impl Problem {
    fn told_to(self, call: &Call<'_>, origin: &str) -> String {
        let base_url = &call.edge.config.public.base_url;
        let origin = shortened(origin);
        match self {
            Self::Off => format!(
                "The page is at {origin}, another origin than {base_url}, and serve.public.cors.enabled is false: its browser keeps this \
                 answer from it. Set it to true, and add {origin} to serve.public.cors.allowed_origins."
            ),
            Self::NotListed => {
                let allowed = call.edge.config.cors.iter().flat_map(|cors| &cors.allowed_origins);
                let allowed = allowed.map(String::as_str).collect::<Vec<_>>().join(", ");
                format!(
                    "The page is at {origin}, and serve.public.cors.allowed_origins has {allowed}: its browser keeps this answer from it. \
                     Add {origin} to serve.public.cors.allowed_origins."
                )
            }
            Self::Wildcard => format!(
                "The page is at {origin}, and serve.public.cors.allowed_origins is *, which browsers do not take for requests with cookies. \
                 Name {origin} in serve.public.cors.allowed_origins."
            ),
        }
    }

    fn in_the_log(self) -> &'static str {
        match self {
            Self::Off => "the page that asked is of another origin, and serve.public.cors.enabled is false",
            Self::NotListed => "the origin of the page that asked is not on serve.public.cors.allowed_origins",
            Self::Wildcard => {
                "serve.public.cors.allowed_origins is *, which browsers do not take for requests with cookies: name the page's origin"
            }
        }
    }
}

/// The origin of the page whose script sent this request, when the browser will hide the answer from it.
fn foreign_origin(call: &Call<'_>) -> Option<(String, Problem)> {
    let origin = call.header("origin")?;
    let place = Place::of(origin)?;
    let own = Place::of(&call.edge.config.public.base_url).map(|base| base.authority);
    let is_own = |authority: &str| authority.eq_ignore_ascii_case(place.authority);
    if own.is_some_and(is_own) || call.seen_host().is_some_and(is_own) {
        return None;
    }
    // CORS does not concern forms and links. Browsers mark them; in other clients, the accepted type tells.
    let by_script = match call.header("sec-fetch-mode") {
        Some(mode) => mode == "cors",
        None => call.method == Method::OPTIONS || call.is_json_request() || call.accepts_json(),
    };
    if !by_script {
        return None;
    }
    let problem = match &call.edge.config.cors {
        None => Problem::Off,
        Some(cors) if !cors::allows(cors, origin) => Problem::NotListed,
        Some(cors) if cors.allow_credentials && cors.allowed_origins.iter().any(|allowed| allowed == "*") => {
            Problem::Wildcard
        }
        Some(_) => return None,
    };
    Some((origin.to_owned(), problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_sites_and_domains() {
        let place = |url| Place::of(url).unwrap();
        assert_eq!(place("http://[::1]:4433/x").host, "[::1]");
        assert_eq!(
            (place("http://localhost:4433").host, place("http://localhost:4433").authority),
            ("localhost", "localhost:4433")
        );
        for nothing in ["", "null", "http://", "https:///x"] {
            assert_eq!(Place::of(nothing), None, "{nothing}");
        }
        for (one, other, same) in [
            ("https://app.example.org", "https://login.example.org:8443", true),
            ("https://example.org", "https://login.EXAMPLE.org", true),
            ("https://app.example.org", "http://login.example.org", false),
            ("https://app.example.org", "https://app.example.com", false),
            ("https://a.example.co.uk", "https://b.example.co.uk", true),
            ("https://one.co.uk", "https://two.co.uk", false),
            ("http://localhost:3000", "http://localhost:4433", true),
            ("http://localhost:3000", "http://127.0.0.1:4433", false),
            ("http://10.0.0.1", "http://11.0.0.1", false),
        ] {
            assert_eq!(place(one).is_same_site(place(other)), same, "{one} {other}");
        }
        assert!(reaches("example.org", "login.example.org") && reaches(".Example.org", "example.ORG"));
        assert!(!reaches("example.org", "badexample.org") && !reaches("login.example.org", "example.org"));
    }
}
