//! The login flow: its state, what a client may ask for, and how it begins with and without a session (contract `login-flow.md` 2).

use crate::aal::Aal;
use crate::bounds::quoted;
use crate::csrf::CsrfBinding;
use crate::error::ApiError;
use crate::flow::{Flow, FlowName, FlowSpec, FlowType, Opened, Origin, Progress};
use crate::identity::Identity;
use crate::message::Message;
use crate::method::MethodId;
use crate::return_to::{AllowList, return_to_error};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// The state of a login flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Login {
    /// Whether the user of a session proves again who they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refresh: bool,
    /// The level asked for.
    pub requested_aal: Aal,
    /// How far it has come.
    #[serde(rename = "state")]
    pub progress: Progress,
    /// The half of a token exchange that the app receives by redirect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_to_code: Option<String>,
}

impl Default for Login {
    fn default() -> Self {
        Self { refresh: false, requested_aal: Aal::Aal1, progress: Progress::ChooseMethod, return_to_code: None }
    }
}

impl FlowSpec for Login {
    const NAME: FlowName = FlowName::Login;

    fn expired(expired_at: OffsetDateTime, now: OffsetDateTime) -> Message {
        Message::login_flow_expired(expired_at, now)
    }

    fn passed(&mut self, method: MethodId) {
        if method == MethodId::Code {
            self.progress = Progress::PassedChallenge;
        }
    }

    fn keep_return_to_code(&mut self, code: &str) {
        self.return_to_code = Some(code.to_owned());
    }

    fn render(&self, out: &mut Map<String, Value>) {
        out.insert("refresh".into(), json!(self.refresh));
        // Older clients know the same fact by this name.
        out.insert("forced".into(), json!(self.refresh));
        out.insert("requested_aal".into(), json!(self.requested_aal));
        out.insert("state".into(), json!(self.progress));
    }
}

/// What a client asks for, as its query has it.
#[derive(Clone, Copy, Debug)]
pub struct LoginRequest<'a> {
    /// Kind of client, by the path it called.
    pub flow_type: FlowType,
    /// Ask again, although the client has a session.
    pub refresh: bool,
    /// The level asked for, as written.
    pub aal: Option<&'a str>,
    /// Where to go afterwards, as written.
    pub return_to: Option<&'a str>,
    /// The organization asked for; a text that is not an id does not count.
    pub organization: Option<&'a str>,
    /// The identity schema that labels the form.
    pub identity_schema: Option<&'a str>,
    /// Whether an OAuth2 challenge came along, whatever its value.
    pub has_login_challenge: bool,
}

/// What the configuration allows a client to ask for.
#[derive(Clone, Copy, Debug)]
pub struct RequestRules<'a> {
    /// Where browsers may be sent.
    pub return_to: &'a AllowList,
    /// Id of each schema, and whether clients may choose it.
    pub schemas: &'a [(String, bool)],
    /// The schema that counts without a choice.
    pub default_schema: &'a str,
}

/// A request that the configuration allows.
#[derive(Clone, Debug)]
pub struct LoginDraft {
    flow_type: FlowType,
    refresh: bool,
    aal: Aal,
    return_to: Option<String>,
    /// `return_to` as a browser would be sent there.
    pub destination: Option<String>,
    organization: Option<Uuid>,
    identity_schema: Option<String>,
}

impl LoginRequest<'_> {
    /// Checks the request.
    ///
    /// # Errors
    /// The error of contract 1.4.
    pub fn check(&self, rules: &RequestRules<'_>) -> Result<LoginDraft, ApiError> {
        if self.has_login_challenge {
            // The client made this request, so it is no failure of the deployment.
            return Err(ApiError::bad_request(
                "refusing to parse login_challenge query parameter because oauth2_provider.url is invalid or unset",
            )
            .with_id("invalid_configuration"));
        }
        let return_to = self.return_to.filter(|url| !url.is_empty());
        let destination = match return_to.map(|url| rules.return_to.check(url)).transpose() {
            Ok(url) => url.map(|url| url.as_str().to_owned()),
            Err(error) => return Err(return_to_error(&error)),
        };
        let aal = match self.aal.filter(|aal| !aal.is_empty()) {
            None => Aal::Aal1,
            Some(text) => Aal::parse_requested(text).map_err(ApiError::bad_request)?,
        };
        let identity_schema = self.identity_schema.filter(|id| !id.is_empty() && aal == Aal::Aal1);
        if let Some(id) = identity_schema {
            let known = rules.schemas.iter().find(|(known, _)| known == id);
            let problem = match known {
                None => Some("does not exist"),
                Some((_, selectable)) if !selectable && id != rules.default_schema => {
                    Some("is not enabled for self-service flows")
                }
                Some(_) => None,
            };
            if let Some(problem) = problem {
                let id = quoted(id);
                return Err(ApiError::bad_request(format!("Requested identity schema \"{id}\" {problem}.")));
            }
        }
        Ok(LoginDraft {
            flow_type: self.flow_type,
            refresh: self.refresh,
            aal,
            return_to: return_to.map(str::to_owned),
            destination,
            organization: self.organization.and_then(|id| Uuid::try_parse(id).ok()).filter(|_| aal == Aal::Aal1),
            identity_schema: identity_schema.map(str::to_owned),
        })
    }
}

