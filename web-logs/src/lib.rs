//! What a running system printed, for the page: its log of faults (`explain::logs`), its machine and a trace of its DMA events
//! (`import`), each read from the same text, in one language, as JSON.
//!
//! A module of its own, loaded when the box is first opened: it weighs more than the rest of a first visit may.
//! The page's types are generated from `explain::logs::answer` and `import::account`.

use iommu_core::explain::logs::answer::LogReport;
use iommu_core::explain::logs::Report;
use iommu_core::import::account::Account;
use iommu_core::import::trace::{Replay, TracedLog, LONGEST};
use iommu_core::import::{import, report, Import, Input};
use iommu_core::spec::Lang;
use std::borrow::Cow;
use wasm_bindgen::prelude::*;

/// Bytes of a text that are kept for its machine: what comes later in a trace of gigabytes tells of none.
const MOST_OF_A_MACHINE: usize = 16 << 20;

/// A text that is being read, piece by piece, so that a large paste never stops the page.
#[wasm_bindgen]
#[derive(Default)]
pub struct Texts {
    lines: TracedLog,
    /// What was read so far, up to a limit.
    kept: Vec<u8>,
    /// What stands after the last line break.
    rest: Vec<u8>,
    read: Option<Read>,
}

/// What came of the whole text.
struct Read {
    log: Report,
    trace: Replay,
    machine: Import,
}

#[wasm_bindgen]
impl Texts {
    /// Creates one that has read nothing.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Texts {
        Texts::default()
    }

    /// Reads the next bytes, cut anywhere.
    pub fn read(&mut self, bytes: &[u8]) {
        let room = MOST_OF_A_MACHINE - self.kept.len();
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let mut lines = bytes.split(|b| *b == b'\n');
        if let Some(first) = lines.next() {
            self.keep(first);
        }
        for line in lines {
            self.line();
            self.keep(line);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        // One byte more, so that a line that is too long is seen to be.
        let room = (LONGEST + 1).saturating_sub(self.rest.len());
        self.rest.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn line(&mut self) {
        // Nearly every line is UTF-8, which is seen in a third of the time that it takes to mend one that is not.
        let text = core::str::from_utf8(&self.rest)
            .map_or_else(|_| String::from_utf8_lossy(&self.rest), Cow::Borrowed);
        let line = text.strip_suffix('\r').unwrap_or(&text);
        self.lines.line(line);
        self.rest.clear();
    }

    /// Forgets the line that is not finished: the reading was stopped within it, after so many bytes of so many, and half a line would
    /// be read as another.
    pub fn cut(&mut self, read: f64, of: f64) {
        self.rest.clear();
        self.lines.trace.stopped(read as u64, of as u64);
    }

    fn finish(&mut self) -> &Read {
        if self.read.is_none() && !self.rest.is_empty() {
            self.line();
        }
        self.read.get_or_insert_with(|| {
            let (log, trace) = core::mem::take(&mut self.lines).finish();
            let machine = import(&[Input { name: "input", bytes: &core::mem::take(&mut self.kept) }]);
            Read { log, trace, machine }
        })
    }

    /// Returns what a log says: JSON of the page's type `LogReport`. The first call of this or of another answer ends the
    /// reading; further ones say the same in the language they ask for.
    pub fn log(&mut self, zh: bool) -> String {
        let answer = LogReport::new(&self.finish().log, lang(zh));
        serde_json::to_string(&answer).unwrap_or_default()
    }

    /// Returns what is said of a machine: JSON of the page's type `Account`; none where the text is of no machine.
    pub fn machine(&mut self, zh: bool) -> Option<String> {
        let machine = &self.finish().machine;
        if machine.is_empty() {
            None
        } else {
            json(&report(machine, lang(zh)))
        }
    }

    /// Returns the scenario of that machine; empty where there is none.
    pub fn scenario(&mut self) -> String {
        self.finish().machine.scenario.clone()
    }

    /// Returns what a trace shows: JSON of the page's type `Account`; none where the text has no events.
    pub fn trace(&mut self, zh: bool) -> Option<String> {
        let trace = &self.finish().trace;
        if trace.is_empty() {
            None
        } else {
            json(&trace.report(lang(zh)))
        }
    }

    /// Returns an event of that trace with what is mapped around it: JSON of the page's type `TraceMoment`; none where the trace has
    /// no such event.
    pub fn moment(&mut self, position: u32, zh: bool) -> Option<String> {
        let moment = self.finish().trace.moment(position as usize, lang(zh))?;
        serde_json::to_string(&moment).ok()
    }
}

fn lang(zh: bool) -> Lang {
    if zh {
        Lang::Zh
    } else {
        Lang::En
    }
}

fn json(account: &Account) -> Option<String> {
    serde_json::to_string(account).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(said: &str) -> serde_json::Value {
        serde_json::from_str(said).unwrap()
    }

    fn of(pieces: impl Iterator<Item = Vec<u8>>) -> Texts {
        let mut texts = Texts::new();
        pieces.for_each(|piece| texts.read(&piece));
        texts
    }

    #[test]
    fn a_reading_that_is_stopped_within_a_line_does_not_read_half_of_it() {
        let line = "DMAR: [DMA Write NO_PASID] Request device [03:00.0] fault addr 0xfffe1000 [fault reason 0x05] PTE Write access is not set\n";
        for end in 0..line.len() {
            let mut texts = of([[line, &line[..end]].concat().into_bytes()].into_iter());
            texts.cut(end as f64, 1e3);
            let said = json(&texts.log(false));
            assert_eq!(
                (said["lines"].as_u64(), said["items"].as_array().map(Vec::len)),
                (Some(1), Some(1)),
                "{end}"
            );
        }
    }

    #[test]
    fn a_report_is_json_whatever_was_pasted_and_however_it_was_cut() {
        let text =
            "DMAR: [DMA Write] Request device [00:12.0] fault addr 0 [fault reason 05] x\r\nDMAR error \"\\\u{1}中\n";
        let mut whole = of([text.into()].into_iter());
        let mut pieces = of(text.bytes().map(|b| vec![b]));
        for zh in [false, true] {
            let said = json(&whole.log(zh));
            assert_eq!(said["lines"], 2);
            assert_eq!(said["items"][0]["kind"], "fault");
            assert_eq!(said["items"][0]["first"], 1);
            assert!(said["items"][0]["scenario"].as_str().unwrap().starts_with("iommu-playground 1\n"));
            assert_eq!(said["items"][1]["kind"], "unknown");
            assert_eq!(json(&pieces.log(zh)), said);
            assert_eq!((whole.machine(zh), whole.trace(zh)), (None, None));
        }
        assert_eq!(json(&Texts::new().log(false))["lines"], 0);
    }

    #[test]
    fn a_machine_and_a_trace_in_one_text_are_both_told_of() {
        let text = "00:1f.2 SATA controller [0106]: x [8086:9d03]\n\tRegion 5: Memory at dc300000 (32-bit, non-prefetchable) [size=2K]\n\n\
             dd-1 [000] 1.0: io_page_fault: IOMMU:ahci 0000:00:1f.2 iova=0x10080 flags=0x0001\n";
        let mut texts = of([text.into()].into_iter());
        let machine = json(&texts.machine(false).unwrap());
        assert!(
            machine["sections"][0]["items"][1]["text"].as_str().unwrap().contains("1 functions"),
            "{machine}"
        );
        assert!(texts.scenario().starts_with("iommu-playground "));
        let trace = json(&texts.trace(true).unwrap());
        assert_eq!(trace["sections"][1]["wrong"], true);
        assert_eq!(trace["sections"][1]["items"][0]["line"], 4);
    }
}
