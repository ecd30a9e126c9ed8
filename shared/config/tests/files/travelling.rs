//! Configurations as functions read them, and the look of the login pages, which travels with them.

use crate::support::{SMALL, config};
use latchkey_config::{check_deployment, read, to_compact};

/// A file that was edited since it was made is checked, and so is what the environment sets.
#[test]
fn marked_file_is_not_checked_again() {
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
fn deployed_file_has_no_secrets_or_unused_keys() {
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
fn page_settings_are_checked() {
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
