//! A trace of DMA events, Linux's or QEMU's, replayed: what each device has mapped at any time, and what is wrong with it.

mod history;
mod line;
mod live;
mod moment;
mod qemu;
mod report;
mod scenario;

use super::account::Account;
use super::scan;
use crate::spec::Lang;
use line::Moment;
use live::Live;
pub use moment::{LaneKind, LaneMark, TraceLane, TraceMoment};

/// A trace that is being read, line by line.
#[derive(Debug, Default)]
pub struct Replay {
    live: Live,
    lines: u64,
    /// An event came that was later than what was asked for.
    later: bool,
}

impl Replay {
    /// Reads the next line. Returns false, and does not take it, where it is later than `until` nanoseconds.
    pub fn line(&mut self, text: &str, until: Option<u64>) -> bool {
        self.lines += 1;
        if let Some((time, event)) = line::parse(text).or_else(|| qemu::parse(text)) {
            if until.is_some_and(|until| time > until) {
                self.later = true;
                return false;
            }
            self.live.event(Moment { time, line: self.lines }, event);
        }
        // `CPU:0 [LOST 500 EVENTS]`
        if let Some(count) = scan::between(text, "[LOST ", " EVENTS]").and_then(scan::number) {
            self.live.missing = self.live.missing.saturating_add(count);
        }
        true
    }

    /// Returns whether there are events, and all of them are later than what was asked for.
    pub fn is_later(&self) -> bool {
        self.later && self.live.events == 0
    }

    /// Returns whether no event was recognised.
    pub fn is_empty(&self) -> bool {
        self.live.events == 0
    }

    /// Returns an event of the trace with what is mapped around it; none where it has no such event.
    pub fn moment(&self, position: usize, lang: Lang) -> Option<TraceMoment> {
        moment::moment(&self.live, position, lang)
    }

    /// Returns the last event that was read, with what is mapped around it and before; none where no event was.
    pub fn last(&self, lang: Lang) -> Option<TraceMoment> {
        moment::last(&self.live, lang)
    }

    /// Returns what the trace shows as far as it was read: what is wrong, with its line, and what is mapped.
    pub fn report(&self, lang: Lang) -> Account {
        report::report(&self.live, lang)
    }
}

/// Returns the declarations of these in TypeScript.
#[cfg(feature = "ts")]
pub fn typescript() -> alloc::string::String {
    use ts_rs::TS;
    let all = [TraceMoment::decl(), TraceLane::decl(), LaneKind::decl(), LaneMark::decl()];
    all.iter().map(|decl| alloc::format!("export {decl}\n")).collect()
}

#[cfg(test)]
mod tests;
