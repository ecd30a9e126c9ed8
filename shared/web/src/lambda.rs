//! The five lines of each function's `main`: start once, then answer events.

use crate::{Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, SET_COOKIE};
use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, Context, Error, LambdaEvent, RequestExt as _, service_fn};
use latchkey_core::bounds::LONGEST_EVENT_TARGET;
use latchkey_platform::{Platform, StartError};
use percent_encoding::{AsciiSet, CONTROLS};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::Arc;

/// Internal header with a request's `Host`; a client's header of this name is dropped.
pub(crate) const SEEN_HOST: http::HeaderName = http::HeaderName::from_static("x-latchkey-host");

/// A function's handler as a value: the future of one response.
pub type Handler<A> = for<'a> fn(&'a A, Request) -> Pin<Box<dyn Future<Output = Response> + Send + 'a>>;

/// The future of the answer to one event of any kind.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send + 'a>>;

/// Starts a function of the HTTP APIs and serves its requests until Lambda ends it.
///
/// # Errors
/// When the start fails or the Runtime API is gone.
pub async fn serve<A: Send + Sync + 'static>(
    start: impl AsyncFnOnce(&Platform) -> Result<A, StartError>,
    handle: Handler<A>,
) -> Result<(), Error> {
    serve_events(start, move |app, event, context| Box::pin(invoke(app, handle, event, context))).await
}

/// Starts a function and serves its events, of any kind, until Lambda ends it. A function that cannot start logs why and ends at once,
/// because serving with half a configuration would be worse.
///
/// # Errors
/// When the start fails or the Runtime API is gone.
pub async fn serve_events<A: Send + Sync + 'static>(
    start: impl AsyncFnOnce(&Platform) -> Result<A, StartError>,
    answer: impl for<'a> Fn(&'a A, &'a str, Context) -> Answering<'a> + Send + Sync + 'static,
) -> Result<(), Error> {
    let app = Arc::new((start(&Platform::system()).await.inspect_err(|e| eprintln!("{e}"))?, answer));
    lambda_http::lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let app = Arc::clone(&app);
        async move { app.1(&app.0, event.payload.get(), event.context).await }
    }))
    .await
}

/// Answers one event of API Gateway.
///
/// # Errors
/// When the event is not an HTTP API event of payload format 2.0.
pub async fn invoke<A: Sync>(app: &A, handle: Handler<A>, event: &str, context: Context) -> Result<Value, Error> {
    let request = Request::from(LambdaRequest::ApiGatewayV2(parse(event)?)).with_lambda_context(context);
    Ok(serde_json::to_value(answer(handle(app, request).await))?)
}

/// Content types, or the start of them, whose bodies are text.
const TEXT: [&str; 4] = ["text/", "application/json", "application/javascript", "application/xml"];

/// An answer as the gateway takes it: cookies beside the headers, and a body that is not text in base64. `lambda_http` would do the
/// same, with tables to read text of every encoding; ours is UTF-8.
fn answer(response: Response) -> ApiGatewayV2httpResponse {
    let (mut parts, body) = response.into_parts();
    let mut answer = ApiGatewayV2httpResponse::default();
    answer.status_code = parts.status.as_u16().into();
    let cookies = parts.headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
    answer.cookies = cookies.map(str::to_owned).collect();
    parts.headers.remove(SET_COOKIE);
    let named = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_text = !parts.headers.contains_key(CONTENT_ENCODING)
        && named.is_none_or(|named| {
            let bare = named.split(';').next().unwrap_or_default().trim();
            TEXT.iter().any(|text| bare.starts_with(text)) || bare.ends_with("+json") || bare.ends_with("+xml")
        });
    let body = match body {
        Body::Binary(bytes) if is_text => Body::Text(String::from_utf8_lossy(&bytes).into_owned()),
        Body::Text(text) if !is_text => Body::Binary(text.into_bytes()),
        Body::Empty => Body::Text(String::new()),
        body => body,
    };
    answer.is_base64_encoded = matches!(body, Body::Binary(_));
    answer.body = Some(body);
    answer.headers = parts.headers;
    answer
}

