//! A Kratos configuration file, as it is.
//!
//! [`read`] takes the text of a file (YAML or JSON) and the environment, lays Kratos' environment overrides over it, checks every
//! value against one table of facts ([`keys`]), and gives the values that Latchkey uses. What the table knows is also what
//! `docs/configuration.md` shows: whether a key is used, has no effect here, or belongs to something that is not built.
//!
//! A wrong value, and a key whose loss would let somebody in who should not be, is an error; all of them are reported at once.
//! A key without effect is a warning.

mod assemble;
mod check;
mod courier;
mod deploy;
mod document;
mod duration;
mod follow;
pub mod keys;
mod model;
mod pages;
mod preset;
mod secrets;

pub use courier::{
    ChannelSecrets, Courier, CourierSecrets, HttpAuth, HttpChannel, TemplateText, Templates, Wording, remote_templates,
    with_contents,
};
pub use deploy::{check_deployment, frozen, to_compact};
pub use follow::named_files;
pub use model::{
    Brakes, CodeMethod, Config, CookieAttributes, Cookies, Cors, Features, Hasher, IdentityConfig, LeakCheck, Listener,
    LoginFlowPolicy, LoginStyle, Logout, Method, Methods, RequiredAal, SameSite, SchemaRef, SelfService, SessionPolicy,
};
pub use pages::{Color, Logo, OtherFlows, Pages};
pub use secrets::{Secrets, merge_secrets};

use std::path::Path;

/// A configuration that is in order.
#[derive(Debug)]
pub struct Loaded {
    /// What Latchkey does.
    pub config: Config,
    /// The secrets that stand in the file or the environment.
    pub secrets: Secrets,
    /// One line for each key that has no effect, or not the whole one.
    pub warnings: Vec<String>,
    /// One line for each setting that is weaker than `preset: strict`.
    pub weaker: Vec<String>,
}

/// Everything that is wrong with a configuration, one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigErrors(pub Vec<String>);

impl From<String> for ConfigErrors {
    fn from(line: String) -> Self {
        Self(vec![line])
    }
}

/// The text of a file, with or without a byte order mark, as the programs of every system write it.
///
/// # Errors
/// Why it cannot be read, without its name.
pub fn text_of(file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file).map_err(|e| e.to_string())?;
    latchkey_core::text::decode(&bytes).map(std::borrow::Cow::into_owned).map_err(str::to_owned)
}

/// Reads a configuration.
///
/// `text` is YAML or JSON, or what [`to_compact`] and [`frozen`] make, which is not checked again but for what the environment says
/// against it; `folder` is where relative file names start; `env` holds environment variables, of which those count
/// that are a key's path in capitals with `_` for `.` (`SERVE_PUBLIC_BASE_URL`); `dev` relaxes what only a laptop may do.
///
/// # Errors
/// A line for each value that is not allowed, naming the key, the value and what is.
pub fn read(text: &str, folder: Option<&Path>, env: &[(String, String)], dev: bool) -> Result<Loaded, ConfigErrors> {
    let mut document = document::parse(text)?;
    let overrides = document::lay_over(&mut document, env);
    let mut findings = check::check(&document, &overrides, document::is_checked(text));
    let weaker = preset::apply(&mut document, &mut findings);
    let config = assemble::assemble(&document, folder, env, dev, &mut findings);
    if !findings.errors.is_empty() {
        return Err(ConfigErrors(findings.errors));
    }
    Ok(Loaded { config, secrets: secrets::of(&document, dev), warnings: findings.warnings, weaker })
}
