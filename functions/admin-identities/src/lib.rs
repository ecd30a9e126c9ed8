//! `/admin/identities…`: identities, as administrators create, read, change and delete them (contract `beyond-login.md` 1).

mod body;
mod change;
mod create;
mod draft;
mod list;
mod remove;
mod show;

pub use body::CREATE as CREATE_KEYS;
pub use create::{MOST_IDENTITIES, MOST_PASSWORDS};

use lambda_http::http::Method;
use latchkey_core::error::ApiError;
use latchkey_hashers::Hasher;
use latchkey_platform::{Platform, StartError};
use latchkey_schema::IdentitySchema;
use latchkey_store::{Accounts, Credentials, Db, Outbox, SuppressionList};
use latchkey_web::routes::Listener;
use latchkey_web::{Edge, Fault, Request, Response, edge};
use std::collections::BTreeMap;

/// The function with its configuration and tables.
pub struct App {
    edge: Edge,
    hasher: Hasher,
    schemas: BTreeMap<String, IdentitySchema>,
    accounts: Accounts,
    credentials: Credentials,
    suppressions: SuppressionList,
    outbox: Outbox,
}

impl App {
    /// Reads configuration and tables, prepares the identity schemas, and opens the first connection.
    ///
    /// # Errors
    /// When the environment, the configuration or a schema is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let edge = Edge::start(platform, "admin-identities", Listener::Admin)?;
        let db = Db::start(env)?;
        let accounts = Accounts::open(&db, env)?;
        accounts.warm();
        let mut schemas = BTreeMap::new();
        for schema in &edge.config.identity.schemas {
            let prepared = IdentitySchema::parse(&schema.id, schema.document.clone())
                .map_err(|e| StartError(format!("identity.schemas, id {:?}: {e}", schema.id)))?;
            schemas.insert(schema.id.clone(), prepared);
        }
        Ok(Self {
            hasher: latchkey_methods::password::hasher(&edge.config),
            edge,
            schemas,
            accounts,
            credentials: Credentials::open(&db, env)?,
            suppressions: SuppressionList::open(&db, env)?,
            outbox: Outbox::open(&db, env)?,
        })
    }
}

/// Answers one request. Paths without the `/admin` prefix are the same paths.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| {
        let segments = call.path.segments();
        let segments: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
        match (&call.method, segments.as_slice()) {
            (&Method::GET | &Method::HEAD, []) => list::list(app, call).await,
            (&Method::POST, []) => create::one(app, call).await,
            (&Method::PATCH, []) => create::batch(app, call).await,
            (&Method::GET | &Method::HEAD, ["by", "external", id]) => show::by_external_id(app, call, id).await,
            (&Method::GET | &Method::HEAD, [id]) => show::by_id(app, call, id).await,
            (&Method::PUT, [id]) => change::update(app, call, id).await,
            (&Method::PATCH, [id]) => change::patch(app, call, id).await,
            (&Method::DELETE, [id]) => remove::identity(app, call, id).await,
            (&Method::DELETE, [id, "credentials", kind]) => remove::credential(app, call, id, kind).await,
            _ => Err(Fault::from(ApiError::new(404))),
        }
    })
    .await
}
