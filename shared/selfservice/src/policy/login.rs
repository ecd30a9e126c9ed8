//! The policy of the login flow (contract `login-flow.md` 2, 5.2).

use super::{FlowPolicy, Standing};
use latchkey_config::{Config, FlowConfig};
use latchkey_core::aal::Aal;
use latchkey_core::csrf::CsrfBinding;
use latchkey_core::error::ApiError;
use latchkey_core::flow::login::{CurrentSession, Login, LoginDraft, LoginRequest, RequestRules};
use latchkey_core::flow::{Flow, FlowType, Opened};
use latchkey_core::identity::Identity;
use latchkey_web::Call;
use latchkey_web::caller::SignedIn;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

impl FlowPolicy for Login {
    type Draft = LoginDraft;

    fn config(config: &Config) -> &FlowConfig {
        &config.selfservice.flows.login
    }

    fn draft(call: &Call<'_>, flow_type: FlowType, rules: &RequestRules<'_>) -> Result<LoginDraft, ApiError> {
        let request = LoginRequest {
            flow_type,
            refresh: call.flag("refresh"),
            aal: call.query("aal"),
            return_to: call.query("return_to"),
            organization: call.query("organization"),
            identity_schema: call.query("identity_schema"),
            has_login_challenge: call.query("login_challenge").is_some(),
        };
        request.check(rules)
    }

    fn destination(draft: &LoginDraft) -> Option<&str> {
        draft.destination.as_deref()
    }

    fn begin(
        draft: LoginDraft,
        session: Option<&SignedIn>,
        request_url: String,
        csrf: Option<CsrfBinding>,
        life: (Uuid, Duration, OffsetDateTime),
    ) -> Result<Opened<Self>, ApiError> {
        let session = session.map(|s| CurrentSession { aal: s.session.aal(), identity: &s.profile.identity });
        draft.open(session, request_url, csrf, life)
    }

    fn standing(flow: &Flow<Self>, session: Option<&SignedIn>) -> Standing {
        match session {
            // The session is as strong as the flow asks for, and the client did not ask for another proof.
            Some(s) if !flow.state.refresh && s.session.aal() >= flow.state.requested_aal => Standing::AlreadySignedIn,
            None if flow.state.requested_aal > Aal::Aal1 => Standing::LacksFirstFactor,
            _ => Standing::Proceeds,
        }
    }

    fn renew(
        flow: &Flow<Self>,
        id: Uuid,
        session: Option<&Identity>,
        csrf: Option<CsrfBinding>,
        life: (Duration, OffsetDateTime),
    ) -> Flow<Self> {
        flow.renewed(id, session, csrf, life)
    }
}
