//! What is at a physical address, in words that complete "in ...".

use crate::addr::PhysAddr;
use crate::machine::history::Cursor;
use crate::machine::software::{Buffer, Owner};
use crate::machine::Record;
use crate::paging::leaves::{leaves, Run};
use crate::platform::map::RegionKind;
use crate::spec::Phrase;
use crate::trace::Trace;
use alloc::{format, vec::Vec};
use core::cell::RefCell;

/// Table pages that are read of each process.
const TABLES: usize = 512;

/// A page that only a process's tables lead to: its first address, its length in bytes, and the process.
type Page = (u64, u64, usize);

/// What is where, for one run.
pub struct Places<'a> {
    record: &'a Record,
    trace: &'a Trace,
    /// Makes a cursor: most runs have names for everything, and need none.
    make: &'a dyn Fn() -> Cursor,
    cursor: RefCell<Option<Cursor>>,
}

impl<'a> Places<'a> {
    /// Returns the places of a run; `make` makes a cursor of its trace.
    pub fn new(record: &'a Record, trace: &'a Trace, make: &'a dyn Fn() -> Cursor) -> Self {
        Places { record, trace, make, cursor: RefCell::new(None) }
    }

    /// Returns the page at an address that a process's tables lead to after `step` steps.
    fn page(&self, at: PhysAddr, step: usize) -> Option<usize> {
        let now = self.record.at(step);
        let mut cursor = self.cursor.borrow_mut();
        let memory = cursor.get_or_insert_with(self.make).seek(self.trace, step);
        let pages = now.processes().iter().enumerate().flat_map(|(index, process)| {
            let vm = process.vm.and_then(|vm| now.vms().get(vm));
            let place = |at: u64| match vm {
                Some(vm) => vm.place(at),
                None => Some(PhysAddr::new(at)),
            };
            let found = leaves(&process.space.format, memory, process.space.root, place, TABLES);
            let page = |run: &Run| place(run.to).map(|at| (at.raw(), run.len, index));
            found.runs.iter().filter_map(page).collect::<Vec<Page>>()
        });
        let holds = |page: &Page| at.raw().wrapping_sub(page.0) < page.1;
        pages.into_iter().find(holds).map(|page| page.2)
    }

    /// The buffer at an address after `step` steps; a freed one only where nothing took its place.
    pub fn buffer(&self, at: PhysAddr, step: usize) -> Option<&'a Buffer> {
        let now = self.record.at(step);
        let covers =
            |b: &&Buffer| b.pieces.iter().any(|(start, len)| at.raw().wrapping_sub(start.raw()) < *len);
        let found = || now.made_buffers().rev().filter(covers);
        found().find(|b| !now.is_freed(b)).or(found().next())
    }

    /// What is at an address after `step` steps.
    pub fn at(&self, at: PhysAddr, step: usize) -> Phrase {
        let now = self.record.at(step);
        if let Some(buffer) = self.buffer(at, step) {
            let name = &buffer.name;
            let freed = now.is_freed(buffer);
            return match buffer.owner {
                _ if freed => Phrase::new(
                    format!("the page that was {name} until it was freed"),
                    format!("曾是 {name}、现已释放的那一页"),
                ),
                Owner::Kernel => Phrase::same(name.clone()),
                Owner::Process(process) => {
                    let of = now.processes().get(process).map_or("", |p| p.name.as_str());
                    Phrase::new(format!("{of}'s {name}"), format!("{of} 的 {name}"))
                }
                Owner::Vm(vm) => {
                    let of = now.vms().get(vm).map_or("", |v| v.name.as_str());
                    Phrase::new(format!("guest {of}'s {name}"), format!("客户机 {of} 的 {name}"))
                }
            };
        }
        if now.bounces_at(at) {
            return Phrase::new("the bounce pool", "回弹缓冲池");
        }
        let handle = now
            .handles()
            .find(|h| h.pieces.iter().any(|(start, len)| at.raw().wrapping_sub(start.raw()) < *len));
        if let Some(handle) = handle {
            return Phrase::same(handle.name.clone());
        }
        if let Some(process) = self.page(at, step) {
            let name = now.processes().get(process).map_or("", |p| p.name.as_str());
            return Phrase::new(format!("{name}'s page"), format!("{name} 的页"));
        }
        if let Some(vm) = now.vms().iter().find(|vm| vm.gpa(at).is_some()) {
            return Phrase::new(format!("guest {}'s memory", vm.name), format!("客户机 {} 的内存", vm.name));
        }
        match now.map().find(at).map(|region| region.kind) {
            Some(RegionKind::Ram) | None => Phrase::new("memory without a name", "没有名字的内存"),
            Some(RegionKind::Window) => Phrase::new("a window of the host bridge", "主桥的窗口"),
            Some(RegionKind::IommuRegisters) => Phrase::new("the IOMMU's registers", "IOMMU 的寄存器"),
            Some(RegionKind::Interrupts) => Phrase::new("the interrupt range", "中断地址范围"),
            Some(RegionKind::Config) => Phrase::new("configuration space", "配置空间"),
        }
    }
}
