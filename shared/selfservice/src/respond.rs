//! What each kind of client is answered: one table for all flows.
//!
//! | answer | navigation | single-page app | native app |
//! |---|---|---|---|
//! | opened | 303 to the login page | 200 flow | 200 flow |
//! | has a session already | 303 home | 400 | 400 |
//! | form | 303 to the login page | 400 flow | 400 flow |
//! | throttled | 303 to the login page | 429 flow | 429 flow |
//! | replaced | 303 to the login page | 410 | 410 |
//! | signed in | 303 to the destination | 200 session | 200 token and session |
//! | second factor | 303 to the second factor | 422 | 200 token, no identity |

use crate::policy::FlowPolicy;
use latchkey_core::continue_with::ContinueWith;
use latchkey_core::error::{ApiError, Fault};
use latchkey_core::flow::{Flow, FlowType};
use latchkey_core::form::Container;
use latchkey_core::url::with_query;
use latchkey_web::{Call, Reply};
use serde_json::{Map, Value, json};
use time::Duration;

/// The kind of a client, by its request and the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A browser that navigates.
    Navigation,
    /// A script in a browser.
    Spa,
    /// A native app.
    Native,
}

impl Client {
    /// The client of a request in a flow of this type.
    pub fn of(call: &Call<'_>, flow_type: FlowType) -> Self {
        match flow_type {
            FlowType::Api => Self::Native,
            FlowType::Browser if call.is_json_request() => Self::Spa,
            FlowType::Browser => Self::Navigation,
        }
    }
}

/// To whom an answer goes.
pub struct Recipient<'a> {
    /// The kind of client.
    pub client: Client,
    /// Whether the request was a GET, whose redirects have a body.
    pub is_get: bool,
    /// What the client calls the request.
    pub request_id: Option<&'a str>,
    /// The page that shows the flow.
    pub ui_url: &'a str,
    /// Renders the form of the flow.
    pub form: &'a dyn Fn() -> Container,
}

/// What happened, as far as the answer depends on it.
pub enum Answer<'a> {
    /// The flow has begun. A native app may have asked for the code of a session token exchange.
    Opened {
        /// The code.
        exchange_code: Option<&'a str>,
    },
    /// The form, with what it says.
    Form {
        /// What the client sent along with a step that went well.
        transient_payload: Option<Value>,
        /// What happened, for the log.
        log: &'static str,
    },
    /// The client has tried too often.
    Throttled {
        /// How long to wait.
        wait: Duration,
    },
    /// The flow takes the place of one that had expired.
    Replaced {
        /// The 410 of the one that had expired.
        gone: ApiError,
    },
    /// The client is signed in.
    SignedIn(SignedIn<'a>),
}

/// A session that the client gets.
pub struct SignedIn<'a> {
    /// The session token of a native app.
    pub token: String,
    /// The session as the client sees it. It has no identity while a second factor is missing.
    pub session: Map<String, Value>,
    /// Where a browser goes.
    pub destination: Destination<'a>,
    /// The cookies of a browser: the device's, then the session's.
    pub cookies: (Option<String>, String),
    /// Whether the browser gets another anti-CSRF cookie, because another identity uses it now.
    pub new_csrf: bool,
}

