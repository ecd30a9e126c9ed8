//! Keeps words out that have a better one in the field: `docs/glossary.md` has the words to use.
//!
//! It needs nothing but the sources, so it is a program of its own: `cargo test --test words`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Words that are refused, and what to write instead.
const REFUSED: &[(&str, &str)] = &[
    ("people", "users, or identities"),
    ("peoples", "users, or identities"),
    ("person", "user, or identity"),
    ("persons", "users, or identities"),
    ("somebody", "a user, a client or an administrator"),
    ("someone", "a user, a client or an administrator"),
    ("whoever", "the user, client or administrator that"),
    ("whomever", "the user, client or administrator that"),
    ("nobody", "no user, no client or no identity"),
    ("anybody", "any user or client"),
    ("anyone", "any user or client"),
    ("everybody", "every user or client"),
    ("everyone", "every user or client"),
    ("stranger", "an unknown client, or an address without an identity"),
    ("strangers", "unknown clients, or addresses without an identity"),
    ("brake", "rate limit"),
    ("brakes", "rate limits"),
    ("braked", "rate limited"),
    ("letter", "message, or message body; character"),
    ("letters", "messages, or message bodies; characters"),
    ("carrier", "delivery channel"),
    ("carriers", "delivery channels"),
    ("wish", "request, or option"),
    ("wishes", "requests, or options"),
    ("wished", "requested"),
    ("moot", "without effect"),
    ("spared", "exempt"),
    ("footing", "state, or basis"),
];

/// Phrases in which a refused word is the field's own.
const TERMS: &[(&str, &str)] = &[
    ("dead letter", "SQS' name of a queue and of what is in it"),
    ("dead-letter", "the same"),
    ("dead_letter", "the same"),
    ("deadletter", "the same, in names of the template"),
    ("letter-spacing", "a property of CSS"),
];

/// Files in which one word is allowed.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("docs/configuration.md", "brakes", "the former name of a key, read for one release"),
    ("docs/configuration.md", "person", "the same"),
    ("shared/config/src/legacy.rs", "brakes", "the same"),
    ("shared/config/src/legacy.rs", "person", "the same"),
    ("shared/config/tests/files/published.rs", "brakes", "the same"),
    ("shared/config/tests/files/published.rs", "person", "the same"),
    ("shared/core/src/recipient.rs", "letters", "a text that the list of messages shows"),
    ("shared/courier/tests/templates.rs", "anyone", "the text of a mail, which speaks to its reader"),
    ("shared/courier/tests/templates.rs", "someone", "the same"),
    ("shared/schema/src/text.rs", "letter", "a general category of Unicode"),
];

/// Texts by the ends of their names. Translations are none: what they say to a user is checked by its readers.
const ENDS: &[&str] = &["rs", "md", "yml", "yaml", "toml", "js", "mjs", "ts", "tsx", "py", "html", "css", "run"];

/// Folders that hold what was built or installed.
const BUILT: &[&str] = &[".git", ".aws-sam", ".latchkey", ".venv", "__pycache__", "dist", "node_modules", "target"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the project").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if !BUILT.contains(&name.as_str()) {
                walk(&path, found);
            }
        } else if ENDS.contains(&name.rsplit('.').next().unwrap_or("")) || name == "run" {
            found.push(path);
        }
    }
}

/// Texts of the project, by their paths below its root.
fn texts() -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(root(), &mut found);
    let named = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("a path below the root").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name, text)
    };
    found.into_iter().map(named).collect()
}

/// The words of a line, those within identifiers too: `OneLetter` and `one_letter` have two.
fn words(line: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut before = ' ';
    for c in line.chars() {
        let begins = c.is_uppercase() && !before.is_uppercase();
        if !c.is_alphabetic() || begins {
            all.push(String::new());
        }
        if c.is_alphabetic() {
            all.last_mut().expect("never empty").extend(c.to_lowercase());
        }
        before = c;
    }
    all.retain(|word| !word.is_empty());
    all
}

/// The refused words of a line with what to write instead.
fn refused(line: &str) -> Vec<(&'static str, &'static str)> {
    let mut line = line.to_owned();
    for (term, _) in TERMS {
        while let Some(at) = line.to_ascii_lowercase().find(term) {
            line.replace_range(at..at + term.len(), "");
        }
    }
    let words = words(&line);
    let mut found: Vec<_> =
        REFUSED.iter().filter(|(word, _)| words.iter().any(|other| other == word)).copied().collect();
    if words.windows(3).any(|three| three == ["the", "one", "who"]) {
        found.push(("the one who", "the user, client or administrator that"));
    }
    found
}

#[test]
fn text_uses_words_of_the_field() {
    let mut used = BTreeSet::new();
    let mut found = Vec::new();
    // This file has to name the words.
    for (name, text) in texts().into_iter().filter(|(name, _)| name != "tests/words.rs") {
        let lines = std::iter::once((0, name.as_str())).chain(text.lines().enumerate().map(|(n, line)| (n + 1, line)));
        for (number, line) in lines {
            for (word, instead) in refused(line) {
                if let Some(at) = ALLOWED.iter().position(|(file, allowed, _)| *file == name && *allowed == word) {
                    used.insert(at);
                    continue;
                }
                found.push(format!("{name}:{number}: \"{word}\": write {instead}"));
            }
        }
    }
    assert!(found.is_empty(), "words that have a better one, see docs/glossary.md:\n{}", found.join("\n"));
    let stale: Vec<_> =
        ALLOWED.iter().enumerate().filter(|(at, _)| !used.contains(at)).map(|(_, entry)| entry).collect();
    assert!(stale.is_empty(), "nothing uses these exceptions any more: {stale:?}");
}

#[test]
fn words_within_identifiers_are_found() {
    let found = |line| refused(line).into_iter().map(|(word, _)| word).collect::<Vec<_>>();
    assert_eq!(found("fn known_person(x: &Letter) {"), ["person", "letter"]);
    assert_eq!(found("Whoever it is, withBrakes"), ["whoever", "brakes"]);
    assert_eq!(found("it is the one who asks"), ["the one who"]);
    assert!(found("a personal wishlist, a dead letter, DeadLetters, lettering").is_empty());
}

#[test]
fn exceptions_name_files_that_exist() {
    for (file, ..) in ALLOWED {
        assert!(root().join(file).exists(), "there is no {file}");
    }
}
