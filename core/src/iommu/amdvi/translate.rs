//! One request from its arrival to its answer: the device table entry, its rights, the host tables, the caches
//! (AMD 48882, address translation).

use super::caches::{Caches, Device, Mapped, Tag};
use super::context::{bad_mode, illegal, refuse, Dte, OfDevice};
use super::faults;
use super::interrupts::{self, Interrupt};
use super::records::Event;
use super::request::{Asked, Refused, Setup};
use super::spec::events::{request as invalid_type, translation_request};
use super::spec::registers::{exclusion_base, exclusion_limit};
use super::spec::structures::{dte, mode};
pub use super::stages::Reached;
use super::stages::{check, resolve};
use crate::addr::PageSize;
use crate::iommu::traced_cache::{get_or_load, hit};
use crate::iommu::{Refusal, RequestKind};
use crate::memory::Memory;
use crate::spec::{Bits, Rule, Text};
use crate::trace::{CacheOp, Observer, Off, Perms};

/// What a request comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// An address.
    Memory(Reached),
    /// An interrupt.
    Interrupt(Interrupt),
}

static RIGHTS: Rule = Rule {
    text: Text::new(
        "IR or IW of the device table entry forbids the access",
        "设备表项的 IR、IW 不允许这次访问",
    ),
    section: "AMD 48882",
};
static GUEST: Rule = Rule {
    text: Text::new(
        "GV = 0: there are no guest tables for a PASID",
        "没有供 PASID 使用的客户机页表（GV = 0）",
    ),
    section: "AMD 48882",
};
static TRANSLATES: Rule = Rule {
    text: Text::new("TV = 0: there is no translation information", "没有转换信息（TV = 0）"),
    section: "AMD 48882",
};

