//! What the unit remembers: context cache, PASID cache, IOTLB and interrupt entry cache (VT-d 6.2), with the
//! tags that invalidations name. Paging-structure caches are not modelled: a miss always walks from the root.
//!
//! Not-present and erroneous entries are never remembered (CAP.CM = 0).

use super::config::{CacheSizes, Config};
use super::context::{Context, Kind, Process, Route};
use super::spec::interrupts::irte;
use super::walk::Reached;
use crate::addr::{PageSize, RequesterId};
use crate::iommu::cache::{mix, Key};
use crate::iommu::traced_cache::{Line, PageTag, Tlb, TracedCache};
use crate::spec::{Bits, Text};
use crate::trace::{CacheKind, CacheLine, CacheType, Perms};

/// The context cache.
pub static CONTEXT_CACHE: CacheType = CacheType {
    kind: CacheKind::Device,
    name: Text::new("context cache", "上下文缓存"),
    section: "VT-d 6.2.2",
};
/// The PASID cache.
pub static PASID_CACHE: CacheType = CacheType {
    kind: CacheKind::Process,
    name: Text::new("PASID cache", "PASID 缓存"),
    section: "VT-d 6.2.3",
};
/// The IOTLB.
pub static IOTLB: CacheType =
    CacheType { kind: CacheKind::Iotlb, name: Text::new("IOTLB", "IOTLB"), section: "VT-d 6.2.4" };
/// The interrupt entry cache.
pub static INTERRUPT_CACHE: CacheType = CacheType {
    kind: CacheKind::Interrupt,
    name: Text::new("interrupt entry cache", "中断重映射表项缓存"),
    section: "VT-d 6.2.6",
};

/// Tag of the context cache: the source id, and whether the entry is one of scalable mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source(pub u16, pub bool);

impl Key for Source {
    fn hash(&self) -> u64 {
        mix(u64::from(self.0), 1)
    }
}

/// Tag of the PASID cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourcePasid(pub u16, pub u32);

impl Key for SourcePasid {
    fn hash(&self) -> u64 {
        mix(u64::from(self.0) << 20 | u64::from(self.1), 2)
    }
}

/// Index into the interrupt remapping table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Index(pub u16);

impl Key for Index {
    fn hash(&self) -> u64 {
        mix(u64::from(self.0), 3)
    }
}

/// Tag of the IOTLB: domain id, and PASID where the first stage takes part (VT-d 6.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IotlbTag {
    /// Domain id.
    pub did: u16,
    /// PASID, for first-stage and nested translations.
    pub pasid: Option<u32>,
    /// Only with the quirk that tags by requester.
    pub source: Option<u16>,
    /// The page looked up.
    pub page: u64,
    /// log2 of its size.
    pub shift: u8,
}

impl Key for IotlbTag {
    fn hash(&self) -> u64 {
        let id = u64::from(self.did) | u64::from(self.pasid.map_or(0, |p| p + 1)) << 16;
        mix(self.page >> 12 ^ u64::from(self.shift) << 56, id ^ u64::from(self.source.unwrap_or(0)) << 40)
    }
}

/// What the IOTLB holds of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IotlbEntry {
    /// The output page.
    pub to: u64,
    /// What a user request may do.
    pub user: Perms,
    /// What a supervisor request may do.
    pub supervisor: Perms,
    /// A write needs no walk to set dirty bits.
    pub dirty: bool,
    /// How it was translated.
    pub kind: Kind,
}

impl IotlbTag {
    /// Returns the tag of the page of `at` along `route`.
    pub fn new(config: &Config, route: &Route, requester: RequesterId, at: u64, size: PageSize) -> Self {
        let staged = matches!(route.kind, Kind::First | Kind::Nested);
        IotlbTag {
            did: route.did,
            pasid: route.pasid.filter(|_| staged),
            source: config.quirks.iotlb_by_requester.then(|| requester.bdf16()),
            page: at & !size.mask(),
            shift: size.shift(),
        }
    }
}

impl IotlbEntry {
    /// Returns what is held of a translation.
    pub fn new(kind: Kind, found: &Reached) -> Self {
        let Reached { to, size, user, supervisor, dirty, .. } = *found;
        IotlbEntry { to: to & !size.mask(), user, supervisor, dirty, kind }
    }
}

impl Line for Source {
    type Value = Context;
    const CACHE: &'static CacheType = &CONTEXT_CACHE;
    fn line(&self, context: Option<&Context>) -> CacheLine {
        CacheLine {
            requester: Some(RequesterId::new(u32::from(self.0))),
            domain: context.and_then(Context::domain).map(u32::from),
            to: context.map_or(0, |context| context.words[0]),
            ..CacheLine::default()
        }
    }
}

impl Line for SourcePasid {
    type Value = Process;
    const CACHE: &'static CacheType = &PASID_CACHE;
    fn line(&self, entry: Option<&Process>) -> CacheLine {
        CacheLine {
            requester: Some(RequesterId::new(u32::from(self.0))),
            pasid: Some(self.1),
            domain: entry.map(|entry| u32::from(entry.domain())),
            to: entry.map_or(0, |entry| entry.words[0]),
            ..CacheLine::default()
        }
    }
}

impl Line for IotlbTag {
    type Value = IotlbEntry;
    const CACHE: &'static CacheType = &IOTLB;
    fn line(&self, entry: Option<&IotlbEntry>) -> CacheLine {
        let rights = |entry: &IotlbEntry| match entry.user {
            Perms::NONE => entry.supervisor,
            user => user,
        };
        CacheLine {
            // A miss names no requester.
            requester: entry.and(self.source).map(|s| RequesterId::new(u32::from(s))),
            pasid: self.pasid,
            domain: Some(u32::from(self.did)),
            from: self.page,
            shift: self.shift,
            to: entry.map_or(0, |entry| entry.to),
            perms: entry.map_or(Perms::NONE, rights),
        }
    }
}

impl PageTag for IotlbTag {
    fn shift(&self) -> u8 {
        self.shift
    }
}

impl Line for Index {
    type Value = irte::Words;
    const CACHE: &'static CacheType = &INTERRUPT_CACHE;
    fn line(&self, words: Option<&irte::Words>) -> CacheLine {
        CacheLine {
            requester: words.map(|words| RequesterId::new(words.bits(irte::SID) as u32)),
            from: u64::from(self.0),
            to: words.map_or(0, |words| words[0]),
            ..CacheLine::default()
        }
    }
}

/// All caches of a unit.
#[derive(Clone, Debug)]
pub struct Caches {
    /// Context cache.
    pub context: TracedCache<Source>,
    /// PASID cache.
    pub pasid: TracedCache<SourcePasid>,
    /// IOTLB.
    pub iotlb: Tlb<IotlbTag>,
    /// Interrupt entry cache.
    pub interrupt: TracedCache<Index>,
}

impl Caches {
    /// Returns empty ones.
    pub fn new(sizes: &CacheSizes) -> Self {
        Caches {
            context: TracedCache::new(sizes.context),
            pasid: TracedCache::new(sizes.pasid),
            iotlb: Tlb::new(sizes.iotlb),
            interrupt: TracedCache::new(sizes.interrupt),
        }
    }
}
