//! A device's own TLB: the translations that ATS answered, kept until the IOMMU takes them back
//! (address translation cache; PCIe 6.0 chapter 10).
//!
//! Whatever is here is used without asking the IOMMU again: a device that is not notified of an unmapping goes on
//! writing to memory that is someone else's by now.
//!
//! It is a device's, and lent to the unit ([`DeviceTlbs`]) while software works with that: an invalidation request goes over the link
//! when the unit carries the command out, and the device forgets what the request says, not what software meant by it.

use super::ats::Forget;
use super::cache::{mix, Cache, Key};
use crate::addr::{Address, Iova, PageSize, Pasid, PhysAddr, RequesterId};
use crate::trace::{Actor, CacheLine, CacheOp, CacheType, Event, Observer, Perms};
use alloc::vec::Vec;

/// How traces name it on a machine without an IOMMU: as PCIe does.
pub static DEVICE_TLB: CacheType = CacheType::device_tlb("ATC", "ATC");

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Tag {
    page: u64,
    shift: u8,
    pasid: Option<Pasid>,
}

impl Key for Tag {
    fn hash(&self) -> u64 {
        let pasid = self.pasid.map_or(0, |p| u64::from(p.raw()) + 1);
        mix(self.page >> self.shift, pasid << 8 | u64::from(self.shift))
    }
}

/// A translation as the device keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Where the page is, as a translated request names it.
    pub to: PhysAddr,
    /// The page's size.
    pub size: PageSize,
    /// What the answer allows.
    pub perms: Perms,
}

impl Tag {
    /// Returns whether a request is about it.
    fn is_meant(&self, request: &Forget) -> bool {
        let (first, last) = (request.pages.address(), request.pages.address() | request.pages.span());
        let pasid = match request.pasid {
            None => true,
            Some(_) if request.global => self.pasid.is_some(),
            Some(pasid) => self.pasid.is_some_and(|own| own.raw() == pasid),
        };
        pasid && self.page <= last && self.page | ((1u64 << self.shift) - 1) >= first
    }
}

/// The TLBs at the other ends of a unit's links, while it has them.
#[derive(Clone, Debug, Default)]
pub struct DeviceTlbs(Vec<(Atc, Option<u32>)>);

impl DeviceTlbs {
    /// Puts the TLB of a device there, with the id that firmware says the device has, where that is not its requester id.
    pub fn lend(&mut self, tlb: Atc, id: Option<u32>) {
        self.0.push((tlb, id));
    }
    /// Takes every TLB back, in their order.
    pub fn take_back(&mut self) -> impl Iterator<Item = Atc> {
        core::mem::take(&mut self.0).into_iter().map(|lent| lent.0)
    }
    /// Sends the request to the device with a requester id of 16 bits.
    pub fn forget<O: Observer>(&mut self, device: u16, request: &Forget, obs: &mut O) {
        self.forget_where(|tlb, _| tlb.device.bdf16() == device, request, obs);
    }
    /// Sends the request to the device with the id that firmware says.
    pub fn forget_by_id<O: Observer>(&mut self, id: u32, request: &Forget, obs: &mut O) {
        self.forget_where(|tlb, own| own.unwrap_or(tlb.device.raw()) == id, request, obs);
    }
    fn forget_where<O: Observer>(
        &mut self,
        whose: impl Fn(&Atc, Option<u32>) -> bool,
        request: &Forget,
        obs: &mut O,
    ) {
        for (tlb, _) in self.0.iter_mut().filter(|lent| whose(&lent.0, lent.1)) {
            tlb.forget(request, obs);
        }
    }
}

/// The device's TLB.
#[derive(Clone, Debug)]
pub struct Atc {
    device: RequesterId,
    kind: &'static CacheType,
    cache: Cache<Tag, Kept>,
    /// The page sizes that answers came in, so that only those are looked for.
    shifts: u64,
}

impl Atc {
    /// A TLB of `entries` for `device`, that traces name `kind`.
    pub fn new(device: RequesterId, entries: usize, kind: &'static CacheType) -> Self {
        Atc { device, kind, cache: Cache::new(entries), shifts: 0 }
    }

    /// Takes everything out, to lend it; what stays is empty.
    pub fn take(&mut self) -> Self {
        let empty = Atc { device: self.device, kind: self.kind, cache: Cache::new(0), shifts: 0 };
        core::mem::replace(self, empty)
    }

