//! Declarations become a machine, or one clear problem that names the line and the two things in conflict.

use super::layout::divide;
use super::software::{Named, Process, Software, Vm};
pub(super) use super::told::problem;
use super::told::Both;
use super::{limits, BarUse, Device, Hardware, Machine};
use crate::addr::{AddrRange, GuestPhysAddr, PageSize, Pasid, PhysAddr};
use crate::dma::{atc::Atc, Engine};
use crate::iommu::{AnyIommu, Architecture, DeviceCaps, UnitConfig};
use crate::memory::{Failure, Memory};
use crate::mmu::arch::{layout, Cpu};
use crate::mmu::{AddressSpace, Mmu};
use crate::os::pages::{Pages, Zone};
use crate::paging::builder::{Builder, FrameAlloc, MapError, Mapping};
use crate::platform::config::{acs, BarKind, BarSpec, ConfigSpace, Ids, PortType};
use crate::platform::interrupts::Controller;
use crate::platform::local::{LocalMap, Target};
use crate::platform::map::{PhysMap, RegionKind};
use crate::platform::resources::{assign, Fixed, ResourceError};
use crate::platform::topology::{NodeId, Topology};
use crate::platform::window::{Direction, HostBridge};
use crate::scenario::ast::{self, Arch, Coherence, Policy};
use crate::scenario::outline::{At, DevicePlan, Outline, PortKind};
use crate::scenario::{Problem, Span};
use crate::trace::{Actor, Observer, Perms, Scope, Trace, Verdict};
use alloc::{collections::BTreeMap, format, string::ToString, vec::Vec};

/// Builds the machine that an outline declares.
pub fn build(outline: &Outline<'_>) -> Result<Machine, Problem> {
    let arch = outline.machine.map_or(Arch::VtD, |m| m.arch.value);
    let config = outline.machine.map(|m| m.node.clone()).unwrap_or_default();
    let policy = match outline.iommu {
        Some(at) => at.policy.value,
        None if arch == Arch::None => Policy::Off,
        None => Policy::Strict,
    };
    let nodes = outline.ports.len() + outline.devices.len();
    if nodes > limits::NODES {
        let span = outline.devices.last().map_or(Span::default(), |d| d.device.span);
        return Err(Problem::new(
            span,
            format!("{nodes} ports and devices: the limit is {}", limits::NODES),
            format!("共有 {nodes} 个端口和设备，上限是 {}", limits::NODES),
        ));
    }
    let mut memory = Memory::new();
    memory.set_max_frames(limits::FRAMES);
    let board = board(arch);
    let (map, rams, bridge) = physical(outline, &board, &mut memory)?;
    let (topology, nodes) = tree(outline, &bridge)?;
    let devices = devices(outline, &topology, &nodes)?;
    let (mut frames, mut pages) = divide(&rams);
    for reserved in &outline.reserved {
        if let Some(range) = reserved.range.addresses() {
            // Where it is not RAM there is nothing to keep from the allocator.
            let _ = pages.take(range, "reserved");
        }
    }
    let levels = config.paging.map_or(4, |n| n.value);
    let tables = u8::try_from(levels).ok().and_then(|levels| board.cpu.tables(levels));
    let format = tables.ok_or_else(|| {
        let [first, .., last] = board.cpu.levels() else { return bad_range(Span::default()) };
        Problem::new(
            config.paging.map_or(Span::default(), |n| n.span),
            format!("the CPU's page tables have {first} to {last} levels, not {levels}"),
            format!("CPU 页表是 {first} 至 {last} 级，不能是 {levels} 级"),
        )
    })?;
    let no_frames = |span| Problem::new(span, "there is no RAM for page tables", "没有内存可放页表");
    let ram_span = outline.rams.first().map_or(Span::default(), |r| r.span);
    let root = frames.frame().ok_or_else(|| no_frames(ram_span))?.raw();
    let count = devices.len();
    let iommu = unit(&config, &board)?;
    let dma = super::dma_api::DmaState::new(outline, policy, iommu.as_ref(), &mut pages)?;
    let mut sw = Software {
        kernel: AddressSpace { format, root, asid: 0, guest: None },
        frames,
        pages,
        processes: Vec::new(),
        vms: Vec::new(),
        domains: Vec::new(),
        buffers: Vec::new(),
        handles: Vec::new(),
        remaps: Vec::new(),
        names: BTreeMap::new(),
        reserved: Vec::new(),
        attached: alloc::vec![None; count],
        attached_to: alloc::vec![None; count],
        attachments: Vec::new(),
        bound: Vec::new(),
        page_requests: 0,
        next_vmalloc: layout(&format).vmalloc,
        cache: super::dma_api::cpu_cache(outline),
        dma,
    };
    for (i, device) in devices.iter().enumerate() {
        sw.names.insert(device.name.clone(), Named::Device(i));
    }
    let Board { cpu, interrupts, .. } = board;
    let hw = Hardware { map, bridge, topology, devices, iommu, cpu, mmu: Mmu::new(64), interrupts, tag: 0 };
    let mut machine = Machine { arch, policy, memory, hw, sw, trace: Trace::with_limit(limits::STEPS) };
    machine.boot(&rams, ram_span)?;
    for vm in &outline.vms {
        machine.add_vm(vm)?;
    }
    for process in &outline.processes {
        machine.add_process(process)?;
    }
    machine.start_iommu(outline)?;
    Ok(machine)
}

