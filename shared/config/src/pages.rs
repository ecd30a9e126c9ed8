//! The login pages' own key, `pages`: where they are, and how they look.

use crate::assemble::{self, Reader};
use crate::check::Findings;
use crate::keys::{Role, lookup};
use latchkey_core::bounds::{LARGEST_CSS, LARGEST_LOGO};
use serde_json::Value;
use std::path::Path;

/// The login pages.
#[derive(Clone, Debug)]
pub struct Pages {
    /// Where browsers reach them; ends with a slash.
    pub base_url: String,
    /// What the place is called that people sign in to.
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
    /// Making an account.
    pub registration: bool,
    /// Getting back into one.
    pub recovery: bool,
    /// Proving an address.
    pub verification: bool,
    /// Changing one's account.
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

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color {
    red: u8,
    green: u8,
    blue: u8,
}

/// What accents must be told apart from: the card they stand on, which is also the colour of a button's text.
const LIGHT: Color = Color { red: 0xff, green: 0xff, blue: 0xff };
const DARK: Color = Color { red: 0x17, green: 0x1b, blue: 0x24 };
/// WCAG 2.2, 1.4.3, level AA.
const CONTRAST: f64 = 4.5;

impl Color {
    /// Reads `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        Some(Self { red: part(0)?, green: part(2)?, blue: part(4)? })
    }

    /// WCAG's relative luminance.
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// WCAG's contrast ratio, 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The colour mixed with as much white as it takes to be read in the dark.
    fn lightened(self) -> Self {
        let mixed = |share: u16| {
            // Both weights sum up to 100, so the result fits.
            let mix = |part: u8| ((u16::from(part) * (100 - share) + 255 * share) / 100) as u8;
            Self { red: mix(self.red), green: mix(self.green), blue: mix(self.blue) }
        };
        (0..=100).map(mixed).find(|color| color.contrast(DARK) >= CONTRAST + 1.0).unwrap_or(LIGHT)
    }
}

impl std::fmt::Display for Color {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

/// Reads the key. `fallback` is where the pages are if the file does not say.
pub(crate) fn pages(from: &Reader<'_>, fallback: &str, folder: Option<&Path>, findings: &mut Findings) -> Pages {
    let accent = color(from, "pages.accent", LIGHT, "white", findings);
    let accent_dark = color(from, "pages.accent_dark", DARK, "the dark card", findings);
    Pages {
        base_url: assemble::with_slash(from.text("pages.base_url").unwrap_or_else(|| fallback.to_owned())),
        name: from.text("pages.name").unwrap_or_else(|| "Latchkey".to_owned()),
        logo: logo(from, folder, findings),
        accent_dark: accent_dark.or_else(|| accent.map(Color::lightened)),
        accent,
        terms_url: from.text("pages.terms_url"),
        privacy_url: from.text("pages.privacy_url"),
        css: css(from, folder, findings),
        flows: other_flows(from, is_built),
    }
}

fn color(from: &Reader<'_>, path: &str, on: Color, what: &str, findings: &mut Findings) -> Option<Color> {
    let color = Color::parse(&from.text(path)?)?;
    let contrast = color.contrast(on);
    if contrast < CONTRAST {
        let way = if on == LIGHT { "darker" } else { "lighter" };
        findings.error(format!(
            "{path}: \"{color}\" is not allowed: its contrast to {what} ({on}) is {contrast:.2}, and texts need {CONTRAST}; take a {way} one"
        ));
    }
    Some(color)
}

fn logo(from: &Reader<'_>, folder: Option<&Path>, findings: &mut Findings) -> Option<Logo> {
    let bytes = small_file(from, "pages.logo", LARGEST_LOGO, folder, findings)?;
    let Some((media_type, extension)) = picture(&bytes) else {
        findings.error("pages.logo: the file is not allowed: it must be a picture: SVG, PNG, WebP, JPEG or GIF");
        return None;
    };
    Some(Logo { bytes, media_type, extension })
}

fn css(from: &Reader<'_>, folder: Option<&Path>, findings: &mut Findings) -> Option<String> {
    let bytes = small_file(from, "pages.css", LARGEST_CSS, folder, findings)?;
    let text = String::from_utf8(bytes).ok();
    if text.is_none() {
        findings.error("pages.css: the file is not allowed: it must be text in UTF-8");
    }
    text
}

fn small_file(
    from: &Reader<'_>,
    path: &str,
    most: usize,
    folder: Option<&Path>,
    findings: &mut Findings,
) -> Option<Vec<u8>> {
    let value = from.text(path)?;
    let shown = assemble::shortened(&value);
    match assemble::content(&value, folder) {
        Ok(bytes) if bytes.len() <= most => Some(bytes),
        Ok(bytes) => {
            let (is, most) = (bytes.len().div_ceil(1024), most / 1024);
            findings.error(format!(
                "{path}: {shown} is not allowed: it has {is} KB, and at most {most} KB keep pages quick"
            ));
            None
        }
        Err(why) => {
            findings.error(format!("{path}: {shown} is not allowed: {why}"));
            None
        }
    }
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

/// Which flows the file turns on, of those that this release has.
fn other_flows(from: &Reader<'_>, is_built: impl Fn(&str) -> bool) -> OtherFlows {
    let is_on = |flow: &str, key: &str| {
        let path = format!("selfservice.flows.{flow}.{key}");
        let set = match from.value(&path) {
            Some(Value::Bool(on)) => *on,
            Some(Value::String(url)) => !url.is_empty(),
            _ => false,
        };
        set && is_built(&path)
    };
    OtherFlows {
        registration: is_on("registration", "enabled"),
        recovery: is_on("recovery", "enabled"),
        verification: is_on("verification", "enabled"),
        settings: is_on("settings", "ui_url"),
    }
}

fn is_built(path: &str) -> bool {
    lookup(path).is_some_and(|key| key.role == Role::Used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn contrast_is_that_of_wcag() {
        let at = |text: &str| Color::parse(text).unwrap();
        assert!((at("#000000").contrast(LIGHT) - 21.0).abs() < 0.01);
        assert!((at("#767676").contrast(LIGHT) - 4.54).abs() < 0.01);
        assert!((at("#777777").contrast(LIGHT) - 4.48).abs() < 0.01);
        for dull in ["#000000", "#0000ff", "#123456", "#ffffff"] {
            assert!(at(dull).lightened().contrast(DARK) >= CONTRAST, "{dull}");
        }
        for bad in ["", "#fff", "red", "#12345g", "#1234567", "123456", "#+12345", "#ééé"] {
            assert_eq!(Color::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn other_flows_show_once_they_are_built_and_on() {
        let flows = json!({"selfservice": {"flows": {
            "registration": {"enabled": true}, "recovery": {"enabled": false}, "verification": {"enabled": true},
            "settings": {"ui_url": "https://app.example.org/settings"},
        }}});
        let from = Reader { document: &flows };
        let all = other_flows(&from, |_| true);
        assert_eq!(all, OtherFlows { registration: true, recovery: false, verification: true, settings: true });
        assert_eq!(other_flows(&from, |_| false), OtherFlows::default());
    }

    #[test]
    fn pictures_are_known_by_their_bytes() {
        assert_eq!(picture(b"\x89PNG\r\n"), Some(("image/png", "png")));
        assert_eq!(picture(b"<?xml version='1.0'?><svg/>"), Some(("image/svg+xml", "svg")));
        assert_eq!(picture(b"<html>"), None);
        assert_eq!(picture(b""), None);
    }
}
