//! Generates requests: valid ones of which some parts are replaced by invalid ones.

use super::world::World;
use crate::support::Door;
use axum::body::Body;
use http::Request;
use proptest::prelude::RngExt as _;
use proptest::test_runner::TestRng;
use serde_json::{Value, json};

/// A request that can be printed.
pub(super) struct Made {
    pub(super) door: Door,
    pub(super) method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Made {
    /// `None` where HTTP itself has no such request.
    pub(super) fn build(&self) -> Option<Request<Body>> {
        let mut request = Request::builder().method(self.method.as_bytes()).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        request.body(Body::from(self.body.clone())).ok()
    }

    pub(super) fn shown(&self) -> String {
        let cut = |text: &str| text.chars().take(600).collect::<String>();
        let headers: Vec<String> = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", cut(&String::from_utf8_lossy(value))))
            .collect();
        let body = String::from_utf8_lossy(&self.body);
        format!(
            "{:?} {} {}\n  {}\n  {} bytes: {}",
            self.door,
            self.method,
            cut(&self.path),
            headers.join("\n  "),
            self.body.len(),
            cut(&body)
        )
    }
}

/// Texts that have broken software before.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\0",
    "pw\0",
    "\u{feff}",
    "\u{202e}",
    "é",
    "e\u{301}",
    "ＡＢＣ",
    "٣٤٥",
    "𝟙𝟚",
    "\u{1f511}",
    "İ",
    "ß",
    "null",
    "true",
    "-1",
    "0",
    "1",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "1e400",
    "NaN",
    "0x10",
    "../..",
    "..%2f",
    "%",
    "%zz",
    "%00",
    "%25%32%30",
    "a%20b",
    "a b",
    "a+b",
    "//",
    "\\",
    "'",
    "\"",
    "<script>",
    "{{7*7}}",
    "${jndi:x}",
    "$ne",
    "[object Object]",
    "a@b",
    "@",
    "a@",
    "a@b.c\r\nbcc: x@y.z",
    "a@ex_ample.org",
    "user@bücher.example",
    "üser@example.org",
    "+49176",
    "(+49) 176 6711 1638",
    "tel:+4917667111638",
    "+٤٩١٧٦٦٧١١١٦٣٨",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "{00000000-0000-4000-8000-000000000000}",
    "urn:uuid:00000000-0000-4000-8000-000000000000",
    "0000-01-01T00:00:00+23:59",
    "9999-12-31T23:59:60-23:59",
    "2026-02-30T00:00:00Z",
    "-000001-01-01T00:00:00Z",
    "https://elsewhere.example",
    "//elsewhere.example",
    "javascript:alert(1)",
    "https://[::1",
    "exp://example.org/Callback",
    "password",
    "code",
    "totp",
    "lookup_secret",
    "webauthn",
    "passkey",
    "oidc",
    "identifier_first",
    "aal1",
    "aal2",
    "aal3",
    "highest_available",
    "email",
    "sms",
    "active",
    "inactive",
    "$2a$10$",
    "$argon2id$v=19$m=4294967295,t=4294967295,p=1$AAAA$AAAA",
    "$pbkdf2-sha3$i=1,l=1$AAAA$AAAA",
    "$scrypt$ln=63,r=8,p=1$AAAA$AAAA",
    "$2a$31$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
    "$6$rounds=999999999$s$x",
    "ory_st_",
    "ory_lo_x",
];

/// Parameters that some endpoint reads.
const PARAMETERS: &[&str] = &[
    "flow",
    "id",
    "aal",
    "refresh",
    "return_to",
    "return_session_token_exchange_code",
    "login_challenge",
    "organization",
    "via",
    "identity_schema",
    "init_code",
    "return_to_code",
    "token",
    "tokenize_as",
    "page",
    "per_page",
    "page_size",
    "page_token",
    "ids",
    "credentials_identifier",
    "preview_credentials_identifier_similar",
    "include_credential",
    "consistency",
    "expand",
    "active",
    "status",
    "recipient",
    "organization_id",
    "identifier",
    "code",
    "csrf_token",
    "method",
    "error",
    "lang",
];

/// Headers that some layer reads.
const HEADERS: &[&str] = &[
    "accept",
    "accept-language",
    "authorization",
    "content-type",
    "content-length",
    "cookie",
    "origin",
    "referer",
    "host",
    "user-agent",
    "x-session-token",
    "x-session-cookie",
    "x-csrf-token",
    "x-requested-with",
    "sec-fetch-mode",
    "sec-fetch-site",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "true-client-ip",
    "cf-connecting-ip",
    "x-real-ip",
    "forwarded",
    "cloudfront-viewer-address",
    "access-control-request-method",
    "access-control-request-headers",
    "x-http-method-override",
    "if-none-match",
    "range",
    "expect",
    "traceparent",
];

