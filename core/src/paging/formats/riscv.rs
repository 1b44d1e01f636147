//! RISC-V page tables: Sv39, Sv48, Sv57 and their x4 forms for the second stage, with Svnapot, Svpbmt,
//! Svrsw60t59b and hardware update of A and D (RISC-V Privileged, chapters 12 and 18).

use crate::paging::{builder::Build, Above, Entry, Format, Want};
use crate::spec::{self, Bits, EntryType, Field, Rule, Text};
use crate::trace::Perms;

/// Valid.
pub const V: u64 = pte_leaf::V.mask();
/// Readable.
pub const R: u64 = pte_leaf::R.mask();
/// Writable.
pub const W: u64 = pte_leaf::W.mask();
/// Executable.
pub const X: u64 = pte_leaf::X.mask();
/// User.
pub const U: u64 = pte_leaf::U.mask();
/// Global.
pub const G: u64 = pte_leaf::G.mask();
/// Accessed.
pub const A: u64 = pte_leaf::A.mask();
/// Dirty.
pub const D: u64 = pte_leaf::D.mask();
/// Naturally aligned power of two: part of a contiguous range.
pub const N: u64 = pte_leaf::N.mask();
/// V to D: what an entry says of one access.
pub const FLAGS: u64 = V | R | W | X | U | G | A | D;
const PBMT: u64 = pte_leaf::PBMT.mask();
const RSW60T59B: u64 = pte_leaf::RSW60T59B.mask();
const RESERVED: u64 = pte_leaf::RESERVED[0];

/// Which rules besides the layout an entry is held against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// First stage: U against the privilege; SUM lets supervisor data accesses reach user pages.
    First {
        /// Supervisor accesses to user pages are permitted.
        sum: bool,
    },
    /// Second stage, for the address the access is about: every access is a user one.
    Second,
    /// Second stage, for the address of a first-stage entry. With `dirty`, D is set where W allows it, so that
    /// the entry may be updated.
    SecondImplicit {
        /// The first stage updates A and D by hardware too.
        dirty: bool,
    },
}

/// The format with what configures it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Riscv {
    /// 3 for Sv39, 4 for Sv48, 5 for Sv57 (and the x4 forms).
    pub levels: u8,
    /// What the entries are for.
    pub role: Role,
    /// Svpbmt: bits 62:61 are a memory type; otherwise reserved.
    pub svpbmt: bool,
    /// Svrsw60t59b: bits 60:59 are software's; otherwise reserved.
    pub svrsw60t59b: bool,
    /// Hardware sets A and D; otherwise an entry that lacks them refuses.
    pub update: bool,
    /// Missing R, W or X refuses. Not so for an ATS translation request, which is answered with what there is.
    pub check_perms: bool,
    /// Entries are stored big-endian.
    pub big_endian: bool,
    /// Look only: A and D count as updated, but are not written.
    pub frozen: bool,
}

impl Riscv {
    /// Returns first-stage tables as software makes them.
    pub const fn first(levels: u8) -> Self {
        Riscv {
            levels,
            role: Role::First { sum: false },
            svpbmt: false,
            svrsw60t59b: false,
            update: false,
            check_perms: true,
            big_endian: false,
            frozen: false,
        }
    }
    /// Returns second-stage tables as software makes them.
    pub const fn second(levels: u8) -> Self {
        Riscv { role: Role::Second, ..Self::first(levels) }
    }

    const fn second_stage(&self) -> bool {
        !matches!(self.role, Role::First { .. })
    }

    /// Bits of the addresses these tables translate.
    pub const fn input_bits(&self) -> u8 {
        12 + 9 * self.levels + if self.second_stage() { 2 } else { 0 }
    }

    /// Returns whether the input address is one that the tables have a place for. The first stage wants the bits above copied
    /// from the highest one, the second stage wants zeros (RISC-V Privileged 12.4.1, 18.5.1).
    pub const fn accepts(&self, address: u64) -> bool {
        let unused = 64 - self.input_bits() as u32;
        if self.second_stage() {
            address << unused >> unused == address
        } else {
            ((address << unused) as i64 >> unused) as u64 == address
        }
    }

    /// Does an access that needs `want` find A or D missing in the leaf?
    const fn lacks(&self, raw: u64, want: Want) -> bool {
        let implicit = matches!(self.role, Role::SecondImplicit { dirty: true });
        raw & A == 0 || raw & D == 0 && raw & W != 0 && (want.perms.has(Perms::W) || implicit)
    }

