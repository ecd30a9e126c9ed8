//! From a checked document to a [`Config`]. What is missing gets its default; what cannot be read is a finding.

use crate::check::{Findings, has_scheme, memory};
use crate::courier;
use crate::digest::digest;
use crate::document::get;
use crate::duration;
use crate::keys::names;
use crate::model::{
    ClientAddress, CodeMethod, Config, CookieAttributes, Cookies, Cors, Features, HOST_PREFIX, Hasher, IdentityConfig,
    LeakCheck, Listener, LoginFlowPolicy, LoginStyle, Logout, Method, Methods, RateLimits, RequiredAal, SameSite,
    SchemaRef, SelfService, SessionPolicy,
};
use crate::pages;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use base64::{Engine as _, engine::GeneralPurpose};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a local stack says it listens, for a configuration that does not.
const LOCAL_PUBLIC_URL: &str = "LATCHKEY_PUBLIC_URL";
const LOCAL_ADMIN_URL: &str = "LATCHKEY_ADMIN_URL";
const LOCAL_PAGES_URL: &str = "LATCHKEY_PAGES_URL";
const NOTIFY: &str = "selfservice.flows.login.notify_unknown_recipients";
const AFTER_LOGIN: &str = "selfservice.flows.login.after";
const HOUR: Duration = Duration::from_secs(3600);

/// Headers that may be handed on when nothing is said (contract `beyond-login.md`, configuration).
const HARMLESS_HEADERS: [&str; 17] = [
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

/// Makes the configuration. Only meaningful when there are no errors afterwards.
pub(crate) fn assemble(
    document: &Value,
    folder: Option<&Path>,
    env: &[(String, String)],
    dev: bool,
    findings: &mut Findings,
) -> Config {
    let from = Reader { document };
    let local = |name: &str| env.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let base_url = |path: &str, fallback: Option<String>| Listener {
        base_url: with_slash(from.text(path).or(fallback).unwrap_or_default()),
    };
    let public = base_url("serve.public.base_url", local(LOCAL_PUBLIC_URL));
    let admin = base_url("serve.admin.base_url", local(LOCAL_ADMIN_URL));
    if public.base_url.is_empty() {
        findings.error(
            "serve.public.base_url: not set: it must be the URL that browsers see, such as https://login.example.org/",
        );
    }
    let pages_at = local(LOCAL_PAGES_URL).unwrap_or_else(|| public.base_url.clone());
    let pages = pages::pages(&from, &pages_at, folder, findings);
    // Whoever names no pages of their own gets those that come along.
    let url = |path: &str, page: &str| from.text(path).unwrap_or_else(|| format!("{}{page}", pages.base_url));
    let mitigate_enumeration = from.flag("security.account_enumeration.mitigate", false);
    let notify_unknown_recipients = from.flag(NOTIFY, false);
    if notify_unknown_recipients && !mitigate_enumeration {
        findings
            .warn(format!("{NOTIFY} has no effect: without security.account_enumeration.mitigate the answer says it"));
    }
    let identity = identity(&from, folder, findings);
    Config {
        dev,
        revision: from.text("revision").unwrap_or_else(|| fingerprint(document, &identity)),
        cors: cors(&from),
        trusted_proxies: trusted_proxies(&from, dev),
        client_address: client_address(&from, dev, findings),
        cookies: cookies(&from, dev, &public.base_url, findings),
        session: SessionPolicy {
            lifespan: from.duration("session.lifespan").unwrap_or(24 * HOUR),
            earliest_possible_extend: from.duration("session.earliest_possible_extend"),
            required_aal: match from.text("session.whoami.required_aal").as_deref() {
                Some("aal1") => RequiredAal::Aal1,
                _ => RequiredAal::HighestAvailable,
            },
        },
        selfservice: SelfService {
            default_browser_return_url: url("selfservice.default_browser_return_url", "session"),
            allowed_return_urls: allowed_return_urls(&from, &pages.base_url, env, findings),
            login: LoginFlowPolicy {
                ui_url: url("selfservice.flows.login.ui_url", "login"),
                lifespan: from.duration("selfservice.flows.login.lifespan").unwrap_or(HOUR),
                style: match from.text("selfservice.flows.login.style").as_deref() {
                    Some("identifier_first") => LoginStyle::IdentifierFirst,
                    _ => LoginStyle::Unified,
                },
                notify_unknown_recipients: notify_unknown_recipients && mitigate_enumeration,
                after_return_url: from.text(&format!("{AFTER_LOGIN}.default_browser_return_url")),
                after_method_return_urls: after_methods(&from),
            },
            error_ui_url: url("selfservice.flows.error.ui_url", "error"),
            logout: Logout {
                after_return_url: from.text("selfservice.flows.logout.after.default_browser_return_url"),
                clear_browser_data: from.flag("selfservice.flows.logout.clear_browser_data", false),
            },
        },
        methods: Methods {
            password: Method { enabled: from.flag("selfservice.methods.password.enabled", true) },
            code: code(&from),
            leak_check: leak_check(&from),
        },
        hasher: hasher(&from, dev, findings),
        identity,
        mitigate_enumeration,
        header_allowlist: from
            .texts("clients.web_hook.header_allowlist")
            .unwrap_or_else(|| HARMLESS_HEADERS.iter().map(|&name| name.to_owned()).collect()),
        rate_limits: rate_limits(&from),
        features: Features {
            cacheable_sessions: from.flag("feature_flags.cacheable_sessions", false),
            cacheable_sessions_max_age: from
                .duration("feature_flags.cacheable_sessions_max_age")
                .filter(|age| !age.is_zero()),
            faster_session_extend: from.flag("feature_flags.faster_session_extend", false),
            refresh_login_choose_address: from.flag("feature_flags.refresh_login_choose_address", false),
        },
        public,
        admin,
        courier: courier::courier(&from, &pages, folder, dev, findings),
        pages,
    }
}

pub(crate) struct Reader<'a> {
    pub(crate) document: &'a Value,
}

