//! Which commands make the unit forget what (RISC-V IOMMU, "Command-Queue"), and answer page requests.

use super::{base, RiscvProgrammer, DOMAIN_PSCID, QUEUE_BITS};
use crate::addr::{AddrRange, Iova, RequesterId};
use crate::iommu::ats::{invalidation_payload, response_payload, Napot};
use crate::iommu::driver::{submit, Commands, Domains, Hardware, Words};
use crate::iommu::ring::Ring;
use crate::iommu::riscv::records::Command;
use crate::iommu::riscv::shared;
use crate::iommu::riscv::spec::commands::command;
use crate::iommu::riscv::spec::registers::{self as reg, capabilities as cap, csr, ipsr};
use crate::iommu::{unsupported, DomainId, DriverResult, Invalidation, PageRequest, PageResponse};
use crate::spec::EntryType;
use alloc::{collections::BTreeSet, vec::Vec};

/// Returns the device_id that firmware says a device has: its requester id, unless its `iommu-map` says another.
pub(super) fn device_id(domains: &Domains, device: RequesterId) -> u32 {
    domains.caps(device).id.unwrap_or(device.raw()) & 0xff_ffff
}

/// Forgets device contexts, and with them process contexts: of one device_id, or of all.
pub(super) const fn devices(device: Option<u32>) -> Command {
    Command::Devices { device }
}

/// Forgets the context of a process of a device_id.
pub(super) const fn process(device: u32, process: u32) -> Command {
    Command::Process { device, process }
}

/// Forgets translations of a first stage, whole or some pages.
pub(super) fn first(gscid: Option<DomainId>, pscid: u32, pages: Option<Napot>) -> Command {
    let (pscid, gscid) = (Some(pscid), gscid.map(|id| id.0));
    Command::Translations { second: false, pages, pscid, gscid, non_leaf: false }
}

fn emit(command: &Command) -> Words {
    let [low, high] = command.emit();
    [low, high, 0, 0]
}

impl RiscvProgrammer {
    pub(super) fn post(&mut self, hw: &mut impl Hardware, list: &[Command]) -> DriverResult {
        let words: Vec<Words> = list.iter().map(emit).collect();
        submit(self, hw, &words)
    }

    /// Returns the command for translations of a domain: of a second stage, or of a first stage by PSCID.
    fn of_domain(domains: &Domains, id: DomainId, pages: Option<Napot>) -> Command {
        match domains.is_second(id) {
            true => {
                Command::Translations { second: true, pages, pscid: None, gscid: Some(id.0), non_leaf: false }
            }
            false => first(None, DOMAIN_PSCID | u32::from(id.0), pages),
        }
    }

    /// Returns the commands for the translations of what a PASID stood for: tagged with its PSCID, and with the GSCID where it
    /// has a second stage; either way they go.
    fn of_process(
        &self,
        domains: &Domains,
        id: DomainId,
        process: u32,
        pages: Option<Napot>,
    ) -> Vec<Command> {
        let known = self.bound.iter().filter(|((_, pasid), _)| *pasid == process);
        let mut pscids: BTreeSet<u32> = known.map(|(_, pscid)| *pscid).collect();
        if pscids.is_empty() {
            // Of contexts that somebody else wrote.
            pscids.insert(process);
        }
        let of = |pscid| {
            let nested = domains.is_second(id).then(|| first(Some(id), pscid, pages));
            [Some(first(None, pscid, pages)), nested].into_iter().flatten()
        };
        pscids.into_iter().flat_map(of).collect()
    }
}

/// Linux asks for pages one by one below this many bytes, and for the whole address space from it on
/// (`RISCV_IOMMU_IOTLB_INVAL_LIMIT` of v6.13): it does not use capabilities.S.
const WHOLE_FROM: u64 = 2 << 20;

/// Returns the pages of a range, as Linux names them: each, or nothing but the whole address space.
fn pages(range: &AddrRange<Iova>) -> Vec<Option<Napot>> {
    let (first, last) = (range.start.raw() >> 12, range.last().raw() >> 12);
    if range.last().raw() - range.start.raw() >= WHOLE_FROM - 1 {
        return [None].into();
    }
    (first..=last).map(|page| Some(Napot { page, order: 0 })).collect()
}

impl Commands for RiscvProgrammer {
    const TAIL: (u32, u8) = (reg::cqt::OFFSET, reg::cqt::BYTES);
    const HEAD: (u32, u8) = (reg::cqh::OFFSET, reg::cqh::BYTES);
    const ONE_BY_ONE: bool = true;

