//! What a submission is taken with: the function's parts, the request, and everything that was read for it.

use super::limits::{Counted, RateLimiter};
use crate::policy::FlowPolicy;
use crate::respond::{Answer, Client, Recipient, already_signed_in, respond};
use latchkey_config::Config;
use latchkey_core::aal::RequiredAal;
use latchkey_core::csrf::CsrfSecret;
use latchkey_core::error::Fault;
use latchkey_core::flow::{Flow, FlowType, Origin};
use latchkey_core::hook::Plan;
use latchkey_core::identity::{Guard, Unique};
use latchkey_core::message::Message;
use latchkey_core::rate_limit::Limits;
use latchkey_core::url::join;
use latchkey_methods::forms::Forms;
use latchkey_methods::submit::{Messages, Rejection, Sending, SubmitMethod};
use latchkey_platform::{Platform, StartError};
use latchkey_store::flows::flow::Saved;
use latchkey_store::{Accounts, Commit, Credentials, Db, Flows, Outbox};
use latchkey_web::browser::{form_token, forward};
use latchkey_web::caller::SignedIn;
use latchkey_web::{Call, Edge, Reply, edge};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// What a function that takes submissions of a flow is started with.
pub struct Submitter<S: FlowPolicy> {
    /// The edge.
    pub edge: Edge,
    pub(super) forms: Forms<S>,
    pub(super) methods: Vec<Box<dyn SubmitMethod<S>>>,
    pub(super) hooks: Plan,
    pub(super) required: RequiredAal,
    pub(super) flows: Flows,
    pub(super) accounts: Accounts,
    pub(super) credentials: Credentials,
    /// `None` where no method sends messages.
    pub(super) outbox: Option<Outbox>,
    /// `None` where rate limits are off.
    pub(super) limiter: Option<RateLimiter>,
}

/// What a function links into its [`Submitter`].
pub struct Parts<S: FlowPolicy> {
    /// The edge.
    pub edge: Edge,
    /// The forms of the flow.
    pub forms: Forms<S>,
    /// The methods, in the order in which they are asked whether a submission is theirs.
    pub methods: Vec<Box<dyn SubmitMethod<S>>>,
    /// Whether one of them sends messages.
    pub sends_messages: bool,
}

impl<S: FlowPolicy> Submitter<S> {
    /// Opens the tables and the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub fn start(platform: &Platform, parts: Parts<S>) -> Result<Self, StartError> {
        let Parts { edge, forms, methods, sends_messages } = parts;
        let env = &platform.env;
        let config: Arc<Config> = Arc::clone(&edge.config);
        let db = Db::start(env)?;
        let accounts = Accounts::open(&db, env)?;
        accounts.warm();
        Ok(Self {
            required: edge.required_aal(),
            hooks: Plan::default(),
            flows: Flows::open(&db, env)?,
            accounts,
            credentials: Credentials::open(&db, env)?,
            outbox: sends_messages.then(|| Outbox::open(&db, env)).transpose()?,
            limiter: RateLimiter::open(env, &db, &config)?,
            edge,
            forms,
            methods,
        })
    }

    /// The outbox of a method that sends messages.
    pub(super) fn outbox(&self) -> Result<&Outbox, Fault> {
        self.outbox.as_ref().ok_or_else(|| Fault::internal("the function has no outbox"))
    }
}

/// A request and everything that was read for it, before anything is decided.
pub(super) struct Context<'a, S: FlowPolicy> {
    pub(super) app: &'a Submitter<S>,
    pub(super) call: &'a Call<'a>,
    pub(super) signed_in: Option<SignedIn>,
    /// The device, and the counters as they were read with the flow.
    pub(super) counted: Counted,
    /// The guards that were found, in the order of the lookups.
    pub(super) guards: Vec<(Unique, Guard)>,
}

