//! Extended page tables: stage 2 of the CPU for a guest (Intel SDM volume 3C, section 28.3).

use crate::paging::{builder::Build, Entry, Format, Want};
use crate::spec::{self, Bits, EntryType, Field, Rule, Text};
use crate::trace::Perms;

const R: u64 = ept_pte::R.mask();
const W: u64 = ept_pte::W.mask();
const X: u64 = ept_pte::X.mask();
const LARGE: u64 = ept_pde::PS.mask();
const A: u64 = ept_pte::A.mask();
const D: u64 = ept_pte::D.mask();

/// The format with what configures it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ept {
    /// 4 or 5.
    pub levels: u8,
    /// MAXPHYADDR.
    pub phys_bits: u8,
    /// Execute-only translations are supported (IA32_VMX_EPT_VPID_CAP bit 0).
    pub execute_only: bool,
    /// EPTP bit 6: accessed and dirty flags are used.
    pub accessed_dirty: bool,
}

impl Ept {
    /// Returns four levels, no accessed and dirty flags.
    pub const fn four_levels() -> Self {
        Ept { levels: 4, phys_bits: 46, execute_only: true, accessed_dirty: false }
    }
    const ADDRESS: u64 = ept_pte::ADDR.mask();

    fn misconfigured(&self, raw: u64, level: u8) -> bool {
        // SDM 28.3.3.1: writable or executable without readable; reserved bits; reserved memory type.
        if raw & (R | W) == W || raw & R == 0 && raw & X != 0 && !self.execute_only {
            return true;
        }
        let mut reserved = Self::ADDRESS & !((1u64 << self.phys_bits) - 1);
        let leaf = level == 1 || raw & LARGE != 0 && level <= 3;
        if leaf {
            reserved |= match level {
                2 => ept_pde_2m::RESERVED[0],
                3 => ept_pdpte_1g::RESERVED[0],
                _ => 0,
            };
            if matches!(raw.bits(ept_pte::MT), 2 | 3 | 7) {
                return true;
            }
        } else {
            // In an entry that points at a table bits 6:3 are reserved, and bit 7 too above the PDPT.
            reserved |= if level > 3 { ept_pml4e::RESERVED[0] } else { ept_pde::RESERVED[0] };
        }
        raw & reserved != 0
    }
}

/// Why an entry refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EptFault {
    /// EPT violation: not present, or the rights do not allow the access.
    Violation,
    /// EPT misconfiguration: the entry has a value that is not allowed.
    Misconfiguration,
}

/// Rights gathered on the way down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EptState(pub Perms);

impl Default for EptState {
    fn default() -> Self {
        EptState(Perms::RWX)
    }
}

impl Format for Ept {
    type Fault = EptFault;
    type State = EptState;

    #[inline]
    fn levels(&self) -> u8 {
        self.levels
    }
    fn entry_type(&self, level: u8, raw: u64) -> &'static EntryType {
        match (level, raw & LARGE != 0) {
            (1, _) => &EPT_PTE,
            (2, true) => &EPT_PDE_2M,
            (3, true) => &EPT_PDPTE_1G,
            (2, false) => &EPT_PDE,
            (3, false) => &EPT_PDPTE,
            (4, _) => &EPT_PML4E,
            _ => &EPT_PML5E,
        }
    }
    #[inline]
    fn decode(&self, raw: u64, level: u8, want: Want, state: &mut EptState) -> Entry<EptFault> {
        if raw & (R | W | X) == 0 {
            state.0 = Perms::NONE;
            return Entry::Refused(EptFault::Violation);
        }
        if self.misconfigured(raw, level) {
            return Entry::Refused(EptFault::Misconfiguration);
        }
        // Bits 2:0 are read, write, execute, as in `Perms`.
        state.0 = state.0.and(Perms(raw.bits(rights::PERMS) as u8));
        if level > 1 && raw & LARGE == 0 {
            return Entry::Table(raw & Self::ADDRESS);
        }
        if !state.0.has(want.perms) {
            return Entry::Refused(EptFault::Violation);
        }
        Entry::Leaf(raw & Self::ADDRESS)
    }
    #[inline]
    fn touch(&self, raw: u64, leaf: bool, want: Want) -> u64 {
        if !self.accessed_dirty {
            return raw;
        }
        raw | A | if leaf && want.perms.has(Perms::W) { D } else { 0 }
    }
    fn perms(&self, state: &EptState) -> Perms {
        state.0
    }
    fn rule(&self, fault: EptFault) -> &'static Rule {
        match fault {
            EptFault::Violation => &VIOLATION,
            EptFault::Misconfiguration => &MISCONFIGURATION,
        }
    }
}

impl Build for Ept {
    fn table(&self, to: u64, _level: u8) -> u64 {
        to & Self::ADDRESS | R | W | X
    }
    fn leaf(&self, to: u64, level: u8, perms: Perms, _user: bool) -> u64 {
        let rights = rights::PERMS.in_place(perms.0.into());
        let write_back = ept_pte::MT.in_place(memory_type::WRITE_BACK);
        to & Self::ADDRESS | rights | write_back | if level > 1 { LARGE } else { 0 }
    }
    fn is_mapped(&self, raw: u64, _level: u8) -> bool {
        raw & (R | W | X) != 0
    }
    fn as_table(&self, raw: u64, level: u8) -> Option<u64> {
        (raw & (R | W | X) != 0 && level > 1 && raw & LARGE == 0).then_some(raw & Self::ADDRESS)
    }
    fn max_leaf_level(&self) -> u8 {
        3
    }
}

