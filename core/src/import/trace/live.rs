//! What is mapped while a trace goes on, and what is wrong with it. One pass, in memory that grows with what is mapped at once,
//! not with the trace.

mod refused;

use super::history::{Act, History, Kind, Owner, SpanId};
use super::line::{Direction, Event, Moment, Part};
use super::lists::Lists;
use super::waiting::Waiting;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
pub use refused::meets;
use refused::Asked;

/// The most mappings at once; what comes after is counted and not kept.
const MOST_LIVE: usize = 1_000_000;
/// How many unmapped ranges are remembered for what comes after.
const MEMORY: usize = 65_536;
/// Within how many events an unmap of a device follows that of the tables.
const SOON: u64 = 1000;
/// Among how many mappings that begin below an address one that has it is looked for, where they may be within each other.
const NEAR: usize = 256;
/// The bits of the largest page that an access may have been translated by.
const LARGEST: u32 = 40;
/// The most faults behind later events for which it is looked up what was mapped at their time.
const MOST_LATE: usize = 1000;
/// The most findings of each kind that are kept; all are counted.
const MOST_FOUND: usize = 200;

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
    /// The tables have lost it, or a part of it, and nothing else had its address.
    lost: Option<Loss>,
    /// Which it is of the history.
    span: SpanId,
}

/// What the tables lost of a mapping, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Loss {
    when: Moment,
    first: u64,
    end: u64,
}

impl Mapping {
    /// What it is for an access; `write` where that is known.
    fn at_an_access(self, write: Option<bool>) -> Was {
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
    /// It is not looked up what was there then.
    TooMany,
    /// The trace tells of translations only, and of none of this.
    Unseen,
    /// Not mapped as far as the trace goes back; the mapping that ends nearest below, with how far below.
    Never(Option<(Mapping, u64)>),
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
    /// A device was refused an address; whether it wrote, where that is known.
    Fault { device: String, address: u64, write: Option<bool>, was: Was },
}

impl Finding {
    /// The index of its kind among the counts.
    const fn kind(&self) -> usize {
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

/// What an event says of the mapping that it ends: its size, where it has one, its direction, and whether it is freed or unmapped.
type End = (Option<u64>, Direction, bool);

/// How many kinds of findings there are.
pub const KINDS: usize = 8;

/// How long the tables had forgotten before the IOTLB did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Windows {
    /// How many unmaps.
    pub count: u64,
    /// The longest, in nanoseconds.
    pub longest: u64,
    /// All together.
    pub total: u64,
}

/// A mapping of a device whose range the tables have lost.
#[derive(Clone, Copy, Debug)]
struct Lost {
    event: u64,
    device: usize,
    address: u64,
    since: Moment,
    now: Moment,
    iova: u64,
    size: u64,
    /// Several devices have the address mapped: the event at which the tables lost it.
    others: Option<u64>,
}

/// The state of a trace.
#[derive(Debug, Default)]
pub struct Live {
    names: Vec<String>,
    /// Where a name is among them.
    numbers: BTreeMap<String, usize>,
    /// The domain that a device is attached to, where the trace names it.
    domains: BTreeMap<usize, usize>,
    mapped: BTreeMap<(usize, u64), Mapping>,
    /// Without an IOMMU a buffer may be mapped several times: the earlier mappings of an address, each of which is unmapped once.
    again: BTreeMap<(usize, u64), Vec<Mapping>>,
    /// How many those are.
    repeated: usize,
    /// Mappings have shared addresses: one that begins later may be within another.
    nested: bool,
    /// Entries of lists by their physical address, which is what `dma_unmap_sg` names.
    lists: Lists,
    /// What the tables map, by address: domains may have the same one, and the events do not say whose it is.
    tables: BTreeMap<u64, Vec<SpanId>>,
    /// Where mappings begin, by address and device: what is at an address, whosever it is.
    starts: BTreeSet<(u64, usize)>,
    /// Mappings that are known of an access, by address and device.
    seen: BTreeSet<(u64, usize)>,
    gone: BTreeMap<(usize, u64), (Mapping, Moment)>,
    order: VecDeque<(usize, u64)>,
    /// Unmaps of the tables that no flush has covered yet: when, and what is left of the range.
    waiting: Waiting,
    lost: VecDeque<Lost>,
    /// When a device last unmapped something of a page, of those that several have.
    unmaps: BTreeMap<u64, u64>,
    /// Unmaps of what was mapped before the trace began, as far as it shows.
    pub before: u64,
    /// What was found, with the line at which.
    pub found: Vec<(Moment, Finding)>,
    /// How many of each kind.
    pub counts: [u64; KINDS],
    /// Events that were read.
    pub events: u64,
    /// Events of maps and allocations, and the most mappings at once.
    pub maps: u64,
    /// The most mappings at once.
    pub most: usize,
    /// Bounces.
    pub bounced: (u64, u64),
    /// Between an unmap of the tables and the next flush, where the trace has flushes.
    pub windows: Windows,
    /// The first and last moment.
    pub span: (Moment, Moment),
    /// Mappings that were not kept.
    pub over: u64,
    /// Accesses that were translated.
    pub accesses: u64,
    /// Lists of which the kernel has left entries out, by device.
    pub truncated: BTreeMap<usize, u64>,
    /// Unmaps of lists that fit several of the lists that are mapped.
    pub unsure: u64,
    /// Events that are earlier than the one before them.
    pub back: u64,
    /// The latest event that is no fault.
    latest: u64,
    /// How many faults stand behind later events.
    tails: usize,
    /// Devices that did something, beside being refused.
    acted: BTreeSet<usize>,
    /// The tables got something.
    tabled: bool,
    /// Lists that were mapped and are cut, by device.
    cuts: BTreeMap<usize, Vec<Moment>>,
    /// Unmaps of what the trace did not see mapped.
    ended: BTreeMap<(usize, u64), (Part, Moment)>,
    /// Events that the tracer lost, as the trace says.
    pub missing: u64,
    /// All that happened.
    pub history: History,
}

impl Live {
    fn device(&mut self, name: &str) -> usize {
        if let Some(at) = self.numbers.get(name) {
            return *at;
        }
        self.names.push(name.into());
        self.numbers.insert(name.into(), self.names.len() - 1);
        self.names.len() - 1
    }

