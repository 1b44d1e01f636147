//! The TLB: translations by page, tagged with PCID and VPID (SDM 3A 4.10, 3C 28.4) or ASID and VMID (RISC-V
//! Privileged 12.2.1, 18.3.2).
//!
//! One cache for all page sizes; in a guest an entry holds the combined translation. How many entries, and which
//! one goes, is left to the implementation: see [`crate::iommu::cache`].

use crate::addr::{Address, PageSize, PhysAddr, VirtAddr};
use crate::iommu::cache::{mix, Cache, Key};
use crate::paging::any::CpuTables;
use crate::paging::x86::{Manual, X86};
use crate::paging::{Entry as Decoded, Format, Want};
use crate::spec::Text;
use crate::trace::{Actor, CacheKind, CacheLine, CacheOp, CacheType, Event, Observer, Perms};

/// How traces name it on x86-64.
pub static TLB: CacheType =
    CacheType { kind: CacheKind::Tlb, name: Text::new("TLB", "TLB"), section: "SDM 3A 4.10" };
/// How traces name it on x86-64 of AMD.
pub static AMD_TLB: CacheType = CacheType {
    kind: CacheKind::Tlb,
    name: Text::new("TLB", "TLB"),
    section: "APM volume 2, translation-lookaside buffer",
};
/// How traces name it on RISC-V.
pub static RISCV_TLB: CacheType = CacheType {
    kind: CacheKind::Tlb,
    name: Text::new("TLB", "TLB"),
    section: "RISC-V Privileged 12.2.1 (SFENCE.VMA)",
};

/// How traces name it on Arm.
pub static ARM_TLB: CacheType =
    CacheType { kind: CacheKind::Tlb, name: Text::new("TLB", "TLB"), section: "Arm ARM DDI 0487, D8" };

/// Returns how traces name the TLB of a CPU with such tables.
pub(super) const fn kind(tables: &CpuTables) -> &'static CacheType {
    match tables {
        CpuTables::X86(X86 { manual: Manual::Amd, .. }) => &AMD_TLB,
        CpuTables::X86(_) => &TLB,
        CpuTables::Riscv(_) => &RISCV_TLB,
        CpuTables::Aarch64(_) => &ARM_TLB,
    }
}

/// What an entry is tagged with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag {
    /// The page's first address.
    pub page: u64,
    /// log2 of the page's size.
    pub shift: u8,
    /// 0 is the host.
    pub vmid: u16,
    /// None for a global page.
    pub asid: Option<u16>,
}

impl Tag {
    /// Returns the tag of the page of `size` that holds `at`.
    pub fn new(at: VirtAddr, size: PageSize, vmid: u16, asid: u16, global: bool) -> Self {
        Tag { page: at.page(size).raw(), shift: size.shift(), vmid, asid: (!global).then_some(asid) }
    }
    /// Returns the page's size.
    pub fn size(&self) -> PageSize {
        PageSize::from_shift(self.shift)
    }
    fn holds(&self, at: VirtAddr) -> bool {
        at.page(self.size()).raw() == self.page
    }
}

impl Key for Tag {
    fn hash(&self) -> u64 {
        let ids = u64::from(self.vmid) << 24 | u64::from(self.asid.map_or(0, |p| p + 1)) << 8;
        mix(self.page >> self.shift, ids | u64::from(self.shift))
    }
}

/// What an entry holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The physical address of the page's first byte.
    pub to: PhysAddr,
    /// The rights that the walk gathered, as [`CpuTables::rights`] has them.
    pub rights: u64,
    /// What it allows, users and supervisors not distinguished.
    pub perms: Perms,
    /// What the hypervisor's tables allow; everything on the host.
    pub below: Perms,
    /// The dirty bit is set in the tables.
    pub dirty: bool,
}

impl Entry {
    /// Does it allow the access? The same rule as at the end of a walk.
    pub fn allows(&self, format: &CpuTables, want: Want) -> bool {
        let leaf = format.decode(self.rights, 1, want, &mut Default::default());
        matches!(leaf, Decoded::Leaf(_)) && self.below.has(want.perms)
    }
}

/// The TLB.
#[derive(Clone, Debug)]
pub struct Tlb {
    cache: Cache<Tag, Entry>,
    /// How the entries are named.
    kind: &'static CacheType,
}

