//! Commands: what the driver posts so that the unit forgets (Linux's `arm_smmu_cmdq_issue_cmdlist` and its callers).

use crate::addr::{AddrRange, Address, Iova, RequesterId};
use crate::iommu::smmuv3::spec::commands::{
    atc_inv, cfgi_cd, cfgi_ste, cfgi_ste_range, command, opcode, pri_resp, resp, sync, tg, tlbi,
};
use crate::iommu::smmuv3::spec::registers::*;
use crate::iommu::smmuv3::Smmuv3;
use crate::iommu::{Ctx, DomainKind, DriverError, Invalidation, PageRequest};
use crate::spec::{Bits, Text};
use crate::trace::{write_run, Actor, Observer};
use alloc::vec::Vec;

type Command = [u64; 2];

const fn plain(code: u8) -> Command {
    [code as u64, 0]
}

/// Forgets every stream table entry: Range 31.
fn all_streams() -> Command {
    plain(opcode::CFGI_STE_RANGE).with(cfgi_ste_range::RANGE, 31)
}

fn one_stream(device: RequesterId) -> Command {
    plain(opcode::CFGI_STE).with(cfgi_ste::SID, device.raw().into()).with_flag(cfgi_ste::LEAF, true)
}

fn one_descriptor(device: RequesterId, number: u32) -> Command {
    plain(opcode::CFGI_CD)
        .with(cfgi_cd::SID, device.raw().into())
        .with_flag(cfgi_cd::SSV, number != 0)
        .with(cfgi_cd::SSID, number.into())
        .with_flag(cfgi_cd::LEAF, true)
}

/// Returns the ranges of 4 KiB pages that cover `range`, as NUM and SCALE say them: largest factors of two first
/// (`__arm_smmu_tlb_inv_range`).
fn ranges(range: &AddrRange<Iova>, base: Command) -> Vec<Command> {
    let (first, last) = (range.start.raw() >> 12, range.last().raw() >> 12);
    let mut page = first;
    let mut left = last - first + 1;
    let mut out = Vec::new();
    // Bounded: each turn takes five bits of the page count.
    while left != 0 {
        let scale = left.trailing_zeros();
        let count = (left >> scale & 31).max(1);
        out.push(
            base.with(tlbi::TG, tg::K4)
                .with(tlbi::SCALE, scale.into())
                .with(tlbi::NUM, count - 1)
                .with(tlbi::TTL, 0)
                .with_flag(tlbi::LEAF, true)
                .with_address(tlbi::ADDR, page << 12),
        );
        page += count << scale;
        left -= count << scale;
    }
    out
}