    const fn privilege_allows(&self, raw: u64, want: Want) -> bool {
        let user = raw & U != 0;
        match self.role {
            Role::First { sum } => match (want.privileged, user) {
                (false, user) => user,
                (true, false) => true,
                (true, true) => sum && !want.perms.has(Perms::X),
            },
            _ => user,
        }
    }
}

/// Returns the address that the PPN field of an entry gives.
pub const fn address(raw: u64) -> u64 {
    pte_leaf::PPN.get(&[raw]) << pte_leaf::PPN.shift()
}

/// Returns the rights in an entry.
pub const fn rights(raw: u64) -> Perms {
    Perms::when(Perms::R, raw & R != 0)
        .or(Perms::when(Perms::W, raw & W != 0))
        .or(Perms::when(Perms::X, raw & X != 0))
}

/// Why an entry refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RiscvFault {
    /// V is 0.
    NotValid,
    /// W without R, or a reserved bit or encoding.
    Reserved,
    /// A pointer in a table of the last level.
    NoLeaf,
    /// R, W or X is missing.
    Denied,
    /// U, with SUM, does not fit the privilege.
    Privilege,
    /// Low bits of a superpage's PPN are not 0.
    Misaligned,
    /// The NAPOT encoding is reserved.
    Napot,
    /// A, or D for a write, is 0 and hardware does not set it.
    AccessedDirty,
}

/// What is gathered on the way down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RiscvState {
    /// The leaf as read.
    pub leaf: u64,
    /// Global, at the leaf or above it.
    pub global: bool,
}

impl RiscvState {
    /// Returns the memory type: 0 PMA, 1 NC, 2 IO.
    pub const fn pbmt(&self) -> u8 {
        pte_leaf::PBMT.get(&[self.leaf]) as u8
    }
}

impl Format for Riscv {
    type Fault = RiscvFault;
    type State = RiscvState;

    #[inline]
    fn levels(&self) -> u8 {
        self.levels
    }

    fn above(&self) -> Above {
        if self.second_stage() {
            Above::Zeros
        } else {
            Above::Copies
        }
    }

    /// Returns the root of an x4 table is four pages: two more bits.
    #[inline]
    fn index_bits(&self, level: u8) -> u8 {
        if level == self.levels && self.second_stage() {
            11
        } else {
            9
        }
    }

    fn leaf_shift(&self, raw: u64, level: u8) -> u8 {
        if level == 1 && raw & N != 0 {
            16
        } else {
            self.shift(level)
        }
    }

    fn entry_type(&self, _level: u8, raw: u64) -> &'static EntryType {
        match (self.second_stage(), raw & (R | X) != 0) {
            (false, false) => &PTE_TABLE,
            (false, true) => &PTE_LEAF,
            (true, false) => &GPTE_TABLE,
            (true, true) => &GPTE_LEAF,
        }
    }

    #[inline]
    fn decode(&self, raw: u64, level: u8, want: Want, state: &mut RiscvState) -> Entry<RiscvFault> {
        use RiscvFault::*;
        if raw & V == 0 {
            return Entry::Refused(NotValid);
        }
        let pbmt = raw & PBMT;
        if raw & (R | W) == W
            || raw & RESERVED != 0
            || pbmt == PBMT
            || pbmt != 0 && !self.svpbmt
            || raw & RSW60T59B != 0 && !self.svrsw60t59b
            || raw & N != 0 && level != 1
        {
            return Entry::Refused(Reserved);
        }
        if raw & (R | X) == 0 {
            state.global |= raw & G != 0;
            return if pbmt != 0 || raw & (D | A | U) != 0 {
                Entry::Refused(Reserved)
            } else if level == 1 {
                Entry::Refused(NoLeaf)
            } else {
                Entry::Table(address(raw))
            };
        }
        if self.check_perms && !rights(raw).has(want.perms) {
            return Entry::Refused(Denied);
        }
        if !self.privilege_allows(raw, want) {
            return Entry::Refused(Privilege);
        }
        let to = address(raw);
        if to & ((1u64 << self.shift(level)) - 1) != 0 {
            return Entry::Refused(Misaligned);
        }
        if raw & N != 0 && to >> 12 & 0xf != 8 {
            return Entry::Refused(Napot);
        }
        if self.lacks(raw, want) && !self.update {
            return Entry::Refused(AccessedDirty);
        }
        state.global |= raw & G != 0;
        state.leaf = raw;
        Entry::Leaf(to)
    }

    #[inline]
    fn touch(&self, raw: u64, leaf: bool, want: Want) -> u64 {
        if self.frozen || !leaf || !self.lacks(raw, want) {
            return raw;
        }
        let writes = want.perms.has(Perms::W) || matches!(self.role, Role::SecondImplicit { .. });
        raw | A | if writes && raw & W != 0 { D } else { 0 }
    }

    fn perms(&self, state: &RiscvState) -> Perms {
        rights(state.leaf)
    }

    fn rule(&self, fault: RiscvFault) -> &'static Rule {
        match fault {
            RiscvFault::NotValid => &NOT_VALID,
            RiscvFault::Reserved => &RESERVED_RULE,
            RiscvFault::NoLeaf => &NO_LEAF,
            RiscvFault::Denied => &DENIED,
            RiscvFault::Privilege if self.second_stage() => &NOT_USER,
            RiscvFault::Privilege => &PRIVILEGE,
            RiscvFault::Misaligned => &MISALIGNED,
            RiscvFault::Napot => &NAPOT,
            RiscvFault::AccessedDirty => &ACCESSED_DIRTY,
        }
    }

    fn big_endian(&self) -> bool {
        self.big_endian
    }
}

