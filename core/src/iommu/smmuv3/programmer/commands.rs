//! Commands: what the driver posts so that the unit forgets (Linux's `arm_smmu_cmdq_issue_cmdlist` and its callers).

use super::{SmmuProgrammer, DOMAIN_ASID};
use crate::addr::{AddrRange, Iova, Pasid, PhysAddr, RequesterId};
use crate::iommu::ats::Napot;
use crate::iommu::driver::{unsupported, Domains, DriverResult, Words};
use crate::iommu::smmuv3::spec::commands::{
    atc_inv, cfgi_cd, cfgi_ste, cfgi_ste_range, cs, opcode, pri_resp, resp, sync, tg, tlbi,
};
use crate::iommu::smmuv3::spec::registers::{idr0, idr3, queue_base};
use crate::iommu::{DomainId, Invalidation, PageRequest, PageResponse};
use crate::spec::Bits;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// The words of a command.
pub(super) type Command = [u64; 2];

/// Returns a command as the ring takes it.
pub(super) const fn emit(command: Command) -> Words {
    [command[0], command[1], 0, 0]
}

/// Returns the value of a queue's base register.
pub(super) fn base(at: PhysAddr, log2: u8) -> u64 {
    0u64.with_flag(queue_base::RA, true)
        .with_address(queue_base::ADDR, at.raw())
        .with(queue_base::LOG2SIZE, log2.into())
}

/// Returns the ASID of a domain's own tables.
pub(super) const fn domain_asid(id: DomainId) -> u16 {
    DOMAIN_ASID | id.0
}

/// Returns the StreamID that firmware says a device has: its requester id, unless its `iommu-map` says another.
pub(super) fn stream(domains: &Domains, device: RequesterId) -> u32 {
    domains.caps(device).id.unwrap_or(device.raw())
}

/// Returns a CMD_SYNC: Linux wakes up by an event (SEV) where it does not poll a word in memory.
pub(super) fn sync() -> Command {
    plain(opcode::SYNC).with(sync::CS, cs::SEV).with(sync::MSH, 3).with(sync::MSIATTR, 0xf)
}

pub(super) const fn plain(code: u8) -> Command {
    [code as u64, 0]
}

/// Forgets every stream table entry: Range 31.
pub(super) fn all_streams() -> Command {
    plain(opcode::CFGI_STE_RANGE).with(cfgi_ste_range::RANGE, 31)
}

pub(super) fn one_stream(stream: u32) -> Command {
    plain(opcode::CFGI_STE).with(cfgi_ste::SID, stream.into()).with_flag(cfgi_ste::LEAF, true)
}

pub(super) fn one_descriptor(stream: u32, number: u32, leaf: bool) -> Command {
    plain(opcode::CFGI_CD)
        .with(cfgi_cd::SID, stream.into())
        .with(cfgi_cd::SSID, number.into())
        .with_flag(cfgi_cd::LEAF, leaf)
}

/// The level of a page of 4 KiB, as TTL says it.
const PAGE_LEVEL: u64 = 3;

/// Returns the ranges of 4 KiB pages that cover `range`, as NUM and SCALE say them: largest factors of two first
/// (`__arm_smmu_tlb_inv_range`). A range of one page must say its level; where tables may have gone too (`leaf` is false)
/// none is known, and a page more is named instead.
fn ranges(range: &AddrRange<Iova>, base: Command, leaf: bool) -> Vec<Command> {
    let (first, last) = (range.start.raw() >> 12, range.last().raw() >> 12);
    let mut page = first;
    let mut left = last - first + 1;
    left += u64::from(!leaf && left & 31 == 1);
    let mut out = Vec::new();
    // Bounded: each turn takes five bits off the number of pages, or 2^31 pages.
    while left != 0 {
        // SCALE has five bits.
        let scale = left.trailing_zeros().min(31);
        let count = (left >> scale & 31).max(1);
        let one = count == 1 && scale == 0;
        out.push(
            base.with(tlbi::TG, tg::K4)
                .with(tlbi::SCALE, scale.into())
                .with(tlbi::NUM, count - 1)
                .with(tlbi::TTL, if leaf && one { PAGE_LEVEL } else { 0 })
                .with_flag(tlbi::LEAF, leaf)
                .with_address(tlbi::ADDR, page << 12),
        );
        page += count << scale;
        left -= count << scale;
    }
    out
}

impl SmmuProgrammer {
    /// Everything, as Linux forgets it before translation is on.
    pub(super) fn all(&self) -> Vec<Words> {
        let mut list = alloc::vec![all_streams()];
        if self.config.has(idr0::HYP) {
            list.push(plain(opcode::TLBI_EL2_ALL));
        }
        list.push(plain(opcode::TLBI_NSNH_ALL));
        list.into_iter().map(emit).collect()
    }

    /// Returns whether a stage 2 has a stage 1 above it.
    fn is_nested(&self, id: DomainId) -> bool {
        self.below.iter().any(|(stream, below)| *below == id && self.descriptors.get(*stream).is_some())
    }

    /// The commands for pages of an ASID, or of a VMID's stage 2.
    fn pages(&self, range: &AddrRange<Iova>, base: Command, leaf: bool) -> Vec<Command> {
        if self.config.idr3(idr3::RIL) != 0 {
            return ranges(range, base, leaf);
        }
        let (first, last) = (range.start.raw() >> 12, range.last().raw() >> 12);
        (first..=last)
            .map(|page| base.with_flag(tlbi::LEAF, leaf).with_address(tlbi::ADDR, page << 12))
            .collect()
    }

