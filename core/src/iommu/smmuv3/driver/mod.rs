//! What an operating system does to program the unit, as Linux's arm-smmu-v3 and io-pgtable-arm do it: structures written
//! into memory, registers, commands. Every write is an event of the trace, made by [`Actor::Os`].

mod attach;
mod handlers;
mod its;
mod queue;

use self::its::ItsDriver;
use super::config::Config;
use super::spec::registers::*;
use super::spec::structures::size;
use super::Smmuv3;
use crate::addr::{AddrRange, Iova, PageSize, PhysAddr};
use crate::iommu::{Ctx, DeviceCaps, DomainId, DomainKind, DriverError};
use crate::memory::Memory;
use crate::paging::aarch64::{Aarch64, Granule, Update};
use crate::paging::builder::{Builder, MapError, Mapping};
use crate::paging::leaves::{leaves, Leaves};
use crate::platform::its::{DOORBELL, DOORBELL_IOVA};
use crate::spec::{Bits, Text};
use crate::trace::{Actor, Observer, Perms, Scope, Verdict};
use alloc::collections::BTreeMap;

/// Low bits of a StreamID that index the second level of the stream table: a PCI bus, as Linux has it.
const SPLIT: u64 = 8;

#[derive(Clone, Copy, Debug)]
pub(super) struct Domain {
    pub kind: DomainKind,
    pub root: PhysAddr,
}

/// What the driver knows: where it put its structures, never what the unit has cached.
#[derive(Clone, Debug, Default)]
pub(super) struct Driver {
    pub domains: BTreeMap<u16, Domain>,
    pub caps: BTreeMap<u32, DeviceCaps>,
    next_domain: u16,
    streams: PhysAddr,
    commands: PhysAddr,
    /// Tables of stream table entries, by the StreamID bits above [`SPLIT`].
    stream_tables: BTreeMap<u32, PhysAddr>,
    /// Tables of context descriptors by device: physical, and as their pointer has it.
    descriptors: BTreeMap<u32, (PhysAddr, u64)>,
    /// Leaf tables of context descriptors, by device and the SubstreamID bits above.
    descriptor_leaves: BTreeMap<(u32, u32), (PhysAddr, u64)>,
    /// The stage 2 below a device's stage 1, while it has one.
    below: BTreeMap<u32, u16>,
    /// The ASID of a process, by the root of its tables.
    asids: BTreeMap<u64, u16>,
    /// Interrupts reach CPUs through this, once one is set up.
    pub its: Option<ItsDriver>,
}

