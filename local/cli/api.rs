//! Requests to a stack, its answers, and its errors in words.

use crate::cli::Failure;
use crate::cli::aws::{Signer, region_of_host};
use crate::cli::table::{clean, clean_lines};
use crate::cli::words;
use clap::Args;
use http::header::{ACCEPT, CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::time::Duration;
use url::{Host, Url};
use uuid::Uuid;

/// Longer than API Gateway waits for a function.
const PATIENCE: Duration = Duration::from_secs(35);
/// Most bytes of an answer: more than a function can return.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The admin API of the stack on this machine.
pub const LOCAL_ADMIN: &str = "http://127.0.0.1:4434";

/// Where the admin API is, and how requests to it are signed.
#[derive(Clone, Debug, Args)]
pub struct Target {
    /// URL of the admin API: that of the stack on this machine, or the output AdminUrl of a deployed stack
    #[arg(
        long,
        value_name = "URL",
        env = "LATCHKEY_ADMIN_ENDPOINT",
        default_value = LOCAL_ADMIN,
        global = true
    )]
    pub admin_url: String,
    /// Sign requests with AWS credentials; not needed if the URL is one of API Gateway's own
    #[arg(long, global = true)]
    pub sign: bool,
    /// AWS region to sign for [default: the one in the URL, or AWS_REGION]
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// Profile of the AWS CLI to sign with [default: the credentials of the environment, or the default profile]
    #[arg(long, global = true)]
    pub profile: Option<String>,
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null when it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// An HTTP client that follows no redirects and keeps no cookies.
#[derive(Clone)]
pub enum Http {
    /// For `http` URLs.
    Plain(Client<HttpConnector, Full<Bytes>>),
    /// For `https` URLs; trusts the certificates of the system.
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Http {
    /// A client for a URL's scheme.
    ///
    /// # Errors
    /// When the system has no certificates to trust.
    pub fn for_url(url: &Url) -> Result<Self, Failure> {
        let builder = Client::builder(TokioExecutor::new());
        if url.scheme() == "http" {
            return Ok(Self::Plain(builder.build_http()));
        }
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|e| {
                Failure::unreachable(format!(
                    "this system has no certificates to trust: {e}; install its ca-certificates"
                ))
            })?
            .https_only()
            .enable_http1()
            .build();
        Ok(Self::Tls(builder.build(connector)))
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn send(&self, method: Method, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Answer, String> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = url.as_str().parse().map_err(|e| format!("{url}: {e}"))?;
        *request.headers_mut() = headers;
        let exchange = async {
            let sent = match self {
                Self::Plain(client) => client.request(request).await,
                Self::Tls(client) => client.request(request).await,
            };
            let (parts, body) = sent.map_err(|e| chain(&e))?.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|e| e.to_string())?;
            Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
    }
}

/// An error with its causes, because the outermost error often says only that there was one.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Reads a URL from the command line.
///
/// # Errors
/// When it is not a URL, or not an HTTP one.
pub fn parse_url(option: &str, text: &str) -> Result<Url, Failure> {
    let wanted = format!(
        "{option} {text:?}: must be a URL such as http://127.0.0.1:4434 or https://abc.execute-api.eu-central-1.amazonaws.com"
    );
    let url = Url::parse(text).map_err(|e| Failure::usage(format!("{wanted} ({e})")))?;
    let plain =
        url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain {
        Ok(url)
    } else {
        Err(Failure::usage(wanted))
    }
}

/// Whether a URL leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The admin API of a stack.
pub struct Admin {
    /// Where it is.
    pub base: Url,
    http: Http,
    signer: Option<Signer>,
}

impl Admin {
    /// Prepares calls of an admin API; sends nothing yet.
    ///
    /// # Errors
    /// When the URL is unusable, or the region to sign for is unknown.
    pub fn open(target: &Target) -> Result<Self, Failure> {
        let base = parse_url("--admin-url", &target.admin_url)?;
        let region = base.host_str().and_then(region_of_host);
        let signs = target.sign || (base.scheme() == "https" && region.is_some());
        if signs && base.scheme() == "http" && !is_loopback(&base) {
            return Err(Failure::usage(format!(
                "--admin-url {base}: a signed request does not go over plain http to another machine: use https"
            )));
        }
        let region = target.region.clone().or_else(|| region.map(str::to_owned)).or_else(region_of_environment);
        let signer = match (signs, region) {
            (false, _) => None,
            (true, Some(region)) => Some(Signer::new(region, target.profile.clone())),
            (true, None) => {
                return Err(Failure::usage(format!(
                    "the region to sign for is not in {base}: give --region, such as --region eu-central-1"
                )));
            }
        };
        Ok(Self { http: Http::for_url(&base)?, base, signer })
    }

