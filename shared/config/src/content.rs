//! What a URL of the configuration stands for: its own text in base64, or a file.

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use base64::{Engine as _, engine::GeneralPurpose};
use std::path::{Path, PathBuf};

/// The bytes that a URL stands for.
pub(crate) fn content(url: &str, folder: Option<&Path>) -> Result<Vec<u8>, String> {
    if let Some(encoded) = url.strip_prefix("base64://") {
        return from_base64(encoded).ok_or_else(|| "what follows base64:// is not base64".to_owned());
    }
    if url.starts_with("https://") || url.starts_with("http://") {
        return Err("nothing is fetched at the start; save the file beside the configuration and name it".to_owned());
    }
    let path = local_file(url, folder);
    std::fs::read(&path).map_err(|e| {
        let beside =
            beside(&path, folder).map(|name| format!("; {name} is beside the configuration: write file://{name}"));
        format!("cannot read {}: {e}{}", path.display(), beside.unwrap_or_default())
    })
}

/// The name of a file beside the configuration, where a file of the same name is missing at an absolute path, such as that of a
/// container.
fn beside<'p>(path: &'p Path, folder: Option<&Path>) -> Option<&'p str> {
    let name = path.file_name()?.to_str()?;
    (path.is_absolute() && folder?.join(name).is_file()).then_some(name)
}

/// The file of a URL. A relative path is looked for in the working folder, as Kratos does, and then beside the configuration.
pub(crate) fn local_file(url: &str, folder: Option<&Path>) -> PathBuf {
    let path = Path::new(url.strip_prefix("file://").unwrap_or(url));
    match folder {
        Some(folder) if path.is_relative() && !path.exists() => folder.join(path),
        _ => path.to_owned(),
    }
}

/// Base64 in any of its usual alphabets.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let engines: [&GeneralPurpose; 4] = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    engines.iter().find_map(|engine| engine.decode(text).ok())
}

/// The URL that stands for these bytes.
pub(crate) fn in_base64(bytes: &[u8]) -> String {
    format!("base64://{}", STANDARD.encode(bytes))
}
