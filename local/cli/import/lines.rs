//! From lines to batches.

use super::decoded::{Decoded, is_utf16};
use super::sending::Limits;
use super::state::{Place, State};
use crate::cli::Failure;
use crate::cli::table::clean;
use admin_identities::CREATE_KEYS;
use latchkey_core::bounds::LARGEST_ADMIN_BODY;
use latchkey_core::bounds::{self, Unreadable};
use latchkey_core::text::{Encoding, MARK};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufRead, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use uuid::Uuid;

/// Most bytes of a line; a longer one would not fit a request.
const LONGEST_LINE: u64 = LARGEST_ADMIN_BODY as u64;
/// Keys that the admin API shows of an identity and does not accept.
const SHOWN: [&str; 4] = ["schema_url", "state_changed_at", "created_at", "updated_at"];
/// The same for a credential.
const SHOWN_OF_CREDENTIAL: [&str; 5] = ["type", "identifiers", "version", "created_at", "updated_at"];

/// A file of lines, or standard input, and the place up to which it was read.
pub(super) struct Lines {
    input: Box<dyn BufRead + Send>,
    at: Place,
    /// Digest of the part that was read, to recognise the file again.
    digest: Sha256,
    /// A line that did not fit into the previous batch.
    kept: Option<Line>,
}

/// One line as it is in the file.
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) text: Vec<u8>,
    whole: bool,
    /// The place after it.
    end: Place,
    digest: Sha256,
}

/// An identity to create.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) line: u64,
    pub(super) text: Vec<u8>,
    pub(super) id: Uuid,
    /// Its body in the batch.
    pub(super) body: String,
    pub(super) in_clear: bool,
    /// Whether an earlier run may have sent it.
    pub(super) doubtful: bool,
}

/// A line that creates no identity, and why.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) line: u64,
    pub(super) reason: String,
    pub(super) text: Vec<u8>,
}

/// Lines that are sent together, and the lines among them that are refused beforehand.
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    pub(super) refused: Vec<Refused>,
    pub(super) end: Place,
    pub(super) digest: String,
}

impl Lines {
    pub(super) fn stdin() -> Self {
        Self::of(std::io::stdin())
    }

    fn of(input: impl Read + Send + 'static) -> Self {
        let input: Box<dyn BufRead + Send> = Box::new(Decoded::new(input));
        Self { input, at: Place::default(), digest: Sha256::new(), kept: None }
    }

