//! HTTP requests as the events that API Gateway makes of them (payload format 2.0), and its answers back into HTTP.

use axum::body::Body;
use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use time::OffsetDateTime;
use time::macros::format_description;

/// How a request arrived at the gateway.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The gateway's id of the request.
    pub id: String,
    /// When it came.
    pub at: OffsetDateTime,
    /// The client's address.
    pub from: IpAddr,
}

/// Makes the event of a request. `signed` says that IAM has authorised it.
pub fn event(parts: &Parts, body: &[u8], route: &str, signed: bool, arrival: &Arrival) -> Value {
    let header =
        |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let path = percent_encoding::percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned();
    let host = header("host");
    let time = arrival.at.format(format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000"));
    let mut context = json!({
        "accountId": "000000000000",
        "apiId": "local",
        "domainName": host,
        "domainPrefix": host.split('.').next(),
        "http": {
            "method": parts.method.as_str(),
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": arrival.from.to_string(),
            "userAgent": header("user-agent"),
        },
        "requestId": arrival.id,
        "routeKey": route,
        "stage": "$default",
        "time": time.unwrap_or_default(),
        "timeEpoch": (arrival.at.unix_timestamp_nanos() / 1_000_000) as i64,
    });
    if signed {
        let caller = "arn:aws:iam::000000000000:user/local";
        context["authorizer"] = json!({"iam": {"accessKey": "local", "accountId": "000000000000", "callerId": "local", "userArn": caller, "userId": "local"}});
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers(parts, arrival.from),
        "requestContext": context,
        "isBase64Encoded": false,
    });
    let cookies: Vec<&str> = parts
        .headers
        .get_all("cookie")
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';').map(str::trim))
        .filter(|cookie| !cookie.is_empty())
        .collect();
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !body.is_empty() {
        match std::str::from_utf8(body) {
            Ok(text) if is_text(&header("content-type")) => event["body"] = Value::from(text),
            _ => {
                event["body"] = Value::from(STANDARD.encode(body));
                event["isBase64Encoded"] = Value::Bool(true);
            }
        }
    }
    event
}

/// The event for an authorizer: that of the request without the body, in payload format 2.0.
pub fn question(event: &Value) -> Value {
    let mut question = event.clone();
    if let Some(fields) = question.as_object_mut() {
        fields.remove("body");
        fields.remove("isBase64Encoded");
    }
    let context = &event["requestContext"];
    let http = &context["http"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (api, stage) = (text(&context["apiId"]), text(&context["stage"]));
    let (verb, path) = (text(&http["method"]), text(&http["path"]));
    question["type"] = json!("REQUEST");
    question["routeArn"] = json!(format!("arn:aws:execute-api:local:000000000000:{api}/{stage}/{verb}{path}"));
    question["identitySource"] = Value::Null;
    question
}

/// Content types whose bodies the gateway passes on as they are; forms are not among them.
fn is_text(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || matches!(kind.as_str(), "application/json" | "application/javascript" | "application/xml")
}

/// Headers in lower case, with equal names joined. The gateway adds the client's address.
fn headers(parts: &Parts, from: IpAddr) -> Map<String, Value> {
    let mut headers = Map::new();
    for name in parts.headers.keys().filter(|name| *name != http::header::COOKIE) {
        let values = parts.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        headers.insert(name.as_str().to_owned(), Value::from(values.collect::<Vec<_>>().join(",")));
    }
    let forwarded = match headers.get("x-forwarded-for").and_then(Value::as_str) {
        Some(hops) => format!("{hops}, {from}"),
        None => from.to_string(),
    };
    headers.insert("x-forwarded-for".to_owned(), Value::from(forwarded));
    headers.insert("x-forwarded-proto".to_owned(), Value::from("http"));
    headers
}

/// Makes the HTTP response of a function's result. `None` when the gateway could not.
pub fn response(answer: &Value) -> Option<Response> {
    let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok())?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    let out = response.headers_mut();
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        out.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value.as_str()?).ok()?);
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        out.append(http::header::SET_COOKIE, HeaderValue::from_str(cookie.as_str()?).ok()?);
    }
    let body = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true { STANDARD.decode(body).ok()? } else { body.as_bytes().to_vec() };
    *response.body_mut() = Body::from(body);
    Some(response)
}

/// A response of the gateway itself.
pub fn gateway_error(status: StatusCode, message: &str) -> Response {
    let mut response = Response::new(Body::from(json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn made(request: http::request::Builder, body: &[u8]) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let arrival = Arrival { id: "r1".into(), at: OffsetDateTime::UNIX_EPOCH, from: [192, 0, 2, 1].into() };
        event(&parts, body, "POST /x", false, &arrival)
    }

    #[test]
    fn forms_travel_as_base64_and_json_as_text() {
        let form = made(Request::post("/x").header("content-type", "application/x-www-form-urlencoded"), b"a=b");
        assert_eq!((form["body"].as_str(), form["isBase64Encoded"].as_bool()), (Some("YT1i"), Some(true)));
        let json = made(Request::post("/x").header("content-type", "application/json; charset=utf-8"), b"{}");
        assert_eq!((json["body"].as_str(), json["isBase64Encoded"].as_bool()), (Some("{}"), Some(false)));
        let broken = made(Request::post("/x").header("content-type", "application/json"), b"\xff");
        assert_eq!(broken["isBase64Encoded"], true);
        assert!(made(Request::get("/x"), b"").get("body").is_none());
    }

    #[test]
    fn authorizer_gets_everything_but_the_body() {
        let event = made(Request::post("/x").header("cookie", "a=1").header("authorization", "Bearer t"), b"secret");
        let question = question(&event);
        assert_eq!((question["type"].as_str(), question["version"].as_str()), (Some("REQUEST"), Some("2.0")));
        assert_eq!(question["routeArn"], "arn:aws:execute-api:local:000000000000:local/$default/POST/x");
        assert_eq!(question["headers"]["authorization"], "Bearer t");
        assert_eq!(question["cookies"], json!(["a=1"]));
        assert!(question.get("body").is_none() && question.get("isBase64Encoded").is_none());
    }

    #[test]
    fn cookies_are_a_list_and_headers_are_joined() {
        let request = Request::get("/a%20b?c=%20d")
            .header("Cookie", "a=1; b=2")
            .header("cookie", "c=3")
            .header("Accept", "text/html")
            .header("accept", "*/*")
            .header("x-forwarded-for", "198.51.100.7");
        let event = made(request, b"");
        assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=3"]));
        assert_eq!(event["headers"]["accept"], "text/html,*/*");
        assert_eq!(event["headers"]["x-forwarded-for"], "198.51.100.7, 192.0.2.1");
        assert!(event["headers"].get("cookie").is_none());
        assert_eq!((event["rawPath"].as_str(), event["rawQueryString"].as_str()), (Some("/a b"), Some("c=%20d")));
        assert_eq!(event["requestContext"]["time"], "01/Jan/1970:00:00:00 +0000");
    }

    #[test]
    fn responses_keep_every_cookie() {
        let answer = json!({"statusCode": 303, "headers": {"location": "/x"}, "cookies": ["a=1", "b=2"], "body": ""});
        let response = response(&answer).unwrap();
        assert_eq!(response.status(), 303);
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        for broken in [json!(null), json!({"statusCode": 1}), json!({"statusCode": 200, "headers": {"a b": "c"}})] {
            assert!(super::response(&broken).is_none(), "{broken}");
        }
    }
}