    /// Returns whether a device of this name was met.
    pub fn knows(&self, name: &str) -> bool {
        self.numbers.contains_key(name)
    }

    /// Returns the name of a device.
    pub fn name(&self, device: usize) -> &str {
        self.names.get(device).map_or("", String::as_str)
    }

    /// Returns what is mapped now, by device and address.
    pub fn mapped(&self) -> impl Iterator<Item = (&str, &Mapping)> {
        let again = self.again.iter().flat_map(|(key, all)| all.iter().map(move |mapping| (key, mapping)));
        self.mapped.iter().chain(again).map(|((device, _), mapping)| (self.name(*device), mapping))
    }

    /// Returns whether the trace has times.
    pub fn timed(&self) -> bool {
        self.span.1.time > 0
    }

    /// Returns the time of the latest event that is no fault.
    pub const fn latest(&self) -> u64 {
        self.latest
    }

    /// Returns how many ranges the tables map now.
    pub fn tables(&self) -> usize {
        self.tables.len()
    }

    fn find(&mut self, now: Moment, finding: Finding) {
        let count = &mut self.counts[finding.kind()];
        *count += 1;
        if *count <= MOST_FOUND as u64 {
            self.found.push((now, finding));
        }
    }

    /// Takes the next event.
    pub fn event(&mut self, now: Moment, event: Event) {
        if self.events == 0 {
            self.span.0 = now;
        }
        let is_fault = matches!(event, Event::Fault { .. });
        // Those that stand behind later events are held against what was mapped at their time.
        let late = is_fault && now.time < self.latest;
        if late {
            self.tails += 1;
        } else {
            self.back += u64::from(now.time < self.span.1.time);
            self.span.1 = now;
        }
        if !is_fault {
            self.latest = self.latest.max(now.time);
        }
        self.events += 1;
        self.in_use();
        match event {
            Event::TableMap { iova, physical, size } => {
                self.history.pass(now, Act::TableMap, TABLES, iova, size);
                self.tabled = true;
                self.found_again(iova, size);
                if self.tables.len() < MOST_LIVE {
                    let part = Part { address: iova, physical: Some(physical), size };
                    let span = self.history.begin(Owner::Tables, Kind::Table, part, Direction::Both);
                    self.tables.entry(iova).or_default().push(span);
                }
            }
            Event::TableUnmap { iova, size, done } => self.table_unmap(now, iova, size, done),
            Event::Map { device, parts, direction, coherent, list } => {
                let device = self.acts(&device);
                self.maps += 1;
                let act = if coherent { Act::Alloc } else { Act::Map };
                let bytes = parts.iter().fold(0u64, |sum, part| sum.saturating_add(part.size));
                self.pass(now, act, device, parts.first().map_or(0, |part| part.address), bytes);
                for part in parts {
                    self.map(now, device, part, direction, coherent, false);
                    if let Some(physical) = part.physical.filter(|_| list) {
                        self.lists.add(device, physical, now.line, part.address, MOST_LIVE);
                    }
                }
            }
            Event::Unmap { device, address, size, direction, coherent } => {
                let at = self.acts(&device);
                self.pass(now, if coherent { Act::Free } else { Act::Unmap }, at, address, size);
                self.unmap(now, at, address, Some((Some(size), direction, coherent)));
            }
            Event::UnmapList { device, physical, direction } => {
                self.unmap_list(now, &device, &physical, direction)
            }
            Event::UnmapRange { device, address, size } => {
                let device = self.acts(&device);
                self.pass(now, Act::Unmap, device, address, size);
                let end = address.saturating_add(size.max(1));
                let within = self.mapped.range((device, address)..(device, end));
                let addresses: Vec<u64> = within.map(|((_, at), _)| *at).collect();
                for address in addresses {
                    self.unmap(now, device, address, None);
                }
            }
            Event::Sync { device, parts, direction } => {
                let at = self.acts(&device);
                let bytes = parts.iter().fold(0u64, |sum, (_, size)| sum.saturating_add(*size));
                self.pass(now, Act::Sync, at, parts.first().map_or(0, |(address, _)| *address), bytes);
                for (address, size) in parts {
                    match self.holding(at, address) {
                        Some(key) => self.sync(now, key, address, size, direction),
                        None => {
                            let was = self.was(at, address, None);
                            // It may be of a list whose entries the kernel did not tell.
                            if self.truncated.contains_key(&at) && matches!(was, Was::Never(_)) {
                                continue;
                            }
                            self.find(now, Finding::SyncOfNone { device: device.clone(), address, was });
                        }
                    }
                }
            }
            Event::Access { device, address, part, write } => {
                let at = self.acts(&device);
                self.accesses += 1;
                self.pass(now, Act::Access(write), at, address, 0);
                let known = self.holding(self.space(at), address).and_then(|key| self.mapped.get(&key));
                let same = known.is_some_and(|known| {
                    !known.seen
                        || known.part.physical.map(|p| p.wrapping_sub(known.part.address))
                            == part.physical.map(|p| p.wrapping_sub(part.address))
                });
                if !same {
                    if let Some(old) = known.map(|known| known.part.address) {
                        self.unmap(now, at, old, None);
                    }
                    self.map(now, at, part, Direction::Both, false, true);
                }
            }
            Event::Fault { device, address, write, pasid, placed } => {
                let at = self.device(&device);
                let held = pasid.is_none() && placed;
                let within = if held { owner(self.space(at)) } else { Owner::Nobody };
                self.history.pass(now, Act::Fault(write), (owner(at), within), address, 0);
                let asked = Asked { address, write, pasid, placed };
                let was = match late && self.tails > MOST_LATE {
                    true => Was::TooMany,
                    false => self.refused(now, at, &asked, late),
                };
                self.find(now, Finding::Fault { device, address, write, was });
            }
            Event::Attach { device, domain } => {
                // Which domain it is Linux does not say, so nothing of what it has mapped.
                let device = if domain.is_some() { self.acts(&device) } else { self.device(&device) };
                self.pass(now, Act::Attach, device, 0, 0);
                // What a device left is kept in mind: its last accesses may come after it.
                if let Some(domain) = domain.map(|domain| self.device(&domain)) {
                    self.domains.insert(device, domain);
                }
            }
            Event::Bounced { device, size } => {
                let device = self.acts(&device);
                self.pass(now, Act::Bounced, device, 0, size);
                self.bounced.0 += 1;
                self.bounced.1 = self.bounced.1.saturating_add(size);
            }
            Event::Flush { range } => {
                let (address, size) = range.unwrap_or((0, u64::MAX));
                self.history.pass(now, Act::Flush, TABLES, address, range.map_or(0, |_| size));
                let end = address.saturating_add(size);
                for since in self.waiting.flush(address, end) {
                    let window = now.time.saturating_sub(since);
                    self.windows.count += 1;
                    self.windows.longest = self.windows.longest.max(window);
                    self.windows.total = self.windows.total.saturating_add(window);
                }
                for (address, device) in self.forgotten(address, end) {
                    self.unmap(now, device, address, None);
                }
            }
        }
    }

