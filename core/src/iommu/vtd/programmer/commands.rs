//! Which commands make the unit forget what (VT-d 6.5.2), and answer page requests.

use super::{VtdProgrammer, SHARED_DOMAIN};
use crate::addr::{AddrRange, Iova, RequesterId};
use crate::iommu::ats::Napot;
use crate::iommu::driver::{submit, Commands, Domains, Hardware, Words};
use crate::iommu::ring::Ring;
use crate::iommu::vtd::commands::{Command, Contexts, Pages, Processes, Translations};
use crate::iommu::vtd::queues::{self, QUEUES};
use crate::iommu::vtd::spec::registers::*;
use crate::iommu::{
    unsupported, DomainId, DomainKind, DriverResult, Invalidation, PageRequest, PageResponse,
};
use crate::spec::EntryType;
use alloc::{collections::BTreeSet, vec, vec::Vec};

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

    /// Returns the domain ids that translations of a PASID carry, over a domain as second stage where it is one.
    fn tagged_with(&self, domains: &Domains, domain: DomainId, pasid: u32) -> BTreeSet<u16> {
        let below = domains.get(domain).ok().filter(|d| d.kind == DomainKind::Stage2).map(|d| d.root.raw());
        let first = self.tags.iter().filter(|((_, p), tag)| *p == pasid && tag.first.is_some());
        let of = |below: Option<u64>| -> BTreeSet<u16> {
            first.clone().filter(|(_, tag)| tag.second == below).map(|(_, tag)| tag.did).collect()
        };
        // A process without a second stage is in the shared one.
        let nested = below.map_or(BTreeSet::new(), |root| of(Some(root)));
        let found = if nested.is_empty() { of(None) } else { nested };
        if found.is_empty() {
            [domain.0].into()
        } else {
            found
        }
    }

    /// Returns the domain ids of a domain's translations: its own, and of those first stages above it that have another.
    fn over(&self, domains: &Domains, domain: DomainId) -> BTreeSet<u16> {
        let root = domains.get(domain).ok().map(|d| d.root.raw());
        let above = self.tags.values().filter(|tag| tag.first.is_some() && tag.second == root);
        above.map(|tag| tag.did).chain([domain.0]).collect()
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
                let rid = self.tags.get(&(device.bdf16(), 0)).map(|tag| tag.did);
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
                let domain = self.tags.get(&key).map_or(SHARED_DOMAIN, |tag| tag.did);
                Ok(vec![process(domain, pasid.raw())])
            }
            Invalidation::Domain(id) => Ok(self.over(domains, id).into_iter().map(translations_of).collect()),
            Invalidation::Pages(id, range) => {
                let pages = cover(&range);
                let all = self.over(domains, id).into_iter();
                if !self.config.page_selective() || pages.mask > most {
                    return Ok(all.map(translations_of).collect());
                }
                // Tables of the first stage are tagged with a PASID: for requests without one, RID_PASID.
                if domains.get(id).is_ok_and(|d| d.kind == DomainKind::Stage1) {
                    return Ok(vec![Command::PasidTranslations(id.0, 0, Some(pages))]);
                }
                Ok(all.map(|did| Command::Translations(Translations::Pages(did, pages))).collect())
            }
            Invalidation::PasidAll(id, pasid) => {
                let tagged = self.tagged_with(domains, id, pasid.raw()).into_iter();
                Ok(tagged.map(|did| Command::PasidTranslations(did, pasid.raw(), None)).collect())
            }
            Invalidation::PasidPages(id, pasid, range) => {
                let tagged = self.tagged_with(domains, id, pasid.raw()).into_iter();
                let pages = Some(cover(&range)).filter(|pages| pages.mask <= most);
                Ok(tagged.map(|did| Command::PasidTranslations(did, pasid.raw(), pages)).collect())
            }
            Invalidation::DeviceTlb(device, pasid, range) => {
                let (page, several) = Napot::covering(&range).sized();
                let (source, pasid) = (device.bdf16(), pasid.filter(|_| scalable).map(|p| p.raw()));
                Ok(vec![Command::DeviceTlb { source, pasid, global: false, page, several }])
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
