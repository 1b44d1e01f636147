//! What software has set up: address spaces, buffers, domains, names.

use crate::addr::{AddrRange, BusAddr, GuestPhysAddr, Iova, Pasid, PhysAddr, VirtAddr};
use crate::iommu::{DomainId, DomainKind, ProcessTables};
use crate::mmu::arch::layout;
use crate::mmu::{AddressSpace, Guest};
use crate::os::cache::CpuCache;
use crate::os::dma::{Direction, DmaApi, SgList};
use crate::os::pages::Pages;
use crate::os::sva::Sva;
use crate::paging::any::{CpuTables, GuestTables};
use crate::paging::FrameAlloc;
use crate::platform::interrupts::Message;
use crate::scenario::ast::AllocKind;
use alloc::{collections::BTreeMap, string::String, vec::Vec};

/// Whose address space a buffer or an access is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Owner {
    /// The host's kernel.
    Kernel,
    /// A process, by index.
    Process(usize),
    /// A virtual machine's kernel, by index.
    Vm(usize),
}

/// A process, of the host or of a guest.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its name.
    pub name: String,
    /// Its page tables.
    pub space: AddressSpace,
    /// The virtual machine it runs in.
    pub vm: Option<usize>,
    /// Its PASID.
    pub pasid: Pasid,
    /// Where the next mapping goes that has no address of its own.
    pub next_va: u64,
    /// Ranges promised but not there yet, with the rights they will have: touching one is a page fault that
    /// the kernel answers with a page.
    pub promised: Vec<(AddrRange<VirtAddr>, crate::trace::Perms)>,
}

/// A virtual machine.
#[derive(Clone, Debug)]
pub struct Vm {
    /// Its name.
    pub name: String,
    /// Its RAM, at guest-physical addresses.
    pub ram: AddrRange<GuestPhysAddr>,
    /// Where that RAM is.
    pub at: PhysAddr,
    /// Further ranges of it, each with its place.
    pub more: Vec<(AddrRange<GuestPhysAddr>, PhysAddr)>,
    /// The pages that map it.
    pub page: crate::addr::PageSize,
    /// The format of the hypervisor's tables for it.
    pub format: GuestTables,
    /// Their root table.
    pub root: PhysAddr,
    /// Frames for the guest's own page tables, at guest-physical addresses.
    pub frames: FrameAlloc,
    /// Pages for the guest's buffers, at guest-physical addresses.
    pub pages: Pages,
    /// The IOMMU domain with its memory map, once a device was attached.
    pub domain: Option<DomainId>,
    /// Where its interrupts are posted: a posted-interrupt descriptor, or a memory-resident interrupt file.
    pub posted: Option<PhysAddr>,
}

impl Vm {
    /// Each range of its RAM, and where it is.
    pub fn rams(&self) -> impl Iterator<Item = (AddrRange<GuestPhysAddr>, PhysAddr)> + '_ {
        core::iter::once((self.ram, self.at)).chain(self.more.iter().copied())
    }
    /// Where a guest-physical address of its RAM is.
    pub fn place(&self, at: u64) -> Option<PhysAddr> {
        self.place_all(at, 1)
    }
    /// Where `len` bytes of its RAM are, in one piece.
    pub fn place_all(&self, at: u64, len: u64) -> Option<PhysAddr> {
        let at = GuestPhysAddr::new(at);
        let (ram, place) = self.rams().find(|(ram, _)| ram.contains_bytes(at, len))?;
        Some(PhysAddr::new(place.raw() + ram.offset_of(at)?))
    }
    /// The guest-physical address of a physical one of its RAM.
    pub fn gpa(&self, at: PhysAddr) -> Option<GuestPhysAddr> {
        self.rams().find_map(|(ram, place)| {
            let offset = at.raw().checked_sub(place.raw()).filter(|o| *o < ram.len())?;
            Some(GuestPhysAddr::new(ram.start.raw() + offset))
        })
    }
    /// The guest as the MMU sees it.
    pub fn guest(&self, index: usize) -> Guest {
        Guest { format: self.format, root: self.root, vmid: index as u16 + 1 }
    }
}

/// A domain that the scenario named.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Steps of the trace when it was made.
    pub(in crate::machine) born: usize,
    /// Its name.
    pub name: String,
    /// What it is to the IOMMU.
    pub kind: DomainRef,
}

/// What a named domain is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DomainRef {
    /// A domain of the host.
    Host(DomainId),
    /// Stage 1 tables of a guest's kernel: their root is guest-physical.
    Guest {
        /// Which guest.
        vm: usize,
        /// The tables.
        tables: ProcessTables,
    },
}

