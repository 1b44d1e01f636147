//! What is mapped while a trace goes on, and what is wrong with it. One pass, in memory that grows with what is mapped at once,
//! not with the trace.

mod belongs;
mod beside;
mod boots;
mod mapped;
mod refused;
mod tables;
mod tie;

use super::finding::{Change, Finding, Mapping, Was, KINDS};
use super::history::{Act, History, Kind, Owner, SpanId};
use super::line::{Direction, Event, Moment, Part, Place};
use super::lists::Lists;
use super::waiting::Waiting;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use belongs::Belongs;
use boots::Boot;
pub use refused::meets;
use refused::Asked;
use tables::Lost;
use tie::Recent;

/// The most mappings at once; what comes after is counted and not kept.
const MOST_LIVE: usize = 1_000_000;
/// How many unmapped ranges are remembered for what comes after.
const MEMORY: usize = 65_536;
/// Among how many mappings that begin below an address one that has it is looked for, where they may be within each other.
const NEAR: usize = 256;
/// The most faults behind later events for which it is looked up what was mapped at their time.
const MOST_LATE: usize = 1000;
/// The most findings of each kind that are kept; all are counted.
const MOST_FOUND: usize = 200;

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

/// The state of a trace.
#[derive(Debug, Default)]
pub struct Live {
    names: Vec<String>,
    /// Where a name is among them.
    numbers: BTreeMap<String, usize>,
    /// The domain that a device is attached to, where the trace names it.
    domains: BTreeMap<usize, usize>,
    /// To which groups devices belong, and when they came to other domains.
    belongs: Belongs,
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
    /// The boots that the events are of, each with its ends.
    boots: Vec<Boot>,
    /// No event follows.
    pub closed: bool,
    /// Faults of which the times do not say whether the next events came first.
    recent: Vec<Recent>,
    /// Faults before the first event, or long after the last.
    out: u64,
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
    /// Mappings and allocations that failed: how many, and the last of each device.
    pub failed: u64,
    failures: BTreeMap<usize, Moment>,
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

    /// Returns whether events tell of mappings: others say nothing of what was mapped.
    pub fn tells(&self) -> bool {
        self.tabled || self.accesses > 0 || !self.acted.is_empty() || !self.cuts.is_empty()
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
        let is_fault = matches!(event, Event::Fault { .. });
        // Whose time is all that is known of its place says nothing of how long the trace is.
        let by_time = matches!(event, Event::Fault { place: Place::Time, .. });
        let outside = by_time.then(|| self.outside(now.time)).flatten();
        if outside.is_none() && (self.events == self.out) {
            self.span.0 = now;
        }
        self.out += u64::from(outside.is_some());
        // Those that stand behind later events are held against what was mapped at their time.
        let late = is_fault && now.time < self.latest;
        if late {
            self.tails += 1;
        } else if outside.is_none() {
            self.back += u64::from(now.time < self.span.1.time);
            self.span.1 = now;
        }
        if !is_fault {
            self.latest = self.latest.max(now.time);
            self.lasts(now);
        }
        self.events += 1;
        self.in_use();
        match event {
            Event::TableMap { iova, physical, size } => {
                self.history.pass(now, Act::TableMap, TABLES, iova, size);
                self.tabled = true;
                self.near(now, None, iova, size);
                self.found_again(iova, size);
                if self.tables.len() < MOST_LIVE {
                    let part = Part { address: iova, physical: Some(physical), size };
                    let span = self.history.begin(Owner::Tables, Kind::Table, part, Direction::Both);
                    self.tables.entry(iova).or_default().push(span);
                }
            }
            Event::TableUnmap { iova, size, done } => {
                self.near(now, None, iova, size.max(done));
                self.table_unmap(now, iova, size, done);
            }
            Event::Map { device, parts, direction, coherent, list } => {
                let device = self.acts(&device);
                self.maps += 1;
                let act = if coherent { Act::Alloc } else { Act::Map };
                let bytes = parts.iter().fold(0u64, |sum, part| sum.saturating_add(part.size));
                self.pass(now, act, device, parts.first().map_or(0, |part| part.address), bytes);
                for part in parts {
                    self.near(now, Some(device), part.address, part.size);
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
            Event::Fault { device, address, write, pasid, place } => {
                let at = self.device(&device);
                let placed = !matches!(place, Place::Unknown | Place::Clocks);
                let placed = placed && !matches!(place, Place::Entry | Place::Segment);
                let held = pasid.is_none() && placed && outside.is_none();
                let within = if held { owner(self.space(at)) } else { Owner::Nobody };
                self.history.pass(now, Act::Fault(write), (owner(at), within), address, 0);
                let asked = Asked { address, write, pasid, placed };
                let was = match (outside, place) {
                    (_, Place::Entry) => Was::Entry,
                    (Some(was), _) if pasid.is_none() => was,
                    (_, Place::Segment) => Was::Segment(self.of_any_segment(&device)),
                    (_, Place::Clocks) if pasid.is_none() => Was::Clocks,
                    _ if late && self.tails > MOST_LATE => Was::TooMany,
                    _ => {
                        let was = self.refused(now, at, &asked, late);
                        self.or_failed(now, at, address, was)
                    }
                };
                let tied = match by_time && now.time > 0 && was.depends() {
                    true => self.tied(now, at, address, &was),
                    false => None,
                };
                self.find(now, Finding::Fault { device, address, write, was, tied });
            }
            Event::Group { device, group, leaves } => {
                let device = self.device(&device);
                self.pass(now, Act::Group, device, 0, 0);
                self.belongs(now, device, if leaves { Change::Left } else { Change::Joined }, Some(group));
            }
            Event::Attach { device, domain, leaves } => {
                // Which domain it is Linux does not say, so nothing of what it has mapped.
                let device = if domain.is_some() { self.acts(&device) } else { self.device(&device) };
                self.pass(now, Act::Attach, device, 0, 0);
                if domain.is_none() {
                    let change = if leaves { Change::Detached } else { Change::Attached };
                    self.belongs(now, device, change, None);
                }
                // What a device left is kept in mind: its last accesses may come after it.
                if let Some(domain) = domain.map(|domain| self.device(&domain)) {
                    self.domains.insert(device, domain);
                }
            }
            Event::Failed { device } => {
                let device = self.acts(&device);
                self.pass(now, Act::Failed, device, 0, 0);
                self.failed += 1;
                self.failures.insert(device, now);
            }
            Event::Bounced { device, size } => {
                // What it has mapped such an event does not say.
                let device = self.device(&device);
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
}

/// Whose what the tables do is, and within whose mappings.
const TABLES: (Owner, Owner) = (Owner::Tables, Owner::Tables);

/// The owner of what a device does. Beyond 65,535 devices they are as one.
fn owner(device: usize) -> Owner {
    Owner::Device(u16::try_from(device).unwrap_or(u16::MAX))
}
