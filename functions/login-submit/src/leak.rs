//! Asks whether a password has leaked, beside the hash. Whatever comes of it, nobody is kept from signing in by it.

use lambda_http::http::Request;
use latchkey_config::Config;
use latchkey_egress::{Client, Reach, Roots};
use latchkey_hashers::leak::Fingerprint;
use latchkey_platform::{Environment, StartError};
use std::time::Duration;

/// Another address than the host's, for tests; a peer on this machine has no certificate.
const URL: &str = "LATCHKEY_LEAKS_URL";
/// More than any answer has: a thousand lines.
const LARGEST_ANSWER: usize = 256 * 1024;

/// Who is asked.
pub(crate) struct Leaks {
    client: Client,
    url: String,
    max_breaches: u64,
    patience: Duration,
}

impl Leaks {
    /// Nobody where passwords are not looked for.
    pub(crate) fn open(env: &Environment, config: &Config) -> Result<Option<Self>, StartError> {
        let Some(check) = &config.selfservice.methods.leak_check else { return Ok(None) };
        let configured = format!("https://{}", check.host);
        // What the environment names is no configuration's: it is the tests' own peer.
        let (url, reach) = match env.get(URL) {
            Some(url) => (url.to_owned(), Reach::Anywhere),
            None if config.courier.may_call(&configured) => (configured, Reach::Anywhere),
            None => (configured, Reach::Public),
        };
        // Another certificate authority than AWS' vouches for that host, so the system's are read; only where they are needed.
        let client = Client::new(reach, Roots::System).map_err(StartError)?;
        Ok(Some(Self { client, url, max_breaches: check.max_breaches, patience: check.patience }))
    }

    /// Whether a password was seen more often than it may have been; `None` when nobody says.
    pub(crate) async fn has(&self, print: &Fingerprint) -> Option<bool> {
        let answer = self.ask(print).await?;
        Some(print.seen(&answer) > self.max_breaches)
    }

    async fn ask(&self, print: &Fingerprint) -> Option<String> {
        // Padding hides from the network how many lines the answer has, and so which prefix it is for.
        let request = Request::get(format!("{}/range/{}", self.url, print.prefix()))
            .header("add-padding", "true")
            .header("user-agent", "latchkey")
            .body(Default::default())
            .ok()?;
        let answer = self.client.call(request, self.patience).await.ok()?;
        if answer.status != 200 {
            return None;
        }
        String::from_utf8(answer.body(LARGEST_ANSWER).await.ok()?.to_vec()).ok()
    }
}
