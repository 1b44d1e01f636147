//! What a report is made of, and how readers' findings become one: in order, with repeats folded.

use super::causes::Cause;
use super::fault::{Access, Arch, Fault};
use super::forms::{self, Form};
use super::hints;
use super::scan::unquoted;
use super::scenario::Scenario;
use crate::spec::{Phrase, Text};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
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
    /// An access was refused.
    Fault(Fault),
    /// Something about the unit: a status register, an invalidation error, lost records.
    Status,
    /// Tables of the machine, as words in memory.
    Tables,
    /// A line that speaks of an IOMMU, or stands in a short paste, and is not understood.
    Unknown {
        /// The known form that it resembles most, if any does.
        nearest: Option<&'static Form>,
    },
    /// Lines of a long log that have nothing to do with an IOMMU.
    Other,
}

/// The same fault again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repeat {
    /// On which line.
    pub line: usize,
    /// At which address.
    pub address: Option<u64>,
}

/// One thing found in the log.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// Where.
    pub lines: Lines,
    /// What kind of thing.
    pub kind: Kind,
    /// Whose message it is, when that is clear.
    pub arch: Option<Arch>,
    /// The form that the lines have.
    pub form: Option<&'static Form>,
    /// One line that says what it is.
    pub title: Phrase,
    /// Everything it says.
    pub fields: Vec<Field>,
    /// The usual causes, likeliest first.
    pub causes: Vec<&'static Cause>,
    /// The same fault on later lines: same device, PASID, access and code.
    pub repeats: Vec<Repeat>,
    /// A scenario that ends at the same fault.
    pub scenario: Option<Scenario>,
}

/// Everything found in a log.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// The items, by first line.
    pub items: Vec<Item>,
    /// How many lines the log has.
    pub lines: usize,
}

impl Report {
    /// The items that are faults.
    pub fn faults(&self) -> impl Iterator<Item = (&Item, &Fault)> {
        self.items.iter().filter_map(|item| match &item.kind {
            Kind::Fault(fault) => Some((item, fault)),
            _ => None,
        })
    }
}

/// What may stand as the value of a field: a word of each language, or what is the same in both.
pub(super) trait Value {
    fn phrase(self) -> Phrase;
}

impl Value for Text {
    fn phrase(self) -> Phrase {
        self.into()
    }
}

macro_rules! same {
    ($($what:ty),*) => {
        $(impl Value for $what {
            fn phrase(self) -> Phrase {
                Phrase::same(self.to_string())
            }
        })*
    };
}
same!(String, &str, u32, u64, usize);

/// What a reader makes of the lines from here on.
pub(super) struct Found {
    pub(super) taken: usize,
    pub(super) kind: Kind,
    pub(super) arch: Arch,
    pub(super) form: &'static str,
    pub(super) title: Phrase,
    pub(super) fields: Vec<Field>,
    pub(super) causes: Vec<&'static Cause>,
    pub(super) scenario: Option<Scenario>,
}

/// Reads what begins at the first of these lines, if it is what the reader knows.
pub(super) type Reader = fn(&[&str]) -> Option<Found>;

impl Found {
    /// A statement about the unit itself.
    pub(super) fn status(taken: usize, arch: Arch, form: &'static str, title: Phrase) -> Self {
        Found {
            taken,
            kind: Kind::Status,
            arch,
            form,
            title,
            fields: Vec::new(),
            causes: Vec::new(),
            scenario: None,
        }
    }
    /// Adds a field that the line states.
    pub(super) fn certain(&mut self, name: Text, value: impl Value, meaning: impl Into<Phrase>) {
        self.field(name, value, meaning, Certainty::Certain);
    }
    /// Adds a field that is a conclusion.
    pub(super) fn inferred(&mut self, name: Text, value: impl Value, meaning: impl Into<Phrase>) {
        self.field(name, value, meaning, Certainty::Inferred);
    }
    fn field(&mut self, name: Text, value: impl Value, meaning: impl Into<Phrase>, certainty: Certainty) {
        self.fields.push(Field { name, value: value.phrase(), meaning: meaning.into(), certainty });
    }
}

/// In pastes up to this many lines every line matters, so each that is not understood is shown by itself.
const SHORT: usize = 40;

/// What makes two faults the same but for the address.
type Key = (Arch, Option<u16>, Option<u32>, Option<u32>, Option<Access>, Option<u16>);

pub(super) struct Builder {
    report: Report,
    seen: BTreeMap<Key, usize>,
    /// Regions that firmware reserves for its devices, first and last address, as the boot log lists them.
    reserved: Vec<(u64, u64)>,
}

impl Builder {
    pub(super) fn new(lines: usize) -> Self {
        Builder { report: Report { items: Vec::new(), lines }, seen: BTreeMap::new(), reserved: Vec::new() }
    }

    pub(super) fn found(&mut self, line: usize, found: Found) {
        if let Kind::Fault(fault) = &found.kind {
            let device = fault.device.map(|id| id.raw());
            let key = (found.arch, fault.code, device, fault.pasid, fault.access, fault.index);
            let next = self.report.items.len();
            let first = *self.seen.entry(key).or_insert(next);
            if let Some(item) = self.report.items.get_mut(first) {
                item.repeats.push(Repeat { line, address: fault.address });
                // What a later line says more (the decoded form after the raw words) joins the first.
                for field in found.fields {
                    if !item.fields.iter().any(|have| have.name == field.name) {
                        item.fields.push(field);
                    }
                }
                return;
            }
        }
        self.report.items.push(Item {
            lines: Lines { first: line, last: line + found.taken - 1 },
            kind: found.kind,
            arch: Some(found.arch),
            form: forms::by_name(found.form),
            title: found.title,
            fields: found.fields,
            causes: found.causes,
            repeats: Vec::new(),
            scenario: found.scenario,
        });
    }

    pub(super) fn not_found(&mut self, line: usize, text: &str) {
        let text = unquoted(text);
        if text.is_empty() {
            return;
        }
        let short = self.report.lines <= SHORT;
        let boot = forms::is_boot_message(text);
        if boot && self.reserved.len() < 64 {
            self.reserved.extend(hints::reserved_region(text));
        }
        if !boot && (short || forms::speaks_of_iommu(text)) {
            let nearest = forms::nearest(text);
            self.push_unread(line, Kind::Unknown { nearest });
            return;
        }
        if let Some(Item { kind: Kind::Other, lines, .. }) = self.report.items.last_mut() {
            lines.last = line;
            return;
        }
        self.push_unread(line, Kind::Other);
    }

    fn push_unread(&mut self, line: usize, kind: Kind) {
        let title = match kind {
            Kind::Other => Phrase::new("not about an IOMMU", "与 IOMMU 无关"),
            _ => Phrase::new("not understood", "无法识别"),
        };
        self.report.items.push(Item {
            lines: Lines { first: line, last: line },
            kind,
            arch: None,
            form: None,
            title,
            fields: Vec::new(),
            causes: Vec::new(),
            repeats: Vec::new(),
            scenario: None,
        });
    }

    pub(super) fn finish(mut self) -> Report {
        for item in &mut self.report.items {
            hints::add_pattern(item);
            hints::add_reserved(item, &self.reserved);
        }
        self.report
    }
}