/// Answers a request. Without caches it looks at memory only.
pub fn process<O: Observer>(
    setup: &Setup<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    asked: &Asked,
    obs: &mut O,
) -> Result<Answer, Refused> {
    let pass = |perms| Ok(Answer::Memory(Reached::untouched(asked.at, perms)));
    if !setup.enabled() {
        return if asked.is_interrupt() {
            Ok(Answer::Interrupt(interrupts::as_written(asked)))
        } else {
            pass(Perms::RW)
        };
    }
    let cache = caches.as_deref_mut().map(|c| &mut c.devices);
    let entry = get_or_load(cache, Device(asked.device), &OfDevice { setup, asked }, memory, obs)?;
    // An entry that is remembered may have been loaded by an interrupt, for which less of it counts.
    if let Some(rule) = illegal(setup, asked, &entry) {
        check(rule, false, entry.words[0], obs);
        return Err(refuse(asked));
    }
    if asked.in_interrupts() {
        if !asked.is_interrupt() {
            let event = asked.event(&faults::INVALID_DEVICE_REQUEST, asked.at);
            return Err(Refused::with(Event { kind: invalid_type::READ_OF_INTERRUPTS as u8, ..event }));
        }
        return interrupts::remap(setup, caches, memory, asked, &entry, obs).map(Answer::Interrupt);
    }
    match special(setup, asked, &entry) {
        Special::No => {}
        Special::Forwarded => return pass(Perms::RW),
        Special::Refused(refused) => return Err(refused),
    }
    let stop = |event: Event| {
        let fault = event.code == &faults::IO_PAGE_FAULT;
        let suppressed = fault && entry.is(dte::SA);
        Refused { suppressed, once: fault && entry.is(dte::SE), ..Refused::with(event) }
    };
    // Translated before by ATS: only a device that may have an IOTLB.
    let valid = entry.is(dte::V);
    let invalid = |kind: u64| {
        let event = asked.event(&faults::INVALID_DEVICE_REQUEST, asked.at);
        Err(Refused::with(Event { kind: kind as u8, ..event }))
    };
    match asked.kind {
        RequestKind::Translated if !valid || !entry.is(dte::I) => {
            return invalid(invalid_type::PRE_TRANSLATED)
        }
        RequestKind::Translated => return pass(Perms::RW),
        RequestKind::Translation { .. } if !valid || !entry.is(dte::I) || !entry.is(dte::TV) => {
            return invalid(translation_request::NOT_ALLOWED);
        }
        _ => {}
    }
    if !valid {
        return pass(Perms::RW);
    }
    let fault = |address| Event { domain: entry.domain(), ..asked.event(&faults::IO_PAGE_FAULT, address) };
    if !check(&TRANSLATES, entry.is(dte::TV), entry.words[0], obs) {
        return Err(stop(fault(asked.at)));
    }
    if excluded(setup, &entry, asked.at) {
        return pass(Perms::RW);
    }
    if let Some(rule) = bad_mode(setup, &entry) {
        check(rule, false, entry.mode(), obs);
        // RZ = 0: the level, and no reserved bit.
        return Err(stop(asked.event(&faults::ILLEGAL_DEV_TABLE_ENTRY, asked.at)));
    }
    let own = Perms::when(Perms::R, entry.is(dte::IR)).or(Perms::when(Perms::W, entry.is(dte::IW)));
    // Execution is for the guest tables to allow.
    if !asked.ats() && !check(&RIGHTS, own.has(asked.perms.and(Perms::RW)), entry.words[0], obs) {
        return Err(stop(Event { present: true, denied: true, ..fault(asked.at) }));
    }
    let guest = entry.guest(setup, asked);
    if !check(&GUEST, guest.is_some() || asked.pasid.is_none(), entry.words[0], obs) {
        return Err(stop(Event { domain: 0, ..fault(asked.at) }));
    }
    if guest.is_none() && entry.mode() == mode::NONE {
        return pass(own);
    }
    match translate(setup, caches, memory, asked, &entry, guest, obs) {
        Ok(found) => Ok(Answer::Memory(Reached { perms: found.perms.and(own.or(Perms::X)), ..found })),
        // A translation request that finds nothing is answered with no rights; of page faults nothing is logged (VirtualBox,
        // citing 48882, 2.1.3.2).
        Err(event) if asked.ats() && event.code == &faults::IO_PAGE_FAULT => {
            let refusal = if event.reserved { Refusal::CompleterAbort } else { Refusal::NoPermission };
            Err(Refused { suppressed: true, refusal, ..stop(event) })
        }
        Err(event) => Err(stop(event)),
    }
}

/// What becomes of a request in the ranges of HyperTransport's messages.
enum Special {
    /// It is in none, or is translated as memory.
    No,
    /// It goes on as it is.
    Forwarded,
    /// It is refused.
    Refused(Refused),
}

/// Looks up what the device table entry says of the ranges of HyperTransport's messages; interrupts were before.
fn special(setup: &Setup<'_>, asked: &Asked, entry: &Dte) -> Special {
    use super::spec::structures::{ioctl, sysmgt};
    // Far below all of them: nearly every request.
    if asked.at < RANGES[0].0 || !setup.config.special_ranges() || !entry.is(dte::V) || asked.pasid.is_some()
    {
        return Special::No;
    }
    let Some(range) = RANGES.iter().position(|(first, last)| (*first..=*last).contains(&asked.at)) else {
        return Special::No;
    };
    let refused = |kind: u64| {
        let event = asked.event(&faults::INVALID_DEVICE_REQUEST, asked.at);
        Special::Refused(Refused::with(Event { kind: kind as u8, ..event }))
    };
    match asked.kind {
        RequestKind::Translation { .. } => return refused(translation_request::SPECIAL_RANGE),
        RequestKind::Translated => return Special::No,
        RequestKind::Untranslated => {}
    }
    let write = asked.perms.has(Perms::W);
    let translated = || if entry.is(dte::TV) { Special::No } else { refused(invalid_type::UNTRANSLATED) };
    match (range, entry.words.bits(if range == 1 { dte::SYSMGT } else { dte::IOCTL })) {
        (0, _) if write => refused(invalid_type::RESERVED_INTERRUPT),
        (0, _) => refused(invalid_type::READ_OF_INTERRUPTS),
        (1, sysmgt::TRANSLATED) => translated(),
        (1, sysmgt::POSTED) if write => Special::Forwarded,
        // Writes are no INTx messages: those of PCI Express devices are messages and no writes.
        (1, _) if write => refused(invalid_type::SYSTEM_MANAGEMENT),
        (1, _) => refused(invalid_type::READ_OF_SYSTEM_MANAGEMENT),
        (_, ioctl::ABORT) => refused(invalid_type::PORT_IO),
        (_, ioctl::FORWARD) => Special::Forwarded,
        (_, ioctl::TRANSLATED) => translated(),
        (..) => Special::Refused(refuse(asked)),
    }
}

