//! The password method's turn: right kind of client, own form, right password.

use crate::Submission;
use crate::finish::{Proof, Rehash};
use latchkey_core::aal::{Aal, AuthenticationMethod, Method};
use latchkey_core::flow::{FieldMessage, FlowKind};
use latchkey_core::identity::{CredentialType, State};
use latchkey_core::message::Message;
use latchkey_methods::password::{self, Attempt};
use latchkey_store::credentials::Guard;
use latchkey_store::meter::{self, beside};
use latchkey_web::payload::Payload;
use latchkey_web::{Fault, Reply, chance};

impl Submission<'_> {
    pub(crate) async fn password(
        mut self,
        payload: &Payload,
        attempt: Result<Attempt, Vec<FieldMessage>>,
        guards: &[Option<Guard>],
    ) -> Result<Reply, Fault> {
        let now = self.call.now;
        let before = self.flow.form.identifier.take();
        let typed = payload.text("identifier").or(payload.text("password_identifier"));
        self.flow.form.identifier = Some(typed.unwrap_or_default().to_owned());
        let attempt = match attempt {
            Ok(attempt) => attempt,
            Err(fields) => {
                self.flow.say(Vec::new(), fields, now);
                return self.form_error("incomplete").await;
            }
        };
        if let Some(reason) = self.api_flow_from_browser() {
            self.flow.say(vec![Message::generic(reason)], Vec::new(), now);
            return self.form_error("browser in an api flow").await;
        }
        if self.flow.kind == FlowKind::Browser {
            // Whoever passes is this form's sender, not its owner: the flow stays bound to the browser that began it.
            if let Err(fault) = self.call.check_csrf_token(payload.text("csrf_token"), payload.is_json) {
                return self.fail(fault).await;
            }
        }

        // The lookups are the normalised identifier and, if it differs, the raw one, whose hit counts more.
        let guard = guards.iter().flatten().next_back();
        let hash = guard.and_then(|guard| guard.hash.clone());
        let (hasher, salt) = (self.app.hasher, chance::bytes::<64>());
        let hashing = tokio::task::spawn_blocking(move || password::verify(&attempt, hash.as_deref(), &hasher, &salt));
        // Nobody's account is read as well, so that the store does the same for everybody.
        let whose = guard.map_or_else(chance::id, |guard| guard.identity);
        let (verdict, account) = tokio::join!(hashing, beside(self.app.accounts.everything_of(whose)));
        let verdict = verdict.map_err(|e| Fault::internal(format!("the password could not be checked: {e}")))?;
        meter::hashed(verdict.hashes);
        let (profile, sessions) = account?;

        let (Some(guard), Some(profile), true) = (guard, profile, verdict.right) else {
            self.flow.say(vec![Message::invalid_credentials()], Vec::new(), now);
            return self.form_error("invalid credentials").await;
        };
        // From here on the method is known, and the form keeps what it showed before.
        self.flow.form.identifier = before;
        self.flow.active = Some(Method::Password);
        if profile.identity.state == State::Inactive {
            self.flow.say(vec![Message::identity_disabled()], Vec::new(), now);
            return self.form_error("identity disabled").await;
        }
        let identifiers = profile.identity.credentials.get(&CredentialType::Password).map(|c| c.identifiers.clone());
        let rehash = verdict.better_hash.map(|hash| Rehash { hash, identifiers: identifiers.unwrap_or_default() });
        let proof = Proof {
            method: AuthenticationMethod { method: Method::Password, aal: Aal::Aal1, completed_at: now },
            credential: (CredentialType::Password, guard.version),
            profile,
            sessions,
        };
        self.finish(proof, rehash).await
    }

    /// Why an app's flow may not be submitted by what looks like a browser (contract 8.5). `Origin` is looked at first.
    fn api_flow_from_browser(&self) -> Option<String> {
        let call = self.call;
        let (key, how) = match self.flow.kind {
            FlowKind::Browser => return None,
            FlowKind::Api if call.header("origin").is_some_and(|origin| !origin.is_empty()) => {
                ("Origin", "made as part of an AJAX request in a Browser")
            }
            FlowKind::Api if call.has_browser_cookie() => ("Cookie", "made by a Browser"),
            FlowKind::Api => return None,
        };
        Some(format!(
            "The HTTP Request Header included the \"{key}\" key, indicating that this request was {how}. The flow however \
             was initiated as an API request. To prevent potential misuse and mitigate several attack vectors including \
             CSRF, the request has been blocked. Please consult the documentation."
        ))
    }
}
