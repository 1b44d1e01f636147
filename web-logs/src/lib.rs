//! Fault logs for the page: what `explain::logs` reads, in one language, as JSON.
//!
//! A module of its own, loaded when the box is first opened: it weighs as much as the rest of a first visit may.
//! The page's types are generated from `explain::logs::answer`.

use iommu_core::explain::logs::answer::LogReport;
use iommu_core::explain::logs::{LogReader, Report};
use iommu_core::spec::Lang;
use wasm_bindgen::prelude::*;

/// A log that is being read, piece by piece, so that a large paste never stops the page.
#[wasm_bindgen]
#[derive(Default)]
pub struct Log {
    reader: LogReader,
    /// What stands after the last line break.
    rest: String,
    report: Option<Report>,
}

/// Bytes of an unfinished line that are kept.
const LONGEST: usize = 64 << 10;

#[wasm_bindgen]
impl Log {
    /// Creates one that has read nothing.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Log {
        Log::default()
    }

    /// Reads the next piece of the text, cut anywhere.
    pub fn read(&mut self, text: &str) {
        let mut lines = text.split('\n');
        if let Some(first) = lines.next() {
            if self.rest.len() < LONGEST {
                self.rest.push_str(first);
            }
        }
        for line in lines {
            self.line();
            self.rest.push_str(line);
        }
    }

    fn line(&mut self) {
        self.reader.line(self.rest.strip_suffix('\r').unwrap_or(&self.rest));
        self.rest.clear();
    }

    /// Returns what the log says, in Chinese or English: JSON of the page's type `LogReport`. The first call ends
    /// the reading; further ones say the same in the language they ask for.
    pub fn report(&mut self, zh: bool) -> String {
        if self.report.is_none() {
            if !self.rest.is_empty() {
                self.line();
            }
            self.report = Some(core::mem::take(&mut self.reader).finish());
        }
        let lang = if zh { Lang::Zh } else { Lang::En };
        let answer = self.report.as_ref().map(|report| LogReport::new(report, lang));
        answer.and_then(|answer| serde_json::to_string(&answer).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(log: &mut Log, zh: bool) -> serde_json::Value {
        serde_json::from_str(&log.report(zh)).unwrap()
    }

    #[test]
    fn a_report_is_json_whatever_was_pasted_and_however_it_was_cut() {
        let text =
            "DMAR: [DMA Write] Request device [00:12.0] fault addr 0 [fault reason 05] x\r\nDMAR error \"\\\u{1}中\n";
        let mut whole = Log::new();
        whole.read(text);
        for zh in [false, true] {
            let said = json(&mut whole, zh);
            assert_eq!(said["lines"], 2);
            assert_eq!(said["items"][0]["kind"], "fault");
            assert_eq!(said["items"][0]["first"], 1);
            assert!(said["items"][0]["scenario"].as_str().unwrap().starts_with("iommu-playground 1\n"));
            assert_eq!(said["items"][1]["kind"], "unknown");
            let mut pieces = Log::new();
            for c in text.chars() {
                pieces.read(&c.to_string());
            }
            assert_eq!(json(&mut pieces, zh), said);
        }
        assert_eq!(json(&mut Log::new(), false)["lines"], 0);
    }
}
