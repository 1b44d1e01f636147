//! What a unit can do (its capability registers), how large its caches are, and in what it deviates.

use super::spec::registers::{cap, ecap, sagaw, sslps};
use crate::iommu::UnitConfig;
use crate::paging::vtd_first::EntryQuirks;
use crate::spec::{Bits, Text};

macro_rules! quirks {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Deviations of a particular implementation from the specification, each one switch. A unit of the
        /// playground has none; the conformance replay turns on those of the implementation it compares with.
        /// `docs/conformance.md` lists them.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct Quirks {
            $($(#[$doc])* pub $name: bool,)*
        }

        impl Quirks {
            /// As the specification has it.
            pub const NONE: Quirks = Quirks { $($name: false,)* };
            /// QEMU 10.0's emulated unit: all of them.
            pub const QEMU_10: Quirks = Quirks { $($name: true,)* };
            /// Their names.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Turns one off or on by its name. `false`: there is none of that name.
            pub fn set(&mut self, name: &str, on: bool) -> bool {
                match name {
                    $(stringify!($name) => self.$name = on,)*
                    _ => return false,
                }
                true
            }
        }
    };
}

impl Quirks {
    /// Returns those of paging entries.
    pub const fn entries(&self) -> EntryQuirks {
        EntryQuirks {
            all_ones_is_unreadable: self.all_ones_is_unreadable,
            rights_before_reserved: self.rights_before_reserved,
            dirty_only_with_accessed: self.dirty_only_with_accessed,
        }
    }
}

quirks! {
    /// Root, context and second-stage faults in scalable mode are reported with legacy codes (VT-d 7.1.3).
    legacy_codes_in_scalable_mode,
    /// Both halves of a scalable-mode root entry are checked for reserved bits, not only the one used (9.2).
    root_checks_both_halves,
    /// DTE, PASIDE, PRE and RID_PRIV of a scalable-mode context entry may be 1 although the unit lacks device
    /// TLBs, PASIDs, page requests or supervisor requests, and do nothing then (9.4).
    absent_features_ignored,
    /// A reserved bit in a context entry is recorded although its FPD is 1: not taken for a qualified fault (7.1.3,
    /// Table 26).
    context_reserved_recorded,
    /// SSPTPTR of a pass-through context entry is checked for bits above the host width, though it is not used (9.3).
    pass_through_pointer_checked,
    /// PDTS is not looked at: no PASID is beyond the directory (9.4).
    directory_size_ignored,
    /// Reserved bits of PASID-directory and PASID-table entries are not looked at (9.5, 9.6).
    pasid_reserved_ignored,
    /// PGTT, AW and FSPM of a PASID-table entry are checked before its P bit (9.6).
    pasid_type_before_present,
    /// FPD of a PASID-directory or PASID-table entry does not silence faults found in these entries (9.5, 9.6).
    pasid_fpd_only_for_walks,
    /// In a paging entry, the right that the access needs is checked before reserved bits (3.6, 3.7).
    rights_before_reserved,
    /// The width of the first stage's canonical check is taken from AW (second-stage width), not FSPM (3.6).
    canonical_width_from_aw,
    /// An output page that only overlaps the interrupt range is refused, wherever in it the access goes (3.15).
    interrupt_range_by_page,
    /// The code of that fault follows the capability (SMTS), not the mode in use (3.15).
    interrupt_range_code_by_capability,
    /// A paging entry of all ones counts as one that could not be read.
    all_ones_is_unreadable,
    /// Pass-through does not check the address against the host's width (7.1.3, LGN.1 and SGN.4).
    pass_through_any_address,
    /// Bit 11 (SNP) of second-stage leaves is free in scalable mode although ECAP.SC is 0 (9.8).
    snoop_bit_free_in_scalable,
    /// The requester takes part in the tag of the IOTLB (6.2.1).
    iotlb_by_requester,
    /// A cached translation with too little permission drops the access without a fault record (6.2.4).
    cached_denial_is_silent,
    /// The dirty bit is not set where the accessed bit is 1 already, one test for both; so neither by a write
    /// that hits an entry cached by a read (3.6.2).
    dirty_only_with_accessed,
    /// Interrupts in compatibility format pass whatever CFIS and EIME say (5.1.4).
    compatibility_interrupts_pass,
    /// Reserved bits of the interrupt message are checked after the remapping table entry (5.1.4).
    message_reserved_last,
    /// Reserved bits of DST without EIME, and the IM bit without CAP.PI, are not looked at (9.9).
    destination_reserved_ignored,
    /// SVT = 2 takes the high byte of SID as the end bus and the low byte as the start bus (9.9).
    bus_range_swapped,
    /// Reads, and writes of other than four bytes, to FEEx_xxxxh make no fault (3.14).
    interrupt_range_reads_pass,
    /// Setting the root pointer and switching translation on or off empty the caches (11.4.4).
    root_pointer_flushes,
    /// RID_PASID of a scalable-mode context entry counts although ECAP.RPS is 0 (9.4).
    rid_pasid_without_support,
    /// Records of paging faults of requests without PASID carry the RID_PASID they were given, with PP = 1, or
    /// FFFFh in legacy mode (7.2.1).
    records_rid_pasid,
}