/// A buffer.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Steps of the trace when it was made.
    pub(in crate::machine) born: usize,
    /// Its name.
    pub name: String,
    /// How many bytes.
    pub size: u64,
    /// Where its memory comes from.
    pub kind: AllocKind,
    /// Whose it is.
    pub owner: Owner,
    /// No device is meant to reach it.
    pub private: bool,
    /// Its virtual address in the owner; none for a guest's kernel, which uses guest-physical ones here.
    pub va: Option<VirtAddr>,
    /// Its pieces in physical memory, in order: the first may begin inside a page.
    pub pieces: Vec<(PhysAddr, u64)>,
    /// Its memory was given back.
    pub freed: bool,
    /// Steps of the trace when that was.
    pub(in crate::machine) died: usize,
}

/// What lies behind up to `len` bytes of pieces from byte `offset` on: each part's address and length, in order.
pub fn parts(
    pieces: &[(PhysAddr, u64)],
    offset: u64,
    len: u64,
) -> impl Iterator<Item = (PhysAddr, u64)> + '_ {
    let (mut skip, mut left) = (offset, len);
    pieces.iter().filter_map(move |(start, piece)| {
        if skip >= *piece {
            skip -= piece;
            return None;
        }
        let part = (PhysAddr::new(start.raw() + skip), (piece - skip).min(left));
        skip = 0;
        left -= part.1;
        (part.1 > 0).then_some(part)
    })
}

impl Buffer {
    /// The physical address of a byte of it.
    pub fn pa(&self, offset: u64) -> Option<PhysAddr> {
        let mut left = offset;
        for (start, len) in &self.pieces {
            if left < *len {
                return Some(PhysAddr::new(start.raw() + left));
            }
            left -= len;
        }
        // One past the end is a name too: of nothing, but comparable.
        (left == 0).then(|| self.pieces.last().map(|(s, l)| PhysAddr::new(s.raw() + l))).flatten()
    }
}

/// What a `dma_map_` or `dma_alloc_` call gave.
#[derive(Clone, Debug)]
pub struct Handle {
    /// Steps of the trace when it was made.
    pub(in crate::machine) born: usize,
    /// Its name.
    pub name: String,
    /// For which device.
    pub device: usize,
    /// The DMA segments: what the device is told.
    pub segments: Vec<(BusAddr, u64)>,
    /// The bytes behind them, in order.
    pub pieces: Vec<(PhysAddr, u64)>,
    /// The buffer it was made from, and where in it; none for a coherent allocation, which is one itself.
    pub buffer: Option<(usize, u64)>,
    /// Which way.
    pub direction: Direction,
    /// It is mapped still.
    pub live: bool,
    /// Steps of the trace when it was unmapped.
    pub(in crate::machine) died: usize,
    /// From `dma_alloc_coherent`.
    pub coherent: bool,
    /// The list, from `dma_map_sg`.
    pub list: Option<SgList>,
}

impl Handle {
    /// The DMA address of a byte of it.
    pub fn dma(&self, offset: u64) -> Option<BusAddr> {
        let mut left = offset;
        for (start, len) in &self.segments {
            if left < *len {
                return Some(BusAddr::new(start.raw().wrapping_add(left)));
            }
            left -= len;
        }
        (left == 0)
            .then(|| self.segments.last().map(|(s, l)| BusAddr::new(s.raw().wrapping_add(*l))))
            .flatten()
    }
    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        self.segments.iter().map(|s| s.1).sum()
    }
    /// Is there nothing in it?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A virtual address range that `ioremap` made.
#[derive(Clone, Debug)]
pub struct Remap {
    /// Steps of the trace when it was made.
    pub(in crate::machine) born: usize,
    /// Its name.
    pub name: String,
    /// Where the kernel sees it.
    pub va: VirtAddr,
    /// What it maps.
    pub pa: PhysAddr,
    /// How many bytes.
    pub len: u64,
}

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// A device.
    Device(usize),
    /// A process.
    Process(usize),
    /// A virtual machine.
    Vm(usize),
    /// A domain.
    Domain(usize),
    /// A buffer.
    Buffer(usize),
    /// A DMA handle.
    Handle(usize),
    /// An `ioremap`ped range.
    Remap(usize),
}

/// A device was attached to a host domain, or to none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attached {
    /// Steps of the trace when it was.
    pub at: usize,
    /// The device.
    pub device: usize,
    /// The domain that its requests without PASID meet.
    pub domain: Option<DomainId>,
    /// The named domain of a guest whose tables are stage 1 above it.
    pub stage1: Option<usize>,
}

