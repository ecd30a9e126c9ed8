//! The error texts of traits, by keyword. In the tables `…` stands for the schema of the trait,
//! `#/properties/traits/properties/x`, and `x` is the name of the trait.

use latchkey_schema::IdentitySchema;
use serde_json::{Value, json};

const TRAIT: &str = "#/properties/traits/properties/x";

fn parse(document: Value) -> IdentitySchema {
    IdentitySchema::parse("default", document).unwrap_or_else(|error| panic!("{error}"))
}

/// The error of a trait, or nothing when it fits.
fn told(schema: &Value, value: &Value) -> Option<String> {
    let document = json!({
        "definitions": {
            "short": {"type": "string", "maxLength": 3},
            "a b/c": {"const": 1},
            "tree": {"type": "object", "properties": {"next": {"$ref": "#/definitions/tree"}}, "required": ["id"]},
        },
        "properties": {"traits": {"type": "object", "properties": {"x": schema}}},
    });
    parse(document).extract(&json!({"x": value})).err().map(|error| error.to_string())
}

#[track_caller]
fn check<const N: usize>(rows: [(Value, Value, &str); N]) {
    for (schema, value, want) in rows {
        let told = told(&schema, &value).unwrap_or_default();
        assert_eq!(told, want.replace('…', TRAIT), "{value} against {schema}");
    }
}

/// A schema whose errors come as format, then length, then the address.
fn email() -> Value {
    json!({"type": "string", "format": "email", "minLength": 3, "ory.sh/kratos": {
        "credentials": {"password": {"identifier": true}, "code": {"identifier": true, "via": "email"}},
        "verification": {"via": "email"}, "recovery": {"via": "email"},
    }})
}

#[test]
fn wrong_type_is_the_only_error() {
    check([
        (email(), json!(5), "I[#/traits/x] S[…/type] expected string, but got number"),
        (email(), json!(null), "I[#/traits/x] S[…/type] expected string, but got null"),
        (email(), json!({"a": 1}), "I[#/traits/x] S[…/type] expected string, but got object"),
        (
            json!({"type": ["integer", "null"], "minimum": 5, "not": {}, "enum": [1]}),
            json!("a"),
            "I[#/traits/x] S[…/type] expected integer or null, but got string",
        ),
        (
            json!({"type": "array", "minItems": 2}),
            json!(true),
            "I[#/traits/x] S[…/type] expected array, but got boolean",
        ),
        (json!({"type": "integer"}), json!(5.0), "I[#/traits/x] S[…/type] expected integer, but got number"),
        (json!({"type": "integer"}), json!(5.5), "I[#/traits/x] S[…/type] expected integer, but got number"),
        (json!({"type": "integer"}), json!(u64::MAX), ""),
        (json!({"type": "number"}), json!(5), ""),
        (json!({"type": ["integer", "number"]}), json!(5.0), ""),
    ]);
}

#[test]
fn address_error_follows_format_and_length() {
    check([
        (
            email(),
            json!("x"),
            "I[#/traits/x] S[…] validation failed\n\
             \x20 I[#/traits/x] S[…/format] \"x\" is not valid \"email\"\n\
             \x20 I[#/traits/x] S[…/minLength] length must be >= 3, but got 1\n\
             \x20 I[#/traits/x] S[…] mail: missing '@' or angle-addr",
        ),
        (
            json!({"ory.sh/kratos": {"recovery": {"via": "sms"}}}),
            json!("x"),
            "I[#/traits/x] S[…] the phone number supplied is not a number",
        ),
        (email(), json!("a@b.example"), ""),
    ]);
}

