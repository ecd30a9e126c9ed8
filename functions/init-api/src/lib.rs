//! `GET /self-service/{flow}/api`: begins a flow in a native app (contract `login-flow.md` 1.5, 2).

use latchkey_core::error::{ApiError, Fault};
use latchkey_core::flow::FlowName;
use latchkey_core::flow::login::Login;
use latchkey_methods::forms::Forms;
use latchkey_platform::{Platform, StartError};
use latchkey_selfservice::open::{self, Opener};
use latchkey_web::{Call, Reply, Request, Response, edge};

/// What the function is started with.
pub struct App {
    opener: Opener,
    login: Forms<Login>,
}

impl App {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let opener = Opener::start(platform, "init-api")?;
        Ok(Self { login: Forms::login(opener.config()), opener })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.opener.edge, request, async |call| begin(app, call).await).await
}

async fn begin(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    match FlowName::of_path(&call.path).ok_or_else(ApiError::not_located)? {
        FlowName::Login => open::in_app(&app.opener, &app.login, call).await,
    }
}