    /// Whether requests are signed.
    pub fn signs(&self) -> bool {
        self.signer.is_some()
    }

    /// Sends a request below the base URL, signed if necessary.
    ///
    /// # Errors
    /// When there are no credentials, or no answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        query: Option<&str>,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        if let Some(signer) = &self.signer {
            // Only headers that no hop changes.
            let signed = headers.iter().filter(|(name, _)| *name == CONTENT_TYPE);
            let signed = signed.map(|(name, value)| (name.clone(), value.clone())).collect();
            let signature = signer.sign(&method, &url, &signed, &body).await?;
            headers.extend(signature);
        }
        let sent = self.http.send(method, &url, headers, body).await;
        sent.map_err(|why| {
            Failure::unreachable(format!("{} does not answer: {why}\n  {}", self.base, self.way_to_reach()))
        })
    }

    fn way_to_reach(&self) -> &'static str {
        if is_loopback(&self.base) {
            "start the stack on this machine with `latchkey`, or name another one with --admin-url"
        } else {
            "--admin-url takes the output AdminUrl of the stack"
        }
    }

    /// Calls an operation and returns its successful answer.
    ///
    /// # Errors
    /// The API's error.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        query: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let mut headers = HeaderMap::from_iter([(ACCEPT, JSON)]);
        let bytes = body.map(|body| {
            headers.insert(CONTENT_TYPE, JSON);
            Bytes::from(body.to_string())
        });
        let answer = self.send(method, path, query, headers, bytes.unwrap_or_default()).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(self.refusal(&answer)) }
    }

    /// The failure that an unsuccessful answer means.
    pub fn refusal(&self, answer: &Answer) -> Failure {
        let status = answer.status.as_u16();
        let body = answer.json();
        if answer.status.is_redirection() {
            let to = answer.header("location").split("/admin/").next().unwrap_or_default();
            return Failure::refused(format!(
                "{} is the public API: --admin-url takes the address of the admin API, which is at {}",
                self.base,
                if to.is_empty() { LOCAL_ADMIN } else { to }
            ));
        }
        let advice = match status {
            401 | 403 if self.signs() => {
                "the credentials must belong to the account of the stack and allow execute-api:Invoke on its output AdminInvokeArn; the region must be that of the stack"
            }
            401 | 403 => "a deployed admin API needs signed requests: add --sign",
            404 => "`latchkey user list` and `latchkey session list` show what is there",
            409 => {
                "another identity has this identifier, address or external id: `latchkey user list --identifier …` shows which"
            }
            429 | 503 => "the stack is busy or its store does not answer: try again in a moment",
            _ => "",
        };
        let said = explain(&body).unwrap_or_else(|| {
            format!("{:?}", clean(&String::from_utf8_lossy(&answer.body).chars().take(200).collect::<String>()))
        });
        let advice = if advice.is_empty() { String::new() } else { format!("\n  {advice}") };
        Failure::refused(format!("the admin API answered {status}: {said}{advice}"))
    }

    /// Every page of a list, until the last page or until `take` returns false.
    ///
    /// # Errors
    /// Of the API, and of `take`.
    pub async fn pages(
        &self,
        path: &str,
        query: String,
        mut take: impl FnMut(Vec<Value>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut query = Some(query);
        while let Some(asked) = query {
            let answer = self.call(Method::GET, path, Some(&asked), None).await?;
            let Value::Array(items) = answer.json() else {
                return Err(Failure::refused(format!(
                    "{}{path} did not answer with a list: is this an admin API?",
                    self.base
                )));
            };
            if let Some(ids) = answer.headers.get("latchkey-unreadable").and_then(|ids| ids.to_str().ok()) {
                let ids = clean(ids);
                eprintln!(
                    "left out, because their records cannot be read: {ids}\n  `latchkey user delete ID` deletes one"
                );
            }
            query = next_page(&answer).filter(|next| *next != asked);
            if !take(items)? {
                break;
            }
        }
        Ok(())
    }

    /// The identity with an id or an identifier.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub async fn find(&self, who: &str) -> Result<Uuid, Failure> {
        if let Ok(id) = Uuid::try_parse(who) {
            return Ok(id);
        }
        let query = encoded(&[("credentials_identifier", who)]);
        let found = self.call(Method::GET, "/admin/identities", Some(&query), None).await?.json();
        let ids: Vec<Uuid> = found.as_array().into_iter().flatten().filter_map(id_of).collect();
        match ids.as_slice() {
            [id] => Ok(*id),
            [] => Err(Failure::refused(format!(
                "no identity has the identifier {:?}\n  `latchkey user list` shows all identities",
                clean(who)
            ))),
            several => {
                let several: Vec<String> = several.iter().map(Uuid::to_string).collect();
                Err(Failure::refused(format!(
                    "{:?} belongs to several identities: use the id of one of them: {}",
                    clean(who),
                    several.join(", ")
                )))
            }
        }
    }
}

