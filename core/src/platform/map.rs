//! What answers at which address of one space: RAM with its holes, MMIO windows, registers; or I/O ports.
//!
//! Regions never overlap; an attempt to make them do so names both.

use crate::addr::{AddrRange, Address, PhysAddr, PortAddr};
use crate::spec::{Localized, Phrase};
use alloc::{format, string::String, string::ToString, vec::Vec};
use core::fmt;

/// What answers in a region of the physical address space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegionKind {
    /// Memory.
    Ram,
    /// A window of the host bridge: accesses go to the PCI bus.
    Window,
    /// The IOMMU's registers.
    IommuRegisters,
    /// The interrupt controller: writes are interrupt messages.
    Interrupts,
    /// The memory-mapped configuration space (ECAM).
    Config,
}

impl RegionKind {
    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            RegionKind::Ram => "RAM",
            RegionKind::Window => "a bridge window",
            RegionKind::IommuRegisters => "the IOMMU's registers",
            RegionKind::Interrupts => "the interrupt range",
            RegionKind::Config => "the configuration space",
        }
    }
}

/// A named range of one space and what answers there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region<A: Address, K> {
    /// Its name.
    pub name: String,
    /// Where.
    pub range: AddrRange<A>,
    /// What.
    pub kind: K,
}

/// Two regions that want the same addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overlap<A: Address> {
    /// The region that was to be added.
    pub new: (String, AddrRange<A>),
    /// The one that is there.
    pub old: (String, AddrRange<A>),
}

impl<A: Address> fmt::Display for Overlap<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((new, at), (old, there)) = (&self.new, &self.old);
        write!(f, "{new} ({at}) overlaps {old} ({there})")
    }
}

impl<A: Address> Localized for Overlap<A> {
    fn phrase(&self) -> Phrase {
        let zh = format!("{} 与 {} 的地址范围重叠", self.new.0, self.old.0);
        Phrase::new(self.to_string(), zh)
    }
}

/// The regions of one space, sorted by address, never overlapping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpaceMap<A: Address, K> {
    regions: Vec<Region<A, K>>,
}

/// The physical address map.
pub type PhysMap = SpaceMap<PhysAddr, RegionKind>;
/// Who answers at which of the 65,536 I/O ports.
pub type PortMap<K> = SpaceMap<PortAddr, K>;

impl<A: Address, K> Default for SpaceMap<A, K> {
    fn default() -> Self {
        SpaceMap { regions: Vec::new() }
    }
}

impl<A: Address, K: Copy> SpaceMap<A, K> {
    /// A map in which nothing answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a region. Refused where it overlaps one that is there.
    pub fn add(&mut self, name: &str, range: AddrRange<A>, kind: K) -> Result<(), Overlap<A>> {
        let place = self.regions.partition_point(|r| r.range.start < range.start);
        let beside = place.checked_sub(1).into_iter().chain([place]).filter_map(|i| self.regions.get(i));
        if let Some(old) = beside.into_iter().find(|r| r.range.overlaps(&range)) {
            return Err(Overlap { new: (name.into(), range), old: (old.name.clone(), old.range) });
        }
        self.regions.insert(place, Region { name: name.into(), range, kind });
        Ok(())
    }

    /// Takes out every region that `matches`.
    pub fn remove_if(&mut self, matches: impl Fn(&Region<A, K>) -> bool) {
        self.regions.retain(|r| !matches(r));
    }

    /// What answers at `at`, if anything does.
    pub fn find(&self, at: A) -> Option<&Region<A, K>> {
        let before = self.regions.partition_point(|r| r.range.start <= at).checked_sub(1)?;
        self.regions.get(before).filter(|r| r.range.contains(at))
    }

    /// Every region, by address.
    pub fn regions(&self) -> &[Region<A, K>] {
        &self.regions
    }

    /// The parts of `whole` where no region is for which `there` holds: the holes.
    pub fn holes(&self, whole: AddrRange<A>, there: impl Fn(&Region<A, K>) -> bool) -> Vec<AddrRange<A>> {
        let mut holes = Vec::new();
        let mut next = Some(whole.start);
        for region in self.regions.iter().filter(|r| r.range.overlaps(&whole) && there(r)) {
            if let Some(from) = next.filter(|from| *from < region.range.start) {
                holes.extend(AddrRange::new(from, region.range.start.raw() - from.raw()));
            }
            next = region.range.last().checked_add(1);
        }
        if let Some(from) = next.filter(|from| *from <= whole.last()) {
            let rest = (whole.last().raw() - from.raw()).saturating_add(1);
            holes.extend(AddrRange::new(from, rest));
        }
        holes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(start: u64, len: u64) -> AddrRange<PhysAddr> {
        AddrRange::new(PhysAddr::new(start), len).unwrap()
    }

    #[test]
    fn an_overlap_names_both() {
        let mut map = PhysMap::new();
        map.add("low RAM", range(0, 0xc000_0000), RegionKind::Ram).unwrap();
        map.add("high RAM", range(1 << 32, 1 << 30), RegionKind::Ram).unwrap();
        let error = map.add("window", range(0xb000_0000, 1 << 28), RegionKind::Window).unwrap_err();
        assert_eq!(error.to_string(), "window (0xb0000000-0xbfffffff) overlaps low RAM (0x0-0xbfffffff)");
        let whole = range(0, 1 << 33);
        assert_eq!(map.holes(whole, |_| true), [range(0xc000_0000, 1 << 30), range(5 << 30, 3 << 30)]);
        assert_eq!(map.find(PhysAddr::new(0xc000_0000)), None);
        assert_eq!(map.find(PhysAddr::new(0xbfff_ffff)).unwrap().name, "low RAM");
    }

    #[test]
    fn the_top_of_the_space_is_a_place_like_any_other() {
        let mut map = PhysMap::new();
        map.add("top", range(u64::MAX - 0xfff, 0x1000), RegionKind::Ram).unwrap();
        assert!(map.find(PhysAddr::new(u64::MAX)).is_some());
        let whole = range(u64::MAX - 0x1fff, 0x2000);
        assert_eq!(map.holes(whole, |_| true), [range(u64::MAX - 0x1fff, 0x1000)]);
    }

    proptest! {
        /// Against a flat array of 64 places: find, overlaps and holes.
        #[test]
        fn agrees_with_a_flat_array(adds in proptest::collection::vec((0u64..64, 1u64..16), 0..20)) {
            let mut map = PhysMap::new();
            let mut flat = [None; 80];
            for (i, (start, len)) in adds.iter().enumerate() {
                let cells = *start as usize..(start + len) as usize;
                let free = flat[cells.clone()].iter().all(Option::is_none);
                prop_assert_eq!(map.add(&i.to_string(), range(*start, *len), RegionKind::Ram).is_ok(), free);
                if free {
                    flat[cells].fill(Some(i.to_string()).map(|_| i));
                }
            }
            let holes = map.holes(range(0, 80), |_| true);
            for (at, want) in flat.iter().enumerate() {
                let got = map.find(PhysAddr::new(at as u64)).map(|r| r.name.clone());
                prop_assert_eq!(got, want.map(|i| i.to_string()));
                let in_hole = holes.iter().filter(|h| h.contains(PhysAddr::new(at as u64))).count();
                prop_assert_eq!(in_hole, want.is_none() as usize);
            }
        }
    }
}
