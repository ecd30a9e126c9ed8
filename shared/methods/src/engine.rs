//! What a method may ask for while it verifies. The engine answers from the store.
//!
//! A method sees no table and no header. It cannot read an account without naming the limits that the request counts against, so
//! nothing is checked that was not counted before. The engine does the same work for an identifier that no identity has.

use latchkey_core::code::Length;
use latchkey_core::courier::Requester;
use latchkey_core::error::Fault;
use latchkey_core::flow::{Flow, FlowSpec};
use latchkey_core::identity::{Guard, Identity, Unique};
use latchkey_core::rate_limit::{Failures, Limits};
use latchkey_platform::Rng;
use std::collections::BTreeMap;
use std::pin::Pin;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// An answer of the engine, on its way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// A limit is reached: how long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled(pub Duration);

/// An account, read while the attempt was counted.
#[derive(Clone, Debug)]
pub struct Account {
    /// The identity, unless there is none.
    pub identity: Option<Identity>,
    /// The failures, this attempt among them.
    pub failures: Failures,
}

/// An attempt at a code that was counted in its flow.
#[derive(Clone, Debug)]
pub struct CodeAttempted<S: FlowSpec> {
    /// The flow as it then is, with the codes that count.
    pub flow: Flow<S>,
    /// The account of the holder.
    pub account: Result<Account, Throttled>,
}

/// What a request for a code counts against.
#[derive(Clone, Debug, Default)]
pub struct SendRequest {
    /// The limits. Empty once the request is known to exceed one, because then nothing is counted.
    pub limits: Limits,
    /// How long to wait, as far as the engine knows before it counts.
    pub wait: Option<Duration>,
    /// The key of the failures that say how long the code must be; `None` for a known device.
    pub failures_key: Option<String>,
    /// Whether no message goes to such a number.
    pub is_unserved: bool,
}

/// The identity that is to receive a code, and the limits that the request has reached.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// The identity, unless there is none.
    pub identity: Option<Identity>,
    /// Set when the limit on lookups of accounts is reached.
    pub lookup: Option<Throttled>,
    /// Set when the limit on requests for codes is reached.
    pub send: Option<Throttled>,
    /// How long the code must be.
    pub length: Length,
}

/// The facts of a request that a message repeats.
#[derive(Clone, Debug, Default)]
pub struct RequestFacts {
    /// `Accept-Language`.
    pub accept_language: Option<String>,
    /// The headers that the configuration hands on, each under its usual spelling.
    pub headers: BTreeMap<String, Vec<String>>,
    /// Where the request came from.
    pub requester: Requester,
}

/// What a method may ask for.
pub trait Engine<S: FlowSpec>: Sync {
    /// When the request came.
    fn now(&self) -> OffsetDateTime;

    /// Randomness.
    fn rng(&self) -> &Rng;

    /// The facts of the request that a message repeats.
    fn request(&self) -> RequestFacts;

    /// The identity of the client's session.
    fn session_identity(&self) -> Option<Uuid>;

    /// The guard of the last of the looked-up identifiers that `fits`. The lookups name an exact hit last, and it counts more.
    fn holder(&self, fits: &dyn Fn(&Unique) -> bool) -> Option<&Guard>;

    /// What an attempt to sign in with this identifier counts against.
    ///
    /// # Errors
    /// When a limit is reached already; then nothing costly happens.
    fn attempt(&self, holder: Option<&Guard>, identifier: &str) -> Result<Limits, Throttled>;

    /// What a lookup of an account counts against. The identifier does not matter: such a client looks for any account.
    ///
    /// # Errors
    /// When a limit is reached already.
    fn lookup(&self) -> Result<Limits, Throttled>;

    /// What a request for a code to this identifier counts against.
    fn send(&self, holder: Option<&Guard>, identifier: &str) -> SendRequest;

    /// Counts, and nothing else.
    fn count<'a>(&'a self, limits: &'a Limits) -> Pending<'a, Result<(), Throttled>>;

    /// Counts an attempt and reads the account of the holder, beside slower work of the method's own.
    fn account<'a>(&'a self, holder: Option<&'a Guard>, limits: &'a Limits) -> Pending<'a, Result<Account, Throttled>>;

    /// Counts an attempt at a code, in the flow too; reads the account of the holder, and the flow as it then is. `None` when the flow
    /// was completed meanwhile.
    fn code_attempt<'a>(
        &'a self,
        holder: Option<&'a Guard>,
        limits: &'a Limits,
    ) -> Pending<'a, Option<CodeAttempted<S>>>;

    /// Counts a request for a code, and a lookup where one is given; reads the identity of the holder.
    fn receiver<'a>(
        &'a self,
        holder: Option<&'a Guard>,
        lookup: Option<&'a Limits>,
        request: &'a SendRequest,
    ) -> Pending<'a, Receiver>;
}