impl Reader<'_> {
    pub(crate) fn value(&self, path: &str) -> Option<&Value> {
        get(self.document, path)
    }

    pub(crate) fn text(&self, path: &str) -> Option<String> {
        get(self.document, path)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    pub(crate) fn flag(&self, path: &str, default: bool) -> bool {
        get(self.document, path).and_then(Value::as_bool).unwrap_or(default)
    }

    pub(crate) fn number<N: TryFrom<i64>>(&self, path: &str, default: N) -> N {
        get(self.document, path).and_then(Value::as_i64).and_then(|n| N::try_from(n).ok()).unwrap_or(default)
    }

    fn duration(&self, path: &str) -> Option<Duration> {
        duration::parse(get(self.document, path)?.as_str()?)
    }

    pub(crate) fn texts(&self, path: &str) -> Option<Vec<String>> {
        get(self.document, path).map(texts)
    }
}

/// Where browsers go after a login, by method.
fn after_methods(from: &Reader<'_>) -> BTreeMap<String, String> {
    let after = from.value(AFTER_LOGIN).and_then(Value::as_object);
    let of_methods = after.into_iter().flatten().filter(|(name, _)| names("{method}").contains(&name.as_str()));
    of_methods
        .filter_map(|(method, said)| Some((method.clone(), said["default_browser_return_url"].as_str()?.to_owned())))
        .filter(|(_, url)| !url.is_empty())
        .collect()
}

/// `passwordless_enabled` turns the method on whatever `enabled` says (contract `methods-password-code-2fa.md` 1.1).
fn code(from: &Reader<'_>) -> CodeMethod {
    CodeMethod {
        first_factor: from.flag("selfservice.methods.code.passwordless_enabled", false),
        lifespan: from.duration("selfservice.methods.code.config.lifespan").unwrap_or(HOUR),
        max_submissions: from.number("selfservice.methods.code.config.max_submissions", 5),
        missing_credential_fallback: from
            .flag("selfservice.methods.code.config.missing_credential_fallback_enabled", false),
    }
}

