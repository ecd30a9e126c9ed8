//! What the sender of a submission is to the flow that it names.
//!
//! It is decided by headers, cookies and the form's token, before anything else of the submission is looked at, and it decides what
//! the rest of this function is able to do. A [`Stranger`] holds nothing of the flow that could be shown, and has no way to write. A
//! [`Reader`] may be shown the flow. An [`Own`] sender is the client that began it, and may be told in it what is wrong with a
//! submission. Only a [`Submission`] looks at accounts, counts, sends and signs in; nothing but [`Own::admitted`] makes one.

use crate::App;
use crate::brakes::Footing;
use crate::stranger::{Begun, Stranger};
use latchkey_core::code::SentCode;
use latchkey_core::csrf::CsrfSecret;
use latchkey_core::flow::{FlowState, FlowType, LoginFlow};
use latchkey_core::message::Message;
use latchkey_store::flows::StoredFlow;
use latchkey_web::call::SignOfABrowser;
use latchkey_web::caller::SignedIn;
use latchkey_web::payload::Payload;
use latchkey_web::{Call, Fault, Reply};
use std::ops::{Deref, DerefMut};

/// Who asks, whatever they are to the flow.
pub(crate) struct Asking<'a> {
    pub(crate) app: &'a App,
    pub(crate) call: &'a Call<'a>,
    pub(crate) signed_in: Option<SignedIn>,
    /// The device, and the counters as they were read with the flow.
    pub(crate) footing: Footing,
}

/// What a sender is to a flow.
pub(crate) enum Sender<'a> {
    /// The client that began it.
    Own(Own<'a>),
    /// A browser with a token of its form, whose cookie has changed since: a login in another window changes it.
    Reader(Reader<'a>),
    /// Anybody else who knows its id.
    Stranger(Stranger<'a>),
}

impl<'a> Asking<'a> {
    /// Decides. `token` is the form's anti-CSRF token.
    pub(crate) fn at(self, stored: StoredFlow, token: Option<&str>) -> Sender<'a> {
        let flow = &stored.flow;
        let fits = |secret: &CsrfSecret| flow.csrf.is_some_and(|binding| binding.fits(secret));
        let has_cookie = self.call.csrf_cookies().iter().any(fits);
        let has_token = token.and_then(CsrfSecret::from_token).is_some_and(|secret| fits(&secret));
        let (is_own, may_read) = match flow.kind {
            // Whoever knows an app's flow and is no browser is its app.
            FlowType::Api => (has_cookie || self.call.sign_of_a_browser().is_none(), false),
            // A cookie alone is also sent where another site makes the browser send something.
            FlowType::Browser => (has_cookie && (has_token || !self.call.is_cross_site()), has_token),
        };
        if !is_own && !may_read {
            let about = (flow.id, flow.kind, flow.issued_at, flow.expires_at);
            let begun = (flow.kind == FlowType::Api).then(|| Begun {
                request_url: flow.request_url.clone(),
                return_to: flow.return_to.clone(),
                identity_schema: flow.identity_schema.clone(),
            });
            return Sender::Stranger(Stranger::new(self, begun, about));
        }
        let StoredFlow { flow, done, codes, sends, attempts } = stored;
        let tries_are_spent = attempts >= u64::from(self.app.forms.code.max_submissions);
        let is_good = |code: &SentCode| !code.spent && self.call.now < code.expires_at;
        let last_code_counts = flow.state == FlowState::SentEmail && !tries_are_spent && codes.iter().any(is_good);
        let reader = Reader { flow, done, codes, sends, tries_are_spent, last_code_counts, asking: self };
        if is_own { Sender::Own(Own(reader)) } else { Sender::Reader(reader) }
    }
}

/// A submission whose sender may be shown the flow.
pub(crate) struct Reader<'a> {
    asking: Asking<'a>,
    pub(crate) flow: LoginFlow,
    /// Whether it was completed.
    pub(crate) done: bool,
    /// Codes that were sent last.
    pub(crate) codes: Vec<SentCode>,
    /// How many times codes had been sent then.
    pub(crate) sends: u64,
    /// Whether as many codes were tried as may be.
    pub(crate) tries_are_spent: bool,
    /// Whether one of the codes that were sent last is still good.
    pub(crate) last_code_counts: bool,
}

/// A submission by the client that began the flow.
pub(crate) struct Own<'a>(Reader<'a>);

/// A submission that may be acted upon.
pub(crate) struct Submission<'a>(Own<'a>);

impl<'a> Own<'a> {
    /// Whether the submission comes from where its flow belongs: an app's not from a browser, a browser's from its own form. What to
    /// answer if not.
    pub(crate) async fn admitted(mut self, payload: &Payload) -> Result<Result<Submission<'a>, Reply>, Fault> {
        match self.flow.kind {
            FlowType::Api => {
                if let Some(sign) = self.call.sign_of_a_browser() {
                    return self.refuse(browser_in_an_api_flow(sign), "browser in an api flow").await.map(Err);
                }
            }
            FlowType::Browser => {
                // That the cookie is the flow's is known; the token must be of the same.
                if let Err(fault) = self.call.check_csrf_token(payload.text("csrf_token"), payload.is_json) {
                    return self.fail(fault).await.map(Err);
                }
                let of_the_flow = |secret: CsrfSecret| self.flow.csrf.is_some_and(|binding| binding.fits(&secret));
                if !payload.text("csrf_token").and_then(CsrfSecret::from_token).is_some_and(of_the_flow) {
                    return self.fail(self.call.csrf_token_violation()).await.map(Err);
                }
            }
        }
        Ok(Ok(Submission(self)))
    }
}

/// Why an app's flow may not be submitted by what looks like a browser (contract `login-flow.md` 8.5).
pub(crate) fn browser_in_an_api_flow(sign: SignOfABrowser) -> Message {
    let (key, how) = match sign {
        SignOfABrowser::Origin => ("Origin", "made as part of an AJAX request in a Browser"),
        SignOfABrowser::Cookie => ("Cookie", "made by a Browser"),
    };
    Message::generic(format!(
        "The HTTP Request Header included the \"{key}\" key, indicating that this request was {how}. The flow however \
         was initiated as an API request. To prevent potential misuse and mitigate several attack vectors including \
         CSRF, the request has been blocked. Please consult the documentation."
    ))
}

impl<'a> Deref for Reader<'a> {
    type Target = Asking<'a>;
    fn deref(&self) -> &Asking<'a> {
        &self.asking
    }
}

impl<'a> Deref for Own<'a> {
    type Target = Reader<'a>;
    fn deref(&self) -> &Reader<'a> {
        &self.0
    }
}

impl DerefMut for Own<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<'a> Deref for Submission<'a> {
    type Target = Own<'a>;
    fn deref(&self) -> &Own<'a> {
        &self.0
    }
}

impl DerefMut for Submission<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
