//! Reads a log line by line, in bounded memory: a window of lines moves over it, and each message is given to the
//! readers whose marks it has (`recognise`).

use super::fault::Arch;
use super::formats::{by_name, forms, FORMATS};
use super::forms::{backtrace, mentions, nearest, reports_trouble, speaker, warns};
use super::input::{self, Line};
use super::judged::Judged;
use super::recognise::{Recogniser, Special};
use super::report::Report;
use super::scan::Scan;
use super::story::Builder;
use super::words::{self, Words};
use super::{amd_debugfs, amd_registers, dump};
use alloc::string::String;
use alloc::vec::Vec;

/// So many lines are looked at together: the longest table that is read whole.
const WINDOW: usize = 4096;
/// A mail in quoted-printable breaks its lines, with an equals sign, at this length.
const SOFT_BREAK: core::ops::RangeInclusive<usize> = 70..=77;
/// So many such lines are put together.
const MOST_SOFT: usize = 16;

/// Reads a log of any length, line by line.
///
/// It keeps a window of lines and what it found, not the log: a gigabyte from a pipe takes as much memory as a page.
pub struct LogReader {
    known: Recogniser,
    window: Vec<Line>,
    at: usize,
    lines: usize,
    builder: Builder,
    words: Words,
    found: Vec<u16>,
    /// A line of a mail in quoted-printable that goes on in the next: its number, its text, how many lines it has.
    held: Option<(usize, String, usize)>,
}

impl Default for LogReader {
    fn default() -> Self {
        Self::new()
    }
}

impl LogReader {
    /// Creates a reader that has read nothing.
    pub fn new() -> Self {
        LogReader {
            known: Recogniser::new(FORMATS),
            window: Vec::new(),
            at: 0,
            lines: 0,
            builder: Builder::new(by_name),
            words: Words::default(),
            found: Vec::new(),
            held: None,
        }
    }

    /// Reads the next line, without its line break. What is beyond 64 KiB of it is left out.
    pub fn line(&mut self, raw: &str) {
        self.lines += 1;
        let raw = raw.strip_suffix('\r').unwrap_or(raw);
        let (first, joined, count) = self.held.take().unwrap_or((self.lines, String::new(), 0));
        if let Some(part) =
            raw.strip_suffix('=').filter(|_| SOFT_BREAK.contains(&raw.len()) && count < MOST_SOFT)
        {
            self.held = Some((first, joined + part, count + 1));
            return;
        }
        match count {
            0 => self.take(first, raw),
            _ => self.take(first, &(joined + raw)),
        }
    }

    fn take(&mut self, number: usize, raw: &str) {
        input::read(number, raw, &mut self.window);
        if self.window.len() - self.at > 2 * WINDOW {
            // Bounded: each step moves on.
            while self.window.len() - self.at > WINDOW {
                self.step();
            }
            self.window.drain(..self.at);
            self.at = 0;
        }
    }

    /// Passes a line that a reader of traces has read.
    pub fn event(&mut self) {
        if let Some((first, text, _)) = self.held.take() {
            self.take(first, &text);
        }
        self.lines += 1;
        self.builder.quiet();
    }

    /// Ends the log.
    pub fn finish(self) -> Report {
        self.finish_with(&[])
    }

    /// Ends the log, with what a replay of the trace in the same text says of its refused accesses.
    pub fn finish_with(mut self, judged: &[Judged]) -> Report {
        if let Some((first, text, _)) = self.held.take() {
            self.take(first, &text);
        }
        self.builder.lines(self.lines);
        // Bounded: each step moves on.
        while self.at < self.window.len() {
            self.step();
        }
        for (first, last, found) in self.words.found() {
            self.builder.found(first, last, 1, None, found);
        }
        self.builder.finish(judged)
    }

