//! `GET /self-service/{flow}/flows?id=`: shows a flow to the client that began it (contract `login-flow.md` 1.6).

use latchkey_core::error::{ApiError, Fault};
use latchkey_core::flow::FlowName;
use latchkey_core::flow::login::Login;
use latchkey_methods::forms::Forms;
use latchkey_platform::{Platform, StartError};
use latchkey_selfservice::show::{self, Viewer};
use latchkey_web::{Call, Reply, Request, Response, edge};

/// What the function is started with.
pub struct App {
    viewer: Viewer,
    login: Forms<Login>,
}

impl App {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let viewer = Viewer::start(platform, "get-flow")?;
        Ok(Self { login: Forms::login(&viewer.edge.config), viewer })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.viewer.edge, request, async |call| show(app, call).await).await
}

async fn show(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    match FlowName::of_path(&call.path).ok_or_else(ApiError::not_located)? {
        FlowName::Login => show::show(&app.viewer, &app.login, call).await,
    }
}
