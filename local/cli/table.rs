//! Tables, as a person reads them. Whatever comes from a stack is cleaned of what a terminal would obey.

use crate::cli::{Failure, print};

/// Text on one line without control characters: somebody's trait must not move the cursor of whoever lists people.
pub fn clean(text: &str) -> String {
    let harmless = |c: char| match c {
        '\n' => ' ',
        c if c.is_control() || is_direction(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(harmless).collect()
}

/// The same on as many lines as it has.
pub fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

/// Marks that turn the direction of what follows.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Prints rows under a head; columns are as wide as they must be, the last one as long as it is.
///
/// # Errors
/// When nobody reads any more.
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
    fn a_terminal_obeys_nothing_of_it() {
        assert_eq!(clean("a\u{1b}[2Jb\r\nc\u{202e}d é"), "a\u{fffd}[2Jb\u{fffd} c\u{fffd}d é");
        assert_eq!(clean_lines("a\n\u{7}b"), "a\n\u{fffd}b");
    }
}