/// Who is asked and how much is too much is what the password method says of new passwords.
fn leak_check(from: &Reader<'_>) -> Option<LeakCheck> {
    let config = "selfservice.methods.password.config";
    from.flag("passwords.check_leaks_at_login", false).then(|| LeakCheck {
        host: from
            .text(&format!("{config}.haveibeenpwned_host"))
            .unwrap_or_else(|| "api.pwnedpasswords.com".to_owned()),
        max_breaches: from.number(&format!("{config}.max_breaches"), 0),
        patience: from.duration("passwords.patience").unwrap_or(Duration::from_millis(500)),
    })
}

fn rate_limits(from: &Reader<'_>) -> Option<RateLimits> {
    from.flag("rate_limits.enabled", true).then(|| RateLimits {
        window: from.duration("rate_limits.window").unwrap_or(Duration::from_secs(15 * 60)),
        attempts_identifier_and_network: from.number("rate_limits.attempts.identifier_and_network", 10),
        attempts_identity: from.number("rate_limits.attempts.identity", 100),
        attempts_identity_per_month: from.number("rate_limits.attempts.identity_per_month", 300),
        attempts_identity_per_day: from.number("rate_limits.attempts.identity_per_day", 10),
        attempts_network: from.number("rate_limits.attempts.network", 300),
        attempts_device: from.number("rate_limits.attempts.device", 10),
        sends_address_and_network: from.number("rate_limits.sends.address_and_network", 5),
        sends_address: from.number("rate_limits.sends.address", 10),
        sends_network: from.number("rate_limits.sends.network", 100),
        sends_device: from.number("rate_limits.sends.device", 5),
        sends_flow: from.number("rate_limits.sends.flow", 5),
        sms_countries: from.texts("rate_limits.sms.countries").unwrap_or_default(),
        sms_per_day: from.number("rate_limits.sms.per_day", 1000),
        sms_network_per_day: from.number("rate_limits.sms.network_per_day", 100),
    })
}

/// A name for a configuration that was given none: another one when anything in it, or in a schema, is another.
fn fingerprint(document: &Value, identity: &IdentityConfig) -> String {
    let schemas: Vec<String> = identity.schemas.iter().map(|schema| schema.document.to_string()).collect();
    let document = document.to_string();
    digest(std::iter::once(document.as_str()).chain(schemas.iter().map(String::as_str)))
}

/// A list of texts, or one.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => {
            items.iter().filter_map(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

pub(crate) fn with_slash(mut url: String) -> String {
    if !url.is_empty() && !url.ends_with('/') {
        url.push('/');
    }
    url
}

fn cors(from: &Reader<'_>) -> Option<Cors> {
    if !from.flag("serve.public.cors.enabled", false) {
        return None;
    }
    let list = |name: &str, default: &[&str]| {
        from.texts(name).unwrap_or_else(|| default.iter().map(|item| (*item).to_owned()).collect())
    };
    Some(Cors {
        allowed_origins: list("serve.public.cors.allowed_origins", &["*"]),
        allowed_methods: list("serve.public.cors.allowed_methods", &["POST", "GET", "PUT", "PATCH", "DELETE"]),
        allowed_headers: list(
            "serve.public.cors.allowed_headers",
            &["Authorization", "Content-Type", "Max-Age", "X-Session-Token", "X-XSRF-TOKEN", "X-CSRF-TOKEN"],
        ),
        exposed_headers: list("serve.public.cors.exposed_headers", &["Content-Type"]),
        allow_credentials: from.flag("serve.public.cors.allow_credentials", true),
        max_age: from.number("serve.public.cors.max_age", 0),
    })
}

fn trusted_proxies(from: &Reader<'_>, dev: bool) -> Vec<String> {
    let named = from.texts("serve.trusted_proxies");
    let mut networks: Vec<&str> = Vec::new();
    if dev {
        networks.extend(LOOPBACK);
        // Containers and virtual machines of a developer's machine, unless the file says better.
        networks.extend(PRIVATE.iter().filter(|_| named.is_none()));
    }
    let mut networks: Vec<String> = networks.into_iter().map(str::to_owned).collect();
    networks.splice(0..0, named.unwrap_or_default());
    networks
}

const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];
const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

