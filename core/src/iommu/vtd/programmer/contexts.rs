//! Attaching: root, context and PASID entries (VT-d 9.1 to 9.6).

use super::{second_format, Tag, VtdProgrammer, SHARED_DOMAIN};
use crate::addr::{Address, Pasid, PhysAddr, RequesterId};
use crate::iommu::driver::{Contexts, Domain, Domains, Hardware, Page};
use crate::iommu::vtd::context::PASIDS_IN_TABLE;
use crate::iommu::vtd::spec::structures::*;
use crate::iommu::vtd::Config;
use crate::iommu::{unsupported, Attachment, DomainKind, DriverResult, ProcessTables};
use crate::spec::Bits;

/// RID_PASID: the PASID of requests that carry none. Linux uses 0 too.
const RID_PASID: u32 = 0;

impl VtdProgrammer {
    /// Returns where the context entry of a device is, its table made if it is missing.
    fn context_place(&mut self, hw: &mut impl Hardware, device: RequesterId) -> DriverResult<PhysAddr> {
        let scalable = self.config.scalable_mode();
        let upper = scalable && device.devfn() >= 0x80;
        let key = (device.bus(), upper);
        let half = |at: u64| {
            sm_root_half::ZERO.with_flag(sm_root_half::P, true).with_address(sm_root_half::CTP, at)[0]
        };
        let root = self.root.wrapping_add(u64::from(device.bus()) * 16);
        let other = self.contexts.get((device.bus(), !upper)).filter(|_| scalable);
        let other = other.map_or(0, |page| half(page.pointer));
        let table = self.contexts.get_or_make(key, hw, |hw, page| {
            let here = half(page.pointer);
            let words = if upper { [other, here] } else { [here, other] };
            hw.store(if scalable { &SM_ROOT } else { &ROOT }, root, &words)
        })?;
        let table = table.at;
        let at =
            if scalable { u64::from(device.devfn() & 0x7f) * 32 } else { u64::from(device.devfn()) * 16 };
        Ok(table.wrapping_add(at))
    }

