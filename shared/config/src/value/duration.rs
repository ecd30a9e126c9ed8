//! Durations as Kratos writes them: `1h`, `10m30s`, `1.5h`, `250ms`.

use std::time::Duration;

/// Nanoseconds of each unit.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("\u{b5}s", 1e3),
    ("\u{3bc}s", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// Reads a duration; `None` when it is none, or a negative one.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut nanoseconds = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(unit_at);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanoseconds += number.parse::<f64>().ok()? * factor;
        rest = after;
    }
    // As long as 64 bits of nanoseconds reach, 292 years: what is added to a date must stay a date.
    (nanoseconds <= i64::MAX as f64).then(|| Duration::try_from_secs_f64(nanoseconds / 1e9).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        for (text, milliseconds) in [
            ("1h", 3_600_000),
            ("10m30s", 630_000),
            ("1.5h", 5_400_000),
            ("250ms", 250),
            ("0", 0),
            ("0s", 0),
            ("720h", 2_592_000_000),
            ("2562047h", 9_223_369_200_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_none() {
        for text in
            ["", "1", "h", "-1h", "1d", "1 h", "1h ", ".", "1..5h", "\u{661}h", "9e9h", "2562048h", "100000000h"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