    /// A list is unmapped: its entries by their physical addresses. It may have fewer segments than entries: those that were joined have
    /// no address.
    fn unmap_list(&mut self, now: Moment, device: &str, physical: &[u64], direction: Direction) {
        let device = self.acts(device);
        let list = self.which_list(device, physical, direction);
        let addresses = self.lists.take(device, physical, list, MEMORY);
        if addresses.is_empty() {
            self.before += 1;
        }
        self.pass(now, Act::Unmap, device, addresses.first().copied().unwrap_or(0), 0);
        for address in addresses {
            self.unmap(now, device, address, Some((None, direction, false)));
        }
    }

    /// Which of the lists with these pages is unmapped, by the line that mapped it: the event does not say. One of its direction, and of
    /// several the one whose addresses the tables have just lost; else the latest, and that it is not known is counted.
    fn which_list(&mut self, device: usize, physical: &[u64], direction: Direction) -> Option<u64> {
        let mut lines = self.lists.of(device, physical);
        let lost: BTreeSet<u64> = match lines.len() {
            0 | 1 => return lines.pop(),
            _ => {
                self.lost.iter().rev().take(NEAR).filter(|l| l.device == device).map(|l| l.address).collect()
            }
        };
        let lists = &self.lists;
        let addresses = |line: u64| physical.iter().filter_map(move |at| lists.entry(device, *at, line));
        let this_way = |line: &u64| {
            let first = addresses(*line).next().and_then(|address| self.mapped.get(&(device, address)));
            first.is_some_and(|mapping| mapping.direction == direction)
        };
        let is_lost = |line: &u64| !lost.is_empty() && addresses(*line).any(|at| lost.contains(&at));
        for fits in [&this_way as &dyn Fn(&u64) -> bool, &is_lost] {
            if lines.iter().any(fits) {
                lines.retain(fits);
            }
        }
        self.unsure += u64::from(lines.len() > 1);
        lines.first().copied()
    }

