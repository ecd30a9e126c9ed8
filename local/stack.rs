//! The whole system on one machine.

use crate::functions::Functions;
use crate::gateway::Api;
use crate::inbox::{self, Inbox};
use crate::processes::Lines;
use crate::queue::{self, Queues};
use crate::reload::{self, Followed, Starter};
use crate::store::{self, Store};
use crate::stream;
use crate::template::{Table, Template};
use axum::Router;
use latchkey_config::Loaded;
use latchkey_sealing::{PrivateKey, PublicKey};
use latchkey_web::Environment;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The configuration of a stack that is given none, with its schema.
const BUILT_IN: [(&str, &str); 2] = [
    ("kratos.yml", include_str!("../config/kratos.yml")),
    ("identity.schema.json", include_str!("../config/identity.schema.json")),
];

/// How a stack is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// A configuration file; the built-in one without.
    pub config: Option<PathBuf>,
    /// Cookies without `Secure`, secrets that everybody knows.
    pub dev: bool,
    /// Where state is kept; in memory without.
    pub data: Option<PathBuf>,
    /// A store that runs elsewhere and has its tables, by its URL; an embedded one without.
    pub store: Option<String>,
    /// The ports.
    pub ports: Ports,
    /// Where the binaries of the functions are, to run each in a process of its own.
    pub processes: Option<PathBuf>,
    /// Whether messages leave by the carriers of the configuration instead of ending in the inbox.
    pub carriers: bool,
    /// How many times faster than they should queues let time pass; for tests.
    pub hurry: u32,
}

impl Options {
    /// The APIs alone with a configuration, for a program: on ports that are free, with state in memory, as a deployment.
    pub fn of(config: PathBuf) -> Self {
        let ports = Ports { public: 0, admin: 0, pages: None, inbox: None };
        Self {
            config: Some(config),
            dev: false,
            data: None,
            store: None,
            ports,
            processes: None,
            carriers: false,
            hurry: 1,
        }
    }
}

/// The ports of a stack. Zero takes any that is free.
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
    /// The ports that go with the one of the public API: 4433, 4434, 4455 and 4436.
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
    /// What was sent.
    pub inbox: Inbox,
    /// Where everything is.
    pub addresses: Addresses,
    /// The configuration as it was read.
    pub loaded: Loaded,
    /// Where the store is.
    pub store: String,
    /// The functions.
    pub functions: Arc<Functions>,
    /// The queues.
    pub queues: Queues,
    /// What messages are sealed with.
    pub courier_key: PublicKey,
    servers: Vec<(TcpListener, Router)>,
    followed: Option<Followed>,
    /// What goes on beside the answering of requests. Ends with the stack.
    _background: JoinSet<()>,
    _built_in: Option<TempDir>,
}

/// Where the parts of a stack listen.
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
    /// Starts everything but the listening.
    ///
    /// # Errors
    /// What is wrong with the options, the configuration, the ports or the store, as a text for whoever started it.
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
        // Also where somebody else's login pages will be, when ours are not started.
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
        let store = match &options.store {
            Some(endpoint) => endpoint.clone(),
            None => Store::start(&template.tables, options.data.as_deref()).await?.endpoint,
        };
        let mut background = JoinSet::new();
        let (queue_listener, queue_at) = listen(0, "queues").await?;
        let queues = Queues::new(format!("http://{queue_at}"), &template.queues, &template.triggers, options.hurry);
        for function in &mut template.functions {
            let urls = function.queues.iter().map(|(name, queue)| (name.clone(), queues.url(queue)));
            function.env.extend(urls);
            // As in a deployment, where only these may read it.
            if function.variables.contains("LATCHKEY_COURIER_SECRET_ARN") {
                function.env.insert("LATCHKEY_COURIER_SECRET".to_owned(), secret.clone());
            }
        }
        let messages = Inbox::default();
        let inbox_url = match addresses.inbox {
            _ if options.carriers => String::new(),
            Some(at) => format!("http://{at}/api/messages"),
            // Messages have to end somewhere, also where nobody looks.
            None => {
                let (listener, at) = listen(0, "messages").await?;
                let router = inbox::router(messages.clone());
                background.spawn(async move { axum::serve(listener, router).await.unwrap_or_default() });
                format!("http://{at}/api/messages")
            }
        };
        let inbox_url = env.get("LATCHKEY_INBOX_URL").map(str::to_owned).unwrap_or(inbox_url);
        // Never the real ones of whoever starts this: a local stack must not reach into an account.
        let env = env
            .with("AWS_REGION", "local")
            .with("AWS_ACCESS_KEY_ID", "local")
            .with("AWS_SECRET_ACCESS_KEY", "local")
            .with("AWS_SESSION_TOKEN", "")
            .with("AWS_ENDPOINT_URL", &store)
            .with("AWS_ENDPOINT_URL_DYNAMODB", &store)
            .with("AWS_ENDPOINT_URL_SQS", &format!("http://{queue_at}"))
            .with("LATCHKEY_INBOX_URL", &inbox_url)
            .with("LATCHKEY_HURRY", &options.hurry.to_string())
            .with("LATCHKEY_SECRETS_ARN", "")
            .with("LATCHKEY_COURIER_SECRET_ARN", "")
            .with("LATCHKEY_COURIER_KEY", &courier.public().to_text());
        let starter = Starter { functions: template.functions, processes: options.processes.clone(), lines };
        let (functions, followed) = match &options.config {
            // Nobody changes the built-in one.
            None => (Arc::new(starter.start(&env).await?), None),
            Some(file) => {
                let followed = Followed::start(file.clone(), env, options.dev, starter, &checked).await?;
                (followed.functions(), Some(followed))
            }
        };
        let loaded = checked.loaded;
        let public_api = Api { routes: template.public.into(), functions: Arc::clone(&functions) };
        let pages_api = Api { routes: template.pages.into(), functions: Arc::clone(&functions) };
        let admin_api = Api { routes: template.admin.into(), functions: Arc::clone(&functions) };
        background.spawn(queue::serve(queue_listener, queues.clone(), Arc::clone(&functions)));
        let tables: Arc<[Table]> = template.tables.into();
        for trigger in template.triggers {
            let (store, tables) = (store::Client::new(&store, "local"), Arc::clone(&tables));
            background.spawn(stream::follow(store, tables, trigger, Arc::clone(&functions), functions.wrote()));
        }
        let mut servers = vec![(public, public_api.clone().router()), (admin, admin_api.clone().router())];
        servers.extend(pages.map(|(listener, _)| (listener, pages_api.clone().router())));
        servers.extend(inbox.map(|(listener, _)| (listener, inbox::router(messages.clone()))));
        Ok(Self {
            public: public_api,
            admin: admin_api,
            pages: pages_api,
            inbox: messages,
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

    /// Serves until `end` is there. A configuration file is followed meanwhile.
    ///
    /// # Errors
    /// When a listener fails.
    pub async fn serve(self, end: impl Future<Output = ()>) -> Result<(), String> {
        let mut tasks = tokio::task::JoinSet::new();
        for (listener, router) in self.servers {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            tasks.spawn(async move { axum::serve(listener, service).await });
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

async fn listen(port: u16, what: &str) -> Result<(TcpListener, SocketAddr), String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|e| {
        if e.kind() == std::io::ErrorKind::AddrInUse {
            format!("port {port} ({what}) is in use: end what listens there, or choose others with --port-base, such as --port-base 5433")
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