/// What comes with an architecture.
struct Board {
    cpu: Cpu,
    interrupts: Controller,
    iommu: Option<Architecture>,
    /// Where firmware puts the IOMMU's registers, or a device tree says they are.
    registers: PhysAddr,
}

/// The one place where the word after `machine` becomes hardware.
fn board(arch: Arch) -> Board {
    let x86 = |iommu| Board {
        cpu: Cpu::X86,
        interrupts: Controller::LocalApic,
        iommu,
        registers: PhysAddr::new(0xfed9_0000),
    };
    match arch {
        Arch::None => x86(None),
        Arch::VtD => x86(Some(Architecture::Vtd)),
        Arch::RiscV => Board {
            cpu: Cpu::Riscv,
            interrupts: Controller::Imsic,
            iommu: Some(Architecture::Riscv),
            registers: PhysAddr::new(0xf700_0000),
        },
    }
}

/// RAM, windows and the rest of the physical map; and the host bridge.
fn physical(
    outline: &Outline<'_>,
    board: &Board,
    memory: &mut Memory,
) -> Result<(PhysMap, Vec<AddrRange<PhysAddr>>, HostBridge), Problem> {
    let mut map = PhysMap::new();
    let mut spans: Vec<(alloc::string::String, Span)> = Vec::new();
    let mut add = |map: &mut PhysMap, name: &str, range, kind, span: Span| {
        map.add(name, range, kind).map_err(|overlap| {
            let mut out = problem(span, &overlap);
            if let Some((_, other)) = spans.iter().find(|(n, _)| *n == overlap.old.0) {
                out = out.related(*other, "the other is declared here", "另一个在这里声明");
            }
            out
        })?;
        spans.push((name.into(), span));
        Ok(())
    };
    let mut rams = Vec::new();
    for (i, ram) in outline.rams.iter().enumerate() {
        let range = ram.range.addresses().ok_or_else(|| bad_range(ram.range.span))?;
        add(&mut map, &format!("ram{i}"), range, RegionKind::Ram, ram.span)?;
        rams.push(range);
    }
    if outline.rams.is_empty() {
        // Nothing said: 3 GiB below the usual hole, as the reference states.
        let range = AddrRange::new(PhysAddr::new(0), 3 << 30).ok_or_else(|| bad_range(Span::default()))?;
        add(&mut map, "ram0", range, RegionKind::Ram, Span::default())?;
        rams.push(range);
    }
    rams.sort();
    let mut bridge = HostBridge::new();
    for (i, window) in outline.outbound.iter().enumerate() {
        let range = window.cpu.addresses().ok_or_else(|| bad_range(window.cpu.span))?;
        let bus = window.bus.address().ok_or_else(|| bad_range(window.bus.span))?;
        let name = format!("window{i}");
        bridge
            .add(&name, Direction::Outbound, range.start, bus, range.len(), window.prefetch)
            .map_err(|e| problem(window.span, e))?;
        add(&mut map, &name, range, RegionKind::Window, window.span)?;
    }
    for (i, window) in outline.inbound.iter().enumerate() {
        let range = window.bus.addresses().ok_or_else(|| bad_range(window.bus.span))?;
        let cpu = window.cpu.address().ok_or_else(|| bad_range(window.cpu.span))?;
        bridge
            .add(&format!("inbound{i}"), Direction::Inbound, cpu, range.start, range.len(), false)
            .map_err(|e| problem(window.span, e))?;
    }
    if outline.outbound.is_empty() && !outline.devices.is_empty() {
        // Nothing said: the usual PC window, identity, where nothing else is.
        if let Some(range) = AddrRange::new(PhysAddr::new(0xe000_0000), 256 << 20) {
            if map.add("window0", range, RegionKind::Window).is_ok() {
                let _ = bridge.add(
                    "window0",
                    Direction::Outbound,
                    range.start,
                    crate::addr::BusAddr::new(range.start.raw()),
                    range.len(),
                    false,
                );
            }
        }
    }
    // RAM declared right across these is an old habit of small examples: it then keeps the addresses.
    let _ = map.add("interrupts", board.interrupts.range(), RegionKind::Interrupts);
    if let Some(range) = board.iommu.and_then(|_| AddrRange::new(board.registers, 4096)) {
        let _ = map.add("iommu", range, RegionKind::IommuRegisters);
    }
    // Table reads where no RAM is must fail as they do on a bus.
    let whole = AddrRange::whole();
    for hole in map.holes(whole, |r| r.kind == RegionKind::Ram) {
        memory.fail(hole, Failure::Access);
    }
    Ok((map, rams, bridge))
}

