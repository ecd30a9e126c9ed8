//! What surrounds every request: parsing, limits, CORS, the anti-CSRF layer, common headers, the log line.

use crate::address::Network;
use crate::audit;
use crate::browser;
use crate::call::{Call, Path};
use crate::cookies;
use crate::cors;
use crate::hint;
use crate::log::{self, Ids};
use crate::reply::{Kind, Reply};
use crate::routes::{CsrfLayer, Listener, cleaned, csrf_layer, is_unsafe};
use crate::{Request, Response};
use http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL, CONTENT_LENGTH, COOKIE, HeaderMap,
    HeaderName, HeaderValue, ORIGIN, SET_COOKIE, STRICT_TRANSPORT_SECURITY, VARY,
};
use http::{Method, StatusCode};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use lambda_http::{Body, RequestExt as _};
use latchkey_config::{Config, HOST_PREFIX, Loaded};
use latchkey_core::aal::RequiredAal;
use latchkey_core::bounds::{LARGEST_ADMIN_BODY, LARGEST_PUBLIC_BODY, LONGEST_TARGET};
use latchkey_core::csrf::{CsrfSecret, cookie_name};
use latchkey_core::error::{ApiError, Fault};
use latchkey_core::return_to::AllowList;
use latchkey_core::url::join;
use latchkey_platform::log::{note, plain, with_notes};
use latchkey_platform::{Clock, Environment, Platform, Rng, StartError, meter};
use serde_json::Value;
use std::sync::{Arc, OnceLock};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// The start values of every function.
pub struct Edge {
    pub(crate) function: &'static str,
    pub(crate) listener: Listener,
    /// The configuration.
    pub config: Arc<Config>,
    /// The clock, for code without a request: a request has [`Call::now`].
    pub clock: Clock,
    /// Randomness.
    pub rng: Rng,
    // Values that only some functions need are made at first use.
    return_to: OnceLock<AllowList>,
    csrf_cookie: OnceLock<String>,
    pub(crate) trusted: Vec<Network>,
    strict_transport: bool,
}

/// Reads the configuration file that `LATCHKEY_CONFIG` names, with overrides from the environment.
///
/// # Errors
/// Names the variable, the file, or the key, its value and what is allowed.
pub fn load_config(env: &Environment) -> Result<Loaded, StartError> {
    let path = std::path::Path::new(env.require("LATCHKEY_CONFIG", "the path of the configuration file")?);
    let text = latchkey_config::text_of(path)
        .map_err(|e| StartError(format!("LATCHKEY_CONFIG: cannot read {}: {e}", path.display())))?;
    let dev = matches!(env.get("LATCHKEY_DEV"), Some("1" | "true"));
    // A copied configuration is in another folder than the files that it names.
    let folder = env.get("LATCHKEY_CONFIG_FOLDER").map(std::path::Path::new).or(path.parent());
    latchkey_config::read(&text, folder, &env.pairs(), dev)
        .map_err(|e| StartError(format!("{} is not usable:\n{e}", path.display())))
}

impl Edge {
    /// Starts the edge of a function with the configuration of its environment.
    ///
    /// # Errors
    /// When the configuration is not usable.
    pub fn start(platform: &Platform, function: &'static str, listener: Listener) -> Result<Self, StartError> {
        Ok(Self::new(load_config(&platform.env)?.config, platform, function, listener))
    }

    /// The edge of a function with this configuration.
    pub fn new(config: Config, platform: &Platform, function: &'static str, listener: Listener) -> Self {
        let base_url = &config.public.base_url;
        Self {
            function,
            listener,
            return_to: OnceLock::new(),
            csrf_cookie: OnceLock::new(),
            // The configuration was checked when it was read.
            trusted: config.trusted_proxies.iter().filter_map(|text| Network::parse(text)).collect(),
            // All APIs under the gateway's own name share it, and that name has this header's effect already.
            strict_transport: base_url.starts_with("https://") && !base_url.contains(".amazonaws.com"),
            config: Arc::new(config),
            clock: platform.clock.clone(),
            rng: platform.rng.clone(),
        }
    }

    /// The allowed return addresses.
    pub fn return_to(&self) -> &AllowList {
        self.return_to.get_or_init(|| {
            let selfservice = &self.config.selfservice;
            AllowList::new(self.base_url(), &selfservice.allowed_return_urls, &selfservice.default_browser_return_url)
        })
    }

    /// The name of the anti-CSRF cookie.
    pub(crate) fn csrf_cookie(&self) -> &str {
        self.csrf_cookie.get_or_init(|| {
            let prefix = if self.config.cookies.csrf_host_prefix { HOST_PREFIX } else { "" };
            format!("{prefix}{}", cookie_name(self.base_url()))
        })
    }

    /// The lifespan of a login flow.
    pub fn flow_lifespan(&self) -> Duration {
        signed(self.config.selfservice.flows.login.lifespan)
    }

    /// The lifespan of a session.
    pub fn session_lifespan(&self) -> Duration {
        signed(self.config.session.lifespan)
    }

