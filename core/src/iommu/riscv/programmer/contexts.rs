//! Device contexts and process contexts (RISC-V IOMMU, "Device-context" and "Process-context").

use super::commands::{device_id, devices, first, process};
use super::{RiscvProgrammer, DOMAIN_PSCID};
use crate::addr::{Address, PageSize, Pasid, PhysAddr, RequesterId};
use crate::iommu::driver::domains::map;
use crate::iommu::driver::{Contexts, Domain, Domains, Hardware, Page};
use crate::iommu::riscv::context::process_index;
use crate::iommu::riscv::records::Command;
use crate::iommu::riscv::spec::registers::capabilities as cap;
use crate::iommu::riscv::spec::structures::{
    dc, ddte, fsc_mode, msiptp_mode, pc, pdte, DC_BASE, DC_EXTENDED, DDTE, PC, PDTE,
};
use crate::iommu::riscv::stages::Root;
use crate::iommu::{unsupported, Attachment, DomainKind, DriverResult, ProcessTables};
use crate::paging::builder::Mapping;
use crate::platform::interrupts::{IMSIC, IMSIC_FILES};
use crate::spec::Bits;
use crate::trace::Perms;

/// Where process directories appear to a second stage: in guest-physical addresses no guest has RAM at.
const DIRECTORY_WINDOW: u64 = 1 << 40;

impl RiscvProgrammer {
    /// Returns where the context of a device is, its directory made as far as it is missing.
    fn context_place(&mut self, hw: &mut impl Hardware, device: RequesterId) -> DriverResult<PhysAddr> {
        let raw = device_id(hw.domains(), device);
        let (index, low) = (self.config.device_index(raw), self.config.last_device_bits());
        let mut table = self.directory;
        for (level, bits) in [(2u8, low + 9), (1, low)] {
            let at = table.wrapping_add(index[usize::from(level)] * 8);
            let page = self.devices.get_or_make((level, raw >> bits), hw, |hw, page| {
                let entry = ddte::ZERO.with_flag(ddte::V, true).with_address(ddte::PPN, page.pointer);
                hw.store(&DDTE, at, &entry)
            })?;
            table = page.at;
        }
        let words = if self.config.has(cap::MSI_FLAT) { DC_EXTENDED.words } else { DC_BASE.words };
        Ok(table.wrapping_add(index[0] * u64::from(words) * 8))
    }

    /// Has a device a context with the MSI page table: is it under a second stage?
    pub(super) fn has_message_table(&self, hw: &mut impl Hardware, device: RequesterId) -> bool {
        let raw = device_id(hw.domains(), device);
        let low = self.config.last_device_bits();
        let leaf = self.devices.get((1, raw >> low)).filter(|_| self.config.has(cap::MSI_FLAT));
        leaf.is_some_and(|page| {
            let at =
                page.at.wrapping_add(self.config.device_index(raw)[0] * u64::from(DC_EXTENDED.words) * 8);
            let words: DriverResult<dc::Words> = hw.load(at).map(|words| self.ordered(words));
            words.is_ok_and(|words| words.is_set(dc::V) && words.bits(dc::MSIPTP_MODE) == msiptp_mode::FLAT)
        })
    }

    /// Returns the words of iosatp for these tables.
    fn first_stage(&self, domains: &Domains, to: Attachment) -> DriverResult<Option<(u64, u32)>> {
        Ok(match to {
            Attachment::Domain(id) => {
                let Domain { kind, root } = domains.get(id)?;
                let word = Root::word(self.config.levels, root.raw());
                (kind == DomainKind::Stage1).then_some((word, DOMAIN_PSCID | u32::from(id.0)))
            }
            Attachment::Nested(tables) => {
                Some((Root::word(tables.levels, tables.root), u32::from(tables.asid)))
            }
            Attachment::Blocked | Attachment::PassThrough => None,
        })
    }

    /// Writes a device context; where a valid one stood, the unit is made to forget it and what was tagged by it
    /// (RISC-V IOMMU, "Device Directory Table entry changes").
    fn write_context(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        words: &dc::Words,
    ) -> DriverResult {
        let at = self.context_place(hw, device)?;
        let was = hw.load::<1>(at)?;
        let entry = if self.config.has(cap::MSI_FLAT) { &DC_EXTENDED } else { &DC_BASE };
        hw.store(entry, at, &words[..usize::from(entry.words)])?;
        if was.is_set(dc::V) {
            self.post(
                hw,
                &[devices(Some(device_id(hw.domains(), device))), Command::FIRST, Command::SECOND],
            )?;
        }
        Ok(())
    }

    /// Returns a page of a device's process directory.
    fn directory_page(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        level: u8,
        above: u32,
    ) -> DriverResult<Page> {
        let key = (device.raw(), level, above);
        if let Some(page) = self.processes.get(key) {
            return Ok(page);
        }
        let at = hw.frame()?;
        let pointer = match self.below.get(&device.raw()) {
            None => at.raw(),
            Some(&id) => {
                // Under a second stage, directories are at guest-physical addresses.
                let (from, to) = (DIRECTORY_WINDOW | at.raw(), at.raw());
                let (len, size, perms) = (4096, PageSize::SIZE_4K, Perms::R);
                map(self, hw, id, Mapping { from, to, len, size, perms, user: true })?;
                from
            }
        };
        let page = Page { at, pointer };
        self.processes.insert(key, page);
        Ok(page)
    }

