//! What an operating system does to program the unit: structures written into memory, registers, descriptors.
//! Every write is an event of the trace, made by [`Actor::Os`].

mod attach;
mod handlers;
mod queue;

use super::first_stage::FirstStage;
use super::second_stage::SecondStage;
use super::spec::registers::*;
use super::{Config, Vtd};
use crate::addr::{AddrRange, Iova, PhysAddr};
use crate::iommu::Message;
use crate::iommu::{Ctx, DeviceCaps, DomainId, DomainKind, DriverError};
use crate::memory::Memory;
use crate::paging::builder::{Builder, Mapping};
use crate::paging::leaves::{leaves, Leaves};
use crate::spec::{Bits, Field, Register, Text};
use crate::trace::{Actor, Observer, Scope, Verdict};
use alloc::collections::BTreeMap;

/// Domain ids below this are not given to domains: 0 is reserved for caching mode, 1 is for pass-through and
/// for processes without a second stage, as Linux has it.
const FIRST_DOMAIN: u16 = 2;
/// The domain id of pass-through and of processes' own tables.
const SHARED_DOMAIN: u16 = 1;

/// The interrupt vectors of the unit's events.
const FAULT_VECTOR: u8 = 0x30;
const PAGE_REQUEST_VECTOR: u8 = 0x31;

#[derive(Clone, Copy, Debug)]
pub(super) struct Domain {
    pub kind: DomainKind,
    pub root: PhysAddr,
}

/// What the driver knows: where it put its structures, never what the unit has cached.
#[derive(Clone, Debug, Default)]
pub(super) struct Driver {
    pub domains: BTreeMap<u16, Domain>,
    pub caps: BTreeMap<u16, DeviceCaps>,
    next_domain: u16,
    root: PhysAddr,
    queue: PhysAddr,
    /// Where wait descriptors write their status, and the last status asked for.
    status: PhysAddr,
    sequence: u32,
    interrupts: PhysAddr,
    page_queue: PhysAddr,
    /// Context tables by bus and half.
    contexts: BTreeMap<(u8, bool), PhysAddr>,
    /// PASID directories by device.
    directories: BTreeMap<u16, PhysAddr>,
    /// PASID tables by device and directory index.
    pasid_tables: BTreeMap<(u16, u32), PhysAddr>,
    /// Domain ids last written into PASID-table entries, for naming them in invalidations.
    pasid_domains: BTreeMap<(u16, u32), u16>,
}

