//! A configuration file that is followed: a change of it, or of a file that it names, takes effect in the running stack.
//!
//! Files are looked at a few times a second and compared by content; editors save in too many ways for their events to be
//! simpler. Functions are started with a copy of what was checked, not with the file: one that starts later must not read what
//! somebody is just writing, or what was refused.

use crate::functions::Functions;
use crate::locate::with_lines;
use crate::processes::{Lines, Processes};
use crate::template::Function;
use latchkey_config::{ConfigErrors, Loaded};
use latchkey_web::Environment;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How often files are looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// A configuration that was read and is in order.
pub struct Checked {
    /// What it says.
    pub loaded: Loaded,
    text: String,
    /// What the files held.
    contents: u64,
}

/// How the functions of a stack are started.
pub struct Starter {
    /// The functions.
    pub functions: Vec<Function>,
    /// Where their binaries are, to run each in a process of its own.
    pub processes: Option<PathBuf>,
    /// Takes what they write.
    pub lines: Lines,
}

impl Starter {
    /// Starts them, or gets ready to.
    ///
    /// # Errors
    /// What a function says, or that a binary is missing.
    pub async fn start(&self, env: &Environment) -> Result<Functions, String> {
        match &self.processes {
            None => Functions::linked(&self.functions, env).await.map_err(|e| e.to_string()),
            Some(folder) => {
                let processes = Processes::new(&self.functions, folder, env, Arc::clone(&self.lines))?;
                Ok(Functions::processes(&self.functions, processes))
            }
        }
    }
}

/// A configuration file and the functions that follow it.
pub struct Followed {
    file: PathBuf,
    env: Environment,
    dev: bool,
    starter: Starter,
    functions: Arc<Functions>,
    copies: TempDir,
    contents: u64,
}

/// Reads a configuration as every function will, and asks for the secrets and schemas that only some of them need.
///
/// # Errors
/// A line for each fault, with the file and, where it is known, the line in it.
pub fn check(file: &Path, env: &Environment, dev: bool) -> Result<Checked, String> {
    let text = latchkey_config::text_of(file).map_err(|e| format!("--config {}: {e}", file.display()))?;
    let contents = contents(file, env);
    let placed = |errors: &[String]| with_lines(&file.display().to_string(), &text, errors);
    let refused = |e: ConfigErrors| placed(&e.0);
    let whole = latchkey_courier::fetch::inlined(&text, !dev).map_err(|e| placed(&[e]))?;
    let loaded = latchkey_config::read(&whole, file.parent(), &env.pairs(), dev).map_err(refused)?;
    loaded.secrets.require(dev).map_err(refused)?;
    for (index, schema) in loaded.config.identity.schemas.iter().enumerate() {
        latchkey_schema::IdentitySchema::parse(&schema.id, schema.document.clone())
            .map_err(|e| placed(&[format!("identity.schemas[{index}].url: the schema {:?}: {e}", schema.id)]))?;
    }
    latchkey_courier::check(&loaded.config.courier).map_err(|e| e.to_string())?;
    Ok(Checked { loaded, text: whole, contents })
}

/// A number for what a configuration file and the files that it names hold.
fn contents(file: &Path, env: &Environment) -> u64 {
    let mut hasher = DefaultHasher::new();
    let text = std::fs::read(file).ok();
    text.hash(&mut hasher);
    let text = latchkey_config::text_of(file).unwrap_or_default();
    for named in latchkey_config::named_files(&text, file.parent(), &env.pairs()) {
        std::fs::read(&named).ok().hash(&mut hasher);
    }
    hasher.finish()
}

/// An environment whose configuration is a copy.
fn with_copy(env: &Environment, file: &Path, checked: &Checked, copies: &TempDir) -> Result<Environment, String> {
    let copy = latchkey_config::frozen(&checked.text, &checked.loaded).map_err(|e| e.to_string())?;
    let path = copies.path().join(format!("{:016x}.json", checked.contents));
    std::fs::write(&path, copy).map_err(|e| format!("no temporary file: {e}"))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(env
        .clone()
        .with("LATCHKEY_CONFIG", &path.to_string_lossy())
        .with("LATCHKEY_CONFIG_FOLDER", &folder.to_string_lossy()))
}

impl Followed {
    /// Starts the functions with a configuration whose file is to be followed.
    ///
    /// # Errors
    /// What a function says.
    pub async fn start(
        file: PathBuf,
        env: Environment,
        dev: bool,
        starter: Starter,
        checked: &Checked,
    ) -> Result<Self, String> {
        let copies = tempfile::Builder::new().prefix("latchkey-").tempdir();
        let copies = copies.map_err(|e| format!("no temporary folder: {e}"))?;
        let functions = Arc::new(starter.start(&with_copy(&env, &file, checked, &copies)?).await?);
        Ok(Self { file, env, dev, starter, functions, copies, contents: checked.contents })
    }

    /// The functions.
    pub fn functions(&self) -> Arc<Functions> {
        Arc::clone(&self.functions)
    }

    /// Follows the file for as long as it is asked to.
    pub async fn follow(mut self) {
        let mut seen = self.contents;
        let mut beat = tokio::time::interval(PAUSE);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            let now = contents(&self.file, &self.env);
            // Twice the same: whoever writes has ended.
            if now == seen && now != self.contents {
                self.contents = now;
                self.tell().await;
            }
            seen = now;
        }
    }

    async fn tell(&self) {
        match self.reload().await {
            Ok(loaded) => {
                for warning in &loaded.warnings {
                    eprintln!("warning: {warning}");
                }
                println!("configuration reloaded: revision {}", loaded.config.revision);
            }
            Err(why) => eprintln!("configuration not reloaded, the one before stays:\n{why}"),
        }
    }

    async fn reload(&self) -> Result<Loaded, String> {
        let checked = check(&self.file, &self.env, self.dev)?;
        let env = with_copy(&self.env, &self.file, &checked, &self.copies)?;
        self.functions.replace(self.starter.start(&env).await?);
        Ok(checked.loaded)
    }
}
