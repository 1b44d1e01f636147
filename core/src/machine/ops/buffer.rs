//! Buffers: their pages taken, mapped for their owner, given back.

use crate::addr::{AddrRange, Address, PageSize, PhysAddr, Space, VirtAddr};
use crate::machine::build::map_problem;
use crate::machine::resolve::wrong;
use crate::machine::run::{OsError, Stop};
use crate::machine::software::{Buffer, Named, Owner};
use crate::machine::{limits, problem, Machine};
use crate::os;
use crate::os::pages::{NoPages, Zone, SCATTERED};
use crate::paging::builder::Mapping;
use crate::platform::map::RegionKind;
use crate::scenario::ast::{self, AllocKind};
use crate::scenario::{Problem, Span};
use crate::spec::Phrase;
use crate::trace::{Actor, Event, Observer, OwnerState, Perms};
use alloc::{format, vec, vec::Vec};

/// The pages that a buffer is made of.
fn page_size(op: &ast::Alloc) -> PageSize {
    op.page.map_or(PageSize::SIZE_4K, |p| p.value.0)
}

impl Machine {
    /// Says who owns a buffer from now on.
    pub(in crate::machine) fn owner_event(&mut self, name: &str, state: OwnerState) {
        let buffer = self.trace.name(name);
        self.trace.step(Actor::Os, Event::Owner { buffer, state });
    }

    pub(in crate::machine) fn op_alloc(&mut self, op: &ast::Alloc) -> Result<(), Stop> {
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
        let scattered = kind != AllocKind::Contiguous && op.at.is_none();
        // Pages come from the owner's kernel, in its space.
        let vm = match owner {
            Owner::Vm(vm) => Some(vm),
            Owner::Process(process) => self.sw.processes[process].vm,
            Owner::Kernel => None,
        };
        let starts = self.pages_for(op, vm, scattered)?;
        let pieces = self.pieces_at(&starts, size, vm, op.name.span)?;
        let va = self.address_for(op, owner, scattered, &starts, &pieces)?;
        let name = op.name.value.clone();
        self.sw.name(self.trace.len(), &name, Named::Buffer(self.sw.buffers.len()));
        self.sw.buffers.push(Buffer {
            name: name.clone(),
            size,
            kind,
            owner,
            private: op.private,
            va,
            pieces,
            freed: false,
            born: self.trace.len(),
            died: usize::MAX,
        });
        self.owner_event(&name, OwnerState::Cpu);
        Ok(())
    }

    /// Takes pages for a buffer and returns where each run of them begins, in the space of the owner's kernel.
    fn pages_for(&mut self, op: &ast::Alloc, vm: Option<usize>, scattered: bool) -> Result<Vec<u64>, Stop> {
        let (size, name) = (op.size.value, &op.name.value);
        if let Some(at) = &op.at {
            let space = if vm.is_some() { Space::GuestPhysical } else { Space::Physical };
            let found = self.find(at, space)?;
            if vm.is_none() {
                let range = AddrRange::new(PhysAddr::new(found.at.raw), size);
                let taken = range.map(|r| self.sw.pages.take(r, name));
                if !matches!(taken, Some(Ok(()))) {
                    let what = Phrase::new(
                        format!("{} is not free RAM", found.at),
                        format!("{} 不是空闲的内存", found.at),
                    );
                    return Err(problem(op.name.span, what).into());
                }
            }
            return Ok(vec![found.at.raw]);
        }
        let (supply, zone) = match vm {
            Some(vm) => {
                let from = if op.high { 1 << 32 } else { 0x10_0000 };
                (&mut self.sw.vms[vm].pages, Zone { from, to: u64::MAX })
            }
            None if op.high => (&mut self.sw.pages, Zone { from: 1 << 32, to: u64::MAX }),
            None => (&mut self.sw.pages, Zone { from: 0, to: u64::from(u32::MAX) }),
        };
        let no_room = |e| Stop::from(os::OsError::NoPages(e));
        if scattered {
            if !self.trace.keep(size.div_ceil(4096) * SCATTERED) {
                return Err(no_room(NoPages::Full { bytes: size, from: zone.from, to: zone.to }));
            }
            let pages = supply.scatter(size.div_ceil(4096), zone, name).map_err(no_room)?;
            return Ok(pages.iter().map(|p| p.raw()).collect());
        }
        let align = page_size(op).bytes().max(size.next_power_of_two().min(2 << 20));
        Ok(vec![supply.alloc(size, align, zone, name).map_err(no_room)?.raw()])
    }

