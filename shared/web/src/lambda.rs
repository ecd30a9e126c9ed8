//! The five lines of each function's `main`: start once, then answer events.

use crate::{Environment, Request, Response, StartError};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, Error, LambdaEvent, Service as _, service_fn};
use serde_json::Value;
use serde_json::value::RawValue;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

/// A function's handler as a value: the answer to one request, on its way.
pub type Handler<A> = for<'a> fn(&'a A, Request) -> Pin<Box<dyn Future<Output = Response> + Send + 'a>>;

/// The answer to one event of any kind, on its way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send + 'a>>;

/// Starts a function of the HTTP APIs and serves its requests until Lambda ends it.
///
/// # Errors
/// When the start fails or the Runtime API is gone.
pub async fn serve<A: Send + Sync + 'static>(
    start: impl AsyncFnOnce(&Environment) -> Result<A, StartError>,
    handle: Handler<A>,
) -> Result<(), Error> {
    serve_events(start, move |app, event, context| Box::pin(invoke(app, handle, event, context))).await
}

/// Starts a function and serves its events, as they come, until Lambda ends it. A function that cannot start says why and ends
/// at once: serving with half a configuration would be worse.
///
/// # Errors
/// When the start fails or the Runtime API is gone.
pub async fn serve_events<A: Send + Sync + 'static>(
    start: impl AsyncFnOnce(&Environment) -> Result<A, StartError>,
    answer: impl for<'a> Fn(&'a A, &'a str, Context) -> Answering<'a> + Send + Sync + 'static,
) -> Result<(), Error> {
    let app = Arc::new((start(&Environment::from_process()).await.inspect_err(|e| eprintln!("{e}"))?, answer));
    lambda_http::lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let app = Arc::clone(&app);
        async move { app.1(&app.0, event.payload.get(), event.context).await }
    }))
    .await
}

/// Answers one event: what API Gateway sends in, what it takes out.
///
/// # Errors
/// When the event is not an HTTP API event of payload format 2.0.
pub async fn invoke<A: Sync>(app: &A, handle: Handler<A>, event: &str, context: Context) -> Result<Value, Error> {
    let event = LambdaRequest::ApiGatewayV2(parse(event)?);
    let service = service_fn(move |request: Request| async move { Ok::<_, Infallible>(handle(app, request).await) });
    let answer = Adapter::from(service).call(LambdaEvent::new(event, context)).await?;
    Ok(serde_json::to_value(answer)?)
}

/// Reads an event. Paths and headers that cannot stand in an HTTP request are mended first: the gateway decodes more than it
/// checks, and a request must never be answered by a crash.
fn parse(text: &str) -> Result<ApiGatewayV2httpRequest, Error> {
    let mut event: ApiGatewayV2httpRequest = match serde_json::from_str(text) {
        Ok(event) => event,
        Err(_) => serde_json::from_value(mend(serde_json::from_str(text)?))?,
    };
    if let Some(path) = &mut event.raw_path {
        *path = legal(path);
    }
    if let Some(query) = &mut event.raw_query_string {
        *query = legal(query);
    }
    // The host of a request decides nothing here, so one that would not make a URL is not needed.
    event.headers.remove(http::header::HOST);
    event.request_context.domain_name = None;
    if let Some(cookies) = &mut event.cookies {
        cookies.retain(|cookie| cookie.bytes().all(|b| (b' '..=b'~').contains(&b)));
    }
    Ok(event)
}

/// Percent-encodes what may not stand in a URL.
fn legal(text: &str) -> String {
    use percent_encoding::{AsciiSet, CONTROLS};
    const ILLEGAL: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'<')
        .add(b'>')
        .add(b'\\')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}')
        .add(b'#');
    percent_encoding::utf8_percent_encode(text, ILLEGAL).to_string()
}

/// Removes headers that cannot be read.
fn mend(mut event: Value) -> Value {
    if let Some(headers) = event.get_mut("headers").and_then(Value::as_object_mut) {
        headers.retain(|name, value| {
            let text = value.as_str().unwrap_or("\u{0}");
            http::HeaderName::from_bytes(name.as_bytes()).is_ok() && http::HeaderValue::from_str(text).is_ok()
        });
    }
    event
}
