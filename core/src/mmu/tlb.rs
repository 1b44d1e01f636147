//! The TLB: translations by page, tagged with PCID and VPID (SDM 3A 4.10, 3C 28.4).
//!
//! One cache for all page sizes; with EPT an entry holds the combined translation. How many entries, and which
//! one goes, is left to the implementation: see [`crate::iommu::cache`].

use crate::addr::{Address, PageSize, PhysAddr, VirtAddr};
use crate::iommu::cache::{mix, Cache, Key};
use crate::paging::x86::{P, RW, US, X86, XD};
use crate::paging::{Entry as Decoded, Format, Want};
use crate::spec::Text;
use crate::trace::{Actor, CacheKind, CacheLine, CacheOp, CacheType, Event, Observer, Perms};

/// How traces name it.
pub static TLB: CacheType =
    CacheType { kind: CacheKind::Tlb, name: Text::new("TLB", "TLB"), section: "SDM 3A 4.10" };

/// What an entry is tagged with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag {
    /// The page's first address.
    pub page: u64,
    /// log2 of the page's size.
    pub shift: u8,
    /// 0 is the host.
    pub vpid: u16,
    /// None for a global page.
    pub pcid: Option<u16>,
}

impl Tag {
    /// The tag of the page of `size` that holds `at`.
    pub fn new(at: VirtAddr, size: PageSize, vpid: u16, pcid: u16, global: bool) -> Self {
        Tag { page: at.page(size).raw(), shift: size.shift(), vpid, pcid: (!global).then_some(pcid) }
    }
    /// The page's size.
    pub fn size(&self) -> PageSize {
        PageSize::from_shift(self.shift)
    }
    fn holds(&self, at: VirtAddr) -> bool {
        at.page(self.size()).raw() == self.page
    }
}

impl Key for Tag {
    fn hash(&self) -> u64 {
        let ids = u64::from(self.vpid) << 24 | u64::from(self.pcid.map_or(0, |p| p + 1)) << 8;
        mix(self.page >> self.shift, ids | u64::from(self.shift))
    }
}

/// What an entry holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The physical address of the page's first byte.
    pub to: PhysAddr,
    /// Every entry on the way allows writes.
    pub write: bool,
    /// Every entry on the way allows user accesses.
    pub user: bool,
    /// No entry on the way disables execution.
    pub execute: bool,
    /// The page is global.
    pub global: bool,
    /// What EPT allows; everything on the host.
    pub below: Perms,
    /// The dirty bit is set in the tables.
    pub dirty: bool,
}

impl Entry {
    /// Does it allow the access? The same rule as at the end of a walk.
    pub fn allows(&self, format: &X86, want: Want) -> bool {
        let bit = |on: bool, bit: u64| if on { bit } else { 0 };
        let raw = P | bit(self.write, RW) | bit(self.user, US) | bit(!self.execute, XD);
        let leaf = format.decode(raw, 1, want, &mut Default::default());
        matches!(leaf, Decoded::Leaf(_)) && self.below.has(want.perms)
    }
    /// What it allows, users and supervisors not told apart.
    pub fn perms(&self) -> Perms {
        let own = Perms::R.or(Perms::when(Perms::W, self.write)).or(Perms::when(Perms::X, self.execute));
        own.and(self.below)
    }
}

/// The TLB.
#[derive(Clone, Debug)]
pub struct Tlb {
    cache: Cache<Tag, Entry>,
}

const SIZES: [PageSize; 3] = [PageSize::SIZE_4K, PageSize::SIZE_2M, PageSize::SIZE_1G];

impl Tlb {
    /// A TLB of `entries`.
    pub fn new(entries: usize) -> Self {
        Tlb { cache: Cache::new(entries) }
    }
    /// Every entry with its slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Tag, Entry)> + '_ {
        self.cache.iter()
    }

    /// The entry that translates `at`, of whatever page size.
    pub(super) fn find(&mut self, vpid: u16, pcid: u16, at: VirtAddr) -> Option<(u32, Tag, Entry)> {
        if self.cache.is_empty() {
            return None;
        }
        for size in SIZES {
            for global in [false, true] {
                let tag = Tag::new(at, size, vpid, pcid, global);
                if let Some((slot, entry)) = self.cache.get(&tag) {
                    return Some((slot, tag, entry));
                }
            }
        }
        None
    }

    pub(super) fn put<O: Observer>(&mut self, tag: Tag, entry: Entry, obs: &mut O) {
        let (slot, out) = self.cache.insert(tag, entry);
        if let Some(out) = out.filter(|out| out.key != tag) {
            tell(obs, CacheOp::Evict, out.slot, &out.key, &out.value);
        }
        if let Some(slot) = slot {
            tell(obs, CacheOp::Insert, slot, &tag, &entry);
        }
    }

    pub(super) fn drop<O: Observer>(&mut self, tag: &Tag, obs: &mut O) {
        self.remove(|t| t == tag, obs);
    }

    fn remove<O: Observer>(&mut self, matches: impl Fn(&Tag) -> bool, obs: &mut O) {
        self.cache.remove_if(
            |tag, _| matches(tag),
            |out| tell(obs, CacheOp::Invalidate, out.slot, &out.key, &out.value),
        );
    }

    /// INVLPG: the page of `at` in this PCID, and global pages there (SDM 3A 4.10.4.1).
    pub fn invalidate_page<O: Observer>(&mut self, vpid: u16, pcid: u16, at: VirtAddr, obs: &mut O) {
        self.remove(|t| t.vpid == vpid && t.holds(at) && t.pcid.unwrap_or(pcid) == pcid, obs);
    }
    /// A write of CR3 without bit 63: all of this PCID but global pages.
    pub fn invalidate_pcid<O: Observer>(&mut self, vpid: u16, pcid: u16, obs: &mut O) {
        self.remove(|t| t.vpid == vpid && t.pcid == Some(pcid), obs);
    }
    /// INVVPID, or INVEPT for the guest: everything of this VPID.
    pub fn invalidate_vpid<O: Observer>(&mut self, vpid: u16, obs: &mut O) {
        self.remove(|t| t.vpid == vpid, obs);
    }
    /// Everything.
    pub fn invalidate_all<O: Observer>(&mut self, obs: &mut O) {
        self.remove(|_| true, obs);
    }
}

pub(super) fn tell<O: Observer>(obs: &mut O, op: CacheOp, slot: u32, tag: &Tag, entry: &Entry) {
    if O::ON {
        let line = CacheLine {
            pasid: tag.pcid.map(u32::from),
            domain: (tag.vpid != 0).then_some(u32::from(tag.vpid)),
            from: tag.page,
            shift: tag.shift,
            to: entry.to.raw(),
            perms: entry.perms(),
            ..CacheLine::default()
        };
        obs.step(Actor::Mmu, Event::Cache { cache: &TLB, op, slot, line });
    }
}

pub(super) fn tell_miss<O: Observer>(obs: &mut O, vpid: u16, pcid: u16, at: VirtAddr) {
    if O::ON {
        let line = CacheLine {
            pasid: Some(pcid.into()),
            domain: (vpid != 0).then_some(vpid.into()),
            from: at.page(PageSize::SIZE_4K).raw(),
            shift: 12,
            ..CacheLine::default()
        };
        obs.step(Actor::Mmu, Event::Cache { cache: &TLB, op: CacheOp::Miss, slot: 0, line });
    }
}
