//! Asks a service whether a password has leaked, beside the hash. A leaked password still signs in.

use latchkey_config::Config;
use latchkey_egress::{Client, Reach, Roots};
use latchkey_hashers::leak::Fingerprint;
use latchkey_platform::{Environment, StartError};
use std::time::Duration;

/// Another address than the host's, for tests: their service has no certificate.
const URL: &str = "LATCHKEY_LEAKS_URL";
/// The largest answer in bytes; real ones have about a thousand lines.
const LARGEST_ANSWER: usize = 256 * 1024;

/// The service that knows leaked passwords.
pub struct Leaks {
    client: Client,
    url: String,
    max_breaches: u64,
    patience: Duration,
}

impl Leaks {
    /// `None` where the configuration does not look passwords up.
    pub fn open(env: &Environment, config: &Config) -> Result<Option<Self>, StartError> {
        let Some(check) = &config.selfservice.methods.leak_check else { return Ok(None) };
        let configured = format!("https://{}", check.host);
        // Only tests set the variable, so its address needs no guard.
        let (url, reach) = match env.get(URL) {
            Some(url) => (url.to_owned(), Reach::Anywhere),
            None if config.courier.may_call(&configured) => (configured, Reach::Anywhere),
            None => (configured, Reach::Public),
        };
        // The certificate of that host is not Amazon's, so the client reads the certificates of the system.
        let client = Client::new(reach, Roots::System).map_err(StartError)?;
        Ok(Some(Self { client, url, max_breaches: check.max_breaches, patience: check.patience }))
    }

    /// Whether a password was seen more often than the configuration allows; `None` when the service does not answer.
    pub async fn has(&self, print: &Fingerprint) -> Option<bool> {
        let answer = self.ask(print).await?;
        Some(print.seen(&answer) > self.max_breaches)
    }

    async fn ask(&self, print: &Fingerprint) -> Option<String> {
        // Padding hides from the network how many lines the answer has, and so which prefix it is for.
        let url = format!("{}/range/{}", self.url, print.prefix());
        let headers = [("add-padding", "true"), ("user-agent", "latchkey")];
        let answer = self.client.get(&url, &headers, self.patience).await.ok()?;
        if answer.status != 200 {
            return None;
        }
        String::from_utf8(answer.body(LARGEST_ANSWER).await.ok()?.to_vec()).ok()
    }
}