    /// Returns the pieces in physical memory of a buffer that begins at `starts`, or why they are not in RAM.
    fn pieces_at(
        &self,
        starts: &[u64],
        size: u64,
        vm: Option<usize>,
        span: Span,
    ) -> Result<Vec<(PhysAddr, u64)>, Problem> {
        let mut pieces = Vec::new();
        let mut left = size;
        for start in starts {
            let len = if starts.len() == 1 { left } else { left.min(4096) };
            let pa = match vm.map(|vm| &self.sw.vms[vm]) {
                None => PhysAddr::new(*start),
                Some(vm) => vm.place_all(*start, len).ok_or_else(|| {
                    let en = format!("{start:#x} is not in this guest's RAM");
                    problem(span, Phrase::new(en, format!("{start:#x} 不在这个客户机的内存里")))
                })?,
            };
            pieces.push((pa, len));
            left -= len;
        }
        if vm.is_none() {
            for (pa, len) in &pieces {
                let region = self.hw.map.find(*pa);
                if !region.is_some_and(|r| r.kind == RegionKind::Ram && r.range.contains_bytes(*pa, *len)) {
                    return Err(problem(
                        span,
                        Phrase::new(format!("{pa} is not RAM"), format!("{pa} 不是内存")),
                    ));
                }
            }
        }
        Ok(pieces)
    }

    /// Returns the virtual address of a new buffer: the direct map's for the kernel's contiguous memory, a fresh range,
    /// which this maps, for all else, and none for a guest's kernel.
    fn address_for(
        &mut self,
        op: &ast::Alloc,
        owner: Owner,
        scattered: bool,
        starts: &[u64],
        pieces: &[(PhysAddr, u64)],
    ) -> Result<Option<VirtAddr>, Stop> {
        match owner {
            Owner::Vm(_) => return Ok(None),
            Owner::Kernel if !scattered => return Ok(Some(self.sw.kernel_va(PhysAddr::new(starts[0])))),
            _ => {}
        }
        let (size, page) = (op.size.value, page_size(op));
        let base = match (&op.va, owner) {
            (Some(va), _) => self.find(va, Space::Virtual)?.at.raw,
            (None, Owner::Process(process)) => {
                let process = &mut self.sw.processes[process];
                let at = process.next_va.next_multiple_of(page.bytes());
                process.next_va = at + size.next_multiple_of(page.bytes()) + page.bytes();
                at
            }
            (None, _) => self.sw.vmalloc_range(size).raw(),
        };
        let user = matches!(owner, Owner::Process(_));
        let mut from = base;
        for (start, (_, len)) in starts.iter().zip(pieces) {
            let mapping = Mapping {
                from,
                to: *start & !0xfff,
                len: len.next_multiple_of(page.bytes()),
                size: page,
                perms: Perms::RW,
                user,
            };
            self.map_cpu(owner, mapping).map_err(|e| map_problem(op.name.span, e))?;
            from += len.next_multiple_of(4096);
        }
        Ok(Some(VirtAddr::new(base + (starts[0] & 0xfff))))
    }

    pub(in crate::machine) fn op_free(&mut self, op: &ast::Free) -> Result<(), Stop> {
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

    /// The runs of a buffer's memory behind `len` bytes from `offset` on, whole pages.
    pub(in crate::machine) fn buffer_runs(
        &self,
        buffer: usize,
        offset: u64,
        len: u64,
        space: Space,
    ) -> Vec<(u64, u64)> {
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
}
