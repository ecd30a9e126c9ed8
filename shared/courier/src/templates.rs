//! How messages are worded: our own words in five languages, or templates that the configuration names.
//!
//! A template may be written by anybody who may configure a deployment and is filled with what strangers typed, so every part of
//! it has a bound: its size, the steps that rendering it takes, the size of what it renders to. In HTML every value is escaped. Each
//! is rendered once with an example when it is read, so that a broken one stops the start and not the first message.

use crate::gotmpl::converted;
use crate::language::{Language, first_spoken};
use http::Uri;
use latchkey_config::{Courier, TemplateText, Wording};
use latchkey_core::bounds::LARGEST_TEMPLATE;
use latchkey_core::courier::{Code, Content, MessagePayload, QueuedMessage, Requester, TemplateType};
use latchkey_core::identity::Via;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use time::{OffsetDateTime, UtcOffset};

/// As large as what it renders to may be, in bytes: SES takes much more, but nobody reads it.
const LARGEST_RENDERED: usize = 256 * 1024;
/// As many steps as rendering may take. The built-in HTML takes about a hundred.
const FUEL: u64 = 100_000;
/// As long as a subject may be, in characters.
const LONGEST_SUBJECT: usize = 200;

/// What templates may use, and what it is called in the templates of Kratos.
pub const VARIABLES: [(&str, &str); 14] = [
    ("to", "To"),
    ("login_code", "LoginCode"),
    ("identity", "Identity"),
    ("request_url", "RequestURL"),
    ("request_url_domain", "RequestURLDomain"),
    ("transient_payload", "TransientPayload"),
    ("expires_in_minutes", "ExpiresInMinutes"),
    ("language", "Language"),
    ("name", "Name"),
    ("requested_at", "RequestedAt"),
    ("device", "Device"),
    ("location", "Location"),
    ("logo_url", "LogoURL"),
    ("accent", "Accent"),
];
/// What the engine has beside them.
const GLOBALS: [&str; 3] = ["range", "dict", "namespace"];
/// What our own templates use beside them.
const TEXTS: &str = "t";

/// A message as its reader sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject of an e-mail, in one line; empty for a text message.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML; `None` for a text message.
    pub html: Option<String>,
    /// What it is about, under the names that Kratos gives to it.
    pub data: Value,
}

impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rendered")
    }
}

/// A template is not usable; the text names its file or key and the line, and holds nothing of what it is filled with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);

/// All templates, read and tried.
pub struct Templates {
    engine: Environment<'static>,
    name: String,
    logo_url: Option<String>,
    accent: Option<String>,
}

/// The parts of a message, each with a template of its own.
#[derive(Clone, Copy)]
enum Part {
    Subject,
    Html,
    Text,
    Sms,
}

const PARTS: [Part; 4] = [Part::Subject, Part::Html, Part::Text, Part::Sms];

impl Part {
    fn name(self, template: TemplateType) -> String {
        let part = match self {
            Self::Subject => "email.subject",
            Self::Html => "email.html",
            Self::Text => "email.text",
            Self::Sms => "sms.text",
        };
        format!("{}/{part}", template.as_str())
    }

    /// One for all messages: what a message does not have, it leaves out.
    fn built_in(self) -> &'static str {
        match self {
            Self::Subject => "{{ t.subject }}",
            Self::Html => include_str!("../templates/email.html"),
            Self::Text => include_str!("../templates/email.txt"),
            Self::Sms => include_str!("../templates/sms.txt"),
        }
    }

    fn of(self, wording: &Wording) -> Option<&TemplateText> {
        match self {
            Self::Subject => &wording.subject,
            Self::Html => &wording.html,
            Self::Text => &wording.text,
            Self::Sms => &wording.sms,
        }
        .as_ref()
    }
}

impl Templates {
    /// Reads the templates and tries each.
    ///
    /// # Errors
    /// What is wrong with the first that is not usable, with its file or key and the line.
    pub fn new(config: &Courier) -> Result<Self, TemplateError> {
        let mut engine = Environment::new();
        engine.set_fuel(Some(FUEL));
        engine.set_undefined_behavior(UndefinedBehavior::Chainable);
        engine.set_auto_escape_callback(
            |name| {
                if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
            },
        );
        let mut templates = Self {
            engine,
            name: config.name.clone(),
            logo_url: config.logo_url.clone(),
            accent: config.accent.map(|accent| accent.to_string()),
        };
        for template in TemplateType::ALL {
            let wording = match template {
                TemplateType::LoginCodeValid => &config.templates.login_code,
                TemplateType::LoginCodeInvalid => &config.templates.no_login_code,
            };
            for part in PARTS {
                templates.add(template, part, part.of(wording))?;
            }
        }
        Ok(templates)
    }

