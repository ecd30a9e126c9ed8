//! `GET /login?flow=`: the form of a login flow. A browser without a flow, with an expired one, or with one of another browser gets a
//! new one from the API, and the page says why.

use crate::client::Answer;
use crate::error;
use crate::identifier_of;
use crate::node::{self, Form};
use crate::page::{Page, Tone, Visit};
use latchkey_core::url::{join, with_query};
use latchkey_web::{Call, Reply, call};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

/// Parameters of a new flow that this page forwards.
const PARAMETERS: [&str; 8] =
    ["return_to", "refresh", "aal", "organization", "identity_schema", "login_challenge", "via", "lang"];
/// The cookie of a browser that was just sent for a new flow because of a foreign one.
const RESTARTED: &str = "latchkey_restarted";
/// Its life in seconds.
const JUST: u32 = 10;

/// The fields of a flow that the page needs.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Flow {
    #[serde(rename = "type")]
    kind: String,
    request_url: String,
    return_to: String,
    refresh: bool,
    requested_aal: String,
    state: String,
    ui: Form,
}

impl Flow {
    /// Whether the form asks for a code that was sent.
    fn waits_for_code(&self) -> bool {
        self.state == "sent_email"
    }

    /// The parameters that the flow was begun with; the API ignores unknown ones.
    fn asked(&self, key: &str) -> Option<String> {
        let (_, query) = self.request_url.split_once('?')?;
        let query = query.split('#').next().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == key).map(|(_, value)| value.into_owned())
    }
}

/// Why a new flow is begun.
fn notice(name: &str) -> Option<(Tone, &'static str)> {
    match name {
        "expired" => Some((Tone::Info, "notice.expired")),
        "foreign" => Some((Tone::Info, "notice.foreign")),
        "signed_out" => Some((Tone::Success, "notice.signed_out")),
        _ => None,
    }
}

/// Answers the request.
pub(crate) async fn show(visit: Visit<'_>) -> Reply {
    let Some(asked) = visit.call.query_filled("flow") else {
        let known = visit.call.query("notice").filter(|name| notice(name).is_some());
        return begin(&visit, known, None);
    };
    let Ok(id) = call::parse_id(asked) else { return begin(&visit, Some("expired"), None) };
    let answer = match visit.app.api.get(visit.call, &format!("/self-service/login/flows?id={id}")).await {
        Ok(answer) => answer,
        Err(failure) => return error::unavailable(&visit, failure),
    };
    match answer.status {
        200 => shown(visit, &id.to_string(), answer).await.of_flow(id),
        404 => begin(&visit, Some("expired"), None),
        410 => begin(&visit, Some("expired"), answer.body["error"]["details"]["return_to"].as_str()),
        403 if visit.call.csrf_cookies().is_empty() || visit.call.cookies(RESTARTED).next().is_some() => {
            without_cookies(&visit, answer.body["error"]["debug"].as_str())
        }
        403 => restarted(&visit, begin(&visit, Some("foreign"), None)),
        status => error::broken(&visit, &format!("the API answered {status} to a login flow")),
    }
}

/// Redirects the browser to begin a new flow.
fn begin(visit: &Visit<'_>, notice: Option<&str>, return_to: Option<&str>) -> Reply {
    let mut to = begin_url(visit);
    for parameter in PARAMETERS {
        let kept = return_to.filter(|url| parameter == "return_to" && !url.is_empty());
        if let Some(value) = kept.or_else(|| visit.call.query_filled(parameter)) {
            to = with_query(&to, parameter, value);
        }
    }
    if let Some(notice) = notice {
        to = with_query(&to, "notice", notice);
    }
    Reply::redirect(303, &to, visit.call.is_get(), "to a new flow")
}

/// Where a flow is begun.
pub(crate) fn begin_url(visit: &Visit<'_>) -> String {
    join(visit.app.edge.base_url(), "/self-service/login/browser")
}

/// Prevents a redirect loop of a browser whose cookie never fits: the cookie shows that a new flow was begun already.
fn restarted(visit: &Visit<'_>, reply: Reply) -> Reply {
    reply.cookie(visit.own_cookie(RESTARTED, "1", &format!("; Max-Age={JUST}")))
}

