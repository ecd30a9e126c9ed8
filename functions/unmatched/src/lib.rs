//! The public API's `$default` route: requests that match no other route (contract `login-flow.md` 1.1, `beyond-login.md` 0.1).

use latchkey_core::url::join;
use latchkey_platform::{Platform, StartError};
use latchkey_web::routes::{Listener, PUBLIC, find};
use latchkey_web::{Call, Edge, Reply, Request, Response, edge};

/// The function with its configuration.
pub struct App {
    edge: Edge,
}

impl App {
    /// Reads the configuration.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        Ok(Self { edge: Edge::start(platform, "unmatched", Listener::Public)? })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| Ok(answer(call))).await
}

fn answer(call: &Call<'_>) -> Reply {
    let below = call.path.without_admin();
    let is = |root: &str| below == root || below.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
    if is("/identities") || is("/courier/messages") || is("/recovery") {
        let mut to = join(&call.edge.config.admin.base_url, &format!("/admin{below}"));
        if !call.raw_query.is_empty() {
            to = format!("{to}?{}", call.raw_query);
        }
        return Reply::redirect(307, &to, call.is_get(), "to the admin api");
    }
    match find(PUBLIC, &call.path).and_then(|route| route.methods) {
        Some(methods) => Reply::method_not_allowed(&methods.join(", ")),
        None => Reply::text(404, "404 page not found\n", "not found"),
    }
}
