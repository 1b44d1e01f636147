//! What stands where: columns with their regions, and the mappings between them.

use crate::addr::{AnyAddr, Pasid, PhysAddr, RequesterId, Space};
use crate::diagram::model::{ActorKind, ColumnId, Model, Place, Region, RegionKind};
use crate::machine::software::Owner;
use crate::machine::Machine;
use crate::platform::map::RegionKind as Answers;
use crate::platform::window::Direction;
use crate::spec::Phrase;
use crate::trace::{Event, OwnerState, Scope, Trace, Verdict};
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

/// So many pages of tables are told apart; the picture folds them long before.
const TABLES: usize = 96;
/// So many addresses that devices used without a name.
const STRAY: usize = 24;

/// One mapping that may be there.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The name it goes by; empty when it has none.
    pub name: String,
    /// The column it starts in.
    pub column: ColumnId,
    /// The column it leads to.
    pub into: ColumnId,
    /// The first address.
    pub from: AnyAddr,
    /// How many bytes.
    pub len: u64,
    /// Where it leads when all is well.
    pub expected: Option<u64>,
    /// Whose page tables say so, for a CPU's.
    pub owner: Option<Owner>,
    /// Which device's requests go this way, for the IOMMU's.
    pub who: Option<RequesterId>,
    /// Under which PASID.
    pub pasid: Option<Pasid>,
    /// It is soldered: a window of the bridge.
    pub always: bool,
    /// What it is of.
    pub kind: RegionKind,
    /// What its region is called.
    pub label: Phrase,
}

impl Mapping {
    /// Is it the IOMMU that converts?
    pub fn by_iommu(&self) -> bool {
        self.who.is_some()
    }
}

/// The columns of a run, and what may be in them.
#[derive(Clone, Debug)]
pub struct Places {
    /// The mappings.
    pub mappings: Vec<Mapping>,
    /// Pages of tables: address, name, the position at which the first entry was told.
    tables: Vec<(u64, Phrase, usize)>,
    /// Keys of the columns with space, title and owner, in order.
    heads: Vec<(String, Space, Phrase, Phrase)>,
    keys: BTreeMap<String, ColumnId>,
    /// Final states of buffers by name are in the trace: name, position, state.
    owners: Vec<(String, usize, OwnerState)>,
}

fn title(space: Space) -> Phrase {
    match space {
        Space::Virtual => Phrase::new("CPU virtual address", "CPU 虚拟地址"),
        Space::GuestPhysical => Phrase::new("guest physical address", "客户机物理地址"),
        Space::Physical => Phrase::new("CPU physical address", "CPU 物理地址"),
        Space::Port => Phrase::new("I/O port", "I/O 端口"),
        _ => Phrase::new("bus address", "总线域地址"),
    }
}

impl Places {
    /// Of a machine that has run.
    pub fn new(machine: &Machine, trace: &Trace) -> Self {
        let mut p = Places {
            mappings: Vec::new(),
            tables: tables(trace),
            heads: Vec::new(),
            keys: BTreeMap::new(),
            owners: owners(trace),
        };
        let sw = &machine.sw;
        let cpu_used = trace.steps().iter().any(
            |s| matches!(s.event, Event::Begin(Scope::CpuAccess { at, .. }) if at.space == Space::Virtual),
        );
        let kernel = sw.buffers.iter().any(|b| b.owner == Owner::Kernel && b.va.is_some());
        if kernel || !sw.remaps.is_empty() || cpu_used && sw.processes.is_empty() {
            p.head("va", Space::Virtual, Phrase::default());
        }
        for process in &sw.processes {
            let owner = Phrase::same(format!("{}, PASID {}", process.name, process.pasid));
            p.head(&format!("va:{}", process.name), Space::Virtual, owner);
        }
        for vm in &sw.vms {
            p.head(&format!("gpa:{}", vm.name), Space::GuestPhysical, Phrase::same(vm.name.clone()));
        }
        p.head("pa", Space::Physical, Phrase::default());
        p.head("bus", Space::Bus, Phrase::default());
        p.add_cpu_side(machine);
        p.add_bars(machine);
        p.add_handles(machine);
        p.add_strays(machine, trace);
        p
    }

    fn head(&mut self, key: &str, space: Space, owner: Phrase) {
        self.keys.insert(key.into(), ColumnId(self.heads.len() as u16));
        self.heads.push((key.into(), space, title(space), owner));
    }
    /// A column by its key; the physical one when there is none.
    pub fn column(&self, key: &str) -> ColumnId {
        self.keys.get(key).copied().unwrap_or(self.keys["pa"])
    }
    /// The column that an address of a space is in, when nothing more is known.
    pub fn column_of(&self, space: Space) -> Option<ColumnId> {
        let found = self.heads.iter().position(|h| {
            h.1 == space || matches!((h.1, space), (Space::Bus, Space::Iova | Space::Bus | Space::Device))
        });
        found.map(|i| ColumnId(i as u16))
    }

