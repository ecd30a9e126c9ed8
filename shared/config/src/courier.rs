//! How messages to people are worded and sent: the key `courier`, and what it shares with other keys.
//!
//! What is secret of it is in [`CourierSecrets`]: a configuration that travels with a deployment does not hold it.

use crate::ConfigErrors;
use crate::assemble::{Reader, content, local_file, shortened};
use crate::check::Findings;
use crate::deploy::in_base64;
use crate::document::{self, get};
use crate::pages::{Color, Pages};
use latchkey_core::bounds::LARGEST_TEMPLATE;
use latchkey_core::courier::TemplateType;
use secrecy::SecretString;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Messages to people.
#[derive(Clone, Debug)]
pub struct Courier {
    /// What the place is called that people sign in to.
    pub name: String,
    /// Where mail programs fetch the picture that stands in the place of the name; `None` for kinds that they do not show.
    pub logo_url: Option<String>,
    /// The colour that the name and the edge of the card have.
    pub accent: Option<Color>,
    /// Who sends e-mail: an address.
    pub from_address: Option<String>,
    /// Who sends e-mail, as people read it.
    pub from_name: Option<String>,
    /// Further headers of each e-mail.
    pub headers: BTreeMap<String, String>,
    /// How this machine calls itself to a mail server.
    pub local_name: String,
    /// Where e-mail is handed over by HTTP, if it is.
    pub email: Option<HttpChannel>,
    /// Where text messages are handed over by HTTP, if they are.
    pub sms: Option<HttpChannel>,
    /// SES' configuration set, by which bounces and complaints are told.
    pub ses_configuration_set: Option<String>,
    /// The region of SES, if it is another than the function's.
    pub ses_region: Option<String>,
    /// The region of SNS, if it is another than the function's.
    pub sns_region: Option<String>,
    /// Who sends text messages by SNS, where countries allow a name.
    pub sns_sender_id: Option<String>,
    /// How often a message is tried again after the first time.
    pub message_retries: u32,
    /// Whether HTTP channels may not lead to addresses of private networks.
    pub disallow_private_ip_ranges: bool,
    /// URLs that may lead there all the same.
    pub private_ip_exception_urls: Vec<String>,
    /// Wordings in the place of the built-in ones.
    pub templates: Templates,
}

impl Courier {
    /// Whether a URL of the configuration may be called wherever it leads, private networks included.
    pub fn may_call(&self, url: &str) -> bool {
        !self.disallow_private_ip_ranges || self.private_ip_exception_urls.iter().any(|excepted| excepted == url)
    }
}

/// A service that takes messages by HTTP.
#[derive(Clone, Debug)]
pub struct HttpChannel {
    /// The path of its keys, to name them by: `courier.http` or `courier.channels.sms`.
    pub key: String,
    /// Where to.
    pub url: String,
    /// The method.
    pub method: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// The Jsonnet that makes the body; the built-in one when `None`.
    pub body: Option<TemplateText>,
    /// How we prove who we are.
    pub auth: Option<HttpAuth>,
}

/// How we prove who we are to a service; what we prove it with is in [`CourierSecrets`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAuth {
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
    },
    /// A key in a header of this name.
    Header {
        /// The header.
        name: String,
    },
    /// A key in a cookie of this name.
    Cookie {
        /// The cookie.
        name: String,
    },
}

/// The wordings of all kinds of messages. A kind that is missing has the built-in one.
pub type Templates = BTreeMap<TemplateType, Wording>;

/// The wording of a message; parts that are `None` are the built-in ones.
#[derive(Clone, Debug, Default)]
pub struct Wording {
    /// The subject of an e-mail.
    pub subject: Option<TemplateText>,
    /// Its HTML part.
    pub html: Option<TemplateText>,
    /// Its text part.
    pub text: Option<TemplateText>,
    /// A text message.
    pub sms: Option<TemplateText>,
}

/// A template of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateText {
    /// What to call it in an error: its file, or its key.
    pub source: String,
    /// The template.
    pub text: String,
}

/// What is secret of [`Courier`].
#[derive(Clone, Debug, Default)]
pub struct CourierSecrets {
    /// `courier.smtp.connection_uri`.
    pub connection_uri: Option<SecretString>,
    /// Secrets of HTTP channels by [`HttpChannel::key`].
    pub channels: BTreeMap<String, ChannelSecrets>,
}

