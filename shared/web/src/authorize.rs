//! The edge of a Lambda authorizer, which API Gateway calls before a protected route of any HTTP API.
//!
//! Events are of type `REQUEST` in payload format 2.0. Answers are simple: `isAuthorized`, and a `context` for the integration of the
//! route. A request that cannot be decided is an error, which the gateway answers with 500. It must not be refused, because a refusal
//! would make a signed-in client sign in again.

use crate::caller::Evidence;
use crate::cookies;
use crate::edge::Edge;
use crate::log::{self, Ids};
use crate::reply::Reply;
use http::{HeaderMap, HeaderName, HeaderValue};
use lambda_http::{Context, Error};
use latchkey_core::error::Fault;
use latchkey_platform::log::with_notes;
use latchkey_platform::meter;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

/// The event of an authorizer.
pub struct Question {
    headers: HeaderMap,
    cookies: Vec<(String, String)>,
    /// The time of the request.
    pub now: OffsetDateTime,
    verb: String,
    request_id: String,
}

/// The decision.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// The request may pass, with this context.
    Authorized(Map<String, Value>),
    /// The request may not pass, for this reason, which is logged.
    Refused(&'static str),
}

impl Question {
    /// Reads an event of an authorizer that arrived at this time.
    ///
    /// # Errors
    /// When it has another type or format than the authorizer must be configured with.
    pub fn parse(event: &str, now: OffsetDateTime) -> Result<Self, Error> {
        let event: Value = serde_json::from_str(event)?;
        let (kind, version) = (&event["type"], &event["version"]);
        if kind != "REQUEST" || version != "2.0" {
            return Err(format!(
                "expected an event of type \"REQUEST\" and version \"2.0\" but got type {kind} and version {version}: set AuthorizerType to REQUEST \
                 and AuthorizerPayloadFormatVersion to 2.0 on an HTTP API"
            )
            .into());
        }
        let sent = event["headers"].as_object().into_iter().flatten();
        let headers: HeaderMap = sent.filter_map(|(name, value)| header(name, value.as_str()?)).collect();
        let lines = event["cookies"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let context = &event["requestContext"];
        Ok(Self {
            cookies: cookies::parse(lines),
            headers,
            now,
            verb: context["http"]["method"].as_str().unwrap_or_default().to_owned(),
            request_id: context["requestId"].as_str().unwrap_or_default().to_owned(),
        })
    }

    /// The parts of the request that can prove a session.
    pub fn evidence(&self) -> Evidence<'_> {
        Evidence { headers: &self.headers, cookies: &self.cookies, now: self.now }
    }
}

/// A header, if it is valid in a request.
fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, HeaderValue::from_str(value).ok()?))
}

/// Answers one event. `decide` gets the event as read.
///
/// # Errors
/// When the event is not an authorizer's, or when `decide` fails.
pub async fn answer(
    edge: &Edge,
    event: &str,
    context: &Context,
    decide: impl AsyncFnOnce(&Question) -> Result<Verdict, Fault>,
) -> Result<Value, Error> {
    let question = Question::parse(event, edge.clock.now())?;
    let ((decided, cost), notes) = with_notes(meter::measured(decide(&question))).await;
    // The log line has the status that the gateway will answer with.
    let (status, outcome) = match &decided {
        Ok(Verdict::Authorized(_)) => (200, "authorized"),
        Ok(Verdict::Refused(why)) => (403, *why),
        Err(_) => (500, "undecided"),
    };
    let own = Some(&context.request_id).filter(|id| !id.is_empty());
    let ids = Ids {
        function: edge.function,
        request: own.unwrap_or(&question.request_id).clone(),
        trace: context.xray_trace_id.clone(),
    };
    let reply = Reply::new(status, outcome);
    let (answer, reply) = match decided {
        Ok(Verdict::Authorized(caller)) => (Ok(json!({"isAuthorized": true, "context": caller})), reply),
        Ok(Verdict::Refused(_)) => (Ok(json!({"isAuthorized": false})), reply),
        Err(fault) => (Err("the caller's session could not be read".into()), reply.because_of(fault)),
    };
    log::request(&edge.clock, &ids, &question.verb, &reply, &cost, question.now, &notes);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-27 14:00 UTC);

    #[test]
    fn unsupported_events_are_refused_with_the_fix() {
        let right = json!({"type": "REQUEST", "version": "2.0"});
        assert!(Question::parse(&right.to_string(), NOW).is_ok());
        for wrong in [
            json!({"type": "REQUEST", "version": "1.0", "methodArn": "arn:aws:execute-api:x"}),
            json!({"type": "TOKEN", "authorizationToken": "x"}),
            json!({"version": "2.0", "routeKey": "GET /"}),
            json!(null),
            json!([]),
        ] {
            let said = Question::parse(&wrong.to_string(), NOW).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(said.contains("AuthorizerPayloadFormatVersion"), "{wrong}: {said}");
        }
        assert!(Question::parse("{", NOW).is_err());
    }

    #[test]
    fn unreadable_parts_are_ignored() {
        let event = json!({
            "type": "REQUEST", "version": "2.0",
            "headers": {"a b": "c", "x-bad": "a\nb", "x-number": 1, "X-Good": "yes"},
            "cookies": ["a=1", "b=\"2\"; c=3", "none", 4],
        });
        let question = Question::parse(&event.to_string(), NOW).unwrap();
        let evidence = question.evidence();
        assert_eq!(evidence.headers.len(), 1);
        assert_eq!(evidence.headers["x-good"], "yes");
        let cookies: Vec<_> = evidence.cookies.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            cookies,
            [("a", "1"), ("b", "2"), ("c", "3"), ("none", "")],
            "a name alone is a cookie, as in a request"
        );
        for odd in [json!({}), json!([]), json!(null), json!("x")] {
            let event =
                json!({"type": "REQUEST", "version": "2.0", "headers": odd, "cookies": odd, "requestContext": odd});
            assert!(Question::parse(&event.to_string(), NOW).is_ok(), "{event}");
        }
    }
}
