//! Self-service flows: the facts that are stored of one, and the JSON that clients see of it.
//!
//! A [`Flow`] is the same for all flows but for its state `S`, which one file per flow defines ([`login`]). Stored are facts (what
//! kind of client, what it asked for, which methods it is offered, what to show), never the form itself.

pub mod login;

use crate::code::CodeFacts;
use crate::csrf::CsrfBinding;
use crate::error::ApiError;
use crate::form::facts::{FieldMessage, FormFacts, Layout, Offer, Screen};
use crate::form::{self, Container};
use crate::message::Message;
use crate::method::MethodId;
use crate::url::join;
use crate::wire::timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// The flows that there are. Paths, keys of the store and texts follow from the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowName {
    /// A user signs in.
    Login,
}

impl FlowName {
    /// Every flow.
    pub const ALL: [Self; 1] = [Self::Login];

    /// The name in paths, keys and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
        }
    }

    /// The flow that a path below `/self-service/` belongs to.
    pub fn of_path(path: &str) -> Option<Self> {
        let name = path.strip_prefix("/self-service/")?.split('/').next()?;
        Self::ALL.into_iter().find(|flow| flow.as_str() == name)
    }

    /// Where a flow of this type begins.
    pub fn init_path(self, flow_type: FlowType) -> String {
        let last = match flow_type {
            FlowType::Browser => "browser",
            FlowType::Api => "api",
        };
        format!("/self-service/{}/{last}", self.as_str())
    }
}

/// What kind of client began a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowType {
    /// A browser, with cookies, whether it navigates or a script drives it.
    Browser,
    /// A native app.
    Api,
}

/// How far a flow has come, as clients know it. A login by password leaves it at `choose_method`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// The client chooses a method.
    #[default]
    ChooseMethod,
    /// A code is on its way, by whatever channel.
    SentEmail,
    /// A code has proven the identity.
    PassedChallenge,
}

/// The state that one kind of flow has and the others have not.
pub trait FlowSpec:
    Clone + std::fmt::Debug + PartialEq + Serialize + DeserializeOwned + Default + Send + Sync + 'static
{
    /// Which flow it is.
    const NAME: FlowName;

    /// The first message of the flow that replaces one that expired at `expired_at`.
    fn expired(expired_at: OffsetDateTime, now: OffsetDateTime) -> Message;

    /// The facts as they are once a method has proven the identity.
    fn passed(&mut self, method: MethodId);

    /// Keeps the half of a session token exchange that the app receives by redirect.
    fn keep_return_to_code(&mut self, code: &str);

    /// Adds the keys of its own to the flow's public JSON, `state` among them.
    fn render(&self, out: &mut Map<String, Value>);
}

/// A flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "S: FlowSpec")]
pub struct Flow<S: FlowSpec> {
    /// The id, known to the client.
    pub id: Uuid,
    /// Kind of client that began it.
    #[serde(rename = "kind")]
    pub flow_type: FlowType,
    /// When it was begun.
    #[serde(with = "time::serde::rfc3339")]
    pub issued_at: OffsetDateTime,
    /// When it ends; never prolonged.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// When it was last stored.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// The URL that began it.
    pub request_url: String,
    /// Where the client asked to go afterwards, as it wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_to: Option<String>,
    /// The identity that it is about, where that is known from the beginning: on a refresh, and for a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Uuid>,
    /// Organization asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<Uuid>,
    /// Identity schema asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_schema: Option<String>,
    /// Which browser it belongs to. A native app's flow has one where its request came with a browser's cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<CsrfBinding>,
    /// The method that the client used last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<MethodId>,
    /// The methods that the first screen offers. `None` in flows of the release before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offers: Option<Vec<Offer>>,
    /// What the form shows.
    #[serde(default)]
    pub form: FormFacts,
    /// The state that this kind of flow has.
    #[serde(flatten)]
    pub state: S,
    /// The codes that were sent in it. The store keeps them beside the other facts.
    #[serde(skip)]
    pub codes: CodeFacts,
    /// Whether it was completed. A completed flow can be read, and not be used again.
    #[serde(skip)]
    pub done: bool,
    /// Raised by every write; a write that was decided on an older revision is refused.
    #[serde(skip)]
    pub revision: u64,
}

/// How the beginning of a flow ends.
#[derive(Clone, Debug)]
pub enum Opened<S: FlowSpec> {
    /// In a flow. The engine adds what the methods offer.
    Flow(Box<Flow<S>>),
    /// The client has the session that it asks for.
    AlreadySignedIn,
}

/// What belongs to a flow from its first moment.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its id.
    pub id: Uuid,
    /// Kind of client.
    pub flow_type: FlowType,
    /// The URL that began it.
    pub request_url: String,
    /// When it was begun.
    pub issued_at: OffsetDateTime,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

