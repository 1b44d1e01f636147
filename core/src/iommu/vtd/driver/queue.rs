//! Posting invalidations: descriptors written at the tail, a wait descriptor behind them, then the tail register
//! (VT-d 6.5.2).

use super::SHARED_DOMAIN;
use crate::addr::{AddrRange, Address, Iova, RequesterId};
use crate::iommu::vtd::commands::{Command, Contexts, Pages, Processes, Translations};
use crate::iommu::vtd::spec::commands::response;
use crate::iommu::vtd::spec::registers::{fsts, FSTS, IQH, IQT};
use crate::iommu::vtd::Vtd;
use crate::iommu::{Ctx, DriverError, Invalidation, PageRequest};
use crate::spec::Text;
use crate::trace::{write_run, Actor, Observer};

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
    let (first, last) = (range.start.raw() >> 12, range.last().raw() >> 12);
    let mask = (64 - (first ^ last).leading_zeros()) as u8;
    Pages { address: if mask >= 52 { 0 } else { first >> mask << mask << 12 }, mask }
}

/// Address and S of a device-TLB invalidation: ones below the lowest zero say how many pages (VT-d 6.5.2.5).
fn sized(range: &AddrRange<Iova>) -> (u64, bool) {
    let Pages { address, mask } = cover(range);
    match mask {
        0 => (address, false),
        _ => (address | ((1u64 << (mask.min(52) - 1)) - 1) << 12, true),
    }
}

