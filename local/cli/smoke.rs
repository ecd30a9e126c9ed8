//! `latchkey smoke`: tests whether identities can sign in and out of a stack as the three kinds of client.
//!
//! It creates a temporary identity with a random password, and deletes it in every case: after a failed step, after Ctrl-C, and when
//! the answer to its creation was lost. It follows redirects only within this stack.

use crate::cli::api::{Admin, Answer, Http, LOCAL_ADMIN, Target, explain, id_of, is_loopback, parse_url};
use crate::cli::jar::Jar;
use crate::cli::table::clean;
use crate::cli::{EXIT_CODES, Failure, interrupted, print};
use clap::Args;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use hyper::body::Bytes;
use latchkey_platform::Rng;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use url::Url;
use uuid::Uuid;

const SESSION_TOKEN: HeaderName = HeaderName::from_static("x-session-token");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
/// The message of a login whose password or identifier is wrong.
const WRONG_CREDENTIALS: i64 = 4_000_006;

/// `latchkey smoke`
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Smoke {
    /// The public API: the output PublicUrl of a deployed stack, or http://127.0.0.1:4433
    url: String,
    #[command(flatten)]
    target: Target,
    /// Traits of the temporary identity, if the schema needs others than an e-mail address; {unique} is replaced by a unique text
    #[arg(long, value_name = "JSON", default_value = r#"{"email":"{unique}@smoke.invalid"}"#)]
    traits: String,
    /// Identity schema [default: that of the configuration]
    #[arg(long, value_name = "ID")]
    schema: Option<String>,
    /// Write JSON to standard output, one object per step
    #[arg(long)]
    json: bool,
}

/// Tests a stack.
///
/// # Errors
/// When a step failed, or the temporary identity could not be deleted.
pub async fn run(smoke: Smoke) -> Result<(), Failure> {
    let public = parse_url("URL", &smoke.url)?;
    if !is_loopback(&public) && smoke.target.admin_url == LOCAL_ADMIN {
        return Err(Failure::usage(format!(
            "--admin-url is missing: to create an identity on {public}, name its admin API (the output AdminUrl)"
        )));
    }
    let unique = format!("latchkey-smoke-{}", Rng::system().id());
    let traits: Value = serde_json::from_str(&smoke.traits.replace("{unique}", &unique))
        .map_err(|e| Failure::usage(format!("--traits is not JSON: {e}")))?;
    let trial = Trial {
        http: Http::for_url(&public)?,
        public,
        admin: Admin::open(&smoke.target)?,
        json: smoke.json,
        unique,
        // Hex of 32 random bytes satisfies every rule on length.
        password: Rng::system().bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        identity: OnceLock::new(),
        requested_identity: AtomicBool::new(false),
        unreachable: AtomicBool::new(false),
    };
    let outcome = tokio::select! {
        outcome = trial.steps(&smoke, &traits) => outcome,
        () = interrupted() => Err(Failure::refused("interrupted")),
    };
    let cleaned = if trial.requested_identity.load(Ordering::Relaxed) {
        trial.step("cleans up: no identity is left behind", trial.clean_up()).await
    } else {
        Ok(())
    };
    outcome.and(cleaned).map_err(|failure| {
        if trial.unreachable.load(Ordering::Relaxed) {
            Failure::unreachable(format!("{} could not be tried: {failure}", trial.public))
        } else {
            Failure { text: format!("{} does not work: {failure}", trial.public), ..failure }
        }
    })?;
    if smoke.json { Ok(()) } else { print(&format!("{} works.", trial.public)) }
}

/// One run against one stack.
struct Trial {
    http: Http,
    public: Url,
    admin: Admin,
    json: bool,
    unique: String,
    password: SecretString,
    /// The temporary identity.
    identity: OnceLock<Temporary>,
    /// Whether its creation was requested, whatever the answer.
    requested_identity: AtomicBool,
    /// Whether one of the two APIs did not answer.
    unreachable: AtomicBool,
}

struct Temporary {
    id: Uuid,
    identifier: String,
}

/// What a client sends with every request.
#[derive(Clone, Debug)]
enum Client {
    Native { token: Option<SecretString> },
    Cookies { jar: Jar, accept: HeaderValue },
}

