//! A trace of Linux's DMA events, replayed: what each device has mapped at any time, and what is wrong with it.

mod line;
mod live;
mod report;
mod scenario;

use super::account::Account;
use crate::spec::Lang;
use line::parse;
use live::{Live, Moment};

/// A trace that is being read, line by line.
#[derive(Debug, Default)]
pub struct Replay {
    live: Live,
    lines: u64,
}

impl Replay {
    /// Reads the next line. Returns false, and does not take it, where it is later than `until` nanoseconds.
    pub fn line(&mut self, line: &str, until: Option<u64>) -> bool {
        self.lines += 1;
        if let Some((time, event)) = parse(line) {
            if until.is_some_and(|until| time > until) {
                return false;
            }
            self.live.event(Moment { time, line: self.lines }, event);
        }
        true
    }

    /// Returns whether no event was recognised.
    pub fn is_empty(&self) -> bool {
        self.live.events == 0
    }

    /// Returns what the trace shows as far as it was read: what is wrong, with its line, and what is mapped.
    pub fn report(&self, lang: Lang) -> Account {
        report::report(&self.live, lang)
    }
}

#[cfg(test)]
mod tests;
