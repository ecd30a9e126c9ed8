//! `POST /self-service/login?flow=`: a submission, from the body to the session (contract `login-flow.md` 5).
//!
//! A password waits for the store twice: one read of everything the decision needs, one transaction of everything it changes. What
//! the hash leaves time for runs beside it. A code waits three times: what the first read finds decides what else must be known.

pub mod brakes;
mod code;
mod finish;
mod form_error;
mod identifier_first;
mod leak;
mod owners;
mod password;
mod sender;
mod stranger;

use latchkey_platform::{Platform, StartError};
use owners::Owners;
use sender::{Asking, Own, Reader, Sender, Submission};

use crate::brakes::{Brakes, Footing, Origin};
use latchkey_config::Loaded;
use latchkey_core::aal::{Aal, RequiredAal};
use latchkey_core::error::ApiError;
use latchkey_core::flow::{About, FieldMessage, FlowType};
use latchkey_core::identity::{CredentialType, Identity};
use latchkey_core::message::Message;
use latchkey_core::method::MethodId;
use latchkey_core::session::Session;
use latchkey_core::url::with_query;
use latchkey_methods::form::Forms;
use latchkey_methods::password::{Attempt, Checker, Payload as PasswordPayload};
use latchkey_methods::submission::{Claim, claim};
use latchkey_store::accounts::Profile;
use latchkey_store::credentials::Unique;
use latchkey_store::login::{self, Wanted};
use latchkey_store::{Accounts, Credentials, Db, Flows};
use latchkey_web::browser::forward;
use latchkey_web::caller::{self, SignedIn};
use latchkey_web::payload::{self, Payload};
use latchkey_web::routes::Listener;
use latchkey_web::{Call, Edge, Fault, Reply, Request, Response, call, edge};
use std::sync::Arc;

/// What the function is started with.
pub struct App {
    edge: Edge,
    forms: Forms,
    passwords: Arc<Checker>,
    required: RequiredAal,
    flows: Flows,
    accounts: Accounts,
    credentials: Credentials,
    brakes: Option<brakes::Brakes>,
    leaks: Option<leak::Leaks>,
    /// What the code method needs beside these; nothing of it is read where the method is off.
    post: Option<code::Post>,
}

impl App {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let Loaded { config, secrets, .. } = edge::load_config(env)?;
        let edge = Edge::new(config, platform, "login-submit", Listener::Public);
        let config = Arc::clone(&edge.config);
        let db = Db::start(env)?;
        let accounts = Accounts::open(&db, env)?;
        accounts.warm();
        Ok(Self {
            forms: Forms::new(&config),
            passwords: Arc::new(Checker::new(latchkey_methods::password::hasher(&config))),
            required: edge.required_aal(),
            edge,
            flows: Flows::open(&db, env)?,
            accounts,
            credentials: Credentials::open(&db, env)?,
            brakes: brakes::Brakes::open(env, &db, &config)?,
            leaks: leak::Leaks::open(env, &config)?,
            post: code::Post::open(platform, &db, &config, secrets)?,
        })
    }
}

/// Answers one request.
pub async fn handle(app: &App, request: Request) -> Response {
    edge::answer(&app.edge, request, async |call| submit(app, call).await).await
}

