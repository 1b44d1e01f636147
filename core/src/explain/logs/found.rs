//! What a reader makes of the lines before it.

use super::causes::Cause;
use super::evidence::{Clue, Clues};
use super::fault::{Arch, Fault};
use super::forms::Form;
use super::input::Line;
use super::report::{Certainty, Field, Kind};
use super::scan::Scan;
use super::scenario::Sketch;
use super::system::System;
use crate::spec::{Phrase, Text};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Where a reader reads: a message, put together again where it was wrapped, and the lines after it.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    /// The message, without time stamp, host and quotation marks.
    pub(super) text: &'a str,
    /// The line that it is on, or begins on.
    pub(super) line: &'a Line,
    /// What follows. Lines that another message has taken are still here, with `used` set.
    pub(super) rest: &'a [Line],
    /// The software that prints such lines: Xen's begin with `(XEN)`; Linux where a reader knows no better.
    pub(super) system: System,
}

/// Reads what begins here, if it is what the reader knows.
pub(super) type Read = fn(&Here<'_>) -> Option<Found>;

/// What a reader makes of the lines before it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) arch: Arch,
    /// The software that printed it.
    pub(super) system: System,
    pub(super) form: &'static str,
    pub(super) title: Phrase,
    pub(super) fields: Vec<Field>,
    /// Evidence that the message itself gives.
    pub(super) clues: Clues,
    /// The causes to weigh, in the order that holds without evidence.
    pub(super) causes: &'static [&'static Cause],
    pub(super) preset: Option<&'static str>,
    pub(super) scenario: Option<Sketch>,
    /// Does the message lack nothing? If not, the next line may be the rest of it.
    pub(super) complete: bool,
    /// Lines of [`Here::rest`] that belong to the message.
    pub(super) used: Vec<usize>,
    /// May words of the message be on the next line, after all that it must have?
    pub(super) words_follow: bool,
    /// A device that this is about, for what the log says of it elsewhere.
    pub(super) device: Option<String>,
    /// What the line says of the machine or of time, for the causes of faults elsewhere in the log.
    pub(super) notes: Vec<Note>,
    /// When it happened, where the message says it and not its stamp: microseconds on the trace's clock.
    pub(super) time: Option<u64>,
    /// How this joins what was found before.
    pub(super) join: Join,
}

/// How a finding joins the one before it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) enum Join {
    /// It is a thing of its own, counted with its like.
    #[default]
    Alone,
    /// The raw form of an event: the decoded form of the same event may follow.
    Raw,
    /// The decoded form of an event: if the raw form with the same fault was before it, they are one.
    Decoded,
    /// A status line that announces records: it is nothing by itself when a record follows.
    Announces,
    /// More of what was found just before (a dump under its fault): its fields and evidence go there.
    More,
    /// Says how many messages of the same source were not printed.
    Suppressed(u64),
    /// Is no item: its fields go to the summary of the boot, its notes to the causes.
    Quiet,
}

/// What a line says that matters for faults on other lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Note {
    /// The log has the start of a kernel.
    Boot,
    /// Tables were copied from the kernel before, or this is a crash kernel.
    Copied,
    /// Firmware reserves this region for its devices: first and last address.
    Reserved(u64, u64),
    /// Devices are passed through by default.
    Passthrough,
    /// The unit is in scalable mode.
    Scalable,
    /// The machine came back from sleep.
    Resumed,
    /// A device was reset: its name, if the line has one.
    Reset(Option<String>),
    /// A PCI Express error of this device.
    Aer(String),
    /// This device went away.
    Removed(String),
    /// This device is assigned to a guest or a process.
    Vfio(String),
    /// A device joined a group.
    Group(u32),
    /// An entry of the interrupt remapping table: index, source, and the entry in words.
    Remapped(u16, u16, Phrase),
    /// The memory of interrupt messages, other than x86's: first and last address.
    Messages(u64, u64),
}

/// What one speaker brings: its messages, and what follows from its codes.
pub(super) struct Format {
    /// The wordings that `readers` read.
    pub(super) forms: &'static [Form],
    /// Words that are in such messages, each with who reads on from there. Every reader's mark is special to it.
    pub(super) readers: &'static [(&'static str, Read)],
    /// Messages that are read by their wording alone.
    pub(super) patterns: &'static [Pattern],
    /// Every code that its faults have: a test asks each for its causes.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(super) codes: fn() -> Vec<u16>,
    /// The causes of a fault for which its reader gives none, in the order that holds without evidence.
    pub(super) causes: fn(&Fault) -> &'static [&'static Cause],
}

