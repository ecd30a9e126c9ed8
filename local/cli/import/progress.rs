//! How far it is: a bar on a terminal, a line now and then elsewhere. Always on standard error.

use super::Counts;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often a bar is drawn, and a line written.
const BAR: Duration = Duration::from_millis(100);
const LINE: Duration = Duration::from_secs(5);
const WIDTH: usize = 30;

pub(super) struct Progress {
    /// Bytes of everything, when that is known.
    total: Option<u64>,
    from: (u64, u64),
    started: Instant,
    shown: Option<Instant>,
    terminal: bool,
    drawn: bool,
}

impl Progress {
    /// Begins at so many bytes and lines.
    pub(super) fn start(total: Option<u64>, bytes: u64, lines: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { total, from: (bytes, lines), started: Instant::now(), shown: None, terminal, drawn: false }
    }

    pub(super) fn say(&self, text: &str) {
        eprintln!("{text}");
    }

    pub(super) fn show(&mut self, bytes: u64, lines: u64, counts: Counts) {
        let pause = if self.terminal { BAR } else { LINE };
        if self.shown.unwrap_or(self.started).elapsed() < pause {
            return;
        }
        self.shown = Some(Instant::now());
        let text = self.text(bytes, lines, counts);
        if self.terminal {
            self.drawn = true;
            eprint!("\r\u{1b}[2K{text}");
            // A bar that is not drawn is nothing to fail for.
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{text}");
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if self.drawn {
            eprint!("\r\u{1b}[2K");
        }
    }

    fn text(&self, bytes: u64, lines: u64, counts: Counts) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let pace = lines.saturating_sub(self.from.1) as f64 / seconds;
        let facts = format!("{lines} lines, {} refused, {pace:.0} a second", counts.refused);
        let Some(total) = self.total.filter(|total| *total > 0) else { return facts };
        let part = (bytes as f64 / total as f64).min(1.0);
        let left = total.saturating_sub(bytes) as f64 * seconds / bytes.saturating_sub(self.from.0).max(1) as f64;
        let bar = if self.terminal {
            let full = (part * WIDTH as f64) as usize;
            format!("[{}{}] ", "=".repeat(full), " ".repeat(WIDTH - full))
        } else {
            String::new()
        };
        format!("{bar}{:3.0} %  {facts}, {} left", part * 100.0, duration(left))
    }
}

fn duration(seconds: f64) -> String {
    match seconds as u64 {
        seconds @ 0..=99 => format!("{seconds} s"),
        seconds @ 100..=5999 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
