//! One request from its arrival to its outcome, through the caches (VT-d 3.4, 4.2, 6.2).

use super::caches::{Caches, IotlbEntry, IotlbTag, Source, SourcePasid};
use super::config::Config;
use super::context::{Context, Failure, GivenPasid, Kind, Mode, Process, Reader, Route};
use super::fault_log::About;
use super::interrupts::Remapper;
use super::spec::faults as f;
use super::spec::registers::{gsts, GSTS};
use super::spec::structures::sm_context;
use super::walk::{self, is_interrupt_address, Reached};
use super::VtdUnit;
use crate::addr::{Address, PageSize, PhysAddr, RequesterId};
use crate::iommu::traced_cache::{self, get_or_load};
use crate::iommu::{Delivery, Outcome, Request, RequestKind, Translation};
use crate::memory::Memory;
use crate::paging::Want;
use crate::platform::interrupts::Controller;
use crate::spec::{Bits, FaultCode, Field};
use crate::trace::{Actor, CacheOp, Event, InterruptKind, Observer, Off, Perms, Scope, Verdict};

impl VtdUnit {
    /// Reads the tables as the unit does; with `look`, nothing is changed by it.
    pub(super) fn reader(&self, look: bool) -> Reader<'_> {
        Reader { config: &self.config, rtaddr: self.root, look }
    }

    /// Returns whether this is flag of GSTS 1.
    pub(super) fn is_on(&self, status: Field) -> bool {
        self.regs.of(&GSTS).is_set(status)
    }

    /// Answers a request, with the caches.
    pub(super) fn answer<O: Observer>(
        &mut self,
        memory: &mut Memory,
        request: &Request,
        obs: &mut O,
    ) -> Outcome {
        if O::ON {
            let pasid = request.pasid.map(|tag| tag.pasid);
            let (requester, at, want) = (request.requester, request.address(), request.want);
            obs.begin(Actor::Iommu, Scope::Translation { requester, pasid, at, want });
        }
        let outcome = if is_interrupt(request) {
            self.interrupt_range(memory, request, obs)
        } else if !self.is_on(gsts::TES) {
            Outcome::Memory(identity(request))
        } else {
            let reader = Reader { config: &self.config, rtaddr: self.root, look: false };
            match translate(&reader, &mut Some(&mut self.caches), memory, request, obs) {
                Ok(found) => outcome(request, &found),
                Err(failure) => Outcome::Fault(self.refuse(failure, &About::of(request), obs)),
            }
        };
        if O::ON {
            Self::close(obs, verdict(&outcome));
        }
        outcome
    }

    /// Returns what the tables say now: the same way without caches, and nothing is changed.
    pub(super) fn look(&self, memory: &mut Memory, request: &Request) -> Outcome {
        let refused = |failure: Failure| {
            let refusal = crate::iommu::Refusal::UnsupportedRequest;
            let recorded = crate::trace::Recorded::None;
            Outcome::Fault(crate::iommu::Fault { code: failure.code, refusal, recorded })
        };
        if is_interrupt(request) {
            let delivery = self.remapper(true).remap(&mut None, memory, request, &mut Off);
            return delivery.map_or_else(|(failure, _)| refused(failure), Outcome::Interrupt);
        }
        if !self.is_on(gsts::TES) {
            return Outcome::Memory(identity(request));
        }
        let found = translate(&self.reader(true), &mut None, memory, request, &mut Off);
        found.map_or_else(refused, |found| outcome(request, &found))
    }

    fn interrupt_range<O: Observer>(
        &mut self,
        memory: &mut Memory,
        request: &Request,
        obs: &mut O,
    ) -> Outcome {
        let status = self.regs.of(&GSTS);
        let remapper = Remapper { config: &self.config, status, root: self.interrupt_root, look: false };
        match remapper.remap(&mut Some(&mut self.caches), memory, request, obs) {
            Ok(delivery) => {
                if O::ON {
                    let Delivery { vector, destination, kind, vectored, .. } = delivery;
                    match vectored {
                        true => Controller::LocalApic.arrive(Actor::Iommu, (vector, destination), kind, obs),
                        false => obs.step(Actor::Iommu, Event::Interrupt { vector, destination, kind }),
                    }
                }
                Outcome::Interrupt(delivery)
            }
            Err((failure, index)) => {
                let about = About { at: u64::from(index), ..About::of(request) };
                let fault = self.refuse(failure, &about, obs);
                if O::ON {
                    let vector = request.data.unwrap_or(0) & 0xff;
                    let kind = InterruptKind::Blocked;
                    obs.step(Actor::Iommu, Event::Interrupt { vector, destination: 0, kind });
                }
                Outcome::Fault(fault)
            }
        }
    }
}

