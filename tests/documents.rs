//! Compares what the documentation says with the code.

use latchkey::template::{Route, Segment, Template};
use latchkey_config::keys::{DefaultValue, Key, Kind, Role, places};
use latchkey_web::routes;

/// The routes of the table in code, one by verb, in the template's spelling.
fn in_code(table: &[routes::Route], prefixes: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = table
        .iter()
        .flat_map(|route| {
            let methods = route.methods.unwrap_or(&["ANY"]);
            methods.iter().flat_map(move |method| prefixes.iter().map(move |prefix| (*method, *prefix, route.path)))
        })
        .map(|(method, prefix, path)| format!("{method} {}", path.replacen("/admin", prefix, 1)))
        .collect();
    all.sort();
    all
}

/// The routes of the template, except those for unmatched requests.
fn in_template(routes: &[Route]) -> Vec<String> {
    let mut all: Vec<String> = routes
        .iter()
        .filter_map(|route| {
            let path = route.path.as_ref()?;
            let parts = path.iter().map(|segment| match segment {
                Segment::Text(text) => Some(format!("/{text}")),
                Segment::Any => Some("/{}".to_owned()),
                Segment::Rest => None,
            });
            let path: String = parts.collect::<Option<Vec<_>>>()?.concat();
            // The sample is not part of the API.
            let ours = !route.function.contains("Unmatched") && route.function != "SampleFunction";
            ours.then(|| format!("{} {path}", route.method.as_deref().unwrap_or("ANY")))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn template_has_every_route_of_the_code() {
    let template = Template::load().unwrap();
    let mut public = in_template(&template.public);
    // A verb of its own beside ANY, so that no route with a parameter matches it.
    public.retain(|route| route != "DELETE /sessions/whoami");
    assert_eq!(public, in_code(routes::PUBLIC, &["/admin"]));
    assert_eq!(in_template(&template.pages), in_code(routes::PAGES, &["/admin"]));
    assert_eq!(in_template(&template.admin), in_code(routes::ADMIN, &["/admin", ""]));
}

#[test]
fn every_configuration_key_is_documented() {
    crate::support::page::holds("configuration.md", "keys", "documents", &tables());
}

fn tables() -> String {
    let mut used = String::from("\n## What is used\n\n| key | value | default | |\n|---|---|---|---|\n");
    let mut later = String::from(
        "\n## What has no effect yet\n\nValues are checked; the start warns of each key that is set.\n\n| key | value | belongs to |\n|---|---|---|\n",
    );
    let mut without = String::from("\n## What has no effect here\n\n| key | because |\n|---|---|\n");
    for place in places() {
        let (path, key) = (place.path(), place.key);
        match place.role() {
            Role::Used | Role::Secret => {
                used += &format!("| `{path}` | {} | {} | {} |\n", value(key), default(key), key.meaning);
            }
            Role::NotBuilt(feature) => later += &format!("| `{path}` | {} | {feature} |\n", value(key)),
            Role::NoEffect(why) => without += &format!("| `{path}` | {why} |\n"),
        }
    }
    used + &later + &without + "\n"
}

/// What counts when a key is not set, as the reading has it.
fn default(key: &Key) -> String {
    match key.default {
        DefaultValue::Unset => String::new(),
        DefaultValue::Required => "required".to_owned(),
        DefaultValue::Bool(on) => on.to_string(),
        DefaultValue::OffInDevelopment => "true; false with `--dev`".to_owned(),
        DefaultValue::Int(number) => number.to_string(),
        DefaultValue::Text(text) => format!("`{text}`"),
        DefaultValue::Texts([]) => "none".to_owned(),
        DefaultValue::Texts(texts) => texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(" "),
        DefaultValue::Described(text) => text.to_owned(),
    }
}

/// The values that a key accepts.
fn value(key: &Key) -> String {
    match key.kind {
        Kind::Bool => "true or false".to_owned(),
        Kind::Int(least, i64::MAX) => format!("number from {least}"),
        Kind::Int(least, most) => format!("number from {least} to {most}"),
        Kind::Text | Kind::SecretText | Kind::CookieName => "text".to_owned(),
        Kind::Domain | Kind::CookieDomain => "domain".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Url | Kind::BaseUrl => "URL".to_owned(),
        Kind::UrlOrPath => "URL or path".to_owned(),
        Kind::AnyUrl => "URL of any scheme".to_owned(),
        Kind::Color => "colour".to_owned(),
        Kind::Duration => "duration".to_owned(),
        Kind::DurationOr(word) => format!("duration or `{word}`"),
        Kind::Memory(least, most) => format!("memory from {least}KB to {}MB", most / 1024),
        Kind::OneOf(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::Texts => "list of texts".to_owned(),
        Kind::Origins => "list of origins".to_owned(),
        Kind::Words(_) => "list of verbs".to_owned(),
        Kind::Networks => "list of networks".to_owned(),
        Kind::Secrets(least, most) if least == most => format!("list of texts of {least} characters"),
        Kind::Secrets(least, _) => format!("list of texts of at least {least} characters"),
        Kind::Hooks => "list of hooks".to_owned(),
        Kind::List => "list".to_owned(),
        Kind::Map => "keys and values".to_owned(),
    }
}

/// Every guard that `docs/security.md` names is an existing test.
#[test]
fn every_guard_of_security_page_exists() {
    let text = include_str!("../docs/security.md");
    let named = regex_lite::Regex::new(r"`([a-z_/]+\.rs)::([a-z_0-9]+)`").unwrap();
    let mut count = 0;
    for found in named.captures_iter(text) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&found[1]);
        let source = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(source.contains(&format!("fn {}(", &found[2])), "{} has no {}", &found[1], &found[2]);
        count += 1;
    }
    assert!(count >= 25, "{count}");
}

/// The pages and the messages use one name; the wire's own "sign in code" is translated.
#[test]
fn one_time_code_has_one_name() {
    for text in [include_str!("../functions/ui/lang/en.tsv"), include_str!("../shared/courier/lang/en.tsv")] {
        let text = text.to_lowercase();
        assert!(text.contains("sign-in code"));
        assert!(!text.contains("sign in code") && !text.contains("login code") && !text.contains("log-in code"));
    }
}

/// Sources of deployed code: path below the project, and text.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => walk(&path, found),
                path if path.extension().is_some_and(|end| end == "rs") => found.push(path),
                _ => {}
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["functions", "shared"] {
        walk(&root.join(folder), &mut found);
    }
    let named = |path: std::path::PathBuf| {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).unwrap())
    };
    found.into_iter().map(named).filter(|(name, _)| !name.contains("/tests/")).collect()
}

