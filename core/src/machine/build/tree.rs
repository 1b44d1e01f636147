//! Ports and functions with their configuration spaces, BARs and windows placed; the devices that scenarios name.

use super::super::{problem, BarUse, Device};
use super::bad_range;
use super::bridges as hosts;
use super::sriov::{self, Physical};
use crate::dma::Engine;
use crate::iommu::{architecture::Board, Architecture, DeviceCaps};
use crate::iommu::{atc, atc::Atc, ats::INVALIDATIONS};
use crate::memory::Memory;
use crate::mmu::arch::NO_PORTS;
use crate::platform::bridges::Bridges;
use crate::platform::config::{acs, BarKind, BarSpec, ConfigSpace, Ids, PortType};
use crate::platform::local::{LocalMap, Target};
use crate::platform::resources::{assign, Fixed, Misfit, Part, ResourceError};
use crate::platform::topology::{NodeId, Topology};
use crate::scenario::ast::{self, Coherence};
use crate::scenario::outline::{DevicePlan, Outline, PortKind};
use crate::scenario::{Problem, Span};
use alloc::{format, vec::Vec};

/// Ports and functions with their configuration spaces, BARs and windows placed.
pub(super) fn tree(outline: &Outline<'_>, bridges: &Bridges) -> Result<(Topology, Vec<NodeId>), Problem> {
    let mut topology = Topology::new();
    let mut fixed = Fixed::default();
    let find = |topology: &Topology, name: &Option<ast::Name>| -> Result<Option<NodeId>, Problem> {
        match name {
            None => Ok(None),
            Some(name) if hosts::is_bridge(outline, name) => Ok(None),
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
        if plan.port.ari {
            if kind == PortType::Upstream {
                return Err(Problem::new(
                    plan.port.span,
                    "`ari` is of ports with a link below: a `rootport`, or a switch's `port`",
                    "`ari` 属于下面有链路的端口：`rootport`，或交换机的 `port`",
                ));
            }
            config.add_ari_forwarding();
        }
        let parent = find(&topology, &plan.port.behind)?;
        let root = hosts::root(outline, bridges, &plan.port.behind, &plan.port.id, parent)?;
        let node = topology
            .add_behind(&plan.port.name, plan.port.id.value, (root, parent), config)
            .map_err(|e| problem(plan.port.span, e))?;
        for window in &plan.windows {
            let range = window.range.addresses().ok_or_else(|| bad_range(window.range.span))?;
            fixed.windows.push((node, range, window.prefetch));
        }
    }
    let mut nodes = Vec::new();
    for plan in &outline.devices {
        let device = plan.device;
        let physical = sriov::physical(plan, outline, &topology)?;
        let parent = match &physical {
            Some(physical) => topology.node(physical.node).parent,
            None => find(&topology, &device.behind)?,
        };
        let kind = if parent.is_some() { PortType::Endpoint } else { PortType::Integrated };
        // Vendor and device id of QEMU's teaching device, since ours is one too.
        // A virtual function has neither: software takes its physical function's (PCIe 6.0 section 9.3.3.11).
        let (vendor, id) = if physical.is_some() { (0xffff, 0xffff) } else { (0x1234, 0x11e8) };
        let mut config = ConfigSpace::new(kind, Ids { vendor, device: id, class: 0x00_ff00 });
        let (payload, read) = sizes(plan);
        config.add_pcie(payload);
        let wide = !plan.vectors.is_some_and(|v| v.short);
        config.add_msi(plan.vectors.map_or(1, |v| v.count.value.clamp(1, 32) as u16), wide);
        if device.acs {
            config.add_acs(acs::ISOLATION);
        }
        if device.ats {
            config.add_ats(INVALIDATIONS);
        }
        if device.pri {
            config.add_pri(256);
        }
        if device.pasid {
            config.add_pasid(20);
        }
        sriov::capability(plan, &mut config)?;
        if parent.is_some_and(|port| topology.node(port).config.can_forward_ari()) {
            config.add_ari();
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
            config.add_bar(index, spec).map_err(|e| problem(bar.span, e))?;
        }
        let resizable: Vec<u8> =
            plan.bars.iter().filter(|b| b.resizable).map(|b| b.index.value as u8).collect();
        if let Some(bar) = plan.bars.iter().find(|b| b.resizable && (b.io || b.size.value < 1 << 20)) {
            return Err(Problem::new(
                bar.span,
                "a resizable BAR is memory of 1 MiB or more",
                "可改变大小的 BAR 是内存 BAR，至少 1 MiB",
            ));
        }
        config.add_rebar(&resizable);
        let node = match physical {
            None => {
                let root = hosts::root(outline, bridges, &device.behind, &device.id, parent)?;
                topology.add_behind(&device.name, device.id.value, (root, parent), config)
            }
            Some(Physical { node, number, .. }) => {
                topology.add_virtual(&device.name, device.id.value, (node, number), config)
            }
        };
        let node = node.map_err(|e| match &physical {
            None => problem(device.span, e),
            Some(physical) => {
                problem(device.span, e).related(physical.line, "its physical function", "它的物理功能")
            }
        })?;
        topology.node_mut(node).alias = device.alias.map(|a| a.value);
        for bar in &plan.bars {
            if let Some(at) = bar.at.as_ref().and_then(|at| at.address()) {
                fixed.bars.push((node, bar.index.value as u8, at.raw()));
            }
        }
        for bar in &plan.vf_bars {
            if let Some(at) = bar.at.as_ref().and_then(|at| at.address()) {
                fixed.vf_bars.push((node, bar.index.value as u8, at.raw()));
            }
        }
        nodes.push(node);
    }
    // Functions of one device say so in function 0.
    let own = nodes.iter().filter(|n| topology.node(**n).physical.is_none());
    let ids: Vec<_> = own.map(|n| (*n, topology.node(*n).id, topology.node(*n).parent)).collect();
    for (node, id, parent) in &ids {
        if ids.iter().any(|(n, i, p)| n != node && p == parent && i.raw() >> 3 == id.raw() >> 3) {
            topology.node_mut(*node).config.set_multifunction();
        }
    }
    // One whose address is written lies there, whoever can reach it; for others there is nothing to look for room in.
    let mut bars = outline.devices.iter().flat_map(|plan| &plan.bars);
    let first_port = bars.find(|bar| bar.io && bar.at.is_none());
    if let Some(bar) = first_port.filter(|_| !Board::of(outline.architecture()).cpu.has_ports()) {
        let mut able = Architecture::words_of(|a| Board::of(Some(a)).cpu.has_ports());
        if outline.ports_to_pci.is_empty() {
            able.en += ", with a line like `ports 0xc000 +4K`,";
            able.zh += "，再写一行（例如 `ports 0xc000 +4K`）";
        }
        return Err(problem(bar.span, NO_PORTS).done_by(&able));
    }
    let ports = outline.ports_to_pci.first().and_then(|p| p.range.addresses());
    assign(&mut topology, bridges, ports, &fixed).map_err(|e| misplaced(&e, outline, bridges, &topology))?;
    topology.enable_all();
    Ok((topology, nodes))
}

/// The line of a BAR or window that has no place, and the line that it contradicts.
fn misplaced(misfit: &Misfit, outline: &Outline<'_>, bridges: &Bridges, topology: &Topology) -> Problem {
    let line = |part: &Part| -> Option<Span> {
        let name = &topology.node(part.node).name;
        let Some(index) = part.bar else {
            let port = outline.ports.iter().find(|p| p.port.name.value == *name)?;
            let window = port.windows.iter().find(|w| w.prefetch == part.prefetch);
            return Some(window.map_or(port.port.span, |w| w.span));
        };
        let device = outline.devices.iter().find(|d| d.device.name.value == *name)?;
        if part.of_vfs {
            let bar = device.vf_bars.iter().find(|b| b.index.value == u64::from(index));
            return Some(bar.map_or(device.device.span, |b| b.span));
        }
        let bar = device.bars.iter().find(|b| b.index.value == u64::from(index));
        Some(bar.map_or(device.device.span, |b| b.span))
    };
    // Windows are the board's where a scenario declares none: another's may hold it.
    let out = problem(line(&misfit.part).unwrap_or_default(), &*misfit.error).lacking();
    let id = topology.node(misfit.part.node).bridge;
    let host =
        || hosts::windows(outline, bridges, id).min_by_key(|(prefetch, _)| *prefetch != misfit.part.prefetch);
    let host = || host().map(|(_, span)| span);
    let other = match (&*misfit.error, &misfit.with) {
        (ResourceError::Misaligned { .. } | ResourceError::TooHigh { .. }, _) => None,
        (_, Some(with)) => line(with),
        (_, None) => host(),
    };
    match (other, &*misfit.error) {
        (None, _) => out,
        (Some(at), ResourceError::Overlap { .. }) => {
            out.related(at, "the other is given here", "另一个在这里给出")
        }
        (Some(at), _) => out.related(at, "this is the window", "窗口在这里"),
    }
}

fn sizes(plan: &DevicePlan<'_>) -> (u32, u32) {
    let engine = plan.engine.as_ref();
    let payload = engine.and_then(|e| e.max_payload).map_or(256, |n| n.value);
    let read = engine.and_then(|e| e.max_read).map_or(512, |n| n.value);
    (payload.clamp(128, 4096) as u32, read.clamp(128, 4096) as u32)
}

pub(super) fn devices(
    outline: &Outline<'_>,
    topology: &Topology,
    nodes: &[NodeId],
) -> Result<Vec<Device>, Problem> {
    let default_coherent = outline.cache.is_none_or(|c| c.coherence.value == Coherence::Coherent);
    let mut devices = Vec::new();
    // Without an IOMMU nothing answers a device: its TLB stays empty, under PCIe's own name.
    let kind = outline.architecture().map_or(&atc::DEVICE_TLB, |a| &a.describe().terms.device_tlb);
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
        let id = outline.iommu_maps.iter().rev().find(|m| m.device.value == device.name.value);
        let id = id.map(|m| m.id.value.min(u64::from(u32::MAX)) as u32);
        for bar in sriov::vf_bars(plan, outline) {
            if let Some(slot) = bars.get_mut(bar.index.value as usize) {
                *slot = Some(if bar.memory { BarUse::Memory(next) } else { BarUse::Registers });
                next += if bar.memory { bar.size.value } else { 0 };
            }
        }
        for bar in &plan.bars {
            let index = bar.index.value as usize;
            if let Some(slot) = bars.get_mut(index) {
                *slot = Some(if bar.memory {
                    let at = next;
                    // One that may grow has room behind it that no other BAR shows.
                    next += if bar.resizable { 1 << 48 } else { bar.size.value };
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
            bypass: device.bypass,
            bits: device.mask.map_or(64, |n| n.value.min(64)) as u8,
            caps: DeviceCaps { ats: device.ats, pri: device.pri, pasid: device.pasid, id },
            coherent: device.coherence.map_or(default_coherent, |c| c.value == Coherence::Coherent),
            engine: Engine::new(requester, local, payload, read),
            memory: Memory::new(),
            bars,
            received: Vec::new(),
            vectors: plan.vectors.map_or(1, |v| v.count.value.clamp(1, 32) as u16),
            tlb: Atc::new(requester, device.device_tlb.map_or(16, |n| n.value.min(4096)) as usize, kind),
        });
    }
    Ok(devices)
}