/// The session of the client that begins a flow.
#[derive(Clone, Copy, Debug)]
pub struct CurrentSession<'a> {
    /// The session's level.
    pub aal: Aal,
    /// The identity of the session.
    pub identity: &'a Identity,
}

impl LoginDraft {
    /// Decides by the session (contract 2.2). `request_url` is the URL that the client called, `csrf` the browser's binding.
    ///
    /// # Errors
    /// 401 when the client asks for a second factor without a first.
    pub fn open(
        self,
        session: Option<CurrentSession<'_>>,
        request_url: String,
        csrf: Option<CsrfBinding>,
        (id, lifespan, now): (Uuid, Duration, OffsetDateTime),
    ) -> Result<Opened<Login>, ApiError> {
        let mut messages = Vec::new();
        match &session {
            None if self.aal == Aal::Aal2 => return Err(ApiError::session_aal1_required()),
            None => {}
            Some(session) => {
                if self.refresh {
                    messages.push(Message::confirm_it_is_you());
                }
                if self.aal > session.aal {
                    messages.push(Message::complete_second_factor());
                } else if !self.refresh {
                    return Ok(Opened::AlreadySignedIn);
                }
            }
        }
        let identity = session.map(|session| session.identity);
        let state = Login { refresh: self.refresh && identity.is_some(), requested_aal: self.aal, ..Login::default() };
        let origin = Origin::new(id, self.flow_type, request_url, (lifespan, now));
        let mut flow = Flow::new(origin, state, now);
        flow.return_to = self.return_to;
        flow.subject = identity.map(|identity| identity.id);
        flow.organization_id = identity
            .and_then(|identity| identity.organization_id)
            .filter(|_| self.aal == Aal::Aal1)
            .or(self.organization);
        flow.identity_schema = self.identity_schema;
        flow.csrf = csrf;
        flow.form.messages = messages;
        flow.form.token_in_api_flow = self.flow_type == FlowType::Api && csrf.is_some();
        Ok(Opened::Flow(Box::new(flow)))
    }
}

impl Flow<Login> {
    /// The flow that replaces this one, which has expired. It is about the identity of the client's session, which is not always the
    /// session of the client that began it.
    pub fn renewed(
        &self,
        id: Uuid,
        session: Option<&Identity>,
        csrf: Option<CsrfBinding>,
        life: (Duration, OffsetDateTime),
    ) -> Self {
        let state = Login {
            refresh: self.state.refresh && session.is_some(),
            requested_aal: self.state.requested_aal,
            ..Login::default()
        };
        let mut flow = self.replacement(id, state, life);
        flow.subject = session.map(|identity| identity.id);
        flow.organization_id =
            session.and_then(|identity| identity.organization_id).filter(|_| self.state.requested_aal == Aal::Aal1);
        flow.csrf = csrf;
        flow
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::State;
    use serde_json::json;
    use std::collections::BTreeMap;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);