/// Reserved interrupts, system management, port I/O.
const RANGES: [(u64, u64); 3] =
    [(0xfd_0000_0000, 0xfd_f7ff_ffff), (0xfd_f910_0000, 0xfd_f91f_ffff), (0xfd_fc00_0000, 0xfd_fdff_ffff)];

/// Is the address in the exclusion range, and does that apply to the device?
fn excluded(setup: &Setup<'_>, entry: &Dte, at: u64) -> bool {
    let [base, limit] = setup.exclusion;
    base.is_set(exclusion_base::EX_EN)
        && (base.is_set(exclusion_base::ALLOW) || entry.is(dte::EX))
        && at >= base.address(exclusion_base::BASE)
        && at <= limit.address(exclusion_limit::LIMIT) | 0xfff
}

/// Through the IOTLB and the tables.
fn translate<O: Observer>(
    setup: &Setup<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    asked: &Asked,
    entry: &Dte,
    guest: Option<u32>,
    obs: &mut O,
) -> Result<Reached, Event> {
    let domain = entry.domain();
    let pasid = guest;
    let tag = |size: PageSize| Tag { domain, pasid, page: asked.at & !size.mask(), shift: size.shift() };
    // Host tables know no execution.
    let wanted = if guest.is_some() { asked.perms } else { asked.perms.and(Perms::RW) };
    if let Some(Caches { iotlb, .. }) = caches {
        match iotlb.find(tag) {
            None => iotlb.entries().miss(&tag(PageSize::SIZE_4K), obs),
            Some((slot, tag, held)) => {
                let lacking = !asked.ats() && !held.perms.has(wanted);
                if lacking || asked.perms.has(Perms::W) && !held.dirty {
                    // The walk knows what to report, and sets D.
                    iotlb.entries().used(CacheOp::Denied, slot, &tag, &held, obs);
                    iotlb.entries().invalidate(|key, _| *key == tag, obs);
                } else {
                    let size = PageSize::from_shift(tag.shift);
                    let to = held.to | asked.at & size.mask();
                    if O::ON {
                        let frozen = Setup { frozen: true, ..*setup };
                        let now = resolve(&frozen, None, memory, asked, entry, guest, &mut Off);
                        let fresh = now.is_ok_and(|(now, _)| {
                            now.to == to && now.size == size && now.perms == held.perms
                        });
                        iotlb.entries().used(hit(fresh), slot, &tag, &held, obs);
                    }
                    return Ok(Reached { to, size, perms: held.perms, cached: true });
                }
            }
        }
    }
    let processes = caches.as_deref_mut().map(|caches| &mut caches.processes);
    let (found, dirty) = resolve(setup, processes, memory, asked, entry, guest, obs)?;
    if let Some(caches) = caches {
        let mapped = Mapped { to: found.to & !found.size.mask(), perms: found.perms, dirty };
        caches.iotlb.insert(tag(found.size), mapped, obs);
    }
    Ok(found)
}
