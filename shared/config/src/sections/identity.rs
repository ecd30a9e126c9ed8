//! `identity`: the schemas of identities.

use crate::content::content;
use crate::findings::{Findings, shortened};
use crate::key::DefaultValue::{Bool as Switch, Required, Text as Word};
use crate::key::{Key, Kind, Section, keys};
use crate::reader::Reader;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

pub(crate) const SCHEMAS_PATH: &str = "identity.schemas";

pub(crate) static IDENTITY: Section = Section::new("identity", KEYS);
pub(crate) static SCHEMA: Section = Section::new("identity.schemas[]", SCHEMA_KEYS);

keys! { KEYS:
    DEFAULT_SCHEMA_ID = Key::used("default_schema_id", Kind::Text, Word("default"),
        "the schema of identities that name none");
    SCHEMAS = Key::used("schemas", Kind::List, Required, "identity schemas");
}

keys! { SCHEMA_KEYS:
    ID = Key::used("id", Kind::Text, Required, "name of the schema");
    URL = Key::used("url", Kind::Text, Required, "`base64://…`, `file://…` or a path beside the configuration file");
    SELECTABLE = Key::used("selfservice_selectable", Kind::Bool, Switch(false),
        "let clients ask for it by `identity_schema`");
}

/// Identity schemas.
#[derive(Clone, Debug)]
pub struct IdentityConfig {
    /// The one that is used when none is named.
    pub default_schema_id: String,
    /// All of them, in the order of the file.
    pub schemas: Vec<SchemaRef>,
}

/// One identity schema.
#[derive(Clone, Debug)]
pub struct SchemaRef {
    /// Its name.
    pub id: String,
    /// Whether a client may ask for it.
    pub selfservice_selectable: bool,
    /// The JSON Schema.
    pub document: Value,
}

pub(crate) fn identity(from: Reader<'_>, findings: &mut Findings) -> IdentityConfig {
    let from = from.section(&IDENTITY);
    let default_schema_id = from.text_or_default(&DEFAULT_SCHEMA_ID);
    if from.items(&SCHEMAS).next().is_none() {
        findings.error("identity.schemas: not set: it must list at least one schema with \"id\" and \"url\"");
    }
    let (mut schemas, mut ids) = (Vec::new(), BTreeSet::new());
    for (index, entry) in from.items(&SCHEMAS).enumerate() {
        let place = format!("{SCHEMAS_PATH}[{index}]");
        let item = from.below(entry);
        let text = |key| item.value(key).and_then(Value::as_str);
        let (Some(id), Some(url)) = (text(&ID), text(&URL)) else {
            findings.error(format!("{place}: {entry} is not allowed: it must have \"id\" and \"url\", both text"));
            continue;
        };
        if id.is_empty() || !ids.insert(id) {
            findings.error(format!("{place}.id: {id:?} is not allowed: each schema needs an id of its own"));
        }
        match schema_document(url, from.folder) {
            Ok(document) => {
                schemas.push(SchemaRef { id: id.to_owned(), selfservice_selectable: item.flag(&SELECTABLE), document })
            }
            Err(why) => findings.error(format!("{place}.url: {} is not allowed: {why}", shortened(url))),
        }
    }
    if !ids.is_empty() && !ids.contains(default_schema_id.as_str()) {
        let known: Vec<_> = ids.into_iter().collect();
        findings.error(format!(
            "identity.default_schema_id: {default_schema_id:?} is not allowed: there is no schema of this id among {}",
            known.join(", ")
        ));
    }
    IdentityConfig { default_schema_id, schemas }
}

fn schema_document(url: &str, folder: Option<&Path>) -> Result<Value, String> {
    let bytes = content(url, folder)?;
    let text = latchkey_core::text::decode(&bytes).map_err(|e| format!("the schema is not JSON: {e}"))?;
    let document: Value = serde_json::from_str(&text).map_err(|e| format!("the schema is not JSON: {e}"))?;
    if document.is_object() { Ok(document) } else { Err("the schema is not a JSON object".to_owned()) }
}
