//! Colours, and whether a text in them can be read.

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color {
    red: u8,
    green: u8,
    blue: u8,
}

/// The card in light, and the text of a button there: an accent must be told apart from it.
pub(crate) const LIGHT: Color = Color { red: 0xff, green: 0xff, blue: 0xff };
/// The card in the dark.
pub(crate) const DARK: Color = Color { red: 0x17, green: 0x1b, blue: 0x24 };
/// The least contrast of a text: WCAG 2.2, 1.4.3, level AA.
pub(crate) const CONTRAST: f64 = 4.5;

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
    pub(crate) fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The colour with so much white added that it can be read in the dark.
    pub(crate) fn lightened(self) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
