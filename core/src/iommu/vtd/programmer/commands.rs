//! Which commands make the unit forget what (VT-d 6.5.2), and answer page requests.

use super::{VtdProgrammer, SHARED_DOMAIN};
use crate::addr::{AddrRange, Iova, RequesterId};
use crate::iommu::ats::Napot;
use crate::iommu::driver::{submit, Commands, Domains, Hardware, Words};
use crate::iommu::ring::Ring;
use crate::iommu::vtd::commands::{Command, Contexts, Pages, Processes, Translations};
use crate::iommu::vtd::queues::{self, QUEUES};
use crate::iommu::vtd::spec::registers::*;
use crate::iommu::{unsupported, DomainKind, DriverResult, Invalidation, PageRequest, PageResponse};
use crate::spec::EntryType;
use alloc::{vec, vec::Vec};

const CONTEXTS: Command = Command::Contexts(Contexts::All);
const PROCESSES: Command = Command::Processes(Processes::All);
const TRANSLATIONS: Command = Command::Translations(Translations::All);
const INTERRUPTS: Command = Command::Interrupts(None);

fn context_of(device: RequesterId) -> Command {
    Command::Contexts(Contexts::Source { source: device.bdf16(), mask: 0 })
}
fn translations_of(domain: u16) -> Command {
    Command::Translations(Translations::Domain(domain))
}
fn process(domain: u16, pasid: u32) -> Command {
    Command::Processes(Processes::One(domain, pasid))
}

/// Returns the aligned power of two of pages that covers the range.
fn cover(range: &AddrRange<Iova>) -> Pages {
    let napot = Napot::covering(range);
    Pages { address: napot.address(), mask: napot.order }
}

impl VtdProgrammer {
    pub(super) fn post(&mut self, hw: &mut impl Hardware, list: &[Command]) -> DriverResult {
        let words: Vec<Words> = list.iter().map(|command| command.emit().1).collect();
        submit(self, hw, &words)
    }

