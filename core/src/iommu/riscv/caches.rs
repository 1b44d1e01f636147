//! What the unit remembers: device contexts, process contexts and translations (RISC-V IOMMU, "Caching in-memory
//! data structures"). Entries that are not valid or misconfigured are never remembered, MRIF entries neither.

use super::config::CacheSizes;
use super::context::{Dc, Pc};
use crate::addr::RequesterId;
use crate::iommu::cache::{mix, Key};
use crate::iommu::traced_cache::{Line, PageTag, Tlb, TracedCache};
use crate::spec::Text;
use crate::trace::{CacheKind, CacheLine, CacheType, Perms};

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
    name: Text::new("IOATC", "IOATC"),
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
    /// D of the first stage, as the walk left it: an entry from before its own write would have the next one walk
    /// again.
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

impl Line for Device {
    type Value = Dc;
    const CACHE: &'static CacheType = &DDT_CACHE;
    fn line(&self, dc: Option<&Dc>) -> CacheLine {
        CacheLine {
            requester: Some(RequesterId::new(self.0)),
            domain: dc.filter(|dc| dc.guest()).map(|dc| dc.gscid().into()),
            to: dc.map_or(0, |dc| dc.words[0]),
            ..CacheLine::default()
        }
    }
}

impl Line for Process {
    type Value = Pc;
    const CACHE: &'static CacheType = &PDT_CACHE;
    fn line(&self, pc: Option<&Pc>) -> CacheLine {
        CacheLine {
            requester: Some(RequesterId::new(self.0)),
            pasid: Some(self.1),
            to: pc.map_or(0, |pc| pc.words[0]),
            ..CacheLine::default()
        }
    }
}

impl Line for Tag {
    type Value = Mapped;
    const CACHE: &'static CacheType = &IOTLB;
    fn line(&self, entry: Option<&Mapped>) -> CacheLine {
        CacheLine {
            requester: None,
            pasid: self.pscid,
            domain: self.gscid.map(u32::from),
            from: self.page,
            shift: self.shift,
            to: entry.map_or(0, |entry| entry.to),
            perms: entry.map_or(Perms::NONE, |entry| entry.first.and(entry.second)),
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
    /// Device contexts.
    pub ddt: TracedCache<Device>,
    /// Process contexts.
    pub pdt: TracedCache<Process>,
    /// Translations.
    pub iotlb: Tlb<Tag>,
}

impl Caches {
    /// Returns empty ones.
    pub fn new(sizes: &CacheSizes) -> Self {
        Caches {
            ddt: TracedCache::new(sizes.ddt),
            pdt: TracedCache::new(sizes.pdt),
            iotlb: Tlb::new(sizes.iotlb),
        }
    }
}
