//! What the unit remembers: stream table entries, context descriptors and translations (IHI 0070, 3.17 and 16.2).
//! Configuration that is not valid is never remembered, nor is a translation that faults.

use super::config::CacheSizes;
use super::context::{Cd, Ste};
use super::spec::{cd, ste};
use crate::addr::{PageSize, RequesterId};
use crate::iommu::cache::{mix, Cache, Key};
use crate::spec::{Bits, Text};
use crate::trace::{Actor, CacheKind, CacheLine, CacheOp, CacheType, Event, Observer, Perms};

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

/// Which accesses a translation is for: the StreamWorld (IHI 0070, 3.3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum World {
    /// NS-EL1: tagged with ASID and VMID.
    El1,
    /// NS-EL2: no ASID, no VMID.
    El2,
    /// NS-EL2-E2H: tagged with an ASID.
    El2E2h,
    /// Stage 2 alone: guest-physical addresses, tagged with a VMID.
    Ipa,
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

/// All caches of a unit.
#[derive(Clone, Debug)]
pub struct Caches {
    /// Stream table entries.
    pub ste: Cache<Stream, Ste>,
    /// Context descriptors.
    pub cd: Cache<Substream, Cd>,
    /// Translations.
    pub tlb: Cache<Tag, Mapped>,
    /// The sizes that the TLB has had pages of: a bit each.
    sizes: u64,
}

impl Caches {
    /// Creates empty ones.
    pub fn new(sizes: &CacheSizes) -> Self {
        Caches {
            ste: Cache::new(sizes.ste.into()),
            cd: Cache::new(sizes.cd.into()),
            tlb: Cache::new(sizes.tlb.into()),
            sizes: 0,
        }
    }

    /// Looks a page up, the largest size first; `global` entries match every ASID.
    pub fn find(&mut self, tag: Tag) -> Option<(u32, Tag, Mapped)> {
        let mut sizes = self.sizes;
        // Bounded: one bit of 64 each turn.
        while sizes != 0 {
            let shift = 63 - sizes.leading_zeros() as u8;
            sizes &= !(1 << shift);
            let page = tag.page & !PageSize::from_shift(shift).mask();
            for asid in [tag.asid, None] {
                let tag = Tag { asid, page, shift, ..tag };
                if let Some((slot, entry)) = self.tlb.get(&tag) {
                    return Some((slot, tag, entry));
                }
                if tag.asid.is_none() {
                    break;
                }
            }
        }
        None
    }

    /// Remembers a translation.
    pub fn remember<O: Observer>(&mut self, tag: Tag, entry: Mapped, obs: &mut O) {
        self.sizes |= 1 << tag.shift;
        let (slot, gone) = self.tlb.insert(tag, entry);
        if O::ON {
            if let Some(gone) = gone.filter(|g| g.key != tag) {
                record(obs, &TLB, CacheOp::Evict, gone.slot, tlb_line(&gone.key, &gone.value));
            }
            if let Some(slot) = slot {
                record(obs, &TLB, CacheOp::Insert, slot, tlb_line(&tag, &entry));
            }
        }
    }

    /// Removes translations.
    pub fn forget<O: Observer>(&mut self, matches: impl Fn(&Tag, &Mapped) -> bool, obs: &mut O) {
        self.tlb.remove_if(matches, |out| {
            record(obs, &TLB, CacheOp::Invalidate, out.slot, tlb_line(&out.key, &out.value))
        });
    }

    /// Removes stream table entries.
    pub fn forget_streams<O: Observer>(&mut self, matches: impl Fn(u32) -> bool, obs: &mut O) {
        self.ste.remove_if(
            |key, _| matches(key.0),
            |out| record(obs, &STE_CACHE, CacheOp::Invalidate, out.slot, ste_line(out.key.0, &out.value)),
        );
    }

    /// Removes context descriptors.
    pub fn forget_descriptors<O: Observer>(&mut self, matches: impl Fn(u32, u32) -> bool, obs: &mut O) {
        self.cd.remove_if(
            |key, _| matches(key.0, key.1),
            |out| record(obs, &CD_CACHE, CacheOp::Invalidate, out.slot, cd_line(&out.key, &out.value)),
        );
    }
}

/// Records what a cache did.
pub fn record<O: Observer>(obs: &mut O, cache: &'static CacheType, op: CacheOp, slot: u32, line: CacheLine) {
    if O::ON {
        obs.step(Actor::Iommu, Event::Cache { cache, op, slot, line });
    }
}

/// Returns a translation as a line for the trace.
pub fn tlb_line(tag: &Tag, entry: &Mapped) -> CacheLine {
    CacheLine {
        requester: None,
        pasid: tag.asid.map(u32::from),
        domain: tag.vmid.map(u32::from),
        from: tag.page,
        shift: tag.shift,
        to: entry.to,
        perms: entry.first.user.and(entry.second.user),
    }
}

/// Returns a stream table entry as a line for the trace.
pub fn ste_line(stream: u32, entry: &Ste) -> CacheLine {
    CacheLine {
        requester: Some(RequesterId::new(stream)),
        domain: entry.stage2().then(|| entry.words.bits(ste::S2VMID) as u32),
        to: entry.words[0],
        ..CacheLine::default()
    }
}

/// Returns a context descriptor as a line for the trace.
pub fn cd_line(key: &Substream, entry: &Cd) -> CacheLine {
    CacheLine {
        requester: Some(RequesterId::new(key.0)),
        pasid: Some(entry.words.bits(cd::ASID) as u32),
        to: entry.words[0],
        ..CacheLine::default()
    }
}