fn client_address(from: &Reader<'_>, dev: bool, findings: &mut Findings) -> ClientAddress {
    const KEY: &str = "serve.client_address_header";
    let named = from.text(KEY);
    if named.is_some() && !dev && from.texts("serve.trusted_proxies").is_none_or(|networks| networks.is_empty()) {
        findings.warn(format!("{KEY} has no effect: without serve.trusted_proxies no hop is believed"));
    }
    match named.as_deref() {
        Some("Forwarded") => ClientAddress::Forwarded,
        Some("X-Real-IP") => ClientAddress::RealIp,
        Some("True-Client-IP") => ClientAddress::TrueClientIp,
        Some("CF-Connecting-IP") => ClientAddress::CfConnectingIp,
        Some("CloudFront-Viewer-Address") => ClientAddress::CloudFrontViewerAddress,
        None if dev => ClientAddress::Any,
        _ => ClientAddress::ForwardedFor,
    }
}

/// Whether the name of a cookie begins with [`HOST_PREFIX`]: as configured under `key`, or as `default` says where it can be.
fn host_prefix(
    from: &Reader<'_>,
    key: &str,
    cookie: (&CookieAttributes, &str),
    default: bool,
    findings: &mut Findings,
) -> bool {
    let (how, base_url) = cookie;
    let can_be = how.secure && how.domain.is_none() && how.path == "/" && base_url.starts_with("https://");
    let asked = from.value(key).and_then(Value::as_bool);
    if asked == Some(true) && !can_be {
        findings.error(format!(
            "{key}: true: browsers take such a cookie only by https, with Secure, for the path /, and without a domain"
        ));
    }
    asked.unwrap_or(default && can_be)
}

/// Attributes of the two cookies. The session's own keys win over the general ones, but its `Secure` is decided apart; a browser
/// refuses `SameSite=None` without `Secure`, so the anti-CSRF cookie falls back to `Lax` (contract `login-flow.md` 8 and 9).
fn cookies(from: &Reader<'_>, dev: bool, base_url: &str, findings: &mut Findings) -> Cookies {
    let same_site = |path: &str| match from.text(path).as_deref() {
        Some("Strict") => Some(SameSite::Strict),
        Some("None") => Some(SameSite::None),
        Some(_) => Some(SameSite::Lax),
        None => None,
    };
    let general = CookieAttributes {
        domain: from.text("cookies.domain"),
        path: from.text("cookies.path").unwrap_or_else(|| "/".to_owned()),
        same_site: same_site("cookies.same_site").unwrap_or(SameSite::Lax),
        secure: from.flag("cookies.secure", !dev),
    };
    let session = CookieAttributes {
        domain: from.text("session.cookie.domain").or_else(|| general.domain.clone()),
        path: from.text("session.cookie.path").unwrap_or_else(|| general.path.clone()),
        same_site: same_site("session.cookie.same_site").unwrap_or(general.same_site),
        secure: from.flag("session.cookie.secure", !dev),
    };
    let same_site = if general.secure { general.same_site } else { SameSite::Lax };
    let mut session_name = from.text("session.cookie.name").unwrap_or_else(|| "ory_kratos_session".to_owned());
    // Proxies and middlewares look for the session's cookie by its name, so its name changes at its owner's wish alone.
    if host_prefix(from, "session.cookie.host_prefix", (&session, base_url), false, findings)
        && !session_name.starts_with(HOST_PREFIX)
    {
        session_name.insert_str(0, HOST_PREFIX);
    }
    Cookies {
        csrf_host_prefix: host_prefix(from, "cookies.host_prefix", (&general, base_url), true, findings),
        csrf: CookieAttributes { same_site, ..general },
        session,
        session_name,
        session_persistent: from.flag("session.cookie.persistent", true),
    }
}

