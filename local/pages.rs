//! What a person sees on the ports that are not APIs.

use crate::demo;
use crate::stack::Addresses;
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use latchkey_config::Config;

/// A page that says what is running, with lines to try.
pub fn login(addresses: &Addresses, config: &Config) -> Router {
    let filled = include_str!("pages/running.html")
        .replace("{public}", &escape(config.public.base_url.trim_end_matches('/')))
        .replace("{admin}", &format!("http://{}", addresses.admin))
        .replace("{email}", demo::EMAIL)
        .replace("{password}", demo::PASSWORD);
    Router::new().fallback(move || async move { Html(filled) })
}

/// The inbox: the messages that were sent, newest first.
pub fn inbox() -> Router {
    let page = || async { Html(include_str!("pages/inbox.html")) };
    let messages = || async { axum::Json(Vec::<()>::new()) };
    Router::new().route("/api/messages", get(messages)).fallback(page)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
