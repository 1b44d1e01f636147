//! Page requests (VT-d 7.4): what a device asks software to make present, through a queue in memory.

use super::descriptors::PAGE_REQUEST;
use super::faults as f;
use super::record::About;
use super::regs::offset;
use super::route::{Failure, Mode};
use super::Vtd;
use crate::addr::PhysAddr;
use crate::iommu::{PageRequest, PasidTag, Request, RequestKind};
use crate::memory::Memory;
use crate::trace::{write_run, Actor, Observer, Perms};

/// The descriptor of a page request.
pub fn encode(request: &PageRequest) -> [u64; 4] {
    let mut low = 1 | u64::from(request.requester.bdf16()) << 16;
    if let Some(pasid) = request.pasid {
        low |= 1 << 8 | u64::from(pasid.raw()) << 32;
        low |= u64::from(request.want.has(Perms::X)) << 52;
    }
    let high = request.at.raw() & !0xfff
        | u64::from(request.want.has(Perms::R))
        | u64::from(request.want.has(Perms::W)) << 1
        | u64::from(request.last) << 2
        | u64::from(request.group & 0x1ff) << 3;
    [low, high, 0, 0]
}

impl Vtd {
    /// Takes a page request into the queue.
    pub(super) fn take_page_request<O: Observer>(
        &mut self,
        memory: &mut Memory,
        page: &PageRequest,
        obs: &mut O,
    ) -> bool {
        let mut request = Request::new(page.requester, page.at, page.want, 0);
        request.kind = RequestKind::Translation { no_write: !page.want.has(Perms::W) };
        request.pasid = page.pasid.map(|pasid| PasidTag { pasid, privileged: false, execute: false });
        if let Err(failure) = self.may_request_pages(memory, &request, obs) {
            self.refuse(failure, &About::of(&request), obs);
            return false;
        }
        let status = self.regs.get(offset::PRS, 4);
        let pqa = self.regs.get(offset::PQA, 8);
        let size = 4096u64 << (pqa & 7);
        let (head, tail) = (self.regs.get(offset::PQH, 8) % size, self.regs.get(offset::PQT, 8) % size);
        let next = (tail + 32) % size;
        if status & 2 != 0 || next == head {
            // Page request overflow: the unit answers by itself until software clears it (VT-d 7.4.2).
            self.set_register(offset::PRS, 4, status | 2, obs);
            return false;
        }
        let pa = PhysAddr::new((pqa & !0xfff).wrapping_add(tail));
        if write_run(memory, obs, Actor::Iommu, &PAGE_REQUEST, pa, &encode(page)).is_err() {
            return false;
        }
        self.set_register(offset::PQT, 8, next, obs);
        if status & 1 == 0 {
            self.set_register(offset::PRS, 4, status | 1, obs);
            self.event(offset::PECTL, obs);
        }
        true
    }

    fn may_request_pages<O: Observer>(
        &mut self,
        memory: &Memory,
        request: &Request,
        obs: &mut O,
    ) -> Result<(), Failure> {
        match self.reader(false).mode() {
            Mode::Scalable if self.config.page_requests() => {}
            _ => return Err(Failure::new(&f::RTA_3, false)),
        }
        let context = self.context(memory, request, true, obs)?;
        if context.words[0] >> 4 & 1 == 0 {
            return Err(Failure::new(&f::SCT_8, context.fpd()));
        }
        Ok(())
    }
}
