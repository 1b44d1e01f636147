//! How the unit is programmed, as Linux does it (drivers/iommu/amd): which words of registers, entries and commands say what
//! a driver wants. It knows where it put its structures, never what the unit has cached.

mod commands;
mod contexts;
mod handlers;

use super::spec::registers::{
    self as reg, control, device_table, efr, inv_timeout, msi_cap, ring_base, xt_interrupt,
};
use super::spec::structures::{dte, DTE};
use super::Config;
use crate::addr::{Address, PageSize, PhysAddr, RequesterId};
use crate::iommu::driver::{Directory, Hardware, Programmer};
use crate::iommu::{unsupported, DomainId, DomainKind, DriverResult, InterruptEntry};
use crate::paging::amdv1::AmdV1;
use crate::paging::x86::X86;
use crate::spec::{Bits, Field, Register, Text};
use alloc::collections::BTreeMap;

/// The DomainID of pass-through.
const NO_DOMAIN: u16 = 0;
/// log2 of the entries of buffer and logs: a page of 16 bytes each.
const RING_LOG2: u64 = 8;
/// log2 of the entries of an interrupt table: 512, as Linux has them.
const INTERRUPTS_LOG2: u64 = 9;
/// Entries of the device table in a page, and pages of it at most.
const ENTRIES: u32 = 128;
const TABLE_PAGES: u64 = 512;
/// Where the unit stores the tail of the GA log, in bytes from where COMPLETION_WAIT stores.
const GA_TAIL: u64 = 64;
/// The interrupt vector of the unit's events.
const EVENT_VECTOR: u64 = 0x30;

/// What the driver knows.
#[derive(Clone, Debug)]
pub struct AmdViProgrammer {
    /// What the extended feature register says.
    config: Config,
    table: PhysAddr,
    /// Pages of the device table that the unit reads.
    pages: u32,
    commands: PhysAddr,
    /// Where COMPLETION_WAIT stores, and the last value.
    semaphore: PhysAddr,
    sequence: u32,
    /// The interrupt table of devices that have none of their own.
    interrupts: PhysAddr,
    /// Tables of devices with entries of their own.
    own_interrupts: BTreeMap<u16, PhysAddr>,
    /// Entries that every device may use.
    anyone: BTreeMap<u16, InterruptEntry>,
    /// Pages of GCR3 tables, by device and the upper bits of the PASID; `None` is the first level.
    gcr3: Directory<(u16, Option<u32>)>,
    /// The DomainID of each device that is attached.
    attached: BTreeMap<u16, u16>,
    /// DomainIDs of devices with GCR3 tables of their own: translations are tagged with DomainID and PASID, and a PASID is
    /// another one in each of these tables (Linux, setup_gcr3_table).
    own: BTreeMap<u16, u16>,
    /// The version 2 domain that is PASID 0 of a device.
    first: BTreeMap<u16, DomainId>,
    /// The host tables that a device's guest tables are over.
    below: BTreeMap<u16, Option<DomainId>>,
    /// PASIDs with tables.
    bound: BTreeMap<(u16, u32), ()>,
}

impl AmdViProgrammer {
    /// Returns the driver of a unit with these features, which is not started.
    pub fn new(config: Config) -> Self {
        let none = PhysAddr::new(0);
        AmdViProgrammer {
            config,
            table: none,
            pages: 0,
            commands: none,
            semaphore: none,
            sequence: 0,
            interrupts: none,
            own_interrupts: BTreeMap::new(),
            anyone: BTreeMap::new(),
            gcr3: Directory::default(),
            attached: BTreeMap::new(),
            own: BTreeMap::new(),
            first: BTreeMap::new(),
            below: BTreeMap::new(),
            bound: BTreeMap::new(),
        }
    }

    fn enable(hw: &mut impl Hardware, flags: &[Field]) {
        let mut value = hw.of(&reg::CONTROL);
        flags.iter().for_each(|flag| value.set_flag(*flag, true));
        hw.set(&reg::CONTROL, value);
    }

