//! From a byte of memory to its names: tables read as a whole say where to look, a walk forwards decides.

use super::forward::{claimed, reach};
use super::{Of, Place, Seen};
use crate::addr::{BusAddr, Pasid, PhysAddr};
use crate::machine::history::CacheState;
use crate::machine::record::{GuestDomain, Snapshot};
use crate::memory::Memory;
use crate::paging::any::CpuTables;
use crate::paging::leaves::{leaves, Run};
use crate::paging::Format;
use crate::platform::map::RegionKind;
use crate::platform::window::Direction as Way;
use crate::spec::Phrase;
use crate::trace::CacheKind;
use alloc::{format, vec::Vec};

/// Table pages that are read of each address space.
const TABLES: usize = 4096;

/// Where in a run's input the byte at `to` of its output is.
fn inside(run: &Run, to: u64) -> Option<u64> {
    let offset = to.checked_sub(run.to).filter(|o| *o < run.len)?;
    Some(run.from + offset)
}

/// The addresses of a run's input: those of the upper half with their upper bits, which tables do not have.
fn extended(tables: &CpuTables, address: u64) -> u64 {
    let unused = 64 - (12 + 9 * u32::from(tables.levels()));
    ((address << unused) as i64 >> unused) as u64
}

/// Every name of the byte at `pa` by the tables in memory.
pub(super) fn names(seen: Seen<'_>, memory: &mut Memory, pa: PhysAddr) -> Vec<Place> {
    let now = seen.now;
    let mut candidates: Vec<(Of, u64)> = alloc::vec![(Of::Physical, pa.raw())];
    let direct = |at| Some(PhysAddr::new(at));
    let kernel = now.kernel();
    for run in &leaves(&kernel.format, memory, kernel.root, direct, TABLES).runs {
        candidates.extend(inside(run, pa.raw()).map(|at| (Of::Kernel, extended(&kernel.format, at))));
    }
    for (index, vm) in now.vms().iter().enumerate() {
        for run in &leaves(&vm.format, memory, vm.root.raw(), direct, TABLES).runs {
            candidates.extend(inside(run, pa.raw()).map(|at| (Of::Vm(index), at)));
        }
    }
    // A guest's processes map guest-physical addresses: those of the byte.
    let guest_names: Vec<(usize, u64)> = candidates
        .iter()
        .filter_map(|(of, at)| if let Of::Vm(vm) = of { Some((*vm, *at)) } else { None })
        .collect();
    let out_of = |vm: Option<usize>| -> Vec<u64> {
        match vm {
            None => alloc::vec![pa.raw()],
            Some(vm) => guest_names.iter().filter(|(v, _)| *v == vm).map(|(_, at)| *at).collect(),
        }
    };
    for (index, process) in now.processes().iter().enumerate() {
        let place = |at: u64| match process.vm.and_then(|vm| now.vms().get(vm)) {
            Some(vm) => vm.place(at),
            None => Some(PhysAddr::new(at)),
        };
        let found = leaves(&process.space.format, memory, process.space.root, place, TABLES);
        let bound: Vec<(usize, Pasid)> =
            now.bindings().iter().filter(|b| b.2 == index).map(|b| (b.0, b.1)).collect();
        for run in &found.runs {
            for at in out_of(process.vm).iter().filter_map(|to| inside(run, *to)) {
                let at = extended(&process.space.format, at);
                candidates.push((Of::Process(index), at));
                candidates
                    .extend(bound.iter().map(|(device, pasid)| (Of::Device(*device, Some(*pasid)), at)));
            }
        }
    }
    devices(now, memory, pa, &guest_names, &mut candidates);
    let mut places: Vec<Place> = Vec::new();
    for (of, address) in candidates {
        if places.len() >= super::MOST || places.iter().any(|p| (p.of, p.address) == (of, address)) {
            continue;
        }
        let reach = reach(seen, memory, of, address);
        if reach.to == Some(pa) {
            let Of::Device(device, None) = of else {
                places.push(Place { of, address, perms: reach.perms, through: reach.through, stale: false });
                continue;
            };
            places.push(Place { of, address, perms: reach.perms, through: reach.through, stale: false });
            // What the device's own map makes of it.
            let local = now.devices()[device].engine.map().of_bus(BusAddr::new(address));
            places.extend(local.map(|at| Place {
                of: Of::Local(device),
                address: at.raw(),
                perms: reach.perms,
                through: Vec::new(),
                stale: false,
            }));
        }
    }
    places
}

