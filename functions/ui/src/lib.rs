//! The login pages: login, errors, and the session of a signed-in user.
//!
//! They are a client of the public API, called by its URL with the cookies of the browser, and hold no rule of login: [`node`] draws
//! the nodes of a flow, so a method that is added to the API appears here without a change. Forms lead from the browser directly to
//! the API. Everything works without the script, and nothing is loaded from elsewhere.
//!
//! | module | holds |
//! |---|---|
//! | [`client`] | calls of the public API |
//! | [`login`], [`session`], [`error`] | one page each, and its failures |
//! | [`node`] | a flow's form, node by node |
//! | [`page`] | the frame of every page |
//! | [`message`], [`language`] | the API's messages and our own texts, in five languages |
//! | [`policy`], [`assets`] | headers; style, script and pictures |

mod assets;
mod client;
mod error;
mod language;
mod login;
mod message;
mod node;
mod page;
mod policy;
mod session;

use assets::Assets;
use client::Api;
use lambda_http::http::header::ALLOW;
use latchkey_config::Config;
use latchkey_platform::{Platform, StartError};
use latchkey_schema::label::identifier_label;
use latchkey_web::routes::{Listener, PAGES, find};
use latchkey_web::{Call, Edge, Reply, Request, Response, edge};
use page::Visit;
use serde_json::Value;

/// The function with its configuration.
pub struct App {
    edge: Edge,
    api: Api,
    assets: Assets,
    policy: String,
    /// Whether every identifier of the default schema is an e-mail address, so that phones show the keyboard for one.
    emails_only: bool,
    /// The API's label for the identifier of the default schema, if it has one.
    identifier_title: Option<String>,
}

impl App {
    /// Reads the configuration with its logo and style sheet.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let edge = Edge::start(platform, "ui", Listener::Pages)?;
        let api = Api::start(env, edge.base_url());
        let (assets, policy) = (Assets::new(&edge.config.pages), policy::of(&edge.config));
        let default = schema(&edge.config, &edge.config.identity.default_schema_id);
        let identifiers = default.map(identifiers).unwrap_or_default();
        let emails_only = !identifiers.is_empty() && identifiers.iter().all(|(_, format)| *format == "email");
        let identifier_title = default.and_then(identifier_label).map(|(_, title)| title);
        Ok(Self { emails_only, identifier_title, assets, policy, api, edge })
    }

    fn config(&self) -> &Config {
        &self.edge.config
    }

    /// The URL of one of the pages.
    fn url(&self, page: &str) -> String {
        format!("{}{page}", self.config().pages.base_url)
    }
}

/// A schema of the configuration.
fn schema<'c>(config: &'c Config, id: &str) -> Option<&'c Value> {
    config.identity.schemas.iter().find(|schema| schema.id == id).map(|schema| &schema.document)
}

/// The traits of a schema that are identifiers: the place of each in the traits, as a JSON pointer, and its format.
fn identifiers(schema: &Value) -> Vec<(String, &str)> {
    let mut all = Vec::new();
    collect_identifiers(&schema["properties"]["traits"], "", &mut all);
    all
}

fn collect_identifiers<'s>(schema: &'s Value, pointer: &str, out: &mut Vec<(String, &'s str)>) {
    let credentials = schema["ory.sh/kratos"]["credentials"].as_object().into_iter().flatten();
    if credentials.into_iter().any(|(_, credential)| credential["identifier"] == true) {
        out.push((pointer.to_owned(), schema["format"].as_str().unwrap_or_default()));
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        collect_identifiers(inner, &format!("{pointer}/{escaped}"), out);
    }
}

/// An identifier of an identity: the first that its schema names.
fn identifier_of(config: &Config, identity: &Value) -> Option<String> {
    let traits = &identity["traits"];
    let identifiers = identifiers(schema(config, identity["schema_id"].as_str()?)?);
    let mut values = identifiers.iter().filter_map(|(pointer, _)| traits.pointer(pointer)?.as_str());
    values.find(|value| !value.is_empty()).map(str::to_owned)
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| Ok(answer(app, call).await)).await
}

async fn answer(app: &App, call: &Call<'_>) -> Reply {
    let visit = Visit::new(app, call);
    let known = find(PAGES, &call.path).and_then(|route| route.methods);
    if let Some(verbs) = known.filter(|verbs| !verbs.contains(&call.method.as_str())) {
        let reply = error::wrong_verb(&visit).header(ALLOW, &verbs.join(", "));
        return policy::guard(reply, &app.policy);
    }
    let reply = match call.path.as_str() {
        "/login" => login::show(visit).await,
        "/error" => error::show(&visit).await,
        "/session" => session::show(&visit).await,
        "/session/others" => session::end_others(&visit).await,
        "/" => Reply::redirect(303, &app.url("session"), call.is_get(), "to the session"),
        _ => match call.path.strip_prefix("/assets/").and_then(|name| app.assets.serve(name)) {
            Some(asset) => return asset,
            None => error::not_found(&visit),
        },
    };
    policy::guard(reply, &app.policy)
}
