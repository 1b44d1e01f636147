//! What the driver reads back: events and page requests; and the message of an interrupt.

use super::its::ItsDriver;
use crate::addr::{Address, Iova, Pasid, PhysAddr, RequesterId};
use crate::iommu::smmuv3::spec::events::{self, address, configuration, page_request, translation};
use crate::iommu::smmuv3::spec::registers::*;
use crate::iommu::smmuv3::Smmuv3;
use crate::iommu::{Ctx, DomainId, DriverError, FaultRecord, InterruptEntry, Message, PageRequest};
use crate::memory::MemError;
use crate::platform::its::DOORBELL_IOVA;
use crate::spec::Bits;
use crate::trace::{Observer, Perms};
use alloc::vec::Vec;

/// Returns an event out of its words; `None` where its number is none.
pub fn decode_record(words: &[u64; 4]) -> Option<FaultRecord> {
    let code = events::by_code(words.bits(configuration::NUMBER) as u16)?;
    let substream = words.bits(configuration::SSID) as u32;
    Some(FaultRecord {
        code,
        requester: RequesterId::new(words.bits(configuration::SID) as u32),
        pasid: words.is_set(configuration::SSV).then(|| Pasid::new(substream)).flatten(),
        address: words.bits(address::INPUT),
        want: match (words.is_set(translation::IND), words.is_set(translation::RNW)) {
            (true, _) => Perms::X,
            (false, true) => Perms::R,
            (false, false) => Perms::W,
        },
    })
}

impl Smmuv3 {
    fn words<const N: usize, O: Observer>(
        ctx: &mut Ctx<'_, O>,
        at: PhysAddr,
    ) -> Result<[u64; N], DriverError> {
        if !ctx.obs.spend(N as u64) {
            return Err(MemError::Budget.into());
        }
        let mut words = [0; N];
        for (i, word) in words.iter_mut().enumerate() {
            *word = ctx.memory.read_u64(at.wrapping_add(i as u64 * 8))?;
        }
        Ok(words)
    }

    pub(in crate::iommu::smmuv3) fn read_faults<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Result<Vec<FaultRecord>, DriverError> {
        let mut out = Vec::new();
        let ring = self.ring(eventq_base::OFFSET, 32, idr1::EVENTQS);
        let prod = self.regs.get(eventq_prod::OFFSET, 4);
        let mut cons = self.regs.get(eventq_cons::OFFSET, 4);
        let was = cons;
        for _ in 0..ring.entries {
            if ring.is_empty(prod, cons) {
                break;
            }
            out.extend(decode_record(&Self::words::<4, O>(ctx, ring.slot(ring.index(cons)))?));
            cons = cons.with(eventq_cons::RD, ring.next(cons));
        }
        // An overflow is acknowledged by making the flags equal again.
        let cons = cons.with(eventq_cons::OVACKFLG, prod.bits(eventq_prod::OVFLG));
        if cons != was {
            self.os_write(ctx, eventq_cons::OFFSET, 4, cons);
        }
        self.acknowledge_errors(ctx);
        Ok(out)
    }

    /// What Linux's `arm_smmu_gerror_handler` does: it says that it saw the errors.
    fn acknowledge_errors<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) {
        let (now, done) = (self.regs.get(gerror::OFFSET, 4), self.regs.get(gerrorn::OFFSET, 4));
        if now != done {
            self.os_write(ctx, gerrorn::OFFSET, 4, now);
        }
    }

    pub(in crate::iommu::smmuv3) fn read_page_requests<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Result<Vec<PageRequest>, DriverError> {
        let mut out = Vec::new();
        let ring = self.ring(priq_base::OFFSET, 16, idr1::PRIQS);
        let prod = self.regs.get(priq_prod::OFFSET, 4);
        let mut cons = self.regs.get(priq_cons::OFFSET, 4);
        let was = cons;
        for _ in 0..ring.entries {
            if ring.is_empty(prod, cons) {
                break;
            }
            let words = Self::words::<2, O>(ctx, ring.slot(ring.index(cons)))?;
            let substream = words.bits(page_request::SSID) as u32;
            out.push(PageRequest {
                requester: RequesterId::new(words.bits(page_request::SID) as u32),
                pasid: words.is_set(page_request::SSV).then(|| Pasid::new(substream)).flatten(),
                at: Iova::new(words.address(page_request::ADDR)),
                want: Perms::when(Perms::R, words.is_set(page_request::R))
                    .or(Perms::when(Perms::W, words.is_set(page_request::W)))
                    .or(Perms::when(Perms::X, words.is_set(page_request::X))),
                last: words.is_set(page_request::LAST),
                group: words.bits(page_request::PRGINDEX) as u16,
            });
            cons = cons.with(priq_cons::RD, ring.next(cons));
        }
        let cons = cons.with(priq_cons::OVACKFLG, prod.bits(priq_prod::OVFLG));
        if cons != was {
            self.os_write(ctx, priq_cons::OFFSET, 4, cons);
        }
        Ok(out)
    }

    /// Gives an interrupt its EventID: the ITS is set up on first use, the device and the event are mapped by commands,
    /// and the doorbell is mapped in every domain.
    pub(in crate::iommu::smmuv3) fn write_its_entry<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> Result<Message, DriverError> {
        let mut its = match self.driver.its.take() {
            Some(its) => its,
            None => {
                let its = ItsDriver::start(ctx)?;
                let domains: Vec<u16> = self.driver.domains.keys().copied().collect();
                for id in domains {
                    self.map_doorbell(ctx, DomainId(id))?;
                }
                its
            }
        };
        let done = match entry {
            Some(entry) => {
                let device = entry.source.map_or(0, |source| source.raw());
                its.map_event(ctx, device, index, u32::from(entry.vector), entry.destination)
            }
            None => its.discard(ctx, index),
        };
        self.driver.its = Some(its);
        done?;
        Ok(self.its_message(index))
    }

    /// The message of an interrupt: its EventID, written to the doorbell as the device sees it.
    pub(in crate::iommu::smmuv3) fn its_message(&self, index: u16) -> Message {
        let event = self.driver.its.as_ref().map_or(u32::from(index), |its| its.event(index));
        Message { address: DOORBELL_IOVA, data: event }
    }
}
