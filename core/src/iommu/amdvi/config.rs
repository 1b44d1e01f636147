//! What a unit can do (its extended feature register) and how large its caches are.

use super::spec::registers::{self as reg, efr};
use crate::iommu::registers::RegisterFile;
use crate::spec::{Bits, Field};

/// Entries of the caches; 0 remembers nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheSizes {
    /// Device table entries.
    pub devices: u16,
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
    /// A deviation of QEMU 11, against which units are compared: U and FC are ignored in page directory entries.
    pub loose_directories: bool,
    /// How large the caches are.
    pub caches: CacheSizes,
}

impl Config {
    /// The unit of the playground: six levels of host tables, INVALIDATE_IOMMU_ALL, 128-bit interrupt entries, x2APIC,
    /// accessed and dirty bits of host tables. Guest translation and page requests are not built.
    pub fn playground() -> Self {
        let flags: [Field; 6] =
            [efr::IA_SUP, efr::GA_SUP, efr::XT_SUP, efr::MSI_CAP, efr::HA_SUP, efr::HD_SUP];
        let mut word = 0u64.with(efr::HATS, reg::levels::SIX).with(efr::GAM_SUP, 1);
        flags.iter().for_each(|flag| word.set_flag(*flag, true));
        let caches = CacheSizes { devices: 8, interrupts: 8, iotlb: 64 };
        Config { efr: word, snp: false, iotlbs: true, loose_directories: false, caches }
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
