//! The report of `latchkey config check`, and the messages of a start.

use latchkey::check::{Way, report};
use latchkey::stack::{Addresses, next_steps};
use std::path::PathBuf;

const PASSWORD: &str = r#"{"properties":{"traits":{"type":"object","properties":{"email":{"type":"string","format":"email",
    "ory.sh/kratos":{"credentials":{"password":{"identifier":true},"code":{"identifier":true,"via":"email"}}}}}}}}"#;
const NONE: &str = r#"{"properties":{"traits":{"type":"object","properties":{"name":{"type":"string"}}}}}"#;

fn file(text: &str, schema: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.json"), schema).unwrap();
    let path = folder.path().join("kratos.yml");
    std::fs::write(&path, format!("{text}\nidentity: {{schemas: [{{id: default, url: 's.json'}}]}}\n")).unwrap();
    (folder, path)
}

/// The whole output, and whether it ends well.
fn checked(text: &str, schema: &str) -> (String, bool) {
    let (_folder, path) = file(text, schema);
    let report = report(&path).unwrap();
    let (verdict, good) = match report.verdict(&path) {
        Ok(verdict) => (verdict, true),
        Err(verdict) => (verdict, false),
    };
    (format!("{}{verdict}", report.text()), good)
}

#[test]
fn report_has_all_findings_worst_first() {
    let (text, good) = checked(
        "session: {lifespan: x, lifespn: 1h}\ndsn: memory\nselfservice: {methods: {passkey: {enabled: true, config: {rp: {id: a}}}}}\n",
        PASSWORD,
    );
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in:\n{text}"));
    let order = [
        at("Errors\n"),
        at("kratos.yml:1: session.lifespan: \"x\" is not allowed"),
        at("Warnings\n  session.lifespn has no effect"),
        at("Not built yet\n  Passkeys and security keys: not built yet; 2 keys have no effect"),
        at("No effect here\n  dsn: remove it: all state is in DynamoDB."),
        at("Weaker than"),
        at("cannot be deployed: 1 error."),
    ];
    assert!(order.is_sorted() && !good, "{text}");
}

#[test]
fn configuration_without_sign_in_cannot_be_deployed() {
    for (text, schema, says) in [
        (
            "selfservice: {methods: {password: {enabled: false}}}",
            PASSWORD,
            "selfservice.methods: no identity can sign in",
        ),
        ("", NONE, "identity.schemas: no identity can sign in"),
        (
            "selfservice: {methods: {password: {enabled: false}, code: {passwordless_enabled: true}}}",
            NONE,
            "identity.schemas: no identity can sign in",
        ),
    ] {
        let (report, good) = checked(text, schema);
        assert!(!good && report.contains(says) && report.contains("cannot be deployed: 1 error."), "{report}");
    }
    assert!(checked("", PASSWORD).1);
}

#[test]
fn missing_deployment_value_names_its_parameter() {
    let (report, good) = checked(
        "selfservice: {methods: {code: {passwordless_enabled: true}}, flows: {login: {ui_url: 'http://127.0.0.1:4455/login'}}, \
         default_browser_return_url: 'http://app.localhost:3000/'}\ncookies: {domain: localhost}",
        PASSWORD,
    );
    for says in [
        "courier.smtp.from_address: codes by e-mail have no sender: set it, or deploy with the parameter MailFrom",
        "selfservice.flows.login.ui_url: http://127.0.0.1:4455/login is an address of your own machine",
        "parameter DefaultReturnUrl",
        "cookies.domain:",
        // The session's cookie inherits the domain.
        "session.cookie.domain:",
        "cannot be deployed as it is: 5 values must be set first",
    ] {
        assert!(report.contains(says), "{says}:\n{report}");
    }
    assert!(!good);
    // Secrets in the file do not hide other findings.
    let (report, _) = checked(
        "secrets: {cookie: [Vq3p9WkX0sLr8Zt1-and-more]}\nselfservice: {default_browser_return_url: 'http://127.0.0.1:3000/'}",
        PASSWORD,
    );
    assert!(
        report.contains("secrets.cookie: a secret is not allowed") && report.contains("DefaultReturnUrl"),
        "{report}"
    );
    let sender =
        "selfservice: {methods: {code: {passwordless_enabled: true}}}\ncourier: {smtp: {from_address: a@example.org}}";
    assert!(checked(sender, PASSWORD).1);
}

#[tokio::test]
async fn start_names_the_working_address() {
    let at = Addresses {
        public: "127.0.0.1:4433".parse().unwrap(),
        admin: "127.0.0.1:4434".parse().unwrap(),
        pages: Some("127.0.0.1:4455".parse().unwrap()),
        inbox: None,
    };
    let steps = |text: &str| {
        let (_folder, path) = file(text, PASSWORD);
        let env = [
            ("LATCHKEY_PUBLIC_URL".to_owned(), "http://127.0.0.1:4433/".to_owned()),
            ("LATCHKEY_PAGES_URL".to_owned(), "http://127.0.0.1:4455/".to_owned()),
        ];
        let loaded =
            latchkey_config::read(&std::fs::read_to_string(&path).unwrap(), path.parent(), &env, true).unwrap();
        let steps = next_steps(&loaded.config, &at);
        steps.into_iter().map(|(what, line)| format!("{what}: {line}")).collect::<Vec<_>>()
    };
    assert_eq!(steps(""), ["Open: http://127.0.0.1:4455/"]);
    // As in most examples of Kratos.
    let other_name = "serve: {public: {base_url: 'http://localhost:4433/'}}\nselfservice: {flows: {login: {ui_url: 'http://localhost:4455/login'}}}";
    assert_eq!(steps(other_name), ["Open: http://localhost:4455/"]);
    assert_eq!(
        steps("selfservice: {flows: {login: {ui_url: 'http://localhost:3000/login'}}}"),
        [
            "Login page: http://localhost:3000/login (selfservice.flows.login.ui_url), which you start yourself",
            "Then open: http://127.0.0.1:4433/self-service/login/browser",
        ]
    );
    let proxied = steps("serve: {public: {base_url: 'http://app.localhost:8000/auth/'}}");
    assert!(proxied[0].contains("a proxy there must lead to http://127.0.0.1:4433/"), "{proxied:?}");
}

#[test]
fn sign_in_needs_a_method_and_an_identifier() {
    let ways = |text: &str, schema: &str| {
        let (_folder, path) = file(text, schema);
        let text = std::fs::read_to_string(&path).unwrap();
        let env = [("LATCHKEY_PUBLIC_URL".to_owned(), "http://127.0.0.1:4433/".to_owned())];
        let loaded = latchkey_config::read(&text, path.parent(), &env, true).unwrap();
        let found = latchkey::check::SignIn::of(&loaded.config);
        (found.ways, found.warnings.len())
    };
    let sms = r#"{"properties":{"traits":{"properties":{"phone":{"type":"string","ory.sh/kratos":{"verification":{"via":"sms"}}}}}}}"#;
    let codes = "selfservice: {methods: {code: {passwordless_enabled: true}}}";
    let fallback = "selfservice: {methods: {code: {passwordless_enabled: true, config: {missing_credential_fallback_enabled: true}}}}";
    assert_eq!(ways(codes, PASSWORD), (vec![Way::Password, Way::CodeByEmail], 0));
    assert_eq!(ways(codes, sms), (vec![], 1));
    assert_eq!(ways(fallback, sms), (vec![Way::CodeBySms], 0));
}