    /// A mapping is synchronised.
    fn sync(&mut self, now: Moment, key: (usize, u64), address: u64, size: u64, direction: Direction) {
        let Some(mapping) = self.mapped.get_mut(&key) else { return };
        mapping.synced = Some(now);
        let mapping = *mapping;
        // A buffer that is mapped both ways may be synchronised for one (kernel/dma/debug.c, check_sync).
        let other = mapping.direction != Direction::Both && direction != mapping.direction;
        if other || address - key.1 + size.min(u64::MAX / 2) > mapping.part.size {
            let device = self.name(key.0).into();
            self.find(now, Finding::SyncDiffers { device, mapping, address, size, direction });
        }
    }

    /// Takes an event of a device into the history.
    fn pass(&mut self, now: Moment, act: Act, device: usize, address: u64, size: u64) {
        self.history.pass(now, act, (owner(device), owner(self.space(device))), address, size);
    }

    /// Whose mappings an access of a device goes through: its own, or those of the domain that it is attached to.
    fn space(&self, device: usize) -> usize {
        self.domains.get(&device).copied().unwrap_or(device)
    }

    /// Says of mappings that the tables lost a while ago that they are still there.
    fn in_use(&mut self) {
        // Bounded: each turn takes one away.
        while let Some(lost) = self.lost.front().copied().filter(|lost| lost.event + SOON < self.events) {
            self.lost.pop_front();
            let mapping = self.mapped.get(&(lost.device, lost.address)).copied();
            // Another device that unmapped the same address since: it was its tables that lost it.
            let others = lost
                .others
                .is_some_and(|then| self.unmaps.get(&(lost.iova >> 12)).is_some_and(|at| *at >= then));
            if let Some(mapping) = mapping.filter(|mapping| mapping.since == lost.since && !others) {
                let device = self.name(lost.device).into();
                self.find(lost.now, Finding::UnderUse { device, mapping, iova: lost.iova, size: lost.size });
            }
        }
    }