/// A translation with what answers are made from.
struct Found {
    reached: Reached,
    want: Want,
    cached: bool,
}

/// Translates a request. Without caches it looks at memory only.
fn translate<O: Observer>(
    reader: &Reader<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    request: &Request,
    obs: &mut O,
) -> Result<Found, Failure> {
    let config = reader.config;
    let scalable = scalable(reader, request)?;
    let context = find_context(reader, caches, memory, request.requester, scalable, obs)?;
    check_context(request, &context)?;
    let want = want(config, request, &context);
    let route = if scalable {
        let pasid = pasid_of(reader, request, &context)?;
        let cache = caches.as_mut().map(|caches| &mut caches.pasid);
        let source = ProcessOf { reader, context: &context, pasid };
        let key = SourcePasid(request.requester.bdf16(), pasid);
        let process = get_or_load(cache, key, &source, memory, obs)?;
        let route = reader.scalable_route(&process, pasid);
        check_route(&route, request, want)?;
        route
    } else {
        reader.legacy_route(&context)
    };
    let uncached = |reached| Found { reached, want, cached: false };
    if request.kind == RequestKind::Translated {
        return Ok(uncached(translated(request, &route)?));
    }
    let at = request.at.raw();
    let mut asked = asked(request, want);
    let caches = match caches {
        Some(caches) if route.kind != Kind::PassThrough => caches,
        _ => return Ok(uncached(walk::translate(config, &route, memory, at, asked, obs)?)),
    };
    // An answer that grants writes sets dirty bits now: the device will not request it again (VT-d 4.1).
    let grants_writes = matches!(request.kind, RequestKind::Translation { no_write: false });
    let look_only = Reader { look: true, ..*reader };
    let tag = |size| IotlbTag::new(config, &route, request.requester, at, size);
    if let Some((slot, key, entry)) = caches.iotlb.find(tag) {
        let have = if want.privileged { entry.supervisor } else { entry.user };
        let writes = asked.perms.has(Perms::W) || grants_writes && have.has(Perms::W);
        let dirty_needed = writes && !entry.dirty;
        let size = PageSize::from_shift(key.shift);
        let to = entry.to | at & size.mask();
        let IotlbEntry { user, supervisor, dirty, .. } = entry;
        let reached = Reached { to, size, user, supervisor, dirty, reads: 0 };
        let allowed = have.has(asked.perms);
        if O::ON {
            let same = translate(&look_only, &mut None, memory, request, &mut Off).is_ok_and(|now| {
                let now = now.reached;
                now.to == to && now.user == user && now.size == size
            });
            let op = match (allowed, same) {
                (false, _) => CacheOp::Denied,
                (true, true) => CacheOp::Hit,
                (true, false) => CacheOp::Stale,
            };
            caches.iotlb.entries().used(op, slot, &key, &entry, obs);
        }
        if !allowed {
            let code = denied(&route, have, asked, config.quirks.legacy_codes_in_scalable_mode);
            let silent = config.quirks.cached_denial_is_silent;
            return Err(Failure { silent, ..Failure::new(code, route.fpd) });
        }
        if !dirty_needed {
            return Ok(Found { reached, want, cached: true });
        }
    } else {
        caches.iotlb.entries().miss(&tag(PageSize::SIZE_4K), obs);
    }
    if grants_writes {
        // What the tables grant is looked up beforehand, so that they are walked once.
        let writable = translate(&look_only, &mut None, memory, request, &mut Off)
            .is_ok_and(|now| now.reached.rights(want).has(Perms::W));
        asked.perms = Perms::when(Perms::W, writable);
    }
    let reached = walk::translate(config, &route, memory, at, asked, obs)
        .map_err(|failure| Failure { given: given(config, request, &route), ..failure })?;
    caches.iotlb.insert(tag(reached.size), IotlbEntry::new(route.kind, &reached), obs);
    Ok(uncached(reached))
}

