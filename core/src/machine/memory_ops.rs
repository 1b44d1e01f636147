//! Operations on buffers, memory and CPU page tables.

use super::build::{map_problem, too_many};
use super::content::Content;
use super::names::wrong;
use super::run::{OsError, Stop};
use super::software::{parts, Buffer, DomainRef, Named, Owner, Remap};
use super::{limits, problem, Machine};
use crate::addr::{AddrRange, Address, AnyAddr, GuestPhysAddr, PageSize, PhysAddr, Space, VirtAddr};
use crate::memory::{MemError, FRAME};
use crate::os;
use crate::os::pages::{NoPages, Zone, SCATTERED};
use crate::paging::builder::{Builder, MapError, Mapping};
use crate::scenario::ast::{self, AllocKind, Bytes, Privilege, Rights};
use crate::scenario::{Problem, Span};
use crate::spec::{Phrase, Text};
use crate::trace::{write_data, write_word, Actor, Event, Observer, OwnerState, Perms};
use alloc::{format, vec, vec::Vec};

/// How many bytes data has by itself.
pub(super) fn own_len(data: &Bytes) -> Option<u64> {
    match data {
        Bytes::Text(text) => Some(text.value.len() as u64),
        Bytes::Hex(text) => Bytes::from_hex(&text.value).map(|b| b.len() as u64),
        _ => None,
    }
}

/// The rights that a scenario names.
pub(super) fn perms(rights: Option<ast::Rights>) -> Perms {
    match rights.unwrap_or(Rights::ReadWrite) {
        Rights::Read => Perms::R,
        Rights::Write => Perms::W,
        Rights::ReadWrite => Perms::RW,
        Rights::ReadExecute => Perms::R.or(Perms::X),
        Rights::All => Perms::RWX,
    }
}

impl Machine {
    /// Says who owns a buffer from now on.
    pub(super) fn owner_event(&mut self, name: &str, state: OwnerState) {
        let buffer = self.trace.name(name);
        self.trace.step(Actor::Os, Event::Owner { buffer, state });
    }

    /// Maps pages in an address space of the CPU: the kernel's, a process's.
    pub(super) fn map_cpu(&mut self, owner: Owner, mapping: Mapping) -> Result<(), MapError> {
        let vm = match owner {
            Owner::Process(process) => self.sw.processes[process].vm,
            _ => None,
        };
        let Some(space) = self.space(owner) else { return Err(MapError::NotMapped { at: mapping.from }) };
        let (memory, trace) = (&mut self.memory, &mut self.trace);
        match vm {
            None => Builder {
                format: &space.format,
                frames: &mut self.sw.frames,
                place: |at| Some(PhysAddr::new(at)),
                actor: Actor::Os,
            }
            .map(memory, space.root, mapping, trace),
            Some(vm) => {
                let vm = &mut self.sw.vms[vm];
                let mut frames = vm.frames.clone();
                let result = Builder {
                    format: &space.format,
                    frames: &mut frames,
                    place: |at| vm.place(at),
                    actor: Actor::Guest,
                }
                .map(memory, space.root, mapping, trace);
                vm.frames = frames;
                result
            }
        }
    }

    /// Unmaps in an address space of the CPU and invalidates its TLB, unless told not to.
    pub(super) fn unmap_cpu(
        &mut self,
        owner: Owner,
        from: u64,
        len: u64,
        flush: bool,
    ) -> Result<(), MapError> {
        let vm = match owner {
            Owner::Process(process) => self.sw.processes[process].vm,
            _ => None,
        };
        let Some(space) = self.space(owner) else { return Err(MapError::NotMapped { at: from }) };
        let (memory, trace) = (&mut self.memory, &mut self.trace);
        match vm {
            None => Builder {
                format: &space.format,
                frames: &mut self.sw.frames,
                place: |at| Some(PhysAddr::new(at)),
                actor: Actor::Os,
            }
            .unmap(memory, space.root, from, len, trace)?,
            Some(vm) => {
                let vm = &mut self.sw.vms[vm];
                let mut frames = vm.frames.clone();
                Builder {
                    format: &space.format,
                    frames: &mut frames,
                    place: |at| vm.place(at),
                    actor: Actor::Guest,
                }
                .unmap(memory, space.root, from, len, trace)?;
            }
        }
        if flush {
            let vmid = space.guest.map_or(0, |g| g.vmid);
            // Bounded: at most 64 pages.
            for page in (0..len.min(64 << 12)).step_by(4096) {
                let at = VirtAddr::new(from.wrapping_add(page));
                self.hw.mmu.tlb_mut().invalidate_page(vmid, space.asid, at, &mut self.trace);
            }
            if len > 64 << 12 {
                self.hw.mmu.tlb_mut().invalidate_space(vmid, space.asid, &mut self.trace);
            }
        }
        Ok(())
    }

