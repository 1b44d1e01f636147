//! What an operating system does to program the unit: structures written into memory, registers, commands. Every
//! write is an event of the trace, made by [`Actor::Os`].

mod attach;
mod handlers;
mod queue;

use super::spec::registers::{self as reg, csr};
use super::{Config, Riscv};
use crate::addr::{AddrRange, Iova, PageSize, PhysAddr};
use crate::iommu::registers::Registers;
use crate::iommu::{Ctx, DeviceCaps, DomainId, DomainKind, DriverError};
use crate::memory::Memory;
use crate::paging::builder::{Builder, MapError, Mapping};
use crate::paging::leaves::{leaves, Leaves};
use crate::paging::riscv::{Riscv as Tables, Role};
use crate::platform::interrupts::IMSIC;
use crate::trace::{Actor, Observer, Perms, Scope, Verdict};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

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
    directory: PhysAddr,
    commands: PhysAddr,
    /// Where fences write, and the last value asked for.
    fence: PhysAddr,
    sequence: u32,
    faults: PhysAddr,
    pages: PhysAddr,
    /// MSI page table: one for all second-stage domains.
    messages: PhysAddr,
    /// Pages of the device directory, by level and the device_id bits above it.
    directories: BTreeMap<(u8, u32), PhysAddr>,
    /// Process directories by device: the pages, by level and the process_id bits above it, as pointers have them.
    processes: BTreeMap<(u32, u8, u32), (PhysAddr, u64)>,
    /// The second stage under a device's directory of processes, while it has one.
    below: BTreeMap<u32, u16>,
    /// The interrupt file, and the identity, that an interrupt index was given.
    pub files: BTreeMap<u16, (u32, u32)>,
}

impl Riscv {
    fn os_write<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, at: u32, bytes: u8, value: u64) {
        self.write_by(ctx.memory, Actor::Os, at, bytes, value, ctx.obs);
    }

    fn frame<O: Observer>(ctx: &mut Ctx<'_, O>) -> Result<PhysAddr, DriverError> {
        ctx.frames.frame().ok_or(DriverError::NoFrames)
    }

    /// Brings the unit up (RISC-V IOMMU, "Guidelines for initialization"): interrupts, queues, then the directory.
    pub(super) fn bring_up<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        if O::ON {
            let what = ctx.obs.name("bring up the RISC-V IOMMU");
            ctx.obs.begin(Actor::Os, Scope::Setup { what });
        }
        self.driver.next_domain = 1;
        self.driver.directory = Self::frame(ctx)?;
        self.driver.commands = Self::frame(ctx)?;
        self.driver.fence = Self::frame(ctx)?;
        self.driver.faults = Self::frame(ctx)?;
        self.driver.messages = Self::frame(ctx)?;
        // Interrupts by wire: causes 0 (commands), 1 (faults), 3 (page requests).
        if self.config.fctl_writable & 2 != 0 {
            let fctl = self.regs.get(reg::fctl::OFFSET, 4) | 2;
            self.os_write(ctx, reg::fctl::OFFSET, 4, fctl);
        }
        self.os_write(ctx, reg::icvec::OFFSET, 8, 0x3010);
        let base = |at: PhysAddr, log2: u64| at.raw() >> 12 << 10 | (log2 - 1);
        // A page of commands: 256 of 16 bytes.
        let commands = base(self.driver.commands, 8);
        self.os_write(ctx, reg::cqb::OFFSET, 8, commands);
        self.os_write(ctx, reg::cqt::OFFSET, 4, 0);
        self.os_write(ctx, reg::cqcsr::OFFSET, 4, csr::EN | csr::IE);
        let slots = u64::from(self.config.fault_slots.clamp(2, 128).next_power_of_two().trailing_zeros());
        let faults = base(self.driver.faults, slots);
        self.os_write(ctx, reg::fqb::OFFSET, 8, faults);
        self.os_write(ctx, reg::fqh::OFFSET, 4, 0);
        self.os_write(ctx, reg::fqcsr::OFFSET, 4, csr::EN | csr::IE);
        if self.config.has(reg::capabilities::ATS) {
            self.driver.pages = Self::frame(ctx)?;
            let pages = base(self.driver.pages, 8);
            self.os_write(ctx, reg::pqb::OFFSET, 8, pages);
            self.os_write(ctx, reg::pqh::OFFSET, 4, 0);
            self.os_write(ctx, reg::pqcsr::OFFSET, 4, csr::EN | csr::IE);
        }
        let directory = self.driver.directory.raw() >> 12 << 10 | 4;
        self.os_write(ctx, reg::ddtp::OFFSET, 8, directory);
        self.flush_all(ctx)?;
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
            return Err(DriverError::Unsupported("more domains (GSCID has 16 bits)"));
        }
        let root = match kind {
            DomainKind::Stage1 => Self::frame(ctx)?,
            // The root of an x4 table is four pages, aligned to their size.
            DomainKind::Stage2 => ctx.frames.frames(4, 4).ok_or(DriverError::NoFrames)?,
        };
        self.driver.next_domain = id + 1;
        self.driver.domains.insert(id, Domain { kind, root });
        let files: Vec<u32> = self.driver.files.values().map(|f| f.0).collect();
        for file in files {
            self.map_file(ctx, DomainId(id), u64::from(file))?;
        }
        Ok(DomainId(id))
    }

    /// Maps an interrupt file at its own address in a first-stage domain, so that messages reach it: what Linux
    /// does in `iommu_dma_prepare_msi`. A second-stage domain has the MSI page table for that.
    fn map_file<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        id: DomainId,
        file: u64,
    ) -> Result<(), DriverError> {
        if self.domain(id)?.kind == DomainKind::Stage2 {
            return Ok(());
        }
        let at = IMSIC + file * 4096;
        let (size, perms) = (PageSize::SIZE_4K, Perms::W);
        match self.map_pages(ctx, id, Mapping { from: at, to: at, len: 4096, size, perms, user: true }) {
            Err(DriverError::Map(MapError::Mapped { .. })) => Ok(()),
            other => other,
        }
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
        let format = &tables(&self.config, kind);
        // Requests without process_id are user requests.
        let mapping = Mapping { user: true, ..mapping };
        let place = |at| Some(PhysAddr::new(at));
        let (frames, actor) = (&mut *ctx.frames, Actor::Os);
        Builder { format, frames, place, actor }.map(ctx.memory, root.raw(), mapping, ctx.obs)?;
        Ok(())
    }

    pub(super) fn domain_mappings(&self, memory: &Memory, id: DomainId, limit: usize) -> Leaves {
        let Ok(Domain { kind, root }) = self.domain(id) else { return Leaves::default() };
        let made = tables(&self.config, kind);
        let role = match made.role {
            Role::First { .. } => Role::First { sum: true },
            other => other,
        };
        // Entries that the first access would update count as mapped.
        let format = Tables { update: true, frozen: true, role, ..made };
        leaves(&format, memory, root.raw(), |at| Some(PhysAddr::new(at)), limit)
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
}

/// The tables that the driver makes.
fn tables(config: &Config, kind: DomainKind) -> Tables {
    let made = match kind {
        DomainKind::Stage1 => Tables::first(config.levels),
        DomainKind::Stage2 => Tables::second(config.levels),
    };
    Tables { update: config.update, ..made }
}
