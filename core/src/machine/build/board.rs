//! What answers at which physical address, and the IOMMU as the `machine` line says.

use super::super::problem;
use super::bad_range;
use super::bridges::{is_unnamed_used, named};
use crate::addr::{AddrRange, BusAddr, PhysAddr};
use crate::iommu::{Ability, AnyIommu, Architecture, Board, UnitConfig};
use crate::memory::{Failure, Memory};
use crate::platform::bridges::Bridges;
use crate::platform::map::{PhysMap, RegionKind};
use crate::platform::window::{Direction, HostBridge};
use crate::scenario::ast::{self, Choice};
use crate::scenario::outline::Outline;
use crate::scenario::{Problem, Span};
use alloc::{format, vec::Vec};

/// What RAM is called that no line of a scenario declares.
const BOARD_RAM: &str = "ram0";

/// RAM, windows and the rest of the physical map; and the host bridges.
pub(super) fn physical(
    outline: &Outline<'_>,
    (architecture, board): (Option<Architecture>, &Board),
    memory: &mut Memory,
) -> Result<(PhysMap, Vec<AddrRange<PhysAddr>>, Bridges), Problem> {
    let mut map = PhysMap::new();
    let mut spans: Vec<(alloc::string::String, Span)> = Vec::new();
    let mut add = |map: &mut PhysMap, name: &str, range, kind, span: Span| {
        map.add(name, range, kind).map_err(|overlap| {
            let mut out = problem(span, &overlap);
            // RAM that no line declares is the board's.
            if outline.rams.is_empty() && overlap.old.0 == BOARD_RAM {
                let free = board.windows.first().map_or(0, |window| window.0);
                let (start, end) = board.ram;
                let en = format!(
                    "; without a `ram` line this board has RAM from {start:#x} to {end:#x}: put it elsewhere (the board's own window is at {free:#x}), or declare the RAM that you want"
                );
                let zh = format!(
                    "；没有 `ram` 一行时，这块板子的内存在 {start:#x} 到 {end:#x}：请换个地址（板子自己的窗口在 {free:#x}），或用 `ram` 写明需要的内存"
                );
                out.message.en += &en;
                out.message.zh += &zh;
                return out;
            }
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
        // Nothing said: as much as the board has below its hole, as the reference states.
        let (start, end) = board.ram;
        let range = AddrRange::new(PhysAddr::new(start), end.saturating_sub(start));
        let range = range.ok_or_else(|| bad_range(Span::default()))?;
        add(&mut map, BOARD_RAM, range, RegionKind::Ram, Span::default())?;
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
    let named =
        named(outline, &mut |range, name, span| add(&mut map, name, range, RegionKind::Window, span))?;
    if outline.outbound.is_empty() && is_unnamed_used(outline) {
        // Nothing said: the board's windows, identity, where nothing else is.
        for (i, &(at, len, prefetch)) in board.windows.iter().enumerate() {
            let (name, range) = (format!("window{i}"), AddrRange::new(PhysAddr::new(at), len));
            let Some(range) = range.filter(|r| map.add(&name, *r, RegionKind::Window).is_ok()) else {
                continue;
            };
            let _ = bridge.add(&name, Direction::Outbound, range.start, BusAddr::new(at), len, prefetch);
        }
    }
    // RAM declared right across these is an old habit of small examples: it then keeps the addresses.
    let _ = map.add("interrupts", board.interrupts.range(), RegionKind::Interrupts);
    if let Some(range) = architecture.and_then(|_| AddrRange::new(board.registers, board.register_bytes)) {
        let _ = map.add("iommu", range, RegionKind::IommuRegisters);
    }
    // Table reads where no RAM is must fail as they do on a bus.
    let whole = AddrRange::whole();
    for hole in map.holes(whole, |r| r.kind == RegionKind::Ram) {
        memory.fail(hole, Failure::Access);
    }
    Ok((map, rams, Bridges::new(bridge, named)))
}

/// Refuses what a `machine` line says of an IOMMU where there is none.
fn without(config: &ast::Machine) -> Result<(), Problem> {
    let num = |word, n: &Option<ast::Num>| n.map(|n| (word, n.span));
    let flag = |word, on: bool| on.then_some((word, config.arch.span));
    let words = [
        config.mode.map(|m| (m.value.word(), m.span)),
        num("width", &config.width),
        config.page.map(|p| ("page", p.span)),
        num("iotlb", &config.iotlb),
        num("device-cache", &config.device_cache),
        num("process-cache", &config.process_cache),
        num("fault-records", &config.fault_records),
        config.interrupt_remapping.map(|s| ("interrupt-remapping", s.span)),
        flag("ats", config.ats),
        flag("pri", config.pri),
        flag("accessed-dirty", config.accessed_dirty),
        config.caching_mode.value.then_some(("caching-mode", config.caching_mode.span)),
    ];
    match words.into_iter().flatten().next() {
        None => Ok(()),
        Some((word, span)) => Err(Problem::new(
            span,
            format!("`{word}` is said of an IOMMU, and this machine has none: leave it out, or name one after `machine`"),
            format!("`{word}` 说的是 IOMMU，而这台机器没有：请去掉，或在 `machine` 后面写上一种"),
        )),
    }
}

/// The IOMMU of the architecture, set up as the `machine` line says.
pub(super) fn unit(
    config: &ast::Machine,
    architecture: Option<Architecture>,
) -> Result<Option<AnyIommu>, Problem> {
    let Some(architecture) = architecture else { return without(config).map(|()| None) };
    let count = |n: &Option<ast::Num>| n.map(|n| n.value.min(u64::from(u16::MAX)) as u16);
    let wanted = UnitConfig {
        processes: config
            .mode
            .map_or(architecture.has(Ability::Processes), |m| m.value == ast::TableMode::Scalable),
        width: config.width.map(|w| w.value as u8),
        largest_page: config.page.map(|p| p.value.0.shift()),
        iotlb: count(&config.iotlb),
        device_cache: count(&config.device_cache),
        process_cache: count(&config.process_cache),
        fault_records: count(&config.fault_records),
        interrupt_remapping: config.interrupt_remapping.is_none_or(|s| s.value == ast::Switched::On),
        accessed_dirty: config.accessed_dirty,
        caching_mode: config.caching_mode.value,
        ats: config.ats,
        pri: config.pri,
    };
    if let Some(mode) = config.mode.filter(|_| !architecture.has(Ability::TableModes)) {
        let (word, name) = (mode.value.word(), architecture.name());
        let able = Architecture::words_of(|a| a.has(Ability::TableModes));
        return Err(Problem::new(
            mode.span,
            format!(
                "{name} has one layout of tables: leave `{word}` out, or write {} after `machine`",
                able.en
            ),
            format!("{name} 只有一种表布局：请去掉 `{word}`，或把 `machine` 后面换成 {}", able.zh),
        ));
    }
    let off = config.interrupt_remapping.filter(|s| s.value == ast::Switched::Off);
    if let Some(off) = off.filter(|_| architecture.has(Ability::DeviceEvents)) {
        let name = architecture.name();
        let able = Architecture::words_of(|a| !a.has(Ability::DeviceEvents));
        return Err(Problem::new(
            off.span,
            format!(
                "{name} remaps no interrupts, so there is nothing to turn off: the interrupt controller (ITS) maps every message. Leave `interrupt-remapping off` out, or write {} after `machine`",
                able.en
            ),
            format!(
                "{name} 本身不做中断重映射，没有可关的：消息总是由中断控制器（ITS）查表。请去掉 `interrupt-remapping off`，或把 `machine` 后面换成 {}",
                able.zh
            ),
        ));
    }
    AnyIommu::new(architecture, &wanted).map(Some).map_err(|text| {
        // What is wrong is what the unit can be had without.
        let parts = [
            (config.width.map(|n| n.span), UnitConfig { width: None, ..wanted }),
            (config.fault_records.map(|n| n.span), UnitConfig { fault_records: None, ..wanted }),
            (Some(config.caching_mode.span), UnitConfig { caching_mode: false, ..wanted }),
        ];
        let culprit = parts.iter().find(|(_, without)| AnyIommu::new(architecture, without).is_ok());
        let span = culprit.and_then(|(span, _)| *span).unwrap_or(config.arch.span);
        // What one lacks another may have.
        problem(span, text).done_by(&Architecture::words_of(|a| AnyIommu::new(a, &wanted).is_ok()))
    })
}