async fn submit(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let Some(id) = call.query("flow").and_then(|id| call::parse_id(id).ok()) else {
        let error = ApiError::bad_request("The flow query parameter is missing or malformed.");
        return forward(call, &app.flows, error.into()).await;
    };
    let payload = payload::decode(call);
    let attempt = payload.as_ref().ok().filter(|p| p.text("method") == Some("password")).map(read_password);
    let lookups = match (&attempt, &payload) {
        (Some(Ok(attempt)), _) => of_types(&[CredentialType::Password], attempt.lookups()),
        (None, Ok(payload)) => other_lookups(&app.forms, payload),
        _ => Vec::new(),
    };
    let presented = caller::credential(call).presented;
    let origin = Origin::of(call);
    let names = |brakes: &Brakes| {
        let typed = payload.as_ref().map(typed).unwrap_or_default();
        brakes.names(&origin, presented.as_ref(), &typed, attempt.is_none())
    };
    let wanted = Wanted {
        flow: id,
        identifiers: &lookups,
        presented: presented.as_ref(),
        devices: if app.brakes.is_some() { origin.cookie.all() } else { &[] },
        counters: app.brakes.as_ref().map(|brakes| (brakes.counters(), names(brakes))),
    };
    let found = login::find(&app.flows, &app.accounts, &app.credentials, &wanted, call.now).await?;
    let Some(stored) = found.flow else {
        return forward(call, &app.flows, ApiError::not_located().into()).await;
    };
    let held = |(session, _): &&(Session, Profile)| presented.as_ref().is_some_and(|p| session.is_held_by(p, call.now));
    let session = found.session.as_ref().filter(held).map(|(session, _)| (session.identity, session.id));
    let footing = Footing::new(origin, found.counts, &found.devices, session);
    let signed_in = caller::settle(presented, found.session, &app.accounts, call.now).await;
    let field = |name| payload.as_ref().ok().and_then(|payload| payload.text(name));
    // Whose submission it is comes before what it says.
    let reply = match (Asking { app, call, signed_in, footing }).at(stored, field("csrf_token")) {
        Sender::Stranger(stranger) => stranger.answer(field("identifier")).await,
        Sender::Reader(reader) => reader.answer().await,
        // On the heap, because it is large and moved about otherwise.
        Sender::Own(own) => Box::pin(own.answer(payload, attempt, &Owners::new(found.guards))).await,
    };
    Ok(reply?.of_flow(id))
}

/// Everything that rate limits may count as the identifier, whichever method and step will take the submission.
fn typed(payload: &Payload) -> Vec<&str> {
    ["identifier", "address", "password_identifier"].into_iter().filter_map(|field| payload.text(field)).collect()
}

fn read_password(payload: &Payload) -> Result<Attempt, Vec<FieldMessage>> {
    latchkey_methods::password::parse(&PasswordPayload {
        identifier: payload.text("identifier"),
        password_identifier: payload.text("password_identifier"),
        password: payload.secret("password"),
        transient_fault: payload.transient_fault(),
    })
}

/// Whose identifier it is, for the methods that ask before they know what it is good for.
fn other_lookups(forms: &Forms, payload: &Payload) -> Vec<Unique> {
    let is_code = payload.text("method") == Some("code") || payload.text("address").is_some();
    let types: &[CredentialType] = match is_code {
        true if !forms.code.first_factor => &[],
        true if !forms.code.missing_credential_fallback && !forms.identifier_first => &[CredentialType::Code],
        false if !forms.identifier_first => &[],
        _ => &[CredentialType::Password, CredentialType::Webauthn, CredentialType::Code],
    };
    of_types(types, latchkey_methods::code::lookups(&code::fields(payload)))
}

fn of_types(types: &[CredentialType], values: Vec<String>) -> Vec<Unique> {
    let of = |value: String| types.iter().map(move |&kind| Unique::Identifier(kind, value.clone()));
    values.into_iter().flat_map(of).collect()
}

