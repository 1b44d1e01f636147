//! One transaction from its arrival to its answer, through the caches (IHI 0070, 3.3 and 15).

use super::caches::{Caches, Mapped, Rights, Stream, Substream as Key, Tag};
use super::context::{Cd, Half, Setup, Ste, World};
use super::fault::{About, Stopped};
use super::lookup::{find_descriptor, find_stream, substream, Substream};
use super::spec::registers::{idr0, idr1, switches};
use super::spec::structures::eats;
use super::spec::{cd, events, ste};
use super::stages::{Leaf, Need, Second, Stages};
use crate::addr::PageSize;
use crate::iommu::traced_cache::{get_or_load, hit, Source};
use crate::iommu::{Request, RequestKind};
use crate::memory::Memory;
use crate::spec::Bits;
use crate::trace::{CacheOp, Observer, Off, Perms};

/// A transaction in this architecture's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// StreamID.
    pub stream: u32,
    /// SubstreamID, where valid.
    pub substream: Option<u32>,
    /// Privileged.
    pub privileged: bool,
    /// R, W or X.
    pub perms: Perms,
    /// The address.
    pub at: u64,
    /// Untranslated, translation request, translated.
    pub kind: RequestKind,
}

impl Transaction {
    /// Returns the transaction that a request of a PCIe function is.
    pub fn new(request: &Request, stream: u32) -> Self {
        let tag = request.pasid;
        let execute = request.want.has(Perms::X) || tag.is_some_and(|t| t.execute);
        let perms = match request.kind {
            RequestKind::Translation { no_write } => {
                Perms::R.or(Perms::when(Perms::W, !no_write)).or(Perms::when(Perms::X, execute))
            }
            _ if request.want.has(Perms::W) => Perms::W,
            _ if execute => Perms::X,
            _ => Perms::R,
        };
        Transaction {
            stream,
            substream: tag.map(|t| t.pasid.raw()),
            privileged: tag.is_some_and(|t| t.privileged),
            perms,
            at: request.at.raw(),
            kind: request.kind,
        }
    }
    /// Returns whether it is an ATS translation request.
    pub const fn ats(&self) -> bool {
        matches!(self.kind, RequestKind::Translation { .. })
    }
    /// Returns what a record says of it.
    pub fn about(&self) -> About {
        About {
            stream: self.stream,
            substream: self.substream,
            at: self.at,
            read: !self.perms.has(Perms::W) || self.ats(),
            privileged: self.privileged,
            execute: self.perms.has(Perms::X),
        }
    }
}

/// A translation with all that answers are made from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// The address, offset included.
    pub to: u64,
    /// Its reach.
    pub size: PageSize,
    /// What both stages allow to accesses of this privilege.
    pub rights: Perms,
    /// A write needs nothing to be set any more.
    pub dirty: bool,
    /// It is global in stage 1.
    pub global: bool,
    /// Split-stage ATS: `to` is guest-physical.
    pub guest_physical: bool,
    /// It came from the TLB.
    pub cached: bool,
    /// It went through no table.
    pub untouched: bool,
}

impl Reached {
    const fn untouched(to: u64) -> Self {
        Reached {
            to,
            size: PageSize::SIZE_4K,
            rights: Perms::RWX,
            dirty: true,
            global: false,
            guest_physical: false,
            cached: false,
            untouched: true,
        }
    }
}

