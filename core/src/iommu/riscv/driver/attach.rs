//! Attaching: device contexts and process contexts (RISC-V IOMMU, "Device-context" and "Process-context").

use super::{Domain, Riscv};
use crate::addr::{Address, PageSize, Pasid, PhysAddr, RequesterId};
use crate::iommu::riscv::entries::{DC_BASE, DC_EXTENDED, DDTE, PC, PDTE};
use crate::iommu::riscv::spec::registers::capabilities as cap;
use crate::iommu::{Attachment, Ctx, DomainId, DomainKind, DriverError, ProcessTables};
use crate::paging::builder::Mapping;
use crate::platform::interrupts::{IMSIC, IMSIC_FILES};
use crate::trace::{write_run, Actor, Observer, Perms};

/// Where process directories appear to a second stage: in guest-physical addresses no guest has RAM at.
const DIRECTORY_WINDOW: u64 = 1 << 40;

/// MODE and PPN of tables with so many levels.
fn root_word(levels: u8, root: u64) -> u64 {
    u64::from(levels + 5) << 60 | root >> 12
}

impl Riscv {
    /// PSCIDs: processes have their PASID, domains of devices count from here.
    pub(super) const DOMAIN_PSCID: u64 = 0x8_0000;

    fn store<O: Observer>(
        ctx: &mut Ctx<'_, O>,
        entry: &'static crate::spec::EntryType,
        at: PhysAddr,
        words: &[u64],
    ) -> Result<(), DriverError> {
        Ok(write_run(ctx.memory, ctx.obs, Actor::Os, entry, at, words)?)
    }

