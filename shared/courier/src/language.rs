//! The languages of messages: those of the login pages.
//!
//! A table has a line for each text: a key, a tab, the text. A code always comes first of all numbers in a text, so that nothing
//! that looks for it finds another.

use std::collections::BTreeMap;

/// A language.
#[derive(Debug)]
pub struct Language {
    /// As in `lang` attributes.
    pub tag: &'static str,
    table: &'static str,
}

macro_rules! language {
    ($tag:literal) => {
        Language { tag: $tag, table: include_str!(concat!("../lang/", $tag, ".tsv")) }
    };
}

/// All languages. A user who asks for none of them gets the first.
pub static LANGUAGES: [Language; 5] =
    [language!("en"), language!("de"), language!("fr"), language!("es"), language!("ja")];

impl Language {
    /// The texts of this language by key, with `{name}` for each value.
    pub fn filled(&self, values: &[(&str, &str)]) -> BTreeMap<&'static str, String> {
        let lines = self.table.lines().filter_map(|line| line.split_once('\t'));
        lines.map(|(key, text)| (key, fill(text, values))).collect()
    }
}

/// Puts values in the place of their names. What is put in is not looked at again: a name in a value stays.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut parts = text.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part.split_once('}').and_then(|(name, rest)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, rest))
        });
        match known {
            Some((value, rest)) => filled.extend([*value, rest]),
            None => filled.extend(["{", part]),
        }
    }
    filled
}

/// The language of a tag such as `de` or `de-AT`.
pub fn by_tag(tag: &str) -> Option<&'static Language> {
    let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
    LANGUAGES.iter().find(|language| language.tag.eq_ignore_ascii_case(primary))
}

/// The first of these languages that we speak, else English.
pub fn first_spoken(tags: &[String]) -> &'static Language {
    tags.iter().find_map(|tag| by_tag(tag)).unwrap_or(&LANGUAGES[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_supported_language_is_chosen() {
        let first = |tags: &[&str]| first_spoken(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>()).tag;
        assert_eq!(first(&["pt-BR", "DE-at", "fr"]), "de");
        assert_eq!(first(&["ja_JP"]), "ja");
        assert_eq!(first(&["", "tlh", "e"]), "en");
        assert_eq!(first(&[]), "en");
    }

    #[test]
    fn languages_share_texts_and_placeholders() {
        let names = |text: &str| {
            let mut names: Vec<_> =
                text.split('{').skip(1).map(|part| part.split('}').next().unwrap_or_default().to_owned()).collect();
            names.sort();
            names
        };
        let english = LANGUAGES[0].filled(&[]);
        for language in &LANGUAGES {
            let texts = language.filled(&[]);
            assert_eq!(texts.keys().collect::<Vec<_>>(), english.keys().collect::<Vec<_>>(), "{}", language.tag);
            for (key, text) in texts {
                assert_eq!(names(&text), names(&english[key]), "{} {key}", language.tag);
            }
        }
    }

    #[test]
    fn placeholders_in_values_are_not_filled() {
        assert_eq!(fill("{a} and {b} and {c}", &[("a", "{b}"), ("b", "2")]), "{b} and 2 and {c}");
    }
}
