//! One request from its arrival to its answer: the device table entry, its rights, the host tables, the caches
//! (AMD 48882, address translation). Guest translation is not built: entries with GV are illegal (EFR.GTSup = 0).

use super::caches::{Caches, Device, Mapped, Tag};
use super::context::{bad_mode, error_type, illegal, refuse, Dte, OfDevice};
use super::faults;
use super::interrupts::{self, Interrupt};
use super::records::Event;
use super::request::{Asked, Refused, Setup};
use super::spec::events::request as invalid_type;
use super::spec::registers::{exclusion_base, exclusion_limit};
use super::spec::structures::{dte, mode};
use crate::addr::{AnyAddr, PageSize, Space};
use crate::iommu::traced_cache::{get_or_load, hit};
use crate::iommu::{Refusal, RequestKind};
use crate::memory::Memory;
use crate::paging::amdv1::AmdV1Fault;
use crate::paging::walk::Walker;
use crate::paging::{walk, Direct, Format, WalkError, Want};
use crate::spec::{Bits, Rule, Text};
use crate::trace::{Actor, CacheOp, Event as Step, Observer, Off, Perms, Stage};

/// A translation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// The address, offset included.
    pub to: u64,
    /// Its reach.
    pub size: PageSize,
    /// What is allowed.
    pub perms: Perms,
    /// It came from the IOTLB.
    pub cached: bool,
}

impl Reached {
    fn untouched(to: u64, perms: Perms) -> Self {
        Reached { to, size: PageSize::SIZE_4K, perms, cached: false }
    }
}

/// What a request comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// An address.
    Memory(Reached),
    /// An interrupt.
    Interrupt(Interrupt),
}

static WIDTH: Rule = Rule {
    text: Text::new("the address is within the width of Mode", "地址不超出 Mode 的位宽"),
    section: "AMD 48882",
};
static RIGHTS: Rule = Rule {
    text: Text::new("IR and IW of the device table entry allow the access", "设备表项的 IR、IW 允许此次访问"),
    section: "AMD 48882",
};
static TRANSLATES: Rule = Rule {
    text: Text::new("TV = 1: there is translation information", "TV = 1：有转换信息"),
    section: "AMD 48882",
};

fn check<O: Observer>(rule: &'static Rule, ok: bool, value: u64, obs: &mut O) -> bool {
    if O::ON && !ok {
        obs.step(Actor::Iommu, Step::Check { rule, ok, value });
    }
    ok
}

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
            return invalid(0);
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
        let event = asked.event(&faults::ILLEGAL_DEV_TABLE_ENTRY, asked.at);
        return Err(stop(Event { reserved: true, ..event }));
    }
    let own = Perms::when(Perms::R, entry.is(dte::IR)).or(Perms::when(Perms::W, entry.is(dte::IW)));
    if !asked.ats() && !check(&RIGHTS, own.has(asked.perms), entry.words[0], obs) {
        return Err(stop(Event { present: true, denied: true, ..fault(asked.at) }));
    }
    if entry.mode() == mode::NONE {
        return pass(own);
    }
    match translate(setup, caches, memory, asked, &entry, obs) {
        Ok(found) => Ok(Answer::Memory(Reached { perms: found.perms.and(own), ..found })),
        // A translation request that finds nothing is answered with no rights, and nothing is logged.
        Err(event) if asked.ats() && event.code == &faults::IO_PAGE_FAULT && !event.reserved => {
            let refusal = Refusal::NoPermission;
            Err(Refused { suppressed: true, refusal, ..stop(event) })
        }
        Err(event) => Err(stop(event)),
    }
}

/// Is the address in the exclusion range, and does that apply to the device?
fn excluded(setup: &Setup<'_>, entry: &Dte, at: u64) -> bool {
    let [base, limit] = setup.exclusion;
    base.is_set(exclusion_base::EX_EN)
        && (base.is_set(exclusion_base::ALLOW) || entry.is(dte::EX))
        && at >= base.address(exclusion_base::BASE)
        && at <= limit.address(exclusion_limit::LIMIT) | 0xfff
}

/// Through the IOTLB and the host tables.
fn translate<O: Observer>(
    setup: &Setup<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    asked: &Asked,
    entry: &Dte,
    obs: &mut O,
) -> Result<Reached, Event> {
    let domain = entry.domain();
    let tag = |size: PageSize| Tag { domain, page: asked.at & !size.mask(), shift: size.shift() };
    if let Some(Caches { iotlb, .. }) = caches {
        match iotlb.find(tag) {
            None => iotlb.entries().miss(&Tag { domain, page: asked.at, shift: 0 }, obs),
            Some((slot, tag, held)) => {
                let lacking = !asked.ats() && !held.perms.has(asked.perms);
                if lacking || asked.perms.has(Perms::W) && !held.dirty {
                    // The walk knows what to report, and sets D.
                    iotlb.entries().used(CacheOp::Denied, slot, &tag, &held, obs);
                    iotlb.entries().invalidate(|key, _| *key == tag, obs);
                } else {
                    let size = PageSize::from_shift(tag.shift);
                    let to = held.to | asked.at & size.mask();
                    if O::ON {
                        let frozen = Setup { frozen: true, ..*setup };
                        let now = walk_host(&frozen, memory, asked, entry, &mut Off);
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
    let (found, dirty) = walk_host(setup, memory, asked, entry, obs)?;
    if let Some(caches) = caches {
        let mapped = Mapped { to: found.to & !found.size.mask(), perms: found.perms, dirty };
        caches.iotlb.insert(tag(found.size), mapped, obs);
    }
    Ok(found)
}

/// Through the host tables; also whether a write need not set D any more.
fn walk_host<O: Observer>(
    setup: &Setup<'_>,
    memory: &mut Memory,
    asked: &Asked,
    entry: &Dte,
    obs: &mut O,
) -> Result<(Reached, bool), Event> {
    let mut format = entry.host(setup);
    format.check_perms = !asked.ats();
    let page = asked.at & !0xfff;
    let event = |code, address| Event { domain: entry.domain(), ..asked.event(code, address) };
    let fault = event(&faults::IO_PAGE_FAULT, page);
    if !check(&WIDTH, format.accepts(asked.at), asked.at, obs) {
        return Err(fault);
    }
    let how = Walker { actor: Actor::Iommu, stage: Stage::Second };
    let input = AnyAddr { space: Space::Iova, raw: asked.at };
    let root = entry.words.address(dte::HOST_ROOT);
    let want = Want::user(asked.perms);
    match walk(&format, &mut Direct, memory, how, root, input, want, obs) {
        Ok(found) => {
            let perms = format.perms(&found.state);
            let write = Want::user(Perms::W);
            let now = format.touch(found.raw, true, want);
            let dirty = format.touch(now, true, write) == now;
            Ok((Reached { to: found.to, size: found.size, perms, cached: false }, dirty))
        }
        Err(WalkError::Entry { fault: why, .. }) => Err(match why {
            AmdV1Fault::NotPresent => fault,
            AmdV1Fault::Denied => Event { present: true, denied: true, ..fault },
            AmdV1Fault::Reserved => Event { present: true, reserved: true, ..fault },
            AmdV1Fault::Level | AmdV1Fault::Size | AmdV1Fault::Skipped => Event { present: true, ..fault },
        }),
        Err(WalkError::Table { fault: never, .. }) => match never {},
        Err(WalkError::Memory { at, error, .. }) => {
            let kind = error_type(error.into());
            Err(Event { kind, ..event(&faults::PAGE_TAB_HARDWARE_ERROR, at) })
        }
    }
}
