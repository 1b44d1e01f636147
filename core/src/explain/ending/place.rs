//! What is at a physical address, in words that complete "in ...".

use crate::addr::PhysAddr;
use crate::machine::software::{Buffer, Owner};
use crate::machine::Machine;
use crate::paging::leaves::leaves;
use crate::platform::map::RegionKind;
use crate::spec::Phrase;
use alloc::{format, vec::Vec};

/// Table pages that are read of each process.
const TABLES: usize = 512;

/// What is where, for one run.
pub struct Places<'a> {
    machine: &'a Machine,
    /// Pages that only a process's tables lead to: first address, bytes, whose.
    pages: Vec<(u64, u64, &'a str)>,
}

impl<'a> Places<'a> {
    /// Of a machine at the end of its run.
    pub fn new(machine: &'a Machine) -> Self {
        let mut pages = Vec::new();
        for process in &machine.sw.processes {
            let vm = process.vm.and_then(|vm| machine.sw.vms.get(vm));
            let place = |at: u64| match vm {
                Some(vm) => vm.place(at),
                None => Some(PhysAddr::new(at)),
            };
            let found = leaves(&process.space.format, &machine.memory, process.space.root, place, TABLES);
            for run in found.runs {
                if let Some(at) = place(run.to) {
                    pages.push((at.raw(), run.len, process.name.as_str()));
                }
            }
        }
        Places { machine, pages }
    }

    /// The buffer at an address after `step` steps; a freed one only where nothing took its place.
    pub fn buffer(&self, at: PhysAddr, step: usize) -> Option<&'a Buffer> {
        let covers = |b: &&Buffer| {
            b.born <= step && b.pieces.iter().any(|(start, len)| at.raw().wrapping_sub(start.raw()) < *len)
        };
        let found = || self.machine.sw.buffers.iter().rev().filter(covers);
        found().find(|b| b.died > step).or(found().next())
    }

    /// What is at an address after `step` steps.
    pub fn at(&self, at: PhysAddr, step: usize) -> Phrase {
        if let Some(buffer) = self.buffer(at, step) {
            let name = &buffer.name;
            let freed = buffer.died <= step;
            return match buffer.owner {
                _ if freed => Phrase::new(
                    format!("the page that was {name} until it was freed"),
                    format!("曾是 {name}、现已释放的那一页"),
                ),
                Owner::Kernel => Phrase::same(name.clone()),
                Owner::Process(process) => {
                    let of = self.machine.sw.processes.get(process).map_or("", |p| p.name.as_str());
                    Phrase::new(format!("{of}'s {name}"), format!("{of} 的 {name}"))
                }
                Owner::Vm(vm) => {
                    let of = self.machine.sw.vms.get(vm).map_or("", |v| v.name.as_str());
                    Phrase::new(format!("guest {of}'s {name}"), format!("客户机 {of} 的 {name}"))
                }
            };
        }
        if self.machine.sw.dma.api.swiotlb().is_some_and(|pool| pool.contains(at)) {
            return Phrase::new("the bounce pool", "回弹缓冲池");
        }
        let handle = self.machine.sw.handles.iter().find(|h| {
            h.born <= step
                && h.died > step
                && h.pieces.iter().any(|(start, len)| at.raw().wrapping_sub(start.raw()) < *len)
        });
        if let Some(handle) = handle {
            return Phrase::same(handle.name.clone());
        }
        if let Some((_, _, name)) =
            self.pages.iter().find(|(start, len, _)| at.raw().wrapping_sub(*start) < *len)
        {
            return Phrase::new(format!("{name}'s page"), format!("{name} 的页"));
        }
        if let Some(vm) = self.machine.sw.vms.iter().find(|vm| vm.gpa(at).is_some()) {
            return Phrase::new(format!("guest {}'s memory", vm.name), format!("客户机 {} 的内存", vm.name));
        }
        match self.machine.hw.map.find(at).map(|region| region.kind) {
            Some(RegionKind::Ram) | None => Phrase::new("memory that has no name here", "这里没有名字的内存"),
            Some(RegionKind::Window) => Phrase::new("a window of the host bridge", "主桥的窗口"),
            Some(RegionKind::IommuRegisters) => Phrase::new("the IOMMU's registers", "IOMMU 的寄存器"),
            Some(RegionKind::Interrupts) => Phrase::new("the interrupt range", "中断地址范围"),
            Some(RegionKind::Config) => Phrase::new("configuration space", "配置空间"),
        }
    }
}
