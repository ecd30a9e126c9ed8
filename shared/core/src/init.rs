//! How a login flow begins (contract `login-flow.md` 2): what may be asked for, and what comes of it with and without a
//! session.

use crate::aal::Aal;
use crate::bounds::quoted;
use crate::csrf::CsrfBinding;
use crate::error::ApiError;
use crate::flow::{FlowState, FlowType, FormFacts, LoginFlow};
use crate::identity::Identity;
use crate::message::Message;
use crate::return_to::{AllowList, ReturnToError};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// A client's wishes, as its query has them.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Kind of client, by the path it called.
    pub kind: FlowType,
    /// Ask again, although signed in.
    pub refresh: bool,
    /// The level asked for, as written.
    pub aal: Option<&'a str>,
    /// Where to go afterwards, as written.
    pub return_to: Option<&'a str>,
    /// The organization asked for; what is no id does not count.
    pub organization: Option<&'a str>,
    /// The identity schema that labels the form.
    pub identity_schema: Option<&'a str>,
    /// Whether an OAuth2 challenge came along, whatever its value.
    pub has_login_challenge: bool,
}

/// What the configuration allows.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// Where browsers may be sent.
    pub return_to: &'a AllowList,
    /// Id of each schema, and whether clients may choose it.
    pub schemas: &'a [(String, bool)],
    /// The schema that counts without a choice.
    pub default_schema: &'a str,
    /// Set when whoever confirms themselves may choose among their addresses; true when verifiable ones do as well.
    pub offers_addresses: Option<bool>,
}

/// Wishes that may be fulfilled.
#[derive(Clone, Debug)]
pub struct Draft {
    kind: FlowType,
    refresh: bool,
    aal: Aal,
    return_to: Option<String>,
    /// `return_to` as it would be sent to a browser.
    pub checked_return_to: Option<String>,
    organization: Option<Uuid>,
    identity_schema: Option<String>,
    offers_addresses: Option<bool>,
}

impl Asked<'_> {
    /// Checks the wishes.
    ///
    /// # Errors
    /// The error of contract 1.4.
    pub fn check(&self, policy: &Policy<'_>) -> Result<Draft, ApiError> {
        if self.has_login_challenge {
            // Its client made this request, and no administrator need be woken for it.
            return Err(ApiError::bad_request(
                "refusing to parse login_challenge query parameter because oauth2_provider.url is invalid or unset",
            )
            .with_id("invalid_configuration"));
        }
        let return_to = self.return_to.filter(|url| !url.is_empty());
        let checked_return_to = match return_to.map(|url| policy.return_to.check(url)).transpose() {
            Ok(url) => url.map(|url| url.as_str().to_owned()),
            Err(error) => return Err(return_to_error(&error)),
        };
        let aal = match self.aal.filter(|aal| !aal.is_empty()) {
            None => Aal::Aal1,
            Some(text) => Aal::parse_requested(text).map_err(ApiError::bad_request)?,
        };
        let identity_schema = self.identity_schema.filter(|id| !id.is_empty() && aal == Aal::Aal1);
        if let Some(id) = identity_schema {
            let known = policy.schemas.iter().find(|(known, _)| known == id);
            let problem = match known {
                None => Some("does not exist"),
                Some((_, selectable)) if !selectable && id != policy.default_schema => {
                    Some("is not enabled for self-service flows")
                }
                Some(_) => None,
            };
            if let Some(problem) = problem {
                let id = quoted(id);
                return Err(ApiError::bad_request(format!("Requested identity schema \"{id}\" {problem}.")));
            }
        }
        Ok(Draft {
            kind: self.kind,
            refresh: self.refresh,
            aal,
            return_to: return_to.map(str::to_owned),
            checked_return_to,
            organization: self.organization.and_then(|id| Uuid::try_parse(id).ok()).filter(|_| aal == Aal::Aal1),
            identity_schema: identity_schema.map(str::to_owned),
            offers_addresses: policy.offers_addresses,
        })
    }
}

/// The 400 of a `return_to` that is refused.
pub fn return_to_error(error: &ReturnToError) -> ApiError {
    let answer = ApiError::bad_request(error.to_string());
    match error {
        ReturnToError::Malformed(_) => answer,
        ReturnToError::Forbidden(_) => answer.with_id("self_service_flow_return_to_forbidden"),
    }
}

/// The session of whoever asks.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The session's level.
    pub aal: Aal,
    /// Whose it is.
    pub identity: &'a Identity,
}

/// What comes of an init.
#[derive(Clone, Debug)]
pub enum Begun {
    /// A flow.
    Flow(Box<LoginFlow>),
    /// Nothing to do: the session is what was asked for.
    AlreadySignedIn,
}