impl Trial {
    async fn step(&self, name: &str, step: impl Future<Output = Result<(), String>>) -> Result<(), Failure> {
        let started = Instant::now();
        let outcome = step.await;
        let ms = started.elapsed().as_millis();
        let said = outcome.as_ref().err().map(|why| clean(why));
        if self.json {
            print(&json!({"step": name, "ms": ms as u64, "ok": said.is_none(), "error": said}).to_string())?;
        } else {
            let (mark, why) = match &said {
                None => ("ok    ", String::new()),
                Some(why) => ("FAILED", format!(": {why}")),
            };
            print(&format!("{mark} {ms:>6} ms  {name}{why}"))?;
        }
        outcome.map_err(|why| Failure::refused(format!("{name}: {}", clean(&why))))
    }

    async fn steps(&self, smoke: &Smoke, traits: &Value) -> Result<(), Failure> {
        self.step("answers", self.answers()).await?;
        self.step("admin API: creates an identity", self.create(smoke, traits)).await?;
        self.native().await?;
        self.single_page_app().await?;
        self.browser().await?;
        self.other_functions().await
    }

    /// Functions that no sign-in calls: a missing permission shows only when a function is called.
    async fn other_functions(&self) -> Result<(), Failure> {
        let mut unknown = Client::native();
        let error = format!("/self-service/errors?id={}", Rng::system().id());
        self.step("answers for an error that is not there", self.gets(&mut unknown, &error, 404)).await?;
        self.step("answers for a path that is not there", self.gets(&mut unknown, "/latchkey/smoke", 404)).await?;
        self.step("admin API: lists the sessions of the identity", self.admin_sessions()).await?;
        self.step("admin API: answers for a path that is not there", self.admin_gets("/admin/latchkey/smoke", 404))
            .await
    }

    async fn gets(&self, client: &mut Client, path: &str, status: u16) -> Result<(), String> {
        expect(&self.send(client, Method::GET, path, None).await?, status)
    }

    async fn admin_gets(&self, path: &str, status: u16) -> Result<(), String> {
        let answer = self.admin.send(Method::GET, path, None, HeaderMap::new(), Bytes::new()).await;
        expect(&answer.map_err(|failure| self.told(failure))?, status)
    }

    async fn admin_sessions(&self) -> Result<(), String> {
        self.admin_gets(&format!("/admin/identities/{}/sessions", self.identity()?.id), 200).await
    }

    async fn answers(&self) -> Result<(), String> {
        self.gets(&mut Client::native(), "/health/alive", 200).await
    }

    async fn create(&self, smoke: &Smoke, traits: &Value) -> Result<(), String> {
        let mut body = json!({
            "traits": traits,
            "external_id": self.unique,
            "metadata_admin": {"made_by": "latchkey smoke"},
            "credentials": {"password": {"config": {"password": self.password.expose_secret()}}},
        });
        if let Some(schema) = &smoke.schema {
            body["schema_id"] = json!(schema);
        }
        self.requested_identity.store(true, Ordering::Relaxed);
        let made = self.admin.call(Method::POST, "/admin/identities", None, Some(&body)).await;
        let made = made.map_err(|failure| self.told(failure))?.json();
        let id = id_of(&made).ok_or("the admin API answered without an id")?;
        let identifier = made["credentials"]["password"]["identifiers"][0].as_str();
        // Stored first, so that clean-up deletes it whatever follows.
        let identity = Temporary { id, identifier: identifier.unwrap_or_default().to_owned() };
        let _ = self.identity.set(identity);
        match identifier {
            Some(_) => Ok(()),
            None => Err(
                "the identity schema makes none of these traits an identifier for passwords: give others with --traits"
                    .to_owned(),
            ),
        }
    }

    /// The text of a failure. Remembers that an API did not answer.
    fn told(&self, failure: Failure) -> String {
        if failure.code == Failure::unreachable("").code {
            self.unreachable.store(true, Ordering::Relaxed);
        }
        failure.text
    }

    fn identity(&self) -> Result<&Temporary, String> {
        self.identity.get().ok_or_else(|| "there is no identity".to_owned())
    }