/// A requester whose context entry is wanted.
struct ContextOf<'a> {
    reader: &'a Reader<'a>,
    requester: RequesterId,
    scalable: bool,
}

impl traced_cache::Source<Context> for ContextOf<'_> {
    type Error = Failure;
    fn load<O: Observer>(&self, memory: &mut Memory, look: bool, obs: &mut O) -> Result<Context, Failure> {
        let reader = Reader { look, ..*self.reader };
        reader.context(memory, self.requester, self.scalable, obs)
    }
}

/// Returns the context entry, from the cache or from memory.
pub(super) fn find_context<O: Observer>(
    reader: &Reader<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    requester: RequesterId,
    scalable: bool,
    obs: &mut O,
) -> Result<Context, Failure> {
    let cache = caches.as_mut().map(|caches| &mut caches.context);
    let source = ContextOf { reader, requester, scalable };
    get_or_load(cache, Source(requester.bdf16(), scalable), &source, memory, obs)
}

/// A PASID of a device whose entry is wanted.
struct ProcessOf<'a> {
    reader: &'a Reader<'a>,
    context: &'a Context,
    pasid: u32,
}

impl traced_cache::Source<Process> for ProcessOf<'_> {
    type Error = Failure;
    fn load<O: Observer>(&self, memory: &mut Memory, look: bool, obs: &mut O) -> Result<Process, Failure> {
        Reader { look, ..*self.reader }.process(memory, self.context, self.pasid, obs)
    }
}

/// Returns whether it is a request to the interrupt address range. One with a PASID is not.
fn is_interrupt(request: &Request) -> bool {
    request.pasid.is_none() && is_interrupt_address(request.at.raw())
}

/// Returns whether scalable mode applies, or the refusal of the root table address register.
fn scalable(reader: &Reader<'_>, request: &Request) -> Result<bool, Failure> {
    match reader.mode() {
        Mode::Legacy if request.pasid.is_some() => Err(Failure::new(&f::RTA_2, false)),
        Mode::Legacy => Ok(false),
        Mode::Scalable => Ok(true),
        // Abort-DMA mode blocks without a record (VT-d 3.4.5); the code only names the register.
        Mode::Abort => Err(Failure { silent: true, ..Failure::new(&f::RTA_1, false) }),
        Mode::Invalid => Err(Failure::new(&f::RTA_1, false)),
    }
}

fn check_context(request: &Request, context: &Context) -> Result<(), Failure> {
    let fail = |code| Err(Failure::new(code, context.fpd()));
    if request.kind != RequestKind::Untranslated && !context.allows_ats() {
        return fail(if context.scalable { &f::SCT_5 } else { &f::LCT_5 });
    }
    if context.scalable && request.pasid.is_some() && !context.words.is_set(sm_context::PASIDE) {
        return fail(&f::SCT_6);
    }
    Ok(())
}

fn pasid_of(reader: &Reader<'_>, request: &Request, context: &Context) -> Result<u32, Failure> {
    let Some(tag) = request.pasid else { return Ok(reader.rid_pasid(context)) };
    let pasid = tag.pasid.raw();
    match reader.in_directory(context, pasid) {
        true => Ok(pasid),
        false => Err(Failure::new(&f::SCT_7, context.fpd())),
    }
}

