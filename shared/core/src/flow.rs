//! The facts of a login flow, and the JSON that clients are shown of it.
//!
//! Stored are facts (what kind of client, what was asked for, what to say), never the form itself: `ui` is rendered from
//! them on each read, so a release that draws a form differently needs no migration.

use crate::aal::Aal;
use crate::bounds::LONGEST_IDENTIFIER;
use crate::csrf::CsrfBinding;
use crate::error::ApiError;
use crate::form::Container;
use crate::identity::Via;
use crate::message::Message;
use crate::method::MethodId;
use crate::url::join;
use crate::wire::timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// What kind of client began a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowType {
    /// A browser, with cookies, whether it navigates or a script drives it.
    Browser,
    /// A native app.
    Api,
}

/// How far a flow has come, as clients know it. A password login leaves it at `choose_method`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowState {
    /// Nothing was sent yet.
    #[default]
    ChooseMethod,
    /// A code is on its way, by whatever channel.
    SentEmail,
    /// Signed in by a code.
    PassedChallenge,
}

/// Which of its screens a flow shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    /// The one a login begins with.
    #[default]
    Start,
    /// The identifier is known; what its owner may go on with.
    Offers(Vec<MethodId>),
    /// A code is asked for.
    Code {
        /// Whether the identifier stands in an input made anew: it does once a code was refused. Before, it is the one of the
        /// first screen, hidden.
        bare: bool,
    },
}

/// How a form came about. Clients are used to the order of inputs that comes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// By beginning a flow: sorted.
    #[default]
    Begun,
    /// By a step that went well: each input where the step put it.
    Stepped,
    /// By a step that did not: sorted, and with the anti-CSRF input even in flows of apps.
    Refused,
}

/// An address that a code can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeAddress {
    /// Channel.
    pub via: Via,
    /// The address, normalised.
    pub value: String,
}

/// A message for one input of the form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldMessage {
    /// The input's name.
    pub field: String,
    /// The message.
    pub message: Message,
}

/// What the form has to show beyond what the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FormFacts {
    /// What the person typed as identifier, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identifier: Option<String>,
    /// Messages on top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// Messages under inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldMessage>,
    /// The screen.
    #[serde(default, skip_serializing_if = "is_default")]
    pub screen: Screen,
    /// How the form came about.
    #[serde(default, skip_serializing_if = "is_default")]
    pub made: Made,
    /// Addresses to choose from, for somebody who is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<CodeAddress>,
    /// A native app's form that carries a token nobody checks, because its request came with a browser's cookie.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub token_in_api_flow: bool,
}

impl FormFacts {
    /// What the form's identifier holds.
    pub fn identifier(&self) -> Option<&str> {
        self.identifier.as_deref()
    }

