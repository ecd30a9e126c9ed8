//! A Lambda authorizer: API Gateway asks it before it calls a protected route, of this system or of any other HTTP API of the account,
//! whether the request has a session and whose it is.
//!
//! It accepts what whoami accepts: `X-Session-Token`, the session cookie, or `Authorization: Bearer`, and demands the assurance level
//! of whoami. One strongly consistent read decides, so a revoked session is refused at once.

use lambda_http::{Context, Error};
use latchkey_core::aal::RequiredAal;
use latchkey_core::wire::timestamp;
use latchkey_platform::{Platform, StartError};
use latchkey_store::{Accounts, Db};
use latchkey_web::authorize::{self, Question, Verdict};
use latchkey_web::caller::{self, SignedIn};
use latchkey_web::routes::Listener;
use latchkey_web::{Edge, Fault};
use serde_json::{Map, Value, json};

/// The function with its configuration and tables.
pub struct App {
    edge: Edge,
    accounts: Accounts,
    required: RequiredAal,
}

impl App {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let edge = Edge::start(platform, "authorizer", Listener::Public)?;
        let accounts = Accounts::open(&Db::start(env)?, env)?;
        accounts.warm();
        Ok(Self { required: edge.required_aal(), edge, accounts })
    }
}

/// Answers one event of an authorizer.
///
/// # Errors
/// When the store fails, or when the event has another format than this function is configured for.
pub async fn answer(app: &App, event: &str, context: Context) -> Result<Value, Error> {
    authorize::answer(&app.edge, event, &context, async |question| decide(app, question).await).await
}

async fn decide(app: &App, question: &Question) -> Result<Verdict, Fault> {
    let credential = caller::credential_in(&app.edge, question.evidence());
    let Some(signed_in) = caller::look_up(credential.presented, &app.accounts, question.now).await? else {
        return Ok(Verdict::Refused("no session"));
    };
    if !app.required.is_met(signed_in.session.aal(), signed_in.profile.identity.available_aal()) {
        return Ok(Verdict::Refused("session_aal2_required"));
    }
    Ok(Verdict::Authorized(about(&signed_in)))
}

/// The context for the route. All values are text, so that the gateway can put them into headers.
fn about(signed_in: &SignedIn) -> Map<String, Value> {
    let SignedIn { session, profile, .. } = signed_in;
    let mut about = Map::new();
    about.insert("identity_id".into(), json!(profile.identity.id));
    about.insert("session_id".into(), json!(session.id));
    about.insert("aal".into(), json!(session.aal()));
    about.insert("traits".into(), Value::from(profile.identity.traits.to_string()));
    about.insert("expires_at".into(), timestamp(session.expires_at));
    about
}