    /// Has the unit's own interrupts go to CPU 0: in x2APIC's form where interrupts are remapped in it, else as an MSI.
    fn own_messages(&self, hw: &mut impl Hardware) {
        if self.config.remapping {
            for register in [&reg::XT_GENERAL, &reg::XT_PPR, &reg::XT_GA] {
                hw.set(register, 0u64.with(xt_interrupt::VECTOR, EVENT_VECTOR));
            }
            return Self::enable(hw, &[control::INTCAP_XT]);
        }
        hw.set(&reg::MSI_ADDR_LOW, 0xfee0_0000);
        hw.set(&reg::MSI_DATA, EVENT_VECTOR);
        let cap = hw.of(&reg::MSI_CAP);
        hw.set(&reg::MSI_CAP, cap.with_flag(msi_cap::EN, true));
    }

    /// Gives the unit a ring, empty, and turns it on.
    fn ring_at(hw: &mut impl Hardware, base: &Register, at: PhysAddr, on: &[Field]) {
        let value = 0u64.with_address(ring_base::BASE, at.raw());
        hw.set(base, value.with(ring_base::LEN, RING_LOG2));
        Self::enable(hw, on);
    }

    /// The entry of a device that is blocked: V = 1 and TV = 0, so that its requests fault and its interrupts are looked up.
    /// The pass bits are 0: firmware alone says for which devices they are not (IVRS).
    fn blocked(&self, device: u16) -> dte::Words {
        let words = dte::ZERO.with_flag(dte::V, true);
        if !self.config.remapping {
            return words;
        }
        let table = self.own_interrupts.get(&device).copied().unwrap_or(self.interrupts);
        words
            .with_flag(dte::IV, true)
            .with(dte::INTTABLEN, INTERRUPTS_LOG2)
            .with_address(dte::INT_ROOT, table.raw())
            .with(dte::INTCTL, super::spec::structures::intctl::REMAP)
    }

    /// Makes the device table reach this device: entries of a page at a time, then the size that the unit reads.
    fn reach(&mut self, hw: &mut impl Hardware, device: RequesterId) -> DriverResult {
        // A bus has two pages.
        let wanted = (u32::from(device.bus()) + 1) * 2;
        // Translated by no tables, with no rights (Linux, init_device_table_dma).
        let words = self.blocked(0).with_flag(dte::TV, true);
        // Bounded: pages of the device table.
        for page in self.pages..wanted {
            let at = self.table.wrapping_add(u64::from(page) * 4096);
            let all: [u64; 512] = core::array::from_fn(|i| words[i % words.len()]);
            hw.store(&DTE, at, &all)?;
        }
        if wanted > self.pages {
            self.pages = wanted;
            let base = 0u64.with_address(device_table::BASE, self.table.raw());
            hw.set(&reg::DEVICE_TABLE, base.with(device_table::SIZE, u64::from(wanted) - 1));
        }
        Ok(())
    }

    /// Returns where the entry of a device is.
    fn place(&mut self, hw: &mut impl Hardware, device: RequesterId) -> DriverResult<PhysAddr> {
        self.reach(hw, device)?;
        Ok(self.table.wrapping_add(u64::from(device.bdf16()) * (4096 / u64::from(ENTRIES))))
    }
}

impl Programmer for AmdViProgrammer {
    type First = X86;
    type Second = AmdV1;
    const FIRST_DOMAIN: u16 = 1;
    const START: Text = Text::new("bring up the AMD-Vi unit", "启用 AMD-Vi");

    fn first(&self, _: bool) -> X86 {
        X86 {
            phys_bits: 52,
            nxe: self.config.has(efr::NX_SUP),
            smep: false,
            smap: false,
            ..X86::kernel(4).of_amd()
        }
    }

    fn second(&self, look: bool) -> AmdV1 {
        AmdV1 { check_perms: !look, ..AmdV1::new(self.config.levels) }
    }

    fn default_stage(&self, processes: bool) -> DomainKind {
        // Version 1 tables, Linux's default; but beside these a device can have no process's tables, which takes version 2
        // (amd_iommu=pgtbl_v2).
        match processes && self.config.has(efr::GT_SUP) {
            true => DomainKind::Stage1,
            false => DomainKind::Stage2,
        }
    }

    fn address_bits(&self) -> u8 {
        12 + 9 * self.config.levels
    }