    /// Where the context of a device is, its directory made as far as it is missing.
    fn context_place<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
    ) -> Result<PhysAddr, DriverError> {
        let raw = device.raw() & 0xff_ffff;
        let config = self.config;
        let index = self.setup(&config, false).device_index(raw);
        let low = if config.has(cap::MSI_FLAT) { 6 } else { 7 };
        let mut table = self.driver.directory;
        for (level, bits) in [(2u8, low + 9), (1, low)] {
            let key = (level, raw >> bits);
            table = match self.driver.directories.get(&key) {
                Some(next) => *next,
                None => {
                    let next = Self::frame(ctx)?;
                    let at = table.wrapping_add(index[usize::from(level)] * 8);
                    Self::store(ctx, &DDTE, at, &[next.raw() >> 12 << 10 | 1])?;
                    self.driver.directories.insert(key, next);
                    next
                }
            };
        }
        let bytes = if config.has(cap::MSI_FLAT) { 64 } else { 32 };
        Ok(table.wrapping_add(index[0] * bytes))
    }

    pub(in crate::iommu::riscv) fn attach_device<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError> {
        let (second, first) = match to {
            Attachment::Blocked => return self.write_context(ctx, device, &[0; 8]),
            Attachment::PassThrough => (None, None),
            Attachment::Domain(id) => {
                let Domain { kind, root } = self.domain(id)?;
                match kind {
                    DomainKind::Stage1 => {
                        let word = root_word(self.config.levels, root.raw());
                        (None, Some((word, Self::DOMAIN_PSCID | u64::from(id.0))))
                    }
                    DomainKind::Stage2 => (Some(id), None),
                }
            }
            Attachment::Nested(tables) => {
                let word = root_word(tables.levels, tables.root);
                (tables.below, Some((word, Self::DOMAIN_PSCID)))
            }
        };
        let caps = self.driver.caps.get(&device.raw()).copied().unwrap_or_default();
        let ats = self.config.has(cap::ATS) && caps.ats;
        let update = self.config.update && self.config.has(cap::AMO_HWAD);
        let mut tc = 1 | u64::from(ats) << 1 | u64::from(ats && caps.pri) << 2;
        tc |= u64::from(update) << 7 | u64::from(update) << 8;
        let mut words = [tc, 0, 0, 0, 0, 0, 0, 0];
        if let Some(id) = second {
            let Domain { kind, root } = self.domain(id)?;
            if kind != DomainKind::Stage2 {
                return Err(DriverError::Unsupported("a first-stage domain as second stage"));
            }
            words[1] = root_word(self.config.levels, root.raw()) | u64::from(id.0) << 44;
            if self.config.has(cap::MSI_FLAT) {
                words[4] = 1 << 60 | self.driver.messages.raw() >> 12;
                words[5] = IMSIC_FILES - 1;
                words[6] = IMSIC >> 12;
            }
            self.driver.below.insert(device.raw(), id.0);
        } else {
            self.driver.below.remove(&device.raw());
        }
        if caps.pasid && self.config.has(cap::PD20) {
            // Requests without a PASID are process 0 where there is a first stage for them (DPE), else go past it.
            self.driver.processes.retain(|key, _| key.0 != device.raw());
            let (_, pointer) = self.directory_page(ctx, device, 3, 0)?;
            words[0] |= 1 << 5 | u64::from(first.is_some()) << 9;
            words[3] = 3 << 60 | pointer >> 12;
            if let Some((word, pscid)) = first {
                self.write_process(ctx, device, 0, &[1 | pscid << 12, word])?;
            }
        } else if let Some((word, pscid)) = first {
            words[2] = pscid << 12;
            words[3] = word;
        }
        self.write_context(ctx, device, &words)
    }

    /// Writes a device context; where a valid one stood, the unit is made to forget it and what was tagged by it.
    fn write_context<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        words: &[u64; 8],
    ) -> Result<(), DriverError> {
        let at = self.context_place(ctx, device)?;
        let was = ctx.memory.read_u64(at)?;
        let (entry, count) = if self.config.has(cap::MSI_FLAT) { (&DC_EXTENDED, 8) } else { (&DC_BASE, 4) };
        Self::store(ctx, entry, at, &words[..count])?;
        if was & 1 != 0 {
            self.flush_device(ctx, device)?;
        }
        Ok(())
    }

    /// A page of a device's process directory: where it is, and the address pointers to it have.
    fn directory_page<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        level: u8,
        above: u32,
    ) -> Result<(PhysAddr, u64), DriverError> {
        let key = (device.raw(), level, above);
        if let Some(page) = self.driver.processes.get(&key) {
            return Ok(*page);
        }
        let pa = Self::frame(ctx)?;
        let pointer = match self.driver.below.get(&device.raw()) {
            None => pa.raw(),
            Some(&id) => {
                // Under a second stage, directories are at guest-physical addresses.
                let from = DIRECTORY_WINDOW | pa.raw();
                let to = pa.raw();
                let (len, size, perms) = (4096, PageSize::SIZE_4K, Perms::R);
                self.map_pages(ctx, DomainId(id), Mapping { from, to, len, size, perms, user: true })?;
                from
            }
        };
        self.driver.processes.insert(key, (pa, pointer));
        Ok((pa, pointer))
    }

    fn write_process<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        process: u32,
        words: &[u64; 2],
    ) -> Result<bool, DriverError> {
        let (mut table, _) = self.directory_page(ctx, device, 3, 0)?;
        for (level, bits, index) in [(2u8, 17, process >> 17 & 7), (1, 8, process >> 8 & 0x1ff)] {
            let known = self.driver.processes.contains_key(&(device.raw(), level, process >> bits));
            let (next, pointer) = self.directory_page(ctx, device, level, process >> bits)?;
            if !known {
                let at = table.wrapping_add(u64::from(index) * 8);
                Self::store(ctx, &PDTE, at, &[pointer >> 12 << 10 | 1])?;
            }
            table = next;
        }
        let at = table.wrapping_add(u64::from(process & 0xff) * 16);
        let was = ctx.memory.read_u64(at)?;
        Self::store(ctx, &PC, at, words)?;
        Ok(was & 1 != 0)
    }

    pub(in crate::iommu::riscv) fn bind_process<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> Result<(), DriverError> {
        if !self.driver.processes.contains_key(&(device.raw(), 3, 0)) {
            return Err(DriverError::Unsupported("processes for a device without PASID (DC.tc.PDTV = 0)"));
        }
        let words = match tables {
            None => [0, 0],
            Some(t) => {
                if t.below.map(|id| id.0) != self.driver.below.get(&device.raw()).copied() {
                    return Err(DriverError::Unsupported(
                        "a process over another second stage than its device's (there is one iohgatp a device)",
                    ));
                }
                // ENS: supervisor requests are allowed, as a kernel's own use of a PASID needs.
                [1 | 1 << 1 | u64::from(pasid.raw()) << 12, root_word(t.levels, t.root)]
            }
        };
        if self.write_process(ctx, device, pasid.raw(), &words)? {
            self.flush_process(ctx, device, pasid.raw())?;
        }
        Ok(())
    }
}