/// What is secret of an [`HttpChannel`].
#[derive(Clone, Debug, Default)]
pub struct ChannelSecrets {
    /// The password or the key of its [`HttpAuth`].
    pub auth: Option<SecretString>,
    /// Headers beside those of the channel.
    pub headers: BTreeMap<String, SecretString>,
}

/// The four templates of a message: the end of its key, and its file in the message's folder.
const PARTS: [(&str, &str); 4] = [
    ("email.subject", "email.subject.gotmpl"),
    ("email.body.html", "email.body.gotmpl"),
    ("email.body.plaintext", "email.body.plaintext.gotmpl"),
    ("sms.body.plaintext", "sms.body.gotmpl"),
];
const TEMPLATES: &str = "courier.templates";
const OVERRIDES: &str = "courier.template_override_path";

/// Reads the keys.
pub(crate) fn courier(
    from: &Reader<'_>,
    pages: &Pages,
    folder: Option<&Path>,
    dev: bool,
    findings: &mut Findings,
) -> Courier {
    let mut courier = Courier {
        name: pages.name.clone(),
        logo_url: pages.logo.as_ref().filter(|logo| logo.is_shown_in_mail()).map(|logo| logo.url(&pages.base_url)),
        accent: pages.accent,
        from_address: from.text("courier.smtp.from_address"),
        from_name: from.text("courier.smtp.from_name"),
        headers: from.value("courier.smtp.headers").map(headers).unwrap_or_default(),
        local_name: from.text("courier.smtp.local_name").unwrap_or_else(|| "localhost".to_owned()),
        email: None,
        sms: None,
        ses_configuration_set: from.text("courier.ses.configuration_set"),
        ses_region: from.text("courier.ses.region"),
        sns_region: from.text("courier.sns.region"),
        sns_sender_id: from.text("courier.sns.sender_id"),
        message_retries: from.number("courier.message_retries", 5),
        disallow_private_ip_ranges: from.flag("clients.http.disallow_private_ip_ranges", !dev),
        private_ip_exception_urls: from.texts("clients.http.private_ip_exception_urls").unwrap_or_default(),
        templates: TemplateType::ALL
            .iter()
            .map(|template| (*template, wording(*template, from, folder, findings)))
            .collect(),
    };
    if let Some(files) = from.text(OVERRIDES).map(|path| local_file(&path, folder))
        && !files.is_dir()
    {
        findings.warn(format!(
            "{OVERRIDES}: there is no folder {}, so every message has the built-in wording",
            files.display()
        ));
    }
    if let Some(uri) = from.text("courier.smtp.connection_uri")
        && !uri.starts_with("smtp://")
        && !uri.starts_with("smtps://")
    {
        findings.error(
            "courier.smtp.connection_uri: the value (not shown) is not allowed: it must be a URL such as smtps://user:password@host:465/",
        );
    }
    let request = from.value("courier.http.request_config");
    if from.text("courier.delivery_strategy").as_deref() == Some("http") {
        courier.email = match request {
            Some(request) => channel("courier.http", request, folder, dev, findings),
            None => {
                missing("courier.http.request_config.url", dev, findings);
                None
            }
        };
    }
    for (index, item) in from.value("courier.channels").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let place = format!("courier.channels[{index}]");
        let (id, kind) = (item["id"].as_str().unwrap_or_default(), item["type"].as_str().unwrap_or("http"));
        let http = match (id, kind) {
            ("email", "smtp") => None,
            ("email" | "sms", "http") if item["request_config"].is_object() => {
                channel(&format!("courier.channels.{id}"), &item["request_config"], folder, dev, findings)
            }
            ("email" | "sms", "http") => {
                findings.error(format!("{place}.request_config: not set: a channel by http needs its url"));
                None
            }
            _ => {
                findings.error(format!(
                    "{place}: {id:?} by {kind:?} is not allowed: there are email by smtp, email by http and sms by http"
                ));
                None
            }
        };
        match id {
            "email" => courier.email = http,
            _ => courier.sms = http,
        }
    }
    courier
}

/// The key of a part of a message.
fn template_key(template: TemplateType, part: &str) -> String {
    format!("{TEMPLATES}.{}.{part}", template.folder().replace('/', "."))
}