/// A message that is read by its wording: literal text with `{captures}`.
pub(super) struct Pattern {
    /// Its form; the wording has the captures by name.
    pub(super) form: Form,
    /// What kind of item it makes.
    pub(super) makes: Makes,
    /// What it says, with `{captures}`.
    pub(super) title: Text,
    /// The causes to weigh.
    pub(super) causes: &'static [&'static Cause],
    /// What else follows from the values.
    pub(super) more: Option<fn(&Captures<'_>, &mut Found)>,
}

/// A [`Pattern`]: name, speaker, what it makes, wording, source, title in both languages, causes, what else follows.
macro_rules! pattern {
    ($name:literal $arch:ident $makes:ident $wording:literal $source:literal
        => $en:literal $zh:literal [$($cause:ident),*] $($more:expr)?) => {
        $crate::explain::logs::found::Pattern {
            form: $crate::explain::logs::forms::Form {
                name: $name,
                arch: $crate::explain::logs::fault::Arch::$arch,
                wording: $wording,
                source: $source,
            },
            makes: $crate::explain::logs::found::Makes::$makes,
            title: $crate::spec::Text::new($en, $zh),
            causes: &[$(&$crate::explain::logs::causes::$cause),*],
            more: pattern!(@ $($more)?),
        }
    };
    (@ $more:expr) => { Some($more) };
    (@) => { None };
}
pub(super) use pattern;

/// What a pattern makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Makes {
    /// A refused access.
    Fault,
    /// Something about the unit.
    Status,
    /// A complaint of software.
    Software,
    /// Nothing but notes and lines of the boot summary.
    Quiet,
    /// More of what was found before it.
    More,
}

/// The values of a pattern's captures, by name.
pub(super) struct Captures<'a>(pub(super) Vec<(&'static str, &'a str)>);

impl<'a> Captures<'a> {
    /// The text of a capture; empty if the pattern has none of this name.
    pub(super) fn text(&self, name: &str) -> &'a str {
        self.0.iter().find(|(have, _)| *have == name).map_or("", |(_, value)| value)
    }
    /// A capture as a number: hexadecimal after `0x`, else decimal.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        Scan(self.text(name)).number()
    }
    /// A capture as a hexadecimal number, with or without `0x`.
    pub(super) fn hex(&self, name: &str) -> Option<u64> {
        Scan(self.text(name)).hex()
    }
}

/// What may be the value of a field: a word of each language, or what is the same in both.
pub(super) trait Value {
    fn phrase(self) -> Phrase;
}
/// In place of a value that the log does not have.
pub(super) const MISSING: Text = Text::new("missing", "缺失");

impl Value for Text {
    fn phrase(self) -> Phrase {
        self.into()
    }
}
impl Value for Phrase {
    fn phrase(self) -> Phrase {
        self
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

impl Found {
    pub(super) fn new(kind: Kind, arch: Arch, form: &'static str, title: Phrase) -> Self {
        Found {
            kind,
            arch,
            system: match arch {
                Arch::Hypervisor => System::Esxi,
                Arch::HyperV => System::Windows,
                _ => System::Linux,
            },
            form,
            title,
            fields: Vec::new(),
            clues: Clues::default(),
            causes: &[],
            preset: None,
            scenario: None,
            complete: true,
            used: Vec::new(),
            words_follow: false,
            device: None,
            notes: Vec::new(),
            time: None,
            join: Join::Alone,
        }
    }
    /// A refused access.
    pub(super) fn fault(fault: Fault, arch: Arch, form: &'static str, title: Phrase) -> Self {
        Self::new(Kind::Fault(fault), arch, form, title)
    }
    /// A statement about the unit itself.
    pub(super) fn status(arch: Arch, form: &'static str, title: Phrase) -> Self {
        Self::new(Kind::Status, arch, form, title)
    }
    /// Nothing by itself: fields of the boot summary, or notes.
    pub(super) fn quiet(arch: Arch) -> Self {
        Found { join: Join::Quiet, ..Self::new(Kind::Boot, arch, "", Phrase::default()) }
    }
    /// A complaint of software.
    pub(super) fn software(arch: Arch, form: &'static str, title: Phrase) -> Self {
        Self::new(Kind::Software, arch, form, title)
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
    /// Adds evidence.
    pub(super) fn clue(&mut self, clue: Clue) {
        self.clues.add(clue);
    }
}