    /// Writes a process context; returns whether a valid one stood there.
    fn write_process(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        process: u32,
        words: &pc::Words,
    ) -> DriverResult<bool> {
        let mut table = self.directory_page(hw, device, 3, 0)?.at;
        let index = process_index(process);
        for (level, bits) in [(2u8, 17), (1, 8)] {
            let known = self.processes.get((device.raw(), level, process >> bits)).is_some();
            let next = self.directory_page(hw, device, level, process >> bits)?;
            if !known {
                let at = table.wrapping_add(index[usize::from(level)] * 8);
                let entry = pdte::ZERO.with_flag(pdte::V, true).with_address(pdte::PPN, next.pointer);
                hw.store(&PDTE, at, &entry)?;
            }
            table = next.at;
        }
        let at = table.wrapping_add(index[0] * u64::from(PC.words) * 8);
        let was = hw.load::<1>(at)?;
        hw.store(&PC, at, words)?;
        Ok(was.is_set(pc::V))
    }
}

impl Contexts for RiscvProgrammer {
    fn attach(&mut self, hw: &mut impl Hardware, device: RequesterId, to: Attachment) -> DriverResult {
        if to == Attachment::Blocked {
            return self.write_context(hw, device, &dc::ZERO);
        }
        let first = self.first_stage(hw.domains(), to)?;
        let second = match to {
            Attachment::Domain(id) if first.is_none() => Some(id),
            Attachment::Nested(tables) => tables.below,
            _ => None,
        };
        let caps = hw.domains().caps(device);
        let ats = self.config.has(cap::ATS) && caps.ats;
        let update = self.config.update && self.config.has(cap::AMO_HWAD);
        let mut words = dc::ZERO
            .with_flag(dc::V, true)
            .with_flag(dc::EN_ATS, ats)
            .with_flag(dc::EN_PRI, ats && caps.pri)
            .with_flag(dc::GADE, update)
            .with_flag(dc::SADE, update);
        if let Some(id) = second {
            let Domain { kind, root } = hw.domains().get(id)?;
            if kind != DomainKind::Stage2 {
                return unsupported("a first-stage domain as second stage", "把第一阶段的域用作第二阶段");
            }
            words[1] = Root::word(self.config.levels, root.raw());
            words.set(dc::IOHGATP_GSCID, id.0.into());
            if self.config.has(cap::MSI_FLAT) {
                words = words
                    .with(dc::MSIPTP_MODE, msiptp_mode::FLAT)
                    .with_address(dc::MSIPTP_PPN, self.messages.raw())
                    .with(dc::MSI_ADDR_MASK, IMSIC_FILES - 1)
                    .with(dc::MSI_ADDR_PATTERN, IMSIC >> 12);
            }
            self.below.insert(device.raw(), id);
        } else {
            self.below.remove(&device.raw());
        }
        if caps.pasid && self.config.has(cap::PD20) {
            // Requests without a PASID are process 0 where there is a first stage for them (DPE), else go past it.
            self.processes.retain(|key| key.0 != device.raw());
            let top = self.directory_page(hw, device, 3, 0)?;
            words = words
                .with_flag(dc::PDTV, true)
                .with_flag(dc::DPE, first.is_some())
                .with(dc::FSC_MODE, fsc_mode::PD20)
                .with_address(dc::FSC_PPN, top.pointer);
            if let Some((word, pscid)) = first {
                let context = [0, word].with_flag(pc::V, true).with(pc::PSCID, pscid.into());
                self.write_process(hw, device, 0, &context)?;
            }
        } else if let Some((word, pscid)) = first {
            words[3] = word;
            words.set(dc::TA_PSCID, pscid.into());
        }
        self.write_context(hw, device, &words)
    }

    fn bind(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> DriverResult {
        let id = pasid.raw();
        if self.processes.get((device.raw(), 3, 0)).is_none() {
            return unsupported(
                "processes for a device without PASID (DC.tc.PDTV = 0)",
                "没有 PASID 的设备上的进程（DC.tc.PDTV = 0）",
            );
        }
        let below = self.below.get(&device.raw()).copied();
        let key = (device.raw(), id);
        // One number an address space, as the CPU has it: a PASID may be another process's on another device.
        let was = self.bound.get(&key).copied().unwrap_or(id);
        let words =
            match tables {
                None => pc::ZERO,
                Some(t) if t.below != below => return unsupported(
                    "a process over another second stage than its device's (there is one iohgatp a device)",
                    "进程的第二阶段与其设备的不同（每个设备只有一个 iohgatp）",
                ),
                // ENS: supervisor requests are allowed, as a kernel's own use of a PASID needs.
                Some(t) => [0, Root::word(t.levels, t.root)]
                    .with_flag(pc::V, true)
                    .with_flag(pc::ENS, true)
                    .with(pc::PSCID, t.asid.into()),
            };
        if let Some(tables) = tables {
            self.bound.insert(key, tables.asid.into());
        }
        if self.write_process(hw, device, id, &words)? {
            self.post(hw, &[process(device_id(hw.domains(), device), id), first(below, was, None)])?;
        }
        Ok(())
    }
}
