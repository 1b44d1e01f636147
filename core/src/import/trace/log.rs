//! A log and the trace that may stand in the same text, read together: what was refused the replay judges, and `explain::logs` takes its
//! verdict.

use super::finding::{Finding, Was};
use super::report::finding;
use super::Replay;
use crate::explain::logs::{Judged, LogReader, Report, Verdict};
use crate::spec::Phrase;
use alloc::vec::Vec;

/// A text that is read line by line for both.
#[derive(Default)]
pub struct TracedLog {
    log: LogReader,
    /// The trace.
    pub trace: Replay,
}

impl TracedLog {
    /// Reads the next line.
    pub fn line(&mut self, text: &str) {
        if self.trace.line(text, None) {
            self.log.event();
        } else {
            self.log.line(text);
        }
    }

    /// Ends the reading: what the log says, with the trace's verdicts, and the trace.
    pub fn finish(mut self) -> (Report, Replay) {
        self.trace.finish(None);
        let judged = self.trace.judged();
        (self.log.finish_with(&judged), self.trace)
    }
}

/// Reads a text as [`crate::explain::logs::parse_log`] does, and a trace in it as a replay does.
pub fn explain(text: &str) -> Report {
    let mut both = TracedLog::default();
    for line in text.lines() {
        both.line(line);
    }
    both.finish().0
}

impl Replay {
    /// Returns what is known of each refused access; nothing where the trace has events of no mapping.
    pub fn judged(&self) -> Vec<Judged> {
        if !self.live.tells() {
            return Vec::new();
        }
        let judged = self.live.found.iter().filter_map(|(now, one)| {
            let Finding::Fault { was, tied, .. } = one else { return None };
            let verdict = if tied.is_some() { Verdict::Unknown } else { verdict(was) };
            let [en, zh] = [false, true].map(|zh| finding(*now, one, zh));
            Some(Judged { line: now.line, verdict, says: Phrase::new(en, zh) })
        });
        judged.collect()
    }
}

fn verdict(was: &Was) -> Verdict {
    match was.for_group() {
        Was::Mapped(_) | Was::MappedUnseen(..) | Was::Tables(_, _, None) => Verdict::Mapped,
        Was::Other(_) => Verdict::OtherDirection,
        Was::Unmapped(..) | Was::UnmappedUnseen(..) | Was::Lost(..) | Was::Tables(_, _, Some(_)) => {
            Verdict::Unmapped
        }
        Was::Never(_) | Was::Failed(_) | Was::NoTables => Verdict::Never,
        Was::Aside(..)
        | Was::Perhaps(..)
        | Was::NoDevice(_)
        | Was::Process(_)
        | Was::Cut(_)
        | Was::Sometime
        | Was::Clocks
        | Was::Before(_)
        | Was::After(_)
        | Was::TooMany
        | Was::Entry
        | Was::Segment(_)
        | Was::Unseen => Verdict::Unknown,
    }
}
