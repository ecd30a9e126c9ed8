//! Follows a configuration file: a change of it, or of a file that it names, takes effect in the running stack.
//!
//! Twice a second the files' stamps are compared. Only when one has changed, the contents are read and compared: editors save files in
//! too many ways to rely on file events. Functions start with a copy of the checked configuration and not with the file, because a
//! function that starts later must not read a half-written or refused one.

use crate::check::{SignIn, folder, no_sign_in, schemas};
use crate::functions::Functions;
use crate::guard::Names;
use crate::locate::with_lines;
use crate::processes::{Lines, Processes};
use crate::template::Function;
use latchkey_config::{ConfigErrors, Loaded};
use latchkey_platform::{Clock, Environment, Platform, Rng};
use sha2::{Digest as _, Sha256};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How often the stamps of files are compared.
const PAUSE: Duration = Duration::from_millis(500);

/// A configuration that was read and has no errors.
pub struct Checked {
    /// Its values and notices.
    pub loaded: Loaded,
    text: String,
    /// The files that it was read from.
    contents: Contents,
}

/// The files of a configuration (the file itself and those that it names) and a digest of their contents.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    digest: String,
    files: Vec<PathBuf>,
}

/// Identifies a state of a file: device, inode, size, and the times of the last change of content and entry, in nanoseconds. `None`
/// for a missing file.
type Stamp = Option<[i64; 7]>;

/// How the functions of a stack are started.
pub struct Starter {
    /// The functions.
    pub functions: Vec<Function>,
    /// The folder with their binaries, to run each in a process of its own.
    pub processes: Option<PathBuf>,
    /// Receives the lines that they write.
    pub lines: Lines,
    /// The clock that functions in this process share.
    pub clock: Clock,
}

impl Starter {
    /// Starts the functions in this process, or prepares their processes.
    ///
    /// # Errors
    /// A function's error, or that a binary is missing.
    pub async fn start(&self, env: &Environment) -> Result<Functions, String> {
        match &self.processes {
            None => {
                let platform = Platform { env: env.clone(), clock: self.clock.clone(), rng: Rng::system() };
                Functions::linked(&self.functions, &platform).await.map_err(|e| e.to_string())
            }
            Some(folder) => {
                let processes = Processes::new(&self.functions, folder, env, Arc::clone(&self.lines))?;
                Ok(Functions::processes(&self.functions, processes))
            }
        }
    }
}

/// A configuration file and the functions that are started with it.
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

/// Reads a configuration as every function will, and checks the secrets and schemas that only some functions need.
///
/// # Errors
/// One line per error, with the file and, if it is known, the line.
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
    let no_sign_in = ways.is_empty().then(|| no_sign_in(&loaded.config));
    loaded.notices.warnings.splice(0..0, no_sign_in.into_iter().chain(warnings));
    Ok(Checked { loaded, text: whole, contents })
}

fn contents(file: &Path, env: &Environment) -> Contents {
    let text = std::fs::read(file).ok();
    let named = latchkey_config::text_of(file).unwrap_or_default();
    let mut files = latchkey_config::named_files(&named, folder(file), &env.pairs());
    let mut digest = Sha256::new();
    for held in std::iter::once(text).chain(files.iter().map(|named| std::fs::read(named).ok())) {
        // Each with its length, so that different files cannot have the same digest.
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

/// An environment whose configuration file is a copy.
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
    /// Starts the functions with a configuration file that is to be followed.
    ///
    /// # Errors
    /// A function's error.
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

    /// Follows the file without end.
    pub async fn follow(mut self) {
        // The first comparison finds what was written since the file was read.
        let (mut seen, mut compared) = (Vec::new(), Vec::new());
        let mut beat = tokio::time::interval(PAUSE);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            let now = stamps(&self.contents.files);
            // Two equal reads: the editor has finished writing.
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