/// Errors of several traits are nested by their place.
#[test]
fn traits_as_a_whole() {
    let document = json!({"properties": {"traits": {
        "type": "object", "properties": {"email": email()}, "required": ["email"], "additionalProperties": false,
    }}});
    let schema = parse(document);
    for (traits, want) in [
        (json!({}), "I[#/traits] S[#/properties/traits/required] missing properties: \"email\""),
        (
            json!({"email": 5}),
            "I[#/traits/email] S[#/properties/traits/properties/email/type] expected string, but got number",
        ),
        (
            json!({"email": "x", "role": 1}),
            "I[#/traits] S[#/properties/traits] validation failed\n\
             \x20 I[#/traits/email] S[#/properties/traits/properties/email] validation failed\n\
             \x20   I[#/traits/email] S[#/properties/traits/properties/email/format] \"x\" is not valid \"email\"\n\
             \x20   I[#/traits/email] S[#/properties/traits/properties/email/minLength] length must be >= 3, but got 1\n\
             \x20   I[#/traits/email] S[#/properties/traits/properties/email] mail: missing '@' or angle-addr\n\
             \x20 I[#/traits] S[#/properties/traits/additionalProperties] additionalProperties \"role\" not allowed",
        ),
        (json!("x"), "I[#/traits] S[#/properties/traits/type] expected object, but got string"),
    ] {
        assert_eq!(schema.extract(&traits).unwrap_err().to_string(), want);
    }
}

#[test]
fn constants_and_choices() {
    check([
        (json!({"const": "a"}), json!("b"), "I[#/traits/x] S[…/const] value must be \"a\""),
        (json!({"const": 5}), json!(6), "I[#/traits/x] S[…/const] value must be \"5\""),
        (json!({"const": true}), json!(false), "I[#/traits/x] S[…/const] value must be true"),
        (json!({"const": null}), json!(0), "I[#/traits/x] S[…/const] value must be <nil>"),
        (json!({"const": {"a": 1}}), json!({"a": 2}), "I[#/traits/x] S[…/const] const failed"),
        (json!({"const": [1]}), json!([2]), "I[#/traits/x] S[…/const] const failed"),
        (json!({"const": {"a": [1, 2]}}), json!({"a": [1.0, 2]}), ""),
        (
            json!({"enum": ["red", "green"]}),
            json!("blue"),
            "I[#/traits/x] S[…/enum] value must be one of \"red\", \"green\"",
        ),
        (json!({"enum": [1, false]}), json!(2), "I[#/traits/x] S[…/enum] value must be one of \"1\", false"),
        (json!({"enum": ["red"]}), json!("blue"), "I[#/traits/x] S[…/enum] value must be \"red\""),
        (json!({"enum": ["red", [1]]}), json!("blue"), "I[#/traits/x] S[…/enum] enum failed"),
        (json!({"enum": [1]}), json!(1.0), ""),
    ]);
}

#[test]
fn strings() {
    check([
        (json!({"format": "uri"}), json!("::"), "I[#/traits/x] S[…/format] \"::\" is not valid \"uri\""),
        (
            json!({"format": "json-pointer"}),
            json!("a\"\u{200b}"),
            "I[#/traits/x] S[…/format] \"a\\\"\\u200b\" is not valid \"json-pointer\"",
        ),
        (json!({"format": "email"}), json!(5), ""),
        (json!({"minLength": 2}), json!("ä"), "I[#/traits/x] S[…/minLength] length must be >= 2, but got 1"),
        (json!({"maxLength": 2}), json!("äöü"), "I[#/traits/x] S[…/maxLength] length must be <= 2, but got 3"),
        (json!({"pattern": "^\\d+$"}), json!("a"), "I[#/traits/x] S[…/pattern] does not match pattern \"^\\\\d+$\""),
    ]);
}

#[test]
fn numbers() {
    check([
        (json!({"minimum": 18}), json!(17), "I[#/traits/x] S[…/minimum] must be >= 18 but found 17"),
        (json!({"exclusiveMinimum": 18}), json!(18), "I[#/traits/x] S[…/exclusiveMinimum] must be > 18 but found 18"),
        (json!({"maximum": 2.5}), json!(3), "I[#/traits/x] S[…/maximum] must be <= 2.5 but found 3"),
        (json!({"exclusiveMaximum": 3}), json!(3.0), "I[#/traits/x] S[…/exclusiveMaximum] must be < 3 but found 3.0"),
        (
            json!({"maximum": 1_000_000}),
            json!(1_000_001),
            "I[#/traits/x] S[…/maximum] must be <= 1e+06 but found 1000001",
        ),
        (
            json!({"maximum": i64::MAX - 1}),
            json!(i64::MAX),
            "I[#/traits/x] S[…/maximum] must be <= 9.223372036854776e+18 but found 9223372036854775807",
        ),
        (json!({"multipleOf": 5}), json!(7), "I[#/traits/x] S[…/multipleOf] 7 not multipleOf 5"),
        (json!({"multipleOf": 1}), json!(1e-10), "I[#/traits/x] S[…/multipleOf] 1e-10 not multipleOf 1"),
        (json!({"multipleOf": 0.1}), json!(0.3), ""),
        (json!({"multipleOf": 0.5}), json!(1e308), ""),
    ]);
}

