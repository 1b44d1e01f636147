//! What a unit can do (its extended feature register) and how large its caches are.

use super::spec::registers::{self as reg, control, efr, efr2, msi_vector_0};
use crate::iommu::registers::RegisterFile;
use crate::iommu::UnitConfig;
use crate::spec::{Bits, Field, Register, Text};

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
    /// The second one.
    pub efr2: u64,
    /// Secure nested paging is in use: identity is illegal. Only with EFR.SNPSup.
    pub snp: bool,
    /// Devices may have TLBs of their own (IotlbSup of the PCI capability).
    pub iotlbs: bool,
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
    /// page requests, 128-bit interrupt entries with guest mode, x2APIC, accessed and dirty bits of host tables, eight
    /// segments of the device table. GCR3 tables are at system-physical addresses: the driver here makes those of nested
    /// tables, while Linux, which turns GCR3TRPMode on where it is, leaves them to the guest.
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
            efr::US_SUP,
        ];
        let mut word = 0u64
            .with(efr::HATS, reg::levels::SIX)
            .with(efr::GATS, reg::levels::FIVE)
            .with(efr::GLX_SUP, 2)
            .with(efr::GAM_SUP, 1)
            .with(efr::SEGMENTS, 3)
            .with(efr::PAS_MAX, 19);
        flags.iter().for_each(|flag| word.set_flag(*flag, true));
        Config {
            efr: word,
            efr2: 0,
            snp: false,
            iotlbs: true,
            loose_directories: false,
            levels: 4,
            largest_page: 30,
            remapping: true,
            update: false,
            caches: CacheSizes { devices: 8, processes: 8, interrupts: 8, iotlb: 64 },
        }
    }

    /// Returns a unit of other registers and caches with which nothing is driven: for comparisons.
    pub fn compared(efr: u64, loose_directories: bool, caches: CacheSizes) -> Self {
        let efr2 = 0u64.with_flag(efr2::HT_IGNORE, true);
        Config { efr, efr2, iotlbs: false, loose_directories, caches, ..Self::playground() }
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
            Some(64) => 6,
            Some(_) => {
                return Err(Text::new(
                    "AMD-Vi's host tables here translate 39, 48, 57 or 64 bits (EFR.HATS)",
                    "这里的 AMD-Vi 宿主机页表转换 39、48、57 或 64 位（EFR.HATS）",
                ))
            }
        };
        if config.fault_records.is_some() {
            return Err(Text::new(
                "AMD-Vi's event log has no records to choose: its length is a power of two from 256 entries up (EventLen), so leave `fault-records` out",
                "AMD-Vi 的事件日志不能选记录条数：长度为 2 的幂，至少 256 条（EventLen），请去掉 `fault-records`",
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

    /// Returns whether the ranges of HyperTransport's messages (FD_F8xx_xxxxh and around) are special.
    pub fn special_ranges(&self) -> bool {
        !self.efr2.is_set(efr2::HT_IGNORE)
    }

    /// Returns the bits of Control that software can set: those of what the unit has.
    fn control(&self) -> u64 {
        let has = |flag: Field| self.efr.bits(flag) != 0;
        let mut there = 0u64;
        let mut add = |on: bool, fields: &[Field]| {
            fields.iter().filter(|_| on).for_each(|field| there |= field.mask());
        };
        add(
            true,
            &[
                control::IOMMU_EN,
                control::HT_TUN_EN,
                control::EVENT_LOG_EN,
                control::EVENT_INT_EN,
                control::WAIT_INT_EN,
                control::INV_TIMEOUT,
                control::PASS_PW,
                control::RES_PASS_PW,
                control::COHERENT,
                control::ISOC,
                control::CMD_BUF_EN,
                // No feature bit says that this can be set: that it can says so (Linux, iommu_enable_irtcachedis).
                control::IRT_CACHE_DIS,
            ],
        );
        add(has(efr::PPR_SUP), &[control::PPR_LOG_EN, control::PPR_INT_EN, control::PPR_EN]);
        add(has(efr::GT_SUP), &[control::GT_EN]);
        add(has(efr::GA_SUP), &[control::GA_EN]);
        add(has(efr::GAM_SUP), &[control::GAM_EN, control::GA_LOG_EN, control::GA_INT_EN]);
        add(has(efr::SEGMENTS), &[control::SEGMENTS]);
        add(has(efr::XT_SUP), &[control::XT_EN, control::INTCAP_XT]);
        add(self.efr2.is_set(efr2::GCR3_SUP), &[control::GCR3_TRP_MODE]);
        there
    }

    /// Returns whether the unit has a register, and which of its bits software can set.
    fn has_register(&self, register: &Register) -> Option<u64> {
        let has = |flag: Field| self.efr.bits(flag) != 0;
        let there = match register.offset {
            reg::ppr_base::OFFSET | reg::ppr_head::OFFSET | reg::ppr_tail::OFFSET => has(efr::PPR_SUP),
            reg::ga_base::OFFSET | reg::ga_tail_at::OFFSET => has(efr::GAM_SUP),
            reg::ga_head::OFFSET | reg::ga_tail::OFFSET => has(efr::GAM_SUP),
            reg::msi_vector_0::OFFSET..=reg::msi_map::OFFSET => has(efr::MSI_CAP),
            reg::xt_general::OFFSET..=reg::xt_ga::OFFSET => has(efr::XT_SUP),
            at @ reg::segment_1::OFFSET..=reg::segment_7::OFFSET => {
                let segments = (1 << self.efr.bits(efr::SEGMENTS)) - 1;
                (at - reg::segment_1::OFFSET) / 8 < segments
            }
            _ => true,
        };
        there.then(|| if register.offset == reg::control::OFFSET { self.control() } else { u64::MAX })
    }

    /// Returns the registers of a unit as after reset.
    pub fn registers(&self) -> RegisterFile {
        let mut file = RegisterFile::new();
        for register in reg::ALL {
            if let Some(bits) = self.has_register(register) {
                file.declare_part(register, bits);
            }
        }
        file.put(reg::efr::OFFSET, 8, self.efr);
        file.put(reg::efr2::OFFSET, 8, self.efr2);
        if self.has(efr::MSI_CAP) {
            file.put(reg::msi_cap::OFFSET, 4, 0x05u64.with_flag(reg::msi_cap::WIDE, true));
            // 48 bits of guest virtual addresses, 52 of physical ones, 64 that host tables translate.
            let sizes = 0u64.with(msi_vector_0::GVA_SIZE, 2).with(msi_vector_0::PA_SIZE, 52);
            file.put(reg::msi_vector_0::OFFSET, 4, sizes.with(msi_vector_0::VA_SIZE, 64));
        }
        file
    }
}
