//! `GET /session`: the session, its devices and the other sessions. `POST /session/others` ends the others.

use crate::client::{Answer, Failure};
use crate::error;
use crate::login::begin_url;
use crate::message;
use crate::page::{Page, Tone, Visit, notes};
use crate::schema;
use latchkey_core::agent;
use latchkey_core::url::{join, with_query};
use latchkey_web::Reply;
use maud::{Markup, html};
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Other sessions that are listed; the page says when there are more.
const LISTED: usize = 20;
/// The field of the form that ends the other sessions.
const TOKEN: &str = "token";

/// Shows the session.
pub(crate) async fn show(visit: &Visit<'_>) -> Reply {
    let (call, api) = (visit.call, &visit.app.api);
    if call.cookies(&visit.app.config().cookies.session_name).next().is_none() {
        return sign_in(visit);
    }
    let (sessions, logout) = (format!("/sessions?page_size={}", LISTED + 1), logout_path(visit));
    let (who, others, logout) =
        tokio::join!(api.get(call, "/sessions/whoami"), api.get(call, &sessions), api.get(call, &logout));
    match who {
        Ok(Answer { status: 200, body, cookies }) => {
            renewed(visit, shown(visit, &body, others.ok(), logout.ok()), cookies)
        }
        Ok(Answer { status: 401, .. }) => sign_in(visit),
        Ok(Answer { status: 403, body, .. }) => second_factor(visit, &body),
        Ok(Answer { status, .. }) => error::broken(visit, &format!("the API answered {status} to whoami")),
        Err(failure) => error::unavailable(visit, failure),
    }
}

/// Forwards the session cookie that the API renews when the session was extended. This page calls the API for the browser, so the
/// browser gets the cookie from here. The API's other cookies belong to forms that this browser begins at the API itself.
fn renewed(visit: &Visit<'_>, reply: Reply, cookies: Vec<String>) -> Reply {
    let name = &visit.app.config().cookies.session_name;
    let is_sessions = |line: &String| line.split_once('=').is_some_and(|(key, _)| key == name);
    cookies.into_iter().filter(is_sessions).fold(reply, Reply::cookie)
}

/// Ends every other session. The form must come from this page: its token is that of this session, which no other site can read, and
/// the origin of the request, if the browser sends one, must be this site.
pub(crate) async fn end_others(visit: &Visit<'_>) -> Reply {
    match try_to_end_others(visit).await {
        Ok(reply) => reply,
        Err(failure) => error::unavailable(visit, failure),
    }
}

async fn try_to_end_others(visit: &Visit<'_>) -> Result<Reply, Failure> {
    let (call, api) = (visit.call, &visit.app.api);
    if call.header("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return Ok(error::refused(visit));
    }
    let sent = form_urlencoded::parse(call.body()).find(|(key, _)| key == TOKEN).map(|(_, value)| value.into_owned());
    let Some(sent) = sent.filter(|token| !token.is_empty()) else { return Ok(error::refused(visit)) };
    let logout = api.get(call, "/self-service/logout/browser").await?;
    if logout.status == 401 {
        return Ok(sign_in(visit));
    }
    let own = logout.body["logout_token"].as_str().unwrap_or_default();
    if logout.status != 200 || own.is_empty() || !bool::from(own.as_bytes().ct_eq(sent.as_bytes())) {
        return Ok(error::refused(visit));
    }
    let done = api.delete(call, "/sessions").await?;
    match done.status {
        200 => {
            let to = with_query(&visit.app.url("session"), "notice", "ended");
            Ok(Reply::redirect(303, &to, false, "other sessions ended"))
        }
        401 => Ok(sign_in(visit)),
        status => Err(Failure::Broken(format!("the API answered {status} to ending other sessions"))),
    }
}

/// Redirects to the login, and back here.
fn sign_in(visit: &Visit<'_>) -> Reply {
    let mut to = returning(visit, &begin_url(visit), "session");
    if let Some(tag) = visit.call.query_filled("lang") {
        to = with_query(&to, "lang", tag);
    }
    Reply::redirect(303, &to, visit.call.is_get(), "to the login")
}

