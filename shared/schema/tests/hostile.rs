//! For every schema and traits, validation ends soon and its report is short.

use latchkey_schema::IdentitySchema;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Most bytes of a report, far below what a Lambda function may answer with.
const LONGEST: usize = 1024 * 1024;

fn document(definitions: &Value, schema: &Value) -> Value {
    json!({
        "definitions": definitions,
        "properties": {"traits": {"type": "object", "properties": {"x": schema}}},
    })
}

/// The error of a trait; nothing when it fits, or when the schema is refused.
fn told(definitions: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = IdentitySchema::parse("default", document(definitions, schema)).ok()?;
    schema.extract(&json!({"x": value})).err().map(|error| error.to_string())
}

#[test]
fn references_in_a_circle_end() {
    for (definitions, schema) in [
        (json!({}), json!({"$ref": "#/properties/traits/properties/x"})),
        (
            json!({"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}),
            json!({"$ref": "#/definitions/a"}),
        ),
        (json!({"a": {"not": {"$ref": "#/definitions/a"}}}), json!({"$ref": "#/definitions/a"})),
        (json!({"a": {"if": {"$ref": "#/definitions/a"}}}), json!({"$ref": "#/definitions/a"})),
    ] {
        let told = told(&definitions, &schema, &json!("a")).unwrap();
        assert!(told.starts_with("I[#/traits/x] S[#/") && told.ends_with("] nested too deep"), "{schema}: {told}");
        assert_eq!(told.lines().count(), 1);
    }
}

/// Thirty definitions, each of which references the next one twice: 2^30 validations.
#[test]
fn alternatives_that_multiply_end() {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let mut definitions = json!({"a30": keyword != "anyOf" && keyword != "oneOf"});
        for n in 0..30 {
            let next = json!({"$ref": format!("#/definitions/a{}", n + 1)});
            definitions[format!("a{n}")] = json!({keyword: [next, next]});
        }
        let told = told(&definitions, &json!({"$ref": "#/definitions/a0"}), &json!("a")).unwrap();
        assert!(told.ends_with("takes too many steps to check") && told.lines().count() == 1, "{keyword}: {told}");
    }
}

#[test]
fn long_values_have_short_reports() {
    let no_string = json!({"items": {"anyOf": [{"type": "string"}, {"type": "null"}]}});
    for (schema, lines) in [
        (json!({"items": false}), 1000),
        (json!({"items": {"type": "string", "minLength": 3}}), 1000),
        (no_string, 1000),
        (json!({"contains": false, "uniqueItems": true}), 1000),
        (json!({"additionalItems": false, "items": []}), 1),
    ] {
        let value = json!((10_000..20_000).collect::<Vec<_>>());
        let told = told(&json!({}), &schema, &value).unwrap();
        assert_eq!(told.lines().count(), lines, "{schema}: {told}");
        assert_eq!(told.ends_with("\n  ...") || told.ends_with("\n    ..."), lines == 1000, "{schema}: {told}");
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        prop_oneof![Just(""), Just("a"), Just("a@b.example"), Just("+4917667111638"), Just("::"), Just("^a")]
            .prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abx/~ ]{1,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const KEYWORDS: &[&str] = &[
    "type",
    "const",
    "enum",
    "format",
    "not",
    "allOf",
    "anyOf",
    "oneOf",
    "if",
    "then",
    "else",
    "minProperties",
    "maxProperties",
    "required",
    "properties",
    "propertyNames",
    "patternProperties",
    "additionalProperties",
    "dependencies",
    "minItems",
    "maxItems",
    "uniqueItems",
    "items",
    "additionalItems",
    "contains",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
];

/// A schema with references among its definitions, or any value in its place.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => prop_oneof![Just("#"), Just("#/definitions/a"), Just("#/definitions/b")].prop_map(|to| json!({"$ref": to})),
        2 => any::<bool>().prop_map(Value::from),
        2 => prop_oneof![Just("string"), Just("integer"), Just("object"), Just("array")].prop_map(|of| json!({"type": of})),
        1 => prop_oneof![Just("email"), Just("uri"), Just("uri-template"), Just("tel"), Just("relative-json-pointer")]
            .prop_map(|of| json!({"format": of, "ory.sh/kratos": {"verification": {"via": "email"}}})),
        1 => value(),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let named = prop::collection::btree_map("[abx]{1,2}", inner.clone(), 0..3)
            .prop_map(|map| Value::Object(map.into_iter().collect()));
        let demanded = prop_oneof![
            4 => inner.clone(),
            3 => prop::collection::vec(inner, 0..3).prop_map(Value::from),
            3 => named,
            2 => (0..4_u8).prop_map(Value::from),
            1 => value(),
        ];
        prop::collection::vec((prop::sample::select(KEYWORDS), demanded), 1..5)
            .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>()))
    })
}

proptest! {
    #[test]
    fn any_schema_and_any_value((a, b, x) in (schema(), schema(), schema()), value in value()) {
        if let Some(told) = told(&json!({"a": a, "b": b}), &x, &value) {
            prop_assert!(told.starts_with("I[#"), "{told}");
            prop_assert!(told.len() < LONGEST);
        }
    }

    #[test]
    fn any_text_in_any_format(text in "\\PC{0,20}|[a-z:/?#%@\\[\\]{}~0-9.+-]{0,20}") {
        for format in [
            "date-time", "date", "time", "hostname", "email", "tel", "ip-address", "ipv4", "ipv6", "uri", "iri",
            "uri-reference", "uriref", "iri-reference", "uri-template", "regex", "json-pointer", "relative-json-pointer",
        ] {
            let _ = told(&json!({}), &json!({"format": format}), &json!(text));
        }
    }
}