impl Origin {
    /// A flow that begins now.
    pub fn new(
        id: Uuid,
        flow_type: FlowType,
        request_url: String,
        (lifespan, now): (Duration, OffsetDateTime),
    ) -> Self {
        Self { id, flow_type, request_url, issued_at: now, expires_at: now.saturating_add(lifespan) }
    }
}

impl<S: FlowSpec> Flow<S> {
    /// A flow with this origin and state, and defaults for everything else.
    pub fn new(origin: Origin, state: S, now: OffsetDateTime) -> Self {
        let Origin { id, flow_type, request_url, issued_at, expires_at } = origin;
        Self {
            id,
            flow_type,
            issued_at,
            expires_at,
            updated_at: now,
            request_url,
            return_to: None,
            subject: None,
            organization_id: None,
            identity_schema: None,
            csrf: None,
            active: None,
            offers: Some(Vec::new()),
            form: FormFacts::default(),
            state,
            codes: CodeFacts::default(),
            done: false,
            revision: 0,
        }
    }

    /// Past its end.
    pub fn is_expired(&self, now: OffsetDateTime) -> bool {
        now >= self.expires_at
    }

    /// Replaces everything the form says by these messages, because a submission was refused.
    pub fn refuse(&mut self, messages: Vec<Message>, fields: Vec<FieldMessage>, now: OffsetDateTime) {
        self.form.messages = messages;
        self.form.fields = fields;
        self.form.layout = Layout::Refusal;
        self.updated_at = now;
    }

    /// Replaces the messages on top of the form, and nothing else of it.
    pub fn notify(&mut self, message: Message, now: OffsetDateTime) {
        self.form.messages = vec![message];
        self.form.fields = Vec::new();
        self.updated_at = now;
    }

    /// Shows the next screen, because a step of this method went well.
    pub fn advance(&mut self, method: MethodId, screen: Screen, messages: Vec<Message>, now: OffsetDateTime) {
        self.form.messages = messages;
        self.form.fields = Vec::new();
        self.form.screen = screen;
        self.form.layout = Layout::Step;
        self.active = Some(method);
        self.updated_at = now;
    }

    /// The same flow once this method has proven the identity.
    #[must_use]
    pub fn passed(&self, method: MethodId) -> Self {
        let mut flow = Self { active: Some(method), ..self.clone() };
        flow.state.passed(method);
        flow
    }

    /// The flow that replaces this one, which has expired: the same request with a new life. What it says of an identity is for the
    /// caller to add.
    pub fn replacement(&self, id: Uuid, state: S, (lifespan, now): (Duration, OffsetDateTime)) -> Self {
        let origin = Origin::new(id, self.flow_type, self.request_url.clone(), (lifespan, now));
        let mut flow = Self::new(origin, state, now);
        flow.return_to.clone_from(&self.return_to);
        flow.identity_schema.clone_from(&self.identity_schema);
        flow.form.messages = vec![S::expired(self.expires_at, now)];
        flow.form.token_in_api_flow = self.flow_type == FlowType::Api;
        flow
    }

    /// The flow's public JSON. `ui` is its form; a client sees `exchange_code` once, in the answer that begins the flow.
    pub fn render(&self, ui: &Container, exchange_code: Option<&str>) -> Value {
        let mut out = Map::new();
        out.insert("id".into(), json!(self.id));
        out.insert("organization_id".into(), json!(self.organization_id));
        out.insert("type".into(), json!(self.flow_type));
        out.insert("expires_at".into(), timestamp(self.expires_at));
        out.insert("issued_at".into(), timestamp(self.issued_at));
        out.insert("request_url".into(), json!(self.request_url));
        if let Some(return_to) = &self.return_to {
            out.insert("return_to".into(), json!(return_to));
        }
        if let Some(method) = self.active {
            out.insert("active".into(), json!(method));
        }
        out.insert("ui".into(), json!(ui));
        out.insert("created_at".into(), timestamp(self.issued_at));
        out.insert("updated_at".into(), timestamp(self.updated_at));
        if let Some(code) = exchange_code {
            out.insert("session_token_exchange_code".into(), json!(code));
        }
        if let Some(schema) = &self.identity_schema {
            out.insert("identity_schema".into(), json!(schema));
        }
        self.state.render(&mut out);
        Value::Object(out)
    }

    /// Where the form is submitted.
    pub fn action(&self, base_url: &str) -> String {
        join(base_url, &format!("/self-service/{}?flow={}", S::NAME.as_str(), self.id))
    }