/// The templates of a message: by key, else a file below the folder of overrides.
fn wording(template: TemplateType, from: &Reader<'_>, folder: Option<&Path>, findings: &mut Findings) -> Wording {
    let files = from.text(OVERRIDES).map(|path| local_file(&path, folder));
    if files.is_none() && from.value(TEMPLATES).is_none() {
        return Wording::default();
    }
    let mut parts = PARTS.map(|(part, file)| {
        let key = template_key(template, part);
        if let Some(url) = from.text(&key) {
            return content_of(&key, &url, folder, findings);
        }
        let file = files.as_ref()?.join(template.folder()).join(file);
        file.is_file().then(|| content_of(OVERRIDES, &file.to_string_lossy(), None, findings)).flatten()
    });
    let [subject, html, text, sms] = parts.each_mut().map(Option::take);
    Wording { subject, html, text, sms }
}

/// The files that templates are read from, but those that are named by `file://`.
pub(crate) fn files(document: &Value, folder: Option<&Path>) -> Vec<PathBuf> {
    let Some(overrides) = get(document, OVERRIDES).and_then(Value::as_str) else { return Vec::new() };
    let overrides = local_file(overrides, folder);
    let of = |template: &TemplateType| PARTS.map(|(_, file)| overrides.join(template.folder()).join(file));
    TemplateType::ALL.iter().flat_map(of).collect()
}

/// Keys of a configuration whose templates stand elsewhere, and the `https://` URLs of them.
pub fn remote_templates(text: &str) -> Vec<(String, String)> {
    let Ok(mut document) = document::parse(text) else { return Vec::new() };
    let mut found = Vec::new();
    each_template(&mut document, |key, url| {
        if let Some(url) = url.as_str().filter(|url| url.starts_with("https://")) {
            found.push((key.to_owned(), url.to_owned()));
        }
    });
    found
}

/// The same configuration, as JSON, with what stands at URLs in their place.
///
/// # Errors
/// When the text is no configuration.
pub fn with_contents(text: &str, contents: &BTreeMap<String, Vec<u8>>) -> Result<String, ConfigErrors> {
    let mut document = document::parse(text)?;
    each_template(&mut document, |_, url| {
        if let Some(bytes) = url.as_str().and_then(|url| contents.get(url)) {
            *url = in_base64(bytes).into();
        }
    });
    Ok(document.to_string())
}

/// Shows every key that holds a template.
fn each_template(document: &mut Value, mut show: impl FnMut(&str, &mut Value)) {
    let body = "courier.http.request_config.body".to_owned();
    let of = |template: &TemplateType| PARTS.map(|(part, _)| template_key(*template, part));
    for key in TemplateType::ALL.iter().flat_map(of).chain([body]) {
        if let Some(value) = document.pointer_mut(&format!("/{}", key.replace('.', "/"))) {
            show(&key, value);
        }
    }
    let channels = document.pointer_mut("/courier/channels").and_then(Value::as_array_mut);
    for (index, channel) in channels.into_iter().flatten().enumerate() {
        if let Some(value) = channel.pointer_mut("/request_config/body") {
            show(&format!("courier.channels[{index}].request_config.body"), value);
        }
    }
}

/// What a URL or a path stands for.
fn content_of(key: &str, url: &str, folder: Option<&Path>, findings: &mut Findings) -> Option<TemplateText> {
    let source = if url.contains("://") && !url.starts_with("file://") {
        key.to_owned()
    } else {
        local_file(url, folder).display().to_string()
    };
    let text = if url.starts_with("https://") {
        Err("functions fetch nothing; `latchkey config build` does, or save the file beside the configuration"
            .to_owned())
    } else {
        content(url, folder)
    };
    let text = text.and_then(|bytes| {
        if bytes.len() > LARGEST_TEMPLATE {
            return Err(format!("it has {} bytes, and a template may have {LARGEST_TEMPLATE}", bytes.len()));
        }
        latchkey_core::text::decode(&bytes).map(Cow::into_owned).map_err(str::to_owned)
    });
    match text {
        Ok(text) => Some(TemplateText { source, text }),
        Err(why) => {
            findings.error(format!("{key}: {} is not allowed: {why}", shortened(url)));
            None
        }
    }
}

/// The address of a channel is not there: a deployment cannot do without, a laptop has an inbox.
fn missing(key: &str, dev: bool, findings: &mut Findings) {
    let line = format!(
        "{key}: not set: it must be a URL such as https://api.example.org/messages, here or in the environment variable {}",
        document::variable(key)
    );
    if dev { findings.warn(format!("{line}; with --dev messages end in the inbox")) } else { findings.error(line) }
}

