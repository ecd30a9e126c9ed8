//! Clients: a native app that keeps nothing, an administrator, a browser that keeps cookies.

use super::{Bench, PASSWORD};
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// An answer as a client sees it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {} {:?}", self.status, self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }

    /// The `Set-Cookie` line of a cookie whose name begins with `name`.
    pub fn set_cookie(&self, name: &str) -> Option<&str> {
        self.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok()).find(|line| line.starts_with(name))
    }

    /// The message ids of the form and of its nodes.
    pub fn message_ids(&self) -> Vec<i64> {
        let ui = &self.json()["ui"];
        let of = |messages: &Value| -> Vec<i64> {
            messages.as_array().into_iter().flatten().filter_map(|message| message["id"].as_i64()).collect()
        };
        let nodes = ui["nodes"].as_array().cloned().unwrap_or_default();
        [of(&ui["messages"]), nodes.iter().flat_map(|node| of(&node["messages"])).collect()].concat()
    }

    /// The value of a node.
    pub fn node(&self, name: &str) -> Value {
        let nodes = self.json()["ui"]["nodes"].as_array().cloned().unwrap_or_default();
        let found = nodes.into_iter().find(|node| node["attributes"]["name"] == name);
        found.map(|node| node["attributes"]["value"].clone()).unwrap_or_default()
    }
}

/// The API that a client calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Public,
    Admin,
    Pages,
}

/// A client that keeps nothing.
#[derive(Clone)]
pub struct Client<'b> {
    bench: &'b Bench,
    door: Door,
    headers: Vec<(String, String)>,
    address: IpAddr,
}

impl<'b> Client<'b> {
    pub(super) fn new(bench: &'b Bench) -> Self {
        let headers = vec![("accept".into(), "application/json".into())];
        Self { bench, door: Door::Public, headers, address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)) }
    }

    /// The same at another address.
    pub fn at(&self, address: &str) -> Self {
        Self { address: address.parse().expect("an address"), ..self.clone() }
    }

    pub(super) fn admin(bench: &'b Bench) -> Self {
        Self { door: Door::Admin, ..Self::new(bench) }
    }

    /// The same client at the login pages.
    pub fn pages(&self) -> Self {
        Self { door: Door::Pages, ..self.clone() }
    }

    /// The same with one more header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, Vec::new()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, Vec::new()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::POST, path, body).await
    }

    pub async fn json(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(method, path, Some("application/json"), body.to_string().into_bytes()).await
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(Method::POST, path, Some("application/x-www-form-urlencoded"), body.into_bytes()).await
    }

    pub async fn send(&self, method: Method, path: &str, content_type: Option<&str>, body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            request = request.header("host", "gateway.example");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        self.request(request.body(Body::from(body)).unwrap_or_else(|e| panic!("{path}: {e}"))).await
    }

    pub async fn request(&self, request: Request<Body>) -> Answer {
        let response = self.bench.api(self.door).answer(self.address, request).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body in memory");
        let body = String::from_utf8(body.to_vec()).expect("a body of text");
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Begins a login as a native app. Returns the path that its form posts to.
    pub async fn begin(&self, query: &str) -> String {
        let flow = self.get(&format!("/self-service/login/api{query}")).await;
        assert_eq!(flow.status, 200, "{}", flow.body);
        action(&flow.json())
    }

    /// Signs in as a native app. Returns the session token.
    pub async fn sign_in(&self, identifier: &str) -> String {
        let action = self.begin("").await;
        let done = self.post(&action, &password(identifier, PASSWORD)).await;
        assert_eq!(done.status, 200, "{}", done.body);
        done.json()["session_token"].as_str().expect("a token").to_owned()
    }

    /// The same with a session token.
    pub fn token(&self, token: &str) -> Self {
        self.with("x-session-token", token)
    }

    /// One client per way to present a session token.
    pub fn token_each_way(&self, token: &str) -> [Self; 3] {
        let bearer = |scheme: &str| self.with("authorization", &format!("{scheme} {token}"));
        [self.token(token), bearer("Bearer"), bearer("bearer")]
    }
}

/// The body of a login by password.
pub fn password(identifier: &str, password: &str) -> Value {
    json!({"method": "password", "identifier": identifier, "password": password})
}

/// The path that a form posts to, on this stack.
pub fn action(flow: &Value) -> String {
    let action = flow["ui"]["action"].as_str().expect("an action");
    let at = action.find("/self-service").expect("a path");
    action[at..].to_owned()
}

/// A browser: keeps cookies as they are set, for as long as they last.
pub struct Browser<'b> {
    client: Client<'b>,
    pub cookies: BTreeMap<String, String>,
    ends: BTreeMap<String, time::OffsetDateTime>,
}

