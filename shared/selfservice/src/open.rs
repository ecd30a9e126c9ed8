//! How a flow begins, in a browser and in a native app (contract `login-flow.md` 1.4, 1.5, 2).

use crate::policy::FlowPolicy;
use crate::respond::{Answer, Client, Recipient, already_signed_in, respond};
use latchkey_config::Config;
use latchkey_core::csrf::CsrfSecret;
use latchkey_core::error::Fault;
use latchkey_core::flow::login::RequestRules;
use latchkey_core::flow::{Flow, FlowType, Opened};
use latchkey_core::token::exchange_code;
use latchkey_methods::forms::Forms;
use latchkey_platform::{Platform, StartError};
use latchkey_store::{Accounts, Db, Flows};
use latchkey_web::browser::{form_token, forward, request_url};
use latchkey_web::caller::{self, SignedIn};
use latchkey_web::routes::Listener;
use latchkey_web::{Call, Edge, Reply, edge};

/// What a function that begins flows is started with.
pub struct Opener {
    /// The edge.
    pub edge: Edge,
    flows: Flows,
    accounts: Accounts,
}

impl Opener {
    /// Reads configuration and tables, and opens the first connection.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub fn start(platform: &Platform, function: &'static str) -> Result<Self, StartError> {
        let env = &platform.env;
        let edge = Edge::start(platform, function, Listener::Public)?;
        let db = Db::start(env)?;
        let accounts = Accounts::open(&db, env)?;
        accounts.warm();
        Ok(Self { edge, flows: Flows::open(&db, env)?, accounts })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.edge.config
    }
}

/// Begins a flow in a browser.
///
/// # Errors
/// As clients of JSON see them; browsers that navigate are sent to the error page.
pub async fn in_browser<S: FlowPolicy>(opener: &Opener, forms: &Forms<S>, call: &Call<'_>) -> Result<Reply, Fault> {
    match begin_in_browser(opener, forms, call).await {
        Ok(reply) => Ok(reply),
        Err(fault) => forward(call, &opener.flows, fault).await,
    }
}

async fn begin_in_browser<S: FlowPolicy>(opener: &Opener, forms: &Forms<S>, call: &Call<'_>) -> Result<Reply, Fault> {
    let draft = S::draft(call, FlowType::Browser, &rules(opener, forms))?;
    let home = S::destination(&draft).unwrap_or(&opener.config().selfservice.default_browser_return_url).to_owned();
    let signed_in = caller::signed_in(call, &opener.accounts).await?;
    // A browser that accepts JSON at all gets the flow itself; only a request for JSON gets an error in place of a redirect.
    let (opened_by, refused_by) =
        (if call.accepts_json() { Client::Spa } else { Client::Navigation }, Client::of(call, FlowType::Browser));
    match begin(opener, forms, call, draft, signed_in.as_ref())? {
        Opened::Flow(flow) => {
            opener.flows.begin(&flow).await?;
            answer(opener, forms, call, (opened_by, &flow), Answer::Opened { exchange_code: None })
        }
        Opened::AlreadySignedIn => already_signed_in(refused_by, &home, true),
    }
}

/// Begins a flow in a native app.
///
/// # Errors
/// As the contract has them.
pub async fn in_app<S: FlowPolicy>(opener: &Opener, forms: &Forms<S>, call: &Call<'_>) -> Result<Reply, Fault> {
    let draft = S::draft(call, FlowType::Api, &rules(opener, forms))?;
    let signed_in = caller::signed_in(call, &opener.accounts).await?;
    let Opened::Flow(mut flow) = begin(opener, forms, call, draft, signed_in.as_ref())? else {
        return already_signed_in(Client::Native, "", true);
    };
    // A client with a session has the token that an exchange would bring.
    let wants_exchange = call.flag("return_session_token_exchange_code") && signed_in.is_none();
    let init_code = if wants_exchange {
        let rng = &opener.edge.rng;
        let code = || exchange_code(&rng.bytes::<192>()).ok_or_else(|| Fault::internal("no exchange code"));
        let (init_code, return_to_code) = (code()?, code()?);
        flow.state.keep_return_to_code(&return_to_code);
        opener.flows.begin_with_exchange(&flow, (&init_code, &return_to_code), rng.id()).await?;
        Some(init_code)
    } else {
        opener.flows.begin(&flow).await?;
        None
    };
    let opened = Answer::Opened { exchange_code: init_code.as_deref() };
    answer(opener, forms, call, (Client::Native, &flow), opened)
}

/// What a client may ask for.
fn rules<'a, S: FlowPolicy>(opener: &'a Opener, forms: &'a Forms<S>) -> RequestRules<'a> {
    let settings = forms.settings();
    RequestRules {
        return_to: opener.edge.return_to(),
        schemas: &settings.schemas,
        default_schema: &settings.default_schema,
    }
}

fn begin<S: FlowPolicy>(
    opener: &Opener,
    forms: &Forms<S>,
    call: &Call<'_>,
    draft: S::Draft,
    signed_in: Option<&SignedIn>,
) -> Result<Opened<S>, Fault> {
    let binding = call.csrf_secret().map(CsrfSecret::binding);
    let lifespan = edge::signed(S::config(opener.config()).lifespan);
    let life = (opener.edge.rng.id(), lifespan, call.now);
    let mut opened = S::begin(draft, signed_in, request_url(call), binding, life)?;
    if let Opened::Flow(flow) = &mut opened {
        flow.offers = Some(forms.offers(flow, signed_in.map(|s| &s.profile.identity)));
    }
    Ok(opened)
}

fn answer<S: FlowPolicy>(
    opener: &Opener,
    forms: &Forms<S>,
    call: &Call<'_>,
    (client, flow): (Client, &Flow<S>),
    answer: Answer<'_>,
) -> Result<Reply, Fault> {
    let to = Recipient {
        client,
        is_get: true,
        request_id: call.request_id(),
        ui_url: &S::config(opener.config()).ui_url,
        form: &|| forms.render(flow, &form_token(call, flow)),
    };
    Ok(respond(&to, flow, answer)?.of_flow(flow.id))
}
