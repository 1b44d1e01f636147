//! Which commands make the unit forget what (VT-d 6.5.2), and answer page requests.

use super::{VtdProgrammer, SHARED_DOMAIN};
use crate::addr::{AddrRange, Iova, RequesterId};
use crate::iommu::ats::Napot;
use crate::iommu::driver::{submit, Domains, Hardware, Words};
use crate::iommu::registers::Mmio;
use crate::iommu::vtd::commands::{Command, Contexts, Pages, Processes, Translations};
use crate::iommu::vtd::spec::commands::response;
use crate::iommu::{DomainKind, DriverError, Invalidation, PageRequest};
use crate::spec::Text;
use crate::trace::Observer;
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
    pub(super) fn post<M: Mmio, O: Observer>(
        &mut self,
        hw: &mut Hardware<'_, '_, M, O>,
        list: &[Command],
    ) -> Result<(), DriverError> {
        let words: Vec<Words> = list.iter().map(|command| command.emit().1).collect();
        submit(self, hw, &words)
    }

    /// The commands that make the unit forget everything.
    pub(super) fn everything(&self) -> &'static [Command] {
        if self.config.scalable_mode() {
            &[CONTEXTS, PROCESSES, TRANSLATIONS, INTERRUPTS]
        } else {
            &[CONTEXTS, TRANSLATIONS, INTERRUPTS]
        }
    }

    pub(super) fn flush_context<M: Mmio, O: Observer>(
        &mut self,
        hw: &mut Hardware<'_, '_, M, O>,
        device: RequesterId,
    ) -> Result<(), DriverError> {
        self.post(hw, &[context_of(device)])
    }

    /// After a present context entry changed: its device, then all of the domain it was in (VT-d 6.5.3.3).
    pub(super) fn flush_device<M: Mmio, O: Observer>(
        &mut self,
        hw: &mut Hardware<'_, '_, M, O>,
        device: RequesterId,
        domain: u16,
    ) -> Result<(), DriverError> {
        if self.config.scalable_mode() {
            self.post(
                hw,
                &[context_of(device), Command::Processes(Processes::Domain(domain)), translations_of(domain)],
            )
        } else {
            self.post(hw, &[context_of(device), translations_of(domain)])
        }
    }

    pub(super) fn flush_pasid<M: Mmio, O: Observer>(
        &mut self,
        hw: &mut Hardware<'_, '_, M, O>,
        domain: u16,
        pasid: u32,
    ) -> Result<(), DriverError> {
        self.post(hw, &[process(domain, pasid), Command::PasidTranslations(domain, pasid, None)])
    }

    pub(super) fn flush_interrupt<M: Mmio, O: Observer>(
        &mut self,
        hw: &mut Hardware<'_, '_, M, O>,
        index: u16,
    ) -> Result<(), DriverError> {
        self.post(hw, &[Command::Interrupts(Some((index, 0)))])
    }

    /// The domain id that a PASID's entries carry: a process without a second stage is in the shared one.
    fn tagged_with(&self, domain: u16, pasid: u32) -> u16 {
        let mut known = self.pasid_domains.iter().filter(|((_, p), _)| *p == pasid).map(|(_, d)| *d);
        match known.clone().any(|d| d == domain) {
            true => domain,
            false => known.next().unwrap_or(domain),
        }
    }

    /// The commands that make the unit forget.
    pub(super) fn forget(&self, domains: &Domains, what: &Invalidation) -> Result<Vec<Command>, DriverError> {
        let scalable = self.config.scalable_mode();
        let most = self.config.max_address_mask();
        match *what {
            Invalidation::All => Ok(self.everything().to_vec()),
            Invalidation::Translations => Ok(vec![TRANSLATIONS]),
            Invalidation::Devices => Ok(vec![CONTEXTS]),
            Invalidation::Processes if !scalable => {
                Err(DriverError::Unsupported(Text::new("PASIDs (ECAP.SMTS)", "PASID（ECAP.SMTS）")))
            }
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
                    return Err(DriverError::Unsupported(Text::new(
                        "PASIDs (ECAP.SMTS)",
                        "PASID（ECAP.SMTS）",
                    )));
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

    /// The command that answers a group of page requests.
    pub(super) fn respond(&self, request: &PageRequest, ok: bool) -> Result<Command, DriverError> {
        if !self.config.scalable_mode() || !self.config.page_requests() {
            return Err(DriverError::Unsupported(Text::new(
                "page requests (ECAP.PRS)",
                "页请求（ECAP.PRS）",
            )));
        }
        Ok(Command::PageResponse {
            source: request.requester.bdf16(),
            pasid: request.pasid.map(|pasid| pasid.raw()),
            group: request.group,
            last: request.last,
            code: if ok { response::SUCCESS } else { response::INVALID } as u8,
        })
    }
}