/// The sizes that software here makes pages of, and the 64 KiB of RISC-V's Svnapot.
const SIZES: [PageSize; 4] =
    [PageSize::SIZE_4K, PageSize::SIZE_2M, PageSize::SIZE_1G, PageSize::from_shift(16)];

impl Tlb {
    /// Returns a TLB of `entries`.
    pub fn new(entries: usize) -> Self {
        Tlb { cache: Cache::new(entries), kind: &TLB }
    }
    /// Returns every entry with its slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Tag, Entry)> + '_ {
        self.cache.iter()
    }

    /// Returns the entry that translates `at`, of whatever page size.
    pub(super) fn find(&mut self, vmid: u16, asid: u16, at: VirtAddr) -> Option<(u32, Tag, Entry)> {
        if self.cache.is_empty() {
            return None;
        }
        for size in SIZES {
            for global in [false, true] {
                let tag = Tag::new(at, size, vmid, asid, global);
                if let Some((slot, entry)) = self.cache.get(&tag) {
                    return Some((slot, tag, entry));
                }
            }
        }
        None
    }

    pub(super) fn put<O: Observer>(&mut self, tag: Tag, entry: Entry, kind: &'static CacheType, obs: &mut O) {
        self.kind = kind;
        let (slot, out) = self.cache.insert(tag, entry);
        if let Some(out) = out.filter(|out| out.key != tag) {
            tell(obs, kind, CacheOp::Evict, out.slot, &out.key, &out.value);
        }
        if let Some(slot) = slot {
            tell(obs, kind, CacheOp::Insert, slot, &tag, &entry);
        }
    }

    pub(super) fn drop<O: Observer>(&mut self, tag: &Tag, obs: &mut O) {
        self.remove(|t| t == tag, obs);
    }

    fn remove<O: Observer>(&mut self, matches: impl Fn(&Tag) -> bool, obs: &mut O) {
        let kind = self.kind;
        self.cache.remove_if(
            |tag, _| matches(tag),
            |out| tell(obs, kind, CacheOp::Invalidate, out.slot, &out.key, &out.value),
        );
    }

    /// The page of `at` in this address space, and global pages there: INVLPG (SDM 3A 4.10.4.1). SFENCE.VMA with an
    /// address and an ASID leaves global pages, so Linux's kernel ranges are fenced without an ASID.
    pub fn invalidate_page<O: Observer>(&mut self, vmid: u16, asid: u16, at: VirtAddr, obs: &mut O) {
        self.remove(|t| t.vmid == vmid && t.holds(at) && t.asid.unwrap_or(asid) == asid, obs);
    }
    /// All of this address space but global pages: a write of CR3 without bit 63, SFENCE.VMA with an ASID.
    pub fn invalidate_space<O: Observer>(&mut self, vmid: u16, asid: u16, obs: &mut O) {
        self.remove(|t| t.vmid == vmid && t.asid == Some(asid), obs);
    }
    /// Everything of this guest: INVVPID or INVEPT, HFENCE.GVMA.
    pub fn invalidate_guest<O: Observer>(&mut self, vmid: u16, obs: &mut O) {
        self.remove(|t| t.vmid == vmid, obs);
    }
    /// Everything.
    pub fn invalidate_all<O: Observer>(&mut self, obs: &mut O) {
        self.remove(|_| true, obs);
    }
}

pub(super) fn tell<O: Observer>(
    obs: &mut O,
    cache: &'static CacheType,
    op: CacheOp,
    slot: u32,
    tag: &Tag,
    entry: &Entry,
) {
    if O::ON {
        let line = CacheLine {
            pasid: tag.asid.map(u32::from),
            domain: (tag.vmid != 0).then_some(u32::from(tag.vmid)),
            from: tag.page,
            shift: tag.shift,
            to: entry.to.raw(),
            perms: entry.perms,
            ..CacheLine::default()
        };
        obs.step(Actor::Mmu, Event::Cache { cache, op, slot, line });
    }
}

pub(super) fn tell_miss<O: Observer>(
    obs: &mut O,
    cache: &'static CacheType,
    vmid: u16,
    asid: u16,
    at: VirtAddr,
) {
    if O::ON {
        let line = CacheLine {
            pasid: Some(asid.into()),
            domain: (vmid != 0).then_some(vmid.into()),
            from: at.page(PageSize::SIZE_4K).raw(),
            shift: 12,
            ..CacheLine::default()
        };
        obs.step(Actor::Mmu, Event::Cache { cache, op: CacheOp::Miss, slot: 0, line });
    }
}