/// Where a browser goes once it is signed in.
pub enum Destination<'a> {
    /// Where the flow leads.
    Done(&'a str),
    /// To the flow of the second factor that the session needs.
    SecondFactor(&'a str),
}

/// The answer to a client that begins a flow and has the session that it asks for. A browser goes `home`.
///
/// # Errors
/// The 400 of every other client.
pub fn already_signed_in(client: Client, home: &str, is_get: bool) -> Result<Reply, Fault> {
    match client {
        Client::Navigation => Ok(Reply::redirect(303, home, is_get, "already signed in")),
        Client::Spa | Client::Native => Err(ApiError::session_already_available().into()),
    }
}

/// The answer to a client.
///
/// # Errors
/// The errors of the table that have an envelope of their own.
pub fn respond<S: FlowPolicy>(to: &Recipient<'_>, flow: &Flow<S>, answer: Answer<'_>) -> Result<Reply, Fault> {
    let flow_page = |log| {
        let url = with_query(to.ui_url, "flow", &flow.id.to_string());
        Reply::redirect(303, &url, to.is_get, log)
    };
    match (answer, to.client) {
        (Answer::Opened { .. }, Client::Navigation) => Ok(flow_page("begun")),
        (Answer::Opened { exchange_code }, Client::Spa | Client::Native) => {
            Ok(Reply::json(200, &flow.render(&(to.form)(), exchange_code), "begun"))
        }
        (Answer::Form { log, .. }, Client::Navigation) => Ok(flow_page(log)),
        (Answer::Form { transient_payload, log }, Client::Spa | Client::Native) => {
            let mut body = flow.render(&(to.form)(), None);
            if let Some(transient) = transient_payload {
                body["transient_payload"] = transient;
            }
            Ok(Reply::json(400, &body, log))
        }
        (Answer::Throttled { .. }, Client::Navigation) => Ok(flow_page("tried too often")),
        (Answer::Throttled { wait }, Client::Spa | Client::Native) => {
            let reply = Reply::json(400, &flow.render(&(to.form)(), None), "tried too often");
            Ok(reply.too_often(wait.whole_seconds().max(1)))
        }
        (Answer::Replaced { .. }, Client::Navigation) => Ok(flow_page("replaced")),
        (Answer::Replaced { gone }, Client::Spa | Client::Native) => Err(gone.into()),
        (Answer::SignedIn(signed_in), client) => Ok(signed_in.reply(to, client)),
    }
}

impl SignedIn<'_> {
    fn reply(self, to: &Recipient<'_>, client: Client) -> Reply {
        let reply = match (client, &self.destination) {
            (Client::Native, _) => {
                let body = json!({"session_token": self.token, "session": self.session, "continue_with": null});
                return Reply::json(200, &body, "signed in");
            }
            (Client::Navigation, Destination::Done(url)) => Reply::redirect(303, url, to.is_get, "signed in"),
            (Client::Spa, Destination::Done(url)) => {
                let go_on = ContinueWith::RedirectBrowserTo { redirect_browser_to: (*url).to_owned() };
                Reply::json(200, &json!({"session": self.session, "continue_with": [go_on]}), "signed in")
            }
            (Client::Navigation, Destination::SecondFactor(url)) => {
                Reply::redirect(303, url, to.is_get, "second factor")
            }
            (Client::Spa, Destination::SecondFactor(url)) => {
                Reply::error(&ApiError::browser_location_change_required(url).into(), to.request_id)
            }
        };
        let (device, session) = self.cookies;
        let reply = match device {
            Some(device) => reply.cookie(device),
            None => reply,
        };
        // Clients that keep the last value of a header alone must find the session there.
        reply.cookie(session).with_new_csrf(self.new_csrf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{LOCATION, RETRY_AFTER};
    use latchkey_core::flow::Origin;
    use latchkey_core::flow::login::Login;
    use latchkey_core::message::Message;
    use latchkey_core::method::MethodId;
    use time::OffsetDateTime;
    use time::macros::datetime;
    use uuid::Uuid;

    const NOW: OffsetDateTime = datetime!(2026-07-29 10:00 UTC);
    const CLIENTS: [Client; 3] = [Client::Navigation, Client::Spa, Client::Native];

    fn flow() -> Flow<Login> {
        let url = "https://auth.example/self-service/login/browser".to_owned();
        let origin = Origin::new(Uuid::from_u128(7), FlowType::Browser, url, (Duration::HOUR, NOW));
        Flow::new(origin, Login::default(), NOW)
    }

    fn refused() -> Flow<Login> {
        let mut flow = flow();
        flow.refuse(vec![Message::invalid_credentials()], Vec::new(), NOW);
        flow
    }

    /// What a client sees of an answer: status, where it goes, when it may try again, the body's own keys, and the cookies.
    fn seen(client: Client, flow: &Flow<Login>, answer: Answer<'_>) -> String {
        let form = || Container {
            action: flow.action("https://auth.example"),
            method: "POST",
            nodes: Vec::new(),
            messages: flow.form.messages.clone(),
        };
        let to =
            Recipient { client, is_get: false, request_id: None, ui_url: "https://app.example/login", form: &form };
        let reply = match respond(&to, flow, answer) {
            Ok(reply) => reply,
            Err(fault) => Reply::error(&fault, None),
        };
        let mut seen = format!("{client:?}: {}", reply.status());
        for name in [LOCATION, RETRY_AFTER] {
            seen.extend(reply.header_text(&name).map(|value| format!(" {name} {value}")));
        }
        if let Ok(body) = serde_json::from_str::<Value>(reply.body_text()) {
            let said = body["ui"]["messages"].as_array().into_iter().flatten().map(|message| message["id"].to_string());
            let said: Vec<String> = said.collect();
            let keys = body.as_object().into_iter().flat_map(|map| map.keys()).filter(|key| {
                [
                    "error",
                    "session",
                    "session_token",
                    "continue_with",
                    "state",
                    "transient_payload",
                    "redirect_browser_to",
                ]
                .contains(&key.as_str())
                    || key.starts_with("use_flow")
                    || key.starts_with("session_token_exchange")
            });
            let keys: Vec<&str> = keys.map(String::as_str).collect();
            seen += &format!(" {{{}}}", keys.join(" "));
            if !said.is_empty() {
                seen += &format!(" says {}", said.join(" "));
            }
            if let Some(id) = body["error"]["id"].as_str() {
                seen += &format!(" {id}");
            }
            if body["session"]["identity"].is_null() && body["session"].is_object() {
                seen += " without identity";
            }
        }
        for cookie in reply.cookies() {
            seen += &format!(" sets {cookie}");
        }
        seen
    }

    fn rows(flow: &Flow<Login>, answer: impl Fn() -> Answer<'static>) -> String {
        CLIENTS.map(|client| seen(client, flow, answer())).join("\n")
    }

    fn signed_in(destination: Destination<'static>) -> Answer<'static> {
        let identity = match &destination {
            Destination::Done(_) => json!({"id": "1"}),
            Destination::SecondFactor(_) => Value::Null,
        };
        let session = json!({"id": "2", "identity": identity});
        Answer::SignedIn(SignedIn {
            token: "ory_st_x".to_owned(),
            session: session.as_object().cloned().unwrap_or_default(),
            destination,
            cookies: (Some("device=1".to_owned()), "session=2".to_owned()),
            new_csrf: true,
        })
    }

    #[test]
    fn opened_flow() {
        insta::assert_snapshot!(rows(&flow(), || Answer::Opened { exchange_code: Some("x") }), @r"
        Navigation: 303 location https://app.example/login?flow=00000000-0000-0000-0000-000000000007
        Spa: 200 {session_token_exchange_code state}
        Native: 200 {session_token_exchange_code state}
        ");
    }

    #[test]
    fn form_with_faults() {
        insta::assert_snapshot!(rows(&refused(), || Answer::Form { transient_payload: None, log: "refused" }), @r"
        Navigation: 303 location https://app.example/login?flow=00000000-0000-0000-0000-000000000007
        Spa: 400 {state} says 4000006
        Native: 400 {state} says 4000006
        ");
    }

    #[test]
    fn form_after_a_step() {
        let mut flow = flow();
        flow.advance(
            MethodId::Code,
            latchkey_core::form::Screen::Code { bare: false },
            vec![Message::code_sent()],
            NOW,
        );
        flow.state.progress = latchkey_core::flow::Progress::SentEmail;
        let step = || Answer::Form { transient_payload: Some(json!({})), log: "code sent" };
        insta::assert_snapshot!(rows(&flow, step), @r"
        Navigation: 303 location https://app.example/login?flow=00000000-0000-0000-0000-000000000007
        Spa: 400 {state transient_payload} says 1010014
        Native: 400 {state transient_payload} says 1010014
        ");
    }

    #[test]
    fn throttled_submission() {
        insta::assert_snapshot!(rows(&refused(), || Answer::Throttled { wait: Duration::seconds(61) }), @r"
        Navigation: 303 location https://app.example/login?flow=00000000-0000-0000-0000-000000000007
        Spa: 429 retry-after 61 {state} says 4000006
        Native: 429 retry-after 61 {state} says 4000006
        ");
    }

    #[test]
    fn expired_flow() {
        let replaced =
            || Answer::Replaced { gone: flow().expired_on_submit(Uuid::from_u128(8), NOW + Duration::hours(2)) };
        insta::assert_snapshot!(rows(&flow(), replaced), @r"
        Navigation: 303 location https://app.example/login?flow=00000000-0000-0000-0000-000000000007
        Spa: 410 {error use_flow_id} self_service_flow_expired
        Native: 410 {error use_flow_id} self_service_flow_expired
        ");
    }

    #[test]
    fn completed_flow() {
        let done = || signed_in(Destination::Done("https://app.example/"));
        insta::assert_snapshot!(rows(&flow().passed(MethodId::Code), done), @r"
        Navigation: 303 location https://app.example/ sets device=1 sets session=2
        Spa: 200 {continue_with session} sets device=1 sets session=2
        Native: 200 {continue_with session session_token}
        ");
    }

    #[test]
    fn flow_that_needs_a_second_factor() {
        let second =
            || signed_in(Destination::SecondFactor("https://auth.example/self-service/login/browser?aal=aal2"));
        insta::assert_snapshot!(rows(&flow().passed(MethodId::Password), second), @r"
        Navigation: 303 location https://auth.example/self-service/login/browser?aal=aal2 sets device=1 sets session=2
        Spa: 422 {error redirect_browser_to} browser_location_change_required sets device=1 sets session=2
        Native: 200 {continue_with session session_token} without identity
        ");
    }

    #[test]
    fn session_before_the_flow() {
        let all = CLIENTS.map(|client| match already_signed_in(client, "https://app.example/", true) {
            Ok(reply) => format!("{client:?}: {} {}", reply.status(), reply.header_text(&LOCATION).unwrap_or_default()),
            Err(fault) => format!("{client:?}: {} {}", fault.public.status, fault.public.id),
        });
        insta::assert_snapshot!(all.join("\n"), @r"
        Navigation: 303 https://app.example/
        Spa: 400 session_already_available
        Native: 400 session_already_available
        ");
    }
}
