//! Progress of an import: a bar on a terminal, a line now and then elsewhere. Always on standard error.

use super::Counts;
use std::collections::VecDeque;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often the bar is drawn, and how often a line is written.
const BAR: Duration = Duration::from_millis(100);
const LINE: Duration = Duration::from_secs(5);
const WIDTH: usize = 30;
/// The window over which the rate is measured. Batches take seconds, or a minute where passwords are hashed.
const WINDOW: Duration = Duration::from_secs(120);
/// How long the rate is measured before it is shown.
const SETTLED: Duration = Duration::from_secs(3);

pub(super) struct Progress {
    /// Bytes of the whole input, if known.
    total: Option<u64>,
    started: Instant,
    /// Places that were reached, with their times, within the window.
    places: VecDeque<(Instant, u64, u64)>,
    shown: Option<Instant>,
    terminal: bool,
    drawn: bool,
}

impl Progress {
    /// Starts at this many bytes and lines.
    pub(super) fn start(total: Option<u64>, bytes: u64, lines: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let started = Instant::now();
        let places = VecDeque::from([(started, bytes, lines)]);
        Self { total, started, places, shown: None, terminal, drawn: false }
    }

    pub(super) fn say(&self, text: &str) {
        eprintln!("{text}");
    }

    pub(super) fn show(&mut self, bytes: u64, lines: u64, counts: Counts) {
        let now = Instant::now();
        self.measure(now, bytes, lines);
        let pause = if self.terminal { BAR } else { LINE };
        if self.shown.unwrap_or(self.started).elapsed() < pause {
            return;
        }
        self.shown = Some(now);
        let text = self.text(now, bytes, lines, counts);
        if self.terminal {
            self.drawn = true;
            eprint!("\r\u{1b}[2K{text}");
            // A bar that cannot be drawn must not fail the import.
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{text}");
        }
    }

    /// Erases the bar.
    pub(super) fn end(&self) {
        if self.drawn {
            eprint!("\r\u{1b}[2K");
        }
    }

    /// Records a place. Forgets places before the window, except the youngest of them.
    fn measure(&mut self, now: Instant, bytes: u64, lines: u64) {
        if self.places.back().is_none_or(|(_, _, before)| *before != lines) {
            self.places.push_back((now, bytes, lines));
        }
        while self.places.get(1).is_some_and(|(at, ..)| now.duration_since(*at) > WINDOW) {
            self.places.pop_front();
        }
    }

    fn text(&self, now: Instant, bytes: u64, lines: u64, counts: Counts) -> String {
        let facts = format!("{lines} lines, {} refused", counts.refused);
        // The rate is unknown before the first batch is settled.
        let pace = self.places.front().and_then(|(at, from, first)| {
            let seconds = now.duration_since(*at).as_secs_f64();
            (lines > *first && seconds >= SETTLED.as_secs_f64()).then(|| {
                let per_second = |done: u64, before: u64| done.saturating_sub(before) as f64 / seconds;
                (per_second(lines, *first), per_second(bytes, *from))
            })
        });
        let facts = match pace {
            Some((pace, _)) if pace < 10.0 => format!("{facts}, {pace:.1} a second"),
            Some((pace, _)) => format!("{facts}, {pace:.0} a second"),
            None => facts,
        };
        let Some(total) = self.total.filter(|total| *total > 0) else { return facts };
        let part = (bytes as f64 / total as f64).min(1.0);
        let bar = if self.terminal {
            let full = (part * WIDTH as f64) as usize;
            format!("[{}{}] ", "=".repeat(full), " ".repeat(WIDTH - full))
        } else {
            String::new()
        };
        let left = match pace {
            Some((_, pace)) if pace > 0.0 => format!(", {} left", duration(total.saturating_sub(bytes) as f64 / pace)),
            _ => String::new(),
        };
        format!("{bar}{:3.0} %  {facts}{left}", part * 100.0)
    }
}

fn duration(seconds: f64) -> String {
    match seconds as u64 {
        seconds @ 0..=99 => format!("{seconds} s"),
        seconds @ 100..=5999 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_that_of_the_last_minutes() {
        let begun = Instant::now();
        let mut progress = Progress {
            total: Some(1_000_000),
            started: begun,
            places: VecDeque::from([(begun, 100_000, 1000)]),
            shown: None,
            terminal: false,
            drawn: false,
        };
        let mut at = |seconds: u64, bytes: u64, lines: u64| {
            let now = begun + Duration::from_secs(seconds);
            progress.measure(now, bytes, lines);
            progress.text(now, bytes, lines, Counts { created: 0, refused: 7 })
        };
        // Neither an earlier run nor a batch in flight counts.
        assert_eq!(at(0, 100_000, 1000), " 10 %  1000 lines, 7 refused");
        assert_eq!(at(30, 100_000, 1000), " 10 %  1000 lines, 7 refused");
        assert_eq!(at(40, 200_000, 2000), " 20 %  2000 lines, 7 refused, 25 a second, 5 min left");
        assert_eq!(at(140, 300_000, 3000), " 30 %  3000 lines, 7 refused, 14 a second, 8 min left");
        // The slow beginning has left the window.
        let mut last = String::new();
        for second in 141..=270 {
            last = at(second, 300_000 + (second - 140) * 4_000, 3000 + (second - 140) * 40);
        }
        assert_eq!(last, " 82 %  8200 lines, 7 refused, 40 a second, 45 s left");
    }
}