    async fn native(&self) -> Result<(), Failure> {
        let mut app = Client::native();
        self.step("native app: has no session at first", self.has_no_session(&mut app)).await?;
        self.step("native app: a wrong password is refused", self.native_wrong(&mut app)).await?;
        self.step("native app: signs in", self.native_in(&mut app)).await?;
        self.step("native app: is signed in", self.has_session(&mut app)).await?;
        self.step("native app: lists the other sessions", self.gets(&mut app, "/sessions", 200)).await?;
        self.step("native app: signs out", self.native_out(&mut app)).await?;
        self.step("native app: is signed out", self.has_no_session(&mut app)).await
    }

    async fn native_try(&self, app: &mut Client, password: &str) -> Result<Answer, String> {
        let flow = self.send(app, Method::GET, "/self-service/login/api", None).await?;
        expect(&flow, 200)?;
        let body = json!({"method": "password", "identifier": self.identity()?.identifier, "password": password});
        self.send(app, Method::POST, &self.action(&flow.json())?, Some((JSON, body.to_string()))).await
    }

    async fn native_wrong(&self, app: &mut Client) -> Result<(), String> {
        refused_password(&self.native_try(app, "wrong").await?)
    }

    async fn native_in(&self, app: &mut Client) -> Result<(), String> {
        let done = self.native_try(app, self.password.expose_secret()).await?;
        expect(&done, 200)?;
        let token = done.json()["session_token"].as_str().map(|token| SecretString::from(token.to_owned()));
        *app = Client::Native { token: Some(token.ok_or("the answer has no session_token")?) };
        Ok(())
    }

    async fn native_out(&self, app: &mut Client) -> Result<(), String> {
        let Client::Native { token: Some(token) } = app else { return Err("there is no session token".to_owned()) };
        let body = json!({"session_token": token.expose_secret()}).to_string();
        // The token is only in the body, as apps send it.
        let answer =
            self.send(&mut Client::native(), Method::DELETE, "/self-service/logout/api", Some((JSON, body))).await?;
        expect(&answer, 204)
    }

    async fn single_page_app(&self) -> Result<(), Failure> {
        let mut app = Client::Cookies { jar: Jar::default(), accept: JSON };
        self.step("single-page app: has no session at first", self.has_no_session(&mut app)).await?;
        self.step("single-page app: a wrong password is refused", self.spa_wrong(&mut app)).await?;
        self.step("single-page app: signs in", self.spa_in(&mut app)).await?;
        self.step("single-page app: is signed in", self.has_session(&mut app)).await?;
        self.step("single-page app: signs out", self.cookies_out(&mut app, 204)).await?;
        self.step("single-page app: is signed out", self.has_no_session(&mut app)).await
    }

    async fn spa_try(&self, app: &mut Client, password: &str) -> Result<Answer, String> {
        let flow = self.send(app, Method::GET, "/self-service/login/browser", None).await?;
        expect(&flow, 200)?;
        let flow = flow.json();
        let mut body = json!({"method": "password", "identifier": self.identity()?.identifier, "password": password});
        for (name, value) in hidden(&flow) {
            body[name] = json!(value);
        }
        self.send(app, Method::POST, &self.action(&flow)?, Some((JSON, body.to_string()))).await
    }

    async fn spa_wrong(&self, app: &mut Client) -> Result<(), String> {
        refused_password(&self.spa_try(app, "wrong").await?)
    }

    async fn spa_in(&self, app: &mut Client) -> Result<(), String> {
        expect(&self.spa_try(app, self.password.expose_secret()).await?, 200)
    }

    async fn browser(&self) -> Result<(), Failure> {
        let mut page = Client::Cookies { jar: Jar::default(), accept: HTML };
        self.step("browser: has no session at first", self.has_no_session(&mut page)).await?;
        self.step("browser: a wrong password is refused", self.browser_wrong(&mut page)).await?;
        self.step("browser: signs in", self.browser_in(&mut page)).await?;
        self.step("browser: is signed in", self.has_session(&mut page)).await?;
        self.step("browser: signs out", self.cookies_out(&mut page, 303)).await?;
        self.step("browser: is signed out", self.has_no_session(&mut page)).await
    }