    fn add_cpu_side(&mut self, machine: &Machine) {
        let pa = self.column("pa");
        for remap in &machine.sw.remaps {
            self.mappings.push(Mapping {
                name: remap.name.clone(),
                column: self.column("va"),
                into: pa,
                from: AnyAddr { space: Space::Virtual, raw: remap.va.raw() },
                len: remap.len,
                expected: Some(remap.pa.raw()),
                owner: Some(Owner::Kernel),
                who: None,
                pasid: None,
                always: false,
                kind: RegionKind::Mmio,
                label: Phrase::same(remap.name.clone()),
            });
        }
        for buffer in &machine.sw.buffers {
            let Some((first, len)) = buffer.pieces.first().copied() else { continue };
            let column = match buffer.owner {
                Owner::Kernel => self.column("va"),
                Owner::Process(i) => {
                    let name = machine.sw.processes.get(i).map_or("", |p| p.name.as_str());
                    self.column(&format!("va:{name}"))
                }
                Owner::Vm(_) => continue,
            };
            let Some(va) = buffer.va.filter(|_| column != pa) else { continue };
            self.mappings.push(Mapping {
                name: buffer.name.clone(),
                column,
                into: pa,
                from: AnyAddr { space: Space::Virtual, raw: va.raw() },
                len: if buffer.pieces.len() == 1 { buffer.size } else { len },
                expected: Some(first.raw()),
                owner: Some(buffer.owner),
                who: None,
                pasid: None,
                always: false,
                kind: RegionKind::Buffer,
                label: Phrase::same(buffer.name.clone()),
            });
        }
        for vm in &machine.sw.vms {
            self.mappings.push(Mapping {
                name: vm.name.clone(),
                column: self.column(&format!("gpa:{}", vm.name)),
                into: pa,
                from: AnyAddr { space: Space::GuestPhysical, raw: vm.ram.start.raw() },
                len: vm.ram.len(),
                expected: Some(vm.at.raw()),
                owner: None,
                who: None,
                pasid: None,
                always: true,
                kind: RegionKind::Ram,
                label: Phrase::same(format!("{} RAM", vm.name)),
            });
        }
    }

    fn add_bars(&mut self, machine: &Machine) {
        for (_, node) in machine.hw.topology.nodes() {
            for bar in node.config.bars() {
                let Some(range) = bar.range() else { continue };
                let Some(cpu) = machine.hw.bridge.cpu_addr(range.start) else { continue };
                self.mappings.push(Mapping {
                    name: String::new(),
                    column: self.column("pa"),
                    into: self.column("bus"),
                    from: AnyAddr { space: Space::Physical, raw: cpu.raw() },
                    len: bar.size,
                    expected: Some(bar.address),
                    owner: None,
                    who: None,
                    pasid: None,
                    always: true,
                    kind: RegionKind::Bar,
                    label: Phrase::same(format!("{} BAR {}", node.name, bar.index)),
                });
            }
        }
    }

    fn add_handles(&mut self, machine: &Machine) {
        for handle in &machine.sw.handles {
            let Some(device) = machine.hw.devices.get(handle.device) else { continue };
            // Segments and pieces differ in their cuts: an arrow for each place where either begins.
            let mut done = 0;
            for (start, len) in handle.segments.iter().take(16) {
                let target = piece_at(&handle.pieces, done);
                self.mappings.push(Mapping {
                    name: handle.name.clone(),
                    column: self.column("bus"),
                    into: self.column("pa"),
                    from: AnyAddr { space: Space::Iova, raw: start.raw() },
                    len: *len,
                    expected: target.map(PhysAddr::raw),
                    owner: None,
                    who: Some(device.requester),
                    pasid: None,
                    always: false,
                    kind: RegionKind::Buffer,
                    label: Phrase::same(handle.name.clone()),
                });
                done += len;
            }
        }
    }