    fn add(&mut self, template: TemplateType, part: Part, own: Option<&TemplateText>) -> Result<(), TemplateError> {
        let name = part.name(template);
        let Some(own) = own else {
            return self
                .engine
                .add_template_owned(name.clone(), part.built_in().to_owned())
                .map_err(|e| TemplateError(told(&name, &e)));
        };
        let source = own.source.as_str();
        if own.text.len() > LARGEST_TEMPLATE {
            return Err(TemplateError(format!(
                "{source}: the template has {} bytes; it may have {LARGEST_TEMPLATE}",
                own.text.len()
            )));
        }
        let text = converted(&own.text).map_err(|why| TemplateError(format!("{source}:{why}")))?;
        self.engine.add_template_owned(name.clone(), text).map_err(|e| TemplateError(told(source, &e)))?;
        let known: BTreeSet<&str> = VARIABLES.iter().map(|(name, _)| *name).chain(GLOBALS).chain([TEXTS]).collect();
        let read = self.engine.get_template(&name).map_err(|e| TemplateError(told(source, &e)))?;
        let mut unknown: Vec<String> = read.undeclared_variables(false).into_iter().collect();
        unknown.retain(|variable| !known.contains(variable.as_str()));
        unknown.sort();
        if let Some(variable) = unknown.first() {
            let line = own.text.lines().position(|line| line.contains(variable.as_str())).map_or(1, |at| at + 1);
            let names: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
            return Err(TemplateError(format!(
                "{source}:{line}: there is no {variable:?}; a template may use {}",
                names.join(", ")
            )));
        }
        let (queued, payload) = example(template);
        let values = self.values(template_data(&queued, &payload, queued.created_at), &queued, &payload);
        self.render_part(&name, &values).map(drop).map_err(|e| TemplateError(told(source, &e)))
    }

    /// Renders a message that is sent now.
    ///
    /// # Errors
    /// When a template cannot be filled; the text says which and where, not with what.
    pub fn render(
        &self,
        queued: &QueuedMessage,
        payload: &MessagePayload,
        now: OffsetDateTime,
    ) -> Result<Rendered, TemplateError> {
        let data = template_data(queued, payload, now);
        let values = self.values(data.clone(), queued, payload);
        let part = |part: Part| {
            let name = part.name(queued.template);
            self.render_part(&name, &values).map_err(|e| {
                // The kind alone: details may quote a value.
                TemplateError(format!("{name}:{}: {}", e.line().unwrap_or(1), e.kind()))
            })
        };
        match queued.via {
            Via::Email => Ok(Rendered {
                subject: one_line(&part(Part::Subject)?),
                text: trimmed(&part(Part::Text)?),
                html: Some(part(Part::Html)?),
                data,
            }),
            Via::Sms => Ok(Rendered { subject: String::new(), text: trimmed(&part(Part::Sms)?), html: None, data }),
        }
    }

    fn render_part(&self, name: &str, values: &Value) -> Result<String, minijinja::Error> {
        let mut out = Bounded(Vec::new());
        self.engine.get_template(name)?.render_captured_to(Serde(values), &mut out)?;
        String::from_utf8(out.0)
            .map_err(|_| minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, "not Unicode"))
    }

    /// What templates are filled with: what the message is about, and our own texts.
    fn values(&self, mut values: Value, queued: &QueuedMessage, payload: &MessagePayload) -> Value {
        let language = first_spoken(&payload.languages);
        let domain = domain(&payload.request_url);
        let minutes = values["expires_in_minutes"].as_u64().unwrap_or(0);
        let in_digits = minutes.to_string();
        let mut given = vec![("name", self.name.as_str()), ("minutes", &in_digits), ("domain", &domain)];
        given.extend(payload.content.code().map(|code| ("code", code.as_str())));
        let mut texts = language.filled(&given);
        if queued.template == TemplateType::LoginCodeInvalid {
            let own = texts.iter().filter_map(|(key, text)| Some((key.strip_prefix("nobody.")?, text.clone())));
            let own: Vec<_> = own.collect();
            texts.extend(own);
        }
        let expires = match minutes {
            0 => "expires.none",
            1 => "expires.one",
            _ => "expires.many",
        };
        let expires = texts.remove(expires).unwrap_or_default();
        let sms = texts.remove("sms").unwrap_or_default().replacen("{expires}", &expires, 1);
        texts.extend([("expires", expires), ("sms", sms)]);
        if let Value::Object(map) = &mut values {
            map.insert("request_url_domain".to_owned(), domain.into());
            map.insert("language".to_owned(), language.tag.into());
            map.insert("name".to_owned(), self.name.as_str().into());
            map.insert("requested_at".to_owned(), moment(queued.created_at).into());
            map.insert("device".to_owned(), device(&payload.requester, language).into());
            map.insert("location".to_owned(), payload.requester.place.clone().into());
            map.insert("logo_url".to_owned(), self.logo_url.clone().into());
            map.insert("accent".to_owned(), self.accent.clone().into());
            map.insert(TEXTS.to_owned(), json!(texts));
        }
        values
    }
}

