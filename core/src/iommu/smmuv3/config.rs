//! What a unit can do (its IDR registers), how large its caches are, and in what it deviates.

use super::its;
use super::spec::registers::{
    self as reg, global_errors, idr0, idr1, idr3, idr5, interrupts, stall, switches,
};
use super::spec::structures::size_bits;
use crate::iommu::fetch::{Reach, ReachRules};
use crate::iommu::registers::RegisterFile;
use crate::iommu::UnitConfig;
use crate::platform::its::ITS_WINDOW;
use crate::spec::{Bits, Field, Register, Rule, Text};

static BEYOND: Rule = Rule {
    text: Text::new(
        "the address is beyond the IDR5.OAS bits of physical address",
        "地址超出 IDR5.OAS 位物理地址",
    ),
    section: "IHI 0070, 3.4",
};
static ABORTED: Rule = Rule {
    text: Text::new("nothing answers at the address: an external abort", "该地址没有响应（外部中止）"),
    section: "IHI 0070, 7",
};
static REACH: ReachRules = ReachRules { beyond: &BEYOND, unreadable: &ABORTED, corrupt: &ABORTED };

/// The deviations that always show, or in what the model leaves out: no recording notes them.
macro_rules! unnoted {
    (bad_streamid_always) => {
        true
    };
    (privileged) => {
        true
    };
    (plain_tlb) => {
        true
    };
    (any_block) => {
        true
    };
    (one_table) => {
        true
    };
    (no_ttrnw) => {
        true
    };
    (wide_pointers) => {
        true
    };
    (cd_max_always) => {
        true
    };
    (fetch_rnw) => {
        true
    };
    (full_is_abort) => {
        true
    };
    (commands_accepted) => {
        true
    };
    (config_together) => {
        true
    };
    (tbi0_for_both) => {
        true
    };
    (vaa_any_stage) => {
        true
    };
    (bypass_any) => {
        true
    };
    (unguarded) => {
        true
    };
    ($other:ident) => {
        false
    };
}

