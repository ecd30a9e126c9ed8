//! Tells CloudFormation the public half of the courier's key, which other functions seal messages with.
//!
//! A custom resource of the template: it reads the courier's secret, derives the key and answers with the public half, which is the
//! same as long as the secret is. It makes nothing, so there is nothing to change or to delete. CloudFormation waits an hour for an
//! answer, so it answers every request, a failure with its reason.

use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use lambda_http::{Context, Error};
use latchkey_egress::Retries;
use latchkey_platform::https::Https;
use latchkey_platform::secret::SecretText;
use latchkey_platform::{Clock, Platform, StartError, log};
use latchkey_sealing::PrivateKey;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::time::Duration;
use url::Url;

/// The id of the resource. It never changes, so an update never deletes anything.
const PHYSICAL_ID: &str = "courier-key";
/// How long one try to answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How an answer is tried again: three times, after 200, 400 and 800 ms.
const RETRIES: Retries = Retries { most: 3, first_wait: Duration::from_millis(200) };

/// What the function is started with.
pub struct App {
    secret: SecretText,
    clock: Clock,
    client: Https<Full<Bytes>>,
}

impl App {
    /// Names the secret.
    ///
    /// # Errors
    /// When the environment is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let secret = SecretText::open_text(platform, "LATCHKEY_COURIER_SECRET")?;
        Ok(Self { secret, clock: platform.clock.clone(), client: Https::start(PATIENCE) })
    }
}

/// Answers one request of CloudFormation, at the address that it names.
///
/// # Errors
/// When the event names no address to answer at, or no server takes the answer there.
pub async fn answer(app: &App, event: &str, context: Context) -> Result<Value, Error> {
    let began = app.clock.now();
    let event: Value = serde_json::from_str(event)?;
    let to = address(&event)?;
    let decided = decide(app, &event).await;
    let failed = decided.is_err();
    let answer = response(&event, decided);
    let told = tell(app, &to, &answer).await;
    let mut line = json!({
        "request_id": context.request_id,
        "outcome": if told.is_err() { "not told" } else if failed { "failed" } else { "told" },
        "asked": event["RequestType"].as_str().filter(|kind| matches!(*kind, "Create" | "Update" | "Delete")),
    });
    if let Some(reason) = answer["Reason"].as_str() {
        line["cause"] = json!(reason);
    }
    log::event(&app.clock, "courier-key", line, began, failed || told.is_err());
    told?;
    Ok(json!({"told": answer["Status"]}))
}

/// The signed address to answer at. On this machine it may be one without TLS.
fn address(event: &Value) -> Result<Url, Error> {
    let url = event["ResponseURL"].as_str().and_then(|url| Url::parse(url).ok());
    let url = url.ok_or("expected an event of a CloudFormation custom resource, with a ResponseURL")?;
    let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if url.scheme() != "https" && !(local && url.scheme() == "http") {
        return Err("the ResponseURL is not an https address".into());
    }
    Ok(url)
}

/// The public key, or nothing when the resource goes.
async fn decide(app: &App, event: &Value) -> Result<Option<String>, String> {
    match event["RequestType"].as_str() {
        Some("Delete") => Ok(None),
        Some("Create" | "Update") => {
            // CloudFormation asks because it was changed, so what this function read before does not count.
            let secret = app.secret.read().await.map_err(|e| e.to_string())?;
            let keys = PrivateKey::all(secret.expose_secret()).map_err(|e| e.to_string())?;
            // Never empty.
            Ok(keys.first().map(|newest| newest.public().to_text()))
        }
        _ => Err("a request of an unknown type".to_owned()),
    }
}

fn response(event: &Value, decided: Result<Option<String>, String>) -> Value {
    let mut answer = json!({
        "Status": if decided.is_ok() { "SUCCESS" } else { "FAILED" },
        "PhysicalResourceId": event["PhysicalResourceId"].as_str().unwrap_or(PHYSICAL_ID),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    });
    match decided {
        Ok(Some(key)) => answer["Data"] = json!({ "PublicKey": key }),
        Ok(None) => {}
        Err(reason) => answer["Reason"] = json!(reason),
    }
    answer
}

/// Puts the answer where CloudFormation waits for it. The same answer twice does no harm.
async fn tell(app: &App, to: &Url, answer: &Value) -> Result<(), Error> {
    let client = app.client.get().await.map_err(ToString::to_string)?;
    let mut retries = RETRIES;
    loop {
        // The signature of the address covers an empty content type.
        let request = Request::builder().method(Method::PUT).uri(to.as_str()).header("content-type", "");
        let request = request.body(Full::new(Bytes::from(answer.to_string())))?;
        let exchange = async {
            let response = client.request(request).await?;
            let status = response.status();
            response.into_body().collect().await?;
            Ok::<_, Error>(status)
        };
        let failure = match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(Ok(status)) if status.is_success() => return Ok(()),
            Ok(Ok(status)) => format!("the answer was refused with {status}"),
            // The error may name the address, which lets any client that knows it answer in our place.
            Ok(Err(_)) => "the answer did not arrive".to_owned(),
            Err(_) => "the answer was not taken in time".to_owned(),
        };
        if !retries.next().await {
            return Err(failure.into());
        }
    }
}
