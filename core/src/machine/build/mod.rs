//! Declarations become a machine, or one clear problem that names the line and the two things in conflict.
//!
//! * `board`: what the word after `machine` brings; RAM, windows, interrupts
//! * `bridges`: host bridges with names, and what is behind which
//! * `tree`: ports and functions with their configuration spaces; devices
//! * `software`: the kernel's, guests' and processes' tables

mod board;
mod bridges;
mod dma;
mod software;
mod sriov;
mod tree;

use self::board::{physical, unit};
use self::tree::{devices, tree};
use super::layout::divide;
use super::software::{DmaState, Named, Software};
use super::{limits, problem, Hardware, Machine};
use crate::budget::Limits;
use crate::iommu::{Ability, Architecture, Board};
use crate::memory::Memory;
use crate::mmu::arch::layout;
use crate::mmu::{AddressSpace, Mmu};
use crate::paging::builder::MapError;
use crate::scenario::ast::Policy;
use crate::scenario::outline::Outline;
use crate::scenario::{Problem, Span};
use crate::trace::Trace;
use alloc::{boxed::Box, collections::BTreeMap, format, vec::Vec};

/// Builds the machine that an outline declares, which may spend `budget`.
pub fn build(outline: &Outline<'_>, budget: Limits) -> Result<Machine, Problem> {
    let architecture = outline.architecture();
    let config = outline.machine.map(|m| m.node.clone()).unwrap_or_default();
    let policy = match outline.iommu {
        Some(at) => at.policy.value,
        None if architecture.is_none() => Policy::Off,
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
    for map in &outline.iommu_maps {
        let Some(named) = architecture.filter(|a| a.has(Ability::IdMap)) else {
            return Err(Problem::new(
                map.span,
                "an iommu-map is for a machine whose firmware says under which id a device arrives: here the requester id is what the IOMMU looks up",
                "iommu-map 用于由固件说明设备以哪个 ID 到达的机器：这里的 IOMMU 直接用请求者 ID 查表",
            )
            .lacking());
        };
        let (bits, called) = (named.describe().unit.id_bits, named.describe().terms.requester);
        if map.id.value >> bits != 0 {
            let id = map.id.value;
            return Err(Problem::new(
                map.span,
                format!("{id:#x} is too wide: a {called} has {bits} bits here"),
                format!("{id:#x} 太大：这里的 {called} 只有 {bits} 位"),
            )
            .lacking());
        }
        if outline.devices.iter().all(|plan| plan.device.name.value != map.device.value) {
            return Err(Problem::new(
                map.device.span,
                format!("there is no device {}", map.device.value),
                format!("没有设备 {}", map.device.value),
            ));
        }
    }
    let mut memory = Memory::new();
    memory.set_max_frames(limits::FRAMES);
    let board = Board::of(architecture);
    let (map, rams, bridges) = physical(outline, (architecture, &board), &mut memory)?;
    let (topology, nodes) = tree(outline, &bridges)?;
    self::bridges::apart(outline, &bridges, &topology)?;
    self::bridges::one_unit(outline, architecture, &bridges, &topology)?;
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
        let deeper =
            if levels == u64::from(*last) + 1 { board.cpu.deeper() } else { crate::spec::Text::new("", "") };
        Problem::new(
            config.paging.map_or(Span::default(), |n| n.span),
            format!("the CPU's page tables have {first} to {last} levels, not {levels}{}", deeper.en),
            format!("CPU 页表是 {first} 至 {last} 级，不能是 {levels} 级{}", deeper.zh),
        )
        .done_by(&Architecture::words_of(|a| {
            u8::try_from(levels).is_ok_and(|levels| Board::of(Some(a)).cpu.tables(levels).is_some())
        }))
    })?;
    let no_frames = |span| Problem::new(span, "there is no RAM for page tables", "没有内存可放页表");
    let ram_span = outline.rams.first().map_or(Span::default(), |r| r.span);
    let root = frames.frame().ok_or_else(|| no_frames(ram_span))?.raw();
    let count = devices.len();
    let iommu = unit(&config, architecture)?;
    let dma = DmaState::declared(outline, policy, iommu.as_ref(), &mut pages)?;
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
        reserved_iovas: dma::reserved_iovas(outline)?,
        ideas: Vec::new(),
        attached: alloc::vec![None; count],
        attached_to: alloc::vec![None; count],
        attachments: Vec::new(),
        bound: Vec::new(),
        bindings: Vec::new(),
        namings: Vec::new(),
        page_requests: 0,
        messages: Default::default(),
        next_vmalloc: layout(&format).vmalloc,
        cache: dma::cpu_cache(outline),
        dma,
    };
    for (i, device) in devices.iter().enumerate() {
        sw.name(0, &device.name, Named::Device(i));
    }
    let Board { cpu, interrupts, .. } = board;
    let hw = Hardware {
        map,
        bridges,
        topology,
        devices,
        iommu,
        cpu,
        mmu: Mmu::new(64),
        interrupts,
        peers: outline.peers.map(|p| p.routing.value),
        tag: 0,
    };
    let mut machine = Machine {
        architecture,
        policy,
        takes: (config.ats, config.pri),
        remaps: config.interrupt_remapping.is_none_or(|s| s.value == crate::scenario::ast::Switched::On),
        version: outline.version,
        memory,
        wired: Box::new(hw.clone()),
        hw,
        config_writes: Vec::new(),
        sw,
        trace: Trace::with_limits(budget),
    };
    machine.boot(&rams, ram_span)?;
    for vm in &outline.vms {
        machine.add_vm(vm)?;
        for more in outline.guest_rams.iter().filter(|more| more.vm.value == vm.name.value) {
            machine.add_guest_ram(more)?;
        }
    }
    for process in &outline.processes {
        machine.add_process(process)?;
    }
    machine.start_iommu(outline)?;
    Ok(machine)
}

fn bad_range(span: Span) -> Problem {
    Problem::new(
        span,
        "this range is empty or runs past the end of 64 bits",
        "范围为空，或超出 64 位地址空间",
    )
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