    /// Opens a file and locks it against other imports. Also returns roughly how many bytes of text it holds.
    pub(super) fn open(path: &Path) -> Result<(Self, u64), Failure> {
        let unusable = |e: &dyn std::fmt::Display| Failure::usage(format!("{}: {e}", path.display()));
        let file = File::open(path).map_err(|e| unusable(&e))?;
        let about = file.metadata().map_err(|e| unusable(&e))?;
        if !about.is_file() {
            return Err(unusable(&"is no file; - reads standard input"));
        }
        if matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)) {
            return Err(Failure::refused(format!("{}: another import of this file is running", path.display())));
        }
        let mut start = [0; 3];
        let read = file.read_at(&mut start, 0).map_err(|e| unusable(&e))?;
        // Progress is counted in bytes of UTF-8.
        let size = if is_utf16(Encoding::of(&start[..read])) { about.len() / 2 } else { about.len() };
        Ok((Self::of(file), size))
    }

    /// Bytes that were read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.at.bytes
    }

    /// Skips the part that was done before and returns its digest.
    pub(super) fn skip(&mut self, done: Place) -> std::io::Result<String> {
        let mut left = done.bytes;
        while left > 0 {
            let chunk = self.input.fill_buf()?;
            let length = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if length == 0 {
                break;
            }
            self.digest.update(&chunk[..length]);
            self.input.consume(length);
            left -= length as u64;
        }
        self.at = done;
        Ok(name(&self.digest))
    }

    pub(super) fn next_line(&mut self) -> Result<Option<Line>, Failure> {
        if let Some(line) = self.kept.take() {
            return Ok(Some(line));
        }
        let unreadable = |e: std::io::Error| Failure::refused(format!("the lines cannot be read: {e}"));
        let mut text = Vec::new();
        let read = (&mut self.input).take(LONGEST_LINE + 1).read_until(b'\n', &mut text).map_err(unreadable)?;
        if read == 0 {
            return Ok(None);
        }
        self.digest.update(&text);
        let mut length = text.len() as u64;
        let whole = length <= LONGEST_LINE || text.ends_with(b"\n");
        if !whole {
            length += self.read_over().map_err(unreadable)?;
        }
        // A file that was concatenated from others can have a byte order mark in its middle.
        if text.starts_with(MARK.encode_utf8(&mut [0; 4]).as_bytes()) {
            text.drain(..MARK.len_utf8());
        }
        while text.last().is_some_and(u8::is_ascii_whitespace) {
            text.pop();
        }
        self.at = Place { lines: self.at.lines + 1, bytes: self.at.bytes + length };
        Ok(Some(Line { number: self.at.lines, text, whole, end: self.at, digest: self.digest.clone() }))
    }

    /// Skips the rest of a line that is too long and returns its length in bytes.
    fn read_over(&mut self) -> std::io::Result<u64> {
        let mut over = 0;
        loop {
            let chunk = self.input.fill_buf()?;
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let length = end.map_or(chunk.len(), |end| end + 1);
            self.digest.update(&chunk[..length]);
            self.input.consume(length);
            over += length as u64;
            if end.is_some() || length == 0 {
                return Ok(over);
            }
        }
    }

    /// The next lines that fit one batch.
    pub(super) fn batch(&mut self, limits: &Limits, state: &State) -> Result<Option<Batch>, Failure> {
        let mut batch = None;
        let mut room = limits.room();
        while let Some(line) = self.next_line()? {
            let made = line.item(state.id_of(line.number));
            let fits = room.take(line.text.len(), made.as_ref().ok().and_then(Option::as_ref));
            // A line that fits no batch becomes one by itself, which the stack refuses.
            if !fits && batch.is_some() {
                self.kept = Some(line);
                break;
            }
            let batch = batch.get_or_insert_with(|| Batch {
                items: Vec::new(),
                refused: Vec::new(),
                end: line.end,
                digest: String::new(),
            });
            (batch.end, batch.digest) = (line.end, name(&line.digest));
            match made {
                Ok(None) => {}
                Ok(Some(item)) => batch.items.push(Item { doubtful: state.is_doubtful(item.line), ..item }),
                Err(reason) => batch.refused.push(Refused { line: line.number, reason, text: line.text }),
            }
        }
        Ok(batch)
    }
}

