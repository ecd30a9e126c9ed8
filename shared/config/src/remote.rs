//! Templates at `https://` URLs, which `latchkey config build` fetches.

use crate::content::in_base64;
use crate::document;
use crate::errors::ConfigErrors;
use crate::sections::courier::templates::each_template;
use std::collections::BTreeMap;

/// Keys of a configuration whose templates are at `https://` URLs, and the URLs.
pub fn remote_templates(text: &str) -> Vec<(String, String)> {
    let Ok(mut document) = document::parse(text) else { return Vec::new() };
    let mut found = Vec::new();
    each_template(&mut document, |key, url| {
        if let Some(url) = url.as_str().filter(|url| url.starts_with("https://")) {
            found.push((key.to_owned(), url.to_owned()));
        }
    });
    found
}

/// The same configuration, as JSON, with the contents of URLs in their place.
///
/// # Errors
/// When the text is no configuration.
pub fn with_contents(text: &str, contents: &BTreeMap<String, Vec<u8>>) -> Result<String, ConfigErrors> {
    let mut document = document::parse(text)?;
    each_template(&mut document, |_, url| {
        if let Some(bytes) = url.as_str().and_then(|url| contents.get(url)) {
            *url = in_base64(bytes).into();
        }
    });
    Ok(document.to_string())
}
