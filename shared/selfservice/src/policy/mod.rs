//! What is true of one flow: who may begin it, who may submit it, and where it leads.

pub mod login;

use latchkey_config::{Config, FlowConfig};
use latchkey_core::csrf::CsrfBinding;
use latchkey_core::error::ApiError;
use latchkey_core::flow::login::RequestRules;
use latchkey_core::flow::{Flow, FlowSpec, FlowType, Opened};
use latchkey_core::identity::Identity;
use latchkey_web::Call;
use latchkey_web::caller::SignedIn;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Whether the session of a client lets it submit a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Proceeds,
    /// The client has what the flow leads to.
    AlreadySignedIn,
    /// The flow asks for a second factor, and the client has no first.
    LacksFirstFactor,
}

/// The policy of a flow.
pub trait FlowPolicy: FlowSpec {
    /// A request to begin the flow that the configuration allows.
    type Draft: Send;

    /// The flow's block of the configuration.
    fn config(config: &Config) -> &FlowConfig;

    /// Checks a request to begin the flow, before anything is read.
    ///
    /// # Errors
    /// The contract's error of a request that the configuration does not allow.
    fn draft(call: &Call<'_>, flow_type: FlowType, rules: &RequestRules<'_>) -> Result<Self::Draft, ApiError>;

    /// Where the client of a draft asks to go, as a browser would be sent there.
    fn destination(draft: &Self::Draft) -> Option<&str>;

    /// Begins the flow, or says that the client has what it leads to.
    ///
    /// # Errors
    /// When the client may not begin it.
    fn begin(
        draft: Self::Draft,
        session: Option<&SignedIn>,
        request_url: String,
        csrf: Option<CsrfBinding>,
        life: (Uuid, Duration, OffsetDateTime),
    ) -> Result<Opened<Self>, ApiError>;

    /// Whether a client with this session may submit the flow.
    fn standing(flow: &Flow<Self>, session: Option<&SignedIn>) -> Standing;

    /// The flow that replaces one that has expired, for a client with this session.
    fn renew(
        flow: &Flow<Self>,
        id: Uuid,
        session: Option<&Identity>,
        csrf: Option<CsrfBinding>,
        life: (Duration, OffsetDateTime),
    ) -> Flow<Self>;
}
