//! Posting invalidations: descriptors written at the tail, a wait descriptor behind them, then the tail register
//! (VT-d 6.5.2).

use super::SHARED_DOMAIN;
use crate::addr::{AddrRange, Address, Iova, RequesterId};
use crate::iommu::vtd::descriptors as d;
use crate::iommu::vtd::regs::{bit, offset};
use crate::iommu::vtd::Vtd;
use crate::iommu::{Ctx, DriverError, Invalidation, PageRequest};
use crate::spec::EntryType;
use crate::trace::{write_run, Actor, Observer};

type Posted = (&'static EntryType, [u64; 4]);

fn did(id: u16) -> u64 {
    u64::from(id) << 16
}

fn context_global() -> Posted {
    (&d::CONTEXT_CACHE, [1 | 1 << 4, 0, 0, 0])
}
fn context_device(device: RequesterId) -> Posted {
    (&d::CONTEXT_CACHE, [1 | 3 << 4 | u64::from(device.bdf16()) << 32, 0, 0, 0])
}
fn iotlb_global() -> Posted {
    (&d::IOTLB, [2 | 1 << 4 | 3 << 6, 0, 0, 0])
}
fn iotlb_domain(id: u16) -> Posted {
    (&d::IOTLB, [2 | 2 << 4 | 3 << 6 | did(id), 0, 0, 0])
}
fn pasid_cache_global() -> Posted {
    (&d::PASID_CACHE, [7 | 3 << 4, 0, 0, 0])
}
fn pasid_cache(id: u16, pasid: Option<u32>) -> Posted {
    let g = u64::from(pasid.is_some());
    (&d::PASID_CACHE, [7 | g << 4 | did(id) | u64::from(pasid.unwrap_or(0)) << 32, 0, 0, 0])
}
fn pasid_iotlb(id: u16, pasid: u32) -> Posted {
    (&d::PASID_IOTLB, [6 | 2 << 4 | did(id) | u64::from(pasid) << 32, 0, 0, 0])
}
fn interrupts_global() -> Posted {
    (&d::INTERRUPT_CACHE, [4, 0, 0, 0])
}

/// The aligned power of two of pages that covers the range: its address and AM.
fn cover(range: &AddrRange<Iova>) -> (u64, u8) {
    let (first, last) = (range.start.raw() >> 12, range.last().raw() >> 12);
    let am = (64 - (first ^ last).leading_zeros()) as u8;
    (if am >= 52 { 0 } else { first >> am << am << 12 }, am)
}

/// Address and S of a device-TLB invalidation: ones below the lowest zero say how many pages (VT-d 6.5.2.5).
fn sized(range: &AddrRange<Iova>) -> (u64, bool) {
    let (address, am) = cover(range);
    match am {
        0 => (address, false),
        _ => (address | ((1u64 << (am.min(52) - 1)) - 1) << 12, true),
    }
}

impl Vtd {
    /// Writes descriptors and a wait descriptor, moves the tail, and looks at the status that the unit wrote.
    fn submit<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, list: &[Posted]) -> Result<(), DriverError> {
        self.driver.sequence = self.driver.sequence.wrapping_add(1);
        let sequence = self.driver.sequence;
        let status = self.driver.status;
        let wait = (&d::WAIT, [5 | 1 << 5 | u64::from(sequence) << 32, status.raw(), 0, 0]);
        let mut tail = self.regs.get(offset::IQT, 8);
        let step = if self.config.scalable_mode() { 32 } else { 16 };
        let wait: Posted = wait;
        for (entry, words) in list.iter().chain([&wait]) {
            let at = self.driver.queue.wrapping_add(tail);
            // In a queue of 256-bit descriptors the upper half is written too, and is 0.
            write_run(ctx.memory, ctx.obs, Actor::Os, entry, at, &words[..step as usize / 8])?;
            tail = (tail + step) % 4096;
        }
        self.os_write(ctx, offset::IQT, 8, tail);
        // A descriptor that stops the queue is replaced by one that does nothing, as Linux does.
        for _ in 0..=list.len() {
            let fault = self.regs.get(offset::FSTS, 4) & (bit::IQE | bit::ITE);
            if fault == 0 {
                break;
            }
            let head = self.regs.get(offset::IQH, 8) % 4096;
            let nothing = [5 | 1 << 6, 0, 0, 0];
            let at = self.driver.queue.wrapping_add(head);
            write_run(ctx.memory, ctx.obs, Actor::Os, &d::WAIT, at, &nothing[..step as usize / 8])?;
            self.os_write(ctx, offset::FSTS, 4, fault);
        }
        Ok(())
    }

    pub(super) fn flush_all<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        if self.config.scalable_mode() {
            self.submit(ctx, &[context_global(), pasid_cache_global(), iotlb_global(), interrupts_global()])
        } else {
            self.submit(ctx, &[context_global(), iotlb_global(), interrupts_global()])
        }
    }

    pub(super) fn flush_context<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
    ) -> Result<(), DriverError> {
        self.submit(ctx, &[context_device(device)])
    }

    /// After a present context entry changed: its device, then all of the domain it was in (VT-d 6.5.3.3).
    pub(super) fn flush_device<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        domain: u16,
    ) -> Result<(), DriverError> {
        if self.config.scalable_mode() {
            self.submit(ctx, &[context_device(device), pasid_cache(domain, None), iotlb_domain(domain)])
        } else {
            self.submit(ctx, &[context_device(device), iotlb_domain(domain)])
        }
    }

    pub(super) fn flush_pasid<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: u16,
        pasid: u32,
    ) -> Result<(), DriverError> {
        self.submit(ctx, &[pasid_cache(domain, Some(pasid)), pasid_iotlb(domain, pasid)])
    }

    pub(super) fn flush_interrupt<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        index: u16,
    ) -> Result<(), DriverError> {
        self.submit(ctx, &[(&d::INTERRUPT_CACHE, [4 | 1 << 4 | u64::from(index) << 32, 0, 0, 0])])
    }

    /// The domain id that a PASID's entries carry: a process without a second stage is in the shared one.
    fn tagged_with(&self, domain: u16, pasid: u32) -> u16 {
        let mut known = self.driver.pasid_domains.iter().filter(|((_, p), _)| *p == pasid).map(|(_, d)| *d);
        match known.clone().any(|d| d == domain) {
            true => domain,
            false => known.next().unwrap_or(domain),
        }
    }

    pub(in crate::iommu::vtd) fn post_invalidation<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        what: Invalidation,
    ) -> Result<(), DriverError> {
        let scalable = self.config.scalable_mode();
        let most = self.config.max_address_mask();
        match what {
            Invalidation::All => self.flush_all(ctx),
            Invalidation::Translations => self.submit(ctx, &[iotlb_global()]),
            Invalidation::Devices => self.submit(ctx, &[context_global()]),
            Invalidation::Processes if !scalable => Err(DriverError::Unsupported("PASIDs (ECAP.SMTS)")),
            Invalidation::Processes => self.submit(ctx, &[pasid_cache_global()]),
            Invalidation::Device(device) => {
                let rid = self.driver.pasid_domains.get(&(device.bdf16(), 0)).copied();
                match rid.filter(|_| scalable) {
                    Some(domain) => self.submit(ctx, &[context_device(device), pasid_cache(domain, Some(0))]),
                    None => self.submit(ctx, &[context_device(device)]),
                }
            }
            Invalidation::Process(device, pasid) => {
                if !scalable {
                    return Err(DriverError::Unsupported("PASIDs (ECAP.SMTS)"));
                }
                let key = (device.bdf16(), pasid.raw());
                let domain = self.driver.pasid_domains.get(&key).copied().unwrap_or(SHARED_DOMAIN);
                self.submit(ctx, &[pasid_cache(domain, Some(pasid.raw()))])
            }
            Invalidation::Domain(id) => self.submit(ctx, &[iotlb_domain(id.0)]),
            Invalidation::Pages(id, range) => {
                let (address, am) = cover(&range);
                if !self.config.page_selective() || am > most {
                    return self.submit(ctx, &[iotlb_domain(id.0)]);
                }
                // Tables of the first stage are tagged with a PASID: for requests without one, RID_PASID.
                let first =
                    self.driver.domains.get(&id.0).is_some_and(|d| d.kind == super::DomainKind::Stage1);
                let words = address | u64::from(am);
                if first {
                    self.submit(ctx, &[(&d::PASID_IOTLB, [6 | 3 << 4 | did(id.0), words, 0, 0])])
                } else {
                    self.submit(ctx, &[(&d::IOTLB, [2 | 3 << 4 | 3 << 6 | did(id.0), words, 0, 0])])
                }
            }
            Invalidation::PasidAll(id, pasid) => {
                let id = self.tagged_with(id.0, pasid.raw());
                self.submit(ctx, &[pasid_iotlb(id, pasid.raw())])
            }
            Invalidation::PasidPages(id, pasid, range) => {
                let id = self.tagged_with(id.0, pasid.raw());
                let (address, am) = cover(&range);
                if am > most {
                    return self.submit(ctx, &[pasid_iotlb(id, pasid.raw())]);
                }
                let low = 6 | 3 << 4 | did(id) | u64::from(pasid.raw()) << 32;
                self.submit(ctx, &[(&d::PASID_IOTLB, [low, address | u64::from(am), 0, 0])])
            }
            Invalidation::DeviceTlb(device, pasid, range) => {
                let (address, size) = sized(&range);
                let sid = u64::from(device.bdf16());
                match pasid.filter(|_| scalable) {
                    Some(pasid) => {
                        let low = 8 | sid << 16 | u64::from(pasid.raw()) << 32;
                        self.submit(
                            ctx,
                            &[(&d::PASID_DEVICE_TLB, [low, address | u64::from(size) << 11, 0, 0])],
                        )
                    }
                    None => self
                        .submit(ctx, &[(&d::DEVICE_TLB, [3 | sid << 32, address | u64::from(size), 0, 0])]),
                }
            }
            Invalidation::Interrupts => self.submit(ctx, &[interrupts_global()]),
        }
    }

    pub(in crate::iommu::vtd) fn post_response<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        request: &PageRequest,
        ok: bool,
    ) -> Result<(), DriverError> {
        if !self.config.scalable_mode() || !self.config.page_requests() {
            return Err(DriverError::Unsupported("page requests (ECAP.PRS)"));
        }
        let mut low = 9 | u64::from(request.requester.bdf16()) << 16 | if ok { 0 } else { 1 << 12 };
        if let Some(pasid) = request.pasid {
            low |= 1 << 4 | u64::from(pasid.raw()) << 32;
        }
        let high = u64::from(request.last) << 2 | u64::from(request.group & 0x1ff) << 3;
        self.submit(ctx, &[(&d::PAGE_RESPONSE, [low, high, 0, 0])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_covered_by_the_smallest_aligned_power_of_two() {
        let range = |start, len| AddrRange::new(Iova::new(start), len).unwrap();
        assert_eq!(cover(&range(0x5000, 0x1000)), (0x5000, 0));
        assert_eq!(cover(&range(0x5000, 0x2000)), (0x4000, 2));
        assert_eq!(cover(&range(0x4000, 0x2000)), (0x4000, 1));
        assert_eq!(cover(&range(0, u64::MAX)).1, 52);
        assert_eq!(sized(&range(0x4000, 0x2000)), (0x4000, true));
        assert_eq!(sized(&range(0x4000, 0x4000)), (0x5000, true));
    }
}
