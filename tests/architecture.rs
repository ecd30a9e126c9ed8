//! The shape of the project, as its documents draw it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The table of `docs/architecture.md` names what each shared crate stands on.
#[test]
fn arrows_are_those_of_the_manifests() {
    let text = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let row = regex_lite::Regex::new(r"(?m)^\| `shared/([a-z]+)` \| ([^|]*) \|").unwrap();
    let crates = |text: &str| -> BTreeSet<String> {
        text.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty() && *name != "nothing")
            .map(str::to_owned)
            .collect()
    };
    let documented: BTreeMap<String, BTreeSet<String>> =
        row.captures_iter(&text).map(|found| (found[1].to_owned(), crates(&found[2]))).collect();
    let mut actual = BTreeMap::new();
    for folder in std::fs::read_dir(root().join("shared")).unwrap().flatten() {
        let manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
        let normal = manifest.split("[dependencies]").nth(1).unwrap_or("").split("\n[").next().unwrap_or("");
        let named = regex_lite::Regex::new(r"(?m)^latchkey-([a-z]+)\b").unwrap();
        let uses: BTreeSet<String> = named.captures_iter(normal).map(|found| found[1].to_owned()).collect();
        actual.insert(folder.file_name().to_string_lossy().into_owned(), uses);
    }
    assert_eq!(documented, actual, "docs/architecture.md has other arrows than the manifests (left: the page)");
    // Cargo allows no cycle between crates, so the arrows point down.
}

/// Nothing below a domain crate imports what imports it.
#[test]
fn files_import_each_other_without_cycle() {
    for name in ["core", "methods", "selfservice", "store"] {
        let src = root().join("shared").join(name).join("src");
        let imports = imports(&src);
        if let Some(cycle) = cycle(&imports) {
            panic!("shared/{name}: these files import each other: {}", cycle.join(" -> "));
        }
    }
}

/// For each file of a crate, the files that it imports. A facade may re-export its own children.
fn imports(src: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut files = Vec::new();
    collect(src, &mut files);
    let modules: BTreeMap<String, String> = files.iter().map(|file| (module_of(src, file), shown(src, file))).collect();
    let mut all = BTreeMap::new();
    for file in &files {
        let (own, text) = (module_of(src, file), std::fs::read_to_string(file).expect("a source file"));
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
        let mut targets = BTreeSet::new();
        for path in paths(code, &own) {
            let mut path = path.as_str();
            loop {
                if let Some(target) = modules.get(path) {
                    if *target != shown(src, file) && !path.is_empty() {
                        targets.insert(target.clone());
                    }
                    break;
                }
                path = path.rsplit_once("::").map_or("", |(parent, _)| parent);
            }
        }
        all.insert(shown(src, file), targets);
    }
    all
}

/// The paths within the crate that a file's code names, each from the crate's root.
fn paths(code: &str, own: &str) -> Vec<String> {
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let reexport = regex_lite::Regex::new(r"pub(\([a-z ]+\))? use [^;]*;").expect("a pattern");
    let code = reexport.replace_all(&code, "");
    let named = regex_lite::Regex::new(r"\b(crate|super)::([a-z_0-9:]*)(\{[^;]*\};)?").expect("a pattern");
    let parent = own.rsplit_once("::").map_or("", |(parent, _)| parent);
    let mut found = Vec::new();
    for names in named.captures_iter(&code) {
        let base = if &names[1] == "crate" { "" } else { parent };
        let stem = names[2].trim_end_matches(':');
        let join = |rest: &str| {
            [base, stem, rest].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("::")
        };
        match names.get(3) {
            None => found.push(join("")),
            Some(group) => {
                let inner = regex_lite::Regex::new(r"[a-z_0-9]+(::[a-z_0-9]+)*").expect("a pattern");
                found.push(join(""));
                found.extend(inner.find_iter(group.as_str()).map(|name| join(name.as_str())));
            }
        }
    }
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs")
            && path.file_name().is_none_or(|name| name != "tests.rs")
        {
            files.push(path);
        }
    }
}

fn shown(src: &Path, file: &Path) -> String {
    file.strip_prefix(src).expect("a file below its folder").to_string_lossy().into_owned()
}

fn module_of(src: &Path, file: &Path) -> String {
    let path = shown(src, file).trim_end_matches(".rs").replace('/', "::");
    path.trim_end_matches("::mod").trim_end_matches("lib").to_owned()
}

/// A cycle, from a file to itself.
fn cycle(imports: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit(
        file: &str,
        imports: &BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|seen| seen == file) {
            let mut cycle = path[start..].to_vec();
            cycle.push(file.to_owned());
            return Some(cycle);
        }
        if done.contains(file) {
            return None;
        }
        path.push(file.to_owned());
        let found = imports.get(file).into_iter().flatten().find_map(|next| visit(next, imports, path, done));
        path.pop();
        done.insert(file.to_owned());
        found
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|file| visit(file, imports, &mut Vec::new(), &mut done))
}

#[test]
fn cycle_between_three_files_is_found() {
    let to = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let mut imports =
        BTreeMap::from([("a".to_owned(), to(&["b"])), ("b".to_owned(), to(&["c"])), ("c".to_owned(), to(&[]))]);
    assert_eq!(cycle(&imports), None);
    imports.insert("c".to_owned(), to(&["a"]));
    assert_eq!(cycle(&imports).unwrap(), ["a", "b", "c", "a"]);
    assert_eq!(paths("use crate::x::{y::Z, w};\nlet a = super::v::f();", "m::n"), ["x", "x::y", "x::w", "m::v::f"]);
}