/// Answers a transaction. Without caches it looks at memory only.
pub fn process<O: Observer>(
    setup: &Setup<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    asked: &Transaction,
    obs: &mut O,
) -> Result<Reached, Stopped> {
    let unit = setup.config;
    if !setup.enabled() {
        return match asked.kind {
            RequestKind::Translation { .. } => Err(Stopped::new(&events::F_BAD_ATS_TREQ)),
            RequestKind::Translated => Err(Stopped::new(&events::F_TRANSL_FORBIDDEN)),
            _ if setup.aborts() || too_wide(setup, asked) => Err(Stopped::silent()),
            _ => Ok(Reached::untouched(asked.at)),
        };
    }
    let translated = matches!(asked.kind, RequestKind::Translated);
    // Without CR0.ATSCHK translated transactions pass (IHI 0070, 3.9.1).
    if translated && unit.has(idr0::ATS) && !setup.cr0.is_set(switches::ATSCHK) {
        return passed(setup, asked);
    }
    let source = StreamEntry(setup, asked.stream);
    let cache = caches.as_deref_mut().map(|caches| &mut caches.ste);
    let entry = get_or_load(cache, Stream(asked.stream), &source, memory, obs).map_err(|stopped| {
        if translated {
            stopped.unrecorded()
        } else {
            stopped
        }
    })?;
    let mode = entry.ats(setup);
    let allowed = mode != eats::NONE && (entry.stage1() || entry.stage2());
    if entry.aborts() {
        return Err(Stopped::silent());
    }
    if asked.ats() && !allowed {
        return Err(Stopped::new(&events::F_BAD_ATS_TREQ));
    }
    if translated && !allowed {
        return Err(Stopped::new(&events::F_TRANSL_FORBIDDEN));
    }
    if translated && mode == eats::FULL {
        return passed(setup, asked);
    }
    let asked = &overridden(setup, &entry, asked);
    // What is recorded of a stage's fault is what the entry made of the transaction.
    let seen = (!unit.quirks.privileged).then_some((asked.privileged, asked.perms.has(Perms::X)));
    through(setup, caches, memory, asked, &entry, mode, obs)
        .map_err(|stopped| Stopped { overridden: seen, ..stopped })
}

/// Translates a transaction of a stream whose entry lets it.
fn through<O: Observer>(
    setup: &Setup<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    asked: &Transaction,
    entry: &Ste,
    mode: u64,
    obs: &mut O,
) -> Result<Reached, Stopped> {
    let translated = matches!(asked.kind, RequestKind::Translated);
    // Split-stage ATS: what the device has is guest-physical.
    let first = entry.stage1() && !translated;
    let descriptor = match (first, asked.substream) {
        (true, number) => match substream(setup, entry, number)? {
            Substream::Descriptor(number) => {
                Some(descriptor(setup, caches, memory, entry, asked.stream, number, obs)?)
            }
            Substream::Bypass => None,
        },
        // A SubstreamID needs a stage 1 to be of use (IHI 0070, 3.9).
        (false, Some(_)) if !translated => return Err(Stopped::new(&events::C_BAD_SUBSTREAMID)),
        (false, _) => None,
    };
    if descriptor.is_none() && !entry.stage2() {
        return match too_wide(setup, asked) {
            true => Err(Stopped::new(&events::F_ADDR_SIZE)),
            false => Ok(Reached::untouched(asked.at)),
        };
    }
    let route = Route { entry: *entry, descriptor };
    let (tag, at, half) = route.tag(setup, asked)?;
    let split = asked.ats() && mode == eats::SPLIT;
    if !split {
        if let Some(answer) = look_up(setup, caches, memory, &route, tag, at, asked, obs)? {
            return Ok(answer);
        }
    }
    walk(setup, caches, memory, &route, tag, at, half, split, asked, obs)
}

/// Returns whether an address that goes around all tables is wider than any there is (IHI 0070, 3.4).
fn too_wide(setup: &Setup<'_>, asked: &Transaction) -> bool {
    asked.at >> setup.config.address_bits() != 0 && !setup.config.quirks.bypass_any
}

/// Lets a translated transaction through; one that is too wide ends without a record (IHI 0070, 3.9.1.1).
fn passed(setup: &Setup<'_>, asked: &Transaction) -> Result<Reached, Stopped> {
    match too_wide(setup, asked) {
        true => Err(Stopped::silent()),
        false => Ok(Reached::untouched(asked.at)),
    }
}

/// PRIVCFG and INSTCFG (IHI 0070, 5.2).
fn overridden(setup: &Setup<'_>, entry: &Ste, asked: &Transaction) -> Transaction {
    let mut out = *asked;
    if setup.config.quirks.privileged {
        out.privileged = true;
        out.perms = Perms(out.perms.0 & !Perms::X.0).or(Perms::when(Perms::R, out.perms == Perms::X));
    } else if setup.config.idr1(idr1::ATTR_PERMS_OVR) != 0 {
        match entry.words.bits(ste::PRIVCFG) {
            2 => out.privileged = false,
            3 => out.privileged = true,
            _ => {}
        }
        // Only reads can be fetches.
        match entry.words.bits(ste::INSTCFG) {
            2 if out.perms == Perms::X => out.perms = Perms::R,
            3 if out.perms == Perms::R => out.perms = Perms::X,
            _ => {}
        }
    }
    out
}

