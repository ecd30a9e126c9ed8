//! The admin API's `$default` route: redirects requests for the public API, and answers 404 to all others.

use latchkey_core::url::join;
use latchkey_platform::{Platform, StartError};
use latchkey_web::routes::{ADMIN, Listener, find};
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
        Ok(Self { edge: Edge::start(platform, "admin-unmatched", Listener::Admin)? })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| Ok(answer(call))).await
}

/// First segments of paths of the public API that administrators may request here.
const PUBLIC_ROOTS: [&str; 4] = ["/sessions/whoami", "/self-service", "/schemas", "/.well-known/ory"];

fn answer(call: &Call<'_>) -> Reply {
    let below = call.path.without_admin();
    let is = |root: &str| below.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if PUBLIC_ROOTS.into_iter().any(is) {
        let mut to = join(call.edge.base_url(), below);
        if !call.raw_query.is_empty() {
            to = format!("{to}?{}", call.raw_query);
        }
        return Reply::redirect(307, &to, call.is_get(), "to the public api");
    }
    match find(ADMIN, &format!("/admin{below}")).and_then(|route| route.methods) {
        Some(methods) => Reply::method_not_allowed(&methods.join(", ")),
        None => Reply::text(404, "404 page not found\n", "not found"),
    }
}