impl Build for Riscv {
    fn table(&self, to: u64, _level: u8) -> u64 {
        V.with_address(pte_table::PPN, to)
    }
    fn leaf(&self, to: u64, _level: u8, perms: Perms, user: bool) -> u64 {
        let mut raw = V.with_address(pte_leaf::PPN, to);
        raw |= if perms.has(Perms::W) { R | W } else { 0 };
        raw |= if perms.has(Perms::R) { R } else { 0 };
        raw |= if perms.has(Perms::X) { X } else { 0 };
        raw |= if user || self.second_stage() { U } else { 0 };
        // Without hardware update, software sets A and D beforehand, or the first access faults.
        raw | if self.update { 0 } else { A | if perms.has(Perms::W) { D } else { 0 } }
    }
    fn is_mapped(&self, raw: u64, _level: u8) -> bool {
        raw & V != 0
    }
    fn as_table(&self, raw: u64, level: u8) -> Option<u64> {
        (raw & V != 0 && level > 1 && raw & (R | W | X) == 0).then(|| address(raw))
    }
    fn max_leaf_level(&self) -> u8 {
        3
    }
}

macro_rules! rules {
    ($($id:ident $en:literal $zh:literal $section:literal;)*) => {
        $(static $id: Rule = Rule { text: Text::new($en, $zh), section: $section };)*
    };
}

rules! {
    NOT_VALID "V = 0: the entry is not valid" "表项无效（V = 0）" "RISC-V Privileged 12.3.2, step 3";
    RESERVED_RULE "W = 1 with R = 0, or a reserved bit or encoding is used" "W = 1 而 R = 0，或使用了保留位或保留编码"
        "RISC-V Privileged 12.3.2, step 3";
    NO_LEAF "a pointer at the last level: there is no table below" "末级表项却是指针：其下没有页表"
        "RISC-V Privileged 12.3.2, step 4";
    DENIED "R, W or X does not allow this access" "R、W 或 X 不允许这次访问" "RISC-V Privileged 12.3.2, step 5";
    PRIVILEGE "U, with SUM, does not allow this access with its privilege" "U（结合 SUM）不允许该特权级的访问"
        "RISC-V Privileged 12.3.2, step 5; RISC-V IOMMU, process context";
    NOT_USER "U = 0: the second stage takes every access as a user one" "第二阶段把所有访问都视为用户态访问，而表项不允许（U = 0）"
        "RISC-V Privileged 18.5.1";
    MISALIGNED "a superpage whose address is not a multiple of its size" "大页地址未按其大小对齐"
        "RISC-V Privileged 12.3.2, step 6";
    NAPOT "a reserved NAPOT encoding: only 64 KiB ranges exist" "保留的 NAPOT 编码：只支持 64 KiB 区域"
        "RISC-V Privileged, Svnapot";
    ACCESSED_DIRTY "A is 0, or D is 0 on a write, and hardware does not update them here"
        "A = 0，或写访问而 D = 0，且此处硬件不更新" "RISC-V Privileged 12.3.2, step 7";
}

