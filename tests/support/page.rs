//! Parts of documents that tests compute.

use std::path::Path;

/// Compares a section of a page below `docs/` with what a test computed. `LATCHKEY_WRITE_DOCS=1 cargo test --test edge TEST` writes the
/// section; the comment at its beginning names the test.
pub fn holds(page: &str, section: &str, test: &str, current: &str) {
    let begin = format!("<!-- {section}: written by `LATCHKEY_WRITE_DOCS=1 cargo test --test edge {test}` -->\n");
    let end = format!("<!-- end of {section} -->\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(&begin).unwrap();
    let (written, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("LATCHKEY_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{begin}{current}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(written, current, "docs/{page} is not what {test} works out");
}