fn name(digest: &Sha256) -> String {
    digest.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Line {
    /// The identity of a line, with this id unless the line has its own. `None` for an empty line.
    ///
    /// # Errors
    /// What is wrong with its form. The text never holds a part of the line that could be a secret.
    pub(super) fn item(&self, id: Uuid) -> Result<Option<Item>, String> {
        if self.text.is_empty() {
            return Ok(None);
        }
        if !self.whole {
            return Err(format!("the line is longer than {LONGEST_LINE} bytes"));
        }
        let identity = bounds::json(&self.text).map_err(|e| match e {
            e if e.is_eof() => "the line is not JSON: it ends too early".to_owned(),
            Unreadable::NotJson(e) => {
                format!("the line is not JSON: column {} is not what may stand there", e.column())
            }
            Unreadable::TooDeep => e.to_string(),
        })?;
        let Value::Object(mut identity) = identity else {
            return Err("the line is not a JSON object".to_owned());
        };
        let id = match identity.remove("id").filter(|id| !id.is_null()) {
            None => id,
            Some(given) => given
                .as_str()
                .and_then(|text| Uuid::try_parse(text).ok())
                .filter(|id| !id.is_nil())
                .ok_or("id must be a UUID")?,
        };
        identity.retain(|key, _| !SHOWN.contains(&key.as_str()));
        if let Some(key) = identity.keys().find(|key| !CREATE_KEYS.contains(&key.as_str())) {
            return Err(format!("unknown key {:?}", clean(key)));
        }
        check_types(&identity)?;
        let in_clear = credentials(&mut identity)?;
        let body = json!({"identity_id": id, "create": identity}).to_string();
        let text = self.text.clone();
        Ok(Some(Item { line: self.number, text, id, body, in_clear, doubtful: false }))
    }
}

fn check_types(identity: &Map<String, Value>) -> Result<(), String> {
    let given = |key: &str| identity.get(key).filter(|value| !value.is_null());
    if !given("traits").is_some_and(Value::is_object) {
        return Err("traits must be there, an object".to_owned());
    }
    for key in ["schema_id", "state", "external_id", "organization_id", "region"] {
        if given(key).is_some_and(|value| !value.is_string()) {
            return Err(format!("{key} must be a string"));
        }
    }
    for key in ["verifiable_addresses", "recovery_addresses"] {
        if given(key).is_some_and(|value| !value.as_array().is_some_and(|list| list.iter().all(Value::is_object))) {
            return Err(format!("{key} must be a list of objects"));
        }
    }
    if given("credentials").is_some_and(|value| !value.is_object()) {
        return Err("credentials must be an object".to_owned());
    }
    Ok(())
}

/// Removes from the credentials what the admin API only shows. Returns whether there is a password in clear text.
fn credentials(identity: &mut Map<String, Value>) -> Result<bool, String> {
    let Some(Value::Object(credentials)) = identity.get_mut("credentials") else { return Ok(false) };
    for (kind, credential) in credentials.iter_mut().filter(|(_, credential)| !credential.is_null()) {
        let Value::Object(credential) = credential else {
            return Err(format!("credentials.{} must be an object", clean(kind)));
        };
        credential.retain(|key, _| !SHOWN_OF_CREDENTIAL.contains(&key.as_str()));
        if let Some(key) = credential.keys().find(|key| *key != "config") {
            return Err(format!("unknown key {:?} in credentials.{}", clean(key), clean(kind)));
        }
        if credential.get("config").is_some_and(|config| !config.is_null() && !config.is_object()) {
            return Err(format!("credentials.{}.config must be an object", clean(kind)));
        }
    }
    // A credential without configuration follows from the traits, such as the identifiers of an identity without a password. The
    // admin API shows it with an empty config, but would refuse that as incomplete.
    credentials.retain(|_, credential| {
        credential.get("config").and_then(Value::as_object).is_some_and(|config| !config.is_empty())
    });
    let config = &credentials.get("password").unwrap_or(&Value::Null)["config"];
    Ok(config.get("password").is_some_and(|password| *password != "" && !password.is_null()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str) -> Result<Option<Item>, String> {
        let mut lines = Lines::of(std::io::Cursor::new(text.as_bytes().to_vec()));
        lines.next_line().unwrap().map_or(Ok(None), |line| line.item(Uuid::from_u128(7)))
    }

    #[test]
    fn output_of_the_admin_api_is_accepted() {
        let exported = r#"{"id":"0192f9f0-0000-7000-8000-000000000001","schema_id":"default","schema_url":"http://x/y","state":"active",
            "state_changed_at":"2024-01-01T00:00:00Z","traits":{"email":"a@b.c"},"metadata_public":null,"created_at":"2024-01-01T00:00:00Z",
            "updated_at":"2024-01-01T00:00:00Z","organization_id":null,"credentials":{"password":{"type":"password","identifiers":["a@b.c"],
            "config":{"hashed_password":"$2a$10$x"},"version":0,"created_at":"2024-01-01T00:00:00Z","updated_at":"2024-01-01T00:00:00Z"},
            "code":{"type":"code","identifiers":["a@b.c"],"version":1}}}"#
            .replace('\n', " ");
        let item = item(&exported).unwrap().unwrap();
        assert_eq!(item.id.to_string(), "0192f9f0-0000-7000-8000-000000000001");
        let body: Value = serde_json::from_str(&item.body).unwrap();
        assert_eq!(body["create"]["credentials"], json!({"password": {"config": {"hashed_password": "$2a$10$x"}}}));
        assert!(body["create"].get("created_at").is_none() && !item.in_clear);
    }

    #[test]
    fn reasons_hold_only_keys_of_the_line() {
        for (text, says) in [
            ("{\"traits\":{},\"password\":\"secret-1\"}", "unknown key \"password\""),
            ("{\"traits\":{},\"credentials\":{\"password\":{\"config\":\"secret-1\"}}}", "config must be an object"),
            ("{\"traits\":{},\"credentials\":{\"password\":{\"secret\":1}}}", "unknown key \"secret\""),
            ("{\"traits\":\"secret-1\"}", "traits must be there"),
            ("{\"traits\":{}} secret-1", "not JSON"),
            ("{\"traits\":{\"a\":\"secret-1", "ends too early"),
            ("[1]", "not a JSON object"),
            ("{\"traits\":{},\"id\":\"secret-1\"}", "id must be a UUID"),
            ("{\"traits\":{},\"id\":\"00000000-0000-0000-0000-000000000000\"}", "id must be a UUID"),
        ] {
            let reason = item(text).unwrap_err();
            assert!(reason.contains(says) && !reason.contains("secret-1"), "{text}: {reason}");
        }
        assert!(item("  \n").unwrap().is_none());
        assert!(
            item("{\"traits\":{},\"credentials\":{\"password\":{\"config\":{\"password\":\"x\"}}}}")
                .unwrap()
                .unwrap()
                .in_clear
        );
    }

    #[test]
    fn files_of_windows_and_excel_are_read() {
        let text = "{\"traits\":{\"name\":\"Zoë 🎉\"}}\r\n\u{FEFF}{\"traits\":{\"name\":\"two\"}}\r\n\r\n  \r\n\r\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let utf16 = |mark: &[u8], bytes: fn(u16) -> [u8; 2]| {
            [mark.to_vec(), units.iter().flat_map(|unit| bytes(*unit)).collect()].concat()
        };
        for (how, bytes) in [
            ("plain", text.as_bytes().to_vec()),
            ("UTF-8 with a mark", [b"\xEF\xBB\xBF", text.as_bytes()].concat()),
            ("UTF-16 LE", utf16(b"\xFF\xFE", u16::to_le_bytes)),
            ("UTF-16 BE", utf16(b"\xFE\xFF", u16::to_be_bytes)),
        ] {
            let mut lines = Lines::of(std::io::Cursor::new(bytes.clone()));
            let mut names = Vec::new();
            let mut end = Place::default();
            while let Some(line) = lines.next_line().unwrap() {
                end = line.end;
                if let Some(item) = line.item(Uuid::from_u128(7)).unwrap_or_else(|e| panic!("{how}: {e}")) {
                    names.push(serde_json::from_str::<Value>(&item.body).unwrap()["create"]["traits"]["name"].clone());
                }
            }
            assert_eq!(names, ["Zoë 🎉", "two"], "{how}");
            // A later run finds the same place again.
            let (mut again, all) = (Lines::of(std::io::Cursor::new(bytes)), lines.skip(end).unwrap());
            assert_eq!(again.skip(end).unwrap(), all, "{how}");
            assert!(again.next_line().unwrap().is_none(), "{how}");
        }
        let mut half = Lines::of(std::io::Cursor::new(b"\xFF\xFE{\x00}".to_vec()));
        assert!(half.next_line().is_err());
    }

    #[test]
    fn line_that_is_too_long_is_skipped() {
        let long = format!("\"{}\"\n{{\"traits\":{{}}}}\n", "x".repeat(2 * usize::try_from(LONGEST_LINE).unwrap()));
        let mut lines = Lines::of(std::io::Cursor::new(long.clone().into_bytes()));
        let first = lines.next_line().unwrap().unwrap();
        assert!(first.item(Uuid::nil()).unwrap_err().contains("longer than"));
        let second = lines.next_line().unwrap().unwrap();
        assert_eq!((second.number, second.text.as_slice()), (2, b"{\"traits\":{}}".as_slice()));
        assert_eq!(lines.bytes(), long.len() as u64);
    }
}
