//! The token: which address is on its way at a position, where it is, where it has been.

use super::platform::port_key;
use super::{actor, bus_of, point, Col};
use crate::addr::{Address, AnyAddr, PhysAddr, Space};
use crate::diagram::model::{
    Anchor, ArrowKind, ColumnId, Fate, Lit, Model, Point, Region, RegionKind, Target, Token, Touch, USED,
};
use crate::machine::software::Owner;
use crate::machine::Snapshot;
use crate::platform::bridges::BridgeId;
use crate::platform::topology::Topology;
use crate::spec::Phrase;
use crate::trace::{
    Actor, CacheKind, CacheOp, Event, Hop, InterruptKind, NameId, Perms, Scope, Stage, Trace, Verdict,
};
use alloc::{borrow::Cow, collections::BTreeMap, format, vec::Vec};
use core::ops::Range;

/// Anchors of a path that are kept: a long transfer shows its latest way.
const PATH: usize = 24;
/// Operations that move nothing, after one that does, which leave its token in sight.
const BEFORE: usize = 8;
/// Steps of an access within which the MMU says whose tables it uses.
const MMU_FIRST: usize = 4;

/// Puts the token into the picture, and lights what the current step touches.
pub(super) fn place(
    model: &mut Model,
    spaces: &BTreeMap<Col, ColumnId>,
    snapshot: Snapshot<'_>,
    trace: &Trace,
    at: usize,
) {
    let Some(current) = at.checked_sub(1) else { return };
    let steps = trace.steps();
    // The operation's beginning: everything since then belongs to this journey.
    let begins = |e: &Event| matches!(e, Event::Begin(Scope::Operation { .. } | Scope::Setup { .. }));
    let start = (0..=current).rev().find(|i| begins(&steps[*i].event)).unwrap_or(0);
    // When the machine is set up nothing is on its way: a run begins with a picture at rest.
    let depth = steps.range(start..current + 1).iter().fold(0i32, |depth, step| match step.event {
        Event::Begin(_) => depth + 1,
        Event::End(_) => depth - 1,
        _ => depth,
    });
    let set_up = matches!(steps[start].event, Event::Begin(Scope::Setup { .. }));
    if set_up && depth <= 0 && matches!(steps[current].event, Event::End(_)) {
        return;
    }
    let mut way = journey(model, spaces, snapshot, trace, start, current);
    let mut until = at;
    // What an idea moved stays in sight while lines of it follow that move nothing.
    let mut end = start;
    if depth == 0 && way.here.now.is_none() {
        // Bounded: each turn ends an operation earlier, and at most this many are looked at.
        for _ in 0..BEFORE {
            let last = end.saturating_sub(1);
            if end <= snapshot.idea() || !matches!(steps[last].event, Event::End(_)) {
                break;
            }
            end = (0..=last).rev().find(|i| begins(&steps[*i].event)).unwrap_or(0);
            if matches!(steps[end].event, Event::Begin(Scope::Setup { .. })) {
                break;
            }
            way = journey(model, spaces, snapshot, trace, end, last);
            until = last + 1;
            if way.here.now.is_some() {
                break;
            }
        }
    }
    let (path, now, fate, shortcut, reads) =
        (way.here.path, way.here.now, way.here.fate, way.here.shortcut, way.here.reads);
    let load = with_reads(way.here.load, reads);
    let interrupt = latest(&way.interrupt);
    light(model, spaces, snapshot, &steps[current].event, steps[current].actor);
    let (Some(place), Some(address)) = (path.last().copied(), now) else {
        // Where nothing moves and nothing is touched, as when the kernel refuses, it is the CPU that acts, which runs the kernel.
        let kernel = |actor| matches!(actor, Actor::Os | Actor::Guest);
        if model.lit.is_empty() && steps.range(start..current + 1).iter().any(|step| kernel(step.actor)) {
            let cpu = actor(model, "cpu").map(Target::Actor);
            model.lit.extend(cpu.map(|what| Lit { what, how: Touch::Used, at: None }));
        }
        return;
    };
    mark_used(model, &path);
    model.token = Some(Token {
        address: address.raw,
        space: address.space,
        at: place,
        path: latest(&path),
        fate,
        until,
        load,
        shortcut,
        interrupt,
    });
}

/// Marks the pages of addresses on the bus's side at which there is nothing: the picture has a place for what was asked.
fn mark_used(model: &mut Model, path: &[Anchor]) {
    for anchor in path {
        let Anchor::Point(at) = *anchor else { continue };
        let bus = model.column(at.column).is_some_and(|c| matches!(c.space, Space::Bus | Space::Iova));
        if !bus || model.region_at(at).is_some() {
            continue;
        }
        let first = at.address & !0xfff;
        let label = Phrase::new("address used", "所用地址");
        let region = Region::new(format!("{USED}{first:x}"), first, first | 0xfff, RegionKind::Hole, label);
        if let Some(column) = model.columns.get_mut(usize::from(at.column.0)) {
            column.regions.push(region);
        }
    }
}

/// The latest part of a way.
fn latest(path: &[Anchor]) -> Vec<Anchor> {
    path[path.len().saturating_sub(PATH)..].to_vec()
}

