//! The whole system on one machine.

use crate::cli::api::is_loopback;
use crate::functions::Functions;
use crate::gateway::Api;
use crate::guard::{self, AccessKey, Audience, Guard, Names};
use crate::inbox::{self, Inbox};
use crate::processes::Lines;
use crate::queue::{self, Queues};
use crate::reload::{self, Followed, Starter};
use crate::store::{self, Store};
use crate::stream;
use crate::template::{Route, Table, Template};
use axum::Router;
use latchkey_config::{Config, Loaded};
use latchkey_platform::{Environment, ManualClock};
use latchkey_sealing::{PrivateKey, PublicKey};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;

/// The configuration and the schema of a stack that is started without a configuration file.
const BUILT_IN: [(&str, &str); 2] = [
    ("kratos.yml", include_str!("../config/kratos.yml")),
    ("identity.schema.json", include_str!("../config/identity.schema.json")),
];

/// How a stack is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// A configuration file. `None` means the built-in one.
    pub config: Option<PathBuf>,
    /// Development mode: cookies without `Secure`, and secrets that are published.
    pub dev: bool,
    /// The folder that keeps state. `None` keeps it in memory.
    pub data: Option<PathBuf>,
    /// The URL of a store that runs elsewhere and has its tables. `None` starts the embedded one.
    pub store: Option<String>,
    /// The access key for that store. Without one, each function uses its own name as the key, so that the store can tell them apart.
    pub store_key: Option<String>,
    /// The ports.
    pub ports: Ports,
    /// The folder with the functions' binaries, to run each in a process of its own.
    pub processes: Option<PathBuf>,
    /// Whether messages leave by the delivery channels of the configuration instead of ending in the inbox.
    pub delivery_channels: bool,
}

impl Options {
    /// A stack for a program: only the APIs, on free ports, with state in memory, configured as a deployment.
    pub fn of(config: PathBuf) -> Self {
        let ports = Ports { public: 0, admin: 0, pages: None, inbox: None };
        Self {
            config: Some(config),
            dev: false,
            data: None,
            store: None,
            store_key: None,
            ports,
            processes: None,
            delivery_channels: false,
        }
    }
}

/// The ports of a stack. Zero takes a free one.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The public API.
    pub public: u16,
    /// The admin API.
    pub admin: u16,
    /// Login pages, if any.
    pub pages: Option<u16>,
    /// The inbox, if any.
    pub inbox: Option<u16>,
}

impl Ports {
    /// The ports that belong to a port of the public API: for 4433 these are 4434, 4455 and 4436.
    pub fn from_base(base: u16) -> Self {
        let at = |offset| base.saturating_add(offset);
        Self { public: base, admin: at(1), pages: Some(Self::pages_of(base)), inbox: Some(at(3)) }
    }

    fn pages_of(public: u16) -> u16 {
        public.saturating_add(22)
    }
}

/// A stack that is running.
pub struct Stack {
    /// The public API.
    pub public: Api,
    /// The admin API.
    pub admin: Api,
    /// The login pages.
    pub pages: Api,
    /// The messages that were sent.
    pub inbox: Inbox,
    /// The clock of the gateway and of the functions in this process. It runs with the system's until it is turned.
    pub clock: ManualClock,
    /// The addresses of all listeners.
    pub addresses: Addresses,
    /// The configuration as it was read.
    pub loaded: Loaded,
    /// A client of the store.
    pub store: store::Client,
    /// The functions.
    pub functions: Arc<Functions>,
    /// The queues.
    pub queues: Queues,
    /// The key that messages are sealed to.
    pub courier_key: PublicKey,
    servers: Vec<(TcpListener, Guard, Router)>,
    followed: Option<Followed>,
    /// Background tasks. They end with the stack.
    _background: JoinSet<()>,
    _built_in: Option<TempDir>,
}

/// The addresses on which the parts of a stack listen.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// The public API.
    pub public: SocketAddr,
    /// The admin API.
    pub admin: SocketAddr,
    /// Login pages.
    pub pages: Option<SocketAddr>,
    /// The inbox.
    pub inbox: Option<SocketAddr>,
}

impl Stack {
    /// Turns the clock to the time at which the next of the queued messages with this text in their bodies is due, or to `latest` if that
    /// is earlier. Nothing happens while a function works on one that was due, and when none waits.
    pub fn turn_to_next_due(&self, about: &str, latest: Option<OffsetDateTime>) {
        if let Some(due) = self.queues.next_due(about) {
            let to = latest.map_or(due, |latest| latest.min(due));
            self.clock.turn((to - self.clock.now()).max(Duration::ZERO));
        }
    }

