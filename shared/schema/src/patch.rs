//! JSON Patch as the admin API accepts it (contract `beyond-login.md` 1.8): the operations `add`, `replace` and `remove` of RFC 6902,
//! except on protected paths.

use crate::pointer::unescape;
use json_patch::{AddOperation, PatchOperation};
use latchkey_core::bounds::{self, DEEPEST, fits_depth};
use serde_json::{Map, Value};

/// Why a patch is refused: the two texts of the 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchError {
    reason: &'static str,
    message: String,
}

impl PatchError {
    /// The reason.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The message, with the detail.
    pub fn message(&self) -> &str {
        &self.message
    }

    fn apply(message: String) -> Self {
        Self { reason: "failed to apply JSON patch", message }
    }

    fn unmarshal(message: String) -> Self {
        Self { reason: "failed to unmarshal JSON patch", message }
    }
}

/// Deepest nesting of a document; the stored identity is one level deeper.
const DEEPEST_DOCUMENT: usize = DEEPEST + 1;
/// Most operations of one patch.
const MOST_OPERATIONS: usize = 1000;

/// A document after a patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The document.
    pub document: Value,
    /// Whether an operation changes the traits or the schema.
    pub names_traits: bool,
}

/// Applies a patch to a document.
///
/// `add` and `replace` create what their path needs: a `replace` of a missing value adds it, with the objects and lists on the way, as
/// in Kratos. Either all operations are applied or none.
///
/// # Errors
/// When the body is not a patch, an operation is unknown, a path is protected or too deep, or a value to remove is missing.
pub fn apply(document: &Value, body: &[u8]) -> Result<Patched, PatchError> {
    let value = bounds::json(body)
        .map_err(|e| PatchError::unmarshal(if e.is_eof() { "unexpected EOF".into() } else { e.to_string() }))?;
    let operations = match value {
        Value::Array(operations) if operations.len() <= MOST_OPERATIONS => operations,
        Value::Array(_) => return Err(PatchError::unmarshal(format!("more than {MOST_OPERATIONS} operations"))),
        other => {
            let kind = match other {
                Value::Null => return Ok(Patched { document: document.clone(), names_traits: false }),
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                _ => "object",
            };
            let message = format!("json: cannot unmarshal {kind} into Go value of type []identity.patchOp");
            return Err(PatchError::unmarshal(message));
        }
    };
    for operation in &operations {
        check(operation)?;
    }
    let names_traits = operations.iter().any(|operation| {
        let first = text(operation, "path").split('/').nth(1).map(unescape);
        first.is_some_and(|first| matches!(first.as_str(), "traits" | "schema_id"))
    });
    let mut document = document.clone();
    for operation in operations {
        step(&mut document, &operation)?;
    }
    Ok(Patched { document, names_traits })
}

fn text<'a>(operation: &'a Value, key: &str) -> &'a str {
    operation.get(key).and_then(Value::as_str).unwrap_or("")
}

/// Whether an operation is allowed, whatever its path.
fn check(operation: &Value) -> Result<(), PatchError> {
    let path = text(operation, "path");
    match text(operation, "op") {
        "add" | "replace" | "remove" if is_closed(path) => {
            Err(PatchError::apply(format!("patch includes denied path: {path}")))
        }
        // The result of an operation is as deep as its path and its value together.
        "add" | "replace" | "remove" => match DEEPEST_DOCUMENT.checked_sub(path.split('/').skip(1).count()) {
            Some(left) if operation.get("value").is_none_or(|value| fits_depth(value, left)) => Ok(()),
            _ => Err(PatchError::apply(format!("the patch makes a value that is nested deeper than {DEEPEST} levels"))),
        },
        op @ ("test" | "move" | "copy") => Err(PatchError::apply(format!("unsupported operation: {op}"))),
        _ => Err(PatchError::apply(format!("invalid operation {operation}: unsupported operation"))),
    }
}

