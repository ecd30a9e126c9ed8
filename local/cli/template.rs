//! `latchkey template`: previews of messages.

use crate::cli::{EXIT_CODES, Failure, print};
use clap::{Args, Subcommand};
use latchkey_config::Config;
use latchkey_core::courier::TemplateType;
use latchkey_core::identity::Via;
use latchkey_courier::language::{LANGUAGES, by_tag};
use latchkey_courier::{Rendered, Templates, example};
use latchkey_platform::Clock;
use std::path::{Path, PathBuf};

/// The name of the built-in configuration in errors.
const NONE: &str = r#"{"identity": {"schemas": [{"id": "default", "url": "base64://e30="}]}}"#;

/// `latchkey template`
#[derive(Debug, Subcommand)]
pub enum Template {
    /// Show a message as its recipient sees it, with example values
    Preview(Preview),
}

/// `latchkey template preview`
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Preview {
    /// The message
    #[arg(value_parser = TemplateType::ALL.iter().copied().map(TemplateType::as_str).collect::<Vec<_>>())]
    name: String,
    /// The recipient's language, such as de or pt-BR; English if there is no translation
    #[arg(long, value_name = "LANG", default_value = "en")]
    lang: String,
    /// The delivery channel
    #[arg(long, value_parser = ["email", "sms"], default_value = "email")]
    channel: String,
    /// Kratos configuration file (YAML or JSON) with templates of your own [default: the built-in templates]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write only the HTML part, to open in a browser
    #[arg(long)]
    html: bool,
}

/// Runs the command.
///
/// # Errors
/// When the configuration or one of its templates is unusable.
pub fn run(what: &Template) -> Result<(), Failure> {
    let Template::Preview(preview) = what;
    if preview.html && preview.channel == "sms" {
        return Err(Failure::usage("--html: a text message has no HTML part"));
    }
    let config = config(preview.config.as_deref())?;
    let template = TemplateType::ALL.iter().copied().find(|template| template.as_str() == preview.name);
    let template = template.unwrap_or(TemplateType::LoginCodeValid);
    if !template.channels().contains(&Via::Sms) && preview.channel == "sms" {
        return Err(Failure::usage("--channel sms: this message goes by e-mail alone"));
    }
    let (mut queued, mut payload) = example(template);
    // As if the message were requested now.
    let now = Clock::system().now();
    queued.expires_at = queued.expires_at.map(|end| end + (now - queued.created_at));
    queued.created_at = now;
    if preview.channel == "sms" {
        queued.via = Via::Sms;
        queued.recipient = "+12025550123".to_owned();
    }
    if by_tag(&preview.lang).is_none() {
        let spoken: Vec<&str> = LANGUAGES.iter().map(|language| language.tag).collect();
        eprintln!(
            "latchkey: --lang {}: there is no such translation, so this is English; available: {}",
            preview.lang,
            spoken.join(", ")
        );
    }
    payload.languages = vec![preview.lang.clone()];
    let templates = Templates::new(&config.courier).map_err(|e| Failure::refused(e.to_string()))?;
    let Rendered { subject, text, html, .. } =
        templates.render(&queued, &payload, queued.created_at).map_err(|e| Failure::refused(e.to_string()))?;
    match html {
        Some(html) if preview.html => print(html.trim_end()),
        Some(_) => print(&format!("To: {}\nSubject: {subject}\n\n{}", queued.recipient, text.trim_end())),
        None => print(&format!("To: {}\n\n{}", queued.recipient, text.trim_end())),
    }
}

fn config(file: Option<&Path>) -> Result<Config, Failure> {
    let refused = |why: &dyn std::fmt::Display| match file {
        Some(file) => Failure::refused(format!("{}: {why}", file.display())),
        None => Failure::refused(why.to_string()),
    };
    let text = match file {
        Some(file) => latchkey_config::text_of(file).map_err(|e| refused(&e))?,
        None => NONE.to_owned(),
    };
    // Addresses that only a running stack has.
    let env =
        [("LATCHKEY_PUBLIC_URL", "https://login.example.org/"), ("LATCHKEY_ADMIN_URL", "https://admin.example.org/")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let text = latchkey_courier::fetch::inlined(&text, true).map_err(|e| refused(&e))?;
    let loaded = latchkey_config::read(&text, file.and_then(Path::parent), &env, true).map_err(|e| refused(&e))?;
    Ok(loaded.config)
}