    /// What a flush of a range makes the IOTLB forget: what begins in it, and the larger pages that its first one is in.
    fn forgotten(&self, address: u64, end: u64) -> Vec<(u64, usize)> {
        if self.seen.is_empty() {
            return Vec::new();
        }
        let mut out: Vec<(u64, usize)> =
            self.seen.range((address, 0)..(end.max(address), 0)).copied().collect();
        let mut start = address;
        for shift in 12..=LARGEST {
            let larger = address >> shift << shift;
            if larger < start {
                start = larger;
                let of = self.seen.range((larger, 0)..=(larger, usize::MAX)).copied();
                out.extend(of.filter(|(at, device)| {
                    self.mapped.get(&(*device, *at)).is_some_and(|known| address - at < known.part.size)
                }));
            }
        }
        out
    }

    /// The mapping that an address of a device is in.
    fn holding(&self, device: usize, address: u64) -> Option<(usize, u64)> {
        let mut below = self.mapped.range((device, 0)..=(device, address)).rev();
        // Where none is within another, the nearest below has it or none has.
        let many = if self.nested { NEAR } else { 1 };
        below
            .by_ref()
            .take(many)
            .find(|(key, mapping)| address - key.1 < mapping.part.size)
            .map(|(key, _)| *key)
    }

    /// What an address of a device is or was; `write` where an access is known.
    fn was(&self, device: usize, address: u64, write: Option<bool>) -> Was {
        if let Some(mapping) = self.holding(device, address).and_then(|key| self.mapped.get(&key)) {
            return mapping.at_an_access(write);
        }
        // Of several that had the address the one that was unmapped last.
        let gone = self.gone.range((device, 0)..=(device, address)).rev().take(NEAR);
        let had = gone.filter(|(key, (mapping, _))| address - key.1 < mapping.part.size);
        if let Some((_, (mapping, when))) = had.max_by_key(|(_, (_, when))| when.line) {
            return Was::Unmapped(*mapping, *when);
        }
        if self.maps == 0 && self.accesses > 0 {
            return Was::Unseen;
        }
        self.never(device, address)
    }

    /// What is not mapped, with the nearest mapping below it.
    fn never(&self, device: usize, address: u64) -> Was {
        let below = self.mapped.range((device, 0)..=(device, address)).next_back();
        Was::Never(below.map(|(key, mapping)| (*mapping, address - key.1 - mapping.part.size)))
    }

