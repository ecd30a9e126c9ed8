//! Calls to AWS' own endpoints that no SDK makes: TLS by rustls with ring, trusting the roots that those endpoints chain to.

use crate::StartError;
use hyper::body::Body;
use latchkey_egress::{Raw, Reach, Roots, raw};
use latchkey_store::https::AMAZON_ROOTS;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SetOnce;

/// A client for bodies of this kind; plain HTTP where an address says so, as on this machine.
pub type HttpsClient<B> = Raw<B>;

/// A client that is made on a thread beside the start of a function and awaited by its first call.
pub struct Https<B>(Arc<SetOnce<Result<HttpsClient<B>, StartError>>>);

impl<B: Body<Data: Send> + Send + 'static> Https<B> {
    /// Begins to make it. Connections that lay `idle` for longer are not used again.
    pub fn start(idle: Duration) -> Self {
        let cell = Arc::new(SetOnce::new());
        let made = Arc::clone(&cell);
        std::thread::spawn(move || {
            // Nobody else sets it.
            let _ = made.set(raw(Reach::Anywhere, Roots::Only(AMAZON_ROOTS), idle).map_err(StartError));
        });
        Self(cell)
    }

    /// The client.
    ///
    /// # Errors
    /// When the built-in certificates cannot be used.
    pub async fn get(&self) -> Result<&HttpsClient<B>, &StartError> {
        self.0.wait().await.as_ref()
    }
}
