//! HTTPS as all clients of AWS' services share it: one set of certificates, one pool of connections.
//!
//! Setting TLS up takes as long as everything else that a function does before it asks for its first event, so it is left to a
//! thread beside the start ([`prepare`]), or to the first call.

use super::connector::Http;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared as _;
use latchkey_egress::Roots;
use std::sync::LazyLock;

/// Public certificates of the authorities that AWS endpoints chain to: Amazon Root CA 1 to 4 and Starfield Services G2.
pub const AMAZON_ROOTS: &str = include_str!("../../roots/amazon.pem");

/// Turns of the scheduler that the runtime takes to ask for its first event.
const TURNS: u32 = 4;

static SHARED: LazyLock<SharedHttpClient> = LazyLock::new(|| https().into_shared());

#[expect(clippy::expect_used, reason = "the certificates are constant, and a test reads them")]
fn https() -> Http {
    Http::new(Roots::Only(AMAZON_ROOTS)).expect("constant certificates")
}

#[expect(clippy::expect_used, reason = "there are no certificates that could be wrong")]
fn plain() -> Http {
    Http::new(Roots::None).expect("no certificates")
}

/// The client of the SDKs: TLS by rustls with ring, or plain HTTP when the endpoint says so.
pub fn client(endpoint: Option<&str>) -> SharedHttpClient {
    if is_plain(endpoint) {
        return plain().into_shared();
    }
    OnDemand.into_shared()
}

/// Sets TLS up for an endpoint, unless that is done or it goes without.
pub fn prepare(endpoint: Option<&str>) {
    if !is_plain(endpoint) {
        LazyLock::force(&SHARED);
    }
}

fn is_plain(endpoint: Option<&str>) -> bool {
    endpoint.is_some_and(|url| url.starts_with("http://"))
}

/// Lets the runtime ask for its first event, so that what is begun beside it does not hold that up.
pub async fn after_the_first_poll() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

/// The shared client, which is not there before it is needed.
#[derive(Debug)]
struct OnDemand;

impl HttpClient for OnDemand {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SHARED.http_connector(settings, components)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn certificates_can_be_read() {
        super::prepare(None);
    }
}