    fn map(
        &mut self,
        now: Moment,
        device: usize,
        part: Part,
        direction: Direction,
        coherent: bool,
        seen: bool,
    ) {
        let last = part.address.saturating_add(part.size.saturating_sub(1));
        // A device without an IOMMU may have one buffer mapped twice; with one, each mapping has addresses of its own.
        let old = self.mapped.range((device, 0)..=(device, last)).next_back();
        let old = old.filter(|(key, old)| {
            old.part.address.saturating_add(old.part.size) > part.address && key.0 == device
        });
        if let Some((_, old)) = old.map(|(key, old)| (*key, *old)) {
            self.nested = true;
            if !(are_direct(&old.part, &part)) {
                let name = self.name(device).into();
                self.find(now, Finding::Overlaps { device: name, new: part, old });
            }
        }
        self.gone.remove(&(device, part.address));
        self.ended.remove(&(device, part.address));
        if self.mapped.len() + self.repeated < MOST_LIVE {
            let kind = match (seen, coherent) {
                (true, _) => Kind::Seen,
                (_, true) => Kind::Memory,
                _ => Kind::Buffer,
            };
            let span = self.history.begin(owner(device), kind, part, direction);
            let mapping =
                Mapping { part, direction, coherent, since: now, synced: None, seen, lost: None, span };
            if let Some(old) = self.mapped.insert((device, part.address), mapping) {
                if are_direct(&old.part, &part) {
                    self.again.entry((device, part.address)).or_default().push(old);
                    self.repeated += 1;
                } else {
                    self.history.end(old.span);
                }
            }
            self.starts.insert((part.address, device));
            if seen {
                self.seen.insert((part.address, device));
            }
            self.most = self.most.max(self.mapped.len() + self.repeated);
        } else {
            self.over += 1;
        }
    }

    /// Takes away the mapping that begins at an address; of several the one that is of this size and direction, else the latest.
    fn take(&mut self, key: (usize, u64), with: Option<End>) -> Option<Mapping> {
        let mut mapping = self.mapped.remove(&key)?;
        let Some(all) = self.again.get_mut(&key) else {
            self.starts.remove(&(key.1, key.0));
            return Some(mapping);
        };
        let fits = |one: &Mapping| {
            with.is_none_or(|(size, direction, coherent)| {
                size.is_none_or(|size| size == one.part.size)
                    && (direction, coherent) == (one.direction, one.coherent)
            })
        };
        if !fits(&mapping) {
            if let Some(one) = all.iter_mut().rev().find(|one| fits(one)) {
                core::mem::swap(one, &mut mapping);
            }
        }
        if let Some(left) = all.pop() {
            self.repeated -= 1;
            self.mapped.insert(key, left);
        }
        if all.is_empty() {
            self.again.remove(&key);
        }
        Some(mapping)
    }

    /// Unmaps; `with` the size, where the event has one, and the direction that it says.
    fn unmap(&mut self, now: Moment, device: usize, address: u64, with: Option<End>) {
        let Some(mapping) = self.take((device, address), with) else {
            // What was mapped before the trace began is not known; what was unmapped in it is.
            let was = self.was(device, address, None);
            // A list's event has no sizes: that of what was there.
            let had = match &was {
                Was::Unmapped(mapping, _) => mapping.part.size,
                _ => 0,
            };
            let size = with.and_then(|(size, ..)| size).unwrap_or(had);
            if matches!(was, Was::Never(_) | Was::Unseen) {
                self.before += 1;
                let part = Part { address, physical: None, size };
                self.was_mapped(device, part, now);
                if self.ended.len() < MEMORY {
                    self.ended.insert((device, address), (part, now));
                }
                return;
            }
            let name = self.name(device).into();
            self.find(now, Finding::NotMapped { device: name, address, size, was });
            return;
        };
        if let Some(at) = self.unmaps.get_mut(&(address >> 12)) {
            *at = self.events;
        }
        self.history.end(mapping.span);
        self.seen.remove(&(address, device));
        if let Some(physical) = mapping.part.physical {
            self.lists.remove(device, physical, mapping.since.line, address);
        }
        if let Some((size, direction, coherent)) = with {
            let size = size.unwrap_or(mapping.part.size);
            if (size, direction, coherent) != (mapping.part.size, mapping.direction, mapping.coherent) {
                let name = self.name(device).into();
                self.find(now, Finding::Differs { device: name, mapping, size, direction, coherent });
            }
        }
        if self.gone.insert((device, address), (mapping, now)).is_none() {
            self.order.push_back((device, address));
            if self.order.len() > MEMORY {
                if let Some(oldest) = self.order.pop_front() {
                    self.gone.remove(&oldest);
                }
            }
        }
    }