    /// The 410 of a read after the end (contract `login-flow.md` 1.6).
    pub fn expired_on_read(&self, base_url: &str) -> ApiError {
        let name = S::NAME.as_str();
        let init = join(base_url, &S::NAME.init_path(self.flow_type));
        let error = ApiError::new(410).with_id("self_service_flow_expired");
        match self.flow_type {
            FlowType::Api => error
                .because(format!(
                    "The {name} flow has expired. Call the {name} flow init API endpoint to initialize a new {name} flow."
                ))
                .detail("api", init),
            FlowType::Browser => {
                let mut to = init;
                if let Some(return_to) = &self.return_to {
                    to.push_str("?return_to=");
                    to.extend(form_urlencoded::byte_serialize(return_to.as_bytes()));
                }
                error
                    .because(format!(
                        "The {name} flow has expired. Redirect the user to the {name} flow init endpoint to initialize a new \
                         {name} flow."
                    ))
                    .detail("redirect_to", to)
                    .detail("return_to", self.return_to.as_deref().unwrap_or_default())
            }
        }
    }

    /// The 410 of a submission after the end; the client goes on with the flow `replacement` (contract `login-flow.md` 5.8).
    pub fn expired_on_submit(&self, replacement: Uuid, now: OffsetDateTime) -> ApiError {
        let since = now - self.expires_at;
        ApiError::new(410)
            .with_id("self_service_flow_expired")
            .saying("self-service flow expired")
            .because(format!(
                "The self-service flow expired {:.2} minutes ago, initialize a new one.",
                since.as_seconds_f64() / 60.0
            ))
            .beside("expired_at", timestamp(self.expires_at))
            .beside("since", i64::try_from(since.whole_nanoseconds()).unwrap_or(i64::MAX))
            .beside("use_flow_id", replacement.to_string())
    }

    /// Puts the messages and the identifier that the flow stores into its nodes.
    pub fn fill(&self, nodes: &mut Vec<form::Node>) {
        if let Some(typed) = self.form.identifier()
            && let Some(place) = nodes.iter().position(|node| node.name() == "identifier")
        {
            let node = nodes.remove(place).value(typed);
            nodes.insert(place, node);
        }
        for field in &self.form.fields {
            form::attach(nodes, &field.field, field.message.clone());
        }
        if self.form.layout != Layout::Step {
            form::sort(nodes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::login::Login;
    use super::*;
    use crate::aal::Aal;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);

    fn flow(flow_type: FlowType) -> Flow<Login> {
        let url = "https://auth.example/self-service/login/browser".to_owned();
        let origin = Origin::new(Uuid::from_u128(3), flow_type, url, (Duration::HOUR, NOW));
        Flow { return_to: Some("https://app.example/?a=b c".into()), ..Flow::new(origin, Login::default(), NOW) }
    }

    #[test]
    fn facts_stay_below_one_kilobyte() {
        let text = serde_json::to_string(&flow(FlowType::Browser)).unwrap();
        assert!(text.len() < 1024, "{} bytes", text.len());
        assert_eq!(serde_json::from_str::<Flow<Login>>(&text).unwrap(), flow(FlowType::Browser));
    }

    #[test]
    fn replacement_keeps_request_and_says_what_happened() {
        let mut old = flow(FlowType::Api);
        old.active = Some(MethodId::Password);
        let later = old.expires_at + Duration::seconds(90);
        let state = Login { refresh: true, requested_aal: Aal::Aal2, ..Login::default() };
        let new = old.replacement(Uuid::from_u128(4), state.clone(), (Duration::HOUR, later));
        assert_eq!((&new.state, &new.request_url, &new.return_to), (&state, &old.request_url, &old.return_to));
        assert_eq!(new.form.messages[0].id, 4010001);
        assert_eq!((new.active, new.expires_at), (None, later + Duration::HOUR));
        let gone = old.expired_on_submit(new.id, later);
        assert_eq!(gone.beside["since"], 90_000_000_000u64);
        assert_eq!(gone.reason.unwrap(), "The self-service flow expired 1.50 minutes ago, initialize a new one.");
    }

    #[test]
    fn expired_flow_names_where_to_begin_again() {
        let error = flow(FlowType::Browser).expired_on_read("https://auth.example/");
        assert_eq!(
            error.details["redirect_to"],
            "https://auth.example/self-service/login/browser?return_to=https%3A%2F%2Fapp.example%2F%3Fa%3Db+c"
        );
        let error = flow(FlowType::Api).expired_on_read("https://auth.example");
        assert_eq!(error.details["api"], "https://auth.example/self-service/login/api");
    }

    #[test]
    fn paths_name_their_flow() {
        for path in ["/self-service/login/browser", "/self-service/login"] {
            assert_eq!(FlowName::of_path(path), Some(FlowName::Login));
        }
        for path in ["/self-service/logout/browser", "/self-service", "/login"] {
            assert_eq!(FlowName::of_path(path), None);
        }
    }
}
