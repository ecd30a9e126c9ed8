//! A server for tests.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

/// Answers each request with the next of these; the task ends with the requests.
pub(crate) async fn serve(answers: Vec<String>) -> (Url, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut peer, _) = listener.accept().await.expect("a connection");
            let mut chunk = [0; 4096];
            let read = peer.read(&mut chunk).await.unwrap_or(0);
            requests.push(String::from_utf8_lossy(&chunk[..read]).into_owned());
            // A client that hangs up is part of some tests.
            let _ = peer.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await;
        }
        requests
    });
    (format!("http://{address}/there").parse().expect("a URL"), served)
}

pub(crate) fn ok(body: &str) -> String {
    format!("200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}
