//! Facts that a hostile client may know: ids, tokens, cookies and forms that are currently valid.

use crate::support::{Bench, Browser, action, csrf};
use serde_json::json;

/// Facts that requests are made of.
pub(super) struct World {
    pub(super) email: String,
    pub(super) identity: String,
    /// A native session's token.
    pub(super) token: String,
    /// Cookies of a browser that is signed in, and of one that has begun to.
    pub(super) cookies: Vec<String>,
    /// Flows of each kind; of native ones and of the second browser.
    pub(super) flows: Vec<String>,
    pub(super) csrf: String,
    pub(super) error: String,
    pub(super) logout: String,
}

impl World {
    pub(super) async fn new(bench: &Bench) -> Self {
        let email = bench.identity().await;
        let mut world = Self {
            email,
            identity: String::new(),
            token: String::new(),
            cookies: Vec::new(),
            flows: Vec::new(),
            csrf: String::new(),
            error: String::new(),
            logout: String::new(),
        };
        world.refresh(bench).await;
        world
    }

    /// Renews everything; an identity that requests have changed or deleted is replaced.
    pub(super) async fn refresh(&mut self, bench: &Bench) {
        self.email = bench.identity().await;
        self.token = bench.app().sign_in(&self.email).await;
        let whoami = bench.app().token(&self.token).get("/sessions/whoami").await.json();
        self.identity = whoami["identity"]["id"].as_str().expect("an id").to_owned();
        let mut signed_in = bench.browser();
        signed_in.sign_in(&self.email).await;
        let logout = signed_in.get("/self-service/logout/browser").await.json();
        self.logout = logout["logout_token"].as_str().expect("a token").to_owned();
        let refresh = signed_in.begin("?refresh=true").await;
        let mut visitor = bench.browser();
        let form = visitor.begin("").await;
        self.csrf = csrf(&form).as_str().expect("a token").to_owned();
        let code = visitor.begin("").await;
        let body = json!({"method": "code", "identifier": self.email, "csrf_token": csrf(&code)});
        visitor.post(&action(&code), &body).await;
        let page = visitor.with_html("/self-service/login/browser?return_to=https://elsewhere.example").await;
        self.error = page.location().rsplit("id=").next().unwrap_or_default().to_owned();
        self.cookies = vec![cookies(&signed_in), cookies(&visitor)];
        let id = |flow: &serde_json::Value| flow["id"].as_str().expect("an id").to_owned();
        let native = bench.app().begin("").await.rsplit('=').next().unwrap_or_default().to_owned();
        self.flows = vec![native, id(&form), id(&code), id(&refresh)];
    }
}

fn cookies(browser: &Browser<'_>) -> String {
    browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}
