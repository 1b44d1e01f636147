//! One request from its arrival to its answer, in the numbered steps of the specification (RISC-V IOMMU, "Process to
//! translate an IOVA"), through the caches.

use super::access::Trouble;
use super::caches::{Caches, Device, Mapped, Process, Tag};
use super::context::{by_need, device_context, guest_page_fault, process_context, Dc, Pc, Setup, Stopped};
use super::faults as f;
use super::msi::{self, MsiHit};
use super::records::FaultContext;
use super::spec::registers::mode;
use super::spec::structures::{dc, fsc_mode, pc, ttyp};
use super::stages::{Leaf, Need, Root, StageFault};
use crate::addr::PageSize;
use crate::iommu::traced_cache::{get_or_load, hit, Source};
use crate::iommu::{Request, RequestKind};
use crate::memory::Memory;
use crate::spec::{Bits, FaultCode};
use crate::trace::{CacheOp, Observer, Off, Perms};

/// A request in this architecture's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// device_id.
    pub device: u32,
    /// process_id, where valid.
    pub process: Option<u32>,
    /// Supervisor privilege.
    pub privileged: bool,
    /// What it needs of both stages.
    pub perms: Perms,
    /// Execute was requested, whatever came of it.
    pub execute: bool,
    /// The address.
    pub iova: u64,
    /// Untranslated, translation request, translated.
    pub kind: RequestKind,
}

impl Asked {
    /// Returns the request in these words.
    pub fn new(request: &Request) -> Self {
        let tag = request.pasid;
        let execute = request.want.has(Perms::X) || tag.is_some_and(|t| t.execute);
        let fetch = Perms::when(Perms::X, execute && tag.is_some());
        let perms = match request.kind {
            RequestKind::Translation { no_write } => Perms::R.or(Perms::when(Perms::W, !no_write)).or(fetch),
            _ if request.want.has(Perms::W) => Perms::W,
            RequestKind::Untranslated if execute => Perms::X,
            RequestKind::Untranslated => Perms::R,
            RequestKind::Translated => Perms::R.or(fetch),
        };
        Asked {
            device: request.requester.raw() & 0xff_ffff,
            process: tag.map(|t| t.pasid.raw()),
            privileged: tag.is_some_and(|t| t.privileged),
            perms,
            execute,
            iova: request.at.raw(),
            kind: request.kind,
        }
    }
    /// Returns whether it is an ATS translation request.
    pub const fn ats(&self) -> bool {
        matches!(self.kind, RequestKind::Translation { .. })
    }
    /// Returns TTYP of its fault record.
    pub fn ttyp(&self) -> u64 {
        let translated = matches!(self.kind, RequestKind::Translated);
        match (translated, self.perms) {
            _ if self.ats() => ttyp::ATS,
            (false, perms) if perms.has(Perms::W) => ttyp::WRITE,
            (true, perms) if perms.has(Perms::W) => ttyp::TRANSLATED_WRITE,
            (false, perms) if perms.has(Perms::X) => ttyp::FETCH,
            (true, perms) if perms.has(Perms::X) => ttyp::TRANSLATED_FETCH,
            (false, _) => ttyp::READ,
            (true, _) => ttyp::TRANSLATED_READ,
        }
    }
    /// Returns what its fault record says besides the cause.
    pub fn fault_context(&self) -> FaultContext {
        let Asked { device, process, privileged, perms, .. } = *self;
        FaultContext { device, process, privileged, ttyp: self.ttyp(), want: perms }
    }
}

/// A translation with all that answers are made from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// The address, offset included.
    pub to: u64,
    /// Its reach.
    pub size: PageSize,
    /// R, W, X that both stages allow.
    pub rights: Perms,
    /// A write needs no D to be set any more.
    pub dirty: bool,
    /// Global in the first stage.
    pub global: bool,
    /// Memory type.
    pub pbmt: u8,
    /// It is the address of an interrupt file.
    pub msi: Option<MsiHit>,
    /// T2GPA: `to` is guest-physical.
    pub guest_physical: bool,
    /// T2GPA is on for the device.
    pub t2gpa: bool,
    /// It came from the IOTLB.
    pub cached: bool,
    /// It went through no table: Bare mode, or translated before.
    pub untouched: bool,
    /// What the IOTLB was given, or would have been.
    pub remembered: Option<(Tag, Mapped)>,
}

