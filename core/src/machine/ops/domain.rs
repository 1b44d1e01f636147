//! Mappings of the IOMMU: made, taken away, and what is still cached of them.

use crate::addr::{AddrRange, Iova};
use crate::iommu::{DomainId, Driver, Invalidation};
use crate::machine::run::Stop;
use crate::machine::software::DomainRef;
use crate::machine::{problem, Machine};
use crate::paging::builder::{Builder, Mapping};
use crate::scenario::ast::Policy;
use crate::scenario::Span;
use crate::spec::Text;
use crate::trace::Actor;
use alloc::vec::Vec;

impl Machine {
    /// `map DOMAIN ...`.
    pub(in crate::machine) fn map_domain(
        &mut self,
        domain: usize,
        mapping: Mapping,
        span: Span,
    ) -> Result<(), Stop> {
        match self.sw.domains[domain].kind {
            DomainRef::Host(id) => {
                self.with_unit(|unit, ctx| unit.map(ctx, id, mapping))
                    .map_err(|e| Stop::of_driver(e, span))?;
            }
            DomainRef::Guest { vm, tables } => {
                let format = self.sw.format();
                let vm = &mut self.sw.vms[vm];
                let mut frames = vm.frames.clone();
                let done = Builder {
                    format: &format,
                    frames: &mut frames,
                    place: |at| vm.place(at),
                    actor: Actor::Guest,
                }
                .map(&mut self.memory, tables.root, mapping, &mut self.trace);
                vm.frames = frames;
                done.map_err(|e| Stop::of_map(e, span))?;
            }
        }
        Ok(())
    }

    /// `unmap DOMAIN ...`, with the invalidation that the policy asks for.
    pub(in crate::machine) fn unmap_domain(
        &mut self,
        domain: usize,
        from: u64,
        len: u64,
        quiet: bool,
        span: Span,
    ) -> Result<(), Stop> {
        match self.sw.domains[domain].kind {
            DomainRef::Host(id) => self.unmap_iommu(id, from, len, quiet, span),
            DomainRef::Guest { vm, tables } => {
                let format = self.sw.format();
                let v = &self.sw.vms[vm];
                let mut frames = v.frames.clone();
                Builder {
                    format: &format,
                    frames: &mut frames,
                    place: |at| v.place(at),
                    actor: Actor::Guest,
                }
                .unmap(&mut self.memory, tables.root, from, len, &mut self.trace)
                .map_err(|e| problem(span, e))?;
                let Some(below) = tables.below.filter(|_| !quiet) else { return Ok(()) };
                self.driver(span, |unit, ctx| unit.invalidate(ctx, Invalidation::Domain(below)))?;
                match AddrRange::new(Iova::new(from), len) {
                    Some(range) => Ok(self.unmapped_in_devices(below, Some(domain), range, span)?),
                    None => Ok(()),
                }
            }
        }
    }

    /// Unmaps in a host domain. Strict: forgets before it returns. Lazy: forgets later, many at once.
    pub(in crate::machine) fn unmap_iommu(
        &mut self,
        domain: DomainId,
        from: u64,
        len: u64,
        quiet: bool,
        span: Span,
    ) -> Result<(), Stop> {
        let range = AddrRange::new(Iova::new(from), len)
            .ok_or_else(|| problem(span, Text::new("this range is empty", "这个范围是空的")))?;
        self.driver(span, |unit, ctx| unit.unmap(ctx, domain, range))?;
        // A unit that was never started has cached nothing.
        if quiet || !self.iommu_on() {
            return Ok(());
        }
        if self.policy == Policy::Lazy {
            self.sw.dma.pending.push((domain, range));
            if self.sw.dma.pending.len() as u64 >= self.sw.dma.flush_after {
                self.flush_lazy(span)?;
            }
            return Ok(());
        }
        self.driver(span, |unit, ctx| unit.invalidate(ctx, Invalidation::Pages(domain, range)))?;
        Ok(self.unmapped_in_devices(domain, None, range, span)?)
    }

    /// The flush queue is emptied: one invalidation for each domain in it.
    pub(in crate::machine) fn flush_lazy(&mut self, span: Span) -> Result<(), Stop> {
        let pending = core::mem::take(&mut self.sw.dma.pending);
        let mut domains: Vec<DomainId> = pending.iter().map(|p| p.0).collect();
        domains.sort();
        domains.dedup();
        for domain in domains {
            self.driver(span, |unit, ctx| unit.invalidate(ctx, Invalidation::Domain(domain)))?;
            self.unmapped_in_devices(domain, None, AddrRange::whole(), span)?;
        }
        let flushed = self.with_os(|api, env| api.flush(env));
        Ok(flushed?)
    }

    /// Tells the IOMMU (and devices) to forget pages of a process, as the kernel's mmu notifier does for SVA.
    pub(in crate::machine) fn forget_process_pages(
        &mut self,
        process: usize,
        from: u64,
        len: u64,
    ) -> Result<(), Stop> {
        let Some(range) = AddrRange::new(Iova::new(from), len) else { return Ok(()) };
        if self.sw.bound.iter().all(|b| b.2 != process) {
            return Ok(());
        }
        let root = self.sw.processes[process].space.root;
        self.with_state(|state, env| state.sva.changed(env, root, range))?;
        Ok(())
    }
}
