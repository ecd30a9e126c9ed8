//! What reading a configuration finds.

use crate::notices::Notices;

/// What there is to say about a configuration.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What keeps it from being used.
    pub(crate) errors: Vec<String>,
    /// What else there is to tell.
    pub(crate) notices: Notices,
    /// Keys whose values hold placeholders that were not filled in, and the placeholders.
    pub(crate) placeholders: Vec<(String, String)>,
}

impl Findings {
    pub(crate) fn error(&mut self, line: impl Into<String>) {
        self.errors.push(line.into());
    }

    pub(crate) fn warn(&mut self, line: impl Into<String>) {
        self.notices.warnings.push(line.into());
    }
}

/// A value that may be very long, as an error shows it.
pub(crate) fn shortened(text: &str) -> String {
    if text.chars().count() <= 80 {
        format!("{text:?}")
    } else {
        format!("{:?}…", text.chars().take(77).collect::<String>())
    }
}