    /// The assurance level that whoami demands.
    pub fn required_aal(&self) -> RequiredAal {
        match self.config.session.required_aal {
            latchkey_config::RequiredAal::Aal1 => RequiredAal::Aal1,
            latchkey_config::RequiredAal::HighestAvailable => RequiredAal::HighestAvailable,
        }
    }

    /// The public base URL.
    pub fn base_url(&self) -> &str {
        &self.config.public.base_url
    }
}

/// A configured duration in the domain's type; one beyond its range never ends.
pub fn signed(duration: std::time::Duration) -> Duration {
    Duration::try_from(duration).unwrap_or(Duration::MAX)
}

/// Answers one request. `decide` gets the request as read and returns the reply.
pub async fn answer(
    edge: &Edge,
    request: Request,
    decide: impl AsyncFnOnce(&Call<'_>) -> Result<Reply, Fault>,
) -> Response {
    let (ids, began) = (ids(edge, &request), edge.clock.now());
    let principal = if edge.listener == Listener::Admin { audit::principal(&request) } else { Value::Null };
    let call = read(edge, request);
    // On the heap, because the future is large and its wrappers would move it about.
    let answering = Box::pin(async {
        let decided = match checks(&call) {
            Some(early) => early,
            None => decide(&call).await,
        };
        if let Some(said) = hint::for_the_log(&call) {
            note(said);
        }
        decided.unwrap_or_else(|fault| {
            let fault = call.explained(fault);
            Reply::error(&fault, call.request_id()).because_of(fault)
        })
    });
    let (((reply, cost), notes), changes) = audit::collected(with_notes(meter::measured(answering))).await;
    for line in audit::lines(&ids, &principal, reply.status(), &changes) {
        plain(&line);
    }
    log::request(&edge.clock, &ids, call.method.as_str(), &reply, &cost, began, &notes);
    finish(&call, reply)
}

/// Whether the gateway has checked an IAM signature of this request; only routes of the admin API demand one.
pub fn is_signed(request: &Request) -> bool {
    gateways_word(request).and_then(|context| context.authorizer.as_ref()).is_some_and(|a| a.iam.is_some())
}

/// What the gateway says about a request.
pub(crate) fn gateways_word(request: &Request) -> Option<&ApiGatewayV2httpRequestContext> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => Some(context),
        _ => None,
    }
}

fn ids(edge: &Edge, request: &Request) -> Ids {
    let context = request.lambda_context_ref();
    let gateway = gateways_word(request).and_then(|context| context.request_id.clone());
    let own = context.map(|context| context.request_id.clone()).filter(|id| !id.is_empty());
    Ids {
        function: edge.function,
        request: own.or(gateway).unwrap_or_default(),
        trace: context.and_then(|context| context.xray_trace_id.clone()),
    }
}

fn read(edge: &Edge, request: Request) -> Call<'_> {
    let path = Path::new(request.raw_http_path());
    let gateway = gateways_word(&request);
    let source_ip = gateway.and_then(|context| context.http.source_ip.clone());
    let came = gateway.and_then(|context| by_the_gateways_clock(context.time_epoch));
    let (parts, body) = request.into_parts();
    let raw_query = parts.uri.query().unwrap_or("").to_owned();
    let body = match body {
        Body::Text(text) => text.into_bytes(),
        Body::Binary(bytes) => bytes,
        _ => Vec::new(),
    };
    let most = if edge.listener == Listener::Admin { LARGEST_ADMIN_BODY } else { LARGEST_PUBLIC_BODY };
    let is_oversize = body.len() > most;
    let cookies = cookies::parse(parts.headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()));
    let layer = if edge.listener == Listener::Public { csrf_layer(&path) } else { CsrfLayer::Outside };
    let clean = cleaned(&path);
    let csrf: Vec<CsrfSecret> = cookies
        .iter()
        .filter(|(name, _)| name == edge.csrf_cookie())
        .filter_map(|(_, value)| cookies::read(value, CsrfSecret::from_cookie))
        .collect();
    // An app that is redirected to a clean path would bring the cookie along, and be mistaken for a browser.
    let csrf_new =
        (layer == CsrfLayer::Guarded && csrf.is_empty() && clean.is_none()).then(|| CsrfSecret::new(edge.rng.bytes()));
    let query = form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect();
    Call {
        edge,
        method: parts.method,
        path,
        clean,
        layer,
        raw_query,
        now: came.unwrap_or_else(|| edge.clock.now()),
        query,
        headers: parts.headers,
        cookies,
        body: if is_oversize { Vec::new() } else { body },
        is_oversize,
        source_ip,
        csrf,
        csrf_new,
    }
}

/// The arrival of a request, in milliseconds since 1970 as its event says; `None` for an invalid time.
fn by_the_gateways_clock(milliseconds: i64) -> Option<OffsetDateTime> {
    const SENSIBLE: std::ops::Range<OffsetDateTime> = datetime!(2020-01-01 0:00 UTC)..datetime!(2200-01-01 0:00 UTC);
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()?;
    SENSIBLE.contains(&at).then_some(at)
}

