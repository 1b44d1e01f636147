//! Commands: what the driver posts so that the unit forgets (RISC-V IOMMU, "Command-Queue").

use super::{csr, reg, Riscv};
use crate::addr::{AddrRange, Address, Iova, RequesterId};
use crate::iommu::ats::Napot;
use crate::iommu::riscv::entries::command;
use crate::iommu::riscv::spec::registers::capabilities as cap;
use crate::iommu::{Ctx, DomainKind, DriverError, Invalidation, PageRequest};
use crate::trace::{write_run, Actor, Observer};
use alloc::vec::Vec;

type Posted = [u64; 2];

const VMA_ALL: Posted = [1, 0];
const GVMA_ALL: Posted = [1 | 1 << 7, 0];
const AV: u64 = 1 << 10;
const PSCV: u64 = 1 << 32;
const GV: u64 = 1 << 33;

const fn directory(device: Option<RequesterId>) -> Posted {
    match device {
        None => [3, 0],
        Some(d) => [3 | 1 << 33 | (d.raw() as u64 & 0xff_ffff) << 40, 0],
    }
}

impl Riscv {
    /// Writes commands and a fence, moves the tail, and clears what stopped the queue.
    fn submit<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, list: &[Posted]) -> Result<(), DriverError> {
        self.driver.sequence = self.driver.sequence.wrapping_add(1);
        let data = u64::from(self.driver.sequence) << 32;
        // PR and PW: earlier reads and writes of devices are done when the fence is.
        let fence = [2 | AV | 3 << 12 | data, self.driver.fence.raw() >> 2];
        for words in list.iter().chain([&fence]) {
            let tail = self.regs.get(reg::cqt::OFFSET, 4);
            let at = self.driver.commands.wrapping_add(tail * 16);
            let stored = self.ordered(*words);
            write_run(ctx.memory, ctx.obs, Actor::Os, command(words[0]), at, &stored)?;
            self.os_write(ctx, reg::cqt::OFFSET, 4, (tail + 1) % 256);
            let stopped = self.regs.get(reg::cqcsr::OFFSET, 4) & (csr::MF | csr::TO | csr::ILL);
            if stopped != 0 {
                // The command that stopped the queue becomes a fence that does nothing, and the queue goes on.
                let head = self.regs.get(reg::cqh::OFFSET, 4);
                let at = self.driver.commands.wrapping_add(head * 16);
                let nothing = self.ordered([2, 0]);
                write_run(ctx.memory, ctx.obs, Actor::Os, command(2), at, &nothing)?;
                self.os_write(ctx, reg::cqcsr::OFFSET, 4, csr::EN | csr::IE | stopped);
            }
        }
        self.acknowledge(ctx, 1);
        Ok(())
    }

    /// Clears a pending interrupt of the unit.
    pub(super) fn acknowledge<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, bit: u64) {
        if self.regs.get(reg::ipsr::OFFSET, 4) & bit != 0 {
            self.os_write(ctx, reg::ipsr::OFFSET, 4, bit);
        }
    }

    pub(super) fn flush_all<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        self.submit(ctx, &[directory(None), VMA_ALL, GVMA_ALL])
    }

    /// After a valid device context changed (RISC-V IOMMU, "Device Directory Table entry changes").
    pub(super) fn flush_device<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
    ) -> Result<(), DriverError> {
        self.submit(ctx, &[directory(Some(device)), VMA_ALL, GVMA_ALL])
    }

    fn process_pages(
        &self,
        device: Option<RequesterId>,
        domain: Option<u16>,
        pscid: u64,
        page: Posted,
    ) -> Posted {
        let below = device.and_then(|d| self.driver.below.get(&d.raw()).copied()).or(domain);
        let guest = below.map_or(0, |id| GV | u64::from(id) << 44);
        [1 | PSCV | pscid << 12 | guest | page[0], page[1]]
    }

    pub(super) fn flush_process<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        process: u32,
    ) -> Result<(), DriverError> {
        let entry = directory(Some(device))[0] | 1 << 7 | u64::from(process) << 12;
        let pages = self.process_pages(Some(device), None, u64::from(process), [0, 0]);
        self.submit(ctx, &[[entry, 0], pages])
    }

    fn second(&self, id: u16) -> bool {
        self.driver.domains.get(&id).is_some_and(|d| d.kind == DomainKind::Stage2)
    }

    /// The commands for translations: of a second-stage domain, or of a first stage by PSCID.
    fn pages_of(&self, id: u16, page: Posted) -> Posted {
        if self.second(id) {
            [1 | 1 << 7 | GV | u64::from(id) << 44 | page[0], page[1]]
        } else {
            self.process_pages(None, None, Self::DOMAIN_PSCID | u64::from(id), page)
        }
    }

    fn address_words(&self, range: &AddrRange<Iova>) -> Posted {
        let (page, many) = Napot::covering(range).sized();
        match (many, self.config.has(cap::S)) {
            // Without range invalidation, all of the address space is forgotten.
            (true, false) => [0, 0],
            _ => [AV, page << 10 & 0x3fff_ffff_ffff_ffff | u64::from(many) << 9],
        }
    }

    pub(in crate::iommu::riscv) fn post_invalidation<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        what: Invalidation,
    ) -> Result<(), DriverError> {
        match what {
            Invalidation::All => self.flush_all(ctx),
            Invalidation::Translations => self.submit(ctx, &[VMA_ALL, GVMA_ALL]),
            // IODIR.INVAL_DDT forgets the process contexts of its devices too; for these alone it wants a device.
            Invalidation::Devices | Invalidation::Processes => self.submit(ctx, &[directory(None)]),
            Invalidation::Device(device) => self.submit(ctx, &[directory(Some(device))]),
            Invalidation::Process(device, pasid) => {
                let low = directory(Some(device))[0] | 1 << 7 | u64::from(pasid.raw()) << 12;
                self.submit(ctx, &[[low, 0]])
            }
            Invalidation::Domain(id) => {
                let words = self.pages_of(id.0, [0, 0]);
                self.submit(ctx, &[words])
            }
            Invalidation::Pages(id, range) => {
                let words = self.pages_of(id.0, self.address_words(&range));
                self.submit(ctx, &[words])
            }
            Invalidation::PasidAll(id, pasid) => self.forget_process(ctx, id.0, pasid.raw(), [0, 0]),
            Invalidation::PasidPages(id, pasid, range) => {
                let page = self.address_words(&range);
                self.forget_process(ctx, id.0, pasid.raw(), page)
            }
            Invalidation::DeviceTlb(device, pasid, range) => {
                let (page, many) = Napot::covering(&range).sized();
                let id = u64::from(device.bdf16()) << 40;
                let process = pasid.map_or(0, |p| 1 << 32 | u64::from(p.raw()) << 12);
                self.submit(ctx, &[[4 | process | id, page << 12 | u64::from(many) << 11]])
            }
            Invalidation::Interrupts => self.submit(ctx, &[GVMA_ALL]),
        }
    }

    /// A process is tagged with its PSCID, and with the GSCID where it has a second stage: either way it goes.
    fn forget_process<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: u16,
        pasid: u32,
        page: Posted,
    ) -> Result<(), DriverError> {
        let mut list = Vec::new();
        list.push(self.process_pages(None, None, u64::from(pasid), page));
        if self.second(domain) {
            list.push(self.process_pages(None, Some(domain), u64::from(pasid), page));
        }
        self.submit(ctx, &list)
    }

    pub(in crate::iommu::riscv) fn post_response<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        request: &PageRequest,
        ok: bool,
    ) -> Result<(), DriverError> {
        if !self.config.has(cap::ATS) {
            return Err(DriverError::Unsupported("page requests (capabilities.ATS)"));
        }
        let rid = u64::from(request.requester.bdf16());
        let process = request.pasid.map_or(0, |p| 1 << 32 | u64::from(p.raw()) << 12);
        // Payload of a Page Request Group Response: index, response code (0 success, 1 invalid), destination.
        let payload = u64::from(request.group & 0x1ff) << 32 | u64::from(!ok) << 44 | rid << 48;
        self.submit(ctx, &[[4 | 1 << 7 | process | rid << 40, payload]])
    }
}
