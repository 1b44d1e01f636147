//! What a replay finds: mappings, what an address was when it was needed, and what is wrong.

use super::history::SpanId;
use super::line::{Direction, Moment, Part};
use alloc::boxed::Box;
use alloc::string::String;

/// How many kinds of findings there are.
pub const KINDS: usize = 8;

/// A mapping of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// The addresses.
    pub part: Part,
    /// Which way.
    pub direction: Direction,
    /// Allocated memory, not a mapped buffer.
    pub coherent: bool,
    /// Since when.
    pub since: Moment,
    /// The last time that it was synchronised.
    pub synced: Option<Moment>,
    /// It is known of an access that went through it: the IOTLB may forget it.
    pub seen: bool,
    /// The tables have lost it, or a part of it.
    pub(super) lost: Option<Loss>,
    /// Which it is of the history.
    pub(super) span: SpanId,
}

/// What the tables lost of a mapping, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Loss {
    pub(super) when: Moment,
    pub(super) first: u64,
    pub(super) end: u64,
    /// 0 where it was this one's tables that lost it; else so many of the devices that have the address did, and whose did the unmap
    /// that follows says.
    pub(super) of_several: u32,
}

impl Mapping {
    /// What it is for an access; `write` where that is known.
    pub(super) fn at_an_access(self, write: Option<bool>) -> Was {
        match (write, self.direction) {
            (Some(true), Direction::ToDevice) | (Some(false), Direction::FromDevice) => Was::Other(self),
            _ => Was::Mapped(self),
        }
    }
}

/// What a device's address was when it was needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Was {
    /// Mapped, and for the other direction.
    Other(Mapping),
    /// Mapped.
    Mapped(Mapping),
    /// Mapped for the DMA API, and lost by the tables at a moment.
    Lost(Mapping, Moment),
    /// Mapped for the DMA API, and at a moment the tables of one of the devices that have the address lost it.
    Perhaps(Mapping, Moment),
    /// Unmapped before.
    Unmapped(Mapping, Moment),
    /// Mapped: it is unmapped later, at a moment, and its map the trace does not show.
    MappedUnseen(Part, Moment),
    /// Unmapped before; that it was mapped the trace does not show.
    UnmappedUnseen(Part, Moment),
    /// In tables since a moment, whose the events do not say; lost by them at another.
    Tables(Part, Moment, Option<Moment>),
    /// The trace tells of tables only, and none got this.
    NoTables,
    /// Of a device that the trace has nothing of, or that is not said; another device that has it mapped.
    NoDevice(Option<(String, Mapping)>),
    /// Of a process: its tables no event shows.
    Process(u32),
    /// It may be of the list of a moment, which the kernel has cut.
    Cut(Moment),
    /// When it was refused is not known.
    Sometime,
    /// Its time and the trace's are of two clocks.
    Clocks,
    /// It is earlier than the first event, at a moment.
    Before(Moment),
    /// It is much later than the last event, at a moment.
    After(Moment),
    /// It is not looked up what was there then.
    TooMany,
    /// The trace tells of translations only, and of none of this.
    Unseen,
    /// No page was looked at: what refused is of the device's entry or of the unit.
    Entry,
    /// Of which of these devices, whose numbers differ in the segment alone, its line does not say.
    Segment(String),
    /// Not mapped as far as the trace goes back, and what a mapping that failed has for an address; the last failure.
    Failed(Moment),
    /// Not mapped as far as the trace goes back; the mapping that ends nearest below, with how far below.
    Never(Option<(Mapping, u64)>),
    /// With something beside it.
    Aside(Box<Was>, Aside),
}

/// What is to be said beside what an address was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Aside {
    /// It is another device's, of the same group; the lines that say so.
    Group { other: String, group: u64, lines: (u64, u64) },
    /// Another device has it mapped; whether both are of one group is not known.
    Another(String, Mapping),
    /// What became of the device since, on a line, and on which it was attached to a domain after it had left one.
    Moved { change: Change, line: u64, again: Option<u64> },
}

/// What became of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It was attached to a domain that is not named.
    Attached,
    /// It was detached from one.
    Detached,
    /// It came into a group.
    Joined,
    /// It left one.
    Left,
}

impl Was {
    /// What it is without what is said beside it.
    pub(super) fn core(&self) -> &Was {
        match self {
            Was::Aside(was, _) => was.core(),
            was => was,
        }
    }

    /// What it is for the devices of a group: what another of them has mapped is in the same domain.
    pub(super) fn for_group(&self) -> &Was {
        match self {
            Was::Aside(was, Aside::Group { .. }) => was.for_group(),
            was => was,
        }
    }

    /// As [`Was::core`], to be changed.
    pub(super) fn core_mut(&mut self) -> &mut Was {
        match self {
            Was::Aside(was, _) => was.core_mut(),
            was => was,
        }
    }

    /// When it became so.
    pub(super) fn turned(&self) -> Option<Moment> {
        match self.core() {
            Was::Other(mapping) | Was::Mapped(mapping) => Some(mapping.since),
            Was::Lost(_, when) | Was::Perhaps(_, when) => Some(*when),
            Was::Unmapped(_, when) | Was::UnmappedUnseen(_, when) => Some(*when),
            Was::Tables(_, since, lost) => Some(lost.unwrap_or(*since)),
            _ => None,
        }
    }

    /// Whether it says what was mapped, so that another order of events would be another answer.
    pub(super) fn depends(&self) -> bool {
        !matches!(
            self.core(),
            Was::Process(_)
                | Was::Cut(_)
                | Was::Sometime
                | Was::Clocks
                | Was::Before(_)
                | Was::After(_)
                | Was::TooMany
                | Was::Entry
                | Was::Segment(_)
                | Was::Failed(_)
        )
    }
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// What is not mapped was unmapped: unmapped before, or never mapped in the trace.
    NotMapped { device: String, address: u64, size: u64, was: Was },
    /// Unmapped with another size or direction than it was mapped with, or freed though it was mapped, or the other way round.
    Differs { device: String, mapping: Mapping, size: u64, direction: Direction, coherent: bool },
    /// A new mapping shares addresses with one that is mapped.
    Overlaps { device: String, new: Part, old: Mapping },
    /// The tables lost a range while a device's mapping in it was in use.
    UnderUse { device: String, mapping: Mapping, iova: u64, size: u64 },
    /// The tables lost less than they were asked to, or more: the whole of a large page.
    TablesDiffer { iova: u64, size: u64, done: u64 },
    /// A buffer was synchronised past its end, or for another direction than it is mapped for.
    SyncDiffers { device: String, mapping: Mapping, address: u64, size: u64, direction: Direction },
    /// A buffer was synchronised that is not mapped.
    SyncOfNone { device: String, address: u64, was: Was },
    /// A device was refused an address; whether it wrote, where that is known. `tied` is the event of which the times
    /// do not say whether it came first, where only they say when it was refused.
    Fault { device: String, address: u64, write: Option<bool>, was: Was, tied: Option<Moment> },
}

impl Finding {
    /// The index of its kind among the counts.
    pub(super) const fn kind(&self) -> usize {
        match self {
            Finding::NotMapped { .. } => 0,
            Finding::Differs { .. } => 1,
            Finding::Overlaps { .. } => 2,
            Finding::UnderUse { .. } => 3,
            Finding::TablesDiffer { .. } => 4,
            Finding::SyncOfNone { .. } => 5,
            Finding::Fault { .. } => 6,
            Finding::SyncDiffers { .. } => 7,
        }
    }
}
