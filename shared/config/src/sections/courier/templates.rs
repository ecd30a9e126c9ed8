//! `courier.templates` and `courier.template_override_path`: wordings of messages in the place of the built-in ones.

use crate::content::{in_base64, local_file};
use crate::findings::Findings;
use crate::key::DefaultValue::Unset;
use crate::key::{DefaultValue, Key, Kind, Section, described, keys};
use crate::reader::Reader;
use crate::sections::flows::NOT_BUILT as FLOWS;
use crate::shapes::template::{TemplateText, template};
use crate::tree::{get, set};
use latchkey_core::courier::TemplateType;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MEANING: &str = "a template: `base64://…`, `https://…`, `file://…` or a path; see [messages.md](messages.md)";
const OURS: DefaultValue = described("ours");

pub(crate) static VALID: Section = Section::new("courier.templates.login_code.valid", MESSAGE_KEYS);
pub(crate) static INVALID: Section = Section::new("courier.templates.login_code.invalid", EMAIL_KEYS);
pub(crate) static OVERRIDES: Section = Section::new("courier", OVERRIDES_KEYS);

keys! {
    /// The templates of a message that goes by e-mail or by text message.
    MESSAGE_KEYS:
    _ = Key::used("email.subject", Kind::Text, OURS, MEANING);
    _ = Key::used("email.body.html", Kind::Text, OURS, MEANING);
    _ = Key::used("email.body.plaintext", Kind::Text, OURS, MEANING);
    _ = Key::used("sms.body.plaintext", Kind::Text, OURS, MEANING);
}

keys! {
    /// The templates of a message that goes by e-mail alone.
    EMAIL_KEYS:
    _ = Key::used("email.subject", Kind::Text, OURS, MEANING);
    _ = Key::used("email.body.html", Kind::Text, OURS, MEANING);
    _ = Key::used("email.body.plaintext", Kind::Text, OURS, MEANING);
}

keys! { OVERRIDES_KEYS:
    OVERRIDE_PATH = Key::used("template_override_path", Kind::Text, Unset,
        "a folder with `login_code/valid/email.subject.gotmpl`, `email.body.gotmpl`, `email.body.plaintext.gotmpl`, `sms.body.gotmpl`, and those of e-mail in `login_code/invalid`");
    _ = Key::not_built("templates.{message}", Kind::Map, FLOWS);
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

/// The four templates of a message: the end of its key, and its file in the message's folder.
const PARTS: [(&str, &str); 4] = [
    ("email.subject", "email.subject.gotmpl"),
    ("email.body.html", "email.body.gotmpl"),
    ("email.body.plaintext", "email.body.plaintext.gotmpl"),
    ("sms.body.plaintext", "sms.body.gotmpl"),
];
const TEMPLATES_PATH: &str = "courier.templates";
const OVERRIDES_PATH: &str = "courier.template_override_path";

/// Reads the wordings of all messages.
pub(crate) fn templates(from: Reader<'_>, findings: &mut Findings) -> Templates {
    let overrides = from.section(&OVERRIDES).text(&OVERRIDE_PATH).map(|path| local_file(&path, from.folder));
    if let Some(files) = &overrides
        && !files.is_dir()
    {
        findings.warn(format!(
            "{OVERRIDES_PATH}: there is no folder {}, so every message has the built-in wording",
            files.display()
        ));
    }
    if overrides.is_none() && from.at(TEMPLATES_PATH).is_none() {
        return Templates::new();
    }
    let all = TemplateType::ALL.iter();
    all.map(|template| (*template, wording(from, *template, overrides.as_deref(), findings))).collect()
}

/// Reads the templates of a message: by key, else a file below the folder of overrides.
fn wording(from: Reader<'_>, of: TemplateType, overrides: Option<&Path>, findings: &mut Findings) -> Wording {
    let mut parts = PARTS.map(|(part, file)| {
        let key = template_key(of, part);
        if let Some(url) = from.at(&key).and_then(Value::as_str).filter(|url| !url.is_empty()) {
            return template(&key, url, from.folder, findings);
        }
        let file = overrides?.join(of.folder()).join(file);
        file.is_file().then(|| template(OVERRIDES_PATH, &file.to_string_lossy(), None, findings)).flatten()
    });
    let [subject, html, text, sms] = parts.each_mut().map(Option::take);
    Wording { subject, html, text, sms }
}

/// The key of a part of a message.
fn template_key(template: TemplateType, part: &str) -> String {
    format!("{TEMPLATES_PATH}.{}.{part}", template.folder().replace('/', "."))
}

/// The files that templates are read from, but those that are named by `file://`.
pub(crate) fn files(document: &Value, folder: Option<&Path>) -> Vec<PathBuf> {
    let Some(overrides) = get(document, OVERRIDES_PATH).and_then(Value::as_str) else { return Vec::new() };
    let overrides = local_file(overrides, folder);
    let of = |template: &TemplateType| PARTS.map(|(_, file)| overrides.join(template.folder()).join(file));
    TemplateType::ALL.iter().flat_map(of).collect()
}

/// Shows every key that holds a template.
pub(crate) fn each_template(document: &mut Value, mut show: impl FnMut(&str, &mut Value)) {
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

/// Puts the templates that were read in the place of the files that they were read from.
pub(crate) fn make_whole(document: &mut Value, templates: &Templates) {
    for (of, Wording { subject, html, text, sms }) in templates {
        for ((part, _), text) in PARTS.iter().zip([subject, html, text, sms]) {
            if let Some(template) = text {
                let text = in_base64(template.text.as_bytes());
                set(document, &template_key(*of, part), text.into());
            }
        }
    }
    if let Some(Value::Object(map)) = document.get_mut("courier") {
        map.remove("template_override_path");
    }
}