/// Reads a stream table entry.
struct StreamEntry<'a>(&'a Setup<'a>, u32);

impl Source<Ste> for StreamEntry<'_> {
    type Error = Stopped;
    fn load<O: Observer>(&self, memory: &mut Memory, _look: bool, obs: &mut O) -> Result<Ste, Stopped> {
        find_stream(self.0, memory, self.1, obs)
    }
}

/// Returns what both stages of one transaction share.
fn stages<'a, 'c>(setup: &Setup<'a>, entry: &Ste, caches: Option<&'c mut Caches>) -> Stages<'a, 'c> {
    let config = setup.config;
    Stages { config, second: Second::of(setup, entry), vmid: entry.vmid(config), caches }
}

fn descriptor<O: Observer>(
    setup: &Setup<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    entry: &Ste,
    stream: u32,
    number: u32,
    obs: &mut O,
) -> Result<Cd, Stopped> {
    let key = Key(stream, number);
    if let Some(caches) = caches {
        if let Some((slot, found)) = caches.cd.get(&key) {
            if O::ON {
                let frozen = Setup { frozen: true, ..*setup };
                let mut look = stages(&frozen, entry, None);
                let now = find_descriptor(&frozen, &mut look, memory, entry, number, &mut Off);
                caches.cd.used(hit(now == Ok(found)), slot, &key, &found, obs);
            }
            return Ok(found);
        }
        caches.cd.miss(&key, obs);
    }
    // Its pointers may be translated by stage 2, which uses the TLB.
    let mut both = stages(setup, entry, caches.as_deref_mut());
    let found = find_descriptor(setup, &mut both, memory, entry, number, obs);
    match (caches, &found) {
        (Some(caches), Ok(found)) => caches.cd.insert(key, *found, obs),
        (Some(caches), Err(_)) if setup.config.quirks.config_together => {
            caches.ste.invalidate(|key, _| key.0 == stream, obs);
        }
        _ => {}
    }
    found
}

/// What configuration settles.
struct Route {
    entry: Ste,
    descriptor: Option<Cd>,
}

impl Route {
    /// Returns the tag that the TLB is asked for, the address without an ignored top byte, and the half of stage 1.
    fn tag(&self, setup: &Setup<'_>, asked: &Transaction) -> Result<(Tag, u64, Option<Half>), Stopped> {
        let vmid = self.entry.vmid(setup.config);
        let Some(found) = &self.descriptor else {
            let tag = Tag { world: World::Ipa, vmid, asid: None, page: asked.at, shift: 0 };
            return Ok((tag, asked.at, None));
        };
        let world = self.entry.world(setup);
        let (half, at) = found.select(setup, world, asked.at).ok_or(Stopped {
            recorded: found.words.is_set(cd::R),
            stalls: found.words.is_set(cd::S),
            ..Stopped::new(&events::F_TRANSLATION)
        })?;
        let at = if setup.config.quirks.plain_tlb { asked.at } else { at };
        let asid = (world != World::El2).then(|| found.asid());
        let vmid = vmid.filter(|_| world == World::El1);
        Ok((Tag { world, vmid, asid, page: at, shift: 0 }, at, Some(half)))
    }
}