impl<S: FlowPolicy> Context<'_, S> {
    pub(super) fn tell_signed_in(&self, mut flow: Flow<S>) -> Result<Reply, Fault> {
        if self.client(&flow) == Client::Navigation {
            return self.lead_home();
        }
        flow.refuse(vec![Message::already_logged_in()], Vec::new(), self.call.now);
        self.respond(&flow, Answer::Form { transient_payload: None, log: "already signed in" })
    }

    pub(super) fn lead_home(&self) -> Result<Reply, Fault> {
        let home = &self.app.edge.config.selfservice.default_browser_return_url;
        already_signed_in(Client::Navigation, home, self.call.is_get())
    }

    /// The kind of client, in this flow.
    pub(super) fn client(&self, flow: &Flow<S>) -> Client {
        Client::of(self.call, flow.flow_type)
    }

    pub(super) fn respond(&self, flow: &Flow<S>, answer: Answer<'_>) -> Result<Reply, Fault> {
        let to = Recipient {
            client: self.client(flow),
            is_get: self.call.is_get(),
            request_id: self.call.request_id(),
            ui_url: &S::config(&self.app.edge.config).ui_url,
            form: &|| self.app.forms.render(flow, &form_token(self.call, flow)),
        };
        respond(&to, flow, answer)
    }

    /// Says one thing on top of the form, stores and shows it.
    pub(super) async fn refuse(&self, mut flow: Flow<S>, message: Message, log: &'static str) -> Result<Reply, Fault> {
        flow.refuse(vec![message], Vec::new(), self.call.now);
        self.save_and_show(flow, log).await
    }

    /// Stores what the flow says and shows it.
    pub(super) async fn save_and_show(&self, flow: Flow<S>, log: &'static str) -> Result<Reply, Fault> {
        let saved = self.app.flows.save(&flow).await?;
        self.after(saved, flow, Answer::Form { transient_payload: None, log })
    }

    /// The answer once the flow was written. A flow that was completed meanwhile says so instead. Where another submission wrote the
    /// flow, the client learns what became of its own, and the flow goes on from the other.
    pub(super) fn after(&self, saved: Saved, flow: Flow<S>, answer: Answer<'_>) -> Result<Reply, Fault> {
        match saved {
            Saved::Stored | Saved::Changed => self.respond(&flow, answer),
            Saved::Done => self.used_up(flow),
        }
    }

    /// A completed flow is not used twice.
    pub(super) fn used_up(&self, mut flow: Flow<S>) -> Result<Reply, Fault> {
        flow.refuse(vec![Message::no_strategy()], Vec::new(), self.call.now);
        self.respond(&flow, Answer::Form { transient_payload: None, log: "used up" })
    }

    /// How long a flow that begins now lives.
    pub(super) fn life(&self) -> (Duration, OffsetDateTime) {
        (edge::signed(S::config(&self.app.edge.config).lifespan), self.call.now)
    }

    /// A flow that has expired is answered with one that takes its place.
    pub(super) async fn replace(&self, flow: &Flow<S>) -> Result<Reply, Fault> {
        let session = self.signed_in.as_ref().map(|signed_in| &signed_in.profile.identity);
        let csrf = self.call.csrf_secret().map(CsrfSecret::binding).or(flow.csrf);
        let mut next = S::renew(flow, self.app.edge.rng.id(), session, csrf, self.life());
        next.offers = Some(self.app.forms.offers(&next, session));
        self.app.flows.begin(&next).await?;
        self.respond(&next, Answer::Replaced { gone: flow.expired_on_submit(next.id, self.call.now) })
    }

    /// An error that is not the form's: JSON for apps and scripts, the error page for browsers.
    pub(super) async fn fail(&self, flow: &Flow<S>, fault: Fault) -> Result<Reply, Fault> {
        match flow.flow_type {
            FlowType::Api => Err(fault),
            FlowType::Browser => forward(self.call, &self.app.flows, fault).await,
        }
    }

    /// Takes back what should not have been counted.
    pub(super) async fn refund(&self, limits: &Limits) {
        if let Some(limiter) = &self.app.limiter {
            limiter.refund(limits, self.call.now).await;
        }
    }

    /// Moves a flow to where it asks for a code, and queues the codes' messages with it. False when another submission wrote the flow
    /// first; then nothing is sent.
    pub(super) async fn send(&self, flow: &Flow<S>, sending: Sending) -> Result<bool, Fault> {
        let outbox = self.app.outbox()?;
        let mut commit = Commit::new();
        commit.send_codes(&self.app.flows, flow, sending.fresh_attempts)?;
        match &sending.messages {
            Messages::Queued(messages) => {
                for sealed in messages {
                    commit.enqueue(outbox, &sealed.message, &sealed.payload)?;
                }
            }
            Messages::Decoy(sealed) => commit.enqueue_decoy(outbox, &sealed.message, &sealed.payload)?,
        }
        Ok(commit.run(self.app.flows.db(), self.app.edge.rng.id()).await?.is_ok())
    }

    /// The form, with what is missing or malformed.
    pub(super) async fn reject(&self, rejection: Rejection<S>) -> Result<Reply, Fault> {
        let flow = Flow { updated_at: self.call.now, ..*rejection.flow };
        self.save_and_show(flow, "incomplete").await
    }

    /// A flow of which nothing is known but its origin.
    pub(super) fn plain(&self, origin: Origin) -> Flow<S> {
        let request_url = join(self.app.edge.base_url(), &S::NAME.init_path(origin.flow_type));
        let mut flow = Flow::new(Origin { request_url, ..origin }, S::default(), self.call.now);
        flow.offers = Some(self.app.forms.offers(&flow, None));
        flow
    }
}
