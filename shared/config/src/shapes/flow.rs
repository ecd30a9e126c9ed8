//! The block of a flow, `selfservice.flows.<flow>`.

use crate::key::DefaultValue::{Text as Word, Unset};
use crate::key::{Key, Kind, Section, described, keys};
use crate::reader::Reader;
use std::collections::BTreeMap;
use std::time::Duration;

const HOOKS: &str = "hooks";

keys! { KEYS:
    UI_URL = Key::used("ui_url", Kind::UrlOrPath, described("the flow's own among the login pages"),
        "the page of the flow; gets `?flow=`");
    LIFESPAN = Key::used("lifespan", Kind::Duration, Word("1h"), "how long a flow lives");
    AFTER_RETURN_URL = Key::used("after.default_browser_return_url", Kind::AnyUrl, Unset,
        "where a browser goes after the flow");
    _ = Key::used("after.{method}.default_browser_return_url", Kind::AnyUrl, Unset,
        "where a browser goes after the flow by this method");
    _ = Key::not_built("before.hooks", Kind::Hooks, HOOKS);
    _ = Key::not_built("after.hooks", Kind::Hooks, HOOKS);
    _ = Key::not_built("after.{method}.hooks", Kind::Hooks, HOOKS);
}

/// What every flow has.
#[derive(Clone, Debug)]
pub struct FlowConfig {
    /// The page of the flow; gets `?flow=`.
    pub ui_url: String,
    /// How long a flow lives.
    pub lifespan: Duration,
    /// Where a browser goes after the flow.
    pub return_url: Option<String>,
    /// The same by method.
    pub method_return_urls: BTreeMap<String, String>,
}

impl FlowConfig {
    /// Where a browser goes after the flow by a method.
    pub fn return_url_after(&self, method: &str) -> Option<&String> {
        self.method_return_urls.get(method).or(self.return_url.as_ref())
    }

    /// Everywhere that a browser may go after the flow.
    pub fn return_urls(&self) -> impl Iterator<Item = &String> {
        self.return_url.iter().chain(self.method_return_urls.values())
    }
}

/// Reads the block of a flow; `page` is its own among the login pages.
pub(crate) fn flow(from: Reader<'_>, section: &Section, page: String) -> FlowConfig {
    let from = from.section(section);
    let methods = from.members("after").filter(|(name, _)| section.names("{method}").contains(name));
    let of_methods = methods.filter_map(|(name, value)| {
        let url = value["default_browser_return_url"].as_str().filter(|url| !url.is_empty())?;
        Some((name.to_owned(), url.to_owned()))
    });
    FlowConfig {
        ui_url: from.text(&UI_URL).unwrap_or(page),
        lifespan: from.duration_or_default(&LIFESPAN),
        return_url: from.text(&AFTER_RETURN_URL),
        method_return_urls: of_methods.collect(),
    }
}