    /// Keeps what was typed as identifier, verbatim; nothing of what is too long to be anybody's.
    pub fn keep_identifier(&mut self, typed: &str) {
        let is_too_long = typed.chars().nth(LONGEST_IDENTIFIER).is_some();
        self.identifier = Some(if is_too_long { String::new() } else { typed.to_owned() });
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A login flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoginFlow {
    /// The id, known to the client.
    pub id: Uuid,
    /// Kind of client.
    pub kind: FlowType,
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
    /// A signed-in person proves again who they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refresh: bool,
    /// The level asked for.
    pub requested_aal: Aal,
    /// Organization asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<Uuid>,
    /// Schema asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_schema: Option<String>,
    /// Which browser it belongs to. A native app's flow has one where its request came with a browser's cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<CsrfBinding>,
    /// On a refresh: the identifier of the person to confirm; none when they have no password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirming: Option<String>,
    /// The method that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<MethodId>,
    /// Progress.
    pub state: FlowState,
    /// What to show.
    #[serde(default)]
    pub form: FormFacts,
    /// The half of a token exchange that the app receives by redirect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_to_code: Option<String>,
}

impl LoginFlow {
    /// Past its end.
    pub fn is_expired(&self, now: OffsetDateTime) -> bool {
        now >= self.expires_at
    }

    /// Replaces everything the form says by these messages, because a step was refused; what was said before is gone.
    pub fn say(&mut self, messages: Vec<Message>, fields: Vec<FieldMessage>, now: OffsetDateTime) {
        self.form.messages = messages;
        self.form.fields = fields;
        self.form.made = Made::Refused;
        self.updated_at = now;
    }

    /// The same flow once this method has proven who it is. What failed before is as it was, because nothing is put back by hand.
    #[must_use]
    pub fn passed(&self, method: MethodId) -> Self {
        let state = if method == MethodId::Code { FlowState::PassedChallenge } else { self.state };
        Self { active: Some(method), state, ..self.clone() }
    }

    /// Replaces what is said on top of the form, and nothing else of it.
    pub fn tell(&mut self, message: Message, now: OffsetDateTime) {
        self.form.messages = vec![message];
        self.form.fields = Vec::new();
        self.updated_at = now;
    }

    /// Shows the next screen, because a step of this method went well.
    pub fn step(&mut self, method: MethodId, screen: Screen, messages: Vec<Message>, now: OffsetDateTime) {
        self.form.messages = messages;
        self.form.fields = Vec::new();
        self.form.screen = screen;
        self.form.made = Made::Stepped;
        self.active = Some(method);
        self.updated_at = now;
    }

    /// The flow's public JSON. `ui` is what the methods rendered; `exchange_code` is shown once, in the answer that makes
    /// the flow.
    pub fn render(&self, ui: &Container, exchange_code: Option<&str>) -> Value {
        let mut out = Map::new();
        out.insert("id".into(), json!(self.id));
        out.insert("organization_id".into(), json!(self.organization_id));
        out.insert("type".into(), json!(self.kind));
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
        out.insert("refresh".into(), json!(self.refresh));
        // Clients of the user's own documentation know the same fact by its older name.
        out.insert("forced".into(), json!(self.refresh));
        out.insert("requested_aal".into(), json!(self.requested_aal));
        if let Some(code) = exchange_code {
            out.insert("session_token_exchange_code".into(), json!(code));
        }
        out.insert("state".into(), json!(self.state));
        if let Some(schema) = &self.identity_schema {
            out.insert("identity_schema".into(), json!(schema));
        }
        Value::Object(out)
    }

    /// Where the form is sent.
    pub fn action(&self, base_url: &str) -> String {
        join(base_url, &format!("/self-service/login?flow={}", self.id))
    }

    /// The 410 of a read after the end (contract `login-flow.md` 1.6).
    pub fn expired_on_read(&self, base_url: &str) -> ApiError {
        let error = ApiError::new(410).with_id("self_service_flow_expired");
        match self.kind {
            FlowType::Api => error
                .because(
                    "The login flow has expired. Call the login flow init API endpoint to initialize a new login flow.",
                )
                .detail("api", join(base_url, self.kind.init_path())),
            FlowType::Browser => {
                let mut to = join(base_url, self.kind.init_path());
                if let Some(return_to) = &self.return_to {
                    to.push_str("?return_to=");
                    to.extend(form_urlencoded::byte_serialize(return_to.as_bytes()));
                }
                error
                    .because(
                        "The login flow has expired. Redirect the user to the login flow init endpoint to initialize a \
                         new login flow.",
                    )
                    .detail("redirect_to", to)
                    .detail("return_to", self.return_to.as_deref().unwrap_or_default())
            }
        }
    }

    /// The 410 of a submission after the end; `successor` is the flow to go on with (contract `login-flow.md` 5.8).
    pub fn expired_on_submit(&self, successor: Uuid, now: OffsetDateTime) -> ApiError {
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
            .beside("use_flow_id", successor.to_string())
    }

    /// The flow that takes the place of this expired one: same request, same demands, a new life. What it says of a person is
    /// `about` the one who submitted, who is not always the one who began.
    pub fn successor(
        &self,
        id: Uuid,
        csrf: Option<CsrfBinding>,
        about: About,
        (lifespan, now): (Duration, OffsetDateTime),
    ) -> Self {
        Self {
            request_url: self.request_url.clone(),
            return_to: self.return_to.clone(),
            identity_schema: self.identity_schema.clone(),
            requested_aal: self.requested_aal,
            refresh: about.refresh,
            confirming: about.confirming,
            organization_id: about.organization,
            form: FormFacts {
                messages: vec![Message::flow_expired(self.expires_at, now)],
                token_in_api_flow: self.kind == FlowType::Api,
                addresses: about.addresses,
                ..FormFacts::default()
            },
            csrf,
            ..Self::plain((id, self.kind), String::new(), (now, now.saturating_add(lifespan)), now)
        }
    }

    /// A flow of which nothing is known but which one it is, of which kind, and its life: what may be told to anybody who knows
    /// its id, because nobody else's doing goes into it.
    pub fn plain(
        (id, kind): (Uuid, FlowType),
        request_url: String,
        (issued_at, expires_at): (OffsetDateTime, OffsetDateTime),
        now: OffsetDateTime,
    ) -> Self {
        Self {
            id,
            kind,
            issued_at,
            expires_at,
            updated_at: now,
            request_url,
            return_to: None,
            refresh: false,
            requested_aal: Aal::Aal1,
            organization_id: None,
            identity_schema: None,
            csrf: None,
            confirming: None,
            active: None,
            state: FlowState::ChooseMethod,
            form: FormFacts::default(),
            return_to_code: None,
        }
    }
}

/// What a successor says of the person who asks for it.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// They prove again who they are.
    pub refresh: bool,
    /// Their identifier.
    pub confirming: Option<String>,
    /// Their organization.
    pub organization: Option<Uuid>,
    /// Addresses they may choose from.
    pub addresses: Vec<CodeAddress>,
}

impl FlowType {
    /// Where a flow of this kind begins.
    pub fn init_path(self) -> &'static str {
        match self {
            Self::Browser => "/self-service/login/browser",
            Self::Api => "/self-service/login/api",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);