macro_rules! quirks {
    ($($(#[$doc:meta])* $field:ident $name:literal;)*) => {
        /// Deviations of an implementation, each one switch. A unit of the playground has none; the conformance replay turns on
        /// those of QEMU's model. `docs/conformance-smmuv3.md` explains each.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct Quirks { $($(#[$doc])* pub $field: bool,)* }

        impl Quirks {
            /// As the specification has it.
            pub const NONE: Quirks = Quirks { $($field: false,)* };
            /// As QEMU's model has it.
            pub const MODEL: Quirks = Quirks { $($field: true,)* };
            /// As QEMU's model has it, but as the specification where a recording would note the difference.
            pub const UNNOTED: Quirks = Quirks { $($field: unnoted!($field),)* };
            /// The names that recordings and documentation use.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// Returns the switch of a deviation by its name.
            pub fn by_name(&mut self, name: &str) -> Option<&mut bool> {
                match name {
                    $($name => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

quirks! {
    /// A stage 2 fault on a stage 1 table other than the first is recorded with S2 = 0 and gated by CD.R.
    nested_tt_as_s1 "nested-tt-as-s1";
    /// Nested: only the base of a stage 1 table is translated, the index is added to the physical address.
    tt_base_only "tt-base-only";
    /// Nested: the first tables of both halves are translated when the context descriptor is read.
    ttb_eager "ttb-eager";
    /// The IPA of a record keeps bits 11:0.
    ipa_low_bits "ipa-low-bits";
    /// F_CD_FETCH has its address in the words of the input address.
    cdfetch_field "cdfetch-field";
    /// Stage 2 only: an input wider than the unit's addresses ends without a record.
    s2only_wide_silent "s2only-wide-silent";
    /// APTable refuses a write at the table.
    aptable_early "aptable-early";
    /// Output sizes are checked last.
    addrsize_late "addrsize-late";
    /// The lower limit of S2T0SZ comes from S2PS.
    s2t0sz_by_s2ps "s2t0sz-by-s2ps";
    /// S1CDMax and S1STALLD are illegal even where stage 1 is off.
    s2only_s1_fields "s2only-s1-fields";
    /// A StreamID beyond the Span is C_BAD_STE.
    l2_range_type "l2-range-type";
    /// Nested: a permission fault out of the TLB has no IPA.
    warm_no_ipa "warm-no-ipa";
    /// Stage 2 alone: a write refused out of the TLB counts as refused by stage 1, which records nothing.
    warm_stage_1 "warm-stage-1";
    /// C_BAD_STREAMID is recorded whatever CR2.RECINVSID says.
    bad_streamid_always "bad-streamid-always";
    /// Every access counts as privileged, and execution is never refused.
    privileged "privileged";
    /// The contiguous bit and nG are not looked at; stage 2 hits are not held against reads.
    plain_tlb "plain-tlb";
    /// Blocks are taken at every level above the last.
    any_block "any-block";
    /// Concatenated tables of stage 2 are not looked at: the index stays within the first one.
    one_table "one-table";
    /// TTRnW is always 0.
    no_ttrnw "no-ttrnw";
    /// S1ContextPtr may be wider than the unit's addresses: it is the fetch that fails.
    wide_pointers "wide-pointers";
    /// S1CDMax is held against IDR1.SSIDSIZE even where that is 0.
    cd_max_always "cd-max-always";
    /// RnW of a fetch of a context descriptor or a first table is 1.
    fetch_rnw "fetch-rnw";
    /// A full event queue raises EVENTQ_ABT_ERR instead of toggling OVFLG.
    full_is_abort "full-is-abort";
    /// Commands of features that are not there are accepted and do nothing.
    commands_accepted "commands-accepted";
    /// Stream table entry and context descriptor are remembered and forgotten together.
    config_together "config-together";
    /// TBI0 counts for both halves.
    tbi0_for_both "tbi0-for-both";
    /// CMD_TLBI_NH_VAA forgets translations of stage 2 alone too, whose guest-physical address is the one it names.
    vaa_any_stage "vaa-any-stage";
    /// Addresses that bypass translation are not held against the unit's width.
    bypass_any "bypass-any";
    /// Registers can be written while what they configure is on.
    unguarded "unguarded";
}

/// Entries of the caches; 0 remembers nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheSizes {
    /// Stream table entries.
    pub ste: u16,
    /// Context descriptors.
    pub cd: u16,
    /// Translations.
    pub tlb: u16,
}

/// What a unit can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// SMMU_IDR0.
    pub idr0: u32,
    /// SMMU_IDR1.
    pub idr1: u32,
    /// SMMU_IDR3.
    pub idr3: u32,
    /// SMMU_IDR5.
    pub idr5: u32,
    /// SMMU_AIDR.
    pub aidr: u32,
    /// SMMU_GBPA after reset.
    pub gbpa: u32,
    /// log2 of the entries of the event queue that the driver makes.
    pub event_queue: u8,
    /// Largest page the driver uses: log2.
    pub largest_page: u8,
    /// Bits that the driver's tables translate.
    pub width: u8,
    /// The driver lets hardware set access flag and dirty state.
    pub update: bool,
    /// Nested walks remember where the pages of stage 1 tables are.
    pub ipa_cache: bool,
    /// How large the caches are.
    pub caches: CacheSizes,
    /// In what the unit deviates.
    pub quirks: Quirks,
}

impl Config {
    /// Returns the unit of the playground: everything the specification offers that is modelled here.
    pub const fn playground() -> Self {
        const fn on(word: u32, field: Field, value: u32) -> u32 {
            word | value << field.lo
        }
        let mut idr0 = 0;
        let flags = [
            idr0::S2P,
            idr0::S1P,
            idr0::COHACC,
            idr0::HYP,
            idr0::ATS,
            idr0::ASID16,
            idr0::MSI,
            idr0::SEV,
            idr0::PRI,
            idr0::VMID16,
            idr0::CD2L,
            idr0::TERM_MODEL,
        ];
        let mut i = 0;
        // Bounded: at compile time.
        while i < flags.len() {
            idr0 = on(idr0, flags[i], 1);
            i += 1;
        }
        // Tables are VMSAv8-64 and of both byte orders, hardware updates A and D, stall or terminate, two levels of streams.
        idr0 = on(on(on(idr0, idr0::TTF, 2), idr0::HTTU, 2), idr0::ST_LEVEL, 1);
        let idr1 = on(on(on(0, idr1::SIDSIZE, 16), idr1::SSIDSIZE, 20), idr1::PRIQS, 19);
        let idr1 = on(on(idr1, idr1::EVENTQS, 19), idr1::CMDQS, 19);
        let idr1 = on(idr1, idr1::ATTR_PERMS_OVR, 1);
        let idr3 = on(on(on(on(0, idr3::HAD, 1), idr3::XNX, 1), idr3::RIL, 1), idr3::BBML, 2);
        let idr5 = on(on(on(on(0, idr5::OAS, 5), idr5::GRAN4K, 1), idr5::GRAN16K, 1), idr5::GRAN64K, 1);
        let idr5 = on(idr5, idr5::STALL_MAX, 16);
        Config {
            idr0,
            idr1,
            idr3,
            idr5,
            aidr: 2,
            gbpa: 0x1000,
            event_queue: 7,
            largest_page: 30,
            width: 48,
            update: false,
            ipa_cache: false,
            caches: CacheSizes { ste: 8, cd: 8, tlb: 64 },
            quirks: Quirks::NONE,
        }
    }

    /// Returns the unit that a scenario asks for, or what an SMMUv3 does not have.
    pub fn of(wanted: &UnitConfig) -> Result<Self, Text> {
        let mut out = Self::playground();
        let set = |word: &mut u32, field: Field, value: u64| {
            *word = u64::from(*word).with(field, value) as u32;
        };
        if !wanted.processes {
            set(&mut out.idr1, idr1::SSIDSIZE, 0);
        }
        out.width = match wanted.width {
            None | Some(48) => 48,
            Some(39) => 39,
            Some(_) => {
                return Err(Text::new(
                    "SMMUv3 tables of 4 KiB granules translate 39 or 48 bits; 52 take IDR5.VAX, and IDR5.DS or granules of 64 KiB",
                    "SMMUv3 的 4 KiB 粒度页表转换 39 或 48 位；52 位需要 IDR5.VAX，以及 IDR5.DS 或 64 KiB 粒度",
                ))
            }
        };
        if let Some(largest) = wanted.largest_page {
            out.largest_page = largest;
        }
        if let Some(records) = wanted.fault_records {
            if !(1..=128).contains(&records) || !records.is_power_of_two() {
                return Err(Text::new(
                    "the SMMUv3 event queue here has 1 to 128 records, a power of two (IDR1.EVENTQS, SMMU_EVENTQ_BASE.LOG2SIZE)",
                    "这里的 SMMUv3 事件队列有 1 到 128 条记录，且为 2 的幂（IDR1.EVENTQS、SMMU_EVENTQ_BASE.LOG2SIZE）",
                ));
            }
            out.event_queue = records.trailing_zeros() as u8;
        }
        if wanted.caching_mode {
            return Err(Text::new(
                "an SMMUv3 never caches descriptors that are not valid (no caching mode)",
                "SMMUv3 从不缓存无效描述符（没有 caching mode）",
            ));
        }
        set(&mut out.idr0, idr0::ATS, wanted.ats.into());
        set(&mut out.idr0, idr0::PRI, (wanted.ats && wanted.pri).into());
        out.update = wanted.accessed_dirty;
        let caches = &mut out.caches;
        caches.tlb = wanted.iotlb.unwrap_or(caches.tlb);
        caches.ste = wanted.device_cache.unwrap_or(caches.ste);
        caches.cd = wanted.process_cache.unwrap_or(caches.cd);
        Ok(out)
    }

    /// Returns the registers as after reset, with those of the ITS behind them.
    pub fn registers(&self) -> RegisterFile {
        let mut file = RegisterFile::new();
        for register in reg::ALL {
            file.declare_part(register, self.there(register));
        }
        its::declare(&mut file, ITS_WINDOW);
        for (at, value) in [
            (reg::idr0::OFFSET, self.idr0),
            (reg::idr1::OFFSET, self.idr1),
            (reg::idr3::OFFSET, self.idr3),
            (reg::idr5::OFFSET, self.idr5),
            (reg::aidr::OFFSET, self.aidr),
            (reg::gbpa::OFFSET, self.gbpa),
        ] {
            file.put(at, 4, value.into());
        }
        file
    }

    /// Returns the bits of a register that this unit has: the others belong to features that it lacks (IHI 0070, 6.3).
    fn there(&self, register: &Register) -> u64 {
        let lacks = |flag: Field, bits: u64| if self.has(flag) { 0 } else { bits };
        let (msi, pri) = (self.has(idr0::MSI), self.has(idr0::PRI));
        let whole = |there: bool| if there { u64::MAX } else { 0 };
        // A message's address has no bits above the width of physical addresses.
        let address = |there: bool| whole(there) & ((1 << self.address_bits()) - 1);
        match register.offset {
            reg::cr0::OFFSET => {
                let vmw = lacks(idr0::VMW, switches::VMW.mask());
                !(vmw | lacks(idr0::ATS, switches::ATSCHK.mask()) | lacks(idr0::PRI, switches::PRIQEN.mask()))
            }
            reg::cr2::OFFSET => {
                !(lacks(idr0::HYP, reg::cr2::E2H.mask()) | lacks(idr0::BTM, reg::cr2::PTM.mask()))
            }
            reg::irq_ctrl::OFFSET => !lacks(idr0::PRI, interrupts::PRIQ_IRQEN.mask()),
            reg::gerrorn::OFFSET => {
                let messages = global_errors::MSI_CMDQ_ABT_ERR.mask()
                    | global_errors::MSI_EVENTQ_ABT_ERR.mask()
                    | global_errors::MSI_GERROR_ABT_ERR.mask();
                let pages = global_errors::PRIQ_ABT_ERR.mask();
                let both = global_errors::MSI_PRIQ_ABT_ERR.mask();
                let lacked = lacks(idr0::MSI, messages | both) | lacks(idr0::PRI, pages | both);
                !lacked
            }
            reg::gerror_irq_cfg0::OFFSET | reg::eventq_irq_cfg0::OFFSET => address(msi),
            reg::gerror_irq_cfg1::OFFSET
            | reg::gerror_irq_cfg2::OFFSET
            | reg::eventq_irq_cfg1::OFFSET
            | reg::eventq_irq_cfg2::OFFSET => whole(msi),
            reg::priq_irq_cfg0::OFFSET => address(msi && pri),
            reg::priq_irq_cfg1::OFFSET | reg::priq_irq_cfg2::OFFSET => whole(msi && pri),
            reg::priq_base::OFFSET | reg::priq_prod::OFFSET | reg::priq_cons::OFFSET => whole(pri),
            _ => u64::MAX,
        }
    }

    /// Returns whether a flag of IDR0 is 1.
    pub fn has(&self, flag: Field) -> bool {
        u64::from(self.idr0).is_set(flag)
    }
    /// Returns a field of IDR0.
    pub fn idr0(&self, field: Field) -> u64 {
        u64::from(self.idr0).bits(field)
    }
    /// Returns a field of IDR1.
    pub fn idr1(&self, field: Field) -> u64 {
        u64::from(self.idr1).bits(field)
    }
    /// Returns a field of IDR3.
    pub fn idr3(&self, field: Field) -> u64 {
        u64::from(self.idr3).bits(field)
    }
    /// Returns a field of IDR5.
    pub fn idr5(&self, field: Field) -> u64 {
        u64::from(self.idr5).bits(field)
    }
    /// Returns the bits of a physical address: OAS.
    pub fn address_bits(&self) -> u8 {
        size_bits(self.idr5(idr5::OAS))
    }
    /// Returns how the unit reaches memory.
    pub fn reach(&self) -> Reach {
        Reach { bits: self.address_bits().into(), big_endian: false, rules: &REACH }
    }
    /// Returns whether transactions can stall.
    pub fn can_stall(&self) -> bool {
        self.idr0(idr0::STALL_MODEL) != stall::NONE
    }
    /// Returns what STALL_MODEL says.
    pub fn stall_model(&self) -> u64 {
        self.idr0(idr0::STALL_MODEL)
    }
    /// Returns what hardware can update: 0 nothing, 1 the access flag, 2 dirty state too.
    pub fn updates(&self) -> u64 {
        self.idr0(idr0::HTTU)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deviation_has_a_name() {
        let mut quirks = Quirks::NONE;
        for name in Quirks::NAMES {
            let switch = quirks.by_name(name).unwrap();
            assert!(!*switch);
            *switch = true;
        }
        assert_eq!(quirks, Quirks::MODEL);
        assert_eq!(Quirks::NONE, Quirks::default());
        assert!(quirks.by_name("none such").is_none());
    }

    #[test]
    fn the_playground_has_what_it_says() {
        let config = Config::playground();
        assert_eq!(config.address_bits(), 48);
        assert!(config.can_stall() && config.has(idr0::PRI) && config.updates() == 2);
        assert_eq!((config.idr1(idr1::SIDSIZE), config.idr1(idr1::SSIDSIZE)), (16, 20));
    }
}
