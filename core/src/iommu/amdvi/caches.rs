//! What the unit remembers: device table entries, interrupt table entries and translations (AMD 48882, invalidating
//! the caches). Entries that refuse are not remembered (NpCache = 0).

use super::config::CacheSizes;
use super::context::Dte;
use crate::addr::RequesterId;
use crate::iommu::cache::{mix, Key};
use crate::iommu::traced_cache::{Line, PageTag, Tlb, TracedCache};
use crate::spec::Text;
use crate::trace::{CacheKind, CacheLine, CacheType, Perms};

/// The cache of device table entries.
pub static DEVICES: CacheType = CacheType {
    kind: CacheKind::Device,
    name: Text::new("device table entry cache", "设备表项缓存"),
    section: "AMD 48882",
};
/// The cache of interrupt table entries.
pub static INTERRUPTS: CacheType = CacheType {
    kind: CacheKind::Interrupt,
    name: Text::new("interrupt table entry cache", "中断重映射表项缓存"),
    section: "AMD 48882",
};
/// The cache of GCR3 table entries.
pub static PROCESSES: CacheType = CacheType {
    kind: CacheKind::Process,
    name: Text::new("GCR3 entry cache", "GCR3 表项缓存"),
    section: "AMD 48882",
};
/// The cache of translations.
pub static IOTLB: CacheType =
    CacheType { kind: CacheKind::Iotlb, name: Text::new("IOMMU TLB", "IOMMU TLB"), section: "AMD 48882" };

/// Tag of the device table entry cache: a DeviceID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Device(pub u16);

impl Key for Device {
    fn hash(&self) -> u64 {
        mix(self.0.into(), 1)
    }
}

impl Line for Device {
    type Value = Dte;
    const CACHE: &'static CacheType = &DEVICES;
    fn line(&self, dte: Option<&Dte>) -> CacheLine {
        CacheLine {
            requester: Some(RequesterId::new(self.0.into())),
            domain: dte.map(|dte| dte.domain().into()),
            to: dte.map_or(0, |dte| dte.words[0]),
            ..CacheLine::default()
        }
    }
}

/// Tag of the interrupt table entry cache: a DeviceID and an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Index(pub u16, pub u16);

impl Key for Index {
    fn hash(&self) -> u64 {
        mix(u64::from(self.0) << 16 | u64::from(self.1), 2)
    }
}

impl Line for Index {
    type Value = [u64; 2];
    const CACHE: &'static CacheType = &INTERRUPTS;
    fn line(&self, entry: Option<&[u64; 2]>) -> CacheLine {
        CacheLine {
            requester: Some(RequesterId::new(self.0.into())),
            from: self.1.into(),
            to: entry.map_or(0, |entry| entry[0]),
            ..CacheLine::default()
        }
    }
}

/// Tag of the cache of GCR3 entries: a DeviceID and a PASID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process(pub u16, pub u32);

impl Key for Process {
    fn hash(&self) -> u64 {
        mix(u64::from(self.0) << 32 | u64::from(self.1), 3)
    }
}

/// Where a PASID's tables are, and in which domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GuestRoot {
    /// The root of the guest tables.
    pub root: u64,
    /// DomainID of the device table entry.
    pub domain: u16,
}

impl Line for Process {
    type Value = GuestRoot;
    const CACHE: &'static CacheType = &PROCESSES;
    fn line(&self, entry: Option<&GuestRoot>) -> CacheLine {
        CacheLine {
            requester: Some(RequesterId::new(self.0.into())),
            pasid: Some(self.1),
            domain: entry.map(|entry| entry.domain.into()),
            to: entry.map_or(0, |entry| entry.root),
            ..CacheLine::default()
        }
    }
}

/// Tag of the IOTLB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag {
    /// DomainID.
    pub domain: u16,
    /// The PASID whose tables came first.
    pub pasid: Option<u32>,
    /// The page.
    pub page: u64,
    /// log2 of its size.
    pub shift: u8,
}

impl Key for Tag {
    fn hash(&self) -> u64 {
        let whose = u64::from(self.domain) | u64::from(self.pasid.map_or(0, |pasid| pasid + 1)) << 16;
        mix(self.page >> 12 ^ u64::from(self.shift) << 56, whose)
    }
}

/// What the IOTLB holds of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// The output page.
    pub to: u64,
    /// IR and IW of the tables, gathered; those of the device table entry are asked each time.
    pub perms: Perms,
    /// A write need not set D any more.
    pub dirty: bool,
}

impl Line for Tag {
    type Value = Mapped;
    const CACHE: &'static CacheType = &IOTLB;
    fn line(&self, entry: Option<&Mapped>) -> CacheLine {
        CacheLine {
            requester: None,
            pasid: self.pasid,
            domain: Some(self.domain.into()),
            from: self.page,
            shift: self.shift,
            to: entry.map_or(0, |entry| entry.to),
            perms: entry.map_or(Perms::NONE, |entry| entry.perms),
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
    /// Device table entries.
    pub devices: TracedCache<Device>,
    /// GCR3 table entries.
    pub processes: TracedCache<Process>,
    /// Interrupt table entries.
    pub interrupts: TracedCache<Index>,
    /// Translations.
    pub iotlb: Tlb<Tag>,
}

impl Caches {
    /// Returns empty ones.
    pub fn new(sizes: &CacheSizes) -> Self {
        Caches {
            devices: TracedCache::new(sizes.devices),
            processes: TracedCache::new(sizes.processes),
            interrupts: TracedCache::new(sizes.interrupts),
            iotlb: Tlb::new(sizes.iotlb),
        }
    }
}
