//! Device table entries and GCR3 tables.

use super::{commands, AmdViProgrammer, NO_DOMAIN};
use crate::addr::{Address, Pasid, PhysAddr, RequesterId};
use crate::iommu::amdvi::spec::registers::efr;
use crate::iommu::amdvi::spec::structures::{dte, gcr3_root, gcr3e, glx, guest_mode, had, DTE, GCR3E};
use crate::iommu::driver::{Contexts, Domain, Hardware};
use crate::iommu::{unsupported, Attachment, DomainId, DomainKind, DriverResult, ProcessTables};
use crate::spec::Bits;

/// Bits of a PASID that the first level of the two GCR3 levels leaves to the second.
const LOW_BITS: u32 = 9;
/// What GCR3 tables of two levels have room for.
const PASID_BITS: u32 = 18;

impl AmdViProgrammer {
    /// The host tables of a domain.
    fn host(&self, hw: &impl Hardware, words: dte::Words, id: DomainId) -> DriverResult<dte::Words> {
        let Domain { kind, root } = hw.domains().get(id)?;
        if kind != DomainKind::Stage2 {
            return unsupported("a version 2 domain below guest tables", "把版本 2 的域放在客户机页表之下");
        }
        let update = if self.config.update { had::BOTH } else { had::OFF };
        Ok(words
            .with(dte::MODE, self.config.levels.into())
            .with_address(dte::HOST_ROOT, root.raw())
            .with(dte::HAD, update))
    }

    /// The DomainID of a device with GCR3 tables: the highest that is free.
    fn own_domain(&mut self, hw: &impl Hardware, device: u16) -> DriverResult<u16> {
        if let Some(id) = self.own.get(&device) {
            return Ok(*id);
        }
        let id = usize::from(u16::MAX) - self.own.len();
        let domains = hw.domains().ids().last().map_or(0, |id| usize::from(id.0));
        if id <= domains {
            return unsupported("more domains (DomainID has 16 bits)", "更多的域（DomainID 只有 16 位）");
        }
        self.own.insert(device, id as u16);
        Ok(id as u16)
    }

    /// A GCR3 table of two levels, and guest tables of as many levels as `levels` says.
    fn guest(
        &mut self,
        hw: &mut impl Hardware,
        words: dte::Words,
        device: u16,
        levels: u8,
    ) -> DriverResult<dte::Words> {
        let page = self.gcr3.get_or_make((device, None), hw, |_, _| Ok(()))?;
        let root = page.at.raw();
        let mode = if levels == 5 { guest_mode::LEVELS_5 } else { guest_mode::LEVELS_4 };
        let own = self.own_domain(hw, device)?;
        Ok(words
            .with_flag(dte::GV, true)
            .with(dte::DOMAIN_ID, own.into())
            .with(dte::GLX, glx::LEVELS_2)
            .with(dte::GUEST_MODE, mode)
            .with(dte::GCR3_A, root.bits(gcr3_root::A))
            .with(dte::GCR3_B, root.bits(gcr3_root::B))
            .with(dte::GCR3_C, root.bits(gcr3_root::C)))
    }

    /// Gives a device that is blocked guest tables for its PASIDs. Its requests without one stay blocked: GIoV sends them to
    /// PASID 0, which has no tables.
    fn open_for_processes(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        tables: ProcessTables,
    ) -> DriverResult {
        let id = device.bdf16();
        let caps = hw.domains().caps(device);
        let ats = caps.ats && self.config.iotlbs;
        let pri = ats && caps.pri && self.config.has(efr::PPR_SUP);
        let words = self.blocked(id);
        let mut words =
            [dte::TV, dte::IR, dte::IW, dte::GIOV].iter().fold(words, |w, flag| w.with_flag(*flag, true));
        [(dte::I, ats), (dte::PPR, pri), (dte::GPRP, pri)]
            .iter()
            .for_each(|(flag, on)| words.set_flag(*flag, *on));
        words.set(dte::DOMAIN_ID, tables.below.map_or(NO_DOMAIN, |id| id.0).into());
        if let Some(domain) = tables.below {
            words = self.host(hw, words, domain)?;
        }
        let words = self.guest(hw, words, id, tables.levels)?;
        self.below.insert(id, tables.below);
        self.write_entry(hw, device, &words)
    }

    /// Writes the GCR3 entry of a PASID; returns whether a valid one was there.
    fn write_gcr3(
        &mut self,
        hw: &mut impl Hardware,
        device: u16,
        pasid: u32,
        root: Option<u64>,
    ) -> DriverResult<bool> {
        let table = self.gcr3.get_or_make((device, None), hw, |_, _| Ok(()))?;
        let upper = pasid >> LOW_BITS;
        let at = table.at.wrapping_add(u64::from(upper) * 8);
        let page = self.gcr3.get_or_make((device, Some(upper)), hw, |hw, page| {
            let entry = gcr3e::ZERO.with_flag(gcr3e::V, true).with_address(gcr3e::GCR3, page.pointer);
            hw.store(&GCR3E, at, &entry)
        })?;
        let at = page.at.wrapping_add(u64::from(pasid % (1 << LOW_BITS)) * 8);
        let was = hw.load::<1>(at)?;
        let words = match root {
            None => gcr3e::ZERO,
            Some(root) => gcr3e::ZERO.with_flag(gcr3e::V, true).with_address(gcr3e::GCR3, root),
        };
        hw.store(&GCR3E, at, &words)?;
        Ok(was.is_set(gcr3e::V))
    }