    /// Submits the form. Returns the address that the browser is redirected to.
    async fn browser_try(&self, page: &mut Client, password: &str) -> Result<String, String> {
        let begun = self.send(page, Method::GET, "/self-service/login/browser", None).await?;
        expect(&begun, 303)?;
        let flow = self.flow_at(page, begun.header("location")).await?;
        let mut fields = hidden(&flow);
        fields.push(("identifier".to_owned(), self.identity()?.identifier.clone()));
        fields.push(("password".to_owned(), password.to_owned()));
        fields.push(("method".to_owned(), "password".to_owned()));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let done = self.send(page, Method::POST, &self.action(&flow)?, Some((FORM, form))).await?;
        expect(&done, 303)?;
        Ok(done.header("location").to_owned())
    }

    /// Gets the flow that a login page is opened for. The page itself may belong to another application.
    async fn flow_at(&self, page: &mut Client, location: &str) -> Result<Value, String> {
        let base = self.public.join(location).map_err(|e| format!("the browser is sent to {location:?}: {e}"))?;
        let id = base.query_pairs().find(|(key, _)| key == "flow").map(|(_, id)| id.into_owned());
        let id = id.ok_or_else(|| format!("the browser is sent to {location}, which names no flow"))?;
        let path = format!("/self-service/login/flows?{}", crate::cli::api::encoded(&[("id", &id)]));
        let Client::Cookies { jar, .. } = page else { return Err("a browser has cookies".to_owned()) };
        let mut script = Client::Cookies { jar: jar.clone(), accept: JSON };
        let flow = self.send(&mut script, Method::GET, &path, None).await?;
        expect(&flow, 200)?;
        Ok(flow.json())
    }

    async fn browser_wrong(&self, page: &mut Client) -> Result<(), String> {
        let next = self.browser_try(page, "wrong").await?;
        says_wrong(&self.flow_at(page, &next).await?)?;
        self.has_no_session(page).await
    }

    async fn browser_in(&self, page: &mut Client) -> Result<(), String> {
        self.browser_try(page, self.password.expose_secret()).await.map(|_| ())
    }

    /// Gets the logout URL and follows it.
    async fn cookies_out(&self, client: &mut Client, status: u16) -> Result<(), String> {
        let Client::Cookies { jar, .. } = &client else { return Err("a browser has cookies".to_owned()) };
        let mut script = Client::Cookies { jar: jar.clone(), accept: JSON };
        let link = self.send(&mut script, Method::GET, "/self-service/logout/browser", None).await?;
        expect(&link, 200)?;
        let path = self.own(link.json()["logout_url"].as_str().ok_or("the answer has no logout_url")?)?;
        let answer = self.send(client, Method::GET, &path, None).await?;
        expect(&answer, status)
    }

    async fn has_no_session(&self, client: &mut Client) -> Result<(), String> {
        expect(&self.send(client, Method::GET, "/sessions/whoami", None).await?, 401)
    }

    async fn has_session(&self, client: &mut Client) -> Result<(), String> {
        let answer = self.send(client, Method::GET, "/sessions/whoami", None).await?;
        expect(&answer, 200)?;
        let (session, identity) = (answer.json(), self.identity()?);
        if session["active"] == true && id_of(&session["identity"]) == Some(identity.id) {
            Ok(())
        } else {
            Err("the session is not an active one of this identity".to_owned())
        }
    }

    /// Deletes the temporary identity, also when its creation was interrupted with an unknown result.
    async fn clean_up(&self) -> Result<(), String> {
        let id = match self.identity.get() {
            Some(identity) => Some(identity.id),
            None => self.lost().await?,
        };
        let Some(id) = id else { return Ok(()) };
        let path = format!("/admin/identities/{id}");
        let left = |why: String| format!("{why}; delete it with `latchkey user delete {id}`");
        self.admin.call(Method::DELETE, &path, None, None).await.map_err(|failure| left(self.told(failure)))?;
        self.admin_gets(&path, 404).await.map_err(left)
    }

