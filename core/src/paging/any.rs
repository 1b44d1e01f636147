//! The formats that a CPU's tables can have: its own, and those of its second level for guests. Software that
//! sets tables up, and the MMU that walks them, hold one of these and need not know the architecture.

use super::{
    aarch64::{Aarch64, Aarch64Fault, Aarch64State, Update},
    builder::Build,
    ept::{Ept, EptFault, EptState},
    npt::Npt,
    riscv::{self, Riscv, RiscvFault, RiscvState},
    x86::{self, X86Fault, X86State, X86},
    Above, Entry, Format, Want,
};
use crate::spec::{EntryType, Rule, Text};
use crate::trace::{GuestStage, Perms};

/// An enum of formats that is a format itself: each call goes to the one it holds.
macro_rules! formats {
    (
        $(#[$doc:meta])* $Name:ident, $Fault:ident, $State:ident {
            $($(#[$each:meta])* $Variant:ident / $field:ident: $Format:ty, $F:ty, $S:ty;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $Name { $($(#[$each])* $Variant($Format),)* }

        /// Why an entry refuses, in its format's words.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $Fault { $($(#[$each])* $Variant($F),)* }

        /// What is gathered on the way down; only the part of the format in use changes.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct $State { $($(#[$each])* pub $field: $S,)* }

        impl Format for $Name {
            type Fault = $Fault;
            type State = $State;

            fn levels(&self) -> u8 {
                match self { $($Name::$Variant(f) => f.levels(),)* }
            }
            fn above(&self) -> Above {
                match self { $($Name::$Variant(f) => f.above(),)* }
            }
            fn index_bits(&self, level: u8) -> u8 {
                match self { $($Name::$Variant(f) => f.index_bits(level),)* }
            }
            fn index(&self, input: u64, level: u8) -> u64 {
                match self { $($Name::$Variant(f) => f.index(input, level),)* }
            }
            fn shift(&self, level: u8) -> u8 {
                match self { $($Name::$Variant(f) => f.shift(level),)* }
            }
            fn leaf_shift(&self, raw: u64, level: u8) -> u8 {
                match self { $($Name::$Variant(f) => f.leaf_shift(raw, level),)* }
            }
            fn entry_type(&self, level: u8, raw: u64) -> &'static EntryType {
                match self { $($Name::$Variant(f) => f.entry_type(level, raw),)* }
            }
            fn decode(&self, raw: u64, level: u8, want: Want, state: &mut $State) -> Entry<$Fault> {
                match self {
                    $($Name::$Variant(f) => match f.decode(raw, level, want, &mut state.$field) {
                        Entry::Table(next) => Entry::Table(next),
                        Entry::Leaf(page) => Entry::Leaf(page),
                        Entry::Refused(fault) => Entry::Refused($Fault::$Variant(fault)),
                    },)*
                }
            }
            fn touch(&self, raw: u64, leaf: bool, want: Want) -> u64 {
                match self { $($Name::$Variant(f) => f.touch(raw, leaf, want),)* }
            }
            fn next_level(&self, raw: u64, level: u8, input: u64) -> Result<u8, $Fault> {
                match self { $($Name::$Variant(f) => f.next_level(raw, level, input).map_err($Fault::$Variant),)* }
            }
            fn walks_write(&self) -> bool {
                match self { $($Name::$Variant(f) => f.walks_write(),)* }
            }
            fn perms(&self, state: &$State) -> Perms {
                match self { $($Name::$Variant(f) => f.perms(&state.$field),)* }
            }
            fn rule(&self, fault: $Fault) -> &'static Rule {
                match (self, fault) {
                    $(($Name::$Variant(f), $Fault::$Variant(fault)) => f.rule(fault),)*
                    // A format refuses in its own words only.
                    _ => &super::walk::UNREADABLE,
                }
            }
            fn big_endian(&self) -> bool {
                match self { $($Name::$Variant(f) => f.big_endian(),)* }
            }
        }

        impl Build for $Name {
            fn table(&self, to: u64, level: u8) -> u64 {
                match self { $($Name::$Variant(f) => f.table(to, level),)* }
            }
            fn leaf(&self, to: u64, level: u8, perms: Perms, user: bool) -> u64 {
                match self { $($Name::$Variant(f) => f.leaf(to, level, perms, user),)* }
            }
            fn is_mapped(&self, raw: u64, level: u8) -> bool {
                match self { $($Name::$Variant(f) => f.is_mapped(raw, level),)* }
            }
            fn as_table(&self, raw: u64, level: u8) -> Option<u64> {
                match self { $($Name::$Variant(f) => f.as_table(raw, level),)* }
            }
            fn max_leaf_level(&self) -> u8 {
                match self { $($Name::$Variant(f) => f.max_leaf_level(),)* }
            }
        }
    };
}

formats! {
    /// Tables of a kernel or a process.
    CpuTables, CpuFault, CpuState {
        /// x86-64, 4 or 5 levels (SDM 3A 4.5).
        X86 / x86: X86, X86Fault, X86State;
        /// RISC-V Sv39, Sv48 or Sv57 (RISC-V Privileged 12.4 to 12.6).
        Riscv / riscv: Riscv, RiscvFault, RiscvState;
        /// Arm VMSAv8-64, stage 1 (DDI 0487 D8).
        Aarch64 / aarch64: Aarch64, Aarch64Fault, Aarch64State;
    }
}

formats! {
    /// Tables of a hypervisor that map a guest's physical addresses.
    GuestTables, GuestFault, GuestState {
        /// Extended page tables (SDM 3C 28.3).
        Ept / ept: Ept, EptFault, EptState;
        /// Nested page tables of AMD CPUs (APM volume 2, nested paging).
        Npt / npt: Npt, X86Fault, X86State;
        /// RISC-V Sv39x4, Sv48x4 or Sv57x4: the G-stage (RISC-V Privileged 18.5).
        Riscv / riscv: Riscv, RiscvFault, RiscvState;
        /// Arm VMSAv8-64, stage 2 (DDI 0487 D8).
        Aarch64 / aarch64: Aarch64, Aarch64Fault, Aarch64State;
    }
}

impl From<X86> for CpuTables {
    fn from(format: X86) -> Self {
        CpuTables::X86(format)
    }
}

impl From<Ept> for GuestTables {
    fn from(format: Ept) -> Self {
        GuestTables::Ept(format)
    }
}

impl CpuTables {
    /// Returns whether the virtual address is one that the tables have a place for. On x86-64 that is called canonical.
    pub const fn accepts(&self, at: u64) -> bool {
        match self {
            CpuTables::X86(f) => f.canonical(at),
            CpuTables::Riscv(f) => f.accepts(at),
            CpuTables::Aarch64(f) => f.accepts(at),
        }
    }
    /// Returns the same, writing no accessed and dirty bits: for those who only look.
    pub const fn quiet(self) -> Self {
        match self {
            CpuTables::X86(f) => CpuTables::X86(X86 { accessed_dirty: false, ..f }),
            CpuTables::Riscv(f) => CpuTables::Riscv(Riscv { frozen: true, ..f }),
            CpuTables::Aarch64(f) => CpuTables::Aarch64(Aarch64 { frozen: true, ..f }),
        }
    }
    /// Does hardware set accessed and dirty bits as it walks?
    pub const fn updates(&self) -> bool {
        match self {
            CpuTables::X86(f) => f.accessed_dirty,
            CpuTables::Riscv(f) => f.update && !f.frozen,
            CpuTables::Aarch64(f) => matches!(f.update, Update::AccessDirty) && !f.frozen,
        }
    }
    /// Returns whether the dirty bit is set in a leaf entry.
    pub const fn is_dirty(&self, raw: u64) -> bool {
        match self {
            CpuTables::X86(_) => raw & x86::D != 0,
            CpuTables::Riscv(_) => raw & riscv::D != 0,
            CpuTables::Aarch64(f) => !f.is_clean(raw),
        }
    }
    /// Returns whether the page is there in every address space.
    pub const fn is_global(&self, state: &CpuState) -> bool {
        match self {
            CpuTables::X86(_) => state.x86.global,
            CpuTables::Riscv(_) => state.riscv.global,
            CpuTables::Aarch64(_) => state.aarch64.global(),
        }
    }
    /// Returns the rights that a whole walk gathered, as one entry of the last level that maps address 0: what a TLB keeps,
    /// so that the same rules decide about it.
    pub const fn rights(&self, state: &CpuState) -> u64 {
        const fn when(on: bool, bit: u64) -> u64 {
            if on {
                bit
            } else {
                0
            }
        }
        match self {
            CpuTables::X86(_) => {
                let s = &state.x86;
                x86::P | when(s.write, x86::RW) | when(s.user, x86::US) | when(!s.execute, x86::XD)
            }
            CpuTables::Riscv(_) => state.riscv.leaf & riscv::FLAGS | when(self.updates(), riscv::A),
            CpuTables::Aarch64(_) => state.aarch64.as_leaf(),
        }
    }
}

static EPT: GuestStage = GuestStage { name: Text::new("EPT", "EPT"), in_a_sentence: Text::new("EPT", "EPT") };
static NPT: GuestStage = GuestStage { name: Text::new("NPT", "NPT"), in_a_sentence: Text::new("NPT", "NPT") };
static STAGE_2: GuestStage = GuestStage {
    name: Text::new("stage 2", "第二阶段"),
    in_a_sentence: Text::new("stage 2", "第二阶段（stage 2）"),
};
static G_STAGE: GuestStage = GuestStage {
    name: Text::new("G-stage", "G-stage"),
    in_a_sentence: Text::new("the G-stage", "G-stage（第二阶段）"),
};

impl GuestTables {
    /// Returns what the CPU that has such tables calls them.
    pub const fn stage(&self) -> &'static GuestStage {
        match self {
            GuestTables::Ept(_) => &EPT,
            GuestTables::Npt(_) => &NPT,
            GuestTables::Riscv(_) => &G_STAGE,
            GuestTables::Aarch64(_) => &STAGE_2,
        }
    }
    /// Returns the same, writing no accessed and dirty bits.
    pub const fn quiet(self) -> Self {
        match self {
            GuestTables::Ept(f) => GuestTables::Ept(Ept { accessed_dirty: false, ..f }),
            GuestTables::Npt(f) => {
                GuestTables::Npt(Npt { tables: X86 { accessed_dirty: false, ..f.tables } })
            }
            GuestTables::Riscv(f) => GuestTables::Riscv(Riscv { frozen: true, ..f }),
            GuestTables::Aarch64(f) => GuestTables::Aarch64(Aarch64 { frozen: true, ..f }),
        }
    }
    /// Returns whether the guest-physical address is one that the tables have a place for.
    pub const fn accepts(&self, at: u64) -> bool {
        match self {
            GuestTables::Ept(f) => at >> (12 + 9 * f.levels as u32) == 0,
            GuestTables::Npt(f) => at >> (12 + 9 * f.tables.levels as u32) == 0,
            GuestTables::Riscv(f) => f.accepts(at),
            GuestTables::Aarch64(f) => f.accepts(at),
        }
    }
    /// Frames that the root table takes; it is aligned to as many.
    pub const fn root_frames(&self) -> u64 {
        match self {
            GuestTables::Ept(_) | GuestTables::Npt(_) => 1,
            // Two more index bits at the top: 16 KiB (RISC-V Privileged 18.5.1).
            GuestTables::Riscv(_) => 4,
            // Concatenated tables instead of a level more (DDI 0487 D8.2).
            GuestTables::Aarch64(f) => f.root_frames(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_decide_as_the_walk_did() {
        let riscv = CpuTables::Riscv(Riscv::first(4));
        for raw in 0..=0xff_u64 {
            for want in [Perms::R, Perms::W, Perms::X] {
                for privileged in [false, true] {
                    let want = Want { perms: want, privileged };
                    let mut state = CpuState::default();
                    let walked = riscv.decode(raw | 5 << 10, 1, want, &mut state);
                    let Entry::Leaf(_) = walked else { continue };
                    let again = riscv.decode(riscv.rights(&state), 1, want, &mut CpuState::default());
                    assert_eq!(again, Entry::Leaf(0), "{raw:#x} {want:?}");
                }
            }
        }
    }
}
