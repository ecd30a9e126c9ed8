//! The file with the session token. A program with the token is signed in, so only the file's owner may ever read it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// `latchkey/example-native.token` in the state folder of the user (XDG).
pub(crate) fn usual_place() -> Result<PathBuf, String> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    let state = state.ok_or("there is neither XDG_STATE_HOME nor HOME; say where to keep the token by --token-file")?;
    Ok(state.join("latchkey/example-native.token"))
}

/// Writes a new file and replaces the old one by it, so that wrong permissions of the old one do not last.
pub(crate) fn write(path: &Path, token: &str) -> Result<(), String> {
    let named = |e: std::io::Error| format!("{}: {e}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(named)?;
    // Created with permissions for its owner only.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(named)?;
    file.write_all(token.as_bytes()).map_err(named)?;
    file.persist(path).map_err(|e| named(e.error))?;
    Ok(())
}

/// Reads the token, unless other users of the machine can read it too.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let named = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => "you are not signed in; sign in with the command login".to_owned(),
        _ => format!("{}: {e}", path.display()),
    };
    let mode = fs::metadata(path).map_err(named)?.permissions().mode();
    if mode & 0o077 != 0 {
        let (shown, mode) = (path.display(), mode & 0o777);
        return Err(format!("{shown}: others can read it (mode {mode:o}): sign in again, or run chmod 600 {shown}"));
    }
    fs::read_to_string(path).map_err(named)
}

/// Removes the file.
pub(crate) fn forget(path: &Path) -> Result<(), String> {
    fs::remove_file(path).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    #[test]
    fn only_the_owner_can_read_the_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/token");
        assert!(read(&path).unwrap_err().contains("you are not signed in"));
        write(&path, "first").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap_err().contains("mode 644"));
        write(&path, "second").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap(), "second");
        forget(&path).unwrap();
        assert!(!path.exists());
    }
}