    async fn lost(&self) -> Result<Option<Uuid>, String> {
        let path = format!("/admin/identities/by/external/{}", self.unique);
        let answer = self.admin.send(Method::GET, &path, None, HeaderMap::new(), Bytes::new()).await;
        let answer = answer.map_err(|failure| self.told(failure))?;
        match answer.status.as_u16() {
            404 => Ok(None),
            _ => expect(&answer, 200).map(|()| id_of(&answer.json())),
        }
    }

    /// The `ui.action` of a form, which must be below this stack.
    fn action(&self, flow: &Value) -> Result<String, String> {
        self.own(flow["ui"]["action"].as_str().ok_or("the flow has no ui.action")?)
    }

    /// The path and query of a URL, if it belongs to the stack.
    fn own(&self, url: &str) -> Result<String, String> {
        let own = Url::parse(url).map_err(|e| format!("the stack names {url:?}: {e}"))?;
        let base = self.public.path().trim_end_matches('/');
        match own.path().strip_prefix(base).filter(|_| own.origin() == self.public.origin()) {
            Some(path) => Ok(own.query().map_or(path.to_owned(), |query| format!("{path}?{query}"))),
            None => Err(format!(
                "the stack knows itself as {}: try that address, or change serve.public.base_url",
                own.origin().ascii_serialization()
            )),
        }
    }

    async fn send(
        &self,
        client: &mut Client,
        method: Method,
        path: &str,
        body: Option<(HeaderValue, String)>,
    ) -> Result<Answer, String> {
        let url = format!("{}{path}", self.public.as_str().trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|e| format!("{url}: {e}"))?;
        let mut headers = client.headers();
        let body = body.map_or_else(Bytes::new, |(kind, body)| {
            headers.insert(CONTENT_TYPE, kind);
            Bytes::from(body)
        });
        let answer = self.http.send(method, &url, headers, body).await;
        let answer = answer.inspect_err(|_| self.unreachable.store(true, Ordering::Relaxed))?;
        if let Client::Cookies { jar, .. } = client {
            jar.keep(&url, &answer.headers)?;
        }
        Ok(answer)
    }
}

impl Client {
    fn native() -> Self {
        Self::Native { token: None }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::Native { token } => {
                headers.insert(ACCEPT, JSON);
                let token = token.as_ref().and_then(|token| HeaderValue::from_str(token.expose_secret()).ok());
                headers.extend(token.map(|token| (SESSION_TOKEN, token)));
            }
            Self::Cookies { jar, accept } => {
                headers.insert(ACCEPT, accept.clone());
                headers.extend(jar.header().map(|cookies| (COOKIE, cookies)));
            }
        }
        headers
    }
}

/// An unexpected answer, with its error text.
fn expect(answer: &Answer, status: u16) -> Result<(), String> {
    if answer.status == status {
        return Ok(());
    }
    let body = answer.json();
    let said =
        explain(&body).or_else(|| Some(format!("messages {:?}", messages(&body))).filter(|_| body.get("ui").is_some()));
    let location = answer.header("location");
    let location = if location.is_empty() { String::new() } else { format!(", to {location}") };
    Err(format!(
        "answered {} instead of {status}{location}{}",
        answer.status.as_u16(),
        said.map_or_else(String::new, |said| format!(": {said}"))
    ))
}

fn refused_password(answer: &Answer) -> Result<(), String> {
    expect(answer, 400)?;
    says_wrong(&answer.json())
}

fn says_wrong(flow: &Value) -> Result<(), String> {
    let found = messages(flow);
    if found.contains(&WRONG_CREDENTIALS) {
        Ok(())
    } else {
        Err(format!("the form says {found:?} instead of message {WRONG_CREDENTIALS}"))
    }
}

/// The message ids of a form.
fn messages(flow: &Value) -> Vec<i64> {
    flow["ui"]["messages"].as_array().into_iter().flatten().filter_map(|message| message["id"].as_i64()).collect()
}

/// The hidden fields of a form, such as the anti-CSRF token.
fn hidden(flow: &Value) -> Vec<(String, String)> {
    let nodes = flow["ui"]["nodes"].as_array().into_iter().flatten().map(|node| &node["attributes"]);
    nodes
        .filter(|field| field["type"] == "hidden")
        .filter_map(|field| Some((field["name"].as_str()?.to_owned(), field["value"].as_str()?.to_owned())))
        .collect()
}
