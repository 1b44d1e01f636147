//! What a unit can do (its capabilities register), how large its caches are, and in what it deviates.

use super::spec::registers::{self as reg, capabilities as cap};
use crate::addr::PageSize;
use crate::iommu::registers::RegisterFile;
use crate::iommu::UnitConfig;
use crate::spec::{Bits, Field, Text};

/// Deviations of an implementation, each one switch. A unit of the playground has none; the conformance replay
/// turns on those of the reference model. `docs/conformance-riscv.md` explains each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quirks {
    /// A NAPOT leaf is reported, and cached, as a page of 4 KiB instead of its range of 64 KiB.
    pub napot_as_base_page: bool,
    /// An implicit read of a first-stage entry wants D of a writable second-stage leaf with SADE = 1 even where
    /// GADE = 0, so that it cannot be set.
    pub implicit_read_needs_dirty: bool,
    /// The cached translation of a write that set D still has the D that was read: the next write walks again.
    pub caches_dirty_as_read: bool,
}

impl Quirks {
    /// As the specification has it.
    pub const NONE: Quirks =
        Quirks { napot_as_base_page: false, implicit_read_needs_dirty: false, caches_dirty_as_read: false };
    /// As the reference model has it.
    pub const MODEL: Quirks =
        Quirks { napot_as_base_page: true, implicit_read_needs_dirty: true, caches_dirty_as_read: true };
}

/// Entries of the caches; 0 remembers nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheSizes {
    /// Device contexts.
    pub ddt: u16,
    /// Process contexts.
    pub pdt: u16,
    /// Translations.
    pub iotlb: u16,
}

/// What a unit can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// The capabilities register.
    pub capabilities: u64,
    /// fctl after reset.
    pub fctl: u64,
    /// Bits of fctl that can be written.
    pub fctl_writable: u64,
    /// The reach reported for a first or second stage that is Bare, which the specification leaves open.
    pub bare: [PageSize; 2],
    /// Slots of the fault queue that the driver makes; a power of two.
    pub fault_slots: u16,
    /// Largest page the driver uses: log2.
    pub largest_page: u8,
    /// Levels of the tables that the driver makes.
    pub levels: u8,
    /// The driver lets hardware set A and D.
    pub update: bool,
    /// How large the caches are.
    pub caches: CacheSizes,
    /// In what the unit deviates.
    pub quirks: Quirks,
}

impl Config {
    /// Returns the unit of the playground: everything the specification offers that is modelled here.
    pub const fn playground() -> Self {
        const FLAGS: [Field; 19] = [
            cap::SV39,
            cap::SV48,
            cap::SV57,
            cap::SVRSW60T59B,
            cap::SVPBMT,
            cap::SV39X4,
            cap::SV48X4,
            cap::SV57X4,
            cap::MSI_FLAT,
            cap::MSI_MRIF,
            cap::AMO_HWAD,
            cap::ATS,
            cap::T2GPA,
            cap::END,
            cap::PD8,
            cap::PD17,
            cap::PD20,
            cap::NL,
            cap::S,
        ];
        // Version 1.0, MSI and wire, physical addresses of 46 bits.
        let mut words = [0];
        cap::VERSION.put(&mut words, 0x10);
        cap::IGS.put(&mut words, 2);
        cap::PAS.put(&mut words, 46);
        let mut i = 0;
        // Bounded: at compile time.
        while i < FLAGS.len() {
            FLAGS[i].put(&mut words, 1);
            i += 1;
        }
        let capabilities = words[0];
        Config {
            capabilities,
            fctl: 0,
            fctl_writable: 0b11,
            bare: [PageSize::SIZE_1G, PageSize::SIZE_1G],
            fault_slots: 128,
            largest_page: 30,
            levels: 4,
            update: false,
            caches: CacheSizes { ddt: 8, pdt: 8, iotlb: 64 },
            quirks: Quirks::NONE,
        }
    }

