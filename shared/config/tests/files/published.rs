//! Configurations in the shapes in which teams publish them, for Kratos 0.7 and later: what is taken, and what its owner is told.

use latchkey_config::{Loaded, check_deployment, inspect, read, to_compact};

const SCHEMA: &str = "identity: {schemas: [{id: default, url: 'base64://eyJ0eXBlIjoib2JqZWN0In0='}]}\n";
const SERVE: &str = "serve: {public: {base_url: 'http://127.0.0.1:4433/'}}\n";

fn dev(text: &str) -> Result<Loaded, String> {
    read(&format!("{SERVE}{text}"), None, &[], true).map_err(|e| e.to_string())
}

fn with_schema(text: &str) -> Loaded {
    dev(&format!("{SCHEMA}{text}")).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn keys_of_early_releases_are_read() {
    let loaded = dev("version: v0.7.1-alpha.1\n\
         selfservice: {whitelisted_return_urls: ['https://app.example.org']}\n\
         identity: {default_schema_url: 'base64://eyJ0aXRsZSI6Im9sZCJ9'}\n\
         hashers: {argon2: {memory: 131072}}")
    .unwrap();
    assert!(loaded.config.selfservice.allowed_return_urls.contains(&"https://app.example.org".to_owned()));
    assert_eq!(loaded.config.identity.schemas[0].document["title"], "old");
    let warnings = loaded.notices.warnings.join("\n");
    for says in ["selfservice.allowed_return_urls, its name since Kratos 0.8", "identity.default_schema_url is read as"]
    {
        assert!(warnings.contains(says), "{warnings}");
    }
    // What travels to functions has the names of today.
    let old = format!(
        "{SERVE}selfservice: {{whitelisted_return_urls: ['https://app.example.org']}}\nidentity: {{default_schema_url: 'base64://e30='}}"
    );
    let compact = to_compact(&old, None, &[]).unwrap();
    assert!(compact.contains("allowed_return_urls") && !compact.contains("whitelisted"), "{compact}");
}

#[test]
fn values_as_text_and_empty_domains_are_read() {
    let loaded = with_schema(
        "cookies: {secure: 'true', domain: ''}\nsession: {cookie: {domain: '', secure: 'false', persistent: 'false'}}\n\
         hashers: {algorithm: bcrypt, bcrypt: {cost: '8'}}\n\
         selfservice: {default_browser_return_url: '', allowed_return_urls: ['', 'https://a.example'], flows: {login: {ui_url: ''}}}",
    );
    let cookies = loaded.config.cookies;
    assert_eq!((cookies.csrf.secure, cookies.session.secure, cookies.session_persistent), (true, false, false));
    assert_eq!((cookies.csrf.domain, cookies.session.domain), (None, None));
    assert_eq!(format!("{:?}", loaded.config.hasher), "Bcrypt { cost: 8 }");
    let travels = format!("serve: {{public: {{base_url: 'https://a.example'}}}}\n{SCHEMA}cookies: {{secure: 'true'}}");
    assert!(to_compact(&travels, None, &[]).unwrap().contains("\"secure\":true"));
}

#[test]
fn placeholders_are_one_error_with_every_key() {
    let text = format!(
        "{SCHEMA}serve: {{public: {{base_url: '${{PUBLIC_URL}}'}}, admin: {{base_url: 'http://${{HOST}}:4434'}}}}\n\
         session: {{cookie: {{name: '${{COOKIE_NAME:-x}}'}}}}\n\
         dsn: '${{DSN}}'\nsecrets: {{cookie: ['${{COOKIE_SECRET}}']}}\n\
         selfservice: {{methods: {{oidc: {{config: {{providers: [{{client_id: '${{GOOGLE}}'}}]}}}}}}}}"
    );
    let error = read(&text, None, &[], true).unwrap_err();
    assert_eq!(error.0.len(), 1, "{error}");
    let line = &error.0[0];
    for says in [
        "${PUBLIC_URL} (serve.public.base_url)",
        "${HOST} (serve.admin.base_url)",
        "${COOKIE_NAME:-x} (session.cookie.name)",
        "${COOKIE_SECRET} (secrets.cookie)",
        "envsubst",
    ] {
        assert!(line.contains(says), "{says}: {line}");
    }
    assert!(!line.contains("DSN") && !line.contains("GOOGLE"), "what has no effect needs no value: {line}");
    // A variable is as good as the file.
    let filled = [
        ("SERVE_PUBLIC_BASE_URL", "http://127.0.0.1:4433/"),
        ("SERVE_ADMIN_BASE_URL", "http://127.0.0.1:4434/"),
        ("SESSION_COOKIE_NAME", "x"),
        ("SECRETS_COOKIE", "a-secret-of-16-characters"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert!(read(&text, None, &filled, true).is_ok());
}

#[test]
fn features_not_built_stop_nothing() {
    let loaded = with_schema(
        "selfservice:\n  flows:\n    settings: {ui_url: settings, privileged_session_max_age: 0s, after: {hooks: [{hook: web_hook, config: {url: OVERWRITE_ME}}]}}\n    \
         registration: {ui_url: 'http://a b', after: {saml: {hooks: [{hook: b2b_sso, config: {}}]}}}\n    \
         recovery: {enabled: true, use: link, lifespan: '1 hour'}\n  \
         methods: {webauthn: {enabled: true, config: {passwordless: true, rp: {id: localhost}}}, passkey: {enabled: true, config: {rp: {id: 'localhost:3000'}}}, profile: {enabled: true}}\n\
         courier: {template_override_path: /there/is/no/such/folder, sms: {enabled: true, from: '+1'}}\n\
         organizations: [{id: x}]\noauth2_provider: {url: 'http://hydra:4445'}\n\
         serve2: {}\n"
            .replace("serve2: {}\n", "")
            .as_str(),
    );
    let lines = loaded.notices.lines().join("\n");
    for says in [
        "Passkeys and security keys: not built yet; 5 keys have no effect",
        "Registration, verification, recovery and settings: not built yet;",
        "selfservice.flows.recovery.lifespan: \"1 hour\" is not allowed",
        "courier.template_override_path: there is no folder /there/is/no/such/folder",
        "No effect here: courier.sms.",
    ] {
        assert!(lines.contains(says), "{says}:\n{lines}");
    }
    assert!(loaded.notices.no_effect()[0].contains("courier.channels, with id sms and type http"));
}

#[test]
fn http_courier_without_address_uses_inbox() {
    let text = "courier: {delivery_strategy: http, http: {request_config: {method: POST}}, channels: [{id: sms, type: http, request_config: {}}]}";
    let warnings = with_schema(text).notices.warnings.join("\n");
    assert!(warnings.contains("COURIER_HTTP_REQUEST_CONFIG_URL") && warnings.contains("inbox"), "{warnings}");
    let error = check_deployment(&format!("{SERVE}{SCHEMA}{text}"), None, &[]).unwrap_err().to_string();
    assert!(error.contains("courier.http.request_config.url: not set"), "{error}");
}

#[test]
fn file_in_working_folder_wins() {
    let folder = std::env::temp_dir().join(format!("latchkey-folders-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("tests")).unwrap();
    std::fs::write(folder.join("tests/working-folder.json"), r#"{"title": "beside the configuration"}"#).unwrap();
    std::fs::write(folder.join("tests/other.json"), r#"{"title": "beside the configuration"}"#).unwrap();
    std::fs::write(folder.join("identity.schema.json"), "{}").unwrap();
    let title = |url: &str| {
        let text = format!("{SERVE}identity: {{schemas: [{{id: default, url: '{url}'}}]}}");
        let read = read(&text, Some(&folder), &[], true).map_err(|e| e.to_string())?;
        Ok::<_, String>(read.config.identity.schemas[0].document["title"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(title("file://tests/working-folder.json").unwrap(), "in the working folder");
    assert_eq!(title("file://./tests/working-folder.json").unwrap(), "in the working folder");
    assert_eq!(title("file://tests/other.json").unwrap(), "beside the configuration");
    // As a container mounts it: the file is here, under another path.
    let error = title("file:///etc/config/kratos/identity.schema.json").unwrap_err();
    assert!(error.contains("write file://identity.schema.json"), "{error}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn secrets_of_unused_keys_are_allowed() {
    let text = format!(
        "serve: {{public: {{base_url: 'https://a.example'}}}}\n{SCHEMA}dsn: 'postgres://kratos:a-password@db:5432/kratos'\n\
         selfservice: {{methods: {{oidc: {{enabled: true, config: {{providers: [{{id: google, client_secret: a-client-secret}}]}}}}}}}}"
    );
    let loaded = check_deployment(&text, None, &[]).unwrap();
    let lines = format!("{}\n{}", loaded.notices.lines().join("\n"), loaded.notices.no_effect().join("\n"));
    assert!(lines.contains("dsn: remove it: all state is in DynamoDB.") && lines.contains("Social sign-in"), "{lines}");
    let compact = to_compact(&text, None, &[]).unwrap();
    assert!(!compact.contains("a-password") && !compact.contains("a-client-secret"), "{compact}");
    let used = format!(
        "{text}\ncourier: {{http: {{request_config: {{url: 'https://u:word@c.example', headers: {{X-Key: k}}}}}}}}"
    );
    let error = check_deployment(&used, None, &[]).unwrap_err().to_string();
    assert!(error.contains("courier.http.request_config.headers.X-Key"), "{error}");
}

#[test]
fn error_hides_no_warning() {
    let found = inspect(
        &format!("{SERVE}{SCHEMA}session: {{lifespan: x, lifespn: 1h}}\nlog: {{level: debug}}"),
        None,
        &[],
        true,
    );
    assert!(found.loaded.unwrap_err().to_string().contains("session.lifespan"));
    assert!(found.notices.lines().iter().any(|line| line.starts_with("session.lifespn has no effect")));
    assert_eq!(found.notices.lines().last().unwrap(), "No effect here: log.");
}

#[test]
fn former_rate_limits_are_read_with_warnings() {
    let env = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let text = format!("{SERVE}{SCHEMA}brakes: {{window: 5m, attempts: {{person: 7}}}}");
    let loaded = read(&text, None, &env(&[("BRAKES_SENDS_FLOW", "2"), ("BRAKES_WINDOW", "6m")]), true).unwrap();
    let limits = loaded.config.rate_limits.unwrap();
    assert_eq!((limits.window.as_secs(), limits.attempts_identity, limits.sends_flow), (360, 7, 2));
    let told: Vec<_> =
        loaded.notices.warnings.iter().map(|line| line.split(", its name").next().unwrap_or_default()).collect();
    for says in [
        "brakes.window is read as rate_limits.window",
        "brakes.attempts.person is read as rate_limits.attempts.identity",
        "BRAKES_SENDS_FLOW is read as RATE_LIMITS_SENDS_FLOW",
        "BRAKES_WINDOW is read as RATE_LIMITS_WINDOW",
    ] {
        assert!(told.contains(&says), "{told:?}");
    }
    assert_eq!(told.len(), 4, "{told:?}");
    let deployed = text.replace("http://127.0.0.1:4433/", "https://a.example/");
    let compact = to_compact(&deployed, None, &[]).unwrap();
    assert!(compact.contains("rate_limits") && !compact.contains("brakes"), "{compact}");
    let limits = read(&compact, None, &env(&[("BRAKES_WINDOW", "6m")]), true).unwrap().config.rate_limits.unwrap();
    assert_eq!((limits.window.as_secs(), limits.attempts_identity), (360, 7));
}

#[test]
fn errors_name_former_rate_limits_as_written() {
    let text = format!("{SERVE}{SCHEMA}brakes: {{window: 5, sends: {{flow: 1}}}}\nrate_limits: {{sends: {{flow: 2}}}}");
    let env = [("BRAKES_SENDS_DEVICE", "x"), ("BRAKES_ENABLED", "true"), ("RATE_LIMITS_ENABLED", "true")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let errors = read(&text, None, &env, true).unwrap_err().0;
    for says in [
        "brakes.sends.flow: not allowed beside rate_limits.sends.flow, which is its name of today: remove brakes.sends.flow",
        "BRAKES_ENABLED: not allowed beside RATE_LIMITS_ENABLED, which is its name of today: remove BRAKES_ENABLED",
        "brakes.window (read as rate_limits.window): 5 is not allowed: it must be a duration",
        "rate_limits.sends.device (environment variable BRAKES_SENDS_DEVICE): \"x\" is not allowed",
    ] {
        assert!(errors.iter().any(|line| line.starts_with(says)), "{says}: {errors:?}");
    }
    assert_eq!(errors.len(), 4, "{errors:?}");
}
