//! What is missing, assumed, contradictory or damaged in what was read.

use crate::spec::{Phrase, Text};
use alloc::vec::Vec;

/// The line that a fact was read from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Source {
    /// Index of the text among those that were given.
    pub file: usize,
    /// Its line, counted from 1; 0 for a binary file.
    pub line: usize,
}

/// What a remark is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A text that cannot be read: cut short, a wrong checksum.
    Damaged,
    /// Two facts that cannot both hold.
    Contradiction,
    /// What no text said.
    Missing,
    /// What was taken instead.
    Assumed,
    /// What was read and the scenario does not say.
    Left,
}

impl Kind {
    /// Every kind, the worst first.
    pub const ALL: [Kind; 5] = [Kind::Damaged, Kind::Contradiction, Kind::Missing, Kind::Assumed, Kind::Left];

    /// Returns the heading above remarks of this kind.
    pub const fn heading(self) -> Text {
        match self {
            Kind::Damaged => Text::new("Cannot be read", "无法读取"),
            Kind::Contradiction => Text::new("Contradictions", "互相矛盾"),
            Kind::Missing => Text::new("Missing", "缺少"),
            Kind::Assumed => Text::new("Assumed", "假定"),
            Kind::Left => Text::new("Left out of the scenario", "未写入场景"),
        }
    }

    /// Returns its word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Damaged => "damaged",
            Kind::Contradiction => "contradiction",
            Kind::Missing => "missing",
            Kind::Assumed => "assumed",
            Kind::Left => "left-out",
        }
    }
}

/// One remark.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// What it is about.
    pub kind: Kind,
    /// The line it is about; none where it is about what no line said.
    pub from: Option<Source>,
    /// In words.
    pub what: Phrase,
}

/// Remarks that are being collected.
#[derive(Debug, Default)]
pub struct Remarks(Vec<Remark>);

impl Remarks {
    /// Adds one about a line.
    pub fn at(&mut self, kind: Kind, from: Source, what: Phrase) {
        self.0.push(Remark { kind, from: Some(from), what });
    }
    /// Adds one about the whole, once.
    pub fn of(&mut self, kind: Kind, what: Phrase) {
        if !self.0.iter().any(|r| r.what == what) {
            self.0.push(Remark { kind, from: None, what });
        }
    }
    /// Returns all of them.
    pub fn all(self) -> Vec<Remark> {
        self.0
    }
}
