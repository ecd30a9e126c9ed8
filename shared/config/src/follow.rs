//! What somebody needs who follows a configuration file while it changes.

use crate::assemble::local_file;
use crate::courier;
use crate::document;
use crate::legacy::Moved;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The files that a configuration names: its identity schemas, what the login pages show, and whatever else begins with `file://`.
/// None when it cannot be read.
pub fn named_files(text: &str, folder: Option<&Path>, env: &[(String, String)]) -> Vec<PathBuf> {
    let Ok(mut document) = document::parse(text) else { return Vec::new() };
    document::lay_over(&mut document, env, &mut Moved::default());
    let schemas = document::get(&document, "identity.schemas").and_then(Value::as_array);
    let mut urls: Vec<&str> = schemas.into_iter().flatten().filter_map(|schema| schema["url"].as_str()).collect();
    urls.retain(|url| !["base64://", "http://", "https://"].iter().any(|scheme| url.starts_with(scheme)));
    let own = ["pages.logo", "pages.css"].iter().filter_map(|path| document::get(&document, path)?.as_str());
    urls.extend(own.filter(|url| !url.starts_with("base64://")));
    file_urls(&document, &mut urls);
    let mut files: Vec<PathBuf> = urls.iter().map(|url| local_file(url, folder)).collect();
    // Where there is none in the working folder yet, one may come.
    files.extend(urls.iter().map(|url| local_file(url, None)));
    files.extend(courier::files(&document, folder));
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