    pub(super) fn op_alloc(&mut self, op: &ast::Alloc) -> Result<(), Stop> {
        let size = op.size.value;
        if size == 0 || size > limits::BUFFER {
            return Err(Problem::new(
                op.size.span,
                format!("a buffer has 1 byte to {}", crate::addr::Bytes(limits::BUFFER)),
                format!("缓冲区大小为 1 字节到 {}", crate::addr::Bytes(limits::BUFFER)),
            )
            .into());
        }
        let owner = self.owner(&op.owner)?;
        let kind = op.kind.map_or(AllocKind::Contiguous, |k| k.value);
        let pages = size.div_ceil(4096);
        let scattered = kind != AllocKind::Contiguous && op.at.is_none();
        let no_room = |e| Stop::from(os::OsError::NoPages(e));
        // Pages, in the space of the owner's kernel.
        let vm = match owner {
            Owner::Vm(vm) => Some(vm),
            Owner::Process(process) => self.sw.processes[process].vm,
            Owner::Kernel => None,
        };
        let page_size = op.page.map_or(PageSize::SIZE_4K, |p| p.value.0);
        let starts: Vec<u64> = match (&op.at, vm) {
            (Some(at), vm) => {
                let space = if vm.is_some() { Space::GuestPhysical } else { Space::Physical };
                let found = self.find(at, space)?;
                if vm.is_none() {
                    let range = AddrRange::new(PhysAddr::new(found.at.raw), size);
                    let taken = range.map(|r| self.sw.pages.take(r, &op.name.value));
                    if !matches!(taken, Some(Ok(()))) {
                        return Err(problem(
                            op.name.span,
                            Phrase::new(
                                format!("{} is not free RAM", found.at),
                                format!("{} 不是空闲的内存", found.at),
                            ),
                        )
                        .into());
                    }
                }
                vec![found.at.raw]
            }
            (None, vm) => {
                let supply = match vm {
                    Some(vm) => &mut self.sw.vms[vm].pages,
                    None => &mut self.sw.pages,
                };
                let zone = Zone {
                    from: if op.high {
                        1 << 32
                    } else if vm.is_some() {
                        0x10_0000
                    } else {
                        0
                    },
                    to: if op.high { u64::MAX } else { u64::from(u32::MAX) },
                };
                let zone = if vm.is_some() { Zone { from: zone.from, to: u64::MAX } } else { zone };
                if scattered {
                    if !self.trace.keep(pages * SCATTERED) {
                        return Err(no_room(NoPages::Full { bytes: size, from: zone.from, to: zone.to }));
                    }
                    let pages = supply.scatter(pages, zone, &op.name.value).map_err(no_room)?;
                    pages.iter().map(|p| p.raw()).collect()
                } else {
                    let align = page_size.bytes().max(size.next_power_of_two().min(2 << 20));
                    vec![supply.alloc(size, align, zone, &op.name.value).map_err(no_room)?.raw()]
                }
            }
        };
        let mut pieces: Vec<(PhysAddr, u64)> = Vec::new();
        let mut left = size;
        for start in &starts {
            let len = if starts.len() == 1 { left } else { left.min(4096) };
            let pa = match vm {
                None => PhysAddr::new(*start),
                Some(vm) => self.sw.vms[vm]
                    .place(*start)
                    .filter(|_| {
                        let ram = self.sw.vms[vm].ram;
                        ram.contains_bytes(GuestPhysAddr::new(*start), len)
                    })
                    .ok_or_else(|| {
                        problem(
                            op.name.span,
                            Phrase::new(
                                format!("{start:#x} is not in this guest's RAM"),
                                format!("{start:#x} 不在这个客户机的内存里"),
                            ),
                        )
                    })?,
            };
            pieces.push((pa, len));
            left -= len;
        }
        if vm.is_none() {
            for (pa, len) in &pieces {
                let ram = self.hw.map.find(*pa).filter(|r| {
                    r.kind == crate::platform::map::RegionKind::Ram && r.range.contains_bytes(*pa, *len)
                });
                if ram.is_none() {
                    return Err(problem(
                        op.name.span,
                        Phrase::new(format!("{pa} is not RAM"), format!("{pa} 不是内存")),
                    )
                    .into());
                }
            }
        }
        // A virtual address: the direct map for the kernel's contiguous memory, a fresh range for all else.
        let va = match owner {
            Owner::Vm(_) => None,
            Owner::Kernel if !scattered => Some(self.sw.kernel_va(PhysAddr::new(starts[0]))),
            _ => {
                let base = match (&op.va, owner) {
                    (Some(va), _) => self.find(va, Space::Virtual)?.at.raw,
                    (None, Owner::Process(process)) => {
                        let process = &mut self.sw.processes[process];
                        let at = process.next_va.next_multiple_of(page_size.bytes());
                        process.next_va = at + size.next_multiple_of(page_size.bytes()) + page_size.bytes();
                        at
                    }
                    (None, _) => self.sw.vmalloc_range(size).raw(),
                };
                let user = matches!(owner, Owner::Process(_));
                let mut from = base;
                for (start, (_, len)) in starts.iter().zip(&pieces) {
                    let mapping = Mapping {
                        from,
                        to: *start & !0xfff,
                        len: len.next_multiple_of(page_size.bytes()),
                        size: page_size,
                        perms: Perms::RW,
                        user,
                    };
                    self.map_cpu(owner, mapping).map_err(|e| map_problem(op.name.span, e))?;
                    from += len.next_multiple_of(4096);
                }
                Some(VirtAddr::new(base + (starts[0] & 0xfff)))
            }
        };
        let index = self.sw.buffers.len();
        let name = op.name.value.clone();
        self.sw.buffers.push(Buffer {
            name: name.clone(),
            size,
            kind,
            owner,
            va,
            pieces,
            freed: false,
            born: self.trace.len(),
            died: usize::MAX,
        });
        self.sw.names.insert(name.clone(), Named::Buffer(index));
        self.owner_event(&name, OwnerState::Cpu);
        Ok(())
    }

