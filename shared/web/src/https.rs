//! Calls to AWS' own endpoints that no SDK makes: TLS by rustls with ring, trusting the roots that those endpoints chain to.

use crate::StartError;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use latchkey_store::AMAZON_ROOTS;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// What a client connects with; plain HTTP where the address says so, as on this machine.
///
/// # Errors
/// When the built-in certificates cannot be used.
pub fn connector() -> Result<HttpsConnector<HttpConnector>, StartError> {
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