    fn attach_legacy(&mut self, hw: &mut impl Hardware, device: RequesterId, to: Attachment) -> DriverResult {
        let caps = hw.domains().caps(device);
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
                return unsupported("pass-through (ECAP.PT)", "直通模式（ECAP.PT）")
            }
            Attachment::PassThrough => second(SHARED_DOMAIN, tt::PASS_THROUGH),
            Attachment::Domain(id) => {
                let Domain { kind, root } = hw.domains().get(id)?;
                if kind == DomainKind::Stage1 {
                    return unsupported("first-stage translation (ECAP.FSTS)", "第一阶段转换（ECAP.FSTS）");
                }
                let ats = caps.ats && self.config.device_tlb();
                let kind = if ats { tt::DEVICE_TLB } else { tt::MULTI_LEVEL };
                second(id.0, kind).with_address(context::SSPTPTR, root.raw())
            }
            Attachment::Nested(_) => {
                return unsupported("nested translation (ECAP.NEST)", "嵌套转换（ECAP.NEST）")
            }
        };
        let at = self.context_place(hw, device)?;
        let was: context::Words = hw.load(at)?;
        hw.store(&CONTEXT, at, &words)?;
        if was.is_set(context::P) {
            self.flush_device(hw, device, was.bits(context::DID) as u16)?;
        }
        Ok(())
    }

    fn attach_scalable(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        to: Attachment,
    ) -> DriverResult {
        let pasid = self.pasid_words(hw.domains(), device, to)?;
        let at = self.context_place(hw, device)?;
        let was = hw.load::<1>(at)?[0];
        let old = self.tags.get(&(device.bdf16(), RID_PASID)).map(|tag| tag.did);
        let Some(words) = pasid else {
            hw.store(&SM_CONTEXT, at, &sm_context::ZERO)?;
            if was.is_set(sm_context::P) {
                self.flush_device(hw, device, old.unwrap_or(SHARED_DOMAIN))?;
            }
            return Ok(());
        };
        self.write_pasid(hw, device, RID_PASID, &words)?;
        self.write_context(hw, device, at)?;
        if was.is_set(sm_context::P) {
            self.flush_device(hw, device, old.unwrap_or(SHARED_DOMAIN))?;
        }
        Ok(())
    }

    fn write_context(&mut self, hw: &mut impl Hardware, device: RequesterId, at: PhysAddr) -> DriverResult {
        let caps = hw.domains().caps(device);
        let directory = self.directory(hw, device)?;
        let words = sm_context::ZERO
            .with_flag(sm_context::P, true)
            .with_flag(sm_context::DTE, caps.ats && self.config.device_tlb())
            .with_flag(sm_context::PASIDE, caps.pasid && self.config.pasid())
            .with_flag(sm_context::PRE, caps.pri && self.config.page_requests())
            .with(sm_context::PDTS, self.directory_size())
            .with_address(sm_context::PASIDDIRPTR, directory.raw())
            .with(sm_context::RID_PASID, RID_PASID.into());
        hw.store(&SM_CONTEXT, at, &words)
    }

    /// Returns PDTS: a directory for every PASID the unit takes, else the smallest one.
    fn directory_size(&self) -> u64 {
        if self.config.pasid() {
            u64::from(self.config.pasid_bits().saturating_sub(13)).min(7)
        } else {
            0
        }
    }

    fn directory(&mut self, hw: &mut impl Hardware, device: RequesterId) -> DriverResult<PhysAddr> {
        if let Some(page) = self.directories.get(device.bdf16()) {
            return Ok(page.at);
        }
        let bytes = 8u64 << (self.directory_size() + 7);
        let at = hw.frames(bytes.div_ceil(4096), 1)?;
        self.directories.insert(device.bdf16(), Page { at, pointer: at.raw() });
        Ok(at)
    }

    /// Writes a PASID-table entry, its table made if it is missing.
    fn write_pasid(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        pasid: u32,
        words: &pasid::Words,
    ) -> DriverResult {
        let directory = self.directory(hw, device)?;
        if u64::from(pasid) >> (self.directory_size() + 13) != 0 {
            return unsupported("a PASID this large (ECAP.PSS)", "这么大的 PASID（ECAP.PSS）");
        }
        let index = pasid / PASIDS_IN_TABLE;
        let key = (device.bdf16(), index);
        let table = self.pasid_tables.get_or_make(key, hw, |hw, page| {
            let words = pasid_dir::ZERO.with_flag(pasid_dir::P, true);
            let at = directory.wrapping_add(u64::from(index) * 8);
            hw.store(&PASID_DIR, at, &words.with_address(pasid_dir::SMPTBLPTR, page.pointer))
        })?;
        let table = table.at;
        let at = table.wrapping_add(u64::from(pasid % PASIDS_IN_TABLE) * 64);
        hw.store(&PASID, at, words)?;
        let key = (device.bdf16(), pasid);
        if let Some(tag) = self.tags.get_mut(&key) {
            tag.present = false;
        }
        if words.is_set(pasid::P) {
            let kind = words.bits(pasid::PGTT);
            let first = matches!(kind, pgtt::FIRST | pgtt::NESTED).then(|| words.address(pasid::FSPTPTR));
            let second = matches!(kind, pgtt::SECOND | pgtt::NESTED).then(|| words.address(pasid::SSPTPTR));
            let did = words.bits(pasid::DID) as u16;
            self.tags.insert(key, Tag { did, first, second, present: true });
        }
        Ok(())
    }

    fn pasid_words(
        &self,
        domains: &Domains,
        device: RequesterId,
        to: Attachment,
    ) -> DriverResult<Option<pasid::Words>> {
        Ok(Some(match to {
            Attachment::Blocked => return Ok(None),
            Attachment::PassThrough if !self.config.pass_through() => {
                return unsupported("pass-through (ECAP.PT)", "直通模式（ECAP.PT）")
            }
            Attachment::PassThrough => pasid::ZERO
                .with_flag(pasid::P, true)
                .with(pasid::PGTT, pgtt::PASS_THROUGH)
                .with(pasid::AW, address_width(&self.config))
                .with(pasid::DID, SHARED_DOMAIN.into()),
            Attachment::Domain(id) => {
                let Domain { kind, root } = domains.get(id)?;
                match kind {
                    DomainKind::Stage1 => self.first_words(root.raw(), 4, id.0)?,
                    DomainKind::Stage2 => {
                        let words = pasid::ZERO.with_flag(pasid::P, true).with(pasid::PGTT, pgtt::SECOND);
                        self.with_second(words, root).with(pasid::DID, id.0.into())
                    }
                }
            }
            Attachment::Nested(tables) => self.process_words(domains, (device, RID_PASID), tables)?,
        }))
    }

    fn with_second(&self, words: pasid::Words, root: PhysAddr) -> pasid::Words {
        words
            .with_address(pasid::SSPTPTR, root.raw())
            .with(pasid::AW, address_width(&self.config))
            .with_flag(pasid::SSADE, self.config.second_stage_accessed_dirty())
    }

    fn first_words(&self, root: u64, levels: u8, did: u16) -> DriverResult<pasid::Words> {
        if !self.config.scalable_first_stage() {
            return unsupported("first-stage translation (ECAP.FSTS)", "第一阶段转换（ECAP.FSTS）");
        }
        let depth = match levels {
            4 => fspm::LEVELS_4,
            5 if self.config.first_stage_5_level() => fspm::LEVELS_5,
            _ => {
                return unsupported(
                    "first-stage tables of this depth (CAP.FS5LP)",
                    "这么多级的第一阶段页表（CAP.FS5LP）",
                )
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

    fn process_words(
        &self,
        domains: &Domains,
        key: (RequesterId, u32),
        tables: ProcessTables,
    ) -> DriverResult<pasid::Words> {
        let Some(below) = tables.below else {
            let did = self.domain_id(key, SHARED_DOMAIN, (tables.root, None));
            return self.first_words(tables.root, tables.levels, did);
        };
        let Domain { kind, root } = domains.get(below)?;
        if kind != DomainKind::Stage2 || !self.config.nested() {
            return unsupported(
                "nesting over this domain (ECAP.NEST, a stage 2 domain)",
                "在这个域之上嵌套（ECAP.NEST，需为第二阶段的域）",
            );
        }
        let did = self.domain_id(key, below.0, (tables.root, Some(root.raw())));
        let words = self.first_words(tables.root, tables.levels, did)?;
        Ok(self.with_second(words.with(pasid::PGTT, pgtt::NESTED), root))
    }
}

impl VtdProgrammer {
    /// Returns the domain id for tables of a first stage: the usual one, unless the same PASID of another device has that for
    /// other tables, whose translations would be taken for these.
    fn domain_id(&self, key: (RequesterId, u32), usual: u16, (root, below): (u64, Option<u64>)) -> u16 {
        let me = (key.0.bdf16(), key.1);
        let others = self
            .tags
            .iter()
            .filter(|(at, tag)| **at != me && at.1 == key.1 && tag.present && tag.first.is_some());
        let mut others = others.map(|(_, tag)| tag);
        if let Some(same) = others.clone().find(|tag| (tag.first, tag.second) == (Some(root), below)) {
            return same.did;
        }
        if !others.any(|tag| tag.did == usual) {
            return usual;
        }
        let taken = |did: &u16| self.tags.values().any(|tag| tag.did == *did);
        // From the top: those of domains come from below.
        (0..self.config.domains()).rev().map(|did| did as u16).find(|did| !taken(did)).unwrap_or(usual)
    }
}

impl Contexts for VtdProgrammer {
    fn attach(&mut self, hw: &mut impl Hardware, device: RequesterId, to: Attachment) -> DriverResult {
        if self.config.scalable_mode() {
            self.attach_scalable(hw, device, to)
        } else {
            self.attach_legacy(hw, device, to)
        }
    }

    fn takes_processes(&self) -> DriverResult {
        if self.config.scalable_mode() && self.config.pasid() {
            return Ok(());
        }
        unsupported(
            "PASIDs (ECAP.SMTS, ECAP.PASID): the tables of legacy mode have no place for processes; scalable mode has, since revision 3.0 (`scalable` on the `machine` line)",
            "PASID（ECAP.SMTS、ECAP.PASID）：传统模式的表里没有进程的位置；修订版 3.0 起的可扩展模式才有（在 `machine` 一行写 `scalable`）",
        )
    }

    /// A PASID has an entry of its own, beside that of requests without one.
    fn keeps_processes(&self) -> bool {
        true
    }

    fn bind(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> DriverResult {
        self.takes_processes()?;
        let words = match tables {
            Some(tables) => self.process_words(hw.domains(), (device, pasid.raw()), tables)?,
            None => pasid::ZERO,
        };
        let key = (device.bdf16(), pasid.raw());
        let old = self.tags.get(&key).map(|tag| tag.did);
        self.write_pasid(hw, device, pasid.raw(), &words)?;
        let at = self.context_place(hw, device)?;
        if hw.load::<1>(at)?[0].is_set(sm_context::P) {
            // The device may have learned of PASIDs since it was attached.
            let before = hw.load::<1>(at)?[0];
            self.write_context(hw, device, at)?;
            if hw.load::<1>(at)?[0] != before {
                self.flush_context(hw, device)?;
            }
        }
        if let Some(did) = old {
            self.flush_pasid(hw, did, pasid.raw())?;
        }
        Ok(())
    }
}

/// Returns AW of the second-stage tables that the driver makes.
fn address_width(config: &Config) -> u64 {
    u64::from(second_format(config).levels - 2)
}
