//! Style, script and pictures: built in, or read beside the configuration at the start. Their names contain a hash of their contents,
//! so browsers may cache them for ever.

use lambda_http::Body;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use latchkey_config::Pages;
use latchkey_web::Reply;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/script.js");
const ICON: &str = include_str!("../assets/icon.svg");

/// A picture may contain its own styles, and nothing that runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// A file.
pub(crate) struct Asset {
    /// Its name as pages write it.
    pub(crate) name: String,
    stem: &'static str,
    extension: &'static str,
    media_type: &'static str,
    body: Body,
}

/// All asset files.
pub(crate) struct Assets {
    /// The style sheet: ours, the configured colours, and the configured one.
    pub(crate) style: Asset,
    /// The script.
    pub(crate) script: Asset,
    /// The icon of a browser tab.
    pub(crate) icon: Asset,
    /// The configured logo.
    pub(crate) logo: Option<Asset>,
}

impl Asset {
    fn new(stem: &'static str, extension: &'static str, media_type: &'static str, body: Body) -> Self {
        let digest = Sha256::digest(&body);
        let hash: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { name: format!("{stem}.{hash}.{extension}"), stem, extension, media_type, body }
    }

    /// Whether a name is this file's, apart from the hash.
    fn is_called(&self, name: &str) -> bool {
        let inner = name.strip_prefix(self.stem).and_then(|rest| rest.strip_suffix(self.extension));
        inner.is_some_and(|hash| hash.starts_with('.') && hash.ends_with('.'))
    }
}

impl Assets {
    /// The asset files for a configuration of pages.
    pub(crate) fn new(pages: &Pages) -> Self {
        let mut style = STYLE.to_owned();
        if let Some(accent) = pages.accent {
            style += &format!(":root{{--accent:{accent}}}\n");
        }
        if let Some(accent) = pages.accent_dark {
            style += &format!("@media (prefers-color-scheme:dark){{:root{{--accent:{accent}}}}}\n");
        }
        style += pages.css.as_deref().unwrap_or_default();
        let logo = pages.logo.as_ref();
        Self {
            style: Asset::new("style", "css", "text/css; charset=utf-8", style.into()),
            script: Asset::new("script", "js", "text/javascript; charset=utf-8", SCRIPT.into()),
            icon: Asset::new("icon", "svg", "image/svg+xml", ICON.into()),
            logo: logo.map(|logo| Asset::new("logo", logo.extension, logo.media_type, logo.bytes.clone().into())),
        }
    }

    /// Answers a request for a file. During a deployment, pages of one release may ask for files of the other. They get the file of this
    /// release, without permission to cache it.
    pub(crate) fn serve(&self, name: &str) -> Option<Reply> {
        let files = [&self.style, &self.script, &self.icon].into_iter().chain(&self.logo);
        let file = files.into_iter().find(|file| file.is_called(name))?;
        let keep = if file.name == name { "public, max-age=31536000, immutable" } else { "no-store" };
        let reply = Reply::content(200, file.media_type, copy(&file.body), "asset")
            .header(CACHE_CONTROL, keep)
            .header(X_CONTENT_TYPE_OPTIONS, "nosniff");
        Some(if file.media_type.starts_with("image/") { reply.header(CONTENT_SECURITY_POLICY, POLICY) } else { reply })
    }
}

fn copy(body: &Body) -> Body {
    match body {
        Body::Text(text) => Body::Text(text.clone()),
        body => Body::Binary(body.to_vec()),
    }
}
