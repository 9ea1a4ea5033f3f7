//! Progress of long work on stderr: a line that moves on a terminal, else one plain line every 10 s.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::time::duration;

/// How often it speaks on a terminal.
const DRAWN_EVERY: Duration = Duration::from_millis(100);

/// The progress of one piece of work. Dropping it clears the line.
pub struct Progress {
    what: String,
    unit: &'static str,
    total: u64,
    started: Instant,
    shown: Instant,
    drawn: bool,
    mode: Mode,
}

enum Mode {
    Drawn,
    Plain,
    Silent,
}

impl Progress {
    /// How long work stays silent at first, and how often it speaks, off a terminal.
    pub const PLAIN_EVERY: Duration = Duration::from_secs(10);

    /// Work of `total` units (0 when unknown). Nothing is shown when `quiet`.
    pub fn new(what: impl Into<String>, unit: &'static str, total: u64, quiet: bool) -> Progress {
        let mode = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Mode::Silent,
            (_, true) => Mode::Drawn,
            (_, false) => Mode::Plain,
        };
        let now = Instant::now();
        Progress { what: what.into(), unit, total, started: now, shown: now, drawn: false, mode }
    }

    /// Says how many units are done. Cheap: most calls only read a clock.
    pub fn set(&mut self, done: u64) {
        let every = match self.mode {
            Mode::Drawn => DRAWN_EVERY,
            Mode::Plain => Progress::PLAIN_EVERY,
            Mode::Silent => return,
        };
        let now = Instant::now();
        if now.duration_since(self.shown) < every {
            return;
        }
        self.shown = now;
        let elapsed_ms = u64::try_from(now.duration_since(self.started).as_millis()).unwrap_or(u64::MAX);
        let line = line(&self.what, self.unit, done, self.total, elapsed_ms);
        match self.mode {
            Mode::Drawn => {
                self.drawn = true;
                eprint!("\r\u{1b}[2K{line}");
                // A line that cannot be drawn is no reason to stop the work.
                let _ = std::io::stderr().flush();
            }
            _ => eprintln!("{line}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn {
            eprint!("\r\u{1b}[2K");
        }
    }
}

/// `verify account  [████░░░░]  1,200/41,000 events  9,600/s  4.1 s left`.
fn line(what: &str, unit: &str, done: u64, total: u64, elapsed_ms: u64) -> String {
    let rate = done.saturating_mul(1000) / elapsed_ms.max(1);
    if total == 0 {
        return format!("{what}  {} {unit}  {}/s", grouped(done), grouped(rate));
    }
    let filled = usize::try_from(done.min(total) * 20 / total).unwrap_or(20);
    let bar: String = std::iter::repeat_n('█', filled).chain(std::iter::repeat_n('░', 20 - filled)).collect();
    let left = match rate {
        0 => String::new(),
        rate => format!("  {} left", duration(total.saturating_sub(done).saturating_mul(1000) / rate)),
    };
    format!("{what}  {bar}  {}/{} {unit}  {}/s{left}", grouped(done), grouped(total), grouped(rate))
}

/// `41203` as `41,203`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{grouped, line};

    #[test]
    fn a_line_shows_done_total_rate_and_time_left() {
        assert_eq!(
            line("verify account", "events", 10_000, 40_000, 2000),
            "verify account  █████░░░░░░░░░░░░░░░  10,000/40,000 events  5,000/s  6.0 s left"
        );
        assert_eq!(line("bench", "commands", 0, 10, 0), "bench  ░░░░░░░░░░░░░░░░░░░░  0/10 commands  0/s");
        assert_eq!(line("tail", "events", 1200, 0, 1000), "tail  1,200 events  1,200/s");
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