    fn ring(&self) -> Ring {
        shared::ring(base(self.commands, QUEUE_BITS), 16)
    }

    fn entry(low: u64) -> &'static EntryType {
        command(low)
    }

    fn fence(&mut self) -> Words {
        self.sequence = self.sequence.wrapping_add(1);
        // Earlier reads and writes of devices are done when the fence is.
        let write = Some((self.fence.raw(), self.sequence));
        emit(&Command::Fence { write, wire: false, drain: true })
    }

    fn nothing(&self) -> Words {
        emit(&Command::NOTHING)
    }

    fn stored(&self, words: Words) -> Words {
        self.ordered(words)
    }

    fn stopped(&self, hw: &impl Hardware) -> u64 {
        hw.read(reg::cqcsr::OFFSET, 4) & (csr::MF | csr::TO | csr::ILL)
    }

    fn go_on(&self, hw: &mut impl Hardware, errors: u64) {
        hw.write(reg::cqcsr::OFFSET, 4, csr::EN | csr::IE | errors);
    }

    fn settled(&self, hw: &mut impl Hardware) {
        self.acknowledge(hw, ipsr::CIP);
    }

    fn invalidation(&self, domains: &Domains, what: &Invalidation) -> DriverResult<Vec<Words>> {
        let list: Vec<Command> = match *what {
            Invalidation::All => [devices(None), Command::FIRST, Command::SECOND].into(),
            Invalidation::Translations => [Command::FIRST, Command::SECOND].into(),
            // IODIR.INVAL_DDT forgets the process contexts of its devices too; for these alone it wants a device.
            Invalidation::Devices | Invalidation::Processes => [devices(None)].into(),
            Invalidation::Device(device) => [devices(Some(device_id(domains, device)))].into(),
            Invalidation::Process(device, pasid) => [process(device_id(domains, device), pasid.raw())].into(),
            Invalidation::Domain(id) => [Self::of_domain(domains, id, None)].into(),
            Invalidation::Pages(id, range) => {
                pages(&range).into_iter().map(|page| Self::of_domain(domains, id, page)).collect()
            }
            Invalidation::PasidAll(id, pasid) => self.of_process(domains, id, pasid.raw(), None),
            Invalidation::PasidPages(id, pasid, range) => {
                let each = |page| self.of_process(domains, id, pasid.raw(), page);
                pages(&range).into_iter().flat_map(each).collect()
            }
            Invalidation::DeviceTlb(device, pasid, range) => {
                let (rid, process) = (device.bdf16(), pasid.map(|p| p.raw()));
                let payload = invalidation_payload(&range);
                [Command::Message { response: false, rid, process, payload }].into()
            }
            Invalidation::Interrupts => [Command::SECOND].into(),
        };
        Ok(list.iter().map(emit).collect())
    }

    fn response(&self, request: &PageRequest, response: PageResponse) -> DriverResult<Words> {
        if !self.config.has(cap::ATS) {
            return unsupported("page requests (capabilities.ATS)", "页请求（capabilities.ATS）");
        }
        let (rid, process) = (request.requester.bdf16(), request.pasid.map(|p| p.raw()));
        let payload = response_payload(request, response);
        Ok(emit(&Command::Message { response: true, rid, process, payload }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iommu::riscv::Config;

    #[test]
    fn pages_are_forgotten_one_by_one_and_two_megabytes_as_a_whole_as_linux_does() {
        let of = |len| {
            let range = AddrRange::new(Iova::new(0x4000), len).unwrap();
            let what = Invalidation::Pages(DomainId(7), range);
            let list = RiscvProgrammer::new(Config::playground()).invalidation(&Domains::default(), &what);
            let pages = |words: Words| match Command::parse(&[words[0], words[1]]) {
                Some(Command::Translations { pages, pscid: Some(0x8_0007), gscid: None, .. }) => pages,
                other => panic!("{other:?}"),
            };
            list.unwrap().into_iter().map(pages).collect::<Vec<_>>()
        };
        let page = |page| Some(Napot { page, order: 0 });
        assert_eq!(of(0x1000), [page(4)]);
        assert_eq!(of(0x3000), [page(4), page(5), page(6)]);
        assert_eq!(of((2 << 20) - 0x1000).len(), 511);
        assert_eq!(of(2 << 20), [None]);
    }
}