/// What a message is about, under the names that Kratos gives to it.
fn template_data(queued: &QueuedMessage, payload: &MessagePayload, now: OffsetDateTime) -> Value {
    let mut data = json!({
        "to": queued.recipient,
        "identity": payload.identity,
        "request_url": payload.request_url,
        "transient_payload": payload.transient_payload,
        "expires_in_minutes": queued.minutes_left(now),
    });
    if let Some(code) = payload.content.code() {
        data["login_code"] = code.as_str().into();
    }
    if queued.via == Via::Sms {
        data["request_url_domain"] = domain(&payload.request_url).into();
    }
    data
}

/// A moment as readers of all languages know it; their time zone is not known.
fn moment(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (date, hour, minute) = (at.date(), at.hour(), at.minute());
    format!("{date} {hour:02}:{minute:02} UTC")
}

/// The client that asked for a message, in words; `None` when nothing is known of it.
fn device(requester: &Requester, language: &Language) -> Option<String> {
    match (&requester.browser, &requester.system) {
        (Some(browser), Some(system)) => {
            language.filled(&[("browser", browser), ("system", system)]).remove("device.on")
        }
        (browser, system) => browser.clone().or_else(|| system.clone()),
    }
}

/// The host of a URL without its port; empty when there is none.
fn domain(url: &str) -> String {
    url.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned)).unwrap_or_default()
}

/// A message to try templates with, as it is when it is written.
pub fn example(template: TemplateType) -> (QueuedMessage, MessagePayload) {
    let (content, identity) = match template {
        TemplateType::LoginCodeValid => {
            let traits = json!({"email": "ann@example.org"});
            let person =
                json!({"id": uuid::Uuid::nil(), "schema_id": "default", "traits": traits, "metadata_public": null});
            (Code::new("123456").map_or(Content::NoAccount, Content::LoginCode), person)
        }
        TemplateType::LoginCodeInvalid => (Content::NoAccount, Value::Null),
    };
    let queued = QueuedMessage {
        id: uuid::Uuid::nil(),
        via: Via::Email,
        recipient: "ann@example.org".to_owned(),
        template,
        created_at: OffsetDateTime::UNIX_EPOCH,
        expires_at: Some(OffsetDateTime::UNIX_EPOCH + time::Duration::minutes(10)),
        request: None,
    };
    let payload = MessagePayload {
        content,
        identity,
        request_url: "https://login.example.org/self-service/login/browser".to_owned(),
        transient_payload: json!({}),
        languages: Vec::new(),
        request_headers: Default::default(),
        requester: Requester {
            browser: Some("Firefox".to_owned()),
            system: Some("Windows".to_owned()),
            place: Some("Lisbon, PT".to_owned()),
        },
    };
    (queued, payload)
}

/// An error of the engine with its place.
fn told(source: &str, error: &minijinja::Error) -> String {
    let line = error.line().unwrap_or(1);
    let why = match error.kind() {
        minijinja::ErrorKind::OutOfFuel => "it does not end, or takes too many steps".to_owned(),
        minijinja::ErrorKind::WriteFailure => format!("it renders to more than {LARGEST_RENDERED} bytes"),
        kind => match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        },
    };
    format!("{source}:{line}: {why}")
}

/// A subject: line breaks would begin another header, and nobody reads on for ever.
fn one_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    words.join(" ").chars().take(LONGEST_SUBJECT).collect()
}

/// A text without empty lines around it.
fn trimmed(text: &str) -> String {
    format!("{}\n", text.trim())
}

/// Takes only so many bytes.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST_RENDERED {
            return Err(std::io::Error::other("too much"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
