//! `GET /error`: the page of an error, and the pages for failures of the pages themselves.

use crate::client::Failure;
use crate::login::begin_url;
use crate::page::{Page, Tone, Visit, notes};
use lambda_http::http::header::RETRY_AFTER;
use latchkey_platform::log;
use latchkey_web::{Reply, call};
use maud::{Markup, html};
use serde_json::Value;

/// Shows an error that the API has stored, or one from another system (`?error=&error_description=`).
pub(crate) async fn show(visit: &Visit<'_>) -> Reply {
    let call = visit.call;
    if let Some(error) = call.query_filled("error") {
        let again: Vec<(&str, &str)> = ["error", "error_description", "error_hint"]
            .into_iter()
            .filter_map(|key| Some((key, call.query_filled(key)?)))
            .collect();
        let page = Page { heading: visit.say("error"), status: 200, outcome: "error shown", again: Some(&again) };
        let facts: Vec<(String, String)> = again.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        return visit.show(&page, &main(visit, said(visit, error, 400), &facts));
    }
    let id = call.query_filled("id").filter(|id| *id == "stub:500" || call::parse_id(id).is_ok());
    let Some(id) = id else { return unknown(visit) };
    match visit.app.api.get(call, &format!("/self-service/errors?id={}", call::encode_query(id))).await {
        Ok(answer) if answer.status == 200 => {
            let again = [("id", id)];
            let page = Page { heading: visit.say("error"), status: 200, outcome: "error shown", again: Some(&again) };
            let error = &answer.body["error"];
            let code = error["code"].as_u64().unwrap_or(500);
            let text = said(visit, error["id"].as_str().unwrap_or_default(), code);
            visit.show(&page, &main(visit, text, &facts(error, &answer.body["id"])))
        }
        Ok(answer) if answer.status == 404 => unknown(visit),
        Ok(answer) => broken(visit, &format!("the API answered {} to an error", answer.status)),
        Err(failure) => unavailable(visit, failure),
    }
}

/// A text for an error, by its id, else by its status.
fn said(visit: &Visit<'_>, id: &str, code: u64) -> &'static str {
    let by_id = visit.language.find(&format!("error.{id}")).filter(|_| !id.is_empty());
    by_id.unwrap_or_else(|| {
        visit.say(match code {
            401 => "error.401",
            403 => "error.403",
            404 => "error.404",
            410 => "error.410",
            400..500 => "error.400",
            _ => "error.500",
        })
    })
}

/// The API's own texts of an error, one line each.
fn facts(error: &Value, id: &Value) -> Vec<(String, String)> {
    let details = error["details"].as_object().into_iter().flatten();
    let all = error.as_object().into_iter().flatten().filter(|(key, _)| *key != "details").chain(details);
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let mut facts: Vec<_> = all.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect();
    facts.extend(text(id).map(|id| ("error id".to_owned(), id)));
    facts
}

fn main(visit: &Visit<'_>, text: &str, facts: &[(String, String)]) -> Markup {
    html! {
        (notes(visit.language, &[(Tone::Info, text.to_owned())]))
        (ways_on(visit))
        details {
            summary { (visit.say("details")) }
            dl.facts {
                @for (key, value) in facts {
                    div { dt lang="en" { (key) } dd lang="en" { (value) } }
                }
            }
        }
    }
}

fn ways_on(visit: &Visit<'_>) -> Markup {
    html! {
        div.actions {
            a.button.primary href=(begin_url(visit)) { (visit.say("again")) }
            a.button href=(visit.path("session")) { (visit.say("home")) }
        }
    }
}

/// A page with one statement and the way on.
fn plain(visit: &Visit<'_>, status: u16, heading: &'static str, text: &'static str, outcome: &'static str) -> Reply {
    let page = Page { heading: visit.say(heading), status, outcome, again: None };
    let main = html! {
        p { (visit.say(text)) }
        (ways_on(visit))
    };
    visit.show(&page, &main)
}

fn unknown(visit: &Visit<'_>) -> Reply {
    plain(visit, 404, "error", "error.unknown", "unknown error")
}

/// An unknown path.
pub(crate) fn not_found(visit: &Visit<'_>) -> Reply {
    plain(visit, 404, "not_found", "not_found.text", "unknown page")
}

/// An unsupported verb.
pub(crate) fn wrong_verb(visit: &Visit<'_>) -> Reply {
    plain(visit, 405, "wrong_verb", "not_found.text", "method not allowed")
}

/// A request from another site's page.
pub(crate) fn refused(visit: &Visit<'_>) -> Reply {
    plain(visit, if visit.call.is_oversize { 413 } else { 403 }, "refused", "refused.text", "refused")
}

/// The API does not answer, or answers with an error. The cause is logged.
pub(crate) fn unavailable(visit: &Visit<'_>, failure: Failure) -> Reply {
    match failure {
        Failure::Unreachable(cause) => {
            log::note(cause);
            out_of_order(visit, 503).header(RETRY_AFTER, "5")
        }
        Failure::Broken(cause) => broken(visit, &cause),
    }
}

/// An unusable answer of the API.
pub(crate) fn broken(visit: &Visit<'_>, cause: &str) -> Reply {
    log::note(cause);
    out_of_order(visit, 502)
}

fn out_of_order(visit: &Visit<'_>, status: u16) -> Reply {
    // The same URL again, without the fields of a submitted form.
    let again: Vec<(&str, &str)> = visit
        .call
        .query_pairs()
        .iter()
        .filter(|(key, _)| ["flow", "id", "return_to"].contains(&key.as_str()))
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let again = visit.call.is_get().then_some(&again[..]);
    let retry = form_urlencoded::Serializer::new(String::new()).extend_pairs(again.unwrap_or_default()).finish();
    let retry = if again.is_some() { format!("?{retry}") } else { visit.path("session") };
    let page = Page { heading: visit.say("unavailable"), status, outcome: "api unavailable", again };
    let main = html! {
        (notes(visit.language, &[(Tone::Error, visit.say("unavailable.text").to_owned())]))
        p { a.button.primary href=(retry) { (visit.say("retry")) } }
    };
    visit.show(&page, &main)
}
