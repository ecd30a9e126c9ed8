//! The key `courier`: what it is read as, what is refused, and what of it travels.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchkey_config::keys::places;
use latchkey_config::{HttpAuth, check_deployment, frozen, merge_secrets, named_files, read, to_compact};
use latchkey_core::courier::TemplateType;
use latchkey_core::identity::Via;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use std::path::PathBuf;

fn with(courier: &str) -> String {
    format!(
        "serve: {{public: {{base_url: 'https://login.example.org/'}}}}\n\
         identity: {{schemas: [{{id: default, url: 'base64://e30='}}]}}\n{courier}"
    )
}

fn base64(text: &str) -> String {
    format!("base64://{}", STANDARD.encode(text))
}

fn refused(courier: &str) -> String {
    check_deployment(&with(courier), None, &[]).err().map(|e| e.to_string()).unwrap_or_default()
}

/// A folder with a configuration's files in it.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("latchkey-config-{}-{name}", std::process::id()));
    for (file, text) in files {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().expect("a temporary file")).expect("a temporary file");
        std::fs::write(path, text).expect("a temporary file");
    }
    folder
}

#[test]
fn courier_needs_no_keys() {
    let loaded = read(&with(""), None, &[], false).unwrap();
    let courier = loaded.config.courier;
    assert_eq!((courier.message_retries, courier.disallow_private_ip_ranges), (5, true));
    assert!(courier.email.is_none() && courier.sms.is_none() && courier.from_address.is_none());
    assert!(!read(&with(""), None, &[], true).unwrap().config.courier.disallow_private_ip_ranges);
}

const TWILIO: &str = r#"
courier:
  smtp: {from_address: no-reply@example.org, from_name: Example, headers: {X-Unit: login}}
  channels:
    - id: sms
      type: http
      request_config:
        url: https://api.example.org/messages
        headers: {Content-Type: application/x-www-form-urlencoded}
        body: BODY
        auth: {type: basic_auth, config: {user: me}}
"#;

#[test]
fn channel_gets_secret_from_stack() {
    let text = with(&TWILIO.replace("BODY", &base64("function(ctx) {}")));
    let loaded = read(&text, None, &[], false).unwrap();
    assert_eq!(loaded.notices.warnings, Vec::<String>::new());
    let channel = loaded.config.courier.sms.unwrap();
    assert_eq!((channel.key.as_str(), channel.method.as_str()), ("courier.channels.sms", "POST"));
    assert_eq!(channel.auth, Some(HttpAuth::Basic { user: "me".to_owned() }));
    assert_eq!(channel.body.unwrap().text, "function(ctx) {}");
    let secrets = merge_secrets(
        r#"{"courier.channels.sms.request_config.auth.config.password": "word",
            "courier": {"http": {"request_config": {"headers": {"Authorization": "Bearer x"}}}},
            "courier.smtp.connection_uri": "smtps://u:p@mail.example.org/"}"#,
    )
    .unwrap()
    .courier;
    let channel = &secrets.channels["courier.channels.sms"];
    assert_eq!(channel.auth.as_ref().unwrap().expose_secret(), "word");
    assert_eq!(secrets.channels["courier.http"].headers["Authorization"].expose_secret(), "Bearer x");
    assert!(secrets.connection_uri.is_some());
    assert!(!format!("{secrets:?}").contains("word") && !format!("{secrets:?}").contains("mail.example"));
}

#[test]
fn wrong_courier_values_are_refused_by_name() {
    for (courier, says) in [
        ("courier: {channels: [{id: fax, request_config: {url: 'https://a.example/'}}]}", "courier.channels[0]"),
        ("courier: {channels: [{id: sms, type: smtp}]}", "courier.channels[0]: \"sms\" by \"smtp\" is not allowed"),
        ("courier: {channels: [{id: sms, type: http}]}", "courier.channels[0].request_config: not set"),
        ("courier: {delivery_strategy: http}", "courier.http.request_config.url: not set"),
        ("courier: {delivery_strategy: pigeon}", "courier.delivery_strategy"),
        ("courier: {message_retries: -1}", "courier.message_retries"),
        (
            "courier: {delivery_strategy: http, http: {request_config: {url: 'ftp://a.example/'}}}",
            "courier.http.request_config.url",
        ),
        (
            "courier: {templates: {login_code: {valid: {email: {subject: 'file://missing'}}}}}",
            "courier.templates.login_code.valid.email.subject: \"file://missing\" is not allowed: cannot read",
        ),
        (
            "courier: {templates: {login_code: {valid: {email: {body: {html: 'https://a.example/x'}}}}}}",
            "functions fetch nothing; `latchkey config build` does",
        ),
    ] {
        let error = read(&with(courier), None, &[], false).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(says), "{courier}: {error}");
    }
    // As in Kratos, where there are no templates the built-in ones count.
    let nowhere = read(&with("courier: {template_override_path: nowhere}"), None, &[], false).unwrap();
    assert!(nowhere.notices.warnings[0].contains("there is no folder nowhere"), "{:?}", nowhere.notices);
    let large = format!(
        "courier: {{templates: {{login_code: {{valid: {{email: {{subject: '{}'}}}}}}}}}}",
        base64(&"x".repeat(1 << 20))
    );
    let error = read(&with(&large), None, &[], false).unwrap_err().to_string();
    assert!(error.contains("1048576 bytes") && error.len() < 400, "{error}");
    let error = read(&with("courier: {smtp: {connection_uri: 'http://u:hidden@x/'}}"), None, &[], false).unwrap_err();
    assert!(error.to_string().contains("courier.smtp.connection_uri") && !error.to_string().contains("hidden"));
}