    /// Starts everything except the listeners.
    ///
    /// # Errors
    /// What is wrong with the options, the configuration, the ports or the store, in words for a terminal.
    pub async fn start(options: &Options, env: Environment, lines: Lines) -> Result<Self, String> {
        let (public, public_at) = listen(options.ports.public, "public API").await?;
        let (admin, admin_at) = listen(options.ports.admin, "admin API").await?;
        let pages = listen_if(options.ports.pages, "login pages").await?;
        let inbox = listen_if(options.ports.inbox, "inbox").await?;
        let addresses = Addresses {
            public: public_at,
            admin: admin_at,
            pages: pages.as_ref().map(|(_, at)| *at),
            inbox: inbox.as_ref().map(|(_, at)| *at),
        };
        let built_in = options.config.is_none().then(unpack).transpose()?;
        let file = match (&options.config, &built_in) {
            (Some(file), _) => file.clone(),
            (None, Some(folder)) => folder.path().join(BUILT_IN[0].0),
            (None, None) => return Err("there is no configuration".to_owned()),
        };
        // Needed even when our pages are not started: an application's own login pages take their place.
        let pages_at = pages
            .as_ref()
            .map_or(SocketAddr::from((Ipv4Addr::LOCALHOST, Ports::pages_of(public_at.port()))), |(_, at)| *at);
        let public_url = format!("http://{public_at}/");
        let api_url = env.get("LATCHKEY_API_URL").unwrap_or(&public_url).to_owned();
        let env = env
            .with("LATCHKEY_CONFIG", &file.to_string_lossy())
            .with("LATCHKEY_PUBLIC_URL", &public_url)
            .with("LATCHKEY_API_URL", &api_url)
            .with("LATCHKEY_PAGES_URL", &format!("http://{pages_at}/"))
            .with("LATCHKEY_ADMIN_URL", &format!("http://{admin_at}/"))
            .with("LATCHKEY_DEV", if options.dev { "1" } else { "" });
        let checked = reload::check(&file, &env, options.dev)?;
        let mut template = Template::load()?;
        let secret = crate::secret::courier(options.data.as_deref())?;
        let courier = PrivateKey::derive(secret.as_bytes()).map_err(|e| e.to_string())?;
        // The embedded store takes only its own key.
        let (store, key, writes) = match &options.store {
            Some(endpoint) => {
                (store::Client::new(endpoint, options.store_key.as_deref().unwrap_or("local")), None, None)
            }
            None => {
                let store = Store::start(&template.tables, options.data.as_deref()).await?;
                (store.client(), Some(store.key), Some(store.writes))
            }
        };
        let (mut background, clock) = (JoinSet::new(), ManualClock::running());
        let (queue_listener, queue_at) = listen(0, "queues").await?;
        let queues = Queues::new(format!("http://{queue_at}"), &template.queues, &template.triggers, clock.clone());
        for function in &mut template.functions {
            let urls = function.queues.iter().map(|(name, queue)| (name.clone(), queues.url(queue)));
            function.env.extend(urls);
            // As in a deployment, where only these functions may read the secret.
            if function.variables.contains("LATCHKEY_COURIER_SECRET_ARN") {
                function.env.insert("LATCHKEY_COURIER_SECRET".to_owned(), secret.clone());
            }
            let known_as = key.as_ref().map(AccessKey::expose).or(options.store_key.as_deref());
            let known_as = known_as.unwrap_or(&function.resource).to_owned();
            function.env.insert("AWS_ACCESS_KEY_ID".to_owned(), known_as);
        }
        let messages = Inbox::new(clock.clock());
        let inbox_url = match addresses.inbox {
            _ if options.delivery_channels => String::new(),
            Some(at) => format!("http://{at}/api/messages"),
            // Messages end in the inbox even when its port is not served.
            None => {
                let (listener, at) = listen(0, "messages").await?;
                let (guard, router) = (Guard::new(Audience::OwnPages), inbox::router(messages.clone()));
                background.spawn(async move { guard::serve(listener, guard, router).await.unwrap_or_default() });
                format!("http://{at}/api/messages")
            }
        };
        let inbox_url = env.get("LATCHKEY_INBOX_URL").map(str::to_owned).unwrap_or(inbox_url);
        // Never the credentials of the developer: a local stack must not call a real AWS account.
        let env = env
            .with("AWS_REGION", "local")
            .with("AWS_ACCESS_KEY_ID", "local")
            .with("AWS_SECRET_ACCESS_KEY", "local")
            .with("AWS_SESSION_TOKEN", "")
            .with("AWS_ENDPOINT_URL", store.endpoint())
            .with("AWS_ENDPOINT_URL_DYNAMODB", store.endpoint())
            .with("AWS_ENDPOINT_URL_SQS", &format!("http://{queue_at}"))
            .with("LATCHKEY_INBOX_URL", &inbox_url)
            .with("LATCHKEY_SECRETS_ARN", "")
            .with("LATCHKEY_COURIER_SECRET_ARN", "")
            .with("LATCHKEY_COURIER_KEY", &courier.public().to_text());
        let names = Names::default();
        let starter = Starter {
            functions: template.functions,
            processes: options.processes.clone(),
            lines,
            clock: clock.clock(),
        };
        let (functions, followed) = match &options.config {
            // The built-in configuration does not change while the stack runs.
            None => (Arc::new(starter.start(&env).await?), None),
            Some(file) => {
                let followed =
                    Followed::start(file.clone(), env, options.dev, starter, &checked, names.clone()).await?;
                (followed.functions(), Some(followed))
            }
        };
        let loaded = checked.loaded;
        names.take(&loaded.config);
        let api = |routes: Vec<Route>| {
            let (routes, functions) = (routes.into(), Arc::clone(&functions));
            Api { routes, functions, clock: clock.clock() }
        };
        let (public_api, pages_api, admin_api) = (api(template.public), api(template.pages), api(template.admin));
        let queue_guard = Guard::new(key.map_or(Audience::Programs, Audience::Holders));
        background.spawn(queue::serve(queue_listener, queue_guard, queues.clone(), Arc::clone(&functions)));
        let tables: Arc<[Table]> = template.tables.into();
        for trigger in template.triggers {
            let (store, tables) = (store.clone(), Arc::clone(&tables));
            background.spawn(stream::follow(store, tables, trigger, Arc::clone(&functions), writes.clone()));
        }
        let browsers = Guard::with_names(Audience::Browsers, names);
        let mut servers = vec![
            (public, browsers.clone(), public_api.clone().router()),
            (admin, Guard::new(Audience::Programs), admin_api.clone().router()),
        ];
        servers.extend(pages.map(|(listener, _)| (listener, browsers, pages_api.clone().router())));
        let own_pages = Guard::new(Audience::OwnPages);
        servers.extend(inbox.map(|(listener, _)| (listener, own_pages, inbox::router(messages.clone()))));
        Ok(Self {
            public: public_api,
            admin: admin_api,
            pages: pages_api,
            inbox: messages,
            clock,
            addresses,
            loaded,
            store,
            functions,
            queues,
            courier_key: courier.public(),
            servers,
            followed,
            _background: background,
            _built_in: built_in,
        })
    }

