//! All that a trace did, so that each moment of it can be gone to: the events in order, and of each mapping from which to which it was
//! there. In memory that grows with the trace, up to a limit that is said.

use super::line::{Direction, Moment, Part};
use alloc::vec::Vec;

/// The most events and the most mappings that are kept; a later one is counted and cannot be gone to.
pub const MOST: usize = 2_000_000;
/// What an open mapping's end is.
const OPEN: u32 = u32::MAX;
/// A physical address that an event does not say.
const UNSAID: u64 = u64::MAX;

/// What an event did, as it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// The tables got a range.
    TableMap,
    /// They lost one.
    TableUnmap,
    /// A buffer was mapped.
    Map,
    /// Memory was allocated for DMA.
    Alloc,
    /// A buffer was unmapped.
    Unmap,
    /// Memory was freed.
    Free,
    /// A buffer was synchronised.
    Sync,
    /// An access was refused; whether it was a write, where that is known.
    Fault(Option<bool>),
    /// An access was translated; whether it was a write, where that is known.
    Access(Option<bool>),
    /// A device was attached to a domain, or detached.
    Attach,
    /// A mapping or an allocation failed.
    Failed,
    /// A device came into a group, or left it.
    Group,
    /// A mapping bounced.
    Bounced,
    /// The IOTLB was told to forget.
    Flush,
}

/// Whose a mapping or an event is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Owner {
    /// A device, by its place among the names.
    Device(u16),
    /// The IOMMU's tables; whose, the events do not say.
    Tables,
    /// Nobody that the trace has: a process's, or not known.
    Nobody,
}

/// An event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passed {
    /// Nanoseconds.
    pub time: u64,
    /// The address that it is about, and the bytes.
    pub address: u64,
    /// Bytes; 0 where the event has none.
    pub size: u64,
    /// The line, counted from 1.
    pub line: u32,
    /// Whose.
    pub owner: Owner,
    /// Whose mappings it went through: the device's own, or those of the domain that it is attached to.
    pub within: Owner,
    /// What it did.
    pub act: Act,
}

/// A mapping, from the event that made it to the one that ended it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    address: u64,
    physical: u64,
    size: u64,
    begin: u32,
    end: u32,
    /// Whose.
    pub owner: Owner,
    /// Which way.
    pub direction: Direction,
    /// What it is.
    pub kind: Kind,
}

/// What a mapping is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A mapped buffer.
    Buffer,
    /// Allocated memory.
    Memory,
    /// A range of the tables.
    Table,
    /// A translation that was seen: from the first access to what ends it.
    Seen,
}

impl Span {
    /// Returns its range.
    pub fn part(&self) -> Part {
        let physical = Some(self.physical).filter(|at| *at != UNSAID);
        Part { address: self.address, physical, size: self.size }
    }
    /// Returns the position of the event that made it.
    pub fn begin(&self) -> usize {
        self.begin as usize
    }
    /// Returns the position of the event that ended it; none where nothing did.
    pub fn end(&self) -> Option<usize> {
        (self.end != OPEN).then_some(self.end as usize)
    }
}

/// Which mapping of a history; none where it was not kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SpanId(Option<u32>);

/// The events of a trace and its mappings, in the order in which they came.
#[derive(Debug, Default)]
pub struct History {
    passed: Vec<Passed>,
    spans: Vec<Span>,
    /// Mappings in the order in which they ended.
    ended: Vec<u32>,
    /// Events that flush, in order.
    flushes: Vec<u32>,
    blocks: Vec<Block>,
    /// The earliest and the latest of as many events as a block has, without faults.
    times: Vec<(u64, u64)>,
    /// More came than is kept.
    full: bool,
    /// Events are not in the order of their lines: faults of a log before the trace are sorted in.
    mixed: bool,
}

/// How many mappings a block has.
const BLOCK: usize = 256;

/// Mappings one after another: whether one of them is there at a moment is told without looking at each.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    /// How many of them are there.
    open: u32,
    /// The event that ended the last of them.
    latest: u32,
}

impl History {
    /// Returns the events.
    pub fn passed(&self) -> &[Passed] {
        &self.passed
    }
    /// Returns whether there were more than are kept.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Takes the next event: whose it is, and whose mappings it goes through.
    pub fn pass(&mut self, now: Moment, act: Act, (owner, within): (Owner, Owner), address: u64, size: u64) {
        if self.full || self.passed.len() >= MOST {
            self.full = true;
            return;
        }
        if act == Act::Flush {
            self.flushes.push(self.passed.len() as u32);
        }
        if self.passed.len() % BLOCK == 0 {
            self.times.push((u64::MAX, 0));
        }
        if let Some(times) = self.times.last_mut().filter(|_| !matches!(act, Act::Fault(_))) {
            *times = (times.0.min(now.time), times.1.max(now.time));
        }
        let line = u32::try_from(now.line).unwrap_or(u32::MAX);
        self.mixed |= self.passed.last().is_some_and(|last| last.line > line);
        self.passed.push(Passed { time: now.time, line, act, owner, within, address, size });
    }

    /// Begins a mapping at the event that was taken last.
    pub fn begin(&mut self, owner: Owner, kind: Kind, part: Part, direction: Direction) -> SpanId {
        let Some(begin) = self.passed.len().checked_sub(1).filter(|_| !self.full && self.spans.len() < MOST)
        else {
            return SpanId(None);
        };
        let at = self.spans.len();
        if at % BLOCK == 0 {
            self.blocks.push(Block::default());
        }
        if let Some(block) = self.blocks.last_mut() {
            block.open += 1;
        }
        let physical = part.physical.unwrap_or(UNSAID);
        let (begin, end) = (begin as u32, OPEN);
        let (address, size) = (part.address, part.size);
        self.spans.push(Span { address, physical, size, begin, end, owner, direction, kind });
        SpanId(Some(at as u32))
    }