    pub(super) fn op_free(&mut self, op: &ast::Free) -> Result<(), Stop> {
        let Named::Buffer(index) = self.named(&op.buffer.value, op.buffer.span)? else {
            return Err(wrong(op.buffer.span, &op.buffer.value, "a buffer", "缓冲区").into());
        };
        let buffer = &mut self.sw.buffers[index];
        if buffer.freed {
            return Err(Stop::Os(OsError::new(
                "double-free",
                Phrase::new(
                    format!("{} was freed before", buffer.name),
                    format!("{} 已经释放过", buffer.name),
                ),
            )));
        }
        buffer.freed = true;
        buffer.died = self.trace.len();
        let (pieces, name) = (buffer.pieces.clone(), buffer.name.clone());
        if buffer.owner == Owner::Kernel {
            for (start, len) in pieces {
                self.sw.pages.free(start, len);
            }
        }
        self.owner_event(&name, OwnerState::Freed);
        Ok(())
    }

    /// The bytes that a scenario writes, `len` of them (as many as they are, if not said).
    pub(super) fn content(&mut self, data: &Bytes, len: Option<u64>, span: Span) -> Result<Content, Problem> {
        let count = |fallback: Option<u64>, most: u64| {
            let len = len.or(fallback).ok_or_else(|| {
                Problem::new(span, "how many bytes? Write `+LENGTH`", "多少字节？请写 `+长度`")
            })?;
            if len > most {
                let most = crate::addr::Bytes(most);
                return Err(problem(
                    span,
                    Phrase::new(format!("at most {most} at once"), format!("一次最多 {most}")),
                ));
            }
            Ok(len)
        };
        let all = limits::BUFFER;
        Ok(match data {
            Bytes::Text(text) => {
                let bytes = text.value.as_bytes().to_vec();
                let n = count(Some(bytes.len() as u64), all)?;
                Content::held(bytes, n)
            }
            Bytes::Hex(text) => {
                let bytes = Bytes::from_hex(&text.value).unwrap_or_default();
                let n = count(Some(bytes.len() as u64), all)?;
                Content::cycle(bytes, n)
            }
            Bytes::Byte(byte) => Content::cycle(vec![byte.value as u8], count(None, all)?),
            Bytes::Zero => Content::held(Vec::new(), count(None, all)?),
            Bytes::Pattern(seed) => Content::pattern(seed.map_or(0, |s| s.value), count(None, all)?),
            Bytes::Of(loc) => {
                let (pa, found) = self.physical(loc)?;
                let n = count(found.rest, limits::COPY)?;
                self.trace.spend(n / 64);
                let mut out = vec![0; n as usize];
                self.peek_named(found.named, found.offset, pa, &mut out);
                Content::held(out, n)
            }
        })
    }