    /// Writes a device table entry, then has the unit forget the device and what was tagged with its DomainID.
    pub(super) fn write_entry(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        words: &dte::Words,
    ) -> DriverResult {
        let at: PhysAddr = self.place(hw, device)?;
        hw.store(&DTE, at, words)?;
        let id = device.bdf16();
        let old = self.attached.insert(id, words.bits(dte::DOMAIN_ID) as u16);
        let mut list = alloc::vec![commands::device(id)];
        if self.config.remapping {
            list.push(commands::interrupts(id));
        }
        if let Some(domain) = old {
            list.push(commands::pages(domain, None, None));
        }
        self.post(hw, &list)
    }
}

impl Contexts for AmdViProgrammer {
    fn attach(&mut self, hw: &mut impl Hardware, device: RequesterId, to: Attachment) -> DriverResult {
        let id = device.bdf16();
        let caps = hw.domains().caps(device);
        let blocked = self.blocked(id);
        self.bound.retain(|(d, _), ()| *d != id);
        self.first.remove(&id);
        self.gcr3.retain(|(d, _)| *d != id);
        let ats = caps.ats && self.config.iotlbs;
        let processes = caps.pasid && self.config.has(efr::GT_SUP);
        let open = blocked
            .with_flag(dte::TV, true)
            .with_flag(dte::IR, true)
            .with_flag(dte::IW, true)
            .with_flag(dte::I, ats)
            .with_flag(dte::PPR, ats && caps.pri && self.config.has(efr::PPR_SUP))
            .with_flag(dte::GPRP, ats && caps.pri && self.config.has(efr::PPR_SUP));
        let words = match to {
            Attachment::Blocked => {
                self.below.remove(&id);
                blocked
            }
            // Identity: the host has no tables, so that PASIDs may have theirs.
            Attachment::PassThrough => {
                self.below.insert(id, None);
                let words = open.with(dte::DOMAIN_ID, NO_DOMAIN.into());
                if processes {
                    self.guest(hw, words, id, 4)?
                } else {
                    words
                }
            }
            Attachment::Domain(domain) => {
                let Domain { kind, root } = hw.domains().get(domain)?;
                let words = open.with(dte::DOMAIN_ID, domain.0.into());
                match kind {
                    DomainKind::Stage2 => {
                        self.below.insert(id, Some(domain));
                        self.host(hw, words, domain)?
                    }
                    DomainKind::Stage1 => {
                        self.below.insert(id, None);
                        self.first.insert(id, domain);
                        let words = self.guest(hw, words, id, 4)?.with_flag(dte::GIOV, true);
                        self.write_gcr3(hw, id, 0, Some(root.raw()))?;
                        words
                    }
                }
            }
            Attachment::Nested(ProcessTables { root, levels, below, .. }) => {
                if !self.config.has(efr::GT_SUP) {
                    return unsupported("guest translation (EFR.GTSup)", "客户机转换（EFR.GTSup）");
                }
                self.below.insert(id, below);
                let mut words = open.with(dte::DOMAIN_ID, below.map_or(NO_DOMAIN, |id| id.0).into());
                if let Some(domain) = below {
                    words = self.host(hw, words, domain)?;
                }
                let words = self.guest(hw, words, id, levels)?.with_flag(dte::GIOV, true);
                self.write_gcr3(hw, id, 0, Some(root))?;
                words
            }
        };
        self.write_entry(hw, device, &words)
    }

    fn takes_processes(&self) -> DriverResult {
        match self.config.has(efr::GT_SUP) {
            true => Ok(()),
            false => unsupported("PASIDs (EFR.GTSup)", "PASID（EFR.GTSup）"),
        }
    }

    fn bind(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> DriverResult {
        let (id, pasid) = (device.bdf16(), pasid.raw());
        self.takes_processes()?;
        if pasid >> PASID_BITS != 0 {
            return unsupported(
                "a PASID above 0x3ffff (GCR3 tables of two levels)",
                "大于 0x3ffff 的 PASID（两级 GCR3 表）",
            );
        }
        let below = self.below.get(&id).copied();
        if let (Some(t), None) = (tables, below) {
            self.open_for_processes(hw, device, t)?;
        } else if let Some(t) = tables {
            if below != Some(t.below) {
                return unsupported(
                    "a process's tables beside version 1 tables of the device (they would be nested over them: attach the device to \
                     pass-through or to a version 2 domain, as Linux requires)",
                    "进程页表与设备的版本 1 页表并存（硬件会把前者嵌套在后者之上：如 Linux 要求的那样，应先把设备设为直通模式，或挂接到版本 2 的域）",
                );
            }
            let at = self.place(hw, device)?;
            let was: dte::Words = hw.load(at)?;
            // Guest tables may come to a device whose domain needed none; all its PASIDs have as many levels.
            if !was.is_set(dte::GV) {
                let words = self.guest(hw, was, id, t.levels)?;
                self.write_entry(hw, device, &words)?;
            } else if was.bits(dte::GUEST_MODE) + 4 != u64::from(t.levels) {
                if self.bound.keys().any(|(d, _)| *d == id) || was.is_set(dte::GIOV) {
                    return unsupported(
                        "tables of 4 and of 5 levels for one device (GuestPagingMode)",
                        "同一设备混用 4 级与 5 级页表（GuestPagingMode）",
                    );
                }
                let words = self.guest(hw, was, id, t.levels)?;
                self.write_entry(hw, device, &words)?;
            }
        }
        let was = self.write_gcr3(hw, id, pasid, tables.map(|t| t.root))?;
        match tables {
            Some(_) => self.bound.insert((id, pasid), ()),
            None => self.bound.remove(&(id, pasid)),
        };
        if was {
            let domain = self.attached.get(&id).copied().unwrap_or(NO_DOMAIN);
            self.post(hw, &[commands::pages(domain, Some(pasid), None)])?;
        }
        Ok(())
    }
}