async fn shown(visit: Visit<'_>, id: &str, answer: Answer) -> Reply {
    let mut flow: Flow = match serde_json::from_value(without_nulls(answer.body)) {
        Ok(flow) => flow,
        Err(e) => return error::broken(&visit, &format!("the API's login flow cannot be read: {e}")),
    };
    // The form of a native app has no anti-CSRF token.
    if flow.kind != "browser" {
        return begin(&visit, Some("foreign"), None);
    }
    let visit = visit.suggested(flow.asked("lang").as_deref());
    if flow.refresh && flow.ui.asks_who() {
        // The API leaves this input empty where codes are on, although the session names the identity.
        let who = visit.app.api.get(visit.call, "/sessions/whoami").await.ok().filter(|who| who.status == 200);
        if let Some(identifier) = who.and_then(|who| identifier_of(visit.app.config(), &who.body["identity"])) {
            flow.ui.identify(&identifier);
        }
    }
    let heading = match (flow.refresh, flow.requested_aal.as_str()) {
        _ if flow.waits_for_code() => "code",
        (_, "aal2") => "second",
        (true, _) => "refresh",
        _ => "login",
    };
    let again = [("flow", id)];
    let page = Page { heading: visit.say(heading), status: 200, outcome: "shown", again: Some(&again) };
    visit.show(&page, &main(&visit, &flow))
}

/// The same without nulls: a null counts as absent.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        value => value,
    }
}

fn main(visit: &Visit<'_>, flow: &Flow) -> Markup {
    let notice = flow.asked("notice").and_then(|name| notice(&name));
    // The identity of a refresh is known.
    let other = (!flow.refresh && flow.requested_aal != "aal2").then(|| {
        let url = begin_url(visit);
        if flow.return_to.is_empty() { url } else { with_query(&url, "return_to", &flow.return_to) }
    });
    let has_methods = flow.ui.nodes.iter().any(node::Node::is_visible);
    html! {
        @if has_methods {
            (node::form(visit, &flow.ui, notice.map(|(tone, key)| (tone, visit.say(key).to_owned())), other.as_deref()))
        } @else {
            (crate::page::notes(visit.language, &[(Tone::Error, visit.say("no_methods").to_owned())]))
        }
        @if !flow.refresh && flow.requested_aal != "aal2" { (other_ways(visit, flow, other.as_deref())) }
    }
}

/// Links to what else a user may need who cannot sign in, as far as the configuration has it. `again` begins a new flow, which offers
/// every method.
fn other_ways(visit: &Visit<'_>, flow: &Flow, again: Option<&str>) -> Markup {
    let again = again.filter(|_| flow.waits_for_code());
    let flows = visit.app.config().pages.flows;
    let to = |name: &str| {
        let url = join(visit.app.edge.base_url(), &format!("/self-service/{name}/browser"));
        if flow.return_to.is_empty() { url } else { with_query(&url, "return_to", &flow.return_to) }
    };
    html! {
        @if again.is_some() || flows.recovery || flows.registration || flows.verification {
            ul.ways {
                @if let Some(again) = again { li { a href=(again) { (visit.say("code.other")) } } }
                @if flows.recovery { li { a href=(to("recovery")) { (visit.say("link.recovery")) } } }
                @if flows.registration {
                    li { (visit.say("ask.registration")) " " a href=(to("registration")) { (visit.say("link.registration")) } }
                }
                @if flows.verification { li { a href=(to("verification")) { (visit.say("link.verification")) } } }
            }
        }
    }
}

/// The page for a browser that did not send the cookie of its flow. `debug` is the API's hint for a developer.
fn without_cookies(visit: &Visit<'_>, debug: Option<&str>) -> Reply {
    let page = Page { heading: visit.say("cookies"), status: 403, outcome: "no cookie", again: Some(&[]) };
    let again = visit.call.query_filled("return_to").map(|to| with_query(&begin_url(visit), "return_to", to));
    let main = html! {
        (crate::page::notes(visit.language, &[(Tone::Error, visit.say("cookies.text").to_owned())]))
        @if let Some(hint) = host_hint(visit, visit.call) { p.hint { (hint) } }
        @if let Some(debug) = debug { p.hint lang="en" { (debug) } }
        p { a.button.primary href=(again.unwrap_or_else(|| begin_url(visit))) { (visit.say("again")) } }
    };
    visit.show(&page, &main)
}

/// The hint for a developer who opened `localhost` where the configuration says `127.0.0.1`, or the reverse.
fn host_hint(visit: &Visit<'_>, call: &Call<'_>) -> Option<String> {
    let config = visit.app.config();
    let url = &config.selfservice.flows.login.ui_url;
    let expected = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let seen = call.seen_host().filter(|seen| config.dev && !seen.eq_ignore_ascii_case(expected))?;
    let values = [("seen", seen), ("expected", expected), ("url", url), ("key", "selfservice.flows.login.ui_url")];
    Some(visit.language.fill("cookies.host", &values))
}