impl Reader<'_> {
    /// A session exists that is as strong as the flow asks for, and nobody asked for another proof.
    fn is_signed_in_already(&self) -> bool {
        let strong_enough = |s: &SignedIn| s.session.aal() >= self.flow.requested_aal;
        !self.flow.refresh && self.signed_in.as_ref().is_some_and(strong_enough)
    }

    fn lacks_first_factor(&self) -> bool {
        self.signed_in.is_none() && self.flow.requested_aal > Aal::Aal1
    }

    pub(crate) fn wants_json(&self) -> bool {
        self.flow.kind == FlowType::Api || self.call.is_json_request()
    }

    fn lead_home(&self) -> Reply {
        let home = &self.app.edge.config.selfservice.default_browser_return_url;
        Reply::redirect(303, home, self.call.is_get(), "already signed in")
    }

    /// A browser whose cookie is not the flow's any more: it is told what became of the flow, and can do nothing with it.
    async fn answer(mut self) -> Result<Reply, Fault> {
        if self.is_signed_in_already() {
            if !self.wants_json() {
                return Ok(self.lead_home());
            }
            self.say(vec![Message::already_logged_in()], Vec::new());
            return Ok(self.show("already signed in"));
        }
        if self.flow.is_expired(self.call.now) {
            return self.replace().await;
        }
        self.fail(self.call.csrf_token_violation()).await
    }

    /// A flow that has expired is answered with one that takes its place.
    async fn replace(&self) -> Result<Reply, Fault> {
        let person = self.signed_in.as_ref().map(|s| &s.profile.identity);
        let confirmed = person.filter(|_| self.flow.refresh);
        let offers = confirmed.zip(self.app.forms.offers_addresses());
        let about = About {
            refresh: confirmed.is_some(),
            confirming: confirmed.and_then(Identity::refresh_identifier).map(str::to_owned),
            organization: person
                .and_then(|person| person.organization_id)
                .filter(|_| self.flow.requested_aal == Aal::Aal1),
            addresses: offers.map(|(person, fallback)| person.code_addresses(fallback)).unwrap_or_default(),
        };
        let binding = self.call.csrf_secret().map(latchkey_core::csrf::CsrfSecret::binding).or(self.flow.csrf);
        let life = (self.app.edge.flow_lifespan(), self.call.now);
        let next = self.flow.successor(self.app.edge.rng.id(), binding, about, life);
        self.app.flows.begin(&next).await?;
        if self.wants_json() {
            return Err(self.flow.expired_on_submit(next.id, self.call.now).into());
        }
        let ui = &self.app.edge.config.selfservice.flows.login.ui_url;
        Ok(Reply::redirect(303, &with_query(ui, "flow", &next.id.to_string()), self.call.is_get(), "replaced"))
    }

    /// An error that is not the form's: JSON for apps and scripts, the error page for browsers.
    pub(crate) async fn fail(&self, fault: Fault) -> Result<Reply, Fault> {
        match self.flow.kind {
            FlowType::Api => Err(fault),
            FlowType::Browser => forward(self.call, &self.app.flows, fault).await,
        }
    }
}

impl Own<'_> {
    /// The order is the contract's (`login-flow.md` 5.2).
    async fn answer(
        mut self,
        payload: Result<Payload, String>,
        attempt: Option<Result<Attempt, Vec<FieldMessage>>>,
        owners: &Owners,
    ) -> Result<Reply, Fault> {
        if self.is_signed_in_already() {
            self.refuse_signed_in().await
        } else if self.lacks_first_factor() {
            self.fail(ApiError::session_aal1_required().into()).await
        } else if self.flow.is_expired(self.call.now) {
            self.replace().await
        } else if self.done {
            Ok(self.used_up())
        } else {
            self.take(payload, attempt, owners).await
        }
    }

    async fn refuse_signed_in(&mut self) -> Result<Reply, Fault> {
        if !self.wants_json() {
            return Ok(self.lead_home());
        }
        self.say(vec![Message::already_logged_in()], Vec::new());
        if self.done { Ok(self.show("already signed in")) } else { self.form_error("already signed in").await }
    }

    async fn take(
        mut self,
        payload: Result<Payload, String>,
        attempt: Option<Result<Attempt, Vec<FieldMessage>>>,
        owners: &Owners,
    ) -> Result<Reply, Fault> {
        let payload = match payload {
            Ok(payload) => payload,
            Err(reason) => {
                return self.refuse(Message::generic(reason), "undecodable").await;
            }
        };
        let has_address = payload.text("address").is_some();
        match (claim(&self.app.forms, &self.flow, payload.text("method"), has_address), attempt) {
            (Claim::Password, Some(attempt)) => {
                Ok(self.password(&payload, attempt, owners).await?.by_method(MethodId::Password))
            }
            (Claim::Code, _) => Ok(self.code(&payload, owners).await?.by_method(MethodId::Code)),
            (Claim::IdentifierFirst, _) => {
                Ok(self.identifier_first(&payload, owners).await?.by_method(MethodId::IdentifierFirst))
            }
            (Claim::Disabled, _) => self.fail(ApiError::disabled().into()).await,
            (Claim::Nobody | Claim::Password, _) => self.refuse(Message::no_strategy(), "no strategy").await,
        }
    }
}
