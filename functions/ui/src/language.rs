//! The languages of the pages: a table of texts for each, and the choice among them.
//!
//! A table has a line for each text: a key, a tab, the text. Keys that are numbers are the ids of messages that the API sends;
//! English has none of them, because the API's own texts are English.

use std::collections::HashMap;
use std::sync::LazyLock;
use time::OffsetDateTime;

/// A language.
pub(crate) struct Language {
    /// The tag in `lang` attributes and the `lang` parameter.
    pub(crate) tag: &'static str,
    /// Its name in itself.
    pub(crate) name: &'static str,
    /// The direction of its script.
    pub(crate) direction: &'static str,
    /// The decimal separator.
    pub(crate) decimal: char,
    /// The quotation marks.
    pub(crate) quotes: (&'static str, &'static str),
    /// The separator of list items.
    pub(crate) comma: &'static str,
    table: LazyLock<HashMap<&'static str, &'static str>>,
}

macro_rules! language {
    ($tag:literal, $name:literal, $decimal:literal, $quotes:expr, $comma:literal) => {
        Language {
            tag: $tag,
            name: $name,
            direction: "ltr",
            decimal: $decimal,
            quotes: $quotes,
            comma: $comma,
            table: LazyLock::new(|| table(include_str!(concat!("../lang/", $tag, ".tsv")))),
        }
    };
}

/// All languages; the first one is the default.
pub(crate) static LANGUAGES: [Language; 5] = [
    language!("en", "English", '.', ("“", "”"), ", "),
    language!("de", "Deutsch", ',', ("„", "“"), ", "),
    language!("fr", "Français", ',', ("«\u{a0}", "\u{a0}»"), ", "),
    language!("es", "Español", ',', ("«", "»"), ", "),
    language!("ja", "日本語", '.', ("「", "」"), "、"),
];

fn table(text: &'static str) -> HashMap<&'static str, &'static str> {
    text.lines().filter_map(|line| line.split_once('\t')).collect()
}

impl Language {
    /// A text, if this language has it.
    pub(crate) fn find(&self, key: &str) -> Option<&'static str> {
        self.table.get(key).copied()
    }

    /// A text of the pages themselves.
    pub(crate) fn say(&self, key: &'static str) -> &'static str {
        self.find(key).or_else(|| LANGUAGES[0].find(key)).unwrap_or(key)
    }

    /// A text of the pages with values for its placeholders.
    pub(crate) fn fill(&self, key: &'static str, values: &[(&str, &str)]) -> String {
        values.iter().fold(self.say(key).to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    /// A date and a time in UTC; only the browser knows the user's time zone.
    pub(crate) fn moment(&self, at: OffsetDateTime) -> String {
        let month = self.find(&format!("month.{}", u8::from(at.month()))).unwrap_or_default();
        let time = format!("{:02}:{:02}", at.hour(), at.minute());
        let (day, year) = (at.day().to_string(), at.year().to_string());
        self.fill("moment", &[("day", &day), ("month", month), ("year", &year), ("time", &time)])
    }

    /// A number with this many decimals.
    pub(crate) fn number(&self, value: f64, decimals: usize) -> String {
        format!("{value:.decimals$}").replace('.', &self.decimal.to_string())
    }
}

/// The language of a tag such as `de` or `de-AT`.
pub(crate) fn by_tag(tag: &str) -> Option<&'static Language> {
    let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
    LANGUAGES.iter().find(|language| language.tag.eq_ignore_ascii_case(primary))
}

/// The language that an `Accept-Language` header prefers; of equals, the first.
pub(crate) fn accepted(header: &str) -> Option<&'static Language> {
    let mut best: Option<(f32, &'static Language)> = None;
    for range in header.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
        let (Some(language), Ok(quality)) = (by_tag(tag), quality) else { continue };
        if quality > 0.0 && quality <= 1.0 && best.is_none_or(|(most, _)| quality > most) {
            best = Some((quality, language));
        }
    }
    best.map(|(_, language)| language)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn preferred_language_wins() {
        for (header, tag) in [
            ("de", Some("de")),
            ("de-AT, en;q=0.8", Some("de")),
            ("en;q=0.8, fr;q=0.9, es;q=0.1", Some("fr")),
            ("pt-BR, ja;q=0.5", Some("ja")),
            ("fr;q=0, es;q=0.2", Some("es")),
            ("de;q=0.5, fr;q=0.5", Some("de")),
            ("EN-us", Some("en")),
            ("de;q=lots, fr;q=0.1", Some("fr")),
            ("de;q=2, fr;q=0.1", Some("fr")),
            ("*", None),
            ("", None),
            (",;,;q=", None),
        ] {
            assert_eq!(accepted(header).map(|l| l.tag), tag, "{header}");
        }
    }

    #[test]
    fn times_and_numbers_follow_the_language() {
        let at = datetime!(2026-03-01 07:05 UTC);
        let all: Vec<String> = LANGUAGES.iter().map(|language| language.moment(at)).collect();
        assert_eq!(
            all,
            [
                "1 March 2026, 07:05 UTC",
                "1. März 2026, 07:05 UTC",
                "1 mars 2026 à 07:05 UTC",
                "1 de marzo de 2026, 07:05 UTC",
                "2026年3月1日 07:05 UTC"
            ]
        );
        assert_eq!(by_tag("de").map(|l| l.number(1.5, 2)).as_deref(), Some("1,50"));
    }

    #[test]
    fn every_language_has_every_text_with_its_placeholders() {
        let placeholders = |text: &str| {
            let mut found: Vec<String> =
                text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect();
            found.sort();
            found.dedup();
            found
        };
        let (english, others) = LANGUAGES.split_first().unwrap();
        for (key, text) in &*english.table {
            for other in others {
                let translated = other.find(key).unwrap_or_else(|| panic!("{} has no {key}", other.tag));
                assert_eq!(placeholders(translated), placeholders(text), "{} {key}", other.tag);
            }
        }
        let german = &others[0];
        for (key, text) in &*german.table {
            assert!(!text.trim().is_empty(), "{key}");
            for other in others {
                let translated = other.find(key).unwrap_or_else(|| panic!("{} has no {key}", other.tag));
                assert_eq!(placeholders(translated), placeholders(text), "{} {key}", other.tag);
            }
            if key.parse::<u64>().is_err() {
                assert!(english.find(key).is_some(), "English has no {key}");
            }
        }
        for other in others {
            assert_eq!(other.table.len(), german.table.len(), "{}", other.tag);
        }
    }
}