/// Redirects to the clean form of a path, as routers do. The target is only a path, so the host stays the client's.
fn to_the_clean_path(call: &Call<'_>, clean: &str) -> Reply {
    let config = &call.edge.config;
    let base = if call.edge.listener == Listener::Admin { &config.admin.base_url } else { &config.public.base_url };
    let below = base.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    let mut to = join(below.unwrap_or_default(), clean);
    if !call.raw_query.is_empty() {
        to = format!("{to}?{}", call.raw_query);
    }
    Reply::redirect(307, &to, call.is_get(), "to the clean path")
}

/// The answers that need no handler.
fn checks(call: &Call<'_>) -> Option<Result<Reply, Fault>> {
    if call.method == Method::OPTIONS
        && call.edge.listener == Listener::Public
        && let Some(reply) = preflight(call)
    {
        return Some(Ok(reply));
    }
    if call.edge.listener != Listener::Admin && call.path.len() + call.raw_query.len() > LONGEST_TARGET {
        let error = ApiError::new(414).because("The path and query of the request are longer than this API accepts.");
        return Some(Err(error.into()));
    }
    // Before the anti-CSRF layer, which depends on the path.
    if let Some(clean) = &call.clean {
        return Some(Ok(to_the_clean_path(call, clean)));
    }
    // A page answers in its own design, and finds the body empty.
    if call.is_oversize && call.edge.listener != Listener::Pages {
        let error = ApiError::new(413).because("The request body is larger than this API accepts.");
        return Some(Err(error.into()));
    }
    if call.layer == CsrfLayer::Guarded && is_unsafe(&call.method) {
        let typed = call.header("content-type").unwrap_or("");
        let form = typed.starts_with("application/x-www-form-urlencoded");
        let field = form
            .then(|| form_urlencoded::parse(call.body()).find(|(k, _)| k == "csrf_token").map(|(_, v)| v.into_owned()))
            .flatten();
        let header = call.header("x-csrf-token").filter(|token| !token.is_empty());
        let token = header.map(str::to_owned).or(field);
        if let Err(fault) = call.check_csrf_token(token.as_deref(), typed == "application/json") {
            return Some(Err(fault));
        }
    }
    None
}

/// A preflight request of a browser.
fn preflight(call: &Call<'_>) -> Option<Reply> {
    let cors = call.edge.config.cors.as_ref()?;
    let method = call.header(ACCESS_CONTROL_REQUEST_METHOD.as_str())?;
    let origin = call.header(ORIGIN.as_str()).unwrap_or("");
    let headers = call.header(ACCESS_CONTROL_REQUEST_HEADERS.as_str());
    let mut reply =
        Reply::preflight().header(VARY, "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    for (name, value) in cors::preflight(cors, origin, method, headers) {
        reply = reply.header(name, &value);
    }
    Some(reply)
}

/// Adds the headers of every answer and makes it a response.
fn finish(call: &Call<'_>, reply: Reply) -> Response {
    let edge = call.edge;
    let mut headers = HeaderMap::new();
    for (name, value) in reply.headers {
        headers.append(name, value);
    }
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(name, value);
        }
    };
    // A page sets its own cache headers.
    if call.method == Method::GET && edge.listener != Listener::Pages {
        set(CACHE_CONTROL, "private, no-cache, no-store, must-revalidate");
    }
    if edge.strict_transport {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if edge.listener == Listener::Public {
        if let (Some(cors), Some(origin)) = (&edge.config.cors, call.header("origin"))
            && (call.method != Method::OPTIONS || reply.status != 204)
        {
            for (name, value) in cors::headers(cors, origin) {
                set(name, &value);
            }
        }
        let vary = match (edge.config.cors.is_some(), call.layer) {
            (true, CsrfLayer::Outside) => Some("Origin"),
            (true, _) => Some("Origin, Cookie"),
            (false, CsrfLayer::Outside) => None,
            (false, _) => Some("Cookie"),
        };
        if let Some(vary) = vary.filter(|_| reply.kind != Kind::Preflight) {
            set(VARY, vary);
        }
        let replaced = reply.new_csrf.then(|| CsrfSecret::new(edge.rng.bytes()));
        // A preflight request comes without the cookies of the request that follows.
        let given = call.csrf_new.as_ref().filter(|_| reply.kind != Kind::Preflight);
        if let Some(secret) = replaced.as_ref().or(given) {
            set(SET_COOKIE, &browser::csrf_cookie(call, secret));
        }
    }
    for cookie in &reply.cookies {
        set(SET_COOKIE, cookie);
    }
    let body = match reply.body {
        Body::Empty => Body::Empty,
        // The body is dropped, and its length is sent: a server would say 0, which is not the length of the answer to a GET.
        body if call.method == Method::HEAD => {
            headers.insert(CONTENT_LENGTH, body.len().into());
            Body::Empty
        }
        body => body,
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}