fn channel(
    key: &str,
    request: &Value,
    folder: Option<&Path>,
    dev: bool,
    findings: &mut Findings,
) -> Option<HttpChannel> {
    let text = |name: &str| request[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let Some(url) = text("url") else {
        missing(&format!("{key}.request_config.url"), dev, findings);
        return None;
    };
    let method = text("method").unwrap_or_else(|| "POST".to_owned());
    let mut named = headers(&request["headers"]);
    named.retain(|name, _| !is_secret_header(name));
    let config = &request["auth"]["config"];
    let given = |name: &str| config[name].as_str().unwrap_or_default().to_owned();
    let auth = match (request["auth"]["type"].as_str(), config["in"].as_str()) {
        (None, _) => None,
        (Some("basic_auth"), _) => Some(HttpAuth::Basic { user: given("user") }),
        (Some("api_key"), Some("cookie")) => Some(HttpAuth::Cookie { name: given("name") }),
        (Some("api_key"), Some("header") | None) => Some(HttpAuth::Header { name: given("name") }),
        _ => {
            findings.error(format!(
                "{key}.request_config.auth: the value (not shown) is not allowed: its type must be basic_auth, with user and \
                 password, or api_key, with name, value and in: header or cookie"
            ));
            None
        }
    };
    let body = text("body").and_then(|url| content_of(&format!("{key}.request_config.body"), &url, folder, findings));
    Some(HttpChannel { key: key.to_owned(), url, method, headers: named, body, auth })
}

fn headers(value: &Value) -> BTreeMap<String, String> {
    let texts = value.as_object().into_iter().flatten();
    texts.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// Whether the value of a header usually is a secret.
pub(crate) fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["authorization", "proxy-authorization", "cookie"].contains(&name.as_str())
        || ["key", "token", "secret", "password"].iter().any(|word| name.ends_with(word))
}

/// The secrets of a document: a configuration, or what a secret store keeps. There the channels are keys and values by id, because a
/// list has no paths.
pub(crate) fn secrets(document: &Value) -> CourierSecrets {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(SecretString::from);
    let mut secrets = CourierSecrets {
        connection_uri: get(document, "courier.smtp.connection_uri").and_then(text),
        channels: BTreeMap::new(),
    };
    let mut add = |key: String, request: &Value| {
        let config = &request["auth"]["config"];
        let headers = request["headers"].as_object().into_iter().flatten();
        let secret = ChannelSecrets {
            auth: text(&config["password"]).or_else(|| text(&config["value"])),
            headers: headers.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect(),
        };
        secrets.channels.insert(key, secret);
    };
    if let Some(request) = get(document, "courier.http.request_config") {
        add("courier.http".to_owned(), request);
    }
    match get(document, "courier.channels") {
        Some(Value::Array(items)) => {
            for item in items {
                let id = item["id"].as_str().unwrap_or_default();
                add(format!("courier.channels.{id}"), &item["request_config"]);
            }
        }
        Some(Value::Object(items)) => {
            for (id, item) in items {
                add(format!("courier.channels.{id}"), &item["request_config"]);
            }
        }
        _ => {}
    }
    secrets
}

/// Puts the templates that were read in the place of the files that they were read from.
pub(crate) fn make_whole(document: &mut Value, courier: &Courier) {
    for (kind, Wording { subject, html, text, sms }) in &courier.templates {
        for ((part, _), text) in PARTS.iter().zip([subject, html, text, sms]) {
            if let Some(template) = text {
                let text = in_base64(template.text.as_bytes());
                document::set(document, &template_key(*kind, part), text.into());
            }
        }
    }
    if let Some(Value::Object(map)) = document.get_mut("courier") {
        map.remove("template_override_path");
    }
    for channel in [&courier.email, &courier.sms].into_iter().flatten() {
        let Some(body) = &channel.body else { continue };
        let body = Value::from(in_base64(body.text.as_bytes()));
        match channel.key.strip_prefix("courier.channels.") {
            None => document::set(document, "courier.http.request_config.body", body),
            Some(id) => {
                let items = document["courier"]["channels"].as_array_mut().into_iter().flatten();
                for item in items.filter(|item| item["id"] == id) {
                    document::set(item, "request_config.body", body.clone());
                }
            }
        }
    }
}
