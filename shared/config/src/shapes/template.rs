//! A template that the configuration names by a URL: the text of a message, or the Jsonnet of a body.

use crate::content::{content, local_file};
use crate::findings::{Findings, shortened};
use latchkey_core::bounds::LARGEST_TEMPLATE;
use std::borrow::Cow;
use std::path::Path;

/// A template of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateText {
    /// What an error calls it: its file, or its key.
    pub source: String,
    /// The template.
    pub text: String,
}

/// Reads the template at a URL or a path.
pub(crate) fn template(key: &str, url: &str, folder: Option<&Path>, findings: &mut Findings) -> Option<TemplateText> {
    let source = if url.contains("://") && !url.starts_with("file://") {
        key.to_owned()
    } else {
        local_file(url, folder).display().to_string()
    };
    match text(url, folder) {
        Ok(text) => Some(TemplateText { source, text }),
        Err(why) => {
            findings.error(format!("{key}: {} is not allowed: {why}", shortened(url)));
            None
        }
    }
}

fn text(url: &str, folder: Option<&Path>) -> Result<String, String> {
    if url.starts_with("https://") {
        return Err("functions fetch nothing; `latchkey config build` does, or save the file beside the configuration"
            .to_owned());
    }
    let bytes = content(url, folder)?;
    if bytes.len() > LARGEST_TEMPLATE {
        return Err(format!("it has {} bytes, and a template may have {LARGEST_TEMPLATE}", bytes.len()));
    }
    latchkey_core::text::decode(&bytes).map(Cow::into_owned).map_err(str::to_owned)
}