    /// Reads bytes as a debugger would: of a named buffer piece by piece, else from `pa` on.
    pub(super) fn peek_named(&self, named: Option<Named>, offset: u64, pa: PhysAddr, out: &mut [u8]) {
        let pieces = match named {
            Some(Named::Buffer(index)) => Some(&self.sw.buffers[index].pieces),
            Some(Named::Handle(index)) => Some(&self.sw.handles[index].pieces),
            _ => None,
        };
        let Some(pieces) = pieces else { return self.memory.peek_bytes(pa, out) };
        let mut done = 0;
        for (at, len) in parts(pieces, offset, out.len() as u64) {
            let end = done + len as usize;
            self.memory.peek_bytes(at, &mut out[done..end]);
            done = end;
        }
    }

    /// Writes bytes from outside the machine, past every cache.
    fn write_named(
        &mut self,
        named: Option<Named>,
        offset: u64,
        pa: PhysAddr,
        data: &Content,
    ) -> Result<(), MemError> {
        let pieces = match named {
            Some(Named::Buffer(index)) => self.sw.buffers[index].pieces.clone(),
            Some(Named::Handle(index)) => self.sw.handles[index].pieces.clone(),
            _ => vec![(pa, data.len())],
        };
        let skip = if matches!(named, Some(Named::Buffer(_) | Named::Handle(_))) { offset } else { 0 };
        let mut page = [0; FRAME as usize];
        let mut done = 0;
        for (start, len) in parts(&pieces, skip, data.len()) {
            let mut inside = 0;
            // Bounded: `write_data` draws.
            while inside < len {
                let at = start.wrapping_add(inside);
                let n = (FRAME - at.raw() % FRAME).min(len - inside);
                let part = &mut page[..n as usize];
                data.piece(done, part);
                write_data(&mut self.memory, &mut self.trace, Actor::Author, at, part)?;
                (done, inside) = (done + n, inside + n);
            }
        }
        Ok(())
    }

    pub(super) fn op_fill(&mut self, op: &ast::Fill) -> Result<(), Stop> {
        let (pa, found) = self.physical(&op.at)?;
        let whole = match op.data {
            Bytes::Text(_) | Bytes::Hex(_) => None,
            _ => found.rest,
        };
        let data = self.content(&op.data, op.len.map(|l| l.value).or(whole), op.at.span)?;
        self.write_named(found.named, found.offset, pa, &data).map_err(|e| problem(op.at.span, e))?;
        Ok(())
    }

    pub(super) fn op_poke(&mut self, op: &ast::Poke) -> Result<(), Stop> {
        let (pa, _) = self.physical(&op.at)?;
        let size = op.size.map_or(8, |s| s.value).clamp(1, 8);
        let done = if size == 8 && pa.raw() % 8 == 0 {
            write_word(&mut self.memory, &mut self.trace, Actor::Author, None, pa, op.value.value).map(|_| ())
        } else {
            let bytes = op.value.value.to_le_bytes();
            write_data(&mut self.memory, &mut self.trace, Actor::Author, pa, &bytes[..size as usize])
        };
        done.map_err(|e| problem(op.at.span, e))?;
        Ok(())
    }

