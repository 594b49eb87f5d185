//! What a waiting command shows: a spinner on a terminal, a line for each new state elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Where there is no terminal, how long a countdown is silent.
const REPEAT: Duration = Duration::from_secs(600);

/// Says on standard error what is being waited for.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    /// What is being waited for, and since when nothing was printed about it.
    shown: String,
    printed: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, shown: String::new(), printed: Instant::now() }
    }

    /// Waiting for something else. The same text again changes nothing.
    pub(super) fn stage(&mut self, text: &str) {
        self.countdown(text, text);
    }

    /// Waiting for `what`, with a text that says how long still.
    pub(super) fn countdown(&mut self, what: &str, text: &str) {
        let is_new = self.shown != what;
        if is_new {
            what.clone_into(&mut self.shown);
        }
        if !self.bar.is_hidden() {
            if is_new {
                self.bar.reset_elapsed();
            }
            self.bar.set_message(text.to_owned());
        } else if is_new || self.printed.elapsed() >= REPEAT {
            eprintln!("{text} …");
            self.printed = Instant::now();
        }
    }

    /// Something to remember, on standard output.
    pub(super) fn say(&self, text: &str) {
        self.bar.suspend(|| println!("{text}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A time for people: `42 s`, `12 min`, `5.2 h`, `3.1 d`.
pub(super) fn lasting(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds.div_ceil(60)),
        7_200..172_800 => format!("{}.{} h", seconds / 3_600, seconds % 3_600 / 360),
        _ => format!("{}.{} d", seconds / 86_400, seconds % 86_400 / 8_640),
    }
}

#[cfg(test)]
mod tests {
    use super::lasting;

    #[test]
    fn times_are_readable() {
        let shown = [0, 119, 120, 7_199, 7_200, 172_799, 172_800, 604_800].map(lasting);
        assert_eq!(shown, ["0 s", "119 s", "2 min", "120 min", "2.0 h", "47.9 h", "2.0 d", "7.0 d"]);
    }
}