fn bad_range(span: Span) -> Problem {
    Problem::new(
        span,
        "this range is empty or runs past the end of 64 bits",
        "范围为空，或超出 64 位地址空间",
    )
}

/// Ports and functions with their configuration spaces, BARs and windows placed.
fn tree(outline: &Outline<'_>, bridge: &HostBridge) -> Result<(Topology, Vec<NodeId>), Problem> {
    let mut topology = Topology::new();
    let mut fixed = Fixed::default();
    let find = |topology: &Topology, name: &Option<ast::Name>| -> Result<Option<NodeId>, Problem> {
        match name {
            None => Ok(None),
            Some(name) => topology.by_name(name).map(Some).ok_or_else(|| {
                Problem::new(
                    name.span,
                    format!("there is no port `{}` above", name.value),
                    format!("上文没有名为 `{}` 的端口", name.value),
                )
            }),
        }
    };
    for plan in &outline.ports {
        let (kind, ids) = match plan.kind {
            PortKind::Root => (PortType::RootPort, Ids { vendor: 0x1b36, device: 0x000c, class: 0x06_0400 }),
            PortKind::Upstream => {
                (PortType::Upstream, Ids { vendor: 0x104c, device: 0x8232, class: 0x06_0400 })
            }
            PortKind::Downstream => {
                (PortType::Downstream, Ids { vendor: 0x104c, device: 0x8233, class: 0x06_0400 })
            }
        };
        let mut config = ConfigSpace::new(kind, ids);
        config.add_pcie(256);
        if plan.port.acs {
            config.add_acs(acs::ISOLATION | acs::TRANSLATION_BLOCKING | acs::DIRECT_TRANSLATED);
        }
        let parent = find(&topology, &plan.port.behind)?;
        let node = topology
            .add(&plan.port.name, plan.port.id.value, parent, config)
            .map_err(|e| problem(plan.port.span, e))?;
        for window in &plan.windows {
            let range = window.range.addresses().ok_or_else(|| bad_range(window.range.span))?;
            fixed.windows.push((node, range, window.prefetch));
        }
    }
    let mut nodes = Vec::new();
    for plan in &outline.devices {
        let device = plan.device;
        let parent = find(&topology, &device.behind)?;
        let kind = if parent.is_some() { PortType::Endpoint } else { PortType::Integrated };
        // Vendor and device id of QEMU's teaching device, since ours is one too.
        let mut config = ConfigSpace::new(kind, Ids { vendor: 0x1234, device: 0x11e8, class: 0x00_ff00 });
        let (payload, read) = sizes(plan);
        config.add_pcie(payload);
        config.add_msi(plan.vectors.map_or(1, |v| v.count.value.clamp(1, 32) as u16));
        if device.acs {
            config.add_acs(acs::ISOLATION);
        }
        if device.ats {
            config.add_ats(32);
        }
        if device.pri {
            config.add_pri(256);
        }
        if device.pasid {
            config.add_pasid(20);
        }
        config.set_sizes(payload, read);
        for bar in &plan.bars {
            let kind = match (bar.io, bar.wide) {
                (true, _) => BarKind::Io,
                (false, true) => BarKind::Memory64,
                (false, false) => BarKind::Memory32,
            };
            let spec = BarSpec { kind, prefetch: bar.prefetch, size: bar.size.value };
            let index = bar.index.value as u8;
            config
                .add_bar(index, spec)
                .map_err(|e| problem(bar.span, Both(format!("{e:?}"), format!("{e:?}"))))?;
        }
        let node = topology
            .add(&device.name, device.id.value, parent, config)
            .map_err(|e| problem(device.span, e))?;
        topology.node_mut(node).alias = device.alias.map(|a| a.value);
        for bar in &plan.bars {
            if let Some(at) = bar.at.as_ref().and_then(|at| at.address()) {
                fixed.bars.push((node, bar.index.value as u8, at.raw()));
            }
        }
        nodes.push(node);
    }
    // Functions of one device say so in function 0.
    let ids: Vec<_> = nodes.iter().map(|n| (*n, topology.node(*n).id, topology.node(*n).parent)).collect();
    for (node, id, parent) in &ids {
        if ids.iter().any(|(n, i, p)| n != node && p == parent && i.raw() >> 3 == id.raw() >> 3) {
            topology.node_mut(*node).config.set_multifunction();
        }
    }
    let ports = outline.ports_to_pci.first().and_then(|p| p.range.addresses());
    assign(&mut topology, bridge, ports, &fixed).map_err(|e| {
        // The statement whose name the error begins with is the one to point at.
        let text = e.to_string();
        let bars = outline.devices.iter().flat_map(|d| d.bars.iter().map(move |b| (d, b)));
        let span = bars
            .filter(|(d, b)| text.contains(&format!("{} BAR {}", d.device.name.value, b.index.value)))
            .map(|(_, b)| b.span)
            .chain(outline.ports.iter().flat_map(|p| p.windows.iter().map(|w| w.span)))
            .next();
        let mut out =
            problem(span.or(outline.devices.first().map(|d| d.device.span)).unwrap_or_default(), &e);
        // What it had to fit: a window that the scenario declares.
        if let (ResourceError::Outside { .. }, Some(window)) = (&e, outline.outbound.first()) {
            let bus =
                bridge.of(Direction::Outbound).next().map_or_else(Default::default, |w| w.bus.to_string());
            out = out.related(
                window.span,
                format!("the window is {bus} on the bus"),
                format!("窗口在总线上是 {bus}"),
            );
        }
        out
    })?;
    topology.enable_all();
    Ok((topology, nodes))
}