/// A PASID was bound to a process, or to none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound {
    /// Steps of the trace when it was.
    pub at: usize,
    /// The device.
    pub device: usize,
    /// The PASID.
    pub pasid: Pasid,
    /// The process.
    pub process: Option<usize>,
}

/// A thing was given a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Naming {
    /// Steps of the trace when it was.
    pub at: usize,
    /// The name.
    pub name: String,
    /// What it stands for from then on.
    pub named: Named,
}

/// The DMA API and what belongs to it.
#[derive(Clone, Debug)]
pub struct DmaState {
    /// The API.
    pub api: DmaApi,
    /// Which PASIDs are bound to which processes' tables.
    pub sva: Sva,
    /// The stage that the kernel's own domains use.
    pub kind: DomainKind,
    /// Ranges that `unmap` took out of a named domain and lazy mode has not invalidated yet.
    pub pending: Vec<(DomainId, AddrRange<Iova>)>,
    /// How many of them wait before one invalidation.
    pub flush_after: u64,
}

/// All software.
#[derive(Clone, Debug)]
pub struct Software {
    /// The kernel's page tables.
    pub kernel: AddressSpace,
    /// Frames for the host's tables and the IOMMU's structures.
    pub frames: FrameAlloc,
    /// Pages for buffers.
    pub pages: Pages,
    /// Processes.
    pub processes: Vec<Process>,
    /// Virtual machines.
    pub vms: Vec<Vm>,
    /// Domains that the scenario named.
    pub domains: Vec<Domain>,
    /// Buffers.
    pub buffers: Vec<Buffer>,
    /// DMA handles.
    pub handles: Vec<Handle>,
    /// `ioremap`ped ranges.
    pub remaps: Vec<Remap>,
    /// Devices with a reserved region.
    pub reserved: Vec<usize>,
    /// IOVAs that no device may be given.
    pub reserved_iovas: Vec<AddrRange<Iova>>,
    /// Where in the trace the author's ideas begin.
    pub(in crate::machine) ideas: Vec<usize>,
    /// What each name stands for.
    pub names: BTreeMap<String, Named>,
    /// For each device, the host domain its requests without PASID meet.
    pub attached: Vec<Option<DomainId>>,
    /// For each device, what it was attached to last, as the scenario says it; none: the default domain.
    pub attached_to: Vec<Option<String>>,
    /// Bindings of PASIDs: device, PASID, process.
    pub bound: Vec<(usize, Pasid, usize)>,
    /// Who was attached to what, in order.
    pub(in crate::machine) attachments: Vec<Attached>,
    /// What PASIDs were bound to, in order.
    pub(in crate::machine) bindings: Vec<Bound>,
    /// What was named, in order.
    pub(in crate::machine) namings: Vec<Naming>,
    /// Page requests taken so far.
    pub page_requests: u64,
    /// Messages of interrupts that were set up where no table remaps them, by their numbers.
    pub messages: BTreeMap<u16, Message>,
    /// Where the next `vmalloc` or `ioremap` range goes.
    pub next_vmalloc: u64,
    /// The CPU's data cache, as devices that do not snoop see it.
    pub cache: CpuCache,
    /// The DMA API and what the machine keeps with it.
    pub dma: DmaState,
}

impl Software {
    /// Returns how many runs the page allocators have passed since this was last asked.
    pub fn take_looked(&mut self) -> u64 {
        let guests: u64 = self.vms.iter_mut().map(|vm| vm.pages.take_looked()).sum();
        self.pages.take_looked() + guests
    }
    /// The kernel's address of a physical one, by the direct map.
    pub fn kernel_va(&self, at: PhysAddr) -> VirtAddr {
        VirtAddr::new(layout(&self.kernel.format).direct_map.wrapping_add(at.raw()))
    }
    /// Gives a name after `at` steps of the trace.
    pub(in crate::machine) fn name(&mut self, at: usize, name: &str, named: Named) {
        self.names.insert(name.into(), named);
        self.namings.push(Naming { at, name: name.into(), named });
    }
    /// A guest's own tables for a device, as a CPU's address space: they are walked the same way.
    pub fn guest_space(&self, vm: usize, root: u64) -> AddressSpace {
        AddressSpace { format: self.format(), root, asid: 0, guest: Some(self.vms[vm].guest(vm)) }
    }
    /// The kernel's tables' format.
    pub fn format(&self) -> CpuTables {
        self.kernel.format
    }
    /// A free range of kernel virtual addresses for `len` bytes, with a guard page behind it.
    pub fn vmalloc_range(&mut self, len: u64) -> VirtAddr {
        let at = self.next_vmalloc;
        self.next_vmalloc = at.wrapping_add(len.next_multiple_of(4096)).wrapping_add(4096);
        VirtAddr::new(at)
    }
}