/// Reads an event. Parts that cannot be in an HTTP request are repaired or removed first: the gateway decodes more than it checks, and
/// a request must never be answered by a crash.
fn parse(text: &str) -> Result<ApiGatewayV2httpRequest, Error> {
    let mut event: ApiGatewayV2httpRequest = match serde_json::from_str(text) {
        Ok(event) => event,
        Err(_) => serde_json::from_value(mend(serde_json::from_str(text)?))?,
    };
    // The gateway has decoded the path, so a percent sign in it must not be decoded once more. The query comes as it was sent.
    let path = legal(event.raw_path.as_deref().unwrap_or_default(), ILLEGAL_IN_A_PATH);
    let query = legal(event.raw_query_string.as_deref().unwrap_or_default(), ILLEGAL);
    let (path, query) =
        if path.len() + query.len() > LONGEST_EVENT_TARGET { Default::default() } else { (path, query) };
    event.raw_path = Some(if path.starts_with('/') { path } else { format!("/{path}") });
    event.raw_query_string = Some(query);
    // The host of a request decides nothing here, so an invalid one is not needed.
    // It is kept under another name, for the hint to a developer who called another host than the configuration names.
    event.headers.remove(&SEEN_HOST);
    if let Some(host) = event.headers.remove(http::header::HOST) {
        event.headers.insert(SEEN_HOST, host);
    }
    event.request_context.domain_name = None;
    if let Some(cookies) = &mut event.cookies {
        cookies.retain(|cookie| cookie.bytes().all(|b| (b' '..=b'~').contains(&b)));
    }
    if event.is_base64_encoded && event.body.as_ref().is_some_and(|body| STANDARD.decode(body).is_err()) {
        event.body = None;
    }
    Ok(event)
}

/// Characters that cannot be in a URL.
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

/// Characters that cannot be in a decoded path: those, and the ones that begin an escape or a query.
const ILLEGAL_IN_A_PATH: &AsciiSet = &ILLEGAL.add(b'%').add(b'?');

fn legal(text: &str, illegal: &'static AsciiSet) -> String {
    percent_encoding::utf8_percent_encode(text, illegal).to_string()
}

