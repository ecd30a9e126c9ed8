//! Templates at `https://` URLs are fetched on the machine that builds or runs a deployment, once, and travel inlined: a function
//! fetches nothing.
//!
//! A configuration must not make us read what only this machine can reach. Private addresses are refused, those behind redirects too.
//! A document that is too large or too slow is refused as well.

use http::StatusCode;
use latchkey_core::bounds::LARGEST_TEMPLATE;
use latchkey_egress::{Client, Failure, Reach, Roots};
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// How long fetching one may take, redirects included.
const PATIENCE: Duration = Duration::from_secs(10);
/// As many redirects are followed.
const REDIRECTS: usize = 3;

/// The same configuration with what stands at its `https://` URLs. Waits for the network, on a thread of its own. `only_public`
/// refuses addresses of private networks.
///
/// # Errors
/// The key, the URL, and why it cannot be fetched.
pub fn inlined(text: &str, only_public: bool) -> Result<String, String> {
    let urls = latchkey_config::remote_templates(text);
    if urls.is_empty() {
        return Ok(text.to_owned());
    }
    let fetching = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("nothing can be fetched: {e}"))?;
        let client = Client::new(if only_public { Reach::Public } else { Reach::Anywhere }, Roots::System)?;
        let mut contents = BTreeMap::new();
        for (key, url) in urls {
            let fetched = runtime.block_on(fetch(&client, &url));
            let bytes = fetched.map_err(|why| format!("{key}: {url:?} is not allowed: {why}"))?;
            contents.insert(url, bytes);
        }
        Ok::<_, String>(contents)
    });
    let contents = fetching.join().map_err(|_| "nothing can be fetched".to_owned())??;
    latchkey_config::with_contents(text, &contents).map_err(|e| e.to_string())
}

async fn fetch(client: &Client, url: &str) -> Result<Vec<u8>, String> {
    let url = Url::parse(url).map_err(|_| "it is no URL".to_owned())?;
    let answer = client.read(&url, REDIRECTS, PATIENCE).await.map_err(|e| e.to_string())?;
    if answer.status != StatusCode::OK {
        return Err(format!("its server answered {}", answer.status));
    }
    match answer.body(LARGEST_TEMPLATE).await {
        Ok(body) => Ok(body.to_vec()),
        Err(Failure::Broken) => Err(format!("it has more than {LARGEST_TEMPLATE} bytes, or breaks off")),
        Err(other) => Err(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_fetch_names_its_key() {
        let text = "courier: {templates: {login_code: {valid: {email: {subject: 'https://127.0.0.1:1/x'}}}}}";
        let error = inlined(text, true).unwrap_err();
        assert_eq!(
            error,
            "courier.templates.login_code.valid.email.subject: \"https://127.0.0.1:1/x\" is not allowed: its host is at a private, \
             local or otherwise special address"
        );
        let nothing = "courier: {smtp: {from_name: 'https://example.org/'}}";
        assert_eq!(inlined(nothing, true).unwrap(), nothing);
    }
}
