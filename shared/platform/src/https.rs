//! Calls to AWS' own endpoints that no SDK makes: TLS by rustls with ring, trusting the roots that those endpoints chain to and those
//! that a deployment names.

use crate::StartError;
use crate::aws::https::AMAZON_ROOTS;
use hyper::body::Body;
use latchkey_egress::{Raw, Reach, Roots, Times, raw};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SetOnce;

/// How long a connection may take to be made.
const CONNECTING: Duration = Duration::from_secs(5);

/// A client for bodies of this kind; plain HTTP where an address says so, as on this machine.
pub type HttpsClient<B> = Raw<B>;

/// A client that is made on a thread beside the start of a function and awaited by its first call.
pub struct Https<B>(Arc<SetOnce<Result<HttpsClient<B>, StartError>>>);

impl<B: Body<Data: Send> + Send + 'static> Https<B> {
    /// Begins to make it. Connections that lay `idle` for longer are not used again.
    pub fn start(idle: Duration) -> Self {
        Self::trusting(idle, None)
    }

    /// The same; a file of PEM certificates is trusted besides Amazon's roots.
    pub fn trusting(idle: Duration, more: Option<PathBuf>) -> Self {
        let cell = Arc::new(SetOnce::new());
        let made = Arc::clone(&cell);
        std::thread::spawn(move || {
            // This thread alone sets it.
            let _ = made.set(trusted(more.as_deref()).and_then(|roots| {
                raw(Reach::Anywhere, Roots::Only(&roots), Times { connecting: CONNECTING, idle })
                    .map_err(|e| StartError(named(more.as_deref(), &e)))
            }));
        });
        Self(cell)
    }

    /// The client.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub async fn get(&self) -> Result<&HttpsClient<B>, &StartError> {
        self.0.wait().await.as_ref()
    }
}

/// The text of an error, after the file of certificates that it is about.
fn named(more: Option<&Path>, error: &dyn std::fmt::Display) -> String {
    more.map_or_else(|| error.to_string(), |file| format!("{}: {error}", file.display()))
}

/// The certificates to believe, in PEM.
fn trusted(more: Option<&Path>) -> Result<Cow<'static, str>, StartError> {
    let Some(file) = more else { return Ok(AMAZON_ROOTS.into()) };
    let text = std::fs::read_to_string(file).map_err(|e| StartError(named(more, &e)))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(StartError(named(more, &"there is no PEM certificate in it")));
    }
    Ok(format!("{AMAZON_ROOTS}\n{text}").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;
    use hyper::body::Bytes;

    #[tokio::test]
    async fn roots_of_a_deployment_are_trusted_or_named() {
        let folder = std::env::temp_dir().join(format!("latchkey-roots-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let made = async |name: &str, text: Option<&str>| {
            let file = folder.join(name);
            text.inspect(|text| std::fs::write(&file, text).unwrap());
            let client = Https::<Full<Bytes>>::trusting(Duration::from_secs(1), Some(file.clone()));
            let why = client.get().await.err().map(|e| e.0.clone());
            why.map(|why| (why.contains(&file.display().to_string()), why))
        };
        assert_eq!(made("good.pem", Some(AMAZON_ROOTS)).await, None);
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (name, text) in [("empty.pem", Some("nothing\n")), ("broken.pem", Some(broken)), ("nowhere.pem", None)] {
            let why = made(name, text).await;
            assert!(why.as_ref().is_some_and(|(named, _)| *named), "{name}: {why:?}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
