//! Calls to AWS' own endpoints that no SDK makes: TLS by rustls with ring, trusting the roots that those endpoints chain to.

use crate::StartError;
use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use latchkey_store::https::AMAZON_ROOTS;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SetOnce;

/// A client for bodies of this kind; plain HTTP where an address says so, as on this machine.
pub type HttpsClient<B> = Client<HttpsConnector<HttpConnector>, B>;

/// A client that is made on a thread beside the start of a function and awaited by its first call.
pub struct Https<B>(Arc<SetOnce<Result<HttpsClient<B>, StartError>>>);

impl<B: Body<Data: Send> + Send + 'static> Https<B> {
    /// Begins to make it. Connections that lay `idle` for longer are not used again.
    pub fn start(idle: Duration) -> Self {
        let cell = Arc::new(SetOnce::new());
        let made = Arc::clone(&cell);
        std::thread::spawn(move || {
            let client = |connector| Client::builder(TokioExecutor::new()).pool_idle_timeout(idle).build(connector);
            // Nobody else sets it.
            let _ = made.set(connector().map(client));
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

fn connector() -> Result<HttpsConnector<HttpConnector>, StartError> {
    let failed = |e: &dyn std::fmt::Display| StartError(format!("TLS cannot be set up: {e}"));
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(AMAZON_ROOTS.as_bytes()) {
        roots.add(root.map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(&e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build())
}