impl Reached {
    fn untouched(to: u64) -> Self {
        Reached {
            to,
            size: PageSize::SIZE_4K,
            rights: Perms::RWX,
            dirty: true,
            global: false,
            pbmt: 0,
            msi: None,
            guest_physical: false,
            t2gpa: false,
            cached: false,
            untouched: true,
            remembered: None,
        }
    }
}

/// A request that was stopped.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Refused {
    /// Why.
    pub code: &'static FaultCode,
    /// iotval2.
    pub iotval2: u64,
    /// DTF of the device context that was found.
    pub dtf: bool,
}

/// What steps 1 to 16 settle.
struct Route {
    dc: Dc,
    first: Root,
    sum: bool,
    gscid: Option<u16>,
    pscid: Option<u32>,
}

/// Steps 1 to 20. Without caches it looks at memory only.
pub fn process<O: Observer>(
    setup: &Setup<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    asked: &Asked,
    obs: &mut O,
) -> Result<Reached, Refused> {
    let early = |code| Refused { code, iotval2: 0, dtf: false };
    let through = matches!(asked.kind, RequestKind::Untranslated);
    match setup.mode() {
        // Step 1.
        mode::OFF => return Err(early(&f::ALL_DISALLOWED)),
        // Step 2.
        mode::BARE if through => return Ok(Reached::untouched(asked.iova)),
        mode::BARE => return Err(early(&f::DISALLOWED)),
        _ => {}
    }
    // Steps 3 to 5.
    if !setup.admits(asked.device) {
        return Err(early(&f::DISALLOWED));
    }
    // Step 6.
    let device = asked.device;
    let cache = caches.as_deref_mut().map(|c| &mut c.ddt);
    let source = OfDevice { setup, device };
    let dc = get_or_load(cache, Device(device), &source, memory, obs).map_err(early)?;
    let stop =
        |stopped: Stopped| Refused { code: stopped.code, iotval2: stopped.iotval2, dtf: dc.is(dc::DTF) };
    let disallowed = || Err(stop(Stopped::from(&f::DISALLOWED)));
    // Step 7.
    let wide = match (dc.is(dc::PDTV), dc.words.bits(dc::FSC_MODE), asked.process) {
        (true, fsc_mode::PD8, Some(process)) => process >> 8 != 0,
        (true, fsc_mode::PD17, Some(process)) => process >> 17 != 0,
        _ => false,
    };
    if !dc.is(dc::EN_ATS) && !through || asked.process.is_some() && !dc.is(dc::PDTV) || wide {
        return disallowed();
    }
    let translated = matches!(asked.kind, RequestKind::Translated);
    // Step 8.
    if translated && !dc.is(dc::T2GPA) {
        return Ok(Reached::untouched(asked.iova));
    }
    let gscid = dc.guest().then(|| dc.gscid());
    let bare = Root::new(0, false, false);
    let satp = |word| Root::new(word, dc.is(dc::SADE), dc.is(dc::SBE));
    let route = |first: Root, pscid: u32, sum| Route {
        dc,
        first,
        sum,
        gscid,
        pscid: (!first.bare()).then_some(pscid),
    };
    // Step 11: DPE gives requests without one the process_id 0, as a user.
    let process_id = asked.process.or_else(|| (dc.is(dc::PDTV) && dc.is(dc::DPE)).then_some(0));
    let route = if translated {
        // Step 9: the IOVA is a guest-physical address.
        route(bare, 0, false)
    } else if !dc.is(dc::PDTV) {
        // Step 10.
        route(satp(dc.fsc()), dc.words.bits(dc::TA_PSCID) as u32, false)
    } else {
        match process_id.filter(|_| dc.words.is_set(dc::FSC_MODE)) {
            // Steps 12 and 13.
            None => route(bare, 0, false),
            // Steps 14 to 16.
            Some(process) => {
                let cache = caches.as_deref_mut().map(|c| &mut c.pdt);
                let source = OfProcess { setup, dc: &dc, process, perms: asked.perms };
                let pc = get_or_load(cache, Process(device, process), &source, memory, obs).map_err(stop)?;
                if asked.privileged && !pc.words.is_set(pc::ENS) {
                    return disallowed();
                }
                route(satp(pc.words[1]), pc.words.bits(pc::PSCID) as u32, pc.words.is_set(pc::SUM))
            }
        }
    };
    if let Some(answer) = look_up(setup, memory, caches, &route, asked, obs).map_err(stop)? {
        return Ok(answer);
    }
    reach(setup, caches, memory, &route, asked, obs).map_err(stop)
}

