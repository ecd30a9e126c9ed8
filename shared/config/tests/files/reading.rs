//! Configuration files as administrators write them, and what reading them gives.

use crate::support::{SMALL, config, login, over, serving, with};
use latchkey_config::keys::places;
use latchkey_config::{ClientAddress, Hasher, RequiredAal, SameSite, read};
use std::time::Duration;

/// A byte order mark, UTF-16, lines that end as on Windows.
#[test]
fn files_of_windows_are_read() {
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
fn small_file_gets_documented_defaults() {
    let loaded = with("", false).unwrap();
    assert_eq!(loaded.notices.lines(), Vec::<String>::new());
    let config = loaded.config;
    assert_eq!(config.public.base_url, "https://login.example.org/");
    assert_eq!(config.session.lifespan, Duration::from_secs(86_400));
    assert_eq!(config.session.required_aal, RequiredAal::HighestAvailable);
    assert_eq!(config.selfservice.flows.login.lifespan, Duration::from_secs(3600));
    assert_eq!(config.selfservice.flows.error_ui_url, "https://login.example.org/error");
    assert_eq!(config.cookies.session_name, "ory_kratos_session");
    assert!(config.cookies.session_persistent && config.cookies.session.secure && config.cookies.csrf.secure);
    assert_eq!(config.identity.default_schema_id, "default");
    assert!(config.cors.is_none() && config.selfservice.methods.password.enabled && config.trusted_proxies.is_empty());
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
fn one_header_names_client_address() {
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
fn session_cookie_inherits_general_attributes() {
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
fn host_prefix_needs_cookie_of_one_host() {
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
fn hashers_are_read_with_safe_bounds() {
    assert_eq!(config("hashers: {algorithm: bcrypt}").hasher, Hasher::Bcrypt { cost: 12 });
    assert_eq!(config("hashers: {algorithm: bcrypt, bcrypt: {cost: 4}}").hasher, Hasher::Bcrypt { cost: 12 });
    let dev = with("hashers: {algorithm: bcrypt, bcrypt: {cost: 4}}", true).unwrap().config;
    assert_eq!(dev.hasher, Hasher::Bcrypt { cost: 4 });
    let own = Hasher::Argon2id { memory_kib: 8192, iterations: 1, parallelism: 2, salt_length: 16, key_length: 16 };
    assert_eq!(config("hashers: {argon2: {memory: 8MB, iterations: 1, parallelism: 2, key_length: 16}}").hasher, own);
}

#[test]
fn return_urls_are_read_by_method() {
    let loaded = login(
        "after: {default_browser_return_url: 'https://a.example', password: {default_browser_return_url: 'https://b.example'}}",
        "",
    )
    .unwrap();
    let login = loaded.config.selfservice.flows.login;
    assert_eq!(login.return_url_after("code").map(String::as_str), Some("https://a.example"));
    assert_eq!(login.return_url_after("password").map(String::as_str), Some("https://b.example"));
    assert_eq!(login.ui_url, "/login");
}

#[test]
fn return_urls_an_attacker_could_own_are_dropped() {
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
fn duplicate_or_missing_schema_ids_are_refused() {
    let twice = r#"[{"id":"a","url":"base64://e30="},{"id":"a","url":"base64://e30="}]"#;
    let error = over(&[("IDENTITY_SCHEMAS", twice)]).unwrap_err();
    assert!(error.contains("needs an id of its own"), "{error}");
    assert!(error.contains("identity.default_schema_id: \"default\""), "{error}");
}

#[test]
fn local_address_replaces_one_not_set() {
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
    fn any_variable_value_is_read_or_refused(value in "\\PC{0,30}", which in 0..places().count()) {
        for path in places().nth(which).expect("a key").paths() {
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
fn without_pages_the_built_in_ones_are_used() {
    let selfservice = read(BARE, None, &[], false).unwrap().config.selfservice;
    assert_eq!(selfservice.flows.login.ui_url, "https://login.example.org/login");
    assert_eq!(selfservice.flows.error_ui_url, "https://login.example.org/error");
    assert_eq!(selfservice.default_browser_return_url, "https://login.example.org/session");
    assert_eq!(
        selfservice.allowed_return_urls,
        ["https://login.example.org/login", "https://login.example.org/session"]
    );
    // Locally they have an address of their own; a file that names one wins, and so does one with pages of its own.
    let local = [("LATCHKEY_PAGES_URL".to_owned(), "http://127.0.0.1:4455".to_owned())];
    assert_eq!(
        read(BARE, None, &local, true).unwrap().config.selfservice.flows.login.ui_url,
        "http://127.0.0.1:4455/login"
    );
    let named = read(&format!("{BARE}pages: {{base_url: 'https://a.example/x'}}"), None, &local, true).unwrap().config;
    assert_eq!(named.selfservice.flows.login.ui_url, "https://a.example/x/login");
    let own = read(SMALL, None, &local, true).unwrap().config.selfservice;
    assert_eq!((own.flows.login.ui_url.as_str(), own.allowed_return_urls.len()), ("https://app.example.org/login", 0));
}
