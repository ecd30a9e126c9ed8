//! Tables on a terminal. Text from a stack is stripped of control sequences.

use crate::cli::{Failure, print};

/// Text on one line without control characters: a trait must not move the cursor of the terminal that lists it.
pub fn clean(text: &str) -> String {
    let harmless = |c: char| match c {
        '\n' => ' ',
        c if c.is_control() || is_direction(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(harmless).collect()
}

/// The same, keeping line breaks.
pub fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

/// Characters that change the direction of the text after them.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Prints rows under a head. Each column is as wide as its widest cell, except the last one.
///
/// # Errors
/// When standard output is closed.
pub fn rows<const N: usize>(head: Option<[&str; N]>, rows: &[[String; N]]) -> Result<(), Failure> {
    let head = head.map(|head| head.map(str::to_owned));
    let all: Vec<[String; N]> =
        head.into_iter().chain(rows.iter().map(|row| row.each_ref().map(|c| clean(c)))).collect();
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    for row in &all {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        print(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_are_removed() {
        assert_eq!(clean("a\u{1b}[2Jb\r\nc\u{202e}d é"), "a\u{fffd}[2Jb\u{fffd} c\u{fffd}d é");
        assert_eq!(clean_lines("a\n\u{7}b"), "a\n\u{fffd}b");
    }
}