/// The listed URLs without those that an attacker could register a name under, and without what is no URL (contract
/// `login-flow.md` 2.3).
pub(crate) fn listed_return_urls(from: &Reader<'_>, env: &[(String, String)], findings: &mut Findings) -> Vec<String> {
    let lenient = from.flag("feature_flags.legacy_allow_insecure_origins", false);
    let variable = crate::document::variable("selfservice.allowed_return_urls");
    // Without the list of public suffixes only what was checked against it, when the file was made, may have a wildcard.
    let unchecked =
        cfg!(not(feature = "files")) && env.iter().any(|(name, value)| *name == variable && !value.is_empty());
    let mut urls = from.texts("selfservice.allowed_return_urls").unwrap_or_default();
    urls.retain(|url| {
        let why = if !has_scheme(url) {
            "it is not an absolute URL"
        } else if !lenient && unchecked && host(url).contains('*') {
            "a wildcard must stand in the file, where it is checked"
        } else if !lenient && is_too_wide(host(url)) {
            "anybody could register a name that it covers"
        } else {
            return true;
        };
        findings.warn(format!("selfservice.allowed_return_urls: {url:?} is left out: {why}"));
        false
    });
    urls
}

fn allowed_return_urls(
    from: &Reader<'_>,
    pages: &str,
    env: &[(String, String)],
    findings: &mut Findings,
) -> Vec<String> {
    let mut urls = listed_return_urls(from, env, findings);
    // The pages that come along lead back to themselves.
    if from.text("selfservice.flows.login.ui_url").is_none() {
        urls.extend(["login", "session"].map(|page| format!("{pages}{page}")));
    }
    urls
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host,
    }
}

/// Whether a host with a wildcard covers names that strangers own.
fn is_too_wide(host: &str) -> bool {
    if !host.contains('*') {
        return false;
    }
    let Some(parent) = host.strip_prefix("*.") else { return true };
    parent.contains('*') || parent.is_empty() || !parent.contains('.') || is_public_suffix(parent)
}

/// Whether people register names under it, as under `com`, `co.uk` or `github.io`.
#[cfg(feature = "files")]
fn is_public_suffix(name: &str) -> bool {
    psl::domain(name.to_ascii_lowercase().as_bytes()).is_none()
}

/// The file was checked when it was made.
#[cfg(not(feature = "files"))]
fn is_public_suffix(_: &str) -> bool {
    false
}

fn hasher(from: &Reader<'_>, dev: bool, findings: &mut Findings) -> Hasher {
    if from.text("hashers.algorithm").as_deref() == Some("bcrypt") {
        let asked = from.number("hashers.bcrypt.cost", 12);
        if asked < 12 && !dev {
            findings.warn(format!(
                "hashers.bcrypt.cost: {asked} is raised to 12, below which bcrypt is too quick to guess"
            ));
        }
        return Hasher::Bcrypt { cost: if dev { asked } else { asked.max(12) } };
    }
    let memory_kib = get(from.document, "hashers.argon2.memory").and_then(memory);
    let hasher = Hasher::Argon2id {
        memory_kib: memory_kib.and_then(|kib| u32::try_from(kib).ok()).unwrap_or(19 * 1024),
        iterations: from.number("hashers.argon2.iterations", 2),
        parallelism: from.number("hashers.argon2.parallelism", 1),
        salt_length: from.number("hashers.argon2.salt_length", 16),
        key_length: from.number("hashers.argon2.key_length", 32),
    };
    if let Hasher::Argon2id { memory_kib, parallelism, .. } = hasher
        && memory_kib < 8 * parallelism
    {
        findings.error(format!(
            "hashers.argon2.memory: {memory_kib}KB is not allowed: {parallelism} lanes need at least {}KB",
            8 * parallelism
        ));
    }
    hasher
}

