//! What the driver reads back: events and page requests.

use super::{base, SmmuProgrammer, QUEUE_BITS};
use crate::addr::PhysAddr;
use crate::iommu::driver::{DriverResult, Hardware};
use crate::iommu::smmuv3::records::{parse_event, parse_page_request};
use crate::iommu::smmuv3::ring;
use crate::iommu::smmuv3::spec::registers::*;
use crate::iommu::{FaultRecord, PageRequest};
use crate::spec::{Bits, Register};
use alloc::vec::Vec;

impl SmmuProgrammer {
    /// Takes every record of a queue; an overflow is acknowledged by making the two flags equal again.
    fn take<const N: usize>(
        hw: &mut impl Hardware,
        (at, log2): (PhysAddr, u8),
        (written, read): (&Register, &Register),
    ) -> DriverResult<Vec<[u64; N]>> {
        let ring = ring(base(at, log2), log2.into(), N as u64 * 8);
        let (prod, was) = (hw.of(written), hw.of(read));
        let mut cons = was;
        let mut out = Vec::new();
        while !ring.is_empty(prod, cons) {
            out.push(hw.load(ring.slot(ring.index(cons)))?);
            cons = ring.next(cons);
        }
        let cons =
            0u64.with(eventq_cons::RD, cons).with(eventq_cons::OVACKFLG, prod.bits(eventq_prod::OVFLG));
        if cons != was {
            hw.set(read, cons);
        }
        Ok(out)
    }

    pub(super) fn read_events(&self, hw: &mut impl Hardware) -> DriverResult<Vec<FaultRecord>> {
        let queue = (self.events, self.config.event_queue.min(7));
        let words = Self::take(hw, queue, (&EVENTQ_PROD, &EVENTQ_CONS))?;
        // What Linux's arm_smmu_gerror_handler does: it says that it saw the errors.
        let (now, done) = (hw.of(&GERROR), hw.of(&GERRORN));
        if now != done {
            hw.set(&GERRORN, now);
        }
        Ok(words.iter().filter_map(parse_event).collect())
    }

    pub(super) fn read_page_requests(&self, hw: &mut impl Hardware) -> DriverResult<Vec<PageRequest>> {
        let words = Self::take(hw, (self.pages, QUEUE_BITS), (&PRIQ_PROD, &PRIQ_CONS))?;
        Ok(words.iter().map(parse_page_request).collect())
    }
}
