//! Which commands make the unit forget what (AMD 48882, commands), and answer page requests.

use super::{AmdViProgrammer, RING_LOG2};
use crate::addr::{AddrRange, Iova};
use crate::iommu::amdvi::queues::ring;
use crate::iommu::amdvi::spec::commands::{
    all as forget_all, command, complete_ppr, devtab, interrupts as forget_interrupts, iotlb, opcode,
    pages as forget_pages, wait,
};
use crate::iommu::amdvi::spec::registers::{self as reg, control, efr, ring_base, status};
use crate::iommu::ats::{Napot, INVALIDATIONS};
use crate::iommu::driver::{submit, Commands, Domains, Hardware, Words};
use crate::iommu::ring::Ring;
use crate::iommu::{unsupported, DomainKind, DriverResult, Invalidation, PageRequest, PageResponse};
use crate::spec::{Bits, EntryType};
use alloc::{vec, vec::Vec};

fn words(two: [u64; 2]) -> Words {
    [two[0], two[1], 0, 0]
}

/// Forgets everything.
pub(super) fn all() -> Words {
    words(forget_all::ZERO.with(forget_all::OPCODE, opcode::INVALIDATE_IOMMU_ALL))
}

/// Forgets a device's entry.
pub(super) fn device(id: u16) -> Words {
    let command = devtab::ZERO.with(devtab::OPCODE, opcode::INVALIDATE_DEVTAB_ENTRY);
    words(command.with(devtab::DEVICE_ID, id.into()))
}

/// Forgets a device's interrupt entries.
pub(super) fn interrupts(id: u16) -> Words {
    let command = forget_interrupts::ZERO.with(forget_interrupts::OPCODE, opcode::INVALIDATE_INTERRUPT_TABLE);
    words(command.with(forget_interrupts::DEVICE_ID, id.into()))
}

/// The aligned power of two of pages that covers a range, as a command's address and S say it; `None` is everything.
fn sized(range: Option<&AddrRange<Iova>>) -> (u64, bool) {
    // Ones up to bit 62: the whole address space, as Linux writes it.
    range.map_or((u64::MAX >> 13, true), |range| Napot::covering(range).sized())
}

/// Forgets translations of a domain: of host tables, or of a PASID; some pages, or all.
pub(super) fn pages(domain: u16, pasid: Option<u32>, range: Option<&AddrRange<Iova>>) -> Words {
    use forget_pages as f;
    let (address, several) = sized(range);
    words(
        f::ZERO
            .with(f::OPCODE, opcode::INVALIDATE_IOMMU_PAGES)
            .with(f::DOMAIN_ID, domain.into())
            .with(f::PASID, pasid.unwrap_or(0).into())
            .with_flag(f::GN, pasid.is_some())
            .with_flag(f::PDE, true)
            .with_flag(f::S, several)
            .with(f::ADDRESS, address),
    )
}

impl AmdViProgrammer {
    pub(super) fn post(&mut self, hw: &mut impl Hardware, list: &[Words]) -> DriverResult {
        submit(self, hw, list)
    }

    /// Commands for a PASID, in each domain in which it has tables.
    fn of_pasid(&self, domain: u16, pasid: u32, range: Option<&AddrRange<Iova>>) -> Vec<Words> {
        let bound = self.bound.keys().filter(|(_, p)| *p == pasid);
        let mut domains: Vec<u16> =
            bound.filter_map(|(device, _)| self.attached.get(device).copied()).collect();
        if domains.is_empty() {
            domains.push(domain);
        }
        domains.sort_unstable();
        domains.dedup();
        domains.iter().map(|domain| pages(*domain, Some(pasid), range)).collect()
    }

    /// Commands for a domain's own addresses. Those of version 2 tables belong to PASID 0 of each device, under the device's
    /// DomainID; those of version 1 tables are also below the guest tables of devices.
    fn of_domain(
        &self,
        domains: &Domains,
        id: crate::iommu::DomainId,
        range: Option<&AddrRange<Iova>>,
    ) -> Vec<Words> {
        let own = |device: &u16| self.own.get(device).copied();
        if domains.get(id).is_ok_and(|domain| domain.kind == DomainKind::Stage1) {
            let devices = self.first.iter().filter(|(_, domain)| **domain == id);
            return devices
                .filter_map(|(device, _)| own(device))
                .map(|domain| pages(domain, Some(0), range))
                .collect();
        }
        let nested = self.below.iter().filter(|(_, domain)| **domain == Some(id));
        let nested =
            nested.filter_map(|(device, _)| own(device).filter(|own| self.attached.get(device) == Some(own)));
        core::iter::once(id.0).chain(nested).map(|domain| pages(domain, None, range)).collect()
    }
}

impl Commands for AmdViProgrammer {
    const TAIL: (u32, u8) = (reg::command_tail::OFFSET, 8);
    const HEAD: (u32, u8) = (reg::command_head::OFFSET, 8);
    const ONE_BY_ONE: bool = false;