    /// How many translations are kept.
    pub fn len(&self) -> usize {
        self.cache.len()
    }
    /// Is nothing kept?
    pub fn is_empty(&self) -> bool {
        self.cache.is_empty()
    }
    /// Every translation: PASID, page, what is kept.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Pasid>, Iova, Kept)> + '_ {
        self.cache.iter().map(|(_, tag, kept)| (tag.pasid, Iova::new(tag.page), kept))
    }

    /// The physical address of `at`, if a kept translation allows the access. `now` says what the IOMMU's tables
    /// would answer at this moment: where that differs, the use of a stale entry is recorded as one.
    pub fn find<O: Observer>(
        &mut self,
        pasid: Option<Pasid>,
        at: Iova,
        want: Perms,
        now: impl FnOnce() -> Option<PhysAddr>,
        obs: &mut O,
    ) -> Option<(PhysAddr, PageSize)> {
        let mut shifts = self.shifts;
        // Bounded: one bit of 64 each turn.
        while shifts != 0 {
            let size = PageSize::from_shift(shifts.trailing_zeros() as u8);
            shifts &= shifts - 1;
            let tag = Tag { page: at.page(size).raw(), shift: size.shift(), pasid };
            let Some((slot, kept)) = self.cache.get(&tag) else { continue };
            if !kept.perms.has(want) {
                self.tell(obs, CacheOp::Denied, slot, &tag, &kept);
                return None;
            }
            let to = kept.to.wrapping_add(at.offset(size));
            if O::ON {
                let op = if now() == Some(to) { CacheOp::Hit } else { CacheOp::Stale };
                self.tell(obs, op, slot, &tag, &kept);
            }
            return Some((to, size));
        }
        let size = PageSize::SIZE_4K;
        let tag = Tag { page: at.page(size).raw(), shift: 12, pasid };
        let kept = Kept { to: PhysAddr::new(0), size, perms: Perms::NONE };
        self.tell(obs, CacheOp::Miss, 0, &tag, &kept);
        None
    }

    /// Keeps an answer to a translation request. `to` is the address of `at` itself. An answer that allows
    /// nothing is not kept.
    pub fn keep<O: Observer>(
        &mut self,
        pasid: Option<Pasid>,
        at: Iova,
        to: PhysAddr,
        size: PageSize,
        perms: Perms,
        obs: &mut O,
    ) {
        if perms == Perms::NONE {
            return;
        }
        let tag = Tag { page: at.page(size).raw(), shift: size.shift(), pasid };
        let kept = Kept { to: to.page(size), size, perms };
        let (slot, out) = self.cache.insert(tag, kept);
        if let Some(out) = out.filter(|out| out.key != tag) {
            self.tell(obs, CacheOp::Evict, out.slot, &out.key, &out.value);
        }
        if let Some(slot) = slot {
            self.shifts |= 1 << size.shift();
            self.tell(obs, CacheOp::Insert, slot, &tag, &kept);
        }
    }

    /// Forgets what an invalidation request says. How many were forgotten.
    pub fn forget<O: Observer>(&mut self, request: &Forget, obs: &mut O) -> usize {
        self.remove(|tag| tag.is_meant(request), obs)
    }

    /// Forgets everything: what a reset of the function, or turning ATS off, does.
    pub fn forget_all<O: Observer>(&mut self, obs: &mut O) -> usize {
        self.remove(|_| true, obs)
    }

    fn remove<O: Observer>(&mut self, matches: impl Fn(&Tag) -> bool, obs: &mut O) -> usize {
        let mut gone = Vec::new();
        self.cache.remove_if(|tag, _| matches(tag), |out| gone.push(out));
        for out in &gone {
            self.tell(obs, CacheOp::Invalidate, out.slot, &out.key, &out.value);
        }
        gone.len()
    }

    fn tell<O: Observer>(&self, obs: &mut O, op: CacheOp, slot: u32, tag: &Tag, kept: &Kept) {
        if O::ON {
            let line = CacheLine {
                requester: Some(self.device),
                pasid: tag.pasid.map(Pasid::raw),
                from: tag.page,
                shift: tag.shift,
                to: kept.to.raw(),
                perms: kept.perms,
                ..CacheLine::default()
            };
            obs.step(Actor::Device(self.device), Event::Cache { cache: self.kind, op, slot, line });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iommu::ats::Napot;
    use crate::trace::{Off, Trace};
    use proptest::prelude::*;

    const NIC: RequesterId = RequesterId::bdf(0, 3, 0);

    #[test]
    fn it_answers_until_it_is_told_to_forget() {
        let mut atc = Atc::new(NIC, 4, &DEVICE_TLB);
        let (at, to) = (Iova::new(0x1234), PhysAddr::new(0x9234));
        assert_eq!(atc.find(None, at, Perms::R, || None, &mut Off), None);
        atc.keep(None, at, to, PageSize::SIZE_4K, Perms::R, &mut Off);
        atc.keep(
            None,
            Iova::new(0x20_0000),
            PhysAddr::new(0x40_0000),
            PageSize::SIZE_2M,
            Perms::RW,
            &mut Off,
        );
        let mut trace = Trace::new();
        assert_eq!(atc.find(None, at, Perms::R, || Some(to), &mut trace), Some((to, PageSize::SIZE_4K)));
        assert_eq!(atc.find(None, at, Perms::W, || Some(to), &mut trace), None);
        assert!(atc.find(None, at, Perms::R, || None, &mut trace).is_some());
        assert_eq!(atc.find(Pasid::new(7), at, Perms::R, || None, &mut trace), None);
        let ops: Vec<_> = trace
            .steps()
            .iter()
            .filter_map(|s| if let Event::Cache { op, .. } = s.event { Some(op) } else { None })
            .collect();
        assert_eq!(ops, [CacheOp::Hit, CacheOp::Denied, CacheOp::Stale, CacheOp::Miss]);
        let inside = of(0x3ff, 0, None);
        assert_eq!(atc.forget(&inside, &mut Off), 1, "a part of a large page takes all of it");
        assert_eq!((atc.len(), atc.forget_all(&mut Off)), (1, 1));
    }

    fn of(page: u64, order: u8, pasid: Option<u32>) -> Forget {
        Forget { pasid, global: false, pages: Napot { page, order } }
    }

    /// Without a PASID a request is about everything of its range; a global one with a PASID, about that of every PASID.
    #[test]
    fn a_request_without_a_pasid_is_about_those_of_pasids_too() {
        let mut full = Atc::new(NIC, 8, &DEVICE_TLB);
        for (pasid, page) in [(None, 4), (Some(7), 4), (Some(8), 4), (Some(7), 8)] {
            let (pasid, at) = (pasid.and_then(Pasid::new), Iova::new(page << 12));
            full.keep(pasid, at, PhysAddr::new(0x9000), PageSize::SIZE_4K, Perms::RW, &mut Off);
        }
        let forgotten = |request: Forget| full.clone().forget(&request, &mut Off);
        assert_eq!(forgotten(of(4, 0, None)), 3);
        assert_eq!(forgotten(of(4, 2, None)), 3, "the range ends before page 8");
        assert_eq!(forgotten(of(0, 52, None)), 4);
        assert_eq!(forgotten(of(4, 0, Some(7))), 1);
        assert_eq!(forgotten(Forget { global: true, ..of(4, 0, Some(7)) }), 2);
        let mut lent = DeviceTlbs::default();
        lent.lend(full.take(), Some(0x77));
        lent.forget(0x19, &of(4, 0, Some(7)), &mut Off);
        lent.forget_by_id(u32::from(NIC.bdf16()), &of(4, 0, Some(7)), &mut Off);
        assert_eq!(full.len(), 0);
        lent.forget(NIC.bdf16(), &of(4, 0, Some(7)), &mut Off);
        lent.forget_by_id(0x77, &of(4, 0, Some(8)), &mut Off);
        assert_eq!(lent.take_back().map(|tlb| tlb.len()).collect::<Vec<_>>(), [2]);
    }

    proptest! {
        /// What is found is what was kept last for that page, and nothing that was forgotten.
        #[test]
        fn never_answers_what_was_forgotten(
            entries in 0usize..12,
            ops in proptest::collection::vec((0u64..16, 0u64..64, 0u8..3, proptest::option::of(0u32..2)), 1..80),
        ) {
            let mut atc = Atc::new(NIC, entries, &DEVICE_TLB);
            let mut flat = alloc::collections::BTreeMap::new();
            for (page, frame, op, pasid) in ops {
                let pasid = pasid.and_then(Pasid::new);
                let at = Iova::new(page << 12);
                match op {
                    0 => {
                        atc.keep(pasid, at, PhysAddr::new(frame << 12), PageSize::SIZE_4K, Perms::RW, &mut Off);
                        flat.insert((page, pasid), frame << 12);
                    }
                    1 => {
                        atc.forget(&of(page, 0, pasid.map(Pasid::raw)), &mut Off);
                        flat.retain(|key, _| key.0 != page || pasid.is_some() && key.1 != pasid);
                    }
                    _ => {
                        if let Some((to, _)) = atc.find(pasid, at, Perms::R, || None, &mut Off) {
                            prop_assert_eq!(Some(&to.raw()), flat.get(&(page, pasid)));
                        }
                    }
                }
            }
        }
    }
}