/// A value that is kept for the life of a process is in a cell or in a lock. Each such place is in the table with its reason.
#[test]
fn values_kept_in_a_process_are_listed() {
    let text = include_str!("../docs/security.md");
    let table = text.split("## What a function reads once").nth(1).unwrap().split("\n## ").next().unwrap();
    let cell =
        regex_lite::Regex::new(r"\b(OnceCell|OnceLock|LazyLock|LazyCell|SetOnce|lazy_static|Mutex<Option<|RwLock<)")
            .unwrap();
    let mut kept: Vec<String> =
        sources().into_iter().filter(|(_, text)| cell.is_match(text)).map(|(name, _)| name).collect();
    // How long a channel is paused comes from the channel and ends by itself.
    kept.retain(|name| name != "functions/courier/src/pace.rs");
    let missing: Vec<&String> = kept.iter().filter(|name| !table.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/security.md does not say why these may keep what they read: {missing:?}");
    let named = regex_lite::Regex::new(r"`([a-z_/-]+\.rs)`").unwrap();
    for found in named.captures_iter(table) {
        assert!(sources().iter().any(|(name, _)| *name == found[1]), "there is no {}", &found[1]);
    }
}

/// One crate builds the clients that call configured URLs, so no call bypasses its address guard.
#[test]
fn only_egress_builds_http_clients() {
    let client = regex_lite::Regex::new(
        r"client::legacy|HttpConnector\b|HttpsConnector\b|reqwest|TcpStream::connect|client::conn",
    )
    .unwrap();
    let others: Vec<String> = sources()
        .into_iter()
        .filter(|(name, text)| client.is_match(text) && !name.starts_with("shared/egress/"))
        .map(|(name, _)| name)
        .collect();
    // These give the AWS SDKs a connector that sends by a client of that crate.
    let of_the_sdks = ["shared/platform/src/aws/connector.rs", "shared/platform/src/aws/https.rs"];
    let others: Vec<&String> = others.iter().filter(|name| !of_the_sdks.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "build clients with latchkey_egress: {others:?}");
}
