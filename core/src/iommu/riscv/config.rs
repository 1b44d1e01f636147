//! What a unit can do (its capabilities register), how large its caches are, and in what it deviates.

use crate::addr::PageSize;

/// Bits of the capabilities register (RISC-V IOMMU, capabilities).
pub mod cap {
    /// Sv39.
    pub const SV39: u32 = 9;
    /// Sv48.
    pub const SV48: u32 = 10;
    /// Sv57.
    pub const SV57: u32 = 11;
    /// Bits 60:59 of page-table entries are software's.
    pub const SVRSW60T59B: u32 = 14;
    /// Page-based memory types.
    pub const SVPBMT: u32 = 15;
    /// Sv39x4.
    pub const SV39X4: u32 = 17;
    /// Sv48x4.
    pub const SV48X4: u32 = 18;
    /// Sv57x4.
    pub const SV57X4: u32 = 19;
    /// MSI page tables, and with them the extended device context.
    pub const MSI_FLAT: u32 = 22;
    /// Memory-resident interrupt files.
    pub const MSI_MRIF: u32 = 23;
    /// Hardware update of A and D.
    pub const AMO_HWAD: u32 = 24;
    /// PCIe ATS and page requests.
    pub const ATS: u32 = 25;
    /// ATS answers of guest-physical addresses.
    pub const T2GPA: u32 = 26;
    /// Both byte orders.
    pub const END: u32 = 27;
    /// Process directories of 1 level.
    pub const PD8: u32 = 38;
    /// Process directories of 2 levels.
    pub const PD17: u32 = 39;
    /// Process directories of 3 levels.
    pub const PD20: u32 = 40;
    /// QoS ids.
    pub const QOSID: u32 = 41;
    /// Invalidation of non-leaf entries.
    pub const NL: u32 = 42;
    /// Invalidation of ranges.
    pub const S: u32 = 43;
}

/// Deviations of an implementation, each one switch. A unit of the playground has none; the conformance replay
/// turns on those of the reference model. `docs/conformance-riscv.md` explains each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quirks {
    /// A NAPOT leaf is reported, and cached, as a page of 4 KiB instead of its range of 64 KiB.
    pub napot_as_base_page: bool,
    /// An implicit read of a first-stage entry wants D of a writable second-stage leaf with SADE = 1 even where
    /// GADE = 0, so that it cannot be set.
    pub implicit_read_needs_dirty: bool,
    /// The index that is checked for the width of the device_id keeps only its low 8 bits.
    pub device_index_truncated: bool,
}

impl Quirks {
    /// As the specification has it.
    pub const NONE: Quirks =
        Quirks { napot_as_base_page: false, implicit_read_needs_dirty: false, device_index_truncated: false };
    /// As the reference model has it.
    pub const MODEL: Quirks =
        Quirks { napot_as_base_page: true, implicit_read_needs_dirty: true, device_index_truncated: false };
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
    /// The unit of the playground: everything the specification offers that is modelled here.
    pub const fn playground() -> Self {
        const BITS: [u32; 19] = [
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
        // Version 1.0, IGS = 2 (MSI and wire), PAS = 46.
        let mut capabilities = 0x10 | 2 << 28 | 46 << 32;
        let mut i = 0;
        while i < BITS.len() {
            capabilities |= 1 << BITS[i];
            i += 1;
        }
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

    /// Is this capability there?
    pub const fn has(&self, bit: u32) -> bool {
        self.capabilities >> bit & 1 != 0
    }
    /// PAS: bits of a physical address.
    pub const fn phys_bits(&self) -> u32 {
        (self.capabilities >> 32 & 0x3f) as u32
    }
    /// Can a physical address be this wide?
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
}