/// The device context of a device, as the directory has it.
struct OfDevice<'a> {
    setup: &'a Setup<'a>,
    device: u32,
}

impl Source<Dc> for OfDevice<'_> {
    type Error = &'static FaultCode;
    fn load<O: Observer>(&self, memory: &mut Memory, _: bool, obs: &mut O) -> Result<Dc, Self::Error> {
        device_context(self.setup, memory, self.device, obs)
    }
}

/// The process context of a process of a device, as its directory has it.
struct OfProcess<'a> {
    setup: &'a Setup<'a>,
    dc: &'a Dc,
    process: u32,
    perms: Perms,
}

impl Source<Pc> for OfProcess<'_> {
    type Error = Stopped;
    fn load<O: Observer>(&self, memory: &mut Memory, look: bool, obs: &mut O) -> Result<Pc, Stopped> {
        let setup = Setup { frozen: look, ..*self.setup };
        process_context(&setup, self.dc, memory, self.process, self.perms, obs)
    }
}

fn page_fault(perms: Perms) -> &'static FaultCode {
    by_need(perms, [&f::INSTRUCTION_PAGE_FAULT, &f::READ_PAGE_FAULT, &f::WRITE_PAGE_FAULT])
}

fn access_fault(perms: Perms) -> &'static FaultCode {
    by_need(perms, [&f::INSTRUCTION_ACCESS_FAULT, &f::READ_ACCESS_FAULT, &f::WRITE_ACCESS_FAULT])
}

/// Step 17 begins in the IOTLB. An entry that the second stage does not allow, or that lacks D for a write, is
/// dropped and walked again: the walk knows the guest-physical address to report, and sets D.
fn look_up<O: Observer>(
    setup: &Setup<'_>,
    memory: &mut Memory,
    caches: &mut Option<&mut Caches>,
    route: &Route,
    asked: &Asked,
    obs: &mut O,
) -> Result<Option<Reached>, Stopped> {
    // An answer in guest-physical addresses is not what the IOTLB holds for the IOVA.
    if asked.ats() && route.dc.is(dc::T2GPA) {
        return Ok(None);
    }
    let Some(Caches { iotlb, .. }) = caches else { return Ok(None) };
    let Route { gscid, pscid, .. } = *route;
    let tag = |size: PageSize| Tag { gscid, pscid, page: asked.iova & !size.mask(), shift: size.shift() };
    let Some((slot, tag, entry)) = iotlb.find(tag) else {
        iotlb.entries().miss(&tag(PageSize::SIZE_4K), obs);
        return Ok(None);
    };
    let perms = asked.perms;
    let lacking = !asked.ats() && !entry.first.has(perms);
    let privilege = route.pscid.is_some()
        && match (asked.privileged, entry.user) {
            (false, user) => !user,
            (true, true) => perms.has(Perms::X) || !route.sum,
            (true, false) => false,
        };
    if lacking || privilege {
        iotlb.entries().used(CacheOp::Denied, slot, &tag, &entry, obs);
        return Err(Stopped::from(page_fault(perms)));
    }
    let dirty = entry.first_dirty && entry.second_dirty;
    if !entry.second.has(perms) || perms.has(Perms::W) && !dirty {
        iotlb.entries().used(CacheOp::Denied, slot, &tag, &entry, obs);
        iotlb.entries().invalidate(|key, _| *key == tag, obs);
        return Ok(None);
    }
    let size = PageSize::from_shift(tag.shift);
    let to = entry.to | asked.iova & size.mask();
    if O::ON {
        let frozen = Setup { frozen: true, ..*setup };
        let rights = entry.first.and(entry.second);
        let fresh = process(&frozen, &mut None, memory, asked, &mut Off)
            .is_ok_and(|now| now.to == to && now.size == size && now.rights == rights);
        iotlb.entries().used(hit(fresh), slot, &tag, &entry, obs);
    }
    Ok(Some(Reached {
        to,
        size,
        rights: entry.first.and(entry.second),
        dirty,
        global: entry.global,
        pbmt: entry.pbmt,
        msi: entry.msi.then_some(MsiHit { to, file: 0, mrif: None }),
        guest_physical: false,
        t2gpa: route.dc.is(dc::T2GPA),
        cached: true,
        untouched: false,
        remembered: None,
    }))
}