    fn asked() -> LoginRequest<'static> {
        LoginRequest {
            flow_type: FlowType::Browser,
            refresh: false,
            aal: None,
            return_to: None,
            organization: None,
            identity_schema: None,
            has_login_challenge: false,
        }
    }

    fn identity() -> Identity {
        Identity {
            id: Uuid::from_u128(1),
            external_id: None,
            schema_id: "default".into(),
            state: State::Active,
            state_changed_at: NOW,
            traits: json!({}),
            verifiable_addresses: vec![],
            recovery_addresses: vec![],
            metadata_public: json!(null),
            metadata_admin: json!(null),
            created_at: NOW,
            updated_at: NOW,
            organization_id: None,
            region: None,
            credentials: BTreeMap::new(),
        }
    }

    fn check(asked: LoginRequest<'_>) -> Result<LoginDraft, ApiError> {
        let list = AllowList::new("https://auth.example/", &["https://app.example".into()], "https://app.example/");
        let schemas = [("default".to_owned(), false), ("other".to_owned(), true), ("hidden".to_owned(), false)];
        asked.check(&RequestRules { return_to: &list, schemas: &schemas, default_schema: "default" })
    }

    /// The whole table of contract 2.2, as (session, refresh, aal) → outcome.
    #[test]
    fn session_refresh_and_level_decide_together() {
        let identity = identity();
        for session in [None, Some(Aal::Aal1), Some(Aal::Aal2)] {
            for refresh in [false, true] {
                for (text, aal) in [("aal1", Aal::Aal1), ("aal2", Aal::Aal2)] {
                    let draft = check(LoginRequest { refresh, aal: Some(text), ..asked() }).unwrap();
                    let current = session.map(|aal| CurrentSession { aal, identity: &identity });
                    let begun = draft.open(current, "x".into(), None, (Uuid::nil(), Duration::HOUR, NOW));
                    let seen = match &begun {
                        Err(error) => format!("{} {}", error.status, error.id),
                        Ok(Opened::AlreadySignedIn) => "signed in".into(),
                        Ok(Opened::Flow(f)) => {
                            format!(
                                "{} {:?}",
                                f.state.refresh,
                                f.form.messages.iter().map(|m| m.id).collect::<Vec<_>>()
                            )
                        }
                    };
                    let want = match (session, refresh, aal) {
                        (None, _, Aal::Aal2) => "401 session_aal1_required",
                        (None, _, _) => "false []",
                        (Some(_), true, Aal::Aal1) | (Some(Aal::Aal2), true, _) => "true [1010003]",
                        (Some(_), true, _) => "true [1010003, 1010004]",
                        (Some(Aal::Aal1), false, Aal::Aal2) => "false [1010004]",
                        (Some(_), false, _) => "signed in",
                    };
                    assert_eq!(seen, want, "{session:?} refresh={refresh} {aal:?}");
                }
            }
        }
    }

    #[test]
    fn requests_beyond_the_rules_are_refused() {
        for (asked, status, id, reason) in [
            (
                LoginRequest { has_login_challenge: true, return_to: Some("https://evil.example"), ..asked() },
                400,
                "invalid_configuration",
                "refusing to parse login_challenge",
            ),
            (
                LoginRequest { return_to: Some("//evil.example"), ..asked() },
                400,
                "self_service_flow_return_to_forbidden",
                "Requested return_to URL \"https://evil.example\" is not allowed.",
            ),
            (
                LoginRequest { return_to: Some("http://[::1"), ..asked() },
                400,
                "",
                "Unable to parse the return_to query parameter as an URL",
            ),
            (
                LoginRequest { aal: Some("aal0"), ..asked() },
                400,
                "",
                "Unable to parse AuthenticationMethod Assurance Level (AAL): expected one of [aal1, aal2] but got aal0",
            ),
            (
                LoginRequest { identity_schema: Some("hidden"), ..asked() },
                400,
                "",
                "Requested identity schema \"hidden\" is not enabled for self-service flows.",
            ),
            (
                LoginRequest { identity_schema: Some("Other"), ..asked() },
                400,
                "",
                "Requested identity schema \"Other\" does not exist.",
            ),
        ] {
            let error = check(asked).unwrap_err();
            assert_eq!((error.status, error.id), (status, id));
            assert!(error.reason.as_deref().unwrap().starts_with(reason), "{error:?}");
        }
        for fine in [
            LoginRequest { identity_schema: Some("other"), ..asked() },
            LoginRequest { identity_schema: Some("default"), ..asked() },
            LoginRequest { identity_schema: Some("nope"), aal: Some("AAL2"), ..asked() },
            LoginRequest { return_to: Some(""), aal: Some(""), organization: Some("rubbish"), ..asked() },
        ] {
            assert!(check(fine).is_ok(), "{fine:?}");
        }
    }
}