    pub(super) fn op_map(&mut self, op: &ast::Map) -> Result<(), Stop> {
        let named = self.named(&op.space.value, op.space.span)?;
        let page = op.page.map_or(PageSize::SIZE_4K, |p| p.value.0);
        let perms = perms(op.rights.map(|r| r.value));
        let (space, to_space, user) = match named {
            Named::Process(process) => {
                let guest = self.sw.processes[process].vm.is_some();
                (Space::Virtual, if guest { Space::GuestPhysical } else { Space::Physical }, true)
            }
            Named::Vm(_) => (Space::GuestPhysical, Space::Physical, true),
            Named::Domain(domain) => {
                let guest = matches!(self.sw.domains[domain].kind, DomainRef::Guest { .. });
                (Space::Iova, if guest { Space::GuestPhysical } else { Space::Physical }, true)
            }
            _ => return Err(wrong(op.space.span, &op.space.value, "an address space", "地址空间").into()),
        };
        let user = op.privilege.map_or(user, |p| p.value == Privilege::User);
        let (found, len) = self.range(&op.range, space)?;
        let from = found.at.raw;
        if len > limits::MAPPING || len / page.bytes() > limits::ENTRIES {
            return Err(too_many(op.range.span, len / page.bytes()).into());
        }
        if op.not_present {
            if let Named::Process(process) = named {
                let range = AddrRange::new(VirtAddr::new(from), len)
                    .ok_or_else(|| problem(op.range.span, Text::new("a range", "此处应为范围")))?;
                self.sw.processes[process].promised.push((range, perms));
                return Ok(());
            }
        }
        let targets: Vec<(u64, u64)> = match &op.to {
            Some(to) => {
                let target = self.find(to, to_space)?;
                // Naming a buffer maps its pieces; a number is one run.
                match target.named {
                    Some(Named::Buffer(index)) => self.buffer_runs(index, target.offset, len, to_space),
                    _ if to_space == Space::Physical => vec![(self.physical(to)?.0.raw(), len)],
                    _ => vec![(target.at.raw, len)],
                }
            }
            None => self.fresh_pages(named, len, page, op.scattered).map_err(os::OsError::NoPages)?,
        };
        let mut at = from;
        for (to, len) in targets {
            let mapping = Mapping { from: at, to, len, size: page, perms, user };
            let done = match named {
                Named::Process(process) => self.map_cpu(Owner::Process(process), mapping),
                Named::Vm(vm) => self.map_vm(vm, mapping),
                Named::Domain(domain) => return self.map_domain(domain, mapping, op.range.span),
                _ => Ok(()),
            };
            done.map_err(|e| map_problem(op.range.span, e))?;
            at = at.wrapping_add(len);
        }
        Ok(())
    }

    /// The runs of a buffer's memory behind `len` bytes from `offset` on, whole pages.
    pub(super) fn buffer_runs(&self, buffer: usize, offset: u64, len: u64, space: Space) -> Vec<(u64, u64)> {
        let buffer = &self.sw.buffers[buffer];
        let (mut skip, mut left, mut out) = (offset, len, Vec::new());
        for (start, piece) in &buffer.pieces {
            if skip >= *piece {
                skip -= piece;
                continue;
            }
            let start = start.wrapping_add(skip);
            let n = (piece - skip).next_multiple_of(4096).min(left);
            let raw = match space {
                Space::GuestPhysical => {
                    self.guest_address(buffer.owner, start).map_or(start.raw(), |g| g.raw())
                }
                _ => start.raw(),
            };
            out.push((raw, n));
            left -= n;
            skip = 0;
            if left == 0 {
                break;
            }
        }
        if left > 0 {
            if let Some(last) = out.last_mut() {
                last.1 += left;
            }
        }
        out
    }

    fn fresh_pages(
        &mut self,
        named: Named,
        len: u64,
        page: PageSize,
        scattered: bool,
    ) -> Result<Vec<(u64, u64)>, NoPages> {
        let vm = match named {
            Named::Process(process) => self.sw.processes[process].vm,
            Named::Domain(domain) => match self.sw.domains[domain].kind {
                DomainRef::Guest { vm, .. } => Some(vm),
                DomainRef::Host(_) => None,
            },
            _ => None,
        };
        let supply = match vm {
            Some(vm) => &mut self.sw.vms[vm].pages,
            None => &mut self.sw.pages,
        };
        if scattered && page == PageSize::SIZE_4K {
            if !self.trace.keep(len.div_ceil(4096) * SCATTERED) {
                return Err(NoPages::Full { bytes: len, from: 0, to: u64::MAX });
            }
            let pages = supply.scatter(len.div_ceil(4096), Zone::ANY, "pages")?;
            return Ok(pages.iter().map(|p| (p.raw(), 4096)).collect());
        }
        Ok(vec![(supply.alloc(len, page.bytes(), Zone::ANY, "pages")?.raw(), len)])
    }

    fn map_vm(&mut self, vm: usize, mapping: Mapping) -> Result<(), MapError> {
        let (format, root) = (self.sw.vms[vm].format, self.sw.vms[vm].root.raw());
        Builder {
            format: &format,
            frames: &mut self.sw.frames,
            place: |at| Some(PhysAddr::new(at)),
            actor: Actor::Os,
        }
        .map(&mut self.memory, root, mapping, &mut self.trace)?;
        if let Some(domain) = self.sw.vms[vm].domain {
            self.with_unit(|unit, ctx| crate::iommu::Driver::map(unit, ctx, domain, mapping)).map_err(
                |e| match e {
                    crate::iommu::DriverError::Map(e) => e,
                    _ => MapError::NoFrames,
                },
            )?;
        }
        Ok(())
    }