    fn step(&mut self) {
        let here = self.at;
        self.at += 1;
        self.builder.lines(self.lines);
        let line = &self.window[here];
        if line.used || line.text.is_empty() {
            return;
        }
        if let Some(said) = words::line(&line.text) {
            self.words.take(line.number, said);
            return;
        }
        if dump::is_row(&line.text) {
            self.words.stray();
        }
        let special = self.known.marks(&line.text, &mut self.found);
        if special == Special::Nothing {
            self.foreign(here);
            return;
        }
        let speaks = special == Special::Name && speaker(&line.text).is_some();
        if self.found.is_empty() && !speaks {
            self.unread(here, false);
            return;
        }
        let Some((taken, found)) = self.known.recognise(&self.window, here, &self.found) else {
            self.unread(here, speaks);
            return;
        };
        let mut last = self.window[here + taken - 1].number;
        // A kernel's dump of its root table says where words of the same paste begin.
        if found.form == "vtd-translation-struct" {
            if let Some(root) = Scan(&self.window[here].text).after("Root Table Address:").and_then(Scan::hex)
            {
                let rows = found.used.iter().filter_map(|offset| self.window.get(here + taken + offset));
                let devices = rows.filter_map(|line| Scan(Scan(&line.text).word()).device());
                self.words.root(Arch::VtD, root, devices.map(|device| device.id).collect());
            }
        }
        // The same of AMD's: its register, or a device's own entry.
        if found.form == "amd-mmio" {
            if let Some(base) = amd_registers::device_table(&self.window[here].text) {
                self.words.root(Arch::AmdVi, base, Vec::new());
            }
        }
        if found.form == "amd-devtbl" {
            let row = self.window.get(here + taken).and_then(|line| amd_debugfs::entry(&line.text));
            if let Some((device, words)) = row {
                self.words.entry(Arch::AmdVi, device, words.into());
            }
        }
        if found.form == "vtd-domain-struct" {
            let rows = found.used.iter().filter_map(|offset| self.window.get(here + taken + offset));
            if let Some(domain) = dump::domain(&self.window[here].text, rows.map(|line| &line.text[..])) {
                self.words.tables(domain);
            }
        }
        for line in &mut self.window[here..here + taken] {
            line.used = true;
        }
        for &offset in &found.used {
            if let Some(line) = self.window.get_mut(here + taken + offset) {
                line.used = true;
                last = last.max(line.number);
            }
        }
        if found.words_follow {
            if let Some(line) =
                self.window.get_mut(here + taken).filter(|line| !line.used && ends_a_sentence(&line.text))
            {
                line.used = true;
                last = last.max(line.number);
            }
        }
        let line = &self.window[here];
        let (number, times, time) = (line.number, u64::from(line.times.max(1)), line.time.or(found.time));
        self.builder.found(number, last, times, time, found);
    }

    /// A line that has no word of an IOMMU or of DMA.
    fn foreign(&mut self, here: usize) {
        let line = &self.window[here];
        match last_repeated(&line.text) {
            Some(times) => self.builder.again(line.number, times),
            None if backtrace(&line.text) => {}
            None => self.builder.not_found(line.number, &line.text, false, None),
        }
    }

    /// A line that has one, and is not understood.
    fn unread(&mut self, here: usize, speaks: bool) {
        let line = &self.window[here];
        let complains = reports_trouble(&line.text);
        let warns = warns(&line.text);
        let trouble = speaks && complains || warns;
        if backtrace(&line.text) && !warns {
            return;
        }
        if !complains && (speaks || mentions(&line.text)) {
            self.builder.quiet();
            return;
        }
        let near =
            speaker(&line.text).filter(|_| trouble).and_then(|arch| nearest(&line.text, arch, forms()));
        self.builder.not_found(line.number, &line.text, trouble, near);
    }
}

/// Is this the end of a sentence of a kernel, such as the words of a VT-d reason?
fn ends_a_sentence(text: &str) -> bool {
    let starts = [
        "Blocked ",
        "SM: ",
        "Present bit ",
        "PTE ",
        "Access beyond",
        "Unknown",
        "Software",
        "IRTE ",
        "Bad ",
        "Next page",
    ];
    text.len() < 100
        && (starts.iter().any(|start| text.starts_with(start))
            || text.starts_with(|c: char| c.is_ascii_lowercase())
                && !text.contains(": ")
                && !text.contains('='))
}

/// `last message repeated 5 times`, of older system loggers.
fn last_repeated(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("last message repeated ")?;
    rest.split(' ').next()?.parse().ok()
}
