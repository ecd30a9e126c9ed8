//! `pages`, a namespace of Latchkey's own: where the login pages are, and how they look.

use crate::content::content;
use crate::findings::{Findings, shortened};
use crate::key::DefaultValue::{Text as Word, Unset};
use crate::key::{Key, Kind, Section, described, keys};
use crate::reader::Reader;
use crate::value::color::{CONTRAST, Color, DARK, LIGHT};
use crate::value::url::with_slash;
use latchkey_core::bounds::{LARGEST_CSS, LARGEST_LOGO};
use serde_json::Value;

pub(crate) static PAGES: Section = Section::new("pages", KEYS);

keys! { KEYS:
    BASE_URL = Key::used("base_url", Kind::Url, described("`serve.public.base_url`; locally port 4455"),
        "where browsers reach the login pages; this key and those below are Latchkey's own, see [pages.md](pages.md)");
    NAME = Key::used("name", Kind::Text, Word("Latchkey"), "what users sign in to, in headings and titles");
    LOGO = Key::used("logo", Kind::Text, Unset,
        "a picture in the place of the name: a file beside the configuration, at most 16 KB of SVG, PNG, WebP, JPEG or GIF");
    ACCENT = Key::used("accent", Kind::Color, described("`#3b4fc4`"),
        "buttons and links in light; texts must be readable in it on white");
    ACCENT_DARK = Key::used("accent_dark", Kind::Color, described("`#a4b1ff`; `pages.accent` lightened"),
        "the same in the dark, on `#171b24`");
    TERMS_URL = Key::used("terms_url", Kind::Url, Unset, "terms of use, linked below each page");
    PRIVACY_URL = Key::used("privacy_url", Kind::Url, Unset, "privacy policy, linked below each page");
    CSS = Key::used("css", Kind::Text, Unset, "a style sheet after ours: a file beside the configuration, at most 64 KB");
}

/// The login pages.
#[derive(Clone, Debug)]
pub struct Pages {
    /// Where browsers reach them; ends with a slash.
    pub base_url: String,
    /// What users sign in to.
    pub name: String,
    /// A picture in the place of the name.
    pub logo: Option<Logo>,
    /// The colour of buttons and links in light.
    pub accent: Option<Color>,
    /// The same in the dark.
    pub accent_dark: Option<Color>,
    /// Terms of use.
    pub terms_url: Option<String>,
    /// Privacy policy.
    pub privacy_url: Option<String>,
    /// A style sheet that comes after ours.
    pub css: Option<String>,
    /// Which other flows can be begun; those that are not built cannot.
    pub flows: OtherFlows,
}

/// Flows beside login that pages may link to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherFlows {
    /// Registration.
    pub registration: bool,
    /// Recovery of an account.
    pub recovery: bool,
    /// Verification of an address.
    pub verification: bool,
    /// Settings of an account.
    pub settings: bool,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
    /// The ending of its file name.
    pub extension: &'static str,
}

impl Logo {
    /// Whether mail programs show such a picture: most show neither SVG nor WebP.
    pub(crate) fn is_shown_in_mail(&self) -> bool {
        matches!(self.extension, "png" | "jpg" | "gif")
    }

    /// Where the pages have it, whatever is in it.
    pub(crate) fn url(&self, base_url: &str) -> String {
        format!("{base_url}assets/logo.mail.{}", self.extension)
    }
}

/// Reads the keys. `fallback` is the address of the pages where the file names none; `is_built` tells whether a key's feature is.
pub(crate) fn pages(
    from: Reader<'_>,
    fallback: &str,
    is_built: impl Fn(&str) -> bool,
    findings: &mut Findings,
) -> Pages {
    let flows = other_flows(from, is_built);
    let from = from.section(&PAGES);
    let accent = color(from, &ACCENT, (LIGHT, "white", "darker"), findings);
    let accent_dark = color(from, &ACCENT_DARK, (DARK, "the dark card", "lighter"), findings);
    Pages {
        base_url: with_slash(from.text(&BASE_URL).unwrap_or_else(|| fallback.to_owned())),
        name: from.text_or_default(&NAME),
        logo: logo(from, findings),
        accent_dark: accent_dark.or_else(|| accent.map(Color::lightened)),
        accent,
        terms_url: from.text(&TERMS_URL),
        privacy_url: from.text(&PRIVACY_URL),
        css: css(from, findings),
        flows,
    }
}