impl<'b> Browser<'b> {
    pub(super) fn new(bench: &'b Bench) -> Self {
        Self { client: Client::new(bench), cookies: BTreeMap::new(), ends: BTreeMap::new() }
    }

    /// The same at another address.
    pub fn at(mut self, address: &str) -> Self {
        self.client = self.client.at(address);
        self
    }

    /// Sends the requests of a page: a user follows a link, or submits a form.
    pub fn html(mut self) -> Self {
        self.client = self.client.with("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        self
    }

    /// Opens one of the login pages, by its path or by a URL that leads to it.
    pub async fn visit(&mut self, page: &str) -> Answer {
        self.visit_with(page, &[]).await
    }

    /// The same with headers.
    pub async fn visit_with(&mut self, page: &str, headers: &[(&str, &str)]) -> Answer {
        let path = page.strip_prefix("https://login.example.org").unwrap_or(page);
        let client = headers.iter().fold(self.loaded().pages(), |client, (name, value)| client.with(name, value));
        let answer = client.get(path).await;
        self.keep(&answer);
        answer
    }

    /// Sends a form of one of the login pages.
    pub async fn send(&mut self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let client = headers.iter().fold(self.loaded().pages(), |client, (name, value)| client.with(name, value));
        let answer = client.form(path, fields).await;
        self.keep(&answer);
        answer
    }

    /// Follows a redirect to the API.
    pub async fn follow(&mut self, answer: &Answer) -> Answer {
        let path = answer.location().strip_prefix("https://login.example.org").expect("the API").to_owned();
        self.with_html(&path).await
    }

    fn loaded(&self) -> Client<'b> {
        let now = self.client.bench.now();
        let lasts = |name: &String| self.ends.get(name).is_none_or(|end| now < *end);
        let kept = self.cookies.iter().filter(|(name, _)| lasts(name));
        let cookies: Vec<String> = kept.map(|(name, value)| format!("{name}={value}")).collect();
        if cookies.is_empty() { self.client.clone() } else { self.client.with("cookie", &cookies.join("; ")) }
    }

    fn keep(&mut self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok()) {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').expect("a cookie has a value");
            let attributes = attributes.to_ascii_lowercase();
            let age = attributes.split(';').find_map(|part| part.trim().strip_prefix("max-age=")?.parse::<i64>().ok());
            self.cookies.insert(name.to_owned(), value.to_owned());
            self.ends.remove(name);
            match age {
                Some(0) => {
                    self.cookies.remove(name);
                }
                Some(age) => {
                    self.ends.insert(name.to_owned(), self.client.bench.now() + time::Duration::seconds(age));
                }
                None => {}
            }
        }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        let answer = self.loaded().get(path).await;
        self.keep(&answer);
        answer
    }

    /// Follows a link, whatever headers the browser otherwise sends.
    pub async fn with_html(&mut self, path: &str) -> Answer {
        let answer = self.loaded().with("accept", "text/html").get(path).await;
        self.keep(&answer);
        answer
    }

    pub async fn delete(&mut self, path: &str) -> Answer {
        let answer = self.loaded().delete(path).await;
        self.keep(&answer);
        answer
    }

    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        let answer = self.loaded().post(path, body).await;
        self.keep(&answer);
        answer
    }

    pub async fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.loaded().form(path, fields).await;
        self.keep(&answer);
        answer
    }

    /// Begins a login as a single-page app. Returns the flow.
    pub async fn begin(&mut self, query: &str) -> Value {
        let accept = self.client.clone();
        self.client = self.client.with("accept", "application/json");
        let answer = self.get(&format!("/self-service/login/browser{query}")).await;
        self.client = accept;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Signs in as a single-page app. Returns the answer.
    pub async fn sign_in(&mut self, identifier: &str) -> Value {
        let flow = self.begin("").await;
        let mut body = password(identifier, PASSWORD);
        body["csrf_token"] = csrf(&flow);
        let done = self.post(&action(&flow), &body).await;
        assert_eq!(done.status, 200, "{}", done.body);
        done.json()
    }

    /// The session cookie.
    pub fn session(&self) -> String {
        self.cookies.get("ory_kratos_session").cloned().unwrap_or_default()
    }
}

/// The anti-CSRF token of a form.
pub fn csrf(flow: &Value) -> Value {
    let nodes = flow["ui"]["nodes"].as_array().expect("nodes");
    let node = nodes.iter().find(|node| node["attributes"]["name"] == "csrf_token").expect("a token");
    node["attributes"]["value"].clone()
}
