//! Which message begins at a line: the readers whose marks it has are asked, with what follows where it was wrapped.

use super::forms::{mentioned, names, speaker};
use super::found::{Format, Found, Here, Pattern, Read};
use super::input::Line;
use super::marks::Marks;
use super::pattern;
use super::report::Kind;
use super::system::System;
use alloc::string::String;
use alloc::vec::Vec;

/// A message is wrapped into at most so many lines.
const MOST_WRAPS: usize = 4;

/// How a mark is read on.
#[derive(Clone, Copy)]
enum Reader {
    Code(Read, &'static Format),
    Pattern(&'static Pattern),
}

/// The readers of some speakers, and the marks by which a line finds them.
pub(super) struct Recogniser {
    marks: Marks,
    readers: Vec<Reader>,
    /// Marks from the readers' up to here are the names of those who speak.
    named: usize,
}

/// What a line has of the words that are special to an IOMMU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Special {
    /// None.
    Nothing,
    /// Marks of readers, or words of DMA.
    Words,
    /// A name of somebody who speaks.
    Name,
}

impl Recogniser {
    /// The readers of these speakers.
    pub(super) fn new(formats: &[&'static Format]) -> Self {
        let mut words = Vec::new();
        let mut readers = Vec::new();
        // A message that is known word for word comes before a reader that knows its kind.
        for pattern in formats.iter().flat_map(|format| format.patterns) {
            words.push(pattern::mark(pattern.form.wording));
            readers.push(Reader::Pattern(pattern));
        }
        for format in formats {
            for &(mark, read) in format.readers {
                words.push(mark);
                readers.push(Reader::Code(read, format));
            }
        }
        // One pass over a line thus says, too, whether it is worth a second look at all.
        words.extend(names());
        let named = words.len();
        words.extend(mentioned());
        Recogniser { marks: Marks::new(words.into_iter()), readers, named }
    }

    /// Puts into `found` the marks that a line has of readers. Returns which words that are special here it has.
    pub(super) fn marks(&self, text: &str, found: &mut Vec<u16>) -> Special {
        self.marks.find(text, found);
        let names = self.readers.len()..self.named;
        let special = match &found[..] {
            [] => Special::Nothing,
            all if all.iter().any(|&mark| names.contains(&usize::from(mark))) => Special::Name,
            _ => Special::Words,
        };
        found.retain(|&mark| usize::from(mark) < self.readers.len());
        special
    }

    /// Returns the message that begins at a line, whose marks are given, and how many lines it is on.
    pub(super) fn recognise(&self, window: &[Line], here: usize, marks: &[u16]) -> Option<(usize, Found)> {
        let mut best: Option<(usize, Found)> = None;
        let mut keep = |taken: usize, found: Found| {
            let complete = found.complete;
            // Of two that lack something the one that says more is better.
            let better =
                |have: &Found| !have.complete && (complete || found.fields.len() > have.fields.len());
            if best.as_ref().is_none_or(|(_, have)| better(have)) {
                best = Some((taken, found));
            }
            complete
        };
        let alone = &window[here].text;
        let rest = &window[here + 1..];
        if let Some(found) = read_one(&self.readers, marks, alone, &window[here], rest) {
            if keep(1, found) {
                return best;
            }
        }
        // The rest of a wrapped message: broken at a space, or in the middle of a word.
        let mut joined = String::from(soft(alone));
        let mut tight = joined.clone();
        for wraps in 1..=MOST_WRAPS {
            let Some(next) = window.get(here + wraps) else { break };
            if !continues(&window[here], &joined, next) {
                break;
            }
            joined.push(' ');
            joined.push_str(soft(&next.text));
            tight.push_str(soft(&next.text));
            let rest = &window[here + wraps + 1..];
            for text in [&joined, &tight] {
                let mut marks = Vec::new();
                self.marks(text, &mut marks);
                if let Some(found) = read_one(&self.readers, &marks, text, &window[here], rest) {
                    if keep(wraps + 1, found) {
                        return best;
                    }
                }
            }
        }
        best
    }
}

/// The first of the readers that knows the message wholly; else the first that knows it in part.
fn read_one(readers: &[Reader], marks: &[u16], text: &str, line: &Line, rest: &[Line]) -> Option<Found> {
    let system = if line.xen { System::Xen } else { System::Linux };
    let here = Here { text, line, rest, system };
    let mut part = None;
    for &mark in marks {
        let found = match readers[usize::from(mark)] {
            Reader::Code(read, format) => read(&here).map(|found| with_causes(found, format)),
            Reader::Pattern(pattern) => pattern::read(pattern, &here),
        };
        match found {
            Some(found) if found.complete => return Some(found),
            found => part = part.or(found),
        }
    }
    part
}

fn with_causes(mut found: Found, format: &Format) -> Found {
    if let (Kind::Fault(fault), true) = (&found.kind, found.causes.is_empty()) {
        found.causes = (format.causes)(fault);
    }
    found
}

/// A line as it joins another: without the soft line break of a mail.
fn soft(text: &str) -> &str {
    text.strip_suffix('=').unwrap_or(text)
}

/// May `next` be the rest of the message that begins on `first`, of which `so_far` is read?
fn continues(first: &Line, so_far: &str, next: &Line) -> bool {
    if next.used || next.text.is_empty() {
        return false;
    }
    // Linux printed some messages in two, each with its own stamp.
    let second_half = [
        "DMAR:[fault reason",
        "DMAR: [fault reason",
        "INTR-REMAP:[fault reason",
        "DMAR: reason",
        "[VT-D]DMAR: reason",
        "INTR-REMAP: reason",
        "[VT-D]INTR-REMAP: reason",
        "[VT-D]DMAR:[fault reason",
    ];
    if so_far.ends_with("Event logged [") || second_half.iter().any(|half| next.text.starts_with(half)) {
        return true;
    }
    if next.stamped {
        return false;
    }
    first.stamped || !begins(&next.text)
}

/// Does a line without a stamp begin a message: is a name and a colon first?
fn begins(text: &str) -> bool {
    if speaker(text).is_some() {
        return true;
    }
    let name = |word: &str| word.ends_with(':') && word.len() > 3 && !word.contains(['=', '[', '(']);
    let mut words = text.split(' ');
    let first = words.next().unwrap_or("");
    name(first) || first.bytes().any(|b| b.is_ascii_lowercase()) && words.next().is_some_and(name)
}