    /// Pages that devices asked for and that no name covers: mapped by hand, or not at all.
    fn add_strays(&mut self, machine: &Machine, trace: &Trace) {
        let mut open: Vec<(RequesterId, Option<Pasid>, u64)> = Vec::new();
        let mut count = 0;
        for step in trace.steps() {
            match step.event {
                Event::Begin(Scope::Translation { requester, pasid, at, .. }) => {
                    open.push((requester, pasid, at.raw))
                }
                Event::End(verdict) if step.actor == crate::trace::Actor::Iommu => {
                    let leaf = match verdict {
                        Verdict::Leaf { to, size, .. } if to.space == Space::Physical => Some((to.raw, size)),
                        Verdict::Fault(_) => None,
                        _ => continue,
                    };
                    // The ends of walks inside are told by the same actor: only the translation's own counts.
                    let Some((who, pasid, at)) = open.last().copied().filter(|_| step.depth < 6) else {
                        continue;
                    };
                    let column = self.stray_column(machine, pasid);
                    let known = |m: &Mapping| {
                        m.column == column && m.from.raw <= at && at - m.from.raw < m.len && m.who.is_some()
                    };
                    let known_place = self.mappings.iter().position(known);
                    if let (Some(i), Some((to, _))) = (known_place, leaf) {
                        let m = &mut self.mappings[i];
                        m.expected.get_or_insert(to - (at - m.from.raw).min(to));
                        continue;
                    }
                    if known_place.is_some() || count == STRAY {
                        continue;
                    }
                    count += 1;
                    let mask = 0xfff;
                    self.mappings.push(Mapping {
                        name: String::new(),
                        column,
                        into: self.column("pa"),
                        from: AnyAddr { space: Space::Iova, raw: at & !mask },
                        len: 4096,
                        expected: leaf.map(|(to, _)| to & !mask),
                        owner: None,
                        who: Some(who),
                        pasid,
                        always: false,
                        kind: if leaf.is_some() { RegionKind::Buffer } else { RegionKind::Hole },
                        label: if leaf.is_some() {
                            Phrase::new("page", "页")
                        } else {
                            Phrase::new("not mapped", "未映射")
                        },
                    });
                }
                _ => {}
            }
            if let Event::Begin(Scope::Operation { .. }) = step.event {
                open.clear();
            }
        }
    }

    fn stray_column(&self, machine: &Machine, pasid: Option<Pasid>) -> ColumnId {
        let process = pasid.and_then(|p| machine.sw.processes.iter().find(|x| x.pasid == p));
        match process {
            Some(p) => self.column(&format!("va:{}", p.name)),
            None => self.column("bus"),
        }
    }

    /// Letters of the kernel's own figure: C, B, A for a register, X, Y, Z for a buffer.
    pub fn letters(&self, index: usize) -> (Option<char>, Option<char>) {
        let m = &self.mappings[index];
        let first = |wanted: &dyn Fn(&Mapping) -> bool| self.mappings.iter().position(wanted);
        let remap = first(&|m| m.kind == RegionKind::Mmio && m.from.space == Space::Virtual);
        let bar = remap.and_then(|r| {
            let at = self.mappings[r].expected;
            first(&|m| m.from.space == Space::Physical && Some(m.from.raw) == at)
        });
        let handle = first(&|m| m.by_iommu() && !m.name.is_empty());
        let buffer = handle.and_then(|h| {
            let at = self.mappings[h].expected;
            first(&|m| m.from.space == Space::Virtual && m.who.is_none() && m.expected == at && at.is_some())
        });
        match Some(index) {
            i if i == remap => (Some('C'), Some('B')),
            i if i == bar => (Some('B'), Some('A')),
            i if i == buffer => (Some('X'), Some('Y')),
            i if i == handle && m.expected.is_some() => (Some('Z'), buffer.map(|_| 'Y').or(Some('Y'))),
            _ => (None, None),
        }
    }

    /// Was a table region told by this position? Other regions always were.
    pub fn table_seen(&self, key: &str, position: usize) -> bool {
        let Some(page) = key.strip_prefix("pa/table:") else { return true };
        let page = u64::from_str_radix(page, 16).unwrap_or(0);
        self.tables.iter().any(|t| t.0 == page && t.2 <= position)
    }

