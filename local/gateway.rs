//! API Gateway on this machine: picks the route, makes the event, calls the function, and answers as the gateway does by itself.

use crate::event::{self, Arrival};
use crate::functions::{Failure, Functions};
use crate::template::{Route, pick};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode};
use latchkey_platform::{Clock, Rng};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Most bytes that the request line and the headers may have together.
const MOST_HEADERS: usize = 10_240;
/// Most bytes of a body.
const MOST_BODY: usize = 10 * 1024 * 1024;

/// One of the two APIs.
#[derive(Clone)]
pub struct Api {
    /// Its routes.
    pub routes: Arc<[Route]>,
    /// The functions they lead to.
    pub functions: Arc<Functions>,
    /// The gateway's clock: functions know by their events when a request came.
    pub clock: Clock,
}

impl Api {
    /// The API as a service.
    pub fn router(self) -> Router {
        let answer = |State(api): State<Self>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request| async move {
            api.answer(peer.ip(), request).await
        };
        Router::new().fallback(answer).with_state(self)
    }

    /// Calls a function in a task of its own: as on Lambda, it continues when the client disconnects.
    async fn call(&self, function: &str, event: &Value, id: &str) -> Result<Value, Failure> {
        let (functions, function) = (Arc::clone(&self.functions), function.to_owned());
        let (event, id) = (event.to_string(), id.to_owned());
        let called = tokio::spawn(async move { functions.call(&function, event, &id).await });
        called.await.unwrap_or_else(|e| Err(Failure::Crashed(e.to_string())))
    }

    /// Answers one request.
    pub async fn answer(&self, from: IpAddr, request: Request) -> Response {
        let at = self.clock.now();
        let (parts, body) = request.into_parts();
        let line = parts.method.as_str().len() + parts.uri.path_and_query().map_or(0, |path| path.as_str().len());
        if line + size(&parts.headers) > MOST_HEADERS {
            return event::gateway_error(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Request Header Fields Too Large",
            );
        }
        let Ok(body) = to_bytes(body, MOST_BODY).await else {
            return event::gateway_error(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        let path = percent_encoding::percent_decode_str(parts.uri.path()).decode_utf8_lossy();
        let Some(route) = pick(&self.routes, parts.method.as_str(), &path) else {
            return event::gateway_error(StatusCode::NOT_FOUND, "Not Found");
        };
        let arrival = Arrival { id: Rng::system().id().to_string(), at, from };
        let mut event = event::event(&parts, &body, &route.key, route.signed, &arrival);
        let mut response = match self.authorize(route, &mut event, &arrival.id).await {
            Err(refusal) => refusal,
            Ok(()) => match self.call(&route.function, &event, &arrival.id).await {
                Ok(answer) => event::response(&answer).unwrap_or_else(failed),
                Err(Failure::TimedOut) => event::gateway_error(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
                Err(Failure::Crashed(why)) => {
                    eprintln!("{} crashed on {} {path}: {why}", route.function, parts.method);
                    failed()
                }
            },
        };
        // The gateway names every request in this header.
        if let Ok(id) = HeaderValue::from_str(&arrival.id) {
            response.headers_mut().insert("apigw-requestid", id);
        }
        response
    }

    /// Asks a route's authorizer, if it has one, and adds its context to the event. The gateway answers 403 if the authorizer refuses,
    /// and 500 if it gives no decision.
    async fn authorize(&self, route: &Route, event: &mut Value, id: &str) -> Result<(), Response> {
        let Some(authorizer) = &route.authorizer else { return Ok(()) };
        let answer = self.call(authorizer, &event::question(event), id).await.map_err(|failure| {
            eprintln!("{authorizer} could not decide on {}: {failure:?}", route.key);
            failed()
        })?;
        match answer["isAuthorized"].as_bool() {
            Some(true) => {
                event["requestContext"]["authorizer"] = json!({"lambda": answer["context"]});
                Ok(())
            }
            Some(false) => Err(event::gateway_error(StatusCode::FORBIDDEN, "Forbidden")),
            None => Err(failed()),
        }
    }
}

fn failed() -> Response {
    event::gateway_error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

/// The size of headers on the wire: name, colon, space, value, line end.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