#[allow(clippy::too_many_arguments)] // each is one thing
fn look_up<O: Observer>(
    setup: &Setup<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    route: &Route,
    tag: Tag,
    at: u64,
    asked: &Transaction,
    obs: &mut O,
) -> Result<Option<Reached>, Stopped> {
    let Some(caches) = caches else { return Ok(None) };
    let Some((slot, tag, entry)) = caches.find(tag) else {
        let size = PageSize::SIZE_4K;
        let page = tag.page & !size.mask();
        caches.tlb.entries().miss(&Tag { page, shift: size.shift(), ..tag }, obs);
        return Ok(None);
    };
    let quirks = setup.config.quirks;
    let held = if quirks.plain_tlb { asked.perms.and(Perms::W) } else { asked.perms };
    let (first, second) = (entry.first.of(asked.privileged), entry.second.of(asked.privileged));
    let size = PageSize::from_shift(tag.shift);
    let allowed = first.has(held) && second.has(held);
    if !asked.ats() && !allowed {
        caches.tlb.entries().used(CacheOp::Denied, slot, &tag, &entry, obs);
        let s2 = first.has(held) && !(quirks.warm_stage_1 && tag.world == World::Ipa);
        let ste = &route.entry.words;
        let cd = route.descriptor.unwrap_or_default().words;
        let ipa = match entry.ipa {
            Some(page) if !quirks.warm_no_ipa => page | at & size.mask(),
            None if tag.world == World::Ipa && !quirks.warm_no_ipa => at,
            _ => 0,
        };
        return Err(Stopped {
            recorded: if s2 { ste.is_set(ste::S2R) } else { cd.is_set(cd::R) },
            stalls: if s2 { ste.is_set(ste::S2S) } else { cd.is_set(cd::S) },
            s2,
            address: if s2 { ipa } else { 0 },
            ..Stopped::new(&events::F_PERMISSION)
        });
    }
    let dirty = entry.first.dirty && entry.second.dirty;
    if asked.perms.has(Perms::W) && !dirty {
        // The descriptor must be marked first: it is walked again.
        caches.tlb.entries().used(CacheOp::Denied, slot, &tag, &entry, obs);
        caches.tlb.entries().invalidate(|key, _| *key == tag, obs);
        return Ok(None);
    }
    let to = entry.to | at & size.mask();
    if O::ON {
        let frozen = Setup { frozen: true, ..*setup };
        let fresh = process(&frozen, &mut None, memory, asked, &mut Off)
            .is_ok_and(|now| now.to == to && now.rights == first.and(second));
        caches.tlb.entries().used(hit(fresh), slot, &tag, &entry, obs);
    }
    Ok(Some(Reached {
        to,
        size,
        rights: first.and(second),
        dirty,
        global: tag.asid.is_none(),
        guest_physical: false,
        cached: true,
        untouched: false,
    }))
}

#[allow(clippy::too_many_arguments)] // each is one thing
fn walk<O: Observer>(
    setup: &Setup<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    route: &Route,
    tag: Tag,
    at: u64,
    half: Option<Half>,
    split: bool,
    asked: &Transaction,
    obs: &mut O,
) -> Result<Reached, Stopped> {
    let need = Need { perms: asked.perms, privileged: asked.privileged, check: !asked.ats() };
    let mut both = stages(setup, &route.entry, caches.as_deref_mut());
    let first = match (&route.descriptor, half) {
        (Some(found), Some(half)) => both.first(memory, found, &half, at, need, obs)?,
        _ => Leaf { to: at, shift: 63, rights: Rights::ALL, global: false },
    };
    let privileged = asked.privileged;
    let nested = route.descriptor.is_some() && both.second.is_some();
    if split {
        return Ok(Reached {
            to: first.to,
            size: PageSize::from_shift(first.shift),
            rights: first.rights.of(privileged),
            dirty: first.rights.dirty,
            global: first.global,
            guest_physical: nested,
            cached: false,
            untouched: false,
        });
    }
    let second = both.second(memory, first.to, need, obs)?;
    let shift = first.shift.min(second.shift);
    let size = PageSize::from_shift(shift);
    let global = first.global && route.descriptor.is_some() && !setup.config.quirks.plain_tlb;
    if let Some(caches) = caches {
        let tag = Tag { asid: tag.asid.filter(|_| !global), page: at & !size.mask(), shift, ..tag };
        let mapped = Mapped {
            to: second.to & !size.mask(),
            ipa: nested.then_some(first.to & !size.mask()),
            first: first.rights,
            second: second.rights,
        };
        caches.tlb.insert(tag, mapped, obs);
    }
    Ok(Reached {
        to: second.to,
        size,
        rights: first.rights.of(privileged).and(second.rights.of(privileged)),
        dirty: first.rights.dirty && second.rights.dirty,
        global,
        guest_physical: false,
        cached: false,
        untouched: false,
    })
}
