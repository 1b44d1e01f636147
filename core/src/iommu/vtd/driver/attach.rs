//! Attaching: root, context and PASID entries (VT-d 9.1 to 9.6).

use super::{second_format, Domain, SHARED_DOMAIN};
use crate::addr::{Address, Pasid, PhysAddr, RequesterId};
use crate::iommu::vtd::context::PASIDS_IN_TABLE;
use crate::iommu::vtd::spec::structures::*;
use crate::iommu::vtd::{Config, Vtd};
use crate::iommu::{Attachment, Ctx, DomainKind, DriverError, ProcessTables};
use crate::spec::{Bits, EntryType, Text};
use crate::trace::{write_run, Actor, Observer};

/// RID_PASID: the PASID of requests that carry none. Linux uses 0 too.
const RID_PASID: u32 = 0;

impl Vtd {
    fn store<O: Observer>(
        ctx: &mut Ctx<'_, O>,
        entry: &'static EntryType,
        at: PhysAddr,
        words: &[u64],
    ) -> Result<(), DriverError> {
        Ok(write_run(ctx.memory, ctx.obs, Actor::Os, entry, at, words)?)
    }

    /// Where the context entry of a device is, its table made if it is missing.
    fn context_place<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
    ) -> Result<PhysAddr, DriverError> {
        let scalable = self.config.scalable_mode();
        let upper = scalable && device.devfn() >= 0x80;
        let key = (device.bus(), upper);
        let table = match self.driver.contexts.get(&key) {
            Some(table) => *table,
            None => {
                let table = Self::frame(ctx)?;
                let root = self.driver.root.wrapping_add(u64::from(device.bus()) * 16);
                let other = self.driver.contexts.get(&(device.bus(), !upper)).filter(|_| scalable);
                let half = |at: PhysAddr| {
                    sm_root_half::ZERO
                        .with_flag(sm_root_half::P, true)
                        .with_address(sm_root_half::CTP, at.raw())[0]
                };
                let (here, other) = (half(table), other.map_or(0, |at| half(*at)));
                let words = if upper { [other, here] } else { [here, other] };
                let entry = if scalable { &SM_ROOT } else { &ROOT };
                Self::store(ctx, entry, root, &words)?;
                self.driver.contexts.insert(key, table);
                table
            }
        };
        let at =
            if scalable { u64::from(device.devfn() & 0x7f) * 32 } else { u64::from(device.devfn()) * 16 };
        Ok(table.wrapping_add(at))
    }

    pub(in crate::iommu::vtd) fn attach_device<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError> {
        if self.config.scalable_mode() {
            self.attach_scalable(ctx, device, to)
        } else {
            self.attach_legacy(ctx, device, to)
        }
    }

    fn attach_legacy<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError> {
        let caps = self.driver.caps.get(&device.bdf16()).copied().unwrap_or_default();
        let second = |id: u16, kind| {
            context::ZERO
                .with_flag(context::P, true)
                .with(context::TT, kind)
                .with(context::AW, address_width(&self.config))
                .with(context::DID, id.into())
        };
        let words = match to {
            Attachment::Blocked => context::ZERO,
            Attachment::PassThrough if !self.config.pass_through() => {
                return Err(DriverError::Unsupported(Text::new("pass-through (ECAP.PT)", "直通（ECAP.PT）")))
            }
            Attachment::PassThrough => second(SHARED_DOMAIN, tt::PASS_THROUGH),
            Attachment::Domain(id) => {
                let Domain { kind, root } = self.domain(id)?;
                if kind == DomainKind::Stage1 {
                    return Err(DriverError::Unsupported(Text::new(
                        "first-stage translation in legacy mode",
                        "传统模式下的第一级转换",
                    )));
                }
                let ats = caps.ats && self.config.device_tlb();
                let kind = if ats { tt::DEVICE_TLB } else { tt::MULTI_LEVEL };
                second(id.0, kind).with_address(context::SSPTPTR, root.raw())
            }
            Attachment::Nested(_) => {
                return Err(DriverError::Unsupported(Text::new(
                    "nested translation in legacy mode",
                    "传统模式下的嵌套转换",
                )))
            }
        };
        let at = self.context_place(ctx, device)?;
        let was: context::Words = [ctx.memory.read_u64(at)?, ctx.memory.read_u64(at.wrapping_add(8))?];
        Self::store(ctx, &CONTEXT, at, &words)?;
        if was.is_set(context::P) {
            self.flush_device(ctx, device, was.bits(context::DID) as u16)?;
        }
        Ok(())
    }

    fn attach_scalable<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError> {
        let pasid = self.pasid_words(to)?;
        let at = self.context_place(ctx, device)?;
        let was = ctx.memory.read_u64(at)?;
        let old = self.driver.pasid_domains.get(&(device.bdf16(), RID_PASID)).copied();
        let Some(words) = pasid else {
            Self::store(ctx, &SM_CONTEXT, at, &sm_context::ZERO)?;
            if was.is_set(sm_context::P) {
                self.flush_device(ctx, device, old.unwrap_or(SHARED_DOMAIN))?;
            }
            return Ok(());
        };
        self.write_pasid(ctx, device, RID_PASID, &words)?;
        self.write_context(ctx, device, at)?;
        if was.is_set(sm_context::P) {
            self.flush_device(ctx, device, old.unwrap_or(SHARED_DOMAIN))?;
        }
        Ok(())
    }

    fn write_context<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        at: PhysAddr,
    ) -> Result<(), DriverError> {
        let caps = self.driver.caps.get(&device.bdf16()).copied().unwrap_or_default();
        let directory = self.directory(ctx, device)?;
        let words = sm_context::ZERO
            .with_flag(sm_context::P, true)
            .with_flag(sm_context::DTE, caps.ats && self.config.device_tlb())
            .with_flag(sm_context::PASIDE, caps.pasid && self.config.pasid())
            .with_flag(sm_context::PRE, caps.pri && self.config.page_requests())
            .with(sm_context::PDTS, self.directory_size())
            .with_address(sm_context::PASIDDIRPTR, directory.raw())
            .with(sm_context::RID_PASID, RID_PASID.into());
        Self::store(ctx, &SM_CONTEXT, at, &words)
    }

    /// PDTS: a directory for every PASID the unit takes, else the smallest one.
    fn directory_size(&self) -> u64 {
        if self.config.pasid() {
            u64::from(self.config.pasid_bits().saturating_sub(13)).min(7)
        } else {
            0
        }
    }

    fn directory<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
    ) -> Result<PhysAddr, DriverError> {
        if let Some(at) = self.driver.directories.get(&device.bdf16()) {
            return Ok(*at);
        }
        let bytes = 8u64 << (self.directory_size() + 7);
        let at = ctx.frames.frames(bytes.div_ceil(4096), 1).ok_or(DriverError::NoFrames)?;
        self.driver.directories.insert(device.bdf16(), at);
        Ok(at)
    }

    /// Writes a PASID-table entry, its table made if it is missing.
    fn write_pasid<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pasid: u32,
        words: &pasid::Words,
    ) -> Result<(), DriverError> {
        let directory = self.directory(ctx, device)?;
        if u64::from(pasid) >> (self.directory_size() + 13) != 0 {
            return Err(DriverError::Unsupported(Text::new(
                "a PASID this large (ECAP.PSS)",
                "这么大的 PASID（ECAP.PSS）",
            )));
        }
        let index = pasid / PASIDS_IN_TABLE;
        let key = (device.bdf16(), index);
        let table = match self.driver.pasid_tables.get(&key) {
            Some(table) => *table,
            None => {
                let table = Self::frame(ctx)?;
                let at = directory.wrapping_add(u64::from(index) * 8);
                let words = pasid_dir::ZERO.with_flag(pasid_dir::P, true);
                let words = words.with_address(pasid_dir::SMPTBLPTR, table.raw());
                Self::store(ctx, &PASID_DIR, at, &words)?;
                self.driver.pasid_tables.insert(key, table);
                table
            }
        };
        let at = table.wrapping_add(u64::from(pasid % PASIDS_IN_TABLE) * 64);
        Self::store(ctx, &PASID, at, words)?;
        if words.is_set(pasid::P) {
            self.driver.pasid_domains.insert((device.bdf16(), pasid), words.bits(pasid::DID) as u16);
        }
        Ok(())
    }

    fn pasid_words(&self, to: Attachment) -> Result<Option<pasid::Words>, DriverError> {
        Ok(Some(match to {
            Attachment::Blocked => return Ok(None),
            Attachment::PassThrough if !self.config.pass_through() => {
                return Err(DriverError::Unsupported(Text::new("pass-through (ECAP.PT)", "直通（ECAP.PT）")))
            }
            Attachment::PassThrough => pasid::ZERO
                .with_flag(pasid::P, true)
                .with(pasid::PGTT, pgtt::PASS_THROUGH)
                .with(pasid::AW, address_width(&self.config))
                .with(pasid::DID, SHARED_DOMAIN.into()),
            Attachment::Domain(id) => {
                let Domain { kind, root } = self.domain(id)?;
                match kind {
                    DomainKind::Stage1 => self.first_words(root.raw(), 4, id.0)?,
                    DomainKind::Stage2 => {
                        let words = pasid::ZERO.with_flag(pasid::P, true).with(pasid::PGTT, pgtt::SECOND);
                        self.with_second(words, root).with(pasid::DID, id.0.into())
                    }
                }
            }
            Attachment::Nested(tables) => self.process_words(tables)?,
        }))
    }

    fn with_second(&self, words: pasid::Words, root: PhysAddr) -> pasid::Words {
        words
            .with_address(pasid::SSPTPTR, root.raw())
            .with(pasid::AW, address_width(&self.config))
            .with_flag(pasid::SSADE, self.config.second_stage_accessed_dirty())
    }

    fn first_words(&self, root: u64, levels: u8, did: u16) -> Result<pasid::Words, DriverError> {
        if !self.config.scalable_first_stage() {
            return Err(DriverError::Unsupported(Text::new(
                "first-stage translation (ECAP.FSTS)",
                "第一级转换（ECAP.FSTS）",
            )));
        }
        let depth = match levels {
            4 => fspm::LEVELS_4,
            5 if self.config.first_stage_5_level() => fspm::LEVELS_5,
            _ => {
                return Err(DriverError::Unsupported(Text::new(
                    "first-stage tables of this depth (CAP.FS5LP)",
                    "这么多级的第一级页表（CAP.FS5LP）",
                )))
            }
        };
        // WPE and NXE as the CPU runs; SRE and ERE where the unit has them; EAFE off.
        Ok(pasid::ZERO
            .with_flag(pasid::P, true)
            .with(pasid::PGTT, pgtt::FIRST)
            .with(pasid::DID, did.into())
            .with_address(pasid::FSPTPTR, root)
            .with(pasid::FSPM, depth)
            .with_flag(pasid::WPE, true)
            .with_flag(pasid::NXE, true)
            .with_flag(pasid::SRE, self.config.supervisor_requests())
            .with_flag(pasid::ERE, self.config.execute_requests()))
    }

    fn process_words(&self, tables: ProcessTables) -> Result<pasid::Words, DriverError> {
        let Some(below) = tables.below else {
            return self.first_words(tables.root, tables.levels, SHARED_DOMAIN);
        };
        let Domain { kind, root } = self.domain(below)?;
        if kind != DomainKind::Stage2 || !self.config.nested() {
            return Err(DriverError::Unsupported(Text::new(
                "nesting over this domain (ECAP.NEST, a stage 2 domain)",
                "在这个域之上嵌套（ECAP.NEST，需为第二级的域）",
            )));
        }
        let words = self.first_words(tables.root, tables.levels, below.0)?;
        Ok(self.with_second(words.with(pasid::PGTT, pgtt::NESTED), root))
    }

    pub(in crate::iommu::vtd) fn bind_pasid<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> Result<(), DriverError> {
        if !self.config.scalable_mode() || !self.config.pasid() {
            return Err(DriverError::Unsupported(Text::new(
                "PASIDs (ECAP.SMTS, ECAP.PASID)",
                "PASID（ECAP.SMTS、ECAP.PASID）",
            )));
        }
        let words = match tables {
            Some(tables) => self.process_words(tables)?,
            None => pasid::ZERO,
        };
        let key = (device.bdf16(), pasid.raw());
        let old = self.driver.pasid_domains.get(&key).copied();
        self.write_pasid(ctx, device, pasid.raw(), &words)?;
        let at = self.context_place(ctx, device)?;
        if ctx.memory.read_u64(at)?.is_set(sm_context::P) {
            // The device may have learned of PASIDs since it was attached.
            let before = ctx.memory.read_u64(at)?;
            self.write_context(ctx, device, at)?;
            if ctx.memory.read_u64(at)? != before {
                self.flush_context(ctx, device)?;
            }
        }
        if let Some(did) = old {
            self.flush_pasid(ctx, did, pasid.raw())?;
        }
        Ok(())
    }
}

/// AW of the second-stage tables that the driver makes.
fn address_width(config: &Config) -> u64 {
    u64::from(second_format(config).levels - 2)
}
