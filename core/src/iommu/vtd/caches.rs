//! What the unit remembers: context cache, PASID cache, IOTLB and interrupt entry cache (VT-d 6.2), with the
//! tags that invalidations name. Paging-structure caches are not modelled: a miss always walks from the root.
//!
//! Not-present and erroneous entries are never remembered (CAP.CM = 0).

use super::config::{CacheSizes, Config};
use super::context::{Context, Kind, Process, Route};
use super::spec::interrupts::irte;
use super::walk::Reached;
use crate::addr::{PageSize, RequesterId};
use crate::iommu::cache::{mix, Cache, Key};
use crate::spec::{Bits, Text};
use crate::trace::{Actor, CacheKind, CacheLine, CacheOp, CacheType, Event, Observer, Perms};

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
    name: Text::new("interrupt entry cache", "中断表项缓存"),
    section: "VT-d 6.2.6",
};

/// Tag of the context cache: the source id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source(pub u16);

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

/// All caches of a unit.
#[derive(Clone, Debug)]
pub struct Caches {
    /// Context cache.
    pub context: Cache<Source, Context>,
    /// PASID cache.
    pub pasid: Cache<SourcePasid, Process>,
    /// IOTLB.
    pub iotlb: Cache<IotlbTag, IotlbEntry>,
    /// Interrupt entry cache.
    pub interrupt: Cache<Index, [u64; 2]>,
}

/// The page sizes that translations come in, smallest first.
const SHIFTS: [u8; 3] = [12, 21, 30];

impl Caches {
    /// Empty ones.
    pub fn new(sizes: &CacheSizes) -> Self {
        Caches {
            context: Cache::new(sizes.context.into()),
            pasid: Cache::new(sizes.pasid.into()),
            iotlb: Cache::new(sizes.iotlb.into()),
            interrupt: Cache::new(sizes.interrupt.into()),
        }
    }

    /// The tag of the page of `at` along `route`.
    pub fn tag(config: &Config, route: &Route, requester: RequesterId, at: u64, size: PageSize) -> IotlbTag {
        let staged = matches!(route.kind, Kind::First | Kind::Nested);
        IotlbTag {
            did: route.did,
            pasid: route.pasid.filter(|_| staged),
            source: config.quirks.iotlb_by_requester.then(|| requester.bdf16()),
            page: at & !size.mask(),
            shift: size.shift(),
        }
    }

    /// Looks a page up, at every size.
    pub fn find(
        &mut self,
        config: &Config,
        route: &Route,
        requester: RequesterId,
        at: u64,
    ) -> Option<(u32, IotlbTag, IotlbEntry)> {
        SHIFTS.iter().find_map(|shift| {
            let tag = Self::tag(config, route, requester, at, PageSize::from_shift(*shift));
            self.iotlb.get(&tag).map(|(slot, entry)| (slot, tag, entry))
        })
    }

    /// Remembers a translation.
    pub fn remember<O: Observer>(&mut self, tag: IotlbTag, kind: Kind, found: &Reached, obs: &mut O) {
        let to = found.to & !found.size.mask();
        let entry =
            IotlbEntry { to, user: found.user, supervisor: found.supervisor, dirty: found.dirty, kind };
        let (slot, gone) = self.iotlb.insert(tag, entry);
        if O::ON {
            if let Some(gone) = gone.filter(|g| g.key != tag) {
                tell(obs, &IOTLB, CacheOp::Evict, gone.slot, iotlb_line(&gone.key, &gone.value));
            }
            if let Some(slot) = slot {
                tell(obs, &IOTLB, CacheOp::Insert, slot, iotlb_line(&tag, &entry));
            }
        }
    }
}

/// Tells what a cache did.
pub fn tell<O: Observer>(obs: &mut O, cache: &'static CacheType, op: CacheOp, slot: u32, line: CacheLine) {
    if O::ON {
        obs.step(Actor::Iommu, Event::Cache { cache, op, slot, line });
    }
}

/// An IOTLB entry as a line for the trace.
pub fn iotlb_line(tag: &IotlbTag, entry: &IotlbEntry) -> CacheLine {
    CacheLine {
        requester: tag.source.map(|s| RequesterId::new(u32::from(s))),
        pasid: tag.pasid,
        domain: Some(u32::from(tag.did)),
        from: tag.page,
        shift: tag.shift,
        to: entry.to,
        perms: if entry.user == Perms::NONE { entry.supervisor } else { entry.user },
    }
}

/// A context cache entry as a line for the trace.
pub fn context_line(source: &Source, context: &Context) -> CacheLine {
    CacheLine {
        requester: Some(RequesterId::new(u32::from(source.0))),
        domain: context.domain().map(u32::from),
        to: context.words[0],
        ..CacheLine::default()
    }
}

/// A PASID cache entry as a line for the trace.
pub fn pasid_line(key: &SourcePasid, entry: &Process) -> CacheLine {
    CacheLine {
        requester: Some(RequesterId::new(u32::from(key.0))),
        pasid: Some(key.1),
        domain: Some(u32::from(entry.domain())),
        to: entry.words[0],
        ..CacheLine::default()
    }
}

/// An interrupt entry cache entry as a line for the trace.
pub fn interrupt_line(index: &Index, words: &[u64; 2]) -> CacheLine {
    CacheLine {
        requester: Some(RequesterId::new(words.bits(irte::SID) as u32)),
        from: u64::from(index.0),
        to: words[0],
        ..CacheLine::default()
    }
}