/// Steps 17 to 20: both stages, and MSI page tables between them.
fn reach<O: Observer>(
    setup: &Setup<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    route: &Route,
    asked: &Asked,
    obs: &mut O,
) -> Result<Reached, Stopped> {
    let dc = &route.dc;
    let perms = asked.perms;
    let need = Need { perms, privileged: asked.privileged, check: !asked.ats() };
    let stages = dc.stages(setup);
    let memory_fault = |trouble| match trouble {
        Trouble::Access => Stopped::from(access_fault(perms)),
        Trouble::Corrupt => Stopped::from(&f::PT_CORRUPTION),
    };
    // Step 17.
    let first = stages.first(memory, route.first, asked.iova, need, route.sum, obs).map_err(|e| match e {
        StageFault::Page => Stopped::from(page_fault(perms)),
        StageFault::Memory(trouble) => memory_fault(trouble),
        StageFault::Guest { gpa, write } => {
            Stopped { code: guest_page_fault(perms), iotval2: gpa & !3 | 1 | u64::from(write) << 1 }
        }
    })?;
    let gpa = first.to;
    // Step 18.
    let mut hit = None;
    let second = if msi::is_interrupt_file(setup.config, dc, gpa) {
        let found = msi::translate(setup, dc, memory, gpa, obs).map_err(Stopped::from)?;
        if need.check && perms.has(Perms::X) {
            return Err(Stopped::from(&f::INSTRUCTION_ACCESS_FAULT));
        }
        hit = Some(found);
        Leaf { rights: Perms::RW, ..Leaf::bare(found.to, PageSize::SIZE_4K, false) }
    } else {
        // Step 19.
        let found = stages.second(memory, gpa, need, obs).map_err(|e| match e {
            StageFault::Memory(trouble) => memory_fault(trouble),
            _ => Stopped { code: guest_page_fault(perms), iotval2: gpa & !3 },
        })?;
        Leaf { size: msi::without_interrupt_files(setup.config, dc, gpa, found.size), ..found }
    };
    // Step 20.
    let size = first.size.min(second.size);
    let to = second.to & !size.mask() | asked.iova & size.mask();
    let rights = first.rights.and(second.rights);
    let pbmt = if first.pbmt != 0 { first.pbmt } else { second.pbmt };
    let guest_physical = asked.ats() && dc.is(dc::T2GPA) && hit.is_none_or(|h| h.mrif.is_none());
    let kept = |leaf: &Leaf| match setup.config.quirks.caches_dirty_as_read {
        true => leaf.dirty,
        false => leaf.dirty_after,
    };
    let mapped = Mapped {
        to: to & !size.mask(),
        first: first.rights,
        second: second.rights,
        first_dirty: kept(&first),
        second_dirty: kept(&second),
        user: first.user,
        global: first.global,
        pbmt,
        msi: hit.is_some(),
    };
    let tag =
        |page: u64, pscid| Tag { gscid: route.gscid, pscid, page: page & !size.mask(), shift: size.shift() };
    let remembered = match asked.kind {
        _ if hit.is_some_and(|h| h.mrif.is_some()) => None,
        RequestKind::Untranslated => Some(tag(asked.iova, route.pscid)),
        // With T2GPA the translated request that follows is for the guest-physical address.
        RequestKind::Translation { .. } if dc.is(dc::T2GPA) => Some(tag(gpa, None)),
        _ => None,
    };
    let remembered = remembered.map(|tag| (tag, mapped));
    if let (Some(caches), Some((tag, mapped))) = (caches, remembered) {
        caches.iotlb.insert(tag, mapped, obs);
    }
    Ok(Reached {
        to: if guest_physical { gpa } else { to },
        size,
        rights,
        dirty: first.dirty_after && second.dirty_after,
        global: first.global && hit.is_none(),
        pbmt,
        msi: hit,
        guest_physical,
        t2gpa: dc.is(dc::T2GPA),
        cached: false,
        untouched: false,
        remembered,
    })
}
