//! The label of the identifier's input (contract `methods-password-code-2fa.md` 1.4).

use crate::EXTENSION;
use serde_json::Value;

/// Deepest nesting of properties that is searched.
const DEEPEST: usize = 16;

/// Name (`traits.email`) and title (`E-Mail`) if exactly one property is an identifier and has a title.
pub fn identifier_label(document: &Value) -> Option<(String, String)> {
    let mut found = Vec::new();
    collect(document.pointer("/properties/traits")?, "traits", 0, &mut found);
    match found.as_slice() {
        [(path, property)] => {
            let title = property.get("title").and_then(Value::as_str).filter(|title| !title.is_empty())?;
            Some((path.clone(), title.to_owned()))
        }
        _ => None,
    }
}

fn collect<'a>(schema: &'a Value, path: &str, depth: usize, found: &mut Vec<(String, &'a Value)>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|_| depth < DEEPEST) else {
        return;
    };
    for (name, property) in properties {
        let path = format!("{path}.{name}");
        if identifies(property) {
            found.push((path.clone(), property));
        }
        collect(property, &path, depth + 1, found);
    }
}

/// One of the marks of an identifier, on a property of one type.
fn identifies(property: &Value) -> bool {
    let Some(credentials) = property.get(EXTENSION).and_then(|mark| mark.get("credentials")) else { return false };
    let marks = [
        "/password/identifier",
        "/webauthn/identifier",
        "/passkey/display_name",
        "/totp/account_name",
        "/code/identifier",
    ];
    let one_type = property.get("type").is_some_and(Value::is_string) || property.get("default").is_some();
    one_type && marks.iter().any(|mark| credentials.pointer(mark) == Some(&Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema(properties: Value) -> Value {
        json!({"properties": {"traits": {"type": "object", "properties": properties}}})
    }

    fn identifier(title: &str) -> Value {
        json!({"type": "string", "title": title, "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}})
    }

    #[test]
    fn one_titled_identifier_names_the_input() {
        let one = schema(json!({"email": identifier("E-Mail"), "name": {"type": "string", "title": "Name"}}));
        assert_eq!(identifier_label(&one), Some(("traits.email".into(), "E-Mail".into())));
        let nested = schema(json!({"contact": {"type": "object", "properties": {"email": identifier("Mail")}}}));
        assert_eq!(identifier_label(&nested), Some(("traits.contact.email".into(), "Mail".into())));
    }

    #[test]
    fn several_none_or_untitled_do_not() {
        for properties in [
            json!({"email": identifier("E-Mail"), "username": identifier("User name")}),
            json!({"name": {"type": "string", "title": "Name"}}),
            json!({"email": identifier("")}),
            json!({}),
        ] {
            assert_eq!(identifier_label(&schema(properties)), None);
        }
        assert_eq!(identifier_label(&json!(7)), None);
    }
}