fn region_of_environment() -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|region| !region.is_empty());
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))
}

/// Pairs as a query.
pub fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().replace('+', "%20")
}

/// The id of an identity or a session.
pub fn id_of(item: &Value) -> Option<Uuid> {
    item["id"].as_str()?.parse().ok()
}

/// The query of the next page, as the `Link` header names it.
fn next_page(answer: &Answer) -> Option<String> {
    let links = answer.headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok());
    let next = links.flat_map(|line| line.split(',')).find(|link| link.contains("rel=\"next\""))?;
    let target = next.split_once('<')?.1.split_once('>')?.0;
    Some(target.split_once('?')?.1.to_owned())
}

/// The text of an error, in the API's format or in the gateway's.
pub fn explain(body: &Value) -> Option<String> {
    let error = body.get("error").unwrap_or(body);
    let text = |key: &str| error[key].as_str().filter(|text| !text.is_empty());
    let message = text("message").or_else(|| text("Message"));
    let mut said = match (text("reason").and_then(words::of_report), text("reason"), message) {
        (Some(words), ..) => format!("the traits do not fit the schema:\n  {words}"),
        (None, Some(reason), Some(message)) => format!("{reason} ({message})"),
        (None, one, other) => one.or(other)?.to_owned(),
    };
    if let Some(hint) = error["details"]["hint"].as_str() {
        said = format!("{said} {hint}");
    }
    Some(clean_lines(&said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn target(url: &str) -> Target {
        Target { admin_url: url.into(), sign: false, region: None, profile: None }
    }

    #[test]
    fn signed_requests_need_https() {
        for url in ["http://admin.example.org", "http://10.0.0.1:4434"] {
            let open = |sign| Admin::open(&Target { sign, region: Some("eu-west-1".into()), ..target(url) });
            assert_eq!(open(true).err().unwrap().code, 2, "{url}");
            assert!(!open(false).unwrap().signs());
        }
        let local =
            Admin::open(&Target { sign: true, region: Some("eu-west-1".into()), ..target("http://127.0.0.1:1") });
        assert!(local.unwrap().signs());
    }

    #[test]
    fn unusable_urls_are_refused() {
        for url in ["", "127.0.0.1:4434", "ftp://x", "http://a@b/", "http://x/?a=b"] {
            assert_eq!(Admin::open(&target(url)).err().unwrap().code, 2, "{url}");
        }
    }

    #[test]
    fn errors_are_read_in_both_envelopes() {
        assert_eq!(explain(&json!({"error": {"reason": "Why.", "message": "What"}})).as_deref(), Some("Why. (What)"));
        assert_eq!(explain(&json!({"message": "Forbidden"})).as_deref(), Some("Forbidden"));
        let hinted = json!({"error": {"reason": "Why.", "details": {"hint": "What exactly."}}});
        assert_eq!(explain(&hinted).as_deref(), Some("Why. What exactly."));
        assert_eq!(explain(&json!([])), None);
    }
}