/// The way of what one operation moves, by its steps up to `current`.
fn journey<'a>(
    model: &'a Model,
    spaces: &'a BTreeMap<Col, ColumnId>,
    snapshot: Snapshot<'a>,
    trace: &'a Trace,
    start: usize,
    current: usize,
) -> Way<'a> {
    let start = start.max(current.saturating_sub(4096));
    let mut way = Way {
        model,
        spaces,
        snapshot,
        topology: snapshot.topology(),
        trace,
        owner: Owner::Kernel,
        device: None,
        bridge: BridgeId::default(),
        initiator: None,
        here: Journey::from(None),
        open: Vec::new(),
        walked: Vec::new(),
        setting: 0,
        answered: None,
        step: start,
        moved: None,
        told: None,
        interrupt: Vec::new(),
    };
    for (i, step) in (start..).zip(trace.steps().range(start..current + 1)) {
        let is_current = i == current;
        let of_it = way.here.fate != Fate::Dead || revives(&step.event, is_current);
        // The interrupt by which the IOMMU reports a fault is no part of the way, also where nothing was refused before it,
        // as with an address that no table has room for: the next that it tells is the fault.
        let next = || trace.steps().get(i + 1).map(|next| &next.event);
        let report = matches!((step.actor, &step.event), (Actor::Iommu, Event::Interrupt { .. }))
            && matches!(next(), Some(Event::Fault { .. }));
        if of_it && (is_current || !report) {
            way.step = i;
            way.follow(step.actor, &step.event);
        }
    }
    if matches!(trace.steps().get(current).map(|step| &step.event), Some(Event::End(_)))
        && way.open.is_empty()
    {
        way.come_back_to_the_bytes();
    }
    way
}

/// What was refused stays where it was refused, whatever is recorded and reported of it after: until the next
/// access sets out, or while the very step is an interrupt, which is a message of its own.
fn revives(event: &Event, is_current: bool) -> bool {
    match event {
        Event::Begin(Scope::CpuAccess { .. } | Scope::Transfer { .. } | Scope::Translation { .. }) => true,
        Event::Interrupt { .. } => is_current,
        _ => false,
    }
}

struct Way<'a> {
    model: &'a Model,
    spaces: &'a BTreeMap<Col, ColumnId>,
    /// What is there where it is drawn: who was attached to what as of then.
    snapshot: Snapshot<'a>,
    topology: Cow<'a, Topology>,
    trace: &'a Trace,
    owner: Owner,
    device: Option<usize>,
    /// The host bridge whose window was crossed last.
    bridge: BridgeId,
    /// The device whose engine moves the bytes, while one does.
    initiator: Option<usize>,
    here: Journey,
    /// What has begun and not ended, outermost first.
    open: Vec<Inside>,
    /// Walks that ended and are part of the way.
    walked: Vec<Walked>,
    /// How many anchors there are where a transfer's requests set out.
    setting: usize,
    /// How many anchors there were when an answer set out from a device up to the root complex.
    answered: Option<usize>,
    /// The step that is followed.
    step: usize,
    /// How many bytes the transfer at hand moves.
    moved: Option<u64>,
    /// Of the transfers that arrived the journey of the one that moved most, the last of those, and how many bytes that were:
    /// others may follow it in the same operation.
    told: Option<(u64, Journey)>,
    /// Where the interrupt came along that said that the bytes are there.
    interrupt: Vec<Anchor>,
}

/// Where the token came along, and how it fares.
#[derive(Clone)]
struct Journey {
    path: Vec<Anchor>,
    now: Option<AnyAddr>,
    fate: Fate,
    load: Phrase,
    shortcut: bool,
    /// Reads of tables for it.
    reads: u32,
    /// Where the first of a transfer's bytes went, or came from.
    first: Option<PhysAddr>,
}

impl From<Option<AnyAddr>> for Journey {
    /// One that begins with this address, at no place yet.
    fn from(now: Option<AnyAddr>) -> Self {
        let load = Phrase::default();
        Journey { path: Vec::new(), now, fate: Fate::Moving, load, shortcut: false, reads: 0, first: None }
    }
}

/// What steps are in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// A walk: whose, and how many anchors there were before it.
    Walk(Stage, usize),
    /// An access by the CPU, and what it needs.
    Access(Perms),
    /// A transfer by a device.
    Transfer,
    Other,
}

/// A walk that ended: in how many others, whose tables, and what of the way is its.
struct Walked {
    depth: usize,
    stage: Stage,
    anchors: Range<usize>,
}