impl Vtd {
    /// Writes descriptors and a wait descriptor, moves the tail, and looks at the status that the unit wrote.
    fn submit<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, list: &[Command]) -> Result<(), DriverError> {
        self.driver.sequence = self.driver.sequence.wrapping_add(1);
        let sequence = self.driver.sequence;
        let status = Some((self.driver.status.raw(), sequence));
        let wait = Command::Wait { interrupt: false, status, fence: false };
        let mut tail = self.regs.of(&IQT);
        let step = if self.config.scalable_mode() { 32 } else { 16 };
        for command in list.iter().chain([&wait]) {
            let (entry, words) = command.emit();
            let at = self.driver.queue.wrapping_add(tail);
            // In a queue of 256-bit descriptors the upper half is written too, and is 0.
            write_run(ctx.memory, ctx.obs, Actor::Os, entry, at, &words[..step as usize / 8])?;
            tail = (tail + step) % 4096;
        }
        self.os_set(ctx, &IQT, tail);
        // A descriptor that stops the queue is replaced by one that does nothing, as Linux does.
        for _ in 0..=list.len() {
            let fault = self.regs.of(&FSTS) & (fsts::IQE.mask() | fsts::ITE.mask());
            if fault == 0 {
                break;
            }
            let at = self.driver.queue.wrapping_add(self.regs.of(&IQH) % 4096);
            let (entry, words) = Command::Wait { interrupt: false, status: None, fence: true }.emit();
            write_run(ctx.memory, ctx.obs, Actor::Os, entry, at, &words[..step as usize / 8])?;
            self.os_set(ctx, &FSTS, fault);
        }
        Ok(())
    }

    pub(super) fn flush_all<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        if self.config.scalable_mode() {
            self.submit(ctx, &[CONTEXTS, PROCESSES, TRANSLATIONS, INTERRUPTS])
        } else {
            self.submit(ctx, &[CONTEXTS, TRANSLATIONS, INTERRUPTS])
        }
    }

    pub(super) fn flush_context<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
    ) -> Result<(), DriverError> {
        self.submit(ctx, &[context_of(device)])
    }

    /// After a present context entry changed: its device, then all of the domain it was in (VT-d 6.5.3.3).
    pub(super) fn flush_device<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        domain: u16,
    ) -> Result<(), DriverError> {
        if self.config.scalable_mode() {
            self.submit(
                ctx,
                &[context_of(device), Command::Processes(Processes::Domain(domain)), translations_of(domain)],
            )
        } else {
            self.submit(ctx, &[context_of(device), translations_of(domain)])
        }
    }

    pub(super) fn flush_pasid<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: u16,
        pasid: u32,
    ) -> Result<(), DriverError> {
        self.submit(ctx, &[process(domain, pasid), Command::PasidTranslations(domain, pasid, None)])
    }

    pub(super) fn flush_interrupt<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        index: u16,
    ) -> Result<(), DriverError> {
        self.submit(ctx, &[Command::Interrupts(Some((index, 0)))])
    }

    /// The domain id that a PASID's entries carry: a process without a second stage is in the shared one.
    fn tagged_with(&self, domain: u16, pasid: u32) -> u16 {
        let mut known = self.driver.pasid_domains.iter().filter(|((_, p), _)| *p == pasid).map(|(_, d)| *d);
        match known.clone().any(|d| d == domain) {
            true => domain,
            false => known.next().unwrap_or(domain),
        }
    }

    pub(in crate::iommu::vtd) fn post_invalidation<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        what: Invalidation,
    ) -> Result<(), DriverError> {
        let scalable = self.config.scalable_mode();
        let most = self.config.max_address_mask();
        match what {
            Invalidation::All => self.flush_all(ctx),
            Invalidation::Translations => self.submit(ctx, &[TRANSLATIONS]),
            Invalidation::Devices => self.submit(ctx, &[CONTEXTS]),
            Invalidation::Processes if !scalable => {
                Err(DriverError::Unsupported(Text::new("PASIDs (ECAP.SMTS)", "PASID（ECAP.SMTS）")))
            }
            Invalidation::Processes => self.submit(ctx, &[PROCESSES]),
            Invalidation::Device(device) => {
                let rid = self.driver.pasid_domains.get(&(device.bdf16(), 0)).copied();
                match rid.filter(|_| scalable) {
                    Some(domain) => self.submit(ctx, &[context_of(device), process(domain, 0)]),
                    None => self.submit(ctx, &[context_of(device)]),
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
                let domain = self.driver.pasid_domains.get(&key).copied().unwrap_or(SHARED_DOMAIN);
                self.submit(ctx, &[process(domain, pasid.raw())])
            }
            Invalidation::Domain(id) => self.submit(ctx, &[translations_of(id.0)]),
            Invalidation::Pages(id, range) => {
                let pages = cover(&range);
                if !self.config.page_selective() || pages.mask > most {
                    return self.submit(ctx, &[translations_of(id.0)]);
                }
                // Tables of the first stage are tagged with a PASID: for requests without one, RID_PASID.
                let first =
                    self.driver.domains.get(&id.0).is_some_and(|d| d.kind == super::DomainKind::Stage1);
                let command = if first {
                    Command::PasidTranslations(id.0, 0, Some(pages))
                } else {
                    Command::Translations(Translations::Pages(id.0, pages))
                };
                self.submit(ctx, &[command])
            }
            Invalidation::PasidAll(id, pasid) => {
                let id = self.tagged_with(id.0, pasid.raw());
                self.submit(ctx, &[Command::PasidTranslations(id, pasid.raw(), None)])
            }
            Invalidation::PasidPages(id, pasid, range) => {
                let id = self.tagged_with(id.0, pasid.raw());
                let pages = Some(cover(&range)).filter(|pages| pages.mask <= most);
                self.submit(ctx, &[Command::PasidTranslations(id, pasid.raw(), pages)])
            }
            Invalidation::DeviceTlb(device, pasid, range) => {
                let (address, several) = sized(&range);
                let (source, pasid) = (device.bdf16(), pasid.filter(|_| scalable).map(|p| p.raw()));
                self.submit(ctx, &[Command::DeviceTlb { source, pasid, address, several }])
            }
            Invalidation::Interrupts => self.submit(ctx, &[INTERRUPTS]),
        }
    }

    pub(in crate::iommu::vtd) fn post_response<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        request: &PageRequest,
        ok: bool,
    ) -> Result<(), DriverError> {
        if !self.config.scalable_mode() || !self.config.page_requests() {
            return Err(DriverError::Unsupported(Text::new(
                "page requests (ECAP.PRS)",
                "页请求（ECAP.PRS）",
            )));
        }
        let response = Command::PageResponse {
            source: request.requester.bdf16(),
            pasid: request.pasid.map(|pasid| pasid.raw()),
            group: request.group,
            last: request.last,
            code: if ok { response::SUCCESS } else { response::INVALID } as u8,
        };
        self.submit(ctx, &[response])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_covered_by_the_smallest_aligned_power_of_two() {
        let range = |start, len| AddrRange::new(Iova::new(start), len).unwrap();
        let pages = |address, mask| Pages { address, mask };
        assert_eq!(cover(&range(0x5000, 0x1000)), pages(0x5000, 0));
        assert_eq!(cover(&range(0x5000, 0x2000)), pages(0x4000, 2));
        assert_eq!(cover(&range(0x4000, 0x2000)), pages(0x4000, 1));
        assert_eq!(cover(&range(0, u64::MAX)).mask, 52);
        assert_eq!(sized(&range(0x4000, 0x2000)), (0x4000, true));
        assert_eq!(sized(&range(0x4000, 0x4000)), (0x5000, true));
    }
}