impl Vtd {
    fn os_write<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, at: u32, bytes: u8, value: u64) {
        self.write_by(ctx.memory, Actor::Os, at, bytes, value, ctx.obs);
    }

    fn os_set<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, register: &Register, value: u64) {
        self.os_write(ctx, register.offset, register.bytes, value);
    }

    fn os_command<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, on: Field) {
        // Status bits that stay on must be written again (VT-d 11.4.4); SRTP and SIRTP are one-shot.
        let status = self.regs.of(&GSTS);
        let kept = 0
            .with_flag(gcmd::TE, status.is_set(gsts::TES))
            .with_flag(gcmd::QIE, status.is_set(gsts::QIES))
            .with_flag(gcmd::IRE, status.is_set(gsts::IRES))
            .with_flag(gcmd::CFI, status.is_set(gsts::CFIS));
        self.os_set(ctx, &GCMD, kept.with_flag(on, true));
    }

    /// Has an event interrupt with this vector on CPU 0, and unmasks it.
    fn os_event<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, group: [&Register; 3], vector: u8) {
        let [control, data, address] = group;
        let message = Message { address: 0xfee0_0000, data: vector.into() };
        self.os_set(ctx, data, message.data.into());
        self.os_set(ctx, address, message.address);
        self.os_set(ctx, control, 0);
    }

    fn frame<O: Observer>(ctx: &mut Ctx<'_, O>) -> Result<PhysAddr, DriverError> {
        ctx.frames.frame().ok_or(DriverError::NoFrames)
    }

    /// Brings the unit up (VT-d 11.4.4 gives the order): fault event, queues, tables, then translation.
    pub(super) fn bring_up<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        if O::ON {
            let what = ctx.obs.name("bring up the VT-d unit");
            ctx.obs.begin(Actor::Os, Scope::Setup { what });
        }
        let scalable = self.config.scalable_mode();
        self.driver.next_domain = FIRST_DOMAIN;
        self.driver.root = Self::frame(ctx)?;
        self.driver.queue = Self::frame(ctx)?;
        self.driver.status = Self::frame(ctx)?;

        self.os_event(ctx, [&FECTL, &FEDATA, &FEADDR], FAULT_VECTOR);

        let mode = if scalable { ttm::SCALABLE } else { ttm::LEGACY };
        let root = 0.with_address(rtaddr::RTA, self.driver.root.raw()).with(rtaddr::TTM, mode);
        self.os_set(ctx, &RTADDR, root);
        self.os_command(ctx, gcmd::SRTP);

        // One page: QS = 0.
        let queue = 0.with_address(iqa::IQA, self.driver.queue.raw()).with_flag(iqa::DW, scalable);
        self.os_set(ctx, &IQT, 0);
        self.os_set(ctx, &IQA, queue);
        self.os_command(ctx, gcmd::QIE);

        if self.config.interrupt_remapping() {
            // One page: 256 entries, S = 7.
            self.driver.interrupts = Self::frame(ctx)?;
            let table = 0
                .with_address(irta::IRTA, self.driver.interrupts.raw())
                .with_flag(irta::EIME, self.config.extended_interrupt_mode())
                .with(irta::S, 7);
            self.os_set(ctx, &IRTA, table);
            self.os_command(ctx, gcmd::SIRTP);
        }
        if self.config.page_requests() && scalable {
            self.driver.page_queue = Self::frame(ctx)?;
            self.os_set(ctx, &PQH, 0);
            self.os_set(ctx, &PQT, 0);
            let queue = 0.with_address(pqa::PQA, self.driver.page_queue.raw());
            self.os_set(ctx, &PQA, queue);
            self.os_event(ctx, [&PECTL, &PEDATA, &PEADDR], PAGE_REQUEST_VECTOR);
        }
        self.flush_all(ctx)?;
        if self.config.interrupt_remapping() {
            self.os_command(ctx, gcmd::IRE);
        }
        self.os_command(ctx, gcmd::TE);
        ctx.obs.end(Actor::Os, Verdict::Ok);
        Ok(())
    }

    pub(super) fn make_domain<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        kind: DomainKind,
    ) -> Result<DomainId, DriverError> {
        let scalable = self.config.scalable_mode();
        match kind {
            DomainKind::Stage1 if !scalable || !self.config.scalable_first_stage() => {
                return Err(DriverError::Unsupported(Text::new(
                    "first-stage translation (ECAP.FSTS)",
                    "第一级转换（ECAP.FSTS）",
                )))
            }
            DomainKind::Stage2 if scalable && !self.config.scalable_second_stage() => {
                return Err(DriverError::Unsupported(Text::new(
                    "second-stage translation in scalable mode (ECAP.SSTS)",
                    "可扩展模式下的第二级转换（ECAP.SSTS）",
                )))
            }
            _ => {}
        }
        let id = self.driver.next_domain.max(FIRST_DOMAIN);
        if u32::from(id) >= self.config.domains() {
            return Err(DriverError::Unsupported(Text::new("more domains (CAP.ND)", "更多的域（CAP.ND）")));
        }
        let root = Self::frame(ctx)?;
        self.driver.next_domain = id + 1;
        self.driver.domains.insert(id, Domain { kind, root });
        Ok(DomainId(id))
    }

    fn domain(&self, id: DomainId) -> Result<Domain, DriverError> {
        self.driver.domains.get(&id.0).copied().ok_or(DriverError::NoDomain(id))
    }

    pub(super) fn map_pages<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        id: DomainId,
        mapping: Mapping,
    ) -> Result<(), DriverError> {
        let Domain { kind, root } = self.domain(id)?;
        let place = |at| Some(PhysAddr::new(at));
        let (frames, actor) = (&mut *ctx.frames, Actor::Os);
        match kind {
            DomainKind::Stage1 => {
                let format = &first_format(&self.config);
                let mapping = Mapping { user: true, ..mapping };
                Builder { format, frames, place, actor }.map(ctx.memory, root.raw(), mapping, ctx.obs)?;
            }
            DomainKind::Stage2 => {
                let format = &second_format(&self.config);
                Builder { format, frames, place, actor }.map(ctx.memory, root.raw(), mapping, ctx.obs)?;
            }
        }
        Ok(())
    }

    pub(super) fn domain_mappings(&self, memory: &Memory, id: DomainId, limit: usize) -> Leaves {
        let Ok(Domain { kind, root }) = self.domain(id) else { return Leaves::default() };
        let place = |at| Some(PhysAddr::new(at));
        match kind {
            DomainKind::Stage1 => leaves(&first_format(&self.config), memory, root.raw(), place, limit),
            DomainKind::Stage2 => leaves(&second_format(&self.config), memory, root.raw(), place, limit),
        }
    }

    pub(super) fn unmap_pages<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        id: DomainId,
        range: AddrRange<Iova>,
    ) -> Result<(), DriverError> {
        let Domain { kind, root } = self.domain(id)?;
        let place = |at| Some(PhysAddr::new(at));
        let (frames, actor) = (&mut *ctx.frames, Actor::Os);
        let (root, from, len) = (root.raw(), range.start.raw(), range.len());
        match kind {
            DomainKind::Stage1 => {
                let format = &first_format(&self.config);
                Builder { format, frames, place, actor }.unmap(ctx.memory, root, from, len, ctx.obs)?;
            }
            DomainKind::Stage2 => {
                let format = &second_format(&self.config);
                Builder { format, frames, place, actor }.unmap(ctx.memory, root, from, len, ctx.obs)?;
            }
        }
        Ok(())
    }
}

/// The first-stage tables that the driver makes.
fn first_format(config: &Config) -> FirstStage {
    FirstStage {
        host_bits: config.host_bits,
        page_1g: config.first_stage_1g(),
        no_execute: true,
        ..FirstStage::four_levels()
    }
}

/// The second-stage tables that the driver makes.
fn second_format(config: &Config) -> SecondStage {
    SecondStage {
        levels: config.deepest_second_stage(),
        host_bits: config.host_bits,
        page_2m: config.second_stage_2m(),
        page_1g: config.second_stage_1g(),
        ..SecondStage::four_levels()
    }
}
