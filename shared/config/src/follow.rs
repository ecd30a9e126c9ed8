//! The files of a configuration, for a program that follows their changes.

use crate::content::local_file;
use crate::document;
use crate::environment::lay_over;
use crate::legacy::Moved;
use crate::sections::courier::templates;
use crate::sections::identity::SCHEMAS_PATH;
use crate::tree::get;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The files that a configuration names: its identity schemas, what the login pages show, and every other value that begins with
/// `file://`. None when it cannot be read.
pub fn named_files(text: &str, folder: Option<&Path>, env: &[(String, String)]) -> Vec<PathBuf> {
    let Ok(mut document) = document::parse(text) else { return Vec::new() };
    lay_over(&mut document, env, &mut Moved::default());
    let schemas = get(&document, SCHEMAS_PATH).and_then(Value::as_array);
    let mut urls: Vec<&str> = schemas.into_iter().flatten().filter_map(|schema| schema["url"].as_str()).collect();
    urls.retain(|url| !["base64://", "http://", "https://"].iter().any(|scheme| url.starts_with(scheme)));
    let own = ["pages.logo", "pages.css"].iter().filter_map(|path| get(&document, path)?.as_str());
    urls.extend(own.filter(|url| !url.starts_with("base64://")));
    file_urls(&document, &mut urls);
    let mut files: Vec<PathBuf> = urls.iter().map(|url| local_file(url, folder)).collect();
    // A file may yet appear in the working folder.
    files.extend(urls.iter().map(|url| local_file(url, None)));
    files.extend(templates::files(&document, folder));
    files.sort();
    files.dedup();
    files
}

fn file_urls<'d>(value: &'d Value, urls: &mut Vec<&'d str>) {
    match value {
        Value::String(text) if text.starts_with("file://") => urls.push(text),
        Value::Array(items) => items.iter().for_each(|item| file_urls(item, urls)),
        Value::Object(map) => map.values().for_each(|value| file_urls(value, urls)),
        _ => {}
    }
}
