//! Answers for browsers only: cookies, redirects, and errors as a page.

use crate::call::Call;
use crate::edge::Edge;
use crate::reply::Reply;
use cookie::{Cookie as SetCookie, Expiration, SameSite};
use latchkey_config::{CookieAttributes, HOST_PREFIX, SameSite as ConfiguredSameSite};
use latchkey_core::csrf::CsrfSecret;
use latchkey_core::error::Fault;
use latchkey_core::flow::{Flow, FlowSpec, FlowType};
use latchkey_core::known_device::{self, DeviceCookie};
use latchkey_core::session::Session;
use latchkey_core::token::{Cookie, Presented};
use latchkey_core::url::{join, with_query};
use latchkey_store::Flows;
use time::{Duration, OffsetDateTime};

const ONE_YEAR: Duration = Duration::days(365);
/// Longest life of a cookie that browsers drop by themselves.
const OLDEST_TRANSIENT: Duration = Duration::days(30);

fn attributes(name: &str, value: String, how: &CookieAttributes) -> cookie::CookieBuilder<'static> {
    let same_site = match how.same_site {
        ConfiguredSameSite::Strict => SameSite::Strict,
        ConfiguredSameSite::Lax => SameSite::Lax,
        ConfiguredSameSite::None => SameSite::None,
    };
    let mut cookie = SetCookie::build((name.to_owned(), value))
        .path(how.path.clone())
        .http_only(true)
        .secure(how.secure)
        .same_site(same_site);
    if let Some(domain) = &how.domain {
        cookie = cookie.domain(domain.clone());
    }
    cookie
}

/// The anti-CSRF cookie.
pub(crate) fn csrf_cookie(call: &Call<'_>, secret: &CsrfSecret) -> String {
    let how = &call.edge.config.cookies.csrf;
    attributes(call.edge.csrf_cookie(), secret.to_cookie(), how).max_age(ONE_YEAR).build().to_string()
}

/// The session cookie of a session that its holder proves by `presented`.
pub fn session_cookie(call: &Call<'_>, presented: &Presented, session: &Session) -> String {
    let config = &call.edge.config.cookies;
    let value = presented.to_cookie(call.now, session.expires_at, call.edge.rng.bytes());
    let mut cookie = attributes(&config.session_name, value, &config.session);
    if config.session_persistent {
        let left = Duration::seconds((session.expires_at - call.now).whole_seconds());
        cookie = cookie.max_age(left).expires(Expiration::from(session.expires_at));
    }
    cookie.build().to_string()
}

/// Removes the session cookie.
pub fn expired_session_cookie(call: &Call<'_>) -> String {
    let config = &call.edge.config.cookies;
    // Some user agents keep a cookie with an empty value.
    attributes(&config.session_name, "ended".to_owned(), &config.session)
        .max_age(Duration::ZERO)
        .expires(OffsetDateTime::UNIX_EPOCH)
        .build()
        .to_string()
}

/// Reads a session cookie that is not too old: one session lifespan after its issue, whatever expiry it names.
pub(crate) fn read_session_cookie(edge: &Edge, value: &str, now: OffsetDateTime) -> Option<Cookie> {
    let oldest = if edge.config.cookies.session_persistent { edge.session_lifespan() } else { OLDEST_TRANSIENT };
    Presented::from_cookie(value).filter(|cookie| now < cookie.issued_at.saturating_add(oldest))
}

/// The name of the known-device cookie, after that of the session. Where the deployment allows it, no sibling domain can set a cookie of
/// this name.
fn device_cookie_name(edge: &Edge) -> String {
    let cookies = &edge.config.cookies;
    let is_host_only = cookies.session.secure && cookies.session.domain.is_none();
    let prefix = if is_host_only && !cookies.session_name.starts_with(HOST_PREFIX) { HOST_PREFIX } else { "" };
    format!("{prefix}{}_device", cookies.session_name)
}

/// The known-device cookie of a request.
pub fn device_cookie(call: &Call<'_>) -> DeviceCookie {
    let name = device_cookie_name(call.edge);
    let mut values = call.cookies(&name).map(DeviceCookie::read);
    values.find(|cookie| !cookie.all().is_empty()).unwrap_or_default()
}

/// Sets the known-device cookie. It is sent with links from other sites, and with embedded forms only if the session cookie is.
pub fn set_device_cookie(call: &Call<'_>, cookie: &DeviceCookie) -> String {
    let (name, session) = (device_cookie_name(call.edge), &call.edge.config.cookies.session);
    let same_site = match session.same_site {
        ConfiguredSameSite::None => ConfiguredSameSite::None,
        _ => ConfiguredSameSite::Lax,
    };
    let path = if name.starts_with(HOST_PREFIX) { "/".to_owned() } else { session.path.clone() };
    let how = CookieAttributes { same_site, path, ..session.clone() };
    attributes(&name, cookie.value(), &how).max_age(known_device::KEPT).build().to_string()
}

/// The anti-CSRF token for a flow's form: it fits the browser's cookie, and is empty for native apps.
pub fn form_token<S: FlowSpec>(call: &Call<'_>, flow: &Flow<S>) -> String {
    match flow.flow_type {
        FlowType::Api if !flow.form.token_in_api_flow => String::new(),
        _ => {
            // Without a cookie the token fits no browser.
            let fitting = call.csrf.iter().find(|secret| flow.csrf.is_some_and(|binding| binding.fits(secret)));
            match fitting.or(call.csrf_secret()) {
                Some(secret) => secret.token(call.edge.rng.bytes()),
                None => CsrfSecret::new(call.edge.rng.bytes()).token(call.edge.rng.bytes()),
            }
        }
    }
}

/// The URL of a request with the host of the configuration: no header of the request is part of it.
pub fn request_url(call: &Call<'_>) -> String {
    let mut url = join(call.edge.base_url(), &call.path);
    if !call.raw_query.is_empty() {
        url.push('?');
        url.push_str(&call.raw_query);
    }
    url
}

/// The error of a request that a browser may navigate to (contract `login-flow.md` 10.3): JSON for a client that accepts it, otherwise
/// a stored error and a redirect to the error page.
pub async fn forward(call: &Call<'_>, flows: &Flows, fault: Fault) -> Result<Reply, Fault> {
    let fault = call.explained(fault);
    if call.is_json_request() || call.accepts_json() {
        return Err(fault);
    }
    let id = call.edge.rng.id();
    // An error that cannot be stored is answered directly.
    if flows.put_error(id, fault.inner(call.request_id()), call.now).await.is_err() {
        return Err(fault);
    }
    let to = with_query(&call.edge.config.selfservice.flows.error_ui_url, "id", &id.to_string());
    Ok(Reply::redirect(303, &to, call.is_get(), "error page").because_of(fault))
}