    /// Returns the commands that make the unit forget everything.
    pub(super) fn everything(&self) -> &'static [Command] {
        if self.config.scalable_mode() {
            &[CONTEXTS, PROCESSES, TRANSLATIONS, INTERRUPTS]
        } else {
            &[CONTEXTS, TRANSLATIONS, INTERRUPTS]
        }
    }

    pub(super) fn flush_context(&mut self, hw: &mut impl Hardware, device: RequesterId) -> DriverResult {
        self.post(hw, &[context_of(device)])
    }

    /// After a present context entry changed: its device, then all of the domain it was in (VT-d 6.5.3.3).
    pub(super) fn flush_device(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        domain: u16,
    ) -> DriverResult {
        if self.config.scalable_mode() {
            self.post(
                hw,
                &[context_of(device), Command::Processes(Processes::Domain(domain)), translations_of(domain)],
            )
        } else {
            self.post(hw, &[context_of(device), translations_of(domain)])
        }
    }

    pub(super) fn flush_pasid(&mut self, hw: &mut impl Hardware, domain: u16, pasid: u32) -> DriverResult {
        self.post(hw, &[process(domain, pasid), Command::PasidTranslations(domain, pasid, None)])
    }

    pub(super) fn flush_interrupt(&mut self, hw: &mut impl Hardware, index: u16) -> DriverResult {
        self.post(hw, &[Command::Interrupts(Some((index, 0)))])
    }

    /// Returns the domain id that a PASID's entries carry: a process without a second stage is in the shared one.
    fn tagged_with(&self, domain: u16, pasid: u32) -> u16 {
        let mut known = self.pasid_domains.iter().filter(|((_, p), _)| *p == pasid).map(|(_, d)| *d);
        match known.clone().any(|d| d == domain) {
            true => domain,
            false => known.next().unwrap_or(domain),
        }
    }

    /// Returns the commands that make the unit forget.
    fn forget(&self, domains: &Domains, what: &Invalidation) -> DriverResult<Vec<Command>> {
        let scalable = self.config.scalable_mode();
        let most = self.config.max_address_mask();
        match *what {
            Invalidation::All => Ok(self.everything().to_vec()),
            Invalidation::Translations => Ok(vec![TRANSLATIONS]),
            Invalidation::Devices => Ok(vec![CONTEXTS]),
            Invalidation::Processes if !scalable => unsupported("PASIDs (ECAP.SMTS)", "PASID（ECAP.SMTS）"),
            Invalidation::Processes => Ok(vec![PROCESSES]),
            Invalidation::Device(device) => {
                let rid = self.pasid_domains.get(&(device.bdf16(), 0)).copied();
                match rid.filter(|_| scalable) {
                    Some(domain) => Ok(vec![context_of(device), process(domain, 0)]),
                    None => Ok(vec![context_of(device)]),
                }
            }
            Invalidation::Process(device, pasid) => {
                if !scalable {
                    return unsupported("PASIDs (ECAP.SMTS)", "PASID（ECAP.SMTS）");
                }
                let key = (device.bdf16(), pasid.raw());
                let domain = self.pasid_domains.get(&key).copied().unwrap_or(SHARED_DOMAIN);
                Ok(vec![process(domain, pasid.raw())])
            }
            Invalidation::Domain(id) => Ok(vec![translations_of(id.0)]),
            Invalidation::Pages(id, range) => {
                let pages = cover(&range);
                if !self.config.page_selective() || pages.mask > most {
                    return Ok(vec![translations_of(id.0)]);
                }
                // Tables of the first stage are tagged with a PASID: for requests without one, RID_PASID.
                let command = if domains.get(id).is_ok_and(|d| d.kind == DomainKind::Stage1) {
                    Command::PasidTranslations(id.0, 0, Some(pages))
                } else {
                    Command::Translations(Translations::Pages(id.0, pages))
                };
                Ok(vec![command])
            }
            Invalidation::PasidAll(id, pasid) => {
                let id = self.tagged_with(id.0, pasid.raw());
                Ok(vec![Command::PasidTranslations(id, pasid.raw(), None)])
            }
            Invalidation::PasidPages(id, pasid, range) => {
                let id = self.tagged_with(id.0, pasid.raw());
                let pages = Some(cover(&range)).filter(|pages| pages.mask <= most);
                Ok(vec![Command::PasidTranslations(id, pasid.raw(), pages)])
            }
            Invalidation::DeviceTlb(device, pasid, range) => {
                let (page, several) = Napot::covering(&range).sized();
                let (source, pasid) = (device.bdf16(), pasid.filter(|_| scalable).map(|p| p.raw()));
                Ok(vec![Command::DeviceTlb { source, pasid, page, several }])
            }
            Invalidation::Interrupts => Ok(vec![INTERRUPTS]),
        }
    }
}

impl Commands for VtdProgrammer {
    const TAIL: (u32, u8) = (iqt::OFFSET, iqt::BYTES);
    const HEAD: (u32, u8) = (iqh::OFFSET, iqh::BYTES);
    const ONE_BY_ONE: bool = false;

    fn ring(&self) -> Ring {
        queues::commands(self.queue_base(), self.config.scalable_mode())
    }

    fn entry(low: u64) -> &'static EntryType {
        (QUEUES[0].entry)(low)
    }

    fn fence(&mut self) -> Words {
        self.sequence = self.sequence.wrapping_add(1);
        let status = Some((self.status.raw(), self.sequence));
        Command::Wait { interrupt: false, status, fence: false }.emit().1
    }

    /// As Linux does.
    fn nothing(&self) -> Words {
        Command::Wait { interrupt: false, status: None, fence: true }.emit().1
    }

    fn stopped(&self, hw: &impl Hardware) -> u64 {
        hw.of(&FSTS) & (fsts::IQE.mask() | fsts::ITE.mask())
    }

    fn go_on(&self, hw: &mut impl Hardware, errors: u64) {
        hw.set(&FSTS, errors);
    }

    fn invalidation(&self, domains: &Domains, what: &Invalidation) -> DriverResult<Vec<Words>> {
        Ok(self.forget(domains, what)?.iter().map(|command| command.emit().1).collect())
    }

    fn response(&self, request: &PageRequest, response: PageResponse) -> DriverResult<Words> {
        if !self.config.scalable_mode() || !self.config.page_requests() {
            return unsupported("page requests (ECAP.PRS)", "页请求（ECAP.PRS）");
        }
        let response = Command::PageResponse {
            source: request.requester.bdf16(),
            pasid: request.pasid.map(|pasid| pasid.raw()),
            group: request.group,
            last: request.last,
            code: response as u8,
        };
        Ok(response.emit().1)
    }
}