/// Returns what the request needs of the tables.
fn want(config: &Config, request: &Request, context: &Context) -> Want {
    match request.pasid {
        Some(tag) => {
            let fetch = Perms::when(Perms::X, tag.execute && request.want.has(Perms::R));
            Want { perms: request.want.or(fetch), privileged: tag.privileged }
        }
        // RID_PRIV (VT-d 9.4); reserved where there are no supervisor requests.
        None => {
            let raised = context.scalable && context.words.is_set(sm_context::RID_PRIV);
            Want { perms: request.want, privileged: raised && config.supervisor_requests() }
        }
    }
}

/// Only with the quirk: the PASID fields of the record of a request without PASID.
fn given(config: &Config, request: &Request, route: &Route) -> Option<GivenPasid> {
    if !config.quirks.records_rid_pasid || request.pasid.is_some() {
        return None;
    }
    Some(match route.pasid {
        Some(pasid) => GivenPasid { present: true, value: pasid & 0xffff },
        None => GivenPasid { present: false, value: 0xffff },
    })
}

/// Returns what the walk must allow: nothing for a translation request, which takes what it gets.
fn asked(request: &Request, want: Want) -> Want {
    match request.kind {
        RequestKind::Translation { .. } => Want { perms: Perms::NONE, ..want },
        _ => want,
    }
}

fn check_route(route: &Route, request: &Request, want: Want) -> Result<(), Failure> {
    let fail = |code| Err(Failure::new(code, route.fpd));
    if want.perms.has(Perms::X) && !route.execute {
        return fail(&f::SPT_5);
    }
    if request.pasid.is_some() && want.privileged && !route.supervisor {
        return fail(&f::SPT_6);
    }
    Ok(())
}

/// Returns a translated request goes on as it is (VT-d 4.2.3), but not into the interrupt address range.
fn translated(request: &Request, route: &Route) -> Result<Reached, Failure> {
    let to = request.at.raw();
    if is_interrupt_address(to) {
        return Err(Failure::new(if route.scalable { &f::SGN_8 } else { &f::LGN_4 }, route.fpd));
    }
    let all = Perms::RWX;
    Ok(Reached { to, size: PageSize::SIZE_4K, user: all, supervisor: all, dirty: true, reads: 0 })
}

fn denied(route: &Route, have: Perms, asked: Want, legacy_codes: bool) -> &'static FaultCode {
    let legacy = !route.scalable || legacy_codes && route.kind == Kind::Second;
    if have == Perms::NONE && matches!(route.kind, Kind::First | Kind::Nested) && !asked.privileged {
        return &f::SGN_2;
    }
    match (asked.perms.has(Perms::W) && !have.has(Perms::W), asked.perms.has(Perms::R) && !have.has(Perms::R))
    {
        (true, _) if legacy => &f::LGN_2,
        (true, _) => &f::SGN_6,
        (_, true) if legacy => &f::LGN_3,
        (_, true) => &f::SGN_7,
        _ => &f::SGN_3,
    }
}

fn identity(request: &Request) -> Translation {
    let to = PhysAddr::new(request.at.raw());
    Translation { to, size: PageSize::SIZE_4K, perms: Perms::RW, cached: false }
}

fn outcome(request: &Request, found: &Found) -> Outcome {
    let Found { reached, want, cached } = *found;
    let perms = reached.rights(want);
    let translation = Translation { to: PhysAddr::new(reached.to), size: reached.size, perms, cached };
    match request.kind {
        RequestKind::Translation { no_write } => {
            let perms = if no_write { Perms(perms.0 & !Perms::W.0) } else { perms };
            Outcome::Answer(Translation { perms, ..translation })
        }
        _ => Outcome::Memory(translation),
    }
}

fn verdict(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Memory(t) | Outcome::Answer(t) => {
            Verdict::Leaf { to: t.to.any(), size: t.size, perms: t.perms }
        }
        Outcome::Interrupt(_) => Verdict::Ok,
        Outcome::Fault(fault) => Verdict::Fault(fault.code),
    }
}