    /// Returns whether this flag of the capabilities register is set.
    pub const fn has(&self, flag: Field) -> bool {
        flag.get(&[self.capabilities]) != 0
    }
    /// Returns the playground's unit with what is wanted of it; the error names what the RISC-V IOMMU does not have.
    pub fn of(config: &UnitConfig) -> Result<Self, Text> {
        let mut out = Self::playground();
        let drop =
            |word: &mut u64, flags: &[Field]| flags.iter().for_each(|flag| word.set_flag(*flag, false));
        if !config.processes {
            drop(&mut out.capabilities, &[cap::PD8, cap::PD17, cap::PD20]);
        }
        out.levels = match config.width {
            None | Some(48) => 4,
            Some(39) => 3,
            Some(57) => 5,
            Some(_) => {
                return Err(Text::new(
                    "RISC-V tables translate 39, 48 or 57 bits (capabilities.Sv39, Sv48, Sv57)",
                    "RISC-V 的页表转换 39、48 或 57 位（capabilities.Sv39、Sv48、Sv57）",
                ))
            }
        };
        if let Some(largest) = config.largest_page {
            out.largest_page = largest;
        }
        if let Some(records) = config.fault_records {
            if !(2..=128).contains(&records) || !records.is_power_of_two() {
                return Err(Text::new(
                    "the RISC-V fault queue here has 2 to 128 records, a power of two: fqb holds log2 of their number less one (LOG2SZ-1), so 2 are the fewest",
                    "这里的 RISC-V 故障队列有 2 到 128 条记录，且为 2 的幂：fqb 里存的是条数的对数减一（LOG2SZ-1），最少 2 条",
                ));
            }
            out.fault_slots = records;
        }
        if config.caching_mode {
            return Err(Text::new(
                "the RISC-V IOMMU never caches entries that are not valid (no caching mode)",
                "RISC-V IOMMU 从不缓存无效表项（没有 caching mode）",
            ));
        }
        if !config.ats {
            drop(&mut out.capabilities, &[cap::ATS, cap::T2GPA]);
        }
        if !config.interrupt_remapping {
            drop(&mut out.capabilities, &[cap::MSI_FLAT, cap::MSI_MRIF]);
        }
        out.update = config.accessed_dirty;
        let caches = &mut out.caches;
        caches.iotlb = config.iotlb.unwrap_or(caches.iotlb);
        caches.ddt = config.device_cache.unwrap_or(caches.ddt);
        caches.pdt = config.process_cache.unwrap_or(caches.pdt);
        Ok(out)
    }

    /// Returns the indexes of a device_id in the device directory, the last level's first. Extended contexts are twice
    /// as long, so a page has half as many.
    pub const fn device_index(&self, device: u32) -> [u64; 3] {
        let (device, last) = (device as u64 & 0xff_ffff, self.last_device_bits());
        [device & ((1 << last) - 1), device >> last & 0x1ff, device >> (last + 9) & 0x1ff]
    }
    /// Returns how many bits of a device_id the last level of the directory takes.
    pub const fn last_device_bits(&self) -> u32 {
        if self.has(cap::MSI_FLAT) {
            6
        } else {
            7
        }
    }
    /// Returns PAS: bits of a physical address.
    pub const fn phys_bits(&self) -> u32 {
        cap::PAS.get(&[self.capabilities]) as u32
    }
    /// Returns whether a physical address can be this wide.
    pub const fn fits(&self, pa: u64) -> bool {
        pa >> self.phys_bits() == 0
    }
    /// Bits of a guest-physical address as MSI masks and patterns see it (RISC-V IOMMU, MSI address mask and pattern).
    pub const fn msi_address_bits(&self) -> u32 {
        if self.has(cap::SV57X4) {
            59
        } else if self.has(cap::SV48X4) {
            50
        } else if self.has(cap::SV39X4) {
            41
        } else if self.phys_bits() > 12 {
            self.phys_bits()
        } else {
            12
        }
    }

    /// Returns the registers of a unit as after reset.
    pub fn registers(&self) -> RegisterFile {
        let mut file = RegisterFile::new();
        // Addresses have bits up to capabilities.PAS.
        let below = 1u64.checked_shl(self.phys_bits()).map_or(u64::MAX, |v| v - 1);
        let base = |low: u64| low.with_address(reg::queue_base::PPN, below);
        for register in reg::ALL.iter().filter(|r| r.offset < reg::MSI_TABLE) {
            match register.offset {
                reg::fctl::OFFSET => file.declare_part(register, self.fctl_writable),
                reg::ddtp::OFFSET => file.declare_part(register, base(reg::ddtp::IOMMU_MODE.mask())),
                reg::cqb::OFFSET | reg::fqb::OFFSET | reg::pqb::OFFSET => {
                    file.declare_part(register, base(reg::queue_base::LOG2SZ.mask()));
                }
                _ => file.declare(register),
            }
        }
        // Sixteen vectors; views see the first.
        for vector in 0..16 {
            for register in [&reg::MSI_ADDR_0, &reg::MSI_DATA_0, &reg::MSI_VEC_CTL_0] {
                let at = register.offset + vector * reg::MSI_BYTES;
                file.declare_at(register, at, u64::MAX, vector == 0);
            }
        }
        file.put(reg::capabilities::OFFSET, 8, self.capabilities);
        file.put(reg::fctl::OFFSET, 4, self.fctl);
        file
    }
}