#[test]
fn references() {
    check([
        (
            json!({"$ref": "#/definitions/short", "minLength": 9}),
            json!("abcd"),
            "I[#/traits/x] S[…/$ref] doesn't validate with \"#/definitions/short\"\n\
             \x20 I[#/traits/x] S[#/definitions/short/maxLength] length must be <= 3, but got 4",
        ),
        (json!({"$ref": "#/definitions/short", "minLength": 9}), json!("abc"), ""),
        (
            json!({"$ref": "#/definitions/a%20b~1c"}),
            json!("2"),
            "I[#/traits/x] S[…/$ref] doesn't validate with \"#/definitions/a%20b~1c\"\n\
             \x20 I[#/traits/x] S[#/definitions/a%20b~1c/const] value must be \"1\"",
        ),
        (
            json!({"$ref": "#/definitions/tree"}),
            json!({"id": 1, "next": {}}),
            "I[#/traits/x] S[…/$ref] doesn't validate with \"#/definitions/tree\"\n\
             \x20 I[#/traits/x/next] S[#/definitions/tree/properties/next/$ref] doesn't validate with \"#/definitions/tree\"\n\
             \x20   I[#/traits/x/next] S[#/definitions/tree/required] missing properties: \"id\"",
        ),
        (
            json!({"$ref": "#"}),
            json!({"traits": 5}),
            "I[#/traits/x] S[…/$ref] doesn't validate with \"#\"\n\
             \x20 I[#/traits/x/traits] S[#/properties/traits/type] expected object, but got number",
        ),
    ]);
}

#[test]
fn alternatives() {
    check([
        (json!(false), json!(1), "I[#/traits/x] S[…] always fail"),
        (json!(true), json!(1), ""),
        (json!({"not": {"type": "string"}}), json!("a"), "I[#/traits/x] S[…/not] not failed"),
        (
            json!({"allOf": [{"minLength": 3}, {"maxLength": 1}, {}]}),
            json!("ab"),
            "I[#/traits/x] S[…] validation failed\n\
             \x20 I[#/traits/x] S[…/allOf/0] allOf failed\n\
             \x20   I[#/traits/x] S[…/allOf/0/minLength] length must be >= 3, but got 2\n\
             \x20 I[#/traits/x] S[…/allOf/1] allOf failed\n\
             \x20   I[#/traits/x] S[…/allOf/1/maxLength] length must be <= 1, but got 2",
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"$ref": "#/definitions/short"}]}),
            json!(1),
            "I[#/traits/x] S[…/anyOf] anyOf failed\n\
             \x20 I[#/traits/x] S[…/anyOf/0/type] expected string, but got number\n\
             \x20 I[#/traits/x] S[…/anyOf/1/$ref] doesn't validate with \"#/definitions/short\"\n\
             \x20   I[#/traits/x] S[#/definitions/short/type] expected string, but got number",
        ),
        (json!({"anyOf": [{"type": "string"}, {"type": "number"}]}), json!(1), ""),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "null"}]}),
            json!(1),
            "I[#/traits/x] S[…/oneOf] oneOf failed\n\
             \x20 I[#/traits/x] S[…/oneOf/0/type] expected string, but got number\n\
             \x20 I[#/traits/x] S[…/oneOf/1/type] expected null, but got number",
        ),
        (
            json!({"oneOf": [{"type": "number"}, {"type": "null"}, {"type": "integer"}, {}]}),
            json!(1),
            "I[#/traits/x] S[…/oneOf] valid against schemas at indexes 0 and 2",
        ),
        (json!({"oneOf": [{"type": "number"}, {"type": "null"}]}), json!(1), ""),
    ]);
}