fn sizes(plan: &DevicePlan<'_>) -> (u32, u32) {
    let engine = plan.engine.as_ref();
    let payload = engine.and_then(|e| e.max_payload).map_or(256, |n| n.value);
    let read = engine.and_then(|e| e.max_read).map_or(512, |n| n.value);
    (payload.clamp(128, 4096) as u32, read.clamp(128, 4096) as u32)
}

fn devices(outline: &Outline<'_>, topology: &Topology, nodes: &[NodeId]) -> Result<Vec<Device>, Problem> {
    let default_coherent = outline.cache.is_none_or(|c| c.coherence.value == Coherence::Coherent);
    let mut devices = Vec::new();
    for (plan, &node) in outline.devices.iter().zip(nodes) {
        let device = plan.device;
        let mut local = LocalMap::new();
        for line in &plan.locals {
            let range = line.range.addresses().ok_or_else(|| bad_range(line.range.span))?;
            let target = match &line.to {
                None => Target::Own,
                Some(to) => Target::Bus(to.address().ok_or_else(|| bad_range(to.span))?),
            };
            local.add(range, target).map_err(|e| problem(line.span, e))?;
        }
        let requester = topology.requester(node);
        let (payload, read) = sizes(plan);
        let mut bars = [None; 6];
        // Memory BARs show the device's own memory one after another, from its start.
        let mut next = 0;
        let mut registers = false;
        for bar in &plan.bars {
            let index = bar.index.value as usize;
            if let Some(slot) = bars.get_mut(index) {
                *slot = Some(if bar.memory {
                    let at = next;
                    next += bar.size.value;
                    BarUse::Memory(at)
                } else {
                    registers = true;
                    BarUse::Registers
                });
            }
        }
        let _ = registers;
        devices.push(Device {
            name: device.name.value.clone(),
            node,
            requester,
            bits: device.mask.map_or(64, |n| n.value.min(64)) as u8,
            caps: DeviceCaps { ats: device.ats, pri: device.pri, pasid: device.pasid },
            coherent: device.coherence.map_or(default_coherent, |c| c.value == Coherence::Coherent),
            engine: Engine::new(requester, local, payload, read),
            memory: Memory::new(),
            bars,
            received: Vec::new(),
            touched: None,
            vectors: plan.vectors.map_or(1, |v| v.count.value.clamp(1, 32) as u16),
            tlb: Atc::new(requester, device.device_tlb.map_or(16, |n| n.value.min(4096)) as usize),
        });
    }
    Ok(devices)
}

