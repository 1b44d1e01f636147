//! Buffers, and the CPU's mappings of them.

use super::{merged, Col, Painter, FEW_PAGES, PAGES, RUNS};
use crate::addr::{Address, PhysAddr, VirtAddr};
use crate::diagram::model::{ArrowKind, ArrowState, Region, RegionKind};
use crate::machine::software::{Buffer, Owner};
use crate::mmu::peek;
use crate::paging::Want;
use crate::spec::Phrase;
use crate::trace::Perms;
use alloc::{format, vec::Vec};

impl Painter<'_> {
    pub(super) fn buffers(&mut self) {
        for (_, buffer) in self.now.buffers() {
            let name = Phrase::same(buffer.name.clone());
            let mut done = 0;
            for (n, (pa, len)) in merged(&buffer.pieces).into_iter().enumerate() {
                let key = format!("pa/{}.{n}", buffer.name);
                let region =
                    Region::new(key, pa.raw(), pa.raw() + (len - 1), RegionKind::Buffer, name.clone());
                self.region(Col::Physical, region);
                if let Some((vm, gpa)) = self.guest_of(buffer, pa) {
                    let key = format!("gpa/{}.{n}", buffer.name);
                    self.region(
                        Col::Guest(vm),
                        Region::new(key, gpa, gpa + (len - 1), RegionKind::Buffer, name.clone()),
                    );
                }
                done += len;
                if done > PAGES << 12 {
                    break;
                }
            }
            let Some(va) = buffer.va else { continue };
            let col = Col::Virtual(buffer.owner);
            let key = format!("va/{}", buffer.name);
            let region =
                Region::new(key, va.raw(), va.raw() + (buffer.size - 1), RegionKind::Buffer, name.clone());
            self.region(col, region);
            // What no device is meant to reach has no address for one.
            if buffer.owner == Owner::Kernel && !buffer.private {
                self.letter(col, va.raw(), 'X');
                if let Some(pa) = buffer.pa(0) {
                    self.letter(Col::Physical, pa.raw(), 'Y');
                }
            }
            self.cpu_arrows(buffer.owner, va, buffer.size, &buffer.name);
        }
        for i in 0..self.now.processes().len() {
            self.process_mappings(i);
        }
    }

    pub(super) fn guest_of(&self, buffer: &Buffer, pa: PhysAddr) -> Option<(usize, u64)> {
        let vm = match buffer.owner {
            Owner::Vm(vm) => vm,
            Owner::Process(p) => self.now.processes().get(p)?.vm?,
            Owner::Kernel => return None,
        };
        Some((vm, self.now.vms().get(vm)?.gpa(pa)?.raw()))
    }

    /// What a process's tables map besides named buffers.
    pub(super) fn process_mappings(&mut self, process: usize) {
        let p = &self.now.processes()[process];
        let vm = p.vm.and_then(|vm| self.now.vms().get(vm));
        let place = |at: u64| match vm {
            Some(vm) => vm.place(at),
            None => Some(PhysAddr::new(at)),
        };
        let (format, root) = (&p.space.format, p.space.root);
        let found = crate::paging::leaves::leaves(format, self.memory, root, place, self.tables());
        self.read += found.tables.len();
        let name = p.name.clone();
        let guest = p.vm;
        for run in found.runs.iter().take(RUNS) {
            let col = Col::Virtual(Owner::Process(process));
            let known = self.spaces.get(&col).and_then(|id| self.model.column(*id)).is_some_and(|c| {
                c.regions.iter().any(|r| r.first <= run.from && run.from + (run.len - 1) <= (r.last | 0xfff))
            });
            let out = if guest.is_some() { Col::Guest(guest.unwrap_or(0)) } else { Col::Physical };
            if !known {
                let key = format!("va:{name}/{:x}", run.from);
                let label = Phrase::new(format!("{name}'s pages"), format!("{name} 的页"));
                self.region(
                    col,
                    Region::new(key, run.from, run.from + (run.len - 1), RegionKind::Buffer, label.clone()),
                );
                // What a guest maps is somewhere in the host's memory, too: page by page while they are few, so that what arrives
                // in one has a box of its own.
                let each = if run.len <= FEW_PAGES { 0x1000 } else { run.len };
                for offset in (0..run.len).step_by(each as usize) {
                    let to = run.to + offset;
                    let Some(pa) = vm.and_then(|vm| vm.place(to)) else { break };
                    let last = pa.raw() + (each.min(run.len - offset) - 1);
                    let key = format!("pa/{name}>{to:x}");
                    let page = Region::new(key, pa.raw(), last, RegionKind::Buffer, label.clone());
                    self.region(Col::Physical, page);
                }
                let key = format!("{name}>{:x}", run.to);
                self.region(out, Region::new(key, run.to, run.to + (run.len - 1), RegionKind::Buffer, label));
            }
            self.arrow(
                format!("mmu:{name}/{:x}", run.from),
                (col, run.from),
                (out, run.to),
                run.len,
                ArrowKind::Mmu,
                ArrowState::Live,
                run.perms,
                Phrase::default(),
            );
        }
    }

    /// Arrows of the kernel's mapping of a range, from its tables, page by page and merged.
    pub(super) fn cpu_arrows(&mut self, owner: Owner, va: VirtAddr, len: u64, name: &str) {
        if owner != Owner::Kernel {
            return; // a process's tables are read as a whole
        }
        let space = self.now.kernel();
        let want = Want::supervisor(Perms::NONE);
        let mut runs: Vec<(u64, u64, u64)> = Vec::new();
        let mut done = 0;
        // Bounded: at most `PAGES`.
        while done < len && done < PAGES << 12 {
            let at = va.wrapping_add(done);
            let step = (4096 - (at.raw() & 0xfff)).min(len - done);
            if let Ok(found) = peek(self.memory, &space, at, want) {
                match runs.last_mut() {
                    Some((from, to, n)) if *from + *n == at.raw() && *to + *n == found.to.raw() => *n += step,
                    _ => runs.push((at.raw(), found.to.raw(), step)),
                }
            }
            done += step;
        }
        for (from, to, n) in runs {
            self.arrow(
                format!("mmu:{name}/{from:x}"),
                (Col::Virtual(owner), from),
                (Col::Physical, to),
                n,
                ArrowKind::Mmu,
                ArrowState::Live,
                Perms::RW,
                Phrase::default(),
            );
        }
    }

    pub(super) fn remaps(&mut self) {
        let now = self.now;
        for remap in now.remaps() {
            let col = Col::Virtual(Owner::Kernel);
            let label = Phrase::same(remap.name.clone());
            let last = remap.va.raw() + (remap.len - 1);
            self.region(
                col,
                Region::new(format!("va/{}", remap.name), remap.va.raw(), last, RegionKind::Mmio, label),
            );
            self.letter(col, remap.va.raw(), 'C');
            self.letter(Col::Physical, remap.pa.raw(), 'B');
            if let Some((bridge, bus)) = now.bridges().to_bus(remap.pa) {
                self.letter(Col::Bus(bridge), bus.raw(), 'A');
                // The part of the window that is this BAR: the arrow of the kernel's picture, B to A.
                self.arrow(
                    format!("window:{}", remap.name),
                    (Col::Physical, remap.pa.raw()),
                    (Col::Bus(bridge), bus.raw()),
                    remap.len,
                    ArrowKind::Window,
                    ArrowState::Live,
                    Perms::RW,
                    Phrase::default(),
                );
            }
            self.cpu_arrows(Owner::Kernel, remap.va, remap.len, &remap.name);
        }
    }
}
