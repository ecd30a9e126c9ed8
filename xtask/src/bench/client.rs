//! Requests to a stack in this process, from any client address.

use axum::body::{Body, to_bytes};
use http::Request;
use latchkey::gateway::Api;
use serde_json::{Value, json};
use std::net::IpAddr;

/// A request of a client that reads JSON; `body` is JSON, or empty for none.
pub(super) fn request(verb: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder()
        .method(verb)
        .uri(path)
        .header("accept", "application/json")
        .header("host", "login.example.org");
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap_or_default()
}

/// Calls one of the APIs. Returns the status and the body, as text where it is not JSON.
pub(super) async fn ask(api: &Api, from: IpAddr, request: Request<Body>) -> Result<(u16, Value), String> {
    let response = api.answer(from, request).await;
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&bytes);
    Ok((status, serde_json::from_str(&text).unwrap_or_else(|_| json!(text))))
}