/// The IOMMU of the architecture, set up as the `machine` line says.
fn unit(config: &ast::Machine, board: &Board) -> Result<Option<AnyIommu>, Problem> {
    let Some(architecture) = board.iommu else { return Ok(None) };
    let count = |n: &Option<ast::Num>| n.map(|n| n.value.min(u64::from(u16::MAX)) as u16);
    let wanted = UnitConfig {
        processes: config.mode.map_or(architecture.has_processes(), |m| m.value == ast::TableMode::Scalable),
        width: config.width.map(|w| w.value as u8),
        largest_page: config.page.map(|p| p.value.0.shift()),
        iotlb: count(&config.iotlb),
        device_cache: count(&config.device_cache),
        process_cache: count(&config.process_cache),
        fault_records: count(&config.fault_records),
        interrupt_remapping: config.interrupt_remapping.is_none_or(|s| s.value == ast::Switched::On),
        accessed_dirty: config.accessed_dirty,
        caching_mode: config.caching_mode,
        ats: config.ats,
        pri: config.pri,
    };
    let span = config.arch.span;
    AnyIommu::new(architecture, &wanted).map(Some).map_err(|text| problem(span, text))
}

impl Machine {
    /// The kernel maps all RAM for itself, in the largest pages.
    fn boot(&mut self, rams: &[AddrRange<PhysAddr>], span: Span) -> Result<(), Problem> {
        let what = self.trace.name("the kernel maps all RAM for itself (the direct map)");
        self.trace.begin(Actor::Os, Scope::Setup { what });
        let format = self.sw.kernel.format;
        let base = layout(&format).direct_map;
        for ram in rams {
            for (start, len, size) in pieces(ram.start.raw(), ram.len()) {
                let mapping = Mapping {
                    from: base.wrapping_add(start),
                    to: start,
                    len,
                    size,
                    perms: Perms::RW,
                    user: false,
                };
                let mut builder = Builder {
                    format: &format,
                    frames: &mut self.sw.frames,
                    place: |at| Some(PhysAddr::new(at)),
                    actor: Actor::Os,
                };
                builder
                    .map(&mut self.memory, self.sw.kernel.root, mapping, &mut self.trace)
                    .map_err(|e| map_problem(span, e))?;
            }
        }
        self.trace.end(Actor::Os, Verdict::Ok);
        Ok(())
    }