    /// The commands that make the unit forget.
    pub(super) fn forget(&self, domains: &Domains, what: &Invalidation) -> Vec<Words> {
        let vmid = |code, id: DomainId| plain(code).with(tlbi::VMID, id.0.into());
        let asid = |code, id: DomainId| plain(code).with(tlbi::ASID, domain_asid(id).into());
        let list = match *what {
            Invalidation::All => return self.all(),
            Invalidation::Translations => alloc::vec![plain(opcode::TLBI_NSNH_ALL)],
            Invalidation::Devices | Invalidation::Processes => alloc::vec![all_streams()],
            Invalidation::Device(device) => alloc::vec![one_stream(stream(domains, device))],
            Invalidation::Process(device, pasid) => {
                alloc::vec![one_descriptor(stream(domains, device), pasid.raw(), true)]
            }
            Invalidation::Domain(id) if domains.is_second(id) => {
                alloc::vec![vmid(opcode::TLBI_S12_VMALL, id)]
            }
            Invalidation::Domain(id) => alloc::vec![asid(opcode::TLBI_NH_ASID, id)],
            Invalidation::Pages(id, range) if domains.is_second(id) => {
                let mut list = self.pages(&range, vmid(opcode::TLBI_S2_IPA, id), true);
                // Entries of both stages together know no IPA: under a guest's stage 1 they all go, after those of stage 2.
                if self.is_nested(id) {
                    list.extend([sync(), vmid(opcode::TLBI_NH_ALL, id)]);
                }
                list
            }
            Invalidation::Pages(id, range) => self.pages(&range, asid(opcode::TLBI_NH_VA, id), true),
            Invalidation::PasidAll(id, pasid) => {
                self.process_tags(domains, id, pasid).map(|base| base(opcode::TLBI_NH_ASID)).collect()
            }
            Invalidation::PasidPages(id, pasid, range) => {
                let bases = self.process_tags(domains, id, pasid).map(|base| base(opcode::TLBI_NH_VA));
                // The CPU's side does not say which levels changed (`arm_smmu_mm_arch_invalidate_secondary_tlbs`).
                bases.flat_map(|base| self.pages(&range, base, false)).collect()
            }
            Invalidation::DeviceTlb(device, pasid, range) => {
                // The aligned power of two of pages that covers the range (arm_smmu_atc_inv_to_cmd).
                let napot = Napot::covering(&range);
                alloc::vec![plain(opcode::ATC_INV)
                    .with(atc_inv::SID, stream(domains, device).into())
                    .with_flag(atc_inv::SSV, pasid.is_some())
                    .with(atc_inv::SSID, pasid.map_or(0, |p| p.raw().into()))
                    .with(atc_inv::SIZE, napot.order.into())
                    .with_address(atc_inv::ADDR, napot.address())]
            }
            // The ITS is not the SMMU's: it has a queue of its own.
            Invalidation::Interrupts => Vec::new(),
        };
        list.into_iter().map(emit).collect()
    }

    /// The ASIDs that a PASID stood for, with the VMID of the stage 2 below where the domain is one: each device may have
    /// bound it to another process.
    fn process_tags<'a>(
        &'a self,
        domains: &Domains,
        domain: DomainId,
        pasid: Pasid,
    ) -> impl Iterator<Item = impl Fn(u8) -> Command> + 'a {
        let vmid = if domains.is_second(domain) { domain.0 } else { 0 };
        let asids: BTreeSet<u16> =
            self.bound.iter().filter(|(key, _)| key.1 == pasid.raw()).map(|(_, asid)| *asid).collect();
        asids.into_iter().map(move |asid| {
            move |code| plain(code).with(tlbi::ASID, asid.into()).with(tlbi::VMID, vmid.into())
        })
    }

    /// The command that answers a page request.
    pub(super) fn answer(&self, request: &PageRequest, response: PageResponse) -> DriverResult<Words> {
        if !self.config.has(idr0::PRI) {
            return unsupported("page requests (IDR0.PRI)", "页请求（IDR0.PRI）");
        }
        let code = match response {
            PageResponse::Success => resp::SUCCESS,
            PageResponse::InvalidRequest => resp::INVALID_REQUEST,
            PageResponse::ResponseFailure => resp::RESPONSE_FAILURE,
        };
        Ok(emit(
            plain(opcode::PRI_RESP)
                .with(pri_resp::SID, request.requester.raw().into())
                .with_flag(pri_resp::SSV, request.pasid.is_some())
                .with(pri_resp::SSID, request.pasid.map_or(0, |p| p.raw().into()))
                .with(pri_resp::PRGINDEX, request.group.into())
                .with(pri_resp::RESP, code),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The ranges are the pages, each once, in few commands.
        #[test]
        fn ranges_cover_the_pages_exactly(first in 0u64..1 << 36, pages in 1u64..1 << 20, leaf: bool) {
            let range = AddrRange::new(Iova::new(first << 12), pages << 12).unwrap();
            let list = ranges(&range, plain(opcode::TLBI_NH_VA), leaf);
            let mut next = first << 12;
            for words in &list {
                let (num, scale) = (words.bits(tlbi::NUM), words.bits(tlbi::SCALE));
                prop_assert_eq!(words.address(tlbi::ADDR), next);
                // What is reserved: a granule with neither range nor level.
                prop_assert!(num != 0 || scale != 0 || words.bits(tlbi::TTL) != 0);
                next += ((num + 1) << scale) << 12;
            }
            let more = u64::from(!leaf && pages & 31 == 1);
            prop_assert_eq!(next, (first + pages + more) << 12);
            prop_assert!(list.len() <= 5);
        }
    }
}