/// A URL of the API that leads back to one of our pages, if the configuration allows that.
fn returning(visit: &Visit<'_>, url: &str, page: &str) -> String {
    let back = visit.app.url(page);
    if visit.app.edge.return_to().check(&back).is_ok() { with_query(url, "return_to", &back) } else { url.to_owned() }
}

/// Redirects to the second factor of the identity.
fn second_factor(visit: &Visit<'_>, body: &Value) -> Reply {
    let to = body["redirect_browser_to"].as_str().filter(|to| to.starts_with(visit.app.edge.base_url()));
    match to {
        Some(to) => Reply::redirect(303, &returning(visit, to, "session"), visit.call.is_get(), "to the second factor"),
        None => error::broken(visit, "the API refused a session and named no way on"),
    }
}

fn logout_path(visit: &Visit<'_>) -> String {
    returning(visit, "/self-service/logout/browser", "login?notice=signed_out")
}

fn shown(visit: &Visit<'_>, session: &Value, others: Option<Answer>, logout: Option<Answer>) -> Reply {
    let page = Page { heading: visit.say("session"), status: 200, outcome: "shown", again: Some(&[]) };
    let logout = logout.filter(|answer| answer.status == 200).map(|answer| answer.body).unwrap_or_default();
    let others = others.filter(|answer| answer.status == 200).map(|answer| answer.body);
    let ended = visit.call.query("notice") == Some("ended");
    let main = html! {
        @if ended { (notes(visit.language, &[(Tone::Success, visit.say("notice.ended").to_owned())])) }
        (identity(visit, &session["identity"]))
        (this(visit, session))
        div.actions {
            @if let Some(url) = logout["logout_url"].as_str() { a.button.primary href=(url) { (visit.say("sign_out")) } }
            @let refresh = with_query(&begin_url(visit), "refresh", "true");
            a.button href=(returning(visit, &refresh, "session")) { (visit.say("confirm")) }
            @if visit.app.config().pages.flows.settings {
                a.button href=(join(visit.app.edge.base_url(), "/self-service/settings/browser")) { (visit.say("link.settings")) }
            }
        }
        (other_sessions(visit, others.as_ref(), logout["logout_token"].as_str()))
        (facts(visit, session))
    };
    visit.show(&page, &main)
}

fn row(label: &str, value: &Markup) -> Markup {
    html! { div { dt { (label) } dd { (value) } } }
}

fn identity(visit: &Visit<'_>, identity: &Value) -> Markup {
    let schema = identity["schema_id"].as_str().and_then(|id| schema(visit.app.config(), id));
    let mut traits = Vec::new();
    flatten(visit, &identity["traits"], schema.map(|schema| &schema["properties"]["traits"]), "", &mut traits);
    html! {
        h2 { (visit.say("session.identity")) }
        dl.facts {
            @for (label, value) in traits { (row(&label, &html! { (value) })) }
        }
    }
}

/// Every trait that has a value, with the title that the schema gives it.
fn flatten(visit: &Visit<'_>, value: &Value, schema: Option<&Value>, name: &str, out: &mut Vec<(String, String)>) {
    let label = || {
        let title =
            schema.and_then(|schema| schema["title"].as_str()).filter(|title| !title.is_empty()).unwrap_or(name);
        message::title(visit.language, title).unwrap_or_else(|| title.to_owned())
    };
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                flatten(visit, value, schema.map(|schema| &schema["properties"][name]), name, out);
            }
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(|item| scalar(visit, item)).collect();
            if !items.is_empty() {
                out.push((label(), items.join(visit.language.comma)));
            }
        }
        value => out.extend(scalar(visit, value).map(|text| (label(), text))),
    }
}

fn scalar(visit: &Visit<'_>, value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Bool(flag) => Some(visit.say(if *flag { "yes" } else { "no" }).to_owned()),
        other => Some(other.to_string()),
    }
}