    fn add_vm(&mut self, vm: &At<'_, ast::Vm>) -> Result<(), Problem> {
        let default = AddrRange::new(GuestPhysAddr::new(0), 64 << 20).ok_or_else(|| bad_range(vm.span))?;
        let ram = match &vm.ram {
            Some(range) => range.addresses().ok_or_else(|| bad_range(range.span))?,
            None => default,
        };
        let page = vm.page.map_or(PageSize::SIZE_4K, |p| p.value.0);
        if ram.len() / page.bytes() > limits::ENTRIES {
            return Err(too_many(vm.span, ram.len() / page.bytes()));
        }
        if ram.start.raw() & page.mask() != 0 || ram.len() & page.mask() != 0 {
            return Err(map_problem(
                vm.span,
                MapError::Misaligned { value: ram.start.raw() | ram.len(), size: page },
            ));
        }
        let at = match &vm.at {
            Some(at) => {
                let at = at.address().ok_or_else(|| bad_range(at.span))?;
                let range = AddrRange::new(at, ram.len()).ok_or_else(|| bad_range(vm.span))?;
                let inside = |r: &&crate::platform::map::Region<PhysAddr, RegionKind>| {
                    r.kind == RegionKind::Ram && r.range.contains_range(&range)
                };
                if !self.hw.map.regions().iter().any(|r| inside(&r)) {
                    return Err(Problem::new(
                        vm.span,
                        format!("{range} is not all RAM, so a guest cannot live there"),
                        format!("{range} 不全是内存，放不下客户机"),
                    ));
                }
                let _ = self.sw.pages.take(range, &vm.name.value);
                at
            }
            None => {
                let align = page.bytes().max(2 << 20);
                let pages = &mut self.sw.pages;
                let high = Zone { from: 1 << 32, to: u64::MAX };
                let middle = Zone { from: 256 << 20, to: u64::MAX };
                let mut from = |zone| pages.alloc(ram.len(), align, zone, &vm.name.value);
                let found = from(high).or_else(|_| from(middle)).or_else(|_| from(Zone::ANY));
                found.map_err(|_| {
                    Problem::new(
                        vm.span,
                        format!(
                            "no {} of RAM in one piece are left for this guest",
                            crate::addr::Bytes(ram.len())
                        ),
                        format!("没有连续的 {} 内存可给这个客户机", crate::addr::Bytes(ram.len())),
                    )
                })?
            }
        };
        let tables = self.hw.cpu.guest_tables_name().en;
        let what = self.trace.name(&format!("{tables} of {}: its RAM at {at}", vm.name.value));
        self.trace.begin(Actor::Os, Scope::Setup { what });
        let format = self.hw.cpu.guest_tables();
        let count = format.root_frames();
        let root = self.sw.frames.frames(count, count);
        let root = root.ok_or_else(|| map_problem(vm.span, MapError::NoFrames))?;
        let mapping = Mapping {
            from: ram.start.raw(),
            to: at.raw(),
            len: ram.len(),
            size: page,
            perms: Perms::RWX,
            user: true,
        };
        Builder {
            format: &format,
            frames: &mut self.sw.frames,
            place: |at| Some(PhysAddr::new(at)),
            actor: Actor::Os,
        }
        .map(&mut self.memory, root.raw(), mapping, &mut self.trace)
        .map_err(|e| map_problem(vm.span, e))?;
        self.trace.end(Actor::Os, Verdict::Ok);
        // The guest's own page tables come out of the top eighth of its RAM.
        let tables = (ram.len() / 8).max(4096) & !0xfff;
        let first = ram.start.raw() + ram.len() - tables;
        let frames =
            FrameAlloc::new(AddrRange::new(PhysAddr::new(first), tables).ok_or_else(|| bad_range(vm.span))?);
        let low = AddrRange::new(PhysAddr::new(ram.start.raw()), ram.len() - tables);
        let index = self.sw.vms.len();
        self.sw.vms.push(Vm {
            name: vm.name.value.clone(),
            ram,
            at,
            page,
            format,
            root,
            frames,
            pages: Pages::new(&low.into_iter().collect::<Vec<_>>()),
            domain: None,
            posted: None,
        });
        self.sw.names.insert(vm.name.value.clone(), Named::Vm(index));
        Ok(())
    }

