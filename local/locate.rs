//! Finds the line of a key in a configuration file, so that an error can name it.

use granit_parser::{Event, Parser};

/// Puts the file and, if it can be found, the line before each error. Errors begin with the dotted path of their key.
pub fn with_lines(file: &str, text: &str, errors: &[String]) -> String {
    let placed = errors.iter().map(|error| {
        let path = error.split([':', ' ']).next().unwrap_or_default();
        match line_of(text, path) {
            Some(line) => format!("{file}:{line}: {error}"),
            None => format!("{file}: {error}"),
        }
    });
    placed.collect::<Vec<_>>().join("\n")
}

/// The line of a path such as `identity.schemas[0].url`, or of the nearest parent that the file has.
fn line_of(text: &str, path: &str) -> Option<usize> {
    let wanted: Vec<String> = path.replace('[', ".[").split('.').map(str::to_owned).collect();
    let mut walk = Walk { wanted: &wanted, path: Vec::new(), best: None };
    // The parser stops at a syntax error. The part before it is enough.
    for (event, span) in Parser::new_from_str(text).map_while(Result::ok) {
        walk.take(&event, span.start.line());
    }
    walk.best.map(|(_, line)| line)
}

/// The state of a walk through a document.
struct Walk<'a> {
    wanted: &'a [String],
    path: Vec<Level>,
    /// How many parts of the path were found, and the line of the last of them.
    best: Option<(usize, usize)>,
}

/// An open collection.
enum Level {
    /// The key whose value comes next, once it was read.
    Map(Option<String>),
    /// The index of the next item.
    List(usize),
}

impl Walk<'_> {
    fn take(&mut self, event: &Event<'_>, line: usize) {
        match event {
            Event::Scalar(text, ..) if matches!(self.path.last(), Some(Level::Map(None))) => {
                if let Some(Level::Map(key)) = self.path.last_mut() {
                    *key = Some(text.to_string());
                }
                self.compare(line);
            }
            Event::Scalar(..) | Event::Alias(_) => {
                self.item(line);
                self.next();
            }
            Event::MappingStart(..) => {
                self.item(line);
                self.path.push(Level::Map(None));
            }
            Event::SequenceStart(..) => {
                self.item(line);
                self.path.push(Level::List(0));
            }
            Event::MappingEnd | Event::SequenceEnd => {
                self.path.pop();
                self.next();
            }
            _ => {}
        }
    }

    fn item(&mut self, line: usize) {
        if matches!(self.path.last(), Some(Level::List(_))) {
            self.compare(line);
        }
    }

    /// A value has ended.
    fn next(&mut self) {
        match self.path.last_mut() {
            Some(Level::Map(key)) => *key = None,
            Some(Level::List(index)) => *index += 1,
            None => {}
        }
    }

    fn compare(&mut self, line: usize) {
        let here = self.path.len();
        let fits = here <= self.wanted.len()
            && self.path.iter().zip(self.wanted).all(|(level, wanted)| match level {
                Level::Map(key) => key.as_ref() == Some(wanted),
                Level::List(index) => *wanted == format!("[{index}]"),
            });
        if fits && self.best.is_none_or(|(depth, _)| depth < here) {
            self.best = Some((here, line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "\
# a comment: session
session:
  cookie: {name: a, domain: b}
  lifespan: |
    session:
      lifespan
\"identity\":
  schemas:
    - id: a
      url: x
    - {id: b,
       url: y}
x: &anchor {lifespan: 1}
y: *anchor
selfservice: { flows: {} }
";

    #[test]
    fn keys_are_found_on_their_lines() {
        for (path, line) in [
            ("session", 2),
            ("session.cookie.domain", 3),
            ("session.lifespan", 4),
            ("identity.schemas", 8),
            ("identity.schemas[0].url", 10),
            ("identity.schemas[1]", 11),
            ("identity.schemas[1].url", 12),
            ("y", 14),
            // A missing key has the line of its parent.
            ("selfservice.flows.login.ui_url", 15),
            ("session.nothing", 2),
        ] {
            assert_eq!(line_of(YAML, path), Some(line), "{path}");
        }
        assert_eq!(line_of(YAML, "nothing.at.all"), None);
    }

    #[test]
    fn json_has_lines_too() {
        let json = "{\n  \"a\": {\n    \"b\": [1,\n      {\"c\": 2}]\n  }\n}";
        assert_eq!((line_of(json, "a.b"), line_of(json, "a.b[1].c")), (Some(3), Some(4)));
    }

    #[test]
    fn errors_name_file_and_line() {
        let errors = ["session.lifespan (environment variable X): no".to_owned(), "nothing: no".to_owned()];
        let text = with_lines("k.yml", YAML, &errors);
        assert_eq!(text, "k.yml:4: session.lifespan (environment variable X): no\nk.yml: nothing: no");
        assert_eq!(line_of("session:\n  a: [\n", "session.a"), Some(2));
    }
}