static VIOLATION: Rule = Rule {
    text: Text::new(
        "EPT violation: not mapped, or not for this kind of access",
        "EPT 违例：未映射，或不允许此类访问",
    ),
    section: "SDM 3C 28.3.3.2",
};
static MISCONFIGURATION: Rule = Rule {
    text: Text::new(
        "EPT misconfiguration: the entry has a value that is not allowed",
        "EPT 配置错误：表项取值非法",
    ),
    section: "SDM 3C 28.3.3.1",
};

/// R, W and X together: the bits of [`Perms`].
mod rights {
    pub const PERMS: crate::spec::Field = crate::spec::Field::value("XWR", 2, 0, "rights", "权限");
}
const READABLE: Field = Field::flag("R", 0, "reads allowed", "允许读");
const WRITABLE: Field = Field::flag("W", 1, "writes allowed", "允许写");
const EXECUTABLE: Field = Field::flag("X", 2, "execution allowed", "允许执行");
const ACCESSED: Field =
    Field::flag("A", 8, "accessed, where EPTP bit 6 is 1", "已访问（EPTP 位 6 为 1 时有效）");
const DIRTY: Field = Field::flag("D", 9, "dirty, where EPTP bit 6 is 1", "脏（EPTP 位 6 为 1 时有效）");
const TYPE: Field = Field::code("MT", 5, 3, MEMORY_TYPES, "memory type", "内存类型");
const IGNORE_PAT: Field = Field::flag("IPAT", 6, "ignore the guest's PAT", "忽略客户机的 PAT");
const TABLE: Field = Field::flag("PS", 7, "0: this points at a table", "0 表示指向下一级表");
const PAGE: Field = Field::flag("PS", 7, "1: this maps a page", "1 表示直接映射页");

spec::values! {
    /// The values of MT (SDM 3C 28.3.7).
    pub MEMORY_TYPES / memory_type {
        UNCACHEABLE = 0 "UC, uncacheable" "UC，不可缓存";
        WRITE_COMBINING = 1 "WC, write combining" "WC，写合并";
        WRITE_THROUGH = 4 "WT, write-through" "WT，直写";
        WRITE_PROTECTED = 5 "WP, write-protected" "WP，写保护";
        WRITE_BACK = 6 "WB, write-back" "WB，回写";
    }
}

macro_rules! table {
    ($id:ident / $module:ident, $en:literal $zh:literal, $what:literal $what_zh:literal, $($large:tt)*) => {
        spec::structure! {
            /// A structure of the SDM, section 28.3.2.
            pub $id / $module: 1 words, "SDM 3C 28.3.2", $en $zh {
                R  = READABLE;
                W  = WRITABLE;
                X  = EXECUTABLE;
                _    [6:3]   reserved;
                $($large)*
                A  = ACCESSED;
                _    [11:9]  ignored;
                ADDR [51:12] address(12) $what $what_zh;
                _    [63:52] ignored;
            }
        }
    };
}
table!(EPT_PML5E / ept_pml5e, "EPT PML5 entry" "EPT PML5 表项", "EPT PML4 table" "EPT PML4 表地址", _ [7] reserved;);
table!(
    EPT_PML4E / ept_pml4e,
    "EPT PML4 entry" "EPT PML4 表项",
    "EPT page-directory-pointer table" "EPT 页目录指针表地址",
    _ [7] reserved;
);
table!(
    EPT_PDPTE / ept_pdpte,
    "EPT PDPT entry" "EPT 页目录指针表项",
    "EPT page directory" "EPT 页目录地址",
    PS = TABLE;
);
table!(
    EPT_PDE / ept_pde,
    "EPT page-directory entry" "EPT 页目录项",
    "EPT page table" "EPT 页表地址",
    PS = TABLE;
);

spec::structure! {
    /// A structure of the SDM, section 28.3.2.
    pub EPT_PTE / ept_pte: 1 words, "SDM 3C 28.3.2", "EPT page-table entry" "EPT 页表项" {
        R    = READABLE;
        W    = WRITABLE;
        X    = EXECUTABLE;
        MT   = TYPE;
        IPAT = IGNORE_PAT;
        _    [7]     ignored;
        A    = ACCESSED;
        D    = DIRTY;
        _    [11:10] ignored;
        ADDR [51:12] address(12) "page" "页地址";
        _    [63:52] ignored;
    }
    /// A structure of the SDM, section 28.3.2.
    pub EPT_PDE_2M / ept_pde_2m: 1 words, "SDM 3C 28.3.2", "EPT page-directory entry (2 MiB page)" "EPT 页目录项（2 MiB 页）" {
        R    = READABLE;
        W    = WRITABLE;
        X    = EXECUTABLE;
        MT   = TYPE;
        IPAT = IGNORE_PAT;
        PS   = PAGE;
        A    = ACCESSED;
        D    = DIRTY;
        _    [11:10] ignored;
        _    [20:12] reserved;
        ADDR [51:21] address(21) "page" "页地址";
        _    [63:52] ignored;
    }
    /// A structure of the SDM, section 28.3.2.
    pub EPT_PDPTE_1G / ept_pdpte_1g: 1 words, "SDM 3C 28.3.2", "EPT PDPT entry (1 GiB page)" "EPT 页目录指针表项（1 GiB 页）" {
        R    = READABLE;
        W    = WRITABLE;
        X    = EXECUTABLE;
        MT   = TYPE;
        IPAT = IGNORE_PAT;
        PS   = PAGE;
        A    = ACCESSED;
        D    = DIRTY;
        _    [11:10] ignored;
        _    [29:12] reserved;
        ADDR [51:30] address(30) "page" "页地址";
        _    [63:52] ignored;
    }
}