fn identity(from: &Reader<'_>, folder: Option<&Path>, findings: &mut Findings) -> IdentityConfig {
    let default_schema_id = from.text("identity.default_schema_id").unwrap_or_else(|| "default".to_owned());
    let list = get(from.document, "identity.schemas").and_then(Value::as_array);
    if list.is_none_or(Vec::is_empty) {
        findings.error("identity.schemas: not set: it must list at least one schema with \"id\" and \"url\"");
    }
    let (mut schemas, mut ids) = (Vec::new(), BTreeSet::new());
    for (index, entry) in list.into_iter().flatten().enumerate() {
        let place = format!("identity.schemas[{index}]");
        let (Some(id), Some(url)) = (entry["id"].as_str(), entry["url"].as_str()) else {
            findings.error(format!("{place}: {entry} is not allowed: it must have \"id\" and \"url\", both text"));
            continue;
        };
        if id.is_empty() || !ids.insert(id) {
            findings.error(format!("{place}.id: {id:?} is not allowed: each schema needs an id of its own"));
        }
        match schema_document(url, folder) {
            Ok(document) => schemas.push(SchemaRef {
                id: id.to_owned(),
                selfservice_selectable: entry["selfservice_selectable"] == true,
                document,
            }),
            Err(why) => findings.error(format!("{place}.url: {} is not allowed: {why}", shortened(url))),
        }
    }
    if !ids.is_empty() && !ids.contains(default_schema_id.as_str()) {
        let known: Vec<_> = ids.into_iter().collect();
        findings.error(format!(
            "identity.default_schema_id: {default_schema_id:?} is not allowed: there is no schema of this id among {}",
            known.join(", ")
        ));
    }
    IdentityConfig { default_schema_id, schemas }
}

/// A value that may be very long, as an error shows it.
pub(crate) fn shortened(text: &str) -> String {
    if text.chars().count() <= 80 {
        format!("{text:?}")
    } else {
        format!("{:?}…", text.chars().take(77).collect::<String>())
    }
}

fn schema_document(url: &str, folder: Option<&Path>) -> Result<Value, String> {
    let bytes = content(url, folder)?;
    let text = latchkey_core::text::decode(&bytes).map_err(|e| format!("the schema is not JSON: {e}"))?;
    let document: Value = serde_json::from_str(&text).map_err(|e| format!("the schema is not JSON: {e}"))?;
    if document.is_object() { Ok(document) } else { Err("the schema is not a JSON object".to_owned()) }
}

/// What a URL stands for: base64 in itself, or a file.
pub(crate) fn content(url: &str, folder: Option<&Path>) -> Result<Vec<u8>, String> {
    if let Some(encoded) = url.strip_prefix("base64://") {
        return from_base64(encoded).ok_or_else(|| "what follows base64:// is not base64".to_owned());
    }
    if url.starts_with("https://") || url.starts_with("http://") {
        return Err("nothing is fetched at the start; save the file beside the configuration and name it".to_owned());
    }
    let path = local_file(url, folder);
    std::fs::read(&path).map_err(|e| {
        let beside =
            beside(&path, folder).map(|name| format!("; {name} is beside the configuration: write file://{name}"));
        format!("cannot read {}: {e}{}", path.display(), beside.unwrap_or_default())
    })
}

/// The name of a file beside the configuration that is called as one that is not where it should be, as where a container has it.
fn beside<'p>(path: &'p Path, folder: Option<&Path>) -> Option<&'p str> {
    let name = path.file_name()?.to_str()?;
    (path.is_absolute() && folder?.join(name).is_file()).then_some(name)
}

/// Where the file of a URL is: what is no absolute path is looked for in the working folder, as Kratos does, and then beside the
/// configuration.
pub(crate) fn local_file(url: &str, folder: Option<&Path>) -> PathBuf {
    let path = Path::new(url.strip_prefix("file://").unwrap_or(url));
    match folder {
        Some(folder) if path.is_relative() && !path.exists() => folder.join(path),
        _ => path.to_owned(),
    }
}

/// Base64 in any of the alphabets that people use for it.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let engines: [&GeneralPurpose; 4] = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    engines.iter().find_map(|engine| engine.decode(text).ok())
}
