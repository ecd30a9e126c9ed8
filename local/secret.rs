//! The courier's secret on this machine. In a deployment it is in Secrets Manager, where only the courier may read it.

use latchkey_platform::Rng;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// File of the secret below the folder for state.
const FILE: &str = "courier.secret";
/// The prefix of all files of state.
const OURS: [&str; 2] = [FILE, crate::store::FILE];

/// Reads the secret, or generates one: in a file beside the state that only its owner can read, or in memory. Messages that were
/// sealed with it can be opened as long as it exists.
///
/// # Errors
/// When the file cannot be used.
pub fn courier(folder: Option<&Path>) -> Result<String, String> {
    let made = Rng::system().bytes::<32>().map(|byte| format!("{byte:02x}")).concat();
    let Some(folder) = folder else { return Ok(made) };
    let file = folder.join(FILE);
    let unusable = |e: std::io::Error| format!("--data {}: {FILE}: {e}", folder.display());
    private_folder(folder).map_err(unusable)?;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file) {
        Ok(mut new) => new.write_all(made.as_bytes()).map(|()| made).map_err(unusable),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => std::fs::read_to_string(&file).map_err(unusable),
        Err(e) => Err(unusable(e)),
    }
}

/// Makes a folder for state that only its owner can read. The permissions of an existing folder are restricted when it holds only
/// state. If it has other files too, it stays as it is; the files of state in it are still readable by their owner only.
///
/// # Errors
/// When the folder cannot be made, or belongs to another user of the machine.
pub fn private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !OURS.iter().any(|ours| name.as_encoded_bytes().starts_with(ours.as_bytes())) {
            return Ok(());
        }
    }
    if std::fs::metadata(folder)?.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}
