//! What software sets up before the first step: the kernel's direct map, guests, processes.

use super::super::software::{Named, Process, Vm};
use super::super::{limits, problem, Machine};
use super::{bad_range, map_problem, too_many};
use crate::addr::{AddrRange, GuestPhysAddr, PageSize, Pasid, PhysAddr};
use crate::mmu::arch::layout;
use crate::mmu::AddressSpace;
use crate::os::pages::{Pages, Zone};
use crate::paging::any::GuestTables;
use crate::paging::builder::{Builder, MapError, Mapping};
use crate::paging::FrameAlloc;
use crate::platform::map::RegionKind;
use crate::scenario::ast;
use crate::scenario::outline::At;
use crate::scenario::{Problem, Span};
use crate::spec::spaced;
use crate::trace::{Actor, Observer, Perms, Scope, Verdict};
use alloc::{format, vec::Vec};

impl Machine {
    /// Opens a part of setting up, named in both languages.
    pub(in crate::machine) fn set_up(&mut self, en: &str, zh: &str) {
        let (en, zh) = (self.trace.name(en), self.trace.name(zh));
        self.trace.begin(Actor::Os, Scope::Setup { en, zh });
    }
    /// The kernel maps all RAM for itself, in the largest pages.
    pub(super) fn boot(&mut self, rams: &[AddrRange<PhysAddr>], span: Span) -> Result<(), Problem> {
        self.set_up(
            "the kernel maps all RAM for itself (the direct map)",
            "内核为自己映射全部内存（直接映射区）",
        );
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

    pub(super) fn add_vm(&mut self, vm: &At<'_, ast::Vm>) -> Result<(), Problem> {
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
        let (tables, name) = (self.hw.cpu.guest_stage().name, &vm.name.value);
        let zh = format!("建立 {name} 的 {}：它的内存从 {at} 开始", tables.zh);
        self.set_up(&format!("{} of {name}: its RAM at {at}", tables.en), &spaced(&zh));
        let format = self.hw.cpu.guest_tables();
        let count = format.root_frames();
        let root = self.sw.frames.frames(count, count);
        let root = root.ok_or_else(|| map_problem(vm.span, MapError::NoFrames))?;
        self.map_ram(&format, root, (ram, at), page, vm.span)?;
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
            more: Vec::new(),
            page,
            format,
            root,
            frames,
            pages: Pages::new(&low.into_iter().collect::<Vec<_>>()),
            domain: None,
            posted: None,
        });
        self.sw.name(0, &vm.name.value, Named::Vm(index));
        Ok(())
    }

    /// `guest-ram`: another range of a guest's RAM, where the host has room, mapped by the hypervisor's tables.
    pub(super) fn add_guest_ram(&mut self, more: &At<'_, ast::GuestRam>) -> Result<(), Problem> {
        let Some(Named::Vm(index)) = self.sw.names.get(&more.vm.value).copied() else {
            return Err(Problem::new(
                more.vm.span,
                format!("there is no virtual machine `{}`", more.vm.value),
                format!("没有名为 `{}` 的虚拟机", more.vm.value),
            ));
        };
        let ram = more.range.addresses().ok_or_else(|| bad_range(more.range.span))?;
        let vm = &self.sw.vms[index];
        let (page, format, root) = (vm.page, vm.format, vm.root);
        if let Some((old, _)) = vm.rams().find(|(old, _)| old.overlaps(&ram)) {
            return Err(Problem::new(
                more.range.span,
                format!("{ram} overlaps the guest's RAM {old}"),
                format!("{ram} 与客户机已有的内存 {old} 重叠"),
            ));
        }
        if ram.len() / page.bytes() > limits::ENTRIES {
            return Err(too_many(more.span, ram.len() / page.bytes()));
        }
        if (ram.start.raw() | ram.len()) & page.mask() != 0 {
            let value = ram.start.raw() | ram.len();
            return Err(map_problem(more.span, MapError::Misaligned { value, size: page }));
        }
        let align = page.bytes().max(2 << 20);
        let at = self.sw.pages.alloc(ram.len(), align, Zone::ANY, &more.vm.value);
        let at = at.map_err(|e| problem(more.span, e))?;
        let zh = format!("{} 的另一段内存：{ram} 实际在 {at}", more.vm.value);
        self.set_up(&format!("more RAM of {}: {ram} at {at}", more.vm.value), &spaced(&zh));
        self.map_ram(&format, root, (ram, at), page, more.span)?;
        self.trace.end(Actor::Os, Verdict::Ok);
        self.sw.vms[index].more.push((ram, at));
        Ok(())
    }

    /// Maps RAM of a guest, as it believes, to where it is.
    fn map_ram(
        &mut self,
        format: &GuestTables,
        root: PhysAddr,
        (ram, at): (AddrRange<GuestPhysAddr>, PhysAddr),
        size: PageSize,
        span: Span,
    ) -> Result<(), Problem> {
        let (from, to, len) = (ram.start.raw(), at.raw(), ram.len());
        let mapping = Mapping { from, to, len, size, perms: Perms::RWX, user: true };
        Builder {
            format,
            frames: &mut self.sw.frames,
            place: |at| Some(PhysAddr::new(at)),
            actor: Actor::Os,
        }
        .map(&mut self.memory, root.raw(), mapping, &mut self.trace)
        .map_err(|e| map_problem(span, e))?;
        Ok(())
    }

    pub(super) fn add_process(&mut self, process: &At<'_, ast::Process>) -> Result<(), Problem> {
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
        self.sw.name(0, &process.name.value, Named::Process(index));
        Ok(())
    }
}

/// A range cut into the largest pages that fit: the ends in small ones.
fn pieces(start: u64, len: u64) -> Vec<(u64, u64, PageSize)> {
    let end = start.saturating_add(len) & !0xfff;
    let mut out: Vec<(u64, u64, PageSize)> = Vec::new();
    let mut at = start.next_multiple_of(4096);
    // Bounded: at most five sizes in turn: small, large, huge, large, small.
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