fn step(document: &mut Value, operation: &Value) -> Result<(), PatchError> {
    let parsed: PatchOperation = serde_json::from_value(operation.clone())
        .map_err(|_| PatchError::apply(format!("invalid operation {operation}")))?;
    let parsed = match parsed {
        PatchOperation::Replace(replace) if document.pointer(replace.path.as_str()).is_none() => {
            PatchOperation::Add(AddOperation { path: replace.path, value: replace.value })
        }
        other => other,
    };
    if let PatchOperation::Add(add) = &parsed {
        make_way(document, add.path.as_str());
    }
    json_patch::patch(document, std::slice::from_ref(&parsed)).map_err(|_| {
        let (op, path) = (text(operation, "op"), text(operation, "path"));
        PatchError::apply(format!("{op} operation does not apply: the document has no {path:?}"))
    })
}

/// Creates the objects on a path, or a list where the next segment is an index.
fn make_way(document: &mut Value, path: &str) {
    let steps: Vec<String> = path.split('/').skip(1).map(unescape).collect();
    let mut at = document;
    for (step, next) in steps.iter().zip(steps.iter().skip(1)) {
        let found = match at {
            Value::Object(map) => map.entry(step.clone()).or_insert(Value::Null),
            Value::Array(list) => match step.parse().ok().and_then(|place: usize| list.get_mut(place)) {
                Some(found) => found,
                None => return,
            },
            _ => return,
        };
        if found.is_null() {
            let place = next == "-" || next.bytes().all(|b| b.is_ascii_digit());
            *found = if place { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
        }
        at = found;
    }
}

/// Whether a path is protected, in any spelling of a pointer, or contains a protected one.
fn is_closed(path: &str) -> bool {
    let path = unescape(&path.to_lowercase());
    let path = path.trim_end_matches('/');
    matches!(path, "" | "/id" | "/statechangedat" | "/state_changed_at" | "/credentials")
        || ["/credentials/oidc", "/credentials/saml"]
            .iter()
            .any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn identity() -> Value {
        json!({"id": "1", "state": "active", "traits": {"email": "a@b.example", "name": {"first": "A"}}, "credentials": {"password": {"type": "password"}}})
    }

    fn refused(patch: &Value) -> (&'static str, String) {
        let error = apply(&identity(), patch.to_string().as_bytes()).unwrap_err();
        (error.reason, error.message)
    }

    #[test]
    fn allowed_operations_are_applied() {
        for (patch, pointer, want) in [
            (
                json!([{"op": "replace", "path": "/traits/name", "value": {"last": "B"}}]),
                "/traits/name/last",
                json!("B"),
            ),
            (json!([{"op": "add", "path": "/metadata_public", "value": {"x": 1}}]), "/metadata_public/x", json!(1)),
            (json!([{"op": "add", "path": "/traits/a/b/c", "value": 1}]), "/traits/a/b/c", json!(1)),
            (json!([{"op": "add", "path": "/traits/list/-", "value": 1}]), "/traits/list/0", json!(1)),
            (
                json!([{"op": "add", "path": "/credentials/password/config", "value": {}}]),
                "/credentials/password/config",
                json!({}),
            ),
            (json!([{"op": "replace", "path": "/nope/x", "value": 1}]), "/state", json!("active")),
            (json!([{"op": "replace", "path": "/traits/phone", "value": "1"}]), "/traits/phone", json!("1")),
        ] {
            let after = apply(&identity(), patch.to_string().as_bytes()).unwrap().document;
            assert_eq!(after.pointer(pointer), Some(&want), "{patch}");
        }
        let after = apply(&identity(), br#"[{"op": "remove", "path": "/traits/name"}]"#).unwrap().document;
        assert_eq!(after.pointer("/traits/name"), None);
    }

    #[test]
    fn refused_patches_have_their_texts() {
        let apply = "failed to apply JSON patch";
        for (patch, message) in [
            (json!([{"op": "replace", "path": "/id", "value": "x"}]), "patch includes denied path: /id"),
            (json!([{"op": "replace", "path": "/ID", "value": "x"}]), "patch includes denied path: /ID"),
            (json!([{"op": "add", "path": "/credentials", "value": {}}]), "patch includes denied path: /credentials"),
            (
                json!([{"op": "add", "path": "/credentials/oidc/config", "value": {}}]),
                "patch includes denied path: /credentials/oidc/config",
            ),
            (
                json!([{"op": "add", "path": "/credentials~1oidc", "value": {}}]),
                "patch includes denied path: /credentials~1oidc",
            ),
            (json!([{"op": "replace", "path": "", "value": {}}]), "patch includes denied path: "),
            (json!([{"op": "move", "from": "/id", "path": "/traits/id"}]), "unsupported operation: move"),
            (json!([{"op": "copy", "from": "/traits/email", "path": "/traits/x"}]), "unsupported operation: copy"),
            (json!([{"op": "test", "path": "/state", "value": "x"}]), "unsupported operation: test"),
            (
                json!([{"op": "remove", "path": "/nope"}, {"op": "add", "path": "/id", "value": "x"}]),
                "patch includes denied path: /id",
            ),
            (
                json!([{"op": "jump", "path": "/state"}]),
                "invalid operation {\"op\":\"jump\",\"path\":\"/state\"}: unsupported operation",
            ),
            (
                json!([{"op": "remove", "path": "/nope"}]),
                "remove operation does not apply: the document has no \"/nope\"",
            ),
        ] {
            assert_eq!(refused(&patch), (apply, message.to_owned()));
        }
        assert_eq!(
            refused(&json!({"op": "add"})),
            (
                "failed to unmarshal JSON patch",
                "json: cannot unmarshal object into Go value of type []identity.patchOp".into()
            )
        );
    }

    #[test]
    fn patch_cannot_exceed_the_depth_limit() {
        let path = |steps: usize| format!("/metadata_public{}", "/a".repeat(steps));
        let deep = |levels: usize| (1..levels).fold(json!([]), |value, _| json!([value]));
        let one = |path: String, value: Value| json!([{"op": "add", "path": path, "value": value}]);
        for patch in [one(path(DEEPEST), json!(1)), one(path(0), deep(DEEPEST)), one(path(10), deep(DEEPEST - 10))] {
            let after = apply(&identity(), patch.to_string().as_bytes()).unwrap().document;
            assert!(
                fits_depth(&after["metadata_public"], DEEPEST) && !fits_depth(&after["metadata_public"], DEEPEST - 1)
            );
        }
        for patch in [
            one(path(DEEPEST + 1), json!(1)),
            one(path(0), deep(DEEPEST + 1)),
            one(path(10), deep(DEEPEST - 9)),
            one(path(130), json!(1)),
            one(path(100_000), json!(1)),
            json!([{"op": "remove", "path": path(10_000)}]),
            json!([{"op": "replace", "path": path(10_000), "value": {}}]),
        ] {
            assert!(refused(&patch).1.ends_with("nested deeper than 64 levels"), "{:.100}", patch.to_string());
        }
    }

    #[test]
    fn patch_of_traits_is_recognised() {
        for (path, names) in
            [("/traits", true), ("/traits/name", true), ("/schema_id", true), ("/state", false), ("/traitsx", false)]
        {
            let patch = json!([{"op": "add", "path": path, "value": "x"}]).to_string();
            assert_eq!(apply(&identity(), patch.as_bytes()).unwrap().names_traits, names, "{path}");
        }
    }

    proptest! {
        #[test]
        fn hostile_patches_do_not_panic_or_reach_the_id(op in "add|remove|replace|move|copy|test|x", path in "(/[a-z~01/-]{0,12}){0,3}", from in "(/[a-z~01-]{0,8}){0,3}") {
            let patch = json!([{"op": op, "path": path, "from": from, "value": {"id": "2"}}]);
            if let Ok(after) = apply(&identity(), patch.to_string().as_bytes()) {
                prop_assert_eq!(&after.document["id"], "1");
            }
        }

        #[test]
        fn any_bytes(body in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = apply(&identity(), &body);
        }
    }
}