/// Addresses that devices may use for the byte.
fn devices(
    now: Snapshot<'_>,
    memory: &Memory,
    pa: PhysAddr,
    guest_names: &[(usize, u64)],
    candidates: &mut Vec<(Of, u64)>,
) {
    for device in 0..now.devices().len() {
        let of = Of::Device(device, None);
        // Two windows may lead to the same memory.
        let bridge = now.bridge_of(device);
        candidates.extend(bridge.dma_addr(pa).map(|at| (of, at.raw())));
        candidates.extend(bridge.of(Way::Inbound).filter_map(|w| w.to_bus(pa)).map(|at| (of, at.raw())));
        // With the IOMMU passing addresses through, they are physical ones.
        candidates.push((of, pa.raw()));
        if let Some(domain) = now.domain_of(device) {
            let runs = now.mappings(memory, domain, TABLES).runs;
            candidates.extend(runs.iter().filter_map(|run| inside(run, pa.raw())).map(|at| (of, at)));
        }
        // A guest's own tables as stage 1.
        for GuestDomain { vm, root, .. } in now.guest_domains() {
            let Some(v) = now.vms().get(vm) else { continue };
            let found = leaves(&now.format(), memory, root, |at| v.place(at), TABLES);
            for (_, to) in guest_names.iter().filter(|(v, _)| *v == vm) {
                candidates.extend(found.runs.iter().filter_map(|run| inside(run, *to)).map(|at| (of, at)));
            }
        }
    }
}

/// Names that only a cache still knows.
pub(super) fn remembered(
    seen: Seen<'_>,
    memory: &mut Memory,
    caches: &[CacheState],
    pa: PhysAddr,
    known: &[Place],
) -> Vec<Place> {
    let (now, mut out) = (seen.now, Vec::new());
    for cache in caches {
        for line in cache.lines.values().filter(|line| line.shift != 0) {
            let page = (1u64 << line.shift.min(63)) - 1;
            if line.to & !page != pa.raw() & !page {
                continue;
            }
            let address = line.from & !page | pa.raw() & page;
            let pasid = line.pasid.and_then(Pasid::new);
            let of: Vec<Of> = match cache.cache.kind {
                CacheKind::Iotlb | CacheKind::DeviceTlb => (0..now.devices().len())
                    .filter(|d| line.requester.is_none_or(|r| r == now.devices()[*d].requester))
                    .map(|d| Of::Device(d, pasid))
                    .collect(),
                CacheKind::Tlb if line.domain.is_none() => match line.pasid {
                    Some(0) | None => alloc::vec![Of::Kernel],
                    Some(asid) => alloc::vec![Of::Process(asid as usize - 1)],
                },
                _ => Vec::new(),
            };
            for of in of {
                let there = |p: &Place| (p.of, p.address) == (of, address);
                if known.iter().any(there) || out.iter().any(there) {
                    continue;
                }
                // The tables say something else now, or nothing: what the cache says is stale.
                if reach(seen, memory, of, address).to != Some(pa) {
                    out.push(Place { of, address, perms: line.perms, through: Vec::new(), stale: true });
                }
            }
        }
    }
    out
}

/// What is at a physical address.
pub(super) fn thing(now: Snapshot<'_>, pa: PhysAddr) -> Phrase {
    for (_, buffer) in now.buffers() {
        let mut before = 0;
        for (start, len) in &buffer.pieces {
            if pa.raw().wrapping_sub(start.raw()) < *len {
                let offset = before + (pa.raw() - start.raw());
                return Phrase::new(
                    format!("buffer {}, byte {offset:#x}", buffer.name),
                    format!("缓冲区 {}，第 {offset:#x} 字节", buffer.name),
                );
            }
            before += len;
        }
    }
    if let Some(vm) = now.vms().iter().find(|vm| vm.gpa(pa).is_some()) {
        return Phrase::new(format!("RAM of guest {}", vm.name), format!("客户机 {} 的内存", vm.name));
    }
    match now.map().find(pa).map(|r| r.kind) {
        Some(RegionKind::Ram) => Phrase::new("RAM", "内存"),
        Some(RegionKind::IommuRegisters) => Phrase::new("registers of the IOMMU", "IOMMU 的寄存器"),
        Some(RegionKind::Interrupts) => now.interrupts().name().into(),
        Some(RegionKind::Window) => {
            let bus = now.bridges().to_bus(pa);
            match bus.and_then(|(bridge, at)| claimed(now, bridge, at).map(|c| (at, c))) {
                Some((at, (name, bar))) => Phrase::new(
                    format!("BAR {bar} of {name}, bus address {at}"),
                    format!("{name} 的 BAR {bar}，总线域地址 {at}"),
                ),
                None => Phrase::new("a bridge window that no device claims", "没有设备响应的主桥窗口"),
            }
        }
        _ => Phrase::new("nothing answers there", "那里无人应答"),
    }
}