/// When and on what the user signed in.
fn this(visit: &Visit<'_>, session: &Value) -> Markup {
    html! {
        h2 { (visit.say("session.this")) }
        dl.facts {
            (row(visit.say("field.signed_in"), &moment(visit, &session["authenticated_at"])))
            (row(visit.say("field.devices"), &devices(visit, session)))
        }
    }
}

/// Details for support.
fn facts(visit: &Visit<'_>, session: &Value) -> Markup {
    let methods: Vec<String> = session["authentication_methods"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|method| method_name(visit, method))
        .collect();
    let level = match session["authenticator_assurance_level"].as_str() {
        Some("aal1") => visit.say("level.aal1"),
        Some("aal2" | "aal3") => visit.say("level.aal2"),
        _ => visit.say("level.aal0"),
    };
    html! {
        details {
            summary { (visit.say("details")) }
            dl.facts {
                (row(visit.say("field.method"), &html! { (methods.join(visit.language.comma)) }))
                (row(visit.say("field.level"), &html! { (level) }))
                (row(visit.say("field.ends"), &moment(visit, &session["expires_at"])))
                (row(visit.say("field.id"), &html! { code { (session["identity"]["id"].as_str().unwrap_or_default()) } }))
            }
        }
    }
}

/// The methods of a session. A method without a translation has the API's name.
fn method_name(visit: &Visit<'_>, method: &Value) -> String {
    let name = method["method"].as_str().unwrap_or_default();
    let known = visit.language.find(&format!("method.{name}")).unwrap_or(name);
    match method["provider"].as_str().filter(|provider| !provider.is_empty()) {
        Some(provider) => format!("{known} ({provider})"),
        None => known.to_owned(),
    }
}

fn moment(visit: &Visit<'_>, value: &Value) -> Markup {
    let text = value.as_str().unwrap_or_default();
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(at) => html! { time datetime=(text) { (visit.language.moment(at)) } },
        Err(_) => html! { (text) },
    }
}

fn devices(visit: &Visit<'_>, session: &Value) -> Markup {
    let devices = session["devices"].as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        ul.plain {
            @for device in devices {
                @let places: Vec<&str> =
                    ["ip_address", "location"].iter().filter_map(|key| device[*key].as_str()).filter(|t| !t.is_empty()).collect();
                li {
                    (device_name(visit, device["user_agent"].as_str().unwrap_or_default()))
                    @if !places.is_empty() { span.quiet { " · " (places.join(" · ")) } }
                }
            }
        }
    }
}

/// A user agent in words, as far as it names a well-known browser and system.
fn device_name(visit: &Visit<'_>, user_agent: &str) -> String {
    let (browser, system) = (agent::browser(user_agent), agent::system(user_agent));
    match (browser, system) {
        (Some(browser), Some(system)) => visit.language.fill("device.on", &[("browser", browser), ("system", system)]),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) if user_agent.is_empty() => visit.say("device.unknown").to_owned(),
        (None, None) => user_agent.chars().take(80).collect(),
    }
}

fn other_sessions(visit: &Visit<'_>, others: Option<&Value>, token: Option<&str>) -> Markup {
    let list = others.and_then(Value::as_array);
    html! {
        h2 { (visit.say("session.others")) }
        @match list.map(Vec::as_slice) {
            None => p.quiet { (visit.say("session.unread")) },
            Some([]) => p.quiet { (visit.say("session.alone")) },
            Some(sessions) => {
                ul.sessions {
                    @for session in sessions.iter().take(LISTED) {
                        li {
                            (devices(visit, session))
                            span.quiet { (visit.say("field.signed_in")) " " (moment(visit, &session["authenticated_at"])) }
                        }
                    }
                    @if sessions.len() > LISTED { li.quiet { (visit.say("session.more")) " …" } }
                }
                @if let Some(token) = token {
                    form method="post" action=(visit.path("session/others")) {
                        input type="hidden" name=(TOKEN) value=(token);
                        button type="submit" { (visit.say("sign_out_others")) }
                    }
                }
            }
        }
    }
}