    fn ring(&self) -> Ring {
        ring(0u64.with_address(ring_base::BASE, self.commands.raw()).with(ring_base::LEN, RING_LOG2))
    }

    fn entry(low: u64) -> &'static EntryType {
        command(low)
    }

    fn fence(&mut self) -> Words {
        self.sequence = self.sequence.wrapping_add(1);
        let command = wait::ZERO.with(wait::OPCODE, opcode::COMPLETION_WAIT).with_flag(wait::S, true);
        words(command.with_address(wait::STORE, self.semaphore.raw()).with(wait::DATA, self.sequence.into()))
    }

    fn nothing(&self) -> Words {
        words(wait::ZERO.with(wait::OPCODE, opcode::COMPLETION_WAIT))
    }

    fn stopped(&self, hw: &impl Hardware) -> u64 {
        let running = hw.of(&reg::STATUS).is_set(status::CMD_RUN);
        u64::from(hw.of(&reg::CONTROL).is_set(control::IOMMU_EN) && !running)
    }

    fn go_on(&self, hw: &mut impl Hardware, _: u64) {
        let on = hw.of(&reg::CONTROL);
        hw.set(&reg::CONTROL, on.with_flag(control::CMD_BUF_EN, false));
        hw.set(&reg::CONTROL, on.with_flag(control::CMD_BUF_EN, true));
    }

    fn invalidation(&self, domains: &Domains, what: &Invalidation) -> DriverResult<Vec<Words>> {
        let devices = || self.attached.keys().copied();
        Ok(match *what {
            Invalidation::All => vec![all()],
            Invalidation::Translations => {
                let domains = domains.ids().map(|id| id.0).chain([super::NO_DOMAIN]);
                let mut ids: Vec<u16> = domains.chain(self.attached.values().copied()).collect();
                ids.sort_unstable();
                ids.dedup();
                ids.iter()
                    .map(|id| pages(*id, None, None))
                    .chain(
                        self.bound
                            .keys()
                            .flat_map(|(_, pasid)| self.of_pasid(super::NO_DOMAIN, *pasid, None)),
                    )
                    .collect()
            }
            Invalidation::Devices => devices().map(device).collect(),
            Invalidation::Processes => self
                .bound
                .keys()
                .flat_map(|(_, pasid)| self.of_pasid(super::NO_DOMAIN, *pasid, None))
                .collect(),
            Invalidation::Device(id) => vec![device(id.bdf16())],
            Invalidation::Process(id, pasid) => {
                let domain = self.attached.get(&id.bdf16()).copied().unwrap_or(super::NO_DOMAIN);
                vec![pages(domain, Some(pasid.raw()), None)]
            }
            Invalidation::Domain(id) => self.of_domain(domains, id, None),
            Invalidation::Pages(id, range) => self.of_domain(domains, id, Some(&range)),
            Invalidation::PasidAll(id, pasid) => self.of_pasid(id.0, pasid.raw(), None),
            Invalidation::PasidPages(id, pasid, range) => self.of_pasid(id.0, pasid.raw(), Some(&range)),
            Invalidation::DeviceTlb(id, pasid, range) => {
                let (address, several) = Napot::covering(&range).sized();
                let tag = u64::from(pasid.map_or(0, |pasid| pasid.raw()));
                let command = iotlb::ZERO
                    .with(iotlb::OPCODE, opcode::INVALIDATE_IOTLB_PAGES)
                    .with(iotlb::DEVICE_ID, id.bdf16().into())
                    .with(iotlb::MAXPEND, INVALIDATIONS.into())
                    .with(iotlb::QUEUE_ID, id.bdf16().into())
                    .with(iotlb::PASID_LOW, tag)
                    .with(iotlb::PASID_MIDDLE, tag >> 8)
                    .with(iotlb::PASID_HIGH, tag >> 16)
                    .with_flag(iotlb::GN, pasid.is_some())
                    .with_flag(iotlb::S, several)
                    .with(iotlb::ADDRESS, address);
                vec![words(command)]
            }
            Invalidation::Interrupts => devices().map(interrupts).collect(),
        })
    }

    fn response(&self, request: &PageRequest, response: PageResponse) -> DriverResult<Words> {
        if !self.config.has(efr::PPR_SUP) {
            return unsupported("page requests (EFR.PPRSup)", "页请求（EFR.PPRSup）");
        }
        let command = complete_ppr::ZERO
            .with(complete_ppr::OPCODE, opcode::COMPLETE_PPR_REQUEST)
            .with(complete_ppr::DEVICE_ID, request.requester.bdf16().into())
            .with(complete_ppr::PASID, request.pasid.map_or(0, |pasid| pasid.raw()).into())
            .with_flag(complete_ppr::GN, request.pasid.is_some())
            .with(complete_ppr::TAG, request.group.into())
            .with(complete_ppr::STATUS, response as u64);
        Ok(words(command))
    }
}