/// Removes values of the wrong type and adds required ones.
fn mend(event: Value) -> Value {
    let of = |value: &Value, key: &str| value.get(key).cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut headers = of(&event, "headers").as_object().cloned().unwrap_or_default();
    headers.retain(|name, value| {
        let text = value.as_str().unwrap_or("\u{0}");
        http::HeaderName::from_bytes(name.as_bytes()).is_ok() && http::HeaderValue::from_str(text).is_ok()
    });
    let cookies: Vec<Value> =
        of(&event, "cookies").as_array().into_iter().flatten().filter(|cookie| cookie.is_string()).cloned().collect();
    let context = of(&event, "requestContext");
    let http = of(&context, "http");
    let method = text(&http, "method").filter(|method| http::Method::from_bytes(method.as_bytes()).is_ok());
    json!({
        "version": "2.0",
        "routeKey": text(&event, "routeKey"),
        "rawPath": text(&event, "rawPath").or(text(&http, "path")),
        "rawQueryString": text(&event, "rawQueryString"),
        "cookies": cookies,
        "headers": headers,
        "body": text(&event, "body"),
        "isBase64Encoded": event.get("isBase64Encoded") == Some(&Value::Bool(true)),
        "requestContext": {
            // Only the gateway's own statement on a signature counts; an unreadable one counts as none.
            "authorizer": context.get("authorizer").filter(|authorizer| authorizer.is_object()),
            "requestId": text(&context, "requestId"),
            "routeKey": text(&context, "routeKey"),
            "stage": text(&context, "stage"),
            "timeEpoch": 0,
            "http": {
                "method": method.as_deref().unwrap_or("GET"),
                "path": text(&http, "path"),
                "protocol": text(&http, "protocol"),
                "sourceIp": text(&http, "sourceIp"),
                "userAgent": text(&http, "userAgent"),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::http::StatusCode;
    use proptest::prelude::*;

    /// Answers an event. Returns what the handler saw.
    async fn seen(event: &str) -> Result<Value, Error> {
        fn look<'a>((): &'a (), request: Request) -> Pin<Box<dyn Future<Output = Response> + Send + 'a>> {
            let text = format!("{} {} {}", request.method(), request.uri().path(), request.body().len());
            let mut response = Response::new(Body::Text(text));
            *response.status_mut() = StatusCode::OK;
            Box::pin(async move { response })
        }
        invoke(&(), look, event, Context::default()).await
    }

    fn event() -> Value {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/x", "rawQueryString": "", "headers": {"a": "b"},
            "requestContext": {"timeEpoch": 1, "http": {"method": "POST", "path": "/x", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9"}},
            "isBase64Encoded": false, "body": "hello",
        })
    }

    #[tokio::test]
    async fn whatever_is_wrong_with_an_event_it_is_answered() {
        for (pointer, value, saw) in [
            ("/rawPath", json!("/x"), "POST /x 5"),
            ("/rawPath", json!("x"), "POST /x 5"),
            ("/rawPath", json!("\u{0}"), "POST /%00 5"),
            ("/rawPath", json!("/a b"), "POST /a%20b 5"),
            ("/rawPath", json!("/a%20b"), "POST /a%2520b 5"),
            ("/rawPath", json!("/a?b"), "POST /a%3Fb 5"),
            ("/rawPath", json!("a".repeat(70_000)), "POST / 5"),
            ("/rawPath", json!(5), "POST /x 5"),
            ("/rawQueryString", json!("\u{1}=#"), "POST /x 5"),
            ("/isBase64Encoded", json!(true), "POST /x 0"),
            ("/isBase64Encoded", json!("yes"), "POST /x 5"),
            ("/body", json!({"a": 1}), "POST /x 0"),
            ("/headers", json!(null), "POST /x 5"),
            ("/headers", json!({"bad name": "x", "n": 5, "c": "\u{7}"}), "POST /x 5"),
            ("/requestContext", json!(null), "GET /x 5"),
            ("/requestContext/http", json!("nothing"), "GET /x 5"),
            ("/requestContext/http/method", json!("not a verb"), "GET /x 5"),
            ("/requestContext/timeEpoch", json!("late"), "POST /x 5"),
        ] {
            let mut event = event();
            *event.pointer_mut(pointer).unwrap() = value;
            let answer = seen(&event.to_string()).await.unwrap_or_else(|e| panic!("{pointer}: {e} {event}"));
            assert_eq!(answer["body"], saw, "{pointer}");
        }
        assert_eq!(seen("{}").await.unwrap()["body"], "GET / 0");
        assert!(seen("no event").await.is_err());
    }

    #[test]
    fn bodies_are_text_or_base64_and_cookies_stand_apart() {
        for (kind, body, base64) in [
            (Some("application/json; charset=utf-8"), Body::Text("{}".to_owned()), false),
            (Some("text/css"), Body::Binary(b"a".to_vec()), false),
            (Some("image/svg+xml"), Body::Text("<svg/>".to_owned()), false),
            (Some("application/problem+json"), Body::Text("{}".to_owned()), false),
            (None, Body::Text("a".to_owned()), false),
            (None, Body::Empty, false),
            (Some("image/png"), Body::Binary(vec![0xff]), true),
            (Some("image/png"), Body::Text("a".to_owned()), true),
        ] {
            let mut response = Response::new(body);
            response.headers_mut().append(SET_COOKIE, "a=1".parse().unwrap());
            response.headers_mut().append(SET_COOKIE, "b=2".parse().unwrap());
            if let Some(kind) = kind {
                response.headers_mut().insert(CONTENT_TYPE, kind.parse().unwrap());
            }
            let answer = serde_json::to_value(super::answer(response)).unwrap();
            assert_eq!(answer["isBase64Encoded"], base64, "{kind:?}: {answer}");
            assert_eq!(answer["cookies"], json!(["a=1", "b=2"]), "{kind:?}");
            assert!(answer["headers"].get("set-cookie").is_none(), "{kind:?}");
        }
    }

    proptest! {
        #[test]
        fn any_part_may_be_anything(place in 0usize..8, text in "\\PC{0,30}", number in any::<i64>(), which in 0usize..4) {
            let pointers = ["/rawPath", "/rawQueryString", "/headers/a", "/body", "/requestContext/http/method",
                "/requestContext/http/sourceIp", "/routeKey", "/isBase64Encoded"];
            let value = [json!(text), json!(number), json!(null), json!([text])][which].clone();
            let mut event = event();
            *event.pointer_mut(pointers[place]).unwrap() = value;
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            prop_assert!(runtime.block_on(seen(&event.to_string())).is_ok(), "{}", event);
        }
    }
}
