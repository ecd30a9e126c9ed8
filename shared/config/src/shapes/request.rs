//! An HTTP request that the configuration describes, with how it authenticates: `request_config`.

use crate::findings::Findings;
use crate::key::DefaultValue::{Text as Word, Unset};
use crate::key::{DefaultValue, Key, Kind, described, keys};
use crate::reader::Reader;
use crate::shapes::template::{TemplateText, template};
use secrecy::SecretString;
use serde_json::Value;
use std::collections::BTreeMap;

const VERBS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
const NONE: DefaultValue = described("none");

keys! { KEYS:
    URL = Key::used("url", Kind::Url, DefaultValue::Required, "the service");
    METHOD = Key::used("method", Kind::OneOf(VERBS), Word("POST"), "the method");
    HEADERS = Key::used("headers", Kind::Map, NONE, "headers; secret ones belong into the stack's secret");
    BODY = Key::used("body", Kind::Text, described("as Kratos has it"),
        "Jsonnet that makes the body: `base64://…`, `https://…`, `file://…` or a path; see [messages.md](messages.md)");
    AUTH = Key::used("auth.type", Kind::OneOf(&["basic_auth", "api_key"]), NONE, "how the request authenticates");
    AUTH_USER = Key::used("auth.config.user", Kind::Text, Unset, "the user of `basic_auth`");
    AUTH_PASSWORD = Key::secret("auth.config.password", Kind::SecretText, Unset, "its password");
    AUTH_NAME = Key::used("auth.config.name", Kind::Text, Unset, "the header or cookie of `api_key`");
    AUTH_VALUE = Key::secret("auth.config.value", Kind::SecretText, Unset, "the key");
    AUTH_IN = Key::used("auth.config.in", Kind::OneOf(&["header", "cookie"]), Word("header"), "where the key stands");
}

/// A request to a service.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The path of its section, to name it by: `courier.http` or `courier.channels.sms`.
    pub key: String,
    /// The service.
    pub url: String,
    /// The method.
    pub method: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// The Jsonnet that makes the body; the built-in one when `None`.
    pub body: Option<TemplateText>,
    /// How the request authenticates.
    pub auth: Option<HttpAuth>,
}

/// How a request authenticates; the password or the key is in [`RequestSecrets`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAuth {
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
    },
    /// A key in a header of this name.
    Header {
        /// The header.
        name: String,
    },
    /// A key in a cookie of this name.
    Cookie {
        /// The cookie.
        name: String,
    },
}

/// The secrets of an [`HttpRequest`].
#[derive(Clone, Debug, Default)]
pub struct RequestSecrets {
    /// The password or the key of its [`HttpAuth`].
    pub auth: Option<SecretString>,
    /// Headers beside those of the request.
    pub headers: BTreeMap<String, SecretString>,
}

/// Reads a request that stands at `name` below the section `key`; `None` without a URL, or when it is wrong.
pub(crate) fn request(from: Reader<'_>, key: &str, name: &str, findings: &mut Findings) -> Option<HttpRequest> {
    let url = from.text(&URL)?;
    let mut named = from.value(&HEADERS).map(headers).unwrap_or_default();
    named.retain(|name, _| !is_secret_header(name));
    let body = from.text(&BODY).and_then(|url| template(&format!("{key}.{name}.body"), &url, from.folder, findings));
    let auth = auth(from).unwrap_or_else(|()| {
        findings.error(format!(
            "{key}.{name}.auth: the value (not shown) is not allowed: its type must be basic_auth, with user and password, or \
             api_key, with name, value and in: header or cookie"
        ));
        None
    });
    Some(HttpRequest { key: key.to_owned(), url, method: from.text_or_default(&METHOD), headers: named, body, auth })
}

fn auth(from: Reader<'_>) -> Result<Option<HttpAuth>, ()> {
    let Some(kind) = from.value(&AUTH).and_then(Value::as_str) else { return Ok(None) };
    let text = |key| from.text(key).unwrap_or_default();
    match (kind, from.text_or_default(&AUTH_IN).as_str()) {
        ("basic_auth", _) => Ok(Some(HttpAuth::Basic { user: text(&AUTH_USER) })),
        ("api_key", "cookie") => Ok(Some(HttpAuth::Cookie { name: text(&AUTH_NAME) })),
        ("api_key", "header") => Ok(Some(HttpAuth::Header { name: text(&AUTH_NAME) })),
        _ => Err(()),
    }
}

/// Reads the secrets of a request.
pub(crate) fn secrets(from: Reader<'_>) -> RequestSecrets {
    let secret = |key| from.text(key).map(SecretString::from);
    let headers = from.value(&HEADERS).map(headers).unwrap_or_default().into_iter();
    RequestSecrets {
        auth: secret(&AUTH_PASSWORD).or_else(|| secret(&AUTH_VALUE)),
        headers: headers.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.into())).collect(),
    }
}

/// The texts of a map of headers.
pub(crate) fn headers(value: &Value) -> BTreeMap<String, String> {
    let texts = value.as_object().into_iter().flatten();
    texts.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// Whether the value of a header usually is a secret.
pub(crate) fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["authorization", "proxy-authorization", "cookie"].contains(&name.as_str())
        || ["key", "token", "secret", "password"].iter().any(|word| name.ends_with(word))
}