impl Way<'_> {
    fn column(&self, space: Space) -> Option<Col> {
        Some(match space {
            Space::Virtual => Col::Virtual(self.owner),
            Space::GuestPhysical => match self.owner {
                Owner::Vm(vm) => Col::Guest(vm),
                Owner::Process(p) => Col::Guest(self.snapshot.processes().get(p)?.vm?),
                Owner::Kernel => Col::Guest(0),
            },
            Space::Physical => Col::Physical,
            Space::Bus | Space::Iova => match self.device {
                Some(device) => match self.snapshot.stage1_of(device) {
                    Some(domain) => Col::Inner(domain),
                    None => bus_of(self.snapshot, self.spaces, device),
                },
                None => Col::Bus(self.bridge),
            },
            Space::Device => Col::Device(self.device?),
            Space::Port => Col::Ports,
        })
    }

    /// The host bridge that has a window of this name.
    fn bridge_of_window(&self, name: NameId) -> Option<BridgeId> {
        let name = self.trace.get_name(name);
        self.snapshot.bridges().windows().find(|(_, w)| w.name == name).map(|(id, _)| id)
    }

    fn go(&mut self, anchor: Option<Anchor>) {
        if let Some(anchor) = anchor {
            if self.here.path.last() != Some(&anchor) {
                self.here.path.push(anchor);
            }
        }
    }
    fn meet(&mut self, key: &str) {
        self.go(actor(self.model, key).map(Anchor::Actor));
    }
    fn reach(&mut self, at: AnyAddr) {
        let at_point = self.column(at.space).and_then(|col| point(self.spaces, col, at));
        self.go(at_point.map(Anchor::Point));
    }
    /// Reaches a place of the device's own memory, where the device has a map that shows it.
    fn own(&mut self, at: u64) {
        let device = self.device.and_then(|d| self.snapshot.devices().get(d));
        if let Some(at) = device.and_then(|d| d.engine.map().of_own(at)) {
            self.here.now = Some(at.any());
            self.reach(at.any());
        }
    }
    fn device_key(&self) -> Option<alloc::string::String> {
        self.device.map(|d| format!("dev:{}", self.snapshot.devices()[d].name))
    }
    fn of(&mut self, who: Actor) {
        if let Actor::Device(requester) = who {
            self.device =
                self.snapshot.devices().iter().position(|d| d.requester == requester).or(self.device);
        }
    }

    /// A new journey begins within the operation.
    fn depart(&mut self, at: AnyAddr) {
        self.here = Journey::from(Some(at));
        self.walked.clear();
        self.answered = None;
    }

    /// Keeps the way of a transfer's bytes that have arrived, when another journey is about to begin.
    fn keep(&mut self) {
        let Some(bytes) = self.moved.take() else { return };
        let arrived = matches!(self.here.fate, Fate::Arrived | Fate::Stale);
        if arrived && self.told.as_ref().is_none_or(|(most, _)| *most <= bytes) {
            self.told = Some((bytes, self.here.clone()));
        }
    }

    /// When all is over it is told where the bytes are: the interrupt that says so has its way beside theirs, and the
    /// engine's report on its list has none. What was refused at the end stays in sight.
    fn come_back_to_the_bytes(&mut self) {
        if self.here.fate == Fate::Dead {
            return;
        }
        self.keep();
        if let Some((_, told)) = self.told.take() {
            let after = core::mem::replace(&mut self.here, told);
            if after.fate == Fate::Interrupt {
                self.interrupt = after.path;
            }
            // As it is told: where they begin, and how many there are.
            let in_memory = self.here.now.filter(|now| now.space == Space::Physical);
            if let (Some(last), Some(first)) = (in_memory, self.here.first) {
                let there = point(self.spaces, Col::Physical, last).map(Anchor::Point);
                self.here.now = Some(first.any());
                // What a device has read is in the device by now.
                if there.is_some() && self.here.path.last().copied() == there {
                    self.here.path.pop();
                    self.reach(first.any());
                }
            }
        }
    }

    /// Which walks within which: none is the outermost.
    fn depth(&self) -> usize {
        self.open.iter().filter(|inside| matches!(inside, Inside::Walk(..))).count()
    }

    /// Leaves walks that ended out of the way; what came after them stays.
    fn leave_out(&mut self, which: impl Fn(&Walked) -> bool) {
        // Bounded: each turn takes one out.
        while let Some(at) = self.walked.iter().position(&which) {
            let gone = self.walked.remove(at).anchors;
            for later in self.walked.iter_mut().filter(|w| w.anchors.start >= gone.end) {
                later.anchors = later.anchors.start - gone.len()..later.anchors.end - gone.len();
            }
            self.here.path.drain(gone);
        }
    }

    fn follow(&mut self, who: Actor, event: &Event) {
        self.of(who);
        let depth = self.depth();
        // Of walks for the pointers of a nested one only the last is kept: a way that a reader can follow.
        if let Event::Begin(Scope::Walk { stage, .. }) = *event {
            self.leave_out(|w| (w.depth, w.stage) == (depth, stage));
        }
        let before = self.here.path.len();
        self.tell(who, event);
        match *event {
            Event::Begin(scope) => self.open.push(match scope {
                Scope::Walk { stage, .. } => Inside::Walk(stage, self.here.path.len()),
                Scope::CpuAccess { want, .. } => Inside::Access(want),
                Scope::Transfer { .. } => Inside::Transfer,
                _ => Inside::Other,
            }),
            Event::End(verdict) => match self.open.pop() {
                Some(Inside::Walk(stage, from)) if from <= before => {
                    // Where it came out is no part of it.
                    let out = self.here.path.len().saturating_sub(before);
                    self.leave_out(|w| w.depth == depth && w.anchors.start >= from);
                    let end = self.here.path.len().saturating_sub(out).max(from);
                    self.walked.push(Walked { depth: depth.saturating_sub(1), stage, anchors: from..end });
                }
                // What a device says of it afterwards, in a register or on its list, is no part of the way.
                Some(Inside::Transfer) => self.keep(),
                Some(Inside::Access(want)) if verdict == Verdict::Ok => {
                    if let Some(there) = self.answered.filter(|there| *there <= self.here.path.len()) {
                        if self.here.fate == Fate::Moving {
                            self.here.fate = Fate::Arrived;
                        }
                        if want.has(Perms::R) {
                            // What it reads comes back to the CPU.
                            self.meet("cpu");
                        } else {
                            // That a write is completed moves nothing.
                            self.here.path.truncate(there);
                        }
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// A request sets out from a device. One that is no transfer's, as an interrupt message, begins a way of its own; one that
    /// follows another of the same transfer goes the way from the device anew.
    fn set_out(&mut self, header: &[u32; 4]) {
        let (Some(raw), Some(key)) = (request(header), self.device_key()) else { return };
        if !self.open.contains(&Inside::Transfer) {
            let at = AnyAddr { space: Space::Bus, raw };
            self.keep();
            self.depart(at);
            self.meet(&key);
            self.reach(at);
            self.setting = self.here.path.len();
        } else if self.here.fate != Fate::Moving {
            self.here.path.truncate(self.setting);
            self.walked.clear();
        }
    }

    fn tell(&mut self, who: Actor, event: &Event) {
        match *event {
            Event::Begin(Scope::CpuAccess { at, want, bytes }) => {
                self.initiator = None;
                self.keep();
                self.depart(at);
                self.owner = self.owner_of(at);
                self.meet("cpu");
                self.here.load = load(want, u64::from(bytes));
                self.reach(at);
            }
            Event::Begin(Scope::Transfer { at, want, bytes, .. }) => {
                self.initiator = self.device;
                self.keep();
                self.depart(at);
                self.moved = Some(bytes);
                if let Some(key) = self.device_key() {
                    self.meet(&key);
                }
                self.here.load = load(want, bytes);
                self.reach(at);
                self.setting = self.here.path.len();
            }
            Event::Begin(Scope::Translation { at, requester, .. }) => {
                self.device =
                    self.snapshot.devices().iter().position(|d| d.requester == requester).or(self.device);
                if self.here.fate == Fate::Dead {
                    self.depart(at);
                    if let Some(key) = self.device_key() {
                        self.meet(&key);
                    }
                    self.reach(at);
                }
                self.here.now = Some(at);
                self.meet("iommu");
            }
            Event::Begin(Scope::Walk { stage: Stage::Cpu | Stage::Guest(_), .. }) => self.meet("mmu"),
            Event::Read { pa, .. } => {
                self.here.reads += 1;
                self.reach(pa.any());
            }
            Event::Window { name, to, hit, .. } => {
                let crossed = self.bridge_of_window(name);
                // A device's own map is crossed inside the device, every other window at the root complex.
                if !matches!(who, Actor::Device(_)) {
                    self.meet("rc");
                }
                if hit && to.space == Space::Device {
                    self.own(to.raw);
                } else if let Some(bridge) = crossed.filter(|_| hit && to.space == Space::Bus) {
                    // Out to the bus of this bridge, whoever's request it is.
                    self.bridge = bridge;
                    self.here.now = Some(to);
                    let own = self.device.is_some_and(|d| self.snapshot.bridge_id(d) == bridge);
                    match own {
                        true => self.reach(to),
                        false => self.go(point(self.spaces, Col::Bus(bridge), to).map(Anchor::Point)),
                    }
                } else if hit {
                    self.here.now = Some(to);
                    self.reach(to);
                } else {
                    self.here.fate = Fate::Dead;
                }
            }
            Event::Packet { hop, from, to, ref header, .. } => {
                if hop != Hop::Down && matches!(who, Actor::Device(_)) {
                    self.set_out(header);
                    self.answered = request(header).is_none().then_some(self.here.path.len());
                }
                // Past the ports and switches on its way, where the picture has them.
                for end in [from, to] {
                    let topology = &*self.topology;
                    match topology.by_name(self.trace.get_name(end)) {
                        Some(node) if topology.node(node).is_bridge() => {
                            let key = port_key(topology, node);
                            self.meet(&key);
                        }
                        None if hop == Hop::Up => self.meet("rc"),
                        // Ports and configuration space have no window by which the CPU would have come here.
                        None if self
                            .open
                            .last()
                            .is_some_and(|inside| matches!(inside, Inside::Access(_))) =>
                        {
                            let rc = actor(self.model, "rc").map(Anchor::Actor);
                            if rc.is_some_and(|rc| !self.here.path.contains(&rc)) {
                                self.meet("rc");
                            }
                        }
                        _ => {}
                    }
                }
                if self.configures(header) {
                    if let Some(key) = self.device_named(self.trace.get_name(to)) {
                        self.meet(&key);
                    }
                }
            }
            Event::Cache { cache, op, .. } => {
                match cache.kind {
                    CacheKind::Tlb => self.meet("mmu"),
                    CacheKind::Iotlb | CacheKind::Device | CacheKind::Process | CacheKind::Paging => {
                        self.meet("iommu")
                    }
                    _ => {}
                }
                // The bytes are the CPU's own: memory is not asked.
                if matches!(
                    (cache.kind, op, self.open.last()),
                    (CacheKind::Data, CacheOp::Hit, Some(Inside::Access(_)))
                ) {
                    self.meet("cpu");
                    (self.here.shortcut, self.here.fate) = (true, Fate::Arrived);
                }
                if matches!(cache.kind, CacheKind::Iotlb | CacheKind::DeviceTlb | CacheKind::Tlb) {
                    match op {
                        CacheOp::Hit => self.here.shortcut = true,
                        CacheOp::Stale => (self.here.shortcut, self.here.fate) = (true, Fate::Stale),
                        CacheOp::Miss => self.here.shortcut = false,
                        _ => {}
                    }
                }
            }
            Event::End(Verdict::Leaf { to, .. })
                if matches!(to.space, Space::Physical | Space::GuestPhysical) =>
            {
                self.here.now = Some(to);
                let nested = self.device.is_some_and(|d| self.snapshot.stage1_of(d).is_some());
                if nested && to.space == Space::GuestPhysical {
                    // Out of stage 1, into stage 2.
                    self.go(point(
                        self.spaces,
                        self.device.map_or(Col::Bus(self.bridge), |d| Col::Bus(self.snapshot.bridge_id(d))),
                        to,
                    )
                    .map(Anchor::Point));
                }
            }
            Event::End(Verdict::Refused(_) | Verdict::Fault(_)) | Event::Fault { .. } => {
                self.here.fate = Fate::Dead
            }
            Event::Truncated { to, .. } => {
                self.here.now = Some(to.any());
                self.reach(to.any());
            }
            Event::Check { ok: false, .. } => self.here.fate = Fate::Dead,
            // With nothing on its way, what the IOMMU reports to software is nobody's journey.
            Event::Data { .. } if who == Actor::Iommu && self.here.now.is_none() => {}
            Event::Data { pa, .. } | Event::Load { pa, .. } => {
                self.here.first = self.here.first.or(Some(pa));
                self.here.now = Some(pa.any());
                self.reach(pa.any());
                if self.here.fate == Fate::Moving {
                    self.here.fate = Fate::Arrived;
                }
            }
            // Where its own engine takes bytes from is where a journey begins; where they are put, or what another
            // asked for, is where one ends.
            Event::OwnLoad { .. } if self.device == self.initiator => {}
            Event::OwnData { at, .. } | Event::OwnLoad { at, .. } => {
                if let Some(key) = self.device_key() {
                    self.meet(&key);
                }
                self.own(at);
                if self.here.fate == Fate::Moving {
                    self.here.fate = Fate::Arrived;
                }
            }
            Event::Interrupt { kind, .. } => {
                self.meet("cpu");
                self.here.fate = if kind == InterruptKind::Blocked { Fate::Dead } else { Fate::Interrupt };
            }
            Event::Register { .. } => {
                if let (Some(key), Actor::Device(_)) = (self.device_key(), who) {
                    self.meet(&key);
                }
            }
            _ => {}
        }
    }

    /// Does a packet ask for configuration space? (PCIe 2.2.1: types 0 and 1 of it.)
    fn configures(&self, header: &[u32; 4]) -> bool {
        matches!(header[0] >> 24 & 0x1f, 4 | 5)
    }
    /// The key of the device with a name.
    fn device_named(&self, name: &str) -> Option<alloc::string::String> {
        self.snapshot.devices().iter().any(|d| d.name == name).then(|| format!("dev:{name}"))
    }

    /// The process whose tables the access at hand uses, by what the MMU is about to do for it.
    fn walks(&self) -> Option<Owner> {
        let rest = self.trace.steps().from(self.step + 1).iter().take(MMU_FIRST);
        let asked = rest
            .take_while(|step| !matches!(step.event, Event::End(_) | Event::Load { .. } | Event::Data { .. }))
            .find_map(|step| match step.event {
                Event::Begin(Scope::Walk { stage: Stage::Cpu, root, .. }) => Some((Some(root.raw), None)),
                Event::Cache { cache, ref line, .. } if cache.kind == CacheKind::Tlb => {
                    Some((None, line.pasid))
                }
                _ => None,
            })?;
        let uses = |space: &crate::mmu::AddressSpace| match asked {
            (Some(root), _) => space.root == root,
            (None, asid) => asid == Some(u32::from(space.asid)),
        };
        self.snapshot.processes().iter().position(|p| uses(&p.space)).map(Owner::Process)
    }

    /// Whose virtual address it is: the kernel's half, or the process whose tables are walked; before they are, one of
    /// whose regions holds it.
    fn owner_of(&self, at: AnyAddr) -> Owner {
        match at.space {
            Space::GuestPhysical => Owner::Vm(0),
            Space::Virtual if at.raw >> 63 == 0 => {
                let holds = |i: &usize| {
                    let column = self
                        .spaces
                        .get(&Col::Virtual(Owner::Process(*i)))
                        .and_then(|c| self.model.column(*c));
                    column.is_some_and(|c| c.regions.iter().any(|r| r.contains(at.raw)))
                };
                let count = self.snapshot.processes().len();
                let walks = self.walks();
                walks.or_else(|| (0..count).find(holds).map(Owner::Process)).unwrap_or(if count > 0 {
                    Owner::Process(0)
                } else {
                    Owner::Kernel
                })
            }
            _ => Owner::Kernel,
        }
    }
}

/// What is carried, and how many reads of tables it took so far.
fn with_reads(load: Phrase, reads: u32) -> Phrase {
    if reads == 0 {
        return load;
    }
    let entries = if reads == 1 { "entry" } else { "entries" };
    let (en, zh) = (format!("{reads} table {entries} read"), format!("读了 {reads} 个表项"));
    if load.en.is_empty() {
        return Phrase::new(en, zh);
    }
    Phrase::new(format!("{}, {en}", load.en), format!("{}，{zh}", load.zh))
}

/// The address of a request for memory (PCIe 2.2.4.1); other packets have none.
fn request(header: &[u32; 4]) -> Option<u64> {
    let (low, long) = (header[2], header[0] >> 29 & 1 == 1);
    let is_memory = header[0] >> 24 & 0x1f == 0;
    is_memory.then_some(if long { u64::from(low) << 32 | u64::from(header[3]) } else { u64::from(low) })
}

fn load(want: Perms, bytes: u64) -> Phrase {
    let zh = crate::explain::ending::bytes(bytes).zh;
    let bytes = crate::addr::Bytes(bytes);
    match (want.has(Perms::W), want.has(Perms::X)) {
        (true, _) => Phrase::new(format!("write {bytes}"), format!("写 {zh}")),
        (_, true) => Phrase::new(format!("fetch {bytes}"), format!("取指 {zh}")),
        _ => Phrase::new(format!("read {bytes}"), format!("读 {zh}")),
    }
}

/// Lights what one step touches.
fn light(model: &mut Model, spaces: &BTreeMap<Col, ColumnId>, now: Snapshot<'_>, event: &Event, who: Actor) {
    let mut lit: Vec<Lit> = Vec::new();
    let key = match who {
        Actor::Cpu => Some("cpu".into()),
        Actor::Mmu => Some("mmu".into()),
        Actor::Iommu => Some("iommu".into()),
        Actor::RootComplex | Actor::Switch => Some("rc".into()),
        Actor::Device(r) => {
            now.devices().iter().find(|d| d.requester == r).map(|d| format!("dev:{}", d.name))
        }
        _ => None,
    };
    if let Some(id) = key.and_then(|k| actor(model, &k)) {
        lit.push(Lit { what: Target::Actor(id), how: Touch::Used, at: None });
    }
    let physical = spaces.get(&Col::Physical).copied();
    let place = match *event {
        Event::Read { pa, verdict, .. } => {
            let how = if matches!(verdict, Verdict::Refused(_)) { Touch::Refused } else { Touch::Read };
            Some((pa, how))
        }
        Event::Load { pa, .. } => Some((pa, Touch::Read)),
        Event::Write { pa, .. } | Event::WriteRun { pa, .. } | Event::Data { pa, .. } => {
            Some((pa, Touch::Written))
        }
        _ => None,
    };
    if let (Some((pa, how)), Some(column)) = (place, physical) {
        if let Some((region, _)) = model.region_at(Point { column, address: pa.raw() }) {
            lit.push(Lit { what: Target::Region(column, region), how, at: Some(pa.raw()) });
        }
    }
    if let Event::OwnData { device, at, .. } | Event::OwnLoad { device, at, .. } = *event {
        let how = if matches!(event, Event::OwnData { .. }) { Touch::Written } else { Touch::Read };
        let index = now.devices().iter().position(|d| d.requester == device);
        let place = index.and_then(|i| {
            let column = *spaces.get(&Col::Device(i))?;
            let address = now.devices()[i].engine.map().of_own(at)?.raw();
            Some((column, model.region_at(Point { column, address })?.0, address))
        });
        lit.extend(place.map(|(column, region, address)| Lit {
            what: Target::Region(column, region),
            how,
            at: Some(address),
        }));
    }
    let crossed = match *event {
        Event::Window { from, hit: true, .. } => Some((from, ArrowKind::Window)),
        Event::End(Verdict::Leaf { .. }) => None,
        _ => None,
    };
    let input = match *event {
        Event::Begin(Scope::Translation { at, .. }) => Some(at),
        Event::Cache { cache, line, .. } if cache.kind == CacheKind::Iotlb => {
            Some(AnyAddr { space: Space::Iova, raw: line.from })
        }
        Event::Cache { cache, line, .. } if cache.kind == CacheKind::Tlb => {
            Some(AnyAddr { space: Space::Virtual, raw: line.from })
        }
        _ => None,
    };
    for (i, arrow) in model.arrows.iter().enumerate() {
        let column = model.columns.get(usize::from(arrow.from.at.column.0)).map(|c| c.space);
        let covers = |at: u64| {
            let first = arrow.from.at.address & !0xfff;
            at >= first && at - first < arrow.len.max(1).next_multiple_of(4096)
        };
        let hit = match (crossed, input) {
            (Some((from, kind)), _) => arrow.kind == kind && column == Some(from.space) && covers(from.raw),
            (_, Some(at)) => {
                let same = match at.space {
                    Space::Bus | Space::Iova => matches!(column, Some(Space::Bus | Space::Iova)),
                    other => column == Some(other),
                };
                same && covers(at.raw)
            }
            _ => false,
        };
        if hit {
            lit.push(Lit { what: Target::Arrow(i as u32), how: Touch::Used, at: None });
        }
    }
    model.lit = lit;
}

#[cfg(test)]
mod tests {
    use crate::diagram::model::{Anchor, Fate, Target};
    use crate::machine::history::Cursor;
    use crate::machine::{run, Record};
    use crate::picture::picture;
    use crate::spec::Phrase;
    use alloc::{format, string::String, vec::Vec};

    /// The tokens of a transfer's positions, each in the picture of its own.
    fn tokens(later: &str) -> Vec<String> {
        let text = format!(
            "iommu-playground 1\nmachine vt-d\niommu strict\nram 0 .. 1G\ndevice nic 00:03.0\ndevice gpu 00:04.0\n\
             steps\nalloc buf 4K\ndomain other\nattach gpu to other\nmap other 0x4_0000 +4K -> 0x200_0000 rw\n\
             rx = dma_map_single nic buf from-device\ndma nic write rx +64\n{later}"
        );
        let run = run(&text).unwrap();
        let trace = &run.machine.trace;
        let dma = run.done.iter().find(|done| done.verb == "dma").unwrap().steps.clone();
        let mut cursor = Cursor::at_end(run.machine.memories(), trace);
        let at = |position| {
            cursor.seek(trace, position);
            format!("{:?}", picture(&Record::of(&run.machine), trace, &mut cursor, Phrase::default()).token)
        };
        dma.map(at).collect()
    }

    #[test]
    fn a_refusal_before_any_table_is_read_ends_at_the_iommu() {
        for machine in ["vt-d", "amd-vi", "smmuv3", "riscv"] {
            let text = format!(
                "iommu-playground 1\nmachine {machine}\niommu strict\ndevice nic 00:03.0\nsteps\nalloc buf 4K\n\
                 rx = dma_map_single nic buf from-device\ndma nic write 0x4000_0000_0000_0000 +64\nexpect fault any\n"
            );
            let run = run(&text).unwrap();
            let trace = &run.machine.trace;
            let dma = run.done.iter().find(|done| done.verb == "dma").unwrap().steps.clone();
            let mut cursor = Cursor::at_end(run.machine.memories(), trace);
            cursor.seek(trace, dma.end);
            let model = picture(&Record::of(&run.machine), trace, &mut cursor, Phrase::default());
            let token = model.token.unwrap();
            assert_eq!(token.fate, Fate::Dead, "{machine}");
            let Anchor::Actor(at) = token.at else { panic!("{machine}: {token:?}") };
            assert_eq!(model.actors[usize::from(at.0)].key, "iommu", "{machine}");
        }
    }

    #[test]
    fn where_the_kernel_refuses_it_is_the_cpu_that_acts() {
        let text = "iommu-playground 1\nmachine vt-d\niommu strict\nram 0 .. 1G\ndevice nic 00:03.0\nsteps\nalloc buf 4K\n\
                    bad = dma_map_resource nic buf.pa +4K to-device\nexpect error ram\n";
        let run = run(text).unwrap();
        let trace = &run.machine.trace;
        let mut cursor = Cursor::at_end(run.machine.memories(), trace);
        let model = picture(&Record::of(&run.machine), trace, &mut cursor, Phrase::default());
        assert!(model.token.is_none());
        let lit: Vec<Target> = model.lit.iter().map(|lit| lit.what).collect();
        let [Target::Actor(who)] = lit[..] else { panic!("{lit:?}") };
        assert_eq!(model.actors[usize::from(who.0)].key, "cpu");
    }

    /// The way at the end of an operation: for each anchor an actor's key, or a column's name and an address.
    fn way(text: &str, verb: &str, nth: usize) -> (Vec<String>, Fate) {
        let run = run(text).unwrap();
        let trace = &run.machine.trace;
        let end = run.done.iter().filter(|done| done.verb == verb).nth(nth).unwrap().steps.end;
        let mut cursor = Cursor::at_end(run.machine.memories(), trace);
        cursor.seek(trace, end);
        let model = picture(&Record::of(&run.machine), trace, &mut cursor, Phrase::default());
        let token = model.token.as_ref().unwrap();
        let name = |anchor: &Anchor| match *anchor {
            Anchor::Actor(a) => model.actors[usize::from(a.0)].key.clone(),
            Anchor::Point(p) => {
                format!("{} {:#x}", model.columns[usize::from(p.column.0)].key, p.address)
            }
        };
        (token.path.iter().chain([&token.at]).map(name).collect(), token.fate)
    }

    fn preset(name: &str) -> &'static str {
        crate::scenario::presets::PRESETS.iter().find(|p| p.name == name).unwrap().text
    }

    #[test]
    fn a_process_goes_through_its_own_addresses_where_another_has_the_same() {
        let (alice, bob) =
            (way(preset("address-space"), "cpu write", 0).0, way(preset("address-space"), "cpu write", 1).0);
        assert!(alice[1].contains("0x400000") && bob[1].contains("0x400000"), "{alice:?} {bob:?}");
        assert_ne!(alice[1], bob[1]);
        // A hit of the TLB walks nothing, and is the same process's.
        let text = preset("address-space")
            .replace("  expect arrived at 0x300_0000\n", "  cpu read 0x40_0000 in bob\n");
        assert_eq!(way(&text, "cpu read", 0).0[1], bob[1]);
    }

    #[test]
    fn when_all_is_over_the_way_is_that_of_the_bytes() {
        for (name, first) in [("first-dma", 0x200_0000), ("ring", 0x900_2000)] {
            let (path, fate) = way(preset(name), "doorbell", 0);
            assert_eq!(fate, Fate::Arrived, "{name}: {path:?}");
            let last =
                path.last().unwrap().strip_prefix("pa 0x").map(|at| u64::from_str_radix(at, 16).unwrap());
            assert!(last.is_some_and(|at| (first..first + 4096).contains(&at)), "{name}: {path:?}");
            assert!(path[0].starts_with("dev:"), "{name}: {path:?}");
        }
        let (path, fate) = way(preset("linked-list"), "doorbell", 0);
        assert!(!path.last().unwrap().contains("0x10000"), "the report on a descriptor: {path:?}");
        assert_eq!(fate, Fate::Arrived);
    }

    #[test]
    fn the_interrupt_that_says_so_has_its_way_beside_the_bytes() {
        let text = preset("first-dma");
        let run = run(text).unwrap();
        let trace = &run.machine.trace;
        let mut cursor = Cursor::at_end(run.machine.memories(), trace);
        let mut at = |position| {
            cursor.seek(trace, position);
            picture(&Record::of(&run.machine), trace, &mut cursor, Phrase::default())
        };
        let whole = run.done.iter().find(|done| done.verb == "doorbell").unwrap().steps.clone();
        let model = at(whole.end);
        let keys: Vec<&str> = model
            .token
            .iter()
            .flat_map(|token| &token.interrupt)
            .filter_map(|anchor| match anchor {
                Anchor::Actor(a) => Some(&*model.actors[usize::from(a.0)].key),
                Anchor::Point(_) => None,
            })
            .collect();
        assert!(keys.first().is_some_and(|key| key.starts_with("dev:")), "{keys:?}");
        assert_eq!(keys.last(), Some(&"cpu"), "{keys:?}");
        // While the operation is under way there is one token, and one way: its own.
        for position in whole.start..whole.end {
            assert!(at(position).token.is_none_or(|token| token.interrupt.is_empty()), "{position}");
        }
    }

    #[test]
    fn what_a_device_reads_ends_in_the_device_and_what_it_writes_in_memory() {
        let way = |direction: &str| {
            let text = format!(
                "iommu-playground 1\nmachine none\nram 0 .. 64M\ndevice disk 00:04.0\n  bar 0 4K at bus 0xe000_0000\n  \
                 engine contiguous max-payload 128\nsteps\nalloc buf 4K at 0x100_0000\n\
                 program disk {direction} 0x100_0000 +4K interrupt 0x30\ndoorbell disk\n"
            );
            way(&text, "doorbell", 0).0
        };
        let (read, write) = (way("read"), way("write"));
        assert_eq!(read.last().unwrap(), "dev:disk", "{read:?}");
        assert_eq!(write.last().unwrap(), "pa 0x1000000", "{write:?}");
    }

    #[test]
    fn ports_and_configuration_space_lie_behind_the_host_bridge() {
        let ends = |text: &str, verb: &str| {
            let (path, fate) = way(text, verb, 0);
            assert_eq!(fate, Fate::Arrived, "{verb}: {path:?}");
            let at = |key: &str| path.iter().position(|a| a == key);
            assert!(
                at("cpu") < at("rc") && at("rc").is_some() && at("rc") < at("dev:nic"),
                "{verb}: {path:?}"
            );
            path
        };
        assert_eq!(ends(preset("io-ports"), "cpu out").last().unwrap(), "dev:nic");
        assert_eq!(ends(preset("io-ports"), "cpu in").last().unwrap(), "cpu");
        assert_eq!(ends(preset("mmio"), "cpu config-read").last().unwrap(), "cpu");
    }

    #[test]
    fn what_a_device_is_attached_to_later_does_not_move_its_token() {
        let here = tokens("");
        assert!(here.iter().any(|token| token != "None"), "the address is on its way");
        assert_eq!(tokens("attach nic to other\n"), here);
    }
}