    /// Serves until `end` completes, and follows the configuration file meanwhile.
    ///
    /// # Errors
    /// When a listener fails.
    pub async fn serve(self, end: impl Future<Output = ()>) -> Result<(), String> {
        let mut tasks = tokio::task::JoinSet::new();
        for (listener, guard, router) in self.servers {
            tasks.spawn(guard::serve(listener, guard, router));
        }
        let follow = async {
            match self.followed {
                Some(followed) => followed.follow().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = end => Ok(()),
            () = follow => Err("the configuration file is no longer followed".to_owned()),
            Some(ended) = tasks.join_next() => Err(format!("a listener ended: {ended:?}")),
        }
    }
}

/// The next steps after a start: an address that works, and what else has to be started. Each has a label of a word or two.
pub fn next_steps(config: &Config, at: &Addresses) -> Vec<(&'static str, String)> {
    let mut steps = Vec::new();
    let base_url = &config.public.base_url;
    let is_at = |url: &Url, at: SocketAddr| is_loopback(url) && url.port_or_known_default() == Some(at.port());
    let public = Url::parse(base_url).ok();
    if !public.as_ref().is_some_and(|url| is_at(url, at.public)) {
        steps.push((
            "Known as",
            format!("{base_url} (serve.public.base_url): a proxy there must lead to http://{}/", at.public),
        ));
    }
    let login = &config.selfservice.flows.login.ui_url;
    let page = public.as_ref().and_then(|public| public.join(login).ok());
    match (page, at.pages) {
        (Some(page), Some(pages)) if is_at(&page, pages) && page.path() == "/login" => {
            steps.push(("Open", page.join("/").map_or_else(|_| page.to_string(), |url| url.to_string())));
        }
        _ => {
            steps.push(("Login page", format!("{login} (selfservice.flows.login.ui_url), which you start yourself")));
            steps.push(("Then open", format!("{base_url}self-service/login/browser")));
        }
    }
    steps
}

async fn listen(port: u16, what: &str) -> Result<(TcpListener, SocketAddr), String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|e| {
        if e.kind() == std::io::ErrorKind::AddrInUse {
            format!("port {port} ({what}) is in use: stop the program that listens there, or choose other ports, such as --port-base 5433")
        } else {
            format!("port {port} ({what}) cannot be used: {e}")
        }
    })?;
    let at = listener.local_addr().map_err(|e| e.to_string())?;
    Ok((listener, at))
}

async fn listen_if(port: Option<u16>, what: &str) -> Result<Option<(TcpListener, SocketAddr)>, String> {
    match port {
        Some(port) => listen(port, what).await.map(Some),
        None => Ok(None),
    }
}

/// Writes the built-in configuration where functions can read it.
fn unpack() -> Result<TempDir, String> {
    let folder =
        tempfile::Builder::new().prefix("latchkey-").tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    for (name, text) in BUILT_IN {
        std::fs::write(folder.path().join(name), text).map_err(|e| format!("no temporary file: {e}"))?;
    }
    Ok(folder)
}
