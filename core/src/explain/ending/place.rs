//! What is at a physical address, in words that complete "in ...".

use super::Looks;
use crate::addr::PhysAddr;
use crate::machine::history::Cursor;
use crate::machine::software::{Buffer, Owner};
use crate::machine::Record;
use crate::memory::FRAME;
use crate::paging::leaves::{leaves, Run};
use crate::platform::map::RegionKind;
use crate::spans::Spans;
use crate::spec::Phrase;
use crate::trace::{Event, Trace};
use alloc::{collections::BTreeSet, format, vec::Vec};
use core::cell::RefCell;

/// Table pages that are read of each process.
const TABLES: usize = 512;

/// Entries of a table.
const ENTRIES: usize = 512;

/// What is where, for one run.
pub struct Places<'a> {
    record: &'a Record,
    trace: &'a Trace,
    /// Makes a cursor: most runs have names for everything, and need none.
    make: &'a dyn Fn() -> Cursor,
    looks: &'a Looks,
    /// Every buffer of the run in the order of being made, and where their pieces are.
    buffers: (Vec<&'a Buffer>, Spans),
    /// The tables of processes as they were looked at last.
    seen: RefCell<Option<Seen>>,
}

/// What the tables of processes lead to, as they were looked at last.
struct Seen {
    cursor: Cursor,
    /// Of each process.
    of: Vec<Tables>,
    /// The frames that tables are in, each with whose they are.
    frames: BTreeSet<(u64, usize)>,
}

/// What the tables of a process lead to.
#[derive(Default)]
struct Tables {
    pages: Spans,
    /// The frames that they are in.
    frames: Vec<u64>,
    /// Nothing has been written there since.
    fresh: bool,
}

impl Seen {
    /// Goes to another step, and marks the tables that have changed on the way there.
    fn go_to(&mut self, trace: &Trace, step: usize, looks: &Looks) {
        let (from, to) = (self.cursor.position().min(step), self.cursor.position().max(step));
        self.cursor.seek(trace, step);
        let between = trace.steps().range(from..to);
        for step in between.iter().take_while(|_| looks.draw(1)) {
            let (at, bytes) = match step.event {
                Event::Write { pa, .. } => (pa.raw(), 8),
                Event::WriteRun { pa, new, .. } => (pa.raw(), 8 * trace.get_words(new).len() as u64),
                Event::Data { pa, bytes, .. } => (pa.raw(), bytes.into()),
                _ => continue,
            };
            // A table that is new is led to by an entry of one that is known.
            let frames = (at / FRAME, 0)..=(at.saturating_add(bytes.max(1) - 1) / FRAME, usize::MAX);
            for (_, index) in self.frames.range(frames) {
                self.of[*index].fresh = false;
            }
        }
    }
}

impl<'a> Places<'a> {
    /// Returns the places of a run; `make` makes a cursor of its trace.
    pub fn new(record: &'a Record, trace: &'a Trace, make: &'a dyn Fn() -> Cursor, looks: &'a Looks) -> Self {
        let all: Vec<&Buffer> = record.at(usize::MAX).made_buffers().collect();
        let pieces = all.iter().enumerate().flat_map(|(i, b)| b.pieces.iter().map(move |p| (p, i)));
        let spans = Spans::new(pieces.map(|((start, len), i)| (start.raw(), *len, i)));
        Places { record, trace, make, looks, buffers: (all, spans), seen: RefCell::new(None) }
    }

    /// Returns the process whose tables lead to an address after `step` steps.
    fn page(&self, at: PhysAddr, step: usize) -> Option<usize> {
        let now = self.record.at(step);
        if now.processes().is_empty() {
            return None;
        }
        let mut seen = self.seen.borrow_mut();
        let seen = seen.get_or_insert_with(|| Seen {
            cursor: (self.make)(),
            of: now.processes().iter().map(|_| Tables::default()).collect(),
            frames: BTreeSet::new(),
        });
        seen.go_to(self.trace, step, self.looks);
        for (index, process) in now.processes().iter().enumerate() {
            if seen.of[index].fresh {
                continue;
            }
            let vm = process.vm.and_then(|vm| now.vms().get(vm));
            let place = |at: u64| match vm {
                Some(vm) => vm.place(at),
                None => Some(PhysAddr::new(at)),
            };
            let memory = seen.cursor.seek(self.trace, step);
            let found = leaves(&process.space.format, memory, process.space.root, place, TABLES);
            if !self.looks.draw(found.tables.len() * ENTRIES) {
                return None;
            }
            let page = |run: &Run| place(run.to).map(|at| (at.raw(), run.len, index));
            let pages = Spans::new(found.runs.iter().filter_map(page));
            let frames: Vec<u64> = found.tables.iter().map(|table| table.raw() / FRAME).collect();
            for frame in &seen.of[index].frames {
                seen.frames.remove(&(*frame, index));
            }
            seen.frames.extend(frames.iter().map(|frame| (*frame, index)));
            seen.of[index] = Tables { pages, frames, fresh: true };
        }
        let mut looks = seen.of.len() as u64;
        let found = seen.of.iter().find_map(|tables| tables.pages.at(at.raw(), &mut looks).next());
        self.looks.draw(looks as usize);
        found
    }

    /// The buffer at an address after `step` steps; a freed one only where nothing took its place.
    pub fn buffer(&self, at: PhysAddr, step: usize) -> Option<&'a Buffer> {
        let now = self.record.at(step);
        let (all, spans) = &self.buffers;
        let mut looks = 0;
        let mut found: Vec<usize> = spans.at(at.raw(), &mut looks).filter(|i| now.is_made(all[*i])).collect();
        self.looks.draw(looks as usize);
        found.sort_unstable();
        let last = |alive: bool| found.iter().rev().map(|i| all[*i]).find(|b| !alive || !now.is_freed(b));
        last(true).or(last(false))
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
            .take_while(|h| self.looks.draw(1 + h.pieces.len()))
            .find(|h| h.pieces.iter().any(|(start, len)| at.raw().wrapping_sub(start.raw()) < *len));
        if let Some(handle) = handle {
            return Phrase::same(handle.name.clone());
        }
        let process = self.page(at, step);
        if !self.looks.draw(1) {
            return Phrase::new("memory", "内存");
        }
        if let Some(process) = process {
            let name = now.processes().get(process).map_or("", |p| p.name.as_str());
            return Phrase::new(format!("{name}'s page"), format!("{name} 的页"));
        }
        if let Some(vm) = now.vms().iter().find(|vm| vm.gpa(at).is_some()) {
            return Phrase::new(format!("guest {}'s memory", vm.name), format!("客户机 {} 的内存", vm.name));
        }
        match now.map().find(at).map(|region| region.kind) {
            Some(RegionKind::Ram) | None => Phrase::new("memory without a name", "未命名的内存"),
            Some(RegionKind::Window) => Phrase::new("a window of the host bridge", "主桥的窗口"),
            Some(RegionKind::IommuRegisters) => Phrase::new("the IOMMU's registers", "IOMMU 的寄存器"),
            Some(RegionKind::Interrupts) => Phrase::new("the interrupt range", "中断地址范围"),
            Some(RegionKind::Config) => Phrase::new("configuration space", "配置空间"),
        }
    }
}
