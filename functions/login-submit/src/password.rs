//! The password method's turn: right kind of client, own form, right password.

use crate::finish::{Basis, Proof, Rehash};
use crate::{Own, Owners, Submission};
use latchkey_core::aal::{Aal, AuthenticationMethod};
use latchkey_core::flow::{FieldMessage, LoginFlow};
use latchkey_core::identity::{CredentialType, State};
use latchkey_core::message::Message;
use latchkey_core::method::MethodId;
use latchkey_methods::password::Attempt;
use latchkey_platform::log;
use latchkey_platform::meter::{self, beside};
use latchkey_store::accounts::Collection;
use latchkey_web::payload::Payload;
use latchkey_web::{Fault, Reply};
use std::sync::Arc;

impl Own<'_> {
    pub(crate) async fn password(
        mut self,
        payload: &Payload,
        attempt: Result<Attempt, Vec<FieldMessage>>,
        owners: &Owners,
    ) -> Result<Reply, Fault> {
        let before = self.flow.clone();
        let typed = payload.text("identifier").or(payload.text("password_identifier"));
        self.flow.form.keep_identifier(typed.unwrap_or_default());
        let attempt = match attempt {
            Ok(attempt) => attempt,
            Err(fields) => {
                self.say(Vec::new(), fields);
                return self.form_error("incomplete").await;
            }
        };
        match self.admitted(payload).await? {
            Ok(submission) => Box::pin(submission.try_password(attempt, &before, owners)).await,
            Err(reply) => Ok(reply),
        }
    }
}

impl Submission<'_> {
    async fn try_password(mut self, attempt: Attempt, before: &LoginFlow, owners: &Owners) -> Result<Reply, Fault> {
        let now = self.call.now;
        let guard = owners.by_password(&attempt.typed);
        let limits = self.attempt(guard.map(|guard| guard.identity), &attempt.typed);
        if let Some(wait) = self.spent(&limits) {
            return self.slow_down(wait).await;
        }
        let hash = guard.and_then(|guard| guard.hash.clone());
        let (passwords, salt) = (Arc::clone(&self.app.passwords), self.app.edge.rng.bytes::<64>());
        // For every attempt, right or wrong: who waits for it must not learn which.
        let print = self.app.leaks.as_ref().map(|leaks| (leaks, attempt.fingerprint()));
        let leak = async {
            match &print {
                Some((leaks, print)) => leaks.has(print).await,
                None => Some(false),
            }
        };
        let tried = attempt.clone();
        let hashing = tokio::task::spawn_blocking(move || passwords.verify(&tried, hash.as_deref(), &salt));
        // Nobody's account is read as well, so that the store does the same for everybody.
        let whose = guard.map_or_else(|| self.app.edge.rng.id(), |guard| guard.identity);
        let counting = self.count(&limits);
        let (verdict, account, counted, leaked) =
            tokio::join!(hashing, beside(self.app.accounts.collection_of(whose)), beside(counting), leak);
        let verdict = verdict.map_err(|e| Fault::internal(format!("the password could not be checked: {e}")))?;
        meter::hashed(verdict.hashes);
        let Collection { profile, sessions, devices } = account?;
        let (wait, standing) = counted?;
        if let Some(wait) = wait {
            return self.slow_down(wait).await;
        }

        // Beyond the bound a right password is answered like a wrong one: nobody learns that there is a bound, nor for whom.
        let right = verdict.right && limits.admits_password(&standing);
        let (Some(guard), Some(profile), true) = (guard, profile, right) else {
            return self.refuse(Message::invalid_credentials(), "invalid credentials").await;
        };
        // From here on the method is known, and the form keeps what it showed before.
        let passed = before.passed(MethodId::Password);
        if profile.identity.state == State::Inactive {
            self.flow = passed;
            return self.refuse(Message::identity_disabled(), "identity disabled").await;
        }
        let identifiers = profile.identity.credentials.get(&CredentialType::Password).map(|c| c.identifiers.clone());
        let rehash = verdict.outdated.then(|| Rehash { attempt, salt, identifiers: identifiers.unwrap_or_default() });
        if leaked.is_none() {
            log::note("whether the password has leaked could not be asked");
        }
        let proof = Proof {
            password_leaked: leaked.unwrap_or(false),
            method: AuthenticationMethod { method: MethodId::Password, aal: Aal::Aal1, completed_at: now },
            basis: Basis::Credential(CredentialType::Password, guard.version),
            profile,
            sessions,
            devices,
            counted: limits,
            passed,
        };
        Box::pin(self.finish(proof, rehash)).await
    }
}
