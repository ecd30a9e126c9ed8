//! Configuration files as people write them, and what reading them says.

use latchkey_config::{
    ClientAddress, Config, Hasher, Loaded, RequiredAal, SameSite, check_deployment, read, to_compact,
};
use std::time::Duration;

/// A small file with everything that is required.
const SMALL: &str = r#"
serve: {public: {base_url: "https://login.example.org"}, admin: {base_url: "https://admin.example.org/"}}
selfservice:
  default_browser_return_url: https://app.example.org/
  flows: {login: {ui_url: "https://app.example.org/login"}}
identity: {schemas: [{id: default, url: "base64://eyJ0eXBlIjoib2JqZWN0In0="}]}
"#;

fn with(more: &str, dev: bool) -> Result<Loaded, String> {
    // Later keys of the same name would be an error, so the addition is merged at the top level only.
    read(&format!("{SMALL}{more}"), None, &[], dev).map_err(|e| e.to_string())
}

fn config(more: &str) -> Config {
    with(more, false).unwrap_or_else(|e| panic!("{more}: {e}")).config
}

/// The small file with more keys of `serve`.
fn serving(more: &str, dev: bool) -> Result<Loaded, String> {
    read(&SMALL.replacen("serve: {", &format!("serve: {{{more}, "), 1), None, &[], dev).map_err(|e| e.to_string())
}

/// The small file with environment overrides.
fn over(env: &[(&str, &str)]) -> Result<Loaded, String> {
    let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    read(SMALL, None, &env, false).map_err(|e| e.to_string())
}

