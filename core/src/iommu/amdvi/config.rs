//! What a unit can do (its extended feature register) and how large its caches are.

use super::spec::registers::{self as reg, efr};
use crate::iommu::registers::RegisterFile;
use crate::iommu::UnitConfig;
use crate::spec::{Bits, Field, Text};

/// Entries of the caches; 0 remembers nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheSizes {
    /// Device table entries.
    pub devices: u16,
    /// GCR3 table entries.
    pub processes: u16,
    /// Interrupt table entries.
    pub interrupts: u16,
    /// Translations.
    pub iotlb: u16,
}

/// What a unit can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// The extended feature register.
    pub efr: u64,
    /// Secure nested paging is in use: identity is illegal. Only with EFR.SNPSup.
    pub snp: bool,
    /// Devices may have TLBs of their own (IotlbSup of the PCI capability).
    pub iotlbs: bool,
    /// The ranges of HyperTransport messages (FD_F8xx_xxxxh and around) are special.
    pub special_ranges: bool,
    /// A deviation of QEMU 11, against which units are compared: U and FC are ignored in page directory entries.
    pub loose_directories: bool,
    /// Levels of the host tables that the driver makes.
    pub levels: u8,
    /// Largest page the driver uses: log2.
    pub largest_page: u8,
    /// The driver remaps interrupts.
    pub remapping: bool,
    /// The driver lets hardware set A and D of host tables.
    pub update: bool,
    /// How large the caches are.
    pub caches: CacheSizes,
}

impl Config {
    /// The unit of the playground: six levels of host tables, guest tables of 4 and 5 levels with GCR3 tables of three,
    /// page requests, 128-bit interrupt entries with guest mode, x2APIC, accessed and dirty bits of host tables.
    pub fn playground() -> Self {
        let flags = [
            efr::PPR_SUP,
            efr::XT_SUP,
            efr::NX_SUP,
            efr::GT_SUP,
            efr::IA_SUP,
            efr::GA_SUP,
            efr::MSI_CAP,
            efr::GIO_SUP,
            efr::HA_SUP,
            efr::HD_SUP,
        ];
        let mut word = 0u64
            .with(efr::HATS, reg::levels::SIX)
            .with(efr::GATS, reg::levels::FIVE)
            .with(efr::GLX_SUP, 2)
            .with(efr::GAM_SUP, 1)
            .with(efr::PAS_MAX, 15);
        flags.iter().for_each(|flag| word.set_flag(*flag, true));
        Config {
            efr: word,
            snp: false,
            iotlbs: true,
            loose_directories: false,
            special_ranges: true,
            levels: 4,
            largest_page: 30,
            remapping: true,
            update: false,
            caches: CacheSizes { devices: 8, processes: 8, interrupts: 8, iotlb: 64 },
        }
    }

    /// Returns a unit of other registers and caches with which nothing is driven: for comparisons.
    pub fn compared(efr: u64, loose_directories: bool, caches: CacheSizes) -> Self {
        Config { efr, iotlbs: false, loose_directories, special_ranges: false, caches, ..Self::playground() }
    }

    /// Returns the playground's unit with what is wanted of it; the error names what AMD-Vi does not have.
    pub fn of(config: &UnitConfig) -> Result<Self, Text> {
        let mut out = Self::playground();
        let mut drop = |flags: &[Field]| flags.iter().for_each(|flag| out.efr.set_flag(*flag, false));
        if !config.processes {
            drop(&[efr::GT_SUP, efr::GIO_SUP, efr::PPR_SUP]);
        }
        if !config.pri || !config.ats {
            drop(&[efr::PPR_SUP]);
        }
        out.iotlbs = config.ats;
        out.levels = match config.width {
            None | Some(48) => 4,
            Some(39) => 3,
            Some(57) => 5,
            Some(_) => {
                return Err(Text::new(
                    "AMD-Vi's host tables here translate 39, 48 or 57 bits",
                    "这里的 AMD-Vi 主机页表转换 39、48 或 57 位",
                ))
            }
        };
        if config.fault_records.is_some() {
            return Err(Text::new(
                "AMD-Vi's event log has no records to choose: its length is a power of two from 256 entries up",
                "AMD-Vi 的事件日志不能选记录条数：长度为 2 的幂，至少 256 条",
            ));
        }
        if config.caching_mode {
            return Err(Text::new(
                "AMD-Vi's unit here never caches entries that are not present (NpCache = 0)",
                "这里的 AMD-Vi 从不缓存不存在的表项（NpCache = 0）",
            ));
        }
        if let Some(largest) = config.largest_page {
            out.largest_page = largest;
        }
        (out.remapping, out.update) = (config.interrupt_remapping, config.accessed_dirty);
        let caches = &mut out.caches;
        caches.iotlb = config.iotlb.unwrap_or(caches.iotlb);
        caches.devices = config.device_cache.unwrap_or(caches.devices);
        caches.processes = config.process_cache.unwrap_or(caches.processes);
        Ok(out)
    }

    /// Returns whether this flag of the extended feature register is set.
    pub fn has(&self, flag: Field) -> bool {
        self.efr.is_set(flag)
    }

    /// Returns the most levels of host tables.
    pub fn host_levels(&self) -> u8 {
        self.efr.bits(efr::HATS) as u8 + 4
    }

    /// Returns the registers of a unit as after reset.
    pub fn registers(&self) -> RegisterFile {
        let mut file = RegisterFile::new();
        reg::ALL.iter().for_each(|register| file.declare(register));
        file.put(reg::efr::OFFSET, 8, self.efr);
        file.put(reg::msi_cap::OFFSET, 4, 0x05u64.with_flag(reg::msi_cap::WIDE, true));
        file
    }
}
