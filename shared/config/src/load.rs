//! From the text of a file and the environment to a configuration.

use crate::check::check;
use crate::config::{Config, config};
use crate::document;
use crate::environment::lay_over;
use crate::errors::ConfigErrors;
use crate::notices::Notices;
use crate::preset;
use crate::sections::secrets::{self, Secrets};
use std::borrow::Cow;
use std::path::Path;

/// A configuration that is in order.
#[derive(Debug)]
pub struct Loaded {
    /// What Latchkey does.
    pub config: Config,
    /// The secrets that stand in the file or the environment.
    pub secrets: Secrets,
    /// What else there is to tell.
    pub notices: Notices,
}

/// What reading a configuration found, whether or not it can be used.
#[derive(Debug)]
pub struct Inspected {
    /// The configuration, or what keeps it from being used.
    pub loaded: Result<Loaded, ConfigErrors>,
    /// What the file says, also where it alone must not be deployed because of the secrets in it.
    pub config: Option<Config>,
    /// What else there is to tell, also where it cannot be used.
    pub notices: Notices,
}

/// The text of a file, with or without a byte order mark, as the programs of every system write it.
///
/// # Errors
/// Why it cannot be read, without its name.
pub fn text_of(file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file).map_err(|e| e.to_string())?;
    latchkey_core::text::decode(&bytes).map(Cow::into_owned).map_err(str::to_owned)
}

/// Reads a configuration.
///
/// `text` is YAML or JSON, or what [`to_compact`](crate::to_compact) and [`frozen`](crate::frozen) make. Of that only what the
/// environment sets is checked again. `folder` is where relative file names start. `env` holds environment variables, of which those
/// count that are a key's path in capitals with `_` for `.` (`SERVE_PUBLIC_BASE_URL`). `dev` relaxes what only a developer's machine
/// may do.
///
/// # Errors
/// A line for each value that is not allowed, naming the key, the value and what is.
pub fn read(text: &str, folder: Option<&Path>, env: &[(String, String)], dev: bool) -> Result<Loaded, ConfigErrors> {
    inspect(text, folder, env, dev).loaded
}

/// The same, with what there is to tell of a configuration that cannot be used.
pub fn inspect(text: &str, folder: Option<&Path>, env: &[(String, String)], dev: bool) -> Inspected {
    let (mut document, mut moved) = match document::parse_and_tell(text) {
        Ok(read) => read,
        Err(errors) => return Inspected { loaded: Err(errors), config: None, notices: Notices::default() },
    };
    let overrides = lay_over(&mut document, env, &mut moved);
    let mut findings = check(&document, &overrides, &moved.names, document::is_checked(text));
    findings.notices.warnings.splice(0..0, moved.warnings);
    findings.errors.splice(0..0, moved.errors);
    findings.notices.weaker = preset::apply(&mut document, &mut findings);
    let config = config(&document, folder, env, dev, &mut findings);
    if !findings.placeholders.is_empty() {
        // One error says it all.
        let mut told = false;
        findings.errors.retain(|line| !line.contains("${") || !std::mem::replace(&mut told, true));
    }
    let notices = findings.notices;
    let loaded = if findings.errors.is_empty() {
        Ok(Loaded { config, secrets: secrets::of(&document, dev), notices: notices.clone() })
    } else {
        Err(ConfigErrors(findings.errors))
    };
    Inspected { loaded, config: None, notices }
}
