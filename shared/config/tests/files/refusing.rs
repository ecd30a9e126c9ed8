//! What stops the start, and what a file is warned of.

use crate::support::{login, over, with};
use latchkey_config::read;

#[test]
fn wrong_value_error_names_key_value_and_allowed() {
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
        ("secrets: {cipher: [seventeen-symbols]}", "of exactly 32 characters"),
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
fn each_feature_not_built_is_one_warning() {
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
fn switched_off_keys_give_no_warning() {
    let loaded = with("courier: {channels: []}\nsecurity: {account_enumeration: {mitigate: false}}", false).unwrap();
    assert_eq!(loaded.notices.lines(), Vec::<String>::new());
}

#[test]
fn keys_that_refuse_logins_stop_the_start() {
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
    // A hook that refuses no login is a warning.
    let loaded =
        login("after: {hooks: [{hook: revoke_active_sessions}]}", "code: {passwordless_enabled: true}").unwrap();
    assert_eq!(loaded.notices.lines().len(), 1, "{:?}", loaded.notices.warnings);
    let notified = "after: {hooks: [{hook: web_hook, config: {url: 'https://x.example', response: {ignore: true}}}]}";
    assert!(login(notified, "").is_ok());
    // No user is asked for a second factor where whoami asks for none, and a method that is off asks for nothing.
    assert!(login("", "code: {enabled: false, mfa_enabled: true}").is_ok());
}

#[test]
fn wrong_variable_is_named() {
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
fn strict_preset_sets_defaults_and_refuses_weaker_values() {
    let usual = with("", false).unwrap();
    assert!(!usual.config.mitigate_enumeration);
    assert_eq!(
        usual.notices.weaker,
        ["security.account_enumeration.mitigate is false, as it is when not set: preset strict asks for true"]
    );
    let strict = with("preset: strict", false).unwrap();
    assert!(strict.config.mitigate_enumeration && strict.notices.weaker.is_empty(), "{:?}", strict.notices.weaker);
    assert_eq!(strict.config.selfservice.methods.code.lifespan.as_secs(), 600);
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