/// A mark at the beginning, UTF-16, lines that end as on Windows.
#[test]
fn files_are_read_as_windows_writes_them() {
    let folder = std::env::temp_dir().join(format!("latchkey-text-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let schema = r#"{"type": "object", "title": "Zoë"}"#;
    let text = SMALL.replace("base64://eyJ0eXBlIjoib2JqZWN0In0=", "file://schema.json").replace('\n', "\r\n");
    let marked = |text: &str| [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    let utf16 = |text: &str| {
        text.encode_utf16().fold(vec![0xFF, 0xFE], |all, unit| [all, unit.to_le_bytes().to_vec()].concat())
    };
    for (text, schema) in [(marked(&text), marked(schema)), (utf16(&text), utf16(schema))] {
        std::fs::write(folder.join("kratos.yml"), text).unwrap();
        std::fs::write(folder.join("schema.json"), schema).unwrap();
        let text = latchkey_config::text_of(&folder.join("kratos.yml")).unwrap();
        let loaded = read(&text, Some(&folder), &[], false).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(loaded.config.identity.schemas[0].document["title"], "Zoë");
    }
    assert!(latchkey_config::text_of(&folder.join("none")).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_small_file_gets_the_documented_defaults() {
    let loaded = with("", false).unwrap();
    assert_eq!(loaded.notices.lines(), Vec::<String>::new());
    let config = loaded.config;
    assert_eq!(config.public.base_url, "https://login.example.org/");
    assert_eq!(config.session.lifespan, Duration::from_secs(86_400));
    assert_eq!(config.session.required_aal, RequiredAal::HighestAvailable);
    assert_eq!(config.selfservice.login.lifespan, Duration::from_secs(3600));
    assert_eq!(config.selfservice.error_ui_url, "https://login.example.org/error");
    assert_eq!(config.cookies.session_name, "ory_kratos_session");
    assert!(config.cookies.session_persistent && config.cookies.session.secure && config.cookies.csrf.secure);
    assert_eq!(config.identity.default_schema_id, "default");
    assert!(config.cors.is_none() && config.methods.password.enabled && config.trusted_proxies.is_empty());
    let owasp = Hasher::Argon2id { memory_kib: 19_456, iterations: 2, parallelism: 1, salt_length: 16, key_length: 32 };
    assert_eq!(config.hasher, owasp);
}

#[test]
fn development_relaxes_cookies_and_trusts_loopback() {
    let config = with("", true).unwrap().config;
    assert!(!config.cookies.session.secure && !config.cookies.csrf.secure);
    let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];
    assert_eq!(config.trusted_proxies, [["127.0.0.0/8", "::1/128"].as_slice(), &private].concat());
    assert_eq!(config.client_address, ClientAddress::Any);
    let config = serving("trusted_proxies: [192.0.2.0/24]", true).unwrap().config;
    assert_eq!(config.trusted_proxies, ["192.0.2.0/24", "127.0.0.0/8", "::1/128"], "a file says better");
}

#[test]
fn one_header_names_the_clients_address() {
    assert_eq!(config("").client_address, ClientAddress::ForwardedFor);
    let named =
        |header: &str| serving(&format!("trusted_proxies: [192.0.2.1/32], client_address_header: {header}"), false);
    let unknown = named("X-Client-IP").err().unwrap_or_default();
    let named = named("CloudFront-Viewer-Address").unwrap();
    assert_eq!(
        (named.config.client_address, named.notices.warnings.len()),
        (ClientAddress::CloudFrontViewerAddress, 0)
    );
    assert!(unknown.contains("serve.client_address_header") && unknown.contains("X-Real-IP"), "{unknown}");
    let useless = serving("client_address_header: X-Real-IP", false).unwrap();
    assert!(useless.notices.warnings.concat().contains("serve.trusted_proxies"), "{:?}", useless.notices.warnings);
}

#[test]
fn cookies_inherit() {
    let config = config(
        "cookies: {domain: example.org, path: /a, same_site: None, secure: false}\n\
         session: {cookie: {name: own, path: /b, persistent: false}}",
    );
    let session = config.cookies.session;
    assert_eq!((session.domain.as_deref(), session.path.as_str()), (Some("example.org"), "/b"));
    // The session's own Secure is not that of the others, and theirs decides the anti-CSRF cookie's SameSite.
    assert!(session.secure && session.same_site == SameSite::None);
    assert!(!config.cookies.csrf.secure && config.cookies.csrf.same_site == SameSite::Lax);
    assert_eq!((config.cookies.session_name.as_str(), config.cookies.session_persistent), ("own", false));
}

#[test]
fn host_prefixes_are_for_cookies_of_one_host() {
    let names = |more: &str| {
        let cookies = config(more).cookies;
        (cookies.csrf_host_prefix, cookies.session_name)
    };
    let plain = || "ory_kratos_session".to_owned();
    assert_eq!(names(""), (true, plain()));
    assert_eq!(names("cookies: {host_prefix: false}"), (false, plain()));
    assert_eq!(names("cookies: {domain: example.org}"), (false, plain()));
    assert_eq!(names("cookies: {path: /a}"), (false, plain()));
    assert_eq!(names("cookies: {secure: false}"), (false, plain()));
    assert_eq!(names("session: {cookie: {host_prefix: true}}"), (true, format!("__Host-{}", plain())));
    assert_eq!(names("session: {cookie: {host_prefix: true, name: __Host-own}}"), (true, "__Host-own".to_owned()));
    assert!(!with("", true).unwrap().config.cookies.csrf_host_prefix, "without Secure there is no prefix");
    for (more, key) in [
        ("cookies: {host_prefix: true, domain: example.org}", "cookies.host_prefix"),
        ("cookies: {host_prefix: true, path: /a}", "cookies.host_prefix"),
        ("session: {cookie: {host_prefix: true, domain: example.org}}", "session.cookie.host_prefix"),
        ("session: {cookie: {host_prefix: true, secure: false}}", "session.cookie.host_prefix"),
    ] {
        let said = with(more, false).err().unwrap_or_default();
        assert!(said.contains(key) && said.contains("https"), "{more}: {said}");
    }
    assert!(with("cookies: {host_prefix: true}", true).is_err(), "nor when it is asked for");
}

#[test]
fn hashers() {
    assert_eq!(config("hashers: {algorithm: bcrypt}").hasher, Hasher::Bcrypt { cost: 12 });
    assert_eq!(config("hashers: {algorithm: bcrypt, bcrypt: {cost: 4}}").hasher, Hasher::Bcrypt { cost: 12 });
    let dev = with("hashers: {algorithm: bcrypt, bcrypt: {cost: 4}}", true).unwrap().config;
    assert_eq!(dev.hasher, Hasher::Bcrypt { cost: 4 });
    let own = Hasher::Argon2id { memory_kib: 8192, iterations: 1, parallelism: 2, salt_length: 16, key_length: 16 };
    assert_eq!(config("hashers: {argon2: {memory: 8MB, iterations: 1, parallelism: 2, key_length: 16}}").hasher, own);
}

#[test]
fn a_wrong_value_names_key_value_and_what_is_allowed() {
    for (more, says) in [
        ("session: {lifespan: 3 days}", "session.lifespan: \"3 days\" is not allowed: it must be a duration"),
        ("session: {lifespan: 0s}", "session.lifespan: \"0s\""),
        ("session: {lifespan: 24}", "session.lifespan: 24 is not allowed"),
        ("session: yes please", "session: must hold keys and values"),
        ("session: {whoami: {required_aal: aal2}}", "it must be aal1, highest_available"),
        ("session: {cookie: {name: 'a b'}}", "session.cookie.name: \"a b\""),
        ("session: {cookie: {persistent: 'yes'}}", "it must be true or false"),
        ("cookies: {same_site: lax}", "it must be Strict, Lax, None"),
        ("cookies: {path: a}", "it must be a path"),
        ("hashers: {algorithm: md5}", "hashers.algorithm: \"md5\" is not allowed: it must be argon2, bcrypt"),
        ("hashers: {bcrypt: {cost: 20}}", "it must be a whole number from 4 to 15"),
        ("hashers: {argon2: {memory: 1TB}}", "hashers.argon2.memory: \"1TB\""),
        ("hashers: {argon2: {memory: 64KB, parallelism: 16}}", "16 lanes need at least 128KB"),
        (
            "secrets: {cookie: [short]}",
            "secrets.cookie: the value (not shown) is not allowed: each must be text of at least 16",
        ),
        ("secrets: {cipher: [seventeen-letters]}", "of exactly 32 characters"),
        ("feature_flags: {cacheable_sessions_max_age: soon}", "feature_flags.cacheable_sessions_max_age"),
        ("courier: {delivery_strategy: pigeon}", "it must be smtp, http"),
        ("sesion: {lifespan: 1h}", "sesion: there is no such key; did you mean \"session\"?"),
        ("utterly_unknown: 1", "utterly_unknown: there is no such key"),
    ] {
        let error = with(more, false).err().unwrap_or_else(|| panic!("{more} was accepted"));
        assert!(error.contains(says), "{more}: {error}");
        assert!(!error.contains("short]") && !error.contains("seventeen"), "{error}");
    }
}

#[test]
fn all_errors_are_reported_at_once() {
    let error = read("session: {lifespan: x}\nhashers: {algorithm: y}", None, &[], false).unwrap_err();
    let text = error.to_string();
    for key in ["session.lifespan", "hashers.algorithm", "serve.public.base_url", "identity.schemas"] {
        assert!(error.0.iter().any(|line| line.starts_with(key)), "{key} is not in {text}");
    }
}

#[test]
fn what_is_not_built_is_one_warning_each() {
    let loaded = with(
        "courier: {smtp: {connection_uri: 'smtp://user:secret@host', client_key_path: key.pem}}\n\
         oauth2_provider: {url: 'http://127.0.0.1:4445'}\n\
         log: {level: debug}\n\
         session: {lifespn: 1h}\n\
         dsn: memory",
        false,
    )
    .unwrap();
    let warnings = loaded.notices.lines().join("\n");
    for line in [
        "A client certificate for the mail server: not built yet; 1 key has no effect: courier.smtp.client_key_path.",
        "The OAuth 2.0 provider's login challenge: not built yet; 1 key has no effect: oauth2_provider.url.",
        "No effect here: dsn, log.",
        "session.lifespn has no effect: there is no such key; did you mean \"lifespan\"?",
    ] {
        assert_eq!(warnings.matches(line).count(), 1, "{line} in\n{warnings}");
    }
    assert!(!warnings.contains("secret@"), "{warnings}");
}

#[test]
fn what_is_off_needs_no_warning() {
    let loaded = with("courier: {channels: []}\nsecurity: {account_enumeration: {mitigate: false}}", false).unwrap();
    assert_eq!(loaded.notices.lines(), Vec::<String>::new());
}

/// The login part of a file, whole, with something laid into it.
fn login(inside: &str, methods: &str) -> Result<Loaded, String> {
    let text = format!(
        "serve: {{public: {{base_url: 'https://login.example.org'}}}}\n\
         selfservice:\n  default_browser_return_url: https://app.example.org/\n  methods: {{{methods}}}\n  flows: {{login: {{ui_url: /login, {inside}}}}}\n\
         identity: {{schemas: [{{id: default, url: 'base64://e30='}}]}}"
    );
    read(&text, None, &[], true).map_err(|e| e.to_string())
}

#[test]
fn keys_whose_loss_would_let_people_in_stop_the_start() {
    for (inside, methods, says) in [
        (
            "after: {password: {hooks: [{hook: require_verified_address}]}}",
            "",
            "after.password.hooks: the hook \"require_verified_address\"",
        ),
        ("after: {hooks: [{hook: require_verified_address}]}", "", "login.after.hooks"),
        (
            "after: {hooks: [{hook: web_hook, config: {url: 'https://x.example', can_interrupt: true}}]}",
            "",
            "\"web_hook\"",
        ),
        (
            "before: {hooks: [{hook: web_hook, config: {url: 'https://x.example', response: {parse: true}}}]}",
            "",
            "before.hooks",
        ),
        (
            "after: {hooks: [{hook: web_hook, config: {url: 'https://x.example'}}]}",
            "",
            "by a 4xx or 5xx would be let in",
        ),
        (
            "after: {code: {hooks: [{hook: web_hook, config: {url: 'https://x.example', response: {ignore: false}}}]}}",
            "",
            "after.code.hooks: the hook \"web_hook\"",
        ),
        ("after: {hooks: [{hook: unheard_of}]}", "", "\"unheard_of\" is no hook"),
        ("", "code: {enabled: true, mfa_enabled: true}", "selfservice.methods.code.mfa_enabled: true is not allowed"),
    ] {
        let error = login(inside, methods).err().unwrap_or_else(|| panic!("{inside} {methods} was accepted"));
        assert!(error.contains(says), "{inside}: {error}");
    }
    // What only adds something is passed over with a warning.
    let loaded =
        login("after: {hooks: [{hook: revoke_active_sessions}]}", "code: {passwordless_enabled: true}").unwrap();
    assert_eq!(loaded.notices.lines().len(), 1, "{:?}", loaded.notices.warnings);
    let notified = "after: {hooks: [{hook: web_hook, config: {url: 'https://x.example', response: {ignore: true}}}]}";
    assert!(login(notified, "").is_ok());
    // Nobody is asked for a second factor where whoami does not want one, and a method that is off asks for nothing.
    assert!(login("", "code: {enabled: false, mfa_enabled: true}").is_ok());
}

#[test]
fn after_urls_are_read_by_method() {
    let loaded = login(
        "after: {default_browser_return_url: 'https://a.example', password: {default_browser_return_url: 'https://b.example'}}",
        "",
    )
    .unwrap();
    let login = loaded.config.selfservice.login;
    assert_eq!(login.after_return_url.as_deref(), Some("https://a.example"));
    assert_eq!(login.after_method_return_urls["password"], "https://b.example");
    assert_eq!(login.ui_url, "/login");
}

#[test]
fn return_urls_that_strangers_could_own_are_left_out() {
    let urls = "https://*.example.org, https://*.co.uk, https://*.com, https://*, https://*example.org, https://a.*.com, \
                https://*.github.io, https://*.team.github.io, /relative, app.example.org, myapp://callback, https://*.example.org:8443/x";
    let loaded = over(&[("SELFSERVICE_ALLOWED_RETURN_URLS", urls)]).unwrap();
    let kept =
        ["https://*.example.org", "https://*.team.github.io", "myapp://callback", "https://*.example.org:8443/x"];
    assert_eq!(loaded.config.selfservice.allowed_return_urls, kept);
    assert_eq!(loaded.notices.warnings.len(), 8, "{:?}", loaded.notices.warnings);
    let lenient = over(&[
        ("SELFSERVICE_ALLOWED_RETURN_URLS", "https://*.com,/relative"),
        ("FEATURE_FLAGS_LEGACY_ALLOW_INSECURE_ORIGINS", "true"),
    ])
    .unwrap();
    assert_eq!(lenient.config.selfservice.allowed_return_urls, ["https://*.com"]);
}

#[test]
fn a_wrong_variable_is_named() {
    let error = over(&[("SESSION_LIFESPAN", "forever")]).unwrap_err();
    assert!(error.contains("session.lifespan (environment variable SESSION_LIFESPAN): \"forever\""), "{error}");
    // Variables of keys without effect are none of ours: other programs have a LOG and a VERSION too.
    assert!(
        over(&[("VERSION", "1"), ("LOG", "x"), ("DEV", "maybe"), ("DSN", "memory")])
            .unwrap()
            .notices
            .warnings
            .is_empty()
    );
}

#[test]
fn schemas_are_read_from_base64_and_files() {
    let folder = std::env::temp_dir().join(format!("latchkey-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("schema.json"), r#"{"title": "in a file"}"#).unwrap();
    let schemas = |url: &str| {
        let env = [(
            "IDENTITY_SCHEMAS".to_owned(),
            format!(r#"[{{"id":"default","url":"{url}","selfservice_selectable":true}}]"#),
        )];
        read(SMALL, Some(&folder), &env, false)
            .map(|l| l.config.identity.schemas[0].document.clone())
            .map_err(|e| e.to_string())
    };
    for url in [
        "file://schema.json",
        "file://./schema.json",
        "schema.json",
        &format!("file://{}/schema.json", folder.display()),
    ] {
        assert_eq!(schemas(url).unwrap()["title"], "in a file", "{url}");
    }
    for (url, says) in [
        ("file://missing.json", "cannot read"),
        ("https://example.org/schema.json", "nothing is fetched at the start"),
        ("base64://%%", "not base64"),
        ("base64://bm90IGpzb24=", "not JSON"),
        ("base64://W10=", "not a JSON object"),
    ] {
        let error = schemas(url).unwrap_err();
        assert!(error.contains(says) && error.contains("identity.schemas[0].url"), "{url}: {error}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn schema_ids_are_unique_and_the_default_is_among_them() {
    let twice = r#"[{"id":"a","url":"base64://e30="},{"id":"a","url":"base64://e30="}]"#;
    let error = over(&[("IDENTITY_SCHEMAS", twice)]).unwrap_err();
    assert!(error.contains("needs an id of its own"), "{error}");
    assert!(error.contains("identity.default_schema_id: \"default\""), "{error}");
}

/// What was checked when it was made is not checked again; what somebody edited since is, and so is what the environment says.
#[test]
fn what_travels_is_trusted_as_it_was_made() {
    let compact = to_compact(&format!("{SMALL}session: {{lifespan: 36h}}\n"), None, &[]).unwrap();
    let with = |text: &str, env: &[(&str, &str)]| {
        let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(text, None, &env, false).map(|loaded| loaded.config).map_err(|e| e.to_string())
    };
    assert_eq!(with(&compact, &[]).unwrap().session.lifespan.as_secs(), 36 * 3600);
    assert_eq!(with(&compact, &[("SESSION_LIFESPAN", "2h")]).unwrap().session.lifespan.as_secs(), 7200);
    for (text, env, says) in [
        (compact.replace("36h", "36x"), vec![], "session.lifespan: \"36x\" is not allowed"),
        (compact.replace("lifespan", "livespan"), vec![], "session.livespan"),
        (compact.clone(), vec![("SESSION_LIFESPAN", "x")], "(environment variable SESSION_LIFESPAN): \"x\" is not"),
        (compact.clone(), vec![("COURIER_CHANNELS", "[5]")], "courier.channels[]: must hold keys and values"),
    ] {
        match with(&text, &env) {
            Err(error) => assert!(error.contains(says), "{says}: {error}"),
            Ok(_) => {
                let warnings = read(&text, None, &[], false).unwrap().notices.warnings;
                assert!(warnings.iter().any(|line| line.contains(says)), "{says}: {warnings:?}");
            }
        }
    }
}

#[test]
fn a_deployment_carries_no_secrets_and_travels_light() {
    let secret = "secrets: {cookie: [Vq3p9WkX0sLr8Zt1-and-more]}\n";
    let error = check_deployment(&format!("{SMALL}{secret}"), None, &[]).unwrap_err().to_string();
    assert!(error.contains("secrets.cookie") && !error.contains("Vq3p9"), "{error}");
    let compact = to_compact(&format!("{SMALL}log: {{level: debug}}\n"), None, &[]).unwrap();
    assert!(!compact.contains('\n') && !compact.contains("debug"), "{compact}");
    let (from_yaml, mut from_compact) = (config(""), read(&compact, None, &[], false).unwrap().config);
    let checked = check_deployment(&format!("{SMALL}log: {{level: debug}}\n"), None, &[]).unwrap();
    assert_eq!(from_compact.revision, checked.config.revision, "the same configuration is the same revision");
    from_compact.revision.clone_from(&from_yaml.revision);
    assert_eq!(format!("{from_yaml:?}"), format!("{from_compact:?}"));
    assert_eq!(to_compact(&compact, None, &[]).unwrap(), compact);
    // Functions have no list of public suffixes, so what is on it must not reach them.
    let wide = "https://*.co.uk";
    let listed = SMALL
        .replace("selfservice:", "selfservice:\n  allowed_return_urls: ['https://*.co.uk', 'https://*.example.org']");
    let compact = to_compact(&listed, None, &[]).unwrap();
    assert!(compact.contains("https://*.example.org") && !compact.contains(wide), "{compact}");
}

#[test]
fn the_local_address_stands_in_for_one_that_is_not_set() {
    let text = SMALL.replace("serve:", "#");
    assert!(read(&text, None, &[], true).is_err());
    let env = [("LATCHKEY_PUBLIC_URL".to_owned(), "http://127.0.0.1:4433/".to_owned())];
    assert_eq!(read(&text, None, &env, true).unwrap().config.public.base_url, "http://127.0.0.1:4433/");
    assert_eq!(read(SMALL, None, &env, true).unwrap().config.public.base_url, "https://login.example.org/");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = read(&text, None, &[], false);
    }

    #[test]
    fn any_value_of_any_variable_is_read_or_refused(value in "\\PC{0,30}", which in 0..latchkey_config::keys::KEYS.len()) {
        for path in latchkey_config::keys::KEYS[which].paths() {
            let env = [(path.to_ascii_uppercase().replace('.', "_"), value.clone())];
            let _ = read(SMALL, None, &env, false);
        }
    }
}

/// A file that names no pages of its own.
const BARE: &str = r#"
serve: {public: {base_url: "https://login.example.org"}}
identity: {schemas: [{id: default, url: "base64://eyJ0eXBlIjoib2JqZWN0In0="}]}
"#;

#[test]
fn who_names_no_pages_gets_those_that_come_along() {
    let flows = read(BARE, None, &[], false).unwrap().config.selfservice;
    assert_eq!(flows.login.ui_url, "https://login.example.org/login");
    assert_eq!(flows.error_ui_url, "https://login.example.org/error");
    assert_eq!(flows.default_browser_return_url, "https://login.example.org/session");
    assert_eq!(flows.allowed_return_urls, ["https://login.example.org/login", "https://login.example.org/session"]);
    // Locally they have an address of their own; a file that names one wins, and so does one with pages of its own.
    let local = [("LATCHKEY_PAGES_URL".to_owned(), "http://127.0.0.1:4455".to_owned())];
    assert_eq!(read(BARE, None, &local, true).unwrap().config.selfservice.login.ui_url, "http://127.0.0.1:4455/login");
    let named = read(&format!("{BARE}pages: {{base_url: 'https://a.example/x'}}"), None, &local, true).unwrap().config;
    assert_eq!(named.selfservice.login.ui_url, "https://a.example/x/login");
    let own = read(SMALL, None, &local, true).unwrap().config.selfservice;
    assert_eq!((own.login.ui_url.as_str(), own.allowed_return_urls.len()), ("https://app.example.org/login", 0));
}

#[test]
fn the_look_of_the_pages_is_checked() {
    let folder = std::env::temp_dir().join(format!("latchkey-pages-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("logo.svg"), "<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap();
    std::fs::write(folder.join("large.svg"), format!("<svg>{}</svg>", " ".repeat(20_000))).unwrap();
    std::fs::write(folder.join("more.css"), "h1 { color: red }").unwrap();
    let look =
        |pages: &str| read(&format!("{SMALL}pages: {{{pages}}}"), Some(&folder), &[], false).map_err(|e| e.to_string());
    let pages = look("name: Acme, logo: file://logo.svg, css: more.css, accent: '#AA0000'").unwrap().config.pages;
    assert_eq!(pages.name, "Acme");
    assert_eq!(pages.logo.as_ref().map(|logo| (logo.media_type, logo.extension)), Some(("image/svg+xml", "svg")));
    assert_eq!(pages.css.as_deref(), Some("h1 { color: red }"));
    assert_eq!(pages.accent.map(|color| color.to_string()).as_deref(), Some("#aa0000"));
    assert_ne!(pages.accent_dark, pages.accent, "one that can be read in the dark");
    for (pages, says) in [
        ("accent: red", "pages.accent: \"red\" is not allowed: it must be a colour such as #"),
        (
            "accent: '#ffff00'",
            "pages.accent: \"#ffff00\" is not allowed: its contrast to white (#ffffff) is 1.07, and texts need 4.5; take a darker one",
        ),
        (
            "accent_dark: '#000080'",
            "pages.accent_dark: \"#000080\" is not allowed: its contrast to the dark card (#171b24)",
        ),
        ("logo: nothing.png", "pages.logo: \"nothing.png\" is not allowed: cannot read"),
        ("logo: more.css", "pages.logo: the file is not allowed: it must be a picture"),
        ("logo: large.svg", "pages.logo: \"large.svg\" is not allowed: it has 20 KB, and at most 16 KB"),
        ("logo: 'https://cdn.example/logo.png'", "nothing is fetched at the start"),
        ("css: 'base64://!'", "pages.css: \"base64://!\" is not allowed: what follows base64:// is not base64"),
        ("terms_url: terms.html", "pages.terms_url: \"terms.html\" is not allowed: it must be a URL"),
        ("colour: '#aa0000'", ""),
    ] {
        match look(pages) {
            Ok(loaded) => {
                assert!(
                    loaded.notices.warnings[0].starts_with("pages.colour has no effect"),
                    "{pages}: {:?}",
                    loaded.notices.warnings
                )
            }
            Err(error) => assert!(!says.is_empty() && error.contains(says), "{pages}: {error}"),
        }
    }
    // A compact file needs no folder.
    let text = format!("{SMALL}pages: {{logo: logo.svg, css: more.css}}");
    let compact = to_compact(&text, Some(&folder), &[]).unwrap();
    let again = read(&compact, None, &[], false).unwrap().config.pages;
    assert_eq!((again.logo, again.css.as_deref()), (pages.logo, Some("h1 { color: red }")));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_strict_preset_decides_what_is_left_open_and_refuses_what_is_weaker() {
    let usual = with("", false).unwrap();
    assert!(!usual.config.mitigate_enumeration);
    assert_eq!(
        usual.notices.weaker,
        ["security.account_enumeration.mitigate is false, as it is when not set: preset strict asks for true"]
    );
    let strict = with("preset: strict", false).unwrap();
    assert!(strict.config.mitigate_enumeration && strict.notices.weaker.is_empty(), "{:?}", strict.notices.weaker);
    assert_eq!(strict.config.methods.code.lifespan.as_secs(), 600);
    for (inside, names) in [
        (
            "preset: strict\nsecurity: {account_enumeration: {mitigate: false}}",
            "security.account_enumeration.mitigate: false",
        ),
        ("preset: strict\nsession: {whoami: {required_aal: aal1}}", "session.whoami.required_aal: \"aal1\""),
        ("preset: lax", "preset: \"lax\" is not allowed"),
    ] {
        let error = with(inside, false).err().unwrap_or_else(|| panic!("{inside} was accepted")).to_string();
        assert!(error.contains(names), "{error}");
    }
    let weaker = login("", "code: {passwordless_enabled: true}").unwrap().notices.weaker.join("\n");
    assert!(
        weaker.contains("code.config.lifespan is \"1h\", as it is when not set: preset strict asks for 10m"),
        "{weaker}"
    );
    assert!(login("", "code: {passwordless_enabled: true, config: {lifespan: 9m}}").unwrap().notices.weaker.len() == 1);
}
