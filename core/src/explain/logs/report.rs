//! What a log says, as data: nothing here reads, ranks or prints.

use super::evidence::Likely;
use super::fault::{Arch, Fault};
use super::forms::Form;
use super::scenario::Scenario;
use super::system::System;
use crate::spec::{Phrase, Text};
use alloc::string::String;
use alloc::vec::Vec;

/// How far a statement can be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Certainty {
    /// The line says so, or the specification makes it follow.
    Certain,
    /// A conclusion from experience; the log alone does not prove it.
    Inferred,
}

/// One thing the log says, or that follows from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// What it is called.
    pub name: Text,
    /// Its value: a number, a name, or a word of each language.
    pub value: Phrase,
    /// What it means.
    pub meaning: Phrase,
    /// Is it certain or inferred?
    pub certainty: Certainty,
}

/// A range of lines of the paste, counted from 1, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lines {
    /// The first line.
    pub first: usize,
    /// The last line.
    pub last: usize,
}

/// What an item is.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// An access was refused by hardware.
    Fault(Fault),
    /// Something about the unit: a status register, an invalidation error, lost records.
    Status,
    /// A refusal or a warning of software: the DMA API, VFIO, firmware's tables. No access was refused by a unit.
    Software,
    /// Tables of the machine, as words in memory.
    Tables,
    /// What the kernel says of its IOMMUs at boot, from all its lines together.
    Boot,
    /// A line that speaks of an IOMMU's trouble, or is in a short paste, and is not understood.
    Unknown {
        /// The known form that it resembles, if it has a word that only that form has.
        nearest: Option<&'static Form>,
    },
}

/// A rung of a ladder of faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Rung {
    /// A fragment of the page.
    pub at: String,
    /// What is broken there.
    pub name: Text,
}

/// One thing found in the log.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// Where it is first.
    pub lines: Lines,
    /// What kind of thing.
    pub kind: Kind,
    /// Whose message it is, when that is clear.
    pub arch: Option<Arch>,
    /// The software that printed it.
    pub system: System,
    /// The form that the lines have.
    pub form: Option<&'static Form>,
    /// One line that says what it is.
    pub title: Phrase,
    /// Everything it says.
    pub fields: Vec<Field>,
    /// The causes, likeliest first.
    pub causes: Vec<Likely>,
    /// How often the log has it: the same device, process, access and code, at whatever address.
    pub times: u64,
    /// The last line on which it is.
    pub last_line: usize,
    /// Seconds after boot of the first and the last of them, in microseconds, where the log has such stamps.
    pub when: Option<(u64, u64)>,
    /// The preset of this playground that shows this kind of trouble: the name of its file.
    pub preset: Option<&'static str>,
    /// The rungs of a ladder of faults that leave such a line, the likeliest first.
    pub rungs: Vec<Rung>,
    /// A scenario that ends at the same fault.
    pub scenario: Option<Scenario>,
    /// The line itself, at most 160 characters, for what is not understood.
    pub quote: String,
}

/// One moment of a story.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// On which line.
    pub line: usize,
    /// Microseconds after boot, where the log says.
    pub time: Option<u64>,
    /// What happened.
    pub text: Phrase,
    /// The item that tells more, as an index into [`Report::items`]; none for a line that is only a mark on the way
    /// (a reset, a resume).
    pub item: Option<usize>,
}

/// Several items that belong together, in the order of time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Story {
    /// What holds them together.
    pub title: Phrase,
    /// What happened, one after the other.
    pub moments: Vec<Moment>,
}

/// Everything found in a log.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// The items, by first line; the boot summary first.
    pub items: Vec<Item>,
    /// Items that belong together.
    pub stories: Vec<Story>,
    /// How many lines the log has.
    pub lines: usize,
    /// Lines about an IOMMU that report no trouble and say nothing by themselves.
    pub quiet: usize,
    /// Items that were found and are not kept, because there are too many of them.
    pub left_out: u64,
}

impl Report {
    /// Returns the items that are faults, with the fault.
    pub fn faults(&self) -> impl Iterator<Item = (&Item, &Fault)> {
        self.items.iter().filter_map(|item| match &item.kind {
            Kind::Fault(fault) => Some((item, fault)),
            _ => None,
        })
    }

    /// Was anything about an IOMMU or DMA understood?
    pub fn understood(&self) -> bool {
        self.items.iter().any(|item| !matches!(item.kind, Kind::Unknown { .. }))
    }
}
