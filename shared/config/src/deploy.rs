//! What a deployment makes of a configuration file.

use crate::content::in_base64;
use crate::document;
use crate::errors::ConfigErrors;
use crate::findings::Findings;
use crate::key::Role;
use crate::load::{Inspected, Loaded, inspect};
use crate::lookup::{self, Fit};
use crate::reader::Reader;
use crate::sections::courier;
use crate::sections::identity::SCHEMAS_PATH;
use crate::sections::return_urls::{ALLOWED, listed_return_urls};
use crate::shapes::request::is_secret_header;
use crate::table::places;
use crate::tree::{get, set};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Reads a file as a deployment does, and refuses what must not travel in it.
///
/// # Errors
/// Those of [`read`](crate::read), and one for each secret: in AWS they come from Secrets Manager, and every principal that may read
/// the functions may read the file.
pub fn check_deployment(text: &str, folder: Option<&Path>, env: &[(String, String)]) -> Result<Loaded, ConfigErrors> {
    inspect_deployment(text, folder, env).loaded
}

/// The same, with what there is to tell of a file that cannot be deployed.
pub fn inspect_deployment(text: &str, folder: Option<&Path>, env: &[(String, String)]) -> Inspected {
    let mut inspected = inspect(text, folder, env, false);
    inspected.config = inspected.loaded.as_ref().ok().map(|loaded| loaded.config.clone());
    let Ok(document) = document::parse(text) else { return inspected };
    let mut errors = Vec::new();
    secrets_of(&document, &mut Vec::new(), &lookup::all(), &mut errors);
    if !errors.is_empty() {
        if let Err(more) = inspected.loaded {
            errors.extend(more.0);
        }
        inspected.loaded = Err(ConfigErrors(errors));
    }
    inspected
}

/// Adds an error for each secret that would travel with the file. What belongs to keys without effect is left out of what functions
/// read.
fn secrets_of<'d>(document: &'d Value, path: &mut Vec<&'d str>, above: &[Fit], errors: &mut Vec<String>) {
    for (name, value) in document.as_object().into_iter().flatten() {
        let here = Fit::narrow(above, name);
        path.push(name);
        match Fit::best(&here) {
            Some(place) if place.role() == Role::Secret && !place.section.at.starts_with("courier") => {
                errors.push(in_the_stacks_secret(path));
            }
            Some(place) if matches!(place.role(), Role::Used | Role::Secret) => secrets_below(value, path, errors),
            Some(_) => {}
            None => secrets_of(value, path, &here, errors),
        }
        path.pop();
    }
}

fn secrets_below<'d>(value: &'d Value, path: &mut Vec<&'d str>, errors: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                path.push(name);
                secrets_below(value, path, errors);
                path.pop();
            }
        }
        Value::Array(items) => items.iter().for_each(|item| secrets_below(item, path, errors)),
        Value::String(_) if is_couriers(path) => errors.push(in_the_stacks_secret(path)),
        Value::String(text) if has_password(text) => {
            errors.push(format!(
                "{}: a password is not allowed in a deployment's file, which every principal that may read the functions can read: remove it",
                path.join(".")
            ));
        }
        _ => {}
    }
}

/// Whether a secret of the courier stands here.
fn is_couriers(path: &[&str]) -> bool {
    match path {
        ["courier", "smtp", "connection_uri"] | ["courier", .., "auth", "config", "password" | "value"] => true,
        ["courier", .., "headers", name] => is_secret_header(name),
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
    for place in places().filter(|place| place.role() == Role::Used) {
        for path in place.paths() {
            if let Some(value) = get(&document, &path) {
                set(&mut compact, &path, value.clone());
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
            set(&mut compact, path, in_base64(bytes).into());
        }
    }
    if get(&compact, "selfservice.allowed_return_urls").is_some() {
        // Functions do not have the list of public suffixes: what is not on it must not reach them.
        let listed = listed_return_urls(Reader::new(&document, folder, false), &[], &mut Findings::default());
        set(&mut compact, ALLOWED, json!(listed));
    }
    Ok(document::marked(&compact))
}

/// A configuration as it was read, whole without its schemas' files and under the same revision: a later reader gets what was
/// checked, whatever the files hold by then.
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
    set(document, SCHEMAS_PATH, schemas.collect());
    set(document, "revision", json!(loaded.config.revision));
    courier::make_whole(document, &loaded.config.courier);
}
