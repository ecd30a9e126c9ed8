//! The courier's secret on this machine; in a deployment Secrets Manager holds one that the courier alone may read.

use latchkey_web::chance;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// File of a stack that keeps its state.
const FILE: &str = "courier.secret";
/// How the names of all files of state begin.
const OURS: [&str; 2] = [FILE, crate::store::FILE];

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
    private_folder(folder).map_err(unusable)?;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file) {
        Ok(mut new) => new.write_all(made.as_bytes()).map(|()| made).map_err(unusable),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => std::fs::read_to_string(&file).map_err(unusable),
        Err(e) => Err(unusable(e)),
    }
}

/// Makes a folder for state that its owner alone may look into. One that is there is closed to others when it holds nothing but
/// state; where it has other files too it is left as it is, and state in it is in files that only their owner reads.
///
/// # Errors
/// When it cannot be made, or is somebody else's.
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