impl Smmuv3 {
    pub(super) fn os_write<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, at: u32, bytes: u8, value: u64) {
        self.write_by(ctx.memory, Actor::Os, at, bytes, value, ctx.obs);
    }

    pub(super) fn frame<O: Observer>(ctx: &mut Ctx<'_, O>) -> Result<PhysAddr, DriverError> {
        ctx.frames.frame().ok_or(DriverError::NoFrames)
    }

    /// Brings the unit up in the order of Linux's `arm_smmu_device_reset`: tables, commands, events, page requests,
    /// interrupts, translation.
    pub(super) fn bring_up<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        if O::ON {
            let what = ctx.obs.name("bring up the SMMUv3");
            ctx.obs.begin(Actor::Os, Scope::Setup { what });
        }
        self.driver.next_domain = 1;
        let bits = self.config.idr1(idr1::SIDSIZE);
        let descriptors = 8u64 << (bits - SPLIT.min(bits));
        let pages = descriptors.div_ceil(4096);
        self.driver.streams = ctx.frames.frames(pages, pages).ok_or(DriverError::NoFrames)?;
        self.driver.commands = Self::frame(ctx)?;
        let events = Self::frame(ctx)?;
        // Write-back, inner shareable, for tables and queues.
        let attributes = 0u64
            .with(cr1::TABLE_SH, 3)
            .with(cr1::TABLE_OC, 1)
            .with(cr1::TABLE_IC, 1)
            .with(cr1::QUEUE_SH, 3)
            .with(cr1::QUEUE_OC, 1)
            .with(cr1::QUEUE_IC, 1);
        self.os_write(ctx, cr1::OFFSET, 4, attributes);
        let control = 0u64.with_flag(cr2::PTM, true).with_flag(cr2::RECINVSID, true);
        self.os_write(ctx, cr2::OFFSET, 4, control);
        let table =
            0u64.with_address(strtab_base::ADDR, self.driver.streams.raw()).with_flag(strtab_base::RA, true);
        self.os_write(ctx, strtab_base::OFFSET, 8, table);
        let layout = 0u64
            .with(strtab_base_cfg::FMT, fmt::TWO_LEVEL)
            .with(strtab_base_cfg::SPLIT, SPLIT)
            .with(strtab_base_cfg::LOG2SIZE, bits);
        self.os_write(ctx, strtab_base_cfg::OFFSET, 4, layout);
        let queue = |at: PhysAddr, log2: u8| {
            0u64.with_flag(queue_base::RA, true)
                .with_address(queue_base::ADDR, at.raw())
                .with(queue_base::LOG2SIZE, log2.into())
        };
        // A page of commands: 256 of 16 bytes.
        self.os_write(ctx, cmdq_base::OFFSET, 8, queue(self.driver.commands, 8));
        self.os_write(ctx, cmdq_prod::OFFSET, 4, 0);
        self.os_write(ctx, cmdq_cons::OFFSET, 4, 0);
        let mut on = 0u64.with_flag(switches::CMDQEN, true);
        self.os_write(ctx, cr0::OFFSET, 4, on);
        self.flush_all(ctx)?;
        self.os_write(ctx, eventq_base::OFFSET, 8, queue(events, self.config.event_queue.min(7)));
        self.os_write(ctx, eventq_prod::OFFSET, 4, 0);
        self.os_write(ctx, eventq_cons::OFFSET, 4, 0);
        on.set_flag(switches::EVENTQEN, true);
        self.os_write(ctx, cr0::OFFSET, 4, on);
        if self.config.has(idr0::PRI) {
            let pages = Self::frame(ctx)?;
            self.os_write(ctx, priq_base::OFFSET, 8, queue(pages, 8));
            self.os_write(ctx, priq_prod::OFFSET, 4, 0);
            self.os_write(ctx, priq_cons::OFFSET, 4, 0);
            on.set_flag(switches::PRIQEN, true);
            self.os_write(ctx, cr0::OFFSET, 4, on);
        }
        if self.config.has(idr0::ATS) {
            on.set_flag(switches::ATSCHK, true);
            self.os_write(ctx, cr0::OFFSET, 4, on);
        }
        let interrupts = 0u64
            .with_flag(interrupts::EVENTQ_IRQEN, true)
            .with_flag(interrupts::GERROR_IRQEN, true)
            .with_flag(interrupts::PRIQ_IRQEN, self.config.has(idr0::PRI));
        self.os_write(ctx, irq_ctrl::OFFSET, 4, interrupts);
        on.set_flag(switches::SMMUEN, true);
        self.os_write(ctx, cr0::OFFSET, 4, on);
        ctx.obs.end(Actor::Os, Verdict::Ok);
        Ok(())
    }

    pub(super) fn make_domain<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        kind: DomainKind,
    ) -> Result<DomainId, DriverError> {
        let id = self.driver.next_domain.max(1);
        if id == u16::MAX {
            return Err(DriverError::Unsupported(Text::new(
                "more domains (ASID and VMID have 16 bits)",
                "更多的域（ASID 与 VMID 为 16 位）",
            )));
        }
        let pages = tables(&self.config, kind).root_frames();
        let root = ctx.frames.frames(pages, pages).ok_or(DriverError::NoFrames)?;
        self.driver.next_domain = id + 1;
        self.driver.domains.insert(id, Domain { kind, root });
        if self.driver.its.is_some() {
            self.map_doorbell(ctx, DomainId(id))?;
        }
        Ok(DomainId(id))
    }

    /// Maps the ITS's doorbell at Linux's MSI window, so that messages reach it: without it an MSI faults as any write
    /// does (`iommu_dma_prepare_msi`).
    pub(super) fn map_doorbell<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        id: DomainId,
    ) -> Result<(), DriverError> {
        let (from, to) = (DOORBELL_IOVA & !0xfff, DOORBELL & !0xfff);
        let (size, perms) = (PageSize::SIZE_4K, Perms::W);
        match self.map_pages(ctx, id, Mapping { from, to, len: 4096, size, perms, user: true }) {
            Err(DriverError::Map(MapError::Mapped { .. })) => Ok(()),
            other => other,
        }
    }

    pub(super) fn domain(&self, id: DomainId) -> Result<Domain, DriverError> {
        self.driver.domains.get(&id.0).copied().ok_or(DriverError::NoDomain(id))
    }

    pub(super) fn map_pages<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        id: DomainId,
        mapping: Mapping,
    ) -> Result<(), DriverError> {
        let Domain { kind, root } = self.domain(id)?;
        let format = &tables(&self.config, kind);
        let mapping = Mapping { user: true, ..mapping };
        let place = |at| Some(PhysAddr::new(at));
        let (frames, actor) = (&mut *ctx.frames, Actor::Os);
        Builder { format, frames, place, actor }.map(ctx.memory, root.raw(), mapping, ctx.obs)?;
        Ok(())
    }

    pub(super) fn unmap_pages<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        id: DomainId,
        range: AddrRange<Iova>,
    ) -> Result<(), DriverError> {
        let Domain { kind, root } = self.domain(id)?;
        let format = &tables(&self.config, kind);
        let place = |at| Some(PhysAddr::new(at));
        let (frames, actor) = (&mut *ctx.frames, Actor::Os);
        let (root, from, len) = (root.raw(), range.start.raw(), range.len());
        Builder { format, frames, place, actor }.unmap(ctx.memory, root, from, len, ctx.obs)?;
        Ok(())
    }

    pub(super) fn domain_mappings(&self, memory: &Memory, id: DomainId, limit: usize) -> Leaves {
        let Ok(Domain { kind, root }) = self.domain(id) else { return Leaves::default() };
        // A leaf that the first access would mark counts as mapped.
        let format = Aarch64 { update: Update::Ignored, frozen: true, ..tables(&self.config, kind) };
        leaves(&format, memory, root.raw(), |at| Some(PhysAddr::new(at)), limit)
    }
}

/// Returns the tables that the driver makes: 4 KiB granules, 48 bits unless the scenario says otherwise.
pub(super) fn tables(config: &Config, kind: DomainKind) -> Aarch64 {
    let bits = config.width.min(config.address_bits());
    let made = match kind {
        DomainKind::Stage1 => Aarch64::stage1(Granule::K4, bits),
        DomainKind::Stage2 => Aarch64::stage2(Granule::K4, bits),
    };
    let update = if config.update { Update::AccessDirty } else { Update::None };
    Aarch64 { update, output_bits: config.address_bits(), ..made.for_devices() }
}

/// Returns how an address size of so many bits is encoded.
pub(super) const fn size_code(bits: u8) -> u64 {
    match bits {
        0..=32 => size::BITS_32,
        33..=36 => size::BITS_36,
        37..=40 => size::BITS_40,
        41..=42 => size::BITS_42,
        43..=44 => size::BITS_44,
        45..=48 => size::BITS_48,
        _ => size::BITS_52,
    }
}