    /// Ends a mapping at the event that was taken last.
    pub fn end(&mut self, which: SpanId) {
        self.end_with(which, self.passed.len().saturating_sub(1));
    }

    /// Ends a mapping at the event that comes next.
    pub fn end_with_next(&mut self, which: SpanId) {
        self.end_with(which, self.passed.len());
    }

    fn end_with(&mut self, which: SpanId, now: usize) {
        let (Some(at), false) = (which.0, self.full) else { return };
        let now = now as u32;
        let Some(span) = self.spans.get_mut(at as usize) else { return };
        span.end = now;
        self.ended.push(at);
        if let Some(block) = self.blocks.get_mut(at as usize / BLOCK) {
            block.open -= 1;
            block.latest = now;
        }
    }

    /// Returns between which events a time lies: before the first none is later, and from the second on all are; they are the same
    /// where the events are in order. Faults do not count. None where events were not kept.
    pub fn around(&self, time: u64) -> Option<(usize, usize)> {
        if self.full {
            return None;
        }
        let all = self.passed.len();
        let of = |block: usize| {
            let events = self.passed.iter().enumerate().skip(block * BLOCK).take(BLOCK);
            events.filter(|(_, passed)| !matches!(passed.act, Act::Fault(_)))
        };
        let later = self.times.iter().position(|(_, latest)| *latest > time);
        let later = later.and_then(|block| of(block).find(|(_, passed)| passed.time > time));
        let not = self.times.iter().rposition(|(earliest, _)| *earliest <= time);
        let not = not.and_then(|block| of(block).rfind(|(_, passed)| passed.time <= time));
        let (later, not) = (later.map_or(all, |(at, _)| at), not.map_or(0, |(at, _)| at + 1));
        // Only faults stand between where all are in order.
        Some(if later >= not { (not, not) } else { (later, not) })
    }

    /// Returns a mapping; none where it was not kept.
    pub fn get(&self, which: SpanId) -> Option<&Span> {
        self.spans.get(which.0? as usize)
    }

    /// Returns the mappings that were there at any time between two events, `first` to before `end`; the oldest first.
    pub fn during(&self, first: usize, end: usize) -> impl Iterator<Item = &Span> {
        let begun = self.spans.partition_point(|span| span.begin() < end);
        let blocks = self.spans[..begun].chunks(BLOCK).zip(&self.blocks);
        blocks
            .filter(move |(_, block)| block.open > 0 || block.latest as usize >= first)
            .flat_map(|(spans, _)| spans)
            .filter(move |span| span.end as usize >= first)
    }

    /// Returns the mappings that an event made.
    pub fn made(&self, at: usize) -> &[Span] {
        let first = self.spans.partition_point(|span| span.begin() < at);
        let end = self.spans.partition_point(|span| span.begin() <= at);
        &self.spans[first..end]
    }

    /// Returns the mappings that events made, from one to before another.
    pub fn begun(&self, first: usize, end: usize) -> &[Span] {
        let first = self.spans.partition_point(|span| span.begin() < first);
        let end = self.spans.partition_point(|span| span.begin() < end);
        self.spans.get(first..end).unwrap_or_default()
    }

    /// Returns the mappings that an event ended.
    pub fn unmade(&self, at: usize) -> impl Iterator<Item = &Span> {
        let of = |which: &u32| self.spans.get(*which as usize).map_or(0, |span| span.end as usize);
        let first = self.ended.partition_point(|which| of(which) < at);
        let end = self.ended.partition_point(|which| of(which) <= at);
        self.ended[first..end].iter().filter_map(|which| self.spans.get(*which as usize))
    }

    /// Returns the mappings that events up to one ended, the last first.
    pub fn ended_by(&self, at: usize) -> impl Iterator<Item = &Span> {
        let of = |which: &u32| self.spans.get(*which as usize).map_or(0, |span| span.end as usize);
        let end = self.ended.partition_point(|which| of(which) <= at);
        self.ended[..end].iter().rev().filter_map(|which| self.spans.get(*which as usize))
    }

    /// Returns the next event from `at` on, and before `end`, that tells the IOTLB to forget an address.
    pub fn flush_after(&self, at: usize, end: usize, address: u64) -> Option<usize> {
        let next = self.flushes.partition_point(|flush| (*flush as usize) < at);
        let flushes = self.flushes[next..].iter().map(|flush| *flush as usize);
        flushes.take_while(|flush| *flush < end).find(|flush| {
            let Some(event) = self.passed.get(*flush) else { return false };
            event.size == 0 || address.checked_sub(event.address).is_some_and(|over| over < event.size)
        })
    }

    /// Returns whether the trace has such events at all.
    pub fn flushes(&self) -> bool {
        !self.flushes.is_empty()
    }

    /// Returns the first event of a line or after it.
    pub fn of_line(&self, line: u64) -> usize {
        if self.mixed {
            let of = |passed: &Passed| u64::from(passed.line) == line;
            return self.passed.iter().position(of).unwrap_or(self.passed.len());
        }
        self.passed.partition_point(|passed| u64::from(passed.line) < line)
    }
}
