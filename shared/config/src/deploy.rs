//! What a deployment makes of a configuration file.

use crate::assemble::{Reader, listed_return_urls};
use crate::check::Findings;
use crate::courier;
use crate::document;
use crate::keys::{KEYS, Role};
use crate::{ConfigErrors, Loaded, read};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Reads a file as a deployment does, and refuses what must not travel in it.
///
/// # Errors
/// Those of [`read`], and one for each secret: in AWS they come from Secrets Manager, and the file is readable to whoever may read
/// the functions.
pub fn check_deployment(text: &str, folder: Option<&Path>, env: &[(String, String)]) -> Result<Loaded, ConfigErrors> {
    let document = document::parse(text)?;
    let mut errors: Vec<String> = KEYS
        .iter()
        .filter(|key| key.role == Role::Secret && !key.path.starts_with("courier."))
        .filter(|key| document::get(&document, key.path).is_some())
        .map(|key| {
            let path = key.path;
            format!("{path}: a value is not allowed in a deployment's file: put it into the stack's secret under the key {path:?}")
        })
        .collect();
    secrets_below(&document, &mut Vec::new(), &mut errors);
    match read(text, folder, env, false) {
        Ok(mut loaded) if errors.is_empty() => {
            let base_url = &loaded.config.public.base_url;
            if base_url.starts_with("http://") {
                loaded.warnings.push(format!(
                    "serve.public.base_url: {base_url} is not https, so browsers will not send the cookies; the stack's own address replaces it"
                ));
            }
            Ok(loaded)
        }
        Ok(_) => Err(ConfigErrors(errors)),
        Err(more) => {
            errors.extend(more.0);
            Err(ConfigErrors(errors))
        }
    }
}

/// Names of keys whose values are secrets wherever they stand.
const SECRET_NAMES: [&str; 5] = ["client_secret", "password", "apple_private_key", "auth_token", "secret"];

/// Adds an error for each secret that stands elsewhere than among the deployment's own: in a provider, a hook, an address.
fn secrets_below<'d>(value: &'d Value, path: &mut Vec<&'d str>, errors: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                path.push(name);
                secrets_below(value, path, errors);
                path.pop();
            }
        }
        Value::Array(items) => {
            for item in items {
                secrets_below(item, path, errors);
            }
        }
        Value::String(_) if is_couriers(path) => errors.push(in_the_stacks_secret(path)),
        Value::String(text) if path.last().is_some_and(|name| SECRET_NAMES.contains(name)) || has_password(text) => {
            let path = path.join(".");
            errors.push(format!(
                "{path}: a secret is not allowed in a deployment's file, which whoever may read the functions can read: leave it out \
                 until what it belongs to reads it from the stack's secret"
            ));
        }
        _ => {}
    }
}

/// Whether a secret of the courier stands here.
fn is_couriers(path: &[&str]) -> bool {
    match path {
        ["courier", "smtp", "connection_uri"] | ["courier", .., "auth", "config", "password" | "value"] => true,
        ["courier", .., "headers", name] => courier::is_secret_header(name),
        _ => false,
    }
}

fn in_the_stacks_secret(path: &[&str]) -> String {
    let shown = path.join(".");
    // Items of a list have no path of their own; in the secret they stand under their id.
    let key = shown.replace("courier.channels.", "courier.channels.<id>.");
    format!(
        "{shown}: a secret is not allowed in a deployment's file: put it into the stack's secret under the key {key:?}"
    )
}

/// A URL with a password in it, such as `smtp://user:word@host`.
fn has_password(text: &str) -> bool {
    let authority = text.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let user = authority.and_then(|authority| authority.rsplit_once('@')).map_or("", |(user, _)| user);
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty())
}

/// The same configuration as one line of JSON: without what has no effect and without secrets, schemas inlined. Quicker to read
/// at a cold start than YAML, and whole without its folder.
///
/// # Errors
/// Those of [`check_deployment`].
pub fn to_compact(text: &str, folder: Option<&Path>, env: &[(String, String)]) -> Result<String, ConfigErrors> {
    let loaded = check_deployment(text, folder, env)?;
    let document = document::parse(text)?;
    let mut compact = Value::Object(Map::new());
    for key in KEYS.iter().filter(|key| key.role == Role::Used) {
        for path in key.paths() {
            if let Some(value) = document::get(&document, &path) {
                document::set(&mut compact, &path, value.clone());
            }
        }
    }
    make_whole(&mut compact, &loaded);
    let pages = &loaded.config.pages;
    let files = [
        ("pages.logo", pages.logo.as_ref().map(|l| &l.bytes[..])),
        ("pages.css", pages.css.as_ref().map(|c| c.as_bytes())),
    ];
    for (path, bytes) in files {
        if let Some(bytes) = bytes {
            document::set(&mut compact, path, in_base64(bytes).into());
        }
    }
    if document::get(&compact, "selfservice.allowed_return_urls").is_some() {
        // Functions do not have the list of public suffixes: what is not on it must not reach them.
        let listed = listed_return_urls(&Reader { document: &document }, &[], &mut Findings::default());
        document::set(&mut compact, "selfservice.allowed_return_urls", json!(listed));
    }
    Ok(document::marked(&compact))
}

/// A configuration as it was read, whole without its schemas' files and under the same revision: whoever reads it later reads what
/// was checked, whatever the files hold by then.
///
/// # Errors
/// When the text is no configuration.
pub fn frozen(text: &str, loaded: &Loaded) -> Result<String, ConfigErrors> {
    let mut document = document::parse(text)?;
    make_whole(&mut document, loaded);
    Ok(document::marked(&document))
}

/// Puts the schemas that were read, and the name that the configuration got, into its document.
fn make_whole(document: &mut Value, loaded: &Loaded) {
    let schemas = loaded.config.identity.schemas.iter().map(|schema| {
        let url = in_base64(schema.document.to_string().as_bytes());
        json!({"id": schema.id, "url": url, "selfservice_selectable": schema.selfservice_selectable})
    });
    document::set(document, "identity.schemas", schemas.collect());
    document::set(document, "revision", json!(loaded.config.revision));
    courier::make_whole(document, &loaded.config.courier);
}

pub(crate) fn in_base64(bytes: &[u8]) -> String {
    format!("base64://{}", STANDARD.encode(bytes))
}