/// How many entries each cache holds; 0 remembers nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheSizes {
    /// Context cache.
    pub context: u16,
    /// PASID cache.
    pub pasid: u16,
    /// IOTLB.
    pub iotlb: u16,
    /// Interrupt entry cache.
    pub interrupt: u16,
}

/// A unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// The capability register (VT-d 11.4.2).
    pub cap: u64,
    /// The extended capability register (VT-d 11.4.3).
    pub ecap: u64,
    /// The host's address width (HAW, from the ACPI DMAR table): address bits at and above it are reserved.
    pub host_bits: u8,
    /// The caches.
    pub caches: CacheSizes,
    /// Deviations.
    pub quirks: Quirks,
}

macro_rules! capabilities {
    ($($(#[$doc:meta])* $name:ident = $reg:ident $field:ident;)*) => {
        impl Config {
            $($(#[$doc])* pub const fn $name(&self) -> bool { $reg::$field.get(&[self.$reg]) != 0 })*
        }
    };
}
capabilities! {
    /// CAP.CM: not-present entries are cached too.
    caching_mode = cap CM;
    /// CAP.PSI: page-selective invalidation.
    page_selective = cap PSI;
    /// CAP.FS1GP.
    first_stage_1g = cap FS1GP;
    /// CAP.PI: interrupt posting.
    posting = cap PI;
    /// CAP.FS5LP: 5-level first stage.
    first_stage_5_level = cap FS5LP;
    /// CAP.PLMR or PHMR: protected memory regions.
    protected_low = cap PLMR;
    /// ECAP.QI: queued invalidation.
    queued_invalidation = ecap QI;
    /// ECAP.DT: device TLBs.
    device_tlb = ecap DT;
    /// ECAP.IR: interrupt remapping.
    interrupt_remapping = ecap IR;
    /// ECAP.EIM: x2APIC ids.
    extended_interrupt_mode = ecap EIM;
    /// ECAP.PT: pass-through.
    pass_through = ecap PT;
    /// ECAP.SC: snoop control.
    snoop_control = ecap SC;
    /// ECAP.NEST: nested translation.
    nested = ecap NEST;
    /// ECAP.PRS: page requests.
    page_requests = ecap PRS;
    /// ECAP.ERS: execute requests.
    execute_requests = ecap ERS;
    /// ECAP.SRS: supervisor requests.
    supervisor_requests = ecap SRS;
    /// ECAP.EAFS: extended accessed flag.
    extended_accessed = ecap EAFS;
    /// ECAP.PASID.
    pasid = ecap PASID;
    /// ECAP.SMTS: scalable mode.
    scalable_mode = ecap SMTS;
    /// ECAP.SSADS: second-stage accessed and dirty.
    second_stage_accessed_dirty = ecap SSADS;
    /// ECAP.SSTS: second stage in scalable mode.
    scalable_second_stage = ecap SSTS;
    /// ECAP.FSTS: first stage.
    scalable_first_stage = ecap FSTS;
    /// ECAP.RPS: a PASID of choice for requests without one.
    rid_pasid_support = ecap RPS;
}

impl Config {
    /// Returns the unit of the playground: everything that the machine shows, eight fault recording registers.
    pub const fn playground() -> Self {
        // 2^16 domain ids, second stages of 3 and 4 levels, 48 address bits.
        let cap = cap::ND.in_place(6)
            | cap::SAGAW.in_place(sagaw::LEVELS_3 | sagaw::LEVELS_4)
            | cap::MGAW.in_place(47)
            | cap::FRO.in_place(0x40)
            | cap::SSLPS.in_place(sslps::PAGE_2M | sslps::PAGE_1G)
            | cap::PSI.mask()
            | cap::NFR.in_place(7)
            | cap::MAMV.in_place(18)
            | cap::DWD.mask()
            | cap::DRD.mask()
            | cap::FS1GP.mask()
            | cap::PI.mask();
        let ecap = ecap::C.mask()
            | ecap::QI.mask()
            | ecap::DT.mask()
            | ecap::IR.mask()
            | ecap::EIM.mask()
            | ecap::PT.mask()
            | ecap::SC.mask()
            | ecap::IRO.in_place(0xf)
            | SCALABLE
            | ecap::PSS.in_place(19);
        Config {
            cap,
            ecap,
            host_bits: 46,
            caches: CacheSizes { context: 16, pasid: 16, iotlb: 64, interrupt: 16 },
            quirks: Quirks::NONE,
        }
    }

    /// Returns the playground's unit with what is wanted of it; the error names what VT-d does not have.
    pub fn of(config: &UnitConfig) -> Result<Self, Text> {
        let mut out = Self::playground();
        let Config { cap, ecap, .. } = &mut out;
        if !config.processes {
            if config.accessed_dirty {
                return Err(Text::new(
                    "the tables of legacy mode have no accessed and dirty bits (ECAP.SSADS, and SSADE of a PASID table entry): scalable mode has, since revision 3.0; write `vt-d scalable`",
                    "传统模式的表没有访问位和脏位（ECAP.SSADS，以及 PASID 表项的 SSADE）：修订版 3.0 起的可扩展模式才有，请写 `vt-d scalable`",
                ));
            }
            if config.pri {
                return Err(Text::new(
                    "page requests (ECAP.PRS) need the PASID tables of scalable mode (ECAP.SMTS), which there is since revision 3.0; legacy mode refuses them (RTA.3): write `vt-d scalable`",
                    "页请求（ECAP.PRS）要用可扩展模式（ECAP.SMTS，修订版 3.0 起才有）的 PASID 表，传统模式不接受（RTA.3）：请写 `vt-d scalable`",
                ));
            }
            // Legacy mode: no SMTS, and nothing that needs it.
            *ecap &= !SCALABLE;
        }
        match config.width {
            None | Some(48) => {}
            Some(39) => {
                cap.set(cap::SAGAW, sagaw::LEVELS_3);
                cap.set(cap::MGAW, 38);
            }
            Some(57) => {
                cap.set(cap::SAGAW, sagaw::LEVELS_3 | sagaw::LEVELS_4 | sagaw::LEVELS_5);
                cap.set(cap::MGAW, 56);
                cap.set_flag(cap::FS5LP, true);
            }
            Some(_) => {
                return Err(Text::new(
                    "VT-d tables translate 39, 48 or 57 bits (CAP.SAGAW)",
                    "VT-d 的页表转换 39、48 或 57 位（CAP.SAGAW）",
                ))
            }
        }
        if let Some(largest) = config.largest_page {
            let page = |size, bit| if largest >= size { bit } else { 0 };
            cap.set(cap::SSLPS, page(21, sslps::PAGE_2M) | page(30, sslps::PAGE_1G));
        }
        if let Some(records) = config.fault_records {
            if !(1..=256).contains(&records) {
                return Err(Text::new(
                    "VT-d has 1 to 256 fault recording registers (CAP.NFR)",
                    "VT-d 有 1 到 256 个故障记录寄存器（CAP.NFR）",
                ));
            }
            cap.set(cap::NFR, u64::from(records - 1));
        }
        cap.set_flag(cap::CM, config.caching_mode);
        ecap.set_flag(ecap::DT, config.ats);
        ecap.set_flag(ecap::PRS, config.pri);
        ecap.set_flag(ecap::IR, config.interrupt_remapping);
        ecap.set_flag(ecap::SSADS, config.accessed_dirty);
        let caches = &mut out.caches;
        caches.iotlb = config.iotlb.unwrap_or(caches.iotlb);
        caches.context = config.device_cache.unwrap_or(caches.context);
        caches.pasid = config.process_cache.unwrap_or(caches.pasid);
        Ok(out)
    }

    /// Returns the same unit without scalable mode: root and context tables, second stage only, as before revision 3.
    pub const fn legacy() -> Self {
        let playground = Self::playground();
        let ecap = playground.ecap & !(SCALABLE | ecap::PSS.mask());
        Config { cap: playground.cap & !cap::FS1GP.mask(), ecap, ..playground }
    }

    /// Returns CAP.SSLPS: pages of 2 MiB in the second stage.
    pub const fn second_stage_2m(&self) -> bool {
        cap::SSLPS.get(&[self.cap]) & sslps::PAGE_2M != 0
    }
    /// Returns CAP.SSLPS: pages of 1 GiB in the second stage.
    pub const fn second_stage_1g(&self) -> bool {
        cap::SSLPS.get(&[self.cap]) & sslps::PAGE_1G != 0
    }
    /// Returns CAP.ND: how many domain ids there are.
    pub const fn domains(&self) -> u32 {
        let bits = 4 + 2 * cap::ND.get(&[self.cap]);
        1 << if bits < 16 { bits } else { 16 }
    }
    /// Returns CAP.ESRTPS: setting the root table pointer empties the caches.
    pub const fn root_pointer_invalidates(&self) -> bool {
        cap::ESRTPS.get(&[self.cap]) != 0
    }
    /// Returns CAP.MGAW plus 1: the widest input address.
    pub const fn max_guest_bits(&self) -> u8 {
        cap::MGAW.get(&[self.cap]) as u8 + 1
    }
    /// Does CAP.SAGAW have second-stage tables of this many levels?
    pub const fn second_stage_levels(&self, levels: u8) -> bool {
        levels >= 2 && levels <= 6 && cap::SAGAW.get(&[self.cap]) & sagaw::levels(levels) != 0
    }
    /// Returns the most levels that CAP.SAGAW has, for new tables.
    pub const fn deepest_second_stage(&self) -> u8 {
        match cap::SAGAW.get(&[self.cap]) {
            n if n & sagaw::LEVELS_5 != 0 => 5,
            n if n & sagaw::LEVELS_4 != 0 => 4,
            _ => 3,
        }
    }
    /// Returns CAP.NFR plus 1: how many fault recording registers there are.
    pub const fn fault_registers(&self) -> usize {
        cap::NFR.get(&[self.cap]) as usize + 1
    }
    /// Returns the offset of the first fault recording register (CAP.FRO).
    pub const fn fault_offset(&self) -> u32 {
        cap::FRO.get(&[self.cap]) as u32 * 16
    }
    /// Returns the offset of the IOTLB registers: IVA, then IOTLB 8 bytes on (ECAP.IRO).
    pub const fn iotlb_offset(&self) -> u32 {
        ecap::IRO.get(&[self.ecap]) as u32 * 16
    }
    /// Returns CAP.MAMV: the largest address mask of a page-selective invalidation.
    pub const fn max_address_mask(&self) -> u8 {
        cap::MAMV.get(&[self.cap]) as u8
    }
    /// Returns ECAP.PSS plus 1: bits of a PASID.
    pub const fn pasid_bits(&self) -> u8 {
        ecap::PSS.get(&[self.ecap]) as u8 + 1
    }
}

/// The capabilities that belong to scalable mode.
const SCALABLE: u64 = ecap::NEST.mask()
    | ecap::PRS.mask()
    | ecap::ERS.mask()
    | ecap::SRS.mask()
    | ecap::EAFS.mask()
    | ecap::PASID.mask()
    | ecap::SMTS.mask()
    | ecap::SSADS.mask()
    | ecap::SSTS.mask()
    | ecap::FSTS.mask()
    | ecap::RPS.mask();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_the_words_of_the_specification() {
        assert_eq!(
            (Config::playground().cap, Config::playground().ecap),
            (0x9d2_078c_402f_0606, 0x2_e99c_e400_0fdf)
        );
        assert_eq!((Config::legacy().cap, Config::legacy().ecap), (0x8d2_078c_402f_0606, 0xfdf));
    }

    #[test]
    fn quirks_have_names() {
        let mut quirks = Quirks::QEMU_10;
        for name in Quirks::NAMES {
            assert!(quirks.set(name, false) && quirks != Quirks::QEMU_10, "{name}");
        }
        assert_eq!(quirks, Quirks::NONE);
        assert!(!quirks.set("none such", true));
    }

    #[test]
    fn the_playgrounds_capabilities_read_back() {
        let c = Config::playground();
        assert_eq!((c.max_guest_bits(), c.fault_registers(), c.fault_offset()), (48, 8, 0x400));
        assert_eq!((c.iotlb_offset(), c.pasid_bits(), c.max_address_mask()), (0xf0, 20, 18));
        assert!(c.second_stage_levels(3) && c.second_stage_levels(4) && !c.second_stage_levels(5));
        assert!(c.nested() && c.posting() && c.scalable_mode() && !c.caching_mode());
    }
}
