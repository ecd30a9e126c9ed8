//! The saved state of an import, and the report of refused lines.
//!
//! The order of writes makes an interruption safe at any moment. That lines may have been done is written before they are sent.
//! Refused lines are written before the place after them. A later run truncates the report to the last place.

use super::Counts;
use super::lines::Lines;
use super::sending::Settled;
use crate::cli::Failure;
use latchkey_platform::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// File mode: only the owner may read a file that may hold passwords.
const PRIVATE: u32 = 0o600;

/// A place in a file, as the number of lines and bytes before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

/// The progress of an import.
pub(super) struct State {
    pub(super) done: Place,
    pub(super) counts: Counts,
    saved: Saved,
    /// The last line that an earlier run may have sent.
    doubtful: u64,
    file: Option<PathBuf>,
    refused: File,
    refused_path: PathBuf,
}

/// The content of the state file. It holds no part of a line.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    /// The seed of the identities' ids.
    import: Uuid,
    /// The admin API of the import.
    stack: String,
    done: Place,
    /// SHA-256 of the part that is done, to recognise the file again.
    sha256: String,
    /// The last line that may have been sent.
    sent: u64,
    created: u64,
    refused: u64,
    /// Bytes of the report of refused lines.
    refused_bytes: u64,
}

impl State {
    /// The state of an input that can be read only once.
    pub(super) fn unsaved(stack: String, refused: &Path) -> Result<Self, Failure> {
        Self::with(Saved { import: Rng::system().id(), stack, ..Saved::default() }, None, refused)
    }

    /// The state of a file: where the last run ended, or its beginning.
    pub(super) fn resume(
        place: PathBuf,
        stack: String,
        refused: &Path,
        restart: bool,
        lines: &mut Lines,
    ) -> Result<Self, Failure> {
        let fresh = Saved { import: Rng::system().id(), stack: stack.clone(), ..Saved::default() };
        let shown = place.display().to_string();
        let saved = match std::fs::read(&place) {
            Ok(text) if !restart => serde_json::from_slice(&text).map_err(|e| {
                Failure::refused(format!(
                    "{shown}: {e}\n  it was not written by this command: move it away, or give --restart"
                ))
            })?,
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::refused(format!("{shown}: {e}")));
            }
            _ => fresh,
        };
        if saved.stack != stack {
            return Err(Failure::usage(format!(
                "{shown} is of an import into {}, this is {stack}\n  --restart begins anew here",
                saved.stack
            )));
        }
        let digest = lines.skip(saved.done).map_err(|e| Failure::refused(format!("the lines cannot be read: {e}")))?;
        if saved.done.bytes > 0 && digest != saved.sha256 {
            return Err(Failure::refused(format!(
                "the first {} lines are not the ones that were imported\n  put the file back as it was, or begin anew with --restart",
                saved.done.lines
            )));
        }
        Self::with(saved, Some(place), refused)
    }

    fn with(mut saved: Saved, file: Option<PathBuf>, refused_path: &Path) -> Result<Self, Failure> {
        let unusable = |e: std::io::Error| Failure::refused(format!("{}: {e}", refused_path.display()));
        let refused =
            OpenOptions::new().create(true).append(true).mode(PRIVATE).open(refused_path).map_err(unusable)?;
        refused.set_permissions(Permissions::from_mode(PRIVATE)).map_err(unusable)?;
        // The user may have removed the report meanwhile; then a new one begins.
        saved.refused_bytes = saved.refused_bytes.min(refused.metadata().map_err(unusable)?.len());
        refused.set_len(saved.refused_bytes).map_err(unusable)?;
        Ok(Self {
            done: saved.done,
            counts: Counts { created: saved.created, refused: saved.refused },
            doubtful: saved.sent,
            saved,
            file,
            refused,
            refused_path: refused_path.to_owned(),
        })
    }

    /// The id for a line without one: the same each time the line is read.
    pub(super) fn id_of(&self, line: u64) -> Uuid {
        let digest = Sha256::new().chain_update(self.saved.import).chain_update(line.to_be_bytes()).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Whether a line may have been sent by an earlier run.
    pub(super) fn is_doubtful(&self, line: u64) -> bool {
        line <= self.doubtful
    }

    /// Saves that lines up to this one may be done from now on.
    pub(super) fn may_be_done(&mut self, line: u64) -> Result<(), Failure> {
        self.saved.sent = self.saved.sent.max(line);
        self.save()
    }

    /// Saves the result of a batch. Batches come in the order of the file.
    pub(super) fn settle(&mut self, settled: &Settled) -> Result<(), Failure> {
        let mut report = Vec::new();
        for refused in &settled.refused {
            let text = String::from_utf8_lossy(&refused.text);
            let line = json!({"line": refused.line, "reason": refused.reason, "input": text});
            report.extend(format!("{line}\n").into_bytes());
        }
        let written = self.refused.write_all(&report);
        written.map_err(|e| Failure::refused(format!("{}: {e}", self.refused_path.display())))?;
        self.done = settled.end;
        self.counts.created += settled.created;
        self.counts.refused += settled.refused.len() as u64;
        self.saved.done = self.done;
        self.saved.sha256.clone_from(&settled.digest);
        self.saved.created = self.counts.created;
        self.saved.refused = self.counts.refused;
        self.saved.refused_bytes += report.len() as u64;
        self.save()
    }

    /// Removes an empty report.
    pub(super) fn end(&self) {
        if self.saved.refused_bytes == 0 {
            // An empty report that stays does no harm.
            let _ = std::fs::remove_file(&self.refused_path);
        }
    }

    fn save(&self) -> Result<(), Failure> {
        let Some(file) = &self.file else { return Ok(()) };
        let unusable = |e: &dyn std::fmt::Display| Failure::refused(format!("{}: {e}", file.display()));
        let mut next = file.as_os_str().to_owned();
        next.push(".new");
        // Written to a new file that then replaces the old one, so that a complete state always exists.
        let written =
            OpenOptions::new().create(true).truncate(true).write(true).mode(PRIVATE).open(&next).and_then(|mut out| {
                serde_json::to_writer(&mut out, &self.saved)?;
                out.sync_data()
            });
        written.and_then(|()| std::fs::rename(&next, file)).map_err(|e| unusable(&e))
    }
}
