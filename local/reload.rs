//! A configuration file that is followed: a change of it, or of a file that it names, takes effect in the running stack.
//!
//! Twice a second the files' stamps are looked at, and only where one has changed what they hold is read and compared; editors
//! save in too many ways for their events to be simpler. Functions are started with a copy of what was checked, not with the file: one that starts later must not read what
//! somebody is just writing, or what was refused.

use crate::check::{SignIn, folder, nobody, schemas};
use crate::functions::Functions;
use crate::guard::Names;
use crate::locate::with_lines;
use crate::processes::{Lines, Processes};
use crate::template::Function;
use latchkey_config::{ConfigErrors, Loaded};
use latchkey_web::Environment;
use sha2::{Digest as _, Sha256};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How often the stamps of files are looked at.
const PAUSE: Duration = Duration::from_millis(500);

/// A configuration that was read and is in order.
pub struct Checked {
    /// What it says.
    pub loaded: Loaded,
    text: String,
    /// What the files held.
    contents: Contents,
}

/// The files of a configuration: the file itself and those that it names, and a digest of what they held.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    digest: String,
    files: Vec<PathBuf>,
}

/// What tells that a file was written: device, inode, size, and when its content and its entry were changed, in nanoseconds. None
/// where there is no file.
type Stamp = Option<[i64; 7]>;

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
    contents: Contents,
    names: Names,
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
    let mut loaded = latchkey_config::read(&whole, folder(file), &env.pairs(), dev).map_err(refused)?;
    loaded.secrets.require(dev).map_err(refused)?;
    let wrong = schemas(&loaded.config);
    if !wrong.is_empty() {
        return Err(placed(&wrong));
    }
    latchkey_courier::check(&loaded.config.courier).map_err(|e| e.to_string())?;
    let SignIn { ways, warnings } = SignIn::of(&loaded.config);
    let nobody = ways.is_empty().then(|| nobody(&loaded.config));
    loaded.notices.warnings.splice(0..0, nobody.into_iter().chain(warnings));
    Ok(Checked { loaded, text: whole, contents })
}

fn contents(file: &Path, env: &Environment) -> Contents {
    let text = std::fs::read(file).ok();
    let named = latchkey_config::text_of(file).unwrap_or_default();
    let mut files = latchkey_config::named_files(&named, folder(file), &env.pairs());
    let mut digest = Sha256::new();
    for held in std::iter::once(text).chain(files.iter().map(|named| std::fs::read(named).ok())) {
        // With its length, so that no two lists of files are one text.
        digest.update(held.as_ref().map_or(u64::MAX, |held| held.len() as u64).to_be_bytes());
        digest.update(held.unwrap_or_default());
    }
    files.push(file.to_owned());
    Contents { digest: digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect(), files }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |file: &PathBuf| {
        let is = std::fs::metadata(file).ok()?;
        let ids = [is.dev().cast_signed(), is.ino().cast_signed(), is.size().cast_signed()];
        let [device, inode, size] = ids;
        Some([device, inode, size, is.mtime(), is.mtime_nsec(), is.ctime(), is.ctime_nsec()])
    };
    files.iter().map(stamp).collect()
}

/// An environment whose configuration is a copy.
fn with_copy(env: &Environment, file: &Path, checked: &Checked, copies: &TempDir) -> Result<Environment, String> {
    let copy = latchkey_config::frozen(&checked.text, &checked.loaded).map_err(|e| e.to_string())?;
    let path = copies.path().join(format!("{}.json", checked.contents.digest));
    std::fs::write(&path, copy).map_err(|e| format!("no temporary file: {e}"))?;
    let folder = folder(file).unwrap_or(Path::new("."));
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
        names: Names,
    ) -> Result<Self, String> {
        let copies = tempfile::Builder::new().prefix("latchkey-").tempdir();
        let copies = copies.map_err(|e| format!("no temporary folder: {e}"))?;
        let functions = Arc::new(starter.start(&with_copy(&env, &file, checked, &copies)?).await?);
        Ok(Self { file, env, dev, starter, functions, copies, contents: checked.contents.clone(), names })
    }

    /// The functions.
    pub fn functions(&self) -> Arc<Functions> {
        Arc::clone(&self.functions)
    }

    /// Follows the file for as long as it is asked to.
    pub async fn follow(mut self) {
        // What was written since the file was read shows when it is first looked at.
        let (mut seen, mut compared) = (Vec::new(), Vec::new());
        let mut beat = tokio::time::interval(PAUSE);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            let now = stamps(&self.contents.files);
            // Twice the same: whoever writes has ended.
            if now == seen && now != compared {
                let contents = contents(&self.file, &self.env);
                if contents.digest != self.contents.digest {
                    self.contents = contents;
                    self.tell().await;
                }
                compared.clone_from(&now);
            }
            seen = now;
        }
    }

    async fn tell(&self) {
        match self.reload().await {
            Ok(loaded) => {
                for line in loaded.notices.lines() {
                    eprintln!("warning: {line}");
                }
                println!("Configuration reloaded: revision {}.", loaded.config.revision);
            }
            Err(why) => eprintln!("The configuration was not reloaded; the one before stays in effect:\n{why}"),
        }
    }

    async fn reload(&self) -> Result<Loaded, String> {
        let checked = check(&self.file, &self.env, self.dev)?;
        let env = with_copy(&self.env, &self.file, &checked, &self.copies)?;
        self.functions.replace(self.starter.start(&env).await?);
        self.names.take(&checked.loaded.config);
        Ok(checked.loaded)
    }
}
