//! What the unit remembers: stream table entries, context descriptors and translations (IHI 0070, 3.17 and 16.2).
//! Configuration that is not valid is never remembered, nor is a translation that faults.

use super::config::CacheSizes;
use super::context::{Cd, Ste, World};
use super::spec::ste;
use crate::addr::{PageSize, RequesterId};
use crate::iommu::cache::{mix, Key};
use crate::iommu::traced_cache::{Line, PageTag, Tlb, TracedCache};
use crate::spec::{Bits, Text};
use crate::trace::{CacheKind, CacheLine, CacheType, Observer, Perms};

/// The cache of stream table entries.
pub static STE_CACHE: CacheType = CacheType {
    kind: CacheKind::Device,
    name: Text::new("STE cache", "STE 缓存"),
    section: "IHI 0070, configuration caches",
};
/// The cache of context descriptors.
pub static CD_CACHE: CacheType = CacheType {
    kind: CacheKind::Process,
    name: Text::new("CD cache", "CD 缓存"),
    section: "IHI 0070, configuration caches",
};
/// The cache of translations.
pub static TLB: CacheType =
    CacheType { kind: CacheKind::Iotlb, name: Text::new("TLB", "TLB"), section: "IHI 0070, TLBs" };

/// Tag of the STE cache: a StreamID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stream(pub u32);

impl Key for Stream {
    fn hash(&self) -> u64 {
        mix(u64::from(self.0), 1)
    }
}

/// Tag of the CD cache: StreamID and SubstreamID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Substream(pub u32, pub u32);

impl Key for Substream {
    fn hash(&self) -> u64 {
        mix(u64::from(self.0) << 20 | u64::from(self.1), 2)
    }
}

/// Tag of the TLB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag {
    /// The StreamWorld.
    pub world: World,
    /// VMID, where there is stage 2 in the unit.
    pub vmid: Option<u16>,
    /// ASID; `None` where the world has none or the translation is global.
    pub asid: Option<u16>,
    /// The page.
    pub page: u64,
    /// log2 of its size.
    pub shift: u8,
}

impl Key for Tag {
    fn hash(&self) -> u64 {
        let id = u64::from(self.vmid.map_or(0, |v| u32::from(v) + 1));
        mix(
            self.page >> 12 ^ u64::from(self.shift) << 56,
            id | u64::from(self.asid.map_or(0, |a| u32::from(a) + 1)) << 20 | (self.world as u64) << 40,
        )
    }
}

/// What a stage lets pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rights {
    /// Unprivileged accesses.
    pub user: Perms,
    /// Privileged ones.
    pub privileged: Perms,
    /// A write needs nothing to be set in the descriptor any more.
    pub dirty: bool,
}

impl Rights {
    /// Everything.
    pub const ALL: Rights = Rights { user: Perms::RWX, privileged: Perms::RWX, dirty: true };
    /// Returns what accesses of one privilege may do.
    pub const fn of(&self, privileged: bool) -> Perms {
        if privileged {
            self.privileged
        } else {
            self.user
        }
    }
}

/// What the TLB holds of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// The output page.
    pub to: u64,
    /// Where stage 1 led: the guest-physical page, where there are both stages.
    pub ipa: Option<u64>,
    /// What stage 1 allows.
    pub first: Rights,
    /// What stage 2 allows.
    pub second: Rights,
}

impl Line for Stream {
    type Value = Ste;
    const CACHE: &'static CacheType = &STE_CACHE;
    fn line(&self, entry: Option<&Ste>) -> CacheLine {
        CacheLine {
            requester: Some(RequesterId::new(self.0)),
            domain: entry.filter(|e| e.stage2()).map(|e| e.words.bits(ste::S2VMID) as u32),
            to: entry.map_or(0, |e| e.words[0]),
            ..CacheLine::default()
        }
    }
}

impl Line for Substream {
    type Value = Cd;
    const CACHE: &'static CacheType = &CD_CACHE;
    fn line(&self, entry: Option<&Cd>) -> CacheLine {
        CacheLine {
            requester: Some(RequesterId::new(self.0)),
            // Descriptor 0 is that of requests without a SubstreamID.
            pasid: Some(self.1).filter(|number| *number != 0),
            to: entry.map_or(0, |e| e.words[0]),
            ..CacheLine::default()
        }
    }
}

impl Line for Tag {
    type Value = Mapped;
    const CACHE: &'static CacheType = &TLB;
    fn line(&self, entry: Option<&Mapped>) -> CacheLine {
        CacheLine {
            requester: None,
            pasid: self.asid.map(u32::from),
            domain: self.vmid.map(u32::from),
            from: self.page,
            shift: self.shift,
            to: entry.map_or(0, |e| e.to),
            perms: entry.map_or(Perms::NONE, |e| e.first.user.and(e.second.user)),
        }
    }
}

impl PageTag for Tag {
    fn shift(&self) -> u8 {
        self.shift
    }
}

/// All caches of a unit.
#[derive(Clone, Debug)]
pub struct Caches {
    /// Stream table entries.
    pub ste: TracedCache<Stream>,
    /// Context descriptors.
    pub cd: TracedCache<Substream>,
    /// Translations.
    pub tlb: Tlb<Tag>,
}

impl Caches {
    /// Returns empty ones.
    pub fn new(sizes: &CacheSizes) -> Self {
        Caches { ste: TracedCache::new(sizes.ste), cd: TracedCache::new(sizes.cd), tlb: Tlb::new(sizes.tlb) }
    }

    /// Finds the translation of an address, which `tag` has in place of a page; global ones match every ASID.
    pub fn find(&mut self, tag: Tag) -> Option<(u32, Tag, Mapped)> {
        let of = |asid| {
            move |size: PageSize| Tag { asid, page: tag.page & !size.mask(), shift: size.shift(), ..tag }
        };
        let own = self.tlb.find(of(tag.asid));
        own.or_else(|| tag.asid.and_then(|_| self.tlb.find(of(None))))
    }

    /// Removes the stream table entries of matching StreamIDs, and their context descriptors.
    pub fn forget_streams<O: Observer>(&mut self, matches: impl Fn(u32) -> bool, obs: &mut O) {
        self.ste.invalidate(|key, _| matches(key.0), obs);
        self.cd.invalidate(|key, _| matches(key.0), obs);
    }
}
