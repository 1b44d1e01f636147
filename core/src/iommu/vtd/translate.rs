//! One request from its arrival to its outcome, through the caches (VT-d 3.4, 4.2, 6.2).

use super::caches::{self, Caches, Source, SourcePasid};
use super::config::Config;
use super::context::{Context, Failure, GivenPasid, Mode, Process, Reader, Route};
use super::fault_log::About;
use super::spec::faults as f;
use super::spec::registers::{gsts, GSTS};
use super::spec::structures::sm_context;
use super::walk::{self, is_interrupt_address, Reached};
use super::VtdUnit;
use crate::addr::{Address, AnyAddr, PageSize, PhysAddr};
use crate::iommu::{Delivery, Outcome, Request, RequestKind, Translation};
use crate::memory::Memory;
use crate::paging::Want;
use crate::spec::{Bits, FaultCode, Field};
use crate::trace::{Actor, CacheOp, Observer, Off, Perms, Scope, Verdict};

impl VtdUnit {
    pub(super) fn reader(&self, update: bool) -> Reader<'_> {
        Reader { config: &self.config, rtaddr: self.root, update }
    }

    /// Is this flag of GSTS 1?
    pub(super) fn is_on(&self, status: Field) -> bool {
        self.regs.of(&GSTS).is_set(status)
    }

    /// What the request asks of the tables.
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

    /// Answers a request, with the caches.
    pub(super) fn answer<O: Observer>(
        &mut self,
        memory: &mut Memory,
        request: &Request,
        obs: &mut O,
    ) -> Outcome {
        if O::ON {
            let pasid = request.pasid.map(|tag| tag.pasid);
            let (requester, at, want) = (request.requester, request.at.any(), request.want);
            obs.begin(Actor::Iommu, Scope::Translation { requester, pasid, at, want });
        }
        let outcome = if request.pasid.is_none() && is_interrupt_address(request.at.raw()) {
            self.interrupt_range(memory, request, obs)
        } else if !self.is_on(gsts::TES) {
            Outcome::Memory(identity(request))
        } else {
            match self.lookup(memory, request, obs) {
                Ok((found, want, cached)) => outcome(request, &found, want, cached),
                Err(failure) => Outcome::Fault(self.refuse(failure, &About::of(request), obs)),
            }
        };
        if O::ON {
            Self::close(obs, verdict(&outcome));
        }
        outcome
    }

    /// What the tables say now, caches apart and nothing changed.
    pub(super) fn look(&self, memory: &mut Memory, request: &Request) -> Outcome {
        let refused = |code: &'static FaultCode| {
            let refusal = crate::iommu::Refusal::UnsupportedRequest;
            Outcome::Fault(crate::iommu::Fault { code, refusal, recorded: crate::trace::Recorded::None })
        };
        if request.pasid.is_none() && is_interrupt_address(request.at.raw()) {
            return match self.peek_interrupt(memory, request) {
                Ok(delivery) => Outcome::Interrupt(delivery),
                Err(failure) => refused(failure.code),
            };
        }
        if !self.is_on(gsts::TES) {
            return Outcome::Memory(identity(request));
        }
        match self.look_up(memory, request) {
            Ok((found, want)) => outcome(request, &found, want, false),
            Err(failure) => refused(failure.code),
        }
    }

    fn look_up(&self, memory: &mut Memory, request: &Request) -> Result<(Reached, Want), Failure> {
        let reader = self.reader(false);
        let scalable = self.scalable(request)?;
        let context = reader.context(memory, request.requester, scalable, &mut Off)?;
        self.check_context(request, &context)?;
        let want = Self::want(&self.config, request, &context);
        let route = if scalable {
            let pasid = self.pasid_of(request, &context)?;
            let process = reader.process(memory, &context, pasid, &mut Off)?;
            let route = reader.scalable_route(&process, pasid);
            check_route(&route, request, want)?;
            route
        } else {
            reader.legacy_route(&context)
        };
        if request.kind == RequestKind::Translated {
            return Ok((translated(request, &route)?, want));
        }
        let found =
            walk::translate(&self.config, &route, memory, request.at.raw(), asked(request, want), &mut Off)?;
        Ok((found, want))
    }

    /// Which mode applies, or the refusal of the root table address register.
    fn scalable(&self, request: &Request) -> Result<bool, Failure> {
        match self.reader(false).mode() {
            Mode::Legacy if request.pasid.is_some() => Err(Failure::new(&f::RTA_2, false)),
            Mode::Legacy => Ok(false),
            Mode::Scalable => Ok(true),
            // Abort-DMA mode blocks without a record (VT-d 3.4.5); the code only names the register.
            Mode::Abort => Err(Failure { silent: true, ..Failure::new(&f::RTA_1, false) }),
            Mode::Invalid => Err(Failure::new(&f::RTA_1, false)),
        }
    }

    fn check_context(&self, request: &Request, context: &Context) -> Result<(), Failure> {
        let fail = |code| Err(Failure::new(code, context.fpd()));
        if request.kind != RequestKind::Untranslated && !context.allows_ats() {
            return fail(if context.scalable { &f::SCT_5 } else { &f::LCT_5 });
        }
        if context.scalable && request.pasid.is_some() && !context.words.is_set(sm_context::PASIDE) {
            return fail(&f::SCT_6);
        }
        Ok(())
    }

    fn pasid_of(&self, request: &Request, context: &Context) -> Result<u32, Failure> {
        let Some(tag) = request.pasid else { return Ok(context.rid_pasid()) };
        let pasid = tag.pasid.raw();
        if self.reader(false).in_directory(context, pasid) {
            Ok(pasid)
        } else {
            Err(Failure::new(&f::SCT_7, context.fpd()))
        }
    }

    /// The context entry, from the cache or from memory.
    pub(super) fn context<O: Observer>(
        &mut self,
        memory: &Memory,
        request: &Request,
        scalable: bool,
        obs: &mut O,
    ) -> Result<Context, Failure> {
        let key = Source(request.requester.bdf16());
        if let Some((slot, context)) = self.caches.context.get(&key).filter(|(_, c)| c.scalable == scalable) {
            if O::ON {
                let now = self.reader(false).context(memory, request.requester, scalable, &mut Off);
                let op = if now == Ok(context) { CacheOp::Hit } else { CacheOp::Stale };
                caches::tell(obs, &caches::CONTEXT_CACHE, op, slot, caches::context_line(&key, &context));
            }
            return Ok(context);
        }
        if O::ON {
            let line = crate::trace::CacheLine { requester: Some(request.requester), ..Default::default() };
            caches::tell(obs, &caches::CONTEXT_CACHE, CacheOp::Miss, 0, line);
        }
        let context = self.reader(true).context(memory, request.requester, scalable, obs)?;
        let (slot, gone) = self.caches.context.insert(key, context);
        if let Some(gone) = gone.filter(|g| g.key != key) {
            let line = caches::context_line(&gone.key, &gone.value);
            caches::tell(obs, &caches::CONTEXT_CACHE, CacheOp::Evict, gone.slot, line);
        }
        if let Some(slot) = slot {
            let line = caches::context_line(&key, &context);
            caches::tell(obs, &caches::CONTEXT_CACHE, CacheOp::Insert, slot, line);
        }
        Ok(context)
    }

    /// The PASID-table entry, from the cache or from memory.
    fn process<O: Observer>(
        &mut self,
        memory: &Memory,
        request: &Request,
        context: &Context,
        pasid: u32,
        obs: &mut O,
    ) -> Result<Process, Failure> {
        let key = SourcePasid(request.requester.bdf16(), pasid);
        if let Some((slot, entry)) = self.caches.pasid.get(&key) {
            if O::ON {
                let now = self.reader(false).process(memory, context, pasid, &mut Off);
                let op = if now == Ok(entry) { CacheOp::Hit } else { CacheOp::Stale };
                caches::tell(obs, &caches::PASID_CACHE, op, slot, caches::pasid_line(&key, &entry));
            }
            return Ok(entry);
        }
        if O::ON {
            let (requester, pasid) = (Some(request.requester), Some(pasid));
            let line = crate::trace::CacheLine { requester, pasid, ..Default::default() };
            caches::tell(obs, &caches::PASID_CACHE, CacheOp::Miss, 0, line);
        }
        let entry = self.reader(true).process(memory, context, pasid, obs)?;
        let (slot, gone) = self.caches.pasid.insert(key, entry);
        if let Some(gone) = gone.filter(|g| g.key != key) {
            let line = caches::pasid_line(&gone.key, &gone.value);
            caches::tell(obs, &caches::PASID_CACHE, CacheOp::Evict, gone.slot, line);
        }
        if let Some(slot) = slot {
            let line = caches::pasid_line(&key, &entry);
            caches::tell(obs, &caches::PASID_CACHE, CacheOp::Insert, slot, line);
        }
        Ok(entry)
    }

    fn lookup<O: Observer>(
        &mut self,
        memory: &mut Memory,
        request: &Request,
        obs: &mut O,
    ) -> Result<(Reached, Want, bool), Failure> {
        let scalable = self.scalable(request)?;
        let context = self.context(memory, request, scalable, obs)?;
        self.check_context(request, &context)?;
        let want = Self::want(&self.config, request, &context);
        let route = if scalable {
            let pasid = self.pasid_of(request, &context)?;
            let entry = self.process(memory, request, &context, pasid, obs)?;
            let route = self.reader(true).scalable_route(&entry, pasid);
            check_route(&route, request, want)?;
            route
        } else {
            self.reader(true).legacy_route(&context)
        };
        if request.kind == RequestKind::Translated {
            return Ok((translated(request, &route)?, want, false));
        }
        if route.kind == super::context::Kind::PassThrough {
            let found = walk::translate(&self.config, &route, memory, request.at.raw(), want, obs)?;
            return Ok((found, want, false));
        }
        let mut asked = asked(request, want);
        // An answer that grants writes sets dirty bits now: the device will not ask again (VT-d 4.1).
        let grants_writes = matches!(request.kind, RequestKind::Translation { no_write: false });
        let at = request.at.raw();
        if let Some((slot, tag, entry)) = self.caches.find(&self.config, &route, request.requester, at) {
            let have = if want.privileged { entry.supervisor } else { entry.user };
            let writes = asked.perms.has(Perms::W) || grants_writes && have.has(Perms::W);
            let dirty_needed = writes && !entry.dirty;
            let size = PageSize::from_shift(tag.shift);
            let to = entry.to | at & size.mask();
            let found = Reached {
                to,
                size,
                user: entry.user,
                supervisor: entry.supervisor,
                dirty: entry.dirty,
                reads: 0,
            };
            let allowed = have.has(asked.perms);
            if O::ON {
                let fresh = self.look_up(memory, request);
                let same =
                    fresh.is_ok_and(|(now, _)| now.to == to && now.user == entry.user && now.size == size);
                let op = match (allowed, same) {
                    (false, _) => CacheOp::Denied,
                    (true, true) => CacheOp::Hit,
                    (true, false) => CacheOp::Stale,
                };
                caches::tell(obs, &caches::IOTLB, op, slot, caches::iotlb_line(&tag, &entry));
            }
            if !allowed {
                let code = denied(&route, have, asked, self.config.quirks.legacy_codes_in_scalable_mode);
                let silent = self.config.quirks.cached_denial_is_silent;
                return Err(Failure { silent, ..Failure::new(code, route.fpd) });
            }
            if !dirty_needed {
                return Ok((found, want, true));
            }
        } else if O::ON {
            let tag = Caches::tag(&self.config, &route, request.requester, at, PageSize::SIZE_4K);
            let line = crate::trace::CacheLine {
                pasid: tag.pasid,
                domain: Some(u32::from(route.did)),
                from: tag.page,
                shift: 12,
                ..Default::default()
            };
            caches::tell(obs, &caches::IOTLB, CacheOp::Miss, 0, line);
        }
        if grants_writes {
            // What the tables grant is looked up beforehand, so that they are walked once.
            let writable = self.look_up(memory, request).is_ok_and(|(now, _)| now.rights(want).has(Perms::W));
            asked.perms = Perms::when(Perms::W, writable);
        }
        let found = walk::translate(&self.config, &route, memory, at, asked, obs)
            .map_err(|failure| Failure { given: self.given(request, &route), ..failure })?;
        let tag = Caches::tag(&self.config, &route, request.requester, at, found.size);
        self.caches.remember(tag, route.kind, &found, obs);
        Ok((found, want, false))
    }

    /// Only with the quirk: the PASID fields of the record of a request without PASID.
    fn given(&self, request: &Request, route: &Route) -> Option<GivenPasid> {
        if !self.config.quirks.records_rid_pasid || request.pasid.is_some() {
            return None;
        }
        Some(match route.pasid {
            Some(pasid) => GivenPasid { present: true, value: pasid & 0xffff },
            None => GivenPasid { present: false, value: 0xffff },
        })
    }

    fn interrupt_range<O: Observer>(
        &mut self,
        memory: &mut Memory,
        request: &Request,
        obs: &mut O,
    ) -> Outcome {
        let result = self.remap(memory, request, obs);
        match result {
            Ok(delivery) => {
                if O::ON {
                    let Delivery { vector, destination, kind, .. } = delivery;
                    obs.step(Actor::Iommu, crate::trace::Event::Interrupt { vector, destination, kind });
                }
                Outcome::Interrupt(delivery)
            }
            Err((failure, index)) => {
                let about = About { at: u64::from(index), ..About::of(request) };
                let fault = self.refuse(failure, &about, obs);
                if O::ON {
                    let kind = crate::trace::InterruptKind::Blocked;
                    let vector = request.data.unwrap_or(0) & 0xff;
                    obs.step(Actor::Iommu, crate::trace::Event::Interrupt { vector, destination: 0, kind });
                }
                Outcome::Fault(fault)
            }
        }
    }
}

/// What the walk is asked for: nothing for a translation request, which takes what it gets.
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

/// A translated request goes on as it is (VT-d 4.2.3), but not into the interrupt address range.
fn translated(request: &Request, route: &Route) -> Result<Reached, Failure> {
    let to = request.at.raw();
    if is_interrupt_address(to) {
        return Err(Failure::new(if route.scalable { &f::SGN_8 } else { &f::LGN_4 }, route.fpd));
    }
    let all = Perms::RWX;
    Ok(Reached { to, size: PageSize::SIZE_4K, user: all, supervisor: all, dirty: true, reads: 0 })
}

fn denied(route: &Route, have: Perms, asked: Want, legacy_codes: bool) -> &'static FaultCode {
    use super::context::Kind;
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

fn outcome(request: &Request, found: &Reached, want: Want, cached: bool) -> Outcome {
    let perms = found.rights(want);
    let translation = Translation { to: PhysAddr::new(found.to), size: found.size, perms, cached };
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

/// An address of no particular use, for scopes whose input is an id.
pub(super) const fn id(raw: u64) -> AnyAddr {
    AnyAddr { space: crate::addr::Space::Bus, raw }
}