/// Reads a colour in which texts must be readable: `on` is the colour below them, what it is, and the way to a better contrast.
fn color(from: Reader<'_>, key: &Key, on: (Color, &str, &str), findings: &mut Findings) -> Option<Color> {
    let color = Color::parse(&from.text(key)?)?;
    let (below, what, way) = on;
    let contrast = color.contrast(below);
    if contrast < CONTRAST {
        findings.error(format!(
            "pages.{}: \"{color}\" is not allowed: its contrast to {what} ({below}) is {contrast:.2}, and texts need {CONTRAST}; take a \
             {way} one",
            key.path
        ));
    }
    Some(color)
}

fn logo(from: Reader<'_>, findings: &mut Findings) -> Option<Logo> {
    let bytes = small_file(from, &LOGO, LARGEST_LOGO, findings)?;
    let Some((media_type, extension)) = picture(&bytes) else {
        findings.error("pages.logo: the file is not allowed: it must be a picture: SVG, PNG, WebP, JPEG or GIF");
        return None;
    };
    Some(Logo { bytes, media_type, extension })
}

fn css(from: Reader<'_>, findings: &mut Findings) -> Option<String> {
    let bytes = small_file(from, &CSS, LARGEST_CSS, findings)?;
    let text = String::from_utf8(bytes).ok();
    if text.is_none() {
        findings.error("pages.css: the file is not allowed: it must be text in UTF-8");
    }
    text
}

fn small_file(from: Reader<'_>, key: &Key, most: usize, findings: &mut Findings) -> Option<Vec<u8>> {
    let value = from.text(key)?;
    let bytes = content(&value, from.folder).and_then(|bytes| {
        let (is, kilobytes) = (bytes.len().div_ceil(1024), most / 1024);
        let too_large = || format!("it has {is} KB, and at most {kilobytes} KB keep pages quick");
        if bytes.len() <= most { Ok(bytes) } else { Err(too_large()) }
    });
    bytes.map_err(|why| findings.error(format!("pages.{}: {} is not allowed: {why}", key.path, shortened(&value)))).ok()
}

/// What kind of picture it is, by how it begins.
fn picture(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]);
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some(("image/png", "png")),
        [0xff, 0xd8, 0xff, ..] => Some(("image/jpeg", "jpg")),
        [b'G', b'I', b'F', b'8', ..] => Some(("image/gif", "gif")),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(("image/webp", "webp")),
        _ if text.contains("<svg") => Some(("image/svg+xml", "svg")),
        _ => None,
    }
}

/// The flows that the file turns on, of those that this release has.
fn other_flows(from: Reader<'_>, is_built: impl Fn(&str) -> bool) -> OtherFlows {
    let is_on = |path: &str| {
        let set = match from.at(path) {
            Some(Value::Bool(on)) => *on,
            Some(Value::String(url)) => !url.is_empty(),
            _ => false,
        };
        set && is_built(path)
    };
    OtherFlows {
        registration: is_on("selfservice.flows.registration.enabled"),
        recovery: is_on("selfservice.flows.recovery.enabled"),
        verification: is_on("selfservice.flows.verification.enabled"),
        settings: is_on("selfservice.flows.settings.ui_url"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn other_flows_show_when_built_and_on() {
        let flows = json!({"selfservice": {"flows": {
            "registration": {"enabled": true}, "recovery": {"enabled": false}, "verification": {"enabled": true},
            "settings": {"ui_url": "https://app.example.org/settings"},
        }}});
        let from = Reader::new(&flows, None, false);
        let all = other_flows(from, |_| true);
        assert_eq!(all, OtherFlows { registration: true, recovery: false, verification: true, settings: true });
        assert_eq!(other_flows(from, |_| false), OtherFlows::default());
    }

    #[test]
    fn pictures_are_known_by_their_bytes() {
        assert_eq!(picture(b"\x89PNG\r\n"), Some(("image/png", "png")));
        assert_eq!(picture(b"<?xml version='1.0'?><svg/>"), Some(("image/svg+xml", "svg")));
        assert_eq!(picture(b"<html>"), None);
        assert_eq!(picture(b""), None);
    }
}
