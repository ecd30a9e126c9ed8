//! `latchkey admin-proxy`: the admin API of a deployed stack on a port of this machine, for SDKs that cannot sign.
//!
//! A client of the port has the rights of the AWS credentials. So it listens on this machine only, and its guard refuses web pages.

use crate::cli::api::{Admin, Answer, Target};
use crate::cli::{EXIT_CODES, Failure, interrupted};
use crate::guard::{self, Audience, Guard};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use clap::Args;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use latchkey_core::bounds::LARGEST_ADMIN_BODY;
use serde_json::json;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Request headers that the admin API reads. No cookies and no credentials are forwarded.
const PASSED_ON: [&str; 5] = ["accept", "accept-language", "content-type", "user-agent", "x-request-id"];
/// Response headers that belong to one connection.
const OF_THE_CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// `latchkey admin-proxy`
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Proxy {
    #[command(flatten)]
    target: Target,
    /// Local port to listen on; 0 chooses a free one
    #[arg(long, default_value_t = 4434)]
    port: u16,
}

/// Forwards requests until Ctrl-C.
///
/// # Errors
/// When the port is taken, or the admin API refuses the credentials.
pub async fn run(proxy: Proxy) -> Result<(), Failure> {
    let admin = Admin::open(&proxy.target)?;
    if !admin.signs() {
        return Err(Failure::usage(format!(
            "requests to {} are not signed, so they need no proxy\n  name a deployed stack with --admin-url; if it has a domain of your own, add --sign",
            admin.base
        )));
    }
    admin.call(Method::GET, "/admin/version", None, None).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, proxy.port)).await.map_err(|e| {
        Failure::usage(format!(
            "port {}: {e}\n  the stack on this machine uses 4434; choose another port with --port",
            proxy.port
        ))
    })?;
    let at = listener.local_addr().map_err(|e| Failure::refused(e.to_string()))?;
    println!("The admin API of {} is available at http://{at}/ until you press Ctrl-C.", admin.base);
    println!("Every program on this machine can use it with your permissions.\n");
    println!("  an Ory SDK   basePath: \"http://{at}\", in the configuration of IdentityApi");
    println!("  Ory's CLI    export KRATOS_ADMIN_URL=http://{at}");
    println!("  latchkey     export LATCHKEY_ADMIN_ENDPOINT=http://{at}");
    let router = Router::new().fallback(pass).with_state(Arc::new(admin));
    tokio::select! {
        () = interrupted() => Ok(()),
        ended = guard::serve(listener, Guard::new(Audience::Programs), router) => Err(Failure::refused(format!("the listener ended: {ended:?}"))),
    }
}

async fn pass(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_ADMIN_BODY).await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than 5 MiB.");
    };
    let headers = parts.headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
    let headers = headers.filter(|(name, _)| PASSED_ON.contains(&name.as_str())).collect();
    // A plus and %20 mean the same space, but only %20 is signed the same way everywhere.
    let query = parts.uri.query().map(|query| query.replace('+', "%20"));
    match admin.send(parts.method, parts.uri.path(), query.as_deref(), headers, body).await {
        Ok(answer) => passed_back(answer),
        Err(why) => refusal(StatusCode::BAD_GATEWAY, "upstream_error", &why.text),
    }
}

fn passed_back(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    for name in OF_THE_CONNECTION {
        response.headers_mut().remove(name);
    }
    response
}

/// An error of the proxy itself, in the format that SDKs read.
fn refusal(status: StatusCode, id: &str, reason: &str) -> Response {
    let name = status.canonical_reason().unwrap_or_default();
    let body = json!({"error": {"id": id, "code": status.as_u16(), "status": name, "reason": reason, "message": "latchkey admin-proxy did not forward the request"}});
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