    /// The tables lose a range. The DMA API does that before it says that a mapping is unmapped, so what devices have mapped there
    /// is in use only if that does not follow soon.
    fn table_unmap(&mut self, now: Moment, iova: u64, size: u64, done: u64) {
        self.history.pass(now, Act::TableUnmap, TABLES, iova, done);
        if done != size {
            self.find(now, Finding::TablesDiffer { iova, size, done });
        }
        if done == 0 {
            return;
        }
        // A driver that cannot split a large page takes all of it away.
        let (iova, size) = match done > size && done.is_power_of_two() {
            true => (iova & !(done - 1), done),
            false => (iova, size.max(done)),
        };
        let end = iova.saturating_add(size);
        let inside: Vec<u64> = self.tables.range(iova..end.max(iova + 1)).map(|(at, _)| *at).collect();
        for at in inside {
            let Some(spans) = self.tables.get_mut(&at) else { continue };
            // Of several the latest: what lives long was mapped before.
            if let Some(span) = spans.pop() {
                self.history.end(span);
            }
            if spans.is_empty() {
                self.tables.remove(&at);
            }
        }
        self.waiting.add(now.time, iova, end.max(iova.saturating_add(1)), MOST_LIVE);
        let inside = || self.starts.range((iova, 0)..(end.max(iova), 0));
        let first = inside().next().map(|(_, device)| *device);
        let several = inside().any(|(_, device)| Some(*device) != first);
        let others = several.then_some(self.events);
        if several {
            let _ = self.unmaps.entry(iova >> 12).or_insert(0);
        }
        if !several {
            let keys: Vec<(usize, u64)> = inside().map(|(at, device)| (*device, *at)).collect();
            for key in keys {
                if let Some(mapping) = self.mapped.get_mut(&key) {
                    mapping.lost = Some(Loss { when: now, first: iova, end });
                }
            }
        }
        let inside = || self.starts.range((iova, 0)..(end.max(iova), 0));
        let mapped = inside().filter_map(|(at, device)| Some((*device, self.mapped.get(&(*device, *at))?)));
        self.lost.extend(mapped.map(|(device, m)| Lost {
            event: self.events,
            device,
            address: m.part.address,
            since: m.since,
            now,
            iova,
            size,
            others,
        }));
    }

    /// The tables get a range: what they had lost of it is there again.
    fn found_again(&mut self, iova: u64, size: u64) {
        let end = iova.saturating_add(size);
        let again: Vec<(u64, usize)> = self.starts.range((iova, 0)..(end, 0)).copied().collect();
        for (at, device) in again {
            if let Some(mapping) = self.mapped.get_mut(&(device, at)) {
                mapping.lost = None;
            }
        }
    }
}

/// Without an IOMMU a buffer has one address for a device: the memory's own, or one at a distance that all have (`dma-ranges`, the bit
/// of memory encryption). An IOMMU gives each mapping addresses of its own.
fn are_direct(one: &Part, other: &Part) -> bool {
    let distance = |part: &Part| part.physical.map(|physical| part.address.wrapping_sub(physical));
    distance(one).is_some() && distance(one) == distance(other)
}

/// Whose what the tables do is, and within whose mappings.
const TABLES: (Owner, Owner) = (Owner::Tables, Owner::Tables);

/// The owner of what a device does. Beyond 65,535 devices they are as one.
fn owner(device: usize) -> Owner {
    Owner::Device(u16::try_from(device).unwrap_or(u16::MAX))
}
