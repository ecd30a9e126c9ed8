//! An identity to sign in as, on a stack that has none yet.

use crate::gateway::Api;
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};

/// The identifier of the demo identity.
pub const EMAIL: &str = "demo@latchkey.example";
/// The password of the demo identity. It is published, so the identity is only created in development mode.
pub const PASSWORD: &str = "three-keys-on-a-ring";
const LARGEST_ANSWER: usize = 1024 * 1024;

/// Creates the demo identity if the stack has no identities. Returns whether it exists now.
///
/// # Errors
/// The error of the admin API.
pub async fn create(admin: &Api) -> Result<bool, String> {
    let identities = call(admin, Request::get("/admin/identities?page_size=1"), Value::Null).await?;
    match identities.as_array().map(Vec::as_slice) {
        Some([]) => {}
        Some([only]) => return Ok(only["traits"]["email"] == EMAIL),
        _ => return Ok(false),
    }
    let demo = json!({
        "schema_id": "default",
        "traits": {"email": EMAIL, "name": {"first": "Dana", "last": "Demo"}},
        "credentials": {"password": {"config": {"password": PASSWORD}}},
    });
    call(admin, Request::post("/admin/identities").header("content-type", "application/json"), demo).await?;
    Ok(true)
}

async fn call(admin: &Api, request: http::request::Builder, body: Value) -> Result<Value, String> {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let request = request.body(body).map_err(|e| e.to_string())?;
    let response = admin.answer(IpAddr::V4(Ipv4Addr::LOCALHOST), request).await;
    let status = response.status();
    let bytes = to_bytes(response.into_body(), LARGEST_ANSWER).await.map_err(|e| e.to_string())?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|e| format!("{status}: {e}"))?;
    if status == StatusCode::OK || status == StatusCode::CREATED {
        Ok(value)
    } else {
        Err(format!("{status}: {value}"))
    }
}