impl Draft {
    /// Decides by the session (contract 2.2). `request_url` is the URL that was called, `csrf` the browser's binding.
    ///
    /// # Errors
    /// 401 when a second factor is asked for without a first.
    pub fn begin(
        self,
        asking: Option<Asking<'_>>,
        request_url: String,
        csrf: Option<CsrfBinding>,
        (id, lifespan, now): (Uuid, Duration, OffsetDateTime),
    ) -> Result<Begun, ApiError> {
        let mut messages = Vec::new();
        let refresh = match &asking {
            None if self.aal == Aal::Aal2 => return Err(ApiError::session_aal1_required()),
            None => false,
            Some(asking) => {
                if self.refresh {
                    messages.push(Message::confirm_it_is_you());
                }
                if self.aal > asking.aal {
                    messages.push(Message::complete_second_factor());
                } else if !self.refresh {
                    return Ok(Begun::AlreadySignedIn);
                }
                self.refresh
            }
        };
        let identity = asking.map(|asking| asking.identity);
        Ok(Begun::Flow(Box::new(LoginFlow {
            id,
            kind: self.kind,
            issued_at: now,
            expires_at: now.saturating_add(lifespan),
            updated_at: now,
            request_url,
            return_to: self.return_to,
            refresh,
            requested_aal: self.aal,
            organization_id: identity
                .and_then(|i| i.organization_id)
                .filter(|_| self.aal == Aal::Aal1)
                .or(self.organization),
            identity_schema: self.identity_schema,
            csrf,
            confirming: identity.filter(|_| refresh).and_then(Identity::refresh_identifier).map(str::to_owned),
            active: None,
            state: FlowState::ChooseMethod,
            form: FormFacts {
                messages,
                addresses: identity
                    .filter(|_| refresh)
                    .zip(self.offers_addresses)
                    .map(|(identity, fallback)| identity.code_addresses(fallback))
                    .unwrap_or_default(),
                token_in_api_flow: self.kind == FlowType::Api && csrf.is_some(),
                ..FormFacts::default()
            },
            return_to_code: None,
        })))
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

    fn asked() -> Asked<'static> {
        Asked {
            kind: FlowType::Browser,
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
            available_aal: Aal::Aal1,
        }
    }

    fn check(asked: Asked<'_>) -> Result<Draft, ApiError> {
        let list = AllowList::new("https://auth.example/", &["https://app.example".into()], "https://app.example/");
        let schemas = [("default".to_owned(), false), ("other".to_owned(), true), ("hidden".to_owned(), false)];
        asked.check(&Policy { return_to: &list, schemas: &schemas, default_schema: "default", offers_addresses: None })
    }

    /// The whole table of contract 2.2, as (session, refresh, aal) → outcome.
    #[test]
    fn every_combination_of_session_refresh_and_level() {
        let person = identity();
        for session in [None, Some(Aal::Aal1), Some(Aal::Aal2)] {
            for refresh in [false, true] {
                for (text, aal) in [("aal1", Aal::Aal1), ("aal2", Aal::Aal2)] {
                    let draft = check(Asked { refresh, aal: Some(text), ..asked() }).unwrap();
                    let asking = session.map(|aal| Asking { aal, identity: &person });
                    let begun = draft.begin(asking, "x".into(), None, (Uuid::nil(), Duration::HOUR, NOW));
                    let seen = match &begun {
                        Err(error) => format!("{} {}", error.status, error.id),
                        Ok(Begun::AlreadySignedIn) => "signed in".into(),
                        Ok(Begun::Flow(f)) => {
                            format!("{} {:?}", f.refresh, f.form.messages.iter().map(|m| m.id).collect::<Vec<_>>())
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
    fn wishes_that_are_refused() {
        for (asked, status, id, reason) in [
            (
                Asked { has_login_challenge: true, return_to: Some("https://evil.example"), ..asked() },
                400,
                "invalid_configuration",
                "refusing to parse login_challenge",
            ),
            (
                Asked { return_to: Some("//evil.example"), ..asked() },
                400,
                "self_service_flow_return_to_forbidden",
                "Requested return_to URL \"https://evil.example\" is not allowed.",
            ),
            (
                Asked { return_to: Some("http://[::1"), ..asked() },
                400,
                "",
                "Unable to parse the return_to query parameter as an URL",
            ),
            (
                Asked { aal: Some("aal0"), ..asked() },
                400,
                "",
                "Unable to parse AuthenticationMethod Assurance Level (AAL): expected one of [aal1, aal2] but got aal0",
            ),
            (
                Asked { identity_schema: Some("hidden"), ..asked() },
                400,
                "",
                "Requested identity schema \"hidden\" is not enabled for self-service flows.",
            ),
            (
                Asked { identity_schema: Some("Other"), ..asked() },
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
            Asked { identity_schema: Some("other"), ..asked() },
            Asked { identity_schema: Some("default"), ..asked() },
            Asked { identity_schema: Some("nope"), aal: Some("AAL2"), ..asked() },
            Asked { return_to: Some(""), aal: Some(""), organization: Some("rubbish"), ..asked() },
        ] {
            assert!(check(fine).is_ok(), "{fine:?}");
        }
    }
}
