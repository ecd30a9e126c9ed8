//! How messages are worded: by built-in templates in five languages, or by templates that the configuration names.
//!
//! Administrators write templates, and clients supply the values in them, so rendering is bounded: the size of a template, the steps
//! of a rendering and the size of its result. In HTML every value is escaped. Each configured template is rendered once with an
//! example when it is read, so that a broken one stops the start and not the first message.

use crate::example::example;
use crate::gotmpl::converted;
use crate::values::{Sender, TEXTS, template_data, variables};
use latchkey_config::{Courier, TemplateText, Wording};
use latchkey_core::bounds::LARGEST_TEMPLATE;
use latchkey_core::courier::{MessagePayload, QueuedMessage, TemplateType};
use latchkey_core::identity::Via;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::Value;
use std::collections::BTreeSet;
use time::OffsetDateTime;

/// The largest result of a rendering in bytes. SES takes much more, but no user reads it.
const LARGEST_RENDERED: usize = 256 * 1024;
/// The most steps of a rendering. The built-in HTML takes about a hundred.
const FUEL: u64 = 100_000;
/// The longest subject in characters.
const LONGEST_SUBJECT: usize = 200;

/// What the engine has beside them.
const GLOBALS: [&str; 3] = ["range", "dict", "namespace"];

/// A message as its recipient sees it.
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
    sender: Sender,
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

    /// The built-in template, which is the same for all kinds of messages. It leaves out what a message does not have.
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
        let mut templates = Self { engine, sender: Sender::new(config) };
        for template in TemplateType::ALL.iter().copied() {
            let wording = config.templates.get(&template);
            for part in PARTS {
                templates.add(template, part, wording.and_then(|wording| part.of(wording)))?;
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
        let known: BTreeSet<&str> = variables().map(|(name, _)| name).chain(GLOBALS).chain([TEXTS]).collect();
        let read = self.engine.get_template(&name).map_err(|e| TemplateError(told(source, &e)))?;
        let mut unknown: Vec<String> = read.undeclared_variables(false).into_iter().collect();
        unknown.retain(|variable| !known.contains(variable.as_str()));
        unknown.sort();
        if let Some(variable) = unknown.first() {
            let line = own.text.lines().position(|line| line.contains(variable.as_str())).map_or(1, |at| at + 1);
            let names: Vec<&str> = variables().map(|(name, _)| name).collect();
            return Err(TemplateError(format!(
                "{source}:{line}: there is no {variable:?}; a template may use {}",
                names.join(", ")
            )));
        }
        let (queued, payload) = example(template);
        let values = self.sender.values(template_data(&queued, &payload, queued.created_at), &queued, &payload);
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
        let values = self.sender.values(data.clone(), queued, payload);
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

/// A subject in one line: a line break would begin another header.
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
