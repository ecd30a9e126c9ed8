//! The courier's secret on this machine; in a deployment Secrets Manager holds one that the courier alone may read.

use latchkey_web::chance;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// File of a stack that keeps its state.
const FILE: &str = "courier.secret";

/// A secret that is made when there is none: in a file that only its owner reads, beside the state, or in memory. Messages that
/// were written under it can be opened as long as it is there.
///
/// # Errors
/// When the file cannot be used.
pub fn courier(folder: Option<&Path>) -> Result<String, String> {
    let made = chance::bytes::<32>().map(|byte| format!("{byte:02x}")).concat();
    let Some(folder) = folder else { return Ok(made) };
    let file = folder.join(FILE);
    let unusable = |e: std::io::Error| format!("--data {}: {FILE}: {e}", folder.display());
    std::fs::create_dir_all(folder).map_err(unusable)?;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file) {
        Ok(mut new) => new.write_all(made.as_bytes()).map(|()| made).map_err(unusable),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => std::fs::read_to_string(&file).map_err(unusable),
        Err(e) => Err(unusable(e)),
    }
}
