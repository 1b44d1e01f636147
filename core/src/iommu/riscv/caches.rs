//! What the unit remembers: device contexts, process contexts and translations (RISC-V IOMMU, "Caching in-memory
//! data structures"). Entries that are not valid or misconfigured are never remembered, MRIF entries neither.

use super::config::CacheSizes;
use super::context::{Dc, Pc};
use crate::addr::{PageSize, RequesterId};
use crate::iommu::cache::{mix, Cache, Key};
use crate::spec::Text;
use crate::trace::{Actor, CacheKind, CacheLine, CacheOp, CacheType, Event, Observer, Perms};

/// The cache of device contexts.
pub static DDT_CACHE: CacheType = CacheType {
    kind: CacheKind::Device,
    name: Text::new("DDT cache", "设备目录缓存"),
    section: "RISC-V IOMMU, caching in-memory data structures",
};
/// The cache of process contexts.
pub static PDT_CACHE: CacheType = CacheType {
    kind: CacheKind::Process,
    name: Text::new("PDT cache", "进程目录缓存"),
    section: "RISC-V IOMMU, caching in-memory data structures",
};
/// The cache of translations.
pub static IOTLB: CacheType = CacheType {
    kind: CacheKind::Iotlb,
    name: Text::new("IOTLB", "IOTLB"),
    section: "RISC-V IOMMU, caching in-memory data structures",
};

/// Tag of the DDT cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Device(pub u32);

impl Key for Device {
    fn hash(&self) -> u64 {
        mix(u64::from(self.0), 1)
    }
}

/// Tag of the PDT cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process(pub u32, pub u32);

impl Key for Process {
    fn hash(&self) -> u64 {
        mix(u64::from(self.0) << 20 | u64::from(self.1), 2)
    }
}

/// Tag of the IOTLB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag {
    /// GSCID, where there is a second stage.
    pub gscid: Option<u16>,
    /// PSCID, where there is a first stage.
    pub pscid: Option<u32>,
    /// The page.
    pub page: u64,
    /// log2 of its size.
    pub shift: u8,
}

impl Key for Tag {
    fn hash(&self) -> u64 {
        let id = u64::from(self.gscid.map_or(0, |g| u32::from(g) + 1));
        mix(
            self.page >> 12 ^ u64::from(self.shift) << 56,
            id | u64::from(self.pscid.map_or(0, |p| p + 1)) << 20,
        )
    }
}

/// What the IOTLB holds of a page: both stages' leaves, kept apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// The output page.
    pub to: u64,
    /// R, W, X of the first stage.
    pub first: Perms,
    /// R, W, X of the second.
    pub second: Perms,
    /// D of the first stage, as read.
    pub first_dirty: bool,
    /// D of the second.
    pub second_dirty: bool,
    /// U of the first stage.
    pub user: bool,
    /// Global.
    pub global: bool,
    /// Memory type, both stages together.
    pub pbmt: u8,
    /// An MSI page-table entry gave it.
    pub msi: bool,
}

/// All caches of a unit.
#[derive(Clone, Debug)]
pub struct Caches {
    /// Device contexts.
    pub ddt: Cache<Device, Dc>,
    /// Process contexts.
    pub pdt: Cache<Process, Pc>,
    /// Translations.
    pub iotlb: Cache<Tag, Mapped>,
}

/// The page sizes that translations come in, smallest first.
const SHIFTS: [u8; 6] = [12, 16, 21, 30, 39, 48];

impl Caches {
    /// Empty ones.
    pub fn new(sizes: &CacheSizes) -> Self {
        Caches {
            ddt: Cache::new(sizes.ddt.into()),
            pdt: Cache::new(sizes.pdt.into()),
            iotlb: Cache::new(sizes.iotlb.into()),
        }
    }

    /// Looks a page up, at every size.
    pub fn find(&mut self, gscid: Option<u16>, pscid: Option<u32>, at: u64) -> Option<(u32, Tag, Mapped)> {
        SHIFTS.iter().find_map(|&shift| {
            let page = at & !PageSize::from_shift(shift).mask();
            let tag = Tag { gscid, pscid, page, shift };
            self.iotlb.get(&tag).map(|(slot, entry)| (slot, tag, entry))
        })
    }

    /// Remembers a translation.
    pub fn remember<O: Observer>(&mut self, tag: Tag, entry: Mapped, obs: &mut O) {
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

    /// Takes translations out.
    pub fn forget<O: Observer>(&mut self, matches: impl Fn(&Tag, &Mapped) -> bool, op: CacheOp, obs: &mut O) {
        self.iotlb
            .remove_if(matches, |out| tell(obs, &IOTLB, op, out.slot, iotlb_line(&out.key, &out.value)));
    }
}

/// Tells what a cache did.
pub fn tell<O: Observer>(obs: &mut O, cache: &'static CacheType, op: CacheOp, slot: u32, line: CacheLine) {
    if O::ON {
        obs.step(Actor::Iommu, Event::Cache { cache, op, slot, line });
    }
}

/// A translation as a line for the trace.
pub fn iotlb_line(tag: &Tag, entry: &Mapped) -> CacheLine {
    CacheLine {
        requester: None,
        pasid: tag.pscid,
        domain: tag.gscid.map(u32::from),
        from: tag.page,
        shift: tag.shift,
        to: entry.to,
        perms: entry.first.and(entry.second),
    }
}

/// A device context as a line for the trace.
pub fn ddt_line(key: &Device, dc: &Dc) -> CacheLine {
    CacheLine {
        requester: Some(RequesterId::new(key.0)),
        domain: dc.guest().then(|| u32::from(dc.gscid())),
        to: dc.words[0],
        ..CacheLine::default()
    }
}

/// A process context as a line for the trace.
pub fn pdt_line(key: &Process, pc: &Pc) -> CacheLine {
    CacheLine {
        requester: Some(RequesterId::new(key.0)),
        pasid: Some(key.1),
        to: pc.words[0],
        ..CacheLine::default()
    }
}