    /// A model with all columns, regions and actors; what has a name that is not `alive`, or is a mapping that is
    /// not `mapped`, is left out.
    pub fn columns(
        &self,
        machine: &Machine,
        alive: impl Fn(&str) -> bool,
        mapped: impl Fn(usize) -> bool,
    ) -> Model {
        let mut model = Model::default();
        for (key, space, title, owner) in &self.heads {
            model.add_column(key.clone(), *space, title.clone(), owner.clone());
        }
        let pa = usize::from(self.column("pa").0);
        let bus = self.column("bus");
        for region in machine.hw.map.regions() {
            let kind = match region.kind {
                Answers::Ram => RegionKind::Ram,
                Answers::Window => RegionKind::Mmio,
                Answers::IommuRegisters => RegionKind::Registers,
                Answers::Interrupts => RegionKind::Msi,
                Answers::Config => continue,
            };
            let label = match kind {
                RegionKind::Ram => Phrase::same("RAM"),
                RegionKind::Mmio => Phrase::new("MMIO window", "MMIO 窗口"),
                RegionKind::Registers => Phrase::new("IOMMU registers", "IOMMU 寄存器"),
                _ => Phrase::new("interrupts", "中断"),
            };
            let key = format!("pa/{:x}", region.range.start.raw());
            let (first, last) = (region.range.start.raw(), region.range.last().raw());
            model.columns[pa].regions.push(Region::new(key, first, last, kind, label));
        }
        for buffer in &machine.sw.buffers {
            if !alive(&buffer.name) {
                continue;
            }
            let many = buffer.pieces.len() > 1;
            for (i, (start, len)) in buffer.pieces.iter().take(16).enumerate() {
                let label = if many { format!("{} [{i}]", buffer.name) } else { buffer.name.clone() };
                let key = format!("pa/{}:{i}", buffer.name);
                let last = start.raw() + (len.max(&1) - 1);
                model.columns[pa].regions.push(Region::new(
                    key,
                    start.raw(),
                    last,
                    RegionKind::Buffer,
                    Phrase::same(label),
                ));
            }
        }
        for (page, name, _) in &self.tables {
            let key = format!("pa/table:{page:x}");
            model.columns[pa].regions.push(Region::new(
                key,
                *page,
                page + 0xfff,
                RegionKind::Table,
                name.clone(),
            ));
        }
        for (i, m) in self.mappings.iter().enumerate() {
            if !mapped(i) && m.kind != RegionKind::Hole {
                continue;
            }
            let (first, last) = (m.from.raw, m.from.raw.saturating_add(m.len.max(1) - 1));
            let column = usize::from(m.column.0);
            // A BAR or a guest's RAM is shown at both ends; a buffer's other end is the buffer itself.
            model.columns[column].regions.push(Region::new(
                format!("from{i}"),
                first,
                last,
                m.kind,
                m.label.clone(),
            ));
            if let (true, Some(to)) = (m.always, m.expected) {
                let into = usize::from(m.into.0);
                let last = to.saturating_add(m.len.max(1) - 1);
                model.columns[into].regions.push(Region::new(
                    format!("to{i}"),
                    to,
                    last,
                    m.kind,
                    m.label.clone(),
                ));
            }
        }
        self.actors(machine, &mut model, bus);
        model
    }

    fn actors(&self, machine: &Machine, model: &mut Model, bus: ColumnId) {
        let first = ColumnId(0);
        model.add_actor("cpu", ActorKind::Cpu, Place::LeftOf(first), Phrase::same("CPU"), Vec::new());
        if machine.iommu_on() {
            let between = Place::Between(self.column("pa"), bus);
            model.add_actor("iommu", ActorKind::Iommu, between, Phrase::same("IOMMU"), Vec::new());
        } else if machine.hw.bridge.of(Direction::Outbound).next().is_some() {
            let between = Place::Between(self.column("pa"), bus);
            model.add_actor(
                "bridge",
                ActorKind::RootComplex,
                between,
                Phrase::new("host bridge", "主桥"),
                Vec::new(),
            );
        }
        for device in machine.hw.devices.iter().take(8) {
            let id = alloc::vec![Phrase::same(format!("{}", device.requester))];
            let key = format!("dev:{}", device.requester);
            model.add_actor(
                key,
                ActorKind::Device,
                Place::RightOf(bus),
                Phrase::same(device.name.clone()),
                id,
            );
        }
    }

    /// The state of a buffer at a position.
    pub fn owner(&self, name: &str, position: usize) -> Option<OwnerState> {
        self.owners.iter().rev().find(|o| o.0 == name && o.1 <= position).map(|o| o.2)
    }
}

/// The physical address of a byte of a scattered buffer.
fn piece_at(pieces: &[(PhysAddr, u64)], offset: u64) -> Option<PhysAddr> {
    let mut left = offset;
    for (start, len) in pieces {
        if left < *len {
            return Some(PhysAddr::new(start.raw() + left));
        }
        left -= len;
    }
    None
}

fn tables(trace: &Trace) -> Vec<(u64, Phrase, usize)> {
    let mut found: BTreeMap<u64, (Phrase, usize)> = BTreeMap::new();
    for (i, step) in trace.steps().iter().enumerate() {
        let (entry, pa) = match step.event {
            Event::Read { entry, pa, .. } | Event::WriteRun { entry, pa, .. } => (entry, pa),
            Event::Write { entry: Some(entry), pa, .. } => (entry, pa),
            _ => continue,
        };
        let page = pa.raw() & !0xfff;
        if found.len() < TABLES || found.contains_key(&page) {
            found.entry(page).or_insert_with(|| (entry.name.into(), i + 1));
        }
    }
    found.into_iter().map(|(page, (name, at))| (page, name, at)).collect()
}

fn owners(trace: &Trace) -> Vec<(String, usize, OwnerState)> {
    let steps = trace.steps().iter().enumerate();
    let owners = steps.filter_map(|(i, s)| match s.event {
        Event::Owner { buffer, state } => Some((trace.get_name(buffer).into(), i + 1, state)),
        _ => None,
    });
    owners.collect()
}