spec::values! {
    /// The values of PBMT.
    pub MEMORY_TYPES / memory_type {
        PMA = 0 "PMA: as the physical memory attributes say" "PMA：按物理内存属性";
        NC = 1 "NC: non-cacheable, main memory" "NC：不可缓存的主存";
        IO = 2 "IO: non-cacheable, strongly ordered" "IO：不可缓存、强序";
        RESERVED = 3 "reserved" "保留";
    }
}
const VALID: Field = Field::flag("V", 0, "valid", "有效");
const READABLE: Field = Field::flag("R", 1, "readable", "可读");
const WRITABLE: Field = Field::flag("W", 2, "writable", "可写");
const EXECUTABLE: Field = Field::flag("X", 3, "executable", "可执行");
const GLOBAL: Field = Field::flag("G", 5, "global: in every address space", "全局：存在于所有地址空间");
const SOFTWARE: Field = Field::value("RSW", 9, 8, "for software", "供软件使用");
const MORE_SOFTWARE: Field = Field::value(
    "RSW60T59B",
    60,
    59,
    "for software (Svrsw60t59b), else reserved",
    "供软件使用（Svrsw60t59b），否则保留",
);

macro_rules! entry {
    (leaf $id:ident / $module:ident, $section:literal, $en:literal $zh:literal) => {
        spec::structure! {
            /// An entry as the specification lays it out.
            pub $id / $module: 1 words, $section, $en $zh {
                V   = VALID;
                R   = READABLE;
                W   = WRITABLE;
                X   = EXECUTABLE;
                U    [4]     flag "user accesses allowed" "允许用户态访问";
                G   = GLOBAL;
                A    [6]     flag "accessed" "已访问";
                D    [7]     flag "dirty" "脏";
                RSW = SOFTWARE;
                PPN  [53:10] address(12) "the page" "页地址";
                _    [58:54] reserved;
                RSW60T59B = MORE_SOFTWARE;
                PBMT [62:61] code(MEMORY_TYPES) "memory type (Svpbmt)" "内存类型（Svpbmt）";
                N    [63]    flag "part of a 64 KiB range (Svnapot)" "64 KiB 连续区域的一部分（Svnapot）";
            }
        }
    };
    (table $id:ident / $module:ident, $section:literal, $en:literal $zh:literal) => {
        spec::structure! {
            /// An entry as the specification lays it out.
            pub $id / $module: 1 words, $section, $en $zh {
                V   = VALID;
                R   = READABLE;
                W   = WRITABLE;
                X   = EXECUTABLE;
                _   [4]     reserved;
                G   = GLOBAL;
                _   [6]     reserved;
                _   [7]     reserved;
                RSW = SOFTWARE;
                PPN [53:10] address(12) "the next table" "下一级页表地址";
                _   [58:54] reserved;
                RSW60T59B = MORE_SOFTWARE;
                _   [62:61] reserved;
                _   [63]    reserved;
            }
        }
    };
}

entry!(leaf PTE_LEAF / pte_leaf, "RISC-V Privileged 12.4.1", "first-stage leaf PTE" "第一阶段叶子页表项");
entry!(table PTE_TABLE / pte_table, "RISC-V Privileged 12.4.1", "first-stage PTE" "第一阶段页表项");
entry!(leaf GPTE_LEAF / gpte_leaf, "RISC-V Privileged 18.5.1", "second-stage leaf PTE" "第二阶段叶子页表项");
entry!(table GPTE_TABLE / gpte_table, "RISC-V Privileged 18.5.1", "second-stage PTE" "第二阶段页表项");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::{AnyAddr, PhysAddr, Space};
    use crate::memory::Memory;
    use crate::paging::walk::{Direct, Walker};
    use crate::trace::{Actor, Off, Stage};

    #[test]
    fn a_napot_leaf_takes_four_more_bits_from_the_address() {
        let mut memory = Memory::new();
        for (at, word) in [(0x1000, 0x801), (0x2000, 0xc01), (0x3018, N | 0x48 << 10 | 0xdf)] {
            memory.write_u64(PhysAddr::new(at), word).unwrap();
        }
        let how = Walker { actor: Actor::Iommu, stage: Stage::First };
        let input = AnyAddr { space: Space::Iova, raw: 0x3abc };
        let format = Riscv::first(3);
        let found = crate::paging::walk(
            &format,
            &mut Direct,
            &mut memory,
            how,
            0x1000,
            input,
            Want::user(Perms::R),
            &mut Off,
        )
        .unwrap();
        assert_eq!((found.to, found.size.shift()), (0x43abc, 16));
    }

    #[test]
    fn widths_and_canonical_addresses() {
        assert!(Riscv::first(3).accepts(0xffff_ffc0_0000_0000) && !Riscv::first(3).accepts(1 << 38));
        assert!(Riscv::second(3).accepts((1 << 41) - 1) && !Riscv::second(3).accepts(1 << 41));
        assert_eq!(Riscv::second(4).index(u64::MAX, 4), 0x7ff);
        assert_eq!(Riscv::first(4).index(u64::MAX, 4), 0x1ff);
    }
}