    fn add_process(&mut self, process: &At<'_, ast::Process>) -> Result<(), Problem> {
        let index = self.sw.processes.len();
        let vm = match &process.vm {
            None => None,
            Some(name) => match self.sw.names.get(&name.value) {
                Some(Named::Vm(vm)) => Some(*vm),
                _ => {
                    return Err(Problem::new(
                        name.span,
                        format!("there is no virtual machine `{}`", name.value),
                        format!("没有名为 `{}` 的虚拟机", name.value),
                    ))
                }
            },
        };
        let none = || map_problem(process.span, MapError::NoFrames);
        let (root, guest) = match vm {
            None => (self.sw.frames.frame().ok_or_else(none)?.raw(), None),
            Some(vm) => {
                let guest = self.sw.vms[vm].guest(vm);
                (self.sw.vms[vm].frames.frame().ok_or_else(none)?.raw(), Some(guest))
            }
        };
        let pasid =
            process.pasid.map(|p| p.value).or_else(|| Pasid::new(index as u32 + 1)).unwrap_or_default();
        self.sw.processes.push(Process {
            name: process.name.value.clone(),
            space: AddressSpace { format: self.sw.kernel.format, root, asid: index as u16 + 1, guest },
            vm,
            pasid,
            next_va: layout(&self.sw.kernel.format).user,
            promised: Vec::new(),
        });
        self.sw.names.insert(process.name.value.clone(), Named::Process(index));
        Ok(())
    }
}

/// A range cut into the largest pages that fit: the ends in small ones.
pub(super) fn pieces(start: u64, len: u64) -> Vec<(u64, u64, PageSize)> {
    let end = start.saturating_add(len) & !0xfff;
    let mut out: Vec<(u64, u64, PageSize)> = Vec::new();
    let mut at = start.next_multiple_of(4096);
    while at < end {
        let fits = |size: &PageSize| at & size.mask() == 0 && end - at >= size.bytes();
        let size = [PageSize::SIZE_1G, PageSize::SIZE_2M].into_iter().find(fits).unwrap_or(PageSize::SIZE_4K);
        // As many of this size as come before a larger one fits, or the end.
        let larger = match size {
            PageSize::SIZE_4K => PageSize::SIZE_2M,
            _ => PageSize::SIZE_1G,
        };
        let until = if size == PageSize::SIZE_1G {
            end & !size.mask()
        } else {
            let next = (at | larger.mask()).saturating_add(1);
            if next < end && end - next >= larger.bytes() {
                next
            } else {
                end & !size.mask()
            }
        };
        out.push((at, until - at, size));
        at = until;
    }
    out
}

pub(super) fn map_problem(span: Span, error: MapError) -> Problem {
    problem(span, error)
}

pub(super) fn too_many(span: Span, entries: u64) -> Problem {
    Problem::new(
        span,
        format!("this writes {entries} page-table entries: the limit is {}", limits::ENTRIES),
        format!("这会写 {entries} 个页表项，上限是 {}", limits::ENTRIES),
    )
}