    pub(super) fn op_unmap(&mut self, op: &ast::Unmap) -> Result<(), Stop> {
        let named = self.named(&op.space.value, op.space.span)?;
        match named {
            Named::Process(process) => {
                let (found, len) = self.range(&op.range, Space::Virtual)?;
                self.unmap_cpu(Owner::Process(process), found.at.raw, len, !op.no_invalidate)
                    .map_err(|e| map_problem(op.range.span, e))?;
                if !op.no_invalidate {
                    self.forget_process_pages(process, found.at.raw, len)?;
                }
                Ok(())
            }
            Named::Vm(vm) => {
                let (found, len) = self.range(&op.range, Space::GuestPhysical)?;
                let (format, root) = (self.sw.vms[vm].format, self.sw.vms[vm].root.raw());
                Builder {
                    format: &format,
                    frames: &mut self.sw.frames,
                    place: |at| Some(PhysAddr::new(at)),
                    actor: Actor::Os,
                }
                .unmap(&mut self.memory, root, found.at.raw, len, &mut self.trace)
                .map_err(|e| map_problem(op.range.span, e))?;
                if let Some(domain) = self.sw.vms[vm].domain {
                    self.unmap_iommu(domain, found.at.raw, len, op.no_invalidate, op.range.span)?;
                }
                self.hw.mmu.tlb_mut().invalidate_guest(vm as u16 + 1, &mut self.trace);
                Ok(())
            }
            Named::Domain(domain) => {
                let (found, len) = self.range(&op.range, Space::Iova)?;
                self.unmap_domain(domain, found.at.raw, len, op.no_invalidate, op.range.span)
            }
            _ => Err(wrong(op.space.span, &op.space.value, "an address space", "地址空间").into()),
        }
    }

    pub(super) fn op_ioremap(&mut self, op: &ast::Ioremap) -> Result<(), Stop> {
        let (pa, found) = self.physical(&op.at)?;
        let len =
            self.length(op.len.map(|l| l.value), &found, Some(found.rest.unwrap_or(4096)), op.at.span)?;
        let base = self.sw.vmalloc_range(len);
        let mapping = Mapping {
            from: base.raw(),
            to: pa.raw() & !0xfff,
            len: (len + (pa.raw() & 0xfff)).next_multiple_of(4096),
            size: PageSize::SIZE_4K,
            perms: Perms::RW,
            user: false,
        };
        self.map_cpu(Owner::Kernel, mapping).map_err(|e| map_problem(op.at.span, e))?;
        let va = VirtAddr::new(base.raw() + (pa.raw() & 0xfff));
        let index = self.sw.remaps.len();
        self.sw.remaps.push(Remap { born: self.trace.len(), name: op.name.value.clone(), va, pa, len });
        self.sw.names.insert(op.name.value.clone(), Named::Remap(index));
        Ok(())
    }

    /// A page fault of a process on a page that was promised: the kernel brings it in. `true` when it did.
    pub(super) fn page_in(&mut self, process: usize, at: VirtAddr, want: Perms) -> bool {
        let page = at.page(PageSize::SIZE_4K);
        let promised =
            self.sw.processes[process].promised.iter().find(|(r, p)| r.contains(page) && p.has(want));
        let Some(perms) = promised.map(|p| p.1) else { return false };
        let Ok(pages) = self.fresh_pages(Named::Process(process), 4096, PageSize::SIZE_4K, true) else {
            return false;
        };
        let mapping = Mapping {
            from: page.raw(),
            to: pages[0].0,
            len: 4096,
            size: PageSize::SIZE_4K,
            perms,
            user: true,
        };
        self.map_cpu(Owner::Process(process), mapping).is_ok()
    }

    /// Where a byte is that an owner names, by its tables as they are now.
    pub(super) fn seen_by(&mut self, owner: Owner, at: AnyAddr) -> Option<PhysAddr> {
        match (owner, at.space) {
            (Owner::Vm(vm), Space::GuestPhysical) => self.sw.vms[vm].place(at.raw),
            (_, Space::Virtual) => {
                let space = self.space(owner)?;
                // A process looks at its own pages, the kernel at its own.
                let want = crate::paging::Want { perms: Perms::NONE, privileged: owner == Owner::Kernel };
                crate::mmu::peek(&mut self.memory, &space, VirtAddr::new(at.raw), want).ok().map(|t| t.to)
            }
            (_, Space::Physical) => Some(PhysAddr::new(at.raw)),
            _ => None,
        }
    }
}
