//! Attaching: root, context and PASID entries (VT-d 9.1 to 9.6).

use super::{second_format, Domain, SHARED_DOMAIN};
use crate::addr::{Address, Pasid, PhysAddr, RequesterId};
use crate::iommu::vtd::{spec, Vtd};
use crate::iommu::{Attachment, Ctx, DomainKind, DriverError, ProcessTables};
use crate::trace::{write_run, Actor, Observer};

/// RID_PASID: the PASID of requests that carry none. Linux uses 0 too.
const RID_PASID: u32 = 0;

impl Vtd {
    fn store<O: Observer>(
        ctx: &mut Ctx<'_, O>,
        entry: &'static crate::spec::EntryType,
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
                let other = other.map_or(0, |t| t.raw() | 1);
                let here = table.raw() | 1;
                let words = if upper { [other, here] } else { [here, other] };
                let entry = if scalable { &spec::SM_ROOT } else { &spec::ROOT };
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
        let levels = self.config.deepest_second_stage();
        let aw = u64::from(levels - 2);
        let words = match to {
            Attachment::Blocked => [0, 0],
            Attachment::PassThrough if !self.config.pass_through() => {
                return Err(DriverError::Unsupported("pass-through (ECAP.PT)"))
            }
            Attachment::PassThrough => [1 | 2 << 2, aw | u64::from(SHARED_DOMAIN) << 8],
            Attachment::Domain(id) => {
                let Domain { kind, root } = self.domain(id)?;
                if kind == DomainKind::Stage1 {
                    return Err(DriverError::Unsupported("first-stage translation in legacy mode"));
                }
                let tt = u64::from(caps.ats && self.config.device_tlb());
                [root.raw() | tt << 2 | 1, aw | u64::from(id.0) << 8]
            }
            Attachment::Nested(_) => {
                return Err(DriverError::Unsupported("nested translation in legacy mode"))
            }
        };
        let at = self.context_place(ctx, device)?;
        let was = ctx.memory.read_u64(at)?;
        let did = (ctx.memory.read_u64(at.wrapping_add(8))? >> 8) as u16;
        Self::store(ctx, &spec::CONTEXT, at, &words)?;
        if was & 1 != 0 {
            self.flush_device(ctx, device, did)?;
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
            Self::store(ctx, &spec::SM_CONTEXT, at, &[0; 4])?;
            if was & 1 != 0 {
                self.flush_device(ctx, device, old.unwrap_or(SHARED_DOMAIN))?;
            }
            return Ok(());
        };
        self.write_pasid(ctx, device, RID_PASID, &words)?;
        self.write_context(ctx, device, at)?;
        if was & 1 != 0 {
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
        let mut low = 1 | self.directory_size() << 9 | directory.raw();
        low |= u64::from(caps.ats && self.config.device_tlb()) << 2;
        low |= u64::from(caps.pasid && self.config.pasid()) << 3;
        low |= u64::from(caps.pri && self.config.page_requests()) << 4;
        Self::store(ctx, &spec::SM_CONTEXT, at, &[low, u64::from(RID_PASID), 0, 0])
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
        words: &[u64; 8],
    ) -> Result<(), DriverError> {
        let directory = self.directory(ctx, device)?;
        if u64::from(pasid) >> (self.directory_size() + 13) != 0 {
            return Err(DriverError::Unsupported("a PASID this large (ECAP.PSS)"));
        }
        let key = (device.bdf16(), pasid >> 6);
        let table = match self.driver.pasid_tables.get(&key) {
            Some(table) => *table,
            None => {
                let table = Self::frame(ctx)?;
                let at = directory.wrapping_add(u64::from(pasid >> 6) * 8);
                Self::store(ctx, &spec::PASID_DIR, at, &[table.raw() | 1])?;
                self.driver.pasid_tables.insert(key, table);
                table
            }
        };
        let at = table.wrapping_add(u64::from(pasid & 0x3f) * 64);
        Self::store(ctx, &spec::PASID, at, words)?;
        if words[0] & 1 != 0 {
            self.driver.pasid_domains.insert((device.bdf16(), pasid), words[1] as u16);
        }
        Ok(())
    }

    fn pasid_words(&self, to: Attachment) -> Result<Option<[u64; 8]>, DriverError> {
        Ok(Some(match to {
            Attachment::Blocked => return Ok(None),
            Attachment::PassThrough if !self.config.pass_through() => {
                return Err(DriverError::Unsupported("pass-through (ECAP.PT)"))
            }
            Attachment::PassThrough => {
                let aw = u64::from(self.config.deepest_second_stage() - 2);
                [1 | aw << 2 | 4 << 6, u64::from(SHARED_DOMAIN), 0, 0, 0, 0, 0, 0]
            }
            Attachment::Domain(id) => {
                let Domain { kind, root } = self.domain(id)?;
                match kind {
                    DomainKind::Stage1 => self.first_words(root.raw(), 4, u64::from(id.0))?,
                    DomainKind::Stage2 => {
                        let mut words = [0; 8];
                        words[0] = 1 | 2 << 6 | self.second_bits(root);
                        words[1] = u64::from(id.0);
                        words
                    }
                }
            }
            Attachment::Nested(tables) => self.process_words(tables)?,
        }))
    }

    fn second_bits(&self, root: PhysAddr) -> u64 {
        let aw = u64::from(second_format(&self.config).levels - 2);
        root.raw() | aw << 2 | u64::from(self.config.second_stage_accessed_dirty()) << 9
    }

    fn first_words(&self, root: u64, levels: u8, did: u64) -> Result<[u64; 8], DriverError> {
        if !self.config.scalable_first_stage() {
            return Err(DriverError::Unsupported("first-stage translation (ECAP.FSTS)"));
        }
        let fspm = match levels {
            4 => 0,
            5 if self.config.first_stage_5_level() => 1,
            _ => return Err(DriverError::Unsupported("first-stage tables of this depth (CAP.FS5LP)")),
        };
        let mut words = [0; 8];
        words[0] = 1 | 1 << 6;
        words[1] = did;
        // WPE and NXE as the CPU runs; SRE and ERE where the unit has them; EAFE off.
        let sre = u64::from(self.config.supervisor_requests());
        let ere = u64::from(self.config.execute_requests());
        words[2] = root & !0xfff | fspm << 2 | 1 << 4 | 1 << 5 | sre | ere << 1;
        Ok(words)
    }

    fn process_words(&self, tables: ProcessTables) -> Result<[u64; 8], DriverError> {
        let Some(below) = tables.below else {
            return self.first_words(tables.root, tables.levels, u64::from(SHARED_DOMAIN));
        };
        let Domain { kind, root } = self.domain(below)?;
        if kind != DomainKind::Stage2 || !self.config.nested() {
            return Err(DriverError::Unsupported("nesting over this domain (ECAP.NEST, a stage 2 domain)"));
        }
        let mut words = self.first_words(tables.root, tables.levels, u64::from(below.0))?;
        words[0] = 1 | 3 << 6 | self.second_bits(root);
        Ok(words)
    }

    pub(in crate::iommu::vtd) fn bind_pasid<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> Result<(), DriverError> {
        if !self.config.scalable_mode() || !self.config.pasid() {
            return Err(DriverError::Unsupported("PASIDs (ECAP.SMTS, ECAP.PASID)"));
        }
        let words = match tables {
            Some(tables) => self.process_words(tables)?,
            None => [0; 8],
        };
        let key = (device.bdf16(), pasid.raw());
        let old = self.driver.pasid_domains.get(&key).copied();
        self.write_pasid(ctx, device, pasid.raw(), &words)?;
        let at = self.context_place(ctx, device)?;
        if ctx.memory.read_u64(at)? & 1 != 0 {
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
