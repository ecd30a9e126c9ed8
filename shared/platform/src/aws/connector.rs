//! How the SDKs of AWS send a request: HTTP/1.1 by the client that all calls share.
//!
//! The SDK's own connector brings HTTP/2, which the services it is used for here do not speak, in a tenth of each function's package.

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_runtime_api::shared::IntoShared as _;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpInfo, capture_connection};
use latchkey_egress::{Raw, Reach, Roots, Times, raw};
use std::error::Error;
use std::time::Duration;

/// Limits of connections: one that cannot be made within two seconds is tried anew, and one that lay idle for long is not used again.
const TIMES: Times = Times { connecting: Duration::from_secs(2), idle: Duration::from_secs(90) };

/// The client of an SDK, and its one connector.
#[derive(Clone, Debug)]
pub(crate) struct Http(Raw<SdkBody>);

impl Http {
    /// A client that believes these certificates.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn new(roots: Roots<'_>) -> Result<Self, String> {
        Ok(Self(raw(Reach::Anywhere, roots, TIMES)?))
    }
}

impl HttpClient for Http {
    /// Timeouts of an attempt are the SDK's own; that of a connection is the client's.
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.clone().into_shared()
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(e) => return HttpConnectorFuture::ready(Err(ConnectorError::user(e.into()))),
        };
        let captured = capture_connection(&mut request);
        if let Some(sdk) = request.extensions().get::<CaptureSmithyConnection>() {
            sdk.set_connection_retriever(move || connection(&captured));
        }
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(failed)?;
            Response::try_from(answer.map(SdkBody::from_body_1_x)).map_err(|e| ConnectorError::other(e.into(), None))
        })
    }
}

/// The connection of a request, for the SDK to leave it after an answer that says that the server is unwell.
fn connection(captured: &CaptureConnection) -> Option<ConnectionMetadata> {
    let captured = captured.clone();
    let mut extras = http::Extensions::new();
    captured.connection_metadata().as_ref()?.get_extras(&mut extras);
    let info = extras.get::<HttpInfo>();
    let mut connection = ConnectionMetadata::builder().proxied(false);
    connection.set_local_addr(info.map(HttpInfo::local_addr)).set_remote_addr(info.map(HttpInfo::remote_addr));
    let leave = move || {
        if let Some(connection) = captured.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    Some(connection.poison_fn(leave).build())
}

/// An error of the kind by which the SDK decides whether to try again. It tries a request again that broke off, and not one that was
/// wrong.
fn failed(error: legacy::Error) -> ConnectorError {
    if find::<std::io::Error>(&error).is_some_and(|e| e.kind() == std::io::ErrorKind::TimedOut) {
        return ConnectorError::timeout(error.into());
    }
    match find::<hyper::Error>(&error) {
        Some(hyper) if hyper.is_user() => ConnectorError::user(error.into()),
        Some(hyper) if hyper.is_closed() || hyper.is_canceled() => ConnectorError::io(error.into()),
        Some(hyper) if hyper.is_incomplete_message() => {
            ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
        }
        _ if error.is_connect() || find::<std::io::Error>(&error).is_some() => ConnectorError::io(error.into()),
        _ => ConnectorError::other(error.into(), None),
    }
}

fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Sends one request to a server that says this and ends the connection.
    async fn answered(says: &'static [u8]) -> Result<u16, ConnectorError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(says).await.unwrap();
        });
        let result = sent(&format!("http://{address}/")).await;
        server.await.unwrap();
        result
    }

    async fn sent(to: &str) -> Result<u16, ConnectorError> {
        let request = http::Request::get(to).body(SdkBody::empty()).unwrap();
        let http = Http::new(Roots::None).unwrap();
        Ok(http.call(request.try_into().unwrap()).await?.status().as_u16())
    }

    #[tokio::test]
    async fn answers_arrive_and_failures_have_their_kind() {
        assert_eq!(answered(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap(), 204);
        let broken = answered(b"").await.unwrap_err();
        assert_eq!(broken.as_other(), Some(ErrorKind::TransientError), "{broken:?}");
        assert!(answered(b"no HTTP\r\n\r\n").await.unwrap_err().is_other());
        assert!(sent("http://127.0.0.1:1/").await.unwrap_err().is_io());
    }
}