#[test]
fn deployed_file_with_courier_secret_is_refused() {
    for (courier, key) in [
        ("courier: {smtp: {connection_uri: 'smtp://mail.example.org/'}}", "courier.smtp.connection_uri"),
        (
            "courier: {http: {request_config: {url: 'https://a.example/', auth: {type: api_key, config: {name: X-Key, value: hidden, in: header}}}}}",
            "courier.http.request_config.auth.config.value",
        ),
        (
            "courier: {http: {request_config: {url: 'https://a.example/', headers: {authorization: hidden}}}}",
            "courier.http.request_config.headers.authorization",
        ),
        (
            "courier: {channels: [{id: sms, type: http, request_config: {url: 'https://a.example/', auth: {type: basic_auth, config: {user: a, password: hidden}}}}]}",
            "courier.channels.<id>.request_config.auth.config.password",
        ),
    ] {
        let error = refused(courier);
        assert!(error.contains(&format!("put it into the stack's secret under the key {key:?}")), "{error}");
        assert!(!error.contains("hidden") && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn deployed_file_is_whole_without_its_folder() {
    let folder = folder(
        "overrides",
        &[
            ("mine/login_code/valid/email.subject.gotmpl", "{{ .LoginCode }} from the folder"),
            ("mine/login_code/valid/sms.body.gotmpl", "sms from the folder"),
            ("mine/login_code/invalid/email.body.plaintext.gotmpl", "no account, from the folder"),
            ("body.jsonnet", "function(ctx) { to: ctx.recipient }"),
        ],
    );
    let text = with(&format!(
        "{}\n  template_override_path: mine\n  templates: {{login_code: {{valid: {{sms: {{body: {{plaintext: '{}'}}}}}}}}}}",
        TWILIO.replace("BODY", "file://body.jsonnet").trim_end(),
        base64("sms from the key")
    ));
    let here = read(&text, Some(&folder), &[], false).unwrap();
    let files = named_files(&text, Some(&folder), &[]);
    assert!(
        files.contains(&folder.join("mine/login_code/valid/email.subject.gotmpl"))
            && files.contains(&folder.join("mine/login_code/invalid/email.body.plaintext.gotmpl"))
            && files.contains(&folder.join("body.jsonnet"))
    );
    let compact = to_compact(&text, Some(&folder), &[]).unwrap();
    for whole in [compact, frozen(&text, &here).unwrap()] {
        let document: Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(document["courier"].get("template_override_path"), None);
        let courier = read(&whole, None, &[], false).unwrap().config.courier;
        assert_eq!(
            courier.templates[&TemplateType::LoginCodeInvalid].text.clone().unwrap().text,
            "no account, from the folder"
        );
        let wording = courier.templates[&TemplateType::LoginCodeValid].clone();
        assert_eq!(wording.subject.unwrap().text, "{{ .LoginCode }} from the folder");
        assert_eq!(wording.sms.unwrap().text, "sms from the key");
        assert!(wording.html.is_none() && wording.text.is_none());
        let channel = courier.sms.unwrap();
        assert_eq!(channel.body.unwrap().text, "function(ctx) { to: ctx.recipient }");
        assert_eq!(channel.headers["Content-Type"], "application/x-www-form-urlencoded");
    }
    let source = here.config.courier.templates[&TemplateType::LoginCodeValid].subject.clone().unwrap().source;
    assert!(source.ends_with("mine/login_code/valid/email.subject.gotmpl"), "{source}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_kind_of_message_has_its_keys() {
    let known = |path: &str| places().any(|place| place.path() == path);
    for template in TemplateType::ALL {
        let place = format!("courier.templates.{}", template.folder().replace('/', "."));
        let parts = template.channels().iter().flat_map(|via| match via {
            Via::Email => ["email.subject", "email.body.html", "email.body.plaintext"].as_slice(),
            Via::Sms => &["sms.body.plaintext"],
        });
        for part in parts {
            assert!(known(&format!("{place}.{part}")), "{place}.{part} is missing from the table of keys");
        }
    }
}