#[test]
fn conditions() {
    let schema = json!({"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"minimum": 2}});
    check([
        (
            schema.clone(),
            json!("a"),
            "I[#/traits/x] S[…/then] if-then failed\n\
             \x20 I[#/traits/x] S[…/then/minLength] length must be >= 2, but got 1",
        ),
        (
            schema.clone(),
            json!(1),
            "I[#/traits/x] S[…/else] if-else failed\n\
             \x20 I[#/traits/x] S[…/else/minimum] must be >= 2 but found 1",
        ),
        (schema, json!("ab"), ""),
        (json!({"if": false, "then": false}), json!(1), ""),
    ]);
}

#[test]
fn objects() {
    check([
        (
            json!({"minProperties": 2}),
            json!({"a": 1}),
            "I[#/traits/x] S[…/minProperties] minimum 2 properties allowed, but found 1 properties",
        ),
        (
            json!({"maxProperties": 1}),
            json!({"a": 1, "b": 1}),
            "I[#/traits/x] S[…/maxProperties] maximum 1 properties allowed, but found 2 properties",
        ),
        (
            json!({"required": ["a", "b", "c"]}),
            json!({"b": 1}),
            "I[#/traits/x] S[…/required] missing properties: \"a\", \"c\"",
        ),
        (
            json!({"properties": {"my name/~": {"type": "string"}}}),
            json!({"my name/~": 1}),
            "I[#/traits/x/my%20name~1~0] S[…/properties/my%20name~1~0/type] expected string, but got number",
        ),
        (
            json!({"propertyNames": {"maxLength": 2}}),
            json!({"abc": 1}),
            "I[#/traits/x/abc] S[…/propertyNames/maxLength] length must be <= 2, but got 3",
        ),
        (
            json!({"patternProperties": {"^n_": {"type": "number"}}}),
            json!({"n_a": "b", "s": "b"}),
            "I[#/traits/x/n_a] S[…/patternProperties/%5En_/type] expected number, but got string",
        ),
        (
            json!({"additionalProperties": false, "properties": {"a": {}}, "patternProperties": {"^b": {}}}),
            json!({"a": 1, "bb": 1, "c": 1, "d": 1}),
            "I[#/traits/x] S[…/additionalProperties] additionalProperties \"c\", \"d\" not allowed",
        ),
        (
            json!({"additionalProperties": {"type": "number"}, "properties": {"a": {}}}),
            json!({"a": "s", "b": "s"}),
            "I[#/traits/x/b] S[…/additionalProperties/type] expected number, but got string",
        ),
        (
            json!({"dependencies": {"a": ["b", "c"], "z": ["y"]}}),
            json!({"a": 1, "b": 1}),
            "I[#/traits/x] S[…/dependencies/a/1] property \"c\" is required, if \"a\" property exists",
        ),
        (
            json!({"dependencies": {"a": {"required": ["b"]}}}),
            json!({"a": 1}),
            "I[#/traits/x] S[…/dependencies/a/required] missing properties: \"b\"",
        ),
        (
            json!({"required": ["b"], "properties": {"a": {"type": "null"}}, "additionalProperties": false}),
            json!({"a": 1, "c": 1}),
            "I[#/traits/x] S[…] validation failed\n\
             \x20 I[#/traits/x] S[…/required] missing properties: \"b\"\n\
             \x20 I[#/traits/x/a] S[…/properties/a/type] expected null, but got number\n\
             \x20 I[#/traits/x] S[…/additionalProperties] additionalProperties \"c\" not allowed",
        ),
    ]);
}

#[test]
fn arrays() {
    check([
        (json!({"minItems": 2}), json!([1]), "I[#/traits/x] S[…/minItems] minimum 2 items allowed, but found 1 items"),
        (
            json!({"maxItems": 1}),
            json!([1, 2]),
            "I[#/traits/x] S[…/maxItems] maximum 1 items allowed, but found 2 items",
        ),
        (
            json!({"uniqueItems": true}),
            json!([1, {"a": 2}, 3, {"a": 2.0}, 1]),
            "I[#/traits/x] S[…/uniqueItems] items at index 1 and 3 are equal",
        ),
        (json!({"uniqueItems": true}), json!([1, "1", [1], null]), ""),
        (
            json!({"items": {"type": "string"}}),
            json!(["a", 1]),
            "I[#/traits/x/1] S[…/items/type] expected string, but got number",
        ),
        (
            json!({"items": [{"type": "string"}, {"type": "null"}]}),
            json!(["a", 1, 2]),
            "I[#/traits/x/1] S[…/items/1/type] expected null, but got number",
        ),
        (
            json!({"items": [{}], "additionalItems": false}),
            json!([1, 2]),
            "I[#/traits/x] S[…/additionalItems] only 1 items are allowed, but found 2 items",
        ),
        (
            json!({"items": [{}], "additionalItems": {"type": "string"}}),
            json!([1, "a", 2]),
            "I[#/traits/x/2] S[…/additionalItems/type] expected string, but got number",
        ),
        (json!({"items": {}, "additionalItems": false}), json!([1, 2]), ""),
        (
            json!({"contains": {"type": "string"}}),
            json!([1, null]),
            "I[#/traits/x] S[…/contains] contains failed\n\
             \x20 I[#/traits/x/0] S[…/contains/type] expected string, but got number\n\
             \x20 I[#/traits/x/1] S[…/contains/type] expected string, but got null",
        ),
        (json!({"contains": {"type": "string"}}), json!([]), "I[#/traits/x] S[…/contains] contains failed"),
        (json!({"contains": {"type": "string"}}), json!([1, "a"]), ""),
    ]);
}

/// A trait may have the name of a keyword.
#[test]
fn names_are_no_keywords() {
    for name in ["pattern", "$ref", "enum", "const", "default", "ory.sh/kratos", "properties"] {
        let schema = json!({"properties": {name: {"pattern": "^a$"}}});
        let told = told(&schema, &json!({name: "b"})).unwrap_or_default();
        assert!(told.ends_with("/pattern] does not match pattern \"^a$\""), "{name}: {told}");
    }
}

#[test]
fn references_to_nothing_are_refused_with_the_schema() {
    for (reference, want) in [
        ("https://a.example/b#/c", "points outside the schema; only references starting with # are followed"),
        ("#/definitions/y", "points to no schema in here; a reference is # or #/ and the way from the top"),
        ("#/properties/traits/type", "points to no schema in here; a reference is # or #/ and the way from the top"),
        ("#name", "points to no schema in here; a reference is # or #/ and the way from the top"),
    ] {
        let x = json!({"$ref": reference});
        let document = json!({"properties": {"traits": {"type": "object", "properties": {"x": x}}}});
        let error = IdentitySchema::parse("default", document).unwrap_err();
        assert_eq!(error.to_string(), format!("{TRAIT}/$ref: {reference:?} {want}"));
    }
}

/// An alternative collects its marks when the value fits it, and nothing otherwise.
#[test]
fn only_a_fitting_alternative_collects() {
    let marked = |path: &str, schema: Value| {
        let mut schema = schema;
        let mut mark = json!(true);
        for name in path.rsplit('/') {
            mark = json!({name: mark});
        }
        schema["ory.sh/kratos"] = mark;
        schema
    };
    let user = marked("credentials/webauthn/identifier", json!({"pattern": "^u"}));
    let mail = marked("credentials/password/identifier", json!({"pattern": "@"}));
    for keyword in ["anyOf", "oneOf"] {
        let x = json!({"type": "string", keyword: [user, mail]});
        let document = json!({"properties": {"traits": {"type": "object", "properties": {"x": x}}}});
        let found = parse(document).extract(&json!({"x": "A@b.example"})).unwrap();
        assert_eq!((found.webauthn, found.password), (vec![], vec!["a@b.example".to_owned()]), "{keyword}");
    }
}