impl Smmuv3 {
    /// Writes commands and a CMD_SYNC, moves the index, and clears what stopped the queue.
    fn submit<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, list: &[Command]) -> Result<(), DriverError> {
        let fence = plain(opcode::SYNC).with(sync::MSH, 3).with(sync::MSIATTR, 0xf);
        for words in list.iter().chain([&fence]) {
            let ring = self.ring(cmdq_base::OFFSET, 16, idr1::CMDQS);
            let prod = self.regs.get(cmdq_prod::OFFSET, 4);
            let at = self.driver.commands.wrapping_add(ring.index(prod) * 16);
            write_run(ctx.memory, ctx.obs, Actor::Os, command(words[0]), at, words)?;
            self.os_write(ctx, cmdq_prod::OFFSET, 4, ring.next(prod));
            let (now, done) = (self.regs.get(gerror::OFFSET, 4), self.regs.get(gerrorn::OFFSET, 4));
            if (now ^ done).is_set(global_errors::CMDQ_ERR) {
                // The command that stopped the queue becomes a CMD_SYNC, and the queue goes on (arm_smmu_cmdq_skip_err).
                let cons = self.regs.get(cmdq_cons::OFFSET, 4);
                let at = self.driver.commands.wrapping_add(ring.index(cons) * 16);
                let nothing = plain(opcode::SYNC);
                write_run(ctx.memory, ctx.obs, Actor::Os, command(nothing[0]), at, &nothing)?;
                self.os_write(ctx, gerrorn::OFFSET, 4, now);
            }
        }
        Ok(())
    }

    pub(super) fn flush_all<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        let mut list = alloc::vec![all_streams()];
        if self.config.has(idr0::HYP) {
            list.push(plain(opcode::TLBI_EL2_ALL));
        }
        list.push(plain(opcode::TLBI_NSNH_ALL));
        self.submit(ctx, &list)
    }

    pub(super) fn flush_stream<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
    ) -> Result<(), DriverError> {
        self.submit(ctx, &[one_stream(device)])
    }

    pub(super) fn flush_descriptor<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        number: u32,
    ) -> Result<(), DriverError> {
        self.submit(ctx, &[one_descriptor(device, number)])
    }

    fn is_second(&self, id: u16) -> bool {
        self.driver.domains.get(&id).is_some_and(|d| d.kind == DomainKind::Stage2)
    }

    /// The commands for pages of an ASID, or of a VMID's stage 2.
    fn pages(&self, range: &AddrRange<Iova>, base: Command) -> Vec<Command> {
        if self.config.idr3(idr3::RIL) != 0 {
            return ranges(range, base);
        }
        let (first, last) = (range.start.raw() >> 12, range.last().raw() >> 12);
        (first..=last)
            .map(|page| base.with_flag(tlbi::LEAF, true).with_address(tlbi::ADDR, page << 12))
            .collect()
    }

    pub(in crate::iommu::smmuv3) fn post_invalidation<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        what: Invalidation,
    ) -> Result<(), DriverError> {
        let of_vmid = |code, id: u16| plain(code).with(tlbi::VMID, id.into());
        let of_asid = |code, asid: u16| plain(code).with(tlbi::ASID, asid.into());
        match what {
            Invalidation::All => self.flush_all(ctx),
            Invalidation::Translations => self.submit(ctx, &[plain(opcode::TLBI_NSNH_ALL)]),
            Invalidation::Devices | Invalidation::Processes => self.submit(ctx, &[all_streams()]),
            Invalidation::Device(device) => self.submit(ctx, &[one_stream(device)]),
            Invalidation::Process(device, pasid) => self.submit(ctx, &[one_descriptor(device, pasid.raw())]),
            Invalidation::Domain(id) if self.is_second(id.0) => {
                self.submit(ctx, &[of_vmid(opcode::TLBI_S12_VMALL, id.0)])
            }
            Invalidation::Domain(id) => self.submit(ctx, &[of_asid(opcode::TLBI_NH_ASID, id.0)]),
            Invalidation::Pages(id, range) if self.is_second(id.0) => {
                let mut list = self.pages(&range, of_vmid(opcode::TLBI_S2_IPA, id.0));
                // Entries of both stages together know no IPA: under a guest's stage 1 they all go.
                list.push(of_vmid(opcode::TLBI_NH_ALL, id.0));
                self.submit(ctx, &list)
            }
            Invalidation::Pages(id, range) => {
                let list = self.pages(&range, of_asid(opcode::TLBI_NH_VA, id.0));
                self.submit(ctx, &list)
            }
            Invalidation::PasidAll(id, _) => {
                let list: Vec<_> = self.process_tags(id.0).map(|base| base(opcode::TLBI_NH_ASID)).collect();
                self.submit(ctx, &list)
            }
            Invalidation::PasidPages(id, _, range) => {
                let bases: Vec<_> = self.process_tags(id.0).map(|base| base(opcode::TLBI_NH_VA)).collect();
                let list: Vec<_> = bases.into_iter().flat_map(|base| self.pages(&range, base)).collect();
                self.submit(ctx, &list)
            }
            Invalidation::DeviceTlb(device, pasid, range) => {
                let (first, last) = (range.start.raw() >> 12, range.last().raw() >> 12);
                // The aligned power of two of pages that covers the range (arm_smmu_atc_inv_to_cmd).
                let log2 = u64::from(64 - (first ^ last).leading_zeros()).min(52);
                let words = plain(opcode::ATC_INV)
                    .with(atc_inv::SID, device.raw().into())
                    .with_flag(atc_inv::SSV, pasid.is_some())
                    .with(atc_inv::SSID, pasid.map_or(0, |p| p.raw().into()))
                    .with(atc_inv::SIZE, log2)
                    .with_address(atc_inv::ADDR, first >> log2 << log2 << 12);
                self.submit(ctx, &[words])
            }
            // The ITS is not the SMMU's: it has a queue of its own.
            Invalidation::Interrupts => Ok(()),
        }
    }

    /// Every ASID that processes have, with the VMID of the stage 2 below where the domain is one: which process a PASID
    /// stands for depends on the device, so all are named.
    fn process_tags(&self, domain: u16) -> impl Iterator<Item = impl Fn(u8) -> Command> + '_ {
        let vmid = if self.is_second(domain) { domain } else { 0 };
        self.driver.asids.values().map(move |&asid| {
            move |code| plain(code).with(tlbi::ASID, asid.into()).with(tlbi::VMID, vmid.into())
        })
    }

    pub(in crate::iommu::smmuv3) fn post_response<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        request: &PageRequest,
        ok: bool,
    ) -> Result<(), DriverError> {
        if !self.config.has(idr0::PRI) {
            return Err(DriverError::Unsupported(Text::new(
                "page requests (IDR0.PRI)",
                "页请求（IDR0.PRI）",
            )));
        }
        let words = plain(opcode::PRI_RESP)
            .with(pri_resp::SID, request.requester.raw().into())
            .with_flag(pri_resp::SSV, request.pasid.is_some())
            .with(pri_resp::SSID, request.pasid.map_or(0, |p| p.raw().into()))
            .with(pri_resp::PRGINDEX, request.group.into())
            .with(pri_resp::RESP, if ok { resp::SUCCESS } else { resp::DENY });
        self.submit(ctx, &[words])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The ranges are the pages, each once, in few commands.
        #[test]
        fn ranges_cover_the_pages_exactly(first in 0u64..1 << 36, pages in 1u64..1 << 20) {
            let range = AddrRange::new(Iova::new(first << 12), pages << 12).unwrap();
            let list = ranges(&range, plain(opcode::TLBI_NH_VA));
            let mut next = first << 12;
            for words in &list {
                prop_assert_eq!(words.address(tlbi::ADDR), next);
                next += ((words.bits(tlbi::NUM) + 1) << words.bits(tlbi::SCALE)) << 12;
            }
            prop_assert_eq!(next, (first + pages) << 12);
            prop_assert!(list.len() <= 5);
        }
    }
}