    fn flow(kind: FlowType) -> LoginFlow {
        LoginFlow {
            return_to: Some("https://app.example/?a=b c".into()),
            ..LoginFlow::plain(
                (Uuid::from_u128(3), kind),
                "https://auth.example/self-service/login/browser".into(),
                (NOW, NOW + Duration::HOUR),
                NOW,
            )
        }
    }

    #[test]
    fn facts_stay_below_one_kilobyte() {
        let text = serde_json::to_string(&flow(FlowType::Browser)).unwrap();
        assert!(text.len() < 1024, "{} bytes", text.len());
        assert_eq!(serde_json::from_str::<LoginFlow>(&text).unwrap(), flow(FlowType::Browser));
    }

    #[test]
    fn a_successor_keeps_the_demands_and_says_what_happened() {
        let mut old = flow(FlowType::Api);
        old.refresh = true;
        old.requested_aal = Aal::Aal2;
        old.active = Some(MethodId::Password);
        let later = old.expires_at + Duration::seconds(90);
        let about = About { refresh: true, ..About::default() };
        let new = old.successor(Uuid::from_u128(4), None, about, (Duration::HOUR, later));
        assert_eq!(
            (new.refresh, new.requested_aal, new.request_url.as_str()),
            (true, Aal::Aal2, old.request_url.as_str())
        );
        assert_eq!(new.form.messages[0].id, 4010001);
        assert_eq!((new.active, new.expires_at), (None, later + Duration::HOUR));
        let gone = old.expired_on_submit(new.id, later);
        assert_eq!(gone.beside["since"], 90_000_000_000u64);
        assert_eq!(gone.reason.unwrap(), "The self-service flow expired 1.50 minutes ago, initialize a new one.");
    }

    #[test]
    fn reading_an_expired_flow_tells_where_to_begin_again() {
        let error = flow(FlowType::Browser).expired_on_read("https://auth.example/");
        assert_eq!(
            error.details["redirect_to"],
            "https://auth.example/self-service/login/browser?return_to=https%3A%2F%2Fapp.example%2F%3Fa%3Db+c"
        );
        let error = flow(FlowType::Api).expired_on_read("https://auth.example");
        assert_eq!(error.details["api"], "https://auth.example/self-service/login/api");
    }
}