const METHODS: &[&str] =
    &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"];

pub(super) struct Hostile {
    rng: TestRng,
}

impl Hostile {
    pub(super) fn new(rng: TestRng) -> Self {
        Self { rng }
    }

    fn one_in(&mut self, many: u32) -> bool {
        self.rng.random_ratio(1, many)
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    fn pick<'t, T: ?Sized>(&mut self, of: &[&'t T]) -> &'t T {
        of[self.below(of.len())]
    }

    /// A text: one of those above, a known fact, a damaged fact, or a very long text.
    fn text(&mut self, world: &World) -> String {
        let facts = [
            &world.email,
            &world.identity,
            &world.token,
            &world.csrf,
            &world.error,
            &world.logout,
            &world.flows[0],
            &world.flows[1],
        ];
        match self.below(8) {
            0..=3 => self.pick(TEXTS).to_owned(),
            4 => (*self.pick(&facts)).clone(),
            5 => {
                let fact = (*self.pick(&facts)).clone();
                self.damaged(fact)
            }
            6 => {
                let (piece, times) = (self.pick(TEXTS), self.below(2000));
                piece.repeat(times.min(60_000 / piece.len().max(1)))
            }
            _ => {
                let length = self.below(40);
                (0..length).map(|_| char::from_u32(self.rng.random_range(0..0x3000)).unwrap_or('\u{fffd}')).collect()
            }
        }
    }

    /// The text with a character removed, added or changed.
    fn damaged(&mut self, text: String) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        if characters.is_empty() {
            return text;
        }
        let at = self.below(characters.len());
        match self.below(4) {
            0 => drop(characters.remove(at)),
            1 => characters.insert(at, '\u{0}'),
            2 => characters[at] = 'A',
            _ => characters.truncate(at),
        }
        characters.into_iter().collect()
    }

    /// Any JSON value.
    fn value(&mut self, world: &World, depth: usize) -> Value {
        match self.below(if depth > 3 { 7 } else { 10 }) {
            0 => Value::Null,
            1 => json!(self.one_in(2)),
            2 => json!(self.rng.random::<i64>()),
            3 => json!(self.rng.random::<f64>() * 1e300),
            4..=6 => json!(self.text(world)),
            7 => {
                let length = self.below(4);
                (0..length).map(|_| self.value(world, depth + 1)).collect()
            }
            8 => {
                let length = self.below(4);
                let fields = (0..length).map(|_| (self.text(world), self.value(world, depth + 1)));
                Value::Object(fields.collect())
            }
            _ => {
                let deep = self.below(120);
                (0..deep).fold(json!(1), |inner, at| if at % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) })
            }
        }
    }

    /// Replaces, removes and adds parts of a value.
    fn spoil(&mut self, world: &World, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                let names: Vec<String> = fields.keys().cloned().collect();
                for name in names {
                    if self.one_in(12) {
                        fields.remove(&name);
                    } else if self.one_in(10) {
                        let other = self.value(world, 0);
                        fields.insert(name, other);
                    } else if let Some(inner) = fields.get_mut(&name) {
                        self.spoil(world, inner);
                    }
                }
                if self.one_in(8) {
                    let (name, added) = (self.text(world), self.value(world, 0));
                    fields.insert(name, added);
                }
            }
            Value::Array(items) => {
                for item in items.iter_mut() {
                    self.spoil(world, item);
                }
                // Nested lists multiply.
                if self.one_in(6) && items.first().is_some_and(|first| first.to_string().len() < 300) {
                    let again = items[0].clone();
                    let times = self.below(150);
                    items.extend(std::iter::repeat_n(again, times));
                }
            }
            other if self.one_in(12) => *other = self.value(world, 0),
            _ => {}
        }
    }

    pub(super) fn request(&mut self, world: &World) -> Made {
        let (door, method, mut path, body) = self.good(world);
        let mut method = method.to_owned();
        if self.one_in(15) {
            method = self.pick(METHODS).to_owned();
        }
        if self.one_in(12) {
            path = self.other_path(world, &path);
        }
        if self.one_in(3) {
            path = self.more_query(world, path);
        }
        let mut headers = self.headers(world, door);
        let body = match body {
            Some(body) => self.encoded(world, body, &mut headers),
            None if self.one_in(20) => self.text(world).into_bytes(),
            None => Vec::new(),
        };
        Made { door, method, path, headers, body }
    }

    /// A valid request: API, verb, path, body.
    fn good(&mut self, world: &World) -> (Door, &'static str, String, Option<Value>) {
        let flow = world.flows[self.below(world.flows.len())].clone();
        let id = &world.identity;
        match self.below(40) {
            0 => (Door::Public, "GET", "/self-service/login/api".into(), None),
            1 | 2 => (Door::Public, "GET", "/self-service/login/browser".into(), None),
            3 | 4 => (Door::Public, "GET", format!("/self-service/login/flows?id={flow}"), None),
            5..=10 => (Door::Public, "POST", format!("/self-service/login?flow={flow}"), Some(self.login(world))),
            11 => (Door::Public, "GET", "/sessions/whoami".into(), None),
            12 => (Door::Public, "GET", "/sessions".into(), None),
            13 => (Door::Public, "DELETE", "/sessions".into(), None),
            14 => (Door::Public, "DELETE", format!("/sessions/{id}"), None),
            15 => (Door::Public, "GET", format!("/self-service/logout?token={}", world.logout), None),
            16 => (Door::Public, "GET", "/self-service/logout/browser".into(), None),
            17 => {
                (Door::Public, "DELETE", "/self-service/logout/api".into(), Some(json!({"session_token": world.token})))
            }
            18 => (Door::Public, "GET", format!("/self-service/errors?id={}", world.error), None),
            19 => (Door::Public, "GET", "/sessions/token-exchange?init_code=a&return_to_code=b".into(), None),
            20 => (
                Door::Public,
                "GET",
                format!(
                    "/{}",
                    self.pick(&["schemas", "schemas/user", "health/ready", "version", ".well-known/x", "sample"])
                ),
                None,
            ),
            21 => (Door::Pages, "GET", format!("/login?flow={flow}"), None),
            22 => (Door::Pages, "GET", format!("/error?id={}", world.error), None),
            23 => (Door::Pages, "GET", "/session".into(), None),
            24 => (Door::Pages, "POST", "/session/others".into(), Some(json!({"csrf_token": world.csrf}))),
            25..=27 => (Door::Admin, "POST", "/admin/identities".into(), Some(self.identity())),
            28 | 29 => (Door::Admin, "PUT", format!("/admin/identities/{id}"), Some(self.identity())),
            30..=32 => (Door::Admin, "PATCH", format!("/admin/identities/{id}"), Some(self.patch(world))),
            33 => (Door::Admin, "PATCH", "/admin/identities".into(), Some(self.batch())),
            34 => (Door::Admin, "GET", "/admin/identities".into(), None),
            35 => (Door::Admin, "GET", format!("/admin/identities/{id}"), None),
            36 => (Door::Admin, self.pick(&["GET", "DELETE"]), format!("/admin/identities/{id}/sessions"), None),
            37 => (
                Door::Admin,
                self.pick(&["GET", "PATCH", "DELETE"]),
                format!("/admin/sessions{}", self.pick(&["", "/x", "/x/extend"])),
                None,
            ),
            38 => (Door::Admin, "GET", format!("/admin/courier/messages{}", self.pick(&["", "/x"])), None),
            _ => (
                Door::Admin,
                "DELETE",
                format!("/admin/identities/{id}/credentials/{}", self.pick(&["password", "code", "totp", "x"])),
                None,
            ),
        }
    }

    fn login(&mut self, world: &World) -> Value {
        let mut body =
            json!({"method": self.pick(&["password", "code", "identifier_first"]), "identifier": world.email});
        if self.one_in(2) {
            body["csrf_token"] = json!(world.csrf);
        }
        for (field, value) in [
            ("password", crate::support::PASSWORD),
            ("code", "123456"),
            ("resend", "code"),
            ("address", &world.email),
            ("password_identifier", &world.email),
            ("transient_payload", "{\"a\":1}"),
        ] {
            if self.one_in(3) {
                body[field] = json!(value);
            }
        }
        body
    }

    fn identity(&mut self) -> Value {
        let email = format!("{}@example.org", crate::support::unique("f"));
        let mut body = json!({
            "schema_id": "user", "traits": {"email": email, "name": {"first": "Ada"}}, "state": "active",
            "credentials": {"password": {"config": {"hashed_password": self.pick(TEXTS)}}},
            "verifiable_addresses": [{"value": email, "verified": true, "via": "email", "status": "completed", "verified_at": self.pick(TEXTS)}],
            "recovery_addresses": [{"value": email, "via": "email"}],
            "metadata_public": {"a": 1}, "metadata_admin": null, "external_id": self.pick(TEXTS), "organization_id": null,
        });
        let fields = [
            "credentials",
            "verifiable_addresses",
            "recovery_addresses",
            "metadata_public",
            "external_id",
            "organization_id",
            "state",
        ];
        for field in fields {
            if self.one_in(2) {
                body.as_object_mut().expect("an object").remove(field);
            }
        }
        if self.one_in(2) {
            body["credentials"] = json!({"password": {"config": {"password": "a long enough password"}}});
        }
        body
    }

    fn patch(&mut self, world: &World) -> Value {
        let steps = if self.one_in(10) { self.below(200) } else { self.below(4) };
        let of = |hostile: &mut Self| {
            let deep = if hostile.one_in(20) { hostile.below(3000) } else { 0 };
            let path = hostile.pick(&[
                "/traits/email",
                "/traits",
                "/metadata_public",
                "/metadata_admin/a",
                "/state",
                "/external_id",
                "",
                "/id",
                "/-",
                "/traits/name/first",
            ]);
            json!({
                "op": hostile.pick(&["add", "replace", "remove", "test", "copy", "move"]),
                "path": format!("{path}{}", "/a".repeat(deep)), "from": hostile.pick(&["/traits", "/metadata_public", ""]),
                "value": hostile.value(world, 0),
            })
        };
        (0..steps).map(|_| of(self)).collect()
    }

    fn batch(&mut self) -> Value {
        let many = self.below(5);
        let items: Vec<Value> =
            (0..many).map(|_| json!({"create": self.identity(), "patch_id": self.pick(TEXTS)})).collect();
        json!({ "identities": items })
    }

    fn other_path(&mut self, world: &World, path: &str) -> String {
        let escaped =
            percent_encoding::utf8_percent_encode(&self.text(world), percent_encoding::NON_ALPHANUMERIC).to_string();
        let (before, query) = path.split_once('?').unwrap_or((path, ""));
        match self.below(6) {
            0 => format!("/{path}"),
            1 => format!("{before}/?{query}"),
            2 => format!("{before}/{escaped}?{query}"),
            3 => format!("{}/{escaped}", before.rsplit_once('/').map_or("", |(parent, _)| parent)),
            4 => before.replace("/s", "/./%73").to_string(),
            _ => format!("/{escaped}"),
        }
    }

    fn more_query(&mut self, world: &World, mut path: String) -> String {
        for _ in 0..=self.below(4) {
            let (name, value) = (self.pick(PARAMETERS), self.text(world));
            let value: String =
                percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC).collect();
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(name);
            path.push('=');
            path.push_str(&value[..value.len().min(8000)]);
        }
        path
    }

    fn headers(&mut self, world: &World, door: Door) -> Vec<(String, Vec<u8>)> {
        let accept = self.pick(&["application/json", "text/html,*/*;q=0.8", "*/*", "application/*;q=0"]);
        let mut headers =
            vec![("host".to_owned(), b"login.example.org".to_vec()), ("accept".to_owned(), accept.into())];
        if self.one_in(2) {
            headers
                .push(("cookie".to_owned(), self.pick(&[&*world.cookies[0], &*world.cookies[1]]).as_bytes().to_vec()));
        } else if door == Door::Public && self.one_in(2) {
            headers.push(("x-session-token".to_owned(), world.token.as_bytes().to_vec()));
        }
        while self.one_in(3) {
            let (name, mut value) = (self.pick(HEADERS), self.text(world).into_bytes());
            value.retain(|byte| *byte >= 0x20 && *byte != 0x7f);
            headers.push((name.to_owned(), value));
        }
        headers
    }

    /// A body as JSON or as a form, damaged more often than not.
    fn encoded(&mut self, world: &World, mut body: Value, headers: &mut Vec<(String, Vec<u8>)>) -> Vec<u8> {
        if !self.one_in(3) {
            self.spoil(world, &mut body);
        }
        let form = self.one_in(4);
        let kind = if form { "application/x-www-form-urlencoded" } else { "application/json" };
        if !self.one_in(15) {
            headers.push(("content-type".to_owned(), kind.into()));
        }
        let mut bytes = match (&body, form) {
            (Value::Object(fields), true) => {
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let pairs = fields.iter().map(|(name, value)| (name.clone(), text(value)));
                form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
            }
            _ => body.to_string().into_bytes(),
        };
        if self.one_in(12) && !bytes.is_empty() {
            let at = self.below(bytes.len());
            match self.below(3) {
                0 => bytes.truncate(at),
                1 => bytes[at] = self.rng.random(),
                _ => bytes.splice(at..at, [0xef, 0xbb, 0xbf]).for_each(drop),
            }
        }
        bytes
    }
}