    fn page_sizes(&self) -> &'static [PageSize] {
        const ALL: &[PageSize] = &[PageSize::SIZE_4K, PageSize::SIZE_2M, PageSize::SIZE_1G];
        match self.config.largest_page {
            ..=20 => &ALL[..1],
            21..=29 => &ALL[..2],
            _ => ALL,
        }
    }

    /// In the order of Linux: early_enable_iommu, then the event log, the unit's own interrupts, the GA log, page requests.
    fn start(&mut self, hw: &mut impl Hardware) -> DriverResult {
        self.table = hw.frames(TABLE_PAGES, 1)?;
        self.commands = hw.frame()?;
        self.semaphore = hw.frame()?;
        let events = hw.frame()?;
        if self.config.remapping {
            self.interrupts = hw.frames(2, 1)?;
        }
        // The unit's own reads snoop caches, and a device has a second to answer an invalidation.
        let flags = hw.of(&reg::CONTROL).with_flag(control::COHERENT, true);
        hw.set(&reg::CONTROL, flags.with(control::INV_TIMEOUT, inv_timeout::SECOND_1));
        self.reach(hw, RequesterId::bdf(0, 0, 0))?;
        Self::ring_at(hw, &reg::COMMAND_BASE, self.commands, &[control::CMD_BUF_EN]);
        if self.config.has(efr::GT_SUP) {
            Self::enable(hw, &[control::GT_EN]);
        }
        if self.config.remapping {
            Self::enable(hw, &[control::GA_EN, control::XT_EN]);
        }
        Self::enable(hw, &[control::IOMMU_EN]);
        self.post(hw, &[commands::all()])?;
        Self::ring_at(hw, &reg::EVENT_BASE, events, &[control::EVENT_LOG_EN]);
        self.own_messages(hw);
        Self::enable(hw, &[control::EVENT_INT_EN]);
        if self.config.remapping {
            let log = hw.frame()?;
            // Beside the word of COMPLETION_WAIT.
            hw.set(&reg::GA_TAIL_AT, self.semaphore.raw() + GA_TAIL);
            let on = [control::GA_INT_EN, control::GA_LOG_EN];
            Self::ring_at(hw, &reg::GA_BASE, log, &on);
            let mode = hw.of(&reg::CONTROL).with(control::GAM_EN, 1);
            hw.set(&reg::CONTROL, mode);
        }
        if self.config.has(efr::PPR_SUP) {
            let requests = hw.frame()?;
            let on = [control::PPR_EN, control::PPR_INT_EN, control::PPR_LOG_EN];
            Self::ring_at(hw, &reg::PPR_BASE, requests, &on);
        }
        Ok(())
    }

    /// As Linux's `iommu_disable`: buffer and logs with their interrupts, then the unit.
    fn stop(&self, hw: &mut impl Hardware) {
        let mut value = hw.of(&reg::CONTROL);
        let queues = [
            control::CMD_BUF_EN,
            control::EVENT_INT_EN,
            control::EVENT_LOG_EN,
            control::GA_LOG_EN,
            control::GA_INT_EN,
            control::PPR_LOG_EN,
            control::PPR_INT_EN,
            control::PPR_EN,
        ];
        queues.iter().for_each(|flag| value.set_flag(*flag, false));
        hw.set(&reg::CONTROL, value);
        hw.set(&reg::CONTROL, value.with_flag(control::IOMMU_EN, false));
    }

    fn anew(&self) -> Self {
        AmdViProgrammer::new(self.config)
    }

    fn accepts_domain(&self, kind: DomainKind, id: DomainId) -> DriverResult {
        match kind {
            DomainKind::Stage1 if !self.config.has(efr::GT_SUP) => {
                unsupported("version 2 page tables (EFR.GTSup)", "版本 2 页表（EFR.GTSup）")
            }
            // The upper ones are for devices with GCR3 tables.
            _ if usize::from(id.0) + self.own.len() >= usize::from(u16::MAX) => {
                unsupported("more domains (DomainID has 16 bits)", "更多的域（DomainID 只有 16 位）")
            }
            _ => Ok(()),
        }
    }
}
