//! Page requests (VT-d 7.4): pages that a device requests software to make present, through a queue in memory.

use super::context::{Failure, Mode, Reader};
use super::fault_log::About;
use super::records::emit_page_request;
use super::spec::commands::PAGE_REQUEST;
use super::spec::faults as f;
use super::spec::registers::{prs, PECTL, PQA, PQH, PQT, PRS};
use super::spec::structures::sm_context;
use super::translate::find_context;
use super::{queues, VtdUnit};
use crate::iommu::registers::Registers;
use crate::iommu::{PageRequest, PasidTag, Request, RequestKind};
use crate::memory::Memory;
use crate::spec::Bits;
use crate::trace::{write_run, Actor, Observer, Perms};

impl VtdUnit {
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
        let status = self.regs.of(&PRS);
        let ring = queues::page_requests(self.regs.of(&PQA));
        let (head, tail) = (self.regs.of(&PQH), self.regs.of(&PQT));
        if status.is_set(prs::PRO) || ring.is_full(head, tail) {
            // Page request overflow: the unit answers by itself until software clears it (VT-d 7.4.2).
            self.set(prs::OFFSET, prs::BYTES, status.with_flag(prs::PRO, true), obs);
            return false;
        }
        let pa = ring.slot(ring.index(tail));
        if write_run(memory, obs, Actor::Iommu, &PAGE_REQUEST, pa, &emit_page_request(page)).is_err() {
            return false;
        }
        self.set(PQT.offset, PQT.bytes, ring.next(tail), obs);
        if !status.is_set(prs::PPR) {
            self.set(prs::OFFSET, prs::BYTES, status.with_flag(prs::PPR, true), obs);
            self.event(&PECTL, obs);
        }
        true
    }

    fn may_request_pages<O: Observer>(
        &mut self,
        memory: &mut Memory,
        request: &Request,
        obs: &mut O,
    ) -> Result<(), Failure> {
        match self.reader(true).mode() {
            Mode::Scalable => {}
            _ => return Err(Failure::new(&f::RTA_3, false)),
        }
        let reader = Reader { config: &self.config, rtaddr: self.root, look: false };
        let context =
            find_context(&reader, &mut Some(&mut self.caches), memory, request.requester, true, obs)?;
        // SCT.8: PRE in a present entry is 0. Without ECAP.PRS the field is reserved (VT-d 9.4); that such a unit refuses as
        // though it were 0 is our reading.
        if !context.words.is_set(sm_context::PRE) || !self.config.page_requests() {
            return Err(Failure::new(&f::SCT_8, context.fpd()));
        }
        Ok(())
    }
}
